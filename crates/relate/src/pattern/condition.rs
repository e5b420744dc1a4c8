//! Conditional completeness: a column is filled depending on the value of another one, or together with it.

use crate::columns::Column;
use crate::parallel;

/// Values that a column may have to be a condition.
const MOST_VALUES: usize = 50;
/// Rows that each value of a condition must have on average: with fewer, chance picks the values that fit.
const LEAST_ROWS_PER_VALUE: usize = 20;
/// Rows with a value that each value of the other column which tells that there is one must have on average, and the same without: with
/// fewer, the values are picked row by row.
const LEAST_ROWS_PER_SIDE: u64 = 5;
/// Fewer rows with a value, or without one, show no condition.
const LEAST_ROWS: u64 = 20;
/// The greatest share of all rows that may break a condition.
const GREATEST_SHARE: f64 = 0.02;
/// The greatest share of the rows without a value, and of those with one, that may break it.
const GREATEST_PART: f64 = 0.1;
/// The greatest share of the rows in which it says that there is no value that may have one: of more, it is no rule that there is none.
const GREATEST_FILLED: f64 = 0.2;
/// How improbable it must be by chance that all missing values have one value of the other column: the decimal logarithm.
const LEAST_SURPRISE: f64 = 9.0;
/// Pairs of columns that are looked at.
const MOST_PAIRS: usize = 20_000;

/// Where a column has no value, as another column tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The column.
    pub column: usize,
    /// The column that tells.
    pub by: usize,
    /// What of that column tells.
    pub partner: Partner,
    /// Whether the column is filled in all other rows *and* empty in these; otherwise it is filled in all others, and here only
    /// partly.
    pub is_exact: bool,
    /// Rows in which the condition says that there is no value.
    pub rows: u64,
    /// The coded rows without a value that the condition does not explain.
    pub unexplained: Vec<usize>,
    /// The coded rows with a value although the condition says there is none; empty where it is not exact.
    pub unexpected: Vec<usize>,
}

/// What of another column tells that a value is missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Partner {
    /// It is one of these values; `None` is null.
    Values {
        /// The values that tell that it is missing.
        missing: Vec<Option<String>>,
        /// All other values.
        filled: Vec<Option<String>>,
    },
    /// It is null.
    Null,
}

impl Condition {
    /// Whether nothing but the null of the other column tells.
    pub fn is_of_null(&self) -> bool {
        match &self.partner {
            Partner::Null => true,
            Partner::Values { missing, .. } => *missing == [None],
        }
    }
}

