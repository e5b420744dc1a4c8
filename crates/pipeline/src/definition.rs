//! What a step was defined by when it was carried out last, as the ledger notes it down, so that a plan can say what has changed since.

use hw_base::{DatasetName, Ledger, Result};
use serde_json::{Map, Value as Json, json};

use crate::project::{Model, NOT_OF_ROWS, Project, fingerprint};
use crate::settings::PartitionBy;

/// Settings of a source that do not bear on what is read from a file.
const NOT_FOR_READING: [&str; 2] = ["path", "malformed"];

/// The name of the note.
pub(crate) fn note_of(step: &str) -> String {
    format!("definition of {step}")
}

/// Notes down what a step is defined by, where that is another thing than it was.
///
/// # Errors
/// If the ledger cannot be used.
pub(crate) fn note(ledger: &dyn Ledger, step: &str, definition: &Json) -> Result<()> {
    let name = note_of(step);
    if ledger.noted(&name)?.as_ref() == Some(definition) { Ok(()) } else { ledger.note(&name, definition) }
}

/// What a step was defined by; `None` where nobody noted it down.
///
/// # Errors
/// If the ledger cannot be read.
pub(crate) fn noted(ledger: &dyn Ledger, step: &str) -> Result<Option<Json>> {
    ledger.noted(&note_of(step))
}

/// What a model is defined by.
pub(crate) fn of_model(model: &Model) -> Json {
    let mut settings = model.yaml.to_json();
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|key, _| !NOT_OF_ROWS.contains(&key.as_str()));
    }
    json!({ "sql": model.sql, "settings": settings, "contract": model.contract })
}

/// How the files of a dataset are read: a hash for each setting, because nobody knows what people write into settings.
pub(crate) fn of_dataset(project: &Project, dataset: &DatasetName) -> Json {
    let source = project.sources.iter().find(|(name, _)| *name == dataset.source);
    let connector = source.and_then(|(_, settings)| settings.entries().first());
    let settings = connector.map(|entry| entry.value.to_json()).unwrap_or_default();
    let own = settings.as_object().into_iter().flatten().filter(|(key, _)| !NOT_FOR_READING.contains(&key.as_str()));
    let hashes: Map<String, Json> = own.map(|(key, value)| (key.clone(), fingerprint(&[&value.to_string()]).into())).collect();
    json!({ "kind": connector.map(|entry| entry.key.as_str()), "reading": hashes })
}

