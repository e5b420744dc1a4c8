//! Records of a source that cannot be read as rows: counted, set aside, and tolerated up to a limit.

use hw_base::{DatasetName, Error, Input, RowWatch, StagedBatch, count};

use super::task::Task;
use crate::plan::Work;

/// The name of the rule.
pub const MALFORMED: &str = "malformed_record";

/// A share of records beyond which they are not odd ones that can be left out.
const ODD: f64 = 0.2;

/// The most characters of a record that are shown; the whole record is in the quarantine once its source tolerates it.
const SHOWN: usize = 300;

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
    let Work::Extract { dataset, .. } = &task.step.work else { return None };
    let rule = batch.watched.rules.iter().find(|rule| rule.id == MALFORMED)?;
    let tolerance = task.project.malformed_tolerance(dataset);
    if tolerance.admits(rule.violations, batch.rows_read) {
        return None;
    }
    let examples: Vec<String> = rule.examples.rendered().into_iter().take(3).map(|example| shortened(&example)).collect();
    let records = format!("{} of {} records of `{dataset}`", count(rule.violations), count(batch.rows_read));
    Some(
        Error::user(format!("{records} cannot be read as rows; the source tolerates {tolerance}"))
            .code("HW205")
            .because(examples.join("\n"))
            .help(match &task.step.work {
                Work::Extract { files: None, .. } => format!(
                    "look at one of them; a column with values that its type cannot hold is read as text with `as_text: [{}.COLUMN]` under source `{}`",
                    dataset.dataset, dataset.source
                ),
                _ => format!(
                    "look at one of them; if a column holds another type, declare it: `columns: {{ NAME: text }}` under source `{}`",
                    dataset.source
                ),
            })
            .help(match rule.violations as f64 / batch.rows_read as f64 {
                share if share <= ODD => {
                    let enough = (share * 100.0).floor() + 1.0;
                    format!("if the records are to be left out, write `malformed: {enough}%` there; they are kept in the quarantine")
                }
                _ => format!("so many mostly have one cause, {}", likely_cause(task, dataset)),
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_records_stand_beside_the_rows_of_a_dataset() {
        let query = |sql: &str| Input::Query { name: "shop.orders".into(), sql: sql.into() };
        let all = query("select id as id, _file, _line, _malformed from live_1");
        assert_eq!(with_malformed(&query("select id as id from live_1 where _malformed is null")), Some(all.clone()));
        assert_eq!(with_malformed(&query("select id as id, _file, _line from live_1 where _malformed is null")), Some(all));
        assert_eq!(with_malformed(&query("select id as id from live_1")), None);
    }
}
