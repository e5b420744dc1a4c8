//! Versions of tables that were read already, so that the steps of a run do not read the same log again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::folder::{FolderRef, Mark};
use crate::warehouse::Snapshot;

/// Tables of more files are read anew, so that what is remembered stays small.
const MOST_FILES: usize = 10_000;

/// The newest version of each table that this process has read, by folder. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<String, (Mark, Snapshot)>>>);

impl Known {
    /// That version of the table in a folder, or the newest where `version` is `None`, if it is known and still what it was.
    pub(crate) fn find(&self, folder: &FolderRef, version: Option<i64>) -> Option<Snapshot> {
        let (entry, snapshot) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&folder.to_string())?.clone();
        let is_wanted = match version {
            Some(version) => version == snapshot.version,
            None => matches!(folder.entry(snapshot.version + 1), Ok(None)),
        };
        (is_wanted && folder.entry(snapshot.version).is_ok_and(|found| found == Some(entry))).then_some(snapshot)
    }

    /// Remembers a version that was read.
    pub(crate) fn note(&self, folder: &FolderRef, snapshot: &Snapshot) {
        if snapshot.files.len() > MOST_FILES {
            return;
        }
        let (name, Ok(Some(entry))) = (folder.to_string(), folder.entry(snapshot.version)) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_older = known.get(&name).is_some_and(|(_, newest)| snapshot.version < newest.version);
        if !is_older {
            known.insert(name, (entry, snapshot.clone()));
        }
    }
}
