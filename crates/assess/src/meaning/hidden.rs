//! Dates, numbers and Booleans that text or whole numbers hide, and how they are written.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use hw_base::{ColumnFacts, ColumnType};

use crate::column::telling_texts;
use crate::words;

/// A type that a column hides, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hidden {
    pub(super) logical_type: &'static str,
    pub(super) format: String,
}

/// Share of the frequent values that must have a format before the column has it.
const LEAST: f64 = 0.9;

/// The type that the column hides behind its own; `None` where it hides none.
pub(super) fn hidden(column: &ColumnFacts) -> Option<Hidden> {
    match column.kind {
        ColumnType::Text => in_text(column),
        ColumnType::Integer => in_integers(column),
        _ => None,
    }
}

fn in_text(column: &ColumnFacts) -> Option<Hidden> {
    let texts = telling_texts(column);
    if texts.is_empty() {
        return None;
    }
    boolean(&texts, column.distinct)
        .or_else(|| may_be_dates(&texts).then(|| date(&texts, &column.name)).flatten())
        .or_else(|| number(&texts, &column.name))
}

fn in_integers(column: &ColumnFacts) -> Option<Hidden> {
    let (low, high) = (column.min.as_f64()?, column.max.as_f64()?);
    if column.distinct == 2 && column.distinct_is_exact && low.abs() < 0.5 && (high - 1.0).abs() < 0.5 {
        return Some(Hidden { logical_type: "boolean", format: "0/1".into() });
    }
    let says_time = [words::CHANGE_TIME, words::EVENT_TIME, words::OTHER_TIME].iter().any(|list| words::has_word(&column.name, list));
    let is_within = |from: f64, to: f64| low >= from && high <= to;
    // From 1990 to 2100; smaller numbers are too likely to count something.
    let written = match () {
        () if is_within(631_152_000.0, 4_102_444_800.0) => "seconds since 1970",
        () if is_within(631_152_000_000.0, 4_102_444_800_000.0) => "milliseconds since 1970",
        () if is_within(18_000_101.0, 22_001_231.0) && are_compact_days(column) => {
            return says_time.then(|| Hidden { logical_type: "date", format: "%Y%m%d".into() });
        }
        () => return None,
    };
    says_time.then(|| Hidden { logical_type: "timestamp", format: written.into() })
}

fn are_compact_days(column: &ColumnFacts) -> bool {
    let is_day = |text: &str| NaiveDate::parse_from_str(text, "%Y%m%d").is_ok();
    let mut texts = [&column.min, &column.max].into_iter().chain(column.top_values.iter().map(|top| &top.value)).map(ToString::to_string);
    texts.all(|text| is_day(&text))
}

const BOOLEANS: &[[&str; 2]] = &[
    ["y", "n"],
    ["yes", "no"],
    ["t", "f"],
    ["true", "false"],
    ["1", "0"],
    ["on", "off"],
    ["ja", "nein"],
    ["oui", "non"],
    ["si", "no"],
    ["sí", "no"],
];

fn boolean(texts: &[(&str, u64)], distinct: u64) -> Option<Hidden> {
    let mut seen: Vec<String> = texts.iter().map(|(text, _)| text.trim().to_lowercase()).collect();
    seen.sort_unstable();
    seen.dedup();
    let pair = BOOLEANS.iter().find(|pair| seen.len() == 2 && pair.iter().all(|word| seen.iter().any(|text| text == word)))?;
    (distinct <= 8).then(|| Hidden { logical_type: "boolean", format: pair.join("/") })
}

/// The formats of days, as `strftime` writes them. Of two that fit all values the first one is told, with the other beside it.
const DAYS: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%b %d %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%B %d %Y",
    "%a, %d %b %Y",
];

/// The formats of moments.
const MOMENTS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
];

/// A look at the digits spares most columns the trial of all formats.
fn may_be_dates(texts: &[(&str, u64)]) -> bool {
    let has_digits = |text: &str| (6..=40).contains(&text.len()) && text.bytes().filter(u8::is_ascii_digit).count() >= 3;
    let fitting = texts.iter().filter(|(text, _)| has_digits(text)).count();
    fitting * 2 >= texts.len()
}

