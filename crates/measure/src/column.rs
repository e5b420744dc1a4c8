//! The measurements of one column over a part of the rows: by a cell per possible value while these lie close together,
//! else by their hashes.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use hw_base::{ColumnFacts, NumberFacts, TextFacts, Value, ValueCount};

use crate::cell::{Cell, Extremes};
use crate::dense::Dense;
use crate::form::Form;
use crate::hash::joined;
use crate::lane::Lane;
use crate::table::Budget;
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
    scratch: Vec<u64>,
}

/// What was found in all parts together.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) distinct: u64,
    pub(crate) distinct_is_exact: bool,
    pub(crate) extremes: Extremes,
    pub(crate) top: Vec<(Cell, u64)>,
    pub(crate) numbers: Option<NumberFacts>,
    pub(crate) text: Option<TextFacts>,
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
        let dense = Dense::new(form, &budget.pool);
        Self { form: form.clone(), budget: budget.clone(), rows: 0, nulls: 0, dense, values: None, scratch: Vec::new() }
    }

    /// Adds the column's values of one chunk.
    pub(crate) fn add(&mut self, array: &ArrayRef, chunk: &mut Chunk) -> Result<(), ArrowError> {
        let lane = Lane::read(array, &self.form)?;
        let mut words = std::mem::take(&mut self.scratch);
        lane.words(&mut words);
        chunk.row_hashes.iter_mut().zip(&words).for_each(|(row, word)| *row = joined(*row, *word));
        self.rows += words.len() as u64;
        self.nulls += lane.null_count() as u64;
        let is_counted = self.dense.as_mut().is_some_and(|dense| dense.add(&lane));
        if !is_counted {
            lane.hash(&mut words);
            self.values().add(&lane, &words, &chunk.lottery);
        }
        self.scratch = words;
        Ok(())
    }

    /// The values by their hashes, from now on.
    fn values(&mut self) -> &mut Values {
        if let Some(dense) = self.dense.take() {
            self.values = Some(Box::new(Values::of(&dense, &self.form, &self.budget)));
        }
        self.values.get_or_insert_with(|| Box::new(Values::new(&self.form, &self.budget)))
    }

    fn into_values(mut self) -> Option<Values> {
        self.values();
        self.values.map(|values| *values)
    }

    /// The facts of a column from the states of all parts; there is at least one.
    pub(crate) fn finish(mut parts: Vec<Self>, top_values: usize) -> Option<ColumnFacts> {
        let rows: u64 = parts.iter().map(|part| part.rows).sum();
        let nulls: u64 = parts.iter().map(|part| part.nulls).sum();
        let form = parts.first()?.form.clone();
        let found = match Self::join_dense(&mut parts) {
            Some(dense) => dense.finish(top_values),
            None => Values::finish(parts.into_iter().filter_map(Self::into_values).collect(), rows - nulls, top_values)?,
        };
        let show = |cell: &Option<Cell>| cell.as_ref().map_or(Value::Null, |cell| form.show(cell));
        Some(ColumnFacts {
            rows,
            nulls,
            distinct: found.distinct,
            distinct_is_exact: found.distinct_is_exact,
            min: show(&found.extremes.least),
            max: show(&found.extremes.greatest),
            top_values: found.top.iter().map(|(cell, count)| ValueCount { value: form.show(cell), count: *count }).collect(),
            numbers: found.numbers,
            text: found.text,
            name: form.name,
            kind: form.kind,
            sql_type: form.sql_type,
        })
    }

    /// The counts of all parts as one, where each part has counts and they fit together.
    fn join_dense(parts: &mut [Self]) -> Option<Dense> {
        let (first, others) = parts.split_first_mut()?;
        let mut joined = first.dense.take()?;
        for other in others {
            if !other.dense.as_mut().is_some_and(|counts| joined.merge(counts)) {
                first.dense = Some(joined);
                return None;
            }
            other.dense = None;
        }
        Some(joined)
    }
}
