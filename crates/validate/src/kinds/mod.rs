//! The shelf of rule kinds.
//!
//! Add one: a file in this folder, its `mod` line, its line in [`RULE_KINDS`].

mod accepted_values;
mod aggregate;
mod compare;
mod distinct_count;
mod expression;
mod freshness;
mod length;
mod matches;
mod not_blank;
mod not_null;
mod range;
mod referential;
mod row_count;
mod schema;
mod unique;

use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;

use hw_base::{Dimension, Result, Settings, TableFacts, unknown};
use schemars::{Schema, SchemaGenerator};

use crate::columns::in_parentheses;
use crate::explain::About;
use crate::propose::Proposal;
use crate::rule::{Problems, RuleBody, Scope};
use crate::scalar::Scalar;
use crate::shape::{Bounds, Limit, LimitValue};

/// A kind of rule: its settings, its manual page, its SQL and when to propose it.
pub trait RuleKind: Debug + Send + Sync {
    /// The word a project uses: `- not_null: { … }`.
    fn name(&self) -> &'static str;

    /// The dimension of quality that its rules watch, unless they say otherwise.
    fn dimension(&self) -> Dimension;

    /// What its rules look at.
    fn scope(&self) -> Scope;

    /// Its manual page.
    fn about(&self) -> About;

    /// The JSON Schema of its settings.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// Reads and checks the settings of a rule.
    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>>;

    /// Rules of this kind that the measured rows obey, and that rows to come should.
    fn propose(&self, _facts: &TableFacts) -> Vec<Proposal> {
        Vec::new()
    }
}

/// Every kind there is, in the order the manual lists them.
pub const RULE_KINDS: &[&dyn RuleKind] = &[
    &not_null::NotNull,
    &not_blank::NotBlank,
    &unique::Unique,
    &accepted_values::AcceptedValues,
    &range::Range,
    &matches::Matches,
    &length::Length,
    &compare::Compare,
    &expression::Expression,
    &referential::Referential,
    &row_count::RowCount,
    &distinct_count::DistinctCount,
    &aggregate::Aggregate,
    &freshness::Freshness,
    &schema::ColumnsAndTypes,
];

/// The kind called `name`.
///
/// # Errors
/// Lists the known ones, with the one that was probably meant.
pub fn rule_kind(name: &str) -> Result<&'static dyn RuleKind> {
    let known = RULE_KINDS.iter().copied().find(|kind| kind.name() == name);
    known.ok_or_else(|| unknown("kind of rule", name, RULE_KINDS.iter().map(|kind| kind.name())).code("HW102"))
}

/// Checks that `column` or `columns` names at least one column, and not both.
fn check_column_or_columns(column: Option<&str>, columns: Option<&[String]>, problems: &mut Problems<'_>) {
    match (column, columns) {
        (Some(_), Some(_)) => problems.add("columns", "`column` and `columns` are both given", "keep one of them"),
        (None, None | Some([])) => problems.add("columns", "no column is named", "add `column: order_id` or `columns: [order_id, line]`"),
        _ => {}
    }
}

/// An aggregate over the rows where `condition` is true; over all rows where there is none.
fn filtered(aggregate: &str, condition: Option<&str>) -> String {
    match condition {
        Some(condition) => format!("{aggregate} filter (where {})", in_parentheses(condition)),
        None => aggregate.into(),
    }
}

/// Checks two limits on a count.
fn check_limits(min: Option<u64>, max: Option<u64>, problems: &mut Problems<'_>) {
    match (min, max) {
        (None, None) => problems.add("min", "neither `min` nor `max` is given", "add `min:`, `max:` or both"),
        (Some(min), Some(max)) if min > max => problems.add("min", "`min` is greater than `max`", "swap them"),
        _ => {}
    }
}

/// Checks `min` or `above` against `max` or `below`, given in this order.
fn check_sides([min, above, max, below]: [&Option<Scalar>; 4], problems: &mut Problems<'_>) {
    for (one, other, [inside, outside]) in [(min, above, ["min", "above"]), (max, below, ["max", "below"])] {
        if one.is_some() && other.is_some() {
            problems.add(outside, format!("`{inside}` and `{outside}` are both given"), "keep one of them");
            return;
        }
    }
    let (low, high) = (min.as_ref().or(above.as_ref()), max.as_ref().or(below.as_ref()));
    let (lowest, highest) = (if min.is_some() { "min" } else { "above" }, if max.is_some() { "max" } else { "below" });
    let Some((low, high)) = low.zip(high) else {
        if low.or(high).is_none() {
            problems.add("min", "neither `min` nor `max` is given", "add `min:`, `max:` or both");
        }
        return;
    };
    match low.compare(high) {
        None => problems.add(highest, format!("`{low}` and `{high}` are no two values of one kind"), "give two numbers, two dates or two moments"),
        Some(Ordering::Greater) => problems.add(lowest, format!("`{lowest}` is greater than `{highest}`"), "swap them"),
        Some(Ordering::Equal) if above.is_some() || below.is_some() => {
            problems.add(lowest, format!("no value lies above {low} and below {high}"), "use `min` and `max`, which are inside themselves");
        }
        Some(_) => {}
    }
}

/// Bounds of a count.
fn count_bounds(min: Option<u64>, max: Option<u64>) -> Bounds {
    let limit = |count: u64| Limit::inside(LimitValue::Number(count.into()));
    Bounds::Between { min: min.map(limit), max: max.map(limit) }
}

#[cfg(test)]
mod tests;
