//! Columns whose values keep being new: lists that are not closed.

use hw_base::{CodedColumn, CodedTable, ColumnType};

/// More values are no list.
const MOST_VALUES: usize = 20;
/// The last quarter of fewer rows says nothing.
const FEWEST_ROWS: usize = 200;
/// Of a value that so many rows hold, chance brings the first one among the last quarter of all rows once in a thousand times.
const FEWEST_OCCURRENCES: u32 = 5;
/// A column of fewer runs per value is sorted by its values, and the last one comes last.
const RUNS_PER_VALUE: usize = 2;

/// The columns of words in which the last quarter of the rows brought a value that none before them holds, and holds it too often for chance: rows
/// to come bring further ones.
pub(crate) fn growing(table: &CodedTable) -> Vec<String> {
    let are_words = |column: &&CodedColumn| column.kind == ColumnType::Text && (2..=MOST_VALUES).contains(&column.values.len());
    let columns = table.columns.iter().filter(are_words).filter(|column| is_growing(column));
    columns.map(|column| column.name.clone()).collect()
}

fn is_growing(column: &CodedColumn) -> bool {
    let rows = column.codes.len();
    let mut seen: Vec<(u32, usize)> = vec![(0, rows); column.values.len() + 1];
    for (row, code) in column.codes.iter().enumerate() {
        let (count, first) = &mut seen[*code as usize];
        *count += 1;
        *first = (*first).min(row);
    }
    let runs = column.codes.chunk_by(|a, b| a == b).count();
    let is_late = |(count, first): &(u32, usize)| *count >= FEWEST_OCCURRENCES && *first * 4 >= rows * 3;
    rows >= FEWEST_ROWS && runs > RUNS_PER_VALUE * column.values.len() && seen[1..].iter().any(is_late)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growing_of(rows: u32, code: impl Fn(u32) -> u32) -> Vec<String> {
        let values = ["Dole", "Perot", "Bush", "Gore"].map(str::to_owned).to_vec();
        let column = CodedColumn { name: "candidate".into(), kind: ColumnType::Text, values, codes: (0..rows).map(code).collect() };
        growing(&CodedTable { name: "polls".into(), rows: u64::from(rows), sampled: None, columns: vec![column] })
    }

    #[test]
    fn a_list_grows_where_the_last_rows_bring_what_none_before_them_holds() {
        let by_year = |row: u32| 1 + 2 * (row / 320) + row % 2;
        assert_eq!(growing_of(400, by_year), ["candidate"], "new names in the last fifth of the rows");
        assert_eq!(growing_of(400, |row| 1 + row % 4), [""; 0]);
        assert_eq!(growing_of(400, |row| 1 + row / 100), [""; 0], "sorted by name");
        assert_eq!(growing_of(400, |row| if row == 399 { 4 } else { 1 + row % 3 }), [""; 0], "one row may hold a slip");
    }
}
