//! The bulk of some numbers, and what stands apart from it.
//!
//! A number stands apart where an empty stretch lies between it and the bulk that is three times as wide as the middle four fifths
//! of the rows, as the numbers are, and once as wide by order of magnitude: a long tail thins out little by little and leaves no such
//! stretch, whatever its length. A third of that is enough where so many numbers lie beyond the stretch that their tail would hardly
//! have left it empty: the step down from the `m`-th greatest number is on average an `m`-th of the way on which a tail falls to its
//! `e`-th part (Rényi, On the theory of order statistics, Acta Mathematica Hungarica 4, 1953). Quantiles are not moved by the
//! outliers themselves (Hampel, The influence curve and its role in robust estimation, JASA 69, 1974).

use super::conversion::{Border, of_one_unit};

/// The share of the rows, on one side, that may stand apart; what is more common is another regularity.
const GREATEST_SHARE: f64 = 0.03;
/// The width of the empty stretch, in widths of the middle, as the numbers are and by order of magnitude.
const WIDE: (f64, f64) = (3.0, 1.0);
/// The share of the rows that may stand apart beyond a vast stretch, and the fewest distinct numbers of more than a few rows: one number alone is a
/// level of its own.
const GREATEST_SHARE_FAR_AWAY: f64 = 0.1;
const LEAST_VALUES_FAR_AWAY: usize = 3;
/// The width of a vast stretch, in widths of the middle as the others, and the least step by order of magnitude: to the hundredfold. Numbers in
/// another unit lie beyond it, in however many rows; prices in two currencies, or the rows of a tail, lie nearer.
const VAST: (f64, f64) = (10.0, 3.0);
const LEAST_VAST_STEP: f64 = 4.6;
/// The width that is enough where chance leaves the stretch empty once in e¹⁵ times.
const NARROW: (f64, f64) = (1.0, 0.3);
const SURPRISE: f64 = 15.0;
/// The share of the rows, on one side, from which on numbers are a tail.
const TAIL: f64 = 0.25;
/// No tail falls faster than on this share of the width of the middle: numbers that were rounded seem to.
const SHORTEST_FALL: f64 = 0.05;
/// Fewer numbers, or fewer distinct ones, give no norm.
pub(super) const LEAST_ROWS: u32 = 30;
const LEAST_VALUES: usize = 10;

/// Numbers with their counts, ascending.
pub(super) type Counted = [(f64, u32)];

/// The numbers that lie together.
pub(super) struct Bulk {
    least: f64,
    greatest: f64,
    /// The width of the middle four fifths.
    width: f64,
    /// The numbers beyond which, on either side, a vast stretch is empty, or another unit begins.
    far: (f64, f64),
    /// The numbers beyond which an empty stretch shows it, whatever the unit, and how sure it is of the others that they are in another one.
    sure: (f64, f64),
    of_unit: (f64, f64),
}

impl Bulk {
    /// `None` where the numbers are too few, or most of them are equal.
    pub(super) fn of(numbers: &Counted) -> Option<Self> {
        let rows: u32 = numbers.iter().map(|(_, count)| count).sum();
        let unit = typical_size(numbers, rows);
        if rows < LEAST_ROWS || numbers.len() < LEAST_VALUES || unit <= 0.0 {
            return None;
        }
        let sized: Vec<(f64, u32)> =
            numbers.iter().map(|(number, count)| (number.signum() * (number.abs() / unit).ln_1p(), *count)).collect();
        let (plain, by_size) = (Spread::of(numbers, rows)?, Spread::of(&sized, rows)?);
        let is_empty = |at: usize, beyond: usize, fall: fn(&Spread<'_>) -> f64| {
            let is_surprise = |spread: &Spread<'_>| beyond as f64 * spread.step(at) >= SURPRISE * fall(spread);
            let is_as_wide = |(width, size): (f64, f64)| plain.step(at) >= width * plain.width && by_size.step(at) >= size * by_size.width;
            is_as_wide(WIDE) || is_as_wide(NARROW) && is_surprise(&plain) && is_surprise(&by_size)
        };
        let few = (f64::from(rows) * GREATEST_SHARE).max(1.0);
        let is_vast = |at: usize, values: usize, beyond: u32| {
            let is_seldom = f64::from(beyond) <= few || values >= LEAST_VALUES_FAR_AWAY;
            let is_as_wide = plain.step(at) >= VAST.0 * plain.width && by_size.step(at) >= LEAST_VAST_STEP.max(VAST.1 * by_size.width);
            is_seldom && is_as_wide
        };
        let many = (f64::from(rows) * GREATEST_SHARE_FAR_AWAY).max(few);
        let end = numbers.len() - 1;
        let above = (0..end).rev().scan(0, |seen, at| within(seen, numbers[at + 1].1, many).then_some((at, *seen)));
        let above: Vec<(usize, u32)> = above.collect();
        let near = above.iter().rfind(|(at, beyond)| f64::from(*beyond) <= few && is_empty(*at, end - at, |spread| spread.upper_fall));
        let greatest = near.map_or(numbers[end].0, |(at, _)| numbers[*at].0);
        let far_above = above.iter().rfind(|(at, beyond)| is_vast(*at, end - at, *beyond)).map(|(at, _)| numbers[*at].0);
        let below = (0..end).scan(0, |seen, at| within(seen, numbers[at].1, many).then_some((at, *seen)));
        let below: Vec<(usize, u32)> = below.collect();
        let near = below.iter().rfind(|(at, beyond)| f64::from(*beyond) <= few && is_empty(*at, at + 1, |spread| spread.lower_fall));
        let least = near.map_or(numbers[0].0, |(at, _)| numbers[at + 1].0);
        let far_below = below.iter().rfind(|(at, beyond)| is_vast(*at, at + 1, *beyond)).map(|(at, _)| numbers[at + 1].0);
        // Numbers in another unit lie as far away, however near they are.
        let (below, above) = of_one_unit(numbers, many);
        let border = |far: Option<f64>, unit: Option<Border>| far.or(unit.map(|border| border.number));
        let far = (border(far_below, below).unwrap_or(f64::NEG_INFINITY), border(far_above, above).unwrap_or(f64::INFINITY));
        let sure = (far_below.map_or(least, |far| least.max(far)), far_above.map_or(greatest, |far| greatest.min(far)));
        let of_unit = (below.map_or(0.0, |border| border.confidence), above.map_or(0.0, |border| border.confidence));
        Some(Self { least: least.max(far.0), greatest: greatest.min(far.1), width: plain.width, far, sure, of_unit })
    }

