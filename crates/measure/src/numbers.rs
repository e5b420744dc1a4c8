//! Numbers about numbers: moments by Chan's parallel update, quantiles and histogram from an unbiased sample.

use arrow_array::types::{Decimal256Type, DecimalType};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use hw_base::{ColumnType, Fences, Histogram, NumberFacts, Quantile, Steps};

use crate::ascending::Ascending;
use crate::cadence::{Days, Stepping};
use crate::form::{Form, unsigned};
use crate::hash::mix;
use crate::lane::{Lane, for_each_valid};
use crate::stored::restored;

const STEPS: u64 = 20;
const QUANTILES: [f64; 13] = [0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];
/// Interquartile ranges from the quartiles to the fences.
const FENCE: f64 = 3.0;

/// The numbers of the rows. Only finite ones take part.
#[derive(Debug)]
pub(crate) struct Numbers {
    count: u64,
    sum: f64,
    mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
    low: f64,
    high: f64,
    negatives: u64,
    zeros: u64,
    sample: Bottom,
    stepping: Stepping<f64>,
    /// For days and moments.
    days: Option<Days>,
    scratch: Vec<f64>,
}

restored!(Numbers { count, sum, mean, squares, low, high, negatives, zeros, sample, stepping, days });

impl Numbers {
    /// No numbers yet; of those to come `sample` are kept for quantiles.
    pub(crate) fn new(form: &Form, sample: usize) -> Self {
        Self {
            count: 0,
            sum: 0.0,
            mean: 0.0,
            squares: 0.0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            negatives: 0,
            zeros: 0,
            sample: Bottom::new(sample),
            stepping: Stepping::new(),
            days: is_on_calendar(form).then(Days::default),
            scratch: Vec::new(),
        }
    }

    /// Adds the values of `lane`; `lottery` holds a random number per row.
    pub(crate) fn add(&mut self, lane: &Lane, form: &Form, lottery: &[u64]) {
        self.scratch.clear();
        match (lane, &form.values) {
            (Lane::Integers(array), DataType::UInt64) => self.gather(array.values(), lane.nulls(), lottery, |value| unsigned(value) as f64),
            (Lane::Integers(array), values) => {
                let (times, over) = seconds(values);
                self.gather(array.values(), lane.nulls(), lottery, |value| value as f64 * times / over);
            }
            (Lane::Decimals(array), _) => {
                let over = 10_f64.powi(form.scale().into());
                self.gather(array.values(), lane.nulls(), lottery, |value| wide_to_float(value) / over);
            }
            (Lane::WideDecimals(array), _) => {
                let read = |value| Decimal256Type::format_decimal(value, 76, form.scale()).parse().unwrap_or(f64::NAN);
                self.gather(array.values(), lane.nulls(), lottery, read);
            }
            (Lane::Floats(array), _) => self.gather(array.values(), lane.nulls(), lottery, |value| value),
            (Lane::Booleans(_) | Lane::Texts(_) | Lane::Bytes(_), _) => {}
        }
        self.add_moments();
        let one = if form.values == DataType::Date32 { 86_400.0 } else { 1.0 };
        self.stepping.add(&self.scratch, |before, after| (after - before - one).abs() < 1e-9);
        if let Some(days) = &mut self.days {
            self.scratch.iter().for_each(|seconds| days.add(*seconds, 1));
        }
    }

    /// Collects the finite numbers, and those that enter the sample.
    #[inline]
    fn gather<T: Copy>(&mut self, values: &[T], nulls: Option<&NullBuffer>, lottery: &[u64], number: impl Fn(T) -> f64) {
        for_each_valid(nulls, values.len(), |row| {
            let number = number(values[row]);
            if number.is_finite() {
                self.scratch.push(number);
                self.sample.add(lottery[row], number);
            }
        });
    }

    fn add_moments(&mut self) {
        let numbers = &self.scratch;
        if numbers.is_empty() {
            return;
        }
        let count = numbers.len() as f64;
        let (mut sum, mut negatives, mut zeros) = (0.0, 0, 0);
        for number in numbers {
            sum += number;
            negatives += u64::from(*number < 0.0);
            zeros += u64::from(*number == 0.0);
            self.low = self.low.min(*number);
            self.high = self.high.max(*number);
        }
        let mean = sum / count;
        let squares = numbers.iter().fold(0.0, |squares, number| squares + (number - mean) * (number - mean));
        self.negatives += negatives;
        self.zeros += zeros;
        self.join(numbers.len() as u64, sum, mean, squares);
    }

