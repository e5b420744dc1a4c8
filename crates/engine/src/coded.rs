//! A query's rows as codes of their distinct values, in file order: they are read as one stream, while groups of columns are coded
//! by threads of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use hw_base::{CodedColumn, CodedTable, Result};
use hw_measure::{Coder, Visible, coders, is_sampled};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::failure::{Context, explain};
use crate::measure::{ended, unreadable};

/// Batches that wait for a group of columns.
const WAITING: usize = 4;
/// Rows below which a sample is not thinned further, however little memory there is.
const LEAST_ROWS: u64 = 1_000;

/// Codes the rows of `streams`, one after the other, within about `memory` bytes on `threads` threads.
pub(crate) async fn code(streams: Vec<SendableRecordBatchStream>, schema: SchemaRef, memory: usize, threads: usize) -> Result<CodedTable> {
    let visible = Visible::of(&schema);
    let mut coding = Coding::start(&schema, memory, threads);
    for mut stream in streams {
        while let Some(batch) = stream.try_next().await.map_err(|error| explain(error, &Context::default()))? {
            let (batch, _) = visible.apply(&batch).map_err(unreadable)?;
            coding.add(&batch).await?;
        }
    }
    coding.finish().await
}

/// What a group of columns is told.
enum Order {
    /// Code these columns of a batch.
    Add(Vec<ArrayRef>),
    /// Keep only these of the rows coded so far, and say when it is done.
    Thin(Arc<BooleanBuffer>, oneshot::Sender<()>),
}

/// The coding of all columns, group by group.
struct Coding {
    groups: Vec<Group>,
    /// Bytes that the groups use.
    bytes: Arc<AtomicUsize>,
    memory: usize,
    rows: u64,
    /// The rows of the sample once it is one.
    sampled: Option<Vec<u64>>,
    /// One row in two to the power of it is kept.
    level: u32,
}

struct Group {
    /// The places of its columns.
    columns: Vec<usize>,
    orders: Sender<Order>,
    coded: JoinHandle<Result<Vec<(usize, CodedColumn)>>>,
}

impl Coding {
    /// Deals the columns to `threads` groups.
    fn start(schema: &SchemaRef, memory: usize, threads: usize) -> Self {
        let bytes = Arc::new(AtomicUsize::new(0));
        let mut dealt: Vec<Vec<(usize, Coder)>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
        for (at, coder) in coders(schema).into_iter().enumerate() {
            let group = at % dealt.len();
            dealt[group].push((at, coder));
        }
        let groups = dealt.into_iter().map(|group| Group::start(group, Arc::clone(&bytes))).collect();
        Self { groups, bytes, memory, rows: 0, sampled: None, level: 0 }
    }

    async fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let numbers = self.rows..self.rows + batch.num_rows() as u64;
        self.rows = numbers.end;
        match &mut self.sampled {
            None => self.send(batch).await,
            Some(sampled) => {
                let level = self.level;
                let is_kept: BooleanArray = numbers.clone().map(|row| Some(is_sampled(row, level))).collect();
                sampled.extend(numbers.filter(|row| is_sampled(*row, level)));
                self.send(&filter_record_batch(batch, &is_kept).map_err(unreadable)?).await;
            }
        }
        while self.bytes.load(Ordering::Relaxed) > self.memory && self.coded_rows() > LEAST_ROWS {
            self.halve().await;
        }
        Ok(())
    }

    fn coded_rows(&self) -> u64 {
        self.sampled.as_ref().map_or(self.rows, |sampled| sampled.len() as u64)
    }

    async fn send(&self, batch: &RecordBatch) {
        for group in &self.groups {
            let columns = group.columns.iter().map(|at| Arc::clone(batch.column(*at))).collect();
            // A group that has ended early tells why at the end.
            group.orders.send(Order::Add(columns)).await.ok();
        }
    }

    /// Goes on with half of the rows, and waits until the groups have done so.
    async fn halve(&mut self) {
        self.level += 1;
        let level = self.level;
        let rows = self.sampled.take().unwrap_or_else(|| (0..self.rows).collect());
        let kept: Arc<BooleanBuffer> = Arc::new(rows.iter().map(|row| is_sampled(*row, level)).collect());
        self.sampled = Some(rows.into_iter().filter(|row| is_sampled(*row, level)).collect());
        let mut waiting = Vec::new();
        for group in &self.groups {
            let (done, is_done) = oneshot::channel();
            group.orders.send(Order::Thin(Arc::clone(&kept), done)).await.ok();
            waiting.push(is_done);
        }
        for is_done in waiting {
            is_done.await.ok();
        }
    }

    async fn finish(self) -> Result<CodedTable> {
        let mut columns: Vec<(usize, CodedColumn)> = Vec::new();
        for group in self.groups {
            drop(group.orders);
            columns.extend(group.coded.await.map_err(ended)??);
        }
        columns.sort_unstable_by_key(|(at, _)| *at);
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(CodedTable { name: String::new(), rows: self.rows, sampled: self.sampled, columns })
    }
}

