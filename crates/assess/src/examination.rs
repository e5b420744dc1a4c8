//! What the checks look at, and the findings they write down.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, Dimension, Issue, Severity, Share, TableFacts, Timestamp, count};
use serde::{Deserialize, Serialize};

use crate::column::share_of;
use crate::listed::Held;
use crate::{About, Evidence, Limits, Meaning, meaning};

/// Everything the checks may look at. They read nothing else, so the same examination finds the same issues.
#[derive(Clone, Debug)]
pub struct Examination<'a> {
    /// The measurements.
    pub facts: &'a TableFacts,
    /// What each column means, in their order.
    pub meanings: Vec<Meaning>,
    /// Where each column stands, by its name.
    places: BTreeMap<&'a str, usize>,
    /// Where a finding begins.
    pub limits: &'a Limits,
    /// The columns whose flaws matter most.
    pub critical: &'a [String],
    /// How queries name the dataset, as SQL.
    pub shown_as: &'a str,
    /// The moment that ages are told at.
    pub now: Timestamp,
    /// The same in words.
    pub(crate) moment: String,
    /// What is known besides the measurements.
    pub evidence: &'a Evidence,
}

impl<'a> Examination<'a> {
    /// The examination of `facts` as `about` asks for it.
    pub fn new(facts: &'a TableFacts, about: &'a About, now: Timestamp, evidence: &'a Evidence) -> Self {
        let meanings = facts.columns.iter().map(|column| meaning(column, facts)).collect();
        let places = facts.columns.iter().enumerate().map(|(place, column)| (column.name.as_str(), place)).collect();
        let (now, moment) = (about.as_of.unwrap_or(now), about.as_of_in_words().unwrap_or_else(|| "now".into()));
        Self { facts, meanings, places, limits: &about.limits, critical: &about.critical, shown_as: &about.shown_as, now, moment, evidence }
    }

    /// The same about other measurements of these columns.
    pub(crate) fn of_facts(&self, facts: &'a TableFacts) -> Self {
        Self { facts, ..self.clone() }
    }

    /// What `column` means.
    pub(crate) fn meaning(&self, column: &ColumnFacts) -> Meaning {
        let known = self.places.get(column.name.as_str()).and_then(|place| self.meanings.get(*place));
        known.map_or_else(|| meaning(column, self.facts), Meaning::clone)
    }

    /// Whether `column` was named as critical.
    pub fn is_critical(&self, column: &str) -> bool {
        self.critical.iter().any(|critical| critical == column)
    }

    /// `80 of 1,000 rows (8 %)`; of a sample with its error: `80 of 1,000 sampled rows (8 % ± 1.8)`.
    pub(crate) fn of_rows(&self, rows: u64) -> String {
        let share = share_of(rows, self.facts.rows);
        let (part, all, shown) = (count(rows), count(self.facts.rows), Share(share));
        if self.facts.scanned_all_rows {
            return format!("{part} of {all} rows ({shown})");
        }
        let bound = points(error_of(share, self.facts.rows));
        if self.facts.beginning.is_some() {
            return format!("{part} of the first {all} rows ({shown} ± {bound})");
        }
        format!("{part} of {all} sampled rows ({shown} ± {bound})")
    }

    /// The same for rows that repeat others: in a sample both must have been drawn to show it.
    pub(crate) fn of_repeating_rows(&self, rows: u64) -> String {
        if self.facts.scanned_all_rows {
            return self.of_rows(rows);
        }
        let share = Share(share_of(rows, self.facts.rows));
        let drawn = if self.facts.beginning.is_some() { "of the first" } else { "of" };
        let rows_of = if self.facts.beginning.is_some() { "rows" } else { "sampled rows" };
        format!("{} {drawn} {} {rows_of} ({share}; among all rows more)", count(rows), count(self.facts.rows))
    }

    /// What stands before values that are not all there are.
    pub(crate) fn sampled(&self) -> &'static str {
        match self.facts.beginning {
            _ if self.facts.scanned_all_rows => "",
            Some(_) => "read ",
            None => "sampled ",
        }
    }

    /// How many of all rows may lack what all of the sampled ones have in common; empty where these are all.
    pub(crate) fn bound_of_all(&self) -> String {
        if self.facts.scanned_all_rows {
            return String::new();
        }
        format!(", and at most {} % of all rows differ", points(error_of(1.0, self.facts.rows)))
    }

    /// What `found` of the `looked_at` rows are of all rows.
    pub(crate) fn scaled(&self, found: u64, looked_at: u64) -> u64 {
        let scaled = u128::from(found) * u128::from(self.facts.rows) / u128::from(looked_at.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX).min(self.facts.rows)
    }

    /// The rows that meet `condition`: counted where that was done, otherwise `estimate`.
    pub(crate) fn rows_where(&self, condition: &str, estimate: u64) -> Counted {
        match self.evidence.counted.get(condition) {
            Some(rows) => Counted { rows: *rows, is_estimate: false },
            None => Counted { rows: estimate, is_estimate: true },
        }
    }
}

/// How far the share of a sample of `rows` rows is from that of all rows, 19 times out of 20, 0 to 1: to the farther end of Wilson's
/// interval, whose middle lies nearer to one half than the share does.
pub(crate) fn error_of(share: f64, rows: u64) -> f64 {
    let (z, all) = (1.96, rows.max(1) as f64);
    let from_middle = z * z / all * (0.5 - share).abs();
    let half = z * (share * (1.0 - share) / all + z * z / (4.0 * all * all)).sqrt();
    (half + from_middle) / (1.0 + z * z / all)
}

