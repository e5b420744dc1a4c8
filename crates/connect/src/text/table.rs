//! A dataset of record files as a table of the engine.
//!
//! Each partition works through files of its own and, when there are none left, helps with the chunks of a file that
//! another one began: one large file and many small ones keep all cores busy alike. A chunk is cut under the lock of its
//! file, which costs little, and read outside it. Where the order of the rows is asked for there is one partition, which reads
//! several chunks at a time and hands them out in their order.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{Future, StreamExt, TryStreamExt, stream};
use hw_text::{CHUNK_BYTES, Chunk, HIDDEN, Projection, RecordFile, Splitter};

use crate::files::unreadable;
use crate::order::reads_in_order;

/// The most chunks that one partition reads at the same time.
const MOST_CHUNKS_AT_ONCE: usize = 8;

/// A dataset of record files.
#[derive(Debug)]
pub(super) struct RecordTable {
    /// The columns of the dataset, then the hidden ones.
    schema: SchemaRef,
    /// Of which columns nobody has told the type.
    guessed: Arc<[bool]>,
    files: Arc<[Arc<dyn RecordFile>]>,
    bytes: u64,
    /// What was guessed of its columns that may be another way, each in a sentence.
    told: Vec<String>,
    /// The work of all executions of all scans.
    readings: Arc<Mutex<Vec<Arc<Queue>>>>,
}

/// Records that are no rows, as one scan has met them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The files that hold some, or the table, each with their number.
    pub files: Vec<(String, u64)>,
    /// Whether the scan came to the end of all files.
    pub is_all: bool,
    /// What is wrong with one of them, where it was looked at.
    pub why: Option<String>,
}

impl RecordTable {
    /// A table of `columns` over `files` with so many bytes in all, with what is told of its columns that may be another way.
    pub(super) fn new(mut columns: Vec<Field>, guessed: Vec<bool>, files: Vec<Arc<dyn RecordFile>>, bytes: u64, told: Vec<String>) -> Self {
        let types = [DataType::Utf8View, DataType::Int64, DataType::Utf8View];
        columns.extend(HIDDEN.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true)));
        Self { schema: Arc::new(Schema::new(columns)), guessed: guessed.into(), files: files.into(), bytes, told, readings: Arc::default() }
    }

    /// The records that are no rows, by the scan that has met most of them; `None` where there is none.
    pub(super) fn left_out(&self) -> Option<LeftOut> {
        let of = |queue: &Arc<Queue>| {
            let files = locked(&queue.malformed).iter().map(|(file, records)| (self.files[*file].name().to_owned(), *records)).collect();
            LeftOut { files, is_all: queue.is_done(), why: None }
        };
        let records = |left_out: &LeftOut| left_out.files.iter().map(|(_, records)| records).sum::<u64>();
        let most = locked(&self.readings).iter().map(of).max_by_key(|left_out| (records(left_out), left_out.is_all));
        most.filter(|left_out| !left_out.files.is_empty())
    }

    /// What was guessed of its columns and files that may be another way, each in a sentence.
    pub(super) fn guesses(&self) -> impl Iterator<Item = &String> {
        self.told.iter().chain(self.files.iter().flat_map(|file| file.guesses()))
    }

    fn plan(&self, state: &dyn Session, projection: Option<&Vec<usize>>, limit: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let projection = Projection::new(Arc::clone(&self.schema), projection, Arc::clone(&self.guessed))?;
        let projected = Arc::clone(projection.schema());
        let most = usize::try_from(self.bytes / CHUNK_BYTES as u64).unwrap_or(usize::MAX).saturating_add(1);
        let is_in_order = reads_in_order(state);
        let count = if is_in_order { 1 } else { state.config().target_partitions().min(most).max(1) };
        let scan = Arc::new(Scan {
            chunks_at_once: if is_in_order { chunks_at_once().min(most) } else { 1 },
            projection,
            files: Arc::clone(&self.files),
            readings: Arc::clone(&self.readings),
            queues: Mutex::default(),
        });
        let partitions = (0..count).map(|_| Partition::over(&scan)).collect();
        Ok(Arc::new(StreamingTableExec::try_new(projected, partitions, None, [], false, limit)?))
    }
}

/// How many chunks one partition reads at the same time: as many as there are cores, but for machines with so many that their
/// chunks would fill the memory.
fn chunks_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_CHUNKS_AT_ONCE)
}

impl TableProvider for RecordTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn scan<'this, 'state, 'projection, 'filters, 'future>(
        &'this self,
        state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        _filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'future>>
    where
        'this: 'future,
        'state: 'future,
        'projection: 'future,
        'filters: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(self.plan(state, projection, limit)))
    }
}

/// One scan of a table.
#[derive(Debug)]
struct Scan {
    projection: Projection,
    files: Arc<[Arc<dyn RecordFile>]>,
    readings: Arc<Mutex<Vec<Arc<Queue>>>>,
    /// How many chunks a partition reads at the same time.
    chunks_at_once: usize,
    /// The work of each execution; a plan can be executed more than once.
    queues: Mutex<Vec<Arc<Queue>>>,
}

