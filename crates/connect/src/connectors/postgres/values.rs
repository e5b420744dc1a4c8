//! Values of one column: from PostgreSQL's binary form into an Arrow builder.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, ListArray, NullBufferBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::types::Wire;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL starts to count.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
/// A `numeric` with more groups of digits is shown as its bytes.
const MOST_SHOWN_GROUPS: u8 = 200;
/// A `numeric` is made of digits of this base.
const NUMERIC_BASE_DIGITS: i32 = 4;

/// What became of a value.
#[derive(Debug, PartialEq)]
pub(super) enum Appended {
    /// It is in the builder.
    Whole,
    /// The type cannot hold it: a null is in the builder, and this is the value as text.
    Misfit(String),
}

/// The bytes are not of the type that the catalog promised.
#[derive(Debug, PartialEq)]
pub(super) struct Broken(pub(super) String);

/// The values of one column, as they arrive.
pub(super) enum Values {
    Bool(BooleanBuilder),
    Int2(Int16Builder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Decimal(Decimal128Builder, DecimalSize),
    Text(StringBuilder),
    Jsonb(StringBuilder),
    Uuid(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    List(Box<ListValues>),
}

/// The size of a decimal.
#[derive(Clone, Copy)]
pub(super) struct DecimalSize {
    precision: u8,
    scale: i8,
}

/// The lists of a column.
pub(super) struct ListValues {
    wire: Wire,
    items: Values,
    lengths: Vec<usize>,
    present: NullBufferBuilder,
}

impl Values {
    /// An empty column for values that come as `wire`.
    pub(super) fn new(wire: &Wire) -> Self {
        match wire {
            Wire::Bool => Self::Bool(BooleanBuilder::new()),
            Wire::Int2 => Self::Int2(Int16Builder::new()),
            Wire::Int4 => Self::Int4(Int32Builder::new()),
            Wire::Int8 => Self::Int8(Int64Builder::new()),
            Wire::Float4 => Self::Float4(Float32Builder::new()),
            Wire::Float8 => Self::Float8(Float64Builder::new()),
            Wire::Decimal { precision, scale } => Self::Decimal(
                Decimal128Builder::new().with_data_type(DataType::Decimal128(*precision, *scale)),
                DecimalSize { precision: *precision, scale: *scale },
            ),
            Wire::Text => Self::Text(StringBuilder::new()),
            Wire::Jsonb => Self::Jsonb(StringBuilder::new()),
            Wire::Uuid => Self::Uuid(StringBuilder::new()),
            Wire::Bytes => Self::Bytes(BinaryBuilder::new()),
            Wire::Date => Self::Date(Date32Builder::new()),
            Wire::Timestamp | Wire::TimestampUtc => Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(wire.data_type())),
            Wire::List(element) => Self::List(Box::new(ListValues::new(element))),
        }
    }

    /// Adds a missing value.
    pub(super) fn append_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int2(builder) => builder.append_null(),
            Self::Int4(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Float4(builder) => builder.append_null(),
            Self::Float8(builder) => builder.append_null(),
            Self::Decimal(builder, _) => builder.append_null(),
            Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::List(lists) => lists.append_null(),
        }
    }

    /// Adds a value.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Appended, Broken> {
        match self {
            Self::Bool(builder) => builder.append_value(fixed::<1>(bytes)? != [0]),
            Self::Int2(builder) => builder.append_value(i16::from_be_bytes(fixed(bytes)?)),
            Self::Int4(builder) => builder.append_value(i32::from_be_bytes(fixed(bytes)?)),
            Self::Int8(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Self::Float4(builder) => builder.append_value(f32::from_be_bytes(fixed(bytes)?)),
            Self::Float8(builder) => builder.append_value(f64::from_be_bytes(fixed(bytes)?)),
            Self::Bytes(builder) => builder.append_value(bytes),
            Self::Decimal(builder, size) => return append_decimal(builder, *size, bytes),
            Self::Text(builder) => return Ok(append_text(builder, bytes)),
            Self::Jsonb(builder) => return append_jsonb(builder, bytes),
            Self::Uuid(builder) => return append_uuid(builder, bytes),
            Self::Date(builder) => return append_date(builder, bytes),
            Self::Timestamp(builder) => return append_timestamp(builder, bytes),
            Self::List(lists) => return lists.append(bytes),
        }
        Ok(Appended::Whole)
    }

