//! A load inside a database: its SELECT has run and its rules were counted there, the gate judges, and only then it is published.

use hw_base::{Error, Placement, Progress, Pushed, Result, RunId, Shipped, StepCommit, StepOutcome, StepRecord, Verdict};
use hw_validate::Judging;

use super::Ports;
use super::deliver::{in_words, note_attempt, note_success};
use super::load::{EXAMPLES, ended, shown_as};
use super::record::{Halt, standing, started};
use super::task::Task;
use crate::definition;
use crate::push_down::{Prepared, Surroundings, prepare};

/// Rows that passed every blocking rule. Only they can be published.
struct Checked<'a>(&'a dyn Pushed);

/// Builds a table inside its database.
pub(super) async fn carry_out(task: Task<'_>) -> Result<StepRecord, Halt> {
    let Task { step, ports, .. } = task;
    let mut record = started(step, standing(step));
    let begun = ports.clock.now();
    ports.memory.reset();
    let result = load(task, &mut record).await;
    ended(task, result, (record, begun), || note_definition(task))
}

fn note_definition(task: Task<'_>) -> Result<()> {
    let model = task.project.model(&task.step.name);
    model.map_or(Ok(()), |model| definition::note(task.ports.ledger, &model.name, &definition::of_model(model)))
}

async fn load(task: Task<'_>, record: &mut StepRecord) -> Result<StepOutcome> {
    let Ports { engine, sources, ledger, targets, clock, .. } = task.ports;
    let around = Surroundings { engine, sources, ledger, now: clock.now(), run: &task.run.0 };
    let Some(prepared) = prepare(task.project, task.step, around).await? else { return Err(Error::bug("nothing is pushed down")) };
    record.inside = Some(prepared.order.placement.target.clone());
    ledger.save_step(task.run, record)?;
    note_attempt(ledger, &prepared.order.placement, &task.run.0)?;
    let pushed = targets.push_down(&prepared.order).await?;
    let outcome = settle(task, &prepared, pushed.as_ref(), record).await;
    pushed.end().await;
    outcome
}

/// Check → publish.
async fn settle(task: Task<'_>, prepared: &Prepared, pushed: &dyn Pushed, record: &mut StepRecord) -> Result<StepOutcome> {
    record.rows_read = pushed.rows();
    prepared.refuse_open(pushed.watched())?;
    let (checked, verdict) = check(task, prepared, pushed).await?;
    record.verdict = verdict;
    match checked {
        None => Ok(StepOutcome::Blocked),
        Some(checked) => publish(task, prepared, &checked, record).await,
    }
}

/// Judges the rows. There is no way to publish them without.
async fn check<'a>(task: Task<'_>, prepared: &Prepared, pushed: &'a dyn Pushed) -> Result<(Option<Checked<'a>>, Verdict)> {
    let judging = Judging {
        engine: task.ports.engine,
        reader: &prepared.order.reader,
        population: &prepared.population(),
        shown_as: &shown_as(task.step),
        examples: EXAMPLES,
        now: task.ports.clock.now(),
    };
    let verdict = prepared.gate.judge_pushed(&judging, pushed.watched(), &task.step.name, pushed.rows_after()).await?;
    let is_blocked = verdict.blocking().next().is_some();
    Ok(((!is_blocked).then_some(Checked(pushed)), verdict))
}

async fn publish(task: Task<'_>, prepared: &Prepared, Checked(pushed): &Checked<'_>, record: &mut StepRecord) -> Result<StepOutcome> {
    let before = standing(task.step);
    let window = before.window.max(pushed.window()) + 1;
    let at = |window: i64| Progress { fingerprint: task.step.fingerprint.clone(), window, version: Some(window), ..before.clone() };
    // What was counted must be known to whoever continues this run after the commit.
    record.progress = at(window);
    record.rows_quarantined = pushed.diverted();
    record.rows_written = pushed.rows() - pushed.diverted();
    task.ports.ledger.save_step(task.run, record)?;
    task.ports.ledger.lasting().await?;
    let shipped = match pushed.publish(window).await {
        Ok(Some(shipped)) => shipped,
        Ok(None) => {
            record.progress = at(before.window.max(pushed.window()));
            return Ok(StepOutcome::Unchanged);
        }
        // The commit may be there although its answer was lost.
        Err(error) => match published(&prepared.order.placement, window, task.run, task.ports).await {
            Ok(true) => Shipped { is_whole: true, ..Shipped::default() },
            Ok(false) | Err(_) => return Err(error),
        },
    };
    note_success(task.ports.ledger, &prepared.order.placement, &task.run.0)?;
    record.rows_written = shipped.added + shipped.changed;
    record.window = in_words(&shipped, window);
    record.commit = Some(StepCommit { table: task.step.name.clone(), version: window });
    Ok(StepOutcome::Published)
}

/// Whether a run has published a window of a table inside a database.
async fn published(placement: &Placement, window: i64, run: &RunId, ports: Ports<'_>) -> Result<bool> {
    let built = ports.targets.built(placement).await?;
    Ok(built.is_some_and(|built| built.window >= window && built.run == run.0))
}

/// The window of a step that was broken off, where it was published inside a database.
pub(super) async fn window_published(placement: &Placement, run: &RunId, step: &StepRecord, ports: Ports<'_>) -> Result<Option<i64>> {
    let window = step.progress.window;
    Ok(published(placement, window, run, ports).await?.then_some(window))
}
