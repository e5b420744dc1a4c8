//! Misspellings: rare values within one or two edits of a frequent one, and those that break off in the middle of a word.

use std::collections::{HashMap, HashSet};

use hw_base::trimmed;

use super::Suspicion;
use super::profile::Profile;
use crate::words::edits;

/// What a rare value may be a slip of, and the edits between them.
type Slip<'a> = Option<(&'a Word, usize)>;

/// How often the right spelling must occur.
const FREQUENT: u32 = 4;
/// A value that is so many times rarer than its neighbour may be a slip of it, however often it occurs.
const TIMES: u32 = 20;
/// The same where the column is no list of a few words, but for values that occur three times at most.
const TIMES_AMONG_MANY: u32 = 100;
/// How many times rarer a value is that differs from another by a last letter, and is still a slip.
const RARE_ENDING: u32 = 50;
/// Values that are not rare beyond which a column is no list of a few words.
const MOST_USUAL: usize = 30;
/// Values beyond which a column is no list of categories or names that recur.
const MOST_VALUES: usize = 30_000;
/// Entries of the index beyond which a column is left alone.
const MOST_DELETIONS: usize = 1_500_000;
/// Letters of a part in capitals that is a code.
const LONGEST_CODE: usize = 3;
/// Longer values are prose.
const LONGEST: usize = 120;

/// Words of which a near one is another, not a slip: months and days.
const LISTS: &[&[&str]] = &[
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"],
    &["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"],
    &["mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"],
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    // June and July, March and May in other tongues.
    &["juni", "juli", "junio", "julio", "junho", "julho", "giugno", "luglio", "juin", "juil", "mars", "maj", "mai", "mei", "mrz"],
];

struct Word {
    code: u32,
    count: u32,
    letters: Vec<char>,
}

/// Rare values that differ from a frequent one by a slip of the pen. Candidates are found by deletions (Garbe's symmetric
/// delete), so that no pair of distant values is ever compared. Where frequent values are themselves as many edits from each other,
/// as first names are, so many edits say nothing.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    let column = profile.column;
    if profile.numeric > 0.5 || profile.dated > 0.5 || column.values() > MOST_VALUES || profile.variety() > 0.7 {
        return Vec::new();
    }
    let words: Vec<Word> = column.counted().filter(|(_, value, count)| *count > 0 && value.len() <= LONGEST).map(word).collect();
    let frequent: Vec<&Word> = words.iter().filter(|word| word.count >= FREQUENT && word.letters.len() > 2).collect();
    if frequent.iter().map(|word| deletions_of(word.letters.len())).sum::<usize>() > MOST_DELETIONS {
        return Vec::new();
    }
    let index = index(&frequent);
    let mut sorted = frequent.clone();
    sorted.sort_by(|a, b| a.letters.cmp(&b.letters));
    let (tokens, whole) = (tokens(&words), whole(&words, &sorted));
    let near = |word: &Word| nearest(word, &index, &frequent).or_else(|| broken_off(word, &sorted, &whole));
    let is_list = is_list(&words, |word| near(word).is_some());
    let is_no_slip = |word: &Word, usual: &Word| word.count * TIMES > usual.count;
    let between = frequent.iter().filter_map(|word| near(word).filter(|(usual, _)| is_no_slip(word, usual)).map(|(_, edits)| edits));
    let between: Vec<usize> = between.collect();
    let is_dense = |edits: usize| {
        let close = between.iter().filter(|other| **other <= edits).count();
        close as f64 > 0.04 * frequent.len() as f64 && close > 2
    };
    let dense = [false, is_dense(1), is_dense(2)];
    let found = words.iter().filter_map(|word| near(word).map(|(usual, edits)| (word, usual, edits)));
    let found = found.filter(|(word, _, edits)| !dense[(*edits).min(2)] || word.letters.len() > 12);
    let found = found.filter(|(word, usual, _)| !is_made_of_known(word, usual, &tokens) && !are_both_listed(word, usual));
    let found = found.filter(|(word, usual, _)| !is_another_code(profile, word, usual));
    let is_rare = |word: &Word, usual: &Word| word.count <= 3.max(usual.count / if is_list { TIMES } else { TIMES_AMONG_MANY });
    let found = found.filter(|(word, usual, _)| is_rare(word, usual) && (is_list || word.letters.len() > 2));
    let suspicions: Vec<Suspicion> = found.filter_map(|(word, usual, edits)| suspicion(profile, word, usual, edits)).collect();
    let rare = words.iter().filter(|word| word.count < FREQUENT).count();
    discounted(suspicions, rare)
}

