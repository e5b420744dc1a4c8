//! The vocabulary of data quality: six dimensions, severities, issues, rule results and verdicts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Tolerance, Value};

/// One of the six dimensions of data quality. The blueprint fixes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Values are there.
    Completeness,
    /// Values are true.
    Accuracy,
    /// Values agree with each other.
    Consistency,
    /// Values are recent enough.
    Timeliness,
    /// Values have the form they should have.
    Validity,
    /// Things are recorded once.
    Uniqueness,
}

impl Dimension {
    /// All six, in the blueprint's order.
    pub const ALL: [Self; 6] = [Self::Completeness, Self::Accuracy, Self::Consistency, Self::Timeliness, Self::Validity, Self::Uniqueness];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Accuracy => "accuracy",
            Self::Consistency => "consistency",
            Self::Timeliness => "timeliness",
            Self::Validity => "validity",
            Self::Uniqueness => "uniqueness",
        }
    }
}

/// How much an issue matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Fix it before the data is used.
    High,
    /// Fix it soon.
    Medium,
    /// Worth knowing.
    Low,
}

impl Severity {
    /// The word for it in a project.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What a broken rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Nothing of the step becomes visible, and the run ends with exit code 1.
    #[default]
    Block,
    /// The rows that break the rule go to the quarantine table; the others are loaded.
    Quarantine,
    /// Everything is loaded, and an alert says so.
    Alert,
    /// Everything is loaded, and the run's record says so.
    Log,
}

impl OnFailure {
    /// The word for it in a project.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Quarantine => "quarantine",
            Self::Alert => "alert",
            Self::Log => "log",
        }
    }
}

/// A finding about data: bad data is never an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// A stable word for the kind of finding, such as `missing_values`.
    pub code: String,
    /// The one dimension it counts against.
    pub dimension: Dimension,
    /// The column, where it is one.
    pub column: Option<String>,
    /// All columns involved; empty for the table as a whole.
    pub columns: Vec<String>,
    /// Rows affected.
    pub rows: u64,
    /// Affected rows as a share of all rows looked at, 0 to 1.
    pub share: f64,
    /// How much it matters.
    pub severity: Severity,
    /// How sure the finding is, 0 to 1: 1 is a fact, less a suspicion.
    pub confidence: f64,
    /// What was found, in one sentence with its numbers.
    pub description: String,
    /// Some of the values found.
    pub examples: Vec<String>,
    /// Some of the rows affected; empty where it is not known which they are.
    #[serde(default)]
    pub example_rows: Vec<ExampleRow>,
    /// A query that shows the affected rows.
    pub query: String,
    /// What to do about it.
    pub fix: String,
}

/// A row that an issue is about, by what a reader finds it by and what is wrong in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleRow {
    /// Its number in the order of the data, from 0.
    pub row: u64,
    /// Its values in the columns that tell rows apart, by column; `None` for null.
    pub key: BTreeMap<String, Option<String>>,
    /// Its values in the columns of the issue, by column; `None` for null.
    pub values: BTreeMap<String, Option<String>>,
}

impl ExampleRow {
    /// The names of its columns with its values, those of the key first; `null` for null.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.values.iter().filter(|(name, _)| !self.key.contains_key(*name));
        self.key.iter().chain(others).map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or("null")))
    }
}

/// How one rule came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule's name, unique within its table or dataset.
    pub id: String,
    /// The kind of rule: `not_null`.
    pub kind: String,
    /// The dimension it watches.
    pub dimension: Dimension,
    /// The columns it looks at.
    pub columns: Vec<String>,
    /// Whether it held.
    pub held: bool,
    /// How many rows it was judged on.
    pub rows: u64,
    /// Which rows those are, in words: `rows of this batch`, `rows of the table after this load`.
    pub population: String,
    /// How many of them break it.
    pub violations: u64,
    /// `violations` as a share of `rows`, 0 to 1; 0 for no rows.
    pub share: f64,
    /// How much it tolerates, in words.
    pub tolerance: String,
    /// What was measured, for rules on an aggregate: `mean(total_amount) = 12.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// What happens if it breaks.
    pub action: OnFailure,
    /// Some of the rows or values that break it.
    pub examples: Vec<String>,
    /// A query that shows all rows that break it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The numbers (from 0, in file order) of all violating rows, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violating_rows: Option<Vec<u64>>,
    /// Why it could not be judged. A rule that could not be judged has not held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the user tells about the rule.
    #[serde(flatten)]
    pub notes: Notes,
}

/// What a user tells about a rule, for the people who read its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Who is asked about it: a person, a team or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it promises, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Notes {
    /// All of them in a line: `high · every order has a customer · ask the shop team`; `None` where there are none.
    pub fn in_words(&self) -> Option<String> {
        let severity = self.severity.map(|severity| severity.name().to_owned());
        let owner = self.owner.as_ref().map(|owner| format!("ask {owner}"));
        let words: Vec<String> = [severity, self.description.clone(), owner].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" · "))
    }
}

/// How all rules of one batch came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether every rule held, whatever its action.
    pub held: bool,
    /// One result per rule, in the order they were declared.
    pub results: Vec<RuleResult>,
}

impl Verdict {
    /// The verdict over `results`.
    pub fn over(results: Vec<RuleResult>) -> Self {
        Self { held: results.iter().all(|result| result.held), results }
    }

    /// The broken rules that keep the batch from being published.
    pub fn blocking(&self) -> impl Iterator<Item = &RuleResult> {
        self.broken().filter(|result| result.action == OnFailure::Block)
    }

    /// The broken rules.
    pub fn broken(&self) -> impl Iterator<Item = &RuleResult> {
        self.results.iter().filter(|result| !result.held)
    }
}

impl RuleResult {
    /// Whether it is about this measure, as `measured` calls it.
    pub fn measures(&self, measure: &str) -> bool {
        self.measured.as_ref().and_then(|measured| measured.rsplit_once(" = ")).is_some_and(|(known, _)| known == measure)
    }

    /// The measured number, for rules on an aggregate that is one: the last part of what `measured` says.
    pub fn measured_number(&self) -> Option<f64> {
        self.measured.as_ref()?.rsplit_once(" = ")?.1.parse().ok()
    }

    /// Judges a count of violations against a tolerance.
    pub fn holds(violations: u64, rows: u64, tolerance: Tolerance) -> bool {
        tolerance.admits(violations, rows)
    }
}

/// How many characters of a value are shown.
const SHOWN: usize = 160;

/// Writes some columns of a row as `order_id=7, status=unknown`, long values shortened.
pub(crate) fn render_row(columns: &[Column], row: &[Value]) -> String {
    let pairs = columns.iter().zip(row).map(|(column, value)| format!("{}={}", column.name, shortened(value.to_string())));
    pairs.collect::<Vec<_>>().join(", ")
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl crate::Rows {
    /// Every row as `order_id=7, status=unknown`.
    pub fn rendered(&self) -> Vec<String> {
        self.rows.iter().map(|row| render_row(&self.columns, row)).collect()
    }
}
