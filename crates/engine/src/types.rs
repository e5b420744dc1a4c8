//! Arrow types: how SQL names them, how tables store them, and how values become plain ones.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema, SchemaRef,
    TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::LogicalPlan;
use hw_base::{Column, ColumnType, Reader, Rows, Value};
use serde_json::Value as Json;

use crate::sql::headers::Headers;

/// The type in SQL's words.
pub fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::UInt8 => "tinyint unsigned".into(),
        DataType::UInt16 => "smallint unsigned".into(),
        DataType::UInt32 => "int unsigned".into(),
        DataType::UInt64 => "bigint unsigned".into(),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            format!("decimal({p},{s})")
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Timestamp(_, Some(_)) => "timestamptz".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea".into(),
        DataType::Dictionary(_, value) => sql_type(value),
        DataType::Null => "null".into(),
        other => other.to_string().to_lowercase(),
    }
}

/// What kind of value a type holds.
pub fn kind(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Boolean,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => ColumnType::Float,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => ColumnType::Decimal,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::Text,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Time32(_) | DataType::Time64(_) => ColumnType::Time,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => ColumnType::Binary,
        DataType::Dictionary(_, value) => kind(value),
        other if other.is_integer() => ColumnType::Integer,
        _ => ColumnType::Other,
    }
}

/// The columns of a schema.
pub(crate) fn columns(schema: &Schema) -> Vec<Column> {
    schema
        .fields()
        .iter()
        .map(|field| Column { name: field.name().clone(), kind: kind(field.data_type()), sql_type: sql_type(field.data_type()) })
        .collect()
}

/// The type in which a table stores values of `data_type`: one that every Delta reader has.
pub(crate) fn stored(data_type: &DataType) -> DataType {
    match data_type {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Decimal256(p, s) => DataType::Decimal128((*p).min(38), *s),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Null
        | DataType::Interval(_)
        | DataType::Duration(_)
        | DataType::Time32(_)
        | DataType::Time64(_) => DataType::Utf8View,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Dictionary(_, value) => stored(value),
        DataType::LargeList(item) | DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::ListView(item) => {
            DataType::List(Arc::new(Field::new("element", plain(&stored(item.data_type())), true)))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| Field::new(field.name(), plain(&stored(field.data_type())), true)).collect())
        }
        other => other.clone(),
    }
}

/// Inside lists and structs, text is not stored as a view.
fn plain(data_type: &DataType) -> DataType {
    if data_type == &DataType::Utf8View { DataType::Utf8 } else { data_type.clone() }
}

/// The schema in which a table stores rows of `schema`; every column may be null.
pub(crate) fn stored_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|field| Field::new(field.name(), stored(field.data_type()), true)).collect::<Vec<_>>()))
}

/// The schema as the table's log describes it: text is plain text there.
pub(crate) fn logged_schema(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| Field::new(field.name(), plain(field.data_type()), true)).collect::<Vec<_>>())
}

/// The values of a column as plain ones.
pub fn values(array: &dyn Array) -> Vec<Value> {
    (0..array.len()).map(|row| value(array, row)).collect()
}

/// One value as a plain one.
pub(crate) fn value(array: &dyn Array, row: usize) -> Value {
    // A column without a type is nothing but nulls, and does not count them.
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Value::Null;
    }
    macro_rules! int {
        ($type:ty) => {
            Value::Int(array.as_primitive::<$type>().value(row).into())
        };
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => int!(Int8Type),
        DataType::Int16 => int!(Int16Type),
        DataType::Int32 => int!(Int32Type),
        DataType::Int64 => int!(Int64Type),
        DataType::UInt8 => int!(UInt8Type),
        DataType::UInt16 => int!(UInt16Type),
        DataType::UInt32 => int!(UInt32Type),
        DataType::UInt64 => {
            let number = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int)
        }
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).into()),
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            moment(array.as_primitive::<TimestampMicrosecondType>().value(row), zone.is_some())
        }
        DataType::Decimal128(_, scale) if *scale == 0 => {
            let number = array.as_primitive::<Decimal128Type>().value(row);
            i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int)
        }
        _ => nested(array, row).map_or_else(|| formatted(array, row), Value::Nested),
    }
}

/// A list, a struct or a map as JSON, all the way down; `None` for any other value.
fn nested(array: &dyn Array, row: usize) -> Option<Json> {
    Some(match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            Json::Object(fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), json(column, row))).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            Json::Object((0..entries.len()).map(|entry| (value(keys, entry).to_string(), json(values, entry))).collect())
        }
        _ => return None,
    })
}

fn list(items: &ArrayRef) -> Json {
    (0..items.len()).map(|item| json(items, item)).collect()
}

fn json(array: &ArrayRef, row: usize) -> Json {
    value(array.as_ref(), row).to_json()
}

fn formatted(array: &dyn Array, row: usize) -> Value {
    let text =
        ArrayFormatter::try_new(array, &FormatOptions::default()).ok().and_then(|formatter| formatter.value(row).try_to_string().ok());
    text.map_or(Value::Null, Value::Text)
}

/// A day as `2026-01-31`; a day that no calendar has, as its number.
pub(crate) fn date(days: i32) -> Value {
    let day = chrono::DateTime::from_timestamp(i64::from(days) * 86_400, 0);
    Value::Text(day.map_or_else(|| days.to_string(), |day| day.format("%Y-%m-%d").to_string()))
}

/// A moment as `2026-01-31T12:00:00`, with a fraction where it has one and `Z` where it knows its zone.
pub(crate) fn moment(micros: i64, is_utc: bool) -> Value {
    let zone = if is_utc { "Z" } else { "" };
    let moment = chrono::DateTime::from_timestamp_micros(micros);
    Value::Text(moment.map_or_else(|| micros.to_string(), |moment| format!("{}{zone}", moment.format("%Y-%m-%dT%H:%M:%S%.f"))))
}

/// The columns that a query answers with; a name that the engine made is shown as SQL writes it.
pub(crate) fn answered(reader: &Reader, plan: &LogicalPlan) -> Vec<Column> {
    let headers = Headers::new(reader, plan);
    let shown = |(place, column)| Column { name: headers.at(place), ..column };
    columns(plan.schema().as_arrow()).into_iter().enumerate().map(shown).collect()
}

/// Batches as plain rows, at most `limit`.
pub(crate) fn rows(columns: Vec<Column>, batches: &[RecordBatch], limit: usize) -> Rows {
    let all = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let rows = all.take(limit).map(|(batch, row)| batch.columns().iter().map(|column| value(column.as_ref(), row)).collect()).collect();
    Rows { columns, rows, is_cut: batches.iter().map(RecordBatch::num_rows).sum::<usize>() > limit }
}
