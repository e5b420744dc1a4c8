//! Numbers: values that are none among numbers, and units written in several ways.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use hw_base::{TextShape, trimmed};

use super::Suspicion;
use super::profile::Profile;

/// What does not fit a column of numbers.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    dressings(profile).map_or_else(|| strangers(profile), |dressings| mixtures(profile, &dressings))
}

/// Numbers in a column of words: in one of few words each, in others the one that recurs. Codes of a letter or two may be digits too.
pub(super) fn among_words(profile: &Profile<'_>) -> Vec<Suspicion> {
    let are_rare = profile.numeric > 0.0 && profile.numeric <= 0.05;
    if profile.rows < 50.0 || !are_rare {
        return Vec::new();
    }
    let is_word = |value: &str| value.bytes().all(|b| !b.is_ascii_digit()) && value.chars().filter(|c| c.is_alphabetic()).nth(2).is_some();
    let share = |rows: u32| f64::from(rows) / profile.rows;
    let words = profile.column.counted().filter(|(_, value, _)| is_word(value)).map(|(_, _, count)| count).sum();
    if share(words) < 0.98 - profile.numeric {
        return Vec::new();
    }
    let numbers = profile.numbers().iter().filter(|(_, _, count)| *count > 0);
    let is_of_few_words = profile.variety() < 0.3;
    let odd = numbers.filter(|(_, _, count)| is_of_few_words || *count > 2 && share(*count) > 0.005);
    odd.map(|(_, code, _)| Suspicion::new(*code, "type_outlier", 0.75)).collect()
}

/// The share of the rows up to which one value can be a slip among numbers; one that recurs more often is a class of its own: `<10000`.
const GREATEST_SHARE: f64 = 0.05;

/// Values that are no numbers in a column of numbers. A letter that ends a whole number makes a code of it (`136A`), but what has
/// fractions is measured, and no code.
fn strangers(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.quantities < 0.9 || profile.rows < 20.0 {
        return Vec::new();
    }
    let are_dressed = profile.numeric < 0.9;
    let are_codes = count_on_in_letters(profile);
    let writes_thousands_plainly = profile.numbers().iter().any(|(number, ..)| number.abs() >= 1_000.0);
    let has_fractions = profile.numbers().iter().any(|(number, ..)| number.fract() != 0.0);
    let is_usual = |code: u32, value: &str| match profile.shape(code) {
        TextShape::Integer | TextShape::Decimal | TextShape::Blank => true,
        TextShape::NumberLike => {
            let is_code = || !has_fractions && are_codes && is_lettered(value);
            are_dressed || is_number(value) || !writes_thousands_plainly && (has_separators(value) || is_code())
        }
        _ => is_number(value),
    };
    let is_class = |value: &str, count: u32| count > SELDOM && names_class(value);
    let foreign = profile
        .column
        .counted()
        .filter(|(_, _, count)| *count > 0 && f64::from(*count) <= GREATEST_SHARE * profile.rows)
        .filter(|(code, value, count)| !is_usual(*code, value) && !is_class(value, *count));
    foreign.map(|(code, ..)| Suspicion::new(code, "type_outlier", 0.6 + 0.35 * profile.quantities)).collect()
}

/// Rows up to which a class such as `over 54` may be a slip.
const SELDOM: u32 = 3;
/// The share of the rows that numbers with a letter must have to be codes, and that of them which ends in one of the first letters.
const LETTERED: (f64, f64) = (0.01, 0.6);

/// Whether the numbers that end in a letter are codes that count on so (`136A`, `136B`): they are more than a few, and most of their letters are
/// the first of the alphabet, as those of slips are not.
fn count_on_in_letters(profile: &Profile<'_>) -> bool {
    let rows = |is_such: &dyn Fn(&str) -> bool| -> f64 {
        let such = profile.column.counted().filter(|(code, value, _)| profile.shape(*code) == TextShape::NumberLike && is_such(value));
        such.map(|(_, _, count)| f64::from(count)).sum()
    };
    let first = |value: &str| trimmed(value).ends_with(|c: char| matches!(c.to_ascii_lowercase(), 'a'..='d'));
    let lettered = rows(&is_lettered);
    lettered >= LETTERED.0 * profile.rows && rows(&first) >= LETTERED.1 * lettered
}

/// Whether a text names a class of numbers.
fn names_class(value: &str) -> bool {
    value.to_lowercase().split_whitespace().any(|word| CLASSES.contains(&word))
}

