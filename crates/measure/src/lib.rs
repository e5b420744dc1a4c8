//! The profiler: measures every column of a dataset in one pass over its record batches.
//!
//! Nothing here reads files or waits: whoever has the batches hands them to [`Measurement::add`] in the order of the rows, in blocks;
//! the columns of a block are measured side by side. The same rows in the same order give the same facts to the last digit, on
//! however many threads. With [`Measurement::coding`] the same pass makes the form in which columns are compared. What is exact and what is not:
//!
//! * **Rows, nulls, least and greatest value, and counts about numbers and text** are exact in every case. Means and deviations
//!   are sums in `f64`.
//! * **Distinct values** are told apart by 64-bit hashes. Integers, dates, moments, floats, Booleans and decimals of up to
//!   18 digits have hashes of their own, so they never collide; for other types the chance that even one of `n` values goes
//!   uncounted is about n² / 2^65: 3 in 100 million for a million values, 3 in a million for ten million. Where the memory
//!   runs short a column goes on with a fixed share of the hash space, see [`hashes`], and says so.
//! * **Top values** of numbers, days and moments that lie close together are exact, see [`dense`]. Those of other columns are
//!   exact until a column shows more distinct values than the tally keeps (32,768, fewer where memory is short), approximate
//!   after that, see [`tally`].
//! * **Quantiles, histograms, deviations from the median and fences** follow from all values where these lie close together;
//!   else from an unbiased sample of up to 65,536 values, so that they are exact up to there. The facts say how many it were.
//! * `NaN` counts as a value, but neither as least nor greatest; `NaN` and the infinities take no part in
//!   [`NumberFacts`](hw_base::NumberFacts).
//! * A column without values has neither numbers nor text facts; a mean of nothing is not zero.
//!
//! The columns `_file`, `_line` and `_malformed` describe where a row comes from and are not measured. A row whose
//! `_malformed` is not null counts as malformed and in nothing else.

mod ascending;
mod budget;
mod cadence;
mod cell;
mod coded;
mod coding;
mod column;
mod dense;
mod form;
mod found;
mod hash;
mod hashes;
mod key_set;
mod lane;
mod numbers;
mod pool;
mod ranked;
mod row_hashes;
mod rows;
mod sample;
mod side;
mod stored;
mod table;
mod tally;
mod text;
mod unit;
mod used;
mod value_set;
mod values;

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

pub use coding::Coding;
pub use key_set::KeySet;
pub use rows::Visible;
pub use sample::{Draw, Drawn};
pub use table::Measurement;
pub use value_set::ValueSet;

/// Rows measured at a time: enough to spread the cost of a step, few enough to stay in the processor's cache.
const CHUNK_ROWS: usize = 8192;
/// Cells of a block: enough to spread the cost of sharing them out, few enough to wait in memory while the block before is measured.
const BLOCK_CELLS: std::ops::RangeInclusive<usize> = 1 << 18..=1 << 22;
/// Bytes of memory per cell of a block.
const MEMORY_PER_CELL: usize = 512;

/// How many rows of so many columns make a block, with so much memory.
fn block_rows(columns: usize, memory: usize) -> usize {
    let cells = (memory / MEMORY_PER_CELL).clamp(*BLOCK_CELLS.start(), *BLOCK_CELLS.end());
    (cells / columns.max(1)).clamp(CHUNK_ROWS, 64 * CHUNK_ROWS)
}
