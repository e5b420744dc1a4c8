//! `headworks assess`: measures datasets, scores them and says what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::{About, Assessment, Earlier, Evidence, RuleTrial, Source, cells_csv, drift, relationships, rules_yaml};
use hw_base::{
    BoxFuture, ByteSize, Clock, CodedTable, Column, Engine, Error, Input, Reader, Result, Sample, Timestamp, identifier, qualified,
};
use hw_connect::open_path;
use hw_engine::LocalEngine;
use hw_ledger::next_run_id;
use hw_pipeline::{EngineSettings, raw_column_names};
use hw_validate::Proposal;

use super::check::judged_by;
use super::{Command, at_least_one, described, memory, read};
use crate::house::{self, House, write_file};
use crate::machine::{self, SystemClock};
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Assess;

#[derive(Args)]
struct Arguments {
    /// Files, folders or globs; in a project also `source.dataset` and tables
    #[arg(value_name = "DATA", required = true)]
    data: Vec<String>,
    /// Write `assessment.html`, `.json`, `.md` and `rules/*.yaml` into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write every suspicious cell into this CSV file
    #[arg(long, value_name = "FILE")]
    cells: Option<PathBuf>,
    /// Rules that are known to hold; where the data breaks them, that is a fact
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// An earlier `assessment.json`, or a data contract: says what changed since
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// What the data is used for, for the report
    #[arg(long = "use", value_name = "TEXT")]
    use_for: Option<String>,
    /// Columns that matter most, by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    critical: Vec<String>,
    /// Read about this many rows only; then every number says so
    #[arg(long, value_name = "ROWS", value_parser = at_least_one, allow_negative_numbers = true)]
    sample: Option<usize>,
    /// Measure the columns in one pass and stop there: no keys, no dependencies, no single cells, no rule is tried
    #[arg(long, conflicts_with_all = ["cells", "rules"])]
    columns_only: bool,
    /// End with exit code 1 if a dataset scores less
    #[arg(long, value_name = "SCORE", value_parser = score, allow_negative_numbers = true)]
    fail_under: Option<f64>,
    /// Memory that may be used
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = memory, allow_negative_numbers = true)]
    memory: ByteSize,
    #[command(flatten)]
    common: super::Common,
}

/// A dataset that was assessed, and its cells for comparing it with others.
struct Assessed {
    assessment: Assessment,
    table: CodedTable,
}

impl Command for Assess {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "assess",
            "Measure data, score it and say what is wrong with it",
            "Examples:\n  headworks assess orders.csv\n  headworks assess orders.csv --out assessment --critical order_id,amount\n  headworks assess shop.orders --fail-under 90 --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            refuse_other_cells(&arguments)?;
            let mut assessed = Vec::new();
            let mut names = BTreeSet::new();
            for data in &arguments.data {
                let mut one = assess_one(data, &arguments, terminal).await?;
                one.assessment.about.name = free_name(&one.assessment.about.name, &mut names);
                one.table.name.clone_from(&one.assessment.about.name);
                assessed.push(one);
            }
            let source = (assessed.len() > 1).then(|| related(&mut assessed));
            show(&assessed, terminal)?;
            write_out(&assessed, source.as_ref(), &arguments, terminal)?;
            let worst = assessed.iter().map(|one| one.assessment.scores.overall).fold(f64::INFINITY, f64::min);
            Ok(u8::from(arguments.fail_under.is_some_and(|limit| worst < limit)))
        })
    }
}

fn refuse_other_cells(arguments: &Arguments) -> Result<()> {
    match &arguments.cells {
        Some(file) if arguments.data.len() > 1 => {
            Err(Error::user(format!("`--cells {}` is for one dataset, and several are given", file.display()))
                .code("HW107")
                .help("assess one at a time"))
        }
        Some(file) if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) => {
            Err(Error::user(format!("`--cells {}` does not end in `.csv`", file.display()))
                .code("HW107")
                .help("cells are written as CSV: name a file such as `cells.csv`"))
        }
        _ => Ok(()),
    }
}

/// The name, with a number where a dataset before had it.
fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| taken.insert(name.clone()));
    free.unwrap_or_else(|| name.to_owned())
}

/// How the datasets refer to each other; each report gets its own part of it.
fn related(assessed: &mut [Assessed]) -> Source {
    let tables: Vec<&CodedTable> = assessed.iter().map(|one| &one.table).collect();
    let found = relationships(&tables);
    let sampled = tables.iter().filter(|table| !table.is_whole()).map(|table| format!("of `{}` a sample was compared", table.name));
    let bounds: Vec<String> = sampled.collect();
    for one in assessed.iter_mut() {
        let relations = std::mem::take(&mut one.assessment.relations);
        one.assessment.relations = relations.with_references(&one.assessment.about.name, &found);
    }
    let assessments: Vec<Assessment> = assessed.iter().map(|one| one.assessment.clone()).collect();
    let name = assessments.iter().map(|assessment| assessment.about.source.clone()).collect::<Vec<_>>().join(", ");
    Source::new(name, &assessments, found, bounds)
}

