//! What the columns of whole tables say about each other: candidate keys, dependencies, references between tables, and the
//! cells that contradict the rest.
//!
//! Everything here is a pure function of [`hw_base::CodedTable`]; no order of rows, no run and no machine changes an answer.

mod agreement;
mod cell;
mod columns;
mod dependency;
mod found;
mod inclusion;
mod key;
mod lattice;
mod likeness;
mod near;
mod orphans;
mod parallel;
mod pattern;
mod reference;
mod repeated;
mod twins;
mod words;

#[cfg(test)]
mod tests;

pub use cell::{CELL_ISSUES, cells, cells_told_by};
pub use dependency::{dependencies, violations};
pub use found::{Cell, Dependencies, Dependency, Key, Keys, Reference, TableColumns, Violation};
pub use key::keys;
pub use near::{NearDuplicate, NearDuplicates, copies, near_duplicates};
pub use orphans::{Orphans, orphans};
pub use pattern::{Condition, Correlation, Formula, Operation, Order, Partner, Patterns, patterns};
pub use reference::references;
pub use twins::are_alike_by_chance;
