//! Suspicious cells: several detectors, each with its own evidence, and one judgement over all of it.
//!
//! The detectors follow the literature on error detection without labels: disguised missing values (Qahtan et al., `FAHES`,
//! KDD 2018), patterns and outliers per column (Pit-Claudel et al., `dBoost`, 2016; Huang and He, `Auto-Detect`, SIGMOD 2018;
//! Wang and He, `Uni-Detect`, SIGMOD 2019), violated dependencies with a vote per group (Mahdavi et al., `Raha`, SIGMOD 2019, as
//! one of its strategies), and the vote of several sources on one thing (Li et al., Truth finding on the deep web, VLDB 2013).
//! Evidence on a value is gathered once per distinct value, evidence on a row once per group of rows.

mod ballot;
mod blank;
mod bulk;
mod conversion;
mod crossed;
mod date;
mod disguised;
mod exchanged;
mod hole;
mod kinds;
mod number;
mod outlier;
mod pattern;
mod profile;
mod sign;
mod slipped;
mod source;
mod spelling;
mod stray;
mod swapped;
mod vote;

use std::collections::BTreeMap;

use hw_base::{CodedTable, Dimension};

pub(crate) use disguised::says_nothing;

use crate::columns::Column;
use crate::parallel;
use crate::{Cell, Dependencies, Keys};
use ballot::Ballot;
use profile::Profile;
use vote::Votes;

/// What can be suspicious about a cell, and the dimension it counts against.
pub const CELL_ISSUES: &[(&str, Dimension)] = &[
    ("ambiguous_date", Dimension::Validity),
    ("blank_variant", Dimension::Consistency),
    ("case_variant", Dimension::Consistency),
    ("contradicts_dependency", Dimension::Consistency),
    ("disguised_missing", Dimension::Completeness),
    ("encoding_error", Dimension::Validity),
    ("format_outlier", Dimension::Validity),
    ("implausible_date", Dimension::Accuracy),
    ("missing_value", Dimension::Completeness),
    ("misspelling", Dimension::Accuracy),
    ("numeric_outlier", Dimension::Accuracy),
    ("swapped_value", Dimension::Accuracy),
    ("type_outlier", Dimension::Validity),
    ("unit_mixture", Dimension::Consistency),
    ("wrong_sign", Dimension::Accuracy),
];

/// What is held against all cells of a column that hold one value.
#[derive(Clone, Debug, PartialEq)]
struct Suspicion {
    /// The code of the value.
    code: u32,
    issue: &'static str,
    confidence: f64,
    suggestion: Option<String>,
    /// Whether it holds however much of the column it covers, because the value itself shows it.
    is_certain_by_itself: bool,
}

impl Suspicion {
    fn new(code: u32, issue: &'static str, confidence: f64) -> Self {
        Self { code, issue, confidence, suggestion: None, is_certain_by_itself: false }
    }

    fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    fn by_itself(mut self) -> Self {
        self.is_certain_by_itself = true;
        self
    }
}

/// What is held against one cell, whatever else holds its value.
#[derive(Clone, Debug, PartialEq)]
struct Accusation {
    row: u32,
    column: usize,
    issue: &'static str,
    confidence: f64,
    suggestion: Option<String>,
}

/// The least confidence of a cell that is told.
const LEAST_CONFIDENCE: f64 = 0.5;
/// The greatest share of a column that evidence by comparison may accuse: what is more common is another regularity.
const GREATEST_SHARE: f64 = 0.2;

/// The greatest share of a column that may hold words for nothing, for its other values to be judged by it: of more, what is filled in is the
/// exception.
const GREATEST_SHARE_OF_NOTHING: f64 = 0.5;

