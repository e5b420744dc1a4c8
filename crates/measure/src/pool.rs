//! Memory that all columns of a measurement share, dealt out so that it never matters which of them is measured first.
//!
//! Columns are measured side by side, block of rows by block of rows. What is left when a block begins is shared equally among
//! those that may ask for it; what they took and gave back is settled when the block ends. Only the rows as a whole come first: what
//! they need for the block is set aside before it begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::stored::Stored;

/// The memory of a measurement.
#[derive(Debug)]
pub(crate) struct Pool {
    total: usize,
    /// Bytes that were left when the block began.
    left: AtomicUsize,
    /// How many purses what is left is shared by.
    sharers: AtomicUsize,
    /// Bytes of what was left that are for the rows as a whole.
    reserved: AtomicUsize,
}

impl Pool {
    /// A pool of so many bytes for so many purses of columns.
    pub(crate) fn of(bytes: usize, purses: usize) -> Arc<Self> {
        let (left, sharers) = (AtomicUsize::new(bytes), AtomicUsize::new(purses.max(1)));
        Arc::new(Self { total: bytes, left, sharers, reserved: AtomicUsize::new(0) })
    }

    /// Sets `bytes` more of what is left aside for the rows as a whole, for the block to come. Where that would be more than half of
    /// it, nothing is, so that columns are not left without.
    pub(crate) fn reserve(&self, of_rows: &Purse, bytes: usize) {
        let wanted = of_rows.taken.load(Ordering::Relaxed).saturating_add(bytes);
        let is_within = wanted <= self.left.load(Ordering::Relaxed) / 2;
        self.reserved.store(if is_within { wanted } else { 0 }, Ordering::Relaxed);
    }

    /// Ends a block: from now on all see what `purses` took and gave back. Those that neither have nor asked for any memory are
    /// left out of the next block's shares.
    pub(crate) fn settle(&self, purses: &[Arc<Purse>]) {
        let mut left = self.left.load(Ordering::Relaxed);
        let mut sharers = 0;
        for purse in purses {
            let (taken, given) = (purse.taken.swap(0, Ordering::Relaxed), purse.given.swap(0, Ordering::Relaxed));
            left = left.saturating_sub(taken).saturating_add(given);
            sharers += usize::from(!purse.is_of_rows && purse.has_asked.load(Ordering::Relaxed));
        }
        self.left.store(left, Ordering::Relaxed);
        self.sharers.store(sharers.max(1), Ordering::Relaxed);
    }
}

impl Pool {
    /// Writes what a later pool has to know to deal out the same.
    pub(crate) fn keep(&self, purses: &[Arc<Purse>], bytes: &mut Vec<u8>) {
        (self.total - self.left.load(Ordering::Relaxed).min(self.total)).store(bytes);
        self.sharers.load(Ordering::Relaxed).store(bytes);
        for purse in purses {
            purse.taken.load(Ordering::Relaxed).store(bytes);
            purse.given.load(Ordering::Relaxed).store(bytes);
            purse.has_asked.load(Ordering::Relaxed).store(bytes);
        }
    }

    /// Takes what was taken from an earlier pool, which may have been another size.
    pub(crate) fn restore(&self, purses: &[Arc<Purse>], bytes: &mut &[u8]) -> Option<()> {
        self.left.store(self.total.saturating_sub(usize::load(bytes)?), Ordering::Relaxed);
        self.sharers.store(usize::load(bytes)?.max(1), Ordering::Relaxed);
        for purse in purses {
            purse.taken.store(usize::load(bytes)?, Ordering::Relaxed);
            purse.given.store(usize::load(bytes)?, Ordering::Relaxed);
            purse.has_asked.store(bool::load(bytes)?, Ordering::Relaxed);
        }
        Some(())
    }
}

/// What one column, or the rows as a whole, may take of a [`Pool`].
#[derive(Debug)]
pub(crate) struct Purse {
    pool: Arc<Pool>,
    /// Bytes taken and given back since the block began.
    taken: AtomicUsize,
    given: AtomicUsize,
    has_asked: AtomicBool,
    is_of_rows: bool,
}

impl Purse {
    /// A purse that took nothing yet.
    pub(crate) fn of(pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self::empty(pool, false))
    }

    /// The purse of the rows as a whole, which takes what is reserved for it and nothing else.
    pub(crate) fn of_rows(pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self::empty(pool, true))
    }

    fn empty(pool: &Arc<Pool>, is_of_rows: bool) -> Self {
        let (taken, given, has_asked) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Self { pool: Arc::clone(pool), taken, given, has_asked, is_of_rows }
    }

    /// Whether it is that of the rows as a whole.
    pub(crate) fn is_of_rows(&self) -> bool {
        self.is_of_rows
    }

    /// How many bytes the pool had at first.
    pub(crate) fn total(&self) -> usize {
        self.pool.total
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, bytes: usize) {
        self.given.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes `bytes` if they are within its share of what is left beyond `untouched` bytes.
    pub(crate) fn takes(&self, bytes: usize, untouched: usize) -> bool {
        self.has_asked.store(true, Ordering::Relaxed);
        let left = self.pool.left.load(Ordering::Relaxed).saturating_sub(untouched);
        let reserved = self.pool.reserved.load(Ordering::Relaxed);
        let others = left.saturating_sub(reserved) / self.pool.sharers.load(Ordering::Relaxed);
        let share = if self.is_of_rows { reserved.min(left) } else { others };
        let wanted = self.taken.load(Ordering::Relaxed).saturating_add(bytes);
        let is_within = wanted <= share;
        if is_within {
            self.taken.store(wanted, Ordering::Relaxed);
        }
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_take_within_a_block_does_not_matter() {
        let pool = Pool::of(1_000, 2);
        let purses = [Purse::of(&pool), Purse::of(&pool)];
        assert!(purses[0].takes(500, 0) && !purses[0].takes(1, 0), "half belongs to the other");
        assert!(purses[1].takes(200, 600) && purses[1].takes(300, 0), "the first took nothing from it");
        pool.settle(&purses);
        assert!(!purses[1].takes(1, 0), "nothing is left");
        purses[0].give(500);
        pool.settle(&purses);
        assert!(purses[1].takes(250, 0) && !purses[1].takes(1, 0));
    }

    #[test]
    fn who_never_asks_leaves_its_share_to_the_others() {
        let pool = Pool::of(1_000, 4);
        let purses = [Purse::of(&pool), Purse::of(&pool)];
        assert!(purses[0].takes(100, 0));
        pool.settle(&purses);
        assert!(purses[0].takes(900, 0));
    }

    #[test]
    fn the_rows_have_what_they_need_for_the_block_and_the_columns_share_the_rest() {
        let pool = Pool::of(1_000, 4);
        let (rows, other) = (Purse::of_rows(&pool), Purse::of(&pool));
        assert!(!rows.takes(1, 0), "nothing was set aside");
        pool.reserve(&rows, 400);
        assert!(other.takes(150, 0) && !other.takes(1, 0), "a quarter of 600");
        assert!(rows.takes(400, 0) && !rows.takes(1, 0));
        pool.settle(&[rows.clone(), other.clone()]);
        pool.reserve(&rows, 300);
        assert!(!rows.takes(1, 0) && other.takes(450, 0), "more than half of what is left");
    }
}
