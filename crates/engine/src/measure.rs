//! Measuring a query's rows: its partitions are read side by side, each by a task of its own.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use hw_base::{Error, MeasureSettings, Result, Sample, TableFacts};
use hw_measure::{Draw, Measurement, Part, Visible};
use tokio::task::JoinSet;

use crate::failure::{Context, explain};

/// A part of the rows, with the measured columns only, and how many of its records are malformed.
type Rows = BoxStream<'static, Result<(RecordBatch, u64)>>;

/// Measures the rows of `streams`, which all have `schema`, and uses about `memory` bytes for it.
///
/// With [`Sample::Rows`] all rows are read, and that many of them, each as likely as any other, are measured.
pub(crate) async fn measure(
    streams: Vec<SendableRecordBatchStream>,
    schema: SchemaRef,
    settings: MeasureSettings,
    memory: usize,
) -> Result<TableFacts> {
    let visible = Arc::new(Visible::of(&schema));
    let parts: Vec<Rows> = streams.into_iter().map(|stream| read(stream, Arc::clone(&visible))).collect();
    let (parts, drawn) = match settings.sample {
        Sample::All => (parts, None),
        Sample::Rows(count) => {
            draw(parts, usize::try_from(count).unwrap_or(usize::MAX)).await.map(|(parts, drawn)| (parts, Some(drawn)))?
        }
    };
    let threads = parts.len();
    let measurement = Measurement::new(&schema, threads, memory);
    let measured = side_by_side(parts.into_iter().enumerate().map(|(at, rows)| measure_part(measurement.part(at), rows))).await?;
    let malformed = measured.iter().map(|(_, malformed)| malformed).sum();
    let measured = measured.into_iter().map(|(part, _)| part).collect();
    let facts = tokio::task::spawn_blocking(move || measurement.facts(measured, settings.top_values, threads)).await.map_err(ended)?;
    Ok(match drawn {
        Some(drawn) => TableFacts { malformed: drawn.malformed, scanned_all_rows: drawn.is_whole, ..facts },
        None => TableFacts { malformed, scanned_all_rows: true, ..facts },
    })
}

/// The rows of `stream` that could be read.
fn read(stream: SendableRecordBatchStream, visible: Arc<Visible>) -> Rows {
    stream.map(move |batch| visible.apply(&batch.map_err(|error| explain(error, &Context::default()))?).map_err(unreadable)).boxed()
}

async fn measure_part(mut part: Part, mut rows: Rows) -> Result<(Part, u64)> {
    let mut malformed = 0;
    while let Some((batch, unread)) = rows.try_next().await? {
        malformed += unread;
        part.add(&batch).map_err(unreadable)?;
        // Measuring takes a while; other tasks of this thread get their turn.
        tokio::task::yield_now().await;
    }
    Ok((part, malformed))
}

/// What is known of the rows behind a sample.
struct Drawn {
    malformed: u64,
    is_whole: bool,
}

/// Reads all of `parts` and returns `count` of their rows.
async fn draw(parts: Vec<Rows>, count: usize) -> Result<(Vec<Rows>, Drawn)> {
    let draws = parts.into_iter().enumerate().map(|(at, rows)| draw_part(Draw::new(count, at), rows));
    let draws = side_by_side(draws).await?;
    let malformed = draws.iter().map(|(_, malformed)| malformed).sum();
    let (parts, is_whole) = Draw::settle(draws.into_iter().map(|(draw, _)| draw).collect()).map_err(unreadable)?;
    let parts = parts.into_iter().map(|batches| stream::iter(batches.into_iter().map(|batch| Ok((batch, 0)))).boxed());
    Ok((parts.collect(), Drawn { malformed, is_whole }))
}

async fn draw_part(mut draw: Draw, mut rows: Rows) -> Result<(Draw, u64)> {
    let mut malformed = 0;
    while let Some((batch, unread)) = rows.try_next().await? {
        malformed += unread;
        draw.add(batch).map_err(unreadable)?;
        tokio::task::yield_now().await;
    }
    Ok((draw, malformed))
}

/// Runs each future as a task of its own and returns their results in order. The first error ends the others.
async fn side_by_side<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut tasks = JoinSet::new();
    for (at, future) in futures.enumerate() {
        tasks.spawn(async move { (at, future.await) });
    }
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        let (at, result) = done.map_err(ended)?;
        results.push((at, result?));
    }
    results.sort_unstable_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The error of something that could not be read.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::outside("the rows to measure cannot be read").code("HW203").because(error)
}

/// The error of a task that ended on its own.
pub(crate) fn ended(error: tokio::task::JoinError) -> Error {
    Error::bug("measuring ended early").because(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use datafusion::arrow::datatypes::Schema;
    use datafusion::error::DataFusionError;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use super::*;

    #[test]
    fn an_error_of_the_source_is_handed_on() {
        let schema = Arc::new(Schema::empty());
        let broken = stream::iter([Err(DataFusionError::Execution("line 7 is torn".into()))]);
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), broken));
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let settings = MeasureSettings { sample: Sample::All, top_values: 1 };
        let error = runtime.block_on(measure(vec![rows], schema, settings, 1 << 20)).unwrap_err();
        assert!(error.to_string().contains("line 7 is torn"));
    }
}
