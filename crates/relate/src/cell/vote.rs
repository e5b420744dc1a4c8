//! Votes: rows that agree on a determinant say what the dependent of each of them should be.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::LEAST_CONFIDENCE;
use super::ballot::Ballot;
use super::profile::Profile;
use super::source::Weights;
use crate::agreement::Counter;
use crate::columns::{Column, groups};
use crate::words::edits;

/// What the votes say about the rows of one column.
#[derive(Default)]
pub(super) struct Votes {
    rows: HashMap<u32, Tally>,
    /// The columns by which votes were cast.
    determinants: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    against: f64,
    strongest: f64,
    in_favour: f64,
    expected: u32,
    /// The place of the columns by which the strongest vote was cast.
    by: usize,
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

    /// The columns by which the strongest vote against the cell was cast.
    pub(super) fn by(&self, row: u32) -> &[usize] {
        let tally = self.rows.get(&row).filter(|tally| tally.strongest > 0.0);
        tally.and_then(|tally| self.determinants.get(tally.by)).map_or(&[][..], Vec::as_slice)
    }

    /// Takes back all that is said against cells.
    fn withdraw(&mut self) {
        self.rows.values_mut().for_each(|tally| *tally = Tally { in_favour: tally.in_favour, ..Tally::default() });
    }

    fn accuse(&mut self, row: u32, weight: f64, expected: u32, determinant: &[usize]) {
        let tally = self.rows.entry(row).or_default();
        tally.against += weight;
        if weight > tally.strongest {
            tally.strongest = weight;
            tally.expected = expected;
            tally.by = self.determinants.iter().position(|known| known == determinant).unwrap_or(self.determinants.len());
            if tally.by == self.determinants.len() {
                self.determinants.push(determinant.to_vec());
            }
        }
    }
}

impl Tally {
    fn doubt(&self) -> f64 {
        if self.strongest == 0.0 { 0.0 } else { self.strongest * self.against / (self.against + self.in_favour) }
    }
}

/// How many times more rows must hold the usual value of a group than one that recurs in it: 3 against 2 is no vote.
const CLEAR: f64 = 2.0;
/// A value of which so many times as many rows are in other groups is at home there.
const TIMES_ABROAD: f64 = 5.0;
/// What more rows than this share contradict is no rule, where no sources are known to err.
const GREATEST_SHARE: f64 = 0.15;

/// Votes on all columns. `suspected` says which rows of each column a word in favour could help.
pub(super) fn count(profiles: &[Profile<'_>], ballots: &[Ballot], suspected: &[Vec<u32>]) -> Vec<Votes> {
    let mut votes: Vec<Votes> = profiles.iter().map(|_| Votes::default()).collect();
    let mut by_determinant: BTreeMap<&[usize], Vec<&Ballot>> = BTreeMap::new();
    for ballot in ballots {
        by_determinant.entry(&ballot.determinant).or_default().push(ballot);
    }
    let mut witnesses = Witnesses::of(profiles, ballots);
    for of_one in by_determinant.values() {
        let mut known = HashSet::new();
        if of_one.iter().any(|ballot| ballot.source.is_some()) {
            each_group(profiles, of_one, |_, polls| {
                known.insert(polls.iter().map(|poll| poll.top().0).collect());
            });
        }
        each_group(profiles, of_one, |group, polls| accuse(profiles, &mut votes, group, polls, &known, &mut witnesses));
    }
    for (votes, rows) in votes.iter_mut().zip(suspected) {
        for row in rows {
            votes.rows.entry(*row).or_default();
        }
    }
    for of_one in by_determinant.values() {
        each_group(profiles, of_one, |group, polls| defend(profiles, &mut votes, group, polls));
    }
    for (at, votes) in votes.iter_mut().enumerate() {
        let is_of_sources = ballots.iter().any(|ballot| ballot.dependent == at && ballot.source.is_some());
        let doubted = votes.doubted(LEAST_CONFIDENCE).len() as f64;
        if !is_of_sources && doubted > GREATEST_SHARE * profiles[at].column.coded.codes.len() as f64 {
            votes.withdraw();
        }
    }
    votes
}

/// What one ballot says in one group of rows.
struct Poll<'a> {
    ballot: &'a Ballot,
    /// Codes with the weight of the rows that hold them, heaviest first, missing values left out.
    ranked: Vec<(u32, f64)>,
    missing: u32,
}

