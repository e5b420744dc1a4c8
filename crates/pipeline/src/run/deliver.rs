//! A delivery: a table in a database is brought to the version that a model has published.

use std::collections::BTreeMap;

use hw_base::{Ledger, Placement, Progress, Release, Result, Shipment, Shipped, StepCommit, StepOutcome, StepRecord, plural};

use serde_json::json;

use super::record::{Halt, standing, started, unchanged};
use super::task::Task;
use crate::position::noted;

/// Delivers what a model has published.
pub(super) async fn carry_out(task: Task<'_>, model: &str, placement: &Placement, only_grows: bool) -> Result<StepRecord, Halt> {
    let Task { project, step, run, ports, .. } = task;
    let failed = |error| Halt::Failed(error, Box::new(started(step, standing(step))));
    let Some(release) = release(task, model).await.map_err(failed)? else { return Ok(unchanged(step)) };
    let progress = progress(task, model, &release).map_err(failed)?;
    let record = started(step, progress);
    ports.ledger.save_step(run, &record).map_err(failed)?;
    let project = project.settings.project.clone();
    let own_runs = note_attempt(ports.ledger, placement, &run.0).map_err(failed)?;
    let shipment = Shipment { placement: placement.clone(), release, project, only_grows, run: run.0.clone(), own_runs };
    ports.memory.reset();
    let begun = ports.clock.now();
    let shipped = ports.targets.deliver(&shipment).await.map_err(failed)?;
    if shipped.is_some() {
        note_success(ports.ledger, placement, &run.0).map_err(failed)?;
    }
    let seconds = ((ports.clock.now() - begun).num_milliseconds() as f64 / 1000.0).max(0.0);
    let record = StepRecord { seconds, peak_memory_bytes: ports.memory.peak_bytes(), ..record };
    Ok(match shipped {
        None => StepRecord { outcome: StepOutcome::Unchanged, window: "nothing".into(), ..record },
        Some(shipped) => StepRecord {
            outcome: StepOutcome::Published,
            window: in_words(&shipped, shipment.release.version),
            rows_read: shipped.sent,
            rows_written: shipped.added + shipped.changed,
            commit: Some(StepCommit { table: step.name.clone(), version: shipment.release.version }),
            ..record
        },
    })
}

/// Notes down that a run is about to bring a table in a database to something, and returns the runs by which the table may show what it
/// shows: the last that did, and those that have tried since.
pub(super) fn note_attempt(ledger: &dyn Ledger, placement: &Placement, run: &str) -> Result<Vec<String>> {
    /// Of those that have tried so many are kept.
    const MOST: usize = 100;
    let note = ledger.noted(&note_of(placement))?;
    let mut runs: Vec<String> = note.and_then(|note| serde_json::from_value(note).ok()).unwrap_or_default();
    runs.retain(|known| known != run);
    runs.push(run.to_owned());
    if runs.len() > MOST {
        runs.remove(1);
    }
    ledger.note(&note_of(placement), &json!(runs))?;
    Ok(runs)
}

/// Notes down that a run has brought a table in a database to what it shows.
pub(super) fn note_success(ledger: &dyn Ledger, placement: &Placement, run: &str) -> Result<()> {
    ledger.note(&note_of(placement), &json!([run]))
}

fn note_of(placement: &Placement) -> String {
    format!("runs that delivered {}/{}", placement.target, placement.table)
}

/// The version that the gate let through last; `None` where there is none. What other programs have committed since nobody has judged.
async fn release(task: Task<'_>, model: &str) -> Result<Option<Release>> {
    let table = &task.step.table;
    let version = task.ports.ledger.progress(model)?.and_then(|progress| progress.version);
    let state = task.ports.engine.table(table, None).await?;
    Ok(version.zip(state).map(|(version, state)| Release { table: table.clone(), id: state.id, version }))
}

/// Where the step stands once the version is delivered.
fn progress(task: Task<'_>, model: &str, release: &Release) -> Result<Progress> {
    let step = task.step;
    let inputs: BTreeMap<_, _> = noted(model, &step.table, task.ports.ledger.progress(model)?.as_ref()).into_iter().collect();
    Ok(Progress { fingerprint: step.fingerprint.clone(), window: standing(step).window + 1, inputs, version: Some(release.version) })
}

/// What a database was brought to.
pub(super) fn in_words(shipped: &Shipped, version: i64) -> String {
    let from = match shipped.before {
        Some(before) if before != version => format!("version {before} to {version}"),
        _ => format!("version {version}"),
    };
    if shipped.is_whole && shipped.changed + shipped.removed == 0 {
        return format!("{from}: all rows");
    }
    let counts = [(shipped.added, "new"), (shipped.changed, "changed"), (shipped.removed, "gone")];
    let told: Vec<String> =
        counts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{} {what}", hw_base::count(*rows))).collect();
    let told = if told.is_empty() { plural(0, "row") } else { told.join(", ") };
    format!("{from}: {told}")
}
