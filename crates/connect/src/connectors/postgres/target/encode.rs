//! Binary `COPY`: from batches of rows to its bytes.
//!
//! Each column is taken apart once per batch, so that writing a value costs one choice and no look-up.

use bytes::{BufMut, Bytes, BytesMut};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, ListArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use hw_base::{Error, Result, Value};

use super::columns::{TargetColumn, element_oid};
use crate::connectors::postgres::decode::SIGNATURE;
use crate::connectors::postgres::types::Wire;
use crate::connectors::postgres::values::{EPOCH_DAYS, EPOCH_MICROSECONDS};

/// What a value cannot be told as there, and what to do about it.
struct Unfit {
    reason: &'static str,
    help: &'static str,
}

const NUL: Unfit = Unfit { reason: "a text with the character NUL", help: "take it out in the SELECT: `replace(COLUMN, chr(0), '')`" };
const TOO_FAR: Unfit =
    Unfit { reason: "a time before the year 4713 BC or after 294276", help: "leave it out in the SELECT, or make it null" };
const TOO_LONG: Unfit = Unfit { reason: "a value of more than 1 GiB", help: "shorten it in the SELECT" };

/// Writes one binary `COPY`.
pub(super) struct Encoder<'a> {
    columns: &'a [TargetColumn],
    out: BytesMut,
}

impl<'a> Encoder<'a> {
    /// The beginning of a copy into these columns.
    pub(super) fn new(columns: &'a [TargetColumn]) -> Self {
        let mut out = BytesMut::new();
        out.put_slice(SIGNATURE);
        // No flags, and no more header.
        out.put_i64(0);
        Self { columns, out }
    }

    /// Writes rows, whose columns are in the order of the copy's.
    ///
    /// # Errors
    /// HW207 for a value that PostgreSQL does not store.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = self.columns.iter().zip(batch.columns()).map(|(column, array)| Cells::of(&column.wire, array));
        let cells: Vec<Cells> = cells.collect::<Result<_>>()?;
        let fields = i16::try_from(cells.len()).map_err(|_| Error::bug("a table has too many columns"))?;
        for row in 0..batch.num_rows() {
            self.out.put_i16(fields);
            for (cells, column) in cells.iter().zip(self.columns) {
                cells.put(row, &mut self.out).map_err(|unfit| refused(&unfit, &column.name))?;
            }
        }
        Ok(())
    }

    /// How many bytes wait to be taken.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes what was written.
    pub(super) fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// Takes the rest, with the end mark.
    pub(super) fn finish(mut self) -> Bytes {
        self.out.put_i16(-1);
        self.out.freeze()
    }
}

fn refused(unfit: &Unfit, column: &str) -> Error {
    Error::user(format!("column `{column}` holds {}, which PostgreSQL does not store", unfit.reason))
        .code("HW207")
        .help(unfit.help.replace("COLUMN", column))
}

