//! Continuing a run that was killed.

use hw_base::{Result, RunId, RunRecord, StepCommit, StepOutcome, StepRecord, TableName};

use super::task::version_by;
use super::{Ports, promote, push_down, review};
use crate::project::{Model, Project};

/// Continues a run that was killed, if there is one: what it had published is recorded, what it left behind is removed. A run that was
/// about rows in quarantine has nothing left to do then, and neither has one that took over what an environment has built: it is brought to its
/// end here.
pub async fn recover(project: &Project, ports: Ports<'_>) -> Result<Option<RunRecord>> {
    let Some(mut record) = ports.ledger.unfinished()? else { return Ok(None) };
    if record.steps.iter().any(|step| step.promoted.is_some()) {
        let failure = promote::carry_on(project, &mut record, ports).await?;
        ports.narrator.note(&match failure {
            None => format!("run {}, a promotion that was interrupted, is complete now", record.run),
            Some(error) => format!("run {}, a promotion that was interrupted, could not be completed: {}", record.run, error.message()),
        });
        return Ok(None);
    }
    for step in record.steps.iter_mut().filter(|step| step.outcome == StepOutcome::Started) {
        settle(project, &record.run, step, ports).await?;
    }
    let is_review = record.steps.iter().any(|step| step.review.is_some());
    record.steps.retain(|step| step.outcome == StepOutcome::Published);
    if is_review {
        review::ended(&mut record, ports)?;
        ports.ledger.end(&record)?;
        return Ok(None);
    }
    Ok(Some(record))
}

/// Settles a step that was broken off: what it had published is recorded, what it left behind is removed.
pub(super) async fn settle(project: &Project, run: &RunId, step: &mut StepRecord, ports: Ports<'_>) -> Result<()> {
    let table = TableName::model(&step.model);
    let inside = project.model(&step.model).and_then(Model::placed_inside);
    let version = match &inside {
        Some(placement) => push_down::window_published(placement, run, step, ports).await?,
        None => version_by(project, &table, step.progress.window, run, ports).await?,
    };
    if let Some(version) = version {
        step.outcome = StepOutcome::Published;
        step.error = None;
        step.progress.version = Some(version);
        step.commit = Some(StepCommit { table: step.model.clone(), version });
        ports.ledger.save_step(run, step)?;
    }
    if inside.is_some() {
        // What is not committed there has never been.
        return Ok(());
    }
    ports.engine.sweep(&table, &format!("{run}-")).await.map(drop)
}
