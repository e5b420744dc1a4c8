//! Rules as data contracts of Soda 4: in its words, everything else as queries of failed rows.

use hw_base::{Column, OnFailure, Tolerance};
use serde_json::{Map, Value as Json, json};

use crate::rule::Rule;
use crate::suites::violations::{table_sql, violations_sql};
use crate::suites::words::{plain_number, settings_without_shared};
use crate::suites::yaml::block;
use crate::suites::{HowWritten, TableRules, Written, WrittenItem};

/// One contract per table; those of further tables are files beside the first.
pub(super) fn written(tables: &[TableRules<'_>]) -> Written {
    let mut written = Written::default();
    for (at, table) in tables.iter().enumerate() {
        let text = contract(table, &mut written.items);
        if at == 0 {
            written.text = text;
        } else {
            written.files.push((format!("{}.contract.yml", table.table.replace('.', "_")), text));
        }
    }
    written
}

fn contract(table: &TableRules<'_>, items: &mut Vec<WrittenItem>) -> String {
    let mut of_columns: Vec<(String, Vec<Json>)> = table.columns.iter().map(|column| (column.name.clone(), Vec::new())).collect();
    let mut of_table = Vec::new();
    for rule in table.rules {
        let how = match in_words(rule, table.columns) {
            Some((column, check)) => {
                let word = check.as_object().and_then(|check| check.keys().next().cloned()).unwrap_or_default();
                let own = column.and_then(|column| of_columns.iter_mut().find(|(name, _)| *name == column));
                own.map_or(&mut of_table, |(_, checks)| checks).push(check);
                HowWritten::InWords(word)
            }
            None => match violations_sql(rule, table, &table_sql(table.table)) {
                Ok(sql) => {
                    of_table.push(check("failed_rows", rule, json!({ "query": sql }), &Json::Null));
                    HowWritten::AsSql
                }
                Err(why) => HowWritten::NotWritten(why),
            },
        };
        items.push(WrittenItem { table: table.table.into(), rule: rule.id.clone(), how });
    }
    let columns: Vec<Json> = of_columns
        .into_iter()
        .map(|(name, checks)| if checks.is_empty() { json!({ "name": name }) } else { json!({"name": name, "checks": checks}) })
        .collect();
    let mut contract = json!({"dataset": format!("source/{}", table.table.replace('.', "/")), "columns": columns});
    if !of_table.is_empty() {
        contract["checks"] = json!(of_table);
    }
    format!("# Put the name of your data source, database and schema in place of `source`.\n{}", block(&contract, 0))
}

/// A check with what all checks have.
fn check(word: &str, rule: &Rule, settings: Json, threshold: &Json) -> Json {
    let mut all = Map::new();
    all.insert("name".into(), rule.notes.description.clone().unwrap_or_else(|| rule.id.clone()).into());
    all.insert("qualifier".into(), rule.id.clone().into());
    if let Json::Object(settings) = settings {
        all.extend(settings.into_iter().filter(|(_, value)| !value.is_null()));
    }
    if let Some(condition) = rule.condition.as_ref().filter(|_| word != "failed_rows") {
        all.insert("filter".into(), condition.clone().into());
    }
    let mut threshold = threshold.as_object().cloned().unwrap_or_default();
    if rule.on_failure != OnFailure::Block {
        if threshold.is_empty() && word != "row_count" {
            threshold.insert("must_be".into(), json!(0));
        }
        threshold.insert("level".into(), "warn".into());
    }
    if !threshold.is_empty() {
        all.insert("threshold".into(), Json::Object(threshold));
    }
    json!({ word: all })
}

/// How many wrong rows are tolerated.
fn tolerated(rule: &Rule) -> Json {
    match rule.tolerance {
        Tolerance::NONE => Json::Null,
        Tolerance::Rows(rows) => json!({"must_be_less_than_or_equal": rows}),
        Tolerance::Share(share) => {
            json!({"metric": "percent", "must_be_less_than_or_equal": plain_number((share.0 * 1e12).round() / 1e10)})
        }
    }
}

/// The column that a check stands at and the check, in Soda's words.
fn in_words<'a>(rule: &'a Rule, columns: &[Column]) -> Option<(Option<&'a str>, Json)> {
    let settings = settings_without_shared(rule, columns)?;
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let only = |keys: &[&str]| settings.keys().all(|key| keys.contains(&key.as_str()));
    let column = match rule.columns.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    let invalid = |valid: Json| Some((column, check("invalid", rule, valid, &tolerated(rule))));
    match rule.kind.name() {
        "not_null" => Some((column, check("missing", rule, json!({}), &tolerated(rule)))),
        "unique" if rule.tolerance == Tolerance::NONE && only(&["column", "columns"]) => {
            column.map(|_| (column, check("duplicate", rule, json!({}), &Json::Null)))
        }
        "accepted_values" if only(&["column", "values"]) => invalid(json!({"valid_values": get("values")})),
        "rejected_values" if only(&["column", "values"]) => invalid(json!({"invalid_values": get("values")})),
        "range" if only(&["column", "min", "max"]) && [get("min"), get("max")].iter().all(|limit| limit.is_null() || limit.is_number()) => {
            invalid(json!({"valid_min": get("min"), "valid_max": get("max")}))
        }
        "length" if only(&["column", "min", "max"]) => invalid(json!({"valid_min_length": get("min"), "valid_max_length": get("max")})),
        "row_count" => Some((None, check("row_count", rule, json!({}), &limits(&settings)))),
        "aggregate" if only(&["column", "function", "min", "max", "above", "below"]) => {
            let function = match get("function").as_str()? {
                "mean" | "avg" => "avg",
                function @ ("sum" | "min" | "max" | "min_length" | "max_length") => return aggregate(rule, column, function, &settings),
                _ => return None,
            };
            aggregate(rule, column, function, &settings)
        }
        _ => None,
    }
}

/// Theirs passes over a measure of nothing as ours does: with a failure. Dates are no thresholds of theirs.
fn aggregate<'a>(rule: &Rule, column: Option<&'a str>, function: &str, settings: &Map<String, Json>) -> Option<(Option<&'a str>, Json)> {
    let are_numbers = ["min", "max", "above", "below"].iter().filter_map(|key| settings.get(*key)).all(Json::is_number);
    are_numbers.then(|| (column, check("aggregate", rule, json!({ "function": function }), &limits(settings))))
}

fn limits(settings: &Map<String, Json>) -> Json {
    let words = [("min", "greater_than_or_equal"), ("above", "greater_than"), ("max", "less_than_or_equal"), ("below", "less_than")];
    let found: Map<String, Json> =
        words.iter().filter_map(|(ours, theirs)| Some(((*theirs).to_owned(), settings.get(*ours)?.clone()))).collect();
    match found.len() {
        // A range has two different ends there.
        2 if settings.get("min").is_some() && settings.get("min") == settings.get("max") => json!({"must_be": settings.get("min")}),
        2 => json!({ "must_be_between": found }),
        _ => found.into_iter().map(|(key, value)| (format!("must_be_{key}"), value)).collect::<Map<_, _>>().into(),
    }
}
