//! Which columns and rows are measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use futures::stream::BoxStream;
use hw_base::{Error, Result};

use super::form::Form;

/// The column that is not null in a record that could not be read as a row.
const MALFORMED: &str = "_malformed";
/// The columns that say where a row comes from.
const HIDDEN: [&str; 3] = ["_file", "_line", MALFORMED];

/// A part of the rows, with the measured columns only.
pub(super) type Part = BoxStream<'static, Result<RecordBatch>>;

/// The error of something that could not be read.
pub(super) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::outside("the rows to measure cannot be read").because(error)
}

/// What is measured of the rows that arrive, and what is left out.
pub(super) struct Rows {
    /// The measured columns.
    pub(super) forms: Vec<Form>,
    filter: Arc<Filter>,
}

struct Filter {
    visible: Vec<usize>,
    malformed_column: Option<usize>,
    malformed: AtomicU64,
}

impl Rows {
    /// The columns of `schema` to measure.
    pub(super) fn of(schema: &Schema) -> Self {
        let fields = schema.fields();
        let visible: Vec<usize> = (0..fields.len()).filter(|at| !HIDDEN.contains(&fields[*at].name().as_str())).collect();
        let malformed_column = fields.iter().position(|field| field.name() == MALFORMED);
        Self {
            forms: visible.iter().map(|at| Form::of(&fields[*at])).collect(),
            filter: Arc::new(Filter { visible, malformed_column, malformed: AtomicU64::new(0) }),
        }
    }

    /// The rows of `stream` that could be read; the others are counted.
    pub(super) fn read(&self, stream: SendableRecordBatchStream) -> Part {
        let filter = self.filter.clone();
        stream.map(move |batch| filter.apply(&batch.map_err(unreadable)?).map_err(unreadable)).boxed()
    }

    /// Malformed records among the rows read so far.
    pub(super) fn malformed(&self) -> u64 {
        self.filter.malformed.load(Ordering::Relaxed)
    }
}

impl Filter {
    fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let visible = batch.project(&self.visible)?;
        let flags = self.malformed_column.map(|at| batch.column(at));
        let malformed = flags.map_or(0, |flags| flags.len() - flags.logical_null_count());
        let Some(flags) = flags.filter(|_| malformed > 0) else { return Ok(visible) };
        self.malformed.fetch_add(malformed as u64, Ordering::Relaxed);
        let nulls = flags.logical_nulls();
        let is_readable: BooleanArray = (0..flags.len()).map(|row| Some(nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)))).collect();
        filter_record_batch(&visible, &is_readable)
    }
}
