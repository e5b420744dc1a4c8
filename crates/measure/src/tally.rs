//! How often each value occurs: every value while there are few, the frequent ones after that.
//!
//! Once there are too many values the tally follows Manku and Motwani's lossy counting: it forgets the rarer half whenever
//! it is full, and lets only one row in eight bring a new value, in fewer where hardly a new value comes twice, as in a key. A value
//! that was there from the start and never forgotten still has its exact count; others are counted low by the rows before they came in.

use crate::cell::Cell;
use crate::stored::{Stored, stored};

/// Values counted after the tally has overflowed.
const FREQUENT_VALUES: usize = 2048;
/// A value is shown if it was counted more often than it can have been missed. New values come in once in so many rows, at first and
/// where they hardly ever come twice; powers of two.
const ROWS_PER_NEWCOMER: [u64; 2] = [8, 1024];

#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// Never 0 in an entry that is taken.
    pub(crate) hash: u64,
    pub(crate) count: u64,
    /// About how many times it may have occurred before it was counted.
    missed: u64,
    pub(crate) cell: Option<Box<Cell>>,
}

stored!(Entry { hash, count, missed, cell });

/// Entries by their hash, with open addressing. Most hashes that are looked for are not there, and a byte per slot tells it: the
/// entries of a few columns are more than the cache of a core, these bytes are not.
#[derive(Debug)]
struct Slots {
    entries: Vec<Entry>,
    /// Of each slot the first bits of the hash, 0 where it is free.
    marks: Vec<u8>,
}

impl Slots {
    fn new(count: usize) -> Self {
        Self { entries: std::iter::repeat_with(Entry::default).take(count).collect(), marks: vec![0; count] }
    }

    /// The slot of `hash`, and whether it is taken; else the free one where it belongs.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves as many bits as the table has")]
    fn find(&self, hash: u64) -> (usize, bool) {
        let (last, mark) = (self.marks.len() - 1, mark_of(hash));
        let mut at = hash as usize & last;
        loop {
            match self.marks[at] {
                0 => return (at, false),
                own if own == mark && self.entries[at].hash == hash => return (at, true),
                _ => at = (at + 1) & last,
            }
        }
    }

    /// Puts an entry where none has its hash.
    fn put(&mut self, entry: Entry) {
        let (at, _) = self.find(entry.hash);
        self.marks[at] = mark_of(entry.hash);
        self.entries[at] = entry;
    }

    /// The entries, in no order.
    fn into_taken(self) -> impl Iterator<Item = Entry> {
        self.entries.into_iter().filter(|entry| entry.hash != 0)
    }
}

impl Stored for Slots {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.entries.store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let entries: Vec<Entry> = Stored::load(bytes)?;
        let marks = entries.iter().map(|entry| if entry.hash == 0 { 0 } else { mark_of(entry.hash) }).collect();
        Some(Self { entries, marks })
    }
}

#[inline]
fn mark_of(hash: u64) -> u8 {
    ((hash >> (u64::BITS - u8::BITS)) as u8).max(1)
}

/// Values by their hash.
#[derive(Debug)]
pub(crate) struct Tally {
    entries: Slots,
    taken: usize,
    heap_bytes: usize,
    /// The highest count that was forgotten.
    forgotten: u64,
    rows_per_newcomer: u64,
}

stored!(Tally { entries, taken, heap_bytes, forgotten, rows_per_newcomer });

impl Tally {
    pub(crate) fn new() -> Self {
        Self { entries: Slots::new(64), taken: 0, heap_bytes: 0, forgotten: 0, rows_per_newcomer: ROWS_PER_NEWCOMER[0] }
    }

    /// Values in it.
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// Bytes its values use on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// The entries, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.entries.iter().filter(|entry| entry.hash != 0)
    }

    /// Counts a value; a new one is taken in.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64, cell: impl FnOnce() -> Cell) {
        let hash = hash.max(1);
        match self.entries.find(hash) {
            (at, true) => self.entries.entries[at].count += 1,
            (_, false) => self.insert(Entry { hash, count: 1, missed: 0, cell: Some(Box::new(cell())) }),
        }
    }

    /// Adds a value with all its occurrences so far.
    pub(crate) fn add_repeated(&mut self, hash: u64, count: u64, cell: Cell) {
        let hash = hash.max(1);
        match self.entries.find(hash) {
            (at, true) => self.entries.entries[at].count += count,
            (_, false) => self.insert(Entry { hash, count, missed: 0, cell: Some(Box::new(cell)) }),
        }
    }

    /// Counts a value if it is known; one that is not may come in by a `lottery` ticket.
    #[inline]
    pub(crate) fn add_if_frequent(&mut self, hash: u64, lottery: u64, cell: impl FnOnce() -> Cell) {
        let hash = hash.max(1);
        let (at, is_known) = self.entries.find(hash);
        if is_known {
            let entry = &mut self.entries.entries[at];
            entry.count += 1;
            if entry.cell.is_none() {
                entry.cell = Some(Box::new(cell()));
            }
        } else if lottery & (self.rows_per_newcomer - 1) == 0 {
            self.insert(Entry { hash, count: 1, missed: self.forgotten + self.rows_per_newcomer, cell: None });
        }
    }

    /// Forgets the rarer values where there are more than the frequent ones.
    pub(crate) fn keep_frequent(&mut self) {
        while self.taken > FREQUENT_VALUES {
            let mut counts: Vec<u64> = self.entries().map(|entry| entry.count).collect();
            let middle = counts.len() / 2;
            let (_, median, _) = counts.select_nth_unstable(middle);
            if *median == 1 {
                self.rows_per_newcomer = (self.rows_per_newcomer * 2).min(ROWS_PER_NEWCOMER[1]);
            }
            self.forget_up_to(*median);
        }
    }

    fn forget_up_to(&mut self, count: u64) {
        let old = std::mem::replace(&mut self.entries, Slots::new(FREQUENT_VALUES * 4));
        (self.taken, self.heap_bytes) = (0, 0);
        for entry in old.into_taken() {
            if entry.count > count {
                self.insert(entry);
            } else {
                self.forgotten = self.forgotten.max(entry.count + entry.missed);
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        if (self.taken + 1) * 2 > self.entries.marks.len() {
            self.grow();
        }
        self.taken += 1;
        self.heap_bytes += entry.cell.as_ref().map_or(0, |cell| cell.heap_bytes());
        self.entries.put(entry);
    }

    fn grow(&mut self) {
        let larger = Slots::new(self.entries.marks.len() * 4);
        for entry in std::mem::replace(&mut self.entries, larger).into_taken() {
            self.entries.put(entry);
        }
    }

    /// The `count` most frequent values, the most frequent first; of equally frequent ones the lesser first.
    pub(crate) fn top(&self, count: usize) -> Vec<(&Cell, u64)> {
        let frequent = self.entries().filter(|entry| entry.count > entry.missed);
        let mut top: Vec<_> = frequent.filter_map(|entry| Some((&**entry.cell.as_ref()?, entry.count))).collect();
        top.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.compare(b)));
        top.truncate(count);
        top
    }
}
