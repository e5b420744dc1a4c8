//! Sets of values by two hashes each, which stand for the values themselves.
//!
//! Of a billion values against a billion others the chance that one is taken for another is 10⁻²⁰.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::hash::AsIs;

/// A set of values.
#[derive(Default)]
pub struct ValueSet(HashSet<u128, BuildHasherDefault<AsIs>>);

impl ValueSet {
    /// About what a value takes while the set grows, in bytes.
    pub const BYTES_PER_VALUE: usize = 51;

    /// Adds the values with these hashes, a first and a second one for each.
    pub fn insert(&mut self, first: &[u64], second: &[u64]) {
        self.0.extend(joined(first, second));
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of the values it does not hold.
    pub fn absent(&self, first: &[u64], second: &[u64]) -> u64 {
        joined(first, second).map(|hash| u64::from(!self.0.contains(&hash))).sum()
    }
}

fn joined(first: &[u64], second: &[u64]) -> impl Iterator<Item = u128> {
    first.iter().zip(second).map(|(first, second)| u128::from(*first) << 64 | u128::from(*second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_differ_if_one_of_their_hashes_does() {
        let mut set = ValueSet::default();
        assert!(set.is_empty());
        set.insert(&[1, 2, 2], &[7, 8, 8]);
        assert_eq!((set.len(), set.absent(&[1, 2, 1, 3], &[7, 8, 8, 7])), (2, 2));
    }
}