/// The values of one column of a batch.
enum Cells {
    Bool(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Decimal(Decimal128Array, u8),
    Text(StringViewArray),
    Jsonb(Vec<Option<String>>),
    Bytes(BinaryViewArray),
    Date(Date32Array),
    Timestamp(TimestampMicrosecondArray),
    List { lists: ListArray, items: Box<Cells>, element: u32 },
}

impl Cells {
    fn of(wire: &Wire, array: &ArrayRef) -> Result<Self> {
        let as_type = |data_type: &DataType| cast(array, data_type).map_err(|error| Error::bug("a column cannot be sent").because(error));
        let data_type = wire.data_type();
        Ok(match wire {
            Wire::Bool => Self::Bool(as_type(&data_type)?.as_boolean().clone()),
            Wire::Int2 => Self::Int2(as_type(&data_type)?.as_primitive::<Int16Type>().clone()),
            Wire::Int4 => Self::Int4(as_type(&data_type)?.as_primitive::<Int32Type>().clone()),
            Wire::Int8 => Self::Int8(as_type(&data_type)?.as_primitive::<Int64Type>().clone()),
            Wire::Float4 => Self::Float4(as_type(&data_type)?.as_primitive::<Float32Type>().clone()),
            Wire::Float8 => Self::Float8(as_type(&data_type)?.as_primitive::<Float64Type>().clone()),
            Wire::Decimal { scale, .. } => {
                Self::Decimal(as_type(&data_type)?.as_primitive::<Decimal128Type>().clone(), scale.unsigned_abs())
            }
            Wire::Text | Wire::Uuid => Self::Text(as_type(&DataType::Utf8View)?.as_string_view().clone()),
            Wire::Jsonb => Self::Jsonb(hw_engine::values(array).iter().map(json).collect()),
            Wire::Bytes => Self::Bytes(as_type(&DataType::BinaryView)?.as_binary_view().clone()),
            Wire::Date => Self::Date(as_type(&data_type)?.as_primitive::<Date32Type>().clone()),
            Wire::Timestamp | Wire::TimestampUtc => {
                Self::Timestamp(as_type(&data_type)?.as_primitive::<TimestampMicrosecondType>().clone())
            }
            Wire::List(element) => {
                let lists = as_type(&data_type)?.as_list::<i32>().clone();
                let items = Box::new(Self::of(element, lists.values())?);
                Self::List { lists, items, element: element_oid(element) }
            }
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(cells) => cells.is_null(row),
            Self::Int2(cells) => cells.is_null(row),
            Self::Int4(cells) => cells.is_null(row),
            Self::Int8(cells) => cells.is_null(row),
            Self::Float4(cells) => cells.is_null(row),
            Self::Float8(cells) => cells.is_null(row),
            Self::Decimal(cells, _) => cells.is_null(row),
            Self::Text(cells) => cells.is_null(row),
            Self::Jsonb(cells) => cells[row].is_none(),
            Self::Bytes(cells) => cells.is_null(row),
            Self::Date(cells) => cells.is_null(row),
            Self::Timestamp(cells) => cells.is_null(row),
            Self::List { lists, .. } => lists.is_null(row),
        }
    }

    /// Writes the length of a value, and the value.
    fn put(&self, row: usize, out: &mut BytesMut) -> Result<(), Unfit> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        match self {
            Self::Bool(cells) => out.put_slice(&[0, 0, 0, 1, u8::from(cells.value(row))]),
            Self::Int2(cells) => put(out, &cells.value(row).to_be_bytes()),
            Self::Int4(cells) => put(out, &cells.value(row).to_be_bytes()),
            Self::Int8(cells) => put(out, &cells.value(row).to_be_bytes()),
            Self::Float4(cells) => put(out, &cells.value(row).to_be_bytes()),
            Self::Float8(cells) => put(out, &cells.value(row).to_be_bytes()),
            Self::Decimal(cells, scale) => put_decimal(out, cells.value(row), *scale),
            Self::Text(cells) => return put_text(out, cells.value(row)),
            Self::Jsonb(cells) => return put_jsonb(out, cells[row].as_deref().unwrap_or("null")),
            Self::Bytes(cells) => return put_long(out, cells.value(row)),
            Self::Date(cells) => put(out, &cells.value(row).checked_sub(EPOCH_DAYS).ok_or(TOO_FAR)?.to_be_bytes()),
            Self::Timestamp(cells) => put(out, &cells.value(row).checked_sub(EPOCH_MICROSECONDS).ok_or(TOO_FAR)?.to_be_bytes()),
            Self::List { lists, items, element } => return put_list(out, lists, row, items, *element),
        }
        Ok(())
    }
}

/// A value as the text of JSON.
fn json(value: &Value) -> Option<String> {
    (*value != Value::Null).then(|| value.to_json().to_string())
}

/// Writes a few bytes behind their number.
fn put<const N: usize>(out: &mut BytesMut, bytes: &[u8; N]) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "no fixed value has more than sixteen bytes")]
    out.put_i32(N as i32);
    out.put_slice(bytes);
}

fn put_long(out: &mut BytesMut, bytes: &[u8]) -> Result<(), Unfit> {
    out.put_i32(i32::try_from(bytes.len()).map_err(|_| TOO_LONG)?);
    out.put_slice(bytes);
    Ok(())
}

fn put_text(out: &mut BytesMut, text: &str) -> Result<(), Unfit> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(NUL);
    }
    put_long(out, text.as_bytes())
}