fn show(assessed: &[Assessed], terminal: &Terminal) -> Result<()> {
    let assessments = || assessed.iter().map(|one| &one.assessment);
    match terminal.format {
        Format::Json => match assessed {
            [one] => return terminal.json(&one.assessment.to_json()),
            _ => return terminal.json(&assessments().map(Assessment::to_json).collect::<Vec<_>>()),
        },
        Format::Markdown => terminal.lines(assessments().map(Assessment::to_markdown)),
        Format::Text => terminal.lines(assessments().flat_map(report::assessment_lines)),
    }
    Ok(())
}

fn write_out(assessed: &[Assessed], source: Option<&Source>, arguments: &Arguments, terminal: &Terminal) -> Result<()> {
    if let (Some(file), [one]) = (&arguments.cells, assessed) {
        write_file(file, &cells_csv(&one.assessment.relations.cells))?;
        terminal.say(format!("written: {}", file.display()));
    }
    let Some(out) = &arguments.out else { return Ok(()) };
    for Assessed { assessment, .. } in assessed {
        let folder = if source.is_some() { out.join(&assessment.about.name) } else { out.clone() };
        write(assessment, &folder)?;
        terminal.say(format!("written: {}", folder.display()));
    }
    if let Some(source) = source {
        write_file(&out.join("source.json"), &format!("{:#}\n", source.to_json()))?;
        write_file(&out.join("source.html"), &source.to_html())?;
        terminal.say(format!("written: {}", out.join("source.html").display()));
    }
    Ok(())
}

async fn assess_one(data: &str, arguments: &Arguments, terminal: &Terminal) -> Result<Assessed> {
    terminal.busy(format!("reading {data}"));
    let settings = EngineSettings { memory: arguments.memory, ..EngineSettings::default() };
    let mut opened = open(data, &settings, terminal).await?;
    refuse_unknown_columns(&arguments.critical, &opened).await?;
    opened.about.sample = arguments.sample.map_or(Sample::All, |rows| Sample::Rows(rows as u64));
    opened.about.critical.clone_from(&arguments.critical);
    opened.about.use_for.clone_from(&arguments.use_for);
    opened.about.rules = if arguments.columns_only { RuleTrial::MakeFromAll } else { RuleTrial::HoldBack };
    let earlier = match &arguments.against {
        Some(file) => Some(Earlier::read(&hw_config::read_yaml(file, file)?.to_json(), &opened.about.name)?),
        None => None,
    };
    let now = SystemClock.now();
    let id = next_run_id(now, machine::salt(now));
    let (assessment, table) = if arguments.columns_only {
        let measured = hw_assess::measure_columns(opened.engine(), &opened.reader, &opened.about, now, id.0);
        (measured.await?, CodedTable::default())
    } else {
        assess_whole(&opened, arguments, (now, id.0)).await?
    };
    let assessment = match earlier.map(|earlier| drift(&earlier, &assessment)) {
        Some(changes) => assessment.compared(changes),
        None => assessment,
    };
    Ok(Assessed { assessment, table })
}

/// Compares the columns with each other before they are measured, and tries the rules.
async fn assess_whole(opened: &OpenedData, arguments: &Arguments, (now, id): (Timestamp, String)) -> Result<(Assessment, CodedTable)> {
    let engine = opened.engine();
    // Where every suspicious cell is asked for, all rows are compared if they fit; else so many as take bearable time.
    let share = if arguments.cells.is_some() { 2 } else { 8 };
    let table = engine.coded(&opened.reader, &opened.about.name, ByteSize(arguments.memory.0 / share)).await?;
    let time = engine.columns(&opened.reader).await?.into_iter().find(|column| column.kind.is_temporal());
    let mut evidence = Evidence::of_table(&table, time.as_ref().map(|column| column.name.as_str()));
    if let Some(file) = &arguments.rules {
        evidence.declared = judged_by(file, opened).await?.results;
    }
    let assessment = hw_assess::assess_with(engine, &opened.reader, &opened.about, now, id, evidence).await?;
    Ok((assessment, table))
}

/// A score, as `--fail-under` names one.
fn score(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|score| (0.0..=100.0).contains(score)).ok_or_else(|| "expected a score from 0 to 100".into())
}

async fn refuse_unknown_columns(named: &[String], opened: &OpenedData) -> Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    let columns = opened.engine().columns(&opened.reader).await?;
    let known = || columns.iter().map(|column| column.name.as_str()).filter(|name| *name != "_malformed");
    let unknown = named.iter().filter(|name| !known().any(|known| known == *name));
    let errors = unknown.map(|name| hw_base::unknown("column", name, known()).code("HW107").because("`--critical` names it"));
    Error::all(errors.collect()).map_or(Ok(()), Err)
}

