//! Missing values in disguise: words that stand for nothing, and numbers and dates that nobody measured.

use std::collections::BTreeSet;

use hw_base::{TextShape, trimmed};

use super::profile::Profile;
use super::{GREATEST_SHARE_OF_NOTHING, Suspicion};

/// Words that say that there is no value, whatever the column is about.
const NOTHING: &[&str] = &[
    "n/a",
    "#n/a",
    "n.a.",
    "n.a",
    "<na>",
    "<null>",
    "null",
    "(null)",
    "[null]",
    "nil",
    "nan",
    "#value!",
    "#ref!",
    "#null!",
    "#div/0!",
    "#name?",
    "not available",
    "not applicable",
    "not known",
    "missing",
    "undefined",
    "tbd",
    "tba",
    "no data",
    "-",
    "--",
    "---",
    "?",
    "??",
    "???",
    ".",
    "..",
    "...",
    "_",
    "\\n",
];
/// Words that say so only among numbers, dates and codes: elsewhere they can be a category of their own.
const NOTHING_AMONG_NUMBERS: &[&str] = &[
    "na",
    "none",
    "unknown",
    "unk",
    "nd",
    "x",
    "xx",
    "xxx",
    "empty",
    "blank",
    "void",
    "not specified",
    "not provided",
    "not recorded",
    "tbc",
];
/// Words that say that somebody did not know, in whatever column; where they are many they are a category that was asked for.
const UNKNOWN: &[&str] = &["unknown", "not specified", "not provided", "not recorded"];
/// Fewer rows than this share hold what is rare.
const RARE: f64 = 0.05;
/// How many times as frequent as the others a code may be.
const MOST_TIMES: f64 = 3.0;
/// Days that programs write where they know none.
const FILLER_DAYS: &[&str] = &[
    "0000-00-00",
    "0001-01-01",
    "1111-11-11",
    "1753-01-01",
    "1899-12-30",
    "1899-12-31",
    "1900-01-01",
    "1901-01-01",
    "1970-01-01",
    "2099-12-31",
    "9999-12-31",
    "9999-01-01",
    "01/01/1900",
    "1/1/1900",
    "01/01/1970",
    "1/1/1970",
    "12/31/9999",
    "31/12/9999",
];

/// Whether a text is a word for no value, in whatever column.
pub(crate) fn says_nothing(value: &str) -> bool {
    let word = trimmed(value).to_lowercase();
    word.is_empty() || NOTHING.contains(&word.as_str())
}

/// Whether a text is a word for no value or says that nobody knows one: it names no thing.
pub(super) fn names_nothing(value: &str) -> bool {
    says_nothing(value) || UNKNOWN.contains(&trimmed(value).to_lowercase().as_str())
}

/// Values that stand for no value.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.column.values() < 2 {
        return Vec::new();
    }
    let mut found = words(profile);
    found.extend(filler_numbers(profile));
    found.extend(filler_days(profile));
    found
}

fn words(profile: &Profile<'_>) -> Vec<Suspicion> {
    let is_about_symbols = share_of(profile, |value| !value.chars().any(char::is_alphanumeric)) > 0.6;
    let mut found = Vec::new();
    for (code, value, count) in profile.column.counted().filter(|(_, value, count)| *count > 0 && trimmed(value).len() < 16) {
        if matches!(profile.shape(code), TextShape::Integer | TextShape::Decimal | TextShape::Date | TextShape::Timestamp) {
            continue;
        }
        let word = trimmed(value).to_lowercase();
        let others = (profile.rows - f64::from(count)).max(1.0);
        let measured = (profile.numeric + profile.dated) * profile.rows / others;
        let is_symbol = !word.chars().any(char::is_alphanumeric);
        // Programs write `nan`, `NaN` and `NAN`; Nan is a town.
        let is_name = value == "Nan" && measured < 0.5;
        let means_something = || is_name || is_symbol && is_about_symbols || is_code_like_all(profile, value, count);
        let is_nothing = word.is_empty() || NOTHING.contains(&word.as_str()) && !means_something();
        if is_nothing {
            found.push(Suspicion::new(code, "disguised_missing", 0.97).by_itself());
        } else if measured > 0.9 && NOTHING_AMONG_NUMBERS.contains(&word.as_str()) {
            found.push(Suspicion::new(code, "disguised_missing", 0.96).by_itself());
        } else if UNKNOWN.contains(&word.as_str()) && f64::from(count) < RARE * profile.rows {
            found.push(Suspicion::new(code, "disguised_missing", 0.6));
        }
    }
    found
}