fn put_jsonb(out: &mut BytesMut, text: &str) -> Result<(), Unfit> {
    // The only way to write NUL in JSON, in which a backslash is written as two.
    if text.replace("\\\\", "").contains("\\u0000") {
        return Err(NUL);
    }
    out.put_i32(i32::try_from(text.len() + 1).map_err(|_| TOO_LONG)?);
    // The version of the format.
    out.put_u8(1);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// An array of one dimension: dimensions, flags, element type, length and lower bound, elements.
fn put_list(out: &mut BytesMut, lists: &ListArray, row: usize, items: &Cells, element: u32) -> Result<(), Unfit> {
    let offsets = lists.value_offsets();
    let (first, end) = (offsets[row], offsets[row + 1]);
    let start = out.len();
    out.put_i32(0);
    out.put_i32(i32::from(end > first));
    // A reader finds nulls by their length, whatever the flag says.
    out.put_i32(0);
    out.put_u32(element);
    if end > first {
        out.put_i32(end - first);
        out.put_i32(1);
        for item in first..end {
            items.put(usize::try_from(item).unwrap_or_default(), out)?;
        }
    }
    let length = i32::try_from(out.len() - start - 4).map_err(|_| TOO_LONG)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The groups of four digits of a number, the last one first: those behind the point, then the others. Returns how many of each.
macro_rules! groups {
    ($name:ident, $number:ty) => {
        fn $name(number: $number, scale: u8, groups: &mut [i16; 24]) -> (usize, usize) {
            #[expect(clippy::cast_possible_truncation, reason = "each group is below ten thousand")]
            let group = |number: $number| number as i16;
            let unit = <$number>::pow(10, scale.into());
            let (mut whole, mut fraction) = (number / unit, number % unit);
            let (mut behind, mut all) = (0, 0);
            let odd = <$number>::pow(10, (scale % 4).into());
            if odd > 1 {
                groups[0] = group(fraction % odd * (10_000 / odd));
                fraction /= odd;
                behind = 1;
            }
            while behind < usize::from(scale.div_ceil(4)) {
                groups[behind] = group(fraction % 10_000);
                fraction /= 10_000;
                behind += 1;
            }
            while whole > 0 {
                groups[behind + all] = group(whole % 10_000);
                whole /= 10_000;
                all += 1;
            }
            (behind, all)
        }
    };
}

groups!(groups_of_short, u64);
groups!(groups_of_long, u128);

/// The most digits of which a power of ten and every number below it are 64 bits.
const SHORT_DIGITS: u8 = 19;

/// Writes a `numeric`: the number of groups, the weight of the first, the sign, the digits to show, the groups.
fn put_decimal(out: &mut BytesMut, value: i128, scale: u8) {
    let mut groups = [0; 24];
    let magnitude = value.unsigned_abs();
    let (behind, before) = match u64::try_from(magnitude) {
        Ok(short) if scale <= SHORT_DIGITS => groups_of_short(short, scale, &mut groups),
        _ => groups_of_long(magnitude, scale, &mut groups),
    };
    let digits = &groups[..behind + before];
    let trailing = digits.iter().take_while(|group| **group == 0).count();
    let leading = digits[trailing..].iter().rev().take_while(|group| **group == 0).count();
    let digits = &digits[trailing..digits.len() - leading];
    let number = |count: usize| i16::try_from(count).unwrap_or_default();
    let weight = if digits.is_empty() { 0 } else { number(before) - 1 - number(leading) };
    out.put_i32(i32::from(number(8 + 2 * digits.len())));
    out.put_i16(number(digits.len()));
    out.put_i16(weight);
    out.put_u16(if value < 0 { 0x4000 } else { 0 });
    out.put_i16(scale.into());
    for group in digits.iter().rev() {
        out.put_i16(*group);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{StringArray, StructArray};
    use datafusion::arrow::datatypes::{Field, Int32Type as Int32, TimeUnit};

    use super::*;
    use crate::connectors::postgres::decode::{Decoder, Malformed};
    use crate::connectors::postgres::types::{CatalogType, SourceColumn};

    fn column(name: &str, array: &ArrayRef) -> TargetColumn {
        TargetColumn::new(name, array.data_type())
    }

    /// What is encoded and decoded again.
    fn round(array: &ArrayRef) -> ArrayRef {
        let columns = [column("c", array)];
        let batch = RecordBatch::try_from_iter([("c", Arc::clone(array))]).unwrap();
        let mut encoder = Encoder::new(&columns);
        encoder.add(&batch).unwrap();
        let mut bytes = encoder.finish();
        let any = CatalogType { oid: 0, modifier: -1, is_array: false };
        let source = SourceColumn { wire: columns[0].wire.clone(), ..SourceColumn::new("c".into(), String::new(), any) };
        let mut decoder = Decoder::new(&[source], Malformed::Null);
        let decoded = decoder.read(&mut bytes).unwrap();
        decoded.or_else(|| decoder.finish().unwrap()).unwrap().columns.remove(0)
    }

    #[track_caller]
    fn comes_back(array: ArrayRef) {
        let back = cast(&round(&array), array.data_type()).unwrap();
        assert_eq!(&back, &array);
    }

    #[test]
    fn every_type_comes_back_as_it_was_sent() {
        comes_back(Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])));
        comes_back(Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)])));
        comes_back(Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)])));
        comes_back(Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)])));
        comes_back(Arc::new(Float32Array::from(vec![Some(f32::MIN), None, Some(-0.0)])));
        comes_back(Arc::new(Float64Array::from(vec![Some(f64::INFINITY), None, Some(1e-300)])));
        comes_back(Arc::new(StringArray::from(vec![Some("é\u{1F600}"), None, Some("")])));
        comes_back(Arc::new(BinaryViewArray::from(vec![Some(b"\0\xff".as_slice()), None, Some(b"")])));
        comes_back(Arc::new(Date32Array::from(vec![Some(-700_000), None, Some(2_900_000)])));
        let moments = vec![Some(-62_135_596_800_000_000), None, Some(1)];
        comes_back(Arc::new(TimestampMicrosecondArray::from(moments.clone())));
        comes_back(Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC")));
        let lists = vec![Some(vec![Some(1), None]), None, Some(vec![])];
        comes_back(Arc::new(ListArray::from_iter_primitive::<Int32, _, _>(lists)));
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (precision, scale) in [(38, 0), (38, 38), (38, 37), (38, 5), (18, 4), (12, 2), (5, 5), (1, 0), (20, 19)] {
            let most = 10_i128.pow(precision.into()) - 1;
            let mut values: Vec<i128> =
                vec![0, 1, -1, 7, 9_999, 10_000, 10_001, 123_456_789, most, -most, most / 10, most / 10_000 * 10_000];
            values.extend((0..u32::from(precision)).map(|power| 10_i128.pow(power)));
            values.retain(|value| value.abs() <= most);
            let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap();
            comes_back(Arc::new(array));
        }
    }

    #[test]
    fn what_has_no_counterpart_is_json() {
        let field = Arc::new(Field::new("a", DataType::Int32, true));
        let structs: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::new(Int32Array::from(vec![Some(7), None])) as ArrayRef)]));
        let back = round(&structs);
        assert_eq!(back.as_string::<i32>().iter().collect::<Vec<_>>(), [Some(r#"{"a":7}"#), Some(r#"{"a":null}"#)]);
    }

    #[test]
    fn a_value_that_postgresql_does_not_store_is_refused_with_its_column() {
        let refused = |array: ArrayRef| {
            let columns = [column("note", &array)];
            let batch = RecordBatch::try_from_iter([("note", array)]).unwrap();
            Encoder::new(&columns).add(&batch).unwrap_err().to_string()
        };
        let text = refused(Arc::new(StringArray::from(vec!["a\0b"])));
        assert!(text.contains("`note` holds a text with the character NUL") && text.contains("replace(note, chr(0), '')"), "{text}");
        let far = TimestampMicrosecondArray::from(vec![i64::MIN]);
        assert!(refused(Arc::new(far)).contains("a time before the year 4713 BC"));
        assert_eq!(DataType::Timestamp(TimeUnit::Microsecond, None), Wire::Timestamp.data_type());
    }
}
