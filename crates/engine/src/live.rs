//! The source datasets that were opened for reading, by the name under which queries see them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::TableProvider;

/// Opened source datasets. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct LiveTables(Arc<RwLock<HashMap<String, Arc<dyn TableProvider>>>>);

impl LiveTables {
    /// Makes `table` readable as `relation`, in place of an earlier one of that name.
    pub fn open(&self, relation: &str, table: Arc<dyn TableProvider>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(relation.to_owned(), table);
    }

    /// The dataset opened as `relation`.
    pub fn find(&self, relation: &str) -> Option<Arc<dyn TableProvider>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(relation).cloned()
    }
}
