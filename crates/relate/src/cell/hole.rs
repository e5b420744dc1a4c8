//! Holes: values that are missing where nearly all others are there.

use super::Accusation;
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
        if nulls == 0.0 || share > GREATEST_SHARE || profile.rows < LEAST_ROWS || is_conditional(profiles, at) {
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
