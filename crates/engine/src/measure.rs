//! Measuring a query's rows in their order: while a block of them is measured, column beside column, the next ones are read.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::stats::Precision;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use hw_base::{Beginning, CodeMemory, Error, Further, MeasureSettings, Result, Sample, Sketches, TableFacts};
use hw_measure::{Draw, Drawn, Measurement, Visible};
use tokio::sync::mpsc;

use crate::deadline::{Deadline, out_of_time};
use crate::failure::{Context, explain};
use crate::sketches;

/// Blocks that are read and wait to be measured, while one is being measured and one is being read.
const BLOCKS_AHEAD: usize = 1;

/// A block takes no more than one in so many bytes of the memory, however large its values are.
const BLOCKS_IN_MEMORY: usize = 16;

/// Rows that are measured together.
type Block = Vec<RecordBatch>;

/// What a measurement may use, and what it knows beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// Bytes for the measures.
    pub(crate) memory: usize,
    /// Memory for the coded columns; `None` where they are not wanted.
    pub(crate) coded: Option<CodeMemory>,
    /// The measurement to go on from.
    pub(crate) before: Option<Sketches>,
    /// Whether to leave what a later measurement can go on from.
    pub(crate) keeps_sketches: bool,
    pub(crate) threads: usize,
    /// When reading ends, whether all rows are read or not.
    pub(crate) deadline: Option<Deadline>,
    /// How many rows there are, where the source knows.
    pub(crate) rows: Precision<usize>,
}

impl Means {
    /// How many rows will be measured, where that is certain.
    fn rows_to_come(&self, sample: Sample) -> Option<u64> {
        match (self.rows, sample, &self.deadline) {
            (Precision::Exact(rows), Sample::All, None) => Some(rows as u64),
            _ => None,
        }
    }
}

/// Measures the rows of `streams`, one stream after the other, and codes them where that is wanted: all in one pass.
///
/// With [`Sample::Rows`] all rows are read, and that many of them, each as likely as any other, are measured and coded. At the
/// deadline reading ends, and the rows so far are what is measured.
pub(crate) async fn measure(
    streams: Vec<SendableRecordBatchStream>,
    schema: &SchemaRef,
    settings: MeasureSettings,
    means: Means,
) -> Result<Further> {
    let work = Work::begin(schema, settings.sample, &means)?;
    let most = Most { rows: work.measurement.block_rows(), bytes: means.memory / BLOCKS_IN_MEMORY };
    let mut rows = Rows::of(streams, Visible::of(schema), most, means.deadline.clone());
    let (blocks, to_measure) = mpsc::channel(BLOCKS_AHEAD);
    let measuring = tokio::task::spawn_blocking(move || work.add_all(to_measure));
    let read = rows.read_into(blocks).await;
    let mut work = measuring.await.map_err(ended)??;
    if read? == 0 && rows.is_cut {
        return Err(out_of_time("the first rows came"));
    }
    work.malformed += rows.malformed;
    let finish = move || work.finish(settings.top_values, means.keeps_sketches);
    let mut found = tokio::task::spawn_blocking(finish).await.map_err(ended)??;
    found.facts.beginning = rows.is_cut.then_some(Beginning { of_about: means.rows.get_value().map(|rows| *rows as u64) });
    found.facts.scanned_all_rows &= !rows.is_cut;
    Ok(found)
}

/// How many rows a query returns, where that is what a source knows of its table.
pub(crate) fn known_rows(plan: &LogicalPlan) -> Precision<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let table = source_as_provider(&scan.source).ok();
            table.and_then(|table| table.statistics()).map_or(Precision::Absent, |known| known.num_rows)
        }
        LogicalPlan::Projection(projection) => known_rows(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => known_rows(&alias.input),
        _ => Precision::Absent,
    }
}

/// The rows and bytes at which a block is complete.
#[derive(Clone, Copy)]
struct Most {
    rows: usize,
    bytes: usize,
}

/// Bytes of the values of a column. Those of texts may lie in memory that several batches share.
fn bytes_of(array: &ArrayRef) -> usize {
    match array.as_string_view_opt() {
        Some(texts) => texts.lengths().map(|length| length as usize).sum(),
        None => array.to_data().get_slice_memory_size().unwrap_or_default(),
    }
}

/// The rows that are read, with the measured columns only.
struct Rows {
    stream: BoxStream<'static, datafusion::error::Result<RecordBatch>>,
    visible: Visible,
    /// What ends a block.
    most: Most,
    deadline: Option<Deadline>,
    /// The block that is being read.
    block: Block,
    /// Records that could not be read as rows.
    malformed: u64,
    /// Whether the time was up before all were read.
    is_cut: bool,
}

impl Rows {
    fn of(streams: Vec<SendableRecordBatchStream>, visible: Visible, most: Most, deadline: Option<Deadline>) -> Self {
        let stream = stream::iter(streams).flatten().boxed();
        Self { stream, visible, most, deadline, block: Vec::new(), malformed: 0, is_cut: false }
    }