/// The cells that contradict the rest of their table, by row and column; each cell once, with its strongest issue.
///
/// Nothing is assumed about the table: no labels, no rules and no settings. A detector speaks only where the rest of the column
/// gives it a norm to compare with, and the votes of dependencies speak for a value as well as against it. `keys` and
/// `dependencies` are those of the same table.
pub fn cells(table: &CodedTable, keys: &Keys, dependencies: &Dependencies) -> Vec<Cell> {
    let columns = Column::all(table);
    Column::sort_all(&columns);
    let profiles: Vec<Profile<'_>> = parallel::map(&columns, Profile::of);
    let ballots = ballot::ballots(&profiles, keys, dependencies);
    suspicious(&profiles, &ballots)
}

/// The same where only `singles` tell which columns decide others: the rows of the table, with the same codes, without those that repeat
/// earlier ones. A row and its copy agree on everything, and that is no rule. `dependencies` are those of `singles`.
pub fn cells_told_by(singles: &CodedTable, table: &CodedTable, keys: &Keys, dependencies: &Dependencies) -> Vec<Cell> {
    let (of_singles, of_all) = (Column::all(singles), Column::all(table));
    Column::sort_all(&of_singles);
    Column::sort_all(&of_all);
    let voters: Vec<Profile<'_>> = parallel::map(&of_singles, Profile::of);
    let ballots = ballot::ballots(&voters, keys, dependencies);
    let profiles: Vec<Profile<'_>> = parallel::map(&of_all, Profile::of);
    suspicious(&profiles, &ballots)
}