fn date(texts: &[(&str, u64)], name: &str) -> Option<Hidden> {
    let all: u64 = texts.iter().map(|(_, count)| count).sum();
    let sum_where = |fits: &dyn Fn(&str) -> bool| texts.iter().filter(|(text, _)| fits(text.trim())).map(|(_, count)| count).sum::<u64>();
    let best = |formats: &'static [&'static str], fits: fn(&str, &str) -> bool| {
        let counted = formats.iter().map(|format| (*format, sum_where(&|text| fits(text, format))));
        let counted: Vec<(&str, u64)> = counted.filter(|(_, count)| *count as f64 >= LEAST * all as f64).collect();
        let most = counted.iter().map(|(_, count)| *count).max()?;
        let equal: Vec<&str> = counted.iter().filter(|(_, count)| *count == most).map(|(format, _)| *format).collect();
        Some(equal.join(" or "))
    };
    if let Some(format) = best(DAYS, is_day) {
        return Some(Hidden { logical_type: "date", format });
    }
    if let Some(format) = best(MOMENTS, is_moment) {
        return Some(Hidden { logical_type: "timestamp", format });
    }
    let says_day = words::has_word(name, words::EVENT_TIME) || words::has_word(name, words::OTHER_TIME);
    let format = best(&["%Y%m%d"], is_day).filter(|_| says_day && texts.iter().all(|(text, _)| text.trim().len() == 8))?;
    Some(Hidden { logical_type: "date", format })
}

/// A year of four digits is one: `1/2/26` is not in the year 26.
fn is_day(text: &str, format: &str) -> bool {
    NaiveDate::parse_from_str(text, format).is_ok_and(|day| day.year() >= 1000)
}

fn is_moment(text: &str, format: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    NaiveDateTime::parse_from_str(text, format).is_ok_and(|moment| moment.year() >= 1000)
}

/// Numbers in a dress: with separators, a currency, a per cent sign or a unit. Plain numbers are told by their shape; leading
/// zeros make a code.
fn number(texts: &[(&str, u64)], name: &str) -> Option<Hidden> {
    if words::is_identifier(name) || words::has_word(name, words::CODE) {
        return None;
    }
    let all: u64 = texts.iter().map(|(_, count)| count).sum();
    let dressed: Vec<(Dress, u64)> = texts.iter().filter_map(|(text, count)| Some((Dress::of(text.trim())?, *count))).collect();
    let fitting: u64 = dressed.iter().map(|(_, count)| count).sum();
    let is_dressed = dressed.iter().any(|(dress, _)| !dress.around.is_empty() || dress.is_grouped || dress.has_comma);
    if (fitting as f64) < LEAST * all as f64 || !is_dressed {
        return None;
    }
    let has = |part: fn(&Dress) -> bool| dressed.iter().any(|(dress, _)| part(dress));
    let digits = match (has(|dress| dress.is_grouped), has(|dress| dress.has_comma), has(|dress| dress.has_point)) {
        (_, true, _) if has(|dress| dress.is_grouped) => "1.234,56",
        (_, true, _) => "1234,56",
        (true, false, true) => "1,234.56",
        (true, false, false) => "1,234",
        (false, false, true) => "1234.56",
        (false, false, false) => "1234",
    };
    let around = most_frequent(&dressed);
    let format = match around.as_str() {
        "" => digits.to_owned(),
        "%" => format!("{digits} %"),
        sign if UNITS.contains(&sign.to_lowercase().as_str()) || sign.chars().all(char::is_alphabetic) => format!("{digits} {sign}"),
        sign => format!("{sign}{digits}"),
    };
    let logical_type = if has(|dress| dress.has_point || dress.has_comma) { "decimal" } else { "integer" };
    Some(Hidden { logical_type, format })
}

/// Units that a number carries; a single letter is more often part of a code.
const UNITS: &[&str] = &[
    "kg", "mg", "km", "cm", "mm", "ml", "lb", "lbs", "oz", "oz.", "ft", "in", "mi", "hr", "hrs", "min", "min.", "mins", "minutes", "sec",
    "secs", "seconds", "ms", "days", "kb", "mb", "gb", "tb", "mph", "km/h", "kmh", "kw", "kwh", "hp", "°c", "°f", "m²", "sqft", "ounce",
    "pieces", "pcs",
];

/// Nothing, a currency or a per cent sign.
fn is_sign(around: &str) -> bool {
    matches!(around, "" | "%" | "$" | "€" | "£" | "¥" | "₹" | "US$") || super::forms::is_currency_code(around)
}

/// How a number is dressed.
#[derive(Clone, Debug, PartialEq)]
struct Dress {
    /// The currency, per cent sign or unit.
    around: String,
    is_grouped: bool,
    has_comma: bool,
    has_point: bool,
}

