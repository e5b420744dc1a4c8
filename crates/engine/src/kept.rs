//! The rows of a query kept in memory, for whoever asks about them several times.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use futures::TryStreamExt;
use hw_base::{Input, Reader, Result};

use crate::failure::explain;
use crate::local::LocalEngine;
use crate::session::{Effort, Session};

/// What queries call the rows.
const KEPT: &str = "kept";
/// The part of the memory that they may use.
const SHARE: u64 = 4;

/// Reads the rows of `reader` and keeps them; `None` where they are too many. Rows kept before are forgotten.
pub(crate) async fn keep(engine: &LocalEngine, reader: &Reader) -> Result<Option<Reader>> {
    let session = Session::for_reader(engine, reader, Effort::InOrder).await?;
    let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
    let failed = |error| explain(error, &session.reading(reader));
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut rows = frame.execute_stream().await.map_err(failed)?;
    let (mut batches, mut left) = (Vec::new(), usize::try_from(engine.memory.0 / SHARE).unwrap_or(usize::MAX));
    while let Some(batch) = rows.try_next().await.map_err(failed)? {
        let batch = compact(&batch).map_err(|error| failed(error.into()))?;
        let Some(rest) = left.checked_sub(batch.get_array_memory_size()) else { return Ok(None) };
        left = rest;
        batches.push(batch);
    }
    let pieces = batches.chunks(batches.len().div_ceil(engine.threads).max(1)).map(<[RecordBatch]>::to_vec).collect();
    engine.live.open(KEPT, Arc::new(MemTable::try_new(schema, pieces).map_err(failed)?));
    let input = Input::Live { name: KEPT.into(), relation: KEPT.into() };
    Ok(Some(Reader { sql: format!("select * from {KEPT}"), inputs: vec![input], file: None }))
}

/// Frees the buffers that a few views keep alive.
fn compact(batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
    let compacted = |array: &ArrayRef| -> ArrayRef {
        match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()),
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => Arc::clone(array),
        }
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(compacted).collect())
}
