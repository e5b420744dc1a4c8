//! The tests behind drift, each with an effect size that does not grow with the number of rows.

use hw_base::NumberFacts;
use serde::Serialize;

/// A statistical test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Which one, in words.
    pub name: &'static str,
    /// The value of its statistic.
    pub statistic: f64,
    /// How likely such a value or a greater one is if nothing changed, 0 to 1.
    pub p_value: f64,
}

/// How large a change is, however many rows there are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Which measure, in words.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What that is usually called: `negligible`, `small`, `medium` or `large`.
    pub size: &'static str,
}

impl Effect {
    /// An effect whose size is told by three thresholds: from which it is small, medium and large.
    pub(crate) fn sized(name: &'static str, value: f64, [small, medium, large]: [f64; 3]) -> Self {
        let size = match value.abs() {
            value if value >= large => "large",
            value if value >= medium => "medium",
            value if value >= small => "small",
            _ => "negligible",
        };
        Self { name, value: tidy(value), size }
    }
}

/// Three significant digits are enough for a report, and do not depend on the last bit of a sum.
pub(crate) fn tidy(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.3e}").parse().unwrap_or(value) } else { 0.0 }
}

/// Two shares compared: the z-test with the pooled share, and Cohen's h.
pub(crate) fn compare_shares((before, rows_before): (u64, u64), (after, rows_after): (u64, u64)) -> (Test, Effect) {
    let (all_before, all_after) = (rows_before.max(1) as f64, rows_after.max(1) as f64);
    let (was, is) = (before as f64 / all_before, after as f64 / all_after);
    let pooled = (before as f64 + after as f64) / (all_before + all_after);
    let error = (pooled * (1.0 - pooled) * (1.0 / all_before + 1.0 / all_after)).sqrt();
    let statistic = if error > 0.0 { (is - was) / error } else { 0.0 };
    let distance = 2.0 * is.sqrt().asin() - 2.0 * was.sqrt().asin();
    let test = Test { name: "two-proportion z-test", statistic: tidy(statistic), p_value: tidy(two_sided(statistic)) };
    (test, Effect::sized("Cohen's h", distance, [0.05, 0.2, 0.5]))
}

/// The least number of values that a category must be expected to have on either side for the χ² distribution to be near (Cochran 1954).
const FEWEST_EXPECTED: f64 = 5.0;

/// Two lists of counts over the same categories compared: Pearson's χ² and the population stability index. Categories of which chance
/// alone decides whether they show are taken together.
pub(crate) fn compare_counts(before: &[u64], after: &[u64]) -> (Test, Effect) {
    let sum = |counts: &[u64]| counts.iter().sum::<u64>().max(1) as f64;
    let (n, m) = (sum(before), sum(after));
    let pairs = without_rare(before, after, n.min(m) / (n + m));
    let mut statistic = 0.0;
    for &(a, b) in &pairs {
        let all = (a + b) as f64 / (n + m);
        statistic += (a as f64 - all * n).powi(2) / (all * n) + (b as f64 - all * m).powi(2) / (all * m);
    }
    let p_value = chi_squared_tail(statistic, pairs.len().saturating_sub(1) as f64);
    let shares = pairs.iter().map(|(a, b)| (*a as f64 / n, *b as f64 / m));
    (Test { name: "χ² test", statistic: tidy(statistic), p_value: tidy(p_value) }, stability(shares))
}

/// The counts of the categories, the rare ones as one: those of which the smaller side, with this share of all values, can expect too few.
fn without_rare(before: &[u64], after: &[u64], smaller: f64) -> Vec<(u64, u64)> {
    let counts = before.iter().copied().zip(after.iter().copied()).filter(|(a, b)| a + b > 0);
    let (mut kept, rare): (Vec<_>, Vec<_>) = counts.partition(|(a, b)| (a + b) as f64 * smaller >= FEWEST_EXPECTED);
    if let Some(together) = rare.into_iter().reduce(|(a, b), (c, d)| (a + c, b + d)) {
        kept.push(together);
    }
    kept
}

