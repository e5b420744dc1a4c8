//! Arrow's many array types brought into a few typed lanes, so that each measurement is written once.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Decimal128Array, Decimal256Array, Float64Array, Int64Array, StringViewArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, UInt64Type, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::hash_utils::{HLL_RANDOM_STATE, create_hashes};

use super::cell::Cell;
use super::form::{Form, signed};

/// The hash of a missing value in the hash of its row.
const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The values of one column in one chunk.
pub(super) enum Lane {
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
    pub(super) fn read(array: &ArrayRef, form: &Form) -> Result<Self, ArrowError> {
        use DataType as D;
        let decoded = if array.data_type() == &form.values { array.clone() } else { compute::cast(array, &form.values)? };
        let cast = |to: &DataType| compute::cast(&decoded, to);
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
    pub(super) fn for_each_valid(&self, visit: impl FnMut(usize)) {
        for_each_valid(self.nulls(), self.array().len(), visit);
    }

    /// Which rows have a value; `None` where all have.
    pub(super) fn nulls(&self) -> Option<&NullBuffer> {
        self.array().nulls().filter(|nulls| nulls.null_count() > 0)
    }

    /// Missing values.
    pub(super) fn null_count(&self) -> usize {
        self.array().null_count()
    }

    /// The value of a row that has one.
    pub(super) fn cell(&self, row: usize) -> Cell {
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
    pub(super) fn extremes(&self) -> [Option<Cell>; 2] {
        match self {
            Self::Integers(array) => [compute::min(array), compute::max(array)].map(|value| value.map(Cell::Integer)),
            Self::Decimals(array) => [compute::min(array), compute::max(array)].map(|value| value.map(Cell::Decimal)),
            Self::WideDecimals(array) => [compute::min(array), compute::max(array)].map(|value| value.map(Cell::WideDecimal)),
            Self::Floats(array) => float_extremes(array),
            Self::Booleans(array) => [compute::min_boolean(array), compute::max_boolean(array)].map(|value| value.map(Cell::Boolean)),
            Self::Texts(array) => {
                [compute::min_string_view(array), compute::max_string_view(array)].map(|text| text.map(|text| Cell::Text(text.into())))
            }
            Self::Bytes(array) => {
                [compute::min_binary_view(array), compute::max_binary_view(array)].map(|bytes| bytes.map(|bytes| Cell::Bytes(bytes.into())))
            }
        }
    }

    /// Writes one hash per row into `hashes`. Equal values have equal hashes in every chunk.
    pub(super) fn hash(&self, hashes: &mut Vec<u64>) -> datafusion::error::Result<()> {
        hashes.clear();
        match self {
            Self::Integers(array) => hashes.extend(array.values().iter().map(|value| mix(value.cast_unsigned()))),
            Self::Decimals(array) => hashes.extend(array.values().iter().map(|value| mix_wide(*value))),
            Self::WideDecimals(array) => hashes.extend(array.values().iter().map(|value| mix_widest(*value))),
            Self::Floats(array) => hashes.extend(array.values().iter().map(|value| mix(bits(*value)))),
            Self::Booleans(array) => hashes.extend(array.values().iter().map(|value| mix(u64::from(value)))),
            Self::Texts(_) | Self::Bytes(_) => {
                hashes.resize(self.array().len(), 0);
                create_hashes([self.array()], &HLL_RANDOM_STATE, hashes)?;
            }
        }
        if let Some(nulls) = self.nulls() {
            nulls.iter().zip(hashes).filter(|(is_valid, _)| !is_valid).for_each(|(_, hash)| *hash = NULL_HASH);
        }
        Ok(())
    }
}

/// Calls `visit` with the number of every valid row.
#[inline]
pub(super) fn for_each_valid(nulls: Option<&NullBuffer>, rows: usize, visit: impl FnMut(usize)) {
    match nulls {
        Some(nulls) => nulls.valid_indices().for_each(visit),
        None => (0..rows).for_each(visit),
    }
}

/// Scatters the bits of a number over all 64 bits; no two numbers have the same result.
#[inline]
pub(super) fn mix(number: u64) -> u64 {
    let mut bits = number ^ 0x2545_f491_4f6c_dd1d;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[inline]
fn mix_wide(number: i128) -> u64 {
    i64::try_from(number).map_or_else(|_| mix_halves(number.cast_unsigned()), |number| mix(number.cast_unsigned()))
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
fn mix_halves(number: u128) -> u64 {
    mix(mix(number as u64) ^ (number >> 64) as u64)
}

fn mix_widest(number: i256) -> u64 {
    match number.to_i128() {
        Some(number) => mix_wide(number),
        None => number
            .to_le_bytes()
            .chunks_exact(8)
            .fold(1, |hash, bytes| mix(hash ^ bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)))),
    }
}

/// The bits of a float; one pattern for both zeros and one for every `NaN`.
#[inline]
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { without_sign_of_zero(value).to_bits() }
}

#[inline]
fn without_sign_of_zero(value: f64) -> f64 {
    value + 0.0
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
