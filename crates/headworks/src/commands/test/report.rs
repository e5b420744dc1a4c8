//! How tests came out: for people, for programs, and for continuous integration.

use std::path::Path;

use hw_base::{Value, plural};
use hw_pipeline::unit::{Difference, Finding};
use hw_validate::xml_text;
use serde_json::{Value as Json, json};

use super::bench::Outcome;
use crate::report;
use crate::terminal::table;

/// The most rows of each kind of difference that are shown to people.
const SHOWN_ROWS: usize = 20;

/// The most characters of a value that are shown to people.
const SHOWN_CHARACTERS: usize = 60;

/// 0 where all hold, 1 where one does not, 2 where one cannot be told.
pub(super) fn exit_code(outcomes: &[Outcome]) -> u8 {
    let any = |word: &str| outcomes.iter().any(|outcome| outcome.word() == word);
    if any("error") { 2 } else { u8::from(any("failed")) }
}

impl Outcome {
    /// `passed`, `failed` or `error`.
    fn word(&self) -> &'static str {
        match &self.result {
            Ok(findings) if findings.is_empty() => "passed",
            Ok(_) => "failed",
            Err(_) => "error",
        }
    }

    /// Where the test stands: `tests/orders.yaml:3:1`.
    fn place(&self) -> String {
        let place = self.test.span.as_ref();
        place.map_or_else(String::new, |span| format!("{}:{}:{}", span.file.display(), span.line, span.column))
    }

    /// A finding in a sentence, with the delivery where there are several.
    fn sentence(&self, delivery: usize, finding: &Finding) -> String {
        if self.test.steps.len() > 1 { format!("delivery {delivery}: {}", finding.message) } else { finding.message.clone() }
    }
}

/// The outcomes for people: a line per test, what differs below it, and the totals.
pub(super) fn lines(outcomes: &[Outcome], root: &Path) -> Vec<String> {
    let width = outcomes.iter().map(|outcome| outcome.test.name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for outcome in outcomes {
        let mark = if outcome.word() == "passed" { "✓" } else { "✗" };
        lines.push(format!("{mark} {:<width$}  {}  {}", outcome.test.name, outcome.test.model.name, milliseconds(outcome.seconds)));
        lines.extend(details(outcome, root).iter().map(|line| format!("    {line}").trim_end().to_owned()));
    }
    lines.push(summary(outcomes));
    lines
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

/// What is not as expected.
fn details(outcome: &Outcome, root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    match &outcome.result {
        Err(error) => lines.extend(hw_config::render(error, root, false).lines().map(str::to_owned)),
        Ok(findings) => {
            for (delivery, finding) in findings {
                lines.push(outcome.sentence(*delivery, finding));
                lines.extend(finding.difference.iter().flat_map(difference));
                lines.extend(finding.help.iter().flat_map(|help| help.lines()).map(|line| format!("  {line}")));
            }
        }
    }
    if !lines.is_empty() {
        lines.push(format!("at: {}", outcome.place()));
        lines.extend(outcome.left_out.iter().map(|(rule, table)| format!("not judged: `{rule}`, because `{table}` is not given")));
    }
    lines
}

/// The rows that differ as a table: missing ones, unexpected ones, and changed ones with `expected → found`.
fn difference(difference: &Difference) -> Vec<String> {
    let mut rows = vec![std::iter::once(String::new()).chain(difference.columns.iter().cloned()).collect::<Vec<String>>()];
    let line = |word: &str, cells: Vec<String>| std::iter::once(word.to_owned()).chain(cells).collect::<Vec<String>>();
    let own = |word: &'static str, kind: &[Vec<Value>]| {
        kind.iter().take(SHOWN_ROWS).map(|row| line(word, row.iter().map(shown).collect())).collect::<Vec<_>>()
    };
    rows.extend(own("missing", &difference.missing));
    rows.extend(difference.changed.iter().take(SHOWN_ROWS).map(|change| {
        let cell = |(expected, found): (&Value, &Value)| match (shown(expected), shown(found)) {
            (expected, found) if expected == found => expected,
            (expected, found) => format!("{expected} → {found}"),
        };
        line("changed", change.expected.iter().zip(&change.found).map(cell).collect())
    }));
    rows.extend(own("unexpected", &difference.unexpected));
    let hidden: usize = [difference.missing.len(), difference.changed.len(), difference.unexpected.len()]
        .iter()
        .map(|rows| rows.saturating_sub(SHOWN_ROWS))
        .sum();
    let mut lines: Vec<String> = if rows.len() > 1 { table(&rows, &[]) } else { vec![] };
    if hidden > 0 {
        lines.push(format!("… and {} more", plural(hidden as u64, "row")));
    }
    lines.iter().map(|line| format!("  {line}")).collect()
}

/// A value in a cell. Text that could be taken for something else stands in quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "∅".into(),
        Value::Text(text) if text.is_empty() || text.trim() != text => format!("'{text}'").replace('\n', "⏎"),
        other => {
            let text = other.to_string().replace('\n', "⏎");
            if text.chars().count() > SHOWN_CHARACTERS { text.chars().take(SHOWN_CHARACTERS - 1).chain(['…']).collect() } else { text }
        }
    }
}

