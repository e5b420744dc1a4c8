//! Dates: days that are none, years out of all proportion, and days that can be read in several ways.

use std::collections::BTreeSet;

use hw_base::{TextShape, trimmed};

use super::Suspicion;
use super::profile::Profile;

/// What is wrong with the values of a column of dates.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    let dates = dates(profile);
    let mut found = strangers(profile);
    found.extend(impossible(&dates));
    found.extend(out_of_order(&dates));
    found.extend(out_of_time(&dates));
    found.extend(ambiguous(&dates));
    found
}

/// The share of the rows that must be dates for the others to be strangers among them.
const LEAST_DATED: f64 = 0.8;

/// Values that are no dates in a column of dates.
fn strangers(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.dated < LEAST_DATED || profile.rows < 20.0 {
        return Vec::new();
    }
    let is_date = |shape| matches!(shape, TextShape::Date | TextShape::Timestamp | TextShape::OtherDate | TextShape::Blank);
    let foreign = profile.column.counted().filter(|(code, _, count)| *count > 0 && !is_date(profile.shape(*code)));
    foreign.map(|(code, ..)| Suspicion::new(code, "type_outlier", 0.6 + 0.35 * profile.dated)).collect()
}

/// A value that is written as a date: its code, the rows that hold it, its three numbers, and how many digits each has.
struct Written {
    code: u32,
    count: u32,
    numbers: [u32; 3],
    lengths: [usize; 3],
    separator: char,
}

/// The values that are written as dates, each taken apart once; none where they are not nearly all of the column.
fn dates(profile: &Profile<'_>) -> Vec<Written> {
    if profile.numeric > 0.5 || profile.rows < 10.0 {
        return Vec::new();
    }
    let taken_apart = profile.column.counted().filter_map(|(code, value, count)| {
        let (numbers, lengths, separator) = parts(value)?;
        Some(Written { code, count, numbers, lengths, separator })
    });
    let dates: Vec<Written> = taken_apart.filter(|date| date.count > 0).collect();
    let rows: f64 = dates.iter().map(|date| f64::from(date.count)).sum();
    if rows < 0.8 * profile.rows { Vec::new() } else { dates }
}

/// The three numbers of a date written in digits, time of day left out, how many digits each has, and what stands between them.
fn parts(value: &str) -> Option<([u32; 3], [usize; 3], char)> {
    let day = trimmed(value).split([' ', 'T']).next()?;
    let separator = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '/' | '-' | '.'))?;
    let mut written = day.split(separator);
    let mut next = || written.next().filter(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let texts = [next()?, next()?, next()?];
    let is_date = written.next().is_none() && texts.iter().all(|text| text.len() != 3);
    let numbers = [texts[0].parse().ok()?, texts[1].parse().ok()?, texts[2].parse().ok()?];
    is_date.then_some((numbers, texts.map(str::len), separator))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=days(year, month)).contains(&day)
}

/// The days that a date in digits can mean, as year, month and day.
fn readings(date: &Written) -> BTreeSet<(u32, u32, u32)> {
    let [a, b, c] = date.numbers;
    let full = |year: u32| if year < 50 { 2000 + year } else { 1900 + year };
    let all = match date.lengths {
        [4, ..] => vec![(a, b, c), (a, c, b)],
        [_, _, 4] => vec![(c, a, b), (c, b, a)],
        _ => vec![(full(c), a, b), (full(c), b, a), (full(a), b, c)],
    };
    all.into_iter().filter(|(year, month, day)| is_day(*year, *month, *day)).collect()
}

/// Dates that no calendar has.
fn impossible(dates: &[Written]) -> Vec<Suspicion> {
    let none = dates.iter().filter(|date| !is_plain_day(date) && readings(date).is_empty());
    none.map(|date| Suspicion::new(date.code, "implausible_date", 0.9)).collect()
}

/// How many times more rows must show one order of day and month than the other for that to be the column's.
const TIMES: u32 = 4;
/// Fewer rows do not show an order.
const LEAST_SHOWN: u32 = 10;
/// The share of the different dates that must show the order for all to have it: where hardly a day is above 12, most are no days that were
/// noted down. Each date counts once, for an election is one day, in however many rows.
const PROVEN: f64 = 0.3;
/// How many times more rows must show the order for the few that show the other to be slips, which leave it proven.
const PROVEN_TIMES: u32 = 50;

/// The codes, and the rows, of the dates that show one order.
type Side = (Vec<u32>, u32);

/// What the numbers of some dates show about their order: those that have no month in the middle, and those that have none beside it.
#[derive(Default)]
struct Shown {
    middle: Side,
    beside: Side,
}

