//! Rows that are told as copies of others, so that what they repeat is told with them and by nothing else.

use std::collections::{BTreeMap, HashSet};

use hw_base::CodedTable;
use hw_relate::NearDuplicates;

use crate::listed::data_row;
use crate::{Cell, Examination, words};

/// The copies among the rows that were looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Copies {
    /// The coded rows that record again what an earlier one records, ascending.
    pub(crate) rows: Vec<usize>,
    /// Those of them that equal an earlier row in every column, ascending.
    pub(crate) equal: Vec<usize>,
    /// By column, how many of them repeat a value for that reason.
    repeats: BTreeMap<String, Repeats>,
}

/// Rows whose value repeats that of the row which they copy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Repeats {
    /// Rows that equal an earlier one in every column.
    pub(crate) equal: u64,
    /// Rows that nearly do.
    pub(crate) near: u64,
}

impl Copies {
    /// The rows that repeat others: as a whole, where that is no chance, or but for their key.
    pub(crate) fn of(table: &CodedTable, are_alike_by_chance: bool, near: &NearDuplicates) -> Self {
        let equal = if are_alike_by_chance { Vec::new() } else { hw_relate::copies(table) };
        let mut rows: Vec<usize> = near.pairs.iter().map(|pair| pair.row).chain(equal.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        Self { rows, equal, repeats: BTreeMap::new() }
    }

    /// With the values that they repeat, but for those that stand for a missing one, as `cells` tell them.
    pub(crate) fn with_repeats(mut self, table: &CodedTable, near: &NearDuplicates, cells: &[Cell]) -> Self {
        if self.rows.is_empty() {
            return self;
        }
        let stand_ins = cells.iter().filter(|cell| cell.issue == "disguised_missing");
        let stand_ins: HashSet<(u64, &str)> = stand_ins.map(|cell| (cell.row, cell.column.as_str())).collect();
        for column in &table.columns {
            let says = |row: usize| column.codes[row] != 0 && !stand_ins.contains(&(data_row(table, row), column.name.as_str()));
            // Rows that nearly agree and have no other key repeat their key, whatever else they repeat.
            let is_own_key = near.keys.is_empty() && words::is_identifier(&column.name);
            let is_repeated = |row: usize, of: usize| !is_own_key && says(row) && column.codes[row] == column.codes[of];
            let repeats = Repeats {
                equal: self.equal.iter().filter(|row| says(**row)).count() as u64,
                near: near.pairs.iter().filter(|pair| is_repeated(pair.row, pair.repeats)).count() as u64,
            };
            self.repeats.insert(column.name.clone(), repeats);
        }
        self
    }
}

impl Repeats {
    /// How many rows repeat a value of a column because they copy a row: those that were looked at, else as many as were measured.
    pub(crate) fn of(examination: &Examination, column: &str) -> Self {
        let facts = examination.facts;
        let measured = Self { equal: facts.duplicate_rows, near: 0 };
        let Some(relations) = &examination.evidence.relations else { return measured };
        let looked_at = relations.copies.repeats.get(column).copied().unwrap_or_default();
        if relations.rows >= facts.rows {
            return looked_at;
        }
        let equal = if relations.are_alike_by_chance { 0 } else { facts.duplicate_rows };
        Self { equal, near: examination.scaled(looked_at.near, relations.rows) }
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{ColumnType, Dimension};
    use hw_relate::NearDuplicate;

    use super::*;
    use crate::fixture::coded as column;

    #[test]
    fn what_copies_repeat_is_known_by_column() {
        let columns = vec![
            column("id", ColumnType::Integer, &["1", "2", "2", "3", "4"]),
            column("email", ColumnType::Text, &["a", "N/A", "N/A", "a", "b"]),
        ];
        let table = CodedTable { name: "t".into(), rows: 5, sampled: None, columns };
        let near = NearDuplicates { compared: vec![1], keys: vec![0], pairs: vec![NearDuplicate { row: 3, repeats: 0, slip_in: None }] };
        let stand_in = |row: u64| Cell {
            row,
            column: "email".into(),
            dimension: Dimension::Completeness,
            issue: "disguised_missing".into(),
            confidence: 0.9,
            suggestion: String::new(),
            value: Some("N/A".into()),
        };
        let copies = Copies::of(&table, false, &near).with_repeats(&table, &near, &[stand_in(1), stand_in(2)]);
        assert_eq!((copies.rows.as_slice(), copies.equal.as_slice()), ([2, 3].as_slice(), [2].as_slice()));
        assert_eq!(copies.repeats["id"], Repeats { equal: 1, near: 0 });
        assert_eq!(copies.repeats["email"], Repeats { equal: 0, near: 1 });
        let slipped = NearDuplicate { row: 2, repeats: 1, slip_in: Some(1) };
        let of_one_key = NearDuplicates { keys: Vec::new(), pairs: vec![slipped], ..near.clone() };
        let copies = Copies::of(&table, true, &of_one_key).with_repeats(&table, &of_one_key, &[]);
        assert_eq!((copies.repeats["id"].near, copies.repeats["email"].near), (0, 1), "the key that they repeat is told");
        assert_eq!(Copies::of(&table, true, &near).rows, [3], "rows that are alike by chance are no copies");
    }
}
