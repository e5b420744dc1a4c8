//! Values of any kind become a column of one type.

use std::sync::Arc;

use datafusion::arrow::array::builder::{
    BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder, Int16Builder,
    Int32Builder, Int64Builder, StringViewBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveBuilder};
use datafusion::arrow::datatypes::DataType;

use super::cell::Cell;
use hw_text::values;

/// Microseconds in a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Up to here every whole number is a double, exactly.
const MOST_EXACT: i64 = 1 << 53;

/// Builds the values of a column.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Time(Time64MicrosecondBuilder),
    Bytes(BinaryViewBuilder),
    Text(StringViewBuilder),
}

impl Column {
    /// A column of `data_type`; text where values have no such type.
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Self::Int8(Int8Builder::new()),
            DataType::Int16 => Self::Int16(Int16Builder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float32 => Self::Float32(Float32Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(data_type.clone());
                Self::Decimal(builder, *precision, scale.unsigned_abs())
            }
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(..) => Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type.clone())),
            DataType::Time64(_) => Self::Time(Time64MicrosecondBuilder::new()),
            DataType::BinaryView => Self::Bytes(BinaryViewBuilder::new()),
            _ => Self::Text(StringViewBuilder::new()),
        }
    }

    /// Adds a value. One that the column cannot hold becomes null; says whether that was so.
    pub(super) fn append(&mut self, cell: &Cell<'_>) -> bool {
        let is_null = matches!(cell, Cell::Null);
        match self {
            Self::Boolean(builder) => {
                let value = truth(cell);
                builder.append_option(value);
                is_null || value.is_some()
            }
            Self::Int8(builder) => is_null | append(builder, integer(cell).and_then(|number| number.try_into().ok())),
            Self::Int16(builder) => is_null | append(builder, integer(cell).and_then(|number| number.try_into().ok())),
            Self::Int32(builder) => is_null | append(builder, integer(cell).and_then(|number| number.try_into().ok())),
            Self::Int64(builder) => is_null | append(builder, integer(cell)),
            #[expect(clippy::cast_possible_truncation, reason = "a type that the project asks for")]
            Self::Float32(builder) => is_null | append(builder, real(cell).map(|number| number as f32)),
            Self::Float64(builder) => is_null | append(builder, real(cell)),
            Self::Decimal(builder, precision, scale) => is_null | append(builder, decimal(cell, *precision, *scale)),
            Self::Date(builder) => is_null | append(builder, day(cell)),
            Self::Timestamp(builder) => is_null | append(builder, moment(cell)),
            Self::Time(builder) => is_null | append(builder, clock(cell)),
            Self::Bytes(builder) => {
                let value = bytes(cell);
                builder.append_option(value);
                is_null || value.is_some()
            }
            Self::Text(builder) => is_null | append_text(builder, cell),
        }
    }

    /// The column, which begins anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

fn append<T: ArrowPrimitiveType>(builder: &mut PrimitiveBuilder<T>, value: Option<T::Native>) -> bool {
    builder.append_option(value);
    value.is_some()
}

fn append_text(builder: &mut StringViewBuilder, cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) => {
            builder.append_value(text);
            true
        }
        Cell::Bytes(_) | Cell::Broken(_) => {
            builder.append_null();
            false
        }
        other => {
            let shown = other.shown();
            builder.append_option(shown.as_deref());
            shown.is_some()
        }
    }
}

fn truth(cell: &Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Truth(truth) => Some(*truth),
        Cell::Integer(0) | Cell::Unsigned(0) => Some(false),
        Cell::Integer(1) | Cell::Unsigned(1) => Some(true),
        Cell::Text(text) => values::boolean(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

fn integer(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(*number),
        Cell::Unsigned(number) => i64::try_from(*number).ok(),
        Cell::Real(number) => whole(*number),
        Cell::Text(text) => values::integer(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

/// A number without a fraction as an integer. Of a great one, the shortest number that is this double is what was meant.
#[expect(clippy::cast_possible_truncation, reason = "greater ones are read as they are written")]
fn whole(number: f64) -> Option<i64> {
    if number.abs() <= MOST_EXACT as f64 {
        (number.fract() == 0.0).then_some(number as i64)
    } else {
        values::integer(number.to_string().as_bytes())
    }
}

fn real(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Integer(number) => Some(*number as f64),
        Cell::Unsigned(number) => Some(*number as f64),
        Cell::Real(number) => Some(*number),
        Cell::Text(text) => values::double(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

fn decimal(cell: &Cell<'_>, precision: u8, scale: u8) -> Option<i128> {
    let read = |text: &str| values::decimal(values::trimmed(text.as_bytes()), precision, scale).ok();
    match cell {
        Cell::Text(text) => read(text),
        // The shortest number that is this double is what was meant.
        Cell::Integer(_) | Cell::Unsigned(_) | Cell::Real(_) => read(&cell.shown()?),
        _ => None,
    }
}

fn day(cell: &Cell<'_>) -> Option<i32> {
    match cell {
        Cell::Day(day) => Some(*day),
        Cell::Moment(micros) if micros.rem_euclid(DAY_MICROS) == 0 => i32::try_from(micros.div_euclid(DAY_MICROS)).ok(),
        Cell::Text(text) => values::date(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

fn moment(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Moment(micros) => Some(*micros),
        Cell::Day(day) => Some(i64::from(*day) * DAY_MICROS),
        Cell::Text(text) => values::timestamp(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

fn clock(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Clock(micros) => (0..DAY_MICROS).contains(micros).then_some(*micros),
        Cell::Text(text) => values::time(values::trimmed(text.as_bytes())),
        _ => None,
    }
}

fn bytes<'a>(cell: &Cell<'a>) -> Option<&'a [u8]> {
    match cell {
        Cell::Bytes(bytes) => Some(bytes),
        Cell::Text(text) => Some(text.as_bytes()),
        _ => None,
    }
}
