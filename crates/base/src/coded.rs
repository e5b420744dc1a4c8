//! A dataset in which each distinct value of a column is kept once: the form in which columns are compared with each other.

use crate::{ByteSize, ColumnType};

/// A dataset, or a uniform sample of its rows, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodedTable {
    /// Its name.
    pub name: String,
    /// Rows of the dataset.
    pub rows: u64,
    /// The zero-based data row of each coded row, in file order; `None` where all rows are coded in that order.
    pub sampled: Option<Vec<u64>>,
    /// The columns, all of one length, in order.
    pub columns: Vec<CodedColumn>,
}

/// How much memory the codes of a dataset's columns may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeMemory {
    /// Where all rows fit into this, all are coded.
    pub whole: ByteSize,
    /// Otherwise a sample that fits into this.
    pub sample: ByteSize,
}

/// A column as codes of its distinct values.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedColumn {
    /// Its name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ColumnType,
    /// The distinct values that are not null, as the source writes them, by first appearance.
    pub values: Vec<String>,
    /// Per row: 0 for null, else one more than the index in `values`.
    pub codes: Vec<u32>,
}

impl CodedTable {
    /// Rows that are coded: all of the dataset, or those of the sample.
    pub fn coded_rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.codes.len())
    }

    /// Whether every row of the dataset is coded.
    pub fn is_whole(&self) -> bool {
        self.sampled.is_none()
    }

    /// The table without some of its coded rows, ascending; the codes of the others stay as they are.
    #[must_use]
    pub fn without(&self, rows: &[usize]) -> Self {
        let is_left = |row: usize| rows.binary_search(&row).is_err();
        let left: Vec<usize> = (0..self.coded_rows()).filter(|row| is_left(*row)).collect();
        let number = |row: &usize| self.sampled.as_ref().and_then(|rows| rows.get(*row).copied()).unwrap_or(*row as u64);
        let column = |column: &CodedColumn| CodedColumn {
            name: column.name.clone(),
            kind: column.kind,
            values: column.values.clone(),
            codes: left.iter().map(|row| column.codes[*row]).collect(),
        };
        Self {
            name: self.name.clone(),
            rows: self.rows,
            sampled: Some(left.iter().map(number).collect()),
            columns: self.columns.iter().map(column).collect(),
        }
    }
}

impl CodedColumn {
    /// The value of a row; `None` where it is null.
    pub fn value(&self, row: usize) -> Option<&str> {
        let code = usize::try_from(*self.codes.get(row)?).ok()?;
        self.values.get(code.checked_sub(1)?).map(String::as_str)
    }
}