    /// Takes the values out, and starts anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int2(builder) => Arc::new(builder.finish()),
            Self::Int4(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Float4(builder) => Arc::new(builder.finish()),
            Self::Float8(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List(lists) => lists.finish()?,
        })
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Broken> {
    bytes.try_into().map_err(|_| Broken(format!("expected {N} bytes, found {}", bytes.len())))
}

fn append_text(builder: &mut StringBuilder, bytes: &[u8]) -> Appended {
    if let Ok(text) = str::from_utf8(bytes) {
        builder.append_value(text);
        return Appended::Whole;
    }
    builder.append_null();
    Appended::Misfit(format!("\\x{}", hex(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn append_jsonb(builder: &mut StringBuilder, bytes: &[u8]) -> Result<Appended, Broken> {
    match bytes {
        [1, text @ ..] => Ok(append_text(builder, text)),
        [version, ..] => Err(Broken(format!("expected `jsonb` of version 1, found version {version}"))),
        [] => Err(Broken("expected `jsonb`, found no bytes".into())),
    }
}

fn append_uuid(builder: &mut StringBuilder, bytes: &[u8]) -> Result<Appended, Broken> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = fixed::<16>(bytes)?;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    builder.append_value(&text);
    Ok(Appended::Whole)
}

fn append_date(builder: &mut Date32Builder, bytes: &[u8]) -> Result<Appended, Broken> {
    let days = i32::from_be_bytes(fixed(bytes)?);
    // The calendar of the engine ends before PostgreSQL's does.
    let since_1970 = days.checked_add(EPOCH_DAYS).filter(|days| NaiveDate::from_epoch_days(*days).is_some());
    builder.append_option(since_1970);
    Ok(match (since_1970, days) {
        (Some(_), _) => Appended::Whole,
        (None, i32::MAX) => Appended::Misfit("infinity".into()),
        (None, i32::MIN) => Appended::Misfit("-infinity".into()),
        (None, _) => Appended::Misfit(format!("2000-01-01 and {days} days")),
    })
}

fn append_timestamp(builder: &mut TimestampMicrosecondBuilder, bytes: &[u8]) -> Result<Appended, Broken> {
    const EARLIEST: i64 = DateTime::<Utc>::MIN_UTC.timestamp_micros();
    const LATEST: i64 = DateTime::<Utc>::MAX_UTC.timestamp_micros();
    let microseconds = i64::from_be_bytes(fixed(bytes)?);
    let since_1970 = microseconds.checked_add(EPOCH_MICROSECONDS).filter(|moment| (EARLIEST..=LATEST).contains(moment));
    builder.append_option(since_1970);
    Ok(match (since_1970, microseconds) {
        (Some(_), _) => Appended::Whole,
        (None, i64::MAX) => Appended::Misfit("infinity".into()),
        (None, i64::MIN) => Appended::Misfit("-infinity".into()),
        (None, _) => Appended::Misfit(format!("2000-01-01 and {microseconds} microseconds")),
    })
}

fn append_decimal(builder: &mut Decimal128Builder, size: DecimalSize, bytes: &[u8]) -> Result<Appended, Broken> {
    let ([count, weight, sign, display_scale], digits) = numeric_parts(bytes)?;
    let misfit = match sign.cast_unsigned() {
        0x0000 | 0x4000 => None,
        0xC000 => Some("NaN"),
        0xD000 => Some("Infinity"),
        0xF000 => Some("-Infinity"),
        other => return Err(Broken(format!("expected the sign of a `numeric`, found {other:#06x}"))),
    };
    if usize::try_from(count).ok() != Some(digits.len()) {
        return Err(Broken(format!("expected {count} digits of a `numeric`, found {}", digits.len())));
    }
    if let Some(shown) = misfit {
        builder.append_null();
        return Ok(Appended::Misfit(shown.into()));
    }
    let value = magnitude(digits, i32::from(weight), size).map(|value| if sign == 0 { value } else { -value });
    builder.append_option(value);
    Ok(match value {
        Some(_) => Appended::Whole,
        None => Appended::Misfit(match plain(digits, weight, display_scale) {
            Some(number) => format!("{}{number}", if sign == 0 { "" } else { "-" }),
            None => format!("a number of other digits, in binary \\x{}", hex(bytes)),
        }),
    })
}

/// The four numbers in front of a `numeric`, and its digits.
fn numeric_parts(bytes: &[u8]) -> Result<([i16; 4], &[[u8; 2]]), Broken> {
    let broken = || Broken(format!("expected a `numeric`, found {} bytes", bytes.len()));
    let (numbers, odd) = bytes.as_chunks::<2>();
    let (head, digits) = numbers.split_first_chunk::<4>().ok_or_else(broken)?;
    if odd.is_empty() { Ok((head.map(i16::from_be_bytes), digits)) } else { Err(broken()) }
}

/// A number as PostgreSQL prints it, without its sign; `None` where it is longer than anybody reads.
fn plain(digits: &[[u8; 2]], weight: i16, places: i16) -> Option<String> {
    let (whole_groups, places) = (i32::from(weight) + 1, usize::try_from(places).ok()?);
    let is_short = whole_groups.unsigned_abs() <= u32::from(MOST_SHOWN_GROUPS) && digits.len() <= usize::from(MOST_SHOWN_GROUPS);
    if !is_short {
        return None;
    }
    let group = |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).map_or(0, |digit| u16::from_be_bytes(*digit));
    let joined = |groups: std::ops::Range<i32>| groups.map(|at| format!("{:04}", group(at))).collect::<Vec<_>>().concat();
    let whole = joined(0..whole_groups);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let mut fraction = joined(whole_groups..i32::try_from(digits.len()).ok()?.max(whole_groups));
    fraction.truncate(places.max(fraction.trim_end_matches('0').len()));
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction:0<places$}") })
}

/// The value without its sign in units of the scale; `None` where the decimal cannot hold it exactly.
fn magnitude(digits: &[[u8; 2]], weight: i32, size: DecimalSize) -> Option<i128> {
    let mut exponent = NUMERIC_BASE_DIGITS.checked_mul(weight)? + i32::from(size.scale);
    let mut sum = 0_i128;
    for digit in digits {
        let digit = i128::from(u16::from_be_bytes(*digit));
        sum = sum.checked_add(shifted(digit, exponent)?)?;
        exponent -= NUMERIC_BASE_DIGITS;
    }
    (sum < 10_i128.checked_pow(size.precision.into())?).then_some(sum)
}

/// `digit` times ten to the `exponent`, where that is a whole number that fits.
fn shifted(digit: i128, exponent: i32) -> Option<i128> {
    if digit == 0 {
        return Some(0);
    }
    let factor = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        return digit.checked_mul(factor);
    }
    (digit % factor == 0).then_some(digit / factor)
}

impl ListValues {
    fn new(wire: &Wire) -> Self {
        Self { wire: wire.clone(), items: Values::new(wire), lengths: Vec::new(), present: NullBufferBuilder::new(0) }
    }

