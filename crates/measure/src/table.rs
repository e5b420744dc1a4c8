//! All columns of the rows, and the rows as a whole.
//!
//! Rows come in blocks, in their order. Within a block the columns are measured side by side, each by itself, so that what is found
//! depends on the rows and their order alone: not on how many threads there are, nor on which is faster.

use std::iter::once;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use hw_base::{CodeMemory, ColumnFacts, TableFacts, Value};

use crate::Coding;
use crate::budget::Budget;
use crate::column::ColumnState;
use crate::form::Form;
use crate::hash::{hash_bytes, mix};
use crate::hashes::Count;
use crate::lane::Lane;
use crate::pool::{Pool, Purse};
use crate::row_hashes::RowHashes;
use crate::rows::Visible;
use crate::side::{Task, side_by_side};
use crate::stored::{Restored, Stored};
use crate::{CHUNK_ROWS, block_rows};

/// Rows that are shown.
const SAMPLE_ROWS: usize = 5;

/// The measurements of a dataset so far.
#[derive(Debug)]
pub struct Measurement {
    forms: Arc<[Form]>,
    columns: Vec<ColumnState>,
    rows: u64,
    row_hashes: RowHashes,
    pool: Arc<Pool>,
    /// What each column may take of the pool, and what the hashes of rows may.
    purses: Vec<Arc<Purse>>,
    /// The rows with the least random numbers.
    sample: Vec<(u64, Vec<Value>)>,
    /// The columns in the form in which they are compared, where that is wanted.
    coding: Option<Coding>,
    /// Rows that will come, where that is known.
    expected_rows: Option<u64>,
    /// Rows of a block.
    block_rows: usize,
    threads: usize,
}

impl Measurement {
    /// Measures the visible columns of `schema` with about `memory` bytes, on `threads` threads.
    pub fn new(schema: &Schema, memory: usize, threads: usize) -> Self {
        let forms: Arc<[Form]> = Visible::of(schema).forms(schema).into();
        let pool = Pool::of(memory / 4 * 3, forms.len());
        let budgets: Vec<Budget> = forms.iter().map(|_| Budget::of(memory, forms.len(), &pool)).collect();
        let of_rows = Purse::of_rows(&pool);
        Self {
            columns: forms.iter().zip(&budgets).map(|(form, budget)| ColumnState::new(form, budget)).collect(),
            rows: 0,
            row_hashes: RowHashes::new(forms.len(), &of_rows),
            purses: budgets.into_iter().map(|budget| budget.purse).chain([of_rows]).collect(),
            expected_rows: None,
            block_rows: block_rows(forms.len(), memory),
            forms,
            pool,
            sample: Vec::new(),
            coding: None,
            threads,
        }
    }

    /// So many rows will come, where that is known.
    #[must_use]
    pub fn expecting(mut self, rows: Option<u64>) -> Self {
        self.expected_rows = rows;
        self.columns.iter_mut().for_each(|column| column.expect(rows.unwrap_or_default()));
        self
    }

    /// Codes the columns of `schema` as well, from the rows to come, within about `memory`.
    #[must_use]
    pub fn coding(mut self, schema: &Schema, memory: CodeMemory) -> Self {
        self.coding = Some(Coding::new(schema, memory, self.expected_rows, self.threads));
        self
    }

    /// What [`Self::coding`] asked for, once all rows are added.
    pub fn take_coding(&mut self) -> Option<Coding> {
        self.coding.take()
    }

    /// How many rows make a block.
    pub fn block_rows(&self) -> usize {
        self.block_rows
    }

    /// The state so far as bytes, for [`Self::resumed`].
    pub fn stored(&mut self) -> Vec<u8> {
        self.reserve_for_rows();
        self.row_hashes.settle();
        let mut bytes = Vec::new();
        written(&self.forms).store(&mut bytes);
        self.rows.store(&mut bytes);
        self.columns.iter().for_each(|column| column.keep(&mut bytes));
        self.row_hashes.keep(&mut bytes);
        self.sample.store(&mut bytes);
        self.pool.keep(&self.purses, &mut bytes);
        hash_bytes(&bytes).store(&mut bytes);
        bytes
    }

    /// Goes on from a state that [`Self::stored`] wrote, as if there had been no break; `None` where that measured other columns or
    /// is damaged.
    pub fn resumed(schema: &Schema, memory: usize, threads: usize, bytes: &[u8]) -> Option<Self> {
        let (mut state, check) = bytes.split_last_chunk()?;
        let mut new = Self::new(schema, memory, threads);
        if hash_bytes(state) != u64::from_le_bytes(*check) || String::load(&mut state)? != written(&new.forms) {
            return None;
        }
        new.rows.restore(&mut state)?;
        for column in &mut new.columns {
            column.restore(&mut state)?;
        }
        new.row_hashes.restore(&mut state)?;
        new.sample.restore(&mut state)?;
        new.pool.restore(&new.purses, &mut state)?;
        Some(new)
    }

    /// Adds rows, which have the visible columns only. How they are cut into batches and blocks may decide the last digits of what is
    /// estimated, so the same rows should come in the same pieces.
    pub fn add(&mut self, batches: &[RecordBatch]) -> Result<(), ArrowError> {
        let mut block: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        for chunk in batches.iter().flat_map(chunks) {
            rows += chunk.num_rows();
            block.push(chunk);
            if rows >= self.block_rows {
                self.add_block(&std::mem::take(&mut block))?;
                rows = 0;
            }
        }
        self.add_block(&block)
    }

    /// Sets memory aside for the hashes of rows that are settled next.
    fn reserve_for_rows(&self) {
        if let Some(of_rows) = self.purses.last() {
            self.pool.reserve(of_rows, self.row_hashes.bytes_to_settle());
        }
    }

