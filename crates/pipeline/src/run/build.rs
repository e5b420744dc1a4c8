//! What a step is about to load into the table of a model.

use std::collections::BTreeMap;

use hw_base::{Column, Input, LoadMode, Position, Progress, Reader, Result, Staging, TableState};

use super::Ports;
use super::by_batch;
use super::deliveries::Deliveries;
use super::kept::{self, RawCopy};
use super::load::Batch;
use super::orphans::{self, Change, Orphans};
use super::task::Task;
use super::touched::{Touched, Touching};
use crate::fit::{self, ColumnChanges};
use crate::members;
use crate::plan::{Decision, Extent, Parent, ReadFrom, Work};
use crate::position::{TAKEN_OUT, batch_read, last_copy, noted};
use crate::project::Model;
use crate::settings::{Load, PartitionBy, Recompute, Snapshot};
use crate::versions;

/// Prepares the batch of a model; `None` where no input changed.
pub(super) async fn prepare(task: Task<'_>) -> Result<Option<Batch>> {
    let Task { step, ports, .. } = task;
    let Work::Build { sql, file, settings, partition_by, later_by, reads, parents, .. } = &step.work else { return Ok(None) };
    let needed: Vec<&ReadFrom> = reads.iter().chain(parents.iter().map(|parent| &parent.read)).collect();
    let standing = standing(&needed, ports)?;
    let inputs = positions(&needed, &standing);
    let is_needed = task.windows.is_some()
        || matches!(step.decision, Decision::Rebuild(_))
        || step.progress.as_ref().is_none_or(|before| before.inputs != inputs);
    if !is_needed {
        return Ok(None);
    }
    let table = task.table().await?;
    let window = task.next_window(table.as_ref())?;
    let reads_changes = matches!(settings, Load::Replace | Load::Recompute(_));
    let change = match &step.progress {
        Some(before) if !step.anew => {
            Orphans { task, parents, before, standing: &standing }.change(&settings.mode(later_by.clone())?).await?
        }
        _ => Change::None,
    };
    let anew = step.anew || matches!(change, Change::Rebuild(_)) || (!reads_changes && lost_rows(step.progress.as_ref(), reads, &standing));
    let before = step.progress.as_ref().filter(|_| !anew);
    let mut bound = bound(reads, before.filter(|_| *settings != Load::Replace), &standing, ports).await?;
    for Parent { read, .. } in parents {
        bound.extend(orphans::present(task, read, standing.get(&read.step)).await?);
    }
    let Some(model) = task.project.model(&step.name) else { return Ok(None) };
    let mut reader = Reader { sql: sql.clone(), inputs: bound, file: Some(file.clone()) };
    let columns = ports.engine.columns(&reader).await?;
    fit::check(model, &reader, &columns, ports.engine).await?;
    if before.is_none() {
        let raw_copies = standing.iter().map(|(name, at)| (name.as_str(), RawCopy::At(at))).collect();
        kept::lost_history(task.project, step, &raw_copies, ports.engine).await?.map_or(Ok(()), Err)?;
    }
    // What goes on keeps the columns that the table has.
    if before.is_none() || *settings == Load::Replace {
        lose_no_columns(task, model, table.as_ref(), &columns).await?;
    }
    let naming = members::query(model);
    let named = naming.as_ref().map(|query| query.name().to_owned());
    reader.inputs.extend(naming);
    let by = &model.settings.partition_by;
    let loading = Loading { task, reader: &reader, columns: &columns, partition_by: by, before, standing: &standing };
    let Rows { reader, mode, is_rebuild, window: touched } = loading.rows(settings, later_by.clone(), reads).await?;
    let retries = change == Change::Return && !is_rebuild;
    let staging = Staging { mode, partition_by: partition_by.clone(), is_rebuild, retries, members: named, ..task.staging(window, reader) };
    // Windows that are filled leave the others as they are, so the model still has to go on from where it stands.
    let before = step.progress.as_ref().filter(|_| task.windows.is_some());
    let inputs = before.map_or(inputs, |before| before.inputs.clone());
    let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
    let (window, rows_let_in) = match change {
        Change::None => (touched, 0),
        Change::Return => (Some(format!("{}; rows that waited", step.window)), 0),
        Change::Rebuild(rows) => (Some("all rows".into()), rows),
    };
    let columns = (staging.reader.sql == *sql).then_some(columns);
    Ok(Some(Batch { staging, progress, delivery: None, is_trial: false, window, columns, uneven_columns: vec![], rows_let_in }))
}

