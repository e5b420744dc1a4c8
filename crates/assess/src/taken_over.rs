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
        let counted = assessment.findings.iter().filter(|finding| !finding.is_estimate);
        let findings = assessment.findings.iter().filter(|finding| !measured.iter().any(|other| is_same(finding, other)));
        let counted = counted.filter_map(|finding| Some((finding.condition.clone()?, finding.issue.rows)));
        Self {
            id: assessment.id.clone(),
            at: assessment.at,
            facts: assessment.facts.clone(),
            counted: counted.chain(no_header_lines(assessment)).collect(),
            findings: findings.map(|finding| as_of(assessment.at, finding)).collect(),
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
             taken over from assessment {}, which read the {} before them",
            plural(new, "new row"),
            plural(rows, "row"),
            self.id,
            count(self.facts.rows)
        );
        Relations { keys, dependencies, turned: self.turned.clone(), bounds: vec![bound], ..Relations::default() }
    }
}

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
    let fresh = taken_over.findings.iter().filter(|finding| !known.iter().any(|other| is_same(finding, other)));
    fresh.cloned().collect()
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

/// The finding with the day on which it was made.
fn as_of(at: Timestamp, finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    if !finding.issue.description.starts_with(AS_OF) {
        finding.issue.description = format!("{AS_OF}{}: {}", at.format("%Y-%m-%d"), finding.issue.description);
    }
    finding
}

/// How a description begins that is not of today.
const AS_OF: &str = "as of ";
