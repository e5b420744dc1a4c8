//! How far the numbers of a sample may be from those of all rows: scores, distinct and frequent values, quantiles and means.

use hw_base::{ColumnFacts, Dimension, NumberFacts};
use serde::Serialize;

use crate::column::{present, share_of};
use crate::examination::{error_of, points};
use crate::{Assessment, Score};

/// How far the score of a sample may be from that of all rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScoreError {
    /// By so many points, 19 times out of 20.
    Within(f64),
    /// All rows have this score or a lower one: of rows that repeat others a sample shows fewer.
    AtMost,
    /// All rows have this score or a higher one: the newest row may not be in the sample.
    AtLeast,
}

impl ScoreError {
    /// What stands behind the score: ` ± 1.7`, ` or less`, ` or more`.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Within(error) => format!(" ± {}", points(error / 100.0)),
            Self::AtMost => " or less".into(),
            Self::AtLeast => " or more".into(),
        }
    }
}

/// How far the overall score of a sample may be from that of all rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct OverallError {
    /// By so many points, because of the dimensions that are shares of cells.
    within: f64,
    /// Besides, it may be less: of rows that repeat others a sample shows fewer.
    may_be_less: bool,
    /// Besides, it may be more: the newest row may not be in the sample.
    may_be_more: bool,
    /// The least that it may be.
    #[serde(skip)]
    least: f64,
}

impl OverallError {
    /// What stands behind the score: ` ± 0.077, or less, as all rows may repeat others more often`.
    pub(crate) fn in_words(self) -> String {
        let less = if self.may_be_less { ", or less, as all rows may repeat others more often" } else { "" };
        let more = if self.may_be_more { ", or more, as all rows may hold a newer one" } else { "" };
        format!(" ± {}{less}{more}", points(self.within / 100.0))
    }
}

impl Assessment {
    /// How far a score may be from that of all rows; `None` where these were measured, or there is no score.
    ///
    /// A score that is a share of cells is the mean over the rows of a number from 0 to 1, whose spread is at most that of a yes or no.
    pub(crate) fn score_error(&self, score: &Score) -> Option<ScoreError> {
        let value = score.score.filter(|_| !self.facts.scanned_all_rows)?;
        Some(match score.dimension {
            Dimension::Uniqueness => ScoreError::AtMost,
            Dimension::Timeliness => ScoreError::AtLeast,
            Dimension::Completeness | Dimension::Accuracy | Dimension::Consistency | Dimension::Validity => {
                ScoreError::Within(100.0 * error_of(value / 100.0, self.facts.rows))
            }
        })
    }

    /// The same in words; empty where there is nothing to say.
    pub(crate) fn score_error_in_words(&self, score: &Score) -> String {
        self.score_error(score).map(ScoreError::in_words).unwrap_or_default()
    }

    /// How far the overall score may be off; `None` where all rows were measured.
    pub(crate) fn overall_error(&self) -> Option<OverallError> {
        let weights = &self.about.limits.weights;
        let known = || self.scores.dimensions.iter().filter_map(|score| Some((score.score?, weights.of(score.dimension), score)));
        let whole: f64 = known().map(|(_, weight, _)| weight).sum();
        if self.facts.scanned_all_rows || whole <= 0.0 {
            return None;
        }
        let mut error = OverallError { within: 0.0, may_be_less: false, may_be_more: false, least: 0.0 };
        for (value, weight, score) in known() {
            let share = weight / whole;
            let least = match self.score_error(score)? {
                ScoreError::Within(within) => {
                    error.within += within * share;
                    (value - within).max(0.0)
                }
                ScoreError::AtMost => {
                    error.may_be_less |= share > 0.0;
                    0.0
                }
                ScoreError::AtLeast => {
                    error.may_be_more |= share > 0.0;
                    value
                }
            };
            error.least += least * share;
        }
        Some(error)
    }

    /// Whether these rows are a sample, and the overall score of all rows may be less than this.
    pub fn may_score_less_than(&self, limit: f64) -> bool {
        self.overall_error().is_some_and(|error| error.least < limit)
    }

    /// How far the share of a column's values is from that of all rows, 0 to 1; `None` where these were measured.
    pub(crate) fn error_of_share(&self, part: u64, whole: u64) -> Option<f64> {
        (!self.facts.scanned_all_rows).then(|| error_of(share_of(part, whole), whole))
    }

    /// How far the rank of a quantile is from the one it is given, 0 to 1; `None` where it comes from all values.
    pub(crate) fn rank_error(&self, column: &ColumnFacts, numbers: &NumberFacts, at: f64) -> Option<f64> {
        let is_drawn = numbers.quantile_values > 0 && !numbers.fences.is_exact;
        let values = if is_drawn { numbers.quantile_values } else { present(column) };
        (is_drawn || !self.facts.scanned_all_rows).then(|| error_of(at, values))
    }

    /// How far the mean of a column is from that of all rows; `None` where these were measured.
    pub(crate) fn mean_error(&self, column: &ColumnFacts, numbers: &NumberFacts) -> Option<f64> {
        let error = 1.96 * numbers.standard_deviation / (present(column).max(1) as f64).sqrt();
        (!self.facts.scanned_all_rows && error.is_finite()).then_some(error)
    }

    /// What stands before a number of distinct values: all rows have those of a sample and may have more.
    pub(crate) fn at_least(&self) -> &'static str {
        if self.facts.scanned_all_rows { "" } else { "at least " }
    }

    /// How a number of distinct values relates to that of all rows; `None` where it is that.
    pub(crate) fn distinct_bound(&self, column: &ColumnFacts) -> Option<&'static str> {
        match (self.facts.scanned_all_rows, column.distinct_is_exact) {
            (true, true) => None,
            (true, false) => Some("within about 1 %"),
            (false, true) => Some("at least"),
            (false, false) => Some("at least, within about 1 %"),
        }
    }
}