    fn append_null(&mut self) {
        self.lengths.push(0);
        self.present.append_null();
    }

    /// Adds an array: dimensions, flags, element type, length and lower bound of each dimension, elements.
    ///
    /// The lower bound is dropped: Arrow's lists, like nearly all arrays, start at their first element.
    fn append(&mut self, bytes: &[u8]) -> Result<Appended, Broken> {
        let mut rest = Unread(bytes);
        let dimensions = rest.number()?;
        let (_flags, _element_type) = (rest.number()?, rest.number()?);
        match dimensions {
            0 => self.append_items(0, rest),
            1 => {
                let (length, _lower_bound) = (rest.number()?, rest.number()?);
                self.append_items(length, rest)
            }
            2..=6 => {
                let shown = self.show(dimensions, rest)?;
                self.append_null();
                Ok(Appended::Misfit(shown))
            }
            other => Err(Broken(format!("expected an array, found {other} dimensions"))),
        }
    }

    fn append_items(&mut self, length: i32, mut rest: Unread<'_>) -> Result<Appended, Broken> {
        let elements = Unread(rest.0);
        let mut has_misfit = false;
        for _ in 0..length {
            has_misfit |= rest.append_next(&mut self.items)? != Appended::Whole;
        }
        rest.ends()?;
        self.lengths.push(usize::try_from(length).unwrap_or_default());
        self.present.append_non_null();
        Ok(if has_misfit { Appended::Misfit(in_braces(self.show_elements(length, elements)?, &[length])) } else { Appended::Whole })
    }

