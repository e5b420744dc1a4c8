//! Values that are not there, openly or in disguise.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, ColumnType, Dimension, NumberFacts, Value, ValueCount, count, identifier, literal};

use super::patterns;
use crate::column::{blanks, present, quantile, stand_ins, text_of};
use crate::listed::Held;
use crate::pattern::MissingWhere;
use crate::{Cell, Examination, Finding, words};

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
        ColumnType::Text => text_disguises(examination, column),
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

/// Blanks, and the words that stand for a missing value, in exactly the spellings that are told. Where every cell was looked at, the rare spellings of
/// these words are among them.
fn text_disguises(examination: &Examination, column: &ColumnFacts) -> Vec<Disguise> {
    let blank = column.text.as_ref().map_or(0, blanks);
    let blank =
        (blank > 0).then(|| Disguise { shown: "(blank)".into(), value: String::new(), sql: String::new(), rows: blank, confidence: 0.95 });
    let mut words = stand_ins(column);
    if blank.is_some() || !words.is_empty() {
        let rare = rare_spellings(examination, column, &words);
        words.extend(rare);
    }
    let disguise = |(text, rows, confidence): (&str, u64, f64)| Disguise {
        shown: text.into(),
        value: text.into(),
        sql: literal(text),
        rows,
        confidence,
    };
    blank.into_iter().chain(words.into_iter().map(disguise)).collect()
}

/// How some words are spelled besides where they are rare: `none` beside many `None`, with its rows; and rare words that the look at every cell has
/// found among them. Nothing where not all cells were looked at.
fn rare_spellings<'a>(examination: &'a Examination, column: &'a ColumnFacts, words: &[(&str, u64, f64)]) -> Vec<(&'a str, u64, f64)> {
    let looked_at = examination.evidence.relations.iter().filter(|relations| relations.rows >= examination.facts.rows);
    let spelled = looked_at.filter_map(|relations| relations.missing_words.get(&column.name)).flatten();
    let rare = spelled.filter(|(text, _)| !column.top_values.iter().filter_map(text_of).any(|frequent| frequent == text.as_str()));
    let is_own = |cell: &&Cell| cell.column == column.name && cell.issue == "disguised_missing";
    let accused = |text: &str| {
        let mut cells = examination.evidence.relations.iter().flat_map(|relations| &relations.cells).filter(is_own);
        cells.find(|cell| cell.value.as_deref() == Some(text)).map(|cell| cell.confidence)
    };
    let sure = |text: &str| {
        let same = words.iter().find(|(word, ..)| word.trim().eq_ignore_ascii_case(text.trim()));
        same.map(|(_, _, confidence)| *confidence).or_else(|| accused(text))
    };
    rare.filter_map(|(text, rows)| Some((text.as_str(), *rows, sure(text)?))).collect()
}

