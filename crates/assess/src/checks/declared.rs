//! Rules that people declared. They are facts: where one judges a column in a dimension, suspicions about the same stand back.

use hw_base::{OnFailure, RuleResult, count, plural};

use crate::score::Ground;
use crate::{Examination, Finding};

/// One finding per declared rule that broke, or that could not be judged.
pub(super) fn broken_rules(examination: &Examination) -> Vec<Finding> {
    let mut broken = examination.evidence.declared.iter().filter(|result| !result.held).peekable();
    let ground = broken.peek().map(|_| Ground::of(examination));
    broken.zip(ground.iter().cycle()).map(|(result, ground)| finding(result, ground)).collect()
}

fn finding(result: &RuleResult, ground: &Ground<'_>) -> Finding {
    match &result.error {
        Some(reason) => unjudged(result, reason),
        None => broken(result, ground),
    }
}

fn unjudged(result: &RuleResult, reason: &str) -> Finding {
    let mut finding = Finding::new("unjudged_rule", result.dimension, 0)
        .says(format!("the rule `{}` cannot be judged: {reason}", result.id))
        .weight(if result.action == OnFailure::Block { 5.0 } else { 1.0 })
        .fix("mend the rule: as it is nobody knows whether it holds")
        .affects(0.0);
    // It says nothing about some rows more than about others.
    finding.issue.share = 1.0;
    finding.issue.columns.clone_from(&result.columns);
    finding
}

fn broken(result: &RuleResult, ground: &Ground<'_>) -> Finding {
    let says = match &result.measured {
        Some(measured) => format!("the rule `{}` is broken: {measured}, expected {}", result.id, result.tolerance),
        None => format!(
            "{} of {} break the rule `{}`, which tolerates {}",
            count(result.violations),
            plural(result.rows, "row"),
            result.id,
            result.tolerance
        ),
    };
    let mut finding = Finding::new("broken_rule", result.dimension, result.violations)
        .says(says)
        .shows(result.examples.clone())
        .weight(if result.action == OnFailure::Block { 5.0 } else { 1.0 })
        .fix("mend the rows at the source, or the rule if the world has changed");
    if let [column] = result.columns.as_slice() {
        finding = finding.column(column);
    }
    finding.issue.columns.clone_from(&result.columns);
    if let Some(query) = &result.query {
        finding = finding.query(query.clone());
    }
    if result.measured.is_some() {
        // A measured value is about the whole: no row can be said to be free of it.
        finding.issue.share = 1.0;
        let affected = ground.of_one_column(finding.issue.column.as_deref(), result.dimension);
        finding = finding.affects(affected);
    }
    finding
}

/// Whether a declared rule has settled what `finding` suspects, or counts the same rows.
pub(super) fn is_settled(examination: &Examination, finding: &Finding) -> bool {
    let issue = &finding.issue;
    let Some(column) = &issue.column else { return false };
    let judges = |result: &&RuleResult| result.error.is_none() && result.dimension == issue.dimension && result.columns == [column.clone()];
    let mut judging = examination.evidence.declared.iter().filter(judges);
    if issue.confidence < 1.0 { judging.next().is_some() } else { judging.any(|result| !result.held && result.violations >= issue.rows) }
}
