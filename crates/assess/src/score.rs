//! The six scores, by one formula that a reader can follow with a pencil.
//!
//! `score = 100 × (1 − affected / judged)`, where `affected` adds up what each issue takes, times its confidence, and
//! `judged` is all that was looked at:
//!
//! | dimension | judged |
//! | --- | --- |
//! | completeness | cells: rows × columns |
//! | accuracy, consistency | cells that hold a value |
//! | validity | cells that hold a value, and those that malformed records would have filled |
//! | uniqueness | rows, once as a whole and once more per column that looks like a key |
//! | timeliness | seconds: the age of the newest row, or the allowed age if that is longer |
//!
//! The issues of one column take no more than the column has. A dimension of which nothing could be judged has no score, but the
//! reason. Where none could be judged the overall score is 0, because nothing vouches for the data.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, Dimension, TableFacts, count, plural};
use serde::Serialize;

use crate::checks::{freshness, is_key_like, why_unknown};
use crate::column::present;
use crate::{Examination, Finding, Freshness, Weights};

/// One score and the numbers that went in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The dimension.
    pub dimension: Dimension,
    /// 0 to 100, rounded to two decimals; `None` where nothing tells.
    pub score: Option<f64>,
    /// What the issues take, times their confidence, in `unit`.
    pub affected: f64,
    /// What was looked at, in `unit`.
    pub judged: f64,
    /// The unit of both, in words.
    pub unit: &'static str,
    /// How `judged` comes about, in words with the numbers that add up to it, or why there is no score; empty for a single column.
    pub basis: String,
    /// What each issue takes.
    pub parts: Vec<ScorePart>,
}

impl Score {
    /// What is affected of what was judged in a column: `119.7 of 400 cells`; `None` where nothing is.
    pub(crate) fn numbers_in_column(&self) -> Option<String> {
        let unit = if self.dimension == Dimension::Timeliness { "s" } else { "cells" };
        (self.score.is_some() && self.affected > 0.0).then(|| format!("{} of {} {unit}", number(self.affected), number(self.judged)))
    }
}

/// A number with at most two decimals and separated thousands: `1,250.5`.
pub(crate) fn number(number: f64) -> String {
    let rounded = format!("{:.2}", number.abs());
    let (whole, decimals) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let decimals = decimals.trim_end_matches('0');
    let sign = if number < 0.0 { "−" } else { "" };
    if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") }
}

/// What one issue takes from a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScorePart {
    /// The kind of issue.
    pub code: String,
    /// The column, where it is one.
    pub column: Option<String>,
    /// What it takes before confidence, in the unit of the score.
    pub affected: f64,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// What all issues of its column take together at most: what the column has; for issues of the whole, `judged`.
    pub at_most: f64,
}

/// The scores of one column; `None` for a dimension on which the column was not judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnScores {
    /// The column.
    pub column: String,
    /// One per dimension, in the order of [`Dimension::ALL`].
    pub scores: Vec<Score>,
}

/// All scores of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// One per dimension, in the order of [`Dimension::ALL`].
    pub dimensions: Vec<Score>,
    /// The mean of the dimensions that have a score, by their weights; rounded to two decimals.
    pub overall: f64,
    /// Per column, in order.
    pub columns: Vec<ColumnScores>,
}

impl Scores {
    /// The scores of what was examined, given what was found.
    pub fn from(examination: &Examination, findings: &[Finding]) -> Self {
        let ground = Ground::of(examination);
        let findings: Vec<&Finding> = findings.iter().collect();
        let columns = examination.facts.columns.iter().map(|column| ground.column_scores(&column.name, &findings)).collect();
        let told = |dimension| {
            let score = ground.score(dimension, &findings);
            let unjudged = unjudged(examination.facts).filter(|_| score.score.is_none() && dimension != Dimension::Timeliness);
            Score { basis: unjudged.map_or_else(|| basis(examination, dimension), str::to_owned), ..score }
        };
        let dimensions: Vec<Score> = Dimension::ALL.into_iter().map(told).collect();
        let overall = overall(&dimensions, &examination.limits.weights);
        Self { dimensions, overall, columns }
    }

    /// The score of one dimension of the whole dataset.
    pub fn of(&self, dimension: Dimension) -> Option<f64> {
        self.dimensions.iter().find(|score| score.dimension == dimension)?.score
    }
}

