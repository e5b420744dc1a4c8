//! Rows and files on their way from a query into a table.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatchOptions, StringArray};
use datafusion::arrow::compute::{cast, filter_record_batch, not};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use hw_base::{Result, StagedFile};

use crate::failure::{Context, explain};
use crate::files::TableFile;
use crate::folder::FolderRef;
use crate::watch::Diverted;

pub(crate) fn in_folder(folder: &FolderRef, file: &StagedFile) -> TableFile {
    TableFile {
        folder: Arc::clone(folder),
        name: file.path.clone(),
        bytes: file.bytes,
        rows: Some(file.rows),
        partition: file.partition.clone(),
        stats: Some(file.stats.clone()),
    }
}

pub(crate) fn cast_all(columns: &[ArrayRef], types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let cast =
        |(column, wanted): (&ArrayRef, &DataType)| if column.data_type() == wanted { Ok(Arc::clone(column)) } else { cast(column, wanted) };
    columns.iter().zip(types).map(cast).collect::<Result<_, _>>().map_err(|error| explain(error.into(), &Context::default()))
}

pub(super) fn filtered(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, mask).map_err(|error| explain(error.into(), &Context::default()))
}

/// The rows where the mask is not true.
pub(super) fn kept_rows(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    let mask = if mask.nulls().is_some() { mask.iter().map(|value| Some(value.unwrap_or(false))).collect() } else { mask.clone() };
    let keep = not(&mask).map_err(|error| explain(error.into(), &Context::default()))?;
    filtered(batch, &keep)
}

/// The diverted rows, with the rules they break, the run and the time.
pub(super) fn quarantined(batch: &RecordBatch, diverted: &Diverted, schema: &SchemaRef, origin: &(String, i64)) -> Result<RecordBatch> {
    let rows = filtered(batch, &diverted.mask)?;
    let count = rows.num_rows();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(diverted.rules.clone()),
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(origin.0.as_str(), count))),
        Arc::new(datafusion::arrow::array::TimestampMicrosecondArray::from_value(origin.1, count).with_timezone("UTC")),
    ];
    columns.extend(rows.columns().iter().cloned());
    let types: Vec<DataType> = schema.fields().iter().map(|field: &Arc<Field>| field.data_type().clone()).collect();
    let columns = cast_all(&columns, &types)?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| explain(error.into(), &Context::default()))
}
