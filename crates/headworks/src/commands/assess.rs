//! `headworks assess`: measures datasets, scores them and says what is wrong with them.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::{About, Assessment, rules_yaml};
use hw_base::{BoxFuture, ByteSize, Clock, Error, Input, Reader, Result, Sample, identifier};
use hw_connect::open_path;
use hw_engine::LocalEngine;
use hw_ledger::next_run_id;
use hw_pipeline::EngineSettings;

use super::{Command, read};
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
    /// Write `assessment.json`, `assessment.md` and `rules/*.yaml` into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// What the data is used for, for the report
    #[arg(long = "use", value_name = "TEXT")]
    use_for: Option<String>,
    /// Columns that matter most, by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    critical: Vec<String>,
    /// Read about this many rows only; then every number says so
    #[arg(long, value_name = "ROWS")]
    sample: Option<u64>,
    /// End with exit code 1 if a dataset scores less
    #[arg(long, value_name = "SCORE")]
    fail_under: Option<f64>,
    /// Memory that may be used
    #[arg(long, value_name = "SIZE", default_value = "2GiB")]
    memory: String,
    #[command(flatten)]
    common: super::Common,
}

impl Command for Assess {
    fn arguments(&self) -> Clap {
        Arguments::augment_args(Clap::new("assess").about("Measure data, score it on six dimensions and say what is wrong with it"))
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let mut worst = f64::INFINITY;
            for data in &arguments.data {
                let assessment = assess_one(data, &arguments, terminal).await?;
                worst = worst.min(assessment.scores.overall);
                show(&assessment, terminal)?;
                if let Some(out) = &arguments.out {
                    let folder = if arguments.data.len() > 1 { out.join(&assessment.about.name) } else { out.clone() };
                    write(&assessment, &folder)?;
                    terminal.say(format!("written: {}", folder.display()));
                }
            }
            Ok(u8::from(arguments.fail_under.is_some_and(|limit| worst < limit)))
        })
    }
}

async fn assess_one(data: &str, arguments: &Arguments, terminal: &Terminal) -> Result<Assessment> {
    terminal.busy(format!("reading {data}"));
    let memory: ByteSize = arguments.memory.parse()?;
    let settings = EngineSettings { memory, ..EngineSettings::default() };
    let mut opened = open(data, &settings, terminal).await?;
    opened.about.sample = arguments.sample.map_or(Sample::All, Sample::Rows);
    opened.about.critical.clone_from(&arguments.critical);
    opened.about.use_for.clone_from(&arguments.use_for);
    let now = SystemClock.now();
    let id = next_run_id(now, machine::salt(now));
    hw_assess::assess(opened.engine(), &opened.reader, &opened.about, now, id.0).await
}

/// Data that was opened for reading, with the engine that reads it.
pub(crate) struct OpenedData {
    engine: Opener,
    /// All of its rows, the malformed records included.
    pub(crate) reader: Reader,
    /// Only the rows.
    pub(crate) rows: Reader,
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
    let is_path = root.join(data).exists() || data.contains(['/', '*', '?']);
    let has_project = root.join(hw_config::PROJECT_FILE).exists();
    if is_path || !has_project {
        return open_file(data, settings, root).await;
    }
    let house = House::open(root)?;
    let name: Vec<String> = data.split('.').map(identifier).collect();
    let sql = format!("select * from {}", name.join("."));
    let reader = house.reader(&sql).await?;
    let about = About::new(data, data);
    Ok(OpenedData { engine: Opener::Project(Box::new(house)), rows: reader.clone(), reader, about })
}

async fn open_file(data: &str, settings: &EngineSettings, root: &Path) -> Result<OpenedData> {
    let state = std::env::temp_dir().join(format!("headworks-{}", std::process::id()));
    let engine = house::engine(state.join("warehouse"), &state, settings)?;
    let opened = open_path(root, data, engine.live()).await?;
    if opened.is_empty && opened.delivered.columns.is_empty() {
        return Err(Error::user(format!("`{data}` holds no data")).code("HW202"));
    }
    let mut inputs = Vec::new();
    let rows = house::live_rows("data", &opened.delivered, &mut inputs);
    inputs.push(rows);
    let live = Input::Live { name: "all_records".into(), relation: opened.delivered.relation.clone() };
    let hidden = if opened.delivered.has_origin { ", _malformed" } else { "" };
    let columns: Vec<String> = opened.delivered.columns.iter().map(|column| identifier(&column.name)).collect();
    let reader = Reader { sql: format!("select {}{hidden} from all_records", columns.join(", ")), inputs: vec![live], file: None };
    let rows = Reader { sql: format!("select {} from data", columns.join(", ")), inputs, file: None };
    let about = About::new(&opened.dataset, data);
    Ok(OpenedData { engine: Opener::Alone(Box::new(engine)), reader, rows, about })
}

fn show(assessment: &Assessment, terminal: &Terminal) -> Result<()> {
    match terminal.format {
        Format::Json => terminal.json(&assessment.to_json()),
        Format::Markdown => {
            terminal.line(assessment.to_markdown());
            Ok(())
        }
        Format::Text => {
            for line in report::assessment_lines(assessment) {
                terminal.line(line);
            }
            Ok(())
        }
    }
}

/// Writes the report and the rules.
pub(crate) fn write(assessment: &Assessment, folder: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(&assessment.to_json())
        .map_err(|error| Error::bug(format!("an assessment could not be written: {error}")))?;
    write_file(&folder.join("assessment.json"), &json)?;
    write_file(&folder.join("assessment.md"), &assessment.to_markdown())?;
    let rules = folder.join("rules").join(format!("{}.yaml", assessment.about.name));
    write_file(&rules, &rules_yaml(&assessment.proposals, &assessment.about.name))
}