/// The parts in which a model differs from what it was, in words; `None` where they are the same.
pub(crate) fn changes_of_model(before: &Json, now: &Json) -> Option<String> {
    let texts = (before["sql"].as_str().unwrap_or_default(), now["sql"].as_str().unwrap_or_default());
    let select = (texts.0 != texts.1).then(|| if is_same_code(texts.0, texts.1) { "layout of the SELECT" } else { "SELECT" });
    let settings = differing(&before["settings"], &now["settings"]).into_iter().map(|key| {
        let (was, is) = (&before["settings"][&key], &now["settings"][&key]);
        if key == "rules" { rules_in_words(was, is) } else { key }
    });
    // What was noted before contracts were is silent about them.
    let is_noted = before.get("contract").is_some() && before["settings"]["contract"] == now["settings"]["contract"];
    let contract = (is_noted && before["contract"] != now["contract"]).then(|| "contents of its contract".to_owned());
    let all: Vec<String> = select.map(str::to_owned).into_iter().chain(settings).chain(contract).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The columns that a model had because of its partitions alone, each with what made it, such as `month(ordered_at)`.
pub(crate) fn partition_columns(before: &Json) -> Vec<(String, String)> {
    let by: PartitionBy = serde_json::from_value(before["settings"]["partition_by"].clone()).unwrap_or_default();
    let columns = by.columns().unwrap_or_default().into_iter().map(|(column, _)| column);
    // A column that is named as it is comes from the SELECT.
    columns.zip(by.0).filter(|(column, made_by)| *column != made_by.trim()).collect()
}

/// The reading settings of a dataset that differ from what they were.
pub(crate) fn changes_of_dataset(before: &Json, now: &Json) -> Vec<String> {
    if before["kind"] != now["kind"] {
        return vec!["the kind of its source".into()];
    }
    differing(&before["reading"], &now["reading"]).into_iter().map(|key| format!("`{key}`")).collect()
}

fn is_same_code(before: &str, now: &str) -> bool {
    before.split_whitespace().eq(now.split_whitespace())
}

/// The keys under which two maps differ.
fn differing(before: &Json, now: &Json) -> Vec<String> {
    let keys = |map: &Json| map.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut all = keys(before);
    all.extend(keys(now));
    all.sort();
    all.dedup();
    all.into_iter().filter(|key| before[key.as_str()] != now[key.as_str()]).collect()
}

fn rules_in_words(before: &Json, now: &Json) -> String {
    let list = |rules: &Json| rules.as_array().cloned().unwrap_or_default();
    let (before, now) = (list(before), list(now));
    let missing = |rules: &[Json], others: &[Json]| rules.iter().filter(|rule| !others.contains(rule)).count();
    match (missing(&now, &before), missing(&before, &now)) {
        (0, 0) => "order of rules".into(),
        (added, 0) => format!("rules ({added} new)"),
        (0, gone) => format!("rules ({gone} gone)"),
        (added, gone) => format!("rules ({added} new, {gone} gone)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(sql: &str, settings: &Json) -> Json {
        json!({ "sql": sql, "settings": settings })
    }

    #[track_caller]
    fn check(before: &Json, now: &Json, expected: Option<&str>) {
        assert_eq!(changes_of_model(before, now).as_deref(), expected);
    }

    #[test]
    fn the_parts_of_a_model_are_told_apart() {
        let before = model("select a from t", &json!({ "rules": [{ "not_null": "a" }, { "unique": "a" }] }));
        check(&before, &before, None);
        check(&before, &model("select a, b from t", &before["settings"]), Some("SELECT"));
        check(&before, &model("select a\n  from t", &before["settings"]), Some("layout of the SELECT"));
        let settings = json!({ "load": "append", "rules": [{ "unique": "a" }, { "range": "a" }, { "range": "b" }] });
        check(&before, &model("select a from t", &settings), Some("load, rules (2 new, 1 gone)"));
        check(&before, &model("select a from t", &json!({ "rules": [{ "unique": "a" }, { "not_null": "a" }] })), Some("order of rules"));
    }

    #[test]
    fn a_contract_that_says_something_else_is_a_change() {
        let with = |path: &str, contract: &str| json!({ "sql": "", "settings": { "contract": path }, "contract": contract });
        let before = with("orders.yaml", "1");
        check(&before, &with("orders.yaml", "2"), Some("contents of its contract"));
        check(&before, &with("sales.yaml", "2"), Some("contract"));
        check(&model("", &before["settings"]), &before, None);
    }

    #[test]
    fn columns_of_partitions_are_told_from_those_of_the_select() {
        let columns = |partition_by: Json| partition_columns(&model("select a from t", &json!({ "partition_by": partition_by })));
        let made = |column: &str, by: &str| (column.to_owned(), by.to_owned());
        assert_eq!(columns(json!(["region", "month(ts)"])), [made("ts_month", "month(ts)")]);
        assert_eq!(columns(json!("day(ts)")), [made("ts_day", "day(ts)")]);
        assert!(columns(Json::Null).is_empty());
    }

    #[test]
    fn what_is_read_from_a_file_is_told_from_where_it_is() {
        let read = |kind: &str, reading: Json| json!({ "kind": kind, "reading": reading });
        let before = read("csv", json!({ "null": "1", "quote": "2" }));
        assert_eq!(changes_of_dataset(&before, &read("csv", json!({ "null": "3", "quote": "2", "header": "4" }))), ["`header`", "`null`"]);
        assert_eq!(changes_of_dataset(&before, &read("json", json!({}))), ["the kind of its source"]);
    }
}
