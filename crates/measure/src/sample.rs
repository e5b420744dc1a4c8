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
    /// Rows with their numbers.
    kept: Vec<(RecordBatch, Vec<u64>)>,
}

/// A sample of rows.
#[derive(Debug)]
pub struct Drawn {
    /// The rows, in their order.
    pub batches: Vec<RecordBatch>,
    /// The number of each, from 0.
    pub numbers: Vec<u64>,
    /// How many there are in all.
    pub of: u64,
}

impl Drawn {
    /// Whether the sample is all there is.
    pub fn is_whole(&self) -> bool {
        self.numbers.len() as u64 == self.of
    }
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
        let numbers: Vec<u64> = (self.seen..self.seen + batch.num_rows() as u64).collect();
        self.seen += batch.num_rows() as u64;
        let (batch, numbers) =
            if self.highest_ticket == u64::MAX { (batch, numbers) } else { self.up_to(self.highest_ticket, &batch, &numbers)? };
        self.rows += numbers.len();
        self.kept.push((batch, numbers));
        if self.rows > self.count.saturating_mul(2).saturating_add(CHUNK_ROWS) {
            self.keep_up_to(self.highest_wanted())?;
        }
        Ok(())
    }

    /// The random number of a row.
    fn ticket(&self, number: u64) -> u64 {
        mix(self.seed.wrapping_add(number))
    }

    /// The highest ticket that belongs to the lowest as many as are wanted; `None` where none are.
    fn highest_wanted(&self) -> Option<u64> {
        let mut tickets: Vec<u64> = self.kept.iter().flat_map(|(_, numbers)| numbers).map(|number| self.ticket(*number)).collect();
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
            let kept = self.kept.iter().map(|(batch, numbers)| self.up_to(highest_ticket, batch, numbers));
            self.kept = kept.collect::<Result<_, _>>()?;
            self.highest_ticket = highest_ticket;
            self.rows = self.kept.iter().map(|(batch, _)| batch.num_rows()).sum();
        }
        Ok(())
    }

    /// The rows whose tickets are not higher than `highest`.
    fn up_to(&self, highest: u64, batch: &RecordBatch, numbers: &[u64]) -> Result<(RecordBatch, Vec<u64>), ArrowError> {
        let is_wanted = |number: &u64| self.ticket(*number) <= highest;
        let is_kept: BooleanArray = numbers.iter().map(|number| Some(is_wanted(number))).collect();
        let kept = numbers.iter().copied().filter(is_wanted).collect();
        Ok((compact(&filter_record_batch(batch, &is_kept)?)?, kept))
    }

    /// The sample.
    pub fn settle(mut self) -> Result<Drawn, ArrowError> {
        self.keep_up_to(self.highest_wanted())?;
        let (batches, numbers): (Vec<_>, Vec<_>) = self.kept.into_iter().unzip();
        Ok(Drawn { batches, numbers: numbers.concat(), of: self.seen })
    }
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
