//! References to values that repeat: the customers that a table of versions delivers, each of them many times.
//!
//! The side referred to is no key of its table, so inclusion says less. Only a column that its table is named after counts, and only
//! where the name of the referring column points at it.

use crate::columns::Column;
use crate::likeness::{home, plain_name};
use crate::reference::{Side, can_refer, refer};
use crate::words::words;
use crate::{Key, Reference};

/// The least likeness of the names.
const LEAST_LIKENESS: f64 = 0.8;
/// How far a reference to a repeated value ranks below one to a key.
const RANK: f64 = 0.8;
/// Fewer values are a category, whatever its name.
const LEAST_VALUES: usize = 20;

/// Words of names that say that a table holds versions or copies of what it is named after.
const VERSIONS: &[&str] = &[
    "history",
    "histories",
    "version",
    "versions",
    "snapshot",
    "snapshots",
    "scd",
    "scd2",
    "hist",
    "dim",
    "delta",
    "changes",
    "log",
    "raw",
    "stg",
];

/// The references of one column to a column that names the rows of its table and repeats. Columns of `found`, which are known to
/// refer to a key, are not looked at.
pub(crate) fn references(sides: &[Side<'_>], found: &[Reference]) -> Vec<Reference> {
    let is_known =
        |table: usize, column: usize| found.iter().any(|one| one.score >= 0.5 && one.from.table == table && one.from.columns == [column]);
    let mut repeated = Vec::new();
    for (to_table, to) in sides.iter().enumerate() {
        for target in (0..to.columns.len()).filter(|target| names_rows(to, *target) && !is_known(to_table, *target)) {
            let own = Key { columns: vec![target], score: 0.0 };
            for (from_table, from) in sides.iter().enumerate().filter(|(from_table, _)| *from_table != to_table) {
                let unknown = (0..from.columns.len()).filter(|column| !is_known(from_table, *column));
                repeated.extend(unknown.filter_map(|column| {
                    let (found, likeness) = refer(sides, (from_table, column), (to_table, &own))?;
                    let is_meant = likeness >= LEAST_LIKENESS;
                    is_meant.then_some(Reference { score: found.score * RANK, is_key: false, ..found })
                }));
            }
        }
    }
    repeated
}

/// Whether a column that repeats is what its table is named after: `customer_id` of `customers` or of `customer_history`.
fn names_rows(side: &Side<'_>, at: usize) -> bool {
    let column: &Column<'_> = &side.columns[at];
    let name = plain_name(&side.words(at));
    let table: Vec<String> = words(&side.table.name).into_iter().filter(|word| !VERSIONS.contains(&word.as_str())).collect();
    let is_key = side.keys.keys.iter().any(|key| key.columns == [at]);
    let repeats = column.values() >= LEAST_VALUES && column.values() < column.coded.codes.len();
    !is_key && repeats && can_refer(side.table.columns[at].kind) && home(&name, &plain_name(&table)) >= 0.95
}
