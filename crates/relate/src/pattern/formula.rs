//! Formulas between columns of numbers: `net + tax = gross`, `quantity × unit_price = total`.

use super::quantity::{Quantity, unrelated};
use crate::parallel;

/// Columns that are searched for formulas of three columns.
const MOST_COLUMNS: usize = 100;
/// Columns that are searched for sums of three parts.
const MOST_FOR_THREE: usize = 40;
/// Fewer rows in which every part says something show no formula.
const LEAST_ROWS: u64 = 20;
/// The same among the sampled rows.
const LEAST_SAMPLED: u32 = 10;
/// The greatest share of rows that may break a formula.
const GREATEST_SHARE: f64 = 0.05;
/// Where more unrelated rows than this share keep a formula, keeping it says nothing.
const GREATEST_CHANCE: f64 = 0.3;

/// How the parts of a formula are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// They are added.
    Sum,
    /// They are multiplied.
    Product,
}

/// A column is the sum or the product of others.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// How the parts are joined.
    pub operation: Operation,
    /// The columns that are joined, in the order of the table.
    pub parts: Vec<usize>,
    /// The column that holds the result.
    pub result: usize,
    /// How far the result may be off by rounding; 0 for whole numbers.
    pub within: f64,
    /// Rows that hold all of these values.
    pub rows: u64,
    /// The coded rows whose result is another.
    pub violations: Vec<usize>,
}

impl Formula {
    /// Whether a column is its result or one of its parts.
    pub(super) fn names(&self, column: usize) -> bool {
        self.result == column || self.parts.contains(&column)
    }
}

