//! Ends what holds far more memory than the limit without asking for it.
//!
//! Operators ask before they keep rows, and spill where there is no room. What builds large values, such as `array_agg` over long texts, asks
//! for little of what it holds; such a query would take the machine with it. So the memory of the process is looked at from a thread of its
//! own, since all others may be at work. Work is broken off between two batches; where a single one grows on, the whole program ends in
//! place of the machine.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use hw_base::{ByteSize, Error, TableName};
use tokio::sync::watch;

use crate::failure::memory_problem;

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(50);
/// How often in a row there must be too much: what is freed in between was only passing.
const IN_A_ROW: u32 = 2;
/// How often work waits, before it begins, for others to give back what they hold.
const WAITS: u32 = 200;

/// The program does not end for less than this above a limit: what was broken off gives back a little later.
const LEAST_ABOVE: u64 = 256 << 20;

/// Tells when the process has outgrown a limit by half. Clones look together.
#[derive(Clone, Debug)]
pub(crate) struct Outgrown {
    memory: ByteSize,
    limit: u64,
    /// Who is told; there once somebody asks.
    told: Arc<OnceLock<Arc<Told>>>,
    /// What ends the program.
    end: Arc<OnceLock<fn(Error)>>,
}

#[derive(Debug, Default)]
struct Told {
    /// How often it was too much.
    times: watch::Sender<u64>,
    /// The tables that are worked at.
    tables: Mutex<Vec<String>>,
}

impl Outgrown {
    /// Nobody looks yet.
    pub(crate) fn new(memory: ByteSize) -> Self {
        Self { memory, limit: memory.0.saturating_add(memory.0 / 2), told: Arc::default(), end: Arc::default() }
    }

    /// From now on `end` is called where the process holds twice the limit although work was broken off.
    pub(crate) fn end_by(&self, end: fn(Error)) {
        // It is the same for all that share a limit.
        let _ = self.end.set(end);
    }

    /// What comes of `work` at a table, or at none; `None` once the process has outgrown the limit, whoever it was.
    pub(crate) async fn unless_outgrown<T>(&self, table: Option<&TableName>, work: impl Future<Output = T>) -> Option<T> {
        let _at_work = table.map(|table| AtWork::at(table, self.told()));
        for _ in 0..WAITS {
            if held() <= self.limit {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.unless_told(work).await
    }

    async fn unless_told<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut outgrown = self.told().times.subscribe();
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = outgrown.changed() => None,
        }
    }

    fn told(&self) -> &Arc<Told> {
        self.told.get_or_init(|| {
            let told = Arc::default();
            let looking = Looking { memory: self.memory, limit: self.limit, end: Arc::clone(&self.end), told: Arc::downgrade(&told) };
            // Without a thread nobody looks, and all else goes on.
            let _ = std::thread::Builder::new().name("memory".into()).spawn(move || looking.look());
            told
        })
    }
}

/// A table is worked at as long as this is there.
struct AtWork<'a> {
    table: String,
    told: &'a Told,
}

impl<'a> AtWork<'a> {
    fn at(table: &TableName, told: &'a Told) -> Self {
        let table = table.to_string();
        told.tables.lock().unwrap_or_else(PoisonError::into_inner).push(table.clone());
        Self { table, told }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut tables = self.told.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = tables.iter().position(|table| *table == self.table) {
            tables.swap_remove(at);
        }
    }
}

/// Looks as long as anybody may ask.
struct Looking {
    memory: ByteSize,
    limit: u64,
    end: Arc<OnceLock<fn(Error)>>,
    told: Weak<Told>,
}

impl Looking {
    fn look(&self) {
        let most = (self.memory.0.saturating_mul(2)).max(self.memory.0.saturating_add(LEAST_ABOVE));
        let (mut above, mut far_above, mut was_told) = (0, 0, false);
        loop {
            std::thread::sleep(PAUSE);
            let Some(told) = self.told.upgrade() else { return };
            let held = held();
            was_told &= held > self.memory.0;
            above = if held > self.limit && told.times.receiver_count() > 0 { above + 1 } else { 0 };
            far_above = if held > most && was_told { far_above + 1 } else { 0 };
            if above >= IN_A_ROW {
                was_told = true;
                told.times.send_modify(|times| *times = times.wrapping_add(1));
            }
            if let Some(end) = self.end.get().filter(|_| far_above >= IN_A_ROW) {
                end(self.overgrown(&told));
            }
        }
    }

    fn overgrown(&self, told: &Told) -> Error {
        let tables = told.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let error = memory_problem("the values that it builds have outgrown the limit twice over, and it does not stop", Some(self.memory));
        let tables: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
        if tables.is_empty() { error } else { error.within(tables.join(" or ")) }
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
        let table = TableName::model("m");
        let tables = || plenty.told().tables.lock().unwrap().clone();
        assert_eq!(plenty.unless_outgrown(Some(&table), async { tables() }).await, Some(vec!["m".to_owned()]));
        assert!(tables().is_empty());
        let nothing = Outgrown::new(ByteSize(0));
        assert_eq!(nothing.unless_told(std::future::pending::<()>()).await, None);
    }
}
