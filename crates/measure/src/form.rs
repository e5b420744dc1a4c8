//! What a column's Arrow type means: its kind, its name in SQL, and how its values are written.

use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType};
use arrow_schema::{DataType, Field, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike};
use hw_base::{ColumnType, Value};

use crate::cell::Cell;

/// Characters of a text that are shown; the rest is cut.
const SHOWN_CHARACTERS: usize = 1000;
/// Bytes of a binary value that are shown, as two hexadecimal digits each.
const SHOWN_BYTES: usize = 64;

/// The kind of a column and its type in SQL's words.
fn column_type(data_type: &DataType) -> (ColumnType, String) {
    use DataType as D;
    let (kind, name) = match data_type {
        D::Boolean => (ColumnType::Boolean, "boolean"),
        D::Int8 => (ColumnType::Integer, "tinyint"),
        D::Int16 => (ColumnType::Integer, "smallint"),
        D::Int32 => (ColumnType::Integer, "integer"),
        D::Int64 => (ColumnType::Integer, "bigint"),
        D::UInt8 => (ColumnType::Integer, "tinyint unsigned"),
        D::UInt16 => (ColumnType::Integer, "smallint unsigned"),
        D::UInt32 => (ColumnType::Integer, "integer unsigned"),
        D::UInt64 => (ColumnType::Integer, "bigint unsigned"),
        D::Float16 | D::Float32 => (ColumnType::Float, "real"),
        D::Float64 => (ColumnType::Float, "double"),
        D::Utf8 | D::LargeUtf8 | D::Utf8View => (ColumnType::Text, "text"),
        D::Date32 | D::Date64 => (ColumnType::Date, "date"),
        D::Time32(_) | D::Time64(_) => (ColumnType::Time, "time"),
        D::Timestamp(_, None) => (ColumnType::Timestamp, "timestamp"),
        D::Timestamp(_, Some(_)) => (ColumnType::Timestamp, "timestamp with time zone"),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => (ColumnType::Binary, "bytea"),
        D::Interval(_) | D::Duration(_) => (ColumnType::Other, "interval"),
        D::Dictionary(_, values) => return column_type(values),
        D::RunEndEncoded(_, values) => return column_type(values.data_type()),
        D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) | D::Decimal256(p, s) => {
            return (ColumnType::Decimal, format!("decimal({p},{s})"));
        }
        other => return (ColumnType::Other, other.to_string().to_lowercase()),
    };
    (kind, name.into())
}

/// A column to measure.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) sql_type: String,
    /// The type of its values, without the encoding around them.
    pub(crate) values: DataType,
}

impl Form {
    /// The form of `field`.
    pub(crate) fn of(field: &Field) -> Self {
        let (kind, sql_type) = column_type(field.data_type());
        Self { name: field.name().clone(), kind, sql_type, values: decoded(field.data_type()).clone() }
    }

    /// `cell` as people and JSON read it. What JSON has no number for becomes text.
    pub(crate) fn show(&self, cell: &Cell) -> Value {
        match cell {
            Cell::Integer(value) => self.show_integer(*value),
            Cell::Decimal(value) => Value::Text(Decimal128Type::format_decimal(*value, 38, self.scale())),
            Cell::WideDecimal(value) => Value::Text(Decimal256Type::format_decimal(*value, 76, self.scale())),
            Cell::Float(value) => self.show_float(*value),
            Cell::Boolean(value) => Value::Bool(*value),
            Cell::Text(text) => Value::Text(cut(text)),
            Cell::Bytes(bytes) => Value::Text(hexadecimal(bytes)),
        }
    }

    /// Digits after the point.
    pub(crate) fn scale(&self) -> i8 {
        match self.values {
            DataType::Decimal32(_, s) | DataType::Decimal64(_, s) | DataType::Decimal128(_, s) | DataType::Decimal256(_, s) => s,
            _ => 0,
        }
    }

