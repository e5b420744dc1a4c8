//! Whether a delivery did what its test expects.

use std::collections::BTreeSet;

use hw_base::{Error, OnFailure, Rows, RuleResult, RunRecord, StepOutcome, count, plural};

use super::{Difference, Expectation, Named};

/// What happened when a delivery was loaded.
#[derive(Debug)]
pub struct Happened<'a> {
    /// The run.
    pub record: &'a RunRecord,
    /// What failed in it.
    pub errors: &'a [Error],
    /// The rows that the table should have and those that it has, where that is asked.
    pub table: Option<(Rows, Rows)>,
    /// The same for its quarantine.
    pub quarantine: Option<(Rows, Rows)>,
    /// Columns that the table has and the expectation does not name.
    pub unnamed: Vec<String>,
    /// The columns that identify a row of the table.
    pub key: &'a [String],
    /// The name of the table.
    pub name: &'a str,
}

/// Something that is not as expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// What, in one sentence.
    pub message: String,
    /// The rows that differ, where rows do.
    pub difference: Option<Difference>,
    /// What to do, where that is not plain.
    pub help: Option<String>,
}

/// Everything that is not as expected; nothing where the test holds.
pub fn findings(expect: &Expectation, happened: &Happened<'_>) -> Vec<Finding> {
    let failure = happened.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n");
    let mut findings: Vec<Finding> = match (&expect.fails, failure.is_empty()) {
        (None, true) => vec![],
        (None, false) => vec![plain(format!("the load failed: {failure}"))],
        (Some(part), true) => vec![plain(format!("the load did not fail, expected a failure with `{part}`"))],
        (Some(part), false) if failure.contains(part) => vec![],
        (Some(part), false) => vec![plain(format!("the load failed without `{part}`: {failure}"))],
    };
    findings.extend(blocked(expect, happened.record));
    findings.extend(broken(expect, happened.record));
    findings.extend(happened.table.as_ref().and_then(|rows| differing(happened.name, rows, happened.key, expect.is_ordered)));
    if !happened.unnamed.is_empty() {
        let names = happened.unnamed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        findings.push(plain(format!("`{}` has {names} besides the columns that are expected", happened.name)));
    }
    let quarantine = format!("quarantine.{}", happened.name);
    findings.extend(happened.quarantine.as_ref().and_then(|rows| differing(&quarantine, rows, happened.key, false)));
    findings
}

fn plain(message: String) -> Finding {
    Finding { message, ..Finding::default() }
}

/// The rules that broke in a run, by name.
fn rules(record: &RunRecord, counts: impl Fn(&RuleResult) -> bool) -> BTreeSet<&str> {
    record.steps.iter().flat_map(|step| step.verdict.broken()).filter(|result| counts(result)).map(|result| result.id.as_str()).collect()
}

fn names(rules: &[Named]) -> BTreeSet<&str> {
    rules.iter().map(|rule| rule.name.as_str()).collect()
}

fn listed(names: &BTreeSet<&str>) -> String {
    match names.len() {
        0 => "none".into(),
        _ => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

/// Whether the delivery was kept back by the rules that should do so, and by no other.
fn blocked(expect: &Expectation, record: &RunRecord) -> Option<Finding> {
    let found = rules(record, |result| result.action == OnFailure::Block);
    let expected = match (&expect.blocked_by, &expect.broken) {
        (Some(expected), _) => names(expected),
        (None, Some(broken)) => names(broken).intersection(&found).copied().collect(),
        (None, None) => BTreeSet::new(),
    };
    if found == expected {
        return None;
    }
    let steps: Vec<&str> =
        record.steps.iter().filter(|step| step.outcome == StepOutcome::Blocked).map(|step| step.model.as_str()).collect();
    let message = if found.is_empty() {
        format!("nothing kept the delivery from being published, expected {}", listed(&expected))
    } else {
        format!("`{}` was blocked by {}, expected {}", steps.join("`, `"), listed(&found), listed(&expected))
    };
    let first = found.difference(&expected).next();
    let help = first.map(|rule| {
        let reasons = record.steps.iter().flat_map(|step| &step.verdict.results).filter(|result| result.id == *rule);
        let reason: Vec<String> = reasons.map(reason).collect();
        format!("{}\nexpect it (`blocked_by: [{rule}]`), or do not judge it here (`without_rules: [{rule}]`)", reason.join("; "))
    });
    Some(Finding { message, help, difference: None })
}

/// Why a rule broke.
fn reason(result: &RuleResult) -> String {
    match (&result.error, &result.measured) {
        (Some(error), _) => format!("`{}` cannot be judged: {error}", result.id),
        (None, Some(measured)) => format!("`{}`: {measured}, expected {}", result.id, result.tolerance),
        (None, None) => format!("`{}`: {} of {} rows break it", result.id, count(result.violations), count(result.rows)),
    }
}

/// Whether the rules broke that should, and no other.
fn broken(expect: &Expectation, record: &RunRecord) -> Option<Finding> {
    let expected = names(expect.broken.as_ref()?);
    let found = rules(record, |_| true);
    (found != expected).then(|| plain(format!("broken rules: {}, expected {}", listed(&found), listed(&expected))))
}

fn differing(table: &str, (expected, found): &(Rows, Rows), key: &[String], is_ordered: bool) -> Option<Finding> {
    let difference = Difference::between(expected, found, key, is_ordered);
    if difference.is_none() {
        return None;
    }
    let count = |rows: usize, word: &str| (rows > 0).then(|| format!("{} {word}", plural(rows as u64, "row")));
    let parts = [
        count(difference.missing.len(), "missing"),
        count(difference.changed.len(), "changed"),
        count(difference.unexpected.len(), "not expected"),
        difference.misplaced.map(|row| format!("row {row} at another place")),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let message = format!("`{table}` has {}, expected {}: {parts}", plural(found.rows.len() as u64, "row"), expected.rows.len());
    Some(Finding { message, difference: Some(difference), help: None })
}
