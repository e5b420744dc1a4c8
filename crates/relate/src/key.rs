//! Candidate keys: found exactly, ranked by how much they look meant.

use hw_base::{CodedTable, ColumnType};

use crate::columns::Column;
use crate::lattice::{Bounds, MOST_COLUMNS, Set, Target, minimal, positions};
use crate::words::{singular, words};
use crate::{Key, Keys};

/// All minimal candidate keys of a table, the most plausible first.
///
/// A key tells all coded rows apart and none of its columns is ever null. Of a sample they are the keys of the sample. The
/// search is exact up to a bound on the rows visited and on the width of a key; [`Keys::is_complete`] says whether the bound
/// was met. A table with two equal rows has no key.
pub fn keys(table: &CodedTable) -> Keys {
    let columns = Column::all(table);
    Column::sort_all(&columns);
    let rows = table.coded_rows();
    if rows < 2 {
        return Keys { keys: Vec::new(), is_complete: true };
    }
    let (eligible, all_taken) = eligible(&columns, rows);
    if eligible.is_empty() {
        return Keys { keys: Vec::new(), is_complete: true };
    }
    let chosen: Vec<&Column<'_>> = eligible.iter().map(|at| &columns[*at]).collect();
    let every: Set = (0..chosen.len()).map(|at| 1 << at).sum();
    let target = Target { bit: 1 << MOST_COLUMNS, by: every };
    let found = minimal(&chosen, &[target], bounds(rows));
    let mut keys: Vec<Key> = found
        .determinants
        .into_iter()
        .flatten()
        .map(|set| {
            let mut columns_of_key: Vec<usize> = positions(set).map(|at| eligible[at]).collect();
            columns_of_key.sort_unstable();
            Key { score: score(table, &columns, &columns_of_key), columns: columns_of_key }
        })
        .collect();
    keys.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.columns.cmp(&b.columns)));
    Keys { keys, is_complete: found.is_complete && all_taken }
}

fn bounds(rows: usize) -> Bounds {
    let width = match rows {
        0..=50_000 => 10,
        50_001..=500_000 => 5,
        _ => 3,
    };
    Bounds { visits: 40_000_000, width, candidates: 3_000 }
}

/// The columns that can be part of a key, and whether all of them fit into one search. Where they do not, those with the most
/// distinct values are taken.
fn eligible(columns: &[Column<'_>], rows: usize) -> (Vec<usize>, bool) {
    let mut eligible: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].nulls() == 0 && columns[*at].distinct > 1).collect();
    let all_taken = eligible.len() <= MOST_COLUMNS;
    if !all_taken {
        eligible.sort_by_key(|at| (std::cmp::Reverse(columns[*at].distinct.min(rows)), *at));
        eligible.truncate(MOST_COLUMNS);
        eligible.sort_unstable();
    }
    (eligible, all_taken)
}

/// How much the columns look like a key that somebody meant.
fn score(table: &CodedTable, columns: &[Column<'_>], key: &[usize]) -> f64 {
    let rows = table.coded_rows() as f64;
    let quality: f64 = key.iter().map(|at| quality(table, &columns[*at], *at, key.len()).ln()).sum::<f64>() / key.len() as f64;
    let narrow = 0.7_f64.powi(i32::try_from(key.len()).unwrap_or(i32::MAX) - 1);
    let enough_rows = rows / (rows + 8.0);
    let surprise = if key.len() == 1 { 1.0 } else { 1.0 - (-expected_twins(columns, key, rows)).exp() };
    (quality.exp() * narrow * enough_rows * (0.25 + 0.75 * surprise)).clamp(0.0, 1.0)
}

/// The pairs of equal rows to expect in these columns if they had nothing to do with each other: where it is small, that no two
/// rows are equal says little.
fn expected_twins(columns: &[Column<'_>], key: &[usize], rows: f64) -> f64 {
    let same: f64 = key.iter().map(|at| columns[*at].counts.iter().map(|count| (f64::from(*count) / rows).powi(2)).sum::<f64>()).product();
    rows * (rows - 1.0) / 2.0 * same
}

/// How well one column suits a key.
fn quality(table: &CodedTable, column: &Column<'_>, position: usize, width: usize) -> f64 {
    let early = 1.0 - 0.3 * (position as f64 / table.columns.len().max(2) as f64);
    hint(&table.name, &column.coded.name) * kind(column, width) * early
}

/// What the name says.
fn hint(table: &str, name: &str) -> f64 {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    let own = crate::words::words(table).iter().any(|word| words.iter().any(|other| singular(other) == singular(word)));
    match last {
        "id" | "key" | "pk" | "uuid" | "guid" | "uid" | "sk" if words.len() == 1 || own => 1.0,
        "id" | "key" | "pk" | "uuid" | "guid" | "uid" | "sk" => 0.9,
        _ if (last.ends_with("id") || last.ends_with("key")) && last.len() > 3 => 0.88,
        "code" | "no" | "nr" | "num" | "number" | "sku" | "isbn" | "issn" | "iata" | "icao" | "iso" | "symbol" | "ticker" | "index"
        | "email" | "username" | "login" | "slug" | "url" | "ref" | "reference" | "abbreviation" | "fips" => 0.8,
        "name" | "title" => 0.6,
        _ if own => 0.6,
        _ => 0.45,
    }
}

/// What the values say.
fn kind(column: &Column<'_>, width: usize) -> f64 {
    match column.coded.kind {
        ColumnType::Integer => 1.0,
        ColumnType::Text => text(column),
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Time if width > 1 => 0.8,
        ColumnType::Date | ColumnType::Timestamp => 0.6,
        ColumnType::Decimal | ColumnType::Float if column.coded.values.iter().all(|value| is_whole(value)) => 0.8,
        ColumnType::Boolean => 0.4,
        _ => 0.2,
    }
}

fn is_whole(value: &str) -> bool {
    value.split_once('.').is_none_or(|(_, fraction)| fraction.bytes().all(|byte| byte == b'0'))
}

/// Short codes without spaces suit a key, prose does not.
fn text(column: &Column<'_>) -> f64 {
    let values = column.coded.values.len().max(1) as f64;
    let length = column.coded.values.iter().map(String::len).sum::<usize>() as f64 / values;
    let spaced = column.coded.values.iter().filter(|value| value.contains(' ')).count() as f64 / values;
    let short = if length <= 40.0 { 1.0 } else { (40.0 / length).max(0.2) };
    let decimal = column.coded.values.iter().take(1_000).all(|value| !is_whole(value) && value.parse::<f64>().is_ok());
    if decimal { 0.2 } else { short * (1.0 - 0.3 * spaced) }
}