/// The conditions of all columns, for each column the one that fewest rows break.
pub(super) fn conditions(columns: &[Column<'_>], sampled: &[u32]) -> Vec<Condition> {
    let optional: Vec<usize> = (0..columns.len()).filter(|at| is_optional(&columns[*at])).collect();
    let bound = MOST_PAIRS / columns.len().max(1);
    let told = parallel::map(&optional[..optional.len().min(bound)], |at| best(columns, *at, sampled));
    told.into_iter().flatten().collect()
}

fn is_optional(column: &Column<'_>) -> bool {
    let (nulls, rows) = (u64::from(column.nulls()), column.coded.codes.len() as u64);
    nulls >= LEAST_ROWS && rows - nulls >= LEAST_ROWS
}

/// The best condition of a column: an exact one before others, then the one that fewest rows break, then a category before a null.
fn best(columns: &[Column<'_>], at: usize, sampled: &[u32]) -> Option<Condition> {
    let others = (0..columns.len()).filter(|other| *other != at);
    let found = others.flat_map(|by| [of_values(columns, at, by, sampled), of_null(columns, at, by, sampled)]).flatten();
    // Columns that are nearly always left out together follow no rule: people who skip one question skip the next.
    let found = found.filter(|one| !one.is_of_null() || (one.unexplained.is_empty() && one.unexpected.is_empty()));
    found.min_by_key(|one| {
        let values = if let Partner::Values { missing, filled } = &one.partner { missing.len() + filled.len() } else { MOST_VALUES };
        (!one.is_exact, one.unexplained.len() + one.unexpected.len(), values, one.by)
    })
}

/// Rows with and without a value, by code of the other column.
struct Tally {
    filled: Vec<u64>,
    missing: Vec<u64>,
}

impl Tally {
    fn of(column: &Column<'_>, rows: impl Iterator<Item = usize>, codes: usize, code: impl Fn(usize) -> usize) -> Self {
        let mut tally = Self { filled: vec![0; codes], missing: vec![0; codes] };
        for row in rows {
            let counts = if column.coded.codes[row] == 0 { &mut tally.missing } else { &mut tally.filled };
            counts[code(row)] += 1;
        }
        tally
    }

    /// The codes in which most values are missing.
    fn mostly_missing(&self) -> Vec<bool> {
        self.missing.iter().zip(&self.filled).map(|(missing, filled)| missing > filled).collect()
    }

    /// Rows that break an exact condition: missing ones where values are, and values where they are missing.
    fn broken(&self) -> (u64, u64) {
        let is_missing = self.mostly_missing();
        let sum = |counts: &[u64], side: bool| {
            counts.iter().zip(&is_missing).filter(|(_, missing)| **missing == side).map(|(count, _)| *count).sum()
        };
        (sum(&self.missing, false), sum(&self.filled, true))
    }

    fn is_exact(&self, leeway: f64) -> bool {
        let (missing, filled): (u64, u64) = (self.missing.iter().sum(), self.filled.iter().sum());
        let (unexplained, unexpected) = self.broken();
        let is_few = |part: u64, whole: u64, share: f64| part as f64 <= share * leeway * whole as f64;
        is_few(unexplained + unexpected, missing + filled, GREATEST_SHARE)
            && is_few(unexplained, missing, GREATEST_PART)
            && is_few(unexpected, filled, GREATEST_PART)
            && is_few(unexpected, missing - unexplained + unexpected, GREATEST_FILLED)
    }

    /// Whether the values of the other column were hardly picked row by row.
    fn bears_its_values(&self) -> bool {
        let is_missing = self.mostly_missing();
        let of_side = |counts: &[u64], side: bool| {
            let picked: Vec<u64> = counts
                .iter()
                .zip(&is_missing)
                .filter(|(count, missing)| **missing == side && **count > 0)
                .map(|(count, _)| *count)
                .collect();
            picked.iter().sum::<u64>() >= LEAST_ROWS_PER_SIDE * picked.len() as u64
        };
        of_side(&self.missing, true) && of_side(&self.filled, false)
    }

    /// The one code that holds all missing values, where chance hardly explains it.
    fn only_missing(&self) -> Option<usize> {
        let missing: u64 = self.missing.iter().sum();
        let code = (0..self.missing.len()).max_by_key(|code| self.missing[*code])?;
        let all: u64 = missing + self.filled.iter().sum::<u64>();
        let share = (self.missing[code] + self.filled[code]) as f64 / all.max(1) as f64;
        let is_surprising = -share.max(1e-12).log10() * missing as f64 >= LEAST_SURPRISE;
        (self.missing[code] == missing && share <= 0.5 && is_surprising).then_some(code)
    }
}

/// Whether a category of the other column tells.
fn of_values(columns: &[Column<'_>], at: usize, by: usize, sampled: &[u32]) -> Option<Condition> {
    let (column, other) = (&columns[at], &columns[by]);
    let rows = column.coded.codes.len();
    if !(2..=MOST_VALUES).contains(&other.distinct) || other.distinct * LEAST_ROWS_PER_VALUE > rows {
        return None;
    }
    let code = |row: usize| other.coded.codes[row] as usize;
    let first = Tally::of(column, sampled.iter().map(|row| *row as usize), other.counts.len(), code);
    if !first.is_exact(2.0) && first.only_missing().is_none() && sampled.len() >= 200 {
        return None;
    }
    let tally = Tally::of(column, 0..rows, other.counts.len(), code);
    let (is_exact, is_missing) = if tally.is_exact(1.0) && tally.bears_its_values() {
        (true, tally.mostly_missing())
    } else {
        let only = tally.only_missing()?;
        (false, (0..other.counts.len()).map(|code| code == only).collect())
    };
    let text = |code: usize| other.text(u32::try_from(code).unwrap_or(0)).map(str::to_owned);
    let occurring = || (0..is_missing.len()).filter(|code| other.counts[*code] > 0);
    let side = |side: bool| occurring().filter(|code| is_missing[*code] == side).map(text).collect();
    let partner = Partner::Values { missing: side(true), filled: side(false) };
    let rows = occurring().filter(|code| is_missing[*code]).map(|code| u64::from(other.counts[code])).sum();
    Some(split(column, Condition { column: at, by, partner, is_exact, rows, unexplained: vec![], unexpected: vec![] }, |row| {
        is_missing[code(row)]
    }))
}

/// Whether the two columns are filled and left out together.
fn of_null(columns: &[Column<'_>], at: usize, by: usize, sampled: &[u32]) -> Option<Condition> {
    let (column, other) = (&columns[at], &columns[by]);
    if !is_optional(other) || other.distinct <= MOST_VALUES {
        return None;
    }
    let code = |row: usize| usize::from(other.coded.codes[row] == 0);
    let is_told = |tally: &Tally, leeway: f64| tally.is_exact(leeway) && tally.mostly_missing() == [false, true];
    if !is_told(&Tally::of(column, sampled.iter().map(|row| *row as usize), 2, code), 2.0) {
        return None;
    }
    let is_exact = is_told(&Tally::of(column, 0..column.coded.codes.len(), 2, code), 1.0);
    let condition = Condition {
        column: at,
        by,
        partner: Partner::Null,
        is_exact,
        rows: u64::from(other.nulls()),
        unexplained: vec![],
        unexpected: vec![],
    };
    is_exact.then(|| split(column, condition, |row| code(row) == 1))
}

/// Notes the rows that break a condition.
fn split(column: &Column<'_>, condition: Condition, is_missing: impl Fn(usize) -> bool) -> Condition {
    let rows = || 0..column.coded.codes.len();
    let is_null = |row: &usize| column.coded.codes[*row] == 0;
    let unexplained = rows().filter(|row| is_null(row) && !is_missing(*row)).collect();
    let unexpected = if condition.is_exact { rows().filter(|row| !is_null(row) && is_missing(*row)).collect() } else { Vec::new() };
    Condition { unexplained, unexpected, ..condition }
}
