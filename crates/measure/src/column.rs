//! The measurements of one column over a part of the rows.
//!
//! While a column shows few values they are all kept with their counts, and whatever depends on the value alone (order,
//! text) is computed from them at the end. When they become too many the column *spills*: from then on each value is
//! looked at as it passes.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use hw_base::{ColumnFacts, ColumnType, Value, ValueCount};

use crate::cell::{Cell, Extremes};
use crate::form::Form;
use crate::hash::mix;
use crate::hashes::HashCounter;
use crate::lane::Lane;
use crate::numbers::Numbers;
use crate::table::Budget;
use crate::tally::Tally;
use crate::text::Texts;

/// The measurements of a column so far.
#[derive(Debug)]
pub(crate) struct ColumnState {
    form: Form,
    budget: Budget,
    rows: u64,
    nulls: u64,
    tally: Tally,
    numbers: Option<Numbers>,
    /// What is measured as values pass, once they are too many to keep.
    passing: Option<Passing>,
    scratch: Vec<u64>,
}

#[derive(Debug)]
struct Passing {
    hashes: HashCounter,
    extremes: Extremes,
    texts: Texts,
}

/// The parts of a chunk that its columns share.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// A hash per row, to which every column adds its own.
    pub(crate) row_hashes: Vec<u64>,
    /// A random number per row.
    pub(crate) lottery: Vec<u64>,
}

impl ColumnState {
    /// No rows yet.
    pub(crate) fn new(form: &Form, budget: &Budget) -> Self {
        let has_numbers = form.kind.is_numeric() || form.kind.is_temporal();
        Self {
            form: form.clone(),
            budget: budget.clone(),
            rows: 0,
            nulls: 0,
            tally: Tally::new(),
            numbers: has_numbers.then(|| Numbers::new(budget.sampled_values)),
            passing: None,
            scratch: Vec::new(),
        }
    }

    /// Adds the column's values of one chunk.
    pub(crate) fn add(&mut self, array: &ArrayRef, chunk: &mut Chunk) -> Result<(), ArrowError> {
        let lane = Lane::read(array, &self.form)?;
        let mut hashes = std::mem::take(&mut self.scratch);
        lane.hash(&mut hashes);
        chunk.row_hashes.iter_mut().zip(&hashes).for_each(|(row, hash)| *row = mix(*row ^ hash));
        self.rows += hashes.len() as u64;
        self.nulls += lane.null_count() as u64;
        if let Some(numbers) = &mut self.numbers {
            numbers.add(&lane, &self.form, &chunk.lottery);
        }
        match &mut self.passing {
            Some(passing) => {
                lane.for_each_valid(|row| self.tally.add_if_frequent(hashes[row], chunk.lottery[row], || lane.cell(row)));
                self.tally.keep_frequent();
                passing.add(&lane, &self.form, &hashes, &chunk.lottery);
            }
            None => self.tally_all(&lane, &hashes),
        }
        self.scratch = hashes;
        Ok(())
    }

    fn tally_all(&mut self, lane: &Lane, hashes: &[u64]) {
        lane.for_each_valid(|row| self.tally.add(hashes[row], || lane.cell(row)));
        if self.tally.len() > self.budget.known_values || self.tally.heap_bytes() > self.budget.known_bytes {
            self.spill();
        }
    }

    /// Stops keeping all values.
    fn spill(&mut self) {
        if self.passing.is_none() {
            let mut hashes = HashCounter::new(&self.budget.pool);
            self.tally.entries().for_each(|entry| hashes.add_repeated(entry.hash, entry.count));
            let (extremes, texts) = self.of_known_values(self.budget.remembered_values);
            self.tally.keep_frequent();
            self.passing = Some(Passing { hashes, extremes, texts });
        }
    }

    /// Extremes and text facts from the values and their counts.
    fn of_known_values(&self, remembered: usize) -> (Extremes, Texts) {
        let (mut extremes, mut texts) = (Extremes::default(), Texts::new(remembered));
        for entry in self.tally.entries() {
            if let Some(cell) = &entry.cell {
                extremes.add(cell);
                if let (ColumnType::Text, Cell::Text(text)) = (self.form.kind, &**cell) {
                    texts.add(text, entry.count, entry.hash, 0);
                }
            }
        }
        (extremes, texts)
    }

    /// The facts of a column from the states of all parts; there is at least one.
    pub(crate) fn finish(mut parts: Vec<Self>, top_values: usize) -> Option<ColumnFacts> {
        if parts.iter().any(|part| part.passing.is_some()) {
            parts.iter_mut().for_each(Self::spill);
        }
        let mut parts = parts.into_iter();
        let mut whole = parts.next()?;
        let others: Vec<HashCounter> = parts.filter_map(|part| whole.merge(part)).collect();
        Some(whole.into_facts(others, top_values))
    }

    /// Joins `other` and returns its hashes, which are counted together at the end.
    fn merge(&mut self, other: Self) -> Option<HashCounter> {
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.tally.merge(other.tally);
        if let (Some(mine), Some(theirs)) = (&mut self.numbers, other.numbers) {
            mine.merge(theirs);
        }
        let (mine, theirs) = (self.passing.as_mut()?, other.passing?);
        mine.extremes.merge(&theirs.extremes);
        mine.texts.merge(theirs.texts);
        Some(theirs.hashes)
    }

    fn into_facts(mut self, others: Vec<HashCounter>, top_values: usize) -> ColumnFacts {
        let values = self.rows - self.nulls;
        let (distinct, distinct_is_exact, extremes, texts) = if let Some(Passing { hashes, extremes, texts }) = self.passing.take() {
            let count = HashCounter::total(others.into_iter().chain([hashes]).collect());
            // A sample of values without any repeat is that of a key.
            let distinct = if count.repeats == 0 { values } else { count.distinct.min(values) };
            (distinct, count.is_exact, extremes, texts)
        } else {
            let (extremes, texts) = self.of_known_values(0);
            (self.tally.len() as u64, true, extremes, texts)
        };
        let show = |cell: &Option<Cell>| cell.as_ref().map_or(Value::Null, |cell| self.form.show(cell));
        let top = self.tally.top(top_values).into_iter();
        ColumnFacts {
            rows: self.rows,
            nulls: self.nulls,
            distinct,
            distinct_is_exact,
            min: show(&extremes.least),
            max: show(&extremes.greatest),
            top_values: top.map(|(cell, count)| ValueCount { value: self.form.show(cell), count }).collect(),
            numbers: self.numbers.and_then(Numbers::finish),
            text: texts.finish(distinct),
            name: self.form.name,
            kind: self.form.kind,
            sql_type: self.form.sql_type,
        }
    }
}

impl Passing {
    fn add(&mut self, lane: &Lane, form: &Form, hashes: &[u64], lottery: &[u64]) {
        self.hashes.add(hashes, lane.nulls());
        lane.extremes().iter().flatten().for_each(|cell| self.extremes.add(cell));
        if let (Lane::Texts(array), ColumnType::Text) = (lane, form.kind) {
            lane.for_each_valid(|row| self.texts.add(array.value(row), 1, hashes[row], lottery[row]));
            self.texts.settle();
        }
    }
}
