//! A dataset that was measured, and the rules that its rows keep to.

use std::collections::BTreeSet;

use hw_assess::{About, Assessment, Evidence};
use hw_base::{
    ByteSize, Clock, CodeMemory, CodedTable, Column, DatasetName, Delivered, Engine, Input, Reader, Result, Settings, identifier,
};
use hw_engine::LocalEngine;
use hw_pipeline::{EngineSettings, raw_column_names};
use hw_validate::{Gate, Judging, Population, Proposal, read_rules};
use serde_json::Value as Json;

use super::Found;
use crate::machine::SystemClock;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The most rules of a dataset: more than a person reads, and a run has to judge them all.
const MOST_RULES: usize = 500;
/// Where the rows of a dataset are, without the malformed records.
pub(super) const WELL_FORMED: &str = "all_records where _malformed is null";

/// Rows that were opened, and what was measured of them.
pub(super) struct Measured<'a> {
    pub(super) engine: &'a LocalEngine,
    /// What the names of its SQL stand for.
    pub(super) inputs: Vec<Input>,
    /// Where the rows are in it, without the malformed records.
    pub(super) from: &'static str,
    pub(super) assessment: Assessment,
    /// Its cells, for comparing it with others.
    pub(super) table: CodedTable,
}

impl Measured<'_> {
    /// Tells what was measured and keeps the rules that hold.
    pub(super) async fn found(mut self, dataset: DatasetName, kind: &'static str, place: &str, terminal: &Terminal) -> Result<Found> {
        if terminal.format == Format::Text {
            for line in report::assessment_lines(&self.assessment) {
                terminal.line(line);
            }
        }
        let (mut facts, mut table) = (self.assessment.facts.clone(), std::mem::take(&mut self.table));
        let own: Vec<Column> = facts
            .columns
            .iter()
            .map(|facts| Column { name: facts.name.clone(), kind: facts.kind, sql_type: facts.sql_type.clone() })
            .collect();
        let columns = raw_column_names(&own);
        for ((facts, coded), name) in facts.columns.iter_mut().zip(&mut table.columns).zip(&columns) {
            facts.name.clone_from(name);
            coded.name.clone_from(name);
        }
        table.name.clone_from(&dataset.dataset);
        let mut rules = hw_validate::propose(&facts);
        let proposed = rules.len();
        rules.sort_by_key(rank);
        rules.truncate(MOST_RULES);
        let rules = self.that_hold(rules, &own, &columns).await?;
        let (place, is_open, null, as_text, uneven) = (place.to_owned(), false, Vec::new(), Vec::new(), Vec::new());
        Ok(Found { dataset, kind, place, is_open, null, as_text, columns, uneven, rules, proposed, facts, table, references: Vec::new() })
    }

    /// The rules that the rows keep to when they are judged as a run will judge them.
    async fn that_hold(&self, proposals: Vec<Proposal>, own: &[Column], raw: &[String]) -> Result<Vec<Proposal>> {
        let rules = read_rules(&Settings::from_json(&Json::Array(proposals.iter().map(Proposal::rule).collect())))?;
        let columns: Vec<String> =
            own.iter().zip(raw).map(|(own, raw)| format!("{} as {}", identifier(&own.name), identifier(raw))).collect();
        let sql = format!("select {} from {}", columns.join(", "), self.from);
        let reader = Reader { sql, inputs: self.inputs.clone(), file: None };
        let mut gate = Gate::new(&rules, &self.engine.columns(&reader).await?);
        gate.try_sql(self.engine, &reader).await?;
        let watched = self.engine.watch(&reader, &gate.watch(&[], 0, false)).await?;
        let population = Population { batch_is_table: true, ..Population::default() };
        let judging =
            Judging { engine: self.engine, reader: &reader, population: &population, shown_as: "", examples: 0, now: SystemClock.now() };
        let verdict = gate.judge(&judging, &watched).await?;
        let broken: BTreeSet<&str> = verdict.broken().map(|result| result.id.as_str()).collect();
        Ok(proposals.into_iter().zip(&rules).filter(|(_, rule)| !broken.contains(rule.id.as_str())).map(|(proposal, _)| proposal).collect())
    }
}

/// Measures a dataset that was opened.
pub(super) async fn measured<'a>(
    engine: &'a LocalEngine,
    delivered: &Delivered,
    about: &About,
    memory: CodeMemory,
) -> Result<Measured<'a>> {
    let columns: Vec<String> = delivered.columns.iter().map(|column| identifier(&column.name)).collect();
    let live = Input::Live { name: "all_records".into(), relation: delivered.relation.clone() };
    let sql = format!("select {}, _malformed from all_records", columns.join(", "));
    let reader = Reader { sql, inputs: vec![live.clone()], file: None };
    let (assessment, table) = assessed(engine, &reader, about, memory).await?;
    Ok(Measured { engine, inputs: vec![live], from: WELL_FORMED, assessment, table })
}

/// Measures the columns, with their cells for comparing them with those of others, and judges them.
pub(super) async fn assessed(engine: &LocalEngine, reader: &Reader, about: &About, memory: CodeMemory) -> Result<(Assessment, CodedTable)> {
    let (facts, table) = engine.measure_and_code(reader, about.measuring(), memory).await?;
    let evidence = Evidence { facts: Some(facts), ..Evidence::default() };
    let run = format!("init-{}", about.name);
    Ok((hw_assess::assess_with(engine, reader, about, SystemClock.now(), run, evidence).await?, table))
}

/// The order in which rules are kept where there are too many: first those on the whole table, then those on keys and gaps.
fn rank(proposal: &Proposal) -> usize {
    match (proposal.columns.is_empty(), proposal.kind.as_str()) {
        (true, _) => 0,
        (_, "unique") => 1,
        (_, "not_null") => 3,
        _ => 2,
    }
}

/// The memory for comparing one of so many datasets. All of them are kept until the last is measured; of a dataset that does not fit a few
/// rows are, and no reference is looked for in it.
pub(super) fn memory_for_codes(datasets: usize) -> CodeMemory {
    let whole = EngineSettings::default().memory.0 / 4 / datasets.max(1) as u64;
    CodeMemory { whole: ByteSize(whole), sample: ByteSize(1) }
}
