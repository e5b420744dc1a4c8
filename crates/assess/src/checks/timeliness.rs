//! How old the newest row is, against what is usual for the dataset.

use hw_base::{CalendarSpan, ColumnFacts, Dimension, TableFacts, Timestamp, duration};

use crate::column::{is_temporal, moment, moment_in_sql, moments_in_sql, present, present_until};
use crate::{Examination, Finding, words};

/// What the time columns tell about the age of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness {
    /// The column that tells.
    pub column: String,
    /// Its earliest moment.
    pub oldest: Timestamp,
    /// Its latest moment that is not in the future, a day of grace included.
    pub newest: Timestamp,
    /// How old the newest row is, in seconds; never below zero.
    pub age_seconds: f64,
    /// How old it may be, in seconds: a day, or three times the usual pause between two moments, or a day more than the usual pause between two days with rows, if that is longer.
    pub allowed_seconds: f64,
    /// How surely the column tells the age of the data, 0 to 1.
    pub confidence: f64,
    /// Whether the data ended more than a year ago, and longer ago than it lasted or than five years: it tells of a closed period, and is no
    /// feed that could be late.
    pub is_closed: bool,
}

const SECONDS_OF_A_YEAR: f64 = 366.0 * 86_400.0;
/// With rows on fewer days than this, days say nothing about a pause.
const LEAST_DAYS: usize = 5;

/// The freshness by the column that tells it most surely; `None` where no time column does, and where only the first rows were read: the newest
/// one may be among the others.
pub fn freshness(examination: &Examination) -> Option<Freshness> {
    let is_read = examination.facts.beginning.is_none();
    let columns = examination.facts.columns.iter().filter(|column| is_read && is_temporal(column) && present(column) > 0);
    let rated = columns.filter_map(|column| Some((column, confidence(&column.name)?)));
    let readings = rated.filter_map(|(column, confidence)| reading(examination, column, confidence));
    readings.max_by(|a, b| a.confidence.total_cmp(&b.confidence).then(a.newest.cmp(&b.newest)))
}

/// Why nothing tells the age of the newest row.
pub(crate) fn why_unknown(facts: &TableFacts) -> &'static str {
    if facts.beginning.is_some() {
        "only the first rows were read, and the newest may be among the others"
    } else {
        "no column tells when rows came"
    }
}

/// Whether a column of this name tells when rows came.
pub(crate) fn tells_age(name: &str) -> bool {
    confidence(name).is_some()
}

/// How surely a column of this name tells when rows came; `None` for moments of another kind, such as a birthday.
fn confidence(name: &str) -> Option<f64> {
    match () {
        () if words::has_word(name, words::CHANGE_TIME) => Some(0.9),
        () if words::has_word(name, words::OTHER_TIME) => None,
        () if words::has_word(name, words::EVENT_TIME) => Some(0.7),
        () => Some(0.5),
    }
}

fn reading(examination: &Examination, column: &ColumnFacts, confidence: f64) -> Option<Freshness> {
    let (oldest, newest) = (moment(&column.min)?, newest(examination, column)?);
    let age_seconds = (examination.now - newest).as_seconds_f64().max(0.0);
    let span = (newest - oldest).as_seconds_f64().max(0.0);
    let usual_pause = span / column.distinct.saturating_sub(1).max(1) as f64;
    let limits = examination.limits;
    let allowed_seconds = limits.fresh_seconds.max(limits.fresh_pauses * usual_pause).max(pause_of_days(column));
    let is_closed = age_seconds > span.clamp(SECONDS_OF_A_YEAR, 5.0 * SECONDS_OF_A_YEAR);
    Some(Freshness { column: column.name.clone(), oldest, newest, age_seconds, allowed_seconds, confidence, is_closed })
}

