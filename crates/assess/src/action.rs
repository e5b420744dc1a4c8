//! What to do about the issues, in the order that pays, with the score that each fix would give.

use hw_base::{Dimension, Severity};
use serde::Serialize;

use crate::score::{Ground, overall, rounded};
use crate::{Examination, Finding, Score, Scores};

/// How much work a fix is likely to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// An expression or a setting in the pipeline.
    Low,
    /// A look at the data and a decision.
    Medium,
    /// Somebody else has to change the source.
    High,
}

impl Effort {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Something worth doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    /// How urgent it is.
    pub priority: Severity,
    /// What to do.
    pub action: String,
    /// Why, with the numbers of the issue.
    pub rationale: String,
    /// How much work it is likely to be.
    pub estimated_effort: Effort,
    /// What the score would become without the issue, recomputed: `completeness 92.0 -> 100.0`.
    pub expected_improvement: String,
    /// The kind of issue it mends.
    pub issue: String,
    /// The column, where it is one.
    pub column: Option<String>,
    /// What the overall score would become, 0 to 100.
    pub overall_score_after: f64,
}

/// One action for each issue that takes something from a score; what pays most comes first.
pub fn recommend(examination: &Examination, findings: &[Finding], scores: &Scores) -> Vec<Action> {
    let mut worth: Vec<&Finding> = findings.iter().filter(|finding| is_worth_mending(finding)).collect();
    worth.sort_by(|a, b| payoff(examination, b).total_cmp(&payoff(examination, a)));
    let ground = Ground::of(examination);
    let mending = Mending { examination, ground: &ground, findings, scores };
    worth.into_iter().map(|finding| mending.action(finding)).collect()
}

fn is_worth_mending(finding: &Finding) -> bool {
    finding.affected > 0.0 || finding.issue.severity == Severity::High
}

/// Rows × severity × use against effort.
fn payoff(examination: &Examination, finding: &Finding) -> f64 {
    let issue = &finding.issue;
    let severity = match issue.severity {
        Severity::High => 9.0,
        Severity::Medium => 3.0,
        Severity::Low => 1.0,
    };
    let effort = match effort(&issue.code) {
        Effort::Low => 1.0,
        Effort::Medium => 2.0,
        Effort::High => 3.0,
    };
    issue.rows.max(1) as f64 * issue.confidence * severity * usage(examination, &issue.columns) / effort
}

/// How much columns are used, as far as is known: those named as critical most, then those by which tables are joined.
fn usage(examination: &Examination, columns: &[String]) -> f64 {
    let relations = examination.evidence.relations.as_ref();
    let joins = |column: &String| {
        relations.is_some_and(|relations| {
            let keys = relations.keys.first().into_iter().flat_map(|key| &key.columns);
            let references = relations.references.iter().flat_map(|one| one.columns.iter().chain(&one.reference_columns));
            keys.chain(references).any(|name| name == column)
        })
    };
    match () {
        () if columns.iter().any(|column| examination.is_critical(column)) => 2.0,
        () if columns.iter().any(joins) => 1.5,
        () => 1.0,
    }
}

/// What is needed to see the scores without one of the findings.
struct Mending<'a> {
    examination: &'a Examination<'a>,
    ground: &'a Ground<'a>,
    findings: &'a [Finding],
    scores: &'a Scores,
}

impl Mending<'_> {
    fn action(&self, mended: &Finding) -> Action {
        let others: Vec<&Finding> = self.findings.iter().filter(|finding| !std::ptr::eq(*finding, mended)).collect();
        let own = self.ground.score(mended.issue.dimension, &others);
        let after: Vec<Score> =
            self.scores.dimensions.iter().map(|score| if score.dimension == own.dimension { &own } else { score }).cloned().collect();
        let issue = &mended.issue;
        Action {
            priority: issue.severity,
            action: addressed(issue.column.as_deref(), &issue.fix),
            rationale: issue.description.clone(),
            estimated_effort: effort(&issue.code),
            expected_improvement: improvement(issue.dimension, self.scores.of(issue.dimension), own.score),
            issue: issue.code.clone(),
            column: issue.column.clone(),
            overall_score_after: overall(&after, &self.examination.limits.weights),
        }
    }
}

fn addressed(column: Option<&str>, fix: &str) -> String {
    match column {
        Some(column) => format!("`{column}`: {fix}"),
        None => fix.to_owned(),
    }
}

/// `completeness 92.0 -> 100.0`; a dimension that could not be judged may be after that.
fn improvement(dimension: Dimension, before: Option<f64>, after: Option<f64>) -> String {
    match before.zip(after) {
        Some((before, after)) => format!("{} {}", dimension.name(), moved(before, after)),
        None => format!("{} can be judged", dimension.name()),
    }
}

/// `92.0 -> 100.0`; with two decimals where one would hide the difference, and in words where two do as well.
pub(crate) fn moved(before: f64, after: f64) -> String {
    match rounded(after - before).abs() {
        difference if difference < 0.01 => format!("{before:.2}, moved by less than 0.01"),
        difference if difference < 0.2 => format!("{before:.2} -> {after:.2}"),
        _ => format!("{before:.1} -> {after:.1}"),
    }
}

/// How much work the fix of an issue of this kind is likely to be.
fn effort(code: &str) -> Effort {
    match code {
        "missing_values"
        | "missing_value"
        | "malformed_emails"
        | "invalid_codes"
        | "no_data"
        | "contradicts_dependency"
        | "swapped_value"
        | "order_violation"
        | "volume_gap"
        | "near_duplicate_rows"
        | "formula_violation"
        | "unexpected_value" => Effort::High,
        "broken_rule" | "orphan_rows" | "type_outlier" | "numeric_outlier" | "implausible_date" | "duplicate_keys" | "mixed_formats"
        | "negative_values" | "outliers" | "future_dates" | "stale_data" | "malformed_records" => Effort::Medium,
        _ => Effort::Low,
    }
}