impl Group {
    fn start(columns: Vec<(usize, Coder)>, bytes: Arc<AtomicUsize>) -> Self {
        let (orders, received) = channel(WAITING);
        let places = columns.iter().map(|(at, _)| *at).collect();
        let coded = tokio::task::spawn_blocking(move || follow(columns, received, &bytes));
        Self { columns: places, orders, coded }
    }
}

/// Does what a group of columns is told until nothing more comes, and writes the values.
fn follow(mut columns: Vec<(usize, Coder)>, mut orders: Receiver<Order>, bytes: &AtomicUsize) -> Result<Vec<(usize, CodedColumn)>> {
    let mut reported = 0;
    while let Some(order) = orders.blocking_recv() {
        let done = match order {
            Order::Add(arrays) => {
                columns.iter_mut().zip(&arrays).try_for_each(|((_, coder), array)| coder.add(array)).map_err(unreadable)?;
                None
            }
            Order::Thin(kept, done) => {
                for (_, coder) in &mut columns {
                    coder.thin(&kept);
                }
                Some(done)
            }
        };
        let used = columns.iter().map(|(_, coder)| coder.bytes()).sum();
        bytes.fetch_add(used, Ordering::Relaxed);
        bytes.fetch_sub(std::mem::replace(&mut reported, used), Ordering::Relaxed);
        if let Some(done) = done {
            done.send(()).ok();
        }
    }
    Ok(columns.into_iter().map(|(at, coder)| (at, coder.finish())).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;

    use super::*;

    /// Two parts of ten batches each: a number of its own per row, a word, and a record that could not be read in every batch.
    fn coded(memory: usize) -> CodedTable {
        let batch = |first: i64| {
            let numbers: Vec<Option<i64>> = (first..first + 1_000).map(Some).chain([None]).collect();
            let words: StringArray = numbers.iter().map(|number| number.map(|number| format!("word {}", number % 50))).collect();
            let torn: StringArray = numbers.iter().map(|number| number.is_none().then_some("torn")).collect();
            let numbers = Int64Array::from(numbers);
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("word", Arc::new(words)), ("_malformed", Arc::new(torn))])
                .unwrap()
        };
        let schema = batch(0).schema();
        let streams = [0, 10_000].map(|first| {
            let batches: Vec<_> = (0..10).map(|at| Ok(batch(first + at * 1_000))).collect();
            Box::pin(RecordBatchStreamAdapter::new(batch(0).schema(), stream::iter(batches))) as SendableRecordBatchStream
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(code(streams.into(), schema, memory, 2)).unwrap()
    }

    #[test]
    fn all_rows_are_coded_in_order_where_they_fit() {
        let table = coded(1 << 30);
        assert_eq!((table.rows, table.coded_rows(), table.is_whole(), table.columns.len()), (20_000, 20_000, true, 2));
        for row in [0, 999, 1_000, 19_999] {
            assert_eq!(table.columns[0].value(row), Some(row.to_string().as_str()));
            assert_eq!(table.columns[1].value(row), Some(format!("word {}", row % 50).as_str()));
        }
        assert_eq!(table.columns[1].values.len(), 50);
    }

    #[test]
    fn too_many_rows_become_a_sample_that_knows_their_numbers() {
        let table = coded(600_000);
        let sampled = table.sampled.clone().unwrap();
        assert_eq!((table.rows, sampled.len()), (20_000, table.coded_rows()));
        assert!((2_000..12_000).contains(&sampled.len()) && sampled.is_sorted(), "{}", sampled.len());
        for (at, row) in sampled.iter().enumerate() {
            assert_eq!(table.columns[0].value(at), Some(row.to_string().as_str()));
            assert_eq!(table.columns[1].value(at), Some(format!("word {}", row % 50).as_str()));
        }
        assert_eq!(table.columns[0].values.len(), sampled.len());
    }
}
