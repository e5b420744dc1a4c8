//! The course of a run: what has become of its steps, and what follows for the others. It is told in the order of the plan, although
//! steps may end in another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hw_base::{Error, Result, RunRecord, StepOutcome, StepRecord};

use super::record::{Halt, continued, outcome_of};
use super::{Ports, database, limit, version_group};
use crate::plan::{Plan, Step};
use crate::project::Project;

/// A run that goes on.
pub(super) struct Course<'a> {
    project: &'a Project,
    plan: &'a Plan,
    ports: Ports<'a>,
    record: RunRecord,
    /// What went wrong, each with the step.
    errors: Vec<(usize, Error)>,
    /// Steps that did not go through.
    stopped: BTreeSet<&'a str>,
    /// Sources and targets that did not answer three times: they are left in peace for the rest of the run.
    tired: BTreeSet<(&'static str, &'a str)>,
    /// Steps that were broken off because they took too long.
    broken_off: Vec<&'a str>,
    /// Records that wait for those of the steps before.
    untold: BTreeMap<usize, StepRecord>,
    /// How many steps are told.
    told: usize,
    /// Where in the record each step is.
    kept: HashMap<String, usize>,
}

impl<'a> Course<'a> {
    /// The beginning of a run.
    pub(super) fn new(project: &'a Project, plan: &'a Plan, ports: Ports<'a>, record: RunRecord) -> Self {
        let (stopped, tired) = (BTreeSet::new(), BTreeSet::new());
        let kept = record.steps.iter().zip(0..).map(|(step, at)| (step.model.clone(), at)).collect();
        Self { project, plan, ports, record, errors: vec![], stopped, tired, broken_off: vec![], untold: BTreeMap::new(), told: 0, kept }
    }

    /// Why a step does not run, where something before it keeps it from that.
    pub(super) fn why_skipped(&self, step: &Step) -> Option<String> {
        let stopped = step.after.iter().find(|name| self.stopped.contains(name.as_str()));
        let tired = || database(step).filter(|database| self.tired.contains(database));
        let waits = stopped.map(|name| format!("`{name}` did not go through"));
        waits.or_else(|| tired().map(|(what, name)| format!("{what} `{name}` has just failed, three times")))
    }

    /// Records how a step has ended, and tells it once all before it are told.
    pub(super) fn ended(&mut self, at: usize, outcome: Result<StepRecord, Halt>) -> Result<()> {
        let step = &self.plan.steps[at];
        self.ports.narrator.step_stops(step);
        let done = outcome.unwrap_or_else(|halt| self.halted(at, halt));
        self.keep(&done)?;
        self.untold.insert(at, done);
        while let Some(done) = self.untold.remove(&self.told) {
            self.ports.narrator.step_ended(&done);
            self.told += 1;
        }
        Ok(())
    }

    fn halted(&mut self, at: usize, halt: Halt) -> StepRecord {
        let step = &self.plan.steps[at];
        self.stopped.insert(&step.name);
        self.tired.extend(database(step).filter(|_| halt.may_heal()));
        let (done, error) = halt.record(step);
        self.broken_off.extend(error.iter().filter(|error| limit::is_over(error)).map(|_| step.name.as_str()));
        self.errors.extend(error.map(|error| (at, error)));
        done
    }

    /// Keeps the record of a step. What the run published before it was killed stays in its record.
    fn keep(&mut self, done: &StepRecord) -> Result<()> {
        let steps = &mut self.record.steps;
        let at = *self.kept.entry(done.model.clone()).or_insert(steps.len());
        let kept = steps.get(at).map_or_else(|| done.clone(), |earlier| continued(earlier, done));
        self.ports.ledger.save_step(&self.record.run, &kept)?;
        match steps.get_mut(at) {
            Some(earlier) => *earlier = kept,
            None => steps.push(kept),
        }
        Ok(())
    }

    /// The end of the run: its record and what went wrong, in the order of the plan.
    pub(super) async fn finished(mut self) -> Result<(RunRecord, Vec<Error>)> {
        self.settle_broken_off().await?;
        let places: HashMap<&str, usize> = self.plan.steps.iter().zip(0..).map(|(step, at)| (step.name.as_str(), at)).collect();
        self.record.steps.sort_by_key(|step| places.get(step.model.as_str()));
        self.record.ended = Some(self.ports.clock.now());
        self.record.outcome = Some(outcome_of(&self.record.steps));
        self.record.version_group = version_group(self.plan, self.ports)?;
        // The steps are recorded already.
        let steps = std::mem::take(&mut self.record.steps);
        self.ports.ledger.end(&self.record)?;
        self.record.steps = steps;
        self.errors.sort_by_key(|(at, _)| *at);
        let mut errors: Vec<Error> = Vec::with_capacity(self.errors.len());
        for (_, error) in self.errors {
            // What is wrong with a whole source is said once.
            if errors.iter().all(|known| known.to_string() != error.to_string()) {
                errors.push(error);
            }
        }
        Ok((self.record, errors))
    }

    /// Removes what steps left that took too long. A commit that was made in the last moment counts.
    async fn settle_broken_off(&mut self) -> Result<()> {
        if self.broken_off.is_empty() {
            return Ok(());
        }
        let is_it = |step: &&mut StepRecord| step.outcome == StepOutcome::Failed && self.broken_off.contains(&step.model.as_str());
        let steps = self.record.steps.iter_mut().filter(is_it).collect();
        limit::settle(self.project, &self.record.run, steps, self.ports).await
    }
}
