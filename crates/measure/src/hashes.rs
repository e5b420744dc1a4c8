//! How many different hashes there are: exact while the memory lasts, then by adaptive sampling.
//!
//! Hashes are gathered in buckets by their first bits and a bucket is rid of repeats only when it is full, and while there are hardly
//! any not even then, so each pass works on a piece that fits the processor's cache. When its [`Purse`] has no more memory, the counter keeps just
//! the hashes whose last bit is zero, later the last two bits, and so on (Wegman's adaptive sampling). All copies of a
//! value share a hash, so what is kept is a sample of *values* with all their copies. With `m` hashes kept the count is
//! off by about 1/√m: under 1 % at the least size, 0.1 % at a million.

use std::sync::Arc;

use arrow_buffer::NullBuffer;

use crate::lane::for_each_valid;
use crate::pool::Purse;
use crate::stored::{Restored, Stored};

const BUCKET_BITS: u32 = 8;
/// Hashes that every bucket may hold however little memory there is.
const LEAST_CAPACITY: usize = 128;

/// The different hashes of the rows.
#[derive(Debug)]
pub(crate) struct HashCounter {
    buckets: Vec<Vec<u64>>,
    /// Hashes are kept if so many of their last bits are zero.
    level: u32,
    /// Kept hashes that equalled an earlier one.
    repeats: u64,
    purse: Arc<Purse>,
    scratch: Vec<u64>,
}

impl Restored for HashCounter {
    fn keep(&self, bytes: &mut Vec<u8>) {
        self.level.store(bytes);
        self.repeats.store(bytes);
        for bucket in &self.buckets {
            bucket.capacity().store(bytes);
            bucket.store(bytes);
        }
    }
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.level = Stored::load(bytes)?;
        self.repeats = Stored::load(bytes)?;
        for bucket in &mut self.buckets {
            let (capacity, hashes): (usize, Vec<u64>) = Stored::load(bytes)?;
            bucket.reserve_exact(capacity.min(hashes.len().saturating_mul(8).max(LEAST_CAPACITY)));
            bucket.extend(hashes);
        }
        Some(())
    }
}

/// What a counter found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Count {
    /// Different hashes.
    pub(crate) distinct: u64,
    /// Hashes that equalled an earlier one.
    pub(crate) repeats: u64,
    pub(crate) is_exact: bool,
}

impl HashCounter {
    /// An empty counter.
    pub(crate) fn new(purse: &Arc<Purse>) -> Self {
        Self { buckets: vec![Vec::new(); 1 << BUCKET_BITS], level: 0, repeats: 0, purse: purse.clone(), scratch: Vec::new() }
    }

    /// Adds the hashes of the valid rows.
    pub(crate) fn add(&mut self, hashes: &[u64], nulls: Option<&NullBuffer>) {
        for_each_valid(nulls, hashes.len(), |row| self.push(hashes[row]));
    }

    /// Adds one hash that occurs `count` times.
    pub(crate) fn add_repeated(&mut self, hash: u64, count: u64) {
        if is_kept(hash, self.level) {
            self.repeats += count.saturating_sub(1);
            self.push(hash);
        }
    }

    /// The bytes that it will ask for, were so many hashes added of which none came before.
    pub(crate) fn bytes_for(&self, hashes: usize) -> usize {
        if self.level > 0 || hashes == 0 {
            return 0;
        }
        // Not all buckets get as many; none gets twice as many.
        let more = 2 * hashes.div_ceil(1 << BUCKET_BITS);
        let wanted = |bucket: &Vec<u64>| (bucket.len() + more).next_power_of_two().max(LEAST_CAPACITY);
        self.buckets.iter().map(|bucket| wanted(bucket).saturating_sub(bucket.capacity()) * size_of::<u64>()).sum()
    }

    #[inline]
    fn push(&mut self, hash: u64) {
        let hash = hash.max(1);
        if !is_kept(hash, self.level) {
            return;
        }
        let bucket = &mut self.buckets[bucket_of(hash)];
        if bucket.len() < bucket.capacity() {
            bucket.push(hash);
        } else {
            self.push_into_full(hash);
        }
    }

    #[cold]
    fn push_into_full(&mut self, hash: u64) {
        self.make_room(bucket_of(hash));
        if is_kept(hash, self.level) {
            self.buckets[bucket_of(hash)].push(hash);
        }
    }

