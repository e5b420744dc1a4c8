//! The machine: its clock, its memory and its environment.

use std::sync::Arc;

use hw_base::{BoxFuture, Clock, RunId, Timestamp};
use hw_connect::Secrets;
use hw_pipeline::Meter;

use crate::watching;

/// The clock of the system.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now()
    }

    fn pause(&self, span: std::time::Duration) -> BoxFuture<'_, ()> {
        Box::pin(watching::done(async move { tokio::time::sleep(span).await }))
    }
}

/// The memory of this process, as Linux tells it.
pub(crate) struct ProcessMemory;

impl Meter for ProcessMemory {
    fn reset(&self) {
        // A system without this file has no peak per step.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }

    fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kibibytes.unwrap_or_default() * 1024
    }
}

/// Resolves secret references: variables of the environment, and files of the project.
#[expect(clippy::disallowed_methods, reason = "secret references name variables of the environment")]
pub(crate) fn secrets(root: &std::path::Path) -> Secrets {
    let root = root.to_owned();
    Arc::new(move |text| Ok(hw_config::resolve(text, &|name| std::env::var(name).ok(), &root)?.expose().to_owned()))
}

/// The identity of a run that begins now.
pub(crate) fn next_run_id(now: Timestamp) -> RunId {
    hw_ledger::next_run_id(now, salt(now))
}

/// A number that differs between runs that start in the same second.
fn salt(now: Timestamp) -> u64 {
    u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(now.timestamp_subsec_nanos())
}

/// The user of the operating system who runs this process.
#[expect(clippy::disallowed_methods, reason = "where the system has no list of users, the environment names them")]
pub(crate) fn user() -> String {
    use std::os::unix::fs::MetadataExt;
    let id = std::fs::metadata("/proc/self").map(|process| process.uid().to_string());
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = id.as_ref().ok().and_then(|id| users.lines().find(|line| line.split(':').nth(2) == Some(id.as_str())));
    let name = named.and_then(|line| line.split(':').next()).map(str::to_owned);
    let told = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok();
    name.or_else(told).unwrap_or_else(|| id.map_or_else(|_| "nobody knows".into(), |id| format!("user {id}")))
}
