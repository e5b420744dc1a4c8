//! Values in the wrong column.

use std::collections::HashMap;

use super::disguised::names_nothing;
use super::profile::Profile;
use super::{Accusation, Suspicion};

/// A column with fewer values is asked for all of them what it shares with others, one with more for those that recur.
const MOST_VALUES: usize = 20_000;
/// A strewn text is rare in so many columns at least: one that is common in all but one is a category of each of them.
const LEAST_RARE: usize = 2;

/// Texts that are strewn over three and more columns and rare in them: a filler, or cells that slipped.
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
        let is_rare = |(at, _, count): &&&(usize, u32, u32)| f64::from(*count) < 0.02 * profiles[*at].rows;
        if recurring.len() < 3 || recurring.iter().filter(is_rare).count() < LEAST_RARE {
            continue;
        }
        let is_alone =
            |a: usize| recurring.iter().filter(|(b, ..)| shared.get(&(a.min(*b), a.max(*b))).is_some_and(|shared| *shared < 6)).count() > 1;
        let strewn = recurring.iter().filter(is_rare).filter(|(at, ..)| is_alone(*at));
        found.extend(strewn.map(|(at, code, _)| (*at, Suspicion::new(*code, "swapped_value", 0.8))));
    }
    found.sort_by_key(|(at, suspicion)| (*at, suspicion.code));
    found
}

/// Whether a column holds words that recur.
fn is_of_words(profile: &Profile<'_>) -> bool {
    profile.numeric < 0.1
        && profile.dated < 0.1
        && profile.variety() < 0.5
        && profile.column.values() > 1
        && profile.column.values() < MOST_VALUES
}

/// Cells that swallowed the value of a cell of their row: `Reno NV` where the state is missing.
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
    for row in emptied.column.clusters().rows(0) {
        let Some(text) = full.column.text(full.column.code(*row)) else { continue };
        whole += 1;
        if let Some((rest, last)) = text.trim().rsplit_once([' ', ',', ';', '/', '|'])
            && known.contains_key(last)
            && !rest.is_empty()
        {
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
    if found.len() >= whole && whole > 1 { found } else { Vec::new() }
}
