//! What an assessment takes over from an earlier one about rows that it does not read again.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{TableFacts, Timestamp, count, plural};
use serde::{Deserialize, Serialize};

use crate::checks::{SUPERSEDED, find_issues};
use crate::column::present;
use crate::header::by_names;
use crate::{Assessment, Dependency, Evidence, Examination, Finding, Key, Relations};

/// What an earlier assessment found out, as far as the measurements of all rows do not tell it anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// Its measurements.
    pub facts: TableFacts,
    /// Rows that were counted, by condition.
    pub(crate) counted: BTreeMap<String, u64>,
    /// Findings that only a look at the rows could make.
    findings: Vec<Finding>,
    /// What its measurements suspected, and a look at every single cell did not bear out.
    #[serde(default)]
    refuted: Vec<Finding>,
    keys: Vec<Key>,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    turned: BTreeSet<String>,
}

impl TakenOver {
    /// What a later assessment takes over from this one.
    pub fn of(assessment: &Assessment) -> Self {
        let nothing = Evidence::default();
        let measured = find_issues(&Examination::new(&assessment.facts, &assessment.about, assessment.at, &nothing));
        let is_measured = |finding: &Finding| measured.iter().any(|other| is_same(finding, other));
        let is_exact = |finding: &Finding| !finding.is_estimate && (is_measured(finding) || is_counted(assessment, finding));
        let counted = assessment.findings.iter().filter(|finding| is_exact(finding));
        let findings = assessment.findings.iter().filter(|finding| !is_measured(finding));
        let counted = counted.filter_map(|finding| Some((finding.condition.clone()?, finding.issue.rows)));
        let day = assessment.about.as_of.unwrap_or(assessment.at);
        Self {
            id: assessment.id.clone(),
            at: assessment.at,
            facts: assessment.facts.clone(),
            counted: counted.chain(no_header_lines(assessment)).collect(),
            findings: findings.map(|finding| as_of(day, finding)).collect(),
            refuted: measured.iter().filter(|finding| is_refuted_by(assessment, finding)).cloned().collect(),
            keys: assessment.relations.keys.clone(),
            dependencies: assessment.relations.dependencies.clone(),
            turned: assessment.relations.turned.clone(),
        }
    }

    /// The condition of the header lines that were told; `None` where none were.
    pub(crate) fn header_lines(&self) -> Option<&str> {
        self.findings.iter().find(|finding| finding.issue.code == HEADER_LINES)?.condition.as_deref()
    }

    /// The conditions of its findings that are to be counted among new rows, each with the column whose values are shown.
    pub(crate) fn to_count(&self) -> impl Iterator<Item = (String, Option<String>)> {
        self.findings.iter().filter_map(|finding| Some((self.condition_of(finding)?.to_owned(), finding.issue.column.clone())))
    }

    /// The condition by which the finding is counted on among new rows; `None` where none tells what is wrong in them.
    fn condition_of<'a>(&self, finding: &'a Finding) -> Option<&'a str> {
        let condition = finding.condition.as_deref().filter(|condition| self.counted.contains_key(*condition))?;
        let code = finding.issue.code.as_str();
        (BY_VALUES.contains(&code) || BY_COLUMNS.contains(&code)).then_some(condition)
    }

    /// What is said about relations between columns once all rows are measured: keys that these refute are none, and nothing depends on them
    /// any more.
    pub(crate) fn relations(&self, all: &TableFacts) -> Relations {
        let rows = all.rows;
        let repeats = |columns: &[String]| {
            let [name] = columns else { return false };
            all.columns.iter().any(|column| column.name == *name && column.distinct_is_exact && column.distinct < present(column))
        };
        let (mut keys, mut dependencies) = (self.keys.clone(), self.dependencies.clone());
        let refuted: Vec<Key> = keys.extract_if(.., |key| repeats(&key.columns)).collect();
        dependencies.retain(|dependency| !refuted.iter().any(|key| key.columns == dependency.determinant));
        let new = rows.saturating_sub(self.facts.rows);
        let bound = format!(
            "only {} were read: the measures of the columns are of all {}; keys, dependencies and what stands `as of` an earlier day are \
             taken over from assessment {}, which read the {} before them; the new ones were not searched for other suspicious cells",
            plural(new, "new row"),
            plural(rows, "row"),
            self.id,
            count(self.facts.rows)
        );
        Relations { keys, dependencies, turned: self.turned.clone(), bounds: vec![bound], ..Relations::default() }
    }
}

/// Findings about values that are wrong in whatever row they stand: new rows that hold them are among theirs.
const BY_VALUES: &[&str] = &[
    "disguised_missing",
    "invalid_codes",
    "misspelling",
    "case_variant",
    "blank_variant",
    "encoding_error",
    "format_outlier",
    "type_outlier",
];

/// Findings about what does not go together, in whatever row it stands.
const BY_COLUMNS: &[&str] = &["order_violation", "formula_violation", "unexpected_value"];

/// The code of the finding about header lines.
const HEADER_LINES: &str = "repeated_header";

