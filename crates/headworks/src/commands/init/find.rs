//! The datasets behind the arguments, each measured, named and with rules that hold.

use std::collections::BTreeSet;

use hw_assess::{About, Assessment, Evidence, reference_rules};
use hw_base::{
    ByteSize, Clock, CodeMemory, CodedTable, Column, DatasetName, Delivered, Delivery, Engine, Error, Input, Reader, Result, Settings,
    Sources, TableFacts, identifier, snake_case, unknown,
};
use hw_connect::{ProjectSources, TableListing};
use hw_engine::LocalEngine;
use hw_pipeline::{EngineSettings, raw_column_names};
use hw_validate::{Gate, Judging, Population, Proposal, read_rules};
use serde_json::{Value as Json, json};

use super::{Arguments, Found, files};
use crate::house;
use crate::machine::SystemClock;
use crate::report::{self, in_shell};
use crate::terminal::{Format, Terminal};

/// The most rules of a dataset: more than a person reads, and a run has to judge them all.
const MOST_RULES: usize = 500;
/// The source of the tables of a database.
const DATABASE: &str = "database";
/// Where the rows of a dataset are, without the malformed records.
pub(super) const WELL_FORMED: &str = "all_records where _malformed is null";
/// Names that the warehouse needs for itself, and those that SQL takes for something else behind `from`.
const TAKEN: [&str; 8] = ["raw", "quarantine", "preview", "deleted", "reviewed", "table", "lateral", "unnest"];

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

/// What was not taken into the project, each with the reason; it is told as soon as it is known.
pub(super) struct LeftOut<'a> {
    terminal: &'a Terminal,
    pub(super) names: Vec<(String, String)>,
}

impl<'a> LeftOut<'a> {
    pub(super) fn nothing(terminal: &'a Terminal) -> Self {
        Self { terminal, names: Vec::new() }
    }

    fn note(&mut self, name: &str, reason: impl Into<String>) {
        let reason = reason.into();
        self.terminal.say(format!("left out: {name}: {reason}"));
        self.names.push((name.to_owned(), reason));
    }
}

/// Finds and measures the datasets behind the arguments.
pub(super) async fn datasets(arguments: &Arguments, left_out: &mut LeftOut<'_>, terminal: &Terminal) -> Result<Vec<Found>> {
    let (urls, paths): (Vec<String>, Vec<String>) = arguments.data.iter().cloned().partition(|data| data.contains("://"));
    let discovered = hw_connect::discover(&terminal.root, &paths).await?;
    for (path, error) in &discovered.left_out {
        left_out.note(path, in_one_line(error));
    }
    let mut names = Names(TAKEN.map(str::to_owned).into());
    let mut found = Box::pin(files::found(&discovered.datasets, &mut names, terminal)).await?;
    match &urls[..] {
        [] => {}
        [url] => found.extend(Database::open(url, arguments, left_out, terminal).await?.found(&mut names, left_out).await?),
        _ => return Err(Error::user("only one database can be given").code("HW201").help("make one project from each")),
    }
    match discovered.left_out.into_iter().next() {
        Some((_, error)) if found.is_empty() => Err(error),
        _ => {
            relate(&mut found);
            Ok(found)
        }
    }
}

/// Finds the references between the datasets, as rules of those that refer.
fn relate(found: &mut [Found]) {
    let tables: Vec<(&CodedTable, &TableFacts)> = found.iter().map(|one| (&one.table, &one.facts)).collect();
    for (at, rule) in reference_rules(&tables) {
        found[at].references.push(rule);
    }
}

/// The memory for comparing one of so many datasets. All of them are kept until the last is measured; of a dataset that does not fit a few
/// rows are, and no reference is looked for in it.
pub(super) fn memory_for_codes(datasets: usize) -> CodeMemory {
    let whole = EngineSettings::default().memory.0 / 4 / datasets.max(1) as u64;
    CodeMemory { whole: ByteSize(whole), sample: ByteSize(1) }
}

/// What is wrong, and why.
fn in_one_line(error: &Error) -> String {
    std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).collect::<Vec<_>>().join(": ")
}

/// Names that are given out once.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn free(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
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
        let (place, is_open, null, uneven, references) = (place.to_owned(), false, Vec::new(), Vec::new(), Vec::new());
        Ok(Found { dataset, kind, place, is_open, null, columns, uneven, rules, proposed, facts, table, references })
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

/// The tables of a database.
struct Database<'a> {
    engine: LocalEngine,
    sources: ProjectSources,
    kind: &'static str,
    tables: Vec<TableListing>,
    shown: String,
    terminal: &'a Terminal,
}