/// Whether a column is a list of a few words that somebody mistyped again and again: nearly all that is rare in it are slips. Elsewhere what occurs
/// more than a few times may be a word of its own.
fn is_list(words: &[Word], is_slip: impl Fn(&Word) -> bool) -> bool {
    let most = words.iter().map(|word| word.count).max().unwrap_or(0);
    let rare: Vec<&Word> = words.iter().filter(|word| word.count * TIMES <= most).collect();
    words.len() - rare.len() <= MOST_USUAL && rare.iter().filter(|word| is_slip(word)).count() * 5 >= rare.len() * 4
}

/// Where most rare values are near to nothing, rare is normal, as it is among names and places; then only a strong likeness
/// counts.
fn discounted(mut suspicions: Vec<Suspicion>, rare: usize) -> Vec<Suspicion> {
    if (suspicions.len() as f64) < 0.15 * rare as f64 {
        for suspicion in &mut suspicions {
            suspicion.confidence -= 0.3;
        }
    }
    suspicions
}

/// The rows in which each part of a value occurs.
fn tokens(words: &[Word]) -> HashMap<String, u32> {
    let mut tokens = HashMap::new();
    for word in words {
        for token in parts(word) {
            *tokens.entry(token).or_default() += word.count;
        }
    }
    tokens
}

fn parts(word: &Word) -> Vec<String> {
    word.letters.split(|c| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(|part| part.iter().collect()).collect()
}

/// Whether all that distinguishes a value of several parts are parts that occur in many other rows too: `ak_hf-1` is no slip for
/// `al_hf-1` where `ak_` stands before much else.
fn is_made_of_known(word: &Word, usual: &Word, tokens: &HashMap<String, u32>) -> bool {
    let (own, other) = (parts(word), parts(usual));
    own.len() > 1
        && own.iter().filter(|part| !other.contains(part)).all(|part| tokens.get(part).is_some_and(|rows| *rows >= word.count + 10))
}

/// Whether a value that recurs has another short code in capitals beside the same parts, with other letters in it: `Golf GTE` is no slip of
/// `Golf GTI`.
fn is_another_code(profile: &Profile<'_>, word: &Word, usual: &Word) -> bool {
    let parts = |word: &Word| {
        let text = profile.column.text(word.code).unwrap_or_default();
        text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>()
    };
    let (own, other) = (parts(word), parts(usual));
    let sorted = |part: &str| {
        let mut letters: Vec<char> = part.chars().collect();
        letters.sort_unstable();
        letters
    };
    let is_code = |part: &str| {
        part.chars().all(|c| c.is_uppercase() || c.is_ascii_digit()) && part.chars().filter(|c| c.is_alphabetic()).count() <= LONGEST_CODE
    };
    let is_other = |(&own, &other): (&&str, &&str)| {
        own == other || (is_code(own) && is_code(other) && own.chars().count() == other.chars().count() && sorted(own) != sorted(other))
    };
    word.count > 1 && own.len() > 1 && own.len() == other.len() && own.iter().zip(&other).all(is_other)
}

fn word((code, value, count): (u32, &str, u32)) -> Word {
    Word { code, count, letters: trimmed(value).to_lowercase().chars().collect() }
}

/// The edits that a word of this length may hide.
fn reach(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=8 => 1,
        _ => 2,
    }
}

type Index = HashMap<Vec<char>, Vec<usize>>;

fn index(frequent: &[&Word]) -> Index {
    let mut index: Index = HashMap::new();
    for (at, word) in frequent.iter().enumerate() {
        for shorter in deletions(&word.letters) {
            index.entry(shorter).or_default().push(at);
        }
    }
    index
}

/// How many deletions a word of this length has, about.
fn deletions_of(length: usize) -> usize {
    if reach(length) > 1 && length <= 30 { length * length / 2 } else { length }
}

/// The word, and the word with one letter (of long but not too long words: two letters) left out.
fn deletions(letters: &[char]) -> Vec<Vec<char>> {
    let without = |letters: &[char], at: usize| [&letters[..at], &letters[at + 1..]].concat();
    let mut all = vec![letters.to_vec()];
    if reach(letters.len()) > 0 {
        all.extend((0..letters.len()).map(|at| without(letters, at)));
    }
    if reach(letters.len()) > 1 && letters.len() <= 30 {
        for first in 1..letters.len() {
            let shorter = without(letters, first);
            all.extend((0..first).map(|second| without(&shorter, second)));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The parts of values that do not break off.
fn whole(words: &[Word], sorted: &[&Word]) -> HashSet<String> {
    words.iter().filter(|word| going_on(word, sorted).is_none()).flat_map(parts).collect()
}

/// The most frequent word that goes on, by two letters and more, where a value breaks off in the middle of a word. What is a word
/// elsewhere does not break off.
fn broken_off<'a>(word: &Word, sorted: &[&'a Word], whole: &HashSet<String>) -> Slip<'a> {
    let end = parts(word).pop().filter(|_| word.letters.len() > 1 && word.letters.last().is_some_and(|last| last.is_alphanumeric()))?;
    let usual = going_on(word, sorted)?;
    (!whole.contains(&end)).then_some((usual, 1))
}

