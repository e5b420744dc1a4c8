//! Rows as people write them: texts whose types are not known yet, each with its place.

use crate::Span;

/// Rows without types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LooseRows {
    /// The columns, in order.
    pub columns: Vec<LooseColumn>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<LooseCell>>,
    /// Where they stand.
    pub span: Option<Span>,
}

/// A column that somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseColumn {
    /// Its name.
    pub name: String,
    /// Where it was named first.
    pub span: Option<Span>,
}

/// A value as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LooseCell {
    /// The text; `None` where the value is missing.
    pub text: Option<String>,
    /// Whether it was written as text, so that digits alone are no number.
    pub is_text: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

impl LooseRows {
    /// The values of a column, in the order of the rows.
    pub fn column(&self, at: usize) -> impl Iterator<Item = &LooseCell> {
        self.rows.iter().filter_map(move |row| row.get(at))
    }

    /// The place of a column of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
