//! What is recorded of a step and of a run, and the exit code that follows from it.

use std::collections::BTreeMap;

use hw_base::{Blame, Error, OnFailure, Progress, Retry, RuleResult, RunOutcome, RunRecord, StepOutcome, StepRecord};

use crate::plan::Step;

/// Why a step did not go through.
pub(super) enum Halt {
    /// A step that it reads did not.
    Skipped(String),
    /// A rule kept its rows from becoming visible.
    Blocked(Box<StepRecord>),
    /// It failed.
    Failed(Error, Box<StepRecord>),
}

impl Halt {
    /// Whether it failed for a reason that passes, however often it was tried.
    pub(super) fn may_heal(&self) -> bool {
        matches!(self, Self::Failed(error, _) if error.retry() == Retry::WithBackoff)
    }

    /// What is recorded of it, and the error to show.
    pub(super) fn record(self, step: &Step) -> (StepRecord, Option<Error>) {
        match self {
            Self::Skipped(reason) => {
                (StepRecord { outcome: StepOutcome::Skipped, error: Some(reason), ..started(step, standing(step)) }, None)
            }
            Self::Blocked(record) => (*record, None),
            Self::Failed(error, record) => {
                let message = error.message().to_owned();
                (StepRecord { outcome: StepOutcome::Failed, error: Some(message), ..*record }, Some(error))
            }
        }
    }
}

/// Where a step stands before it is carried out.
pub(super) fn standing(step: &Step) -> Progress {
    let first = || Progress { fingerprint: step.fingerprint.clone(), window: 0, inputs: BTreeMap::new(), version: None };
    step.progress.clone().unwrap_or_else(first)
}

/// The record of a step that starts; `progress` is where it would stand at its end.
pub(super) fn started(step: &Step, progress: Progress) -> StepRecord {
    StepRecord::started(&step.name, step.load, &step.window, progress)
}

/// The record of a step that had nothing to do.
pub(super) fn unchanged(step: &Step) -> StepRecord {
    StepRecord { outcome: StepOutcome::Unchanged, window: "nothing".into(), ..started(step, standing(step)) }
}

/// The record of a step that a run had carried out before it was killed, and was to carry out again.
pub(super) fn continued(earlier: &StepRecord, done: &StepRecord) -> StepRecord {
    match (earlier.outcome, done.outcome) {
        (StepOutcome::Published, StepOutcome::Unchanged) => StepRecord { progress: done.progress.clone(), ..earlier.clone() },
        _ => done.clone(),
    }
}

/// How a run with these steps ended.
pub(super) fn outcome_of(steps: &[StepRecord]) -> RunOutcome {
    let any = |outcome: StepOutcome| steps.iter().any(|step| step.outcome == outcome);
    if any(StepOutcome::Failed) {
        RunOutcome::Failed
    } else if any(StepOutcome::Blocked) {
        RunOutcome::Blocked
    } else if any(StepOutcome::Published) {
        RunOutcome::Succeeded
    } else {
        RunOutcome::Unchanged
    }
}

/// The exit code of a run: 0 done, 1 blocked by a rule, 2 the user must act, 3 something outside failed, 70 a bug.
pub fn exit_code(record: &RunRecord, errors: &[Error]) -> u8 {
    match errors.first().map(Error::blame) {
        Some(Blame::User) => 2,
        Some(Blame::Outside) => 3,
        Some(Blame::Headworks) => 70,
        None if record.steps.iter().any(is_blocked_by_a_wrong_rule) => 2,
        None if record.outcome == Some(RunOutcome::Blocked) => 1,
        None => 0,
    }
}

/// Whether a rule keeps the step from going through that could not be judged: no data can mend that.
fn is_blocked_by_a_wrong_rule(step: &StepRecord) -> bool {
    step.outcome == StepOutcome::Blocked && step.verdict.blocking().any(|result| result.error.is_some())
}

/// Broken rules that only warn, over all steps.
pub fn alerts(record: &RunRecord) -> impl Iterator<Item = (&StepRecord, &RuleResult)> {
    record
        .steps
        .iter()
        .flat_map(|step| step.verdict.broken().filter(|result| result.action == OnFailure::Alert).map(move |result| (step, result)))
}
