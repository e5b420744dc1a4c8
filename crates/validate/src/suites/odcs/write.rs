//! Rules as a data contract of the Open Data Contract Standard: in the metrics of its library, everything else as queries.

use hw_base::{Column, ColumnType, Dimension, OnFailure, Severity, Tolerance};
use serde_json::{Map, Value as Json, json};

use crate::rule::Rule;
use crate::suites::pattern::Syntax;
use crate::suites::violations::violations_sql;
use crate::suites::words::{plain_number, settings_without_shared};
use crate::suites::yaml::block;
use crate::suites::{HowWritten, TableRules, Written, WrittenItem};

/// One contract for all tables.
pub(super) fn written(tables: &[TableRules<'_>]) -> Written {
    let mut items = Vec::new();
    let schema: Vec<Json> = tables.iter().map(|table| object(table, &mut items)).collect();
    let id = tables.first().map_or("contract", |table| table.table);
    let contract = json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": id, "version": "1.0.0", "status": "active", "schema": schema,
    });
    Written { text: block(&contract, 0), files: Vec::new(), items }
}

fn object(table: &TableRules<'_>, items: &mut Vec<WrittenItem>) -> Json {
    let mut of_columns: Vec<(&Column, Vec<Json>)> = table.columns.iter().map(|column| (column, Vec::new())).collect();
    let mut of_table = Vec::new();
    for rule in table.rules {
        let how = match in_words(rule, table.columns) {
            Some((column, check)) => {
                let word = check.get("metric").and_then(Json::as_str).unwrap_or_default().to_owned();
                let own = column.and_then(|column| of_columns.iter_mut().find(|(known, _)| known.name == column));
                own.map_or(&mut of_table, |(_, checks)| checks).push(check);
                HowWritten::InWords(word)
            }
            None => match violations_sql(rule, table, "{object}") {
                Ok(sql) => {
                    let query = format!("select count(*) from ({sql}) as violations");
                    of_table.push(check(rule, json!({"type": "sql", "query": query, "mustBe": 0})));
                    HowWritten::AsSql
                }
                Err(why) => HowWritten::NotWritten(why),
            },
        };
        items.push(WrittenItem { table: table.table.into(), rule: rule.id.clone(), how });
    }
    let properties: Vec<Json> = of_columns.into_iter().map(|(column, checks)| property(column, &checks)).collect();
    let mut object = json!({"name": table.table, "logicalType": "object", "properties": properties});
    if !of_table.is_empty() {
        object["quality"] = json!(of_table);
    }
    object
}

fn property(column: &Column, checks: &[Json]) -> Json {
    let mut property = json!({"name": column.name, "logicalType": logical_type(column.kind), "physicalType": column.sql_type});
    if logical_type(column.kind).is_none() {
        property["logicalType"] = "object".into();
    }
    if !checks.is_empty() {
        property["quality"] = json!(checks);
    }
    property
}

fn logical_type(kind: ColumnType) -> Option<&'static str> {
    Some(match kind {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Decimal | ColumnType::Float => "number",
        ColumnType::Text | ColumnType::Binary => "string",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Other => return None,
    })
}

/// An entry with what all entries have. Our validity is their conformity.
fn check(rule: &Rule, settings: Json) -> Json {
    let mut all = Map::new();
    all.insert("id".into(), rule.id.clone().into());
    if let Some(description) = &rule.notes.description {
        all.insert("description".into(), description.clone().into());
    }
    if let Json::Object(settings) = settings {
        all.extend(settings.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let dimension = if rule.dimension == Dimension::Validity { "conformity" } else { rule.dimension.name() };
    all.insert("dimension".into(), dimension.into());
    let severity = match (rule.on_failure, rule.notes.severity) {
        (OnFailure::Log, _) => "info",
        (OnFailure::Alert | OnFailure::Quarantine, _) => "warning",
        (OnFailure::Block, Some(Severity::Medium | Severity::Low)) => return Json::Object(all),
        (OnFailure::Block, _) => "error",
    };
    all.insert("severity".into(), severity.into());
    Json::Object(all)
}

/// A metric with how many wrong rows are tolerated.
fn tolerated(rule: &Rule, mut settings: Json) -> Json {
    match rule.tolerance {
        Tolerance::NONE => settings["mustBe"] = json!(0),
        Tolerance::Rows(rows) => settings["mustBeLessOrEqualTo"] = json!(rows),
        Tolerance::Share(share) => {
            settings["mustBeLessOrEqualTo"] = plain_number((share.0 * 1e12).round() / 1e10);
            settings["unit"] = "percent".into();
        }
    }
    check(rule, settings)
}

/// The column that an entry stands at and the entry, as a metric of the library. It knows no conditions on rows.
fn in_words<'a>(rule: &'a Rule, columns: &[Column]) -> Option<(Option<&'a str>, Json)> {
    let settings = settings_without_shared(rule, columns)?;
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let only = |keys: &[&str]| settings.keys().all(|key| keys.contains(&key.as_str()));
    let column = match rule.columns.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    if rule.condition.is_some() {
        return None;
    }
    Some(match rule.kind.name() {
        "not_null" => (column, tolerated(rule, json!({"metric": "nullValues"}))),
        "unique" if rule.tolerance == Tolerance::NONE && only(&["column", "columns"]) => match column {
            Some(_) => (column, tolerated(rule, json!({"metric": "duplicateValues"}))),
            None => (None, tolerated(rule, json!({"metric": "duplicateValues", "arguments": {"properties": rule.columns}}))),
        },
        "accepted_values" if only(&["column", "values"]) => {
            (column, tolerated(rule, json!({"metric": "invalidValues", "arguments": {"validValues": get("values")}})))
        }
        "matches" if only(&["column", "pattern"]) => {
            let pattern = Syntax::Python.written(get("pattern").as_str()?).ok()?;
            (column, tolerated(rule, json!({"metric": "invalidValues", "arguments": {"pattern": pattern}})))
        }
        "row_count" => (None, check(rule, row_count(&get("min"), &get("max"))?)),
        _ => return None,
    })
}

/// A metric has one limit in the standard, so that a range of two different ones has no words.
fn row_count(min: &Json, max: &Json) -> Option<Json> {
    let limits = match (min.is_null(), max.is_null()) {
        (false, false) if min == max => json!({ "mustBe": min }),
        (false, false) => return None,
        _ => json!({"mustBeGreaterOrEqualTo": min, "mustBeLessOrEqualTo": max}),
    };
    let mut check = json!({ "metric": "rowCount" });
    check.as_object_mut()?.extend(limits.as_object()?.clone());
    Some(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_one_limit() {
        assert_eq!(row_count(&json!(1), &json!(1)).unwrap(), json!({"metric": "rowCount", "mustBe": 1}));
        assert_eq!(row_count(&json!(1), &json!(2)), None);
        assert!(row_count(&json!(1), &Json::Null).is_some());
    }
}