/// Whether a computer reads it as a number all the same: leading zeros, infinity.
fn is_number(value: &str) -> bool {
    trimmed(value).parse::<f64>().is_ok()
}

/// Whether the digits of a number of a thousand and more are separated into groups of three.
fn has_separators(value: &str) -> bool {
    let whole = trimmed(value).trim_start_matches('-').split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let are_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let starts = groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && are_digits(first));
    starts && whole.contains(',') && groups.all(|group| group.len() == 3 && are_digits(group))
}

/// Whether a letter ends it.
fn is_lettered(value: &str) -> bool {
    trimmed(value).ends_with(char::is_alphabetic)
}

/// A number taken apart: what stands before it, the number, and what stands after it.
fn undressed(value: &str) -> Option<(&str, f64, &str)> {
    let value = trimmed(value);
    let start = value.find(|c: char| c.is_ascii_digit())?;
    let start = if value[..start].ends_with('.') { start - 1 } else { start };
    let start = if value[..start].ends_with('-') { start - 1 } else { start };
    let rest = &value[start..];
    let length = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-'))).unwrap_or(rest.len());
    let digits = rest[..length].trim_end_matches(['.', ',', '-']);
    let (before, after) = (&value[..start], &rest[digits.len()..]);
    let plain = before.chars().chain(after.chars()).all(|c| !c.is_ascii_digit());
    let is_code = digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit()) && digits.starts_with('0');
    let number = digits.replace(',', "").parse().ok()?;
    (plain && !is_code && before.len() <= 4 && after.len() <= 16).then_some((before, number, after))
}

/// Units that people write right behind a number.
const UNITS: &[&str] = &[
    "g", "kg", "mg", "lb", "lbs", "oz", "t", "m", "cm", "mm", "km", "mi", "ft", "in", "inch", "l", "ml", "cl", "dl", "gal", "h", "hr",
    "hrs", "min", "mins", "s", "sec", "secs", "ms", "days", "k", "kb", "mb", "gb", "tb", "hz", "khz", "mhz", "ghz", "kw", "kwh", "usd",
    "eur", "gbp",
];

/// Words that make a class of many numbers of one: `4 or less hours`.
const CLASSES: &[&str] = &["or", "and", "to", "than", "less", "more", "over", "under"];

/// Whether what stands around a number can be a currency or a unit: signs, the code of a currency before it, and behind it a word apart or one
/// of the units that people write without a blank. Other letters make a code of it, as in `136A`, `0_no` and `S2Want`, brackets or `<` a
/// remark, and `3+` is a class.
fn is_unit(before: &str, after: &str) -> bool {
    let is_remark = |text: &str| text.contains(['<', '>', '=', '(', ')', '[', ']', '{', '}']);
    let letters = before.chars().filter(|c| c.is_alphanumeric()).count();
    let is_currency = letters == 0 || letters == 3 && before.trim_end().chars().all(|c| c.is_ascii_uppercase());
    let word = after.trim_end_matches('.').to_lowercase();
    // `1. Yes` and `2) No` are numbered, and nobody writes `196S` for seconds.
    let is_numbered = after.starts_with(['.', ')', ':', '-']) && after.chars().any(char::is_alphanumeric);
    let is_letter = matches!(after, "S" | "H");
    let is_word = !after.starts_with(char::is_alphanumeric) || UNITS.contains(&word.as_str());
    let is_code_or_class = after.starts_with(['_', '+']) || after.split_whitespace().any(|word| CLASSES.contains(&word));
    is_currency && is_word && !is_numbered && !is_letter && !is_code_or_class && !is_remark(before) && !is_remark(after)
}

/// More ways of writing than this are no dressings of one number.
const MOST_WAYS: usize = 16;

/// The rows per way of writing (before, after), where nearly the whole column is numbers in a few ways of writing.
fn dressings<'a>(profile: &Profile<'a>) -> Option<BTreeMap<(&'a str, &'a str), f64>> {
    if profile.rows < 20.0 || profile.dated > 0.2 {
        return None;
    }
    let mut ways: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut dressed = 0.0;
    for (_, value, count) in profile.column.counted() {
        if let Some((before, _, after)) = undressed(value).filter(|(before, _, after)| is_unit(before, after)) {
            *ways.entry((before, after)).or_default() += f64::from(count);
            dressed += f64::from(count);
        }
        if ways.len() > MOST_WAYS {
            return None;
        }
    }
    let has_two = ways.len() > 1 && dressed >= 0.85 * profile.rows;
    has_two.then_some(ways)
}

