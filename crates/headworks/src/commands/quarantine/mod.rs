//! `headworks quarantine`: what waits there, and what a person decides about it.

mod decide;
mod look;
mod select;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Result, TableName};

use super::{Command, Common, InEnvironment, at_least_one, of_parts, part, read};
use crate::house::House;
use crate::terminal::Terminal;
use decide::{DropRows, Release};
use select::Selecting;

/// The command.
pub(crate) struct Quarantine;

/// What is printed where and how.
#[derive(Args)]
struct List {
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

/// Which rows are shown.
#[derive(Args)]
struct Show {
    #[command(flatten)]
    selecting: Selecting,
    /// How many to show
    #[arg(long, default_value_t = 20, value_parser = at_least_one, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

/// How many decisions are shown.
#[derive(Args)]
struct Log {
    /// How many to show
    #[arg(long, default_value_t = 20, value_parser = at_least_one, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

const EXAMPLES: &str = "Examples:
  headworks quarantine list
  headworks quarantine show fact_orders --rule range_amount
  headworks quarantine release fact_orders --rule range_amount --reason \"refunds, says finance\"
  headworks quarantine release fact_orders --where \"amount < 0\" --set \"amount = -amount\"
  headworks quarantine drop fact_orders --run 20260301-020000-1f2e
  headworks quarantine log";

impl Command for Quarantine {
    fn arguments(&self) -> Clap {
        of_parts(
            "quarantine",
            "Look at the rows that may not enter, release or drop them",
            EXAMPLES,
            [
                part::<List>("list", "Count the rows that wait, by table and rule"),
                part::<Show>("show", "Show rows that wait, with rule, run, file and line"),
                part::<Release>("release", "Let rows enter, as they are or with other values"),
                part::<DropRows>("drop", "Decide that rows never enter"),
                part::<Log>("log", "Show who released and dropped what, and why"),
            ],
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            match matches.subcommand() {
                Some(("list", _)) => look::list(&look(terminal)?, terminal).await,
                Some(("show", inner)) => {
                    let Show { selecting, limit, .. } = read(inner)?;
                    look::show(&look(terminal)?, &selecting, limit, terminal).await
                }
                Some(("release", inner)) => decide::release(&read(inner)?, terminal).await,
                Some(("drop", inner)) => decide::drop_rows(&read(inner)?, terminal).await,
                Some(("log", inner)) => look::log(&House::look(&terminal.root)?, read::<Log>(inner)?.limit, terminal),
                _ => Err(hw_base::Error::bug("no part of `quarantine` was given")),
            }
        })
    }
}

fn look(terminal: &Terminal) -> Result<House> {
    House::look_in(&terminal.root, terminal.place.as_ref())
}

/// The tables of the project with rows in quarantine, and how many.
pub(crate) async fn waiting(house: &House) -> Result<Vec<(TableName, u64)>> {
    let mut waiting = Vec::new();
    for table in house.engine.tables()?.into_iter().filter(|table| house.project.has_in_quarantine(table)) {
        let rows = house.engine.table(&table, None).await?.and_then(|state| state.rows).unwrap_or_default();
        if rows > 0 {
            waiting.push((table, rows));
        }
    }
    Ok(waiting)
}