/// The population stability index, with its customary thresholds. A share of nothing counts as one in ten thousand.
fn stability(shares: impl Iterator<Item = (f64, f64)>) -> Effect {
    let floor = |share: f64| share.max(1e-4);
    let index = shares.filter(|(p, q)| p + q > 0.0).map(|(p, q)| (floor(q) - floor(p)) * (floor(q) / floor(p)).ln()).sum();
    Effect::sized("population stability index", index, [0.02, 0.1, 0.25])
}

/// How numbers spread: points of the distribution function, from the quantiles and the histogram.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    points: Vec<(f64, f64)>,
    /// The edges of the histogram with the share of the values below each.
    edges: Vec<(f64, f64)>,
    /// Shares with the values below which they lie, each value once.
    quantiles: Vec<(f64, f64)>,
    /// The same as they were measured, with the least and the greatest.
    measured: Vec<(f64, f64)>,
    values: f64,
    mean: f64,
    deviation: f64,
}

impl Spread {
    /// The spread that was measured; `None` where there is none.
    pub(crate) fn of(numbers: &NumberFacts) -> Option<Self> {
        let histogram = &numbers.histogram;
        let all: u64 = histogram.counts.iter().sum();
        if all == 0 || histogram.low >= histogram.high || !histogram.low.is_finite() || !histogram.high.is_finite() {
            return None;
        }
        let step = (histogram.high - histogram.low) / histogram.counts.len() as f64;
        let mut below = 0;
        let mut points = vec![(histogram.low, 0.0)];
        for (index, count) in histogram.counts.iter().enumerate() {
            below += count;
            points.push((histogram.low + step * (index + 1) as f64, below as f64 / all as f64));
        }
        let edges = points.clone();
        let inside = |value: f64| value > histogram.low && value < histogram.high;
        points.extend(numbers.quantiles.iter().filter(|quantile| inside(quantile.value)).map(|quantile| (quantile.value, quantile.at)));
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut highest = 0.0_f64;
        for point in &mut points {
            highest = highest.max(point.1);
            point.1 = highest;
        }
        let mut quantiles: Vec<(f64, f64)> =
            numbers.quantiles.iter().filter(|one| inside(one.value)).map(|one| (one.at, one.value)).collect();
        quantiles.dedup_by(|next, kept| next.1 <= kept.1);
        let measured = numbers.quantiles.iter().filter(|one| one.value.is_finite()).map(|one| (one.at, one.value)).collect();
        let (mean, deviation) = (numbers.mean, numbers.standard_deviation);
        Some(Self { points, edges, quantiles, measured, values: all as f64, mean, deviation })
    }

    /// The value below which a share of the values lies, where it was measured.
    fn quantile(&self, share: f64) -> Option<f64> {
        self.measured.iter().find(|(at, _)| (at - share).abs() < 1e-9).map(|(_, value)| *value)
    }

    /// The standard deviation that normal numbers would have with these quartiles, or with these outer twentieths where they lie farther out:
    /// a few odd numbers do not bear on it. The standard deviation itself where nine of ten numbers are equal.
    fn unit(&self) -> f64 {
        let deviations = |(low, high, deviations): (f64, f64, f64)| Some((self.quantile(high)? - self.quantile(low)?) / deviations);
        let widest = [(0.25, 0.75, 1.349), (0.05, 0.95, 3.29)].into_iter().filter_map(deviations).fold(0.0, f64::max);
        if widest > 0.0 { widest } else { self.deviation }
    }

    /// How far the two are apart at the edges of their histograms, where those are the same: there both are known.
    fn apart_at_shared_edges<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = f64> + 'a {
        let are_shared =
            self.edges.len() == other.edges.len() && self.edges.iter().zip(&other.edges).all(|(a, b)| a.0.total_cmp(&b.0).is_eq());
        self.edges.iter().zip(&other.edges).filter(move |_| are_shared).map(|(a, b)| (a.1 - b.1).abs())
    }

    /// Between which shares of the values the distribution function lies at `x`: what is known left and right of it. Nothing is
    /// assumed about the values between two points, nor about many equal values at one.
    fn bounds_at(&self, x: f64) -> (f64, f64) {
        let before = self.points.partition_point(|point| point.0 < x);
        let after = self.points.partition_point(|point| point.0 <= x);
        let least = before.checked_sub(1).and_then(|at| self.points.get(at)).map_or(0.0, |point| point.1);
        let most = self.points.get(after).map_or(1.0, |point| point.1);
        (least, most)
    }
}