/// Values whose number is written in another way than most; all values where no way prevails and all mean the same unit.
fn mixtures(profile: &Profile<'_>, ways: &BTreeMap<(&str, &str), f64>) -> Vec<Suspicion> {
    let rows: f64 = ways.values().sum();
    let Some((usual, most)) = ways.iter().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0))) else { return Vec::new() };
    let prevails = most / rows > 0.6;
    let others: Vec<&(&str, &str)> = ways.keys().filter(|way| *way != usual).collect();
    let (least, all_one_unit) = (rows * 0.002, others.iter().all(|way| is_one_unit(usual, way)));
    let is_one_in_many_ways = all_one_unit && ways.values().filter(|count| **count > least).count() > 2;
    if !prevails && !is_one_in_many_ways || !is_measured_in(profile, *usual) {
        return strangers(profile);
    }
    let values = profile.column.counted().filter_map(|(code, value, _)| {
        let (before, number, after) = undressed(value)?;
        Some((code, value, number, (before, after)))
    });
    let odd = values.filter(|(_, _, _, way)| ways.contains_key(way) && (!prevails || way != usual));
    let confidence = if prevails { 0.6 + 0.38 * most / rows } else { 0.75 };
    let usual_numbers = middle(profile, *usual);
    let mut found: Vec<Suspicion> = odd
        .map(|(code, value, number, way)| {
            let suspicion = Suspicion::new(code, "unit_mixture", confidence).by_itself();
            let digits = trimmed(value).strip_prefix(way.0).and_then(|rest| rest.strip_suffix(way.1));
            match digits.filter(|_| is_same_unit(usual, &way, || usual_numbers.contains(&number))) {
                Some(digits) => suspicion.suggesting(format!("{}{digits}{}", usual.0, usual.1)),
                None => suspicion,
            }
        })
        .collect();
    found.extend(strangers(profile).into_iter().filter(|other| !found.iter().any(|known| known.code == other.code)).collect::<Vec<_>>());
    found
}

/// Different numbers that a unit stands beside; fewer are names, as `1 Yes` and `2 No` are.
const LEAST_NUMBERS: usize = 3;

/// Whether numbers that differ are written in this way.
fn is_measured_in(profile: &Profile<'_>, usual: (&str, &str)) -> bool {
    let of_it = profile.column.counted().filter(|(_, _, count)| *count > 0).filter_map(|(_, value, _)| undressed(value));
    of_it.filter(|(before, _, after)| (*before, *after) == usual).take(LEAST_NUMBERS).count() == LEAST_NUMBERS
}

/// Where the numbers of the usual way lie: no farther from their middle half than that is wide.
fn middle(profile: &Profile<'_>, usual: (&str, &str)) -> RangeInclusive<f64> {
    let of_it = profile.column.counted().filter(|(_, _, count)| *count > 0).filter_map(|(_, value, _)| undressed(value));
    let mut numbers: Vec<f64> = of_it.filter(|(before, _, after)| (*before, *after) == usual).map(|(_, number, _)| number).collect();
    numbers.sort_by(f64::total_cmp);
    let at = |part: usize| numbers.get(numbers.len() * part / 4).copied().unwrap_or(f64::NAN);
    let (first, third) = (at(1), at(3));
    2.0 * first - third..=2.0 * third - first
}

/// Whether two ways of writing mean the same unit, so that the number stays as it is: they differ in signs and case, or one has none, and the
/// number lies where it should. A number with a unit of its own, as `165cm` among inches, lies elsewhere.
fn is_same_unit(a: &(&str, &str), b: &(&str, &str), lies_there: impl Fn() -> bool) -> bool {
    let unit = |way: &(&str, &str)| -> String {
        let letters = way.0.chars().chain(way.1.chars()).filter(|c| !c.is_whitespace() && *c != '.');
        letters.flat_map(char::to_lowercase).collect::<String>().trim_end_matches('s').to_owned()
    };
    let (a, b) = (unit(a), unit(b));
    a == b || (a.is_empty() || b.is_empty()) && lies_there()
}

/// Whether two ways of writing can mean the same unit: one has none, or both begin with the same letter.
fn is_one_unit(a: &(&str, &str), b: &(&str, &str)) -> bool {
    let letter = |way: &(&str, &str)| way.0.chars().chain(way.1.chars()).find(|c| c.is_alphabetic()).map(|c| c.to_ascii_lowercase());
    match (letter(a), letter(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}
