//! Arrow's many array types brought into a few typed lanes, so that each measurement is written once.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Decimal128Array, Decimal256Array, Float64Array, Int64Array, StringViewArray,
};
use arrow_buffer::NullBuffer;
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};

use crate::cell::Cell;
use crate::form::{Form, signed};
use crate::hash::{NULL_HASH, bits, hash_bytes, mix, mix_widest, without_sign_of_zero, word_of_wide};

/// The values of one column in one chunk.
pub(crate) enum Lane {
    /// Integers, days, moments and times; unsigned 64-bit ones shifted so that their order stays.
    Integers(Int64Array),
    Decimals(Decimal128Array),
    WideDecimals(Decimal256Array),
    Floats(Float64Array),
    Booleans(BooleanArray),
    /// Text, and the written form of lists, structs and whatever else.
    Texts(StringViewArray),
    Bytes(BinaryViewArray),
}

impl Lane {
    /// Reads `array`, a column of the form `form`.
    pub(crate) fn read(array: &ArrayRef, form: &Form) -> Result<Self, ArrowError> {
        use DataType as D;
        let decoded = if array.data_type() == &form.values { array.clone() } else { cast(array, &form.values)? };
        let cast = |to: &DataType| cast(&decoded, to);
        Ok(match &form.values {
            values if values != &D::UInt64 && (values.is_integer() || is_moment(values)) => {
                Self::Integers(cast(&D::Int64)?.as_primitive::<Int64Type>().clone())
            }
            D::UInt64 => Self::Integers(decoded.as_primitive::<UInt64Type>().unary(signed)),
            D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) => {
                Self::Decimals(cast(&D::Decimal128(*p, *s))?.as_primitive::<Decimal128Type>().clone())
            }
            D::Decimal256(..) => Self::WideDecimals(decoded.as_primitive::<Decimal256Type>().clone()),
            D::Float16 | D::Float32 | D::Float64 => Self::Floats(cast(&D::Float64)?.as_primitive::<Float64Type>().clone()),
            D::Boolean => Self::Booleans(decoded.as_boolean().clone()),
            D::Utf8 | D::LargeUtf8 | D::Utf8View => Self::Texts(cast(&D::Utf8View)?.as_string_view().clone()),
            D::Binary | D::LargeBinary | D::BinaryView => Self::Bytes(cast(&D::BinaryView)?.as_binary_view().clone()),
            D::FixedSizeBinary(_) => Self::Bytes(decoded.as_fixed_size_binary().iter().collect()),
            _ => Self::Texts(written(&decoded)?),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Integers(array) => array,
            Self::Decimals(array) => array,
            Self::WideDecimals(array) => array,
            Self::Floats(array) => array,
            Self::Booleans(array) => array,
            Self::Texts(array) => array,
            Self::Bytes(array) => array,
        }
    }

    /// Calls `visit` with the number of every row that has a value.
    #[inline]
    pub(crate) fn for_each_valid(&self, visit: impl FnMut(usize)) {
        for_each_valid(self.nulls(), self.array().len(), visit);
    }

