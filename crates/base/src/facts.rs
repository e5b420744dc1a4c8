//! What one pass over a dataset measures: plain numbers, no judgement.

use serde::{Deserialize, Serialize};

use crate::{ColumnType, TextShape, Value};

/// The measurements of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Rows measured.
    pub rows: u64,
    /// Records that could not be read as rows.
    pub malformed: u64,
    /// Rows that equal an earlier row in every column.
    pub duplicate_rows: u64,
    /// Whether `duplicate_rows` was counted exactly.
    pub duplicates_are_exact: bool,
    /// The columns, in order.
    pub columns: Vec<ColumnFacts>,
    /// Whether all rows were read; otherwise a sample.
    pub scanned_all_rows: bool,
}

/// The measurements of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ColumnType,
    /// The type in SQL's words.
    pub sql_type: String,
    /// Rows measured.
    pub rows: u64,
    /// Missing values.
    pub nulls: u64,
    /// Distinct values that are not null.
    pub distinct: u64,
    /// Whether `distinct` was counted exactly; otherwise it is an estimate within about 1 %.
    pub distinct_is_exact: bool,
    /// The least value.
    pub min: Value,
    /// The greatest value.
    pub max: Value,
    /// The most frequent values, most frequent first. Counts are exact where `distinct_is_exact`.
    pub top_values: Vec<ValueCount>,
    /// Numbers about the numbers; dates and moments are measured as seconds since 1970.
    pub numbers: Option<NumberFacts>,
    /// Numbers about the text.
    pub text: Option<TextFacts>,
}

/// How often a value occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value.
    pub value: Value,
    /// Rows that hold it.
    pub count: u64,
}

/// A quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Which one, 0 to 1.
    pub at: f64,
    /// Its value.
    pub value: f64,
}

/// Measurements of numeric values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberFacts {
    /// The sum.
    pub sum: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the sample.
    pub standard_deviation: f64,
    /// Values below zero.
    pub negatives: u64,
    /// Values equal to zero.
    pub zeros: u64,
    /// Quantiles 0.01, 0.05, 0.25, 0.5, 0.75, 0.95 and 0.99, from a sample of the values.
    pub quantiles: Vec<Quantile>,
    /// How the values spread between the least and the greatest, from the same sample.
    pub histogram: Histogram,
}

/// Counts in equal steps between `low` and `high`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The lower edge of the first step.
    pub low: f64,
    /// The upper edge of the last step.
    pub high: f64,
    /// Values per step.
    pub counts: Vec<u64>,
}

/// Measurements of text values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextFacts {
    /// Characters in the shortest value.
    pub min_length: u64,
    /// Characters in the longest value.
    pub max_length: u64,
    /// Mean number of characters.
    pub mean_length: f64,
    /// Values of no character.
    pub empty: u64,
    /// Values of nothing but white space, of at least one character; empty ones are not among them.
    pub blank: u64,
    /// Values with white space before or after something else; blank ones are not among them.
    pub padded: u64,
    /// Values with control or other non-printing characters.
    pub non_printing: u64,
    /// Values that read as numbers, dates, e-mail addresses and so on, by shape. Each value counts for one shape.
    pub shapes: Vec<ShapeCount>,
    /// The most frequent character patterns, most frequent first.
    pub patterns: Vec<PatternCount>,
    /// Distinct values after trimming and lower-casing; `None` where there were too many to keep.
    pub distinct_folded: Option<u64>,
}

/// How many values have a shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapeCount {
    /// The shape.
    pub shape: TextShape,
    /// Values that have it.
    pub count: u64,
}

/// How many values have a character pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatternCount {
    /// The pattern, see [`crate::character_pattern`].
    pub pattern: String,
    /// Values that have it, among those looked at.
    pub count: u64,
}
