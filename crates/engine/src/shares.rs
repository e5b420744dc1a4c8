//! How the memory limit is shared out between operators.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::resources_err;
use datafusion::error::Result as Answer;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use hw_base::ByteSize;

/// Sorts call what merges their spilled rows so.
const MERGES: &str = "ExternalSorterMerge";

/// Those that can spill have equal shares of three fifths, those that merge what was spilled equal shares of all, the others what is left.
///
/// DataFusion's own pool gives all of it to what spills, so that nothing is left to merge, and what is copied while it spills comes on top of the limit; and
/// the first one that merges takes what it can get, whereupon the next one fails.
#[derive(Debug)]
pub(crate) struct Shares {
    bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    spilling: Group,
    merging: Group,
    others: Group,
}

/// Operators of one kind.
#[derive(Debug, Default)]
struct Group {
    members: usize,
    bytes: usize,
}

impl Group {
    /// What one of them may have of this.
    fn share(&self, bytes: usize) -> usize {
        bytes / self.members.max(1)
    }
}

impl Held {
    fn by(&mut self, consumer: &MemoryConsumer) -> &mut Group {
        match consumer {
            _ if consumer.can_spill() => &mut self.spilling,
            _ if consumer.name().starts_with(MERGES) => &mut self.merging,
            _ => &mut self.others,
        }
    }

    fn bytes(&self) -> usize {
        self.spilling.bytes.saturating_add(self.merging.bytes).saturating_add(self.others.bytes)
    }
}

impl Shares {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much more it may have.
    fn left_for(&self, reservation: &MemoryReservation, held: &Held) -> usize {
        let (consumer, own) = (reservation.consumer(), reservation.size());
        let (left, beside_others) = (self.bytes.saturating_sub(held.bytes()), self.bytes.saturating_sub(held.others.bytes));
        if consumer.can_spill() {
            let for_all = beside_others.saturating_sub(held.merging.bytes).min(self.bytes / 5 * 3);
            return held.spilling.share(for_all).saturating_sub(own);
        }
        if consumer.name().starts_with(MERGES) {
            return held.merging.share(beside_others).saturating_sub(own).min(left);
        }
        left
    }
}

impl MemoryPool for Shares {
    fn name(&self) -> &'static str {
        "shares"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.held().by(consumer).members += 1;
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut held = self.held();
        let group = held.by(consumer);
        group.members = group.members.saturating_sub(1);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut held = self.held();
        let group = held.by(reservation.consumer());
        group.bytes = group.bytes.saturating_add(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut held = self.held();
        let group = held.by(reservation.consumer());
        group.bytes = group.bytes.saturating_sub(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Answer<()> {
        let mut held = self.held();
        let left = self.left_for(reservation, &held);
        if additional > left {
            let (name, left) = (reservation.consumer().name(), ByteSize(left as u64));
            return resources_err!("{name} asks for {} more, and {left} are left", ByteSize(additional as u64));
        }
        held.by(reservation.consumer()).bytes += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held().bytes()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shares of {}", ByteSize(self.bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_was_spilled_can_be_merged_whatever_the_spilling_operators_hold() {
        let pool: Arc<dyn MemoryPool> = Arc::new(Shares::new(1000));
        let consumer = |name: &str| MemoryConsumer::new(name).with_can_spill(name == "sort").register(&pool);
        let (sort, merge) = (consumer("sort"), consumer("ExternalSorterMerge[0]"));
        sort.try_grow(600).unwrap();
        assert!(sort.try_grow(1).is_err());
        merge.try_grow(400).unwrap();
        assert!(merge.try_grow(1).is_err());
        sort.shrink(600);
        let second = consumer("sort");
        second.try_grow(300).unwrap();
        assert!(second.try_grow(1).is_err());
        assert_eq!(pool.reserved(), 700);
        drop(sort);
        second.try_grow(300).unwrap();
    }

    #[test]
    fn the_first_one_that_merges_leaves_the_next_one_its_share() {
        let pool: Arc<dyn MemoryPool> = Arc::new(Shares::new(1000));
        let merges = ["ExternalSorterMerge[0]", "ExternalSorterMerge[1]"].map(|name| MemoryConsumer::new(name).register(&pool));
        for merge in &merges {
            merge.try_grow(500).unwrap();
            assert!(merge.try_grow(1).is_err());
        }
        merges[0].shrink(300);
        let other = MemoryConsumer::new("join").register(&pool);
        other.try_grow(300).unwrap();
        assert!(other.try_grow(1).is_err());
    }
}