/// Data that was opened for reading, with the engine that reads it.
pub(crate) struct OpenedData {
    engine: Opener,
    /// All of its rows, the malformed records included.
    pub(crate) reader: Reader,
    /// Only the rows, under the names that the columns have in a raw copy.
    pub(crate) rows: Reader,
    /// Whether `reader` tells malformed records by a column of its own.
    pub(crate) has_malformed: bool,
    /// How SQL names it.
    pub(crate) shown_as: String,
    /// The names that the file gives its columns, each with its name in `rows`.
    pub(crate) names: Vec<(String, String)>,
    /// What it is.
    pub(crate) about: About,
}

enum Opener {
    Alone(Box<LocalEngine>),
    Project(Box<House>),
}

impl OpenedData {
    /// The engine that reads it.
    pub(crate) fn engine(&self) -> &LocalEngine {
        match &self.engine {
            Opener::Alone(engine) => engine,
            Opener::Project(house) => &house.engine,
        }
    }

    /// The query of `rows` with the names that the file gives its columns.
    pub(crate) fn rows_as_named(&self) -> String {
        if self.names.is_empty() {
            return self.rows.sql.clone();
        }
        let columns = self.names.iter().map(|(own, raw)| format!("{} as {}", identifier(raw), identifier(own)));
        format!("select {} from data", columns.collect::<Vec<_>>().join(", "))
    }

    /// The project it belongs to, if it does.
    pub(crate) fn house(&self) -> Option<&House> {
        match &self.engine {
            Opener::Alone(_) => None,
            Opener::Project(house) => Some(house),
        }
    }
}

/// Opens a path, a dataset of a source or a table of the project.
pub(crate) async fn open(data: &str, settings: &EngineSettings, terminal: &Terminal) -> Result<OpenedData> {
    let root = &terminal.root;
    let has_project = root.join(hw_config::PROJECT_FILE).exists();
    if house::is_path(root, data) || !has_project {
        return open_file(data, settings, root).await;
    }
    let house = House::look(root)?;
    let shown_as = qualified(data.split('.'));
    let reader = house.reader(&format!("select * from {shown_as}")).await?;
    let about = About::new(data, data);
    let (engine, rows) = (Opener::Project(Box::new(house)), reader.clone());
    Ok(OpenedData { engine, rows, reader, about, has_malformed: false, shown_as, names: vec![] })
}

async fn open_file(data: &str, settings: &EngineSettings, root: &Path) -> Result<OpenedData> {
    let state = house::temporary_state();
    let engine = house::engine(state.join("warehouse"), &state, settings)?;
    let opened = open_path(root, data, engine.live()).await?;
    if opened.is_empty && opened.delivered.columns.is_empty() {
        return Err(Error::user(format!("`{data}` holds no data")).code("HW202"));
    }
    let mut inputs = Vec::new();
    let rows = hw_pipeline::live_rows("data", &opened.delivered, &[], &mut inputs);
    inputs.push(rows);
    let live = Input::Live { name: "all_records".into(), relation: opened.delivered.relation.clone() };
    let hidden = if opened.delivered.has_origin { ", _malformed" } else { "" };
    let columns: Vec<String> = opened.delivered.columns.iter().map(|column| identifier(&column.name)).collect();
    let reader = Reader { sql: format!("select {}{hidden} from all_records", columns.join(", ")), inputs: vec![live], file: None };
    let rows = Reader { sql: "select * from data".into(), inputs, file: None };
    let about = About::new(&opened.dataset, data);
    let (engine, has_malformed) = (Opener::Alone(Box::new(engine)), opened.delivered.has_origin);
    let own = opened.delivered.columns.iter().map(|column| column.name.clone());
    let names = own.zip(raw_column_names(&opened.delivered.columns)).collect();
    Ok(OpenedData { engine, reader, rows, about, has_malformed, shown_as: identifier(data), names })
}

/// The rules that are proposed, for columns under the names that they have in a raw copy, where a run and `headworks check`
/// look for them.
fn rules_to_run(assessment: &Assessment) -> Vec<Proposal> {
    let own = assessment.facts.columns.iter();
    let own: Vec<Column> =
        own.map(|facts| Column { name: facts.name.clone(), kind: facts.kind, sql_type: facts.sql_type.clone() }).collect();
    let names: BTreeMap<String, String> = own.iter().map(|column| column.name.clone()).zip(raw_column_names(&own)).collect();
    assessment.proposals.iter().map(|proposal| proposal.renamed(&names)).collect()
}

/// Writes the report and the rules.
pub(crate) fn write(assessment: &Assessment, folder: &Path) -> Result<()> {
    for (path, content) in assessment.files() {
        let content = if path.starts_with("rules/") { rules_yaml(&rules_to_run(assessment), &assessment.about.name) } else { content };
        write_file(&folder.join(path), &content)?;
    }
    Ok(())
}
