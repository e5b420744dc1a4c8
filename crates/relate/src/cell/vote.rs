//! Votes: rows that agree on a determinant say what the dependent of each of them should be.

use std::collections::{BTreeMap, HashMap};

use crate::agreement::Counter;
use crate::columns::{Column, groups};
use crate::{Dependencies, Keys};

/// A dependency that votes.
#[derive(Clone, Debug)]
pub(super) struct Ballot {
    determinant: Vec<usize>,
    dependent: usize,
    /// How far it is a rule of the data, 0 to 1.
    trust: f64,
    /// The share of the supported rows with a value that contradict it.
    doubt: f64,
}

/// What the votes say about the rows of one column.
#[derive(Default)]
pub(super) struct Votes {
    rows: HashMap<u32, Tally>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    against: f64,
    strongest: f64,
    in_favour: f64,
    expected: u32,
}

impl Votes {
    /// How far the votes say that the cell is wrong.
    pub(super) fn doubt(&self, row: u32) -> f64 {
        self.rows.get(&row).map_or(0.0, Tally::doubt)
    }

    /// How far the votes say that the cell is right.
    pub(super) fn trust(&self, row: u32) -> f64 {
        self.rows.get(&row).map_or(0.0, |tally| tally.in_favour / (tally.in_favour + tally.against + 0.3))
    }

    /// The rows whose cell is wrong with at least this confidence, ascending.
    pub(super) fn doubted(&self, least: f64) -> Vec<u32> {
        let mut rows: Vec<u32> = self.rows.iter().filter(|(_, tally)| tally.doubt() >= least).map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows
    }

    /// The value that the votes are for, where they are against the cell.
    pub(super) fn expected(&self, row: u32, column: &Column<'_>) -> Option<String> {
        let tally = self.rows.get(&row).filter(|tally| tally.strongest > 0.0)?;
        column.text(tally.expected).map(str::to_owned)
    }
}

impl Tally {
    fn doubt(&self) -> f64 {
        if self.strongest == 0.0 { 0.0 } else { self.strongest * self.against / (self.against + self.in_favour) }
    }
}

/// At most this many dependencies vote on one column; further ones repeat what these say.
const MOST_BALLOTS: usize = 8;

