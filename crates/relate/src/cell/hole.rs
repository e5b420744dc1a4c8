//! Holes: values that are missing where nearly all others are there.

use super::Accusation;
use super::disguised::says_nothing;
use super::profile::Profile;

/// The greatest share of missing values that still are holes in a filled column; more of them are its nature.
const GREATEST_SHARE: f64 = 0.06;
/// Fewer rows give no norm.
const LEAST_ROWS: f64 = 30.0;

/// Missing values in columns that are filled otherwise. What is missing in the rows of one category only, and there in all of
/// them, is no hole.
pub(super) fn holes(profiles: &[Profile<'_>]) -> Vec<Accusation> {
    let mut found = Vec::new();
    for (at, profile) in profiles.iter().enumerate() {
        let nulls = f64::from(profile.column.nulls());
        let share = nulls / (profile.rows + nulls).max(1.0);
        if nulls == 0.0
            || share > GREATEST_SHARE
            || profile.rows < LEAST_ROWS
            || is_conditional(profiles, at)
            || is_part_of_more(profiles, at)
        {
            continue;
        }
        let confidence = 0.75 - 0.2 * share / GREATEST_SHARE;
        let rows = profile.column.clusters().rows(0);
        found.extend(rows.iter().map(|row| Accusation { row: *row, column: at, issue: "missing_value", confidence, suggestion: None }));
    }
    found
}

/// Whether the rows without a value are exactly those of one value of another column.
fn is_conditional(profiles: &[Profile<'_>], at: usize) -> bool {
    let missing = profiles[at].column.clusters().rows(0);
    let Some(first) = missing.first() else { return false };
    let others = profiles.iter().enumerate().filter(|(other, _)| *other != at);
    missing.len() > 2
        && others.into_iter().any(|(_, other)| {
            let code = other.column.code(*first);
            code != 0
                && other.column.counts[code as usize] as usize == missing.len()
                && missing.iter().all(|row| other.column.code(*row) == code)
        })
}

/// Whether nearly all rows without a value lack that of an optional column too: the two are filled or left out together.
fn is_part_of_more(profiles: &[Profile<'_>], at: usize) -> bool {
    let missing = profiles[at].column.clusters().rows(0);
    let mut others = profiles.iter().enumerate().filter(|(other, profile)| *other != at && missing_share(profile) > GREATEST_SHARE);
    missing.len() > 2
        && others.any(|(_, other)| {
            let together = missing.iter().filter(|row| is_missing(other, **row)).count() as f64;
            together >= 0.9 * missing.len() as f64 && missing_share(other) < 0.8
        })
}

fn is_missing(profile: &Profile<'_>, row: u32) -> bool {
    profile.column.text(profile.column.code(row)).is_none_or(says_nothing)
}

fn missing_share(profile: &Profile<'_>) -> f64 {
    let words: u32 = profile.column.counted().filter(|(_, value, _)| says_nothing(value)).map(|(_, _, count)| count).sum();
    let nulls = profile.column.nulls();
    f64::from(nulls + words) / (profile.rows + f64::from(nulls)).max(1.0)
}