/// The pause that nine of ten days with rows keep until the next one, and a day more, in seconds: rows that come once a week come in
/// many moments of one day. Zero where rows come on nearly all days, where days are not told one by one, or where they are few.
fn pause_of_days(column: &ColumnFacts) -> f64 {
    let Some(cadence) = column.numbers.as_ref().and_then(|numbers| numbers.cadence.as_ref()) else { return 0.0 };
    let days: Vec<usize> = cadence.counts.iter().enumerate().filter(|(_, rows)| **rows > 0).map(|(day, _)| day).collect();
    if cadence.span != CalendarSpan::Day || days.len() < LEAST_DAYS {
        return 0.0;
    }
    let mut pauses: Vec<usize> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
    pauses.sort_unstable();
    let usual = pauses[pauses.len() * 9 / 10];
    if usual < 2 { 0.0 } else { (usual + 1) as f64 * 86_400.0 }
}

/// The latest moment that is not in the future; where nobody asked for it, a quantile tells about it.
fn newest(examination: &Examination, column: &ColumnFacts) -> Option<Timestamp> {
    let (latest, until) = (moment(&column.max)?, present_until(examination.now));
    if latest <= until {
        return Some(latest);
    }
    let asked = examination.evidence.latest.get(&column.name).and_then(|latest| moment(&latest.come));
    let nearly = nearly(column, until);
    // Rows that are not read again were not asked.
    if examination.evidence.taken_over.is_some() { asked.max(nearly) } else { asked.or(nearly) }
}

/// The greatest quantile up to the 99th percentile that is not in the future: those above it may lie between the last moment that has come and one
/// that has not, where none is.
fn nearly(column: &ColumnFacts, until: Timestamp) -> Option<Timestamp> {
    let told = column.numbers.as_ref()?.quantiles.iter().filter(|quantile| quantile.at <= 0.99 && quantile.value.is_finite());
    told.filter_map(|quantile| from_seconds(quantile.value)).filter(|moment| *moment <= until).max()
}

fn from_seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are enough, and the cast saturates")]
    Timestamp::from_timestamp(seconds as i64, 0)
}

pub(super) fn stale_data(examination: &Examination) -> Option<Finding> {
    let freshness = freshness(examination).filter(|freshness| !freshness.is_closed)?;
    let late = freshness.age_seconds - freshness.allowed_seconds;
    let is_very_late = freshness.age_seconds > 10.0 * freshness.allowed_seconds;
    (late > 0.0).then(|| {
        Finding::new("stale_data", Dimension::Timeliness, examination.facts.rows)
            .column(&freshness.column)
            .confidence(freshness.confidence)
            .weight(if is_very_late && freshness.confidence >= 0.9 { 0.5 } else { 0.1 })
            .affects(late)
            .says(format!(
                "the newest {}`{}` is {} old; {} would be usual at the pace of the rows",
                examination.sampled(),
                freshness.column,
                age(freshness.age_seconds),
                age(freshness.allowed_seconds)
            ))
            .shows(vec![freshness.newest.format("%Y-%m-%d %H:%M:%S").to_string()])
            .query(newest_query(examination, &freshness.column))
            .fix("check that the source still delivers; promise an age with `freshness`, and every run is judged by it")
    })
}

/// The query for the newest moment, without those in the future where there are such.
fn newest_query(examination: &Examination, name: &str) -> String {
    let until = present_until(examination.now);
    let column = examination.facts.columns.iter().find(|column| column.name == name);
    let reaches_beyond = column.filter(|column| moment(&column.max).is_some_and(|latest| latest > until));
    let come = reaches_beyond.map(|column| format!(" where {} <= {}", moments_in_sql(column), moment_in_sql(until)));
    format!("select max({}) as newest from {}{}", hw_base::identifier(name), examination.shown_as, come.unwrap_or_default())
}

/// An age for people: in days from two days on.
pub(crate) fn age(seconds: f64) -> String {
    if seconds >= 172_800.0 { format!("{:.1} days", seconds / 86_400.0) } else { duration(seconds) }
}
