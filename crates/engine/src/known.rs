//! Versions of tables that were read already, so that the steps of a run do not read the same log again and again.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::warehouse::Snapshot;

/// Tables of more files are read anew, so that what is remembered stays small.
const MOST_FILES: usize = 10_000;

/// The newest version of each table that this process has read, by folder. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<PathBuf, (LogEntry, Snapshot)>>>);

/// What tells the log entry of a version from that of another table in the same folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LogEntry {
    inode: u64,
    changed: (i64, i64),
}

impl LogEntry {
    fn of(folder: &Path, version: i64) -> Option<Self> {
        let entry = std::fs::metadata(commit(folder, version)).ok()?;
        Some(Self { inode: entry.ino(), changed: (entry.mtime(), entry.mtime_nsec()) })
    }
}

impl Known {
    /// That version of the table in a folder, or the newest where `version` is `None`, if it is known and still what it was.
    pub(crate) fn find(&self, folder: &Path, version: Option<i64>) -> Option<Snapshot> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (entry, snapshot) = known.get(folder)?;
        let is_wanted = match version {
            Some(version) => version == snapshot.version,
            None => !commit(folder, snapshot.version + 1).exists(),
        };
        (is_wanted && LogEntry::of(folder, snapshot.version) == Some(*entry)).then(|| snapshot.clone())
    }

    /// Remembers a version that was read.
    pub(crate) fn note(&self, folder: &Path, snapshot: &Snapshot) {
        let Some(entry) = LogEntry::of(folder, snapshot.version).filter(|_| snapshot.files.len() <= MOST_FILES) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_older = known.get(folder).is_some_and(|(_, newest)| snapshot.version < newest.version);
        if !is_older {
            known.insert(folder.to_owned(), (entry, snapshot.clone()));
        }
    }
}

/// The log entry of a version.
fn commit(folder: &Path, version: i64) -> PathBuf {
    folder.join("_delta_log").join(format!("{version:020}.json"))
}
