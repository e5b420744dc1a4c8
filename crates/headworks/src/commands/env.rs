//! `headworks env`: lists the environments of a project and drops them.

use std::path::Path;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Error, Ledger, Result, RunRecord};
use hw_ledger::{RunLock, is_held};
use serde_json::{Value as Json, json};

use super::{Command, Common, environment_name, of_parts, part, read};
use crate::house::House;
use crate::machine::{self, SystemClock};
use crate::place::{Place, environments, looked_at, state_folder};
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Env;

#[derive(Args)]
struct List {
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct DropOne {
    /// The environment
    #[arg(value_name = "NAME", value_parser = environment_name)]
    name: String,
    #[command(flatten)]
    common: Common,
}

impl Command for Env {
    fn arguments(&self) -> Clap {
        of_parts(
            "env",
            "List the environments of the project, or drop one",
            "Examples:\n  headworks env list\n  headworks env drop dev\n  headworks run --env dev",
            [
                part::<List>("list", "List the environments, what each builds and its last run"),
                part::<DropOne>("drop", "Remove the tables and the history of an environment"),
            ],
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            match matches.subcommand() {
                Some(("list", _)) => list(terminal),
                Some(("drop", inner)) => drop_one(&read::<DropOne>(inner)?.name, terminal),
                _ => Err(Error::bug("no part of `env` was given")),
            }
        })
    }
}

/// An environment as it is.
struct Listed {
    name: String,
    last: Option<RunRecord>,
    /// Whether a run is going on there.
    is_going_on: bool,
    /// The tables that it has built.
    tables: Vec<String>,
}

impl Listed {
    fn of(root: &Path, name: String) -> Result<Self> {
        let state = state_folder(root, Some(&name));
        let ledger = looked_at(&state)?;
        Ok(Self { name, is_going_on: is_held(&state), last: ledger.runs(1)?.pop(), tables: ledger.all_progress()?.into_keys().collect() })
    }

    fn json(&self) -> Json {
        json!({ "name": self.name, "tables": self.tables, "last_run": self.last.as_ref().map(report::json::run_record) })
    }

    fn row(&self) -> Vec<String> {
        let started = self.last.as_ref().map(|run| report::moment(run.started)).unwrap_or_default();
        let outcome = self.last.as_ref().map(|run| report::outcome_word(run.outcome, self.is_going_on)).unwrap_or_default();
        vec![self.name.clone(), started, outcome.to_owned(), self.tables.join(", ")]
    }
}

fn list(terminal: &Terminal) -> Result<u8> {
    let names = environments(&terminal.root);
    let listed = names.into_iter().map(|name| Listed::of(&terminal.root, name)).collect::<Result<Vec<_>>>()?;
    if terminal.format == Format::Json {
        let environments: Vec<Json> = listed.iter().map(Listed::json).collect();
        terminal.json(&json!({ "schema_version": "1", "environments": environments }))?;
    } else if listed.is_empty() {
        terminal.line("no environment; `headworks run --env dev` makes one");
    } else {
        let header = ["environment", "last run", "outcome", "has built"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(listed.iter().map(Listed::row)).collect();
        terminal.table(&rows, &[]);
    }
    Ok(0)
}

fn drop_one(name: &str, terminal: &Terminal) -> Result<u8> {
    Place { name: name.to_owned(), production: None, is_passing: false }.refuse_unknown(&terminal.root)?;
    let house = House::look(&terminal.root)?;
    refuse_while_promoting(&house, name)?;
    let (state, now) = (state_folder(&house.project.root, Some(name)), SystemClock.now());
    let lock = RunLock::take(&state, &machine::next_run_id(now))?;
    // The ledger goes last, so that an environment which was dropped by half is still listed.
    house.engine.drop_environment(name)?;
    drop(lock);
    remove(&state)?;
    match terminal.format {
        Format::Json => terminal.json(&json!({ "schema_version": "1", "dropped": name }))?,
        Format::Text | Format::Markdown => terminal.line(format!("`{name}` is gone; production is as it was")),
    }
    Ok(0)
}

/// Production may still need the files.
fn refuse_while_promoting(production: &House, name: &str) -> Result<()> {
    let unfinished = production.ledger.unfinished()?;
    let mut promoted = unfinished.iter().flat_map(|run| &run.steps).filter_map(|step| step.promoted.as_ref());
    match promoted.find(|from| from.environment == name) {
        None => Ok(()),
        Some(_) => Err(Error::user(format!("the promotion of `{name}` was interrupted"))
            .code("HW703")
            .help(format!("`headworks promote {name}` completes it; then drop the environment"))),
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::outside(format!("`{}` cannot be removed: {error}", folder.display())).code("HW501").help("look at its permissions"))
        }
        _ => Ok(()),
    }
}
