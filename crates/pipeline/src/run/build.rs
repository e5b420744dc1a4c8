//! What a step is about to load into the table of a model.

use std::collections::BTreeMap;

use hw_base::{Input, Position, Progress, Reader, Result, Staging};

use super::load::Batch;
use super::task::Task;
use crate::fit;
use crate::plan::{Decision, Extent, ReadFrom, Work};
use crate::position::{TAKEN_OUT, noted};
use crate::settings::Load;
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
    let window = task.next_window(task.table().await?.as_ref())?;
    let replaces = *settings == Load::Replace;
    let anew = step.anew || (!replaces && lost_rows(step.progress.as_ref(), reads, &standing));
    let reads_all = anew || replaces;
    let mut bound = Vec::with_capacity(reads.len());
    for read in reads {
        let at = standing.get(&read.step);
        match read.extent {
            Extent::Newest => bound.extend(versions::newest(ports.engine, ports.ledger, &read.name, &read.table, at).await?),
            _ => bound.push(bind(step.progress.as_ref(), read, at, reads_all)),
        }
    }
    let reader = Reader { sql: sql.clone(), inputs: bound, file: Some(file.clone()) };
    let columns = ports.engine.columns(&reader).await?;
    if let Some(model) = task.project.model(&step.name) {
        fit::check(model, &reader, &columns, ports.engine).await?;
    }
    let staging = Staging {
        mode: settings.mode(later_by.clone())?,
        partition_by: partition_by.clone(),
        is_rebuild: anew,
        ..task.staging(window, reader)
    };
    let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
    Ok(Some(Batch { staging, progress, delivery: None, is_trial: false }))
}

/// Whether a raw copy took rows out, or wrote them anew in wider types, since the step read it last.
fn lost_rows(before: Option<&Progress>, reads: &[ReadFrom], standing: &BTreeMap<String, Progress>) -> bool {
    let batch = |progress: Option<&Progress>, name: &str| match progress.and_then(|progress| progress.inputs.get(name)) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => None,
    };
    reads.iter().any(|read| batch(before, &read.step).is_some_and(|known| batch(standing.get(&read.step), TAKEN_OUT) > Some(known)))
}

/// What a name in the SELECT stands for in this run: `before` is where the model stands, `at` where the input does.
fn bind(before: Option<&Progress>, read: &ReadFrom, at: Option<&Progress>, reads_all: bool) -> Input {
    let read_before = match before.and_then(|before| before.inputs.get(&read.step)) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => None,
    };
    let is_raw = read.table.is_raw();
    let newest = at.filter(|_| is_raw).map(|at| at.window);
    Input::Table {
        name: read.name.clone(),
        table: read.table.clone(),
        version: at.filter(|_| !is_raw).and_then(|at| at.version),
        after_batch: match read.extent {
            Extent::LastBatch => newest.map(|newest| newest - 1),
            Extent::New if !reads_all => read_before,
            Extent::New | Extent::Newest | Extent::All => None,
        },
        up_to_batch: newest,
        hides_origin: read.hides_origin,
    }
}
