//! Memory that all columns of a measurement share, dealt out so that it never matters which of them is measured first.
//!
//! Columns are measured side by side, block of rows by block of rows. What is left when a block begins is shared equally among
//! those that may ask for it; what they took and gave back is settled when the block ends.

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
}

impl Pool {
    /// A pool of so many bytes for so many purses.
    pub(crate) fn of(bytes: usize, purses: usize) -> Arc<Self> {
        Arc::new(Self { total: bytes, left: AtomicUsize::new(bytes), sharers: AtomicUsize::new(purses.max(1)) })
    }

    /// Ends a block: from now on all see what `purses` took and gave back. Those that neither have nor asked for any memory are
    /// left out of the next block's shares.
    pub(crate) fn settle(&self, purses: &[Arc<Purse>]) {
        let mut left = self.left.load(Ordering::Relaxed);
        let mut sharers = 0;
        for purse in purses {
            let (taken, given) = (purse.taken.swap(0, Ordering::Relaxed), purse.given.swap(0, Ordering::Relaxed));
            left = left.saturating_sub(taken).saturating_add(given);
            sharers += usize::from(purse.has_asked.load(Ordering::Relaxed));
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

/// What one column may take of a [`Pool`].
#[derive(Debug)]
pub(crate) struct Purse {
    pool: Arc<Pool>,
    /// Bytes taken and given back since the block began.
    taken: AtomicUsize,
    given: AtomicUsize,
    has_asked: AtomicBool,
}

impl Purse {
    /// A purse that took nothing yet.
    pub(crate) fn of(pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { pool: Arc::clone(pool), taken: AtomicUsize::new(0), given: AtomicUsize::new(0), has_asked: AtomicBool::new(false) })
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
        let share = left / self.pool.sharers.load(Ordering::Relaxed);
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
}
