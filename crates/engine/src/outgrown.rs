//! Ends what holds far more memory than the limit without asking for it.
//!
//! Operators ask before they keep rows, and spill where there is no room. What builds large values, such as `array_agg` over long texts, asks
//! for little of what it holds; such a query would take the machine with it. So the memory of the process is looked at from a thread of its
//! own, since all others may be at work.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use hw_base::ByteSize;
use tokio::sync::watch;

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(50);
/// How often in a row there must be too much: what is freed in between was only passing.
const IN_A_ROW: u32 = 2;
/// How often work waits, before it begins, for others to give back what they hold.
const WAITS: u32 = 200;

/// Tells when the process has outgrown a limit by half. Clones look together.
#[derive(Clone, Debug)]
pub(crate) struct Outgrown {
    limit: u64,
    /// How often it was too much; there once somebody asks.
    times: Arc<OnceLock<Arc<watch::Sender<u64>>>>,
}

impl Outgrown {
    /// Nobody looks yet.
    pub(crate) fn new(memory: ByteSize) -> Self {
        Self { limit: memory.0.saturating_add(memory.0 / 2), times: Arc::default() }
    }

    /// What comes of `work`; `None` once the process has outgrown the limit, whoever it was.
    pub(crate) async fn unless_outgrown<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        for _ in 0..WAITS {
            if held() <= self.limit {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.unless_told(work).await
    }

    async fn unless_told<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut outgrown = self.times.get_or_init(|| looking(self.limit)).subscribe();
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = outgrown.changed() => None,
        }
    }
}

/// Looks as long as anybody may ask.
fn looking(limit: u64) -> Arc<watch::Sender<u64>> {
    let times = Arc::new(watch::Sender::new(0));
    let asked = Arc::downgrade(&times);
    // Without a thread nobody looks, and all else goes on.
    let _ = std::thread::Builder::new().name("memory".into()).spawn(move || look(limit, &asked));
    times
}

fn look(limit: u64, asked: &Weak<watch::Sender<u64>>) {
    let mut in_a_row = 0;
    loop {
        std::thread::sleep(PAUSE);
        let Some(times) = asked.upgrade() else { return };
        if times.receiver_count() == 0 || held() <= limit {
            in_a_row = 0;
            continue;
        }
        in_a_row += 1;
        if in_a_row >= IN_A_ROW {
            times.send_modify(|times| *times = times.wrapping_add(1));
        }
    }
}

/// The memory that the process holds beside its files; zero where the system does not tell.
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches("kB").trim_end().parse().ok());
    kibibytes.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_ends_once_the_process_has_outgrown_its_limit() {
        assert!(held() > 0);
        let plenty = Outgrown::new(ByteSize(1 << 40));
        assert_eq!(plenty.unless_outgrown(async { 1 }).await, Some(1));
        let nothing = Outgrown::new(ByteSize(0));
        assert_eq!(nothing.unless_told(std::future::pending::<()>()).await, None);
    }
}
