//! Whether the tables of a warehouse are those that the ledger knows.
//!
//! The ledger tells what was loaded. Where a warehouse was put back from a backup or exchanged, or others have written to it, that is no
//! longer true of its tables: what is new would be added to rows that are not there, and nothing would ever bring the others.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use hw_base::{DatasetName, Error, Position, Result, RunRecord, SourceFile, StepOutcome, StepRecord, TableName, TableVersion, count};

use super::{Asking, Step, Work, dataset};
use crate::position::FILES;
use crate::project::Project;
use crate::selection::Selection;

/// What helps where no other ledger is to be had.
pub(crate) const BEGIN_ANEW: &str = "or move this ledger away, and keep it: the next run begins one, takes over the raw copies, \
     and builds the tables from these and what the sources have; history that they do not tell stays as it is (HW306)";

/// Commits that are looked at, the newest first.
const LOOKED_AT: usize = 100;

/// Refuses a plan with a step whose table is not the one that the ledger knows, or is that of another project, and one that would make a raw
/// copy anew without rows that it had, unless that was asked for.
///
/// # Errors
/// Where it is, with what to do about it.
pub(super) async fn check(project: &Project, asking: Asking<'_>, steps: &[Step], selection: &Selection) -> Result<()> {
    let writes = steps.iter().any(|step| step.decision.may_run());
    // Where nothing is written one table stands for all: a warehouse is exchanged as a whole.
    let mut is_known = false;
    let mut missing = Vec::new();
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
            None => missing.push(step),
            Some(None) => {}
        }
    }
    for step in missing {
        refuse_lost_files(project, asking, step, selection).await?;
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

/// Refuses to make a raw copy anew that is gone, and with it the rows of files that its source has no longer.
async fn refuse_lost_files(project: &Project, asking: Asking<'_>, step: &Step, selection: &Selection) -> Result<()> {
    let Work::Extract { dataset, files: Some(present), compared: false, .. } = &step.work else { return Ok(()) };
    let in_production = project.environment.as_ref().and_then(|environment| environment.in_production(&step.table));
    let Some(before) = asking.ledger.progress(&step.name)?.or_else(|| in_production.cloned()) else {
        return refuse_unknown_rows(project, asking, dataset, selection).await;
    };
    let Some(Position::Files(known)) = before.inputs.get(FILES) else { return Ok(()) };
    let names: BTreeSet<&str> = present.iter().map(|file| file.path.as_str()).collect();
    let has_another_name = |known: &SourceFile| {
        let mut alike = present.iter().filter(|file| known.digest.is_some() && file.bytes == known.bytes);
        alike.any(|file| asking.sources.digest(dataset, file) == known.digest)
    };
    let had_rows = |known: &SourceFile| known.bytes > 0 && !known.is_rowless;
    let is_gone = |known: &&SourceFile| had_rows(known) && !names.contains(known.path.as_str()) && !has_another_name(known);
    let mut gone: Vec<&SourceFile> = known.iter().filter(is_gone).collect();
    if !gone.is_empty() {
        let runs = asking.ledger.runs(usize::MAX)?;
        gone.retain(|file| !gave_no_row(file, &step.name, &runs));
    }
    let left = if selection.rebuild { not_named(project, asking, dataset, selection)? } else { vec![] };
    if selection.rebuild && left.is_empty() {
        return Ok(());
    }
    let lost = match &gone[..] {
        [] => return Ok(()),
        [one] => format!("of `{}`, which is", one.path),
        [first, .., last] => format!("of {} files, `{}` to `{}`, which are", count(gone.len() as u64), first.path, last.path),
    };
    let error = Error::user(format!("the raw copy of `{dataset}` is gone, and with it rows that its source has no longer"))
        .code("HW306")
        .because(format!("it had the rows {lost} not at the source any more"))
        .help(format!("put the folder `{}` of the warehouse back as it was, or the files that are missing at the source", step.name))
        .help(format!("to build the tables from the files that are left, without these rows: `{}`", rebuild(project, selection, &left)));
    Err(if left.is_empty() { error } else { error.because(format!("{} would lose them as well with the next run", in_words(&left))) })
}

/// Whether the batch that brought a file had no row at all. `runs` are all that there were, the newest first.
fn gave_no_row(file: &SourceFile, step: &str, runs: &[RunRecord]) -> bool {
    let is_it = |known: &SourceFile| (&known.path, known.bytes, &known.digest) == (&file.path, file.bytes, &file.digest);
    let has_it = |load: &&StepRecord| matches!(load.progress.inputs.get(FILES), Some(Position::Files(files)) if files.iter().any(is_it));
    let ended = |load: &&StepRecord| load.model == step && matches!(load.outcome, StepOutcome::Published | StepOutcome::Unchanged);
    let mut loads = runs.iter().rev().flat_map(|run| &run.steps).filter(ended);
    // What has another name since may first be known by it to a batch that did not read it.
    file.was.is_none() && loads.find(has_it).is_some_and(|load| load.rows_read == 0)
}

/// Refuses to make a raw copy anew that is gone together with the ledger, where tables are there that were built from it.
async fn refuse_unknown_rows(project: &Project, asking: Asking<'_>, dataset: &DatasetName, selection: &Selection) -> Result<()> {
    let mut built = Vec::new();
    for model in readers(project, asking, dataset) {
        let table = TableName::model(model);
        let (table, is_known) = match &project.environment {
            Some(environment) => (table.in_production(), environment.in_production(&table).is_some()),
            None => (table, asking.ledger.progress(model)?.is_some()),
        };
        let is_asked_for = selection.rebuild && selection.names(model);
        let may_lose = !is_known && !is_asked_for && asking.engine.has_table(&table)?;
        if may_lose && asking.engine.table(&table, None).await?.is_some_and(|table| table.rows != Some(0)) {
            built.push(model);
        }
    }
    if built.is_empty() {
        return Ok(());
    }
    let folder = TableName::raw(dataset);
    Err(Error::user(format!("the raw copy of `{dataset}` is gone, and with it the ledger that knew its files"))
        .code("HW306")
        .because(format!("{} may have rows of files that are not at the source any more", in_words(&built)))
        .help(format!("put the ledger back as it was, `.headworks/ledger.db`, or the folder `{folder}` of the warehouse"))
        .help(format!("to build the tables from the files that are there, and nothing else: `{}`", rebuild(project, selection, &built))))
}

/// The models that read a dataset.
fn readers<'a>(project: &'a Project, asking: Asking<'_>, dataset: &DatasetName) -> Vec<&'a str> {
    let models = project.models.iter().filter(|model| dataset::reads(model, asking.engine, dataset));
    models.map(|model| model.name.as_str()).collect()
}

/// Models with a table that was built from a dataset and that a rebuild by name leaves out: the next run would load what is left.
fn not_named<'a>(project: &'a Project, asking: Asking<'_>, dataset: &DatasetName, selection: &Selection) -> Result<Vec<&'a str>> {
    let mut left = Vec::new();
    for model in readers(project, asking, dataset).into_iter().filter(|model| !selection.names(model)) {
        if asking.engine.has_table(&TableName::model(model))? {
            left.push(model);
        }
    }
    Ok(left)
}

/// The command that builds the selected models anew, and others.
fn rebuild(project: &Project, selection: &Selection, others: &[&str]) -> String {
    let environment = project.environment.as_ref().map(|environment| format!("--env {}", environment.name));
    let chosen: Vec<String> =
        if selection.rebuild { selection.models.iter().map(|chosen| chosen.name().to_owned()).collect() } else { vec![] };
    let others = others.iter().filter(|_| !chosen.is_empty()).map(|model| (*model).to_owned());
    let words = ["headworks run".to_owned()].into_iter().chain(environment).chain(chosen.iter().cloned()).chain(others);
    words.chain(["--rebuild".to_owned()]).collect::<Vec<_>>().join(" ")
}

fn in_words(models: &[&str]) -> String {
    models.iter().map(|model| format!("`{model}`")).collect::<Vec<_>>().join(" and ")
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
