//! Building some partitions of a table anew: the batch takes their place, all others stay.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, ScalarValue};
use hw_base::{LoadMode, Result, StagedBatch};
use std::sync::Arc;

use super::Attempt;
use crate::failure::{Context, explain};
use crate::files::{TableFile, partition_value};
use crate::warehouse::Snapshot;

impl Attempt<'_> {
    /// Takes out the partitions that are built anew, in the table and in its quarantine.
    pub(super) async fn take_out_partitions(&self, kept: &Snapshot, batch: &mut StagedBatch, untouched: &mut u64) -> Result<()> {
        let LoadMode::Recompute { only } = &self.staging.mode else { return Ok(()) };
        for file in self.files_where(kept, only)? {
            *untouched -= file.rows.unwrap_or_default().min(*untouched);
            batch.removed.push(file.name.clone());
        }
        self.withdraw_quarantined(only, batch).await
    }

    /// The files whose partition values make a condition true.
    fn files_where<'f>(&self, kept: &'f Snapshot, condition: &str) -> Result<Vec<&'f TableFile>> {
        let failed = |error| explain(error, &Context::default());
        if kept.files.is_empty() {
            return Ok(vec![]);
        }
        let fields = kept.schema.fields();
        let partitions = Arc::new(Schema::new(fields[fields.len() - kept.partition_columns.len()..].to_vec()));
        let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
            let text = |file: &TableFile| file.partition.iter().find(|(name, _)| name == field.name()).and_then(|(_, value)| value.clone());
            let values = kept.files.iter().map(|file| partition_value(text(file).as_deref(), field.data_type()));
            ScalarValue::iter_to_array(values.collect::<datafusion::common::Result<Vec<_>>>()?)
        };
        let columns: Vec<ArrayRef> = partitions.fields().iter().map(column).collect::<datafusion::common::Result<_>>().map_err(failed)?;
        let values = RecordBatch::try_new(Arc::clone(&partitions), columns).map_err(|error| failed(error.into()))?;
        let schema = DFSchema::try_from(partitions).map_err(failed)?;
        let condition = self.session.row_expression(condition, &schema).map_err(failed)?;
        let is_true = condition.evaluate(&values).and_then(|value| value.into_array(values.num_rows())).map_err(failed)?;
        let is_true = cast(&is_true, &DataType::Boolean).map_err(|error| failed(error.into()))?;
        let is_true = is_true.as_boolean();
        Ok(kept.files.iter().zip(is_true).filter(|(_, is_true)| *is_true == Some(true)).map(|(file, _)| file).collect())
    }
}
