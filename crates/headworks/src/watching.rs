//! What must not wait for others: time limits and requests to end have a thread of their own.
//!
//! A query may keep every thread of the program's runtime busy for long, and then nobody there looks at the clock or for signals.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, JoinSet};

/// Does work there; it goes on although nobody waits for it.
pub(crate) fn begin(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    thread().spawn(work)
}

/// Does work there, and ends it where nobody waits for it any more.
pub(crate) async fn done(work: impl Future<Output = ()> + Send + 'static) {
    let mut working = JoinSet::new();
    working.spawn_on(work, &thread());
    working.join_next().await;
}

/// The thread; where the system has none to spare, one of those that do everything else.
fn thread() -> Handle {
    static THREAD: OnceLock<Option<Runtime>> = OnceLock::new();
    let make = || Builder::new_multi_thread().worker_threads(1).thread_name("watching").enable_all().build().ok();
    THREAD.get_or_init(make).as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use hw_base::Clock;

    use crate::machine::SystemClock;

    #[test]
    fn a_pause_ends_although_every_thread_is_busy() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let busy = Duration::from_secs(3);
        let (starts, has_started) = std::sync::mpsc::channel();
        let begun = Instant::now();
        runtime.spawn(async move {
            starts.send(()).unwrap();
            std::thread::sleep(busy);
        });
        has_started.recv().unwrap();
        runtime.block_on(SystemClock.pause(Duration::from_millis(10)));
        assert!(begun.elapsed() < busy);
        runtime.shutdown_background();
    }
}