impl Dress {
    /// The dress of a number; `None` for other text.
    fn of(text: &str) -> Option<Self> {
        let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '\'');
        let inner = text.trim_start_matches(['-', '+', '(']).trim_end_matches(')');
        let first = inner.find(is_of_number)?;
        let last = inner.rfind(is_of_number)? + 1;
        let (before, number, after) = (&inner[..first], &inner[first..last], &inner[last..]);
        let around = format!("{}{}", before.trim(), after.trim());
        let is_dress = is_sign(before.trim()) && (is_sign(after.trim()) || UNITS.contains(&after.trim().to_lowercase().as_str()));
        let is_plain = number.chars().all(is_of_number) && is_dress && (before.is_empty() || after.trim().is_empty());
        let starts_with_zero = number.len() > 1 && number.starts_with('0') && number.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        (is_plain && !starts_with_zero).then(|| Self::with_digits(around, number)).flatten()
    }

    /// Reads groups of three digits and the decimal sign.
    fn with_digits(around: String, number: &str) -> Option<Self> {
        let groups_by = |separator: char, whole: &str| {
            let mut groups = whole.split(separator);
            groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
        };
        let dress = |is_grouped, has_comma, has_point| Some(Self { around, is_grouped, has_comma, has_point });
        match (number.matches(',').count(), number.matches('.').count()) {
            (0, 0) => dress(false, false, false),
            (0, 1) => dress(false, false, true),
            (1, 0) if !groups_by(',', number) => dress(false, true, false),
            (_, 0) if groups_by(',', number) => dress(true, false, false),
            (_, 1) if number.rfind(',') < number.find('.') && groups_by(',', number.split('.').next()?) => dress(true, false, true),
            (1, _) if number.rfind('.') < number.find(',') && groups_by('.', number.split(',').next()?) => dress(true, true, false),
            _ => None,
        }
    }
}

fn most_frequent(dressed: &[(Dress, u64)]) -> String {
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for (dress, count) in dressed.iter().filter(|(dress, _)| !dress.around.is_empty()) {
        *counts.entry(&dress.around).or_default() += count;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(around, _)| around.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::facts;

    #[track_caller]
    fn check(column: &str, wanted: Option<(&str, &str)>) {
        let facts = facts(&format!("rows 100\n{column}"));
        let found = hidden(&facts.columns[0]);
        assert_eq!(found.as_ref().map(|found| (found.logical_type, found.format.as_str())), wanted, "{column}");
    }

    #[test]
    fn days_and_moments_are_found_with_their_format() {
        check("a text; top 31/01/2026*40, 05/02/2026*60", Some(("date", "%d/%m/%Y")));
        check("a text; top 01/31/2026*40, 02/05/2026*60", Some(("date", "%m/%d/%Y")));
        check("a text; top 01/02/2026*40, 02/05/2026*60", Some(("date", "%d/%m/%Y or %m/%d/%Y")));
        check("a text; top 31-Jan-2026*40, 05-Feb-2026*60", Some(("date", "%d-%b-%Y")));
        check("a text; top 2026-01-31_10:00:00*40, 2026-02-05_11:00:00.5*60", Some(("timestamp", "%Y-%m-%d %H:%M:%S%.f")));
        check("day text; top 20260131*40, 20260205*60", Some(("date", "%Y%m%d")));
        check("a text; top 20260131*40, 20260205*60", None);
        check("order_date integer; min 20250101; max 20260131; top 20250101*2", Some(("date", "%Y%m%d")));
        check("created_at integer; min 1700000000; max 1772000000", Some(("timestamp", "seconds since 1970")));
        check("amount integer; min 1700000000; max 1772000000", None);
    }

    #[test]
    fn numbers_in_a_dress_are_found() {
        check("a text; top $1,250.00*40, $3.50*60", Some(("decimal", "$1,234.56")));
        check("a text; top 12_kg*40, 7_kg*60", Some(("integer", "1234 kg")));
        check("a text; top 5%*40, 7.5%*60", Some(("decimal", "1234.56 %")));
        check("a text; top 1.250,00_€*40, 3,5_€*60", Some(("decimal", "€1.234,56")));
        check("a text; top 007*40, 012*60", None);
        check("a text; top SKU-12*40, A7*60", None);
        check("a text; top 12*40, 7*60", None);
    }

    #[test]
    fn two_words_may_be_a_boolean() {
        check("a text; distinct 2; top Y*40, N*60", Some(("boolean", "y/n")));
        check("a text; distinct 3; top Yes*40, no*50, NO*10", Some(("boolean", "yes/no")));
        check("a text; distinct 2; top m*40, f*60", None);
        check("a integer; distinct 2; min 0; max 1", Some(("boolean", "0/1")));
    }
}
