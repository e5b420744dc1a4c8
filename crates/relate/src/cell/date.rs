//! Dates: days that are none, years out of all proportion, and days that can be read in several ways.

use std::collections::BTreeSet;

use super::Suspicion;
use super::profile::Profile;

/// What is wrong with the values of a column of dates.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.numeric > 0.5 || profile.rows < 10.0 {
        return Vec::new();
    }
    let looks_like =
        profile.column.counted().filter(|(_, value, _)| parts(value).is_some()).map(|(_, _, count)| f64::from(count)).sum::<f64>();
    if looks_like < 0.8 * profile.rows {
        return Vec::new();
    }
    let mut found = impossible(profile);
    found.extend(out_of_time(profile));
    found.extend(ambiguous(profile));
    found
}

/// The three numbers of a date written in digits, time of day left out, and whether the year is written in four digits.
fn parts(value: &str) -> Option<([u32; 3], [usize; 3])> {
    let day = value.trim().split([' ', 'T']).next()?;
    let separator = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '/' | '-' | '.'))?;
    let mut written = day.split(separator);
    let mut next = || written.next().filter(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let texts = [next()?, next()?, next()?];
    let is_date = written.next().is_none() && texts.iter().all(|text| text.len() != 3);
    let numbers = [texts[0].parse().ok()?, texts[1].parse().ok()?, texts[2].parse().ok()?];
    is_date.then_some((numbers, texts.map(str::len)))
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
fn readings(([a, b, c], lengths): ([u32; 3], [usize; 3])) -> BTreeSet<(u32, u32, u32)> {
    let full = |year: u32| if year < 50 { 2000 + year } else { 1900 + year };
    let all = match lengths {
        [4, ..] => vec![(a, b, c), (a, c, b)],
        [_, _, 4] => vec![(c, a, b), (c, b, a)],
        _ => vec![(full(c), a, b), (full(c), b, a), (full(a), b, c)],
    };
    all.into_iter().filter(|(year, month, day)| is_day(*year, *month, *day)).collect()
}

/// Dates that no calendar has.
fn impossible(profile: &Profile<'_>) -> Vec<Suspicion> {
    let none =
        profile.column.counted().filter(|(_, value, count)| *count > 0 && parts(value).is_some_and(|parts| readings(parts).is_empty()));
    none.map(|(code, ..)| Suspicion::new(code, "implausible_date", 0.9)).collect()
}

/// Years far from those of nearly all others.
fn out_of_time(profile: &Profile<'_>) -> Vec<Suspicion> {
    let mut years: Vec<(u32, u32, u32)> = Vec::new();
    for (code, value, count) in profile.column.counted().filter(|(_, _, count)| *count > 0) {
        if let Some((numbers, lengths)) = parts(value)
            && let Some(at) = lengths.iter().position(|length| *length == 4)
        {
            years.push((numbers[at], code, count));
        }
    }
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
    let (low, high) = (quantile(0.02), quantile(0.98));
    let reach = 3 * (high - low) + 20;
    let odd = years.iter().filter(|(year, ..)| *year + reach < low || *year > high + reach);
    odd.map(|(_, code, _)| Suspicion::new(*code, "implausible_date", 0.8)).collect()
}

/// Dates with a year of two digits that can be read as several days: the column cannot be sorted or compared.
fn ambiguous(profile: &Profile<'_>) -> Vec<Suspicion> {
    let two_digits =
        profile.column.counted().filter(|(_, value, _)| parts(value).is_some_and(|(_, lengths)| lengths.iter().all(|length| *length < 3)));
    let several = two_digits.filter(|(_, value, count)| *count > 0 && parts(value).is_some_and(|parts| readings(parts).len() > 1));
    several.map(|(code, ..)| Suspicion::new(code, "ambiguous_date", 0.6).by_itself()).collect()
}