/// The most frequent word that goes on, by two letters and more, in the middle of a word; a code with digits is none.
fn going_on<'a>(word: &Word, sorted: &[&'a Word]) -> Option<&'a Word> {
    let length = word.letters.len();
    let longer = sorted[sorted.partition_point(|other| other.letters <= word.letters)..].iter();
    let going_on = longer.take_while(|other| other.letters.starts_with(&word.letters));
    let in_a_word = going_on.filter(|other| other.letters.len() > length + 1 && other.letters[length].is_alphabetic());
    let in_a_word = in_a_word.filter(|other| !part_behind_digits(&word.letters, &other.letters));
    in_a_word.filter(|other| other.count >= word.count).max_by_key(|other| (other.count, std::cmp::Reverse(other.code))).copied()
}

/// The closest much more frequent word that is not the same, and the edits between them.
fn nearest<'a>(word: &Word, index: &Index, frequent: &[&'a Word]) -> Slip<'a> {
    let mut candidates: Vec<usize> = deletions(&word.letters).iter().filter_map(|shorter| index.get(shorter)).flatten().copied().collect();
    candidates.sort_unstable();
    candidates.dedup();
    let close = candidates.into_iter().map(|at| frequent[at]).filter(|other| other.code != word.code && other.count >= word.count);
    let measured =
        close.filter_map(|other| Some((other, edits(&word.letters, &other.letters, reach(word.letters.len().min(other.letters.len())))?)));
    measured
        .filter(|(other, edits)| *edits > 0 && is_slip(word, other))
        .min_by_key(|(other, edits)| (*edits, std::cmp::Reverse(other.count), other.code))
}

/// Whether the difference is one of letters: other digits make another thing, and so does an ending, unless the word is far too rare
/// for one that people form.
fn is_slip(word: &Word, usual: &Word) -> bool {
    let (a, b) = (&word.letters, &usual.letters);
    let digits = |letters: &[char]| letters.iter().copied().filter(char::is_ascii_digit).collect::<Vec<_>>();
    let (digits_a, digits_b) = (digits(a), digits(b));
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let is_ending = long.len() > short.len() && long.starts_with(short);
    let is_strange = long.len() == short.len() + 1 && !long.ends_with(&['s']) && word.count * RARE_ENDING <= usual.count;
    // `R01` is another code than `K01`.
    let letters = b.iter().filter(|c| c.is_alphabetic()).count();
    let is_code = letters < 3 && digits_b.len() > letters;
    let only_letters_in_norm = digits_b.is_empty() && digits_a.len() <= 1;
    let may_be = (digits_a == digits_b || only_letters_in_norm) && (!is_ending || is_strange) && letters > 0 && !is_code;
    may_be && !differ_in_code(word, usual) && !part_behind_digits(a, b)
}

/// Whether two values part behind digits of a word: what stands there makes another code, as `EMB-145LR` is none of `EMB-145`.
fn part_behind_digits(a: &[char], b: &[char]) -> bool {
    let same = a.iter().zip(b).take_while(|(own, other)| own == other).count();
    has_digits(a[..same].iter().rev())
}

/// Whether letters hold digits before the first sign that ends a word.
fn has_digits<'a>(letters: impl IntoIterator<Item = &'a char>) -> bool {
    letters.into_iter().take_while(|letter| letter.is_alphanumeric()).any(char::is_ascii_digit)
}

/// Whether what distinguishes two values of several parts is a code of one: `auto(s4)` is another gear than `auto(l4)`.
fn differ_in_code(word: &Word, usual: &Word) -> bool {
    let (own, usual) = (parts(word), parts(usual));
    let is_code = |part: &String| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        digits > 0 && part.chars().count() <= 2 * digits
    };
    usual.len() > 1 && usual.iter().filter(|part| !own.contains(part)).any(is_code)
}

/// Whether two words stand in one list of words that everybody knows.
fn are_both_listed(word: &Word, usual: &Word) -> bool {
    let is_in = |list: &[&str], word: &Word| list.iter().any(|listed| listed.chars().eq(word.letters.iter().copied()));
    LISTS.iter().any(|list| is_in(list, word) && is_in(list, usual))
}

fn suspicion(profile: &Profile<'_>, word: &Word, usual: &Word, edits: usize) -> Option<Suspicion> {
    let ratio = f64::from(usual.count) / f64::from(word.count.max(1));
    let length = word.letters.len() as f64;
    let enough = ratio >= if word.letters.len() < 5 { 20.0 } else { 4.0 };
    let confidence = 0.45 + 0.25 * (1.0 - edits as f64 * 3.0 / length.max(3.0)).max(0.0) + 0.25 * (1.0 - 4.0 / ratio.max(4.0));
    let text = profile.column.text(usual.code)?;
    enough.then(|| Suspicion::new(word.code, "misspelling", confidence).suggesting(text))
}
