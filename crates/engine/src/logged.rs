//! What a log says of one version in the words of Delta's library. Where this process has made the version itself, the log is read back only
//! when somebody asks for more than was written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deltalake_core::logstore::LogStore;
use deltalake_core::table::state::DeltaTableState;
use hw_base::Result;
use tokio::sync::OnceCell;

use crate::failure::explain_delta;

/// The last transaction of each application, as far as it is known; `None` for one that has made none.
type Windows = HashMap<String, Option<i64>>;

/// What a log says of one version. Clones share what was read.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    version: u64,
    state: Arc<OnceCell<DeltaTableState>>,
    /// The version before, from which less has to be read.
    before: Option<DeltaTableState>,
    windows: Arc<Mutex<Windows>>,
    /// Whether no application has made a transaction but those that are known.
    knows_all: bool,
}

impl Logged {
    /// A version that was read.
    pub(crate) fn read(state: DeltaTableState) -> Self {
        let (version, windows) = (state.version(), Arc::default());
        Self { version, state: Arc::new(OnceCell::new_with(Some(state))), before: None, windows, knows_all: false }
    }

    /// The first version of a table, which was just made with these transactions.
    pub(crate) fn first(transactions: impl Iterator<Item = (String, i64)>) -> Self {
        let windows = transactions.map(|(application, window)| (application, Some(window))).collect();
        Self { version: 0, state: Arc::default(), before: None, windows: Arc::new(Mutex::new(windows)), knows_all: true }
    }

    /// The version after this one, which was just made with these transactions.
    pub(crate) fn after(&self, transactions: impl Iterator<Item = (String, i64)>) -> Self {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        windows.extend(transactions.map(|(application, window)| (application, Some(window))));
        let before = self.state.get().cloned().or_else(|| self.before.clone());
        Self { version: self.version + 1, state: Arc::default(), before, windows: Arc::new(Mutex::new(windows)), ..*self }
    }

    /// Whether the log was read for it.
    #[cfg(test)]
    pub(crate) fn is_read(&self) -> bool {
        self.state.initialized()
    }

    /// All that the log says.
    pub(crate) async fn state(&self, log_store: &dyn LogStore) -> Result<&DeltaTableState> {
        let read = || async {
            let Some(mut state) = self.before.clone() else { return DeltaTableState::try_new(log_store, Some(self.version)).await };
            state.update(log_store, Some(self.version)).await.map(|()| state)
        };
        self.state.get_or_try_init(read).await.map_err(explain_delta)
    }

    /// The last transaction of `application`.
    pub(crate) async fn window(&self, log_store: &dyn LogStore, application: &str) -> Result<Option<i64>> {
        let known = self.windows.lock().unwrap_or_else(PoisonError::into_inner).get(application).copied();
        if let Some(known) = known.or(self.knows_all.then_some(None)) {
            return Ok(known);
        }
        let found = self.state(log_store).await?.transaction_version(log_store, application).await.map_err(explain_delta)?;
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).insert(application.to_owned(), found);
        Ok(found)
    }
}
