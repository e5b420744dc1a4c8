//! The columns of a table as the searches read them: codes, counts, and rows by code.

use std::sync::OnceLock;

use hw_base::{CodedColumn, CodedTable};

use crate::parallel;

/// The rows of a column by code, each code's rows in ascending order.
#[derive(Debug)]
pub(crate) struct Clusters {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Clusters {
    /// Sorts the rows by code, by counting. Row numbers must fit in 32 bits.
    pub(crate) fn of(codes: &[u32], counts: &[u32]) -> Self {
        let mut starts = Vec::with_capacity(counts.len() + 1);
        let mut total = 0;
        starts.push(0);
        for count in counts {
            total += count;
            starts.push(total);
        }
        let mut next = starts.clone();
        let mut rows = vec![0; codes.len()];
        for (row, code) in (0_u32..).zip(codes) {
            let place = &mut next[*code as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        Self { starts, rows }
    }

    /// The rows of every code that has at least `least` of them.
    pub(crate) fn at_least(&self, least: usize) -> impl Iterator<Item = &[u32]> {
        self.all().filter(move |rows| rows.len() >= least)
    }

    /// The rows of every code, by code; empty for a code that does not occur.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|bounds| &self.rows[bounds[0] as usize..bounds[1] as usize])
    }

    /// The rows of one code.
    pub(crate) fn rows(&self, code: u32) -> &[u32] {
        &self.rows[self.starts[code as usize] as usize..self.starts[code as usize + 1] as usize]
    }
}

/// A column, with what every search asks of it.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    /// The column itself.
    pub(crate) coded: &'a CodedColumn,
    /// Rows per code; the first is the count of nulls.
    pub(crate) counts: Vec<u32>,
    /// Codes that occur, null included.
    pub(crate) distinct: usize,
    clusters: OnceLock<Clusters>,
}

impl<'a> Column<'a> {
    /// Counts the codes of a column.
    pub(crate) fn of(column: &'a CodedColumn) -> Self {
        let mut counts = vec![0; column.values.len() + 1];
        for code in &column.codes {
            counts[*code as usize] += 1;
        }
        let distinct = counts.iter().filter(|count| **count > 0).count();
        Self { coded: column, counts, distinct, clusters: OnceLock::new() }
    }

    /// The columns of a table.
    pub(crate) fn all(table: &'a CodedTable) -> Vec<Self> {
        parallel::map(&table.columns, Self::of)
    }

    /// Sorts the rows of all columns by code, each on a core of its own.
    pub(crate) fn sort_all(columns: &[Self]) {
        parallel::map(columns, |column| {
            column.clusters();
        });
    }

    /// The code of a row.
    pub(crate) fn code(&self, row: u32) -> u32 {
        self.coded.codes[row as usize]
    }

    /// Rows without a value.
    pub(crate) fn nulls(&self) -> u32 {
        self.counts[0]
    }

    /// Distinct values, null left out.
    pub(crate) fn values(&self) -> usize {
        self.distinct - usize::from(self.nulls() > 0)
    }

    /// The rows by code, sorted at the first call.
    pub(crate) fn clusters(&self) -> &Clusters {
        self.clusters.get_or_init(|| Clusters::of(&self.coded.codes, &self.counts))
    }

    /// The text of a code; `None` for null.
    pub(crate) fn text(&self, code: u32) -> Option<&'a str> {
        self.coded.values.get((code as usize).checked_sub(1)?).map(String::as_str)
    }

    /// The values with their codes and counts, null left out.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u32, &'a str, u32)> {
        (1_u32..).zip(&self.coded.values).zip(&self.counts[1..]).map(|((code, value), count)| (code, value.as_str(), *count))
    }
}

/// Calls `visit` with the rows of every group of at least two rows that agree on all of `keys` (null equals null), until it
/// answers `false`, or until about `most` rows were looked at. Returns how many were.
pub(crate) fn groups(keys: &[&Column<'_>], most: u64, mut visit: impl FnMut(&[u32]) -> bool) -> u64 {
    let Some((at, pivot)) = keys.iter().enumerate().max_by_key(|(_, column)| column.distinct) else { return 0 };
    let others: Vec<&Column<'_>> = keys.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, column)| *column).collect();
    let mut visited = 0;
    let mut keyed: Vec<(u64, u32)> = Vec::new();
    let mut rows: Vec<u32> = Vec::new();
    for cluster in pivot.clusters().at_least(2) {
        if visited > most {
            return visited;
        }
        visited += cluster.len() as u64;
        if others.is_empty() {
            if !visit(cluster) {
                return visited;
            }
            continue;
        }
        split(cluster, &others, &mut keyed);
        for run in keyed.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            rows.clear();
            rows.extend(run.iter().map(|(_, row)| *row));
            if !visit(&rows) {
                return visited;
            }
        }
    }
    visited
}

/// Sorts the rows of a cluster by what they hold in `others`, as one number per row.
fn split(cluster: &[u32], others: &[&Column<'_>], keyed: &mut Vec<(u64, u32)>) {
    keyed.clear();
    keyed.extend(cluster.iter().map(|row| (0, *row)));
    let mut bound: u128 = 1;
    for column in others {
        let width = column.counts.len() as u128;
        if bound * width > u128::from(u64::MAX) {
            bound = renumber(keyed);
        }
        for (key, row) in keyed.iter_mut() {
            *key = *key * column.counts.len() as u64 + u64::from(column.code(*row));
        }
        bound *= width;
    }
    keyed.sort_unstable();
}

/// Replaces the keys by their ranks, so that the next column fits in; returns how many there are.
fn renumber(keyed: &mut [(u64, u32)]) -> u128 {
    keyed.sort_unstable();
    let (mut rank, mut last) = (0, keyed.first().map_or(0, |first| first.0));
    for (key, _) in keyed.iter_mut() {
        if *key != last {
            rank += 1;
            last = *key;
        }
        *key = rank;
    }
    u128::from(rank) + 1
}
