//! Rows that refer to no row of another table, counted as a rule counts them: each value as it is written, none set aside.

use std::collections::{HashMap, HashSet};

use hw_base::{CodedTable, ColumnType};

use crate::reference::{is_number, plain};

/// Rows that refer, and those of them whose values have no counterpart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Rows with a value in all of the columns.
    pub rows: u64,
    /// Those whose values are not among the keys.
    pub orphans: u64,
}

/// Columns of a table.
type Side<'a> = (&'a CodedTable, &'a [usize]);

/// How many rows of `from` have no counterpart in `to`, where all rows of both are coded and values of the two sides can be equal in SQL;
/// else `None`.
pub fn orphans(from: Side<'_>, to: Side<'_>) -> Option<Orphans> {
    let kinds = |(table, columns): Side<'_>| columns.iter().map(|at| table.columns.get(*at).map(|column| column.kind)).collect();
    let (own, theirs): (Vec<_>, Vec<_>) = (kinds(from), kinds(to));
    let are_comparable =
        own.len() == theirs.len() && own.iter().zip(&theirs).all(|pair| matches!(pair, (Some(a), Some(b)) if are_alike(*a, *b)));
    if !are_comparable || !from.0.is_whole() || !to.0.is_whole() {
        return None;
    }
    let known: HashSet<Vec<&str>> = tuples(to).into_keys().collect();
    let mut counted = Orphans::default();
    for (tuple, rows) in tuples(from) {
        counted.rows += rows;
        counted.orphans += if known.contains(&tuple) { 0 } else { rows };
    }
    Some(counted)
}

fn are_alike(one: ColumnType, other: ColumnType) -> bool {
    one == other || (is_number(one) && is_number(other))
}

/// The rows of each combination of values; rows in which one is missing have none.
fn tuples<'a>((table, columns): Side<'a>) -> HashMap<Vec<&'a str>, u64> {
    let columns: Vec<_> = columns.iter().map(|at| &table.columns[*at]).collect();
    let mut rows_of: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut codes = vec![0; columns.len()];
    for row in 0..table.coded_rows() {
        for (code, column) in codes.iter_mut().zip(&columns) {
            *code = column.codes[row];
        }
        match rows_of.get_mut(&codes) {
            Some(rows) => *rows += 1,
            None => drop(rows_of.insert(codes.clone(), 1)),
        }
    }
    let value = |(code, column): (&u32, &&'a hw_base::CodedColumn)| {
        let text = column.values.get((*code as usize).checked_sub(1)?)?;
        Some(if is_number(column.kind) { plain(text) } else { text.as_str() })
    };
    let mut tuples: HashMap<Vec<&str>, u64> = HashMap::new();
    for (codes, rows) in &rows_of {
        if let Some(tuple) = codes.iter().zip(&columns).map(value).collect::<Option<Vec<&str>>>() {
            *tuples.entry(tuple).or_default() += rows;
        }
    }
    tuples
}
