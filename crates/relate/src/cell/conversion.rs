//! Numbers in another unit: a few that an empty stretch parts from all others, and that lie among these once they are converted.
//!
//! That two groups of numbers lie apart proves nothing, since many columns have two levels. That the few are spread as the others are, and lie where
//! these do, after one of the conversions that people forget, does: a slip of the point, inches and feet, pounds, miles, or degrees Fahrenheit.

use super::bulk::{Counted, quantile};

/// What people forget to multiply or to divide by: powers of ten, centimetres in an inch, kilometres in a mile, pounds in a kilogram, feet in a metre.
const FACTORS: [f64; 7] = [10.0, 100.0, 1000.0, 2.54, 1.609_344, 2.204_623, 3.280_84];
/// Fewer different numbers are levels, whatever lies between them.
const LEAST_VALUES: usize = 8;
/// The width of the stretch between both groups, in widths of the middle four fifths of the others; that of degrees, which any two levels may seem
/// to be, is wider.
const WIDE: f64 = 0.5;
const WIDE_OF_DEGREES: f64 = 0.6;
/// By what share of the others the middle of the converted numbers may be off theirs: three errors of a median of so many, and so much in any case.
const THREE_ERRORS: f64 = 1.5;
const FARTHEST: f64 = 0.3;
/// How many times as widely the converted numbers may be spread as the others, or these as they; few are spread by chance, too.
const MOST_TIMES: f64 = 1.6;
/// Degrees Celsius of weather, bodies and rooms.
const DEGREES: (f64, f64) = (-50.0, 60.0);

/// How sure it is at least and at most that numbers are in another unit, and how much surer for each width that the stretch is wide: two levels may lie
/// tenfold apart by nature.
const CONFIDENCE: (f64, f64) = (0.5, 0.8);
const CONFIDENCE_PER_WIDTH: f64 = 0.1;

/// The last number in the unit of most.
#[derive(Clone, Copy)]
pub(super) struct Border {
    pub(super) number: f64,
    /// How sure it is that those beyond it are in another unit.
    pub(super) confidence: f64,
}

/// The least and the greatest number in the unit of the others, where up to `most` rows beyond one of them are in another unit.
pub(super) fn of_one_unit(numbers: &Counted, most: f64) -> (Option<Border>, Option<Border>) {
    let border = |side: Side| splits(numbers, most, side).find(Split::is_in_another_unit).and_then(|split| split.border());
    (border(Side::Below), border(Side::Above))
}

/// Where the few are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Below,
    Above,
}

/// Numbers parted at their widest step.
struct Split<'a> {
    few: &'a Counted,
    others: &'a Counted,
    side: Side,
    scale: Scale,
}

/// How far numbers are from each other: by order of magnitude, or as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Size,
    Degrees,
}

impl Scale {
    fn place(self, number: f64) -> f64 {
        if self == Self::Size { number.ln() } else { number }
    }
}

/// The numbers parted at the widest step, as either scale sees it, that leaves no more than `most` rows on a side.
fn splits(numbers: &Counted, most: f64, side: Side) -> impl Iterator<Item = Split<'_>> {
    let are_sizes = numbers.first().is_some_and(|(least, _)| *least > 0.0);
    let scales = [Scale::Size, Scale::Degrees].into_iter().filter(move |scale| are_sizes || *scale == Scale::Degrees);
    scales.filter_map(move |scale| {
        let step = |at: &usize| scale.place(numbers[*at].0) - scale.place(numbers[*at - 1].0);
        let at = starts(numbers, most, side).into_iter().max_by(|a, b| step(a).total_cmp(&step(b)))?;
        let (lower, upper) = numbers.split_at(at);
        let (few, others) = if side == Side::Below { (lower, upper) } else { (upper, lower) };
        Some(Split { few, others, side, scale })
    })
}

/// The places at which the upper part may begin, so that no more than `most` rows are on a side.
fn starts(numbers: &Counted, most: f64, side: Side) -> Vec<usize> {
    let mut seen = 0;
    let mut is_few = |at: usize| {
        seen += numbers[at].1;
        f64::from(seen) <= most
    };
    match side {
        Side::Below => (1..numbers.len()).take_while(|at| is_few(*at - 1)).collect(),
        Side::Above => (1..numbers.len()).rev().take_while(|at| is_few(*at)).collect(),
    }
}

