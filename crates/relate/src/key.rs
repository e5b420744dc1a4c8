//! Candidate keys.

use hw_base::CodedTable;

use crate::Keys;

/// All minimal candidate keys of a table, the most plausible first.
pub fn keys(_table: &CodedTable) -> Keys {
    Keys::default()
}
