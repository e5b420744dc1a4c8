//! dbt's unit tests become tests of Headworks: given rows, and the rows that the model makes of them.

use serde_json::{Map, Value as Json, json};

use super::expression::Known;
use super::jinja::evaluated;
use super::{list, sql_rows, text_of, words};
use crate::suites::{ImportedItem, Outcome};

/// What became of a unit test.
pub(super) fn item(test: &Json, known: &Known) -> ImportedItem {
    let outcome = match translated(test, known) {
        Ok((test, note)) => Outcome::Test { test, note },
        Err(why) => Outcome::NotTranslated { why },
    };
    ImportedItem { table: Some(text_of(test, "model").to_owned()), check: format!("unit test {}", text_of(test, "name")), outcome }
}

/// The test under its name, and what a reader should know about it.
fn translated(test: &Json, known: &Known) -> Result<(Json, Option<String>), String> {
    refuse_settings(test)?;
    let (mut given, mut notes) = (Map::new(), Vec::new());
    for input in list(test, "given") {
        let written = text_of(input, "input");
        if written == "this" {
            return Err("it gives rows of `this`: dbt expects the rows that are merged, Headworks the table after the load".into());
        }
        let table = words::relation(written).ok_or_else(|| format!("`input: {written}` is no `ref` or `source`"))?;
        given.insert(table, rows(input, known, &mut notes)?);
    }
    let expect = test.get("expect").ok_or("it expects nothing")?;
    let mut translated = Map::new();
    translated.insert("model".into(), text_of(test, "model").into());
    if let Some(description) = test.get("description").and_then(Json::as_str) {
        translated.insert("description".into(), description.trim().into());
    }
    translated.insert("given".into(), given.into());
    translated.insert("expect".into(), rows(expect, known, &mut notes)?);
    if text_of(expect, "format") == "sql" {
        notes.push("dbt stops where rows in SQL leave out a column of the model; here the columns that they name are compared".into());
    }
    Ok((json!({ text_of(test, "name"): translated }), (!notes.is_empty()).then(|| notes.join("; "))))
}

/// Refuses what decides about the outcome and only dbt knows.
fn refuse_settings(test: &Json) -> Result<(), String> {
    let enabled = test.get("config").and_then(|config| config.get("enabled"));
    if enabled == Some(&json!(false)) {
        return Err("it is switched off (`enabled: false`)".into());
    }
    if test.get("versions").is_some() {
        return Err("it names versions of the model".into());
    }
    for (kind, values) in test.get("overrides").and_then(Json::as_object).into_iter().flatten() {
        for (name, value) in values.as_object().into_iter().flatten() {
            let is_of_loads = name == "is_incremental";
            if !(is_of_loads && value == &json!(false)) {
                return Err(if is_of_loads {
                    "it overrides `is_incremental`: dbt expects the rows that are merged, Headworks the table after the load".into()
                } else {
                    format!("it overrides `{name}` under `{kind}`, which stands in Jinja that only dbt runs")
                });
            }
        }
    }
    Ok(())
}

/// Rows in one of dbt's formats, as a test of Headworks has them.
fn rows(input: &Json, known: &Known, notes: &mut Vec<String>) -> Result<Json, String> {
    let fixture = input.get("fixture").and_then(Json::as_str);
    match (input.get("format").and_then(Json::as_str).unwrap_or("dict"), fixture, input.get("rows")) {
        ("sql", None, Some(Json::String(sql))) => {
            evaluated(sql, known).ok().and_then(|sql| sql_rows::rows(&sql)).ok_or_else(|| OF_SQL.into())
        }
        ("sql", ..) => Err(OF_SQL.into()),
        ("csv", Some(fixture), _) => {
            let file = format!("fixtures/{fixture}.csv");
            notes.push(format!("copy dbt's fixture to `{file}` beside the test"));
            Ok(file.into())
        }
        ("csv" | "dict", None, None | Some(Json::Null)) => Ok(json!([])),
        ("csv", None, Some(Json::String(text))) => Ok(format!("{}\n", text.trim()).into()),
        ("dict", None, Some(rows @ Json::Array(_))) => Ok(rows.clone()),
        (format, ..) => Err(format!("its rows are not in the format `{format}`")),
    }
}

/// Said of rows in SQL that has to be run.
const OF_SQL: &str =
    "its rows are SQL with more than values that are written out, and dbt would have to run it; write them as `dict` or `csv`";

