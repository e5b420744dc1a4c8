//! The names of datasets.

use std::collections::BTreeSet;

/// Names that the warehouse needs for itself, and those that SQL takes for something else behind `from`.
const TAKEN: [&str; 8] = ["raw", "quarantine", "preview", "deleted", "reviewed", "table", "lateral", "unnest"];

/// Names that are given out once.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// None is given out yet.
    pub(super) fn new() -> Self {
        Self(TAKEN.map(str::to_owned).into())
    }

    /// A name like this one that is free, which it is no longer.
    pub(super) fn free(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}
