//! Patterns: values that are built differently from nearly all others of their column.

use std::collections::{BTreeMap, HashMap};

use hw_base::{TextShape, character_pattern, trimmed};

use super::Suspicion;
use super::profile::{Profile, is_zero_led};

/// The share of rows that a pattern must have to be one of the usual ones.
const USUAL: f64 = 0.04;
/// The share of rows that the usual patterns must cover together.
const COVERED: f64 = 0.95;
/// More patterns than this are no norm.
const MOST_PATTERNS: usize = 2_000;
/// Characters of a value that its exact pattern looks at.
const MOST_CHARACTERS: usize = 48;

/// Writes the pattern of a value at the end of a text.
type Level = fn(&str, &mut String);

/// Values that no usual pattern of their column covers, where the usual ones cover nearly all.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.rows < 30.0 || profile.column.values() < 2 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_plain = profile.quantities > 0.9 && !has_leading_zeros(profile);
    if !is_plain {
        for level in [exact, runs, coarse] {
            let Some(patterns) = patterns(profile, level) else { continue };
            found = outside(profile, &patterns);
            // Values that are all built alike, character by character, are alike at every coarser level.
            if !found.is_empty() || patterns.keys().all(|pattern| patterns.len() == 1 && pattern.len() < MOST_CHARACTERS) {
                break;
            }
        }
    }
    if found.is_empty() {
        found = digits_among_letters(profile);
    }
    found
}

fn has_leading_zeros(profile: &Profile<'_>) -> bool {
    profile.column.counted().any(|(code, value, count)| count > 0 && profile.shape(code) == TextShape::NumberLike && is_zero_led(value))
}

/// Character classes one by one.
fn exact(value: &str, pattern: &mut String) {
    pattern.extend(value.chars().take(MOST_CHARACTERS).map(class));
}

/// Runs of letters of one case and runs of digits.
fn runs(value: &str, pattern: &mut String) {
    pattern.push_str(&character_pattern(value));
}

/// Runs of letters (of any case) and runs of digits.
pub(super) fn coarse(value: &str, pattern: &mut String) {
    for c in value.chars().take(200) {
        let class = match class(c) {
            'A' => 'a',
            other => other,
        };
        if !(matches!(class, 'a' | '9') && pattern.ends_with(class)) {
            pattern.push(class);
        }
    }
}

fn class(c: char) -> char {
    match c {
        c if c.is_ascii_digit() => '9',
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c => c,
    }
}

type Patterns = BTreeMap<String, (f64, Vec<u32>)>;

/// The rows and the codes of each pattern; `None` where there are too many patterns for a norm.
fn patterns(profile: &Profile<'_>, level: Level) -> Option<Patterns> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut found: Vec<(f64, Vec<u32>)> = Vec::new();
    let (mut pattern, mut last, mut place) = (String::new(), String::new(), 0);
    for (code, value, count) in profile.column.counted().filter(|(_, value, count)| *count > 0 && !trimmed(value).is_empty()) {
        pattern.clear();
        level(value, &mut pattern);
        if found.is_empty() || pattern != last {
            place = *places.entry(pattern.clone()).or_insert(found.len());
            last.clone_from(&pattern);
            if place == found.len() {
                found.push((0.0, Vec::new()));
            }
        }
        found[place].0 += f64::from(count);
        found[place].1.push(code);
        if found.len() > MOST_PATTERNS {
            return None;
        }
    }
    Some(places.into_iter().map(|(pattern, place)| (pattern, std::mem::take(&mut found[place]))).collect())
}

fn outside(profile: &Profile<'_>, patterns: &Patterns) -> Vec<Suspicion> {
    let usual: Vec<(&String, f64)> =
        patterns.iter().map(|(pattern, (rows, _))| (pattern, rows / profile.rows)).filter(|(_, share)| *share >= USUAL).collect();
    let covered: f64 = usual.iter().map(|(_, share)| share).sum();
    let all_built = usual.iter().all(|(pattern, _)| is_built(pattern) || patterns[*pattern].1.len() == 1);
    let is_norm = !usual.is_empty() && usual.len() <= 4 && usual.iter().any(|(pattern, _)| is_built(pattern));
    if !is_norm || !(COVERED..1.0).contains(&covered) || !all_built {
        return Vec::new();
    }
    let is_of_one_length = usual.len() == 1 && covered >= 0.97;
    let confidence = 0.5 + 0.45 * (covered - COVERED) / (1.0 - COVERED);
    let rare = patterns.iter().filter(|(_, (rows, _))| rows / profile.rows < USUAL / 4.0 || *rows < 2.5);
    let is_mixed = usual.iter().any(|(pattern, _)| pattern.contains('9')) && usual.iter().any(|(pattern, _)| pattern.contains(['A', 'a']));
    let is_another_code = |pattern: &str| {
        is_mixed && pattern.chars().all(char::is_alphanumeric) && usual.iter().any(|(usual, _)| usual.len() == pattern.len())
    };
    let is_new_form = |pattern: &str| {
        !is_another_code(pattern)
            && (is_of_one_length || usual.iter().all(|(usual, _)| character_pattern(usual) != character_pattern(pattern)))
    };
    let codes = rare.filter(|(pattern, _)| is_new_form(pattern)).flat_map(|(_, (_, codes))| codes.iter().copied());
    let most = (profile.rows / 2_000.0).max(3.0);
    let seldom = codes.filter(|code| f64::from(profile.column.counts[*code as usize]) <= most);
    seldom.map(|code| Suspicion::new(code, "format_outlier", confidence)).collect()
}

/// Whether a pattern is that of something built, not of words: it has digits, or it is a short code of one word.
fn is_built(pattern: &str) -> bool {
    let has_digit = pattern.contains('9');
    let is_code = pattern.len() <= 4 && pattern.len() > 1 && pattern.chars().all(|c| c == 'A')
        || pattern.len() <= 3 && pattern.chars().all(|c| c == 'a') && pattern.len() > 1;
    has_digit || is_code
}

/// Values with digits in a column of few words that has none elsewhere.
fn digits_among_letters(profile: &Profile<'_>) -> Vec<Suspicion> {
    let has_digit = |value: &str| value.bytes().any(|b| b.is_ascii_digit());
    let with: Vec<(u32, u32)> =
        profile.column.counted().filter(|(_, value, count)| *count > 0 && has_digit(value)).map(|(code, _, count)| (code, count)).collect();
    let rows: u32 = with.iter().map(|(_, count)| count).sum();
    let is_of_words = f64::from(rows) <= 0.02 * profile.rows && profile.variety() < 0.3;
    if !is_of_words {
        return Vec::new();
    }
    with.into_iter().filter(|(_, count)| *count <= 3).map(|(code, _)| Suspicion::new(code, "format_outlier", 0.6)).collect()
}
