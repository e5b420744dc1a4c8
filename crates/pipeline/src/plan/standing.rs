//! Whether the tables of a warehouse are those that the ledger knows.
//!
//! The ledger tells what was loaded. Where a warehouse was put back from a backup or exchanged, or others have written to it, that is no
//! longer true of its tables: what is new would be added to rows that are not there, and nothing would ever bring the others.

use std::cmp::Ordering;

use hw_base::{Error, Result, TableName, TableVersion};

use super::{Asking, Step, Work};
use crate::project::Project;

/// What helps where no other ledger is to be had.
pub(crate) const BEGIN_ANEW: &str = "or move this ledger away, and keep it: the next run begins one, takes over the raw copies, \
     and builds the tables from these and what the sources have; history that they do not tell stays as it is (HW306)";

/// Commits that are looked at, the newest first.
const LOOKED_AT: usize = 100;

/// Refuses a plan with a step whose table is not the one that the ledger knows, or is that of another project.
///
/// # Errors
/// Where it is, with what to do about it.
pub(super) async fn check(project: &Project, asking: Asking<'_>, steps: &[Step]) -> Result<()> {
    let writes = steps.iter().any(|step| step.decision.may_run());
    // Where nothing is written one table stands for all: a warehouse is exchanged as a whole.
    let mut is_known = false;
    for step in steps.iter().filter(|step| is_in_warehouse(step)) {
        let table = &step.table;
        match step.progress.as_ref().map(|progress| progress.version) {
            Some(Some(known)) => match asking.engine.standing(table, known)? {
                Some(Ordering::Less) => refuse_older(asking, table, known).await?,
                Some(Ordering::Greater) => refuse_unknown_runs(asking, table, known).await?,
                Some(Ordering::Equal) if writes || !is_known => is_known |= is_as_recorded(asking, step, known).await?,
                Some(Ordering::Equal) | None => {}
            },
            None if asking.engine.has_table(table)? => refuse_other_project(project, asking, table).await?,
            Some(None) | None => {}
        }
    }
    Ok(())
}

fn is_in_warehouse(step: &Step) -> bool {
    matches!(step.work, Work::Extract { .. } | Work::Build { .. })
}

/// Refuses a table that lacks versions of which the ledger knows.
async fn refuse_older(asking: Asking<'_>, table: &TableName, known: i64) -> Result<()> {
    let newest = asking.engine.table(table, None).await?.map_or(0, |table| table.version);
    if newest >= known {
        return refuse_unknown_runs(asking, table, known).await;
    }
    Err(Error::user(format!("the table `{table}` is older than the ledger"))
        .code("HW702")
        .because(format!("its newest version is {newest}, the ledger knows version {known}: rows that it counts as loaded are not there"))
        .help("if the warehouse was put back from a backup: put back the ledger of the same time, `.headworks/ledger.db`, as well")
        .help(BEGIN_ANEW))
}

/// Refuses a table with versions that a run has made of which the ledger knows nothing.
async fn refuse_unknown_runs(asking: Asking<'_>, table: &TableName, known: i64) -> Result<()> {
    let versions = asking.engine.versions(table, LOOKED_AT).await?;
    let newer: Vec<&TableVersion> = versions.iter().filter(|version| version.version > known && version.run.is_some()).collect();
    if newer.is_empty() {
        return Ok(());
    }
    let runs = asking.ledger.runs(usize::MAX)?;
    let is_unknown = |version: &&&TableVersion| runs.iter().all(|run| version.run.as_ref() != Some(&run.run.0));
    let Some(unknown) = newer.iter().find(is_unknown) else { return Ok(()) };
    let by = unknown.project.as_ref().map(|project| format!(" of the project `{project}`")).unwrap_or_default();
    Err(Error::user(format!("the ledger is older than the table `{table}`"))
        .code("HW702")
        .because(format!(
            "the run {}{by} has written version {}, and this ledger, which knows version {known}, knows no such run",
            unknown.run.as_deref().unwrap_or_default(),
            unknown.version
        ))
        .help("if another machine, project or copy of the project has run: let one of them alone write to a warehouse, with the ledger that knows all runs")
        .help("if the ledger was put back from a backup: put the newer one back")
        .help(BEGIN_ANEW))
}

/// Whether the version of a table that the ledger recorded is the one with this number; false where nobody can tell.
///
/// # Errors
/// HW702 where it is another one.
async fn is_as_recorded(asking: Asking<'_>, step: &Step, known: i64) -> Result<bool> {
    let table = &step.table;
    let Some(writer) = asking.engine.writer(table, known).await? else { return Ok(false) };
    let Some(recorded) = asking.ledger.publisher(&step.name, known)? else { return Ok(false) };
    if recorded.0 == writer {
        return Ok(true);
    }
    Err(Error::user(format!("the table `{table}` is not the one that the ledger knows"))
        .code("HW702")
        .because(format!(
            "its version {known} was written by the run {writer}, that which the ledger knows by the run {recorded}: rows that it counts as loaded may not be there"
        ))
        .help("if the warehouse was exchanged or put back from a backup: put back the ledger that belongs to it, `.headworks/ledger.db`, or the warehouse that belongs to this ledger")
        .help(BEGIN_ANEW))
}

/// Refuses a table that this ledger does not know and another project has written.
async fn refuse_other_project(project: &Project, asking: Asking<'_>, table: &TableName) -> Result<()> {
    let own = &project.settings.project;
    let versions = asking.engine.versions(table, LOOKED_AT).await?;
    let writer = versions.iter().find_map(|version| version.project.as_ref());
    let Some(other) = writer.filter(|writer| *writer != own) else { return Ok(()) };
    Err(Error::user(format!("the table `{table}` is one of the project `{other}`"))
        .code("HW702")
        .because(format!("it has written its rows, and the ledger of the project `{own}` does not know the table"))
        .help("one project alone writes to a warehouse: give this one a `warehouse:` of its own")
        .help(format!(
            "if this project takes the place of that one: write `project: {other}`, as it was, or remove the table's folder first"
        )))
}
