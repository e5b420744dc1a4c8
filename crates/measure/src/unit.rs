//! How values are read as whole steps, so that each step can have a cell of its own.

use arrow_buffer::NullBuffer;

use crate::lane::Lane;
use crate::stored::Stored;

/// What the distance of one cell means in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    /// So many of the column's own units.
    Of(i64),
    /// So many make one.
    Parts(f64),
}

impl Stored for Unit {
    fn store(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Of(unit) => (0_u8, *unit).store(bytes),
            Self::Parts(parts) => (1_u8, *parts).store(bytes),
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        match u8::load(bytes)? {
            0 => Stored::load(bytes).map(Self::Of),
            1 => Stored::load(bytes).map(Self::Parts),
            _ => None,
        }
    }
}

/// Reads the valid values of `lane` in `unit` into `places`; false where one of them is between two units.
#[expect(clippy::float_cmp, reason = "only the very same number counts")]
pub(crate) fn read(lane: &Lane, unit: Unit, places: &mut Vec<i64>) -> bool {
    places.clear();
    let mut is_whole = true;
    match (lane, unit) {
        (Lane::Integers(array), Unit::Of(1)) => fill(places, array.values(), lane.nulls(), |value| value),
        // Spelled out, so that dividing becomes multiplying.
        (Lane::Integers(array), Unit::Of(1_000_000)) => fill(places, array.values(), lane.nulls(), |value| {
            let place = value / 1_000_000;
            is_whole &= place * 1_000_000 == value;
            place
        }),
        (Lane::Integers(array), Unit::Of(unit)) => lane.for_each_valid(|row| {
            if is_whole {
                let (value, place) = (array.value(row), array.value(row) / unit);
                is_whole = place * unit == value;
                places.push(place);
            }
        }),
        (Lane::Decimals(array), _) => fill(places, array.values(), lane.nulls(), |value| {
            let place = i64::try_from(value);
            is_whole &= place.is_ok();
            place.unwrap_or(0)
        }),
        (Lane::Booleans(array), _) => lane.for_each_valid(|row| places.push(array.value(row).into())),
        (Lane::Floats(array), Unit::Parts(parts)) => fill(places, array.values(), lane.nulls(), |value| {
            let place = nearest(value * parts);
            is_whole &= place / parts == value && place.abs() < FARTHEST;
            whole(place)
        }),
        _ => return false,
    }
    is_whole
}

/// Appends the place of every valid value.
#[inline]
fn fill<T: Copy>(places: &mut Vec<i64>, values: &[T], nulls: Option<&NullBuffer>, mut place: impl FnMut(T) -> i64) {
    match nulls {
        None => places.extend(values.iter().map(|value| place(*value))),
        Some(nulls) => nulls.valid_indices().for_each(|row| places.push(place(values[row]))),
    }
}

/// Floats tell whole numbers apart up to here.
const FARTHEST: f64 = 2_251_799_813_685_248.0;

/// The nearest whole number of one that is not too great for it; anything for others.
#[inline]
fn nearest(number: f64) -> f64 {
    // Adding this leaves no bits for the fraction.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (number + SHIFT) - SHIFT
}

/// A whole number as one.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the number is whole, or not used")]
pub(crate) fn whole(number: f64) -> i64 {
    number as i64
}