    fn add_block(&mut self, block: &[RecordBatch]) -> Result<(), ArrowError> {
        self.reserve_for_rows();
        let rows: u64 = block.iter().map(|chunk| chunk.num_rows() as u64).sum();
        let lottery: Vec<u64> = (self.rows..self.rows + rows).map(mix).collect();
        let kept = self.coding.as_mut().map(|coding| coding.kept(block)).transpose()?.unwrap_or_default();
        let mut columns: Vec<(usize, &mut ColumnState)> = self.columns.iter_mut().enumerate().collect();
        // What takes long comes first and what is short last, so that all threads end at about the same time.
        columns.sort_by_key(|(_, column)| std::cmp::Reverse(column.effort()));
        let measuring = columns.into_iter().map(|(at, column)| -> Task<'_> {
            let lottery = &lottery;
            Box::new(move || add_to(column, block.iter().map(|chunk| chunk.column(at)), lottery))
        });
        let row_hashes = &mut self.row_hashes;
        let last_rows: Task<'_> = Box::new(move || {
            row_hashes.settle();
            Ok(())
        });
        let coding = self.coding.iter_mut().flat_map(|coding| coding.tasks(&kept));
        let tasks = once(last_rows).chain(measuring).chain(coding);
        side_by_side(tasks, self.threads, |task| task()).into_iter().collect::<Result<(), ArrowError>>()?;
        self.row_hashes.take(&mut self.columns);
        if let Some(coding) = &mut self.coding {
            coding.settle();
        }
        self.draw(block, &lottery)?;
        self.pool.settle(&self.purses);
        self.rows += rows;
        Ok(())
    }

    /// Lets the rows of a block into the handful that is shown.
    fn draw(&mut self, block: &[RecordBatch], lottery: &[u64]) -> Result<(), ArrowError> {
        let mut tickets = lottery;
        for chunk in block {
            let (own, rest) = tickets.split_at(chunk.num_rows());
            self.draw_from(chunk, own)?;
            tickets = rest;
        }
        Ok(())
    }

    fn draw_from(&mut self, chunk: &RecordBatch, tickets: &[u64]) -> Result<(), ArrowError> {
        let highest = if self.sample.len() < SAMPLE_ROWS { u64::MAX } else { self.sample.last().map_or(0, |(ticket, _)| *ticket) };
        let mut drawn: Vec<(u64, usize)> =
            (0..).zip(tickets).map(|(row, ticket)| (*ticket, row)).filter(|(ticket, _)| *ticket < highest).collect();
        drawn.sort_unstable();
        for (ticket, row) in drawn.into_iter().take(SAMPLE_ROWS) {
            let cells = self.forms.iter().zip(chunk.columns()).map(|(form, array)| shown(form, &array.slice(row, 1)));
            self.sample.push((ticket, cells.collect::<Result<_, _>>()?));
        }
        self.sample.sort_by_key(|(ticket, _)| *ticket);
        self.sample.truncate(SAMPLE_ROWS);
        Ok(())
    }

    /// What was found, with so many of the most frequent values.
    pub fn facts(self, top_values: usize) -> TableFacts {
        self.reserve_for_rows();
        let Self { columns, row_hashes, threads, rows, sample, .. } = self;
        let mut duplicates = None;
        let counting: Finishing<'_> = Box::new(|| {
            duplicates = Some(row_hashes.count());
            None
        });
        let finishing = columns.into_iter().map(|column| -> Finishing<'_> { Box::new(move || Some(column.finish(top_values))) });
        let columns = side_by_side(once(counting).chain(finishing), threads, |task| task()).into_iter().flatten().collect();
        let sample_rows = sample.into_iter().map(|(_, row)| row).collect();
        TableFacts { sample_rows, ..facts(rows, columns, duplicates) }
    }
}

/// What ends the measurement of a column, or of the rows, which are none.
type Finishing<'a> = Box<dyn FnOnce() -> Option<ColumnFacts> + Send + 'a>;

/// Adds the chunks of a block to a column.
fn add_to<'a>(column: &mut ColumnState, chunks: impl Iterator<Item = &'a ArrayRef>, lottery: &[u64]) -> Result<(), ArrowError> {
    let mut first = 0;
    column.begin_block();
    for chunk in chunks {
        let end = first + chunk.len();
        column.add(chunk, &lottery[first..end])?;
        first = end;
    }
    Ok(())
}

/// What a stored state is about: the version of the form it is written in, and the columns with their types.
fn written(forms: &[Form]) -> String {
    let columns: Vec<String> = forms.iter().map(|form| format!("{:?} {}", form.name, form.values)).collect();
    format!("2: {}", columns.join(", "))
}

/// The rows of a batch, a few thousand at a time.
fn chunks(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    (0..batch.num_rows()).step_by(CHUNK_ROWS).map(|start| batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start)))
}

/// The only value of `array` as it is shown.
fn shown(form: &Form, array: &ArrayRef) -> Result<Value, ArrowError> {
    let lane = Lane::read(array, form)?;
    Ok(if lane.null_count() > 0 { Value::Null } else { form.show(&lane.cell(0)) })
}

/// Rows of which one column is a key have no duplicates, even where they were too many to remember.
fn facts(rows: u64, columns: Vec<ColumnFacts>, duplicates: Option<Count>) -> TableFacts {
    let has_key = columns.iter().any(|column| column.distinct_is_exact && column.distinct == rows);
    let duplicates = duplicates.filter(|_| !has_key);
    TableFacts {
        rows,
        duplicate_rows: duplicates.map_or(0, |count| count.repeats),
        duplicates_are_exact: duplicates.is_none_or(|count| count.is_exact),
        columns,
        ..TableFacts::default()
    }
}
