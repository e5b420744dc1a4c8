//! Rules as tests of dbt: in the words that dbt itself has, everything else as a test in SQL.

use hw_base::{OnFailure, Tolerance, identifier, literal};
use serde_json::{Map, Value as Json, json};

use super::jinja::{has_jinja, kept_from_jinja};
use crate::rule::Rule;
use crate::suites::violations::{in_dialect, is_reserved_elsewhere, table_sql, violations_sql};
use crate::suites::words::settings_without_shared;
use crate::suites::yaml::block;
use crate::suites::{HowWritten, TableRules, Written, WrittenItem};

/// One YAML file for all tables, and a file in SQL per rule that dbt has no word for.
pub(super) fn written(tables: &[TableRules<'_>]) -> Written {
    let mut written = Written::default();
    let models: Vec<Json> = tables.iter().map(|table| model(table, &mut written)).collect();
    written.text = block(&json!({"version": 2, "models": models}), 0);
    written
}

fn model(table: &TableRules<'_>, written: &mut Written) -> Json {
    let mut tests: Vec<(&str, Vec<Json>)> = Vec::new();
    for rule in table.rules {
        let how = match in_words(rule, table) {
            Some((column, test)) => {
                match tests.iter_mut().find(|(known, _)| *known == column) {
                    Some((_, all)) => all.push(test),
                    None => tests.push((column, vec![test])),
                }
                HowWritten::InWords(rule.kind.name().into())
            }
            None => match singular(rule, table) {
                Ok(sql) => {
                    written.files.push((format!("tests/{}.{}.sql", file_name(table.table), file_name(&rule.id)), sql));
                    HowWritten::AsSql
                }
                Err(why) => HowWritten::NotWritten(why),
            },
        };
        written.items.push(WrittenItem { table: table.table.into(), rule: rule.id.clone(), how });
    }
    let one = |(column, tests): (&str, Vec<Json>)| {
        let quote = if needs_quotes(column) { json!({ "quote": true }) } else { json!({}) };
        let mut entry = json!({ "name": column });
        merge(&mut entry, quote);
        merge(&mut entry, json!({ "data_tests": tests }));
        entry
    };
    let columns: Vec<Json> = tests.into_iter().map(one).collect();
    let name = table.table.rsplit('.').next().unwrap_or(table.table);
    if columns.is_empty() { json!({ "name": name }) } else { json!({"name": name, "columns": columns}) }
}

fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Whether a column is no name in SQL without quotes around it.
fn needs_quotes(column: &str) -> bool {
    identifier(column) != column || is_reserved_elsewhere(column)
}

fn merge(entry: &mut Json, more: Json) {
    if let (Json::Object(entry), Json::Object(more)) = (entry, more) {
        entry.extend(more);
    }
}

/// A text as dbt puts it between quotes.
fn between_quotes(value: &Json, table: &TableRules<'_>) -> Option<Json> {
    let literal = table.dialect.written(&literal(value.as_str()?)).ok()?;
    literal.strip_prefix('\'')?.strip_suffix('\'').map(Json::from)
}

/// The column and the test in dbt's words.
fn in_words<'a>(rule: &'a Rule, table: &TableRules<'_>) -> Option<(&'a str, Json)> {
    let settings = settings_without_shared(rule, table.columns)?;
    let only = |keys: &[&str]| settings.keys().all(|key| keys.contains(&key.as_str()));
    let [column] = rule.columns.as_slice() else { return None };
    let counts_rows = matches!(rule.kind.name(), "not_null" | "referential");
    let config = config(rule, counts_rows, table)?;
    let (name, arguments) = match rule.kind.name() {
        "not_null" => ("not_null", json!({})),
        "unique" if only(&["column", "columns"]) => ("unique", json!({})),
        "accepted_values" if only(&["column", "values"]) => {
            let values = settings.get("values")?.as_array()?;
            let are_texts = values.iter().all(Json::is_string);
            let are_plain = values.iter().all(|value| value.is_number() || value.is_boolean());
            let has_jinja = values.iter().filter_map(Json::as_str).any(has_jinja);
            match (are_texts && !has_jinja, are_plain) {
                (true, _) => {
                    let written: Vec<Json> = values.iter().map(|value| between_quotes(value, table)).collect::<Option<_>>()?;
                    ("accepted_values", json!({ "values": written }))
                }
                (_, true) => ("accepted_values", json!({"values": values, "quote": false})),
                _ => return None,
            }
        }
        "referential" => ("relationships", relationship(settings.get("to")?, table)?),
        _ => return None,
    };
    let mut test = Map::new();
    test.insert("name".into(), rule.id.clone().into());
    if arguments.as_object().is_some_and(|arguments| !arguments.is_empty()) {
        test.insert("arguments".into(), arguments);
    }
    if !config.is_empty() {
        test.insert("config".into(), Json::Object(config));
    }
    Some((column, json!({ name: test })))
}

