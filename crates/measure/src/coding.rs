//! All columns as codes of their distinct values, in the order of the rows: all rows where the memory holds them, else a uniform
//! sample of them.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, Schema};
use arrow_select::filter::filter_record_batch;
use hw_base::{CodeMemory, CodedTable};

use crate::coded::{Coder, coders, is_sampled};
use crate::side::{Task, side_by_side};

/// Rows below which a sample is not thinned further, however little memory there is.
const LEAST_ROWS: u64 = 1_000;

/// What the code of a cell takes.
const CODE_BYTES: u64 = size_of::<u32>() as u64;

/// The coding of a dataset: the form in which its columns are compared.
#[derive(Debug)]
pub struct Coding {
    coders: Vec<Coder>,
    memory: CodeMemory,
    rows: u64,
    /// The rows of the sample once it is one.
    sampled: Option<Vec<u64>>,
    /// One row in two to the power of it is kept.
    level: u32,
    threads: usize,
}

impl Coding {
    /// Codes the visible columns of `schema` within about `memory`, on so many threads. Where so many `rows` are known to come that their
    /// codes alone take more, it is a sample from the start instead of becoming one on the way.
    pub(crate) fn new(schema: &Schema, memory: CodeMemory, rows: Option<u64>, threads: usize) -> Self {
        let coders = coders(schema);
        let bytes = |rows: u64| rows * coders.len() as u64 * CODE_BYTES;
        let Some(rows) = rows.filter(|rows| bytes(*rows) > memory.whole.0) else {
            return Self { coders, memory, rows: 0, sampled: None, level: 0, threads };
        };
        let fits = |level: &u32| bytes(rows >> level) <= memory.sample.0 || rows >> level <= LEAST_ROWS;
        let level = (1..u64::BITS).find(fits).unwrap_or_default();
        let memory = CodeMemory { whole: memory.sample, ..memory };
        Self { coders, memory, rows: 0, sampled: Some(Vec::new()), level, threads }
    }

    /// The rows of a block, which have the visible columns only, that belong to the sample. The sample is a matter of their numbers and of
    /// how they are cut into blocks.
    pub(crate) fn kept(&mut self, block: &[RecordBatch]) -> Result<Vec<RecordBatch>, ArrowError> {
        block.iter().map(|batch| self.sampled_rows(batch)).collect()
    }

    /// What is to be done with the kept rows of a block, column by column.
    pub(crate) fn tasks<'a>(&'a mut self, kept: &'a [RecordBatch]) -> impl Iterator<Item = Task<'a>> {
        let add = move |(at, coder): (usize, &'a mut Coder)| -> Task<'a> {
            Box::new(move || kept.iter().try_for_each(|batch| coder.add(batch.column(at))))
        };
        self.coders.iter_mut().enumerate().map(add)
    }

    /// Ends a block: thins the sample where there is too much of it.
    pub(crate) fn settle(&mut self) {
        if !self.fits() {
            // It is a sample now, and a sample may be smaller than the whole could have been.
            self.memory.whole = self.memory.sample;
            while !self.fits() {
                self.halve();
            }
        }
    }

    fn fits(&self) -> bool {
        self.bytes() <= self.memory.whole.0 || self.coded_rows() <= LEAST_ROWS
    }

    /// The rows of `batch` that belong to the sample.
    fn sampled_rows(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let numbers = self.rows..self.rows + batch.num_rows() as u64;
        let level = self.level;
        self.rows = numbers.end;
        let Some(sampled) = &mut self.sampled else { return Ok(batch.clone()) };
        let is_kept: BooleanArray = numbers.clone().map(|row| Some(is_sampled(row, level))).collect();
        sampled.extend(numbers.filter(|row| is_sampled(*row, level)));
        filter_record_batch(batch, &is_kept)
    }

    fn bytes(&self) -> u64 {
        self.coders.iter().map(|coder| coder.bytes() as u64).sum()
    }

    fn coded_rows(&self) -> u64 {
        self.sampled.as_ref().map_or(self.rows, |sampled| sampled.len() as u64)
    }

    /// Goes on with half of the rows.
    fn halve(&mut self) {
        self.level += 1;
        let rows = self.sampled.take().unwrap_or_else(|| (0..self.rows).collect());
        let kept: BooleanBuffer = rows.iter().map(|row| is_sampled(*row, self.level)).collect();
        self.sampled = Some(rows.into_iter().filter(|row| is_sampled(*row, self.level)).collect());
        side_by_side(self.coders.iter_mut(), self.threads, |coder| coder.thin(&kept));
    }

    /// The table, without a name.
    pub fn finish(self) -> CodedTable {
        let columns = side_by_side(self.coders.into_iter(), self.threads, Coder::finish);
        CodedTable { name: String::new(), rows: self.rows, sampled: self.sampled, columns }
    }

    /// The table of which only the rows with these numbers were added; `of` is how many it has.
    pub fn finish_sample(self, numbers: Vec<u64>, of: u64) -> CodedTable {
        let table = self.finish();
        let sampled = match &table.sampled {
            None => numbers,
            Some(places) => places.iter().filter_map(|place| numbers.get(usize::try_from(*place).ok()?).copied()).collect(),
        };
        CodedTable { rows: of, sampled: (sampled.len() as u64 != of).then_some(sampled), ..table }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use hw_base::ByteSize;

    use super::*;
    use crate::Draw;

    fn within(memory: u64) -> CodeMemory {
        CodeMemory { whole: ByteSize(memory), sample: ByteSize(memory / 2) }
    }

    fn add(coding: &mut Coding, block: &[RecordBatch]) {
        let kept = coding.kept(block).unwrap();
        let threads = coding.threads;
        side_by_side(coding.tasks(&kept), threads, |task| task().unwrap());
        coding.settle();
    }

    /// Twenty batches: a number of its own per row, and a word.
    fn coded(memory: u64, threads: usize) -> CodedTable {
        coded_of(memory, None, threads)
    }

    fn coded_of(memory: u64, known_rows: Option<u64>, threads: usize) -> CodedTable {
        let batch = |first: i64| {
            let numbers = Int64Array::from_iter_values(first..first + 1_000);
            let words: StringArray = numbers.iter().map(|number| number.map(|number| format!("word {}", number % 50))).collect();
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("word", Arc::new(words))]).unwrap()
        };
        let mut coding = Coding::new(&batch(0).schema(), within(memory), known_rows, threads);
        for block in 0..10 {
            add(&mut coding, &[batch(block * 2_000), batch(block * 2_000 + 1_000)]);
        }
        coding.finish()
    }

