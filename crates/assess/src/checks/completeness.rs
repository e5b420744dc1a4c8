//! Values that are not there, openly or in disguise.

use hw_base::{ColumnFacts, ColumnType, Dimension, NumberFacts, Value, ValueCount, count, identifier, literal};

use super::patterns;
use crate::column::{blanks, quantile, stand_ins};
use crate::listed::Held;
use crate::pattern::MissingWhere;
use crate::{Examination, Finding, words};

pub(super) fn no_data(examination: &Examination) -> Option<Finding> {
    let facts = examination.facts;
    let what = match (facts.columns.is_empty(), facts.rows) {
        (true, _) => "columns",
        (false, 0) => "rows",
        _ => return None,
    };
    let mut finding = Finding::new("no_data", Dimension::Completeness, 0)
        .says(format!("the dataset has no {what}, so nothing vouches for it"))
        .fix("check that the source delivered, and that the path or the query names it")
        .affects(0.0);
    finding.issue.share = 1.0;
    Some(finding)
}

pub(super) fn missing_values(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let relations = examination.evidence.relations.as_ref();
    let explained = relations.and_then(|relations| relations.missing_where.iter().find(|missing| missing.column == column.name));
    match explained {
        _ if column.nulls == 0 => None,
        None => Some(missing(examination, column)),
        Some(explained) if explained.is_by_design => missing_unexpectedly(examination, column, explained),
        Some(explained) => {
            let plain = missing(examination, column);
            let all = if explained.unexplained == 0 { "all" } else { "nearly all" };
            let says = format!("{}; {all} of them where {}", plain.issue.description, explained.statement);
            let may_be_meant = explained.is_exact && !explained.is_of_null && explained.unexplained == 0;
            Some(plain.says(says).confidence(if may_be_meant { 0.5 } else { 1.0 }))
        }
    }
}

fn missing(examination: &Examination, column: &ColumnFacts) -> Finding {
    Finding::new("missing_values", Dimension::Completeness, column.nulls)
        .column(&column.name)
        .says(format!("{} have no `{}`", examination.of_rows(column.nulls), column.name))
        .rows_where(format!("{} is null", identifier(&column.name)))
        .fix("fill in the missing values at the source, or let `not_null` send the rows to quarantine")
}

/// Values that are missing though another column says that they are there; those that are missing by design are none.
fn missing_unexpectedly(examination: &Examination, column: &ColumnFacts, explained: &MissingWhere) -> Option<Finding> {
    let condition = format!("{} is null and {}", identifier(&column.name), explained.filled_where);
    let counted = patterns::counted(examination, &condition, explained.unexplained);
    let (rows, name) = (examination.of_rows(counted.rows), &column.name);
    let by_design = count(column.nulls.saturating_sub(counted.rows));
    (counted.rows > 0).then(|| {
        Finding::new("missing_values", Dimension::Completeness, counted.rows)
            .column(name)
            .confidence(0.9)
            .weight(2.0)
            .says(format!(
                "{}{rows} have no `{name}` where all others have one; {by_design} further ones are missing by design, where {}",
                counted.about(),
                explained.statement
            ))
            .rows_where(condition)
            .counted(counted)
            .fix("fill in the missing values at the source, or let `not_null` with `where` send the rows to quarantine")
    })
}

/// Values that stand for a missing one. Blank text is nearly certain, words less so.
pub(super) fn disguised_missing(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let disguises = match column.kind {
        ColumnType::Text => text_disguises(column),
        kind if kind.is_numeric() => number_disguises(column),
        kind if kind.is_temporal() => date_disguises(column),
        _ => return None,
    };
    let rows: u64 = disguises.iter().map(|disguise| disguise.rows).sum();
    let weighted: f64 = disguises.iter().map(|disguise| disguise.rows as f64 * disguise.confidence).sum();
    let shown: Vec<String> = disguises.iter().take(5).map(|disguise| disguise.shown.clone()).collect();
    (rows > 0).then(|| {
        Finding::new("disguised_missing", Dimension::Completeness, rows)
            .column(&column.name)
            .confidence(weighted / rows as f64)
            .says(format!("{} hold a stand-in for a missing `{}`: {}", examination.of_rows(rows), column.name, shown.join(", ")))
            .rows_where(condition(column, &disguises))
            .about_cells(Held::StandIns(disguises.iter().map(|disguise| disguise.value.clone()).collect()))
            .shows(shown)
            .fix("read these values as null when loading; then `not_null` sees them")
    })
}

/// How many values of the column are stand-ins for a missing one, for the list of columns.
pub(crate) fn disguised_nulls(findings: &[Finding], column: &str) -> u64 {
    let same = |finding: &&Finding| finding.issue.code == "disguised_missing" && finding.issue.column.as_deref() == Some(column);
    findings.iter().filter(same).map(|finding| finding.issue.rows).sum()
}

struct Disguise {
    shown: String,
    /// The value as it is written, empty for blanks, or the day that it begins with.
    value: String,
    /// The value in SQL; empty for blanks, which are no single value.
    sql: String,
    rows: u64,
    confidence: f64,
}

fn text_disguises(column: &ColumnFacts) -> Vec<Disguise> {
    let blank = column.text.as_ref().map_or(0, blanks);
    let blank =
        (blank > 0).then(|| Disguise { shown: "(blank)".into(), value: String::new(), sql: String::new(), rows: blank, confidence: 0.95 });
    let words = stand_ins(column).into_iter().map(|(text, rows, confidence)| {
        let sql = literal(&text.trim().to_lowercase());
        Disguise { shown: text.into(), value: text.into(), sql, rows, confidence }
    });
    blank.into_iter().chain(words).collect()
}