impl Poll<'_> {
    fn top(&self) -> (u32, f64) {
        self.ranked[0]
    }

    fn held(&self, code: u32) -> f64 {
        self.ranked.iter().find(|(other, _)| *other == code).map_or(0.0, |(_, weight)| *weight)
    }

    /// How sure it is that a value is wrong that `lead` more rows contradict than hold.
    fn certainty(&self, lead: f64) -> f64 {
        self.ballot.trust * (1.0 - self.ballot.doubt.powf(lead.max(0.0)))
    }
}

/// Takes the polls of every group of rows that agree on the determinant of `ballots`.
fn each_group(profiles: &[Profile<'_>], ballots: &[&Ballot], mut visit: impl FnMut(&[u32], &[Poll<'_>])) {
    let Some(first) = ballots.first() else { return };
    let keys: Vec<&Column<'_>> = first.determinant.iter().map(|at| profiles[*at].column).collect();
    let mut counters: Vec<Counter> = ballots.iter().map(|ballot| Counter::of(profiles[ballot.dependent].column)).collect();
    let weights = Weights::of(profiles, ballots);
    groups(&keys, u64::MAX, |group| {
        if first.determinant.iter().all(|at| profiles[*at].names(profiles[*at].column.code(group[0]))) {
            let mut polls = Vec::new();
            for (ballot, counter) in ballots.iter().zip(&mut counters) {
                let column = profiles[ballot.dependent].column;
                let counted = counter.ranked(group.iter().map(|row| column.code(*row)));
                let missing = counted.iter().find(|(code, _)| *code == 0).map_or(0, |(_, count)| *count);
                let ranked = match &weights {
                    Some(weights) if ballot.source.is_some() => weights.ranked(group, column),
                    _ => counted.into_iter().filter(|(code, _)| *code != 0).map(|(code, count)| (code, f64::from(count))).collect(),
                };
                if !ranked.is_empty() {
                    polls.push(Poll { ballot, ranked, missing });
                }
            }
            visit(group, &polls);
        }
        true
    });
}

/// What a row says of the dependents of the polls.
fn told(profiles: &[Profile<'_>], polls: &[Poll<'_>], row: u32) -> Vec<u32> {
    polls.iter().map(|poll| profiles[poll.ballot.dependent].column.code(row)).collect()
}