/// Two spreads compared: the Kolmogorov–Smirnov test or that of the means, whichever is surer, and how far the quantiles have moved; where
/// quantiles are not told, the population stability index between those of the first.
pub(crate) fn compare_spreads(before: &Spread, after: &Spread) -> (Test, Effect) {
    let effect = shift(before, after).unwrap_or_else(|| stability(steps(before, after).into_iter()));
    (surer(kolmogorov_smirnov(before, after), means(before, after)), effect)
}

/// The Kolmogorov–Smirnov test. It counts only what no way of filling in the gaps between known points explains, so it errs on the side of no
/// change.
pub(crate) fn kolmogorov_smirnov(before: &Spread, after: &Spread) -> Test {
    let apart = |x: f64| {
        let ((low, high), (other_low, other_high)) = (before.bounds_at(x), after.bounds_at(x));
        (low - other_high).max(other_low - high).max(0.0)
    };
    let points = before.points.iter().chain(&after.points).map(|point| point.0);
    let distance = points.map(apart).chain(before.apart_at_shared_edges(after)).fold(0.0, f64::max);
    let size = before.values * after.values / (before.values + after.values);
    let p_value = kolmogorov_tail(distance * size.sqrt());
    Test { name: "Kolmogorov–Smirnov test", statistic: tidy(distance), p_value: tidy(p_value) }
}

/// From so many values on a mean is near enough to a normal number, whatever the values.
const FEWEST_VALUES: f64 = 100.0;

/// The means compared by Welch's test: they are known exactly, so it sees a shift that hides between two quantiles. `None` where there are too few
/// values, or where all are equal.
fn means(before: &Spread, after: &Spread) -> Option<Test> {
    let error = (before.deviation.powi(2) / before.values + after.deviation.powi(2) / after.values).sqrt();
    let statistic = (after.mean - before.mean) / error;
    let is_told = before.values.min(after.values) >= FEWEST_VALUES && error > 0.0 && statistic.is_finite();
    is_told.then(|| Test { name: "Welch's t-test", statistic: tidy(statistic), p_value: tidy(two_sided(statistic)) })
}

/// The test that chance explains less; where there are two to choose from, chance has two chances.
fn surer(one: Test, other: Option<Test>) -> Test {
    let Some(other) = other else { return one };
    let surer = if other.p_value < one.p_value { other } else { one };
    Test { p_value: tidy((2.0 * surer.p_value).min(1.0)), ..surer }
}

/// Quantiles farther out rest on too few values.
const TAIL: f64 = 0.01;

/// How far the quantiles have moved on average, but for the outermost ones, in units of the earlier spread. A shift of all numbers counts as it is: by half a
/// standard deviation as 0.5. `None` where nothing was measured to compare.
fn shift(before: &Spread, after: &Spread) -> Option<Effect> {
    let is_inner = |at: f64| at > TAIL - 1e-9 && at < 1.0 - TAIL + 1e-9;
    let inner = before.measured.iter().filter(|(at, _)| is_inner(*at));
    let moved: Vec<(f64, f64)> = inner.filter_map(|(at, value)| Some((*at, (after.quantile(*at)? - value).abs()))).collect();
    let area: f64 = moved.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1)).sum();
    let (width, unit) = (moved.last()?.0 - moved.first()?.0, before.unit());
    (width > 0.0 && unit > 0.0).then(|| Effect::sized("quantile shift", area / width / unit, [0.1, 0.3, 0.5]))
}

/// The shares of both between the quantiles of the first.
fn steps(before: &Spread, after: &Spread) -> Vec<(f64, f64)> {
    let mut steps = Vec::with_capacity(before.quantiles.len() + 1);
    let mut seen = (0.0, 0.0);
    for (at, x) in &before.quantiles {
        let (least, most) = after.bounds_at(*x);
        let share = (*at, at.clamp(least, most).max(seen.1));
        steps.push((share.0 - seen.0, share.1 - seen.1));
        seen = share;
    }
    steps.push((1.0 - seen.0, 1.0 - seen.1));
    steps
}

