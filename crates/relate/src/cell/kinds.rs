//! Kinds: rows that look odd, and of which another column says what they are.
//!
//! Of a return, the buyer and the seller stand in each other's place; three products of sixty are ten times as heavy. Errors fall on rows of all kinds,
//! whereas of these kinds all rows are so. A day is no kind: what arrived on it may be wrong as a whole.

use std::collections::{HashMap, HashSet};

use hw_base::TextShape;

use super::ballot::is_code;
use super::profile::Profile;

/// Of the rows of a kind so many must be odd, and of the odd rows that others are like so many must be of such kinds: the rest are errors.
const NEARLY_ALL: (usize, usize) = (4, 5);
const OF_KINDS: (usize, usize) = (2, 3);
/// Odd rows beyond the first of their kind: where a tenth of all is odd, so many are so by chance once in ten thousand times.
const LEAST_FURTHER: usize = 4;
/// More different numbers measure something, unless they are codes: where they are odd in the same rows, they are as wrong.
const MOST_LEVELS: usize = 10;
/// Up to this share of the rows, kinds are those of a column that has so many at most: of many small ones, such as deliveries, some are all odd where
/// whoever wrote them down was mistaken. What has a name of letters and so many rows on average, as countries of many years have, is a kind however many
/// there are.
const FEW: f64 = 0.03;
const MOST_KINDS: usize = 100;
const ROWS_OF_NAMED: f64 = 10.0;

/// The odd rows that a column, `but_for` some, tells from all others: whatever it says of them, it says of hardly any other row. Those of the
/// column that tells most; none where no column does.
pub(super) fn told(profiles: &[Profile<'_>], but_for: &[usize], odd: &[u32]) -> HashSet<u32> {
    if odd.len() <= LEAST_FURTHER {
        return HashSet::new();
    }
    let is_one_of_few = |profile: &Profile<'_>| {
        let are_many = odd.len() as f64 > FEW * profile.column.coded.codes.len() as f64;
        are_many || profile.column.values() <= MOST_KINDS || are_named(profile)
    };
    let others = (0..profiles.len()).filter(|at| !but_for.contains(at) && names_kinds(&profiles[*at]) && is_one_of_few(&profiles[*at]));
    let told = others.filter_map(|at| {
        let kinds: HashSet<u32> = kinds(&profiles[at], odd).filter(|kinds| !are_strays(profiles, at, kinds))?.into_iter().collect();
        Some(odd.iter().copied().filter(|row| kinds.contains(&profiles[at].column.code(*row))).collect::<HashSet<u32>>())
    });
    told.max_by_key(HashSet::len).unwrap_or_default()
}

/// Of some odd values of a column those that none of the rows holds that another column, `but_for` some, tells from all others.
pub(super) fn of_no_kind(profiles: &[Profile<'_>], at: usize, but_for: &[usize], odd: &[u32]) -> HashSet<u32> {
    let clusters = profiles[at].column.clusters();
    let rows: Vec<u32> = odd.iter().flat_map(|code| clusters.rows(*code)).copied().collect();
    let told = told(profiles, but_for, &rows);
    odd.iter().copied().filter(|code| !clusters.rows(*code).iter().any(|row| told.contains(row))).collect()
}

fn names_kinds(profile: &Profile<'_>) -> bool {
    profile.dated < 0.5 && (profile.numeric < 0.5 || profile.column.values() <= MOST_LEVELS || is_code(profile))
}

/// Whether most values are names of letters alone, each of many rows.
fn are_named(profile: &Profile<'_>) -> bool {
    let is_name = |text: &str| text.chars().any(char::is_alphabetic) && !text.chars().any(|c| c.is_ascii_digit());
    let names = profile.column.counted().filter(|(_, value, count)| *count > 0 && is_name(value)).count();
    names as f64 > 0.9 * profile.column.values() as f64 && profile.variety() * ROWS_OF_NAMED <= 1.0
}

/// The codes of the kinds that hold most of the odd rows and hardly any other; `None` where these are of all kinds.
fn kinds(profile: &Profile<'_>, odd: &[u32]) -> Option<Vec<u32>> {
    let column = profile.column;
    let mut kinds: HashMap<u32, usize> = HashMap::new();
    for row in odd {
        *kinds.entry(column.code(*row)).or_default() += 1;
    }
    // A number among words names nothing: cells have slipped.
    let is_slipped = |code: u32| profile.numeric < 0.5 && matches!(profile.shape(code), TextShape::Integer | TextShape::Decimal);
    kinds.retain(|code, _| column.counts[*code as usize] > 1 && profile.names(*code) && !is_slipped(*code));
    let alike: usize = kinds.values().sum();
    kinds.retain(|code, odd| *odd * NEARLY_ALL.1 >= column.counts[*code as usize] as usize * NEARLY_ALL.0);
    let of_kinds: usize = kinds.values().sum();
    let is_no_chance = of_kinds - kinds.len() >= LEAST_FURTHER;
    let are_told = alike * 2 >= odd.len() && of_kinds * OF_KINDS.1 >= alike * OF_KINDS.0;
    (is_no_chance && are_told).then(|| kinds.into_keys().collect())
}

/// Whether most words that seem to name kinds stand in another column, too: where the cells of a row have slipped, all of them are odd.
fn are_strays(profiles: &[Profile<'_>], at: usize, kinds: &[u32]) -> bool {
    let is_word = |text: &&str| text.chars().any(char::is_alphabetic);
    let words: HashSet<&str> = kinds.iter().filter_map(|code| profiles[at].column.text(*code)).filter(is_word).collect();
    let others = profiles.iter().enumerate().filter(|(other, _)| *other != at);
    let values = others.flat_map(|(_, profile)| profile.column.counted()).filter(|(_, _, count)| *count > 0);
    let known: HashSet<&str> = values.map(|(_, value, _)| value).filter(|value| words.contains(value)).collect();
    known.len() * 2 > words.len()
}
