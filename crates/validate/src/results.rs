//! The results of `headworks check`: one per rule, and one per check of another tool that became no rule.

use std::fmt::Write;

use hw_base::{Dimension, Notes, OnFailure, RuleResult, Verdict, count, plural};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::suites::{Imported, ImportedItem, Outcome};

/// How a rule came out, or why a check of another tool is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    /// How the rule came out. It has not held where the check is not translated.
    #[serde(flatten)]
    pub result: RuleResult,
    /// The check of the other tool that the rule comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Which check of its file that is, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// Why the check of the other tool is no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untranslated: Option<String>,
    /// What a reader should know about the translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The place that judged it where its rows lie, such as `postgres`; none where rows were copied to be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged: Option<String>,
}

/// The results of rules that a project or a rules file declares.
pub fn results_of_rules(verdict: &Verdict) -> Vec<CheckResult> {
    verdict.results.iter().map(|result| CheckResult::of_rule(result.clone())).collect()
}

/// The results of a suite, in the order of its file. `verdict` must be over the rules of [`Imported::to_rules`].
pub fn results_of_suite(imported: &Imported, verdict: &Verdict) -> Vec<CheckResult> {
    let mut judged = verdict.results.iter();
    let mut results = Vec::new();
    for (at, item) in imported.items.iter().enumerate() {
        let rules = item.outcome.rules().len();
        if rules == 0 {
            results.push(without_rules(at, item));
        }
        results.extend(judged.by_ref().take(rules).map(|result| CheckResult {
            check: Some(item.check.clone()),
            item: Some(at),
            note: item.outcome.note().map(str::to_owned),
            ..CheckResult::of_rule(result.clone())
        }));
    }
    results
}

/// The results as programs read them.
pub fn results_json(results: &[CheckResult]) -> Json {
    json!({ "schema_version": "1", "held": results.iter().all(|result| result.result.held), "results": results })
}

/// The results as JUnit's XML, which continuous integration reads. A rule that blocks and broke is a failure, and so is what the check
/// fails on; a rule that could not be judged is an error, a check that is not translated is skipped; all other broken rules passed, with
/// what they found in `system-out`.
pub fn results_junit(subject: &str, results: &[CheckResult], fail_on: FailOn) -> String {
    let number = |wanted: &dyn Fn(&CheckResult) -> bool| results.iter().filter(|result| wanted(result)).count();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        results.len(),
        number(&|result| result.is_failure(fail_on)),
        number(&|result| result.result.error.is_some()),
        number(&|result| result.untranslated.is_some() && !result.is_failure(fail_on)),
    );
    let name = escaped(subject);
    let cases: String = results.iter().map(|result| result.test_case(&name, fail_on)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"headworks check\" {totals}>\n  <testsuite name=\"{name}\" {totals}>\n\
         {cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Which broken rules make `headworks check` fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    /// Those that block.
    #[default]
    Block,
    /// Those that block, quarantine or alert.
    Alert,
    /// All.
    Any,
    /// All, and checks of other tools that are not translated.
    Untranslated,
    /// None.
    Never,
}

impl FailOn {
    /// The words for it on a command line.
    pub const WORDS: [&'static str; 5] = ["block", "alert", "any", "untranslated", "never"];

    /// Reads a word of [`FailOn::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Block, Self::Alert, Self::Any, Self::Untranslated, Self::Never];
        Self::WORDS.iter().position(|known| *known == word).map(|at| all[at])
    }

    /// Whether one of `results` is a failure.
    pub fn fails(self, results: &[CheckResult]) -> bool {
        results.iter().any(|result| self.names(result))
    }

    /// Whether `result` is one of those that make the check fail.
    fn names(self, result: &CheckResult) -> bool {
        !result.result.held
            && match (self, result.result.action) {
                (Self::Never, _) => false,
                (Self::Untranslated, _) => true,
                _ if result.untranslated.is_some() => false,
                (Self::Block, action) => action == OnFailure::Block,
                (Self::Alert, action) => action != OnFailure::Log,
                (Self::Any, _) => true,
            }
    }
}

