//! Numbers that stand apart: from all others of their column, or from those of their group where another column explains them.

use std::collections::BTreeMap;

use super::ballot::is_code;
use super::bulk::{Bulk, LEAST_ROWS};
use super::disguised::is_filler;
use super::profile::Profile;
use super::{Accusation, Suspicion, kinds};
use crate::columns::Column;
use crate::parallel;

/// A grouping column has at most so many values, of so many rows each on average.
const MOST_GROUPS: usize = 50;
const LEAST_GROUP: f64 = 30.0;
/// A column explains another where the middle of a group is at most this share of the whole column's, without a tenth of the rows on either
/// side or without a hundredth.
const EXPLAINS: f64 = 0.5;
/// Fewer rows make no group that could lie apart.
const LEAST_SMALL_GROUP: u32 = 3;
/// Times of day, and hours, that show a clock: of as many other numbers some would have more than 59 minutes.
const LEAST_TIMES: usize = 50;
const LEAST_HOURS: usize = 12;
const MIDNIGHT: f64 = 2_400.0;
/// Rows that the choice of a grouping column looks at.
const LOOKS: usize = 5_000;

/// The numbers of a column that stand apart from all others.
pub(super) fn suspicions(profiles: &[Profile<'_>], at: usize) -> Vec<Suspicion> {
    let profile = &profiles[at];
    if !is_measured(profile) {
        return Vec::new();
    }
    let counted: Vec<(f64, u32)> = profile.numbers().iter().map(|(number, _, count)| (*number, *count)).collect();
    let Some(bulk) = Bulk::of(&counted).or_else(|| Bulk::of(&but_for_zeros(&counted))) else { return Vec::new() };
    let is_told = |number: f64, count: u32| bulk.is_apart(number) && (count <= most_alike(profile.rows) || may_recur(&bulk, number));
    let apart = profile.numbers().iter().filter(|(number, _, count)| is_told(*number, *count));
    let mut apart: Vec<(f64, u32)> = apart.map(|(number, code, _)| (*number, *code)).collect();
    if apart.is_empty() {
        return Vec::new();
    }
    if let Some(groups) = Groups::of(profiles, at) {
        apart.retain(|(_, code)| !groups.explain(profile, *code, &bulk));
    }
    let (below, above): (Vec<_>, Vec<_>) = apart.into_iter().partition(|(number, _)| bulk.lies_below(*number));
    let of_no_kind = |side: Vec<(f64, u32)>| {
        let codes: Vec<u32> = side.iter().map(|(_, code)| *code).collect();
        let told = kinds::of_no_kind(profiles, at, &[at], &codes);
        side.into_iter().filter(move |(_, code)| told.contains(code))
    };
    let told = [below, above].into_iter().flat_map(of_no_kind);
    told.map(|(number, code)| Suspicion::new(code, "numeric_outlier", bulk.confidence(number))).collect()
}

/// The numbers that stand apart from those of their group, in columns that another column explains.
pub(super) fn in_groups(profiles: &[Profile<'_>]) -> Vec<Accusation> {
    let measured: Vec<usize> = (0..profiles.len()).filter(|at| is_measured(&profiles[*at])).collect();
    let found = parallel::map(&measured, |at| match Groups::of(profiles, *at) {
        Some(groups) => groups.accusations(profiles, *at),
        None => Vec::new(),
    });
    found.concat()
}

/// The numbers of days with rain, where most days have none.
fn but_for_zeros(numbers: &[(f64, u32)]) -> Vec<(f64, u32)> {
    numbers.iter().copied().filter(|(number, _)| *number != 0.0).collect()
}

fn is_measured(profile: &Profile<'_>) -> bool {
    profile.numeric > 0.8 && profile.rows >= f64::from(LEAST_ROWS) && !is_code(profile) && !is_of_clock(profile)
}

/// Whether numbers are times of day, as `1345` is: none of many has more than 59 minutes. On a clock nothing stands apart: 0005 is near to 2355.
fn is_of_clock(profile: &Profile<'_>) -> bool {
    let numbers = profile.numbers();
    let hour = |number: f64| (number / 100.0).floor();
    let is_time = |number: f64| number.fract() == 0.0 && (0.0..=MIDNIGHT).contains(&number) && number % 100.0 < 60.0;
    numbers.len() >= LEAST_TIMES
        && numbers.iter().all(|(number, ..)| is_time(*number))
        && numbers.chunk_by(|a, b| hour(a.0).total_cmp(&hour(b.0)).is_eq()).count() >= LEAST_HOURS
}

/// Rows that may hold one outlier: a number that recurs more often is a level of its own, unless it is far away.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small share of a number of rows")]
fn most_alike(rows: f64) -> u32 {
    (0.005 * rows).max(3.0) as u32
}

/// Whether a number is an outlier however often it recurs: it is far away, and stands for no missing one, as -999 does.
fn may_recur(bulk: &Bulk, number: f64) -> bool {
    bulk.is_far_away(number) && !is_filler(number)
}

/// The bulk of each group of rows.
struct Groups<'a> {
    by: &'a Column<'a>,
    /// By the code of the grouping column, with the rows that may hold one outlier.
    bulks: BTreeMap<u32, (Bulk, u32)>,
    /// The least and the greatest number of groups that are too small for a norm, of three rows and more.
    small: BTreeMap<u32, (f64, f64)>,
}

impl<'a> Groups<'a> {
    /// The groups of the column that explains the numbers of `at` best; `None` where none does.
    fn of(profiles: &'a [Profile<'a>], at: usize) -> Option<Self> {
        let by = profiles[explaining(profiles, at)?].column;
        let mut groups: BTreeMap<u32, Vec<(f64, u32)>> = BTreeMap::new();
        for (number, code, _) in profiles[at].numbers() {
            for row in profiles[at].column.clusters().rows(*code) {
                add(groups.entry(by.code(*row)).or_default(), *number);
            }
        }
        let (mut bulks, mut small) = (BTreeMap::new(), BTreeMap::new());
        for (code, numbers) in groups {
            let rows: u32 = numbers.iter().map(|(_, count)| count).sum();
            match Bulk::of(&numbers) {
                Some(bulk) => drop(bulks.insert(code, (bulk, most_alike(f64::from(rows))))),
                None if rows >= LEAST_SMALL_GROUP => drop(small.insert(code, (numbers[0].0, numbers[numbers.len() - 1].0))),
                None => {}
            }
        }
        Some(Self { by, bulks, small })
    }

    /// Whether a number lies among the group of a row. A small group lies apart as a whole, or says nothing.
    fn is_among(&self, row: u32, number: f64, all: &Bulk) -> bool {
        let group = self.by.code(row);
        let lies_apart = || self.small.get(&group).is_some_and(|(least, greatest)| all.are_apart_together(*least, *greatest));
        self.bulks.get(&group).map_or_else(lies_apart, |(bulk, _)| !bulk.is_apart(number))
    }

    /// Whether every row that holds a number that stands apart from `all` lies among its group.
    fn explain(&self, profile: &Profile<'_>, code: u32, all: &Bulk) -> bool {
        let Some((number, ..)) = profile.numbers().iter().find(|(_, other, _)| *other == code) else { return false };
        profile.column.clusters().rows(code).iter().all(|row| self.is_among(*row, *number, all))
    }

    /// The rows whose number stands apart from their group, where these are rows of all kinds.
    fn accusations(&self, profiles: &[Profile<'_>], at: usize) -> Vec<Accusation> {
        let profile = &profiles[at];
        let mut found: BTreeMap<(u32, bool), Vec<Accusation>> = BTreeMap::new();
        for (number, code, _) in profile.numbers() {
            let mut by_group: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for row in profile.column.clusters().rows(*code) {
                by_group.entry(self.by.code(*row)).or_default().push(*row);
            }
            for (group, rows) in by_group {
                let is_told = |bulk: &Bulk, most: u32| bulk.is_apart(*number) && (rows.len() <= most as usize || may_recur(bulk, *number));
                let Some((bulk, _)) = self.bulks.get(&group).filter(|(bulk, most)| is_told(bulk, *most)) else { continue };
                let confidence = bulk.confidence(*number);
                let accuse = |row| Accusation { row, column: at, issue: "numeric_outlier", confidence, suggestion: None };
                found.entry((group, bulk.lies_below(*number))).or_default().extend(rows.into_iter().map(accuse));
            }
        }
        let of_no_kind = |accused: Vec<Accusation>| {
            let rows: Vec<u32> = accused.iter().map(|accusation| accusation.row).collect();
            let told = kinds::told(profiles, &[at], &rows);
            accused.into_iter().filter(move |accusation| !told.contains(&accusation.row))
        };
        found.into_values().flat_map(of_no_kind).collect()
    }
}

/// Adds a number to sorted ones, of which it is the greatest.
fn add(numbers: &mut Vec<(f64, u32)>, number: f64) {
    match numbers.last_mut() {
        Some((last, count)) if last.total_cmp(&number).is_eq() => *count += 1,
        _ => numbers.push((number, 1)),
    }
}

/// The column whose values part the numbers of `at` into the narrowest groups, where these are narrow enough.
fn explaining(profiles: &[Profile<'_>], at: usize) -> Option<usize> {
    let looked_at = sample(&profiles[at]);
    let all: Vec<f64> = looked_at.iter().map(|(number, _)| *number).collect();
    let rated = (0..profiles.len()).filter(|by| *by != at && groups_rows(&profiles[*by])).map(|by| {
        let mut groups: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (number, row) in &looked_at {
            groups.entry(profiles[by].column.code(*row)).or_default().push(*number);
        }
        let share = |aside: f64| {
            let total: f64 = groups.values().map(|group| group.len() as f64 * width_but_for(group, aside)).sum();
            total / (all.len() as f64 * width_but_for(&all, aside)).max(f64::MIN_POSITIVE)
        };
        (by, share(0.1).min(share(0.01)))
    });
    let (by, share) = rated.min_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)))?;
    (share <= EXPLAINS).then_some(by)
}

/// Whether a column has few values of many rows each.
fn groups_rows(profile: &Profile<'_>) -> bool {
    let values = profile.column.values();
    (2..=MOST_GROUPS).contains(&values) && profile.rows / values as f64 >= LEAST_GROUP
}

/// Numbers of a column with their rows, in ascending order of the numbers, spread evenly over the rows.
fn sample(profile: &Profile<'_>) -> Vec<(f64, u32)> {
    let column = profile.column;
    let mut by_code: Vec<Option<f64>> = vec![None; column.counts.len()];
    for (number, code, _) in profile.numbers() {
        by_code[*code as usize] = Some(*number);
    }
    let step = (column.coded.codes.len() / LOOKS).max(1);
    let rows = (0_u32..).zip(&column.coded.codes).step_by(step);
    let mut found: Vec<(f64, u32)> = rows.filter_map(|(row, code)| Some((by_code[*code as usize]?, row))).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    found
}

/// The width of ascending numbers without a share of them on either side.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of rows")]
fn width_but_for(numbers: &[f64], aside: f64) -> f64 {
    let few = (numbers.len() as f64 * aside) as usize;
    match numbers {
        [] => 0.0,
        _ => numbers[numbers.len() - 1 - few] - numbers[few],
    }
}