/// The mean of the dimensions that have a score, by their weights.
pub(crate) fn overall(scores: &[Score], weights: &Weights) -> f64 {
    let weighed = || scores.iter().filter_map(|score| Some((score.score?, weights.of(score.dimension))));
    let whole: f64 = weighed().map(|(_, weight)| weight).sum();
    let sum: f64 = weighed().map(|(score, weight)| score * weight).sum();
    if whole > 0.0 { rounded(sum / whole) } else { 0.0 }
}

/// A score with one decimal; what is not perfect is not shown as 100.
pub fn shown_score(score: f64) -> String {
    format!("{:.1}", if score < 100.0 { score.min(99.9) } else { score })
}

/// Rounded to two decimals.
pub(crate) fn rounded(number: f64) -> f64 {
    // Adding zero turns the negative zero of an empty sum into the usual one.
    (number * 100.0).round() / 100.0 + 0.0
}

/// What was looked at: the denominator of every score.
pub(crate) struct Ground<'a> {
    columns: BTreeMap<&'a str, [f64; 6]>,
    table: [f64; 6],
}

impl<'a> Ground<'a> {
    /// The ground of an examination.
    pub(crate) fn of(examination: &Examination<'a>) -> Self {
        let facts = examination.facts;
        let freshness = freshness(examination).filter(|freshness| !freshness.is_closed);
        let judged = |column| Dimension::ALL.map(|dimension| judged_in_column(facts, freshness.as_ref(), dimension, column));
        let columns: BTreeMap<&str, [f64; 6]> = facts.columns.iter().map(|column| (column.name.as_str(), judged(column))).collect();
        let in_columns = |dimension| columns.values().map(|judged| judged[dimension as usize]).sum::<f64>();
        let table = Dimension::ALL.map(|dimension| in_columns(dimension) + judged_as_a_whole(facts, dimension));
        Self { columns, table }
    }

    /// The score of the dataset on one dimension, given what was found.
    pub(crate) fn score(&self, dimension: Dimension, findings: &[&Finding]) -> Score {
        let own: Vec<&Finding> = findings.iter().copied().filter(|finding| finding.issue.dimension == dimension).collect();
        let mut taken: BTreeMap<Option<&str>, f64> = BTreeMap::new();
        for finding in &own {
            *taken.entry(finding.issue.column.as_deref()).or_default() += finding.affected * finding.issue.confidence;
        }
        let capped = taken.into_iter().map(|(column, taken)| column.map_or(taken, |column| taken.min(self.judged(column, dimension))));
        self.told(dimension, capped.sum(), self.table[dimension as usize], &own)
    }

    fn column_scores(&self, column: &str, findings: &[&Finding]) -> ColumnScores {
        let own: Vec<&Finding> = findings.iter().copied().filter(|finding| finding.issue.column.as_deref() == Some(column)).collect();
        let scores = Dimension::ALL.into_iter().map(|dimension| self.column_score(column, dimension, &own));
        ColumnScores { column: column.to_owned(), scores: scores.collect() }
    }

    fn column_score(&self, column: &str, dimension: Dimension, findings: &[&Finding]) -> Score {
        let own: Vec<&Finding> = findings.iter().copied().filter(|finding| finding.issue.dimension == dimension).collect();
        let judged = self.judged(column, dimension);
        let taken: f64 = own.iter().map(|finding| finding.affected * finding.issue.confidence).sum();
        self.told(dimension, taken.min(judged), judged, &own)
    }

    fn told(&self, dimension: Dimension, affected: f64, judged: f64, findings: &[&Finding]) -> Score {
        let parts = findings.iter().filter(|finding| finding.affected > 0.0).map(|finding| self.part(finding));
        Score {
            dimension,
            score: (judged > 0.0).then(|| rounded(100.0 * (1.0 - (affected / judged).min(1.0)))),
            affected: rounded(affected),
            judged: rounded(judged),
            unit: unit(dimension),
            basis: String::new(),
            parts: parts.collect(),
        }
    }