fn summary(outcomes: &[Outcome]) -> String {
    let count = |word: &str| outcomes.iter().filter(|outcome| outcome.word() == word).count();
    let all = plural(outcomes.len() as u64, "test");
    match (count("failed"), count("error")) {
        (0, 0) => format!("{all} passed"),
        (failed, 0) => format!("{all}: {} passed, {failed} failed", count("passed")),
        (failed, errors) => format!("{all}: {} passed, {failed} failed, {errors} could not be carried out", count("passed")),
    }
}

/// The outcomes for programs.
pub(super) fn json(outcomes: &[Outcome]) -> Json {
    let count = |word: &str| outcomes.iter().filter(|outcome| outcome.word() == word).count();
    json!({
        "schema_version": "1",
        "held": exit_code(outcomes) == 0,
        "passed": count("passed"),
        "failed": count("failed"),
        "errors": count("error"),
        "tests": outcomes.iter().map(test_json).collect::<Vec<_>>(),
        "exit_code": exit_code(outcomes),
    })
}

fn test_json(outcome: &Outcome) -> Json {
    let place = outcome.test.span.as_ref();
    let findings = outcome.result.iter().flatten().map(|(delivery, finding)| finding_json(*delivery, finding)).collect::<Vec<_>>();
    let left_out = outcome.left_out.iter().map(|(rule, table)| json!({ "rule": rule, "table": table })).collect::<Vec<_>>();
    json!({
        "test": outcome.test.name,
        "model": outcome.test.model.name,
        "file": place.map(|span| &span.file),
        "line": place.map(|span| span.line),
        "outcome": outcome.word(),
        "seconds": outcome.seconds,
        "not_judged": left_out,
        "findings": findings,
        "errors": outcome.result.as_ref().err().map(|error| report::json::all(std::slice::from_ref(error))).unwrap_or_default(),
    })
}

fn finding_json(delivery: usize, finding: &Finding) -> Json {
    json!({
        "delivery": delivery,
        "message": finding.message,
        "help": finding.help,
        "difference": finding.difference.as_ref().map(difference_json),
    })
}

fn difference_json(difference: &Difference) -> Json {
    let row = |row: &Vec<Value>| row.iter().map(Value::to_json).collect::<Json>();
    let rows = |rows: &[Vec<Value>]| rows.iter().map(row).collect::<Json>();
    let changed = difference.changed.iter().map(|change| json!({ "expected": row(&change.expected), "found": row(&change.found) }));
    json!({
        "columns": difference.columns,
        "missing": rows(&difference.missing),
        "unexpected": rows(&difference.unexpected),
        "changed": changed.collect::<Vec<_>>(),
        "misplaced": difference.misplaced,
    })
}

/// The outcomes as continuous integration reads them: JUnit's XML.
pub(super) fn junit(outcomes: &[Outcome], root: &Path) -> String {
    let count = |word: &str| outcomes.iter().filter(|outcome| outcome.word() == word).count();
    let (tests, failures, errors) = (outcomes.len(), count("failed"), count("error"));
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    let cases: String = outcomes.iter().map(|outcome| test_case(outcome, root)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"headworks test\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"{seconds:.3}\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn test_case(outcome: &Outcome, root: &Path) -> String {
    let (name, model) = (xml_text(&outcome.test.name), xml_text(&outcome.test.model.name));
    let file = outcome.test.span.as_ref().map(|span| xml_text(&span.file.to_string_lossy())).unwrap_or_default();
    let head = format!("    <testcase classname=\"{model}\" name=\"{name}\" file=\"{file}\" time=\"{:.3}\"", outcome.seconds);
    let first = match &outcome.result {
        Ok(findings) => findings.first().map(|(delivery, finding)| outcome.sentence(*delivery, finding)),
        Err(error) => Some(error.message().to_owned()),
    };
    let Some(first) = first else { return format!("{head}/>\n") };
    let tag = if outcome.word() == "error" { "error" } else { "failure" };
    let text = xml_text(&details(outcome, root).join("\n"));
    format!("{head}>\n      <{tag} message=\"{}\">{text}</{tag}>\n    </testcase>\n", xml_text(&first))
}
