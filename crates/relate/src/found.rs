//! What can be found: plain values. Columns are named by their position in their table, rows by their position among the
//! coded rows.

use hw_base::Dimension;

/// Columns that together tell every row from every other. None of them can be left out, and none of them is ever null.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The columns, in the order of the table.
    pub columns: Vec<usize>,
    /// How much it looks like a key that somebody meant, 0 to 1; not a probability.
    pub score: f64,
}

/// The candidate keys of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys {
    /// The most plausible first.
    pub keys: Vec<Key>,
    /// Whether these are all minimal keys; otherwise a bound on the work was met, and wider keys may be missing.
    pub is_complete: bool,
}

/// Rows that agree on the determinant agree on the dependent, up to `error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// The columns that determine, in the order of the table. Minimal. Empty: the dependent is constant.
    pub determinant: Vec<usize>,
    /// The column that is determined.
    pub dependent: usize,
    /// The least share of all rows that must go for the dependency to hold (the measure g3); 0 is exact.
    pub error: f64,
    /// Rows that share their determinant with another row: those that had the chance to contradict.
    pub support: u64,
    /// How much it looks like a rule of the data rather than chance, 0 to 1; not a probability.
    pub score: f64,
}

impl Dependency {
    /// Whether no row contradicts it.
    pub fn is_exact(&self) -> bool {
        self.error == 0.0
    }
}

/// The functional dependencies of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependencies {
    /// Exact and approximate ones, the most plausible first.
    pub dependencies: Vec<Dependency>,
    /// Whether these are all minimal exact ones; otherwise a bound on the work was met, and wider ones may be missing.
    pub is_complete: bool,
}

/// A row whose value is in the minority among the rows with the same determinant.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The row.
    pub row: usize,
    /// The value of most rows of the group; `None` where it is null.
    pub expected: Option<String>,
    /// Rows of the group that hold the expected value.
    pub agreeing: u64,
    /// Rows of the group.
    pub group: u64,
}

/// Columns of one of several tables.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableColumns {
    /// The position of the table.
    pub table: usize,
    /// The positions of the columns.
    pub columns: Vec<usize>,
}

/// The values of some columns are among the values of a key of another table (or of the same one).
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The side that refers.
    pub from: TableColumns,
    /// The side referred to, column by column in the same order.
    pub to: TableColumns,
    /// Whether the side referred to is a key of its table; otherwise its values repeat.
    pub is_key: bool,
    /// Coded rows of `from` whose values, none of them null, occur nowhere in `to`.
    pub orphans: u64,
    /// Coded rows of `from` without nulls in these columns.
    pub rows: u64,
    /// Up to ten of the values without a counterpart, parts joined by `, `.
    pub orphan_values: Vec<String>,
    /// The share of the distinct values of `to` that `from` mentions, 0 to 1.
    pub coverage: f64,
    /// How much it looks like a reference that somebody meant, 0 to 1; not a probability.
    pub score: f64,
}

/// A cell that contradicts the rest of its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The row.
    pub row: usize,
    /// The column.
    pub column: usize,
    /// The dimension of quality it counts against.
    pub dimension: Dimension,
    /// A stable word for what is suspicious about it, such as `misspelling`: one of [`crate::CELL_ISSUES`].
    pub issue: &'static str,
    /// How sure the finding is, 0 to 1.
    pub confidence: f64,
    /// The value it probably should have, where the table itself says so.
    pub suggestion: Option<String>,
    /// The columns that decide otherwise, where it contradicts what other columns decide; else none.
    pub by: Vec<usize>,
}
