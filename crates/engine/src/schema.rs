//! The columns of a table before and after a batch, and how the batch is made to fit.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use hw_base::{Error, Result};
use serde_json::Value as Json;

use crate::failure::{Context, explain};
use crate::types;

/// The columns of a table after a batch.
#[derive(Clone, Debug)]
pub(crate) struct Reconciled {
    /// All columns as they are stored, partition columns last.
    pub(crate) schema: SchemaRef,
    /// The partition columns.
    pub(crate) partition_columns: Vec<String>,
    /// The columns of the table, then the hidden ones.
    pub(crate) full: SchemaRef,
    /// For each of the full columns, where the batch has it.
    positions: Vec<Option<usize>>,
}

/// What the names of the last hidden columns begin with, which tell the rows that break a rule on sets.
pub(crate) const MARK: &str = "_breaks_";

/// Fits the columns of a batch to those of the table: new ones are added, a wider type is refused, missing ones are null.
pub(crate) fn reconcile(arriving: &Schema, known: Option<&Schema>, partition_columns: &[String], hidden: &[String]) -> Result<Reconciled> {
    let mut seen = std::collections::HashSet::new();
    for field in arriving.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(Error::user(format!("two columns are named `{}`", field.name()))
                .code("HW301")
                .help("give one of them another name with `as`"));
        }
    }
    let mut places: HashMap<String, usize> =
        known.iter().flat_map(|known| known.fields().iter().enumerate()).map(|(at, field)| (field.name().clone(), at)).collect();
    let mut fields: Vec<Field> = known.map(|known| known.fields().iter().map(|field| field.as_ref().clone()).collect()).unwrap_or_default();
    for field in arriving.fields().iter().filter(|field| !hidden.contains(field.name())) {
        let stored = types::stored(field.data_type());
        match places.get(field.name()).and_then(|at| fields.get(*at)) {
            Some(known) if is_narrower(&stored, known.data_type()) => {}
            Some(known) => {
                return Err(Error::user(format!(
                    "column `{}` is {} now, but the table holds {}",
                    field.name(),
                    types::sql_type(&stored),
                    types::sql_type(known.data_type())
                ))
                .code("HW204")
                .help("to keep its values as they are, build the table anew: `headworks run MODEL --rebuild`")
                .help(format!(
                    "or give it the type of the table in the SELECT, which cuts or refuses what does not fit: `cast({} as {})`",
                    hw_base::identifier(field.name()),
                    types::sql_type(known.data_type())
                )));
            }
            None => {
                places.insert(field.name().clone(), fields.len());
                fields.push(Field::new(field.name(), stored, true));
            }
        }
    }
    let (partitions, in_files): (Vec<Field>, Vec<Field>) = fields.into_iter().partition(|field| partition_columns.contains(field.name()));
    let partitions = partition_columns.iter().filter_map(|name| partitions.iter().find(|field| field.name() == name).cloned());
    let schema = Arc::new(Schema::new(in_files.into_iter().chain(partitions).collect::<Vec<_>>()));
    let unstored = arriving.fields().iter().filter(|field| hidden.contains(field.name()));
    let unstored = unstored.map(|field| Arc::new(Field::new(field.name(), types::stored(field.data_type()), true)));
    let full = Arc::new(Schema::new(schema.fields().iter().cloned().chain(unstored).collect::<Vec<_>>()));
    let arrives: HashMap<&str, usize> = arriving.fields().iter().enumerate().map(|(at, field)| (field.name().as_str(), at)).collect();
    let positions = full.fields().iter().map(|field| arrives.get(field.name().as_str()).copied()).collect();
    Ok(Reconciled { schema, partition_columns: partition_columns.to_vec(), full, positions })
}

/// Whether every value of `from` fits into `to` unchanged.
fn is_narrower(from: &DataType, to: &DataType) -> bool {
    let digits = |data_type: &DataType| match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        _ => None,
    };
    match (from, to) {
        (a, b) if a == b => true,
        (DataType::Date32, DataType::Timestamp(TimeUnit::Microsecond, None))
        | (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Float32, DataType::Float64) => true,
        _ => match (digits(from), digits(to)) {
            (Some((from, from_scale)), Some((to, to_scale))) => {
                to_scale >= from_scale && i16::from(to) - i16::from(to_scale) >= i16::from(from) - i16::from(from_scale)
            }
            _ => false,
        },
    }
}