/// An error in percentage points, with as many decimals as it takes to show that it is one: `1.7`, `0.04`, `0.0003`.
pub(crate) fn points(error: f64) -> String {
    let points = 100.0 * error;
    let decimals = usize::from((1_u8..9).find(|decimals| points >= 10_f64.powi(-i32::from(*decimals))).unwrap_or(9));
    format!("{points:.decimals$}")
}

/// A number of rows, and whether it is an estimate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) rows: u64,
    pub(crate) is_estimate: bool,
}

impl Counted {
    /// `about ` before an estimate.
    pub(crate) fn about(self) -> &'static str {
        if self.is_estimate { "about " } else { "" }
    }
}

/// An issue together with what its score needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The issue.
    pub issue: Issue,
    /// What it takes from the score of its dimension, in that dimension's unit and before confidence: cells, rows or
    /// seconds.
    pub affected: f64,
    /// Whether `issue.rows` is an estimate.
    pub is_estimate: bool,
    /// The condition that the affected rows meet, where one tells.
    pub condition: Option<String>,
    /// The coded cells that it is about, where they can be listed.
    #[serde(skip)]
    pub(crate) held: Option<Held>,
    /// A query for examples in place of that of the issue, where that would take longer.
    #[serde(default)]
    pub(crate) shown_by: Option<String>,
    /// A query for examples alone that reads less than these, and may find none.
    pub(crate) narrowed: Option<String>,
    /// How much the kind of issue matters: 0 is a hint.
    pub(crate) weight: f64,
}

impl Finding {
    /// A certain finding about `rows` rows; each counts once.
    pub(crate) fn new(code: &str, dimension: Dimension, rows: u64) -> Self {
        let issue = Issue {
            code: code.into(),
            dimension,
            column: None,
            columns: Vec::new(),
            rows,
            share: 0.0,
            severity: Severity::Low,
            confidence: 1.0,
            description: String::new(),
            examples: Vec::new(),
            example_rows: Vec::new(),
            query: String::new(),
            fix: String::new(),
        };
        let (affected, is_estimate) = (rows as f64, false);
        Self { issue, affected, is_estimate, condition: None, held: None, shown_by: None, narrowed: None, weight: 1.0 }
    }

    /// About the column `name`.
    pub(crate) fn column(mut self, name: &str) -> Self {
        self.issue.column = Some(name.into());
        self.issue.columns = vec![name.into()];
        self
    }

    /// Says what was found.
    pub(crate) fn says(mut self, description: impl Into<String>) -> Self {
        self.issue.description = description.into();
        self
    }

    /// Says what to do.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.issue.fix = fix.into();
        self
    }

    /// Shows values.
    pub(crate) fn shows(mut self, examples: Vec<String>) -> Self {
        self.issue.examples = examples;
        self
    }

    /// The affected rows are those that meet `condition`.
    pub(crate) fn rows_where(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// The cells that it is about are those.
    pub(crate) fn about_cells(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    /// The query that shows the affected rows, where a condition does not tell.
    pub(crate) fn query(mut self, query: impl Into<String>) -> Self {
        self.issue.query = query.into();
        self
    }

    /// The query that finds examples, where that which shows the rows would take longer.
    pub(crate) fn shown_by(mut self, query: impl Into<String>) -> Self {
        self.shown_by = Some(query.into());
        self
    }

    /// How sure it is, 0 to 1.
    pub(crate) fn confidence(mut self, confidence: f64) -> Self {
        self.issue.confidence = (confidence * 100.0).round() / 100.0;
        self
    }

    /// How much this kind of issue matters; 1 is usual, 0 a hint that takes nothing from the score.
    pub(crate) fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        if weight == 0.0 {
            self.affected = 0.0;
        }
        self
    }

    /// Takes `affected` from the score instead of one per row.
    pub(crate) fn affects(mut self, affected: f64) -> Self {
        self.affected = affected;
        self
    }

    /// Marks the rows as an estimate where they are one.
    pub(crate) fn counted(mut self, counted: Counted) -> Self {
        self.is_estimate = counted.is_estimate;
        self
    }

    /// Fills in share, severity and query.
    pub(crate) fn rated(mut self, examination: &Examination) -> Self {
        let issue = &mut self.issue;
        if issue.share == 0.0 {
            issue.share = share_of(issue.rows, examination.facts.rows).min(1.0);
        }
        let is_critical = issue.columns.iter().any(|column| examination.is_critical(column));
        let factor = if is_critical { 5.0 } else { 1.0 };
        issue.severity = severity(issue.share * self.weight * factor, issue.confidence, examination.limits);
        if let (true, Some(condition)) = (issue.query.is_empty(), &self.condition) {
            issue.query = format!("select * from {} where {condition}", examination.shown_as);
        }
        self
    }

    /// How much it matters against the others: severity first, then rows and confidence; hints come last.
    pub(crate) fn rank(&self) -> (Severity, f64) {
        let counts = if self.weight > 0.0 { 1.0 } else { 0.0 };
        (self.issue.severity, self.issue.rows as f64 * self.issue.confidence * counts)
    }
}

/// A suspicion below one in two is never of high severity.
fn severity(weighted_share: f64, confidence: f64, limits: &Limits) -> Severity {
    match weighted_share {
        share if share >= limits.high_share && confidence >= 0.5 => Severity::High,
        share if share >= limits.medium_share => Severity::Medium,
        _ => Severity::Low,
    }
}
