//! `headworks init`: makes a project from files or a database: assessed, with rules, and models that load it.

use std::path::Path;

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::{About, Assessment, rules_yaml};
use hw_base::{BoxFuture, Clock, DatasetName, Delivery, Error, Input, Reader, Result, Settings, Sources, identifier, snake_case};
use hw_connect::{ProjectSources, recognise};
use hw_pipeline::EngineSettings;
use serde_json::json;

use super::{Command, assess, read};
use crate::house::{self, write_file};
use crate::machine::SystemClock;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Init;

#[derive(Args)]
struct Arguments {
    /// Files, folders or globs, relative to the project; or the URL of a PostgreSQL database
    #[arg(value_name = "DATA", required = true)]
    data: Vec<String>,
    /// The schema of the database
    #[arg(long, default_value = "public")]
    schema: String,
    /// The name of the project; the folder's name where it is not given
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    common: super::Common,
}

/// A dataset that the project will read.
struct Found {
    kind: &'static str,
    /// The path of a file, the schema of a table.
    place: String,
    assessment: Assessment,
}

impl Command for Init {
    fn arguments(&self) -> Clap {
        Arguments::augment_args(Clap::new("init").about("Make a project from files: assessed, with rules, and models that load it"))
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let root = terminal.root.as_path();
            if root.join(hw_config::PROJECT_FILE).exists() {
                return Err(Error::user(format!("`{}` is a project already", root.display()))
                    .help("add sources to its headworks.yaml, or use another folder"));
            }
            let mut found = Vec::new();
            for data in &arguments.data {
                if data.starts_with("postgres://") || data.starts_with("postgresql://") {
                    found.extend(look_at_database(data, &arguments.schema, terminal).await?);
                } else {
                    found.push(look_at(data, terminal).await?);
                }
            }
            let name = arguments.name.clone().unwrap_or_else(|| project_name(root));
            let written = write(root, &name, &found)?;
            match terminal.format {
                Format::Json => terminal.json(&serde_json::json!({ "schema_version": "1", "project": name, "files": written }))?,
                Format::Text | Format::Markdown => {
                    for file in &written {
                        terminal.line(format!("written: {file}"));
                    }
                    if found.iter().any(|one| one.kind == "postgres") {
                        terminal.line(format!("the project reads the URL of the database from the environment: export {URL_VARIABLE}=…"));
                    }
                    terminal.line("next: `headworks plan` shows what a run would do, `headworks run` does it");
                }
            }
            Ok(0)
        })
    }
}

fn project_name(root: &Path) -> String {
    let folder = root.canonicalize().ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    snake_case(&folder.unwrap_or_else(|| "project".into()))
}

async fn look_at(path: &str, terminal: &Terminal) -> Result<Found> {
    if path.contains("://") {
        return Err(Error::user(format!("`{}` cannot be read", hw_config::redact_url(path)))
            .code("HW201")
            .help("give files, or a URL such as `postgres://user@host/database`"));
    }
    let kind = recognise(&terminal.root, path).await?;
    terminal.busy(format!("measuring {path}"));
    let opened = assess::open(path, &EngineSettings::default(), terminal).await?;
    let id = format!("init-{}", opened.about.name);
    let assessment = hw_assess::assess(opened.engine(), &opened.reader, &opened.about, SystemClock.now(), id).await?;
    Ok(Found { kind, place: path.to_owned(), assessment }.told(terminal))
}

