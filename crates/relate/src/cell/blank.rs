//! Variants of one value by white space, case and broken encoding.

use std::cmp::Reverse;
use std::collections::HashMap;

use hw_base::trimmed;

use super::Suspicion;
use super::profile::Profile;

/// Values that differ from a much more frequent one only by white space or case, stray white space, and broken characters.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    let mut found = variants(profile);
    found.extend(marked(profile));
    found.extend(stray_blanks(profile));
    found.extend(broken(profile));
    found
}

fn folded(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn variants(profile: &Profile<'_>) -> Vec<Suspicion> {
    if profile.variety() > 0.9 {
        return Vec::new();
    }
    let usual = usual(profile, folded, |_| true);
    let mut found = Vec::new();
    if usual.is_empty() {
        return found;
    }
    for (code, value, count) in profile.column.counted().filter(|(_, _, count)| *count > 0) {
        let Some((other, most)) = usual.get(&folded(value)).copied() else { continue };
        if value != other && most >= TIMES * count {
            let differs_in_blanks = value.split_whitespace().eq(other.split_whitespace());
            // Surer than that it has another form, which `GBp` among `GBP` has besides; less sure than that it stands for a missing value.
            let in_another_case = || if profile.names(code) { 0.95 } else { 0.7 };
            let (issue, confidence) = if differs_in_blanks { ("blank_variant", 0.85) } else { ("case_variant", in_another_case()) };
            found.push(Suspicion::new(code, issue, confidence).suggesting(other));
        }
    }
    found
}

/// How many times as frequent the usual form of a value is.
const TIMES: u32 = 5;

/// The most frequent of the values that are alike once `made_alike`, by that form. Values that are too rare to be the usual form of another are left
/// out, so that a column of unique values costs nothing.
fn usual<'a>(
    profile: &'a Profile<'_>,
    made_alike: impl Fn(&str) -> String,
    counts: impl Fn(&str) -> bool,
) -> HashMap<String, (&'a str, u32)> {
    let mut usual: HashMap<String, (&str, u32)> = HashMap::new();
    for (_, value, count) in profile.column.counted().filter(|(_, value, count)| *count >= TIMES && counts(value)) {
        let known = usual.entry(made_alike(value)).or_insert((value, count));
        if (count, Reverse(value)) > (known.1, Reverse(known.0)) {
            *known = (value, count);
        }
    }
    usual
}

/// Values that differ from a much more frequent one only by marks such as `*` or a doubled apostrophe, and those with an
/// apostrophe doubled by an escape that was never undone.
fn marked(profile: &Profile<'_>) -> Vec<Suspicion> {
    let has_letters =
        |value: &str| value.chars().filter(|c| c.is_alphanumeric()).nth(1).is_some() && value.chars().any(char::is_alphabetic);
    let usual = usual(profile, bare, has_letters);
    let is_sign = |value: &str| value.ends_with(['+', '-', '#']);
    let mut found = Vec::new();
    for (code, value, count) in profile.column.counted().filter(|(_, _, count)| *count > 0) {
        let other = if usual.is_empty() || !has_letters(value) { None } else { usual.get(&bare(value)) };
        match other {
            Some((other, most)) if *most >= TIMES * count && folded(other) != folded(value) && !is_sign(value) && !is_sign(other) => {
                found.push(Suspicion::new(code, "format_outlier", 0.7).suggesting(*other));
            }
            _ if value.contains("''") && has_letters(value) => {
                found.push(Suspicion::new(code, "format_outlier", 0.7).suggesting(value.replace("''", "'")));
            }
            _ => {}
        }
    }
    found
}

/// The letters and digits of a value, in small letters, with the signs that make another number of the digits beside them: `1.1M` is not `11M`.
fn bare(value: &str) -> String {
    let mut bare = String::with_capacity(value.len());
    let (mut rest, mut before) = (value.chars().peekable(), ' ');
    while let Some(c) = rest.next() {
        let stands_in_number =
            matches!(c, '.' | ',' | '/' | ':') && before.is_ascii_digit() && rest.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() || stands_in_number {
            bare.push(c);
        }
        before = c;
    }
    bare.to_lowercase()
}

