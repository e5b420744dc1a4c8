//! Numbers about numbers: moments by Chan's parallel update, quantiles and histogram from an unbiased sample.

use arrow_array::types::{Decimal256Type, DecimalType};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use hw_base::{Histogram, NumberFacts, Quantile};

use crate::form::{Form, unsigned};
use crate::lane::{Lane, for_each_valid};

const STEPS: usize = 20;
const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// The numbers of a part of the rows. Only finite ones take part.
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
    scratch: Vec<f64>,
}

impl Numbers {
    /// No numbers yet; of those to come `sample` are kept for quantiles.
    pub(crate) fn new(sample: usize) -> Self {
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

    /// Adds the numbers of other rows.
    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.negatives += other.negatives;
        self.zeros += other.zeros;
        self.join(other.count, other.sum, other.mean, other.squares);
        self.sample.merge(other.sample);
    }

    /// The facts; `None` for no numbers.
    pub(crate) fn finish(self) -> Option<NumberFacts> {
        let sample = self.sample.sorted();
        let variance = if self.count > 1 { self.squares / (self.count - 1) as f64 } else { 0.0 };
        (self.count > 0).then(|| NumberFacts {
            sum: finite(self.sum),
            mean: finite(self.sum / self.count as f64),
            standard_deviation: finite(variance.sqrt()),
            negatives: self.negatives,
            zeros: self.zeros,
            quantiles: QUANTILES.map(|at| Quantile { at, value: quantile(&sample, at) }).to_vec(),
            histogram: histogram(&sample, self.low, self.high),
        })
    }
}

/// What a moment is multiplied with and divided by to give seconds; ones for other numbers.
fn seconds(values: &DataType) -> (f64, f64) {
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
fn wide_to_float(value: i128) -> f64 {
    i64::try_from(value).map_or_else(|_| value as f64, |value| value as f64)
}

/// JSON knows no infinity.
fn finite(number: f64) -> f64 {
    if number.is_nan() { f64::MAX } else { number.clamp(-f64::MAX, f64::MAX) }
}

/// The quantile of sorted numbers, between two of them in proportion.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * sorted.len().saturating_sub(1) as f64;
    let number = |place: f64| sorted.get(whole(place)).copied().unwrap_or_default();
    let share = place.fract();
    number(place.floor()) * (1.0 - share) + number(place.ceil()) * share
}

fn histogram(numbers: &[f64], low: f64, high: f64) -> Histogram {
    let mut counts = vec![0; STEPS];
    // Halves, because the distance between two floats may be more than a float can hold.
    let width = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
    for number in numbers {
        let step = whole((number / 2.0 - low / 2.0) / width * STEPS as f64);
        counts[step.min(STEPS - 1)] += 1;
    }
    Histogram { low, high, counts }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a list; the cast saturates")]
fn whole(number: f64) -> usize {
    number as usize
}

/// The numbers with the least random tickets: a sample that favours none, however parts are joined.
#[derive(Debug)]
struct Bottom {
    limit: usize,
    highest_ticket: u64,
    kept: Vec<(u64, f64)>,
}

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

    fn merge(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.shrink();
    }

    fn sorted(mut self) -> Vec<f64> {
        self.shrink();
        let mut numbers: Vec<f64> = self.kept.into_iter().map(|(_, number)| number).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers
    }
}
