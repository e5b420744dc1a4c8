//! The values of a column by their hashes.
//!
//! While a column shows few values they are all kept with their counts, and whatever depends on the value alone (order,
//! text) is computed from them at the end. When they become too many the column *spills*: from then on each value is
//! looked at as it passes.

use hw_base::ColumnType;

use crate::budget::Budget;
use crate::cell::{Cell, Extremes};
use crate::dense::Dense;
use crate::form::Form;
use crate::found::Found;
use crate::hash::mix;
use crate::hashes::HashCounter;
use crate::lane::Lane;
use crate::numbers::Numbers;
use crate::stored::{Restored, keep_some, restore_some, restored};
use crate::tally::Tally;
use crate::text::{self, Texts};

/// What is known of the values so far.
#[derive(Debug)]
pub(crate) struct Values {
    form: Form,
    budget: Budget,
    tally: Tally,
    numbers: Option<Numbers>,
    /// What is measured as values pass, once they are too many to keep.
    passing: Option<Passing>,
}

#[derive(Debug)]
struct Passing {
    hashes: HashCounter,
    extremes: Extremes,
    texts: Texts,
}

restored!(Passing { hashes, extremes, texts });

impl Restored for Values {
    fn keep(&self, bytes: &mut Vec<u8>) {
        self.tally.keep(bytes);
        keep_some(self.numbers.as_ref(), bytes);
        keep_some(self.passing.as_ref(), bytes);
    }
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.tally.restore(bytes)?;
        let numbers = self.numbers.take();
        restore_some(&mut self.numbers, || numbers, bytes)?;
        restore_some(&mut self.passing, || Some(Passing::new(&self.budget)), bytes)
    }
}

impl Values {
    /// No values yet.
    pub(crate) fn new(form: &Form, budget: &Budget) -> Self {
        let has_numbers = form.kind.is_numeric() || form.kind.is_temporal();
        Self {
            form: form.clone(),
            budget: budget.clone(),
            tally: Tally::new(),
            numbers: has_numbers.then(|| Numbers::new(form, budget.sampled_values)),
            passing: None,
        }
    }

    /// The values that `dense` counted.
    pub(crate) fn of(dense: &Dense, form: &Form, budget: &Budget) -> Self {
        let mut values = Self::new(form, budget);
        for ((cell, count), (number, _)) in dense.entries().zip(dense.numbers()) {
            values.add_repeated(cell, number, count);
        }
        if values.passing.is_some() {
            values.tally.keep_frequent();
        }
        if let Some(numbers) = &mut values.numbers {
            numbers.add_steps(&dense.steps_in_seconds());
        }
        values
    }

    fn add_repeated(&mut self, cell: Cell, number: f64, count: u64) {
        let hash = Dense::hash(&cell);
        if let Some(numbers) = &mut self.numbers {
            numbers.add_repeated(number, count, mix(hash));
        }
        if let Some(passing) = &mut self.passing {
            passing.hashes.add_repeated(hash, count);
            passing.extremes.add(&cell);
        }
        self.tally.add_repeated(hash, count, cell);
        if self.passing.is_none() {
            self.spill_if_many();
        } else if self.tally.len() > self.budget.known_values {
            self.tally.keep_frequent();
        }
    }

    /// Adds the values of `lane`, which has these hashes; `lottery` holds a random number per row.
    pub(crate) fn add(&mut self, lane: &Lane, hashes: &[u64], lottery: &[u64]) {
        if let Some(numbers) = &mut self.numbers {
            numbers.add(lane, &self.form, lottery);
        }
        if let Some(passing) = &mut self.passing {
            lane.for_each_valid(|row| self.tally.add_if_frequent(hashes[row], lottery[row], || lane.cell(row)));
            self.tally.keep_frequent();
            passing.add(lane, &self.form, hashes, lottery);
        } else {
            lane.for_each_valid(|row| self.tally.add(hashes[row], || lane.cell(row)));
            self.spill_if_many();
        }
    }

    /// Whether the values are too many to keep.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing.is_some()
    }

    fn spill_if_many(&mut self) {
        if self.tally.len() > self.budget.known_values || self.tally.heap_bytes() > self.budget.known_bytes {
            self.spill();
        }
    }

    /// Stops keeping all values.
    fn spill(&mut self) {
        if self.passing.is_none() {
            let mut hashes = HashCounter::new(&self.budget.purse);
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

    /// What was found in a column of `values` values.
    pub(crate) fn finish(mut self, values: u64, top_values: usize) -> Found {
        let is_complete = self.passing.is_none();
        let (distinct, distinct_is_exact, extremes, texts) = if let Some(Passing { hashes, extremes, texts }) = self.passing.take() {
            let count = hashes.count();
            // A sample of values without any repeat is that of a key.
            let distinct = if count.repeats == 0 { values } else { count.distinct.min(values) };
            (distinct, count.is_exact, extremes, texts)
        } else {
            let (extremes, texts) = self.of_known_values(0);
            (self.tally.len() as u64, true, extremes, texts)
        };
        let mut text = texts.finish(distinct);
        if let (true, Some(text)) = (is_complete, &mut text) {
            text.spellings = text::spellings(self.tally.entries().filter_map(|entry| match entry.cell.as_deref() {
                Some(Cell::Text(text)) => Some((&**text, entry.count)),
                _ => None,
            }));
        }
        let numbers = self.numbers.and_then(Numbers::finish);
        let top = self.tally.top(top_values).into_iter().map(|(cell, count)| (cell.clone(), count)).collect();
        Found { distinct, distinct_is_exact, extremes, top, top_is_exact: is_complete, numbers, text }
    }
}

impl Passing {
    /// No values yet.
    fn new(budget: &Budget) -> Self {
        Self { hashes: HashCounter::new(&budget.purse), extremes: Extremes::default(), texts: Texts::new(budget.remembered_values) }
    }

    fn add(&mut self, lane: &Lane, form: &Form, hashes: &[u64], lottery: &[u64]) {
        self.hashes.add(hashes, lane.nulls());
        lane.extremes().iter().flatten().for_each(|cell| self.extremes.add(cell));
        if let (Lane::Texts(array), ColumnType::Text) = (lane, form.kind) {
            lane.for_each_valid(|row| self.texts.add(array.value(row), 1, hashes[row], lottery[row]));
            self.texts.settle();
        }
    }
}
