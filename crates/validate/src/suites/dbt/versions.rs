//! Versions of a model, each of which is a table of its own. The latest is the one that `ref` reads, and the one that is judged.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{list, tests_of, text_of};
use crate::suites::ImportedItem;
use crate::suites::words::number;

/// The latest version of a model that has some.
pub(super) fn latest(model: &Json) -> Option<&Json> {
    let named = model.get("latest_version").map(spelled);
    let by_name = list(model, "versions").find(|version| named.is_some() && version.get("v").map(spelled) == named);
    by_name.or_else(|| list(model, "versions").max_by(|a, b| compared(&a["v"], &b["v"])))
}

/// A model as one of its versions has it: tests of the version stand in place of those of the model, and its columns beside the ones
/// that it includes.
pub(super) fn of_version(model: &Json, version: &Json) -> Json {
    let mut own = model.as_object().cloned().unwrap_or_default();
    if ["data_tests", "tests"].iter().any(|key| version.get(*key).is_some_and(|tests| !tests.is_null())) {
        own.remove("tests");
        own.insert("data_tests".into(), tests_of(version).into());
    }
    if list(version, "constraints").next().is_some() {
        own.insert("constraints".into(), version["constraints"].clone());
    }
    let included = list(model, "columns").filter(|column| includes(version, text_of(column, "name")));
    let added = list(version, "columns").filter(|column| column.get("name").is_some());
    let columns: Vec<Json> = included.chain(added).cloned().collect();
    own.insert("columns".into(), columns.into());
    own.into()
}

/// What becomes of the tests of the other versions: they are about tables of their own.
pub(super) fn others(model: &Json, latest: Option<&Json>, name: &str) -> Vec<ImportedItem> {
    let item = |version: &Json| {
        let number = version.get("v").map(spelled).unwrap_or_default();
        let why = format!("they are about the table of that version alone; write them at a model of its own, such as `{name}_v{number}`");
        ImportedItem::new(Some(name), format!("the tests of version {number}"), Err(why))
    };
    list(model, "versions").filter(|version| Some(*version) != latest && asks_for_more(version)).map(item).collect()
}

/// Whether a version has tests or constraints of its own.
fn asks_for_more(version: &Json) -> bool {
    let has_some = |value: &Json| !tests_of(value).is_empty() || list(value, "constraints").next().is_some();
    has_some(version) || list(version, "columns").any(has_some)
}

/// Whether a version has a column of its model: all of them where it does not say which.
fn includes(version: &Json, column: &str) -> bool {
    let names = |key: &str| list(version, "columns").find_map(|entry| entry.get(key));
    let is_among = |names: &Json| match names {
        Json::String(word) => matches!(word.as_str(), "all" | "*"),
        names => names.as_array().into_iter().flatten().any(|name| name.as_str() == Some(column)),
    };
    names("include").is_none_or(is_among) && !names("exclude").is_some_and(is_among)
}

/// A number or a word for a version.
fn spelled(version: &Json) -> String {
    version.to_string().replace('"', "")
}

fn compared(a: &Json, b: &Json) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => spelled(a).cmp(&spelled(b)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_takes_the_place_of_its_model() {
        let model = json!({
            "name": "m", "data_tests": ["a"], "columns": [{"name": "x", "tests": ["unique"]}, {"name": "y"}],
            "versions": [{"v": 10, "tests": [], "columns": [{"include": "all", "exclude": ["y"]}, {"name": "z"}]}, {"v": 9, "data_tests": null}],
        });
        let newest = latest(&model).unwrap();
        assert_eq!(newest["v"], json!(10));
        let judged = of_version(&model, newest);
        assert_eq!(judged["data_tests"], json!([]));
        assert_eq!(judged["columns"], json!([{"name": "x", "tests": ["unique"]}, {"name": "z"}]));
        let mut model = model;
        model["latest_version"] = json!(9);
        let older = of_version(&model, latest(&model).unwrap());
        assert_eq!((&older["data_tests"], &older["columns"]), (&json!(["a"]), &model["columns"]));
        assert!(others(&model, latest(&model), "m").is_empty());
        assert_eq!(latest(&json!({"name": "m"})), None);
    }
}