impl Scan {
    /// The rows of a chunk; those that are none are counted.
    fn batches(&self, queue: &Queue, file: usize, chunk: Chunk, batch_rows: usize) -> Result<Vec<RecordBatch>> {
        let batches = self.projection.batches(self.files[file].as_ref(), &chunk.into(), batch_rows)?;
        let malformed = |batch: &RecordBatch| batch.column_by_name(HIDDEN[2]).map_or(0, |reasons| reasons.len() - reasons.null_count());
        let malformed: usize = batches.iter().map(malformed).sum();
        if malformed > 0 {
            *locked(&queue.malformed).entry(file).or_default() += malformed as u64;
        }
        Ok(batches)
    }

    /// The work of the `execution`-th execution.
    fn queue(&self, execution: usize) -> Arc<Queue> {
        let mut queues = locked(&self.queues);
        while queues.len() <= execution {
            let queue = Arc::new(Queue::new(self.files.len()));
            locked(&self.readings).push(Arc::clone(&queue));
            queues.push(queue);
        }
        Arc::clone(&queues[execution])
    }
}

/// One of the streams of a scan.
#[derive(Debug)]
struct Partition {
    scan: Arc<Scan>,
    executions: AtomicUsize,
}

impl Partition {
    fn over(scan: &Arc<Scan>) -> Arc<dyn PartitionStream> {
        Arc::new(Self { scan: Arc::clone(scan), executions: AtomicUsize::new(0) })
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        self.scan.projection.schema()
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let queue = self.scan.queue(self.executions.fetch_add(1, Ordering::Relaxed));
        let scan = Arc::clone(&self.scan);
        let worker = Worker { files: Arc::clone(&scan.files), queue: Arc::clone(&queue), own: None };
        let batch_rows = context.session_config().batch_size();
        let chunks = stream::try_unfold(worker, |mut worker| blocking(move || Ok(worker.next_chunk()?.map(|chunk| (chunk, worker)))));
        let reading = move |(file, chunk): (usize, Chunk)| {
            let (scan, queue) = (Arc::clone(&scan), Arc::clone(&queue));
            async move { Ok(blocking(move || scan.batches(&queue, file, chunk, batch_rows))) }
        };
        let batches = chunks.and_then(reading).try_buffered(self.scan.chunks_at_once);
        let batches = batches.map_ok(|batches| stream::iter(batches).map(Ok)).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(self.scan.projection.schema()), batches))
    }
}

/// Runs work that takes a while on a thread for it. The work has begun when this returns.
fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> impl Future<Output = Result<T>> {
    let working = tokio::task::spawn_blocking(work);
    async move { working.await.map_err(|error| DataFusionError::External(Box::new(error)))? }
}

/// The files of one execution.
#[derive(Debug)]
struct Queue {
    waiting: Mutex<VecDeque<usize>>,
    begun: Mutex<Vec<Arc<BegunFile>>>,
    /// How many records of a file are no rows.
    malformed: Mutex<BTreeMap<usize, u64>>,
}

/// A file that somebody reads, and where others can help.
struct BegunFile {
    file: usize,
    progress: Mutex<Progress>,
}

enum Progress {
    Unopened,
    Open(Box<Splitter>),
    Done,
}

impl fmt::Debug for BegunFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BegunFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Queue {
    fn new(files: usize) -> Self {
        Self { waiting: Mutex::new((0..files).collect()), begun: Mutex::default(), malformed: Mutex::default() }
    }

    /// Whether all files have been read.
    fn is_done(&self) -> bool {
        locked(&self.waiting).is_empty() && locked(&self.begun).is_empty()
    }

    /// A file to work on: a fresh one, else one that is not done.
    fn next_file(&self) -> Option<Arc<BegunFile>> {
        let mut begun = locked(&self.begun);
        if let Some(file) = locked(&self.waiting).pop_front() {
            begun.push(Arc::new(BegunFile { file, progress: Mutex::new(Progress::Unopened) }));
            return begun.last().cloned();
        }
        begun.first().cloned()
    }

    fn finish(&self, file: &Arc<BegunFile>) {
        locked(&self.begun).retain(|begun| !Arc::ptr_eq(begun, file));
    }
}

impl BegunFile {
    fn next_chunk(&self, file: &dyn RecordFile) -> hw_base::Result<Option<Chunk>> {
        let mut progress = locked(&self.progress);
        if matches!(*progress, Progress::Unopened) {
            *progress = Progress::Open(Box::new(file.open()?));
        }
        let Progress::Open(splitter) = &mut *progress else { return Ok(None) };
        let chunk = splitter.next_chunk().map_err(|error| unreadable(file.name(), &error))?;
        if chunk.is_none() {
            *progress = Progress::Done;
        }
        Ok(chunk)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one stream is about to do.
struct Worker {
    files: Arc<[Arc<dyn RecordFile>]>,
    queue: Arc<Queue>,
    own: Option<Arc<BegunFile>>,
}

impl Worker {
    /// The next piece of text; `None` when all is read.
    fn next_chunk(&mut self) -> Result<Option<(usize, Chunk)>> {
        loop {
            let Some(begun) = self.own.take().or_else(|| self.queue.next_file()) else { return Ok(None) };
            let file = begun.file;
            let chunk = begun.next_chunk(self.files[file].as_ref()).map_err(|error| DataFusionError::External(Box::new(error)))?;
            if let Some(chunk) = chunk {
                self.own = Some(begun);
                return Ok(Some((file, chunk)));
            }
            self.queue.finish(&begun);
        }
    }
}
