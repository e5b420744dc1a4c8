//! `--resume`: an assessment of several datasets that a budget cut short goes on with those that were not read to their end.

use std::collections::BTreeSet;
use std::path::Path;

use hw_assess::{Relationship, Source, SourceDataset};
use hw_base::{Error, Result};
use serde_json::Value as Json;

use super::Subject;
use crate::terminal::Terminal;

/// The datasets that an earlier run assessed wholly, and what it found between them.
#[derive(Default)]
pub(super) struct Kept {
    datasets: Vec<KeptDataset>,
    relationships: Vec<Relationship>,
}

struct KeptDataset {
    /// How the command line names it.
    source: String,
    at: String,
    line: SourceDataset,
}

impl Kept {
    /// Those of `subjects` whose report in `out` is whole.
    pub(super) fn of(subjects: &[Subject], out: Option<&Path>) -> Result<Self> {
        let wanted: BTreeSet<String> = subjects.iter().map(ToString::to_string).collect();
        let out = out.unwrap_or(Path::new("."));
        let folders = std::fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path());
        let whole = folders.filter_map(|folder| KeptDataset::of(&read(&folder.join("assessment.json"))?));
        let mut datasets: Vec<KeptDataset> = whole.filter(|dataset| wanted.contains(&dataset.source)).collect();
        datasets.sort_by(|a, b| a.line.name.cmp(&b.line.name));
        if datasets.len() == subjects.len() {
            return Err(Error::user(format!("nothing is left to assess: `{}` holds whole reports of all of it", out.display()))
                .code("HW107")
                .help("leave out `--resume` to assess it anew"));
        }
        let source = read(&out.join("source.json")).unwrap_or_default();
        let mut kept = Self { datasets, relationships: serde_json::from_value(source["relationships"].clone()).unwrap_or_default() };
        let names = kept.names();
        kept.relationships.retain(|one| names.contains(&one.dataset) && names.contains(&one.references));
        Ok(kept)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.datasets.len()
    }

    /// Their names.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.datasets.iter().map(|dataset| dataset.line.name.clone()).collect()
    }

    /// Their names and scores.
    pub(super) fn scores(&self) -> impl Iterator<Item = (&str, f64)> {
        self.datasets.iter().map(|dataset| (dataset.line.name.as_str(), dataset.line.overall_score))
    }

    /// The subjects that are left, and says which are not read again.
    pub(super) fn left(&self, subjects: Vec<Subject>, terminal: &Terminal) -> Vec<Subject> {
        for dataset in &self.datasets {
            terminal.say(format!("kept: {}, assessed {}: {} of 100", dataset.line.name, dataset.at, dataset.line.overall_score));
        }
        let is_kept = |subject: &Subject| self.datasets.iter().any(|dataset| dataset.source == subject.to_string());
        subjects.into_iter().filter(|subject| !is_kept(subject)).collect()
    }

    /// The source with the datasets that were kept.
    pub(super) fn joined(&self, mut source: Source) -> Source {
        if self.datasets.is_empty() {
            return source;
        }
        let names: Vec<String> = self.datasets.iter().map(|dataset| format!("`{}`", dataset.line.name)).collect();
        source.bounds.push(format!(
            "references between datasets of this run and {} were not looked for: those were assessed before",
            names.join(", ")
        ));
        source.name = Source::name_of(self.datasets.iter().map(|dataset| dataset.source.as_str()).chain([source.name.as_str()]));
        source.datasets.extend(self.datasets.iter().map(|dataset| dataset.line.clone()));
        source.relationships.extend(self.relationships.iter().cloned());
        source
    }
}

/// What a report holds; nothing where it is damaged: then its dataset is assessed again.
fn read(report: &Path) -> Option<Json> {
    serde_json::from_slice(&std::fs::read(report).ok()?).ok()
}

impl KeptDataset {
    /// What a report says; `None` where it is not that of a dataset that was read and judged to the end.
    fn of(report: &Json) -> Option<Self> {
        let told = &report["dataset"];
        let was_cut = report["bounds"].as_array()?.iter().filter_map(Json::as_str).any(|bound| bound.starts_with(super::budget::CUT));
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let count = |value: &Json| value.as_u64();
        let line = SourceDataset {
            name: text(&told["name"])?,
            rows: count(&told["row_count"])?,
            columns: usize::try_from(count(&told["column_count"])?).ok()?,
            overall_score: report["overall_score"].as_f64()?,
            issues: report["issues"].as_array()?.len(),
            key: serde_json::from_value(report["keys"][0]["columns"].clone()).unwrap_or_default(),
        };
        (!was_cut).then_some(Self { source: text(&told["source"])?, at: text(&report["assessment_date"])?, line })
    }
}
