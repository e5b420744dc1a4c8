//! What a step is about to load into the table of a model.

use std::collections::BTreeMap;

use hw_base::{Column, Input, LoadMode, Position, Progress, Reader, Result, Staging};

use super::Ports;
use super::deliveries::Deliveries;
use super::load::Batch;
use super::task::Task;
use super::touched::Touching;
use crate::fit::{self, ColumnChanges};
use crate::plan::{ASKED_FOR, Decision, Extent, ReadFrom, Work};
use crate::position::{TAKEN_OUT, batch_read, noted};
use crate::settings::{Load, PartitionBy, Snapshot};
use crate::versions;

/// Prepares the batch of a model; `None` where no input changed.
pub(super) async fn prepare(task: Task<'_>) -> Result<Option<Batch>> {
    let Task { step, ports, .. } = task;
    let Work::Build { sql, file, settings, partition_by, later_by, reads } = &step.work else { return Ok(None) };
    let standing = ports.ledger.all_progress()?;
    let inputs: BTreeMap<String, Position> =
        reads.iter().flat_map(|read| noted(&read.step, &read.table, standing.get(&read.step))).collect();
    let is_needed = matches!(step.decision, Decision::Rebuild(_)) || step.progress.as_ref().is_none_or(|before| before.inputs != inputs);
    if !is_needed {
        return Ok(None);
    }
    let table = task.table().await?;
    let window = task.next_window(table.as_ref())?;
    let reads_changes = matches!(settings, Load::Replace | Load::Recompute(_));
    let anew = step.anew || (!reads_changes && lost_rows(step.progress.as_ref(), reads, &standing));
    let before = step.progress.as_ref().filter(|_| !anew);
    let mut bound = Vec::with_capacity(reads.len());
    for read in reads {
        let at = standing.get(&read.step);
        match read.extent {
            Extent::Newest => bound.extend(versions::newest(ports.engine, ports.ledger, &read.name, &read.table, at).await?),
            _ => bound.push(bind(before.filter(|_| *settings != Load::Replace), read, at)),
        }
    }
    let reader = Reader { sql: sql.clone(), inputs: bound, file: Some(file.clone()) };
    let columns = ports.engine.columns(&reader).await?;
    let Some(model) = task.project.model(&step.name) else { return Ok(None) };
    fit::check(model, &reader, &columns, ports.engine).await?;
    if let Some(table) = table.filter(|_| fit::guards_columns(task.project, step)) {
        ColumnChanges::of(step, &table.columns, &columns).refusal(model).map_or(Ok(()), Err)?;
    }
    let by = &model.settings.partition_by;
    let loading = Loading { task, reader: &reader, columns: &columns, partition_by: by, before, standing: &standing };
    let Rows { reader, mode, is_rebuild, window: touched } = loading.rows(settings, later_by.clone(), reads).await?;
    let staging = Staging { mode, partition_by: partition_by.clone(), is_rebuild, ..task.staging(window, reader) };
    let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
    Ok(Some(Batch { staging, progress, delivery: None, is_trial: false, window: touched }))
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
    /// Where all steps stand.
    standing: &'a BTreeMap<String, Progress>,
}

impl Loading<'_> {
    async fn rows(&self, settings: &Load, later_by: Option<String>, reads: &[ReadFrom]) -> Result<Rows> {
        let mode = settings.mode(later_by)?;
        let whole = Rows { reader: self.reader.clone(), mode, is_rebuild: self.before.is_none(), window: None };
        match (settings, reads, self.before) {
            (Load::Snapshot(snapshot), [read], _) => Ok(Rows { reader: self.changes(snapshot, read).await?, ..whole }),
            (Load::Recompute(recompute), _, Some(before)) => {
                let partition_by = self.partition_by;
                let Ports { engine, ledger, .. } = self.task.ports;
                let touching = Touching { engine, ledger, recompute, reads, partition_by, before, standing: self.standing };
                let touched = touching.partitions(self.reader).await?;
                let window = Some(touched.in_words());
                Ok(match touched.only(partition_by, self.columns)? {
                    None => Rows { is_rebuild: true, window, ..whole },
                    Some(only) => Rows {
                        reader: Reader { sql: only.restrict(&self.reader.sql), ..self.reader.clone() },
                        mode: LoadMode::Recompute { only: only.of_partitions },
                        window,
                        ..whole
                    },
                })
            }
            _ => Ok(whole),
        }
    }

    /// What changed in the deliveries of a dataset.
    async fn changes(&self, settings: &Snapshot, read: &ReadFrom) -> Result<Reader> {
        let Task { step, ports, .. } = self.task;
        let newest = self.standing.get(&read.step).map(|at| at.window).unwrap_or_default();
        let deliveries = Deliveries { engine: ports.engine, select: self.reader, read, before: self.before, newest };
        let is_asked_for = step.decision == Decision::Rebuild(ASKED_FOR.into());
        deliveries.changes(settings, self.columns, Some(&step.table).filter(|_| !is_asked_for)).await
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
            Extent::LastBatch | Extent::Deliveries => newest.map(|newest| newest - 1),
            Extent::New => read_before,
            Extent::Newest | Extent::All => None,
        },
        up_to_batch: newest,
        hides_origin: read.hides_origin,
    }
}
