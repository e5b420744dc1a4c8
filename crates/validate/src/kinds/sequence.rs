//! `sequence`: every value is one step after the one before.

use hw_base::{Column, ColumnType, identifier};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ordered::window;
use crate::columns::{as_double, find, find_all, moments_of, or_unread};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// Every value is one step after the one before.
#[derive(Debug)]
pub(super) struct Sequence;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

counting_settings! {
    /// Settings of `sequence`.
    SequenceSettings {
        /// The column.
        column: String,
        /// How far each value is after the one before; 1 where it is not given.
        step: Option<i64>,
        /// What is counted where the column holds days or moments: `second`, `minute`, `hour`, `day`, `week`, `month` or `year`.
        unit: Option<Unit>,
        /// Judge the rows of each of these groups by themselves.
        group_by: Option<Vec<String>>,
    }
}

impl RuleKind for Sequence {
    kind_is!("sequence", Completeness, Set, SequenceSettings);

    fn about(&self) -> About {
        About {
            finds: "Values that are not exactly one step after the value before, in the order of the column and in each group by itself, in the table as it would be after the load. A number that is left out breaks the rule, and so does one that occurs twice. With `unit`, days or moments are counted, and a text that reads as none breaks the rule. Nulls are left out.",
            matters: "Where numbers are given one after the other, one that is missing is a row that is missing.",
            example: "- sequence: { column: line_number, group_by: [order_id] }\n- sequence: { column: order_date, unit: day, on_failure: alert }",
            remedy: "Ask the source for the rows that are missing: the example is the row after them. Numbers that occur twice are found by `unique`.",
        }
    }
}

impl RuleBody for SequenceSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        std::iter::once(&self.column).chain(self.group_by.iter().flatten()).cloned().collect()
    }

    fn label(&self) -> String {
        self.column.clone()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.step.is_some_and(|step| step < 1) {
            problems.add("step", "a step goes forward", "give a whole number of 1 or more");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        find_all(columns, &self.columns())?;
        let (column, step) = (find(columns, &self.column)?, self.step.unwrap_or(1));
        let (value, next) = match self.unit {
            Some(unit) => (moments_of(column, "sequence with `unit`")?, format!("value_before + interval '{step} {}'", unit.word())),
            // Whole numbers and decimals have more digits than floats.
            None if matches!(column.kind, ColumnType::Integer | ColumnType::Decimal) => {
                (identifier(&column.name), format!("value_before + {step}"))
            }
            None => (as_double(column, "sequence without `unit`")?, format!("value_before + {step}")),
        };
        let (name, unread) = (identifier(&column.name), or_unread(column, &value));
        let over = window(self.group_by.as_deref(), Some(value.clone()));
        Ok(Shape::violating_rows(format!(
            "select * from (select *, lag({value}) over ({over}) as value_before from {{table}} as judged where {name} is not null) \
             as in_order where {unread}{value} <> {next}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_set, refused};

    #[test]
    fn every_value_is_one_step_after_the_one_before() {
        check_set(
            &json!({"sequence": {"column": "a", "step": 10}}),
            "a double",
            "select count(*) as violations from (select * from (select *, lag(a) over (order by a) as value_before from after as judged \
             where a is not null) as in_order where a <> value_before + 10) as broken",
        );
        check_set(
            &json!({"sequence": {"column": "a", "unit": "month"}}),
            "a date",
            "select count(*) as violations from (select * from (select *, lag(cast(a as timestamp(6))) over (order by cast(a as timestamp(6))) \
             as value_before from after as judged where a is not null) as in_order \
             where cast(a as timestamp(6)) <> value_before + interval '1 month') as broken",
        );
        check_set(
            &json!({"sequence": {"column": "a"}}),
            "a bigint",
            "select count(*) as violations from (select * from (select *, lag(a) over (order by a) as value_before from after as judged \
             where a is not null) as in_order where a <> value_before + 1) as broken",
        );
        check_set(
            &json!({"sequence": {"column": "a", "unit": "day"}}),
            "a varchar",
            "select count(*) as violations from (select * from (select *, lag(try_cast(trim(a) as timestamp(6))) over (order by \
             try_cast(trim(a) as timestamp(6))) as value_before from after as judged where a is not null) as in_order \
             where try_cast(trim(a) as timestamp(6)) is null or try_cast(trim(a) as timestamp(6)) <> value_before + interval '1 day') \
             as broken",
        );
        check_misfit(
            &json!({"sequence": {"column": "a"}}),
            "a varchar",
            "`sequence without `unit`` needs numbers, and column `a` is varchar",
        );
        check_misfit(&json!({"sequence": {"column": "a"}}), "a date", "`sequence without `unit`` needs numbers, and column `a` is date");
        assert!(refused(&json!([{"sequence": {"column": "a", "step": 0}}])).contains("a step goes forward"));
    }
}