fn suspicious(profiles: &[Profile<'_>], ballots: &[Ballot]) -> Vec<Cell> {
    let norms = exchanged::norms(profiles);
    let accusations = [
        swapped::swallowed(profiles),
        crossed::crossed(profiles),
        exchanged::exchanged(profiles, &norms),
        slipped::slipped(profiles, &norms),
        hole::holes(profiles),
        outlier::in_groups(profiles),
    ]
    .concat();
    let strewn = [swapped::strewn(profiles), stray::strays(profiles)].concat();
    let places: Vec<usize> = (0..profiles.len()).collect();
    let suspicions: Vec<Vec<Suspicion>> = parallel::map(&places, |at| suspicions(profiles, *at, &strewn));
    let suspected: Vec<Vec<u32>> = profiles.iter().zip(&suspicions).map(|(profile, suspicions)| suspected(profile, suspicions)).collect();
    let votes = vote::count(profiles, ballots, &suspected);
    let mut cells = Vec::new();
    for (at, profile) in profiles.iter().enumerate() {
        let mut of_column = judged(at, profile, &suspicions[at], &votes[at]);
        for accusation in accusations.iter().filter(|accusation| accusation.column == at) {
            of_column.extend(cell(accusation.row, at, accusation.issue, accusation.confidence, accusation.suggestion.clone()));
        }
        cells.extend(of_column);
    }
    let cells = strongest(cells);
    let partners = exchanged::partners(&norms, &cells);
    strongest([cells, partners].concat())
}

/// All evidence on the values of a column.
fn suspicions(profiles: &[Profile<'_>], at: usize, strewn: &[(usize, Suspicion)]) -> Vec<Suspicion> {
    let profile = &profiles[at];
    let strewn = strewn.iter().filter(|(column, _)| *column == at).map(|(_, suspicion)| suspicion.clone());
    if profile.numeric > 0.999 {
        let all = [disguised::suspicions(profile), outlier::suspicions(profiles, at), sign::suspicions(profiles, at)].concat();
        return kept(profile, all);
    }
    let disguised = disguised::suspicions(profile);
    if says_mostly_nothing(profile, &disguised) {
        return kept(profile, disguised);
    }
    let all = [
        disguised,
        blank::suspicions(profile),
        number::suspicions(profile),
        number::among_words(profile),
        outlier::suspicions(profiles, at),
        sign::suspicions(profiles, at),
        date::suspicions(profile),
        pattern::suspicions(profile),
        spelling::suspicions(profile),
        strewn.collect(),
    ]
    .concat();
    kept(profile, all)
}

/// Whether words for nothing take up so much of a column that the other values have no norm.
fn says_mostly_nothing(profile: &Profile<'_>, disguised: &[Suspicion]) -> bool {
    let words = disguised.iter().filter(|suspicion| suspicion.is_certain_by_itself);
    let rows: f64 = words.map(|suspicion| f64::from(profile.column.counts[suspicion.code as usize])).sum();
    rows > GREATEST_SHARE_OF_NOTHING * profile.rows
}

/// The rows that hold a suspicious value and that a vote could speak for.
fn suspected(profile: &Profile<'_>, suspicions: &[Suspicion]) -> Vec<u32> {
    let open = suspicions.iter().filter(|suspicion| !suspicion.is_certain_by_itself);
    open.flat_map(|suspicion| profile.column.clusters().rows(suspicion.code).iter().copied()).collect()
}

/// Weighs the evidence on values against the votes on rows.
fn judged(at: usize, profile: &Profile<'_>, suspicions: &[Suspicion], votes: &Votes) -> Vec<Cell> {
    let mut cells = Vec::new();
    for suspicion in suspicions {
        for row in profile.column.clusters().rows(suspicion.code) {
            let trust = if suspicion.is_certain_by_itself { 0.0 } else { votes.trust(*row) };
            let confidence = suspicion.confidence * (1.0 - 0.7 * trust);
            let doubted = 1.0 - (1.0 - confidence) * (1.0 - votes.doubt(*row));
            let suggestion = suspicion.suggestion.clone().or_else(|| votes.expected(*row, profile.column));
            cells.extend(cell(*row, at, suspicion.issue, doubted, suggestion));
        }
    }
    for row in votes.doubted(LEAST_CONFIDENCE) {
        let issue = if profile.column.code(row) == 0 { "missing_value" } else { "contradicts_dependency" };
        let doubted = cell(row, at, issue, votes.doubt(row), votes.expected(row, profile.column));
        cells.extend(doubted.map(|cell| Cell { by: votes.by(row).to_vec(), ..cell }));
    }
    cells
}

/// Drops, issue by issue, what would accuse too much of the column.
fn kept(profile: &Profile<'_>, mut suspicions: Vec<Suspicion>) -> Vec<Suspicion> {
    let mut rows: BTreeMap<&str, f64> = BTreeMap::new();
    for suspicion in suspicions.iter().filter(|suspicion| !suspicion.is_certain_by_itself) {
        *rows.entry(suspicion.issue).or_default() += f64::from(profile.column.counts[suspicion.code as usize]);
    }
    let is_common = |issue: &str| rows.get(issue).is_some_and(|rows| rows / profile.rows.max(1.0) > GREATEST_SHARE);
    suspicions.retain(|suspicion| suspicion.is_certain_by_itself || !is_common(suspicion.issue));
    suspicions
}

fn cell(row: u32, column: usize, issue: &'static str, confidence: f64, suggestion: Option<String>) -> Option<Cell> {
    let dimension = CELL_ISSUES.iter().find(|(code, _)| *code == issue).map_or(Dimension::Validity, |(_, dimension)| *dimension);
    let cell = Cell { row: row as usize, column, dimension, issue, confidence: confidence.clamp(0.0, 1.0), suggestion, by: Vec::new() };
    (confidence >= LEAST_CONFIDENCE).then_some(cell)
}

/// One cell per place: that with the greatest confidence. Where the value of another cell belongs there, that is suggested whatever is the most certain.
fn strongest(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by(|a, b| {
        let place = (a.row, a.column).cmp(&(b.row, b.column));
        place.then_with(|| b.confidence.total_cmp(&a.confidence)).then_with(|| a.issue.cmp(b.issue))
    });
    cells.dedup_by(|weaker, cell| {
        let is_same_place = (weaker.row, weaker.column) == (cell.row, cell.column);
        if is_same_place && cell.suggestion.is_none() && weaker.issue == "swapped_value" {
            cell.suggestion = weaker.suggestion.take();
        }
        is_same_place
    });
    cells
}