impl Reconciled {
    /// Whether it is a column of the query that the table does not have.
    pub(crate) fn is_hidden(&self, column: &str) -> bool {
        self.full.fields()[self.schema.fields().len()..].iter().any(|field| field.name() == column)
    }

    /// A batch of the query, in the full columns.
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.positions.iter().map(|position| position.map(|index| Arc::clone(batch.column(index))));
        build(&self.full, columns.collect(), batch.num_rows())
    }

    /// A batch in the full columns, without the hidden ones.
    pub(crate) fn stored(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let stored = self.schema.fields().len();
        if stored == self.full.fields().len() {
            return Ok(batch);
        }
        let columns = batch.columns()[..stored].iter().cloned().map(Some).collect();
        build(&self.schema, columns, batch.num_rows())
    }

    /// A batch of an earlier version of the table, in the columns of the table: by name.
    pub(crate) fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.schema.fields().iter().map(|field| batch.column_by_name(field.name()).cloned());
        build(&self.schema, columns.collect(), batch.num_rows())
    }
}

fn build(schema: &SchemaRef, columns: Vec<Option<ArrayRef>>, rows: usize) -> Result<RecordBatch> {
    let failed = |error: datafusion::arrow::error::ArrowError| explain(error.into(), &Context::default());
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let fitted = columns.into_iter().zip(schema.fields()).map(|(column, field)| match column {
        Some(column) if column.data_type() == field.data_type() => Ok(column),
        Some(column) => cast_with_options(&column, field.data_type(), &options).map_err(|error| {
            let (name, kind) = (field.name(), types::sql_type(field.data_type()));
            let error = failed(error).within(format_args!("column `{name}` cannot be stored as {kind}"));
            if field.data_type().is_decimal() {
                error.help(format!("as text it keeps all of its digits: `columns: {{ {name}: text }}` under its source, or `cast({name} as text)` in the model"))
            } else {
                error
            }
        }),
        None => Ok(new_null_array(field.data_type(), rows)),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), fitted.collect::<Result<_>>()?, &options).map_err(failed)
}

/// The columns of a quarantine table: why, when and by which run, then the row.
pub(crate) fn quarantine(schema: &Schema) -> SchemaRef {
    let mut fields = vec![
        Field::new("_rules", DataType::Utf8View, true),
        Field::new("_run", DataType::Utf8View, true),
        Field::new("_quarantined_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
    ];
    let own = ["_rules", "_quarantined_at"];
    let is_kept = |field: &&Arc<Field>| !own.contains(&field.name().as_str()) && !field.name().starts_with(MARK);
    fields.extend(schema.fields().iter().filter(is_kept).map(|field| {
        let name = if field.name() == "_run" { "_loaded_by_run" } else { field.name() };
        Field::new(name, field.data_type().clone(), true)
    }));
    Arc::new(Schema::new(fields))
}

/// A schema as the log of a table keeps it.
pub(crate) fn to_log(schema: &Schema) -> Result<Json> {
    let logged: StructType = (&types::logged_schema(schema))
        .try_into_kernel()
        .map_err(|error| Error::user(format!("the columns cannot be stored: {error}")).code("HW301"))?;
    serde_json::to_value(&logged).map_err(|error| Error::bug(format!("a schema could not be written: {error}")))
}

/// A schema that a log keeps.
pub(crate) fn from_log(logged: &Json) -> Result<StructType> {
    serde_json::from_value(logged.clone()).map_err(|error| Error::bug(format!("a schema could not be read back: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_room_for_the_values_is_made_anew_rather_than_given_less() {
        let schema = |data_type| Schema::new(vec![Field::new("share", data_type, true)]);
        let error = reconcile(&schema(DataType::Float64), Some(&schema(DataType::Int64)), &[], &[]).unwrap_err().to_string();
        assert!(error.find("--rebuild").unwrap() < error.find("cast(share as bigint)").unwrap(), "{error}");
    }
}
