//! `aggregate`: a value measured over all rows lies between two limits.

use std::cmp::Ordering;
use std::sync::Arc;

use hw_base::{Column, Dimension, Result, Settings, identifier};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::columns::{find, in_parentheses};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::scalar::Scalar;
use crate::shape::{Bounds, Limit, Shape};
use crate::shared_settings::{Common, measuring_settings};

/// A value measured over all rows lies between two limits.
#[derive(Debug)]
pub(super) struct Aggregate;

/// What to measure about the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Function {
    /// The sum.
    Sum,
    /// The mean.
    #[serde(alias = "avg")]
    Mean,
    /// The median.
    Median,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The standard deviation of the sample.
    #[serde(alias = "stddev")]
    StandardDeviation,
    /// The number of values that are not null.
    Count,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Min => "min",
            Self::Max => "max",
            Self::StandardDeviation => "standard_deviation",
            Self::Count => "count",
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Mean => "avg",
            Self::StandardDeviation => "stddev",
            Self::Sum | Self::Median | Self::Min | Self::Max | Self::Count => self.name(),
        }
    }

    /// Makes sure that the function can measure `column`. The least text is no least number: `10` stands before `9`.
    fn can_measure(self, column: &Column) -> Result<(), String> {
        let (can, wanted) = match self {
            Self::Sum | Self::Mean | Self::Median | Self::StandardDeviation => (column.kind.is_numeric(), "numbers"),
            Self::Min | Self::Max => (column.kind.is_numeric() || column.kind.is_temporal(), "numbers, dates or moments"),
            Self::Count => (true, ""),
        };
        let name = self.name();
        let refusal = || format!("`{name}` needs {wanted}, and column `{}` is {}", column.name, column.sql_type);
        let help = || format!("cast it with `sql: {}(cast({} as double))`", self.sql(), identifier(&column.name));
        if can { Ok(()) } else { Err(format!("{}; {}", refusal(), help())) }
    }

    /// Whether its value is a date or a moment.
    fn gives_moments(self, column: &Column) -> bool {
        matches!(self, Self::Min | Self::Max) && column.kind.is_temporal()
    }
}

measuring_settings! {
    /// Settings of `aggregate`.
    AggregateSettings {
        /// What to measure about `column`.
        function: Option<Function>,
        /// The column.
        column: Option<String>,
        /// SQL of your own in place of `function` and `column`, such as `sum(discount) / sum(price)`.
        sql: Option<String>,
        /// The least value: a number, a date or a moment.
        min: Option<Scalar>,
        /// The greatest value: a number, a date or a moment.
        max: Option<Scalar>,
        /// The dimension of quality that the rule watches.
        dimension: Option<Dimension>,
    }
}

impl RuleKind for Aggregate {
    fn name(&self) -> &'static str {
        "aggregate"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Accuracy
    }

    fn scope(&self) -> Scope {
        Scope::Aggregate
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<AggregateSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<AggregateSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "A value over all rows, such as a sum or a mean, that lies below `min` or above `max`, measured on the table as it would be after the load. Nulls take no part. Where there is no value at all, because there are no rows or only nulls, the rule is broken; `NaN` breaks it too.",
            matters: "Every row can be right by itself and the whole still wrong: amounts in cents instead of euros move the mean a hundredfold.",
            example: "- aggregate: { function: mean, column: total_amount, min: 20, max: 200, on_failure: alert }\n- aggregate: { sql: 'sum(discount) / sum(total_amount)', name: discount_rate, max: 0.4 }",
            remedy: "Compare with the table version before: find the partition, shop or file whose share changed. Move the limits if the change is real.",
        }
    }
}

impl AggregateSettings {
    fn check_measure(&self, problems: &mut Problems<'_>) {
        match (self.function, &self.column, &self.sql) {
            (None, None, Some(sql)) if sql.trim().is_empty() => {
                problems.add("sql", "`sql` is empty", "write an aggregate, such as `sum(total_amount)`");
            }
            (None, None, Some(_)) if self.condition.is_some() => {
                problems.add("where", "`where` does not go with `sql`", "write `sum(total_amount) filter (where …)` in `sql`");
            }
            (None, None, Some(_)) | (Some(_), Some(_), None) => {}
            (_, _, Some(_)) => problems.add("sql", "`sql` stands in place of `function` and `column`", "keep one of the two forms"),
            _ => problems.add("function", "nothing to measure", "add `function: mean` and `column: …`, or `sql: …`"),
        }
    }

    fn check_limits(&self, problems: &mut Problems<'_>) {
        for (key, limit) in [("min", &self.min), ("max", &self.max)] {
            if let Some(limit) = limit.as_ref().filter(|limit| Limit::of(limit).is_none()) {
                problems.add(key, format!("`{limit}` is neither a number nor a date"), "give a number, a date or a moment");
            }
        }
        match (&self.min, &self.max) {
            (None, None) => problems.add("min", "neither `min` nor `max` is given", "add `min:`, `max:` or both"),
            (Some(min), Some(max)) if min.compare(max) == Some(Ordering::Greater) => {
                problems.add("min", "`min` is greater than `max`", "swap them");
            }
            _ => {}
        }
    }

