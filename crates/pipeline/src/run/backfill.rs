//! Building windows of a table: the partitions by time of a model that is loaded by `recompute`, each from all rows that its inputs have.
//!
//! A window that comes out as it was changes no version. The ledger remembers which windows were built from which state of the inputs, so
//! that a backfill that was broken off goes on where it stopped, and whether the table has only the windows that were asked for.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{Engine, Error, Position, Reader, Result, RunId, RunRecord, StagedBatch, StepOutcome, identifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::load::Batch;
use super::task::Task;
use super::{Ports, begun, carry_out_in_time, limit, review};
use crate::gaps::days_between;
use crate::graph::Graph;
use crate::plan::{Decision, Step, Work};
use crate::position::noted;
use crate::project::{Model, Project};
use crate::selection::{Selected, Selection};
use crate::settings::Load;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Backfill {
    /// These models; all that have windows where none is named. Of those that come with a named one, only what has windows.
    pub selection: Selection,
    /// The first day, such as `2025-01-01`.
    pub from: String,
    /// The last day.
    pub to: String,
}

/// What was built of a table by windows.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
struct Filled {
    /// The definition of the model.
    fingerprint: String,
    /// The state of the inputs.
    inputs: BTreeMap<String, Position>,
    /// The windows that were built from it.
    windows: BTreeSet<String>,
    /// Whether the table has no other windows than those that were asked for.
    is_partial: bool,
}

/// The models of a backfill, each after those that it reads and with its windows: the days on which they begin.
///
/// # Errors
/// HW705 for models without windows, all at once and with what to do instead.
pub fn targets(project: &Project, engine: &dyn Engine, asked: &Backfill) -> Result<Vec<(Selected, Vec<String>)>> {
    let is_named = |model: &Model| !asked.selection.models.is_empty() && asked.selection.names(&model.name);
    let meant = asked.selection.meant(project, &Graph::of(project, engine)?)?;
    let models = meant.into_iter().filter_map(|selected| Some((project.model(selected.name())?, selected)));
    let models: Vec<(&Model, Selected)> = models.filter(|(model, _)| is_named(model) || unit(model).is_ok()).collect();
    let (mut filled, mut errors) = (Vec::new(), Vec::new());
    let found_none = models.is_empty();
    for (model, selected) in models {
        match unit(model).and_then(|unit| days_between(unit, &asked.from, &asked.to)) {
            Ok(windows) => filled.push((selected, windows)),
            Err(error) => errors.push(error),
        }
    }
    match Error::all(errors) {
        Some(error) => Err(error),
        None if found_none => Err(Error::user("no model of this project has windows to fill").code("HW705").help(HAS_WINDOWS)),
        None => Ok(filled),
    }
}

/// The models that a backfill of all models leaves out although they are loaded by partitions.
pub fn left_out<'a>(project: &'a Project, asked: &Backfill) -> Vec<&'a str> {
    let has_no_windows = |model: &&Model| matches!(model.settings.load, Load::Recompute(_)) && unit(model).is_err();
    let models = project.models.iter().filter(|_| asked.selection.models.is_empty());
    models.filter(has_no_windows).map(|model| model.name.as_str()).collect()
}

const HAS_WINDOWS: &str = "a model has windows with `load: recompute` and `partition_by: month(column)`, or `year` or `day`";

/// The unit of the windows of a model.
fn unit(model: &Model) -> Result<&str> {
    let because = match &model.settings.load {
        Load::Recompute(_) => match model.settings.partition_by.sources()?[..] {
            [(Some(unit), _)] => return Ok(unit),
            _ => "its partitions are not made of time alone",
        },
        Load::Replace => "`replace` builds the table as a whole whenever an input changes",
        Load::Snapshot(_) => "`snapshot` keeps the deliveries in the order they came, whatever time their rows tell",
        Load::Append(_) | Load::Upsert(_) | Load::Scd1(_) | Load::Scd2(_) | Load::Scd3(_) => {
            "its rows are loaded as they arrive, however old they are, so no window of it can be missing"
        }
    };
    let error = Error::user(format!("`{}` has no windows to fill", model.name)).code("HW705").because(because);
    let rebuild = format!("`headworks run {}` loads what is new; with `--rebuild` it builds all of it from the raw copies", model.name);
    Err(error.help(rebuild).help(HAS_WINDOWS).moved_to(model.place(&["load"], 0)))
}

/// The windows of `step` that are still to be built: not those that a backfill has built from the present state of the inputs.
///
/// # Errors
/// HW705 where the table has to be built as a whole first.
pub fn windows_left(step: &Step, windows: &[String], ports: Ports<'_>) -> Result<Vec<String>> {
    let reason = match (&step.decision, &step.progress) {
        (Decision::Rebuild(reason) | Decision::Fail(reason), Some(_)) => Some(reason.as_str()),
        (_, None) if ports.engine.has_table(&step.table)? => Some("the ledger does not know its table"),
        _ => None,
    };
    if let Some(reason) = reason {
        let error = Error::user(format!("`{}` has to be built anew before windows of it are filled", step.name)).code("HW705");
        return Err(error.because(reason).help(format!("`headworks run {}` does it", step.name)));
    }
    let filled = filled(step, ports)?.filter(|filled| step.progress.is_some() && is_of(filled, step, ports).unwrap_or(false));
    let built = filled.map(|filled| filled.windows).unwrap_or_default();
    Ok(windows.iter().filter(|window| !built.contains(*window)).cloned().collect())
}

