//! The write-ahead log of a ledger: when it was flushed to disk, so that many records share one flush.
//!
//! SQLite appends every commit to one file, and lets nothing of it come into the database before it has flushed that file itself. So whoever
//! flushes the file makes all commits last that were made before.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A write-ahead log, and how much of it lasts through a power failure.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Commits that were made.
    written: Arc<AtomicU64>,
    /// Commits that last.
    flushed: Arc<AtomicU64>,
    /// Held by whoever flushes.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Log {
    /// The log of a database; nothing of it was written here so far.
    pub(crate) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), written: Arc::default(), flushed: Arc::default(), turn: Arc::default() }
    }

    /// Notes that a commit was made.
    pub(crate) fn written(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes all commits last.
    pub(crate) fn flush(&self) -> Result<()> {
        let reached = self.written.load(Ordering::SeqCst);
        match File::open(&self.path).and_then(|log| log.sync_data()) {
            // There is no log in memory, nor where all of it is in the database.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => {
                self.flushed.fetch_max(reached, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Ends when all commits last that were made before. Nothing is flushed where somebody else's flush has done it meanwhile.
    pub(crate) async fn flushed(&self) -> Result<()> {
        let needed = self.written.load(Ordering::SeqCst);
        let _turn = self.turn.lock().await;
        if self.flushed.load(Ordering::SeqCst) >= needed {
            return Ok(());
        }
        let log = self.clone();
        tokio::task::spawn_blocking(move || log.flush()).await.map_err(Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_flush_serves_all_that_wait() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::of(&folder.path().join("ledger.db"));
        std::fs::write(&log.path, "commits").unwrap();
        log.written();
        log.written();
        log.flushed().await.unwrap();
        assert_eq!(log.flushed.load(Ordering::SeqCst), 2);
        // What lasts is not flushed again: the log could not even be opened.
        std::fs::remove_file(&log.path).unwrap();
        std::os::unix::fs::symlink(&log.path, &log.path).unwrap();
        log.flushed().await.unwrap();
        log.written();
        assert!(log.flushed().await.is_err());
    }
}
