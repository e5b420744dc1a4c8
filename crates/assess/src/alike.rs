//! Columns of different datasets that mean the same under other names: their categories are the same.

use std::collections::BTreeSet;

use hw_base::{ColumnFacts, ColumnType};
use serde::Serialize;

use crate::Assessment;
use crate::column::text_of;

/// Categories that are enough to tell what a column is about.
const FEWEST_VALUES: usize = 3;

/// Share of all values of both that both must have.
const LEAST_SHARED: f64 = 0.8;

/// Two columns that mean the same under other names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alike {
    /// A dataset.
    pub dataset: String,
    /// Its column.
    pub column: String,
    /// The other dataset.
    pub other_dataset: String,
    /// Its column.
    pub other_column: String,
    /// Values that both have.
    pub shared_values: usize,
    /// Those as a share of all values of both (Jaccard), 0 to 1.
    pub likeness: f64,
}

/// The pairs of text columns of different datasets whose names differ and whose values are the same, upper and lower case
/// aside; the most alike first.
pub fn alike_columns(assessments: &[Assessment]) -> Vec<Alike> {
    let all: Vec<Categories> = assessments.iter().flat_map(Categories::of).collect();
    let pairs = all.iter().enumerate().flat_map(|(index, one)| all[index + 1..].iter().map(move |other| (one, other)));
    let mut found: Vec<Alike> = pairs.filter_map(|(one, other)| one.alike(other)).collect();
    found.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then(b.shared_values.cmp(&a.shared_values)));
    found
}

/// The whole list of a column's values.
struct Categories<'a> {
    dataset: &'a str,
    column: &'a str,
    values: BTreeSet<String>,
}

impl<'a> Categories<'a> {
    fn of(assessment: &'a Assessment) -> impl Iterator<Item = Self> {
        let dataset = assessment.about.name.as_str();
        assessment.facts.columns.iter().filter_map(move |column| Some(Self { dataset, column: &column.name, values: whole_list(column)? }))
    }

    fn alike(&self, other: &Self) -> Option<Alike> {
        if self.dataset == other.dataset || self.column == other.column {
            return None;
        }
        let shared_values = self.values.intersection(&other.values).count();
        let likeness = shared_values as f64 / self.values.union(&other.values).count().max(1) as f64;
        (likeness >= LEAST_SHARED && shared_values >= FEWEST_VALUES).then(|| Alike {
            dataset: self.dataset.into(),
            column: self.column.into(),
            other_dataset: other.dataset.into(),
            other_column: other.column.into(),
            shared_values,
            likeness: crate::score::rounded(likeness),
        })
    }
}

/// The values of a text column, where all of them are known and repeat.
fn whole_list(column: &ColumnFacts) -> Option<BTreeSet<String>> {
    let values: BTreeSet<String> = column.top_values.iter().filter_map(text_of).map(|text| text.trim().to_lowercase()).collect();
    let listed = column.top_values.iter().filter(|top| text_of(top).is_some()).count() as u64;
    let is_whole = column.distinct_is_exact && listed == column.distinct && column.distinct.saturating_mul(2) <= column.rows;
    (column.kind == ColumnType::Text && is_whole && values.len() >= FEWEST_VALUES).then_some(values)
}
