//! Signs: numbers below zero among numbers that are not, as large as those without their sign.
//!
//! Numbers that come below zero by nature come there little by little, and the nearer to zero the more of them. A sign that was written by
//! mistake falls on any number, and where numbers recur, mostly on one that other rows hold without it. A few that nobody holds are mistakes as well,
//! whatever came over them besides, unless they recur: what comes below zero by nature does so as often as the others. A slip falls on one cell: where two
//! columns are below zero in the same rows, both were turned, as quantity and amount of a return are. Among columns that are below zero by nature, as
//! coordinates are, one that rarely is has the same nature.

use std::collections::HashSet;

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
/// Up to this share of the rows numbers of their own may be slips of another kind, unless each is held so many times on average.
const FEW: f64 = 0.03;
const RECURRING: f64 = 2.0;
/// Two columns are turned together in so many rows and more, and in half of those in which the rarer one is.
const LEAST_TOGETHER: usize = 3;
/// So many columns make a table one of signed numbers, where they are three of four of its columns of numbers, and reach up to so many times as far as a column.
const LEAST_SIGNED: usize = 5;
const AS_FAR: f64 = 3.0;
const CONFIDENCE: f64 = 0.7;

/// The numbers whose sign is likely wrong, each with the number that it likely should be.
pub(super) fn suspicions(profiles: &[Profile<'_>], at: usize) -> Vec<Suspicion> {
    let profile = &profiles[at];
    let numbers = profile.numbers();
    let zero = numbers.partition_point(|(number, ..)| *number < 0.0);
    let (below, above) = (&numbers[..zero], &numbers[zero..]);
    let above: Vec<(f64, u32)> = above.iter().filter(|(number, ..)| *number > 0.0).map(|(number, _, count)| (*number, *count)).collect();
    let mut sizes: Vec<(f64, u32)> = below.iter().map(|(number, _, count)| (-number, *count)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let has_norm = profile.numeric > 0.8 && profile.rows >= LEAST_ROWS && above.len() >= LEAST_VALUES;
    let are_small = || quantile(&sizes, 0.5) < quantile(&above, AS_LARGE.0);
    let are_few = || rows(&sizes) <= FEW * profile.rows && rows(&sizes) < RECURRING * sizes.len() as f64;
    let are_natural = || are_small() || are_of_their_own(&sizes, &above) && !are_few();
    if below.is_empty() || !has_norm || rows(&sizes) > GREATEST_SHARE * profile.rows || are_natural() || is_among_signed(profiles, at) {
        return Vec::new();
    }
    let least = quantile(&above, AS_LARGE.1);
    let greatest = above.last().map_or(0.0, |(number, _)| *number);
    let slips = below.iter().filter(|(number, _, count)| *count > 0 && (least..=greatest).contains(&-number));
    let slips: Vec<u32> = slips.map(|(_, code, _)| *code).collect();
    let turned = turned(profiles, at, &slips);
    let meant = |code: u32| profile.column.text(code).map(|text| text.trim().trim_start_matches('-').to_owned());
    let slips = slips.into_iter().filter(|code| !turned.contains(code));
    slips.filter_map(|code| Some(Suspicion::new(code, "wrong_sign", CONFIDENCE).suggesting(meant(code)?))).collect()
}

/// Those of `codes` in rows that are below zero in a column that is turned together with this one.
fn turned(profiles: &[Profile<'_>], at: usize, codes: &[u32]) -> HashSet<u32> {
    let clusters = profiles[at].column.clusters();
    let rows: Vec<(u32, u32)> = codes.iter().flat_map(|code| clusters.rows(*code).iter().map(|row| (*code, *row))).collect();
    let mut turned = HashSet::new();
    for other in profiles.iter().enumerate().filter(|(place, other)| *place != at && other.numeric > 0.8).map(|(_, other)| other) {
        let numbers = other.numbers();
        let below = &numbers[..numbers.partition_point(|(number, ..)| *number < 0.0)];
        let rows_below: usize = below.iter().map(|(_, _, count)| *count as usize).sum();
        if rows_below < LEAST_TOGETHER || rows_below as f64 > GREATEST_SHARE * other.rows {
            continue;
        }
        let below: HashSet<u32> = below.iter().map(|(_, code, _)| *code).collect();
        let both: Vec<u32> = rows.iter().filter(|(_, row)| below.contains(&other.column.code(*row))).map(|(code, _)| *code).collect();
        if both.len() >= LEAST_TOGETHER && both.len() * 2 >= rows.len().min(rows_below) {
            turned.extend(both);
        }
    }
    turned
}

/// Whether many other columns of numbers, three of four at least, are below zero by nature and of the same size.
fn is_among_signed(profiles: &[Profile<'_>], at: usize) -> bool {
    let reach = |profile: &Profile<'_>| profile.numbers().iter().map(|(number, ..)| number.abs()).fold(0.0, f64::max);
    let is_signed = |profile: &Profile<'_>| {
        let below = profile.numbers().iter().take_while(|(number, ..)| *number < 0.0);
        below.map(|(.., count)| f64::from(*count)).sum::<f64>() > GREATEST_SHARE * profile.rows
    };
    let own = reach(&profiles[at]);
    let is_as_large = |profile: &Profile<'_>| (own / AS_FAR..=own * AS_FAR).contains(&reach(profile));
    let others = profiles.iter().enumerate().filter(|(place, other)| *place != at && other.numeric > 0.8);
    let others: Vec<&Profile<'_>> = others.map(|(_, other)| other).collect();
    let signed = others.iter().filter(|other| is_signed(other) && is_as_large(other)).count();
    signed >= LEAST_SIGNED && signed * 4 > others.len() * 3
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
