//! Columns of numbers and moments as numbers: all rows where they are needed, a few rows for a first look.

use std::sync::OnceLock;

use hw_base::{CodedTable, ColumnType};

use crate::columns::Column;
use crate::words::words;

/// Rows of a first look.
const SAMPLED: usize = 2_000;
/// A stride without a factor in common with the sample, near its golden section: it pairs rows that have nothing to do with each
/// other.
const STRIDE: usize = 1_237;

/// The rows of a first look, evenly spread; all of them where they are few.
pub(super) fn sampled_rows(rows: usize) -> Vec<u32> {
    let taken = rows.min(SAMPLED);
    (0..taken).filter_map(|at| u32::try_from(at * rows / taken).ok()).collect()
}

/// For each place in a sample another one that has nothing to do with it.
pub(super) fn unrelated(places: usize) -> impl Fn(usize) -> usize {
    move |at| (at * STRIDE + places / 3 + 1) % places.max(1)
}

/// The share of the rows with a value that must read as a number or a moment for a column of text to be one of them; the other rows are
/// left out. Fewer rows show nothing.
const LEAST_READABLE: (f64, u64) = (0.9, 20);

/// A column of numbers or moments.
pub(super) struct Quantity<'a> {
    /// Its position in the table.
    pub(super) at: usize,
    /// The words of its name.
    pub(super) words: Vec<String>,
    /// Whether it holds days or moments, as seconds since 1970.
    pub(super) is_time: bool,
    /// Whether it is a column of text, most of which reads as such.
    pub(super) is_text: bool,
    /// Digits behind the point of the sampled values, at most.
    pub(super) decimals: usize,
    /// The values of the sampled rows; `NaN` for null.
    pub(super) sample: Vec<f64>,
    column: &'a Column<'a>,
    all: OnceLock<Vec<f64>>,
}

impl<'a> Quantity<'a> {
    /// The columns of a table that hold numbers, days or moments; also those of text that do but for some cells.
    pub(super) fn all_of(table: &CodedTable, columns: &'a [Column<'a>], rows: &[u32]) -> Vec<Self> {
        let of = |at: usize| match table.columns[at].kind {
            kind if is_time(kind) => Some(Self::of(at, &columns[at], rows, true)),
            kind if kind.is_numeric() => Some(Self::of(at, &columns[at], rows, false)),
            ColumnType::Text => Some(Self::of(at, &columns[at], rows, reads_as_time(&columns[at])?)),
            _ => None,
        };
        (0..columns.len()).filter_map(of).collect()
    }

    fn of(at: usize, column: &'a Column<'a>, rows: &[u32], is_time: bool) -> Self {
        let texts = || rows.iter().map(|row| column.text(column.code(*row)));
        let sample = texts().map(|text| text.map_or(f64::NAN, |text| number(text, is_time))).collect();
        let read = texts().flatten().filter(|text| !number(text, is_time).is_nan());
        let decimals = read.map(decimals).max().unwrap_or(0);
        let is_text = column.coded.kind == ColumnType::Text;
        Self { at, words: words(&column.coded.name), is_time, is_text, decimals, sample, column, all: OnceLock::new() }
    }

    /// The value of a row; `NaN` for null.
    pub(super) fn value(&self, row: usize) -> f64 {
        self.by_code()[self.column.coded.codes[row] as usize]
    }

    /// The value of every code, read at the first call.
    pub(super) fn by_code(&self) -> &[f64] {
        let read = || std::iter::once(f64::NAN).chain(self.column.coded.values.iter().map(|text| number(text, self.is_time))).collect();
        self.all.get_or_init(read)
    }

    /// Whether the name ends like that of something that is counted out and not measured.
    pub(super) fn is_identifier(&self) -> bool {
        let last = self.words.last().map_or("", String::as_str);
        matches!(
            last,
            "id" | "key" | "pk" | "fk" | "code" | "no" | "nr" | "num" | "number" | "uuid" | "zip" | "postcode" | "index" | "rank"
        )
    }
}

/// Whether columns of this kind hold points in time.
fn is_time(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Date | ColumnType::Timestamp)
}

/// Whether nearly all of a column of text reads as moments, or as numbers; `None` where neither does. Numbers with leading zeros are codes.
fn reads_as_time(column: &Column<'_>) -> Option<bool> {
    let (mut moments, mut numbers, mut all) = (0_u64, 0_u64, 0_u64);
    for (_, text, count) in column.counted() {
        let count = u64::from(count);
        all += count;
        moments += if number(text, true).is_nan() { 0 } else { count };
        let is_code = text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_code {
            return None;
        }
        numbers += if number(text, false).is_nan() { 0 } else { count };
    }
    let (least, fewest) = LEAST_READABLE;
    let is_enough = |read: u64| read >= fewest && read as f64 >= least * all as f64;
    if is_enough(moments) { Some(true) } else { is_enough(numbers).then_some(false) }
}

fn number(text: &str, is_time: bool) -> f64 {
    let text = text.trim();
    if is_time {
        seconds(text).unwrap_or(f64::NAN)
    } else {
        text.parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(f64::NAN)
    }
}

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
}

/// Seconds since 1970 of `2026-01-31`, `2026-01-31 10:20:30.5` and the like, with `T` and a zone or without; `None` for anything else.
fn seconds(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> { text.get(from..to)?.parse().ok() };
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (month, day) = (digits(5, 7)?, digits(8, 10)?);
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day) && matches!(bytes.get(10), None | Some(b' ' | b'T'));
    if !is_day {
        return None;
    }
    let mut seconds = (days(digits(0, 4)?, month, day) * 86_400) as f64;
    if let (Some(hour), Some(minute)) = (digits(11, 13), digits(14, 16)) {
        seconds += (hour * 3_600 + minute * 60) as f64;
        let (rest, zone) = split_zone(text.get(16..)?);
        seconds += rest.strip_prefix(':').and_then(|second| second.parse::<f64>().ok()).unwrap_or(0.0) - zone;
    }
    Some(seconds)
}

/// What stands before a zone, and how many seconds the zone is ahead.
fn split_zone(text: &str) -> (&str, f64) {
    let Some(at) = text.find(['+', '-', 'Z']) else { return (text, 0.0) };
    let (rest, zone) = text.split_at(at);
    let part = |from: usize, to: usize| zone.get(from..to).and_then(|digits| digits.parse::<f64>().ok()).unwrap_or(0.0);
    let minutes = if zone.as_bytes().get(3) == Some(&b':') { part(4, 6) } else { part(3, 5) };
    let ahead = part(1, 3) * 3_600.0 + minutes * 60.0;
    (rest, if zone.starts_with('-') { -ahead } else { ahead })
}

/// Days since 1970 of a day of the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_since_1970() {
        let all = [
            "1970-01-01",
            "1970-01-02 00:00:01",
            "1969-12-31T23:00:00Z",
            "2000-03-01",
            "1970-01-01 02:00:00.5+02:00",
            "soon",
            "2026-13-05",
        ];
        assert_eq!(all.map(seconds), [Some(0.0), Some(86_401.0), Some(-3_600.0), Some(951_868_800.0), Some(0.5), None, None]);
    }

    #[test]
    fn unrelated_places_are_all_others() {
        for places in [20, 333, 2_000] {
            let mut reached: Vec<usize> = (0..places).map(unrelated(places)).collect();
            reached.sort_unstable();
            reached.dedup();
            assert_eq!(reached.len(), places);
        }
    }
}