/// The chance of a standard normal value at least as far from zero as `z`.
fn two_sided(z: f64) -> f64 {
    chi_squared_tail(z * z, 1.0)
}

/// The chance of a χ² value of at least `x`: the regularised upper incomplete gamma function.
pub(crate) fn chi_squared_tail(x: f64, freedom: f64) -> f64 {
    if x <= 0.0 || freedom <= 0.0 {
        return 1.0;
    }
    let (a, x) = (freedom / 2.0, x / 2.0);
    let scale = (a * x.ln() - x - log_gamma(a)).exp();
    let tail = if x < a + 1.0 { 1.0 - scale * lower_series(a, x) } else { scale * upper_fraction(a, x) };
    tail.clamp(0.0, 1.0)
}

fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for step in 1..500 {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * 1e-14 {
            break;
        }
    }
    sum
}

/// Lentz's continued fraction.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut term = x + 1.0 - a;
    let mut above = 1e300;
    let mut below = 1.0 / term;
    let mut result = below;
    for step in 1..500 {
        let step = f64::from(step);
        let factor = step * (a - step);
        term += 2.0;
        below = 1.0 / (factor * below + term);
        above = term + factor / above;
        result *= below * above;
        if (below * above - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

/// Lanczos' approximation of ln Γ.
fn log_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let base = x + 5.5;
    let series = COEFFICIENTS.iter().zip(1..).fold(1.000_000_000_190_015, |sum, (c, step)| sum + c / (x + f64::from(step)));
    (x + 0.5) * base.ln() - base + (2.506_628_274_631_000_5 * series / x).ln()
}

/// The chance of a Kolmogorov distance, times the root of the size, of at least `x`.
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let terms = (1..=100_u32).map(|step| {
        let sign = if step.is_multiple_of(2) { -1.0 } else { 1.0 };
        sign * (-2.0 * (f64::from(step) * x).powi(2)).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use hw_base::{Histogram, Quantile};

    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-3 * wanted.abs().max(1e-3), "{found} is not {wanted}");
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        close(chi_squared_tail(3.841, 1.0), 0.05);
        close(chi_squared_tail(18.307, 10.0), 0.05);
        close(chi_squared_tail(0.5, 4.0), 0.9735);
        close(two_sided(1.96), 0.05);
        close(kolmogorov_tail(1.358), 0.05);
    }

    #[test]
    fn shares_are_compared_by_test_and_effect() {
        let (test, effect) = compare_shares((10, 1000), (60, 1000));
        close(test.statistic, 6.084);
        close(effect.value, 0.2946);
        assert!(test.p_value < 1e-8 && effect.size == "medium", "{test:?} {effect:?}");
        let (test, effect) = compare_shares((0, 1000), (0, 500));
        assert!(test.p_value > 0.999 && effect.size == "negligible", "{test:?} {effect:?}");
    }

    #[test]
    fn counts_are_compared_by_test_and_effect() {
        let (test, effect) = compare_counts(&[500, 500], &[400, 600]);
        close(test.statistic, 20.2);
        close(effect.value, 0.04055);
        let (test, effect) = compare_counts(&[500, 500, 0], &[50, 50, 0]);
        assert!(test.p_value > 0.99 && effect.value.abs() < 1e-12, "{test:?} {effect:?}");
    }

    #[test]
    fn another_extreme_is_no_other_spread() {
        let spread = |high: f64, counts: &[u64]| {
            let histogram = Histogram { low: 0.0, high, counts: counts.to_vec() };
            Spread::of(&NumberFacts { histogram, ..NumberFacts::default() }).unwrap()
        };
        let (wide, narrow) =
            (spread(1000.0, &[995, 0, 0, 0, 0, 0, 0, 0, 0, 5]), spread(100.0, &[300, 200, 150, 100, 80, 60, 50, 30, 20, 10]));
        let (test, _) = compare_spreads(&wide, &narrow);
        assert!(test.statistic < 0.01 && test.p_value > 0.9, "{test:?}");
    }

    /// Ascending numbers as an assessment measures them.
    fn measured(numbers: &[f64]) -> Spread {
        let all = numbers.len() as f64;
        let (low, high) = (numbers[0], numbers[numbers.len() - 1]);
        let edge = |step: u32| low + (high - low) * f64::from(step) / 20.0;
        let below = |step: u32| if step == 20 { numbers.len() } else { numbers.partition_point(|x| *x < edge(step)) };
        let counts = (0..20).map(|step| (below(step + 1) - below(step)) as u64).collect();
        let at = |thousandths: u16| Quantile {
            at: f64::from(thousandths) / 1000.0,
            value: numbers[(numbers.len() - 1) * usize::from(thousandths) / 1000],
        };
        let mean = numbers.iter().sum::<f64>() / all;
        let numbers = NumberFacts {
            mean,
            standard_deviation: (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (all - 1.0)).sqrt(),
            quantiles: [0, 1, 10, 50, 100, 250, 500, 750, 900, 950, 990, 999, 1000].map(at).to_vec(),
            histogram: Histogram { low, high, counts },
            ..NumberFacts::default()
        };
        Spread::of(&numbers).unwrap()
    }

    /// Ten thousand numbers, by chance but always the same ones of a seed: normal ones about `mean`, or what is made of them.
    fn drawn(seed: u64, mean: f64, made: impl Fn(f64) -> f64) -> Spread {
        let mut state = seed;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / 2_f64.powi(53)
        };
        let mut normal = || (-2.0 * chance().ln()).sqrt() * (std::f64::consts::TAU * chance()).cos();
        let mut numbers: Vec<f64> = (0..10_000).map(|_| made(mean + normal())).collect();
        numbers.sort_by(f64::total_cmp);
        measured(&numbers)
    }

    #[test]
    fn a_shift_counts_by_its_size() {
        let before = drawn(1, 0.0, |x| x);
        let shifted = |mean: f64| compare_spreads(&before, &drawn(2, mean, |x| x));
        let (test, effect) = shifted(0.2);
        assert!(test.p_value < 1e-12 && effect.size == "small" && (effect.value - 0.2).abs() < 0.05, "{test:?} {effect:?}");
        assert_eq!(shifted(0.05).1.size, "negligible");
        assert_eq!((shifted(0.4).1.size, shifted(0.7).1.size), ("medium", "large"));
        let effects: Vec<f64> = (1..=20).map(|step| shifted(0.1 * f64::from(step)).1.value).collect();
        assert!(effects.windows(2).all(|pair| pair[0] < pair[1]), "{effects:?}");
    }

    #[test]
    fn two_draws_of_one_kind_do_not_differ() {
        let kinds: [fn(f64) -> f64; 4] = [|x| x, |x| (2.0 * x).exp(), |x| x.max(0.0), |x| if x < 0.0 { x } else { x + 100.0 }];
        for (kind, made) in kinds.into_iter().enumerate() {
            for seed in 0..10 {
                let (test, effect) = compare_spreads(&drawn(2 * seed + 10, 0.0, made), &drawn(2 * seed + 11, 0.0, made));
                assert!(test.p_value >= 0.01 / 10.0 || effect.size == "negligible", "{kind} {seed} {test:?} {effect:?}");
            }
        }
    }

    #[test]
    fn spreads_are_compared_by_test_and_effect() {
        let spread = |low: f64, high: f64| {
            let numbers = NumberFacts {
                histogram: Histogram { low, high, counts: vec![100; 10] },
                quantiles: vec![Quantile { at: 0.5, value: f64::midpoint(low, high) }],
                ..NumberFacts::default()
            };
            Spread::of(&numbers).unwrap()
        };
        let (test, effect) = compare_spreads(&spread(0.0, 10.0), &spread(0.0, 10.0));
        assert!(test.statistic < 1e-12 && test.p_value > 0.999 && effect.value.abs() < 1e-12, "{test:?} {effect:?}");
        let (test, effect) = compare_spreads(&spread(0.0, 10.0), &spread(5.0, 15.0));
        close(test.statistic, 0.3);
        assert!(test.p_value < 1e-30 && effect.size == "large", "{test:?} {effect:?}");
    }
}