/// Every table of a database that the user may read.
async fn look_at_database(url: &str, schema: &str, terminal: &Terminal) -> Result<Vec<Found>> {
    terminal.busy("listing the tables");
    let listings = hw_connect::tables(url, schema).await?;
    if listings.is_empty() {
        return Err(Error::user(format!("schema `{schema}` has no tables that this user may read"))
            .code("HW201")
            .help("name another one with `--schema`"));
    }
    let state = std::env::temp_dir().join(format!("headworks-{}", std::process::id()));
    let engine = house::engine(state.join("warehouse"), &state, &EngineSettings::default())?;
    let settings = Settings::from_json(&json!({ "postgres": { "url": url, "schema": schema } }));
    let plain: hw_connect::Secrets = std::sync::Arc::new(|text| Ok(text.to_owned()));
    let sources = ProjectSources::new(&terminal.root, &[("database".to_owned(), settings)], engine.live().clone(), &plain)?;
    let mut found = Vec::new();
    for listing in listings {
        terminal.busy(format!("measuring {}", listing.name));
        let dataset = DatasetName::new("database", &listing.name);
        let delivered = Sources::open(&sources, &dataset, &Delivery::default()).await?;
        let columns: Vec<String> = delivered.columns.iter().map(|column| identifier(&column.name)).collect();
        let live = Input::Live { name: "all_records".into(), relation: delivered.relation.clone() };
        let reader = Reader { sql: format!("select {}, _malformed from all_records", columns.join(", ")), inputs: vec![live], file: None };
        let about = About::new(&listing.name, hw_config::redact_url(url));
        let assessment = hw_assess::assess(&engine, &reader, &about, SystemClock.now(), format!("init-{}", listing.name)).await?;
        found.push(Found { kind: "postgres", place: schema.to_owned(), assessment }.told(terminal));
    }
    Ok(found)
}

/// The variable that holds the URL of the database, which no file of the project may hold.
const URL_VARIABLE: &str = "HEADWORKS_DATABASE_URL";

impl Found {
    fn dataset(&self) -> DatasetName {
        let name = &self.assessment.about.name;
        DatasetName::new(source_of(self.kind), if self.kind == "postgres" { name.clone() } else { snake_case(name) })
    }

    /// The proposed rules, by the names that the columns have in the raw copy.
    fn proposals(&self) -> Vec<hw_validate::Proposal> {
        let mut facts = self.assessment.facts.clone();
        for column in &mut facts.columns {
            column.name = snake_case(&column.name);
        }
        hw_validate::propose(&facts)
    }

    fn told(self, terminal: &Terminal) -> Self {
        if terminal.format == Format::Text {
            for line in report::assessment_lines(&self.assessment) {
                terminal.line(line);
            }
        }
        self
    }
}

/// One source per kind of file.
fn source_of(kind: &str) -> String {
    if kind == "postgres" { "database".into() } else { format!("{kind}_files") }
}

/// Writes the project's files and returns their names.
fn write(root: &Path, name: &str, found: &[Found]) -> Result<Vec<String>> {
    let mut files =
        vec![("headworks.yaml".to_owned(), settings_text(name, found)), (".gitignore".to_owned(), ".headworks/\nwarehouse/\n".to_owned())];
    for one in found {
        let dataset = one.dataset();
        let table = &dataset.dataset;
        files.push((format!("models/{table}.sql"), model_text(one)));
        files.push((format!("models/{table}.yaml"), model_settings(one)));
        files.push((format!("rules/{dataset}.yaml"), rules_yaml(&one.proposals(), &dataset.to_string())));
    }
    for (file, text) in &files {
        write_file(&root.join(file), text)?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn settings_text(name: &str, found: &[Found]) -> String {
    let mut text = format!("project: {name}\nwarehouse: warehouse/\nengine: {{ memory: 2GiB }}\nsources:\n");
    let mut kinds: Vec<&str> = found.iter().map(|one| one.kind).collect();
    kinds.dedup();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        if let Some(one) = found.iter().find(|one| one.kind == "postgres" && kind == "postgres") {
            text.push_str(&format!("  database:\n    postgres:\n      url: \"${{env:{URL_VARIABLE}}}\"\n      schema: {}\n", one.place));
            continue;
        }
        text.push_str(&format!("  {}:\n    {kind}:\n      path:\n", source_of(kind)));
        for one in found.iter().filter(|one| one.kind == kind) {
            text.push_str(&format!("        {}: \"{}\"\n", one.dataset().dataset, one.place.replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }
    text
}

fn model_text(one: &Found) -> String {
    let columns: Vec<String> =
        one.assessment.facts.columns.iter().map(|column| format!("  {}", identifier(&snake_case(&column.name)))).collect();
    format!("select\n{}\nfrom {}\n", columns.join(",\n"), one.dataset())
}

fn model_settings(one: &Found) -> String {
    format!("description: {} as they were delivered.\nload: replace\n", one.assessment.about.name)
}