    /// Hands on all rows, block by block, until the time is up or nobody takes them any more; returns how many blocks there were.
    async fn read_into(&mut self, blocks: mpsc::Sender<Block>) -> Result<usize> {
        for count in 0.. {
            let block = self.next_block().await?;
            if block.is_empty() || blocks.send(block).await.is_err() {
                return Ok(count);
            }
        }
        Ok(usize::MAX)
    }

    /// The next rows; none where all are read, or the time is up.
    async fn next_block(&mut self) -> Result<Block> {
        match self.deadline.clone() {
            _ if self.is_cut => return Ok(Vec::new()),
            None => self.read_block().await?,
            Some(deadline) => match deadline.wait(self.read_block()).await {
                Some(read) => read?,
                None => self.is_cut = true,
            },
        }
        Ok(std::mem::take(&mut self.block))
    }

    async fn read_block(&mut self) -> Result<()> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < self.most.rows
            && bytes < self.most.bytes
            && let Some(batch) = self.stream.try_next().await.map_err(|error| explain(error, &Context::default()))?
        {
            let (batch, malformed) = self.visible.apply(&batch).map_err(unreadable)?;
            self.malformed += malformed;
            if batch.num_rows() > 0 {
                rows += batch.num_rows();
                bytes += batch.columns().iter().map(bytes_of).sum::<usize>();
                self.block.push(batch);
            }
        }
        Ok(())
    }
}

/// What the rows are wanted for.
struct Work {
    /// Where only a sample is wanted, the rows that may belong to it.
    draw: Option<Draw>,
    measurement: Measurement,
    /// Records that could not be read as rows.
    malformed: u64,
}

impl Work {
    fn begin(schema: &SchemaRef, sample: Sample, means: &Means) -> Result<Self> {
        let (measurement, malformed) = match &means.before {
            Some(before) => sketches::read(before, schema, means)?,
            None => (Measurement::new(schema, means.memory, means.threads), 0),
        };
        let draw = match sample {
            Sample::All => None,
            Sample::Rows(count) => Some(Draw::new(usize::try_from(count).unwrap_or(usize::MAX))),
        };
        let measurement = measurement.expecting(means.rows_to_come(sample));
        let measurement = match means.coded {
            Some(memory) => measurement.coding(schema, memory),
            None => measurement,
        };
        Ok(Self { draw, measurement, malformed })
    }

    /// Adds the blocks until no more come.
    fn add_all(mut self, mut blocks: mpsc::Receiver<Block>) -> Result<Self> {
        while let Some(block) = blocks.blocking_recv() {
            self.add(&block)?;
        }
        Ok(self)
    }

    fn add(&mut self, block: &[RecordBatch]) -> Result<()> {
        match &mut self.draw {
            Some(draw) => block.iter().try_for_each(|batch| draw.add(batch.clone())).map_err(unreadable),
            None => self.measurement.add(block).map_err(unreadable),
        }
    }

    fn finish(mut self, top_values: usize, keeps_sketches: bool) -> Result<Further> {
        let drawn = self.draw.take().map(Draw::settle).transpose().map_err(unreadable)?;
        if let Some(drawn) = &drawn {
            self.measurement.add(&drawn.batches).map_err(unreadable)?;
        }
        let scanned_all_rows = drawn.as_ref().is_none_or(Drawn::is_whole);
        let sketches = if keeps_sketches { sketches::written(&mut self.measurement, self.malformed)? } else { Sketches::default() };
        let table = self.measurement.take_coding().map(|coding| match drawn {
            Some(drawn) => coding.finish_sample(drawn.numbers, drawn.of),
            None => coding.finish(),
        });
        let facts = TableFacts { scanned_all_rows, malformed: self.malformed, ..self.measurement.facts(top_values) };
        Ok(Further { facts, table: table.unwrap_or_default(), sketches })
    }
}

/// The error of something that could not be read.
fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::outside("the rows to measure cannot be read").code("HW203").because(error)
}

