//! Numbers: values that are none among numbers, units written in several ways, and numbers far from all others.

use std::collections::BTreeMap;

use hw_base::TextShape;

use super::Suspicion;
use super::ballot::is_code;
use super::profile::Profile;

/// What does not fit a column of numbers.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    let mut found = outliers(profile);
    match dressings(profile) {
        Some(dressings) => found.extend(mixtures(profile, &dressings)),
        None => found.extend(strangers(profile)),
    }
    found
}

/// Values that are no numbers in a column of numbers.
fn strangers(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.quantities < 0.9 || profile.rows < 20.0 {
        return Vec::new();
    }
    let mut usual = vec![TextShape::Integer, TextShape::Decimal, TextShape::Blank];
    let writes_thousands_plainly = profile.numbers().iter().any(|(number, ..)| number.abs() >= 1_000.0);
    if profile.numeric < 0.9 || !writes_thousands_plainly {
        usual.push(TextShape::NumberLike);
    }
    let foreign =
        profile.column.counted().filter(|(code, value, count)| *count > 0 && !usual.contains(&profile.shape(*code)) && !is_number(value));
    foreign.map(|(code, ..)| Suspicion::new(code, "type_outlier", 0.6 + 0.35 * profile.quantities)).collect()
}

/// Whether a computer reads it as a number all the same: leading zeros, infinity.
fn is_number(value: &str) -> bool {
    value.trim().parse::<f64>().is_ok()
}

/// A number taken apart: what stands before it, the number, and what stands after it.
fn undressed(value: &str) -> Option<(&str, f64, &str)> {
    let value = value.trim();
    let start = value.find(|c: char| c.is_ascii_digit())?;
    let start = if value[..start].ends_with('.') { start - 1 } else { start };
    let start = if value[..start].ends_with('-') { start - 1 } else { start };
    let rest = &value[start..];
    let length = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-'))).unwrap_or(rest.len());
    let digits = rest[..length].trim_end_matches(['.', ',', '-']);
    let (before, after) = (&value[..start], &rest[digits.len()..]);
    let plain = before.chars().chain(after.chars()).all(|c| !c.is_ascii_digit());
    let number = digits.replace(',', "").parse().ok()?;
    (plain && before.len() <= 4 && after.len() <= 16).then_some((before, number, after))
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
        if let Some((before, _, after)) = undressed(value) {
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
    if !prevails && !is_one_in_many_ways {
        return strangers(profile);
    }
    let values =
        profile.column.counted().filter_map(|(code, value, _)| undressed(value).map(|(before, _, after)| (code, value, (before, after))));
    let odd = values.filter(|(_, _, way)| !prevails || way != usual);
    let confidence = if prevails { 0.6 + 0.38 * most / rows } else { 0.75 };
    let mut found: Vec<Suspicion> = odd
        .map(|(code, value, _)| {
            let suspicion = Suspicion::new(code, "unit_mixture", confidence).by_itself();
            let plain = value.trim().trim_matches(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.'))).trim_end_matches('.');
            suspicion.suggesting(format!("{}{plain}{}", usual.0, usual.1))
        })
        .collect();
    found.extend(strangers(profile).into_iter().filter(|other| !found.iter().any(|known| known.code == other.code)).collect::<Vec<_>>());
    found
}

/// Whether two ways of writing can mean the same unit: one has none, or both begin with the same letter.
fn is_one_unit(a: &(&str, &str), b: &(&str, &str)) -> bool {
    let letter = |way: &(&str, &str)| way.0.chars().chain(way.1.chars()).find(|c| c.is_alphabetic()).map(|c| c.to_ascii_lowercase());
    match (letter(a), letter(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Numbers beyond all measure: far outside the middle half of the distinct numbers, as they are and by order of magnitude,
/// alone, and with a gap to the rest.
fn outliers(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.numeric < 0.8 || profile.rows < 30.0 || profile.numbers().len() < 10 || is_code(profile) {
        return Vec::new();
    }
    let numbers = profile.numbers();
    let plain: Vec<(f64, u32)> = numbers.iter().map(|(number, _, count)| (*number, *count)).collect();
    let sized: Vec<(f64, u32)> = plain.iter().map(|(number, count)| (number.signum() * number.abs().ln_1p(), *count)).collect();
    let (raw, logged) = (Fence::of(&plain), Fence::of(&sized));
    let mut found = Vec::new();
    for (at, (number, code, count)) in numbers.iter().enumerate() {
        let excess = raw.excess(*number).min(logged.excess(sized[at].0));
        if excess > 3.0 && f64::from(*count) <= (0.002 * profile.rows).max(2.0) {
            found.push(Suspicion::new(*code, "numeric_outlier", (0.4 + 0.06 * excess).min(0.9)));
        }
    }
    let accused: u32 = found.iter().map(|suspicion| profile.column.counts[suspicion.code as usize]).sum();
    if f64::from(accused) > (0.01 * profile.rows).max(2.0) { Vec::new() } else { found }
}

/// The middle half of the rows' numbers.
struct Fence {
    low: f64,
    high: f64,
}

impl Fence {
    /// From sorted numbers with their counts.
    fn of(numbers: &[(f64, u32)]) -> Self {
        let rows: f64 = numbers.iter().map(|(_, count)| f64::from(*count)).sum();
        let quantile = |at: f64| {
            let mut seen = 0.0;
            let reached = numbers.iter().find(|(_, count)| {
                seen += f64::from(*count);
                seen >= at * rows
            });
            reached.or(numbers.last()).map_or(0.0, |(number, _)| *number)
        };
        Self { low: quantile(0.1), high: quantile(0.9) }
    }

    /// How many times the width of the middle a number lies outside it; 0 inside, and where the middle has no width.
    fn excess(&self, number: f64) -> f64 {
        let width = self.high - self.low;
        if width <= 0.0 { 0.0 } else { ((self.low - number).max(number - self.high) / width).max(0.0) }
    }
}
