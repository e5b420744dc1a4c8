//! The datasets of one source, and how they refer to each other.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{Alike, Assessment, Reconciliation, Relationship, alike_columns, page};

/// The datasets of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Where they come from. Never with credentials in it.
    pub name: String,
    /// One per dataset, in the order they were given.
    pub datasets: Vec<SourceDataset>,
    /// References between them, the best first.
    pub relationships: Vec<Relationship>,
    /// Columns that mean the same under other names.
    pub alike: Vec<Alike>,
    /// Datasets that hold the same things, with their rows and sums side by side.
    pub reconciliations: Vec<Reconciliation>,
    /// What was not searched and why, in sentences.
    pub bounds: Vec<String>,
}

/// A dataset in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceDataset {
    /// Its name, and the folder that holds its report.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its columns.
    pub columns: usize,
    /// Its overall score, 0 to 100.
    pub overall_score: f64,
    /// How many issues it has.
    pub issues: usize,
    /// The best of its keys; empty where it has none.
    pub key: Vec<String>,
}

impl Source {
    /// The source that `assessments` are about.
    pub fn new(name: impl Into<String>, assessments: &[Assessment], relationships: Vec<Relationship>, bounds: Vec<String>) -> Self {
        let (datasets, alike) = (assessments.iter().map(SourceDataset::of).collect(), alike_columns(assessments));
        Self { name: name.into(), datasets, relationships, alike, reconciliations: Vec::new(), bounds }
    }

    /// What it is called that datasets come from: each of `places` once, without the part of it that `#` names.
    pub fn name_of<'a>(places: impl Iterator<Item = &'a str>) -> String {
        let mut whole: Vec<&str> = Vec::new();
        for place in places.map(|place| place.split_once('#').map_or(place, |(whole, _)| whole)) {
            if !whole.contains(&place) {
                whole.push(place);
            }
        }
        whole.join(", ")
    }

    /// With datasets that hold the same things.
    #[must_use]
    pub fn reconciled(mut self, reconciliations: Vec<Reconciliation>) -> Self {
        self.reconciliations = reconciliations;
        self
    }

    /// The content of `source.json`.
    pub fn to_json(&self) -> Json {
        json!({
            "schema_version": "1.0",
            "source": self.name,
            "datasets": self.datasets,
            "relationships": self.relationships,
            "alike": self.alike,
            "reconciliations": self.reconciliations,
            "bounds": self.bounds,
        })
    }

    /// One self-contained page with the datasets, their scores and a diagram; it links to `NAME/assessment.html`.
    pub fn to_html(&self) -> String {
        page::source_page(self)
    }
}

impl SourceDataset {
    fn of(assessment: &Assessment) -> Self {
        Self {
            name: assessment.about.name.clone(),
            rows: assessment.facts.rows,
            columns: assessment.facts.columns.len(),
            overall_score: assessment.scores.overall,
            issues: assessment.findings.len(),
            key: assessment.relations.keys.first().map(|key| key.columns.clone()).unwrap_or_default(),
        }
    }
}
