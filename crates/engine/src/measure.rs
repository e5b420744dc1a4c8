//! Measuring a query's rows in their order: while a block of them is measured, column beside column, the next one is read.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use hw_base::{Beginning, CodedTable, Error, MeasureSettings, Result, Sample, TableFacts};
use hw_measure::{Coding, Draw, Measurement, Visible, block_rows};

use crate::deadline::{Deadline, out_of_time};
use crate::failure::{Context, explain};

/// What a measurement may use, and what it knows beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// Bytes for the measures.
    pub(crate) memory: usize,
    /// Bytes for the coded columns; `None` where they are not wanted.
    pub(crate) coded: Option<usize>,
    pub(crate) threads: usize,
    /// When reading ends, whether all rows are read or not.
    pub(crate) deadline: Option<Deadline>,
    /// About how many rows there are, where the source knows.
    pub(crate) rows: Option<u64>,
}

/// Measures the rows of `streams`, one stream after the other, and codes them where that is wanted: all in one pass.
///
/// With [`Sample::Rows`] all rows are read, and that many of them, each as likely as any other, are measured. At the deadline reading
/// ends, and the rows so far are what is measured.
pub(crate) async fn measure(
    streams: Vec<SendableRecordBatchStream>,
    schema: &SchemaRef,
    settings: MeasureSettings,
    means: Means,
) -> Result<(TableFacts, Option<CodedTable>)> {
    let visible = Visible::of(schema);
    let measurement = Measurement::new(schema, means.memory, means.threads);
    let measuring = match settings.sample {
        Sample::All => Measuring::All(Box::new(measurement)),
        Sample::Rows(count) => Measuring::Drawn(Draw::new(usize::try_from(count).unwrap_or(usize::MAX)), Box::new(measurement)),
    };
    let coding = means.coded.map(|memory| Coding::new(schema, memory, means.threads));
    let mut rows = Rows::of(streams, visible, block_rows(schema.fields().len()), means.deadline);
    let mut work = Work { measuring, coding };
    let mut read = rows.next_block().await?;
    if read.is_empty() && rows.is_cut {
        return Err(out_of_time("the first rows came"));
    }
    while !read.is_empty() {
        let adding = tokio::task::spawn_blocking(move || work.add(&read).map(|()| work));
        let (added, next) = futures::join!(adding, rows.next_block());
        (work, read) = (added.map_err(ended)??, next?);
    }
    let (malformed, beginning) = (rows.malformed, rows.is_cut.then_some(Beginning { of_about: means.rows }));
    let finish = move || work.finish(settings.top_values);
    let (facts, table) = tokio::task::spawn_blocking(finish).await.map_err(ended)??;
    let scanned_all_rows = facts.scanned_all_rows && beginning.is_none();
    Ok((TableFacts { malformed, scanned_all_rows, beginning, ..facts }, table))
}

/// About how many rows a query returns, where that is what a source knows of its table.
pub(crate) fn known_rows(plan: &LogicalPlan) -> Option<u64> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let rows = source_as_provider(&scan.source).ok()?.statistics()?.num_rows;
            u64::try_from(*rows.get_value()?).ok()
        }
        LogicalPlan::Projection(projection) => known_rows(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => known_rows(&alias.input),
        _ => None,
    }
}

/// The rows that are read, with the measured columns only.
struct Rows {
    stream: BoxStream<'static, datafusion::error::Result<RecordBatch>>,
    visible: Visible,
    /// Rows of a block.
    most: usize,
    deadline: Option<Deadline>,
    /// The block that is being read.
    block: Vec<RecordBatch>,
    /// Records that could not be read as rows.
    malformed: u64,
    /// Whether the time was up before all were read.
    is_cut: bool,
}

impl Rows {
    fn of(streams: Vec<SendableRecordBatchStream>, visible: Visible, most: usize, deadline: Option<Deadline>) -> Self {
        let stream = stream::iter(streams).flatten().boxed();
        Self { stream, visible, most, deadline, block: Vec::new(), malformed: 0, is_cut: false }
    }

    /// The next rows; none where all are read, or the time is up.
    async fn next_block(&mut self) -> Result<Vec<RecordBatch>> {
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
        let mut rows = 0;
        while rows < self.most
            && let Some(batch) = self.stream.try_next().await.map_err(|error| explain(error, &Context::default()))?
        {
            let (batch, malformed) = self.visible.apply(&batch).map_err(unreadable)?;
            self.malformed += malformed;
            if batch.num_rows() > 0 {
                rows += batch.num_rows();
                self.block.push(batch);
            }
        }
        Ok(())
    }
}

/// What the rows are wanted for.
struct Work {
    measuring: Measuring,
    coding: Option<Coding>,
}

enum Measuring {
    /// All are measured.
    All(Box<Measurement>),
    /// Those are measured that are drawn in the end.
    Drawn(Draw, Box<Measurement>),
}

impl Work {
    fn add(&mut self, block: &[RecordBatch]) -> Result<()> {
        if let Some(coding) = &mut self.coding {
            coding.add(block).map_err(unreadable)?;
        }
        match &mut self.measuring {
            Measuring::All(measurement) => measurement.add(block).map_err(unreadable),
            Measuring::Drawn(draw, _) => block.iter().try_for_each(|batch| draw.add(batch.clone())).map_err(unreadable),
        }
    }

    fn finish(self, top_values: usize) -> Result<(TableFacts, Option<CodedTable>)> {
        let (measurement, scanned_all_rows) = match self.measuring {
            Measuring::All(measurement) => (measurement, true),
            Measuring::Drawn(draw, mut measurement) => {
                let (drawn, is_whole) = draw.settle().map_err(unreadable)?;
                measurement.add(&drawn).map_err(unreadable)?;
                (measurement, is_whole)
            }
        };
        let facts = TableFacts { scanned_all_rows, ..measurement.facts(top_values) };
        Ok((facts, self.coding.map(Coding::finish)))
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

    use super::*;

    const ALL: MeasureSettings = MeasureSettings { sample: Sample::All, top_values: 1 };

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
    ) -> Result<(TableFacts, Option<CodedTable>)> {
        let schema = streams[0].schema();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let means = Means { memory: 1 << 26, coded: Some(1 << 26), threads: 2, deadline, rows: Some(900_000) };
        runtime.block_on(measure(streams, &schema, settings, means))
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
        let table = table.unwrap();
        assert_eq!((facts.rows, facts.malformed, facts.scanned_all_rows, facts.beginning), (20_000, 20, true, None));
        assert_eq!((table.rows, table.coded_rows(), table.is_whole()), (20_000, 20_000, true));
        assert!((0..20_000).all(|row| table.columns[0].value(row) == Some(row.to_string().as_str())));
        let few = MeasureSettings { sample: Sample::Rows(100), top_values: 1 };
        let (facts, table) = measured(streams(), few, None).unwrap();
        assert_eq!((facts.rows, facts.malformed, facts.scanned_all_rows), (100, 20, false));
        assert_eq!(table.unwrap().coded_rows(), 20_000, "all rows are compared");
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
        assert_eq!((facts.rows, facts.scanned_all_rows, table.unwrap().rows), (200_000, false, 200_000));
        assert_eq!(facts.beginning, Some(Beginning { of_about: Some(900_000) }));
        assert!(deadline.has_cut());
        let error = measured(vec![never_ends(vec![])], ALL, Some(deadline)).unwrap_err();
        assert_eq!(error.known_code(), Some("HW403"), "not even the first rows came");
    }
}