    /// Which rows have a value; `None` where all have.
    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        self.array().nulls().filter(|nulls| nulls.null_count() > 0)
    }

    /// Missing values.
    pub(crate) fn null_count(&self) -> usize {
        self.array().null_count()
    }

    /// The value of a row that has one.
    pub(crate) fn cell(&self, row: usize) -> Cell {
        match self {
            Self::Integers(array) => Cell::Integer(array.value(row)),
            Self::Decimals(array) => Cell::Decimal(array.value(row)),
            Self::WideDecimals(array) => Cell::WideDecimal(array.value(row)),
            Self::Floats(array) => Cell::Float(without_sign_of_zero(array.value(row))),
            Self::Booleans(array) => Cell::Boolean(array.value(row)),
            Self::Texts(array) => Cell::Text(array.value(row).into()),
            Self::Bytes(array) => Cell::Bytes(array.value(row).into()),
        }
    }

    /// The least and the greatest value.
    pub(crate) fn extremes(&self) -> [Option<Cell>; 2] {
        match self {
            Self::Integers(array) => self.ends(|row| array.value(row)).map(|value| value.map(Cell::Integer)),
            Self::Decimals(array) => self.ends(|row| array.value(row)).map(|value| value.map(Cell::Decimal)),
            Self::WideDecimals(array) => self.ends(|row| array.value(row)).map(|value| value.map(Cell::WideDecimal)),
            Self::Floats(array) => float_extremes(array),
            Self::Booleans(array) => self.ends(|row| array.value(row)).map(|value| value.map(Cell::Boolean)),
            Self::Texts(array) => {
                self.ends_of_bytes(|row| array.value(row).as_bytes()).map(|row| Some(Cell::Text(array.value(row?).into())))
            }
            Self::Bytes(array) => self.ends_of_bytes(|row| array.value(row)).map(|row| Some(Cell::Bytes(array.value(row?).into()))),
        }
    }

    /// The least and the greatest of the values that `value` reads.
    fn ends<T: Ord + Copy>(&self, value: impl Fn(usize) -> T) -> [Option<T>; 2] {
        let mut ends: Option<(T, T)> = None;
        self.for_each_valid(|row| {
            let value = value(row);
            ends = Some(ends.map_or((value, value), |(least, greatest)| (least.min(value), greatest.max(value))));
        });
        [ends.map(|ends| ends.0), ends.map(|ends| ends.1)]
    }

    /// The rows of the least and the greatest of the strings of bytes that `value` reads. Most are told apart by their first bytes.
    fn ends_of_bytes<'a>(&self, value: impl Fn(usize) -> &'a [u8]) -> [Option<usize>; 2] {
        let mut ends: [Option<(u64, usize)>; 2] = [None; 2];
        self.for_each_valid(|row| {
            let bytes = value(row);
            let first = first_bytes(bytes);
            for (end, is_further) in ends.iter_mut().zip([Ordering::Less, Ordering::Greater]) {
                let order = end.map_or(is_further, |(known, at)| first.cmp(&known).then_with(|| bytes.cmp(value(at))));
                if order == is_further {
                    *end = Some((first, row));
                }
            }
        });
        ends.map(|end| end.map(|(_, row)| row))
    }

    /// Adds one word per row to `words`. Equal values have equal words in every batch; those of numbers are their bits.
    pub(crate) fn words(&self, words: &mut Vec<u64>) {
        let first = words.len();
        match self {
            Self::Integers(array) => words.extend(array.values().iter().map(|value| value.cast_unsigned())),
            Self::Decimals(array) => words.extend(array.values().iter().map(|value| word_of_wide(*value))),
            Self::WideDecimals(array) => words.extend(array.values().iter().map(|value| mix_widest(*value))),
            Self::Floats(array) => words.extend(array.values().iter().map(|value| bits(*value))),
            Self::Booleans(array) => words.extend(array.values().iter().map(u64::from)),
            Self::Texts(array) => self.hash_each(words, |row| array.value(row).as_bytes()),
            Self::Bytes(array) => self.hash_each(words, |row| array.value(row)),
        }
        if let Some(nulls) = self.nulls() {
            (!nulls.inner()).set_indices().for_each(|row| words[first + row] = NULL_HASH);
        }
    }

    fn hash_each<'a>(&self, words: &mut Vec<u64>, bytes: impl Fn(usize) -> &'a [u8]) {
        words.extend((0..self.array().len()).map(|row| hash_bytes(bytes(row))));
    }

    /// Writes the hashes of this lane, which has these words.
    pub(crate) fn hashes(&self, words: &[u64], hashes: &mut Vec<u64>) {
        hashes.clear();
        if matches!(self, Self::Texts(_) | Self::Bytes(_) | Self::WideDecimals(_)) {
            hashes.extend_from_slice(words);
        } else {
            hashes.extend(words.iter().map(|word| mix(*word)));
        }
    }
}

/// Calls `visit` with the number of every valid row.
#[inline]
pub(crate) fn for_each_valid(nulls: Option<&NullBuffer>, rows: usize, visit: impl FnMut(usize)) {
    match nulls {
        Some(nulls) => nulls.valid_indices().for_each(visit),
        None => (0..rows).for_each(visit),
    }
}

/// The first eight bytes as a number of the same order; where there are fewer, zeros follow.
fn first_bytes(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => (0..8).fold(0, |first, at| first << 8 | u64::from(bytes.get(at).copied().unwrap_or_default())),
    }
}

fn float_extremes(array: &Float64Array) -> [Option<Cell>; 2] {
    let [mut least, mut greatest] = [f64::NAN; 2];
    for_each_valid(array.nulls().filter(|nulls| nulls.null_count() > 0), array.len(), |row| {
        least = least.min(array.value(row));
        greatest = greatest.max(array.value(row));
    });
    [least, greatest].map(|value| (!value.is_nan()).then(|| Cell::Float(without_sign_of_zero(value))))
}

fn is_moment(values: &DataType) -> bool {
    matches!(values, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_))
}

/// The values of any other type, as Arrow writes them.
fn written(array: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
    let is_null = array.logical_nulls();
    (0..array.len())
        .map(|row| match &is_null {
            Some(nulls) if nulls.is_null(row) => Ok(None),
            _ => formatter.value(row).try_to_string().map(Some),
        })
        .collect()
}
