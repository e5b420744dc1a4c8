//! `headworks sql`: queries the warehouse and the sources.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Reader, Result, Rows};
use hw_engine::LocalEngine;
use hw_pipeline::EngineSettings;

use super::{Command, Common, InEnvironment, at_least_one, described, read};
use crate::house::{self, House};
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
            let root = &terminal.root;
            if root.join(hw_config::PROJECT_FILE).exists() {
                let house = House::look_in(root, terminal.place.as_ref())?;
                let reader = house.reader(&arguments.query).await?;
                return answer(&house.engine, &reader, arguments.limit, terminal).await;
            }
            let engine = house::temporary_engine(&EngineSettings::default())?;
            let reader = house::reader_of_files(root, &arguments.query, &engine).await?;
            answer(&engine, &reader, arguments.limit, terminal).await
        })
    }
}

/// Prints the rows of a query, and where records are missing among them.
async fn answer(engine: &LocalEngine, reader: &Reader, limit: usize, terminal: &Terminal) -> Result<u8> {
    let rows = engine.query(reader, limit).await?;
    let code = show(&rows, terminal)?;
    for file in hw_connect::left_out(engine.live(), &reader.inputs) {
        terminal.beside(format!("records of `{file}` cannot be read as rows and are left out; `headworks assess` of the file counts them"));
    }
    Ok(code)
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
