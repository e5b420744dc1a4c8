//! `headworks init`: makes a project from files or a database: assessed, with rules, and models that load it.

use std::path::Path;

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::{Assessment, rules_yaml};
use hw_base::{BoxFuture, Clock, DatasetName, Error, Result, identifier, snake_case};
use hw_connect::recognise;
use hw_pipeline::EngineSettings;

use super::{Command, assess, read};
use crate::house::write_file;
use crate::machine::SystemClock;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Init;

#[derive(Args)]
struct Arguments {
    /// Files, folders or globs, relative to the project
    #[arg(value_name = "DATA", required = true)]
    data: Vec<String>,
    /// The name of the project; the folder's name where it is not given
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    common: super::Common,
}

/// A dataset that the project will read.
struct Found {
    kind: &'static str,
    path: String,
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
            for path in &arguments.data {
                found.push(look_at(path, terminal).await?);
            }
            let name = arguments.name.clone().unwrap_or_else(|| project_name(root));
            let written = write(root, &name, &found)?;
            match terminal.format {
                Format::Json => terminal.json(&serde_json::json!({ "schema_version": "1", "project": name, "files": written }))?,
                Format::Text | Format::Markdown => {
                    written.iter().for_each(|file| terminal.line(format!("written: {file}")));
                    terminal.line("next: `headworks plan` shows what a run would do, `headworks run` does it");
                }
            }
            Ok(0)
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a project is named after its folder")]
fn project_name(root: &Path) -> String {
    let folder = root.canonicalize().ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    snake_case(&folder.unwrap_or_else(|| "project".into()))
}

async fn look_at(path: &str, terminal: &Terminal) -> Result<Found> {
    if path.contains("://") {
        return Err(Error::user("a database cannot be made into a project yet")
            .help("write a source into headworks.yaml: `postgres: { url: \"${env:SHOP_URL}\" }`"));
    }
    let kind = recognise(&terminal.root, path).await?;
    terminal.busy(format!("measuring {path}"));
    let opened = assess::open(path, &EngineSettings::default(), terminal).await?;
    let id = format!("init-{}", opened.about.name);
    let assessment = hw_assess::assess(opened.engine(), &opened.reader, &opened.about, SystemClock.now(), id).await?;
    if terminal.format == Format::Text {
        report::assessment_lines(&assessment).iter().for_each(|line| terminal.line(line));
    }
    Ok(Found { kind, path: path.to_owned(), assessment })
}

impl Found {
    fn dataset(&self) -> DatasetName {
        DatasetName::new(source_of(self.kind), snake_case(&self.assessment.about.name))
    }
}

/// One source per kind of file.
fn source_of(kind: &str) -> String {
    format!("{kind}_files")
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
        files.push((format!("rules/{dataset}.yaml"), rules_yaml(&one.assessment.proposals, &dataset.to_string())));
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
        text.push_str(&format!("  {}:\n    {kind}:\n      path:\n", source_of(kind)));
        for one in found.iter().filter(|one| one.kind == kind) {
            text.push_str(&format!("        {}: \"{}\"\n", one.dataset().dataset, one.path.replace('\\', "\\\\").replace('"', "\\\"")));
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
