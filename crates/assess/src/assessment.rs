//! The value that the stage hands on.

use hw_base::{Beginning, ColumnFacts, Dimension, Issue, RuleResult, TableFacts, Timestamp};
use hw_validate::{Proposal, propose};

use crate::checks::{find_issues, freshness};
use crate::examination::{error_of, points};
use crate::held::Stronger;
use crate::{
    About, Action, Drift, Evidence, Examination, Finding, Freshness, HeldRules, Key, Meaning, MissingMap, Relations, Scores, Trial, Volume,
    meaning, recommend, words,
};

/// What is known about a dataset: its measurements, its issues, its scores and what to do.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Names this assessment.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What was assessed.
    pub about: About,
    /// The measurements.
    pub facts: TableFacts,
    /// What each column means, in their order.
    pub meanings: Vec<Meaning>,
    /// What is wrong, with what each issue takes from a score; what matters most comes first.
    pub findings: Vec<Finding>,
    /// The scores.
    pub scores: Scores,
    /// What the columns say about each other. Where nobody looked, the columns that are a key by themselves.
    pub relations: Relations,
    /// Where values are missing; `None` where nobody looked or nothing is missing.
    pub missing: Option<MissingMap>,
    /// How many rows come per day or hour; `None` where nobody looked or no column tells.
    pub volume: Option<Volume>,
    /// How the rules came out that people declared.
    pub declared: Vec<RuleResult>,
    /// What changed since an earlier assessment; `None` where nothing was compared.
    pub drift: Option<Drift>,
    /// How old the data is; `None` where no column tells.
    pub freshness: Option<Freshness>,
    /// Rules that the data suggests; where rows were held back, those that held on them.
    pub proposals: Vec<Proposal>,
    /// What became of the proposed rules on rows held back; `None` where none were.
    pub held: Option<HeldRules>,
    /// What to do, what pays most first.
    pub actions: Vec<Action>,
}

impl Assessment {
    /// Judges measurements in the light of `evidence`; asks nobody.
    pub fn judge(facts: TableFacts, about: About, at: Timestamp, id: String, evidence: Evidence) -> Self {
        let examination = Examination::new(&facts, &about, at, &evidence);
        let findings = find_issues(&examination);
        let scores = Scores::from(&examination, &findings);
        let actions = recommend(&examination, &findings, &scores);
        let freshness = freshness(&examination);
        let meanings = examination.meanings;
        let Evidence { relations, missing, volume, declared, held, drift, taken_over, .. } = evidence;
        let relations = relations.or_else(|| taken_over.map(|taken_over| taken_over.relations(&facts)));
        let relations = relations.unwrap_or_else(|| Relations { keys: keys(&facts), ..Relations::default() });
        let proposals = held.as_ref().map_or_else(|| untried(&facts, &relations), HeldRules::proposals);
        Self {
            id,
            at,
            about,
            facts,
            meanings,
            findings,
            scores,
            relations,
            missing,
            volume,
            declared,
            drift,
            freshness,
            proposals,
            held,
            actions,
        }
    }

    /// Compares with an earlier assessment or a contract, and adds the changes to what is known.
    #[must_use]
    pub fn compared(mut self, drift: Drift) -> Self {
        self.drift = Some(drift);
        self
    }

    /// How each proposed rule came out on the rows held back, in their order; `None` where it was not tried.
    pub fn trials(&self) -> Vec<Option<&Trial>> {
        match &self.held {
            // Rules on other datasets stand behind those that were tried.
            Some(held) => {
                held.kept.iter().map(|rule| Some(&rule.trial)).chain(std::iter::repeat(None)).take(self.proposals.len()).collect()
            }
            None => vec![None; self.proposals.len()],
        }
    }

    /// The files of the report, by their paths within its folder: JSON, Markdown and HTML; the rules are [`crate::rules_files`].
    pub fn files(&self) -> Vec<(String, String)> {
        let json = format!("{:#}\n", self.to_json());
        vec![("assessment.json".into(), json), ("assessment.md".into(), self.to_markdown()), ("assessment.html".into(), self.to_html())]
    }

    /// The issues, what matters most first.
    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.findings.iter().map(|finding| &finding.issue)
    }

    /// The issues of one dimension.
    pub(crate) fn issues_of(&self, dimension: Dimension) -> impl Iterator<Item = &Issue> {
        self.issues().filter(move |issue| issue.dimension == dimension)
    }

    /// How far any share of a sample is from that of all rows at most, 19 times out of 20, 0 to 1; `None` where all rows were
    /// measured. Distinct counts and extremes of a sample are those of the sample.
    pub fn error_bound(&self) -> Option<f64> {
        (!self.facts.scanned_all_rows).then(|| error_of(0.5, self.facts.rows))
    }

    /// The same in words; empty where all rows were measured.
    pub fn error_in_words(&self) -> String {
        self.error_bound().map_or_else(String::new, |bound| {
            let within = format!("within {} percentage points of that of all rows, 19 times out of 20", points(bound));
            match self.facts.beginning {
                None => format!("Of a sample every share is {within}; of rows that repeat others it shows fewer than all rows have."),
                Some(_) => format!(
                    "Only the first rows were read, as far as the budget went: every share is {within}, where the order of the rows has \
                     nothing to do with what they hold."
                ),
            }
        })
    }

    /// Which rows every number is about: `all 1,000 rows`.
    pub fn population(&self) -> String {
        let rows = hw_base::plural(self.facts.rows, "row");
        match self.facts.beginning {
            _ if self.facts.scanned_all_rows => format!("all {rows}"),
            None => format!("a sample of {rows}"),
            Some(Beginning { of_about: None }) => format!("the first {rows}"),
            Some(Beginning { of_about: Some(all) }) => format!("the first {rows} of about {}", hw_base::count(all.max(self.facts.rows))),
        }
    }
}

/// The rules that all rows suggest.
fn untried(facts: &TableFacts, relations: &Relations) -> Vec<Proposal> {
    let patterns = relations.rules().filter_map(|rule| rule.proposal(facts, rule.broken(relations.rows)));
    let rules: Vec<Proposal> = propose(facts).into_iter().chain(patterns).collect();
    let stronger = Stronger::of(rules.iter());
    rules.iter().filter(|rule| !stronger.has_contrapositive_of(rule)).cloned().collect()
}

/// The single columns that are proven to identify a row.
fn keys(facts: &TableFacts) -> Vec<Key> {
    let unique = facts.columns.iter().filter(|column| facts.scanned_all_rows && is_unique(column));
    let mut keys: Vec<Key> =
        unique.map(|column| Key { columns: vec![column.name.clone()], minimal: true, score: key_score(column, facts) }).collect();
    keys.sort_by(|a, b| b.score.total_cmp(&a.score));
    keys
}

fn is_unique(column: &ColumnFacts) -> bool {
    column.rows > 0 && column.nulls == 0 && column.distinct_is_exact && column.distinct == column.rows
}

/// A name that says key counts most, then the role of the column.
fn key_score(column: &ColumnFacts, facts: &TableFacts) -> f64 {
    match meaning(column, facts).semantic_type {
        _ if words::is_identifier(&column.name) => 1.0,
        "identifier" | "uuid" => 0.9,
        "email" | "code" => 0.7,
        "measure" | "free_text" | "date" | "timestamp" => 0.2,
        _ => 0.4,
    }
}