/// Votes against the values that contradict their group. A row that says of everything what is `known` of another thing tells of
/// that thing, and nothing of what it says is held against it.
fn accuse(
    profiles: &[Profile<'_>],
    votes: &mut [Votes],
    group: &[u32],
    polls: &[Poll<'_>],
    known: &HashSet<Vec<u32>>,
    witnesses: &mut Witnesses<'_>,
) {
    if polls.iter().all(|poll| poll.ranked.len() == 1 && poll.missing == 0) {
        return;
    }
    for row in group {
        let dissents =
            |poll: &&Poll<'_>| !matches!(profiles[poll.ballot.dependent].column.code(*row), code if code == 0 || code == poll.top().0);
        let dissenting: Vec<usize> = polls.iter().filter(dissents).map(|poll| poll.ballot.dependent).collect();
        let coherence = if polls.len() < 2 { 1.0 } else { 1.0 - dissenting.len().saturating_sub(1) as f64 / (polls.len() as f64 - 1.0) };
        let is_strange = polls.len() > 2 && dissenting.len() == polls.len() && known.contains(&told(profiles, polls, *row));
        let stranger = if is_strange { 0.0 } else { 1.0 };
        for poll in polls {
            let column = profiles[poll.ballot.dependent].column;
            let code = column.code(*row);
            // What says nothing contradicts nothing.
            if code != poll.top().0 && profiles[poll.ballot.dependent].names(poll.top().0) {
                let is_of_sources = poll.ballot.source.is_some();
                let weight = if is_of_sources {
                    stranger * weight_of_sources(poll, code)
                } else {
                    let weight = weight(poll, code, column, group.len());
                    let mut is_alone = || witnesses.errs_alone(poll.ballot, &dissenting, *row);
                    let coherence = if weight > 0.0 && coherence < 1.0 && is_alone() { 1.0 } else { coherence };
                    if weight > 0.0 { coherence * weight * witnesses.against(poll.ballot, *row) } else { 0.0 }
                };
                if weight > 0.0 {
                    votes[poll.ballot.dependent].accuse(*row, weight, poll.top().0, &poll.ballot.determinant);
                }
            }
        }
    }
}

/// What most rows hold in one column that hold a value of another.
struct Usual {
    /// By the code of that value: the code that most hold, how many do, and how many hold the next.
    by_code: Vec<(u32, u32, u32)>,
}

impl Usual {
    fn of(determinant: &Column<'_>, dependent: &Column<'_>) -> Self {
        let mut counter = Counter::of(dependent);
        let ranked = |rows: &[u32]| {
            let ranked = counter.ranked(rows.iter().map(|row| dependent.code(*row)).filter(|code| *code != 0));
            let (code, count) = ranked.first().copied().unwrap_or_default();
            (code, count, ranked.get(1).map_or(0, |(_, count)| *count))
        };
        Self { by_code: determinant.clusters().all().map(ranked).collect() }
    }

    /// What the rows with a value hold, one of them that holds `own` left out; `None` where they do not agree.
    fn told(&self, code: u32, own: u32) -> Option<u32> {
        let (usual, count, next) = self.by_code[code as usize];
        let others = count - u32::from(usual == own && usual != 0);
        (code != 0 && usual != 0 && others > 1 && others > next).then_some(usual)
    }
}

/// The other columns of a row, asked which of two cells that contradict each other is wrong: they go with one of them.
struct Witnesses<'a> {
    profiles: &'a [Profile<'a>],
    /// The columns that each column decides.
    decided: BTreeMap<usize, Vec<usize>>,
    usual: HashMap<(usize, usize), Usual>,
}

impl<'a> Witnesses<'a> {
    fn of(profiles: &'a [Profile<'a>], ballots: &[Ballot]) -> Self {
        let mut decided: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for ballot in ballots.iter().filter(|ballot| ballot.source.is_none()) {
            if let [determinant] = ballot.determinant[..] {
                decided.entry(determinant).or_default().push(ballot.dependent);
            }
        }
        Self { profiles, decided, usual: HashMap::new() }
    }

    /// The share of the other columns that speak against the dependent of a ballot in a row, of those on which it and the determinant differ; 1
    /// where most do, or where none speaks.
    fn against(&mut self, ballot: &Ballot, row: u32) -> f64 {
        let ([determinant], dependent) = (&ballot.determinant[..], ballot.dependent) else { return 1.0 };
        let others: Vec<usize> = self.decided.get(&dependent).cloned().unwrap_or_default();
        let (mut for_it, mut against_it) = (0.0, 0.0);
        for other in others.into_iter().filter(|other| other != determinant) {
            let own = self.profiles[other].column.code(row);
            let (by_dependent, by_determinant) = (self.told(dependent, other, row), self.told(*determinant, other, row));
            if own != 0 && by_dependent != by_determinant {
                for_it += f64::from(u8::from(by_dependent == Some(own)));
                against_it += f64::from(u8::from(by_determinant == Some(own)));
            }
        }
        if for_it > against_it { against_it / (for_it + against_it) } else { 1.0 }
    }

    /// Whether the dependent of a ballot belongs to another determinant than its row has, and nothing else that dissents belongs there too: then it is
    /// not the determinant that is wrong.
    fn errs_alone(&mut self, ballot: &Ballot, dissenting: &[usize], row: u32) -> bool {
        let ([determinant], dependent) = (&ballot.determinant[..], ballot.dependent) else { return false };
        let Some(other) = self.told(dependent, *determinant, row) else { return false };
        let profiles = self.profiles;
        other != profiles[*determinant].column.code(row)
            && dissenting
                .iter()
                .filter(|at| **at != dependent)
                .all(|at| self.usual(*determinant, *at).by_code[other as usize].0 != profiles[*at].column.code(row))
    }

    /// What the rows that hold the same as a row in column `by` hold in column `at`.
    fn told(&mut self, by: usize, at: usize, row: u32) -> Option<u32> {
        let profiles = self.profiles;
        self.usual(by, at).told(profiles[by].column.code(row), profiles[at].column.code(row))
    }

    fn usual(&mut self, by: usize, at: usize) -> &Usual {
        let profiles = self.profiles;
        self.usual.entry((by, at)).or_insert_with(|| Usual::of(profiles[by].column, profiles[at].column))
    }
}