    /// Makes a good part of a full bucket free.
    fn make_room(&mut self, at: usize) {
        if self.has_hardly_any_repeats(at) && self.grows(at) {
            return;
        }
        self.drop_repeats(at);
        let (length, capacity) = (self.buckets[at].len(), self.buckets[at].capacity());
        if length <= capacity / 2 && capacity > 0 {
            return;
        }
        let wanted = (capacity * 2).max(LEAST_CAPACITY);
        if wanted == LEAST_CAPACITY || self.may_take((wanted - capacity) * size_of::<u64>()) {
            self.buckets[at].reserve_exact(wanted - length);
        }
        while self.buckets[at].len() > self.buckets[at].capacity() / 4 * 3 {
            self.halve();
        }
    }

    /// Whether looking for repeats in a full bucket is not worth its time yet: it is looked at whenever it is eight times as large, and
    /// in between only where one hash in eight has come before.
    fn has_hardly_any_repeats(&self, at: usize) -> bool {
        let length = self.buckets[at].len();
        let is_between_looks = !(length / LEAST_CAPACITY).trailing_zeros().is_multiple_of(3);
        is_between_looks && self.repeats < (length << BUCKET_BITS) as u64 / 8
    }

    /// Makes a bucket twice as large where more than half of the memory is left.
    fn grows(&mut self, at: usize) -> bool {
        let capacity = self.buckets[at].capacity();
        let may_grow = self.level == 0 && self.purse.takes(capacity * size_of::<u64>(), self.purse.total() / 2);
        if may_grow {
            self.buckets[at].reserve_exact(capacity);
        }
        may_grow
    }

    /// Counters without repeats may belong to a key and have the whole pool; others leave half of it. That of the rows need not: where a
    /// row repeats another, every column does, and none is a key.
    fn may_take(&self, bytes: usize) -> bool {
        let untouched = if self.repeats == 0 || self.purse.is_of_rows() { 0 } else { self.purse.total() / 2 };
        self.level == 0 && self.purse.takes(bytes, untouched)
    }

    fn drop_repeats(&mut self, at: usize) {
        let bucket = &mut self.buckets[at];
        let before = bucket.len();
        drop_repeats(bucket, &mut self.scratch);
        self.repeats += (before - bucket.len()) as u64;
    }

    /// Goes on with half of the hashes.
    fn halve(&mut self) {
        self.level += 1;
        self.repeats = halved(self.repeats, 1);
        let level = self.level;
        self.buckets.iter_mut().for_each(|bucket| bucket.retain(|hash| is_kept(*hash, level)));
    }

    /// The count.
    pub(crate) fn count(mut self) -> Count {
        for at in 0..self.buckets.len() {
            self.drop_repeats(at);
        }
        let kept: u64 = self.buckets.iter().map(|bucket| bucket.len() as u64).sum();
        Count { distinct: kept << self.level, repeats: self.repeats << self.level, is_exact: self.level == 0 }
    }
}

/// What remains of a number of repeats at a higher level; some stay some.
fn halved(repeats: u64, levels: u32) -> u64 {
    repeats.div_ceil(1 << levels)
}

#[inline]
fn is_kept(hash: u64, level: u32) -> bool {
    hash.trailing_zeros() >= level
}

#[inline]
fn bucket_of(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}

/// Leaves one copy of each hash, by way of an open-addressed table in `slots`.
fn drop_repeats(hashes: &mut Vec<u64>, slots: &mut Vec<u64>) {
    let size = (hashes.len() * 2).next_power_of_two().max(2);
    // Filled rather than resized, because that is done by whole blocks of memory.
    slots.resize(slots.len().max(size), 0);
    let slots = &mut slots[..size];
    slots.fill(0);
    let shift = u64::BITS - size.trailing_zeros();
    let mut kept = 0;
    for at in 0..hashes.len() {
        let hash = hashes[at];
        if is_new(hash, slots, shift) {
            hashes[kept] = hash;
            kept += 1;
        }
    }
    hashes.truncate(kept);
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the shift leaves as many bits as the table has")]
fn is_new(hash: u64, slots: &mut [u64], shift: u32) -> bool {
    let mask = slots.len() - 1;
    // Multiplying makes the index independent of the bits that chose the bucket and the sample.
    let mut at = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize;
    loop {
        let slot = &mut slots[at & mask];
        if *slot == 0 {
            *slot = hash;
            return true;
        }
        if *slot == hash {
            return false;
        }
        at += 1;
    }
}
