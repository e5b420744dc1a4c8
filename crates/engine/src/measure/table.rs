//! All columns of a part of the rows, the rows as a whole, and how the parts become one.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use futures::StreamExt;
use hw_base::{ColumnFacts, Error, Result, TableFacts};
use tokio::task::JoinSet;

use super::CHUNK_ROWS;
use super::column::{Chunk, ColumnState};
use super::form::Form;
use super::hashes::{Count, HashCounter, Pool};
use super::lane::mix;
use super::rows::Part;

/// How much each measurement may keep.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// Different values that a column keeps with their counts.
    pub(super) known_values: usize,
    /// Bytes that those may use.
    pub(super) known_bytes: usize,
    /// Texts whose traits a column remembers once they are too many to keep; a power of two.
    pub(super) remembered_values: usize,
    /// Values that a column keeps for quantiles.
    pub(super) sampled_values: usize,
    /// Where all columns take the memory for hashes from.
    pub(super) pool: Arc<Pool>,
}

impl Budget {
    /// Shares `memory` bytes among `columns` columns measured in `parts` parts at the same time: three quarters for
    /// hashes, of which most columns need few, the rest in equal shares.
    pub(super) fn of(memory: usize, columns: usize, parts: usize) -> Self {
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

/// The measurements of a part of the rows.
struct TableState {
    columns: Vec<ColumnState>,
    rows: u64,
    row_hashes: HashCounter,
    chunk: Chunk,
    /// Where the part's random numbers begin.
    seed: u64,
}

impl TableState {
    fn new(forms: &[Form], budget: &Budget, part: usize) -> Self {
        Self {
            columns: forms.iter().map(|form| ColumnState::new(form, budget)).collect(),
            rows: 0,
            row_hashes: HashCounter::new(&budget.pool),
            chunk: Chunk { row_hashes: Vec::new(), lottery: Vec::new() },
            seed: mix(part as u64),
        }
    }

    async fn read(mut self, mut part: Part) -> Result<Self> {
        while let Some(batch) = part.next().await {
            self.add(&batch?)?;
            // Measuring takes a while; other tasks of this thread get their turn.
            tokio::task::yield_now().await;
        }
        Ok(self)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let starts = (0..batch.num_rows()).step_by(CHUNK_ROWS);
        starts.map(|start| (start, CHUNK_ROWS.min(batch.num_rows() - start))).try_for_each(|(start, length)| {
            if length == batch.num_rows() { self.add_chunk(batch) } else { self.add_chunk(&batch.slice(start, length)) }
        })
    }

    fn add_chunk(&mut self, batch: &RecordBatch) -> Result<()> {
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
        Ok(())
    }
}

/// Measures `parts` side by side and joins what was measured.
pub(super) async fn measure(parts: Vec<Part>, forms: &[Form], budget: &Budget, top_values: usize) -> Result<TableFacts> {
    let states = parts.into_iter().enumerate().map(|(at, part)| TableState::new(forms, budget, at).read(part));
    let mut states = side_by_side(states).await?;
    if states.is_empty() {
        states.push(TableState::new(forms, budget, 0));
    }
    let rows = states.iter().map(|state| state.rows).sum();
    let mut row_hashes = Vec::new();
    let mut by_column: Vec<Vec<ColumnState>> = forms.iter().map(|_| Vec::new()).collect();
    for state in states {
        row_hashes.push(state.row_hashes);
        by_column.iter_mut().zip(state.columns).for_each(|(parts, column)| parts.push(column));
    }
    let duplicates = tokio::task::spawn_blocking(move || HashCounter::total(row_hashes));
    let columns = side_by_side(by_column.into_iter().map(|parts| async move { finish(parts, top_values) })).await?;
    Ok(facts(rows, columns, duplicates.await.map_err(ended)?))
}

fn finish(parts: Vec<ColumnState>, top_values: usize) -> Result<ColumnFacts> {
    ColumnState::finish(parts, top_values).ok_or_else(|| Error::bug("a column was measured in no part"))
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

/// Runs each future as a task of its own and returns their results in order. The first error ends the others.
pub(super) async fn side_by_side<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut tasks = JoinSet::new();
    for (at, future) in futures.enumerate() {
        tasks.spawn(async move { (at, future.await) });
    }
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        let (at, result) = done.map_err(ended)?;
        results.push((at, result?));
    }
    results.sort_unstable_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn ended(error: tokio::task::JoinError) -> Error {
    Error::bug("measuring ended early").because(error)
}
