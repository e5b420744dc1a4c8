//! `headworks sql`: queries the warehouse and the sources.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Reader, Result, Rows};
use hw_connect::Snapshots;
use hw_engine::{LiveTables, LocalEngine};
use hw_pipeline::EngineSettings;

use super::{Command, InEnvironment, at_least_one, described, read};
use crate::house::{self, House};
use crate::naming::{self, Named};
use crate::report;
use crate::terminal::Terminal;

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
    /// The folder of the project
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    project: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Output,
}

/// How the rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: a list of objects.
    Json,
    /// For tickets and reviews.
    Markdown,
    /// For spreadsheets and other programs.
    Csv,
}

impl Command for Sql {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "sql",
            "Query the warehouse, the sources and files",
            "Examples:\n  headworks sql \"select count(*) from fact_orders\"\n  headworks sql \"select * from quarantine.fact_orders\" --limit 5\n  headworks sql \"select status, count(*) as orders from 'orders.csv' group by status\" --format csv",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            terminal.busy("querying");
            let root = &terminal.root;
            if root.join(hw_config::PROJECT_FILE).exists() {
                let house = House::look_in(root, terminal.place.as_ref())?;
                let named = named(&arguments, house.engine.live(), root).await?;
                let reader = house.reader_with(&arguments.query, named).await?;
                return answer(&house.engine, &reader, &arguments, terminal).await;
            }
            let engine = house::temporary_engine(&EngineSettings::default())?;
            let named = named(&arguments, engine.live(), root).await?;
            let reader = naming::reader_of_files(root, &arguments.query, &engine, named).await?;
            answer(&engine, &reader, &arguments, terminal).await
        })
    }
}

/// What the names stand for that the command line gives.
async fn named(arguments: &Arguments, live: &LiveTables, root: &Path) -> Result<Named> {
    let mut inputs = Vec::new();
    let names = naming::bind_named(root, &arguments.named, live, &mut inputs).await?;
    Ok(Named { inputs, names })
}

/// Prints the rows of a query, and where records are missing among them.
async fn answer(engine: &LocalEngine, reader: &Reader, arguments: &Arguments, terminal: &Terminal) -> Result<u8> {
    let snapshots = Snapshots::default();
    snapshots.share(engine.live(), &reader.inputs);
    let rows = engine.query(reader, arguments.limit).await;
    for told in snapshots.let_go().await {
        terminal.beside(told);
    }
    let rows = rows?;
    let code = show(&rows, arguments.format, terminal)?;
    for guess in hw_connect::guesses(engine.live(), &reader.inputs) {
        terminal.beside(guess);
    }
    for left_out in hw_connect::left_out(engine.live(), &reader.inputs) {
        terminal.beside(report::records::left_out(&left_out));
    }
    Ok(code)
}

fn show(rows: &Rows, format: Output, terminal: &Terminal) -> Result<u8> {
    match format {
        Output::Json => terminal.line(report::json::rows(rows)?),
        Output::Markdown => terminal.lines(report::markdown::rows(rows)),
        Output::Csv => terminal.lines(report::csv::rows(rows)),
        Output::Text => terminal.lines(report::rows_lines(rows)),
    }
    if rows.is_cut && format != Output::Text {
        terminal.beside(report::cut_note(rows.rows.len() as u64));
    }
    Ok(0)
}
