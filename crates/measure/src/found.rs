//! What the values of a column come to, whichever way they were counted.

use hw_base::{NumberFacts, TextFacts};

use crate::cell::{Cell, Extremes};

/// What was found in a column.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) distinct: u64,
    pub(crate) distinct_is_exact: bool,
    pub(crate) extremes: Extremes,
    pub(crate) top: Vec<(Cell, u64)>,
    pub(crate) top_is_exact: bool,
    pub(crate) numbers: Option<NumberFacts>,
    pub(crate) text: Option<TextFacts>,
}
