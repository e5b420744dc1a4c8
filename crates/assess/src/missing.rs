//! Where values are missing: over time where a column tells it, over the order of the rows otherwise.

use hw_base::{CodedColumn, CodedTable};
use serde::Serialize;

/// Blocks that the rows are parted into.
const BLOCKS: usize = 40;

/// With fewer rows than this a block says nothing.
const FEWEST_ROWS: usize = 80;

/// The share of missing values per block of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingMap {
    /// The column that orders the rows; `None` for the order of the file.
    pub by: Option<String>,
    /// The least value of that column, or the first row.
    pub from: String,
    /// The greatest value of that column, or the last row.
    pub to: String,
    /// The columns that miss anything, in order.
    pub columns: Vec<MissingColumn>,
}

/// Where a column misses values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingColumn {
    /// Its name.
    pub name: String,
    /// The share of missing values in each block of equally many rows, 0 to 1.
    pub shares: Vec<f64>,
}

impl MissingMap {
    /// The map of a table, whose rows the column `time` orders where there is one; rows without that time come first. `None`
    /// where nothing is missing or where there are too few rows.
    pub fn of(table: &CodedTable, time: Option<&str>) -> Option<Self> {
        let rows = table.coded_rows();
        if rows < FEWEST_ROWS {
            return None;
        }
        let clock = time.and_then(|time| table.columns.iter().find(|column| column.name == time));
        let blocks = clock.map_or_else(|| by_position(rows), by_value);
        let columns = table.columns.iter().filter(|column| column.codes.contains(&0));
        let columns: Vec<MissingColumn> = columns.map(|column| in_blocks(column, &blocks)).collect();
        let (from, to) = match clock {
            Some(clock) => (clock.values.iter().min().cloned().unwrap_or_default(), clock.values.iter().max().cloned().unwrap_or_default()),
            None => ("first row".into(), "last row".into()),
        };
        (!columns.is_empty()).then(|| Self { by: clock.map(|clock| clock.name.clone()), from, to, columns })
    }
}

fn by_position(rows: usize) -> Vec<usize> {
    (0..rows).map(|row| row * BLOCKS / rows).collect()
}

/// The block of each row in the order of the column's values. Days and moments are written so that their order as text is their
/// order in time.
fn by_value(column: &CodedColumn) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..column.values.len()).collect();
    sorted.sort_by(|a, b| column.values[*a].cmp(&column.values[*b]));
    let mut counts = vec![0_usize; column.values.len() + 1];
    for code in &column.codes {
        counts[*code as usize] += 1;
    }
    // Where the rows of each code begin, nulls first.
    let mut next = vec![0_usize; counts.len()];
    let mut begun = counts[0];
    for value in sorted {
        next[value + 1] = begun;
        begun += counts[value + 1];
    }
    let rows = column.codes.len();
    let place = |code: &u32| {
        let at = &mut next[*code as usize];
        *at += 1;
        (*at - 1) * BLOCKS / rows
    };
    column.codes.iter().map(place).collect()
}

fn in_blocks(column: &CodedColumn, blocks: &[usize]) -> MissingColumn {
    let (mut missing, mut all) = (vec![0_u64; BLOCKS], vec![0_u64; BLOCKS]);
    for (code, block) in column.codes.iter().zip(blocks) {
        all[*block] += 1;
        missing[*block] += u64::from(*code == 0);
    }
    let share = |(missing, all): (&u64, &u64)| (*missing as f64 / (*all).max(1) as f64 * 1000.0).round() / 1000.0;
    MissingColumn { name: column.name.clone(), shares: missing.iter().zip(&all).map(share).collect() }
}

#[cfg(test)]
mod tests {
    use hw_base::ColumnType;

    use super::*;

    fn table() -> CodedTable {
        let column = |name: &str, kind, values: Vec<String>, codes: Vec<u32>| CodedColumn { name: name.into(), kind, values, codes };
        // The file runs backwards in time, and the values of the first half of the time are missing.
        let days: Vec<String> = (0..100).map(|day| format!("2026-{:02}-{:02}", 4 - day / 28, 28 - day % 28)).collect();
        CodedTable {
            name: "t".into(),
            rows: 100,
            sampled: None,
            columns: vec![
                column("day", ColumnType::Date, days, (1..=100).collect()),
                column("a", ColumnType::Text, vec!["x".into()], (0..100).map(|row| u32::from(row < 50)).collect()),
            ],
        }
    }

    #[test]
    fn what_is_missing_is_shown_over_time() {
        let map = MissingMap::of(&table(), Some("day")).unwrap();
        assert_eq!((map.by.as_deref(), map.from.as_str(), map.to.as_str()), (Some("day"), "2026-01-13", "2026-04-28"));
        let shares = &map.columns[0].shares;
        assert!(shares[..20].iter().all(|share| (share - 1.0).abs() < 1e-9) && shares[20..].iter().all(|share| *share < 1e-9), "{map:?}");
    }

    #[test]
    fn without_a_time_the_order_of_rows_tells() {
        let map = MissingMap::of(&table(), None).unwrap();
        assert!(map.columns[0].shares[0] < 1e-9 && map.columns[0].shares[39] > 0.999, "{map:?}");
        assert_eq!(MissingMap::of(&CodedTable::default(), None), None);
    }
}
