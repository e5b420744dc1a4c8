//! All columns of the rows, and the rows as a whole.
//!
//! Rows come in blocks, in their order. Within a block the columns are measured side by side, each by itself, so that what is found
//! depends on the rows and their order alone: not on how many threads there are, nor on which is faster.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use hw_base::{CodeMemory, ColumnFacts, TableFacts, Value};

use crate::Coding;
use crate::column::ColumnState;
use crate::form::Form;
use crate::hash::{hash_bytes, joined, mix};
use crate::hashes::{Count, HashCounter};
use crate::lane::Lane;
use crate::pool::{Pool, Purse};
use crate::rows::Visible;
use crate::side::{Places, Task, side_by_side};
use crate::stored::{Restored, Stored};
use crate::{CHUNK_ROWS, block_rows};

/// Rows that are shown.
const SAMPLE_ROWS: usize = 5;

/// How much the measurement of a column may keep.
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
    /// Where the column takes the memory for hashes from.
    pub(crate) purse: Arc<Purse>,
}

impl Budget {
    /// The part of one of `columns` columns in `memory` bytes, of which `pool` holds three quarters: they are for hashes, of which
    /// most columns need few.
    fn of(memory: usize, columns: usize, pool: &Arc<Pool>) -> Self {
        let share = memory / 4 / columns.max(1);
        Self {
            known_values: (share / 4 / 64).clamp(512, 1 << 15),
            known_bytes: (share / 4).clamp(1 << 16, 1 << 24),
            remembered_values: (share / 4 / 24).clamp(1 << 10, 1 << 16).next_power_of_two(),
            sampled_values: (share / 4 / 32).clamp(2_000, 1 << 16),
            purse: Purse::of(pool),
        }
    }
}

/// The measurements of a dataset so far.
#[derive(Debug)]
pub struct Measurement {
    forms: Arc<[Form]>,
    columns: Vec<ColumnState>,
    rows: u64,
    row_hashes: HashCounter,
    pool: Arc<Pool>,
    /// What each column may take of the pool, and what the hashes of rows may.
    purses: Vec<Arc<Purse>>,
    /// The rows with the least random numbers.
    sample: Vec<(u64, Vec<Value>)>,
    /// The columns in the form in which they are compared, where that is wanted.
    coding: Option<Coding>,
    places: Places,
}

impl Measurement {
    /// Measures the visible columns of `schema` with about `memory` bytes, on `threads` threads.
    pub fn new(schema: &Schema, memory: usize, threads: usize) -> Self {
        let forms: Arc<[Form]> = Visible::of(schema).forms(schema).into();
        let pool = Pool::of(memory / 4 * 3, forms.len() + 1);
        let budgets: Vec<Budget> = forms.iter().map(|_| Budget::of(memory, forms.len(), &pool)).collect();
        let of_rows = Purse::of(&pool);
        Self {
            columns: forms.iter().zip(&budgets).map(|(form, budget)| ColumnState::new(form, budget)).collect(),
            rows: 0,
            row_hashes: HashCounter::new(&of_rows),
            purses: budgets.into_iter().map(|budget| budget.purse).chain([of_rows]).collect(),
            forms,
            pool,
            sample: Vec::new(),
            coding: None,
            places: Places::new(threads),
        }
    }

    /// Codes the columns of `schema` as well, from the rows to come, of which there are `rows` where that is known, within about `memory`.
    #[must_use]
    pub fn coding(mut self, schema: &Schema, memory: CodeMemory, rows: Option<u64>) -> Self {
        self.coding = Some(Coding::new(schema, memory, rows, &self.places));
        self
    }

    /// What [`Self::coding`] asked for, once all rows are added.
    pub fn take_coding(&mut self) -> Option<Coding> {
        self.coding.take()
    }

    /// The places that measuring works at, for whoever reads the rows meanwhile.
    pub fn places(&self) -> Places {
        self.places.clone()
    }

    /// The state so far as bytes, for [`Self::resumed`].
    pub fn stored(&self) -> Vec<u8> {
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
        let (most, mut rows) = (block_rows(self.forms.len()), 0);
        for chunk in batches.iter().flat_map(chunks) {
            rows += chunk.num_rows();
            block.push(chunk);
            if rows >= most {
                self.add_block(&std::mem::take(&mut block))?;
                rows = 0;
            }
        }
        self.add_block(&block)
    }

    fn add_block(&mut self, block: &[RecordBatch]) -> Result<(), ArrowError> {
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
        let coding = self.coding.iter_mut().flat_map(|coding| coding.tasks(&kept));
        side_by_side(measuring.chain(coding), &self.places, |task| task()).into_iter().collect::<Result<(), ArrowError>>()?;
        if let Some(coding) = &mut self.coding {
            coding.settle();
        }
        self.add_row_hashes(&lottery);
        self.draw(block, &lottery)?;
        self.pool.settle(&self.purses);
        self.rows += rows;
        Ok(())
    }

    /// Adds the hash of every row of the block, which every column had a part in.
    fn add_row_hashes(&mut self, lottery: &[u64]) {
        let Some((first, others)) = self.columns.split_first() else { return };
        let mut hashes = vec![0; CHUNK_ROWS];
        for start in (0..lottery.len()).step_by(CHUNK_ROWS) {
            let rows = start..lottery.len().min(start + CHUNK_ROWS);
            let hashes = &mut hashes[..rows.len()];
            hashes.iter_mut().zip(&first.words()[rows.clone()]).for_each(|(hash, word)| *hash = joined(0, *word));
            for column in others {
                hashes.iter_mut().zip(&column.words()[rows.clone()]).for_each(|(hash, word)| *hash = joined(*hash, *word));
            }
            self.row_hashes.add(hashes, None);
        }
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
        let columns = side_by_side(self.columns.into_iter(), &self.places, |column| column.finish(top_values));
        let facts = facts(self.rows, columns, self.row_hashes.count());
        TableFacts { sample_rows: self.sample.into_iter().map(|(_, row)| row).collect(), ..facts }
    }
}

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
    format!("1: {}", columns.join(", "))
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
