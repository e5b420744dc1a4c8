//! Sources: how much weight each of several sources has that tell of the same things.

use std::collections::{BTreeMap, HashMap};

use super::ballot::Ballot;
use super::profile::Profile;
use crate::columns::{Column, groups};

/// Sources that say the same in this share of what they both say, where at least one of them is at odds with most, copy from
/// each other: that they agree with everybody says nothing.
const COPIES: f64 = 0.97;
/// Statements in common that it takes to know.
const LEAST_IN_COMMON: f64 = 10.0;
/// More sources than this are not compared with each other.
const MOST_SOURCES: usize = 300;
/// Rounds of weighing by how often the weighted vote bears a source out.
const ROUNDS: usize = 2;

/// The weight of each source in a vote.
///
/// Sources that copy count as one (Dong, Berti-Equille and Srivastava, Integrating conflicting data: the role of source
/// dependence, VLDB 2009), and a source counts as it is borne out by the others (Yin, Han and Yu, `TruthFinder`, KDD 2007).
pub(super) struct Weights<'a> {
    source: &'a Column<'a>,
    weights: Vec<f64>,
}

impl<'a> Weights<'a> {
    /// Weighs the sources of the ballots of one thing; `None` where they are not of sources.
    pub(super) fn of(profiles: &'a [Profile<'a>], ballots: &[&Ballot]) -> Option<Self> {
        let of_sources: Vec<&&Ballot> = ballots.iter().filter(|ballot| ballot.source.is_some()).collect();
        let source = profiles[of_sources.first()?.source?].column;
        let things: Vec<&Column<'_>> = of_sources[0].determinant.iter().map(|at| profiles[*at].column).collect();
        let told: Vec<&Column<'_>> = of_sources.iter().map(|ballot| profiles[ballot.dependent].column).collect();
        let mut weights = Self { source, weights: vec![1.0; source.counts.len()] };
        if source.counts.len() <= MOST_SOURCES {
            weights.join_copies(&things, &told);
            let alone = weights.weights.clone();
            for _ in 0..ROUNDS {
                let borne_out = weights.borne_out(&things, &told);
                weights.weights = alone.iter().zip(borne_out).map(|(alone, share)| alone * share * share).collect();
            }
            let heaviest = weights.weights.iter().copied().fold(0.0, f64::max).max(1e-9);
            weights.weights.iter_mut().for_each(|weight| *weight /= heaviest);
        }
        Some(weights)
    }

    /// The values of a group by weight, heaviest first, missing ones left out.
    pub(super) fn ranked(&self, group: &[u32], column: &Column<'_>) -> Vec<(u32, f64)> {
        let mut weights: BTreeMap<u32, f64> = BTreeMap::new();
        for row in group.iter().filter(|row| column.code(**row) != 0) {
            *weights.entry(column.code(*row)).or_default() += self.weights[self.source.code(*row) as usize];
        }
        let mut ranked: Vec<(u32, f64)> = weights.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ranked
    }

    fn join_copies(&mut self, things: &[&Column<'_>], told: &[&Column<'_>]) {
        let mut common: HashMap<(u32, u32), (f64, f64)> = HashMap::new();
        groups(things, u64::MAX, |group| {
            let usual: Vec<u32> = told.iter().map(|column| self.ranked(group, column).first().map_or(0, |(code, _)| *code)).collect();
            for (at, a) in group.iter().enumerate() {
                for b in &group[at + 1..] {
                    let (one, other) = (self.source.code(*a), self.source.code(*b));
                    let pair = common.entry((one.min(other), one.max(other))).or_default();
                    for (column, usual) in told.iter().zip(&usual) {
                        let (one, other) = (column.code(*a), column.code(*b));
                        if one != 0 && other != 0 && (one != *usual || other != *usual) {
                            pair.0 += f64::from(u8::from(one == other));
                            pair.1 += 1.0;
                        }
                    }
                }
            }
            true
        });
        let mut copies = vec![1.0; self.weights.len()];
        for ((a, b), (same, both)) in common {
            if a != b && both >= LEAST_IN_COMMON && same >= COPIES * both {
                copies[a as usize] += 1.0;
                copies[b as usize] += 1.0;
            }
        }
        self.weights.iter_mut().zip(copies).for_each(|(weight, copies)| *weight /= copies);
    }

    /// The share of what each source says that the weighted vote bears out.
    fn borne_out(&self, things: &[&Column<'_>], told: &[&Column<'_>]) -> Vec<f64> {
        let mut counts = vec![(0.5, 1.0); self.weights.len()];
        groups(things, u64::MAX, |group| {
            for column in told {
                let Some((top, _)) = self.ranked(group, column).first().copied() else { continue };
                for row in group.iter().filter(|row| column.code(**row) != 0) {
                    let count = &mut counts[self.source.code(*row) as usize];
                    count.0 += f64::from(u8::from(column.code(*row) == top));
                    count.1 += 1.0;
                }
            }
            true
        });
        counts.into_iter().map(|(right, said)| right / said).collect()
    }
}