/// The error of a task that ended on its own.
fn ended(error: tokio::task::JoinError) -> Error {
    Error::bug("measuring ended early").because(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Schema;
    use datafusion::error::DataFusionError;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use hw_base::{ByteSize, CodedTable, TextFacts};

    use super::*;

    const ALL: MeasureSettings = MeasureSettings { sample: Sample::All, top_values: 1 };

    fn means() -> Means {
        let memory = 1 << 26;
        let coded = CodeMemory { whole: ByteSize(1 << 26), sample: ByteSize(1 << 24) };
        Means {
            memory,
            coded: Some(coded),
            before: None,
            keeps_sketches: false,
            threads: 2,
            deadline: None,
            rows: Precision::Inexact(900_000),
        }
    }

    fn stream_of(
        schema: &SchemaRef,
        batches: impl futures::Stream<Item = datafusion::error::Result<RecordBatch>> + Send + 'static,
    ) -> SendableRecordBatchStream {
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches))
    }

    fn measured(
        streams: Vec<SendableRecordBatchStream>,
        settings: MeasureSettings,
        deadline: Option<Deadline>,
    ) -> Result<(TableFacts, CodedTable)> {
        let schema = streams[0].schema();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let found = runtime.block_on(measure(streams, &schema, settings, Means { deadline, ..means() }));
        found.map(|found| (found.facts, found.table))
    }

    #[test]
    fn an_error_of_the_source_is_handed_on() {
        let broken = stream::iter([Err(DataFusionError::Execution("line 7 is torn".into()))]);
        let error = measured(vec![stream_of(&Arc::new(Schema::empty()), broken)], ALL, None).unwrap_err();
        assert!(error.to_string().contains("line 7 is torn"));
    }

    #[test]
    fn one_pass_measures_and_codes_the_rows_of_all_streams_in_order() {
        let batch = |first: i64| {
            let numbers: Vec<Option<i64>> = (first..first + 1_000).map(Some).chain([None]).collect();
            let torn: StringArray = numbers.iter().map(|number| number.is_none().then_some("torn")).collect();
            let numbers = Int64Array::from(numbers);
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("_malformed", Arc::new(torn))]).unwrap()
        };
        let schema = batch(0).schema();
        let streams = || {
            let part = |first: i64| (0..10).map(|at| Ok(batch(first + at * 1_000))).collect::<Vec<_>>();
            [0, 10_000].map(|first| stream_of(&schema, stream::iter(part(first)))).into()
        };
        let (facts, table) = measured(streams(), ALL, None).unwrap();
        assert_eq!((facts.rows, facts.malformed, facts.scanned_all_rows, facts.beginning), (20_000, 20, true, None));
        assert_eq!((table.rows, table.coded_rows(), table.is_whole()), (20_000, 20_000, true));
        assert!((0..20_000).all(|row| table.columns[0].value(row) == Some(row.to_string().as_str())));
        let few = MeasureSettings { sample: Sample::Rows(100), top_values: 1 };
        let (facts, table) = measured(streams(), few, None).unwrap();
        assert_eq!((facts.rows, facts.malformed, facts.scanned_all_rows), (100, 20, false));
        assert_eq!((table.rows, table.coded_rows(), table.is_whole()), (20_000, 100, false));
        let numbers = table.sampled.as_ref().unwrap();
        assert!((0..).zip(numbers).all(|(at, number)| table.columns[0].value(at) == Some(number.to_string().as_str())));
    }

    #[test]
    fn at_the_deadline_the_rows_so_far_are_measured() {
        let batch =
            |first: i64| RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(first..first + 10_000)) as _)]).unwrap();
        let schema = batch(0).schema();
        let batches: Vec<_> = (0..20).map(|at| Ok(batch(at * 10_000))).collect();
        let never_ends = |batches| stream_of(&schema, stream::iter(batches).chain(stream::pending()));
        let deadline = Deadline::after(std::time::Duration::from_secs(1));
        let (facts, table) = measured(vec![never_ends(batches)], ALL, Some(deadline.clone())).unwrap();
        assert_eq!((facts.rows, facts.scanned_all_rows, table.rows), (200_000, false, 200_000));
        assert_eq!(facts.beginning, Some(Beginning { of_about: Some(900_000) }));
        assert!(deadline.has_cut());
        let error = measured(vec![never_ends(vec![])], ALL, Some(deadline)).unwrap_err();
        assert_eq!(error.known_code(), Some("HW403"), "not even the first rows came");
    }

    #[test]
    fn new_rows_go_on_from_what_was_measured_before() {
        let batch = |rows: std::ops::Range<i64>| {
            let words: StringArray = rows.clone().map(|row| Some(format!("word {}", row % 70_000))).collect();
            RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(rows)) as ArrayRef), ("word", Arc::new(words))])
                .unwrap()
        };
        let schema = batch(0..1).schema();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let measured = |rows: std::ops::Range<i64>, before: Option<Sketches>| {
            let stream = stream_of(&schema, stream::iter([Ok(batch(rows))]));
            runtime.block_on(measure(vec![stream], &schema, ALL, Means { before, keeps_sketches: true, ..means() }))
        };
        let earlier = measured(0..100_000, None).unwrap();
        let both = measured(100_000..130_000, Some(earlier.sketches.clone())).unwrap();
        let whole = measured(0..130_000, None).unwrap();
        assert_eq!((both.facts.rows, both.table.coded_rows(), whole.table.coded_rows()), (130_000, 30_000, 130_000));
        // How often a pattern occurs follows from a sample, and what is drawn from how the rows come.
        let exact = |text: Option<&TextFacts>| text.map(|text| TextFacts { patterns: vec![], pattern_sample: None, ..text.clone() });
        for (both, whole) in both.facts.columns.iter().zip(&whole.facts.columns) {
            let (text, expected) = (exact(both.text.as_ref()), exact(whole.text.as_ref()));
            assert_eq!((both.distinct, &both.min, &both.max, text), (whole.distinct, &whole.min, &whole.max, expected));
        }
        let cut_off = earlier.sketches.0[..1_000].to_vec();
        let mut changed = earlier.sketches.0.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for damaged in [cut_off, changed] {
            assert_eq!(measured(0..1, Some(Sketches(damaged))).unwrap_err().known_code(), Some("HW404"));
        }
    }
}
