//! The shelf of rule kinds.
//!
//! Add one: a file in this folder, its `mod` line, its line in [`RULE_KINDS`].

mod accepted_combinations;
mod accepted_values;
mod aggregate;
mod columns_differ;
mod columns_equal;
mod compare;
mod distinct_count;
mod distinct_values;
mod distribution;
mod expression;
mod freshness;
mod is_null;
mod json_schema;
mod length;
mod like;
mod matches;
mod most_common_value;
mod no_gaps;
mod no_overlaps;
mod not_blank;
mod not_null;
mod ordered;
mod outliers;
mod parses;
mod query;
mod range;
mod reconcile;
mod referential;
mod rejected_values;
mod row_count;
mod row_sum;
mod schema;
mod sequence;
mod unique;
mod z_score;

use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;

use hw_base::{Column, ColumnType, Dimension, Result, Settings, TableFacts, identifier, unknown};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

pub use referential::FoundReference;

use crate::change::Change;
use crate::columns::{all_present, any_present, as_moment, as_text, in_parentheses};
use crate::exact::Exact;
use crate::explain::About;
use crate::learned::Learned;
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
    &is_null::IsNull,
    &unique::Unique,
    &accepted_values::AcceptedValues,
    &rejected_values::RejectedValues,
    &distinct_values::DistinctValues,
    &most_common_value::MostCommonValue,
    &range::Range,
    &matches::Matches,
    &like::Like,
    &parses::Parses,
    &json_schema::JsonSchema,
    &length::Length,
    &compare::Compare,
    &columns_equal::ColumnsEqual,
    &columns_differ::ColumnsDiffer,
    &row_sum::RowSum,
    &accepted_combinations::AcceptedCombinations,
    &expression::Expression,
    &referential::Referential,
    &reconcile::Reconcile,
    &query::Query,
    &row_count::RowCount,
    &distinct_count::DistinctCount,
    &aggregate::Aggregate,
    &distribution::Distribution,
    &z_score::ZScore,
    &outliers::Outliers,
    &ordered::Ordered,
    &sequence::Sequence,
    &no_gaps::NoGaps,
    &no_overlaps::NoOverlaps,
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
        (None, Some(columns)) => {
            if let Some((_, twice)) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name)) {
                problems.add("columns", format!("`{twice}` is named twice"), "name each column once");
            }
        }
        (Some(_), None) => {}
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

/// How the limits of a rule follow from earlier runs, where they do.
fn followed(learned: Option<Learned>, change: Option<Change>) -> Option<Learned> {
    change.map(Learned::Change).or(learned)
}

/// Checks that limits which follow from earlier runs are given in no other way, and `change` itself.
fn check_learned(change: Option<Change>, problems: &mut Problems<'_>) {
    let source = if change.is_some() { "to follow from `change`" } else { "to be learned" };
    let mut others = ["min", "max", "above", "below"].into_iter().chain(change.map(|_| "learned"));
    if let Some(key) = others.find(|key| problems.has(key)) {
        problems.add(
            key,
            format!("`{key}` is given, and the limits are {source}"),
            "keep one of them; a rule of its own can hold the other",
        );
    }
    if let Some(change) = change {
        change.check(problems);
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
        None => problems.add(
            highest,
            format!("`{low}` and `{high}` are no two values of one kind"),
            "give two numbers, two dates or two moments",
        ),
        Some(Ordering::Greater) => problems.add(lowest, format!("`{lowest}` is greater than `{highest}`"), "swap them"),
        Some(Ordering::Equal) if above.is_some() || below.is_some() => {
            problems.add(lowest, format!("no value lies above {low} and below {high}"), "use `min` and `max`, which are inside themselves");
        }
        Some(_) => {}
    }
}

/// A column and the values of a list, written so that they compare. A number that the column cannot hold is never found in it, as other tools
/// have it; a list of nothing else is a mistake.
fn comparable(column: &Column, values: &[Scalar]) -> Result<(String, Vec<String>), String> {
    let written = values.iter().map(|value| value.for_column(column)).collect::<Result<Vec<_>, _>>()?;
    let mut unheld = values.iter().filter_map(|value| value.held_by(column).err());
    if values.iter().all(|value| value.held_by(column).is_err())
        && let Some(misfit) = unheld.next()
    {
        return Err(misfit);
    }
    let has_zero = || values.iter().any(|value| value.as_number() == Some(Exact::from(0)));
    let name = match column.kind {
        // A zero with a sign is a zero; a long list is looked up by bits.
        ColumnType::Float if has_zero() => format!("({} + 0.0)", identifier(&column.name)),
        ColumnType::Binary | ColumnType::Other | ColumnType::Time => as_text(column),
        ColumnType::Date if values.iter().any(|value| value.is_moment_for(column)) => as_moment(column),
        _ => identifier(&column.name),
    };
    Ok((name, written))
}