/// What several sources say of one thing: the heaviest value against all others, however they are spread.
fn weight_of_sources(poll: &Poll<'_>, code: u32) -> f64 {
    let second = poll.ranked.get(1).map_or(0.0, |(_, weight)| *weight);
    let lead = poll.top().1 - if code == 0 { second } else { poll.held(code) };
    if code == 0 {
        poll.ballot.trust
    } else if lead > 0.0 {
        poll.certainty(lead).max(0.5)
    } else {
        0.0
    }
}

/// The weight against one value of a group. A value that lives in this group alone, and more than a few times, or that is
/// there more often than errors fall on one value, is an exception to the rule and no slip. So is another value of those that the determinant sums
/// up, unless it is a slip of the usual one.
fn weight(poll: &Poll<'_>, code: u32, column: &Column<'_>, rows: usize) -> f64 {
    let (top, rows) = (poll.top().1, rows as f64);
    if poll.ballot.filler == Some(poll.top().0) {
        return 0.0;
    }
    if code == 0 {
        let second = poll.ranked.get(1).map_or(0.0, |(_, weight)| *weight);
        return if f64::from(poll.missing) > 0.6 * rows || top < 2.0 { 0.0 } else { poll.certainty(top - second) };
    }
    let held = poll.held(code);
    let is_at_home = held > 3.0 && held > 0.34 * f64::from(column.counts[code as usize]);
    let is_common = held > 2.0 + 4.0 * poll.ballot.doubt * rows || held > 1.0 && top < CLEAR * held;
    let is_summed_up = || poll.ballot.is_rolled_up && !is_slip(column, code, poll.top().0);
    if top <= held || top < 2.0 || is_at_home || is_common || is_summed_up() {
        return 0.0;
    }
    poll.certainty(top - held) * shared_by_chance(poll.ballot, held, f64::from(column.counts[code as usize]))
}

/// How far what contradicts is an error and not another thing of the same name, for a value that `held` rows of the group and `all` rows hold: where
/// rows of other groups agree with each other more often than by chance, those of this one that do are another thing, and one that stands alone may be.
fn shared_by_chance(ballot: &Ballot, held: f64, all: f64) -> f64 {
    if all - held < TIMES_ABROAD * held {
        1.0
    } else if held > 1.0 {
        ballot.agreeing_by_chance
    } else {
        (2.0 + ballot.agreeing_by_chance) / 3.0
    }
}

/// Whether two values differ in a few letters, as mistyped ones do: at most one of three.
fn is_slip(column: &Column<'_>, code: u32, usual: u32) -> bool {
    let letters = |code: u32| column.text(code).unwrap_or_default().to_lowercase().chars().collect::<Vec<char>>();
    let usual = letters(usual);
    edits(&letters(code), &usual, usual.len() / 3).is_some()
}

/// Votes in favour of the values that their group confirms, for the rows that something is held against.
fn defend(profiles: &[Profile<'_>], votes: &mut [Votes], group: &[u32], polls: &[Poll<'_>]) {
    for poll in polls {
        let ((top, most), second) = (poll.top(), poll.ranked.get(1).map_or(0.0, |(_, weight)| *weight));
        if most < 2.0 {
            continue;
        }
        let of_column = &mut votes[poll.ballot.dependent].rows;
        let column = profiles[poll.ballot.dependent].column;
        if of_column.is_empty() {
            continue;
        }
        let weight = poll.certainty(if second == 0.0 { most - 1.0 } else { most - second });
        for row in group.iter().filter(|row| column.code(**row) == top) {
            if let Some(tally) = of_column.get_mut(row) {
                tally.in_favour += weight;
            }
        }
    }
}
