//! Datasets of two sources that hold the same things: which rows only one has, and which sums are apart.

use std::collections::BTreeSet;

use hw_base::{CodedColumn, CodedTable};
use serde::Serialize;

use crate::Assessment;
use crate::score::rounded;

/// The share of the smaller dataset's keys that the other must have.
const LEAST_SHARED: f64 = 0.5;
/// Columns beside the key that both must have.
const LEAST_COLUMNS: usize = 2;

/// Two datasets that hold the same things, side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reconciliation {
    /// A dataset.
    pub dataset: String,
    /// The other one.
    pub with: String,
    /// The column that tells the things apart in both.
    pub key: String,
    /// Rows of the one.
    pub rows: u64,
    /// Rows of the other.
    pub rows_with: u64,
    /// Keys that only the one has.
    pub only_here: u64,
    /// Keys that only the other has.
    pub only_there: u64,
    /// The sums of the columns of numbers that both have.
    pub sums: Vec<SumOfBoth>,
}

/// The sum of a column in two datasets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SumOfBoth {
    /// The column.
    pub column: String,
    /// Its sum in the one.
    pub here: f64,
    /// Its sum in the other.
    pub there: f64,
}

impl Reconciliation {
    /// Whether both hold the same keys and the same sums.
    pub fn agrees(&self) -> bool {
        self.only_here == 0 && self.only_there == 0 && self.rows == self.rows_with && self.sums.iter().all(SumOfBoth::agrees)
    }
}

impl SumOfBoth {
    /// Whether the sums are equal, up to what adding in another order may change.
    pub fn agrees(&self) -> bool {
        (self.here - self.there).abs() <= 1e-9 * self.here.abs().max(self.there.abs())
    }
}

/// The pairs of datasets that hold the same things: their best key has one name, at least half of the keys of the smaller one occur in
/// the other, and half of its columns, two and more beside the key, have the same names in both. Datasets of which only a sample was
/// compared are left out.
pub fn reconciliations(tables: &[&CodedTable], assessments: &[Assessment]) -> Vec<Reconciliation> {
    let sides: Vec<(&CodedTable, &Assessment)> = tables.iter().copied().zip(assessments).filter(|(table, _)| table.is_whole()).collect();
    let pairs = sides.iter().enumerate().flat_map(|(at, one)| sides[at + 1..].iter().map(move |other| (*one, *other)));
    pairs.filter_map(|(one, other)| reconciled(one, other)).collect()
}

fn reconciled(one: (&CodedTable, &Assessment), other: (&CodedTable, &Assessment)) -> Option<Reconciliation> {
    let key = key(one.1).filter(|name| key(other.1) == Some(name))?;
    let names = |side: &Assessment| side.facts.columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<String>>();
    let (here, there) = (names(one.1), names(other.1));
    let shared = here.intersection(&there).filter(|name| *name != key).count();
    if shared < LEAST_COLUMNS || (shared + 1) * 2 < here.len().min(there.len()) {
        return None;
    }
    let (own_keys, their_keys) = (values(one.0, key)?, values(other.0, key)?);
    let both = own_keys.intersection(&their_keys).count();
    if (both as f64) < LEAST_SHARED * own_keys.len().min(their_keys.len()).max(1) as f64 {
        return None;
    }
    Some(Reconciliation {
        dataset: one.1.about.name.clone(),
        with: other.1.about.name.clone(),
        key: key.to_owned(),
        rows: one.1.facts.rows,
        rows_with: other.1.facts.rows,
        only_here: (own_keys.len() - both) as u64,
        only_there: (their_keys.len() - both) as u64,
        sums: sums(one.1, other.1, key),
    })
}

/// The best key, where it is one column.
fn key(assessment: &Assessment) -> Option<&str> {
    match assessment.relations.keys.first()?.columns.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn values<'a>(table: &'a CodedTable, name: &str) -> Option<BTreeSet<&'a str>> {
    let column: &CodedColumn = table.columns.iter().find(|column| column.name == name)?;
    Some(column.values.iter().map(String::as_str).collect())
}

fn sums(one: &Assessment, other: &Assessment, key: &str) -> Vec<SumOfBoth> {
    let numbers = |side: &Assessment, name: &str| {
        let column = side.facts.columns.iter().find(|column| column.name == name && column.kind.is_numeric())?;
        column.numbers.as_ref().map(|numbers| numbers.sum).filter(|sum| sum.is_finite())
    };
    let columns = one.facts.columns.iter().map(|column| column.name.as_str()).filter(|name| *name != key);
    let both = columns.filter_map(|name| Some((name, numbers(one, name)?, numbers(other, name)?)));
    both.map(|(name, here, there)| SumOfBoth { column: name.into(), here: rounded(here), there: rounded(there) }).collect()
}
