//! Work that may go on although nobody waits for it any more: an aborted task ends at its next pause, a file that is being
//! written is written to its end. Whoever removes files has to wait for it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// All work that is going on: how many pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Working(Arc<watch::Sender<usize>>);

/// One piece of work; it goes on until this is dropped.
pub(crate) struct GoingOn(Working);

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.0.0.send_modify(|pieces| *pieces -= 1);
    }
}

impl Working {
    /// Begins a piece of work. It counts although somebody waits for the end already: work may begin further work before it ends.
    pub(crate) fn begin(&self) -> GoingOn {
        self.0.send_modify(|pieces| *pieces += 1);
        GoingOn(self.clone())
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
        // It cannot fail: the sender is held here.
        let _ = self.0.subscribe().wait_for(|pieces| *pieces == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_begins_while_somebody_waits_is_waited_for_too() {
        let working = Working::default();
        let outer = working.begin();
        let waiting = tokio::spawn({
            let working = working.clone();
            async move { working.ended().await }
        });
        tokio::task::yield_now().await;
        let inner = working.begin();
        drop(outer);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(inner);
        waiting.await.unwrap();
    }

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
