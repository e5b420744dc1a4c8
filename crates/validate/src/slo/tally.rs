//! Good and bad events, by the time at which they happened.

use chrono::TimeDelta;
use hw_base::{RuleResult, RunOutcome, RunRecord, StepOutcome, TimeSpan, Timestamp};

use super::{Indicator, span};

/// The events of an indicator.
#[derive(Debug)]
pub(super) struct Tally {
    /// What one of them is.
    pub(super) unit: &'static str,
    events: Vec<Event>,
}

/// Events between two moments, spread evenly over them; all at the second one where the two are the same.
#[derive(Debug)]
struct Event {
    from: Timestamp,
    to: Timestamp,
    all: f64,
    bad: f64,
}

impl Tally {
    pub(super) fn of(indicator: &Indicator, runs: &[RunRecord], now: Timestamp) -> Self {
        let mut runs: Vec<&RunRecord> = runs.iter().collect();
        runs.sort_by_key(|run| run.started);
        match indicator {
            Indicator::Rule { step, rule } => judged(&runs, step, rule),
            Indicator::Freshness(within) => Self { unit: "minutes", events: fresh(&runs, *within, now) },
            Indicator::RunTime(within) => Self { unit: "runs", events: in_time(&runs, *within) },
        }
    }

    /// All events and the bad ones after `from`, up to `to`.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> (f64, f64) {
        let share = |event: &Event| {
            let length = (event.to - event.from).as_seconds_f64();
            if length == 0.0 {
                return if event.to > from && event.to <= to { 1.0 } else { 0.0 };
            }
            let within = (event.to.min(to) - event.from.max(from)).as_seconds_f64();
            (within / length).clamp(0.0, 1.0)
        };
        self.events.iter().fold((0.0, 0.0), |(all, bad), event| (all + share(event) * event.all, bad + share(event) * event.bad))
    }
}

/// The rows that a rule was judged on, load by load. A load that was blocked counts until the next attempt takes its place: the same rows
/// come again with it.
fn judged(runs: &[&RunRecord], step: &str, rule: &str) -> Tally {
    let (mut events, mut unit) = (Vec::new(), "rows");
    let mut blocked: Option<Event> = None;
    for run in runs {
        let step = run.steps.iter().find(|known| known.model == step);
        let Some(step) = step.filter(|step| matches!(step.outcome, StepOutcome::Published | StepOutcome::Blocked)) else { continue };
        let Some(result) = step.verdict.results.iter().find(|result| result.id == rule && result.error.is_none()) else { continue };
        if result.measured.is_some() {
            unit = "loads";
        }
        let (all, bad) = counted(result);
        let event = Event { from: run.started, to: run.started, all, bad };
        blocked = None;
        match step.outcome {
            StepOutcome::Blocked => blocked = Some(event),
            _ => events.push(event),
        }
    }
    events.extend(blocked);
    Tally { unit, events }
}

fn counted(result: &RuleResult) -> (f64, f64) {
    match result.measured {
        Some(_) => (1.0, f64::from(u8::from(!result.held))),
        None => (result.rows as f64, result.violations as f64),
    }
}

/// Minutes since the first good run, bad where the last one is older than it may be.
fn fresh(runs: &[&RunRecord], within: TimeSpan, now: Timestamp) -> Vec<Event> {
    let is_good = |run: &&&RunRecord| matches!(run.outcome, Some(RunOutcome::Succeeded | RunOutcome::Unchanged));
    let mut ends: Vec<Timestamp> = runs.iter().filter(is_good).filter_map(|run| run.ended).filter(|ended| *ended <= now).collect();
    ends.sort_unstable();
    let nexts = ends.iter().copied().skip(1).chain(std::iter::once(now));
    let minutes = |span: TimeDelta| span.as_seconds_f64() / 60.0;
    let mut events = Vec::new();
    for (end, next) in ends.iter().copied().zip(nexts) {
        let stale = end.checked_add_signed(span(within)).map_or(next, |stale| stale.min(next));
        events.push(Event { from: end, to: stale, all: minutes(stale - end), bad: 0.0 });
        events.push(Event { from: stale, to: next, all: minutes(next - stale), bad: minutes(next - stale) });
    }
    events
}

/// Runs that ended, bad where they took longer than they may.
fn in_time(runs: &[&RunRecord], within: TimeSpan) -> Vec<Event> {
    let did_something = |run: &&&RunRecord| run.outcome.is_some_and(|outcome| outcome != RunOutcome::Unchanged);
    let event = |run: &&RunRecord| {
        let ended = run.ended?;
        let is_late = ended - run.started > span(within);
        Some(Event { from: ended, to: ended, all: 1.0, bad: f64::from(u8::from(is_late)) })
    };
    runs.iter().filter(did_something).filter_map(event).collect()
}
