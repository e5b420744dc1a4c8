//! The datasets behind the arguments: files, and the tables of a database.

use hw_assess::{About, reference_rules};
use hw_base::{CodedTable, DatasetName, Delivery, Error, Input, Result, Settings, Sources, TableFacts, snake_case, unknown};
use hw_connect::{ProjectSources, Snapshots, TableListing};
use hw_engine::LocalEngine;
use hw_pipeline::{EngineSettings, MALFORMED_TOLERANCE};
use serde_json::{Value as Json, json};

use super::measured::{Measured, measured, memory_for_codes};
use super::names::Names;
use super::{Arguments, Found, files};
use crate::house;
use crate::report::{self, in_shell};
use crate::terminal::Terminal;

/// The source of the tables of a database.
const DATABASE: &str = "database";

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
    let mut names = Names::new();
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

/// What is wrong, and why.
fn in_one_line(error: &Error) -> String {
    std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).collect::<Vec<_>>().join(": ")
}

/// The tables of a database.
struct Database<'a> {
    engine: LocalEngine,
    sources: ProjectSources,
    /// What `sources` is made of.
    settings: Json,
    /// Tables that refer to each other are of one moment.
    snapshots: Snapshots,
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
        let (kind, settings) = (connector.kind(), connector.settings_of(url, schema, names));
        let sources = sources(&json!({ kind: settings }), &engine, terminal)?;
        let (shown, snapshots) = (hw_config::redact_url(url), Snapshots::default());
        Ok(Self { engine, sources, settings, snapshots, kind, tables, shown, terminal })
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
        for told in self.snapshots.let_go().await {
            self.terminal.say(told);
        }
        failed.filter(|_| found.is_empty()).map_or(Ok(found), Err)
    }

    async fn table(&self, at: usize, table: &TableListing, name: &str) -> Result<Found> {
        let (mut measured, relation) = self.measured(&self.sources, at, name).await?;
        let mut as_text = hw_connect::unfit_columns(self.engine.live(), &relation);
        let facts = &measured.assessment.facts;
        if MALFORMED_TOLERANCE.admits(facts.malformed, facts.rows + facts.malformed) {
            // A run keeps these few records in quarantine; the types of all others are worth more.
            if let Some(told) = report::records::unfit(name, &std::mem::take(&mut as_text)) {
                self.terminal.beside(told);
            }
        }
        if !as_text.is_empty() {
            let mut settings = self.settings.clone();
            settings["as_text"] = as_text.iter().map(|column| format!("{at}.{column}")).collect();
            let sources = sources(&json!({ self.kind: settings }), &self.engine, self.terminal)?;
            (measured, _) = self.measured(&sources, at, name).await?;
        }
        let found = measured.found(DatasetName::new(DATABASE, name), self.kind, &table.name, self.terminal).await?;
        Ok(Found { as_text, ..found })
    }

    /// A table as measured, and what it was opened as.
    async fn measured(&self, sources: &ProjectSources, at: usize, name: &str) -> Result<(Measured<'_>, String)> {
        let delivered = sources.open(&DatasetName::new(DATABASE, at.to_string()), &Delivery::default()).await?;
        let relation = delivered.relation.clone();
        self.snapshots.share(self.engine.live(), &[Input::Live { name: relation.clone(), relation: relation.clone() }]);
        let about = About::new(name, self.shown.clone());
        Ok((measured(&self.engine, &delivered, &about, memory_for_codes(self.tables.len())).await?, relation))
    }
}

/// A source of these settings, which hold no references.
fn sources(settings: &Json, engine: &LocalEngine, terminal: &Terminal) -> Result<ProjectSources> {
    let plain: hw_connect::Secrets = std::sync::Arc::new(|text| Ok(text.to_owned()));
    ProjectSources::new(&terminal.root, &[(DATABASE.to_owned(), Settings::from_json(settings))], engine.live().clone(), &plain)
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
