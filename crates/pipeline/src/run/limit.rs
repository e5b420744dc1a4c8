//! Time limits: a step that takes longer is broken off, and nothing half done of it is visible.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use hw_base::{Clock, Error, StepOutcome, StepRecord, TimeSpan};

use super::record::{Halt, standing, started};
use super::task::Task;
use crate::plan::Work;

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