/// Whether a word in one case is one of codes that are built so, and no more frequent than they are: the airport of Nadi is `NAN`, and Min Nan
/// is `nan`. Among codes in capitals, some may have digits or be shorter, as `BS1` and `05` are beside `TBA`.
fn is_code_like_all(profile: &Profile<'_>, value: &str, count: u32) -> bool {
    let is_upper = value.bytes().all(|b| b.is_ascii_uppercase());
    let is_in_case = |b: u8| if is_upper { b.is_ascii_uppercase() } else { b.is_ascii_lowercase() };
    let is_alike = |text: &str| text.len() == value.len() && text.bytes().all(is_in_case);
    let has_capitals_and_digits =
        |text: &str| (1..=value.len()).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let are_codes = || is_upper && share_of(profile, is_alike) > 0.25 && share_of(profile, has_capitals_and_digits) > 0.9;
    is_alike(value) && f64::from(count) * profile.variety() <= MOST_TIMES && (share_of(profile, is_alike) > 0.9 || are_codes())
}

fn share_of(profile: &Profile<'_>, is_such: impl Fn(&str) -> bool) -> f64 {
    let such = profile.column.counted().filter(|(_, value, _)| is_such(value));
    such.map(|(_, _, count)| f64::from(count)).sum::<f64>() / profile.rows.max(1.0)
}

/// Least or greatest numbers such as -1 or 9999, repeated, and far from what is none of them. Where -999 and its like alone are below zero they can be
/// no measurements, however widely the others are spread and however many they are up to half of the rows.
fn filler_numbers(profile: &Profile<'_>) -> Vec<Suspicion> {
    let numbers = profile.numbers();
    let is_such = |(value, ..): &&(f64, u32, u32)| is_filler(*value);
    let (below, above) = (numbers.iter().take_while(is_such).count(), numbers.iter().rev().take_while(is_such).count());
    if profile.numeric < 0.9 || below + above + 2 > numbers.len() {
        return Vec::new();
    }
    let others = &numbers[below..numbers.len() - above];
    let (least, greatest) = (others[0].0, others[others.len() - 1].0);
    let spread = others[others.len() * 9 / 10].0 - others[others.len() / 10].0;
    let ends = numbers[..below].iter().chain(&numbers[numbers.len() - above..]);
    let fillers = ends.filter_map(|(value, code, count)| {
        let gap = (least - value).max(value - greatest);
        // Among few numbers -1 may be one of a scale, unless it leaves out the 0.
        let is_of_scale = numbers.len() < 8 && gap < 2.0;
        let is_far = *count > 1 && gap > 1.5 * spread && !is_of_scale;
        let suspicion = Suspicion::new(*code, "disguised_missing", 0.8);
        let is_no_measurement =
            *value < 0.0 && is_of_nines(*value) && least >= 0.0 && *count >= LEAST_MARKED && others.len() >= LEAST_NUMBERS;
        let is_a_part = f64::from(*count) <= GREATEST_SHARE_OF_NOTHING * profile.rows;
        if is_no_measurement && is_a_part { Some(suspicion.by_itself()) } else { is_far.then_some(suspicion) }
    });
    let mut found: Vec<Suspicion> = fillers.collect();
    if found.is_empty() {
        found.extend(lone_zero(profile).or_else(|| recurring_nines(profile)));
    }
    found
}

/// Whether programs and people write a number where they have none.
pub(super) fn is_filler(value: f64) -> bool {
    let (written, digits) = (format!("{value}"), format!("{}", value.abs()));
    is_of_nines(value) || written == "-1" || digits == "88888" || digits == "12345"
}

