//! Suspicious cells.

use hw_base::{CodedTable, Dimension};

use crate::{Cell, Dependencies, Keys};

/// What can be suspicious about a cell, and the dimension it counts against.
pub const CELL_ISSUES: &[(&str, Dimension)] = &[
    ("blank_variant", Dimension::Consistency),
    ("contradicts_dependency", Dimension::Consistency),
    ("disguised_missing", Dimension::Completeness),
    ("format_outlier", Dimension::Validity),
    ("implausible_date", Dimension::Accuracy),
    ("missing_value", Dimension::Completeness),
    ("misspelling", Dimension::Accuracy),
    ("numeric_outlier", Dimension::Accuracy),
    ("swapped_value", Dimension::Accuracy),
    ("type_outlier", Dimension::Validity),
];

/// The cells that contradict the rest of their table, by row and column. Each cell is named once.
pub fn cells(_table: &CodedTable, _keys: &Keys, _dependencies: &Dependencies) -> Vec<Cell> {
    Vec::new()
}