/// A check that is no rule: one that asks for nothing holds, any other is not translated.
fn without_rules(at: usize, item: &ImportedItem) -> CheckResult {
    let untranslated = match &item.outcome {
        Outcome::NotTranslated { why } => Some(why.clone()),
        _ => None,
    };
    let result = RuleResult {
        id: item.check.clone(),
        kind: String::new(),
        dimension: Dimension::Validity,
        columns: Vec::new(),
        held: untranslated.is_none(),
        rows: 0,
        population: String::new(),
        violations: 0,
        share: 0.0,
        tolerance: "none".into(),
        measured: None,
        action: OnFailure::Log,
        examples: Vec::new(),
        query: None,
        violating_rows: None,
        error: None,
        notes: Notes::default(),
    };
    CheckResult {
        check: Some(item.check.clone()),
        item: Some(at),
        untranslated,
        note: item.outcome.note().map(str::to_owned),
        ..CheckResult::of_rule(result)
    }
}

impl CheckResult {
    /// The result of a rule that no other tool has.
    pub fn of_rule(result: RuleResult) -> Self {
        Self { result, check: None, item: None, untranslated: None, note: None, judged: None }
    }

    /// Whether continuous integration counts it as a failure: it blocks, or the check fails on it.
    fn is_failure(&self, fail_on: FailOn) -> bool {
        self.result.error.is_none() && (FailOn::Block.names(self) || fail_on.names(self))
    }

    /// What was found, in one sentence.
    pub fn finding(&self) -> String {
        let result = &self.result;
        match (&self.untranslated, &result.error, &result.measured) {
            (Some(why), _, _) => format!("not translated: {why}"),
            (_, Some(error), _) => error.clone(),
            (_, _, Some(measured)) => format!("{measured}, expected {}", result.tolerance),
            _ if result.population == "columns of the table" => format!("{} of the columns break it", result.violations),
            _ => format!(
                "{} of {} break it ({}), {} tolerated",
                count(result.violations),
                plural(result.rows, "row"),
                hw_base::Share(result.share),
                result.tolerance
            ),
        }
    }

    /// What was found, and what the user tells about the rule.
    pub(crate) fn told(&self) -> String {
        let notes = self.result.notes.in_words();
        notes.map_or_else(|| self.finding(), |notes| format!("{} ({notes})", self.finding()))
    }

    fn test_case(&self, subject: &str, fail_on: FailOn) -> String {
        let result = &self.result;
        let head = format!("    <testcase classname=\"{subject}\" name=\"{}\"", escaped(self.check.as_deref().unwrap_or(&result.id)));
        if result.held {
            return format!("{head}/>\n");
        }
        let finding = self.finding();
        let mut details = result.examples.join("\n");
        for line in result.query.clone().into_iter().chain(result.notes.in_words()) {
            let _ = write!(details, "\n{line}");
        }
        let (message, details) = (escaped(&finding), escaped(details.trim()));
        let inner = match (&self.untranslated, &result.error) {
            _ if self.is_failure(fail_on) => {
                format!("<failure message=\"{message}\" type=\"{}\">{details}</failure>", escaped(&result.kind))
            }
            (Some(_), _) => format!("<skipped message=\"{message}\"/>"),
            (_, Some(_)) => format!("<error message=\"{message}\">{details}</error>"),
            _ => format!("<system-out>{} ({}): {message}\n{details}</system-out>", escaped(&result.id), result.action.name()),
        };
        format!("{head}>\n      {inner}\n    </testcase>\n")
    }
}

