//! The rules that keep a pattern, from the pattern to a proposal.

use hw_base::{Share, TableFacts, count, plural};
use hw_validate::{Proposal, percent_above};
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
/// Rows that a rule on some of the rows must have been judged on: of fewer that break it none, as many as may break one that is proposed would go
/// unseen more often than once in five times.
const FEWEST_JUDGED: u64 = 32;

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
    /// little more than now may. `None` where too many break it, or where few of the rows are asked.
    pub(crate) fn proposal(&self, facts: &TableFacts, broken: Broken) -> Option<Proposal> {
        let share = broken.violations as f64 / broken.rows.max(1) as f64;
        let fewest = if self.judged_where.is_some() { FEWEST_JUDGED } else { 1 };
        if broken.rows < fewest || share > GREATEST_SHARE {
            return None;
        }
        let mut settings = self.settings.clone();
        if broken.violations == 0 {
            settings["on_failure"] = json!("quarantine");
        } else {
            settings["at_most"] = json!(percent_above(broken.violations, broken.rows));
            settings["on_failure"] = json!("alert");
        }
        let seen = match broken.violations {
            0 => format!("none of {} breaks it", plural(broken.rows, "row")),
            violations => format!("{} of {} break it ({})", count(violations), plural(broken.rows, "row"), Share(share)),
        };
        Proposal::new(self.kind, &settings, &facts.columns, format!("{}: {seen}", self.statement), broken.rows)
    }

    /// What a query counts to tell how the rows break the rule: violations, then judged rows.
    pub(crate) fn counts(&self) -> [String; 2] {
        let judged = self.judged_where.as_ref().map(|condition| format!(" filter (where {condition})")).unwrap_or_default();
        [format!("count(*) filter (where {})", self.broken_where), format!("count(*){judged}")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::facts;

    #[test]
    fn a_rule_on_some_rows_takes_more_than_a_few_of_them() {
        let rule = PatternRule {
            kind: "is_null",
            settings: json!({ "column": "ended_at", "where": "status = 'open'" }),
            statement: "`ended_at` is never filled where `status` is `open`".into(),
            broken_where: "ended_at is not null and status = 'open'".into(),
            judged_where: Some("status = 'open'".into()),
            violations: 0,
            judged: None,
        };
        let facts = facts("rows 900\nstatus text\nended_at date");
        let proposed = |rule: &PatternRule, rows: u64| rule.proposal(&facts, Broken { violations: 0, rows }).is_some();
        assert_eq!([20, 60].map(|rows| proposed(&rule, rows)), [false, true]);
        let on_all = PatternRule { judged_where: None, ..rule };
        assert!(proposed(&on_all, 20), "all rows of a small table");
    }
}