/// That no header line was found in all rows, as a count: those that come later are counted on top of it.
fn no_header_lines(assessment: &Assessment) -> Option<(String, u64)> {
    let looked_at = assessment.relations.rows;
    let saw_all = assessment.facts.scanned_all_rows && (looked_at == 0 || looked_at >= assessment.facts.rows);
    let has_none = assessment.findings.iter().all(|finding| finding.issue.code != HEADER_LINES);
    by_names(&assessment.facts).filter(|_| saw_all && has_none).map(|condition| (condition, 0))
}

/// The findings that are taken over, but for those that `known` tells anew and those about columns that are gone.
pub(crate) fn findings(examination: &Examination, known: &[Finding]) -> Vec<Finding> {
    let Some(taken_over) = &examination.evidence.taken_over else { return Vec::new() };
    let before = examination.of_facts(&taken_over.facts);
    let fresh = taken_over.findings.iter().filter(|finding| !known.iter().any(|other| is_same(finding, other)));
    fresh.map(|finding| counted_on(taken_over, finding, &before, examination).unwrap_or_else(|| finding.clone())).collect()
}

/// The finding about all rows, where the new ones were counted; `None` where they were not.
fn counted_on(taken_over: &TakenOver, finding: &Finding, before: &Examination, now: &Examination) -> Option<Finding> {
    let rows = *now.evidence.counted.get(taken_over.condition_of(finding)?)?;
    let (day, told) = finding.issue.description.strip_prefix(AS_OF)?.split_once(": ")?;
    let says = told.strip_prefix(&before.of_rows(finding.issue.rows))?;
    let is_by_values = BY_VALUES.contains(&finding.issue.code.as_str()) && !says.contains(COUNTED_BY);
    let by = if is_by_values { format!("{COUNTED_BY}{day}") } else { String::new() };
    let mut counted = finding.clone().says(format!("{}{says}{by}", now.of_rows(rows)));
    counted.affected *= rows as f64 / finding.issue.rows.max(1) as f64;
    (counted.issue.rows, counted.issue.share) = (rows, 0.0);
    Some(counted)
}

/// Whether the measurements of all rows suspect no more than those before did, which a look at every single cell did not bear out: a full assessment
/// would not tell it either. What is suspected of a value for the first time is told, and so is what is too much to be shown in full.
pub(crate) fn is_refuted(examination: &Examination, finding: &Finding) -> bool {
    let tells_no_more = |other: &Finding| {
        let (own, known) = (&finding.issue.examples, &other.issue.examples);
        (1..SHOWN).contains(&own.len()) && own.iter().all(|example| known.contains(example))
    };
    let taken_over = examination.evidence.taken_over.as_ref();
    taken_over.is_some_and(|taken_over| taken_over.refuted.iter().any(|other| is_same(finding, other) && tells_no_more(other)))
}

/// Whether a finding from measurements alone is none of an assessment, which saw better.
fn is_refuted_by(assessment: &Assessment, finding: &Finding) -> bool {
    SUPERSEDED.contains(&finding.issue.code.as_str()) && !assessment.findings.iter().any(|other| is_same(finding, other))
}

/// Examples that a finding shows at most.
const SHOWN: usize = 5;

fn is_same(one: &Finding, other: &Finding) -> bool {
    one.issue.code == other.issue.code && one.issue.columns == other.issue.columns
}

/// The finding with the day of which it tells.
fn as_of(at: Timestamp, finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    // Rows have other numbers beside those of new files.
    finding.issue.example_rows.clear();
    if !finding.issue.description.starts_with(AS_OF) {
        finding.issue.description = format!("{AS_OF}{}: {}", at.format("%Y-%m-%d"), finding.issue.description);
    }
    finding
}

/// Whether the rows of a finding about cells or patterns are all that meet its condition: they are of today, no key names them, and no
/// others hold the same.
fn is_counted(assessment: &Assessment, finding: &Finding) -> bool {
    let (issue, accused) = (&finding.issue, &assessment.relations.accused);
    let is_of_some = |column: &String| accused.are_untold(column, &issue.code);
    !issue.description.starts_with(AS_OF) && !issue.column.as_ref().is_some_and(is_of_some)
}

/// How the description of a finding ends whose new rows were found by what it told before.
const COUNTED_BY: &str = "; new rows are counted by the values of ";

/// How a description begins that is not of today.
const AS_OF: &str = "as of ";

#[cfg(test)]
mod tests {
    use hw_base::Dimension;

    use super::*;
    use crate::About;
    use crate::fixture::{facts, now};

    #[test]
    fn codes_that_are_none_are_counted_on_as_of_the_day_that_was_asked_for() {
        let mut about = About::new("accounts", "accounts.csv");
        about.as_of = "2026-01-31T00:00:00Z".parse().ok();
        let facts = facts("rows 100\n iban text; distinct 90; top A1*2");
        let mut assessment = Assessment::judge(facts, about, now(), "a-1".into(), Evidence::default());
        let wrong = Finding::new("invalid_codes", Dimension::Validity, 2).column("iban").rows_where("iban in ('A1')").says("2 of 100 rows");
        assessment.findings = vec![wrong];
        let taken_over = TakenOver::of(&assessment);
        assert_eq!(taken_over.findings[0].issue.description, "as of 2026-01-31: 2 of 100 rows");
        assert_eq!(taken_over.to_count().collect::<Vec<_>>(), [("iban in ('A1')".to_owned(), Some("iban".to_owned()))]);
    }
}