impl<'a> Database<'a> {
    /// Lists the tables that the user may read and asked for.
    async fn open(url: &str, arguments: &Arguments, left_out: &mut LeftOut<'_>, terminal: &'a Terminal) -> Result<Self> {
        let address = hw_connect::Address::read(&terminal.root, url);
        if let Some(part) = address.part {
            let (schema, table) = part
                .rsplit_once('.')
                .map_or((String::new(), part.as_str()), |(schema, table)| (format!(" --schema {}", in_shell(schema)), table));
            return Err(Error::user(format!("`init` takes a database, and `#{part}` names a table of it")).code("HW107").help(format!(
                "write `headworks init {}{schema} --tables {}`",
                hw_config::redact_url(&address.place),
                in_shell(table)
            )));
        }
        let connector = hw_connect::connector_of_url(url)?;
        let schema = arguments.schema.as_deref();
        terminal.busy("listing the tables");
        let tables = chosen(connector.tables(url, schema).await?, arguments, left_out)?;
        let engine = house::temporary_engine(&EngineSettings::default())?;
        let names: serde_json::Map<String, Json> =
            tables.iter().enumerate().map(|(at, table)| (at.to_string(), table.name.clone().into())).collect();
        let settings = Settings::from_json(&json!({ connector.kind(): connector.settings_of(url, schema, names) }));
        let plain: hw_connect::Secrets = std::sync::Arc::new(|text| Ok(text.to_owned()));
        let sources = ProjectSources::new(&terminal.root, &[(DATABASE.to_owned(), settings)], engine.live().clone(), &plain)?;
        Ok(Self { engine, sources, kind: connector.kind(), tables, shown: hw_config::redact_url(url), terminal })
    }

    /// Measures the tables. One that cannot be read is left out, and said so.
    async fn found(&self, names: &mut Names, left_out: &mut LeftOut<'_>) -> Result<Vec<Found>> {
        let (mut found, mut failed) = (Vec::new(), None);
        let mut chosen: Vec<String> = vec![String::new(); self.tables.len()];
        // A table whose name is plain keeps it; others make room.
        let (plain, odd): (Vec<usize>, Vec<usize>) =
            (0..self.tables.len()).partition(|at| snake_case(&self.tables[*at].name) == self.tables[*at].name);
        for at in plain.into_iter().chain(odd) {
            chosen[at] = names.free(&snake_case(&self.tables[at].name));
        }
        for ((at, table), name) in self.tables.iter().enumerate().zip(chosen) {
            self.terminal.busy(format!("measuring {}", table.name));
            match self.table(at, table, &name).await {
                Ok(one) => found.push(one),
                Err(error) => {
                    left_out.note(&table.name, in_one_line(&error));
                    failed = Some(error);
                }
            }
        }
        failed.filter(|_| found.is_empty()).map_or(Ok(found), Err)
    }

    async fn table(&self, at: usize, table: &TableListing, name: &str) -> Result<Found> {
        let delivered = self.sources.open(&DatasetName::new(DATABASE, at.to_string()), &Delivery::default()).await?;
        let about = About::new(name, self.shown.clone());
        let measured = measured(&self.engine, &delivered, &about, memory_for_codes(self.tables.len())).await?;
        measured.found(DatasetName::new(DATABASE, name), self.kind, &table.name, self.terminal).await
    }
}

/// The tables that the arguments ask for. One without columns has nothing to copy.
fn chosen(listings: Vec<TableListing>, arguments: &Arguments, left_out: &mut LeftOut<'_>) -> Result<Vec<TableListing>> {
    let known = || listings.iter().map(|listing| listing.name.as_str());
    let asked = arguments.tables.iter().chain(&arguments.exclude);
    let errors = asked.filter(|name| !known().any(|known| known == *name)).map(|name| unknown("table", name, known()).code("HW201"));
    if let Some(error) = Error::all(errors.collect()) {
        return Err(error);
    }
    let is_chosen = |table: &TableListing| {
        (arguments.tables.is_empty() || arguments.tables.contains(&table.name)) && !arguments.exclude.contains(&table.name)
    };
    let (open, closed): (Vec<_>, Vec<_>) = listings.into_iter().filter(is_chosen).partition(|table| table.is_readable);
    let (tables, bare): (Vec<_>, Vec<_>) = open.into_iter().partition(|table| !table.columns.is_empty());
    for table in closed {
        left_out.note(&table.name, "this user may not read it; let it with `grant select`");
    }
    for table in bare {
        left_out.note(&table.name, "the table has no columns");
    }
    if tables.is_empty() {
        let place = arguments.schema.as_ref().map_or_else(|| "the database".to_owned(), |schema| format!("schema `{schema}`"));
        return Err(Error::user(format!("{place} has no tables with columns that this user may read and that were asked for"))
            .code("HW201")
            .help("name another schema with `--schema`, or let the user read them"));
    }
    Ok(tables)
}
