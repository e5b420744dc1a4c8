//! Values in the wrong column.

use std::collections::{BTreeSet, HashMap};

use super::disguised::names_nothing;
use super::profile::Profile;
use super::{Accusation, Suspicion};

/// A column with fewer values is asked for all of them what it shares with others, one with more for those that recur.
const MOST_VALUES: usize = 20_000;
/// A text that is native to more columns than this is a word of the table, and where else it stands is no evidence of an exchange.
const MOST_HOMES: usize = 1;
/// The share of the rows from which on a text is native to a column.
const COMMON: f64 = 0.02;

/// Texts that are strewn over three and more columns and native to one of them at most: a filler, or cells that slipped.
pub(super) fn strewn(profiles: &[Profile<'_>]) -> Vec<(usize, Suspicion)> {
    let mut places: HashMap<&str, Vec<(usize, u32, u32)>> = HashMap::new();
    for (at, profile) in profiles.iter().enumerate().filter(|(_, profile)| profile.rows >= 50.0) {
        let is_telling = |value: &str| value.len() > 3 && value.chars().any(char::is_alphabetic) && !names_nothing(value);
        let least = if profile.column.values() < MOST_VALUES { 1 } else { 2 };
        for (code, value, count) in profile.column.counted().filter(|(_, value, count)| *count >= least && is_telling(value)) {
            places.entry(value).or_default().push((at, code, count));
        }
    }
    let mut shared: HashMap<(usize, usize), usize> = HashMap::new();
    for columns in places.values().filter(|columns| columns.len() > 1) {
        for (at, (a, ..)) in columns.iter().enumerate() {
            columns[at + 1..].iter().for_each(|(b, ..)| *shared.entry((*a, *b)).or_default() += 1);
        }
    }
    let mut found = Vec::new();
    for columns in places.values() {
        let recurring: Vec<&(usize, u32, u32)> = columns.iter().filter(|(_, _, count)| *count > 1).collect();
        let is_abroad = |(at, _, count): &&&(usize, u32, u32)| !is_native(&profiles[*at], *count);
        if recurring.len() < 3 || recurring.len() - recurring.iter().filter(is_abroad).count() > MOST_HOMES {
            continue;
        }
        let is_alone =
            |a: usize| recurring.iter().filter(|(b, ..)| shared.get(&(a.min(*b), a.max(*b))).is_some_and(|shared| *shared < 6)).count() > 1;
        let strewn = recurring.iter().filter(is_abroad).filter(|(at, ..)| is_alone(*at));
        found.extend(strewn.map(|(at, code, _)| (*at, Suspicion::new(*code, "swapped_value", 0.8))));
    }
    found.sort_by_key(|(at, suspicion)| (*at, suspicion.code));
    found
}

/// Whether a text that so many rows hold is one of the column: it is common, or at least half as frequent as others where texts recur.
fn is_native(profile: &Profile<'_>, count: u32) -> bool {
    let usual = profile.rows / profile.column.values().max(1) as f64;
    f64::from(count) >= COMMON * profile.rows || usual >= 2.0 && f64::from(count) >= usual / 2.0
}

/// Whether a column holds words that recur.
fn is_of_words(profile: &Profile<'_>) -> bool {
    profile.numeric < 0.1
        && profile.dated < 0.1
        && profile.variety() < 0.5
        && profile.column.values() > 1
        && profile.column.values() < MOST_VALUES
}

/// Cells that swallowed the value of a cell of their row: `Reno NV` where the state is missing. A text that stands beside a value elsewhere has swallowed
/// none, and a word that is swallowed in more rows than hold it is none of the other column.
pub(super) fn swallowed(profiles: &[Profile<'_>]) -> Vec<Accusation> {
    let mut found = Vec::new();
    if profiles.len() > 60 {
        return found;
    }
    for (to, emptied) in profiles.iter().enumerate().filter(|(_, other)| is_of_words(other) && other.column.nulls() > 0) {
        let known: HashMap<&str, u32> = emptied.column.counted().map(|(code, value, _)| (value, code)).collect();
        for (from, full) in profiles.iter().enumerate().filter(|(from, full)| *from != to && full.numeric < 0.5) {
            found.extend(swallowed_by((from, full), (to, emptied), &known));
        }
    }
    found
}

fn swallowed_by((from, full): (usize, &Profile<'_>), (to, emptied): (usize, &Profile<'_>), known: &HashMap<&str, u32>) -> Vec<Accusation> {
    let mut found = Vec::new();
    let mut whole = 0;
    let stands_beside_one = |code: u32| full.column.clusters().rows(code).iter().any(|row| emptied.column.code(*row) != 0);
    let (mut is_beside, mut swallowed) = (HashMap::new(), BTreeSet::new());
    for row in emptied.column.clusters().rows(0) {
        let code = full.column.code(*row);
        let Some(text) = full.column.text(code) else { continue };
        whole += 1;
        if let Some((rest, last)) = text.trim().rsplit_once([' ', ',', ';', '/', '|'])
            && let Some(home) = known.get(last)
            && !rest.is_empty()
            && !*is_beside.entry(code).or_insert_with(|| stands_beside_one(code))
        {
            swallowed.insert(*home);
            let accuse = |column: usize, issue: &'static str, suggestion: &str| Accusation {
                row: *row,
                column,
                issue,
                confidence: 0.9,
                suggestion: Some(suggestion.to_owned()),
            };
            found.push(accuse(from, "swapped_value", rest.trim_end_matches([' ', ',', ';'])));
            found.push(accuse(to, "missing_value", last));
        }
    }
    let at_home: usize = swallowed.iter().map(|code| emptied.column.counts[*code as usize] as usize).sum();
    if found.len() >= whole && whole > 1 && found.len() <= 2 * at_home { found } else { Vec::new() }
}
