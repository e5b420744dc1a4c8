//! Columns of numbers that rise and fall together, by Spearman's rank correlation on the sampled rows.

use super::quantity::Quantity;
use crate::parallel;

/// Weaker correlations are not told.
const LEAST: f64 = 0.8;
/// Fewer rows with both values show nothing.
const LEAST_ROWS: usize = 30;
/// Columns that are compared with each other.
const MOST_COLUMNS: usize = 100;
/// Values that a column must have at least among the sampled rows: a flag follows a flag by chance.
const LEAST_VALUES: usize = 5;

/// Two columns of numbers that rise and fall together.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// The one column.
    pub a: usize,
    /// The other one.
    pub b: usize,
    /// Spearman's coefficient, -1 to 1.
    pub coefficient: f64,
    /// Rows that it was measured on.
    pub rows: u64,
}

/// The strong correlations between columns of numbers, the strongest first.
pub(super) fn correlations(quantities: &[Quantity<'_>]) -> Vec<Correlation> {
    let numbers = quantities.iter().filter(|quantity| !quantity.is_time && !quantity.is_identifier());
    let numbers: Vec<&Quantity<'_>> = numbers.filter(|quantity| distinct(&quantity.sample) >= LEAST_VALUES).take(MOST_COLUMNS).collect();
    let pairs: Vec<(&Quantity<'_>, &Quantity<'_>)> =
        numbers.iter().enumerate().flat_map(|(at, a)| numbers[at + 1..].iter().map(|b| (*a, *b))).collect();
    let mut found: Vec<Correlation> = parallel::map(&pairs, |(a, b)| correlation(a, b)).into_iter().flatten().collect();
    found.sort_by(|a, b| b.coefficient.abs().total_cmp(&a.coefficient.abs()).then((a.a, a.b).cmp(&(b.a, b.b))));
    found
}

fn distinct(sample: &[f64]) -> usize {
    let mut values: Vec<f64> = sample.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.len()
}

fn correlation(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<Correlation> {
    let both: Vec<(f64, f64)> =
        a.sample.iter().copied().zip(b.sample.iter().copied()).filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
    if both.len() < LEAST_ROWS {
        return None;
    }
    let ranks_of_a = ranks(&both.iter().map(|(a, _)| *a).collect::<Vec<_>>());
    let ranks_of_b = ranks(&both.iter().map(|(_, b)| *b).collect::<Vec<_>>());
    let coefficient = pearson(&ranks_of_a, &ranks_of_b);
    (coefficient.abs() >= LEAST).then_some(Correlation { a: a.at, b: b.at, coefficient, rows: both.len() as u64 })
}

/// The rank of each value; equal values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = before as f64 + f64::midpoint(equal.len() as f64, 1.0);
        for at in equal {
            ranks[*at] = rank;
        }
        before += equal.len();
    }
    ranks
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut together, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        together += (a - mean_a) * (b - mean_b);
        of_a += (a - mean_a).powi(2);
        of_b += (b - mean_b).powi(2);
    }
    if of_a > 0.0 && of_b > 0.0 { together / (of_a * of_b).sqrt() } else { 0.0 }
}
