//! `headworks init`: makes a project from files or a database: assessed, with rules, and models that load it.

mod files;
mod find;
mod measured;
mod names;
mod write;

use std::path::Path;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, CodedTable, DatasetName, Error, Result, TableFacts, plural, snake_case};
use hw_validate::Proposal;
use serde_json::json;

use super::{Command, described, read};
use crate::files::{make_folder, remove_empty_folder};
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Init;

#[derive(Args)]
struct Arguments {
    /// Files, folders or globs, relative to the project, `shop.db#orders` for one table or sheet; or the URL of a database
    #[arg(value_name = "DATA", required = true)]
    data: Vec<String>,
    /// The schema of the database; `public` where it is not given
    #[arg(long)]
    schema: Option<String>,
    /// Only these tables of the database, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Leave these tables of the database out, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    exclude: Vec<String>,
    /// The name of the project; the folder's name where it is not given
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    common: super::Common,
}

/// The variable that holds the URL of the database, which no file of the project may hold.
const URL_VARIABLE: &str = "HEADWORKS_DATABASE_URL";

/// A dataset that the project will read.
struct Found {
    /// Its source, such as `csv_files`, and its name in it.
    dataset: DatasetName,
    kind: &'static str,
    /// Where it lies: the path of a file, the table of a database.
    place: String,
    /// Whether its place is a pattern that was made here, which files to come will match.
    is_open: bool,
    /// The words that its source should take for missing values.
    null: Vec<String>,
    /// The columns that its source should read as text, as the source names them.
    as_text: Vec<String>,
    /// The names of its columns in the raw copy.
    columns: Vec<String>,
    /// Those of its columns that some of its files lack, by the names there.
    uneven: Vec<String>,
    /// The rules that its rows keep to, by those names.
    rules: Vec<Proposal>,
    /// How many rules were proposed.
    proposed: usize,
    /// What was measured of its columns, by those names.
    facts: TableFacts,
    /// Its cells, by those names.
    table: CodedTable,
    /// Rules about the tables of other datasets that its rows refer to.
    references: Vec<Proposal>,
}

impl Found {
    /// Whether it is a table of a database that a URL names.
    fn is_in_database(&self) -> bool {
        hw_connect::connector(self.kind).is_ok_and(|connector| !connector.schemes().is_empty())
    }
}

impl Command for Init {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "init",
            "Make a project from files or a database, with rules and models",
            "Examples:\n  headworks init landing/*.csv\n  headworks init postgres://reader@db.example.org/shop --tables orders,customers\n  headworks init ../export --project shop",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let root = terminal.root.as_path();
            refuse_project(root)?;
            let is_new = !root.exists();
            make_folder(root)?;
            let made = make(&arguments, terminal).await;
            if is_new && made.is_err() {
                remove_empty_folder(root);
            }
            made
        })
    }
}

/// Makes the project in a folder that is there.
async fn make(arguments: &Arguments, terminal: &Terminal) -> Result<u8> {
    let root = terminal.root.as_path();
    let name = arguments.name.clone().unwrap_or_else(|| project_name(root));
    if name.trim().is_empty() {
        return Err(Error::user("the name of the project is empty").code("HW104").help("give one: `--name shop`"));
    }
    let mut left_out = find::LeftOut::nothing(terminal);
    let found = find::datasets(arguments, &mut left_out, terminal).await?;
    let written = write::project(root, &name, arguments.schema.as_deref(), &found)?;
    tell(&name, &found, &left_out.names, &written, terminal)?;
    Ok(0)
}

/// A project is never written over.
fn refuse_project(root: &Path) -> Result<()> {
    if !root.join(hw_config::PROJECT_FILE).exists() {
        return Ok(());
    }
    Err(Error::user(format!("`{}` is a project already; nothing was changed", root.display())).code("HW104").help(
        "add a source and a model to it by hand, or make the other project in a folder of its own: `headworks init DATA --project FOLDER`",
    ))
}

fn project_name(root: &Path) -> String {
    let folder = root.canonicalize().ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    snake_case(&folder.unwrap_or_else(|| "project".into()))
}

fn tell(name: &str, found: &[Found], left_out: &[(String, String)], written: &[String], terminal: &Terminal) -> Result<()> {
    if terminal.format == Format::Json {
        let dataset = |one: &Found| {
            let pattern = one.is_open.then_some(&one.place);
            json!({
                "dataset": one.dataset, "pattern": pattern, "rows": one.facts.rows, "rules": one.rules.len(), "proposed_rules": one.proposed, "null": one.null,
                "as_text": one.as_text,
            })
        };
        let reason = |(name, reason): &(String, String)| json!({ "name": name, "reason": reason });
        return terminal.json(&json!({
            "schema_version": "1",
            "project": name,
            "datasets": found.iter().map(dataset).collect::<Vec<_>>(),
            "left_out": left_out.iter().map(reason).collect::<Vec<_>>(),
            "files": written,
        }));
    }
    for one in found.iter().filter(|one| one.rules.len() < one.proposed) {
        let (rules, proposed) = (hw_base::count(one.rules.len() as u64), hw_base::count(one.proposed as u64));
        terminal.line(format!("{}: {rules} of {proposed} proposed rules are written; `headworks assess` lists all", one.dataset));
    }
    for one in found.iter().filter(|one| one.is_open) {
        terminal.line(format!("{}: is read from `{}`, with the files to come that match it", one.dataset, one.place));
    }
    for one in found.iter().filter(|one| !one.null.is_empty()) {
        let words: Vec<String> = one.null.iter().map(|word| format!("`{word}`")).collect();
        terminal.line(format!("{}: {} is loaded as a missing value, as `null:` in headworks.yaml says", one.dataset, words.join(", ")));
    }
    for one in found.iter().filter(|one| !one.as_text.is_empty()) {
        let columns: Vec<String> = one.as_text.iter().map(|column| format!("`{column}`")).collect();
        let are = if columns.len() == 1 { "is" } else { "are" };
        let why = "as `as_text:` in headworks.yaml says, because of values such as `infinity`, which have no other form here";
        terminal.line(format!("{}: {} {are} read as text, {why}", one.dataset, columns.join(", ")));
    }
    for file in written {
        terminal.line(format!("written: {file}"));
    }
    let references: usize = found.iter().map(|one| one.references.len()).sum();
    if references > 0 {
        let (found, are) = (plural(references as u64, "reference"), if references == 1 { "is a rule" } else { "are rules" });
        terminal.line(format!("{found} between the tables {are} in models/*.yaml"));
    }
    if found.iter().any(Found::is_in_database) {
        terminal.line(format!("the project reads the URL of the database from the environment: export {URL_VARIABLE}=…"));
    }
    terminal.line("next: `headworks plan` shows what a run would do, `headworks run` does it");
    Ok(())
}
