//! The rows as a whole, by one hash each that every column has a part in.

use std::sync::Arc;

use crate::CHUNK_ROWS;
use crate::column::ColumnState;
use crate::hash::joined;
use crate::hashes::{Count, HashCounter};
use crate::pool::Purse;
use crate::stored::Restored;

/// The different rows so far. Those of a block are added while the columns of the next one are measured, so that they keep no core
/// waiting.
#[derive(Debug)]
pub(crate) struct RowHashes {
    counter: HashCounter,
    /// Of each column a word per row of the last block; equal values have equal words.
    last_block: Vec<Vec<u64>>,
}

impl RowHashes {
    /// No rows of so many columns yet.
    pub(crate) fn new(columns: usize, purse: &Arc<Purse>) -> Self {
        Self { counter: HashCounter::new(purse), last_block: vec![Vec::new(); columns] }
    }

    /// Takes the words of a block, whose rows are added by the next [`Self::settle`].
    pub(crate) fn take(&mut self, columns: &mut [ColumnState]) {
        columns.iter_mut().zip(&mut self.last_block).for_each(|(column, words)| column.swap_words(words));
    }

    /// The bytes that the next [`Self::settle`] will ask for at most.
    pub(crate) fn bytes_to_settle(&self) -> usize {
        self.counter.bytes_for(self.last_block.first().map_or(0, Vec::len))
    }

    /// Adds the rows of the last block.
    pub(crate) fn settle(&mut self) {
        let Some((first, others)) = self.last_block.split_first() else { return };
        let mut hashes = vec![0; CHUNK_ROWS];
        for start in (0..first.len()).step_by(CHUNK_ROWS) {
            let rows = start..first.len().min(start + CHUNK_ROWS);
            let hashes = &mut hashes[..rows.len()];
            hashes.iter_mut().zip(&first[rows.clone()]).for_each(|(hash, word)| *hash = joined(0, *word));
            for column in others {
                hashes.iter_mut().zip(&column[rows.clone()]).for_each(|(hash, word)| *hash = joined(*hash, *word));
            }
            self.counter.add(hashes, None);
        }
        self.last_block.iter_mut().for_each(Vec::clear);
    }

    /// The count.
    pub(crate) fn count(mut self) -> Count {
        self.settle();
        self.counter.count()
    }
}

/// Between two blocks, after [`RowHashes::settle`].
impl Restored for RowHashes {
    fn keep(&self, bytes: &mut Vec<u8>) {
        self.counter.keep(bytes);
    }
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.counter.restore(bytes)
    }
}