    fn join(&mut self, count: u64, sum: f64, mean: f64, squares: f64) {
        let total = (self.count + count) as f64;
        let distance = mean - self.mean;
        self.squares += squares + distance * distance * (self.count as f64 * count as f64 / total);
        self.mean += distance * (count as f64 / total);
        self.sum += sum;
        self.count += count;
    }

    /// Adds a number that occurs `count` times; its tickets begin at `seed`.
    pub(crate) fn add_repeated(&mut self, number: f64, count: u64, seed: u64) {
        if !number.is_finite() {
            return;
        }
        self.low = self.low.min(number);
        self.high = self.high.max(number);
        self.negatives += if number < 0.0 { count } else { 0 };
        self.zeros += if number == 0.0 { count } else { 0 };
        self.join(count, number * count as f64, number, 0.0);
        if let Some(days) = &mut self.days {
            days.add(number, count);
        }
        (0..count).for_each(|occurrence| self.sample.add(mix(seed.wrapping_add(occurrence)), number));
    }

    /// Adds the steps between numbers that were added without their order.
    pub(crate) fn add_steps(&mut self, steps: &Steps) {
        self.stepping.add_steps(steps);
    }

    /// The facts; `None` for no numbers.
    pub(crate) fn finish(self) -> Option<NumberFacts> {
        let cadence = self.days.as_ref().and_then(Days::finish);
        let sample = self.sample.sorted();
        let total = Total {
            count: self.count,
            sum: self.sum,
            squares: self.squares,
            negatives: self.negatives,
            zeros: self.zeros,
            low: self.low,
            high: self.high,
        };
        (self.count > 0).then(|| NumberFacts { steps: self.stepping.steps, cadence, ..facts(&total, &sample) })
    }
}