/// What a step reads, as far as its rows are new since `before`.
async fn bound(
    reads: &[ReadFrom],
    before: Option<&Progress>,
    standing: &BTreeMap<String, Progress>,
    ports: Ports<'_>,
) -> Result<Vec<Input>> {
    let mut bound = Vec::with_capacity(reads.len());
    for read in reads {
        let at = standing.get(&read.step);
        match read.extent {
            Extent::Newest => bound.extend(versions::newest(ports.engine, ports.ledger, &read.name, &read.table, at).await?),
            _ => bound.push(bind(before, read, at)),
        }
    }
    Ok(bound)
}

/// Refuses to take columns away that a table has, unless that was asked for. In an environment nobody reads it yet; what promoting it would
/// take away is told.
async fn lose_no_columns(task: Task<'_>, model: &Model, table: Option<&TableState>, columns: &[Column]) -> Result<()> {
    let Task { project, step, ports, .. } = task;
    let is_other = step.progress.as_ref().is_none_or(|progress| progress.fingerprint != step.fingerprint);
    if let Some(environment) = project.environment.as_ref().filter(|_| is_other) {
        let production = ports.engine.table(&step.table.in_production(), None).await?;
        let built = fit::columns_of_table(step, columns);
        let changes = production.map(|production| ColumnChanges::of_promotion(&production, &built, true)).unwrap_or_default();
        if let Some(lost) = changes.lost_in_words() {
            let asked = format!("`headworks promote {} --rebuild`", environment.name);
            ports.narrator.note(&format!("columns of {} that production has: {lost}; {asked} would take them away there", step.name));
        }
    }
    let Some(table) = table.filter(|_| fit::guards_columns(project, step)) else { return Ok(()) };
    ColumnChanges::of(step, table, columns).refusal(model, ports.ledger, None).map_or(Ok(()), Err)
}

/// Where the steps stand whose tables are read.
fn standing(reads: &[&ReadFrom], ports: Ports<'_>) -> Result<BTreeMap<String, Progress>> {
    let mut standing = BTreeMap::new();
    for read in reads {
        standing.extend(ports.ledger.progress(&read.step)?.map(|at| (read.step.clone(), at)));
    }
    Ok(standing)
}

/// How far these inputs can be read.
fn positions(reads: &[&ReadFrom], standing: &BTreeMap<String, Progress>) -> BTreeMap<String, Position> {
    reads.iter().flat_map(|read| noted(&read.step, &read.table, standing.get(&read.step))).collect()
}

/// What a load makes of the rows of the SELECT.
struct Rows {
    reader: Reader,
    mode: LoadMode,
    is_rebuild: bool,
    /// The window in words, where it is known better than when the run was planned.
    window: Option<String>,
}

/// A SELECT that is about to be loaded.
struct Loading<'a> {
    task: Task<'a>,
    /// The SELECT, with its names bound.
    reader: &'a Reader,
    /// The columns that it returns.
    columns: &'a [Column],
    /// How the table is partitioned.
    partition_by: &'a PartitionBy,
    /// Where the model stands; `None` where it is built anew.
    before: Option<&'a Progress>,
    /// Where the steps stand whose tables it reads.
    standing: &'a BTreeMap<String, Progress>,
}

