//! Minimal determinants of a target: the search that keys and dependencies share.
//!
//! The method is that of `HyFD` (Papenbrock and Naumann, SIGMOD 2016): pairs of rows that agree somewhere refute candidates,
//! candidates are what no known pair refutes, and every candidate is checked on all rows before it is believed. A failed check
//! gives the next pair. Nothing that is returned rests on a sample.

use std::collections::{BTreeMap, HashSet};

use crate::columns::{Column, groups};
use crate::parallel;

/// A set of columns: bit `i` is the column at position `i` of the search.
pub(crate) type Set = u128;

/// The most columns that one search takes; one bit is left for the target that stands for the row itself.
pub(crate) const MOST_COLUMNS: usize = 127;

/// What is to be determined, and by which columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The bit of the column, or a bit of no column for the row itself.
    pub(crate) bit: Set,
    /// The columns that may determine it.
    pub(crate) by: Set,
}

/// How much work a search may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Rows visited in checks.
    pub(crate) visits: u64,
    /// Columns of a determinant.
    pub(crate) width: u32,
    /// Candidates kept for one target.
    pub(crate) candidates: usize,
}

/// The minimal determinants per target, in the order of the targets, and whether these are all.
#[derive(Debug)]
pub(crate) struct Minimal {
    pub(crate) determinants: Vec<Vec<Set>>,
    pub(crate) is_complete: bool,
}

/// Finds the minimal determinants of each target.
pub(crate) fn minimal(columns: &[&Column<'_>], targets: &[Target], bounds: Bounds) -> Minimal {
    let mut search =
        Search { columns, targets, bounds, candidates: vec![vec![0]; targets.len()], seen: HashSet::new(), steps: 0, is_complete: true };
    let sampled = search.sample();
    search.refute(sampled);
    search.check_all();
    Minimal { determinants: search.candidates, is_complete: search.is_complete }
}

/// Comparisons of candidates with pairs before the search grows no further.
const MOST_STEPS: u64 = 1_500_000_000;
/// Pairs of rows compared per column before any candidate is checked.
const PAIRS_PER_COLUMN: usize = 60_000;

/// Candidates checked before the bound is looked at again.
const CHECKED_AT_ONCE: usize = 16;

/// What a check of one set found: the targets it determines, and what the pairs of rows that refute the others agree on.
struct Check {
    held: Vec<(usize, Set)>,
    refutations: Vec<Set>,
    visits: u64,
}

struct Search<'a> {
    columns: &'a [&'a Column<'a>],
    targets: &'a [Target],
    bounds: Bounds,
    candidates: Vec<Vec<Set>>,
    seen: HashSet<Set>,
    steps: u64,
    is_complete: bool,
}

