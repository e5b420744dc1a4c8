//! Which columns and rows are measured.

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use arrow_select::filter::filter_record_batch;

use crate::form::Form;

/// The column that is not null in a record that could not be read as a row.
const MALFORMED: &str = "_malformed";
/// The columns that say where a row comes from.
const HIDDEN: [&str; 3] = ["_file", "_line", MALFORMED];

/// What of a dataset is measured, and what is left out.
#[derive(Clone, Debug)]
pub struct Visible {
    columns: Vec<usize>,
    malformed_column: Option<usize>,
}

impl Visible {
    /// The columns of `schema` that hold data.
    pub fn of(schema: &Schema) -> Self {
        let fields = schema.fields();
        Self {
            columns: (0..fields.len()).filter(|at| !HIDDEN.contains(&fields[*at].name().as_str())).collect(),
            malformed_column: fields.iter().position(|field| field.name() == MALFORMED),
        }
    }

    /// The forms of these columns.
    pub(crate) fn forms(&self, schema: &Schema) -> Vec<Form> {
        self.columns.iter().map(|at| Form::of(schema.field(*at))).collect()
    }

    /// The rows of `batch` that could be read, and how many could not.
    pub fn apply(&self, batch: &RecordBatch) -> Result<(RecordBatch, u64), ArrowError> {
        let visible = batch.project(&self.columns)?;
        let flags = self.malformed_column.map(|at| batch.column(at));
        let malformed = flags.map_or(0, |flags| flags.len() - flags.logical_null_count());
        let Some(flags) = flags.filter(|_| malformed > 0) else { return Ok((visible, 0)) };
        let nulls = flags.logical_nulls();
        let is_readable: BooleanArray = (0..flags.len()).map(|row| Some(nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)))).collect();
        Ok((filter_record_batch(&visible, &is_readable)?, malformed as u64))
    }
}
