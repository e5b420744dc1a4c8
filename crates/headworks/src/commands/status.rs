//! `headworks status`: the last runs and where the objectives stand, or the versions of a table.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Engine, Ledger, Result, TableName};
use serde_json::json;

use super::quarantine::waiting;
use super::{Command, Common, InEnvironment, at_least_one, described, read};
use crate::house::House;
use crate::machine::SystemClock;
use crate::place::is_going_on;
use crate::terminal::{Format, Terminal};
use crate::{objectives, report};

/// The command.
pub(crate) struct Status;

#[derive(Args)]
struct Arguments {
    /// Show the versions of this table instead of the runs
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Show what is missing: input that steps have not loaded, and partitions by time without a row
    #[arg(long, conflicts_with = "table")]
    gaps: bool,
    /// How many to show
    #[arg(long, default_value_t = 10, value_parser = at_least_one, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

impl Command for Status {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "status",
            "Show the last runs, objectives, gaps, or the versions of a table",
            "Examples:\n  headworks status\n  headworks status --table fact_orders\n  headworks status --gaps\n  headworks status --limit 1 --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::look_in(&terminal.root, terminal.place.as_ref())?;
            if arguments.gaps {
                return gaps(&house, terminal).await;
            }
            match &arguments.table {
                Some(name) => versions(&house, name, arguments.limit, terminal).await,
                None => runs(&house, arguments.limit, terminal).await,
            }
        })
    }
}

async fn runs(house: &House, limit: usize, terminal: &Terminal) -> Result<u8> {
    let runs = house.ledger.runs(limit)?;
    let statuses = match terminal.place {
        // What is promised is promised of production.
        Some(_) => vec![],
        None => objectives::statuses(&house.project, &house.ledger, SystemClock.now())?,
    };
    let waits = waiting(house).await?;
    let is_going_on = is_going_on(&terminal.root, terminal.place.as_ref())?;
    if terminal.format == Format::Json {
        let runs: Vec<_> = runs.iter().map(report::json::run_record).collect();
        let waiting = report::json::waiting(&waits);
        terminal.json(&json!({ "schema_version": "1", "running": is_going_on, "runs": runs, "slo": statuses, "waiting": waiting }))?;
        return Ok(0);
    }
    if runs.is_empty() {
        terminal.line("no run yet; `headworks run` makes the first");
        return Ok(0);
    }
    let lines = match terminal.format {
        Format::Markdown => report::markdown::runs(&runs, is_going_on),
        Format::Text | Format::Json => report::runs_lines(&runs, is_going_on, terminal),
    };
    terminal.lines(lines);
    if !statuses.is_empty() {
        terminal.line("");
        terminal.table(&objectives::rows(&statuses), &[3, 4]);
    }
    terminal.lines(report::waiting_line(&waits, terminal));
    Ok(0)
}

async fn gaps(house: &House, terminal: &Terminal) -> Result<u8> {
    let gaps = hw_pipeline::gaps(&house.project, house.asking()).await?;
    match terminal.format {
        Format::Json => terminal.json(&serde_json::to_value(&gaps).unwrap_or_default())?,
        Format::Text | Format::Markdown => terminal.lines(report::gaps::lines(&gaps)),
    }
    Ok(0)
}

async fn versions(house: &House, name: &str, limit: usize, terminal: &Terminal) -> Result<u8> {
    let name = TableName::named(name);
    let versions = house.engine.versions(&name, limit).await?;
    if versions.is_empty() {
        return Err(house.no_table(&name));
    }
    if terminal.format == Format::Json {
        terminal.json(&json!({ "schema_version": "1", "table": name, "versions": versions }))?;
        return Ok(0);
    }
    let mut rows = vec![["version", "made", "by", "run"].map(str::to_owned).to_vec()];
    rows.extend(versions.iter().map(|version| {
        let run = version.run.clone().unwrap_or_default();
        vec![version.version.to_string(), version.at.map(report::moment).unwrap_or_default(), version.operation.to_lowercase(), run]
    }));
    terminal.table(&rows, &[0]);
    Ok(0)
}
