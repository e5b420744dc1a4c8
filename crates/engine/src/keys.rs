//! Sets of keys by their hashes: which keys occur again, and which the table may already hold.
//!
//! A set may take two keys for one (their 64-bit hashes are equal); whoever uses it must settle such rows by their true
//! keys, as the staging does. It never misses a key.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::{Accumulator, Expr, lit};
use hw_base::Result;

use crate::failure::{Context, explain};

const SHARDS: usize = 16;

/// Hashes are spread already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type Shard = HashSet<u64, BuildHasherDefault<AsIs>>;

/// A set of hashed keys that tasks share.
#[derive(Clone)]
pub(crate) struct KeySet(Arc<[Mutex<Shard>; SHARDS]>);

impl KeySet {
    /// An empty set.
    pub(crate) fn new() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }

    fn shard(&self, index: usize) -> std::sync::MutexGuard<'_, Shard> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds hashes; those that were there already also go into `repeated`.
    pub(crate) fn insert(&self, hashes: &[u64], repeated: Option<&Self>) {
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
    pub(crate) fn is_empty(&self) -> bool {
        (0..SHARDS).all(|index| self.shard(index).is_empty())
    }

    /// Whether it holds one of the hashes.
    pub(crate) fn holds_any(&self, hashes: &[u64]) -> bool {
        hashes.iter().any(|hash| self.shard(shard_of(*hash)).contains(hash))
    }

    /// True for every hash that it holds.
    pub(crate) fn mask(&self, hashes: &[u64]) -> BooleanArray {
        let shards: [_; SHARDS] = std::array::from_fn(|index| self.shard(index));
        hashes.iter().map(|hash| Some(shards[shard_of(*hash)].contains(hash))).collect()
    }

    /// About how much memory it uses.
    pub(crate) fn bytes(&self) -> usize {
        (0..SHARDS).map(|index| self.shard(index).capacity() * 9).sum()
    }
}

/// The least and the greatest value of a key column, noted down by several tasks.
pub(crate) struct Bounds {
    column: String,
    found: Mutex<(MinAccumulator, MaxAccumulator)>,
}

impl Bounds {
    /// No value yet; `None` for types that have no plain order, and for floating-point numbers, of which one may be no number.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        let data_type = field.data_type();
        let is_ordered = data_type.is_integer() || data_type.is_temporal() || data_type.is_decimal() || *data_type == DataType::Utf8View;
        let found = is_ordered.then(|| Some((MinAccumulator::try_new(data_type).ok()?, MaxAccumulator::try_new(data_type).ok()?)))??;
        Some(Self { column: field.name().clone(), found: Mutex::new(found) })
    }

    /// Takes note of further values.
    pub(crate) fn note(&self, values: &ArrayRef) -> Result<()> {
        let (least, greatest) = &mut *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let values = std::slice::from_ref(values);
        least.update_batch(values).and_then(|()| greatest.update_batch(values)).map_err(|error| explain(error, &Context::default()))
    }

    /// True for every row whose value lies within the bounds.
    pub(crate) fn filter(&self) -> Result<Expr> {
        let (least, greatest) = &mut *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| explain(error, &Context::default());
        let (least, greatest) = (least.evaluate().map_err(failed)?, greatest.evaluate().map_err(failed)?);
        Ok(Expr::Column(Column::from_name(&self.column)).between(lit(least), lit(greatest)))
    }
}

fn shard_of(hash: u64) -> usize {
    let index = (hash >> 60) as usize;
    index % SHARDS
}

/// The hash of each row, the same in every process: for equal values of equal types it is equal.
pub(crate) fn hashes(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let mut hashes = vec![0; rows];
    if !columns.is_empty() {
        create_hashes(columns, &RandomState::with_seed(0x6865_6164), &mut hashes).map_err(|error| explain(error, &Context::default()))?;
    }
    Ok(hashes)
}