    fn part(&self, finding: &Finding) -> ScorePart {
        let issue = &finding.issue;
        let whole = self.table[issue.dimension as usize];
        let at_most = issue.column.as_ref().map_or(whole, |column| self.judged(column, issue.dimension));
        ScorePart {
            code: issue.code.clone(),
            column: issue.column.clone(),
            affected: rounded(finding.affected),
            confidence: issue.confidence,
            at_most: rounded(at_most),
        }
    }

    /// What this column has in a dimension; without one, what a column has on average.
    pub(crate) fn of_one_column(&self, column: Option<&str>, dimension: Dimension) -> f64 {
        let average = || self.table[dimension as usize] / self.columns.len().max(1) as f64;
        column.map_or_else(average, |column| self.judged(column, dimension))
    }

    fn judged(&self, column: &str, dimension: Dimension) -> f64 {
        self.columns.get(column).map_or(0.0, |judged| judged[dimension as usize])
    }
}

fn unit(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Completeness => "cells",
        Dimension::Accuracy | Dimension::Consistency | Dimension::Validity => "cells that hold a value",
        Dimension::Uniqueness => "rows, as a whole and per key column",
        Dimension::Timeliness => "seconds of age",
    }
}

/// Why nothing could be judged of a dimension that looks at cells or rows; `None` where there are cells with values.
fn unjudged(facts: &TableFacts) -> Option<&'static str> {
    match facts {
        _ if facts.rows == 0 => Some("there is no row"),
        _ if facts.columns.is_empty() => Some("there is no column"),
        _ if facts.columns.iter().all(|column| present(column) == 0) => Some("no cell holds a value"),
        _ => None,
    }
}

/// How the denominator of a dimension comes about.
fn basis(examination: &Examination, dimension: Dimension) -> String {
    let facts = examination.facts;
    let (rows, columns) = (plural(facts.rows, "row"), plural(facts.columns.len() as u64, "column"));
    let cells = facts.columns.iter().map(|column| column.rows).sum::<u64>();
    let nulls = facts.columns.iter().map(|column| column.nulls).sum::<u64>();
    let values = format!("{} − {} missing", plural(cells, "cell"), count(nulls));
    match dimension {
        Dimension::Completeness => format!("{rows} × {columns}"),
        Dimension::Validity if facts.malformed > 0 => {
            format!("{values} + {} × {columns}", plural(facts.malformed, "malformed record"))
        }
        Dimension::Accuracy | Dimension::Consistency | Dimension::Validity => values,
        Dimension::Uniqueness => {
            let keys = facts.columns.iter().filter(|column| is_key_like(column, facts));
            let keys = keys.map(|column| format!(" + {} of `{}`", plural(present(column), "value"), column.name));
            std::iter::once(rows).chain(keys).collect()
        }
        Dimension::Timeliness => match freshness(examination) {
            Some(freshness) if freshness.is_closed => {
                format!(
                    "`{}` ended years ago, or longer ago than it lasted: a closed period, and no feed that could be late",
                    freshness.column
                )
            }
            Some(freshness) => format!(
                "the longer of the age of the newest `{}`, {} s, and the {} s that are allowed",
                freshness.column,
                rounded(freshness.age_seconds),
                rounded(freshness.allowed_seconds)
            ),
            None => why_unknown(facts).into(),
        },
    }
}

/// What is judged besides the columns.
fn judged_as_a_whole(facts: &TableFacts, dimension: Dimension) -> f64 {
    match dimension {
        Dimension::Validity => facts.malformed as f64 * facts.columns.len() as f64,
        Dimension::Uniqueness => facts.rows as f64,
        Dimension::Completeness | Dimension::Accuracy | Dimension::Consistency | Dimension::Timeliness => 0.0,
    }
}

fn judged_in_column(facts: &TableFacts, freshness: Option<&Freshness>, dimension: Dimension, column: &ColumnFacts) -> f64 {
    match dimension {
        Dimension::Completeness => column.rows as f64,
        Dimension::Accuracy | Dimension::Consistency | Dimension::Validity => present(column) as f64,
        Dimension::Uniqueness if is_key_like(column, facts) => present(column) as f64,
        Dimension::Uniqueness => 0.0,
        Dimension::Timeliness => match freshness {
            Some(freshness) if freshness.column == column.name => freshness.age_seconds.max(freshness.allowed_seconds),
            _ => 0.0,
        },
    }
}