    /// Whether a number is beyond an empty stretch.
    pub(super) fn is_apart(&self, number: f64) -> bool {
        number < self.least || number > self.greatest
    }

    /// Whether a number is so far beyond that it is none of the column's levels, however often it recurs.
    pub(super) fn is_far_away(&self, number: f64) -> bool {
        number < self.far.0 || number > self.far.1
    }

    /// Whether all numbers between two lie beyond an empty stretch, on one side.
    pub(super) fn are_apart_together(&self, least: f64, greatest: f64) -> bool {
        greatest < self.least || least > self.greatest
    }

    /// Whether a number is less than those that lie together.
    pub(super) fn lies_below(&self, number: f64) -> bool {
        number < self.least
    }

    /// How sure it is that a number that stands apart is wrong.
    pub(super) fn confidence(&self, number: f64) -> f64 {
        if (self.sure.0..=self.sure.1).contains(&number) {
            return if self.lies_below(number) { self.of_unit.0 } else { self.of_unit.1 };
        }
        let distance = (self.least - number).max(number - self.greatest) / self.width;
        (0.5 + 0.04 * distance).min(0.9)
    }
}

/// How widely numbers are spread, as they are or by order of magnitude.
struct Spread<'a> {
    numbers: &'a Counted,
    /// The width of the middle four fifths.
    width: f64,
    /// The way on which a tail falls to its `e`-th part.
    lower_fall: f64,
    upper_fall: f64,
}

impl<'a> Spread<'a> {
    /// `None` where most numbers are equal.
    fn of(numbers: &'a Counted, rows: u32) -> Option<Self> {
        let at = |share: f64| quantile(numbers, rows, share);
        let width = at(0.9) - at(0.1);
        let fall = |tail: f64| (tail / (TAIL / GREATEST_SHARE).ln()).max(SHORTEST_FALL * width);
        let (lower_fall, upper_fall) = (fall(at(TAIL) - at(GREATEST_SHARE)), fall(at(1.0 - GREATEST_SHARE) - at(1.0 - TAIL)));
        (width > 0.0).then_some(Self { numbers, width, lower_fall, upper_fall })
    }

    /// How far the next number is.
    fn step(&self, at: usize) -> f64 {
        self.numbers[at + 1].0 - self.numbers[at].0
    }
}

/// Counts on, and tells whether these are still few.
fn within(seen: &mut u32, count: u32, few: f64) -> bool {
    *seen += count;
    f64::from(*seen) <= few
}

/// The number below which a share of the rows lies.
pub(super) fn quantile(numbers: &Counted, rows: u32, share: f64) -> f64 {
    let mut seen = 0;
    let reached = numbers.iter().find(|(_, count)| {
        seen += count;
        f64::from(seen) >= share * f64::from(rows)
    });
    reached.or(numbers.last()).map_or(0.0, |(number, _)| *number)
}

/// The median size of the numbers, signs left out: below it, sizes are compared as they are, above it by order of magnitude.
fn typical_size(numbers: &Counted, rows: u32) -> f64 {
    let mut sizes: Vec<(f64, u32)> = numbers.iter().map(|(number, count)| (number.abs(), *count)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantile(&sizes, rows, 0.5)
}