fn number_disguises(column: &ColumnFacts) -> Vec<Disguise> {
    let marked = number_stand_ins(column);
    let alone = lone_markers(column).into_iter().filter(|(top, _)| !marked.contains(top));
    let marked = marked.iter().map(|top| (*top, 0.6));
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

/// The numbers below zero that stand for a missing value, as they are written, with their rows: as measurements tell them, and where every cell was
/// looked at, as that does.
pub(super) fn stand_ins_below_zero(examination: &Examination, column: &ColumnFacts) -> BTreeMap<String, u64> {
    let mut found: BTreeMap<String, u64> = number_disguises(column).into_iter().map(|disguise| (disguise.value, disguise.rows)).collect();
    let known = Held::StandIns(found.keys().cloned().collect());
    let looked_at = examination.evidence.relations.iter().filter(|relations| relations.rows >= examination.facts.rows);
    let cells = looked_at.flat_map(|relations| &relations.cells);
    let stand_ins = cells.filter(|cell| cell.column == column.name && cell.issue == "disguised_missing");
    for value in stand_ins.filter_map(|cell| cell.value.as_ref()).filter(|value| !known.is_value(value)) {
        *found.entry(value.clone()).or_default() += 1;
    }
    found.retain(|value, _| value.parse::<f64>().is_ok_and(|number| number < 0.0));
    found
}

/// Whether a program has written that there is no number, in every row that has a value.
pub(super) fn holds_only_nan(column: &ColumnFacts) -> bool {
    let is_nan = |top: &ValueCount| matches!(&top.value, Value::Text(text) if text == "NaN");
    column.kind == ColumnType::Float && column.distinct == 1 && column.top_values.first().is_some_and(is_nan)
}

/// Runs of nines far away from all other values, such as 9999 or -999; beyond one of them there may be others.
pub(super) fn number_stand_ins(column: &ColumnFacts) -> Vec<&ValueCount> {
    let Some(numbers) = &column.numbers else { return Vec::new() };
    let (Some(low), Some(high)) = (quantile(numbers, 0.25), quantile(numbers, 0.75)) else { return Vec::new() };
    let reach = 3.0 * (high - low).max(1.0);
    let is_far = |value: f64| value < low - reach || value > high + reach;
    let is_marker = |value: &Value| value.as_f64().is_some_and(|value| is_of_nines(value) && is_far(value));
    let is_extreme = |value: f64| {
        let end = if value < low { &column.min } else { &column.max };
        let lies_beyond = |other: f64| if value < low { other < value } else { other > value };
        let mut beyond = column.top_values.iter().filter(|top| top.value.as_f64().is_some_and(lies_beyond));
        is_marker(end) && beyond.all(|top| is_marker(&top.value))
    };
    let markers = column.top_values.iter().filter(|top| top.count >= 2 && is_marker(&top.value));
    markers.filter(|top| top.value.as_f64().is_some_and(is_extreme)).collect()
}

const MARKERS: [f64; 7] = [99.0, 999.0, 9999.0, 99_999.0, 999_999.0, 9_999_999.0, 999_999_999.0];

fn is_of_nines(value: f64) -> bool {
    MARKERS.iter().any(|nines| (value.abs() - nines).abs() < 1e-9)
}

/// A -1, a run of nines below zero or a 0 that occurs often and stands alone: the only negative number (nines in up to half of the rows), or a zero more
/// than three interquartile ranges below the first quartile and one below all other numbers.
fn lone_markers(column: &ColumnFacts) -> Vec<(&ValueCount, f64)> {
    let Some(numbers) = column.numbers.as_ref().filter(|_| column.distinct >= 10) else { return Vec::new() };
    let find = |wanted: f64| {
        column.top_values.iter().find(|top| top.count >= 3 && top.value.as_f64().is_some_and(|value| (value - wanted).abs() < 1e-9))
    };
    let is_signed = words::has_word(&column.name, words::SIGNED);
    let is_only_negative = |top: &&ValueCount| top.count >= 3 && top.count == numbers.negatives && top.value == column.min;
    let minus_one = find(-1.0).filter(|top| !is_signed && is_only_negative(top));
    let is_a_part = |top: &&ValueCount| top.count.saturating_mul(2) <= present(column);
    let nines = column.top_values.iter().find(|top| is_only_negative(top) && top.value.as_f64().is_some_and(is_of_nines)).filter(is_a_part);
    let is_far = quantile(numbers, 0.25).zip(quantile(numbers, 0.75)).is_some_and(|(first, third)| {
        let spread = third - first;
        spread > 0.0 && first > 3.0 * spread && emptiness_above_least(numbers) >= spread
    });
    let zero = find(0.0).filter(|top| is_far && !is_signed && top.value == column.min);
    minus_one.or(nines).map(|top| (top, 0.6)).into_iter().chain(zero.map(|top| (top, 0.5))).collect()
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
        ColumnType::Text if has_blanks => format!(r"(not regexp_like({name}, '\S') or {name} in ({values}))"),
        kind if kind.is_temporal() => format!("cast({name} as date) in ({values})"),
        _ => format!("{name} in ({values})"),
    }
}
