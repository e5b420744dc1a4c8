//! Carrying out a plan, step by step, each done once however often it is begun: the order, the retries, the record.

mod build;
mod deliveries;
mod extract;
mod lateness;
mod load;
mod malformed;
mod promote;
mod record;
mod recover;
mod review;
mod task;
pub(crate) mod touched;
pub(crate) mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hw_base::{Clock, Engine, Error, Ledger, Result, Retry, RunId, RunRecord, Sources, StepRecord};

pub use extract::{live_rows, raw_column_names};
pub use promote::{Building, Promotion, promote};
pub use record::{alerts, exit_code};
pub use recover::recover;
pub use review::{Asked, review};

use crate::plan::{Plan, Step, Work};
use crate::project::{Project, fingerprint};
use record::{Halt, continued, outcome_of};
use task::Task;

/// How often a step is tried whose failure is one that passes.
const ATTEMPTS: u32 = 3;

/// The ports that a run needs.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Stages and publishes.
    pub engine: &'a dyn Engine,
    /// Opens the sources.
    pub sources: &'a dyn Sources,
    /// Remembers.
    pub ledger: &'a dyn Ledger,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Is told what happens.
    pub narrator: &'a dyn Narrator,
    /// Tells how much memory the process uses at most, and starts anew when asked to.
    pub memory: &'a dyn Meter,
}

/// Is told what happens while it happens.
pub trait Narrator: Send + Sync {
    /// A step starts.
    fn step_starts(&self, _step: &Step) {}
    /// A step has ended.
    fn step_ended(&self, _record: &StepRecord) {}
    /// Something that a person should know.
    fn note(&self, _text: &str) {}
}

/// Measures the memory of the process.
pub trait Meter: Send + Sync {
    /// Starts a new peak.
    fn reset(&self) {}
    /// The most bytes held since the last reset; 0 where the system does not tell.
    fn peak_bytes(&self) -> u64 {
        0
    }
}

/// Carries out a plan as run `run`; `earlier` is what a killed run of that name had done.
///
/// # Errors
/// Only where the ledger fails. A step that fails is recorded, and so is everything after it that is skipped.
pub async fn run(
    project: &Project,
    plan: &Plan,
    run: RunId,
    earlier: Option<RunRecord>,
    ports: Ports<'_>,
) -> Result<(RunRecord, Vec<Error>)> {
    let is_continued = earlier.is_some();
    let mut record = earlier.unwrap_or_else(|| begun(project, run, ports));
    ports.ledger.begin(&record)?;
    let mut errors = Vec::new();
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    let mut tired: BTreeSet<&str> = BTreeSet::new();
    for step in &plan.steps {
        let task = Task { project, step, run: &record.run, ports, is_repeated: is_continued };
        let source = source(step);
        let outcome = match (step.after.iter().find(|name| stopped.contains(name.as_str())), source) {
            (Some(name), _) => Err(Halt::Skipped(format!("`{name}` did not go through"))),
            // Whoever did not answer three times is left in peace for the rest of the run.
            (None, Some(source)) if tired.contains(source) => Err(Halt::Skipped(format!("source `{source}` has just failed, three times"))),
            (None, _) => carry_out_with_retries(task).await,
        };
        let done = outcome.unwrap_or_else(|halt| {
            stopped.insert(&step.name);
            tired.extend(source.filter(|_| halt.may_heal()));
            let (done, error) = halt.record(step);
            // What is wrong with a whole source is said once.
            errors.extend(error.filter(|error| errors.iter().all(|known: &Error| known.to_string() != error.to_string())));
            done
        });
        keep(&mut record, &done, ports)?;
        ports.narrator.step_ended(&done);
    }
    record.ended = Some(ports.clock.now());
    record.outcome = Some(outcome_of(&record.steps));
    record.version_group = version_group(plan, ports)?;
    ports.ledger.end(&record)?;
    Ok((record, errors))
}

fn begun(project: &Project, run: RunId, ports: Ports<'_>) -> RunRecord {
    RunRecord {
        run,
        project: project.settings.project.clone(),
        started: ports.clock.now(),
        ended: None,
        outcome: None,
        steps: vec![],
        version_group: BTreeMap::new(),
    }
}

/// Keeps the record of a step. What the run published before it was killed stays in its record.
fn keep(record: &mut RunRecord, done: &StepRecord, ports: Ports<'_>) -> Result<()> {
    let earlier = record.steps.iter().position(|earlier| earlier.model == done.model);
    let kept = earlier.map_or_else(|| done.clone(), |at| continued(&record.steps[at], done));
    ports.ledger.save_step(&record.run, &kept)?;
    match earlier {
        Some(at) => record.steps[at] = kept,
        None => record.steps.push(kept),
    }
    Ok(())
}

/// The versions of all tables of the plan, as the ledger knows them.
fn version_group(plan: &Plan, ports: Ports<'_>) -> Result<BTreeMap<String, i64>> {
    let progress = ports.ledger.all_progress()?;
    let version = |step: &Step| Some((step.name.clone(), progress.get(&step.name)?.version?));
    Ok(plan.steps.iter().filter_map(version).collect())
}

/// The source that a step asks.
fn source(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Extract { dataset, files: None, .. } => Some(&dataset.source),
        Work::Extract { .. } | Work::Build { .. } => None,
    }
}

/// How long to wait after an attempt: twice as long each time, and between half and all of it, so that programs that failed together do not
/// come back together.
fn pause(run: &RunId, step: &str, attempt: u32) -> Duration {
    let most = Duration::from_secs(1 << attempt.min(6));
    let chance = fingerprint(&[&run.0, step, &attempt.to_string()]).bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 501);
    most / 2 + most * chance / 1_000
}

/// Tries a step again while its failure is one that passes.
async fn carry_out_with_retries(mut task: Task<'_>) -> Result<StepRecord, Halt> {
    let mut attempt = 1;
    loop {
        match load::carry_out(task).await {
            Err(Halt::Failed(error, _)) if error.retry() == Retry::WithBackoff && attempt < ATTEMPTS => {
                let step = &task.step.name;
                task.ports.narrator.note(&format!("{step}: {} (attempt {attempt} of {ATTEMPTS})", error.message()));
                task.ports.clock.pause(pause(task.run, step, attempt)).await;
            }
            result => return result,
        }
        task.is_repeated = true;
        attempt += 1;
    }
}
