//! `headworks sql`: queries the warehouse and the sources.

use std::path::Path;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Input, Result, Rows};
use hw_engine::LiveTables;
use hw_pipeline::EngineSettings;

use super::{Command, Common, InEnvironment, at_least_one, described, read};
use crate::house::{self, House};
use crate::naming;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Sql;

#[derive(Args)]
struct Arguments {
    /// One SELECT. Tables by name, raw copies as `source.dataset`, rejected rows as `quarantine.TABLE`, the rows that the next
    /// run would load as `preview.MODEL` and `preview.source.dataset`, files as `'orders.csv'`, their
    /// tables and sheets as `'shop.db#orders'`
    query: String,
    /// Files under names of their own in the query, as `NAME=FILE`
    #[arg(long = "with", value_name = "NAME=FILE")]
    named: Vec<String>,
    /// The most rows to print
    #[arg(long, default_value_t = 50, value_parser = at_least_one, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

impl Command for Sql {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "sql",
            "Query the warehouse, the sources and files",
            "Examples:\n  headworks sql \"select count(*) from fact_orders\"\n  headworks sql \"select * from quarantine.fact_orders\" --limit 5\n  headworks sql \"select status, count(*) as orders from 'orders.csv' group by status\" --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            terminal.busy("querying");
            let rows = if terminal.root.join(hw_config::PROJECT_FILE).exists() {
                let house = House::look_in(&terminal.root, terminal.place.as_ref())?;
                let named = inputs(&arguments, house.engine.live(), &terminal.root).await?;
                house.engine.query(&house.reader_with(&arguments.query, named).await?, arguments.limit).await?
            } else {
                files_only(&arguments, &terminal.root).await?
            };
            show(&rows, terminal)
        })
    }
}

/// What the names stand for that the command line gives.
async fn inputs(arguments: &Arguments, live: &LiveTables, root: &Path) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    naming::bind_named(root, &arguments.named, live, &mut inputs).await?;
    Ok(inputs)
}

/// The rows of a query where there is no project: it may read files.
async fn files_only(arguments: &Arguments, root: &Path) -> Result<Rows> {
    let engine = house::temporary_engine(&EngineSettings::default())?;
    let named = inputs(arguments, engine.live(), root).await?;
    engine.query(&naming::reader_of_files(root, &arguments.query, &engine, named).await?, arguments.limit).await
}

fn show(rows: &Rows, terminal: &Terminal) -> Result<u8> {
    match terminal.format {
        Format::Json => terminal.line(report::json::rows(rows)?),
        Format::Markdown => terminal.lines(report::markdown::rows(rows)),
        Format::Text => terminal.lines(report::rows_lines(rows)),
    }
    if rows.is_cut && terminal.format != Format::Text {
        terminal.say(report::cut_note(rows.rows.len() as u64));
    }
    Ok(0)
}