    fn show_integer(&self, value: i64) -> Value {
        let text = match &self.values {
            DataType::UInt64 => {
                let value = unsigned(value);
                return i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int);
            }
            DataType::Date32 => day(value),
            DataType::Date64 => day(value.div_euclid(86_400_000)),
            DataType::Timestamp(unit, zone) => moment(value, *unit).map(|text| if zone.is_some() { text + "Z" } else { text }),
            DataType::Time32(unit) | DataType::Time64(unit) => time_of_day(value, *unit),
            _ => None,
        };
        text.map_or(Value::Int(value), Value::Text)
    }

    fn show_float(&self, value: f64) -> Value {
        if !value.is_finite() {
            let name = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            return Value::Text(name.into());
        }
        match self.values {
            DataType::Float16 | DataType::Float32 => Value::Float(shortest_single(value)),
            _ => Value::Float(value),
        }
    }
}

/// An unsigned number from the signed one that keeps its order, see [`signed`].
pub(crate) fn unsigned(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

/// The signed number that stands for an unsigned one and keeps its order.
pub(crate) fn signed(value: u64) -> i64 {
    (value ^ (1 << 63)).cast_signed()
}

fn decoded(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => decoded(values),
        DataType::RunEndEncoded(_, values) => decoded(values.data_type()),
        other => other,
    }
}

/// The number that a single-precision value was written as: 0.1 rather than 0.100000001.
fn shortest_single(value: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "the value was a single one")]
    let single = value as f32;
    single.to_string().parse().unwrap_or(value)
}

fn day(days: i64) -> Option<String> {
    let date = DateTime::UNIX_EPOCH.naive_utc().checked_add_signed(TimeDelta::try_days(days)?)?;
    let mut text = String::with_capacity(10);
    write_day(&mut text, date.date());
    Some(text)
}

fn moment(value: i64, unit: TimeUnit) -> Option<String> {
    let moment = match unit {
        TimeUnit::Second => DateTime::from_timestamp(value, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
    };
    moment.map(|moment| {
        let (moment, mut text) = (moment.naive_utc(), String::with_capacity(20));
        write_day(&mut text, moment.date());
        text.push('T');
        write_time(&mut text, moment.time());
        text
    })
}

fn time_of_day(value: i64, unit: TimeUnit) -> Option<String> {
    let nanoseconds = value.checked_mul(match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    })?;
    let is_time = (0..86_400_000_000_000).contains(&nanoseconds);
    is_time.then(|| {
        let mut text = String::with_capacity(8);
        write_time(&mut text, DateTime::from_timestamp_nanos(nanoseconds).naive_utc().time());
        text
    })
}

/// Writes `2026-01-31`. By hand, because every distinct day and moment of a dataset is written.
fn write_day(text: &mut String, day: NaiveDate) {
    match u32::try_from(day.year()) {
        Ok(year @ 0..=9999) => {
            write_digits(text, year, 4);
            text.push('-');
            write_digits(text, day.month(), 2);
            text.push('-');
            write_digits(text, day.day(), 2);
        }
        _ => text.push_str(&day.format("%Y-%m-%d").to_string()),
    }
}

/// Writes `12:30:00`, and by threes as many digits of a second as it takes.
fn write_time(text: &mut String, time: NaiveTime) {
    write_digits(text, time.hour(), 2);
    text.push(':');
    write_digits(text, time.minute(), 2);
    text.push(':');
    write_digits(text, time.second(), 2);
    if time.nanosecond() != 0 {
        text.push_str(&time.format("%.f").to_string());
    }
}

fn write_digits(text: &mut String, number: u32, digits: u32) {
    let digits = (0..digits).rev().filter_map(|at| char::from_digit(number / 10_u32.pow(at) % 10, 10));
    text.extend(digits);
}

/// The text as far as it is shown.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// Bytes as two hexadecimal digits each.
pub(crate) fn all_hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown = all_hexadecimal(&bytes[..bytes.len().min(SHOWN_BYTES)]);
    if bytes.len() > SHOWN_BYTES { shown + "…" } else { shown }
}
