//! The value that the stage hands on.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, Dimension, Issue, TableFacts, Timestamp};
use hw_validate::{Proposal, propose};
use serde::Serialize;

use crate::checks::{find_issues, freshness};
use crate::{About, Action, Examination, Finding, Freshness, Meaning, Scores, meaning, recommend, words};

/// What is known about a dataset: its measurements, its issues, its scores and what to do.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Names this assessment.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What was assessed.
    pub about: About,
    /// The measurements.
    pub facts: TableFacts,
    /// What each column means, in their order.
    pub meanings: Vec<Meaning>,
    /// What is wrong, with what each issue takes from a score; what matters most comes first.
    pub findings: Vec<Finding>,
    /// The scores.
    pub scores: Scores,
    /// Columns that identify a row, the best first.
    pub keys: Vec<Key>,
    /// How old the data is; `None` where no column tells.
    pub freshness: Option<Freshness>,
    /// Rules that the data suggests.
    pub proposals: Vec<Proposal>,
    /// What to do, what pays most first.
    pub actions: Vec<Action>,
}

/// Columns that identify a row: no value is missing and none occurs twice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    /// The columns.
    pub columns: Vec<String>,
    /// Whether no column can be left out.
    pub minimal: bool,
    /// How likely they are meant to identify a row, 0 to 1.
    pub score: f64,
}

impl Assessment {
    /// Judges measurements; asks nobody. `counted` holds rows counted for conditions the measurements only estimate.
    pub fn judge(facts: TableFacts, about: About, at: Timestamp, id: String, counted: &BTreeMap<String, u64>) -> Self {
        let examination = Examination::new(&facts, &about, at, counted);
        let findings = find_issues(&examination);
        let scores = Scores::from(&examination, &findings);
        let actions = recommend(&examination, &findings, &scores);
        let freshness = freshness(&examination);
        let meanings = facts.columns.iter().map(|column| meaning(column, &facts)).collect();
        let (keys, proposals) = (keys(&facts), propose(&facts));
        Self { id, at, about, facts, meanings, findings, scores, keys, freshness, proposals, actions }
    }

    /// The issues, what matters most first.
    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.findings.iter().map(|finding| &finding.issue)
    }

    /// The issues of one dimension.
    pub(crate) fn issues_of(&self, dimension: Dimension) -> impl Iterator<Item = &Issue> {
        self.issues().filter(move |issue| issue.dimension == dimension)
    }

    /// Which rows every number is about: `all 1,000 rows`.
    pub fn population(&self) -> String {
        let rows = hw_base::plural(self.facts.rows, "row");
        if self.facts.scanned_all_rows { format!("all {rows}") } else { format!("a sample of {rows}") }
    }
}

/// The single columns that are proven to identify a row.
fn keys(facts: &TableFacts) -> Vec<Key> {
    let unique = facts.columns.iter().filter(|column| facts.scanned_all_rows && is_unique(column));
    let mut keys: Vec<Key> =
        unique.map(|column| Key { columns: vec![column.name.clone()], minimal: true, score: key_score(column, facts) }).collect();
    keys.sort_by(|a, b| b.score.total_cmp(&a.score));
    keys
}

fn is_unique(column: &ColumnFacts) -> bool {
    column.rows > 0 && column.nulls == 0 && column.distinct_is_exact && column.distinct == column.rows
}

/// A name that says key counts most, then the role of the column.
fn key_score(column: &ColumnFacts, facts: &TableFacts) -> f64 {
    match meaning(column, facts).semantic_type {
        _ if words::is_identifier(&column.name) => 1.0,
        "identifier" | "uuid" => 0.9,
        "email" | "code" => 0.7,
        "measure" | "free_text" | "date" | "timestamp" => 0.2,
        _ => 0.4,
    }
}
