//! How much memory is given to the measurement of each column.

use std::sync::Arc;

use crate::pool::{Pool, Purse};

/// How much the measurement of a column may keep.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// Different values that a column keeps with their counts.
    pub(crate) known_values: usize,
    /// Bytes that those may use.
    pub(crate) known_bytes: usize,
    /// Texts whose traits a column remembers once they are too many to keep; a power of two.
    pub(crate) remembered_values: usize,
    /// Values that a column keeps for quantiles.
    pub(crate) sampled_values: usize,
    /// Where the column takes the memory for hashes from.
    pub(crate) purse: Arc<Purse>,
}

impl Budget {
    /// The part of one of `columns` columns in `memory` bytes, of which `pool` holds three quarters: they are for hashes, of which
    /// most columns need few.
    pub(crate) fn of(memory: usize, columns: usize, pool: &Arc<Pool>) -> Self {
        let share = memory / 4 / columns.max(1);
        Self {
            known_values: (share / 4 / 64).clamp(512, 1 << 15),
            known_bytes: (share / 4).clamp(1 << 16, 1 << 24),
            remembered_values: (share / 4 / 24).clamp(1 << 10, 1 << 16).next_power_of_two(),
            sampled_values: (share / 4 / 32).clamp(2_000, 1 << 16),
            purse: Purse::of(pool),
        }
    }
}
