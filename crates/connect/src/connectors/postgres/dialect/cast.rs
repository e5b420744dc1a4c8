//! Changes of type.

use datafusion::sql::sqlparser::ast::{DataType, ExactNumberInfo, TimezoneInfo};

use super::compare::{day, digits, moment};
use super::{Result, Written, joined, refused};
use crate::connectors::postgres::types::Wire;
use crate::types::MOST_DIGITS;

/// Digits that a float holds exactly.
pub(super) const FLOAT_DIGITS: u8 = 15;
/// What the engine and PostgreSQL call the numbers that are none.
const NOT_FINITE: [&str; 3] = ["Infinity", "-Infinity", "NaN"];

/// A value in another type.
pub(super) fn cast(value: &Written, data_type: &DataType) -> Result<Written> {
    match data_type {
        DataType::Varchar(None) | DataType::Text | DataType::String(None) => to_text(value),
        DataType::Boolean | DataType::Bool => to_truth(value),
        DataType::SmallInt(None) => to_integer(value, Wire::Int2, "int2"),
        DataType::BigInt(None) => to_integer(value, Wire::Int8, "int8"),
        DataType::Int(None) | DataType::Integer(None) => to_integer(value, Wire::Int4, "int4"),
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float64 => to_double(value),
        DataType::Real => to_real(value),
        DataType::Decimal(size) | DataType::Numeric(size) => to_decimal(value, *size),
        DataType::Date => to_day(value),
        // Without its digits, a timestamp of the engine is one in nanoseconds, which end in the year 2262.
        DataType::Timestamp(Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => to_moment(value),
        other => refused(format_args!("a cast to {other}")),
    }
}

/// Null in a type.
pub(super) fn null(data_type: &DataType) -> Result<Written> {
    let (of, wire) = match data_type {
        DataType::Varchar(None) | DataType::Text | DataType::String(None) => ("text", Wire::Text),
        DataType::Date | DataType::Timestamp(..) => ("date", Wire::Date),
        DataType::Boolean | DataType::Bool => ("bool", Wire::Bool),
        _ => ("int2", Wire::Int2),
    };
    cast(&Written::constant(format!("null::{of}"), wire), data_type)
}

fn casting(value: &Written, to: &str, wire: Wire) -> Written {
    Written::new(format!("({})::{to}", value.sql), wire, joined([value]))
}

/// Every number but 0 is true.
fn to_truth(value: &Written) -> Result<Written> {
    match value.wire {
        Wire::Bool => Ok(value.clone()),
        Wire::Int2 | Wire::Int4 | Wire::Int8 => Ok(Written::new(format!("({} <> 0)", value.sql), Wire::Bool, joined([value]))),
        _ => refused("a cast to a truth value"),
    }
}

/// Floats, days and moments are written in different forms on both sides.
fn to_text(value: &Written) -> Result<Written> {
    match value.wire {
        Wire::Text => Ok(value.clone()),
        Wire::Bool | Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Decimal { .. } => {
            let text = casting(value, "text", Wire::Text);
            Ok(Written { sql: format!("({} collate \"C\")", text.sql), ..text })
        }
        _ => refused("a cast to text"),
    }
}

/// A fraction is cut off on one side and rounded on the other.
fn to_integer(value: &Written, wire: Wire, name: &str) -> Result<Written> {
    match value.wire {
        Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Decimal { scale: 0, .. } => Ok(casting(value, name, wire)),
        Wire::Bool => Ok(casting(value, &format!("int4::{name}"), wire)),
        _ => refused("a cast to a whole number"),
    }
}

fn to_double(value: &Written) -> Result<Written> {
    let is_exact = match (&value.wire, value.text()) {
        (Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Float4 | Wire::Float8, _) => true,
        (Wire::Decimal { precision, .. }, _) => *precision <= FLOAT_DIGITS,
        (_, Some(text)) => NOT_FINITE.contains(&text),
        _ => false,
    };
    if is_exact { Ok(casting(value, "float8", Wire::Float8)) } else { refused("a cast to a float") }
}

fn to_real(value: &Written) -> Result<Written> {
    let is_known = value.wire == Wire::Float4 || (value.is_constant() && matches!(value.wire, Wire::Float8 | Wire::Int8));
    if is_known { Ok(casting(value, "float8::float4", Wire::Float4)) } else { refused("a cast to a float of 32 bits") }
}

/// Only where no digit is lost.
fn to_decimal(value: &Written, size: ExactNumberInfo) -> Result<Written> {
    let (precision, scale) = match size {
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::None => return refused("a decimal without digits"),
    };
    let (Ok(precision), Ok(scale)) = (u8::try_from(precision), u8::try_from(scale)) else { return refused("a decimal of these digits") };
    let own = value.text().map_or_else(|| digits(&value.wire), digits_of_text);
    let fits = own.is_some_and(|(_, own)| own <= scale) && scale <= precision && precision <= MOST_DIGITS;
    if !fits {
        return refused("a cast that may round");
    }
    Ok(casting(value, &format!("numeric({precision},{scale})"), Wire::Decimal { precision, scale: scale.cast_signed() }))
}

/// The digits of a number that is written without an exponent.
fn digits_of_text(text: &str) -> Option<(u8, u8)> {
    let (whole, fraction) = text.strip_prefix('-').unwrap_or(text).split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
    is_number.then(|| Some((u8::try_from(whole.len()).ok()?, u8::try_from(fraction.len()).ok()?)))?
}

fn to_day(value: &Written) -> Result<Written> {
    match (&value.wire, value.text()) {
        (Wire::Date | Wire::Timestamp | Wire::TimestampUtc, _) => Ok(casting(value, "date", Wire::Date)),
        (_, Some(text)) => day(text),
        _ => refused("a cast to a day"),
    }
}

fn to_moment(value: &Written) -> Result<Written> {
    match (&value.wire, value.text()) {
        (Wire::Date | Wire::Timestamp | Wire::TimestampUtc, _) => Ok(casting(value, "timestamp", Wire::Timestamp)),
        (_, Some(text)) => moment(text),
        _ => refused("a cast to a moment"),
    }
}