    /// An array of several dimensions as PostgreSQL writes it: `{{1,2},{3,4}}`, with the bounds in front where it does not begin with 1.
    fn show(&self, dimensions: i32, mut rest: Unread<'_>) -> Result<String, Broken> {
        let (mut lengths, mut bounds) = (Vec::new(), String::new());
        let mut begins_with_1 = true;
        for _ in 0..dimensions {
            let (length, lower) = (rest.number()?, rest.number()?);
            lengths.push(length);
            bounds.push_str(&format!("[{lower}:{}]", i64::from(lower) + i64::from(length) - 1));
            begins_with_1 &= lower == 1;
        }
        let count = lengths.iter().try_fold(1_i32, |product, length| product.checked_mul(*length));
        let count = count.ok_or_else(|| Broken(format!("expected an array, found dimensions {lengths:?}")))?;
        let shown = in_braces(self.show_elements(count, rest)?, &lengths);
        Ok(if begins_with_1 { shown } else { format!("{bounds}={shown}") })
    }

    /// Every element as text, also those that the type cannot hold.
    fn show_elements(&self, count: i32, mut rest: Unread<'_>) -> Result<Vec<String>, Broken> {
        let mut items = Values::new(&self.wire);
        let mut appended = Vec::new();
        for _ in 0..count {
            appended.push(rest.append_next(&mut items)?);
        }
        rest.ends()?;
        let unshown = |error: ArrowError| Broken(error.to_string());
        let items = items.finish().map_err(unshown)?;
        let formatter = ArrayFormatter::try_new(&items, &FormatOptions::new()).map_err(unshown)?;
        let shown = appended.into_iter().enumerate().map(|(place, appended)| match appended {
            Appended::Misfit(shown) => in_array(&shown),
            Appended::Whole if items.is_null(place) => "NULL".to_owned(),
            Appended::Whole => in_array(&formatter.value(place).to_string()),
        });
        Ok(shown.collect())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let lengths = std::mem::take(&mut self.lengths);
        let field = Arc::new(self.wire.item());
        let lists = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), self.items.finish()?, self.present.finish())?;
        Ok(Arc::new(lists))
    }
}

/// Elements in the braces of their dimensions.
fn in_braces(mut items: Vec<String>, lengths: &[i32]) -> String {
    for length in lengths.iter().rev() {
        let length = usize::try_from(*length).unwrap_or_default().max(1);
        items = items.chunks(length).map(|items| format!("{{{}}}", items.join(","))).collect();
    }
    items.concat()
}

/// An element as it is written inside of an array.
fn in_array(text: &str) -> String {
    let is_odd = |c: char| c.is_ascii_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\');
    if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(is_odd) {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text.to_owned()
}

/// What is left to read of an array.
struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    fn number(&mut self) -> Result<i32, Broken> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(|| Broken("an array ends too early".into()))?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*number))
    }

    /// The next element; `None` for null.
    fn element(&mut self) -> Result<Option<&'a [u8]>, Broken> {
        let length = match self.number()? {
            -1 => return Ok(None),
            length => usize::try_from(length).ok(),
        };
        let split = length.and_then(|length| self.0.split_at_checked(length));
        let (element, rest) = split.ok_or_else(|| Broken("an array ends too early".into()))?;
        self.0 = rest;
        Ok(Some(element))
    }

    /// Moves the next element into `items`.
    fn append_next(&mut self, items: &mut Values) -> Result<Appended, Broken> {
        let Some(element) = self.element()? else {
            items.append_null();
            return Ok(Appended::Whole);
        };
        items.append(element)
    }

    fn ends(&self) -> Result<(), Broken> {
        if self.0.is_empty() { Ok(()) } else { Err(Broken("an array has bytes after its end".into())) }
    }
}
