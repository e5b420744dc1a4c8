//! A sample of rows, each as likely as any other, from rows whose number nobody knows beforehand.
//!
//! Every row draws a random number from its place; the rows with the least numbers are the sample. The draw is the same each
//! time.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::filter_record_batch;

use crate::CHUNK_ROWS;
use crate::hash::mix;

/// The rows that may belong to the sample.
#[derive(Debug)]
pub struct Draw {
    count: usize,
    seed: u64,
    seen: u64,
    rows: usize,
    highest_ticket: u64,
    kept: Vec<(RecordBatch, Vec<u64>)>,
}

impl Draw {
    /// No rows yet; `count` are wanted.
    pub fn new(count: usize) -> Self {
        // Another seed than that of the measurements, so that the two draws do not depend on each other.
        let seed = mix(count as u64);
        Self { count, seed, seen: 0, rows: 0, highest_ticket: u64::MAX, kept: Vec::new() }
    }

    /// Lets the rows of `batch` take part.
    pub fn add(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        let first = self.seed.wrapping_add(self.seen);
        let tickets: Vec<u64> = (0..batch.num_rows() as u64).map(|row| mix(first.wrapping_add(row))).collect();
        self.seen += batch.num_rows() as u64;
        if self.highest_ticket == u64::MAX {
            self.rows += batch.num_rows();
            self.kept.push((batch, tickets));
        } else {
            let (batch, tickets) = up_to(self.highest_ticket, &batch, &tickets)?;
            self.rows += batch.num_rows();
            self.kept.push((batch, tickets));
        }
        if self.rows > self.count.saturating_mul(2).saturating_add(CHUNK_ROWS) {
            self.keep_up_to(self.highest_wanted())?;
        }
        Ok(())
    }

    /// The highest ticket that belongs to the lowest as many as are wanted; `None` where none are.
    fn highest_wanted(&self) -> Option<u64> {
        let mut tickets: Vec<u64> = self.kept.iter().flat_map(|(_, tickets)| tickets).copied().collect();
        match self.count.checked_sub(1)? {
            last if last < tickets.len() => Some(*tickets.select_nth_unstable(last).1),
            _ => Some(u64::MAX),
        }
    }

    /// Drops the rows with higher tickets; `None` drops all.
    fn keep_up_to(&mut self, highest_ticket: Option<u64>) -> Result<(), ArrowError> {
        let Some(highest_ticket) = highest_ticket else {
            self.kept.clear();
            (self.rows, self.highest_ticket) = (0, 0);
            return Ok(());
        };
        if highest_ticket < self.highest_ticket {
            let kept = self.kept.iter().map(|(batch, tickets)| up_to(highest_ticket, batch, tickets));
            self.kept = kept.collect::<Result<_, _>>()?;
            self.highest_ticket = highest_ticket;
            self.rows = self.kept.iter().map(|(batch, _)| batch.num_rows()).sum();
        }
        Ok(())
    }

    /// The sample in the order of the rows, and whether it is all there is.
    pub fn settle(mut self) -> Result<(Vec<RecordBatch>, bool), ArrowError> {
        let is_whole = self.rows <= self.count && self.highest_ticket == u64::MAX;
        self.keep_up_to(self.highest_wanted())?;
        Ok((self.kept.into_iter().map(|(batch, _)| batch).collect(), is_whole))
    }
}

/// The rows whose tickets are not higher than `highest`.
fn up_to(highest: u64, batch: &RecordBatch, tickets: &[u64]) -> Result<(RecordBatch, Vec<u64>), ArrowError> {
    let is_kept: BooleanArray = tickets.iter().map(|ticket| Some(*ticket <= highest)).collect();
    let kept = tickets.iter().copied().filter(|ticket| *ticket <= highest).collect();
    Ok((compact(&filter_record_batch(batch, &is_kept)?)?, kept))
}

/// Frees the buffers that a few views keep alive.
fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let compacted = |array: &ArrayRef| -> ArrayRef {
        match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()),
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => array.clone(),
        }
    };
    if batch.num_columns() == 0 {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(compacted).collect())
}
