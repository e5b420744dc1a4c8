//! Time limits: a step that takes longer is broken off, and nothing half done of it is visible.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hw_base::{Clock, Error, Result, RunId, StepOutcome, StepRecord, TimeSpan};

use super::record::{Halt, standing, started};
use super::task::Task;
use super::{Ports, recover};
use crate::plan::Work;
use crate::project::Project;

/// How long is waited for what was broken off to end.
const PATIENCE: TimeSpan = TimeSpan(Duration::from_secs(10));

/// What work comes to, if it ends in time.
pub(super) async fn within<T>(clock: &dyn Clock, limit: TimeSpan, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut time = pin!(async { clock.pause(limit.0).await });
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => time.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// How a step is recorded that took too long. What it would have reached stays in the record, so that the end of the run can look whether
/// its commit was made in the last moment.
pub(super) fn broken_off(task: Task<'_>, limit: TimeSpan) -> Halt {
    let step = task.step;
    let is_it = |record: &StepRecord| record.model == step.name && record.outcome == StepOutcome::Started;
    let run = task.ports.ledger.unfinished().ok().flatten();
    let begun = run.and_then(|run| run.steps.into_iter().find(is_it));
    let record = begun.unwrap_or_else(|| started(step, standing(step)));
    let seconds = limit.0.as_secs_f64();
    Halt::Failed(expired(task, limit), Box::new(StepRecord { seconds, ..record }))
}

/// Whether a step that ended so was broken off.
pub(super) fn is_over(error: &Error) -> bool {
    error.known_code() == Some("HW704")
}

/// Settles steps that were broken off: what they left is removed, and a commit that was made in the last moment counts.
///
/// # Errors
/// Where one works on a part of its query that cannot be interrupted. It is recorded as one that has begun, as if the process had been
/// killed, and the process has to end.
pub(super) async fn settle(project: &Project, run: &RunId, steps: Vec<&mut StepRecord>, ports: Ports<'_>) -> Result<()> {
    if within(ports.clock, PATIENCE, ports.engine.idle()).await.is_some() {
        for step in steps {
            recover::settle(project, run, step, ports).await?;
        }
        return Ok(());
    }
    let names: Vec<String> = steps.iter().map(|step| format!("`{}`", step.model)).collect();
    for step in steps {
        *step = StepRecord { outcome: StepOutcome::Started, error: None, ..step.clone() };
        ports.ledger.save_step(run, step)?;
    }
    Err(Error::outside(format!("{} took longer than the time limit, and does not stop: the run ends here", names.join(", ")))
        .code("HW704")
        .because("it is at a part of its query that cannot be interrupted; nothing of it is visible")
        .help("the next run removes what it left, and continues; what the other steps have published stays"))
}

fn expired(task: Task<'_>, limit: TimeSpan) -> Error {
    let step = &task.step.name;
    let setting = match &task.step.work {
        Work::Extract { dataset, .. } => format!("`timeout` of source `{}` in headworks.yaml", dataset.source),
        Work::Build { .. } | Work::PushDown { .. } => format!("`timeout` in models/{step}.yaml"),
        Work::Deliver { model, .. } => format!("`timeout` of `deliver` in models/{model}.yaml"),
    };
    Error::outside(format!("`{step}` took longer than its time limit of {limit}, and was broken off"))
        .code("HW704")
        .because("nothing of it is visible, and what it had staged is removed; the other steps went on")
        .help(format!("`headworks run` tries it again from where its table stands; raise {setting} if it needs more time"))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use hw_base::FixedClock;

    use super::*;
    use crate::fixture::block_on;

    #[test]
    fn what_is_done_counts_and_what_is_not_is_broken_off() {
        let clock = FixedClock(hw_base::Timestamp::default());
        let limit: TimeSpan = "1s".parse().unwrap();
        assert_eq!(block_on(within(&clock, limit, ready(7))), Some(7));
        assert_eq!(block_on(within(&clock, limit, pending::<u8>())), None);
    }
}