    #[test]
    fn all_rows_are_coded_in_order_where_they_fit() {
        let table = coded(1 << 30, 2);
        assert_eq!((table.rows, table.coded_rows(), table.is_whole(), table.columns.len()), (20_000, 20_000, true, 2));
        for row in [0, 999, 1_000, 19_999] {
            assert_eq!(table.columns[0].value(row), Some(row.to_string().as_str()));
            assert_eq!(table.columns[1].value(row), Some(format!("word {}", row % 50).as_str()));
        }
    }

    #[test]
    fn where_they_do_not_fit_every_column_keeps_the_same_rows_however_many_threads_there_are() {
        let table = coded(400_000, 2);
        let sampled = table.sampled.clone().unwrap();
        assert_eq!((table.rows, table.coded_rows()), (20_000, sampled.len()));
        assert!((1_000..15_000).contains(&sampled.len()), "{}", sampled.len());
        for (at, row) in sampled.iter().enumerate() {
            assert_eq!(table.columns[0].value(at), Some(row.to_string().as_str()));
            assert_eq!(table.columns[1].value(at), Some(format!("word {}", row % 50).as_str()));
        }
        assert_eq!(table, coded(400_000, 1));
        assert_eq!(table, coded(400_000, 7));
    }

    #[test]
    fn a_table_that_is_known_to_be_too_large_gives_the_sample_that_it_would_become() {
        assert_eq!(coded_of(100_000, Some(20_000), 2), coded(100_000, 2));
        assert_eq!(coded_of(1 << 30, Some(20_000), 2), coded(1 << 30, 2));
        assert!(coded_of(1, Some(20_000), 2).coded_rows() > 100, "however little memory there is");
    }

    #[test]
    fn rows_that_were_drawn_know_their_numbers_in_the_whole() {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..20_000)) as ArrayRef)]).unwrap();
        let drawn = |count: usize| {
            let mut draw = Draw::new(count);
            (0..20).for_each(|at| draw.add(batch.slice(at * 1_000, 1_000)).unwrap());
            draw.settle().unwrap()
        };
        for (count, memory, is_whole) in [(500, 1 << 30, false), (8_000, 200_000, false), (30_000, 1 << 30, true)] {
            let sample = drawn(count);
            let mut coding = Coding::new(&batch.schema(), within(memory), None, 2);
            add(&mut coding, &sample.batches);
            let table = coding.finish_sample(sample.numbers, sample.of);
            assert_eq!((table.rows, table.is_whole()), (20_000, is_whole));
            let numbers = table.sampled.clone().unwrap_or_else(|| (0..20_000).collect());
            assert!(numbers.len() == table.coded_rows() && numbers.is_sorted() && numbers.len() <= count);
            assert!((0..).zip(&numbers).all(|(at, number)| table.columns[0].value(at) == Some(number.to_string().as_str())));
        }
    }
}
