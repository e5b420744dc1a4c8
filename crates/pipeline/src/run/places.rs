//! The places of a run: how many steps work at the same time, so that memory suffices. A step that has nothing left but to wait for the disk
//! leaves its place to another one.

use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The places of a run.
pub(super) struct Places {
    /// Those that nobody has; fewer than none while a step that had left its place works once more.
    free: AtomicIsize,
}

/// The place of one step. It is free again when this is dropped.
pub(super) struct Place<'a> {
    of: &'a Places,
    is_taken: AtomicBool,
}

impl Places {
    /// So many places.
    pub(super) fn new(places: usize) -> Self {
        Self { free: AtomicIsize::new(isize::try_from(places).unwrap_or(isize::MAX)) }
    }

    /// Whether one is free.
    pub(super) fn is_one_free(&self) -> bool {
        self.free.load(Ordering::Relaxed) > 0
    }

    /// Takes a place, should none be free.
    pub(super) fn take(&self) -> Place<'_> {
        let place = Place { of: self, is_taken: AtomicBool::new(false) };
        place.take();
        place
    }
}

impl Place<'_> {
    /// Takes it again where it was left.
    pub(super) fn take(&self) {
        if !self.is_taken.swap(true, Ordering::Relaxed) {
            self.of.free.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Leaves it to others.
    pub(super) fn leave(&self) {
        if self.is_taken.swap(false, Ordering::Relaxed) {
            self.of.free.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_left_once_and_taken_again() {
        let places = Places::new(1);
        let first = places.take();
        assert!(!places.is_one_free());
        first.leave();
        first.leave();
        assert!(places.is_one_free());
        let second = places.take();
        first.take();
        drop(second);
        assert!(!places.is_one_free(), "the first has it again");
        drop(first);
        assert!(places.is_one_free());
    }
}
