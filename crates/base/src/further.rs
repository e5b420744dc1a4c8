//! Measuring that goes on another day.

use crate::{CodedTable, TableFacts};

/// All that a measurement has to know of the rows it has seen, to go on with more. What the bytes mean is the engine's own matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketches(pub Vec<u8>);

/// What came of measuring rows that are new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Further {
    /// The facts about all rows, earlier ones and new ones.
    pub facts: TableFacts,
    /// The new rows, coded.
    pub table: CodedTable,
    /// From which the next measurement goes on.
    pub sketches: Sketches,
}