/// Builds windows of `step` as run `run`, in one commit.
///
/// # Errors
/// Where the ledger fails, or a step that took too long does not stop. A window that a rule blocks, or that fails, is recorded.
pub async fn fill(project: &Project, step: &Step, windows: &[String], run: RunId, ports: Ports<'_>) -> Result<(RunRecord, Vec<Error>)> {
    let mut record = begun(project, run, ports);
    ports.ledger.begin(&record)?;
    let progress = if ports.engine.has_table(&step.table)? { ports.ledger.progress(&step.name)? } else { None };
    let is_first = progress.is_none();
    let decision = Decision::Run("a backfill was asked for".into());
    let step = &Step { decision, progress, anew: false, ..step.clone() };
    let task = Task { project, step, run: &record.run.clone(), ports, is_repeated: false, windows: Some(windows), place: None };
    let (mut done, error) = match Box::pin(carry_out_in_time(task)).await {
        Ok(done) => (done, None),
        Err(halt) => halt.record(step),
    };
    if error.as_ref().is_some_and(limit::is_over) {
        limit::settle(project, &record.run, vec![&mut done], ports).await?;
    }
    ports.ledger.save_step(&record.run, &done)?;
    if matches!(done.outcome, StepOutcome::Published | StepOutcome::Unchanged) {
        note(step, windows, is_first, ports)?;
    }
    record.steps = vec![done];
    review::ended(&mut record, ports)?;
    ports.ledger.end(&record)?;
    Ok((record, error.into_iter().collect()))
}

/// Ends a run that was killed, of which nothing is to be continued.
///
/// # Errors
/// If the ledger fails.
pub fn close(mut record: RunRecord, ports: Ports<'_>) -> Result<()> {
    review::ended(&mut record, ports)?;
    ports.ledger.end(&record)
}

/// Whether a table has only the windows that backfills have built.
pub(crate) fn is_partial(model: &Model, ledger: &dyn hw_base::Ledger) -> Result<bool> {
    let filled = ledger.noted(&note_of(&model.name))?.and_then(|note| serde_json::from_value::<Filled>(note).ok());
    Ok(filled.is_some_and(|filled| filled.is_partial && filled.fingerprint == model.fingerprint))
}

/// Forgets that a table has only some windows, because all of it was built.
pub(super) fn forget(task: Task<'_>) -> Result<()> {
    let name = note_of(&task.step.name);
    match task.ports.ledger.noted(&name)? {
        Some(note) if !note.is_null() => task.ports.ledger.note(&name, &Json::Null),
        _ => Ok(()),
    }
}

/// Whether partitions came out as the table has them: windows of a backfill, or what a run builds of a table that backfills have filled, since
/// they may have built it from the same rows.
pub(super) async fn is_as_before(task: Task<'_>, batch: &Batch, staged: &StagedBatch) -> Result<bool> {
    let (Some(_), hw_base::LoadMode::Recompute { only }) = (staged.base, &batch.staging.mode) else { return Ok(false) };
    let keeps_quarantine = staged.quarantined.is_empty() && staged.corrected.is_empty();
    if task.windows.is_none() && !(keeps_quarantine && filled(task.step, task.ports)?.is_some()) {
        return Ok(false);
    }
    let engine = task.ports.engine;
    let partitions = batch.staging.partition_by.iter().map(|(name, _)| name.clone());
    let own = engine.columns(&batch.staging.reader).await?.into_iter().map(|column| column.name);
    let columns: BTreeSet<String> = own.chain(partitions).collect();
    let columns: Vec<String> = columns.iter().map(|name| identifier(name)).collect();
    let (columns, table) = (columns.join(", "), identifier(task.step.table.folder()));
    let counted = |rows: &str| format!("select {columns}, count(*) as _rows from {rows} group by {columns}");
    let (now, before) = (counted("staged"), counted(&format!("(select * from {table} where {only}) as present")));
    let sql = format!("select 1 from (({now} except {before}) union all ({before} except {now})) as differing");
    let differing = engine.query_staged(staged, &Reader { sql, inputs: vec![], file: None }, 1).await?;
    Ok(differing.rows.is_empty())
}

fn note_of(model: &str) -> String {
    format!("windows of {model}")
}

fn filled(step: &Step, ports: Ports<'_>) -> Result<Option<Filled>> {
    Ok(ports.ledger.noted(&note_of(&step.name))?.and_then(|note| serde_json::from_value(note).ok()))
}

/// Whether windows were built by the present definition from the present state of the inputs.
fn is_of(filled: &Filled, step: &Step, ports: Ports<'_>) -> Result<bool> {
    Ok(filled.fingerprint == step.fingerprint && filled.inputs == state_of_inputs(step, ports)?)
}

fn state_of_inputs(step: &Step, ports: Ports<'_>) -> Result<BTreeMap<String, Position>> {
    let Work::Build { reads, .. } = &step.work else { return Ok(BTreeMap::new()) };
    let standing = ports.ledger.all_progress()?;
    Ok(reads.iter().flat_map(|read| noted(&read.step, &read.table, standing.get(&read.step))).collect())
}

/// Notes down windows that were built.
fn note(step: &Step, windows: &[String], is_first: bool, ports: Ports<'_>) -> Result<()> {
    let known = filled(step, ports)?.filter(|known| known.fingerprint == step.fingerprint).unwrap_or_default();
    let is_partial = is_first || known.is_partial;
    let inputs = state_of_inputs(step, ports)?;
    let kept = if known.inputs == inputs { known.windows } else { BTreeSet::new() };
    let windows = kept.into_iter().chain(windows.iter().cloned()).collect();
    ports.ledger.note(&note_of(&step.name), &json!(Filled { fingerprint: step.fingerprint.clone(), inputs, windows, is_partial }))
}