/// A test as a file of tests has it.
pub(crate) fn test_yaml(test: &Json) -> String {
    let mut lines = Vec::new();
    for (name, test) in test.as_object().into_iter().flatten() {
        lines.push(format!("{}:", scalar(name)));
        for (key, value) in test.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("given", Json::Object(tables)) if !tables.is_empty() => {
                    lines.push("  given:".into());
                    tables.iter().for_each(|(table, rows)| lines.extend(rows_yaml(table, rows, 4)));
                }
                ("expect", rows) => lines.extend(rows_yaml("expect", rows, 2)),
                (key, value) => lines.push(format!("  {key}: {}", crate::suites::yaml::flow(value))),
            }
        }
    }
    lines.join("\n") + "\n"
}

fn scalar(text: &str) -> String {
    crate::suites::yaml::flow(&text.into())
}

/// Rows under a key: a line per row, or CSV text as a block.
fn rows_yaml(key: &str, rows: &Json, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    match rows {
        Json::Array(items) if !items.is_empty() => {
            let row = |row: &Json| format!("{pad}  - {}", crate::suites::yaml::flow(row));
            std::iter::once(format!("{pad}{}:", scalar(key))).chain(items.iter().map(row)).collect()
        }
        Json::String(text) if text.contains('\n') => {
            let line = |line: &str| format!("{pad}  {line}");
            std::iter::once(format!("{pad}{}: |", scalar(key))).chain(text.lines().map(line)).collect()
        }
        other => vec![format!("{pad}{}: {}", scalar(key), crate::suites::yaml::flow(other))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(test: &Json, expected: &str) {
        let known = Known { vars: [("lim".to_owned(), json!(5))].into_iter().collect(), ..Known::default() };
        let shown = match item(test, &known).outcome {
            Outcome::Test { test, note } => test_yaml(&test) + &note.map(|note| format!("# {note}\n")).unwrap_or_default(),
            Outcome::NotTranslated { why } => why,
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn rows_come_along_in_the_forms_that_are_no_sql() {
        let test = json!({
            "name": "valid_emails", "model": "dim_customers",
            "given": [
                { "input": "ref('stg_customers')", "rows": [{ "id": 1, "email": "a@b.c" }, { "id": 2, "email": null }] },
                { "input": "source('shop', 'domains')", "format": "csv", "rows": "tld\nexample.com\n" },
                { "input": "ref('countries')", "format": "csv", "fixture": "countries" },
            ],
            "expect": { "rows": [{ "id": 1, "is_valid": true }] },
        });
        let expected = "valid_emails:
  model: dim_customers
  given:
    stg_customers:
      - { id: 1, email: \"a@b.c\" }
      - { id: 2, email: null }
    shop.domains: |
      tld
      example.com
    countries: fixtures/countries.csv
  expect:
    - { id: 1, is_valid: true }
# copy dbt's fixture to `fixtures/countries.csv` beside the test
";
        check(&test, expected);
    }

    #[test]
    fn what_only_dbt_can_run_is_told() {
        let with = |key: &str, value: Json| {
            let mut test = json!({ "name": "t", "model": "m", "given": [], "expect": { "rows": [] } });
            test[key] = value;
            test
        };
        check(
            &with("given", json!([{ "input": "this", "rows": [] }])),
            "it gives rows of `this`: dbt expects the rows that are merged, Headworks the table after the load",
        );
        check(
            &with("expect", json!({ "format": "sql", "rows": "select id from {{ ref('a') }}" })),
            "its rows are SQL with more than values that are written out, and dbt would have to run it; write them as `dict` or `csv`",
        );
        check(
            &with("overrides", json!({ "macros": { "is_incremental": true } })),
            "it overrides `is_incremental`: dbt expects the rows that are merged, Headworks the table after the load",
        );
        check(
            &with("expect", json!({ "format": "sql", "rows": "select 1 as id union all select {{ var('lim') }} -- the last" })),
            "t:\n  model: m\n  given: {}\n  expect:\n    - { id: 1 }\n    - { id: 5 }\n\
             # dbt stops where rows in SQL leave out a column of the model; here the columns that they name are compared\n",
        );
        check(
            &with("overrides", json!({ "vars": { "day": 1 } })),
            "it overrides `day` under `vars`, which stands in Jinja that only dbt runs",
        );
        check(&with("config", json!({ "enabled": false })), "it is switched off (`enabled: false`)");
        check(&with("overrides", json!({ "macros": { "is_incremental": false } })), "t:\n  model: m\n  given: {}\n  expect: []\n");
    }
}
