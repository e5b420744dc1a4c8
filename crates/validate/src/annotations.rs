//! Broken rules as annotations: what continuous integration shows beside the lines of a rules file.

use hw_base::OnFailure;
use serde_json::{Value as Json, json};

use crate::results::CheckResult;
use crate::rule::Rule;

/// How much an annotation matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Note,
}

impl Level {
    /// A rule that blocks, or could not be judged, is an error; one that alerts or quarantines a warning; others are notes.
    fn of(result: &CheckResult) -> Self {
        match result.result.action {
            _ if result.untranslated.is_some() => Self::Note,
            _ if result.result.error.is_some() => Self::Error,
            OnFailure::Block => Self::Error,
            OnFailure::Alert | OnFailure::Quarantine => Self::Warning,
            OnFailure::Log => Self::Note,
        }
    }
}

/// A rule that broke, with the place where it stands.
struct Annotation<'a> {
    result: &'a CheckResult,
    level: Level,
    file: String,
    line: usize,
}

/// One per rule that broke. `file` holds the rules that have no place of their own.
fn annotations<'a>(results: &'a [CheckResult], rules: &[Rule], file: &str) -> Vec<Annotation<'a>> {
    let broken = results.iter().filter(|result| !result.result.held);
    let annotation = |result: &'a CheckResult| {
        let span = rules.iter().find(|rule| rule.id == result.result.id).and_then(|rule| rule.span.as_ref());
        let (file, line) = span.map_or_else(|| (file.to_owned(), 1), |span| (span.file.display().to_string(), span.line));
        Annotation { result, level: Level::of(result), file, line }
    };
    broken.map(annotation).collect()
}

/// The commands of a GitHub workflow that annotate the rules that broke, one per line.
pub fn results_github(results: &[CheckResult], rules: &[Rule], file: &str) -> String {
    let command = |annotation: Annotation<'_>| {
        let word = match annotation.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let [file, title] = [&annotation.file, &annotation.result.result.id].map(|text| property(text));
        format!("::{word} file={file},line={},title={title}::{}\n", annotation.line, message(&annotation.result.told()))
    };
    annotations(results, rules, file).into_iter().map(command).collect()
}

/// The text of a command of a workflow.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command of a workflow.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// The rules that broke in the Static Analysis Results Interchange Format (SARIF) 2.1.0.
pub fn results_sarif(results: &[CheckResult], rules: &[Rule], file: &str) -> Json {
    let found: Vec<Json> = annotations(results, rules, file).iter().map(sarif_result).collect();
    let kinds: Vec<Json> = results.iter().map(|result| json!({"id": result.result.id, "name": result.result.kind})).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "headworks", "version": env!("CARGO_PKG_VERSION"), "rules": kinds}},
            "results": found,
        }],
    })
}

fn sarif_result(annotation: &Annotation<'_>) -> Json {
    let level = match annotation.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    json!({
        "ruleId": annotation.result.result.id,
        "level": level,
        "message": {"text": annotation.result.told()},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": annotation.file.replace('\\', "/")},
            "region": {"startLine": annotation.line},
        }}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::results_of_suite;
    use crate::suites::read_suite;

    /// The results of a suite of which no rule could be judged.
    fn results() -> Vec<CheckResult> {
        let suite = json!({"expectations": [{"type": "expect_day_to_be_sunny", "kwargs": {"column": "a"}}]}).to_string();
        let mut results = results_of_suite(&read_suite("auto", &suite).unwrap(), &hw_base::Verdict::default());
        results.push(results[0].clone());
        results[1].untranslated = None;
        results[1].result.id = "a,b".into();
        results[1].result.error = Some("100% wrong:\nall".into());
        results
    }

    #[test]
    fn what_broke_is_annotated_where_it_stands() {
        assert_eq!(
            results_github(&results(), &[], "suite.json"),
            "::notice file=suite.json,line=1,title=expect_day_to_be_sunny(a)::not translated: `expect_day_to_be_sunny` is no expectation of the core, and its code is in no suite\n\
             ::error file=suite.json,line=1,title=a%2Cb::100%25 wrong:%0Aall\n",
        );
        let sarif = results_sarif(&results(), &[], "suite.json");
        assert_eq!(sarif.pointer("/runs/0/results/1/level"), Some(&json!("error")));
        assert_eq!(sarif.pointer("/runs/0/results/1/locations/0/physicalLocation/artifactLocation/uri"), Some(&json!("suite.json")));
    }
}
