//! placeholder
use crate::suites::{TableRules, Written};
pub(super) fn written(_: &[TableRules<'_>]) -> Written {
    Written::default()
}