/// The formulas of a table, for each column at most one sum and one product, and whether all columns were searched.
pub(super) fn formulas(quantities: &[Quantity<'_>], rows: usize) -> (Vec<Formula>, bool) {
    let numbers: Vec<&Quantity<'_>> = quantities.iter().filter(|quantity| !quantity.is_time && varies(quantity)).collect();
    let searched = &numbers[..numbers.len().min(MOST_COLUMNS)];
    let mut likely = of_two(searched);
    let has_sum = |result: usize, likely: &[Likely]| likely.iter().any(|one| one.result == result && one.operation == Operation::Sum);
    let of_three = of_three(&searched[..searched.len().min(MOST_FOR_THREE)]);
    likely.extend(of_three.into_iter().filter(|one| !has_sum(one.result, &likely)).collect::<Vec<_>>());
    let found = parallel::map(&likely, |one| one.counted(searched, rows)).into_iter().flatten().collect();
    (best_of_each(found), numbers.len() <= MOST_COLUMNS)
}

/// Whether the sampled values are not nearly all the same.
fn varies(quantity: &Quantity<'_>) -> bool {
    let mut values: Vec<f64> = quantity.sample.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.len() >= 3 && !quantity.is_identifier()
}

/// Columns, by their places among those searched, that some rows showed to be a formula.
struct Likely {
    operation: Operation,
    parts: Vec<usize>,
    result: usize,
}

fn of_two(searched: &[&Quantity<'_>]) -> Vec<Likely> {
    let pairs: Vec<(usize, usize)> = (0..searched.len()).flat_map(|a| (a + 1..searched.len()).map(move |b| (a, b))).collect();
    let found = parallel::map(&pairs, |(a, b)| {
        let both = [Operation::Sum, Operation::Product].map(|operation| likely_results(searched, operation, &[*a, *b]));
        both.into_iter().flatten().collect::<Vec<_>>()
    });
    found.into_iter().flatten().collect()
}

fn of_three(searched: &[&Quantity<'_>]) -> Vec<Likely> {
    let all = 0..searched.len();
    let triples = all.clone().flat_map(|a| (a + 1..searched.len()).flat_map(move |b| (b + 1..searched.len()).map(move |c| vec![a, b, c])));
    let triples: Vec<Vec<usize>> = triples.collect();
    parallel::map(&triples, |parts| likely_results(searched, Operation::Sum, parts)).into_iter().flatten().collect()
}

/// The columns that hold the result of joining `parts` in nearly all sampled rows, and not in unrelated ones.
fn likely_results(searched: &[&Quantity<'_>], operation: Operation, parts: &[usize]) -> Vec<Likely> {
    let joined: Vec<(f64, bool)> =
        (0..searched[parts[0]].sample.len()).map(|row| operation.join(parts.iter().map(|part| searched[*part].sample[row]))).collect();
    let results = (0..searched.len()).filter(|result| !parts.contains(result));
    let fitting = results.filter(|result| {
        let (columns, sample) = (parts.iter().chain([result]).map(|at| searched[*at]), &searched[*result].sample);
        fits(&joined, sample, within(columns))
    });
    fitting.map(|result| Likely { operation, parts: parts.to_vec(), result }).collect()
}

/// Whether the joined values are the results in nearly all telling rows; the search ends as soon as too many are not.
fn fits(joined: &[(f64, bool)], results: &[f64], within: f64) -> bool {
    let most = (joined.len() as f64 * 2.0 * GREATEST_SHARE).max(2.0);
    let (mut telling, mut missed) = (0, 0_u32);
    for ((value, is_telling), result) in joined.iter().zip(results) {
        if value.is_nan() || result.is_nan() {
            continue;
        }
        if is_equal(*value, *result, within) {
            telling += u32::from(*is_telling);
        } else {
            missed += 1;
            if f64::from(missed) > most {
                return false;
            }
        }
    }
    telling >= LEAST_SAMPLED && telling >= missed * 5 && chance(joined, results, within) <= GREATEST_CHANCE
}

/// The share of telling rows whose joined value is the result of an unrelated row.
fn chance(joined: &[(f64, bool)], results: &[f64], within: f64) -> f64 {
    let other = unrelated(results.len());
    let pairs =
        || joined.iter().enumerate().filter(|(_, (_, is_telling))| *is_telling).map(|(at, (value, _))| (*value, results[other(at)]));
    let equal = pairs().filter(|(value, result)| is_equal(*value, *result, within)).count();
    equal as f64 / pairs().count().max(1) as f64
}

impl Operation {
    /// The joined value, and whether every part says something: adding zero and multiplying by one do not.
    fn join(self, parts: impl Iterator<Item = f64>) -> (f64, bool) {
        match self {
            Self::Sum => parts.fold((0.0, true), |(sum, is_telling), part| (sum + part, is_telling && part != 0.0)),
            Self::Product => {
                parts.fold((1.0, true), |(product, is_telling), part| (product * part, is_telling && ![0.0, 1.0].contains(&part)))
            }
        }
    }
}

/// How far rounding may take a result: the parts may each have been rounded, so up to one and a half of the last digit. Numbers with
/// more than six digits behind the point were not rounded for people; they may be off by a millionth of themselves, told as a
/// negative number.
fn within<'a>(mut columns: impl Iterator<Item = &'a Quantity<'a>>) -> f64 {
    let decimals = columns.try_fold(0, |most, column| (column.decimals <= 6).then_some(column.decimals.max(most)));
    match decimals {
        None => -1e-6,
        Some(0) => 0.0,
        Some(decimals) => 1.5 * 0.1_f64.powi(i32::try_from(decimals).unwrap_or(6)),
    }
}

fn is_equal(value: f64, result: f64, within: f64) -> bool {
    let most = if within < 0.0 { -within * result.abs() } else { within };
    (value - result).abs() <= most.max(1e-9 * result.abs())
}

impl Likely {
    /// Counts all rows.
    fn counted(&self, searched: &[&Quantity<'_>], rows: usize) -> Option<Formula> {
        let parts: Vec<&Quantity<'_>> = self.parts.iter().map(|part| searched[*part]).collect();
        let result = searched[self.result];
        let within = within(parts.iter().copied().chain([result]));
        let (mut all, mut telling, mut violations) = (0_u64, 0_u64, Vec::new());
        for row in 0..rows {
            let (value, is_telling) = self.operation.join(parts.iter().map(|part| part.value(row)));
            let expected = result.value(row);
            if value.is_nan() || expected.is_nan() {
                continue;
            }
            all += 1;
            if is_equal(value, expected, within) { telling += u64::from(is_telling) } else { violations.push(row) }
        }
        let broken = violations.len() as f64;
        let is_kept = telling >= LEAST_ROWS && broken <= GREATEST_SHARE * all as f64 && broken <= 0.2 * telling as f64;
        let parts = parts.iter().map(|part| part.at).collect();
        is_kept.then_some(Formula { operation: self.operation, parts, result: result.at, within, rows: all, violations })
    }
}

/// Of the sums and of the products with one result, those that fewest rows break. A formula between the same columns is told once.
fn best_of_each(mut found: Vec<Formula>) -> Vec<Formula> {
    found.sort_by(|a, b| {
        (a.violations.len(), a.parts.len(), &a.parts, a.result).cmp(&(b.violations.len(), b.parts.len(), &b.parts, b.result))
    });
    let mut best: Vec<Formula> = Vec::new();
    for formula in found {
        let is_told = |other: &Formula| {
            other.operation == formula.operation && (other.result == formula.result || columns(other) == columns(&formula))
        };
        if !best.iter().any(is_told) {
            best.push(formula);
        }
    }
    best.sort_by_key(|formula| (formula.result, formula.parts.clone()));
    best
}

fn columns(formula: &Formula) -> Vec<usize> {
    let mut columns: Vec<usize> = formula.parts.iter().copied().chain([formula.result]).collect();
    columns.sort_unstable();
    columns
}