/// What is known of all numbers.
pub(crate) struct Total {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// The sum of squared distances from the mean.
    pub(crate) squares: f64,
    pub(crate) negatives: u64,
    pub(crate) zeros: u64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The facts, given all numbers or a sample of them.
pub(crate) fn facts(total: &Total, sample: &impl Ascending) -> NumberFacts {
    let sampled = sample.count();
    let mut values: Vec<f64> = QUANTILES.iter().map(|at| quantile(*at, sampled, |rank| sample.at(rank))).collect();
    // The ends are known of all numbers.
    (values[0], values[QUANTILES.len() - 1]) = (total.low, total.high);
    let quantiles = QUANTILES.iter().zip(&values).map(|(at, value)| Quantile { at: *at, value: *value }).collect();
    let variance = if total.count > 1 { total.squares / (total.count - 1) as f64 } else { 0.0 };
    let median = values[6];
    NumberFacts {
        sum: finite(total.sum),
        mean: finite(total.sum / total.count as f64),
        standard_deviation: finite(variance.sqrt()),
        negatives: total.negatives,
        zeros: total.zeros,
        quantiles,
        quantile_values: sampled,
        histogram: histogram(total, sample),
        median_deviation: finite(median_deviation(sample, median)),
        fences: fences(sample, total, values[5], values[7]),
        ..NumberFacts::default()
    }
}

/// Whether the values fall on days.
pub(crate) fn is_on_calendar(form: &Form) -> bool {
    matches!(form.kind, ColumnType::Date | ColumnType::Timestamp)
}

/// How many numbers lie beyond the fences; from a sample, in proportion.
fn fences(sample: &impl Ascending, total: &Total, first_quartile: f64, third_quartile: f64) -> Fences {
    let margin = FENCE * (third_quartile - first_quartile);
    let (low, high) = (finite(first_quartile - margin), finite(third_quartile + margin));
    let (below, above) = (sample.first(|number| number < low), sample.count() - sample.first(|number| number <= high));
    let is_exact = sample.count() == total.count;
    let of_all = |part: u64| if is_exact { part } else { scaled(part, total.count, sample.count()) };
    Fences { low, high, below: of_all(below), above: of_all(above), is_exact }
}

#[expect(clippy::cast_possible_truncation, reason = "a part of a whole that is a u64")]
fn scaled(part: u64, whole: u64, sampled: u64) -> u64 {
    (u128::from(part) * u128::from(whole) / u128::from(sampled.max(1))) as u64
}

/// The median of the distances from `median`. Those of lesser numbers ascend downwards and those of others upwards, so the ones that come
/// first among both are so many of the one kind and so many of the other.
fn median_deviation(sample: &impl Ascending, median: f64) -> f64 {
    let (count, lesser) = (sample.count(), sample.first(|number| number < median));
    let below = |at: u64| median - sample.at(lesser - 1 - at);
    let above = |at: u64| sample.at(lesser + at) - median;
    quantile(0.5, count, |rank| {
        // How many of the distances before this one are those of lesser numbers.
        let (mut least, mut most) = (rank.saturating_sub(count - lesser), rank.min(lesser));
        while least < most {
            let half = least.midpoint(most);
            if below(half) <= above(rank - half - 1) {
                least = half + 1;
            } else {
                most = half;
            }
        }
        let others = rank - least;
        match (least < lesser, lesser + others < count) {
            (true, true) => below(least).min(above(others)),
            (true, false) => below(least),
            _ => above(others),
        }
    })
}

/// What a moment is multiplied with and divided by to give seconds; ones for other numbers.
pub(crate) fn seconds(values: &DataType) -> (f64, f64) {
    match values {
        DataType::Date32 => (86_400.0, 1.0),
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => (1.0, 1e3),
        DataType::Timestamp(TimeUnit::Microsecond, _) => (1.0, 1e6),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => (1.0, 1e9),
        _ => (1.0, 1.0),
    }
}

/// Most decimals fit 64 bits, which convert ten times as fast.
#[inline]
pub(crate) fn wide_to_float(value: i128) -> f64 {
    i64::try_from(value).map_or_else(|_| value as f64, |value| value as f64)
}

/// JSON knows no infinity.
fn finite(number: f64) -> f64 {
    if number.is_nan() { f64::MAX } else { number.clamp(-f64::MAX, f64::MAX) }
}

/// A quantile of `count` numbers, of which `number` gives the one that so many come before; between two of them in proportion.
fn quantile(at: f64, count: u64, number: impl Fn(u64) -> f64) -> f64 {
    let place = at * count.saturating_sub(1) as f64;
    number(whole(place.floor())) * (1.0 - place.fract()) + number(whole(place.ceil())) * place.fract()
}

/// How many numbers lie in each of some steps from the least to the greatest.
fn histogram(total: &Total, sample: &impl Ascending) -> Histogram {
    // Halves, because the distance between two floats may be more than a float can hold.
    let width = (total.high / 2.0 - total.low / 2.0).max(f64::MIN_POSITIVE);
    let step = |number: f64| whole((number / 2.0 - total.low / 2.0) / width * STEPS as f64);
    let ends = (1..STEPS).map(|end| sample.first(|number| step(number) < end)).chain([sample.count()]);
    let counts = ends.scan(0, |before, end| Some(end - std::mem::replace(before, end)));
    Histogram { low: total.low, high: total.high, counts: counts.collect() }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a list; the cast saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// The numbers with the least random tickets: a sample that favours none.
#[derive(Debug)]
struct Bottom {
    limit: usize,
    highest_ticket: u64,
    kept: Vec<(u64, f64)>,
}

restored!(Bottom { highest_ticket, kept });

impl Bottom {
    fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), highest_ticket: u64::MAX, kept: Vec::new() }
    }

    #[inline]
    fn add(&mut self, ticket: u64, number: f64) {
        if ticket <= self.highest_ticket {
            self.kept.push((ticket, number));
            if self.kept.len() >= self.limit * 2 {
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if self.kept.len() > self.limit {
            let (_, (ticket, _), _) = self.kept.select_nth_unstable_by_key(self.limit - 1, |(ticket, _)| *ticket);
            self.highest_ticket = *ticket;
            self.kept.truncate(self.limit);
        }
    }

    fn sorted(mut self) -> Vec<f64> {
        self.shrink();
        let mut numbers: Vec<f64> = self.kept.into_iter().map(|(_, number)| number).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers
    }
}