/// The dependencies that vote: approximate ones and well supported exact ones, and what things told by several sources have.
pub(super) fn ballots(columns: &[Column<'_>], keys: &Keys, dependencies: &Dependencies) -> Vec<Ballot> {
    let mut ballots: Vec<Ballot> = Vec::new();
    let mut per_column: BTreeMap<usize, usize> = BTreeMap::new();
    for dependency in dependencies.dependencies.iter().filter(|dependency| dependency.score >= 0.25 && dependency.determinant.len() < 3) {
        let count = per_column.entry(dependency.dependent).or_default();
        if *count < MOST_BALLOTS && !dependency.determinant.is_empty() {
            let measured = Measured::of(columns, &dependency.determinant, dependency.dependent);
            *count += 1;
            ballots.push(Ballot {
                determinant: dependency.determinant.clone(),
                dependent: dependency.dependent,
                trust: measured.trust(),
                doubt: measured.doubt(),
            });
        }
    }
    ballots.extend(sources(columns, keys, &ballots));
    ballots
}

/// Votes on one column.
pub(super) fn count(columns: &[Column<'_>], at: usize, ballots: &[Ballot]) -> Votes {
    let mut votes = Votes::default();
    let dependent = &columns[at];
    let mut counter = Counter::of(dependent);
    for ballot in ballots.iter().filter(|ballot| ballot.dependent == at) {
        let keys: Vec<&Column<'_>> = ballot.determinant.iter().map(|at| &columns[*at]).collect();
        groups(&keys, |group| {
            if keys.iter().all(|key| key.code(group[0]) != 0) {
                let ranked = counter.ranked(group.iter().map(|row| dependent.code(*row)));
                cast(&mut votes, ballot, dependent, group, &ranked);
            }
            true
        });
    }
    votes
}

/// The votes of one group of rows.
fn cast(votes: &mut Votes, ballot: &Ballot, dependent: &Column<'_>, group: &[u32], ranked: &[(u32, u32)]) {
    let nulls = ranked.iter().find(|(code, _)| *code == 0).map_or(0, |(_, count)| *count);
    let mut valued = ranked.iter().filter(|(code, _)| *code != 0);
    let Some((top, most)) = valued.next().copied() else { return };
    let second = valued.next().map_or(0, |(_, count)| *count);
    let wrong = |lead: u32| ballot.trust * (1.0 - ballot.doubt.powi(i32::try_from(lead).unwrap_or(i32::MAX)));
    let is_mostly_missing = f64::from(nulls) > 0.6 * group.len() as f64;
    let is_unanimous = ranked.len() == 1;
    for row in group {
        let code = dependent.code(*row);
        let held = ranked.iter().find(|(other, _)| *other == code).map_or(0, |(_, count)| *count);
        if code == top {
            if most > 1 {
                let lead = most - second.max(1).min(most);
                votes.rows.entry(*row).or_default().in_favour += if is_unanimous { wrong(most - 1) } else { wrong(lead) };
            }
            continue;
        }
        let held = if code == 0 { second } else { held };
        if most <= held.max(1) || (code == 0 && (is_mostly_missing || most < 2)) {
            continue;
        }
        let tally = votes.rows.entry(*row).or_default();
        let weight = wrong(most - held);
        tally.against += weight;
        if weight > tally.strongest {
            tally.strongest = weight;
            tally.expected = top;
        }
    }
}

/// How far a determinant tells a dependent, missing values of both left out.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    rows: f64,
    groups: f64,
    supported: f64,
    contradicting: f64,
    purity: f64,
    sameness: f64,
}

impl Measured {
    fn of(columns: &[Column<'_>], determinant: &[usize], dependent: usize) -> Self {
        let keys: Vec<&Column<'_>> = determinant.iter().map(|at| &columns[*at]).collect();
        let column = &columns[dependent];
        let valued = f64::from(column.counts[1..].iter().sum::<u32>()).max(1.0);
        let sameness = column.counts[1..].iter().map(|count| (f64::from(*count) / valued).powi(2)).sum();
        let mut measured = Self { sameness, ..Self::default() };
        let mut counter = Counter::of(column);
        groups(&keys, |group| {
            if keys.iter().all(|key| key.code(group[0]) != 0) {
                let (top, squares) = counter.count(group.iter().map(|row| column.code(*row)).filter(|code| *code != 0));
                let size = group.iter().filter(|row| column.code(**row) != 0).count() as f64;
                if size > 1.0 {
                    measured.rows += size;
                    measured.groups += 1.0;
                    measured.supported += size;
                    measured.contradicting += size - f64::from(top);
                    measured.purity += squares / size;
                }
            }
            true
        });
        measured
    }

    /// The measure μ⁺ over the supported rows.
    fn strength(&self) -> f64 {
        if self.rows <= self.groups || self.sameness >= 1.0 {
            return 0.0;
        }
        let doubt = (1.0 - self.purity / self.rows) / (1.0 - self.sameness) * (self.rows - 1.0) / (self.rows - self.groups);
        (1.0 - doubt).clamp(0.0, 1.0)
    }

    /// Trust grows with the strength: what is right nine times in ten beyond chance is a rule.
    fn trust(&self) -> f64 {
        (self.strength() * 1.1).min(0.97)
    }

    fn doubt(&self) -> f64 {
        (self.contradicting / self.supported.max(1.0)).clamp(0.01, 0.6)
    }
}

/// Things that several sources tell of: where a column and another one (the source) make a key together, and the column
/// strongly determines something, what else it determines far beyond chance is told by vote, however much the sources differ.
fn sources(columns: &[Column<'_>], keys: &Keys, known: &[Ballot]) -> Vec<Ballot> {
    let mut found = Vec::new();
    let pairs = keys.keys.iter().filter(|key| key.columns.len() == 2);
    let mut things: Vec<usize> = pairs.flat_map(|key| key.columns.iter().copied()).collect();
    things.sort_unstable();
    things.dedup();
    for thing in things {
        let rows = columns[thing].column.codes.len() as f64;
        if rows / (columns[thing].values().max(1) as f64) < 4.0 {
            continue;
        }
        let others: Vec<usize> = (0..columns.len()).filter(|at| *at != thing).collect();
        let measured: Vec<(usize, Measured)> = others.into_iter().map(|at| (at, Measured::of(columns, &[thing], at))).collect();
        let is_specific = |at: usize| columns[at].values() * 2 >= columns[thing].values();
        let is_thing = measured.iter().any(|(at, measured)| measured.strength() > 0.7 && is_specific(*at));
        let told = measured.iter().filter(|(at, measured)| is_thing && measured.strength() > 0.15 && is_specific(*at));
        for (at, measured) in told {
            let is_known = known.iter().any(|ballot| ballot.dependent == *at && ballot.determinant == [thing]);
            if !is_known {
                let trust = 0.75 + 0.2 * measured.strength();
                found.push(Ballot { determinant: vec![thing], dependent: *at, trust, doubt: measured.doubt() });
            }
        }
    }
    found
}
