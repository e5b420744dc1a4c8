//! A budget of time: when it is used up, measuring ends with the rows that it has, and no further question is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hw_base::{Error, Result};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The moment at which a budget of time is used up. Clones share what came of it.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    has_cut: Arc<AtomicBool>,
}

impl Deadline {
    /// The moment that lies so far ahead.
    pub fn after(budget: Duration) -> Self {
        let now = Instant::now();
        Self { at: now.checked_add(budget).unwrap_or(now), has_cut: Arc::default() }
    }

    /// What is left; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether something was ended or refused because of it.
    pub fn has_cut(&self) -> bool {
        self.has_cut.load(Ordering::Relaxed)
    }

    /// Notes that something was ended or refused.
    pub(crate) fn cut(&self) {
        self.has_cut.store(true, Ordering::Relaxed);
    }

    /// Waits for `work` as long as there is time; `None` where it was not done by then.
    pub(crate) async fn wait<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = if self.remaining().is_zero() { None } else { timeout_at(self.at, work).await.ok() };
        if done.is_none() {
            self.cut();
        }
        done
    }

    /// The outcome of `work` as long as there is time; `None` where it was not done by then. It cannot be broken off, so it goes on beside the rest and
    /// ends with the program.
    pub(crate) async fn wait_beside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let working = std::thread::spawn(move || done.send(work()).is_ok());
        if let Ok(outcome) = self.wait(outcome).await? {
            return Some(outcome);
        }
        if let Err(panic) = working.join() {
            std::panic::resume_unwind(panic);
        }
        None
    }
}

/// The answer, or the error that there is no time left for it.
pub(crate) async fn in_time<T>(deadline: Option<&Deadline>, answering: impl Future<Output = Result<T>>) -> Result<T> {
    match deadline {
        None => answering.await,
        Some(deadline) => deadline.wait(answering).await.unwrap_or_else(|| Err(out_of_time("the answer was found"))),
    }
}

/// The error that the budget was used up before `what`.
pub(crate) fn out_of_time(what: &str) -> Error {
    Error::outside(format!("the budget of time was used up before {what}")).code("HW403").help("give it more time with `--budget`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    #[tokio::test]
    async fn what_is_done_in_time_is_answered_and_nothing_else() {
        let ample = Deadline::after(Duration::from_hours(1));
        assert_eq!(in_time(Some(&ample), async { Ok(7) }).await.unwrap(), 7);
        assert!(!ample.has_cut() && !ample.remaining().is_zero());
        let short = Deadline::after(Duration::from_millis(1));
        let error = in_time(Some(&short), std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.known_code(), short.has_cut()), (Some("HW403"), true));
        assert!(in_time(Some(&short), async { Ok(7) }).await.is_err(), "it is over");
    }

    #[tokio::test]
    async fn work_that_is_not_done_in_time_is_left_alone() {
        let ample = Deadline::after(Duration::from_hours(1));
        assert_eq!((ample.wait_beside(|| 7).await, ample.has_cut()), (Some(7), false));
        let short = Deadline::after(Duration::from_millis(10));
        let endless = || {
            std::thread::sleep(Duration::from_hours(1));
            7
        };
        assert_eq!((short.wait_beside(endless).await, short.has_cut()), (None, true));
    }
}
