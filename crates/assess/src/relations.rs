//! What the columns of a dataset say about each other, as far as the report shows and judges it.

use hw_base::Dimension;
use serde::Serialize;

/// What was found between columns and between datasets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Columns that identify a row, the best first.
    pub keys: Vec<Key>,
    /// Columns that decide another one, exact ones first.
    pub dependencies: Vec<Dependency>,
    /// References from or to this dataset, the best first.
    pub references: Vec<Relationship>,
    /// Cells that contradict the rest.
    pub cells: Vec<Cell>,
    /// What was not searched and why, in sentences: a bound on work that was hit.
    pub bounds: Vec<String>,
}

/// Columns that identify a row: no value is missing and none occurs twice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    /// The columns.
    pub columns: Vec<String>,
    /// Whether no column can be left out.
    pub minimal: bool,
    /// How likely they are meant to identify a row, 0 to 1.
    pub score: f64,
}

/// Columns whose values decide the value of another column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dependency {
    /// The columns that decide.
    pub determinant: Vec<String>,
    /// The column that is decided.
    pub dependent: String,
    /// The share of rows to remove so that it holds (g3), 0 to 1; 0 where it holds.
    pub error: f64,
}

/// A reference from columns of one dataset to columns of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relationship {
    /// The dataset that refers.
    pub dataset: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The dataset referred to.
    pub references: String,
    /// The columns referred to, in the order of `columns`.
    pub reference_columns: Vec<String>,
    /// Rows whose values are not among those referred to.
    pub orphans: u64,
    /// How likely the reference is meant, 0 to 1.
    pub score: f64,
}

/// A cell that contradicts the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The data row, from 0 in file order.
    pub row: u64,
    /// The column.
    pub column: String,
    /// The one dimension it counts against.
    pub dimension: Dimension,
    /// The kind of suspicion: `typo`.
    pub issue: String,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// What the cell should probably hold; empty where nothing tells.
    pub suggestion: String,
    /// What it holds; `None` where it is missing.
    #[serde(skip)]
    pub value: Option<String>,
}

/// The cells as CSV with a header: `row,column,dimension,issue,confidence,suggestion`, in the order of rows, then of columns.
pub fn cells_csv(cells: &[Cell]) -> String {
    let mut sorted: Vec<&Cell> = cells.iter().collect();
    sorted.sort_by(|a, b| (a.row, &a.column, &a.issue).cmp(&(b.row, &b.column, &b.issue)));
    let mut csv = String::from("row,column,dimension,issue,confidence,suggestion\n");
    for cell in sorted {
        let fields = [field(&cell.column), cell.dimension.name().into(), field(&cell.issue)];
        csv.push_str(&format!("{},{},{},{}\n", cell.row, fields.join(","), rounded(cell.confidence), field(&cell.suggestion)));
    }
    csv
}

fn rounded(confidence: f64) -> f64 {
    (confidence.clamp(0.0, 1.0) * 1000.0).round() / 1000.0
}

/// A field as CSV needs it: in quotes where it holds a comma, a quote, a line end or blanks at its edges.
fn field(text: &str) -> String {
    let needs_quotes = text.contains([',', '"', '\n', '\r']) || text.trim() != text;
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(row: u64, column: &str, suggestion: &str) -> Cell {
        Cell {
            row,
            column: column.into(),
            dimension: Dimension::Accuracy,
            issue: "typo".into(),
            confidence: 0.912_345,
            suggestion: suggestion.into(),
            value: None,
        }
    }

    #[test]
    fn cells_are_listed_by_row_with_their_quotes() {
        let csv = cells_csv(&[cell(7, "b", "say \"hi\", now"), cell(2, "a, b", ""), cell(7, "a", " x")]);
        assert_eq!(
            csv,
            "row,column,dimension,issue,confidence,suggestion\n\
             2,\"a, b\",accuracy,typo,0.912,\n\
             7,a,accuracy,typo,0.912,\" x\"\n\
             7,b,accuracy,typo,0.912,\"say \"\"hi\"\", now\"\n"
        );
    }
}