impl Search<'_> {
    /// The columns that two rows agree on.
    fn agreement(&self, a: u32, b: u32) -> Set {
        let mut set = 0;
        for (at, column) in self.columns.iter().enumerate() {
            set |= Set::from(column.code(a) == column.code(b)) << at;
        }
        set
    }

    /// What pairs of neighbours within the clusters of each column agree on.
    fn sample(&mut self) -> Vec<Set> {
        let mut found = Vec::new();
        // Two rows that differ wherever rows can: no smaller claim stands without a column that varies.
        let constant = self.columns.iter().enumerate().filter(|(_, column)| column.distinct == 1).map(|(at, _)| 1 << at).sum();
        found.push(constant);
        for column in self.columns {
            let mut left = PAIRS_PER_COLUMN;
            for distance in [1, 2, 5] {
                for cluster in column.clusters().at_least(distance + 1) {
                    let stride = 1 + cluster.len() / 2_000;
                    for (a, b) in cluster.iter().zip(&cluster[distance..]).step_by(stride) {
                        let set = self.agreement(*a, *b);
                        if self.seen.insert(set) {
                            found.push(set);
                        }
                        left = left.saturating_sub(1);
                    }
                    if left == 0 {
                        break;
                    }
                }
            }
        }
        found
    }

    /// Takes out the candidates that the pairs refute and puts in their least extensions.
    fn refute(&mut self, mut agreements: Vec<Set>) {
        agreements.sort_unstable_by_key(|set| (std::cmp::Reverse(set.count_ones()), *set));
        for at in 0..self.targets.len() {
            let target = self.targets[at];
            let mut width = self.bounds.width;
            for agreement in &agreements {
                if agreement & target.bit == 0 {
                    self.extend(at, *agreement, &mut width);
                }
            }
        }
    }

    fn extend(&mut self, at: usize, agreement: Set, width: &mut u32) {
        let target = self.targets[at];
        let candidates = &mut self.candidates[at];
        self.steps += candidates.len() as u64;
        let refuted: Vec<Set> = candidates.extract_if(.., |candidate| *candidate & !agreement == 0).collect();
        let free = target.by & !agreement & !target.bit;
        for set in refuted {
            if set.count_ones() >= *width {
                self.is_complete &= free == 0;
                continue;
            }
            for bit in bits(free) {
                let wider = set | bit;
                self.steps += candidates.len() as u64;
                if !candidates.iter().any(|other| other & !wider == 0) {
                    candidates.push(wider);
                }
            }
        }
        if candidates.len() > self.bounds.candidates || (self.steps > MOST_STEPS && *width > 1) {
            *width = candidates.iter().map(|set| set.count_ones()).max().unwrap_or(1).saturating_sub(1).max(1);
            candidates.retain(|set| set.count_ones() <= *width);
            self.is_complete = false;
        }
    }

    /// Checks the candidates on all rows, the narrow ones first, until all that are left hold.
    fn check_all(&mut self) {
        let mut held: HashSet<(usize, Set)> = HashSet::new();
        let mut visits = 0;
        let mut width = 0;
        while width <= self.bounds.width {
            let mut refutations = Vec::new();
            let unchecked: Vec<(Set, Vec<usize>)> = self.unchecked(width, &held).into_iter().collect();
            for some in unchecked.chunks(CHECKED_AT_ONCE) {
                if visits > self.bounds.visits {
                    self.drop_unchecked(&held);
                    return;
                }
                for check in parallel::map(some, |(set, targets)| self.check(*set, targets)) {
                    visits += check.visits;
                    held.extend(check.held);
                    refutations.extend(check.refutations);
                }
            }
            if refutations.is_empty() {
                width += 1;
            } else {
                self.refute(refutations);
            }
        }
    }

    /// The candidates of one width that were not checked yet, with the targets they would determine.
    fn unchecked(&self, width: u32, held: &HashSet<(usize, Set)>) -> BTreeMap<Set, Vec<usize>> {
        let mut sets: BTreeMap<Set, Vec<usize>> = BTreeMap::new();
        for (at, candidates) in self.candidates.iter().enumerate() {
            for set in candidates.iter().filter(|set| set.count_ones() == width && !held.contains(&(at, **set))) {
                sets.entry(*set).or_default().push(at);
            }
        }
        sets
    }

    /// Checks whether `set` determines the targets.
    fn check(&self, set: Set, targets: &[usize]) -> Check {
        let mut refutations = Vec::new();
        let mut open: Vec<usize> = targets.to_vec();
        let keys: Vec<&Column<'_>> = positions(set).map(|at| self.columns[at]).collect();
        let mut judge = |rows: &[u32]| {
            for row in &rows[1..] {
                // Most rows refute nothing.
                if open.iter().any(|target| self.differ(rows[0], *row, *target)) {
                    open.retain(|target| !self.differ(rows[0], *row, *target));
                    refutations.push(self.agreement(rows[0], *row));
                }
            }
            !open.is_empty()
        };
        let visits = if keys.is_empty() {
            let rows: Vec<u32> = (0_u32..).take(self.columns.first().map_or(0, |column| column.coded.codes.len())).collect();
            if rows.len() > 1 {
                judge(&rows);
            }
            rows.len() as u64
        } else {
            groups(&keys, u64::MAX, judge)
        };
        Check { held: open.into_iter().map(|target| (target, set)).collect(), refutations, visits }
    }

    fn differ(&self, a: u32, b: u32, target: usize) -> bool {
        let position = self.targets[target].bit.trailing_zeros() as usize;
        self.columns.get(position).is_none_or(|column| column.code(a) != column.code(b))
    }

    /// The bound was met: what was not checked is not believed.
    fn drop_unchecked(&mut self, held: &HashSet<(usize, Set)>) {
        self.is_complete = false;
        for (at, candidates) in self.candidates.iter_mut().enumerate() {
            candidates.retain(|set| held.contains(&(at, *set)));
        }
    }
}

/// The single bits of a set.
fn bits(set: Set) -> impl Iterator<Item = Set> {
    positions(set).map(|at| 1 << at)
}

/// The positions in a set, ascending.
pub(crate) fn positions(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (at < Set::BITS as usize).then_some(at)
    })
}
