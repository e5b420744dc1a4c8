//! What is assessed, for whom, and where the line between noise and finding runs.

use hw_base::{Dimension, MeasureSettings, Sample, Timestamp};
use serde::Serialize;

/// What is assessed.
#[derive(Clone, Debug)]
pub struct About {
    /// The name of the dataset, as reports show it.
    pub name: String,
    /// How the queries of the report name it, as SQL: `shop.customer_orders`.
    pub shown_as: String,
    /// Where it comes from: a file, a database, an API. Never with credentials in it.
    pub source: String,
    /// How much to read.
    pub sample: Sample,
    /// The columns whose flaws matter most.
    pub critical: Vec<String>,
    /// What the data is for, in the words of the people who use it.
    pub use_for: Option<String>,
    /// The moment that the age of the data is judged at; that of the assessment where `None`.
    pub as_of: Option<Timestamp>,
    /// How proposed rules are tried.
    pub rules: RuleTrial,
    /// Where a finding begins.
    pub limits: Limits,
}

/// How proposed rules are tried before they are proposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleTrial {
    /// They are made from all rows, and not tried on others.
    #[default]
    MakeFromAll,
    /// They are made from about three quarters of the rows and judged on the rest, which is read twice for it.
    HoldBack,
}

impl About {
    /// All rows of the dataset `name` from `source`, with nothing marked as critical and the default limits.
    pub fn new(name: impl Into<String>, source: impl Into<String>) -> Self {
        let name = name.into();
        let shown_as = hw_base::qualified(name.split('.'));
        let (sample, critical, use_for, as_of) = (Sample::All, Vec::new(), None, None);
        let (rules, limits) = (RuleTrial::default(), Limits::default());
        Self { name, shown_as, source: source.into(), sample, critical, use_for, as_of, rules, limits }
    }

    /// The moment that was asked for, in words; `None` for now.
    pub(crate) fn as_of_in_words(&self) -> Option<String> {
        self.as_of.map(|moment| moment.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    }

    /// How its rows are measured.
    pub fn measuring(&self) -> MeasureSettings {
        MeasureSettings { sample: self.sample, top_values: self.limits.top_values }
    }
}

/// Where a finding begins. Shares are fractions, 0 to 1.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// How many of the most frequent values to look at per column.
    pub top_values: usize,
    /// Affected share from which an issue is of high severity; that of a critical column counts five times.
    pub high_share: f64,
    /// Affected share from which an issue is of medium severity.
    pub medium_share: f64,
    /// Share of the values that must have one form before the others break it.
    pub dominant_share: f64,
    /// Share of distinct values from which a column named like an identifier counts as one.
    pub key_share: f64,
    /// Share of negative values below which they are suspicious in a measure.
    pub negative_share: f64,
    /// How many interquartile ranges beyond the quartiles a value is an outlier.
    pub outlier_ranges: f64,
    /// Share of outliers above which they are taken for the nature of the column.
    pub outlier_share: f64,
    /// How many distinct values a category may have.
    pub category_values: u64,
    /// Share of the rows below which a value of a category is rare.
    pub rare_share: f64,
    /// The age in seconds that the newest row may have, however often rows arrive.
    pub fresh_seconds: f64,
    /// How many times the usual pause between two moments the newest row may be old.
    pub fresh_pauses: f64,
    /// How many issues may ask the engine for examples.
    pub example_queries: usize,
    /// How much each dimension counts in the overall score.
    pub weights: Weights,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            top_values: 100,
            high_share: 0.2,
            medium_share: 0.02,
            dominant_share: 0.9,
            key_share: 0.95,
            negative_share: 0.1,
            outlier_ranges: 3.0,
            outlier_share: 0.02,
            category_values: 50,
            rare_share: 0.005,
            fresh_seconds: 86_400.0,
            fresh_pauses: 3.0,
            example_queries: 12,
            weights: Weights::default(),
        }
    }
}

/// How much each dimension counts in the overall score; only the ratios matter.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Weights {
    /// Of completeness.
    pub completeness: f64,
    /// Of accuracy.
    pub accuracy: f64,
    /// Of consistency.
    pub consistency: f64,
    /// Of timeliness.
    pub timeliness: f64,
    /// Of validity.
    pub validity: f64,
    /// Of uniqueness.
    pub uniqueness: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { completeness: 1.0, accuracy: 1.0, consistency: 1.0, timeliness: 1.0, validity: 1.0, uniqueness: 1.0 }
    }
}

impl Weights {
    /// The weight of `dimension`.
    pub fn of(&self, dimension: Dimension) -> f64 {
        match dimension {
            Dimension::Completeness => self.completeness,
            Dimension::Accuracy => self.accuracy,
            Dimension::Consistency => self.consistency,
            Dimension::Timeliness => self.timeliness,
            Dimension::Validity => self.validity,
            Dimension::Uniqueness => self.uniqueness,
        }
    }
}
