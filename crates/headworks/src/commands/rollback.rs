//! `headworks rollback`: makes an earlier version of a table the newest.

use std::collections::BTreeMap;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{
    BoxFuture, Clock, Engine, Error, Ledger, Progress, Result, RunOutcome, RunRecord, StepCommit, StepOutcome, StepRecord, TableName,
    plural,
};
use hw_ledger::RunLock;
use hw_pipeline::rolled_back;
use serde_json::json;

use super::{Command, Common, described, read};
use crate::house::House;
use crate::machine::{self, SystemClock};
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Rollback;

#[derive(Args)]
struct Arguments {
    /// The table
    table: String,
    /// The version to go back to; the one before the newest where it is not given
    #[arg(long, value_name = "VERSION", allow_negative_numbers = true)]
    to: Option<i64>,
    #[command(flatten)]
    common: Common,
}

impl Command for Rollback {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "rollback",
            "Make an earlier version of a table the newest, as a new commit",
            "Examples:\n  headworks rollback fact_orders\n  headworks rollback fact_orders --to 3",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::open(&terminal.root)?;
            roll_back(&house, &TableName::named(&arguments.table), arguments.to, terminal).await
        })
    }
}

async fn roll_back(house: &House, table: &TableName, to: Option<i64>, terminal: &Terminal) -> Result<u8> {
    let now = SystemClock.now();
    let run = machine::next_run_id(now);
    let _lock = RunLock::take(house.state(), &run)?;
    if let Some(unfinished) = house.ledger.unfinished()? {
        return Err(Error::user(format!("run {} was interrupted and may have published a part of its tables", unfinished.run))
            .code("HW703")
            .help("`headworks run` continues it; then roll back"));
    }
    let Some(state) = house.engine.table(table, None).await? else {
        return Err(house.no_table(table));
    };
    let to = earlier_version(table, state.version, to)?;
    let version = house.engine.roll_back(table, to, &json!({ "to": to, "run": run })).await?;
    let after = house.engine.table(table, None).await?;
    remember(house, &run, table, (to, version)).await?;
    let rows = after.and_then(|state| state.rows);
    match terminal.format {
        Format::Json => {
            terminal.json(&json!({ "schema_version": "1", "table": table, "restored": to, "version": version, "rows": rows }))?;
        }
        Format::Text | Format::Markdown => {
            terminal.line(format!(
                "`{table}` shows version {to} again, as version {version}: {}",
                rows.map_or_else(|| "? rows".into(), |rows| plural(rows, "row"))
            ));
            terminal.line("the next run keeps it as it is until one of its inputs changes; tables that read it are loaded again");
        }
    }
    Ok(0)
}

/// The version to go back to from `newest`: the one that is asked for, else the one before.
///
/// # Errors
/// HW503 where there is no such earlier version.
fn earlier_version(table: &TableName, newest: i64, asked: Option<i64>) -> Result<i64> {
    if newest == 0 {
        return Err(Error::user(format!("`{table}` has one version only, so there is none to go back to"))
            .code("HW503")
            .help("every run that changes the table adds a version"));
    }
    let to = asked.unwrap_or(newest - 1);
    if to < 0 || to >= newest {
        return Err(Error::user(format!("`{table}` has no earlier version {to}; the newest is {newest}"))
            .code("HW503")
            .help(format!("`headworks status --table {table}` lists the versions")));
    }
    Ok(to)
}

/// The table has a new version now; whoever reads it has to know.
async fn remember(house: &House, run: &hw_base::RunId, table: &TableName, (to, version): (i64, i64)) -> Result<()> {
    let Some(progress) = house.ledger.progress(table.folder())? else { return Ok(()) };
    let progress = rolled_back(&house.engine, table, Progress { version: Some(version), ..progress }).await?;
    let now = SystemClock.now();
    let step = StepRecord {
        outcome: StepOutcome::Published,
        commit: Some(StepCommit { table: table.folder().to_owned(), version }),
        ..StepRecord::started(table.folder(), "rollback", format!("version {to}"), progress)
    };
    let mut record = RunRecord {
        run: run.clone(),
        project: house.project.settings.project.clone(),
        started: now,
        ended: None,
        outcome: None,
        steps: vec![],
        version_group: BTreeMap::new(),
    };
    house.ledger.begin(&record)?;
    house.ledger.save_step(run, &step)?;
    record.steps.push(step);
    record.ended = Some(now);
    record.outcome = Some(RunOutcome::Succeeded);
    record.version_group =
        house.ledger.all_progress()?.into_iter().filter_map(|(name, progress)| Some((name, progress.version?))).collect();
    house.ledger.end(&record)
}