fn relationship(to: &Json, judged: &TableRules<'_>) -> Option<Json> {
    let (table, column) = match to {
        Json::String(text) => text.rsplit_once('.').map(|(table, column)| (table.to_owned(), column.to_owned()))?,
        other => match other.get("columns")?.as_array()?.as_slice() {
            [only] => (other.get("table")?.as_str()?.to_owned(), only.as_str()?.to_owned()),
            _ => return None,
        },
    };
    // dbt writes the field into its query as it is.
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let field = if needs_quotes(&column) { judged.dialect.written(&quoted).ok()? } else { column };
    Some(json!({"to": reference(&table), "field": field}))
}

/// How dbt names a table: `ref('orders')`, or `source('shop', 'orders')` for one with two parts.
fn reference(table: &str) -> String {
    match table.split_once('.') {
        Some((source, name)) => format!("source('{source}', '{name}')"),
        None => format!("ref('{table}')"),
    }
}

/// The configuration of a test; `None` where dbt cannot say how much is tolerated.
fn config(rule: &Rule, counts_rows: bool, table: &TableRules<'_>) -> Option<Map<String, Json>> {
    let mut config = Map::new();
    match rule.tolerance {
        Tolerance::NONE => {}
        Tolerance::Rows(rows) if counts_rows => {
            for key in ["error_if", "warn_if"].iter().skip(usize::from(warns(rule))) {
                config.insert((*key).into(), format!(">{rows}").into());
            }
        }
        _ => return None,
    }
    if let Some(condition) = &rule.condition {
        let written = in_dialect(condition, table).ok().filter(|written| !has_jinja(written))?;
        config.insert("where".into(), written.into());
    }
    if warns(rule) {
        config.insert("severity".into(), "warn".into());
    }
    let notes = [("owner", &rule.notes.owner), ("description", &rule.notes.description)];
    let meta: Map<String, Json> = notes.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into()))).collect();
    if !meta.is_empty() {
        config.insert("meta".into(), Json::Object(meta));
    }
    Some(config)
}

fn warns(rule: &Rule) -> bool {
    rule.on_failure != OnFailure::Block
}

/// Stands for the table until nothing else in the query is Jinja.
const THIS_TABLE: &str = "\u{e000}";

/// The test as a query of its own.
fn singular(rule: &Rule, table: &TableRules<'_>) -> Result<String, String> {
    let ours = kept_from_jinja(&violations_sql(rule, table, THIS_TABLE)?);
    let sql = ours.replace(THIS_TABLE, &format!("{{{{ {} }}}}", reference(table.table)));
    let sql = match rule.body.other_table() {
        Some(other) => {
            let written = table.dialect.written(&table_sql(&other))?;
            sql.replace(&format!("from {written}"), &format!("from {{{{ {} }}}}", reference(&other)))
        }
        None => sql,
    };
    let severity = if warns(rule) { "{{ config(severity = 'warn') }}\n" } else { "" };
    let note = rule.notes.description.as_deref().map(|text| format!("-- {}\n", text.replace('\n', " "))).unwrap_or_default();
    Ok(format!("{severity}{note}{sql}\n"))
}
