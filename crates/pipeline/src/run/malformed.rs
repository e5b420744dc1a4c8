//! Records of a source that cannot be read as rows: counted, set aside, and tolerated up to a limit.

use hw_base::{DatasetName, Error, Input, RowWatch, StagedBatch, TOO_LONG, Value, count};
use serde_json::Value as Json;

use super::task::Task;
use crate::plan::Work;

/// The name of the rule.
pub const MALFORMED: &str = "malformed_record";

/// A share of records beyond which they are not odd ones that can be left out.
const ODD: f64 = 0.2;

/// The most characters of a record that are shown; the whole record is in the quarantine once its source tolerates it.
const SHOWN: usize = 300;

/// How many values tell a record that has no key.
const FIRST_VALUES: usize = 3;

fn shortened(record: &str) -> String {
    let mut shown: String = record.chars().take(SHOWN).collect();
    if shown.len() < record.len() {
        shown.push('…');
    }
    shown
}

/// What leaves malformed records out of the rows of an opened dataset.
pub(super) const LEFT_OUT: &str = " where _malformed is null";

/// The same as the `rows` of an opened dataset with its malformed records, for a scan that counts both; `None` where all records are rows.
pub fn with_malformed(rows: &Input) -> Option<Input> {
    let Input::Query { name, sql } = rows else { return None };
    let (columns, relation) = sql.strip_suffix(LEFT_OUT)?.rsplit_once(" from ")?;
    let columns = columns.strip_suffix(", _file, _line").unwrap_or(columns);
    Some(Input::Query { name: name.clone(), sql: format!("{columns}, _file, _line, _malformed from {relation}") })
}

/// Diverts malformed records before any rule sees them.
pub fn watch_malformed() -> RowWatch {
    RowWatch { id: MALFORMED.into(), violates: "_malformed is not null".into(), diverts: true, excludes: true }
}

/// What mostly keeps many records of such a source from being rows.
fn likely_cause(task: Task<'_>, dataset: &DatasetName) -> &'static str {
    let source = task.project.sources.iter().find(|(name, _)| *name == dataset.source);
    match source.and_then(|(_, settings)| settings.entries().first()).map(|kind| kind.key.as_str()) {
        Some("csv") => {
            "such as another delimiter or quote character in some of the files, titles above the header (`skip_rows: 4` leaves four lines out) or comments (`comment: \"#\"`)"
        }
        _ => "such as one column whose values are of another type",
    }
}

/// The error for a delivery with more malformed records than its source tolerates.
pub(super) fn too_many(task: Task<'_>, batch: &StagedBatch) -> Option<Error> {
    let Work::Extract { dataset, files, key, .. } = &task.step.work else { return None };
    let rule = batch.watched.rules.iter().find(|rule| rule.id == MALFORMED)?;
    let tolerance = task.project.malformed_tolerance(dataset);
    if tolerance.admits(rule.violations, batch.rows_read) {
        return None;
    }
    let by_key = || rule.examples.rows.iter().map(|row| of_database(row, key)).collect::<Option<Vec<String>>>();
    let examples = files.is_none().then(by_key).flatten().unwrap_or_else(|| rule.examples.rendered());
    let is_too_long = !examples.is_empty() && examples.iter().all(|example| example.contains(TOO_LONG));
    let examples: Vec<String> = examples.iter().take(3).map(|example| shortened(example)).collect();
    let records = format!("{} of {} records of `{dataset}`", count(rule.violations), count(batch.rows_read));
    let error = Error::user(format!("{records} cannot be read as rows; the source tolerates {tolerance}"))
        .code("HW205")
        .because(examples.join("\n"))
        .help(match files {
            _ if is_too_long => {
                "look at where it begins: mostly a quote is opened there and never closed, or the lines end in another way; whatever is meant as one value of that size has to be left out at the source".to_owned()
            }
            None => format!(
                "look at one of them; a column with values that its type cannot hold is read as text with `as_text: [{}.COLUMN]` under source `{}`",
                dataset.dataset, dataset.source
            ),
            Some(_) => format!(
                "look at one of them; if a column holds another type, declare it: `columns: {{ NAME: text }}` under source `{}`",
                dataset.source
            ),
        });
    Some(match rule.violations as f64 / batch.rows_read as f64 {
        share if share <= ODD => {
            let enough = (share * 100.0).floor() + 1.0;
            error.help(format!("if the records are to be left out, write `malformed: {enough}%` there; they are kept in the quarantine"))
        }
        _ if is_too_long => error,
        _ => error.help(format!("so many mostly have one cause, {}", likely_cause(task, dataset))),
    })
}

/// A record of a database with the reason why it is no row. It has no line that tells where it stands: its key does, else its first values.
fn of_database(row: &[Value], key: &[String]) -> Option<String> {
    let Some(Value::Text(malformed)) = row.last() else { return None };
    let malformed: Json = serde_json::from_str(malformed).ok()?;
    let record: Json = serde_json::from_str(malformed["record"].as_str()?).ok()?;
    let record = record.as_object()?;
    let has_key = !key.is_empty() && key.iter().all(|name| record.contains_key(name));
    let shown = record.iter().filter(|(name, _)| !has_key || key.contains(name)).take(if has_key { key.len() } else { FIRST_VALUES });
    let shown: Vec<String> =
        shown.map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect();
    Some(format!("{}: {}", shown.join(", "), malformed["reason"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_database_is_told_by_its_key() {
        let malformed = r#"{"reason":"`d` (date) holds a value that date cannot hold: infinity","record":"{\"name\":\"ä\",\"id\":\"3\",\"n\":null,\"d\":\"infinity\"}"}"#;
        let row = [Value::Null, Value::Null, Value::Text(malformed.into())];
        let told = |key: &[&str]| of_database(&row, &key.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(told(&["id"]), "id=3: `d` (date) holds a value that date cannot hold: infinity");
        assert!(told(&[]).starts_with("name=ä, id=3, n=null: `d`"), "{}", told(&[]));
        assert_eq!(of_database(&[Value::Text("3,x".into())], &[]), None);
    }

    #[test]
    fn malformed_records_stand_beside_the_rows_of_a_dataset() {
        let query = |sql: &str| Input::Query { name: "shop.orders".into(), sql: sql.into() };
        let all = query("select id as id, _file, _line, _malformed from live_1");
        assert_eq!(with_malformed(&query("select id as id from live_1 where _malformed is null")), Some(all.clone()));
        assert_eq!(with_malformed(&query("select id as id, _file, _line from live_1 where _malformed is null")), Some(all));
        assert_eq!(with_malformed(&query("select id as id from live_1")), None);
    }
}