impl Shown {
    fn of<'a>(dates: impl Iterator<Item = &'a Written>) -> Self {
        let mut shown = Self::default();
        for date in dates {
            let beside = if date.lengths[0] == 4 { date.numbers[2] } else { date.numbers[0] };
            let side = match (date.numbers[1] > 12, beside > 12) {
                (true, false) => &mut shown.middle,
                (false, true) => &mut shown.beside,
                _ => continue,
            };
            side.0.push(date.code);
            side.1 += date.count;
        }
        shown
    }

    /// Whether many of so many different dates show one order, and hardly a row the other.
    fn is_proven(&self, dates: usize) -> bool {
        let is_enough = (self.middle.0.len() + self.beside.0.len()) as f64 >= PROVEN * dates as f64;
        let (few, many) = self.sides();
        is_enough && many.1 >= LEAST_SHOWN && many.1 >= PROVEN_TIMES * few.1
    }

    /// The codes that break the order which the others show; `None` where no order prevails.
    fn against(&self) -> Option<&[u32]> {
        let (few, many) = self.sides();
        (many.1 >= LEAST_SHOWN && many.1 >= TIMES * few.1).then_some(&few.0)
    }

    /// What fewer rows show, and what more do.
    fn sides(&self) -> (&Side, &Side) {
        if self.middle.1 < self.beside.1 { (&self.middle, &self.beside) } else { (&self.beside, &self.middle) }
    }
}

/// Dates whose day stands where the month does in all others. Where the year comes first, no calendar has them.
fn out_of_order(dates: &[Written]) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let starts_with_year = |date: &&Written| date.lengths[0] == 4;
    if let Some(codes) = Shown::of(dates.iter().filter(starts_with_year)).against() {
        found.extend(codes.iter().map(|code| Suspicion::new(*code, "implausible_date", 0.9)));
    }
    for separator in ['/', '-', '.'] {
        let written_so = dates.iter().filter(|date| date.separator == separator && !starts_with_year(date));
        if let Some(codes) = Shown::of(written_so).against() {
            found.extend(codes.iter().map(|code| Suspicion::new(*code, "format_outlier", 0.8)));
        }
    }
    found
}

/// Whether a date in the usual order is one, which nearly all are.
fn is_plain_day(date: &Written) -> bool {
    date.lengths[0] == 4 && is_day(date.numbers[0], date.numbers[1], date.numbers[2])
}

/// Years far from those of nearly all others.
fn out_of_time(dates: &[Written]) -> Vec<Suspicion> {
    let year = |date: &Written| date.lengths.iter().position(|length| *length == 4).map(|at| date.numbers[at]);
    let mut years: Vec<(u32, u32, u32)> = dates.iter().filter_map(|date| Some((year(date)?, date.code, date.count))).collect();
    years.sort_unstable();
    let rows: u32 = years.iter().map(|(_, _, count)| count).sum();
    let quantile = |share: f64| {
        let mut seen = 0;
        let reached = years.iter().find(|(_, _, count)| {
            seen += count;
            f64::from(seen) >= share * f64::from(rows)
        });
        reached.map_or(0, |(year, ..)| *year)
    };
    let (low, high) = (quantile(0.04), quantile(0.96));
    let reach = 3 * (high - low) + 20;
    let (low_end, high_end) = ends(&years, (quantile(0.1), quantile(0.9)), GREATEST_SHARE * f64::from(rows));
    let odd = years.iter().filter(|(year, ..)| *year + reach < low || *year > high + reach || *year < low_end || *year > high_end);
    odd.map(|(_, code, _)| Suspicion::new(*code, "implausible_date", 0.8)).collect()
}

/// The share of the rows, on one side, that may lie apart.
const GREATEST_SHARE: f64 = 0.05;
/// Years without a date that part a bulk from what lies apart; more where the bulk is wide.
const EMPTY_YEARS: u32 = 25;

/// The years in which the bulk of some years (ascending, with their rows) begins and ends: beyond them lie no more than `few` rows, and before
/// these an empty stretch half as wide as the `middle` four fifths.
fn ends(years: &[(u32, u32, u32)], middle: (u32, u32), few: f64) -> (u32, u32) {
    let empty = EMPTY_YEARS.max((middle.1 - middle.0) / 2);
    let rows = |beyond: &[(u32, u32, u32)]| f64::from(beyond.iter().map(|(_, _, count)| count).sum::<u32>());
    let gaps: Vec<usize> = (1..years.len()).filter(|at| years[*at].0 - years[*at - 1].0 >= empty).collect();
    let low = gaps.iter().rev().find(|at| years[**at].0 <= middle.0 && rows(&years[..**at]) <= few);
    let high = gaps.iter().find(|at| years[**at - 1].0 >= middle.1 && rows(&years[**at..]) <= few);
    (low.map_or(0, |at| years[*at].0), high.map_or(u32::MAX, |at| years[*at - 1].0))
}

/// Dates with a year of two digits that can be read as several days: the column cannot be sorted or compared. Where people write dots,
/// the day comes first, and where many days show where it stands and none contradicts, it stands there in all.
fn ambiguous(dates: &[Written]) -> Vec<Suspicion> {
    let has_two_digits = |date: &&Written| date.lengths.iter().all(|length| *length < 3);
    let two_digits = || dates.iter().filter(|date| date.separator != '.').filter(has_two_digits);
    if Shown::of(two_digits()).is_proven(two_digits().count()) {
        return Vec::new();
    }
    let several = two_digits().filter(|date| readings(date).len() > 1);
    several.map(|date| Suspicion::new(date.code, "ambiguous_date", 0.6).by_itself()).collect()
}
