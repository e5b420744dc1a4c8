//! dbt: the data tests of a project's YAML files, and single tests in SQL.
//!
//! Known are the tests that dbt brings, those of the packages `dbt_utils` and `dbt_expectations`, constraints of contracts and
//! the freshness of sources. A test of another package, and Jinja that is more than `ref` and `source`, is not translated.

mod compared;
mod config;
mod counted;
mod dbt_utils;
mod expectations;
mod expression;
mod jinja;
mod periods;
mod project;
mod singular;
mod sql_rows;
mod test;
pub(crate) mod unit_tests;
mod versions;
mod words;
mod write;

use hw_base::Result;
use serde_json::{Map, Value as Json, json};

pub use self::expression::Known;
use self::jinja::evaluated_entry;
pub use self::project::{Switch, dbt_origin, dbt_switch, dbt_table_folders, dbt_target};
use self::test::Test;
use super::{Imported, ImportedItem, Origin, Rules, Suite, TableRules, Translation, Written, not_of_the_format, read_values};

/// Tests of a dbt project.
#[derive(Debug)]
pub(super) struct Dbt;

/// What a YAML file of dbt can hold tests of.
const RESOURCES: [&str; 5] = ["models", "seeds", "snapshots", "sources", "analyses"];

impl Suite for Dbt {
    fn name(&self) -> &'static str {
        "dbt"
    }

    fn about(&self) -> &'static str {
        "the tests of a dbt project: its YAML files with `data_tests:` or `tests:`, and tests in SQL"
    }

    fn recognises(&self, text: &str) -> bool {
        let has_resource = text.lines().any(|line| RESOURCES[..4].iter().any(|key| line.trim_end() == format!("{key}:")));
        let has_version = !text.contains("apiVersion") && text.lines().any(|line| line.replace(' ', "") == "version:2");
        singular::is_one(text) || has_version || (has_resource && !text.contains("apiVersion"))
    }

    fn read(&self, text: &str) -> Result<Imported> {
        self.read_of(text, &Origin::default())
    }

    fn read_of(&self, text: &str, origin: &Origin) -> Result<Imported> {
        if origin.is_test || singular::is_one(text) {
            return Ok(Imported { items: singular::item(text, origin).into_iter().collect(), ..Imported::default() });
        }
        let file = read_values("dbt", text)?;
        let known: Vec<&str> = RESOURCES.into_iter().chain(["unit_tests", "data_tests", "version"]).collect();
        if !known.iter().any(|key| file.get(*key).is_some()) {
            return Err(not_of_the_format("dbt", format!("it has none of {}", known.join(", "))));
        }
        let mut items = Vec::new();
        for resource in ["models", "seeds", "snapshots"] {
            for model in list(&file, resource) {
                let name = text_of(model, "name");
                let latest = versions::latest(model);
                let judged = latest.map_or_else(|| model.clone(), |version| versions::of_version(model, version));
                let mut own = Vec::new();
                table_items(&judged, name, origin, &mut own);
                own.extend(versions::others(model, latest, name));
                items.extend(unless_off(latest.into_iter().chain([model]), name, origin, own));
            }
        }
        for source in list(&file, "sources") {
            let schema = text_of(source, "name");
            for table in list(source, "tables") {
                let name = format!("{schema}.{}", text_of(table, "name"));
                let mut own = Vec::new();
                freshness_items(source, table, &name, &mut own);
                table_items(table, &name, origin, &mut own);
                items.extend(unless_off([table, source], &name, origin, own));
            }
        }
        items.extend(list(&file, "unit_tests").map(|test| unit_tests::item(test, &origin.known)));
        Ok(Imported { items, ..Imported::default() })
    }

    fn write(&self, tables: &[TableRules<'_>]) -> Written {
        write::written(tables)
    }
}

fn list<'a>(value: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    value.get(key).and_then(Json::as_array).into_iter().flatten()
}

fn text_of<'a>(value: &'a Json, key: &str) -> &'a str {
    value.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The tests under `tests` and `data_tests`, in their two forms: a list, or a map from names to arguments.
fn tests_of(value: &Json) -> Vec<Json> {
    let mut found = Vec::new();
    for key in ["data_tests", "tests"] {
        match value.get(key) {
            Some(Json::Array(items)) => found.extend(items.iter().cloned()),
            Some(Json::Object(map)) => found.extend(map.iter().map(|(name, arguments)| json!({ name.clone(): arguments }))),
            _ => {}
        }
    }
    found
}

/// The tests of a table; one item in their place where the table is switched off, by the first of its places that says whether it is.
fn unless_off<'a>(places: impl IntoIterator<Item = &'a Json>, name: &str, origin: &Origin, own: Vec<ImportedItem>) -> Vec<ImportedItem> {
    let elsewhere = origin.of_tables.get(name).copied().unwrap_or_default();
    let said = |place: &Json| evaluated_entry("enabled", place.pointer("/config/enabled")?, &origin.known).ok()?.1.as_bool();
    let is_enabled = elsewhere.own.or_else(|| places.into_iter().find_map(said)).or(elsewhere.project);
    if own.is_empty() || is_enabled != Some(false) {
        return own;
    }
    let why = "the table is switched off (`enabled: false`), and dbt runs none of them";
    vec![ImportedItem::new(Some(name), "the tests of the table", Err(why.into()))]
}

