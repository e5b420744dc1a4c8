//! Sets of keys by their hashes: which keys occur again, and which a table may already hold.
//!
//! A set may take two keys for one (their 64-bit hashes are equal); whoever uses it must settle such rows by their true
//! keys. It never misses a key.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;

use crate::hash::AsIs;

const SHARDS: usize = 16;

type Shard = HashSet<u64, BuildHasherDefault<AsIs>>;

/// A set of hashed keys that tasks share.
#[derive(Clone)]
pub struct KeySet(Arc<[Mutex<Shard>; SHARDS]>);

impl Default for KeySet {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl KeySet {
    fn shard(&self, index: usize) -> std::sync::MutexGuard<'_, Shard> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds hashes; those that were there already also go into `repeated`.
    pub fn insert(&self, hashes: &[u64], repeated: Option<&Self>) {
        let mut parts: [Vec<u64>; SHARDS] = std::array::from_fn(|_| Vec::new());
        for hash in hashes {
            parts[shard_of(*hash)].push(*hash);
        }
        for (index, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            let mut shard = self.shard(index);
            let again: Vec<u64> = part.iter().copied().filter(|hash| !shard.insert(*hash)).collect();
            drop(shard);
            if let Some(repeated) = repeated
                && !again.is_empty()
            {
                repeated.insert(&again, None);
            }
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        (0..SHARDS).all(|index| self.shard(index).is_empty())
    }

    /// Whether it holds one of the hashes.
    pub fn holds_any(&self, hashes: &[u64]) -> bool {
        hashes.iter().any(|hash| self.shard(shard_of(*hash)).contains(hash))
    }

    /// True for every hash that it holds.
    pub fn mask(&self, hashes: &[u64]) -> BooleanArray {
        let shards: [_; SHARDS] = std::array::from_fn(|index| self.shard(index));
        let holds = |row: usize| shards[shard_of(hashes[row])].contains(&hashes[row]);
        BooleanArray::from(BooleanBuffer::collect_bool(hashes.len(), holds))
    }

    /// About how much memory it uses.
    pub fn bytes(&self) -> usize {
        (0..SHARDS).map(|index| self.shard(index).capacity() * 9).sum()
    }
}

fn shard_of(hash: u64) -> usize {
    let index = (hash >> 60) as usize;
    index % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inserted_again_is_told_and_nothing_is_missed() {
        let (set, repeated) = (KeySet::default(), KeySet::default());
        let spread = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let first: Vec<u64> = (0..1000).map(spread).collect();
        set.insert(&first, Some(&repeated));
        assert!(repeated.is_empty());
        set.insert(&[spread(7), spread(2000)], Some(&repeated));
        assert_eq!(repeated.mask(&[spread(7), spread(8), spread(2000)]).iter().flatten().collect::<Vec<_>>(), [true, false, false]);
        assert!(set.holds_any(&[spread(5000), spread(2000)]) && !set.holds_any(&[spread(5000)]));
    }
}
