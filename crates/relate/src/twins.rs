//! Rows that are equal in every column: one thing recorded twice, or things that happen to be alike.
//!
//! A copy repeats its row whole: rows that agree on all columns but one agree on that one as well. Among things that happen to be alike, as
//! people described by age and sex are, rows that agree on the rest agree on one more column little more often than any two rows. How far
//! they are from chance is a kappa (Cohen, A coefficient of agreement for nominal scales, 1960) per column, and the median column decides, because a column may
//! well be part of a key, in which rows that agree on the rest must differ. Where equal rows come in piles of all sizes, rows are no things that are recorded once,
//! unless a column names them: who sends some days twice and others three times makes such piles as well.

use hw_base::CodedTable;

use crate::columns::Column;
use crate::near::{blocks, mixed};
use crate::{agreement, parallel};

/// The median kappa from which equal rows are copies.
const COPIES: f64 = 0.5;
/// A column in which two rows agree more often than this by chance tells nothing.
const GREATEST_SAMENESS: f64 = 0.9;
/// Fewer piles tell nothing by their sizes, nor do those that hold a lesser share of the rows: among rows that differ, equal ones are copies.
const FEW_PILES: usize = 5;
const LEAST_IN_PILES: f64 = 0.25;
/// A column names things where it has as many values as there are different rows, but for a few, and these are as many of all rows.
const NAMED: f64 = 0.95;
const LEAST_DIFFERENT: f64 = 0.5;
/// Cells that are looked at; of more, columns are left out.
const LOOKS: usize = 40_000_000;

/// Whether there are rows equal in every column, and that is no more than chance.
pub fn are_alike_by_chance(table: &CodedTable) -> bool {
    let columns = Column::all(table);
    let rows = table.coded_rows();
    let hash = |at: usize, row: usize| mixed((u64::from(columns[at].coded.codes[row]) << 20) | at as u64);
    let totals: Vec<u64> = (0..rows).map(|row| (0..columns.len()).fold(0_u64, |sum, at| sum.wrapping_add(hash(at, row)))).collect();
    are_by_chance(&columns.iter().collect::<Vec<_>>(), &totals, hash)
}

/// The same of rows whose `totals` are equal: those of what `hash` gives for each of `columns`, by its place and the row.
pub(crate) fn are_by_chance(columns: &[&Column<'_>], totals: &[u64], hash: impl Fn(usize, usize) -> u64 + Sync) -> bool {
    let equal = pairs(totals);
    if equal == 0 {
        return false;
    }
    if are_piles(totals) && !are_named(columns, totals) {
        return true;
    }
    let telling = (0..columns.len()).filter(|at| agreement::sameness(columns[*at]) < GREATEST_SAMENESS);
    let telling: Vec<usize> = telling.take((LOOKS / totals.len().max(1)).max(3)).collect();
    let mut kappas = parallel::map(&telling, |at| {
        let rest: Vec<u64> = totals.iter().enumerate().map(|(row, total)| total.wrapping_sub(hash(*at, row))).collect();
        let (agreeing, by_chance) = (equal as f64 / pairs(&rest) as f64, agreement::sameness(columns[*at]));
        (agreeing - by_chance) / (1.0 - by_chance)
    });
    kappas.sort_by(f64::total_cmp);
    kappas.get(kappas.len() / 2).is_none_or(|median| *median < COPIES)
}

/// Whether equal rows come in piles of several sizes, as many as they like: copies come as often as somebody copied.
fn are_piles(hashes: &[u64]) -> bool {
    let mut sizes: Vec<usize> = blocks(hashes).iter().map(Vec::len).collect();
    sizes.sort_unstable();
    let usual = sizes.chunk_by(|a, b| a == b).map(<[usize]>::len).max().unwrap_or(0);
    let greater = sizes.iter().filter(|size| **size > 2).count();
    let are_many = sizes.iter().sum::<usize>() as f64 >= LEAST_IN_PILES * hashes.len() as f64;
    sizes.len() >= FEW_PILES && are_many && greater * 4 > sizes.len() && usual * 5 < sizes.len() * 4
}

/// Whether a column tells the different rows apart and thereby decides several others: two rows that agree on it are equal, and no chance makes
/// them so. A column of categories tells rows apart as well where others sum it up, but has few values.
fn are_named(columns: &[&Column<'_>], totals: &[u64]) -> bool {
    let repeats: usize = blocks(totals).iter().map(|block| block.len() - 1).sum();
    let different = (totals.len() - repeats) as f64;
    let tells_apart = |column: &&Column<'_>| column.values() as f64 >= NAMED * different;
    columns.len() > 2 && different >= LEAST_DIFFERENT * totals.len() as f64 && columns.iter().any(tells_apart)
}

/// The pairs of equal hashes.
fn pairs(hashes: &[u64]) -> u64 {
    blocks(hashes).iter().map(|block| block.len() as u64 * (block.len() as u64 - 1) / 2).sum()
}