/// White space around a value, in a column that has little of it.
fn stray_blanks(profile: &Profile<'_>) -> Vec<Suspicion> {
    let present = || profile.column.counted().filter(|(_, value, count)| *count > 0 && !trimmed(value).is_empty());
    let around = present().filter(|(_, value, _)| trimmed(value) != *value);
    let mut found: Vec<Suspicion> =
        around.map(|(code, value, _)| Suspicion::new(code, "blank_variant", 0.8).suggesting(trimmed(value))).collect();
    let doubled: Vec<(u32, &str, u32)> =
        present().filter(|(_, value, _)| has_two_blanks(value) && has_doubled_blank(trimmed(value))).collect();
    let rows: u32 = doubled.iter().map(|(_, _, count)| count).sum();
    if f64::from(rows) <= SELDOM * profile.rows {
        let single = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.extend(doubled.iter().map(|(code, value, _)| Suspicion::new(*code, "blank_variant", 0.7).suggesting(single(value))));
    }
    found
}

/// More blanks than this share of the rows has are the way a column is written.
const SELDOM: f64 = 0.05;

/// Whether two blanks stand beside each other, which hardly a value has.
fn has_two_blanks(value: &str) -> bool {
    value.as_bytes().windows(2).any(|pair| pair == b"  ")
}

/// Whether two blanks stand between two words of a short text. More of them, or two beside a point or a dash, separate what is told together.
fn has_doubled_blank(value: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let stands_between =
        |at: usize, blanks: &str| is_word(value[..at].chars().next_back()) && is_word(value[at + blanks.len()..].chars().next());
    value.len() <= 80 && value.match_indices("  ").any(|(at, blanks)| stands_between(at, blanks))
}

/// Replacement characters, control characters, the usual marks of UTF-8 read as Latin-1, and words of two scripts.
fn broken(profile: &Profile<'_>) -> Vec<Suspicion> {
    let broken = profile.column.counted().filter(|(_, value, count)| *count > 0 && !value.is_ascii() && is_broken(value));
    broken.map(|(code, ..)| Suspicion::new(code, "encoding_error", 0.85)).collect()
}

fn is_broken(value: &str) -> bool {
    let marks = ["Ã©", "Ã¨", "Ã¡", "Ã³", "Ã±", "Ã¼", "Ã¶", "Ã¤", "Ã§", "Ã\u{ad}", "Ãª", "Ã\u{a0}", "â€", "Â°", "Â ", "Â£", "ï¿½", "ï»¿"];
    value.chars().any(|c| c == '\u{fffd}' || ('\u{80}'..'\u{a0}').contains(&c) || (c.is_control() && !c.is_whitespace()))
        || marks.iter().any(|mark| value.contains(mark))
        || value.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).any(is_of_two_scripts)
}

/// Marks that are written over the letter before them.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// A word with plain Latin letters or digits and letters of quite another kind, or with a loose mark that no language puts
/// under or over a Latin letter.
fn is_of_two_scripts(word: &str) -> bool {
    let latin = word.chars().any(|c| c.is_ascii_alphanumeric());
    let is_of_another_script = |c: char| c.is_alphabetic() && ('\u{370}'..'\u{2c00}').contains(&c) && !is_further_latin(c);
    let is_read_wrongly = |c: char| matches!(c, 'ƒ' | 'ˆ');
    latin && word.chars().any(|c| is_of_another_script(c) || is_read_wrongly(c) || is_strange_mark(c))
}

/// Letters of languages that are written in Latin letters, beside those before Greek.
fn is_further_latin(c: char) -> bool {
    matches!(c, '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1eff}')
}

fn is_strange_mark(c: char) -> bool {
    is_mark(c) && !('\u{300}'..='\u{30c}').contains(&c) && !matches!(c, '\u{327}' | '\u{328}' | '\u{323}' | '\u{331}')
}