    /// The aggregate in SQL, and how messages name it.
    fn measure(&self, columns: &[Column]) -> Result<(String, String), String> {
        let (Some(function), Some(name)) = (self.function, &self.column) else {
            let sql = self.sql.as_deref().unwrap_or_default();
            return Ok((in_parentheses(sql), sql.trim().trim_end_matches(';').to_owned()));
        };
        let column = find(columns, name)?;
        function.can_measure(column)?;
        for limit in [&self.min, &self.max].into_iter().flatten() {
            let fits = matches!(Limit::of(limit), Some(Limit::Moment(..))) == function.gives_moments(column);
            let kind = if function.gives_moments(column) { "a date or a moment" } else { "a number" };
            if !fits {
                return Err(format!("`{limit}` is no limit for `{}({name})`, which is {kind}", function.name()));
            }
        }
        let of = |function: &str| format!("{function}({})", identifier(name));
        Ok((super::filtered(&of(function.sql()), self.condition.as_deref()), of(function.name())))
    }
}

impl RuleBody for AggregateSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.column.iter().cloned().collect()
    }

    fn label(&self) -> String {
        self.function.map(|function| format!("{}_{}", function.name(), self.columns().join("_"))).unwrap_or_default()
    }

    fn sql(&self) -> Option<&str> {
        self.sql.as_deref()
    }

    fn dimension(&self) -> Option<Dimension> {
        self.dimension
    }

    fn check(&self, problems: &mut Problems<'_>) {
        self.check_measure(problems);
        self.check_limits(problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (expression, label) = self.measure(columns)?;
        let bounds = Bounds::Between { min: self.min.as_ref().and_then(Limit::of), max: self.max.as_ref().and_then(Limit::of) };
        Ok(Shape::Aggregate { expression, label, bounds })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_aggregate, check_misfit, refused};

    #[test]
    fn a_function_or_sql_is_measured() {
        check_aggregate(&json!({"aggregate": {"function": "mean", "column": "a", "min": 1.5}}), "a double", "avg(a): at least 1.5");
        check_aggregate(&json!({"aggregate": {"sql": "sum(a) / sum(b)", "max": 1}}), "a double", "(sum(a) / sum(b)): at most 1");
        check_aggregate(&json!({"aggregate": {"sql": "sum(a); ", "max": 1}}), "a double", "(sum(a)): at most 1");
        check_aggregate(&json!({"aggregate": {"sql": "sum(a) -- in cents", "max": 1}}), "a double", "(sum(a) -- in cents\n): at most 1");
        check_aggregate(
            &json!({"aggregate": {"function": "max", "column": "a", "max": "2026-12-31"}}),
            "a date",
            "max(a): at most 2026-12-31",
        );
        check_misfit(
            &json!({"aggregate": {"function": "sum", "column": "a", "min": 1}}),
            "a varchar",
            "`sum` needs numbers, and column `a` is varchar; cast it with `sql: sum(cast(a as double))`",
        );
    }

    #[test]
    fn texts_have_no_least_number_and_limits_fit_the_measure() {
        let rule = |function: &str, limit: Json| json!({"aggregate": {"function": function, "column": "a", "min": limit}});
        check_misfit(
            &rule("min", json!(5)),
            "a varchar",
            "`min` needs numbers, dates or moments, and column `a` is varchar; cast it with `sql: min(cast(a as double))`",
        );
        check_misfit(&rule("max", json!(5)), "a date", "`5` is no limit for `max(a)`, which is a date or a moment");
        check_misfit(&rule("mean", json!("2026-01-31")), "a double", "`2026-01-31` is no limit for `mean(a)`, which is a number");
        check_misfit(&rule("count", json!("2026-01-31")), "a date", "`2026-01-31` is no limit for `count(a)`, which is a number");
        check_aggregate(&rule("count", json!(5)), "a varchar", "count(a): at least 5");
        check_aggregate(&rule("sum", json!("12345678901234567.89")), "a decimal(12,2)", "sum(a): at least 12345678901234567.89");
    }

    #[test]
    fn the_measure_must_be_clear() {
        let refuse = |settings| refused(&json!([{ "aggregate": settings }]));
        assert!(refuse(json!({"column": "a", "min": 1})).contains("nothing to measure"));
        assert!(refuse(json!({"column": "a", "sql": "sum(a)", "min": 1})).contains("keep one of the two forms"));
        assert!(refuse(json!({"sql": "sum(a)", "where": "b", "min": 1})).contains("`where` does not go with `sql`"));
        assert!(refuse(json!({"sql": "sum(a)"})).contains("neither `min` nor `max`"));
        assert!(refuse(json!({"sql": "sum(a)", "min": "few"})).contains("neither a number nor a date"));
        assert!(refuse(json!({"sql": "sum(a)", "min": 2, "max": 1})).contains("`min` is greater"));
    }
}
