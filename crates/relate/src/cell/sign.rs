//! Signs: numbers below zero among numbers that are not, as large as those without their sign.
//!
//! Numbers that come below zero by nature come there little by little, and the nearer to zero the more of them. A sign that was written by
//! mistake falls on any number, and where numbers recur, mostly on one that other rows hold without it.

use super::Suspicion;
use super::profile::Profile;

/// The greatest share of the rows below zero; more of them are the nature of the column.
const GREATEST_SHARE: f64 = 0.1;
/// Fewer rows, or fewer distinct numbers, give no norm.
const LEAST_ROWS: f64 = 50.0;
const LEAST_VALUES: usize = 5;
/// The middle number below zero is at least as large as this share of those above it, and each at least as large as that.
const AS_LARGE: (f64, f64) = (0.25, 0.05);
/// So many numbers below zero should recur above it, as numbers there do, to be missed where fewer than this share of them does.
const LEAST_EXPECTED: f64 = 5.0;
const LEAST_KNOWN: f64 = 0.5;
const CONFIDENCE: f64 = 0.7;

/// The numbers whose sign is likely wrong, each with the number that it likely should be.
pub(super) fn suspicions(profile: &Profile<'_>) -> Vec<Suspicion> {
    let numbers = profile.numbers();
    let zero = numbers.partition_point(|(number, ..)| *number < 0.0);
    let (below, above) = (&numbers[..zero], &numbers[zero..]);
    let above: Vec<(f64, u32)> = above.iter().filter(|(number, ..)| *number > 0.0).map(|(number, _, count)| (*number, *count)).collect();
    let mut sizes: Vec<(f64, u32)> = below.iter().map(|(number, _, count)| (-number, *count)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let has_norm = profile.numeric > 0.8 && profile.rows >= LEAST_ROWS && above.len() >= LEAST_VALUES;
    let are_small = || quantile(&sizes, 0.5) < quantile(&above, AS_LARGE.0);
    if below.is_empty() || !has_norm || rows(&sizes) > GREATEST_SHARE * profile.rows || are_small() || are_of_their_own(&sizes, &above) {
        return Vec::new();
    }
    let least = quantile(&above, AS_LARGE.1);
    let greatest = above.last().map_or(0.0, |(number, _)| *number);
    let slips = below.iter().filter(|(number, _, count)| *count > 0 && (least..=greatest).contains(&-number));
    let meant = |code: u32| profile.column.text(code).map(|text| text.trim().trim_start_matches('-').to_owned());
    slips.filter_map(|(_, code, _)| Some(Suspicion::new(*code, "wrong_sign", CONFIDENCE).suggesting(meant(*code)?))).collect()
}

/// Whether numbers recur, but those below zero hardly above it. How many should, the numbers that only one row holds tell (Good, The population
/// frequencies of species, Biometrika 40, 1953).
fn are_of_their_own(sizes: &[(f64, u32)], above: &[(f64, u32)]) -> bool {
    let once = above.iter().filter(|(_, count)| *count == 1).count() as f64;
    let expected = rows(sizes) * (1.0 - once / rows(above));
    let is_known = |size: f64| above.binary_search_by(|(number, _)| number.total_cmp(&size)).is_ok();
    let known: f64 = sizes.iter().filter(|(size, _)| is_known(*size)).map(|(_, count)| f64::from(*count)).sum();
    expected >= LEAST_EXPECTED && known < LEAST_KNOWN * expected
}

fn rows(numbers: &[(f64, u32)]) -> f64 {
    numbers.iter().map(|(_, count)| f64::from(*count)).sum()
}

/// The number below which a share of the rows lies, of ascending numbers.
fn quantile(numbers: &[(f64, u32)], share: f64) -> f64 {
    let (all, mut seen) = (rows(numbers), 0.0);
    let reached = numbers.iter().find(|(_, count)| {
        seen += f64::from(*count);
        seen >= share * all
    });
    reached.or(numbers.last()).map_or(0.0, |(number, _)| *number)
}
