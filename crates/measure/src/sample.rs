//! A sample of rows, each as likely as any other, from parts whose sizes nobody knows beforehand.
//!
//! Every row draws a random number from its part and its place; the rows with the least numbers are the sample. The draw
//! is the same each time for the same parts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::filter_record_batch;

use crate::CHUNK_ROWS;
use crate::hash::mix;

/// The highest ticket that belongs to the `count` lowest.
fn ticket_of<'a>(draws: impl IntoIterator<Item = &'a Draw>, count: usize) -> Option<u64> {
    let mut tickets: Vec<u64> = draws.into_iter().flat_map(|draw| draw.kept.iter().flat_map(|(_, tickets)| tickets)).copied().collect();
    match count.checked_sub(1) {
        Some(last) if last < tickets.len() => Some(*tickets.select_nth_unstable(last).1),
        Some(_) => Some(u64::MAX),
        None => None,
    }
}

/// The rows of a part that may belong to the sample.
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
    /// No rows yet of the part with the number `part`; `count` rows of all parts are wanted.
    pub fn new(count: usize, part: usize) -> Self {
        // Another seed than that of the measurements, so that the two draws do not depend on each other.
        let seed = mix(mix(part as u64) ^ count as u64);
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
            let highest_ticket = ticket_of([&*self], self.count);
            self.keep_up_to(highest_ticket)?;
        }
        Ok(())
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

    /// The sample, part by part, and whether it is all there is.
    pub fn settle(mut draws: Vec<Self>) -> Result<(Vec<Vec<RecordBatch>>, bool), ArrowError> {
        let count = draws.first().map_or(0, |draw| draw.count);
        let total = draws.iter().map(|draw| draw.rows).sum::<usize>();
        let is_whole = total <= count && draws.iter().all(|draw| draw.highest_ticket == u64::MAX);
        let highest_ticket = ticket_of(&draws, count);
        draws.iter_mut().try_for_each(|draw| draw.keep_up_to(highest_ticket))?;
        Ok((draws.into_iter().map(|draw| draw.kept.into_iter().map(|(batch, _)| batch).collect()).collect(), is_whole))
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
