//! `headworks sql`: queries the warehouse and the sources.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Result};

use super::{Command, Common, read};
use crate::house::House;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Sql;

#[derive(Args)]
struct Arguments {
    /// One SELECT. Tables by name, raw copies as `source.dataset`, rejected rows as `quarantine.TABLE`, the rows that a model
    /// would load as `preview.MODEL`
    query: String,
    /// The most rows to print
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

impl Command for Sql {
    fn arguments(&self) -> Clap {
        Arguments::augment_args(Clap::new("sql").about("Query the warehouse and the sources"))
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::open(&terminal.root)?;
            let reader = house.reader(&arguments.query).await?;
            terminal.busy("querying");
            let rows = house.engine.query(&reader, arguments.limit).await?;
            match terminal.format {
                Format::Json => terminal.json(&report::rows_json(&rows))?,
                Format::Text | Format::Markdown => report::rows_lines(&rows).iter().for_each(|line| terminal.line(line)),
            }
            Ok(0)
        })
    }
}
