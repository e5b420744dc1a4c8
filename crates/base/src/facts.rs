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
    /// Set where only the first rows were read, because the time was up.
    #[serde(default)]
    pub beginning: Option<Beginning>,
    /// A handful of rows, each as likely as any other, with a value per column.
    #[serde(default)]
    pub sample_rows: Vec<Vec<Value>>,
}

/// What is known of a dataset of which only the first rows were read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// About how many rows it has, where the source knows.
    pub of_about: Option<u64>,
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
    /// The most frequent values, most frequent first.
    pub top_values: Vec<ValueCount>,
    /// Whether all values were counted to the end. Otherwise there were too many, and those that came late may be counted low.
    #[serde(default)]
    pub top_values_are_exact: bool,
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
    /// Quantiles 0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 and 1, of all values or a sample of them.
    pub quantiles: Vec<Quantile>,
    /// How many values the quantiles come from; they are exact where these are all.
    #[serde(default)]
    pub quantile_values: u64,
    /// How the same values spread between the least and the greatest.
    pub histogram: Histogram,
    /// The median of the distances from the median, of the same values.
    #[serde(default)]
    pub median_deviation: f64,
    /// How many values lie far outside.
    #[serde(default)]
    pub fences: Fences,
    /// How each value compares with the one before it.
    #[serde(default)]
    pub steps: Steps,
    /// How many values fall on each day or month, for days and moments.
    #[serde(default)]
    pub cadence: Option<Cadence>,
}

/// How values compare with the values before them, in the order in which the rows were read; the parts of a dataset that are read
/// side by side begin anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Values greater than the one before.
    pub up: u64,
    /// Values less than the one before.
    pub down: u64,
    /// Values equal to the one before.
    pub same: u64,
    /// Values greater by exactly one: a day for dates and for moments that are all at midnight, else a second; `up` counts them too.
    pub by_one: u64,
}

impl Steps {
    /// Whether no value is less than the one before; true of a single value.
    pub fn is_sorted(&self) -> bool {
        self.down == 0
    }

    /// Whether every value is greater than the one before.
    pub fn is_strictly_increasing(&self) -> bool {
        self.down == 0 && self.same == 0
    }

    /// The share of steps that go up by exactly one, 0 to 1: near 1 for numbers that were given out in a row.
    pub fn sequential_share(&self) -> f64 {
        self.by_one as f64 / (self.up + self.down + self.same).max(1) as f64
    }
}

/// How many values fall on each day or month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cadence {
    /// How long each span is.
    pub span: CalendarSpan,
    /// The first span: `2026-01-31` or `2026-01`.
    pub first: String,
    /// Values per span, without gaps, up to the span of the greatest value.
    pub counts: Vec<u64>,
}

/// A span of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarSpan {
    /// A day.
    Day,
    /// A month.
    Month,
}

/// The places three interquartile ranges beyond the quartiles, and how many values lie beyond them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fences {
    /// The lower fence.
    pub low: f64,
    /// The upper fence.
    pub high: f64,
    /// Values below the lower one.
    pub below: u64,
    /// Values above the upper one.
    pub above: u64,
    /// Whether these were counted; otherwise they are estimated from a sample.
    pub is_exact: bool,
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
    /// Values whose letters look as if their bytes had been read in another encoding: `MÃ¼ller`.
    #[serde(default)]
    pub mojibake: u64,
    /// Values with a quotation mark of the same kind before and after them.
    #[serde(default)]
    pub quoted: u64,
    /// Values that hold a tab, a line end, `;` or `|`: perhaps several values in one.
    #[serde(default)]
    pub delimited: u64,
    /// Values that read as numbers, dates, e-mail addresses and so on, by shape. Each value counts for one shape.
    pub shapes: Vec<ShapeCount>,
    /// The most frequent character patterns, most frequent first.
    pub patterns: Vec<PatternCount>,
    /// How many values the patterns were counted in, drawn at random, where they are too many for all; `None` where it was all of them.
    #[serde(default)]
    pub pattern_sample: Option<u64>,
    /// Distinct values after trimming and lower-casing; `None` where there were too many to keep.
    pub distinct_folded: Option<u64>,
    /// Values that differ in case and surrounding white space alone, most rows first; empty where there were too many values to
    /// keep.
    #[serde(default)]
    pub spellings: Vec<Spellings>,
}

/// Different spellings of what is likely one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spellings {
    /// The value after trimming and lower-casing.
    pub folded: String,
    /// Its spellings, most frequent first.
    pub spellings: Vec<ValueCount>,
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

/// How much to read when measuring.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sample {
    /// Every row.
    All,
    /// About this many rows.
    Rows(u64),
}

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureSettings {
    /// How much to read.
    pub sample: Sample,
    /// How many of the most frequent values to keep per column.
    pub top_values: usize,
}
