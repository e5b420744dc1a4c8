//! Patterns: values that are built differently from nearly all others of their column.

use std::collections::{BTreeMap, HashMap};

use hw_base::{ColumnType, TextShape, character_pattern, trimmed};

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

/// Values that no usual pattern of their column covers, where the usual ones cover nearly all. Only text is written in a way: how the values of
/// another type are printed is no form of theirs.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.rows < 30.0 || profile.column.values() < 2 || profile.column.coded.kind != ColumnType::Text {
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
    if !is_plain {
        let known: Vec<u32> = found.iter().map(|suspicion| suspicion.code).collect();
        found.extend(written_otherwise(profile).into_iter().filter(|other| !known.contains(&other.code)));
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
    pattern.push_str(&run_pattern(value));
}

/// The character pattern in which one digit, or one small letter, is a run too: numbers count on from `order-9` to `order-10`.
fn run_pattern(value: &str) -> String {
    character_pattern(value).replace("9+", "9").replace("a+", "a")
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
    let is_rare = |rows: f64| rows / profile.rows < USUAL / 4.0 || rows < 2.5;
    let is_strange =
        |pattern: &str, rows: f64, codes: &[u32]| rows / profile.rows < USUAL && are_of_another_kind(profile, &usual, pattern, codes);
    let rare = patterns.iter().filter(|(pattern, (rows, codes))| is_rare(*rows) || is_strange(pattern, *rows, codes));
    let is_mixed = usual.iter().any(|(pattern, _)| pattern.contains('9')) && usual.iter().any(|(pattern, _)| pattern.contains(['A', 'a']));
    let is_another_code = |pattern: &str| {
        is_mixed && pattern.chars().all(char::is_alphanumeric) && usual.iter().any(|(usual, _)| usual.len() == pattern.len())
    };
    let is_new_form = |pattern: &str| {
        !is_another_code(pattern) && (is_of_one_length || usual.iter().all(|(usual, _)| run_pattern(usual) != run_pattern(pattern)))
    };
    let codes = rare.filter(|(pattern, _)| is_new_form(pattern)).flat_map(|(_, (_, codes))| codes.iter().copied());
    let most = (profile.rows / 2_000.0).max(3.0);
    let seldom = codes.filter(|code| f64::from(profile.column.counts[*code as usize]) <= most);
    seldom.map(|code| Suspicion::new(code, "format_outlier", confidence)).collect()
}

/// Whether values of one pattern are no codes at all among such: addresses of pages or people, or numbers of another length where no code has a
/// digit. These are told though they recur.
fn are_of_another_kind(profile: &Profile<'_>, usual: &[(&String, f64)], pattern: &str, codes: &[u32]) -> bool {
    let has_digit = usual.iter().any(|(usual, _)| usual.contains('9'));
    let is_of_a_usual_length = usual.iter().any(|(usual, _)| usual.len() == pattern.len());
    codes.iter().all(|code| match profile.shape(*code) {
        TextShape::Url | TextShape::Email => true,
        TextShape::Integer | TextShape::Decimal => !has_digit && !is_of_a_usual_length,
        _ => false,
    })
}

/// The share of rows that one way of writing must have to be the usual one, and that all others may have together.
const USUAL_WAY: f64 = 0.8;
const OTHER_WAYS: f64 = 0.15;
/// Fewer letters and digits, and fewer digits among them, are too little to know the same thing by.
const LEAST_BUILT: (usize, usize) = (5, 3);

/// Values that hold the same letters and digits, class by class, as those of the usual way of writing, and put other signs between them:
/// `555-010-0199` among `(555) 010-0199`. Digits of a country may come before them.
fn written_otherwise(profile: &Profile<'_>) -> Vec<Suspicion> {
    let Some(ways) = patterns(profile, coarse) else { return Vec::new() };
    let Some((usual, (most, codes))) = ways.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0).then_with(|| b.0.cmp(a.0))) else {
        return Vec::new();
    };
    if *most < USUAL_WAY * profile.rows || ways.len() < 2 {
        return Vec::new();
    }
    let mut skeletons: HashMap<String, f64> = HashMap::new();
    for code in codes {
        *skeletons.entry(skeleton(profile.column.text(*code).unwrap_or_default())).or_default() +=
            f64::from(profile.column.counts[*code as usize]);
    }
    skeletons.retain(|skeleton, rows| {
        *rows >= USUAL * profile.rows && skeleton.len() >= LEAST_BUILT.0 && skeleton.matches('9').count() >= LEAST_BUILT.1
    });
    // `<10000` and `65+` are classes.
    let is_class = |value: &str| value.contains(['<', '>', '=', '~', '≤', '≥']) || value.ends_with('+');
    let is_same = |value: &str| {
        let own = skeleton(value);
        let with_country = |usual: &String| {
            value.starts_with('+') && own.strip_suffix(usual.as_str()).is_some_and(|country| matches!(country, "9" | "99" | "999"))
        };
        !is_class(value) && (skeletons.contains_key(&own) || skeletons.keys().any(with_country))
    };
    let others = ways.iter().filter(|(way, _)| *way != usual).flat_map(|(_, (_, codes))| codes);
    let others: Vec<u32> = others.copied().filter(|code| profile.column.text(*code).is_some_and(is_same)).collect();
    let rows: f64 = others.iter().map(|code| f64::from(profile.column.counts[*code as usize])).sum();
    let confidence = 0.6 + 0.35 * most / profile.rows;
    if rows > OTHER_WAYS * profile.rows {
        return Vec::new();
    }
    others.into_iter().map(|code| Suspicion::new(code, "format_outlier", confidence)).collect()
}

/// The classes of the letters and digits of a value, without what stands between them.
fn skeleton(value: &str) -> String {
    trimmed(value).chars().take(MOST_CHARACTERS).map(class).filter(|class| matches!(class, 'A' | 'a' | '9')).collect()
}

/// Whether a pattern is that of something built, not of words: it has digits, or it is a short code of one word, or of several with a separator.
fn is_built(pattern: &str) -> bool {
    let has_digit = pattern.contains('9');
    let is_code = pattern.len() <= 4 && pattern.len() > 1 && pattern.chars().all(|c| c == 'A')
        || pattern.len() <= 3 && pattern.chars().all(|c| c == 'a') && pattern.len() > 1;
    has_digit || is_code || is_separated_code(pattern)
}

/// Whether a pattern is that of short codes with a separator between them, each in one case, as those of `AK-PU` and `en-US`: names are longer, or
/// begin with a capital.
fn is_separated_code(pattern: &str) -> bool {
    let is_part = |part: &str| {
        (2..=4).contains(&part.len()) && part.chars().all(|c| c == 'A') || (2..=3).contains(&part.len()) && part.chars().all(|c| c == 'a')
    };
    ['-', '_', '/'].iter().any(|separator| pattern.contains(*separator) && pattern.split(*separator).all(is_part))
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