impl Split<'_> {
    fn border(&self) -> Option<Border> {
        let nearest = if self.side == Side::Below { self.others.first() } else { self.others.last() };
        let widths = self.stretch() / self.width(self.others, |number| number);
        Some(Border { number: nearest?.0, confidence: (CONFIDENCE.0 + CONFIDENCE_PER_WIDTH * widths).min(CONFIDENCE.1) })
    }

    fn is_in_another_unit(&self) -> bool {
        if self.few.len() < LEAST_VALUES || self.others.len() < LEAST_VALUES {
            return false;
        }
        let least = if self.scale == Scale::Size { WIDE } else { WIDE_OF_DEGREES };
        let width = self.width(self.others, |number| number);
        width > 0.0 && self.stretch() >= least * width && self.fits(width)
    }

    /// The width of the empty stretch.
    fn stretch(&self) -> f64 {
        let (low, high) = if self.side == Side::Below { (self.few, self.others) } else { (self.others, self.few) };
        let end = low.last().map_or(f64::NAN, |(number, _)| *number);
        self.scale.place(high[0].0) - self.scale.place(end)
    }

    /// Whether the few lie among the others after one of the conversions.
    fn fits(&self, width: f64) -> bool {
        match (self.scale, self.side) {
            (Scale::Size, Side::Above) => FACTORS.iter().any(|factor| self.lies_there(width, |number| number / factor)),
            (Scale::Size, Side::Below) => FACTORS.iter().any(|factor| self.lies_there(width, |number| number * factor)),
            (Scale::Degrees, Side::Above) => are_celsius(self.others) && self.lies_there(width, |number| (number - 32.0) / 1.8),
            (Scale::Degrees, Side::Below) => are_celsius(self.few) && self.lies_there(width, |number| number * 1.8 + 32.0),
        }
    }

    /// Whether the few, converted, have their middle among the middle ones of the others, and are spread as these are.
    fn lies_there(&self, width: f64, converted: impl Fn(f64) -> f64) -> bool {
        let error = 1.0 / f64::from(rows(self.few)).sqrt();
        let farthest = (THREE_ERRORS * error).min(FARTHEST);
        let (low, high) = self.middle_of_few();
        let share = |upto: usize| f64::from(rows(&self.others[..upto])) / f64::from(rows(self.others));
        let below = share(self.others.partition_point(|(number, _)| *number < converted(low)));
        let not_above = share(self.others.partition_point(|(number, _)| *number <= converted(high)));
        let (times, most) = (self.width(self.few, &converted) / width, MOST_TIMES * (1.0 + error));
        below <= 0.5 + farthest && not_above >= 0.5 - farthest && (1.0 / most..=most).contains(&times)
    }

    /// Between what the middle of the few lies, which may have been rounded: half a step to the next of them.
    fn middle_of_few(&self) -> (f64, f64) {
        let middle = quantile(self.few, rows(self.few), 0.5);
        let at = self.few.partition_point(|(number, _)| *number < middle);
        let neighbours = &self.few[at.saturating_sub(1)..(at + 2).min(self.few.len())];
        let step = neighbours.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min);
        (middle - step / 2.0, middle + step / 2.0)
    }

    /// The width of the middle four fifths of some numbers.
    fn width(&self, numbers: &Counted, converted: impl Fn(f64) -> f64) -> f64 {
        let at = |share: f64| self.scale.place(converted(quantile(numbers, rows(numbers), share)));
        at(0.9) - at(0.1)
    }
}

fn rows(numbers: &Counted) -> u32 {
    numbers.iter().map(|(_, count)| count).sum()
}

/// Whether nearly all of some numbers can be degrees Celsius.
fn are_celsius(numbers: &Counted) -> bool {
    let at = |share: f64| quantile(numbers, rows(numbers), share);
    DEGREES.0 <= at(0.1) && at(0.9) <= DEGREES.1
}
