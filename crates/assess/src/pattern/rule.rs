//! The rules that keep a pattern, from the pattern to a proposal.

use hw_base::{Share, TableFacts, count, plural};
use hw_validate::Proposal;
use serde_json::{Value as Json, json};

/// A rule that keeps a pattern, but for its tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternRule {
    /// The kind of rule.
    pub kind: &'static str,
    /// Its settings, without a tolerance and without an action.
    pub settings: Json,
    /// What it keeps, in words.
    pub statement: String,
    /// The rows that break it, as SQL.
    pub broken_where: String,
    /// The rows that are judged, as SQL; `None` for all.
    pub judged_where: Option<String>,
    /// Coded rows that break it.
    pub violations: u64,
    /// Coded rows that are judged; `None` for all.
    pub judged: Option<u64>,
}

/// How a rule came out on some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Rows that break it.
    pub(crate) violations: u64,
    /// Rows that were judged.
    pub(crate) rows: u64,
}

/// The greatest share of rows that may break a rule for it to be proposed.
const GREATEST_SHARE: f64 = 0.05;

impl PatternRule {
    /// A rule on all rows.
    pub(super) fn of_rows(kind: &'static str, settings: Json, statement: &str, broken_where: &str, violations: usize) -> Self {
        let (statement, broken_where) = (statement.to_owned(), broken_where.to_owned());
        Self { kind, settings, statement, broken_where, judged_where: None, violations: violations as u64, judged: None }
    }

    /// As [`Broken`] by the coded rows, of which there are `rows`.
    pub(crate) fn broken(&self, rows: u64) -> Broken {
        Broken { violations: self.violations, rows: self.judged.unwrap_or(rows) }
    }

    /// The proposal that the rows `broken` is about ask for: rows that break it go to quarantine where none does now, and else a
    /// little more than now may. `None` where too many break it.
    pub(crate) fn proposal(&self, facts: &TableFacts, broken: Broken) -> Option<Proposal> {
        let share = broken.violations as f64 / broken.rows.max(1) as f64;
        if broken.rows == 0 || share > GREATEST_SHARE {
            return None;
        }
        let mut settings = self.settings.clone();
        if broken.violations == 0 {
            settings["on_failure"] = json!("quarantine");
        } else {
            settings["at_most"] = json!(format!("{}%", (share * 100.0 + 1e-9).floor() + 1.0));
            settings["on_failure"] = json!("alert");
        }
        let seen = match broken.violations {
            0 => format!("none of {} breaks it", plural(broken.rows, "row")),
            violations => format!("{} of {} break it ({})", count(violations), plural(broken.rows, "row"), Share(share)),
        };
        Proposal::new(self.kind, &settings, facts, format!("{}: {seen}", self.statement), broken.rows)
    }

    /// What a query counts to tell how the rows break the rule: violations, then judged rows.
    pub(crate) fn counts(&self) -> [String; 2] {
        let judged = self.judged_where.as_ref().map(|condition| format!(" filter (where {condition})")).unwrap_or_default();
        [format!("count(*) filter (where {})", self.broken_where), format!("count(*){judged}")]
    }
}
