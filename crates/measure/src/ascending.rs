//! Numbers in their order, however they are kept.

/// Numbers in ascending order, of which each can be reached at once.
pub(crate) trait Ascending {
    /// How many there are.
    fn count(&self) -> u64;

    /// The number that so many come before.
    fn at(&self, rank: u64) -> f64;

    /// How many fulfil a condition that only the first ones fulfil.
    fn first(&self, fulfil: impl Fn(f64) -> bool) -> u64;
}

impl Ascending for Vec<f64> {
    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn at(&self, rank: u64) -> f64 {
        usize::try_from(rank).ok().and_then(|rank| self.get(rank)).copied().unwrap_or_default()
    }

    fn first(&self, fulfil: impl Fn(f64) -> bool) -> u64 {
        self.partition_point(|number| fulfil(*number)) as u64
    }
}
