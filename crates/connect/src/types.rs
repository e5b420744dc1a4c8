//! The types of columns: which hold which values, which are declared, how the light rooms know them.

use std::collections::{BTreeMap, HashMap};

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use hw_base::{Column, ColumnType, Error, Result, Settings, Span, nearest, snake_case, unknown};
pub(crate) use hw_text::types::MOST_DIGITS;
pub use hw_text::types::{arrow_to_sql_type, sql_type_to_arrow};

/// The one Arrow type in which values of this kind are handed on: what the warehouse stores and SQL has a word for.
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::BinaryView,
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into())),
        other => other.clone(),
    }
}

/// The type that holds the values of two plain types without loss; `None` where there is none.
pub(crate) fn common_type(first: &DataType, second: &DataType) -> Option<DataType> {
    let rank =
        |data_type: &DataType| [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64].iter().position(|t| t == data_type);
    let digits = |data_type: &DataType| rank(data_type).map(|rank| [3, 5, 10, 19][rank]);
    match (first, second) {
        _ if first == second => Some(first.clone()),
        _ if first.is_integer() && second.is_integer() => Some(if rank(first) >= rank(second) { first } else { second }.clone()),
        // Every integer of up to 32 bits is a double, exactly.
        (DataType::Float64, small) | (small, DataType::Float64) if matches!(rank(small), Some(0..=2)) => Some(DataType::Float64),
        (DataType::Decimal128(p, s), whole) | (whole, DataType::Decimal128(p, s)) if digits(whole).is_some() => {
            common_type(&DataType::Decimal128(*p, *s), &DataType::Decimal128(digits(whole)?, 0))
        }
        (DataType::Float32, DataType::Float64) | (DataType::Float64, DataType::Float32) => Some(DataType::Float64),
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            let scale = *s1.max(s2);
            let whole = (p1.saturating_sub(s1.unsigned_abs())).max(p2.saturating_sub(s2.unsigned_abs()));
            let precision = whole + scale.unsigned_abs();
            (precision <= MOST_DIGITS).then_some(DataType::Decimal128(precision, scale))
        }
        (DataType::Date32, stamp @ DataType::Timestamp(..)) | (stamp @ DataType::Timestamp(..), DataType::Date32) => Some(stamp.clone()),
        (DataType::Timestamp(..), DataType::Timestamp(..)) => Some(first.clone()),
        // The raw copy keeps them as text.
        (DataType::Utf8View, other) | (other, DataType::Utf8View) if is_kept_as_text(other) => Some(DataType::Utf8View),
        _ => None,
    }
}

fn is_kept_as_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) | DataType::Interval(_) | DataType::Null)
}

/// What kind of value an Arrow type holds.
pub fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Boolean,
        other if other.is_integer() => ColumnType::Integer,
        other if other.is_floating() => ColumnType::Float,
        other if other.is_decimal() => ColumnType::Decimal,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::Text,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::Time32(_) | DataType::Time64(_) => ColumnType::Time,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => ColumnType::Binary,
        DataType::Dictionary(_, values) => column_type(values),
        _ => ColumnType::Other,
    }
}

/// An Arrow field as the light rooms know it.
pub fn column_of(field: &Field) -> Column {
    Column { name: field.name().clone(), kind: column_type(field.data_type()), sql_type: arrow_to_sql_type(field.data_type()) }
}

/// The names that an error about types lists.
const COMMON: [&str; 9] = ["bigint", "int", "double", "decimal(12,2)", "boolean", "date", "timestamp", "time", "text"];

/// The types that the `columns` setting of a source declares.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) types: HashMap<String, DataType>,
    /// Whether several datasets share them, so that none needs to have all of the columns.
    pub(crate) is_shared: bool,
    /// Where they stand.
    pub(crate) places: HashMap<String, Span>,
}

impl Declared {
    /// The type that is declared for a column, by its name in the source or by that of the raw copy.
    pub(crate) fn of(&self, column: &str) -> Option<&DataType> {
        self.types.get(column).or_else(|| self.types.get(&snake_case(column)))
    }
}

/// Whether the `columns` setting of a source takes this type.
pub fn can_be_declared(sql_type: &str) -> bool {
    declarable(sql_type).is_some()
}

fn declarable(sql_type: &str) -> Option<DataType> {
    sql_type_to_arrow(sql_type).filter(|data_type| *data_type != DataType::BinaryView)
}

/// Reads the `columns` setting of a source that has so many datasets.
pub(crate) fn declared_types(columns: &BTreeMap<String, String>, settings: &Settings, datasets: usize) -> Result<Declared> {
    let declared = columns.iter().map(|(name, sql_type)| match declarable(sql_type) {
        Some(data_type) => Ok((name.clone(), data_type)),
        None => Err(match settings.get("columns").and_then(|columns| columns.get(name)).and_then(|value| value.span.clone()) {
            Some(span) => unknown_type(name, sql_type).at(span),
            None => unknown_type(name, sql_type),
        }),
    });
    let types = declared.collect::<Result<_>>()?;
    let entries = settings.get("columns").map(Settings::entries).unwrap_or_default();
    let places = entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.key_span.clone()?))).collect();
    Ok(Declared { types, is_shared: datasets > 1, places })
}

/// Refuses types for columns that no file has.
pub(crate) fn check_declared(columns: &[String], declared: &Declared) -> Result<()> {
    let is_there = |name: &String| columns.iter().any(|column| column == name || snake_case(column) == *name);
    let mut foreign: Vec<&String> = declared.types.keys().filter(|name| !declared.is_shared && !is_there(name)).collect();
    foreign.sort();
    let errors = foreign.into_iter().map(|name| {
        unknown("column", name, columns.iter().map(String::as_str))
            .code("HW204")
            .because("`columns:` of the source declares it")
            .moved_to(declared.places.get(name).cloned())
    });
    Error::all(errors.collect()).map_or(Ok(()), Err)
}

/// The error for what is no type of a column.
pub(crate) fn unknown_type(column: &str, sql_type: &str) -> Error {
    let error = Error::user(format!("column `{column}`: `{sql_type}` is no type of a column")).code("HW104");
    match nearest(sql_type, COMMON) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None => error.help(format!("known: {}", COMMON.join(", "))),
    }
}