impl Loading<'_> {
    async fn rows(&self, settings: &Load, later_by: Option<String>, reads: &[ReadFrom]) -> Result<Rows> {
        let mode = settings.mode(later_by)?;
        let whole = Rows { reader: self.reader.clone(), mode, is_rebuild: self.before.is_none(), window: None };
        match (settings, reads) {
            (Load::Snapshot(snapshot), [read]) => Ok(Rows { reader: self.changes(snapshot, read).await?, ..whole }),
            (Load::Append(append), _) if append.key.is_empty() => {
                let apart = by_batch::apart(self.task.ports.engine, self.reader, reads, self.columns).await?;
                Ok(Rows { reader: apart.unwrap_or(whole.reader), ..whole })
            }
            (Load::Recompute(recompute), _) if self.before.is_some() || self.task.windows.is_some() => {
                let partition_by = self.partition_by;
                let touched = self.touched(recompute, reads).await?;
                let window = Some(touched.in_words());
                Ok(match touched.only(partition_by, self.columns)? {
                    None => Rows { is_rebuild: true, window, ..whole },
                    Some(only) => Rows {
                        is_rebuild: false,
                        reader: Reader { sql: only.restrict(&self.reader.sql), ..self.reader.clone() },
                        mode: LoadMode::Recompute { only: only.of_partitions },
                        window,
                    },
                })
            }
            _ => Ok(whole),
        }
    }

    /// The partitions to build: those that were asked for, or that changed rows belong to.
    async fn touched(&self, recompute: &Recompute, reads: &[ReadFrom]) -> Result<Touched> {
        let Ports { engine, ledger, .. } = self.task.ports;
        match (self.task.windows, self.before) {
            (Some(windows), _) => Ok(Touched::windows(windows)),
            (None, None) => Ok(Touched::All("the table is built anew".into())),
            (None, Some(before)) => {
                let (partition_by, standing) = (self.partition_by, self.standing);
                Touching { engine, ledger, recompute, reads, partition_by, before, standing }.partitions(self.reader).await
            }
        }
    }

    /// What changed in the deliveries of a dataset.
    async fn changes(&self, settings: &Snapshot, read: &ReadFrom) -> Result<Reader> {
        let newest = self.standing.get(&read.step).map(|at| at.window).unwrap_or_default();
        let deliveries = Deliveries { engine: self.task.ports.engine, select: self.reader, read, before: self.before, newest };
        deliveries.changes(settings, self.columns).await
    }
}

/// Whether a raw copy took rows out, or wrote them anew in wider types, since the step read it last.
fn lost_rows(before: Option<&Progress>, reads: &[ReadFrom], standing: &BTreeMap<String, Progress>) -> bool {
    let batch = |progress: Option<&Progress>, name: &str| match progress.and_then(|progress| progress.inputs.get(name)) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => None,
    };
    reads.iter().any(|read| batch(before, &read.step).is_some_and(|known| batch(standing.get(&read.step), TAKEN_OUT) > Some(known)))
}

/// What a name in the SELECT stands for in this run: `before` is where the model stands, if it goes on from there, `at` where the input
/// does.
fn bind(before: Option<&Progress>, read: &ReadFrom, at: Option<&Progress>) -> Input {
    let read_before = before.and_then(|before| batch_read(&read.step, before));
    let is_raw = read.table.is_raw();
    let newest = at.filter(|_| is_raw).map(|at| at.window);
    Input::Table {
        name: read.name.clone(),
        table: read.table.clone(),
        version: at.filter(|_| !is_raw).and_then(|at| at.version),
        after_batch: match read.extent {
            Extent::LastBatch | Extent::Deliveries => at.filter(|_| is_raw).map(|at| last_copy(at) - 1),
            Extent::New | Extent::Members => read_before,
            Extent::Newest | Extent::All => None,
        },
        up_to_batch: newest,
        hides_origin: read.hides_origin,
    }
}
