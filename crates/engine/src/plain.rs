//! Writing a small Parquet file from plain values, for data that the program makes itself.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use hw_base::{Error, Result};

use crate::failure::{Context, explain, io_problem};

/// The values of a column.
#[derive(Clone, Debug)]
pub enum PlainColumn {
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Hundredths, stored as `decimal(12,2)`.
    Cents(Vec<i64>),
    /// Numbers with fractions.
    Number(Vec<f64>),
    /// Text.
    Text(Vec<String>),
}

/// Writes columns of equal length as a Parquet file.
pub fn write_parquet(path: &Path, columns: &[(&str, PlainColumn)]) -> Result<()> {
    let arrays = columns.iter().map(|(name, column)| Ok((*name, array(column)?))).collect::<Result<Vec<_>>>()?;
    let batch = RecordBatch::try_from_iter(arrays).map_err(|error| explain(error.into(), &Context::default()))?;
    let file = File::create(path).map_err(|error| io_problem(&error).within(path.display()))?;
    let failed = |error: datafusion::parquet::errors::ParquetError| {
        Error::outside(format!("`{}` cannot be written: {error}", path.display())).code("HW501")
    };
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(())
}

fn array(column: &PlainColumn) -> Result<ArrayRef> {
    Ok(match column {
        PlainColumn::Whole(values) => Arc::new(Int64Array::from(values.clone())),
        PlainColumn::Number(values) => Arc::new(Float64Array::from(values.clone())),
        PlainColumn::Text(values) => Arc::new(StringArray::from_iter_values(values)),
        PlainColumn::Cents(values) => {
            let array = Decimal128Array::from_iter_values(values.iter().map(|cents| i128::from(*cents))).with_precision_and_scale(12, 2);
            Arc::new(array.map_err(|error| explain(error.into(), &Context::default()))?)
        }
    })
}