/// Whether a number is written in nines alone, two at least.
fn is_of_nines(value: f64) -> bool {
    let digits = format!("{}", value.abs());
    digits.len() > 1 && digits.bytes().all(|digit| digit == b'9')
}

/// Fewer rows make no marker that stands alone, and fewer other numbers no norm for one.
const LEAST_MARKED: u32 = 3;
const LEAST_NUMBERS: usize = 10;
/// The greatest of the numbers below zero that may be markers among others: -99 may well be measured.
const LEAST_NINES: f64 = -999.0;
/// How many times as frequent as any other number a 0 must be to be a marker, and how far from them, in widths of their middle four fifths.
const TIMES: u32 = 5;
const LEAST_GAP: f64 = 0.75;

/// A 0 that is rare and recurs among numbers that hardly do and lie far from it. An amount that comes down to 0 leaves no such gap.
fn lone_zero(profile: &Profile<'_>) -> Option<Suspicion> {
    let [(value, code, count), others @ ..] = profile.numbers() else { return None };
    if *value != 0.0 || *count < LEAST_MARKED || others.len() < LEAST_NUMBERS {
        return None;
    }
    let (nearest, most) = (others[0].0, others.iter().map(|(_, _, count)| *count).max().unwrap_or(0));
    let width = others[others.len() * 9 / 10].0 - others[others.len() / 10].0;
    let is_rare = f64::from(*count) < RARE * profile.rows && *count >= TIMES * most;
    (is_rare && nearest >= LEAST_GAP * width).then(|| Suspicion::new(*code, "disguised_missing", 0.6))
}

/// A number such as -999 that recurs among numbers that hardly do, wherever it lies: some of them may be below zero as well.
fn recurring_nines(profile: &Profile<'_>) -> Option<Suspicion> {
    let numbers = profile.numbers();
    let nines = numbers.iter().filter(|(value, ..)| *value <= LEAST_NINES && is_of_nines(*value));
    let (_, code, count) = nines.max_by_key(|(.., count)| *count)?;
    let others = numbers.iter().filter(|(_, other, _)| other != code);
    let most = others.map(|(.., count)| *count).max().unwrap_or(0);
    let is_marker = numbers.len() > LEAST_NUMBERS && *count >= LEAST_MARKED.max(TIMES * most);
    let is_a_part = f64::from(*count) <= GREATEST_SHARE_OF_NOTHING * profile.rows;
    (is_marker && is_a_part).then(|| Suspicion::new(*code, "disguised_missing", 0.8))
}

/// A filler day that lies apart from the other days, or that is far more frequent than any of them.
fn filler_days(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.dated < 0.8 || profile.column.values() < 8 {
        return Vec::new();
    }
    let fillers: Vec<(u32, &str, u32)> = profile.column.counted().filter(|(_, value, _)| is_filler_day(value)).collect();
    if fillers.is_empty() {
        return Vec::new();
    }
    let second = second_greatest(&profile.column.counts[1..]);
    let others: BTreeSet<i32> =
        profile.column.counted().filter(|(_, value, _)| !is_filler_day(value)).filter_map(|(_, value, _)| year(value)).collect();
    let told = fillers.into_iter().filter(|(_, value, count)| {
        let apart = year(value).is_some_and(|year| others.iter().all(|other| other.abs_diff(year) >= 5));
        apart || *count > 10 * second.max(1)
    });
    told.map(|(code, ..)| Suspicion::new(code, "disguised_missing", 0.85)).collect()
}

/// Whether a value is such a day, with or without a time of day.
fn is_filler_day(value: &str) -> bool {
    FILLER_DAYS.iter().filter_map(|day| value.strip_prefix(day)).any(|rest| rest.is_empty() || rest.starts_with(['T', ' ']))
}

/// The first number of four digits.
fn year(value: &str) -> Option<i32> {
    value.split(|c: char| !c.is_ascii_digit()).find(|part| part.len() == 4).and_then(|part| part.parse().ok())
}

/// The second greatest of some counts; 0 where there are fewer.
fn second_greatest(counts: &[u32]) -> u32 {
    let keep = |(first, second): (u32, u32), count: u32| (first.max(count), second.max(first.min(count)));
    counts.iter().copied().fold((0, 0), keep).1
}
