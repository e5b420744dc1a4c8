//! All columns of a part of the rows, the rows as a whole, and how the parts become one.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use hw_base::{ColumnFacts, TableFacts, Value};

use crate::CHUNK_ROWS;
use crate::column::{Chunk, ColumnState};
use crate::form::Form;
use crate::hash::mix;
use crate::hashes::{Count, HashCounter, Pool};
use crate::lane::Lane;
use crate::rows::Visible;

/// Rows that are shown.
const SAMPLE_ROWS: usize = 5;

/// How much each measurement may keep.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// Different values that a column keeps with their counts.
    pub(crate) known_values: usize,
    /// Bytes that those may use.
    pub(crate) known_bytes: usize,
    /// Texts whose traits a column remembers once they are too many to keep; a power of two.
    pub(crate) remembered_values: usize,
    /// Values that a column keeps for quantiles.
    pub(crate) sampled_values: usize,
    /// Where all columns take the memory for hashes from.
    pub(crate) pool: Arc<Pool>,
}

impl Budget {
    /// Shares `memory` bytes among `columns` columns measured in `parts` parts at the same time: three quarters for
    /// hashes, of which most columns need few, the rest in equal shares.
    pub(crate) fn of(memory: usize, columns: usize, parts: usize) -> Self {
        let share = memory / 4 / columns.max(1) / parts.max(1);
        Self {
            known_values: (share / 4 / 64).clamp(512, 1 << 15),
            known_bytes: (share / 4).clamp(1 << 16, 1 << 24),
            remembered_values: (share / 4 / 24).clamp(1 << 10, 1 << 16).next_power_of_two(),
            sampled_values: (share / 4 / 32).clamp(2_000, 1 << 16),
            pool: Pool::of(memory / 4 * 3),
        }
    }
}

/// What is measured, and with how much memory.
#[derive(Debug)]
pub struct Measurement {
    forms: Arc<[Form]>,
    budget: Budget,
}

impl Measurement {
    /// Measures the visible columns of `schema` in `parts` parts at the same time with about `memory` bytes.
    pub fn new(schema: &Schema, parts: usize, memory: usize) -> Self {
        let forms: Arc<[Form]> = Visible::of(schema).forms(schema).into();
        let budget = Budget::of(memory, forms.len(), parts);
        Self { forms, budget }
    }

    /// The measurements of the part with the number `at`, before its first row.
    pub fn part(&self, at: usize) -> Part {
        Part {
            columns: self.forms.iter().map(|form| ColumnState::new(form, &self.budget)).collect(),
            rows: 0,
            row_hashes: HashCounter::new(&self.budget.pool),
            chunk: Chunk { row_hashes: Vec::new(), lottery: Vec::new() },
            seed: mix(at as u64),
            forms: Arc::clone(&self.forms),
            sample: Vec::new(),
        }
    }

    /// Joins what was measured of the parts, column by column on `threads` threads.
    pub fn facts(&self, mut parts: Vec<Part>, top_values: usize, threads: usize) -> TableFacts {
        if parts.is_empty() {
            parts.push(self.part(0));
        }
        let rows = parts.iter().map(|part| part.rows).sum();
        let mut sample: Vec<(u64, Vec<Value>)> = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.sample)).collect();
        least(&mut sample);
        let mut row_hashes = Vec::new();
        let mut columns: Vec<Vec<ColumnState>> = self.forms.iter().map(|_| Vec::new()).collect();
        for part in parts {
            row_hashes.push(part.row_hashes);
            columns.iter_mut().zip(part.columns).for_each(|(parts, column)| parts.push(column));
        }
        let columns = side_by_side(columns, threads, |parts| ColumnState::finish(parts, top_values));
        let facts = facts(rows, columns.into_iter().flatten().collect(), HashCounter::total(row_hashes));
        TableFacts { sample_rows: sample.into_iter().map(|(_, row)| row).collect(), ..facts }
    }
}

/// The measurements of a part of the rows.
#[derive(Debug)]
pub struct Part {
    columns: Vec<ColumnState>,
    rows: u64,
    row_hashes: HashCounter,
    chunk: Chunk,
    /// Where the part's random numbers begin.
    seed: u64,
    forms: Arc<[Form]>,
    /// The rows with the least random numbers.
    sample: Vec<(u64, Vec<Value>)>,
}

impl Part {
    /// Adds the rows of `batch`, which has the visible columns only.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let starts = (0..batch.num_rows()).step_by(CHUNK_ROWS);
        starts.map(|start| (start, CHUNK_ROWS.min(batch.num_rows() - start))).try_for_each(|(start, length)| {
            if length == batch.num_rows() { self.add_chunk(batch) } else { self.add_chunk(&batch.slice(start, length)) }
        })
    }

    fn add_chunk(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let first = self.seed.wrapping_add(self.rows);
        let rows = batch.num_rows() as u64;
        let chunk = &mut self.chunk;
        chunk.lottery.clear();
        chunk.lottery.extend((0..rows).map(|row| mix(first.wrapping_add(row))));
        chunk.row_hashes.clear();
        chunk.row_hashes.resize(batch.num_rows(), 0);
        self.columns.iter_mut().zip(batch.columns()).try_for_each(|(column, array)| column.add(array, chunk))?;
        if !self.columns.is_empty() {
            self.row_hashes.add(&chunk.row_hashes, None);
        }
        self.rows += rows;
        self.draw(batch)
    }

    /// Lets the rows of a chunk into the handful that is shown.
    fn draw(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let highest = if self.sample.len() < SAMPLE_ROWS { u64::MAX } else { self.sample.last().map_or(0, |(ticket, _)| *ticket) };
        let mut drawn: Vec<(u64, usize)> =
            (0..).zip(&self.chunk.lottery).map(|(row, ticket)| (*ticket, row)).filter(|(ticket, _)| *ticket < highest).collect();
        drawn.sort_unstable();
        for (ticket, row) in drawn.into_iter().take(SAMPLE_ROWS) {
            let cells = self.forms.iter().zip(batch.columns()).map(|(form, array)| shown(form, &array.slice(row, 1)));
            self.sample.push((ticket, cells.collect::<Result<_, _>>()?));
        }
        least(&mut self.sample);
        Ok(())
    }
}

/// The only value of `array` as it is shown.
fn shown(form: &Form, array: &ArrayRef) -> Result<Value, ArrowError> {
    let lane = Lane::read(array, form)?;
    Ok(if lane.null_count() > 0 { Value::Null } else { form.show(&lane.cell(0)) })
}

/// Keeps the rows with the least random numbers, in their order.
fn least(rows: &mut Vec<(u64, Vec<Value>)>) {
    rows.sort_by_key(|(ticket, _)| *ticket);
    rows.truncate(SAMPLE_ROWS);
}

/// Rows of which one column is a key have no duplicates, even where they were too many to remember.
fn facts(rows: u64, columns: Vec<ColumnFacts>, duplicates: Count) -> TableFacts {
    let has_key = columns.iter().any(|column| column.distinct_is_exact && column.distinct == rows);
    TableFacts {
        rows,
        duplicate_rows: if has_key { 0 } else { duplicates.repeats },
        duplicates_are_exact: has_key || duplicates.is_exact,
        columns,
        ..TableFacts::default()
    }
}

/// Does `work` on every item, on as many threads, and returns the results in order.
fn side_by_side<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let waiting = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((at, item)) = next() {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
