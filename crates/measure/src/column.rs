//! The measurements of one column: by a cell per possible value while these lie close together, else by their hashes.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use hw_base::{ColumnFacts, ColumnType, Value, ValueCount};

use crate::budget::Budget;
use crate::cell::Cell;
use crate::dense::Dense;
use crate::form::Form;
use crate::lane::Lane;
use crate::stored::{Restored, keep_some, restore_some};
use crate::values::Values;

/// The measurements of a column so far.
#[derive(Debug)]
pub(crate) struct ColumnState {
    form: Form,
    budget: Budget,
    rows: u64,
    nulls: u64,
    /// All values, while they lie close together.
    dense: Option<Dense>,
    /// All values, where they do not.
    values: Option<Box<Values>>,
    /// A word per row of the block, for the hashes of whole rows.
    words: Vec<u64>,
    hashes: Vec<u64>,
}

impl Restored for ColumnState {
    fn keep(&self, bytes: &mut Vec<u8>) {
        self.rows.keep(bytes);
        self.nulls.keep(bytes);
        keep_some(self.dense.as_ref(), bytes);
        keep_some(self.values.as_deref(), bytes);
    }
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.rows.restore(bytes)?;
        self.nulls.restore(bytes)?;
        restore_some(&mut self.dense, || Dense::new(&self.form, &self.budget.purse), bytes)?;
        let mut values = None;
        restore_some(&mut values, || Some(Values::new(&self.form, &self.budget)), bytes)?;
        self.values = values.map(Box::new);
        Some(())
    }
}

impl ColumnState {
    /// No rows yet.
    pub(crate) fn new(form: &Form, budget: &Budget) -> Self {
        let dense = Dense::new(form, &budget.purse);
        let (form, budget, hashes, words) = (form.clone(), budget.clone(), Vec::new(), Vec::new());
        Self { form, budget, rows: 0, nulls: 0, dense, values: None, words, hashes }
    }

    /// So many rows will come in all.
    pub(crate) fn expect(&mut self, rows: u64) {
        if let Some(dense) = &mut self.dense {
            dense.expect(rows);
        }
    }

    /// Begins a block of rows.
    pub(crate) fn begin_block(&mut self) {
        self.words.clear();
    }

    /// Gives away the word of every row of the block, for other memory to write the next ones to.
    pub(crate) fn swap_words(&mut self, other: &mut Vec<u64>) {
        std::mem::swap(&mut self.words, other);
    }

    /// How much work a value is, against those of other columns.
    pub(crate) fn effort(&self) -> u8 {
        match &self.values {
            Some(values) => 1 + u8::from(values.is_passing()) + 2 * u8::from(self.form.kind == ColumnType::Text),
            None => 0,
        }
    }

    /// Adds the column's values of one chunk; `lottery` holds a random number per row.
    pub(crate) fn add(&mut self, array: &ArrayRef, lottery: &[u64]) -> Result<(), ArrowError> {
        let lane = Lane::read(array, &self.form)?;
        let first = self.words.len();
        lane.words(&mut self.words);
        self.rows += array.len() as u64;
        self.nulls += lane.null_count() as u64;
        let is_counted = self.dense.as_mut().is_some_and(|dense| dense.add(&lane));
        if !is_counted {
            let mut hashes = std::mem::take(&mut self.hashes);
            lane.hashes(&self.words[first..], &mut hashes);
            self.values().add(&lane, &hashes, lottery);
            self.hashes = hashes;
        }
        Ok(())
    }

    /// The values by their hashes, from now on.
    fn values(&mut self) -> &mut Values {
        if let Some(dense) = self.dense.take() {
            self.values = Some(Box::new(Values::of(&dense, &self.form, &self.budget)));
        }
        self.values.get_or_insert_with(|| Box::new(Values::new(&self.form, &self.budget)))
    }

    /// The facts.
    pub(crate) fn finish(mut self, top_values: usize) -> ColumnFacts {
        let (rows, nulls) = (self.rows, self.nulls);
        let found = match (self.dense.take(), self.values.take()) {
            (Some(dense), _) => dense.finish(top_values),
            (None, Some(values)) => values.finish(rows - nulls, top_values),
            (None, None) => Values::new(&self.form, &self.budget).finish(0, top_values),
        };
        let form = self.form;
        let show = |cell: &Option<Cell>| cell.as_ref().map_or(Value::Null, |cell| form.show(cell));
        ColumnFacts {
            rows,
            nulls,
            distinct: found.distinct,
            distinct_is_exact: found.distinct_is_exact,
            min: show(&found.extremes.least),
            max: show(&found.extremes.greatest),
            top_values: found.top.iter().map(|(cell, count)| ValueCount { value: form.show(cell), count: *count }).collect(),
            top_values_are_exact: found.top_is_exact,
            numbers: found.numbers,
            text: found.text,
            name: form.name,
            kind: form.kind,
            sql_type: form.sql_type,
        }
    }
}
