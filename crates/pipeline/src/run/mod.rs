//! Carrying out a plan, step by step, each done once however often it is begun: the order, the retries, the record.

mod backfill;
mod build;
mod by_batch;
mod course;
mod deliver;
mod deliveries;
mod extract;
mod kept;
mod lateness;
mod limit;
mod load;
mod malformed;
mod origins;
mod orphans;
mod places;
mod promote;
mod push_down;
mod record;
mod recover;
mod review;
mod schedule;
mod task;
pub(crate) mod touched;
pub(crate) mod types;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hw_base::{Clock, Engine, Error, Ledger, Result, Retry, RunId, RunRecord, Sources, StepRecord, Targets};

pub use self::recover::recover;
pub(crate) use backfill::is_partial;
pub use backfill::{Backfill, close, fill, left_out, targets, windows_left};
pub(crate) use extract::{delivery_going_on, names_of_delivery};
pub use extract::{live_records, live_rows, raw_column_names};
pub(crate) use kept::{RawCopy, lost_history};
pub(crate) use load::EXAMPLES;
pub use malformed::{MALFORMED, watch_malformed, with_malformed};
pub use promote::{Building, Promotion, promote};
pub use record::{alerts, exit_code};
pub use review::{Asked, review};
pub(crate) use task::application;

use crate::plan::{Plan, Step, Work};
use crate::project::{Project, fingerprint};
use course::Course;
use places::Places;
use record::Halt;
use schedule::Schedule;
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
    /// Brings copies in databases to published versions.
    pub targets: &'a dyn Targets,
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
    /// A step does not go on any more.
    fn step_stops(&self, _step: &Step) {}
    /// How a step has ended; told in the order of the plan, whichever ends first.
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

/// How many steps are under way at most, with those that have nothing left but to wait for the disk.
const UNDER_WAY: usize = 32;

/// What happens next in a run.
enum Event {
    /// A step can begin.
    Begins(usize),
    /// A step has ended.
    Ended(usize, Box<Result<StepRecord, Halt>>),
}

/// Carries out a plan as run `run`; `earlier` is what a killed run of that name had done. Steps without a path between them run at the
/// same time, as many as the project allows.
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
    let is_repeated = earlier.is_some();
    let id = run.clone();
    let record = earlier.unwrap_or_else(|| begun(project, run, ports));
    ports.ledger.begin(&record)?;
    let mut course = Course::new(project, plan, ports, record);
    let mut schedule = Schedule::of(&plan.steps);
    let places = Places::new(project.settings.engine.steps_at_once());
    let mut unread = unread(&plan.steps);
    let mut running = FuturesUnordered::new();
    while let Some(event) = next(&mut running, &mut schedule, &places).await {
        match event {
            Event::Begins(at) => {
                let (step, place, id) = (&plan.steps[at], places.take(), &id);
                let halted = course.why_skipped(step);
                running.push(async move {
                    let task = Task { project, step, run: id, ports, is_repeated, windows: None, place: Some(&place) };
                    let outcome = match halted {
                        Some(reason) => Err(Halt::Skipped(reason)),
                        None => Box::pin(carry_out_in_time(task)).await,
                    };
                    Event::Ended(at, Box::new(outcome))
                });
            }
            Event::Ended(at, outcome) => {
                schedule.ended(at);
                course.ended(at, *outcome)?;
                let_go_of_what_is_read(&mut unread, &plan.steps[at], ports).await;
            }
        }
    }
    drop(running);
    course.finished().await
}

/// What happens next; `None` at the end. A place may become free while steps go on, so it is looked for whenever one of them has moved.
async fn next(running: &mut FuturesUnordered<impl Future<Output = Event>>, schedule: &mut Schedule, places: &Places) -> Option<Event> {
    poll_fn(|context| {
        let ended = running.poll_next_unpin(context);
        if ended.is_pending() || matches!(ended, Poll::Ready(None)) {
            let has_place = places.is_one_free() && running.len() < UNDER_WAY;
            if let Some(at) = has_place.then(|| schedule.next()).flatten() {
                return Poll::Ready(Some(Event::Begins(at)));
            }
        }
        ended
    })
    .await
}

/// How many steps are left that read each source.
fn unread(steps: &[Step]) -> BTreeMap<&str, usize> {
    let mut unread: BTreeMap<&str, usize> = BTreeMap::new();
    for source in steps.iter().filter_map(source_of) {
        *unread.entry(source).or_default() += 1;
    }
    unread
}

fn source_of(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Extract { dataset, .. } => Some(&dataset.source),
        Work::Build { .. } | Work::Deliver { .. } | Work::PushDown { .. } => None,
    }
}

/// Lets a database clean up again as soon as the last step has read it, and says where its tables are of different moments.
async fn let_go_of_what_is_read(unread: &mut BTreeMap<&str, usize>, ended: &Step, ports: Ports<'_>) {
    let Some(source) = source_of(ended) else { return };
    let Some(left) = unread.get_mut(source) else { return };
    *left -= 1;
    if *left == 0
        && let Some(told) = ports.sources.let_go(source).await
    {
        ports.narrator.note(&told);
    }
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

/// The versions of all tables of the plan, as the ledger knows them.
fn version_group(plan: &Plan, ports: Ports<'_>) -> Result<BTreeMap<String, i64>> {
    let progress = ports.ledger.all_progress()?;
    let version = |step: &Step| Some((step.name.clone(), progress.get(&step.name)?.version?));
    Ok(plan.steps.iter().filter_map(version).collect())
}

/// The database that a step asks: whether it is a source or a target, and its name.
fn database(step: &Step) -> Option<(&'static str, &str)> {
    match &step.work {
        Work::Extract { dataset, files: None, .. } => Some(("source", &dataset.source)),
        Work::Deliver { placement, .. } | Work::PushDown { placement, .. } => Some(("target", &placement.target)),
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

/// Carries out a step within its time limit, where it has one.
async fn carry_out_in_time(task: Task<'_>) -> Result<StepRecord, Halt> {
    match task.time_limit() {
        None => Box::pin(carry_out_with_retries(task)).await,
        Some(limit) => {
            let done = limit::within(task.ports.clock, limit, Box::pin(carry_out_with_retries(task))).await;
            done.unwrap_or_else(|| Err(limit::broken_off(task, limit)))
        }
    }
}

/// Tries a step again while its failure is one that passes.
async fn carry_out_with_retries(mut task: Task<'_>) -> Result<StepRecord, Halt> {
    let mut attempt = 1;
    loop {
        task.takes_its_place();
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
