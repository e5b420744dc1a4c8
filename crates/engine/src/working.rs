//! Work that may go on although nobody waits for it any more: an aborted task ends at its next pause, a file that is being
//! written is written to its end. Whoever removes files has to wait for it.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinHandle;

/// All work that is going on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Working(Arc<RwLock<()>>);

/// One piece of work; it goes on until this is dropped.
pub(crate) struct GoingOn(#[expect(dead_code, reason = "it is held, not read")] Option<OwnedRwLockReadGuard<()>>);

impl Working {
    /// Begins a piece of work.
    pub(crate) fn begin(&self) -> GoingOn {
        GoingOn(Arc::clone(&self.0).try_read_owned().ok())
    }

    /// Runs a future as a task.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let going_on = self.begin();
        tokio::spawn(async move {
            let result = work.await;
            drop(going_on);
            result
        })
    }

    /// Waits until all work has ended.
    pub(crate) async fn ended(&self) {
        drop(self.0.write().await);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_aborted_task_is_waited_for_until_it_has_ended() {
        let (working, has_ended) = (Working::default(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&has_ended);
        let (starts, has_started) = tokio::sync::oneshot::channel();
        let going_on = working.begin();
        let task = tokio::task::spawn_blocking(move || {
            starts.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            ends.store(true, Ordering::SeqCst);
            drop(going_on);
        });
        // Work that has not begun is simply dropped; this has.
        has_started.await.unwrap();
        task.abort();
        drop(task);
        working.ended().await;
        assert!(has_ended.load(Ordering::SeqCst));
    }
}