/// A column and the list of values to look it up in: `a` and `('x', 'y')`.
fn listed(column: &Column, values: &[Scalar], ignore_case: bool) -> Result<(String, String), String> {
    let held: Vec<Scalar> = values.iter().filter(|value| value.beyond(column).is_none()).cloned().collect();
    let (name, values) = comparable(column, if held.is_empty() { values } else { &held })?;
    if !ignore_case || column.kind != ColumnType::Text {
        return Ok((name, format!("({})", values.join(", "))));
    }
    let lower: Vec<String> = values.iter().map(|value| value.to_lowercase()).collect();
    Ok((format!("lower({name})"), format!("({})", lower.join(", "))))
}

/// The column with one zero: values are told apart by their bits, and zeros with and without a sign differ in one.
fn one_zero(column: &Column) -> String {
    let name = identifier(&column.name);
    if column.kind == ColumnType::Float { format!("{name} + 0.0") } else { name }
}

/// How many of several things must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Require {
    /// One of them, or more.
    #[default]
    Any,
    /// All of them.
    All,
}

/// The patterns of a rule, in its two forms.
fn patterns<'a>(one: Option<&'a String>, several: Option<&'a Vec<String>>) -> impl Iterator<Item = &'a String> {
    one.into_iter().chain(several.into_iter().flatten())
}

fn check_patterns(one: Option<&str>, several: Option<&[String]>, problems: &mut Problems<'_>) {
    match (one, several) {
        (Some(_), Some(_)) => problems.add("patterns", "`pattern` and `patterns` are both given", "keep one of them"),
        (None, None | Some([])) => problems.add("pattern", "no pattern is given", "add `pattern: …` or `patterns: […, …]`"),
        _ => {}
    }
}

/// The SQL that is true for texts that break the rule, where each of `fits` is true for texts that fit a pattern.
fn violates_patterns(fits: &[String], require: Require, not: bool) -> String {
    match (not, require) {
        (true, _) => format!("({})", fits.join(" or ")),
        (false, Require::Any) => format!("not ({})", fits.join(" or ")),
        (false, Require::All) => format!("not ({})", fits.join(" and ")),
    }
}

/// Which rows a rule about several columns leaves out because of nulls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SkipIf {
    /// Rows with a null in one of the columns.
    #[default]
    AnyNull,
    /// Rows with nulls in all of the columns.
    AllNull,
    /// None: a row where a null leaves it open whether the rule holds breaks it.
    Never,
}

impl SkipIf {
    /// The SQL that is true for rows that are not left out.
    fn condition(self, names: &[String]) -> String {
        match self {
            Self::AnyNull => all_present(names),
            Self::AllNull => format!("({})", any_present(names)),
            Self::Never => "true".into(),
        }
    }

    /// The SQL that is true for rows that break the rule, where `holds` is true for those that do not, and null where a
    /// null leaves it open.
    fn violates(self, holds: &str, names: &[String]) -> String {
        match self {
            Self::AnyNull => format!("{} and not ({holds})", all_present(names)),
            Self::AllNull => format!("({}) and ({holds}) is not true", any_present(names)),
            Self::Never => format!("({holds}) is not true"),
        }
    }
}

/// Checks that there are two columns or more.
fn check_several(columns: &[String], problems: &mut Problems<'_>) {
    if columns.len() < 2 {
        problems.add("columns", "a rule on several columns needs several", "name two columns or more");
    }
}

/// Checks that no column is named twice: beside itself it tells nothing.
fn check_different(columns: &[String], problems: &mut Problems<'_>) {
    let twice = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
    if let Some((_, name)) = twice {
        let message = format!("`{name}` is named twice, and beside itself a column tells nothing");
        problems.add("columns", message, "name each column once; that a value is there is said by `not_null`");
    }
}

/// Bounds of a count.
fn count_bounds(min: Option<u64>, max: Option<u64>) -> Bounds {
    let limit = |count: u64| Limit::inside(LimitValue::Number(count.into()));
    Bounds::Between { min: min.map(limit), max: max.map(limit) }
}

#[cfg(test)]
mod tests;