fn number_disguises(column: &ColumnFacts) -> Vec<Disguise> {
    let marked = number_stand_ins(column).into_iter().map(|top| (top, 0.6));
    let alone = lone_markers(column).into_iter();
    let nothing_else = column.top_values.iter().filter(|_| holds_only_nan(column)).map(|top| (top, 0.97));
    marked
        .chain(alone)
        .chain(nothing_else)
        .map(|(top, confidence)| {
            let value = top.value.to_string();
            let sql = if holds_only_nan(column) { "cast('NaN' as double)".to_owned() } else { value.clone() };
            Disguise { shown: value.clone(), sql, value, rows: top.count, confidence }
        })
        .collect()
}

/// Whether a program has written that there is no number, in every row that has a value.
pub(super) fn holds_only_nan(column: &ColumnFacts) -> bool {
    let is_nan = |top: &ValueCount| matches!(&top.value, Value::Text(text) if text == "NaN");
    column.kind == ColumnType::Float && column.distinct == 1 && column.top_values.first().is_some_and(is_nan)
}

/// Runs of nines far away from all other values, such as 9999 or -999.
pub(super) fn number_stand_ins(column: &ColumnFacts) -> Vec<&ValueCount> {
    let Some(numbers) = &column.numbers else { return Vec::new() };
    let (Some(low), Some(high)) = (quantile(numbers, 0.25), quantile(numbers, 0.75)) else { return Vec::new() };
    let reach = 3.0 * (high - low).max(1.0);
    let is_far = |value: f64| value < low - reach || value > high + reach;
    let is_marker = |value: f64| MARKERS.iter().any(|nines| (value.abs() - nines).abs() < 1e-9);
    let is_extreme = |value: &Value| *value == column.min || *value == column.max;
    let tops = column.top_values.iter().filter(|top| top.count >= 2 && is_extreme(&top.value));
    tops.filter(|top| top.value.as_f64().is_some_and(|value| is_marker(value) && is_far(value))).collect()
}

const MARKERS: [f64; 7] = [99.0, 999.0, 9999.0, 99_999.0, 999_999.0, 9_999_999.0, 999_999_999.0];

/// A -1 or a 0 that occurs often and stands alone: the only negative number, or a zero more than three interquartile ranges below
/// the first quartile and one below all other numbers.
fn lone_markers(column: &ColumnFacts) -> Vec<(&ValueCount, f64)> {
    let Some(numbers) = column.numbers.as_ref().filter(|_| column.distinct >= 10) else { return Vec::new() };
    let find = |wanted: f64| {
        column.top_values.iter().find(|top| top.count >= 3 && top.value.as_f64().is_some_and(|value| (value - wanted).abs() < 1e-9))
    };
    let is_signed = words::has_word(&column.name, words::SIGNED);
    let minus_one = find(-1.0).filter(|top| !is_signed && top.count == numbers.negatives && top.value == column.min);
    let is_far = quantile(numbers, 0.25).zip(quantile(numbers, 0.75)).is_some_and(|(first, third)| {
        let spread = third - first;
        first > 3.0 * spread && emptiness_above_least(numbers) >= spread
    });
    let zero = find(0.0).filter(|top| is_far && !is_signed && top.value == column.min);
    minus_one.map(|top| (top, 0.6)).into_iter().chain(zero.map(|top| (top, 0.5))).collect()
}

/// How far it is from the least number to the next one, as far as the histogram tells: at least so far.
fn emptiness_above_least(numbers: &NumberFacts) -> f64 {
    let histogram = &numbers.histogram;
    let step = (histogram.high - histogram.low) / histogram.counts.len().max(1) as f64;
    let next = histogram.counts.iter().skip(1).position(|count| *count > 0).unwrap_or(0);
    step * (next as f64)
}

/// Days that programs write when they have none. Where the first of January is all that there is, a year is meant by it.
fn date_disguises(column: &ColumnFacts) -> Vec<Disguise> {
    let starts_a_year = |top: &&ValueCount| top.value.to_string().get(4..10) == Some("-01-01");
    if column.top_values.len() > 2 && column.top_values.iter().filter(starts_a_year).count() * 2 > column.top_values.len() {
        return Vec::new();
    }
    let markers = ["0001-01-01", "1899-12-30", "1900-01-01", "1970-01-01", "9999-12-31"];
    let tops = column.top_values.iter().filter(|top| top.count >= 2);
    let marked = tops.filter_map(|top| {
        let text = top.value.to_string();
        let marker = markers.iter().find(|marker| text.starts_with(**marker))?;
        Some(Disguise { shown: text, value: (*marker).to_owned(), sql: format!("date '{marker}'"), rows: top.count, confidence: 0.7 })
    });
    marked.collect()
}

fn condition(column: &ColumnFacts, disguises: &[Disguise]) -> String {
    let mut values: Vec<&str> = disguises.iter().map(|disguise| disguise.sql.as_str()).collect();
    values.sort_unstable();
    values.dedup();
    let name = identifier(&column.name);
    let has_blanks = values.first().is_some_and(|value| value.is_empty());
    let values = values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ");
    match column.kind {
        ColumnType::Text if has_blanks && values.is_empty() => format!(r"not regexp_like({name}, '\S')"),
        ColumnType::Text if has_blanks => format!(r"(not regexp_like({name}, '\S') or lower(trim({name})) in ({values}))"),
        ColumnType::Text => format!("lower(trim({name})) in ({values})"),
        kind if kind.is_temporal() => format!("cast({name} as date) in ({values})"),
        _ => format!("{name} in ({values})"),
    }
}
