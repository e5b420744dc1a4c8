//! Files as datasets: measured as they are, and once more where words stand for missing values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hw_assess::{Assessment, columns_of_values, has_marks, missing_marks};
use hw_base::{CodeMemory, CodedTable, DatasetName, Delivered, Delivery, Engine, Reader, Result, Settings, Sources, identifier, literal};
use hw_connect::{Discovered, ProjectSources, Secrets};
use hw_engine::LocalEngine;
use hw_pipeline::EngineSettings;
use serde_json::json;

use super::Found;
use super::measured::{Measured, WELL_FORMED, assessed, measured, memory_for_codes};
use super::names::Names;
use crate::commands::assess::{self, OpenedData};
use crate::house;
use crate::terminal::Terminal;

/// Files that were measured as they are.
struct Look<'a> {
    one: &'a Discovered,
    name: String,
    opened: OpenedData,
    assessment: Assessment,
    table: CodedTable,
    memory: CodeMemory,
}

/// Measures the files, names them, and finds the rules that they keep to. Files of one kind are one source, but where a word for a
/// missing value in some is a value in others: a source tells its words for all of its files.
pub(super) async fn found(discovered: &[Discovered], names: &mut Names, terminal: &Terminal) -> Result<Vec<Found>> {
    let mut looks = Vec::new();
    for one in discovered {
        let is_twin = discovered.iter().filter(|other| other.name == one.name).count() > 1;
        let name = names.free(&if is_twin && !one.folder.is_empty() { format!("{}_{}", one.folder, one.name) } else { one.name.clone() });
        looks.push(Look::at(one, name, memory_for_codes(discovered.len()), terminal).await?);
    }
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for look in &looks {
        all.entry(look.one.kind).or_default().extend(look.marks());
    }
    let (mut found, mut sources) = (Vec::new(), SourcesOfFiles::default());
    for look in looks {
        let marks = look.fitting(&all[look.one.kind]).await?;
        let source = sources.of(look.one.kind, &marks, &all[look.one.kind]);
        let dataset = DatasetName::new(source, &look.name);
        found.push(Box::pin(look.found(dataset, &marks, terminal)).await?);
    }
    Ok(found)
}

/// The names of sources by the words that they take for missing values.
#[derive(Default)]
struct SourcesOfFiles(Vec<(String, Vec<String>)>);

impl SourcesOfFiles {
    /// The source of files of one kind with these of `all` the words; those with all of them are the first.
    fn of(&mut self, kind: &str, marks: &[String], all: &BTreeSet<String>) -> String {
        let first = format!("{kind}_files");
        if marks.len() == all.len() {
            return first;
        }
        let others = self.0.iter().filter(|(name, _)| name.starts_with(&first));
        let name = format!("{first}_{}", others.clone().count() + 2);
        let known = others.clone().find(|(_, known)| known == marks).map(|(name, _)| name.clone());
        known.unwrap_or_else(|| {
            self.0.push((name.clone(), marks.to_vec()));
            name
        })
    }
}

impl<'a> Look<'a> {
    async fn at(one: &'a Discovered, name: String, memory: CodeMemory, terminal: &Terminal) -> Result<Self> {
        terminal.busy(format!("measuring {}", one.path));
        let mut opened = assess::open(&one.path, &EngineSettings::default(), terminal).await?;
        opened.about.name.clone_from(&name);
        let (assessment, table) = assessed(opened.engine(), &opened.reader, &opened.about, memory).await?;
        Ok(Self { one, name, opened, assessment, table, memory })
    }

    /// The words that keep its columns text, where its reader can be told of them.
    fn marks(&self) -> BTreeSet<String> {
        let can_be_told = hw_connect::connector(self.one.kind).is_ok_and(hw_connect::Connector::names_missing);
        if can_be_told { missing_marks(&self.assessment.facts) } else { BTreeSet::new() }
    }

    /// Those of the words that are values in none of its columns.
    async fn fitting(&self, marks: &BTreeSet<String>) -> Result<Vec<String>> {
        let mut fitting = Vec::new();
        for mark in marks {
            if !self.has_as_value(mark).await? {
                fitting.push(mark.clone());
            }
        }
        Ok(fitting)
    }

    async fn has_as_value(&self, mark: &str) -> Result<bool> {
        let columns = columns_of_values(&self.assessment.facts, mark);
        if columns.is_empty() {
            return Ok(false);
        }
        let holds: Vec<String> = columns.iter().map(|column| format!("{} = {}", identifier(column), literal(mark))).collect();
        let sql = format!("select 1 from all_records where {} limit 1", holds.join(" or "));
        let reader = Reader { sql, inputs: self.opened.reader.inputs.clone(), file: None };
        Ok(!self.opened.engine().query(&reader, 1).await?.rows.is_empty())
    }

    async fn found(self, dataset: DatasetName, marks: &[String], terminal: &Terminal) -> Result<Found> {
        let (uneven, is_open) = (self.opened.uneven.clone(), self.one.is_open);
        Ok(Found { is_open, uneven, ..self.found_whole(dataset, marks, terminal).await? })
    }

    async fn found_whole(self, dataset: DatasetName, marks: &[String], terminal: &Terminal) -> Result<Found> {
        let one = self.one;
        if has_marks(&self.assessment.facts, marks) {
            terminal.busy(format!("measuring {} without {}", one.path, marks.join(", ")));
            let engine = house::temporary_engine(&EngineSettings::default())?;
            let delivered = opened_without(marks, one, &dataset, &engine, terminal).await?;
            let measured = measured(&engine, &delivered, &self.opened.about, self.memory).await?;
            let found = measured.found(dataset, one.kind, &one.path, terminal).await?;
            return Ok(Found { null: marks.to_vec(), ..found });
        }
        let (from, inputs) = (if self.opened.has_malformed { WELL_FORMED } else { "all_records" }, self.opened.reader.inputs.clone());
        let measured = Measured { engine: self.opened.engine(), inputs, from, assessment: self.assessment, table: self.table };
        measured.found(dataset, one.kind, &one.path, terminal).await
    }
}

/// Opens files that are told which words stand for missing values.
async fn opened_without(
    marks: &[String],
    one: &Discovered,
    dataset: &DatasetName,
    engine: &LocalEngine,
    terminal: &Terminal,
) -> Result<Delivered> {
    let settings = Settings::from_json(&json!({ one.kind: { "path": { &dataset.dataset: &one.path }, "null": marks } }));
    let plain: Secrets = Arc::new(|text| Ok(text.to_owned()));
    let sources = ProjectSources::new(&terminal.root, &[(dataset.source.clone(), settings)], engine.live().clone(), &plain)?;
    sources.open(dataset, &Delivery::default()).await
}
