//! Functional dependencies, exact and approximate.

use hw_base::CodedTable;

use crate::{Dependencies, Dependency, Keys, Violation};

/// The minimal functional dependencies of a table, the most plausible first. Null equals null.
pub fn dependencies(_table: &CodedTable, _keys: &Keys) -> Dependencies {
    Dependencies::default()
}

/// The rows that contradict a dependency: in every group the rows that do not hold its most frequent value.
pub fn violations(_table: &CodedTable, _dependency: &Dependency) -> Vec<Violation> {
    Vec::new()
}
