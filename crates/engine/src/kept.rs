//! The rows of a query kept in memory, for whoever asks about them several times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::TryStreamExt;
use hw_base::{Input, Reader, Result};

use crate::compact;
use crate::failure::{Context, explain};
use crate::local::LocalEngine;
use crate::session::{Effort, Session};
use crate::stage::joined;

/// What queries call the rows.
const KEPT: &str = "kept";
/// The part of the memory that they may use.
const SHARE: u64 = 4;

/// Reads the rows of `reader` and keeps them in their order; `None` where they are too many. Rows kept before are forgotten.
pub(crate) async fn keep(engine: &LocalEngine, reader: &Reader) -> Result<Option<Reader>> {
    let session = Session::for_reader(engine, reader, Effort::InPieces).await?;
    let frame = few_of_many(session.query(&reader.sql, reader.file.as_deref()).await?);
    let failed = |error| explain(error, &session.reading(reader));
    let (schema, task) = (Arc::new(frame.schema().as_arrow().clone()), Arc::new(frame.task_ctx()));
    let plan = frame.create_physical_plan().await.map_err(failed)?;
    let left = Arc::new(AtomicU64::new(engine.memory.0 / SHARE));
    let streams = execute_stream_partitioned(plan, task).map_err(failed)?.into_iter();
    let pieces = joined(streams.map(|stream| tokio::spawn(piece(stream, Arc::clone(&left)))).collect()).await?;
    let Some(pieces) = pieces.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    engine.live.open(KEPT, Arc::new(MemTable::try_new(schema, pieces).map_err(failed)?));
    let input = Input::Live { name: KEPT.into(), relation: KEPT.into() };
    Ok(Some(Reader { sql: format!("select * from {KEPT}"), inputs: vec![input], file: None }))
}

/// The same query, which reads the other columns of a Parquet file only where the condition holds.
pub(crate) fn few_of_many(frame: DataFrame) -> DataFrame {
    let (mut state, plan) = frame.into_parts();
    state.config_mut().options_mut().execution.parquet.pushdown_filters = true;
    DataFrame::new(state, plan)
}

/// The rows of one stream; `None` once all streams have more than there is memory for.
async fn piece(mut rows: SendableRecordBatchStream, left: Arc<AtomicU64>) -> Result<Option<Vec<RecordBatch>>> {
    let failed = |error| explain(error, &Context::default());
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await.map_err(failed)? {
        let batch = compact::rows(&batch).map_err(|error| failed(error.into()))?;
        let needed = batch.get_array_memory_size() as u64;
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(needed)).is_err() {
            left.store(0, Ordering::Relaxed);
            return Ok(None);
        }
        batches.push(batch);
    }
    Ok(Some(batches))
}