/// The tests and constraints of a table and of its columns.
fn table_items(table: &Json, name: &str, origin: &Origin, items: &mut Vec<ImportedItem>) {
    let is_enforced = |value: &Json| evaluated_entry("enforced", value, &origin.known).is_ok_and(|(_, value)| value == json!(true));
    if ["/config/contract/enforced", "/contract/enforced"].iter().filter_map(|place| table.pointer(place)).any(is_enforced) {
        items.push(ImportedItem::new(Some(name), "contract", contract(table)));
    }
    for test in tests_of(table) {
        items.push(Test::of(&test, None).within(origin, name).item(name));
    }
    for constraint in list(table, "constraints") {
        items.push(constraint_item(constraint, None, name));
    }
    for column in list(table, "columns") {
        let column_name = text_of(column, "name");
        let quoted = column.get("quote") == Some(&json!(true));
        for test in tests_of(column) {
            items.push(Test::of(&test, Some((column_name, quoted))).within(origin, name).item(name));
        }
        for constraint in list(column, "constraints") {
            items.push(constraint_item(constraint, Some(column_name), name));
        }
    }
}

/// An enforced contract: the columns that it names and no others, with their types.
fn contract(table: &Json) -> Translation {
    let typed = |column: &Json| match (text_of(column, "name"), text_of(column, "data_type")) {
        (name, "") => Err(format!("the column `{name}` has no `data_type`, without which dbt builds no table under a contract")),
        (name, data_type) => Ok((name.to_owned(), Json::from(data_type))),
    };
    let columns = list(table, "columns").map(typed).collect::<Result<Settings, String>>()?;
    if columns.is_empty() {
        return Err("it names no columns, without which dbt builds no table under a contract".into());
    }
    Ok(Rules::one("schema", json!({"columns": columns, "exact": true})).note(OF_TYPES))
}

/// Said of types that are compared by their names.
const OF_TYPES: &str = "types are those of Headworks; a type of another engine breaks the rule";

fn constraint_item(constraint: &Json, column: Option<&str>, table: &str) -> ImportedItem {
    let kind = text_of(constraint, "type");
    let called = format!("constraint {kind}({})", column.unwrap_or_default());
    let columns = || constraint.get("columns").cloned().unwrap_or_else(|| json!(column.into_iter().collect::<Vec<_>>()));
    let expression = || constraint.get("expression").cloned().unwrap_or_default();
    let translation: Translation = match (kind, column) {
        ("not_null", Some(column)) => Ok(Rules::one("not_null", json!({ "column": column }))),
        ("not_null", None) => Ok(columns()
            .as_array()
            .into_iter()
            .flatten()
            .fold(Rules::default(), |rules, column| rules.and("not_null", json!({ "column": column })))),
        ("unique", _) => Ok(Rules::one("unique", json!({"columns": columns()}))),
        ("primary_key", _) => {
            let names = columns();
            let rules = Rules::one("unique", json!({ "columns": names }));
            Ok(names.as_array().into_iter().flatten().fold(rules, |rules, column| rules.and("not_null", json!({ "column": column }))))
        }
        ("check", _) => Ok(Rules::sql("expression", json!({"sql": expression()}))),
        ("foreign_key", _) => words::foreign_key(constraint, &columns()),
        _ => Err(format!("a constraint of type `{kind}` is not known")),
    };
    ImportedItem::new(Some(table), called, translation)
}

/// How old the rows of a source may be: a rule per limit.
fn freshness_items(source: &Json, table: &Json, name: &str, items: &mut Vec<ImportedItem>) {
    let own = |value: &Json, key: &str| value.get(key).or_else(|| value.get("config")?.get(key)).cloned();
    let inherited = |key: &str| own(table, key).or_else(|| own(source, key)).unwrap_or_default();
    let (freshness, column) = (inherited("freshness"), inherited("loaded_at_field"));
    let is_queried = own(table, "loaded_at_field").is_none() && inherited("loaded_at_query").is_string();
    // What a table leaves open its source says; `freshness: null` asks for nothing.
    let of_source = own(source, "freshness").filter(|_| !freshness.is_null()).unwrap_or_default();
    let part = |key: &str| freshness.get(key).or_else(|| of_source.get(key));
    for (key, action) in [("error_after", Json::Null), ("warn_after", json!("alert"))] {
        let Some(limit) = part(key).filter(|limit| limit.get("count").is_some_and(|count| !count.is_null())) else { continue };
        let rule = if is_queried { Err(OF_A_QUERY.into()) } else { freshness_rule(limit, &column) };
        let translation = rule.map(|rules| {
            let filter = part("filter").and_then(Json::as_str);
            let rules = rules.with("on_failure", action);
            filter.map_or_else(|| rules.clone(), |filter| rules.clone().only_where(filter))
        });
        items.push(ImportedItem::new(Some(name), format!("freshness {key}"), translation));
    }
}

/// Said of a source that dbt asks for its newest moment by SQL.
const OF_A_QUERY: &str = "`loaded_at_query` is SQL for the database of the source; name a column with `loaded_at_field`";

fn freshness_rule(limit: &Json, column: &Json) -> Translation {
    let column = column.as_str().ok_or("`loaded_at_field` is not set, so the database would have to tell when the table changed")?;
    let count = limit.get("count").and_then(Json::as_u64).ok_or("`count` is no number")?;
    let period = match text_of(limit, "period") {
        "minute" => "m",
        "hour" => "h",
        "day" => "d",
        other => return Err(format!("the period `{other}` is not known")),
    };
    if column.contains(['(', ':', ' ']) {
        return Err(format!("`loaded_at_field: {column}` is an expression; name a column"));
    }
    Ok(Rules::one("freshness", json!({"column": words::plain(column), "within": format!("{count}{period}")})))
}

/// Arguments of a test without those of its configuration.
type Settings = Map<String, Json>;