/// Text as XML has it; characters that no XML may hold are left out.
pub fn escaped(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(allowed).fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites::suite;

    /// A suite with a check that holds, one that breaks, one that asks for nothing and one that is not translated.
    fn results() -> Vec<CheckResult> {
        let text = json!({"expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}},
            {"type": "expect_table_row_count_to_be_between", "kwargs": {}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a<b"}},
            {"type": "expect_day_to_be_sunny", "kwargs": {}},
        ]});
        let imported = suite("great-expectations").unwrap().read(&text.to_string()).unwrap();
        let rules = imported.to_rules().unwrap();
        assert_eq!(rules.len(), 2);
        let result = |at: usize, held: bool| RuleResult {
            id: rules[at].id.clone(),
            kind: rules[at].kind.name().into(),
            held,
            rows: 4,
            violations: u64::from(!held) * 2,
            share: 0.5,
            action: OnFailure::Block,
            examples: vec!["a=\"1\" & more".into()],
            ..without_rules(0, &imported.items[0]).result
        };
        results_of_suite(&imported, &Verdict::over(vec![result(0, true), result(1, false)]))
    }

    #[test]
    fn every_check_has_a_result_in_the_order_of_the_file() {
        let results = results();
        let held: Vec<(Option<usize>, bool, bool)> =
            results.iter().map(|result| (result.item, result.result.held, result.untranslated.is_some())).collect();
        assert_eq!(held, [(Some(0), true, false), (Some(1), true, false), (Some(2), false, false), (Some(3), false, true)]);
        let json = results_json(&results);
        assert_eq!((&json["held"], &json["results"][2]["kind"]), (&json!(false), &json!("unique")));
        assert!(json["results"][3]["untranslated"].as_str().unwrap().contains("no expectation of the core"));
    }

    #[test]
    fn the_word_decides_what_fails() {
        let results = results();
        let fails = |word: &str, results: &[CheckResult]| FailOn::parse(word).unwrap().fails(results);
        assert_eq!(FailOn::WORDS.map(|word| fails(word, &results)), [true, true, true, true, false]);
        assert_eq!(FailOn::WORDS.map(|word| fails(word, &results[3..])), [false, false, false, true, false]);
        let mut logged = results[2].clone();
        logged.result.action = OnFailure::Log;
        assert_eq!(FailOn::WORDS.map(|word| fails(word, std::slice::from_ref(&logged))), [false, false, true, true, false]);
        assert_eq!(FailOn::parse("warn"), None);
    }

    #[test]
    fn continuous_integration_reads_xml() {
        let xml = results_junit("orders \"old\".csv", &results(), FailOn::Block);
        for part in [
            "<testsuite name=\"orders &quot;old&quot;.csv\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\">",
            "name=\"expect_column_values_to_not_be_null(a)\"/>",
            "name=\"expect_column_values_to_be_unique(a&lt;b)\">\n      <failure message=\"2 of 4 rows break it (50 %), none tolerated\" type=\"unique\">a=&quot;1&quot; &amp; more</failure>",
            "<skipped message=\"not translated: `expect_day_to_be_sunny`",
        ] {
            assert!(xml.contains(part), "{part} is not in\n{xml}");
        }
    }

    #[test]
    fn what_a_check_fails_on_is_a_failure_for_continuous_integration() {
        let mut results = results();
        results[2].result.action = OnFailure::Alert;
        let totals = |fail_on: FailOn| {
            let xml = results_junit("a.csv", &results, fail_on);
            let number = |what: &str| xml.split_once(&format!("{what}=\"")).and_then(|(_, rest)| rest.chars().next());
            (number("failures"), number("skipped"), xml.matches("<failure ").count(), xml.matches("<skipped ").count())
        };
        assert_eq!(totals(FailOn::Block), (Some('0'), Some('1'), 0, 1));
        assert_eq!(totals(FailOn::Alert), (Some('1'), Some('1'), 1, 1));
        assert_eq!(totals(FailOn::Untranslated), (Some('2'), Some('0'), 2, 0));
    }
}
