//! References between tables.

use hw_base::CodedTable;

use crate::Reference;

/// The references between some tables, the most plausible first.
pub fn references(_tables: &[&CodedTable]) -> Vec<Reference> {
    Vec::new()
}
