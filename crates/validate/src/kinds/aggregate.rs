//! `aggregate`: a value measured over all rows lies between two limits.

use std::sync::Arc;

use hw_base::{Column, ColumnType, Dimension, Result, Settings, identifier};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::change::Change;
use crate::columns::{as_text, find, in_parentheses};
use crate::exact::Exact;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::learned::{Learned, LearnedForm};
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
    /// The standard deviation of the values as a whole population.
    PopulationStandardDeviation,
    /// The variance of the sample.
    Variance,
    /// The value below which the share `quantile` of the values lies, between two values where none lies there.
    Quantile,
    /// The number of values that are not null.
    Count,
    /// The share of rows whose value is not null, 0 to 1.
    FilledShare,
    /// The number of different values as a share of the values, 0 to 1.
    DistinctShare,
    /// The fewest characters of a text.
    MinLength,
    /// The most characters of a text.
    MaxLength,
    /// The mean number of characters.
    MeanLength,
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
            Self::PopulationStandardDeviation => "population_standard_deviation",
            Self::Variance => "variance",
            Self::Quantile => "quantile",
            Self::Count => "count",
            Self::FilledShare => "filled_share",
            Self::DistinctShare => "distinct_share",
            Self::MinLength => "min_length",
            Self::MaxLength => "max_length",
            Self::MeanLength => "mean_length",
        }
    }

    /// The aggregate over the rows where `condition` is true. The middle of two whole numbers is no whole number.
    fn sql(self, column: &Column, quantile: f64, condition: Option<&str>) -> String {
        let (name, text) = (identifier(&column.name), as_text(column));
        let name = if column.kind == ColumnType::Boolean && matches!(self, Self::Sum | Self::Mean) {
            format!("cast({name} as bigint)")
        } else {
            name
        };
        let number = if column.kind == ColumnType::Integer { format!("cast({name} as double)") } else { name.clone() };
        let over = |aggregate: String| super::filtered(&aggregate, condition);
        match self {
            Self::Sum | Self::Min | Self::Max | Self::Count => over(format!("{}({name})", self.name())),
            Self::Mean => over(format!("avg({name})")),
            // `NaN` is no place in an order.
            Self::Median if column.kind == ColumnType::Float => over(format!("quantile_cont({name}, 0.5)")),
            Self::Median => over(format!("median({number})")),
            Self::StandardDeviation => over(format!("stddev({name})")),
            Self::PopulationStandardDeviation => over(format!("stddev_pop({name})")),
            Self::Variance => over(format!("var_samp({name})")),
            Self::Quantile => over(format!("quantile_cont({number}, {quantile})")),
            Self::FilledShare => ratio(&over(format!("count({name})")), &over("count(*)".into())),
            Self::DistinctShare => ratio(&over(format!("count(distinct {})", super::one_zero(column))), &over(format!("count({name})"))),
            Self::MinLength => over(format!("min(character_length({text}))")),
            Self::MaxLength => over(format!("max(character_length({text}))")),
            Self::MeanLength => over(format!("avg(character_length({text}))")),
        }
    }

    /// Makes sure that the function can measure `column`. The least text is no least number: `10` stands before `9`.
    fn can_measure(self, column: &Column) -> Result<(), String> {
        let (can, wanted) = match self {
            Self::Sum | Self::Mean => (column.kind.is_numeric() || column.kind == ColumnType::Boolean, "numbers"),
            Self::Median | Self::StandardDeviation | Self::PopulationStandardDeviation | Self::Variance | Self::Quantile => {
                (column.kind.is_numeric(), "numbers")
            }
            Self::Min | Self::Max => (column.kind.is_numeric() || column.kind.is_temporal(), "numbers, dates or moments"),
            Self::Count | Self::FilledShare | Self::DistinctShare | Self::MinLength | Self::MaxLength | Self::MeanLength => (true, ""),
        };
        let name = self.name();
        let refusal = || format!("`{name}` needs {wanted}, and column `{}` is {}", column.name, column.sql_type);
        let as_number = Column { name: format!("cast({} as double)", identifier(&column.name)), ..column.clone() };
        let help = || format!("cast it with `sql: {}`", self.sql(&as_number, 0.5, None).replace('"', ""));
        if can { Ok(()) } else { Err(format!("{}; {}", refusal(), help())) }
    }

    /// Whether its value is a share of a whole.
    fn is_share(self) -> bool {
        matches!(self, Self::FilledShare | Self::DistinctShare)
    }

    /// Whether its value is never below zero.
    fn is_never_negative(self) -> bool {
        !matches!(self, Self::Sum | Self::Mean | Self::Median | Self::Min | Self::Max | Self::Quantile)
    }

    /// Whether its value is a date or a moment.
    fn gives_moments(self, column: &Column) -> bool {
        matches!(self, Self::Min | Self::Max) && column.kind.is_temporal()
    }
}

/// Which value counts where a quantile lies between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Interpolation {
    /// One between them, as far as the quantile lies.
    #[default]
    Linear,
    /// The nearest; of two that are equally near, the one at an even place.
    Nearest,
    /// The lower.
    Lower,
    /// The higher.
    Higher,
    /// The middle of both.
    Midpoint,
}

impl Interpolation {
    /// The quantile as the value, or the mean of two, at its place among the sorted values.
    fn sql(self, column: &Column, quantile: f64, condition: Option<&str>) -> String {
        let name = identifier(&column.name);
        let present = condition.map_or_else(|| format!("{name} is not null"), |condition| format!("({condition}) and {name} is not null"));
        let place = format!("((count(*) filter (where {present}) - 1) * {quantile:?})");
        let value = |place: &str| {
            let place = format!("cast({place} as bigint) + 1");
            format!("cast(array_element(array_agg({name} order by {name}) filter (where {present}), {place}) as double)")
        };
        let (lower, higher) = (format!("floor({place})"), format!("ceil({place})"));
        match self {
            Self::Linear | Self::Nearest => {
                value(&format!("case when {place} - {lower} = 0.5 then 2 * round({place} / 2) else round({place}) end"))
            }
            Self::Lower => value(&lower),
            Self::Higher => value(&higher),
            Self::Midpoint => format!("({} + {}) / 2", value(&lower), value(&higher)),
        }
    }
}

/// One count as a share of another; null where there is nothing to have a share of.
fn ratio(part: &str, whole: &str) -> String {
    format!("cast({part} as double) / nullif({whole}, 0)")
}

measuring_settings! {
    /// Settings of `aggregate`.
    AggregateSettings {
        /// What to measure about `column`.
        function: Option<Function>,
        /// The column.
        column: Option<String>,
        /// For `quantile`: which one, between 0 and 1, such as `0.95`.
        quantile: Option<f64>,
        /// For `quantile`: which value counts where the quantile lies between two: one `linear` between them (where it is not given), the `nearest`, the `lower` or the `higher` of them, or the `midpoint`.
        interpolation: Option<Interpolation>,
        /// What the measure is where there is no value at all; without it, the rule is broken there.
        of_nothing: Option<f64>,
        /// SQL of your own in place of `function` and `column`, such as `sum(discount) / sum(price)`.
        sql: Option<String>,
        /// The least value: a number, a date or a moment; for shares also a percentage such as `90%`.
        min: Option<Scalar>,
        /// The greatest value: a number, a date or a moment.
        max: Option<Scalar>,
        /// The value must be above this: like `min`, but the limit itself is outside.
        above: Option<Scalar>,
        /// The value must be below this: like `max`, but the limit itself is outside.
        below: Option<Scalar>,
        /// In place of limits: they follow from what earlier runs measured. `true` for a value that stays about the same, `growth` for one that grows from run to run.
        #[schemars(with = "Option<LearnedForm>")]
        learned: Option<Learned>,
        /// In place of limits: how far the value may lie from that of the last load, such as `{ min: -10%, max: 50% }`, or as numbers. `last: 7` compares with the mean of the last 7 loads, `of: min` or `of: max` with the least or the greatest of them.
        change: Option<Change>,
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
            finds: "A value over all rows, such as a sum or a mean, that lies below `min` or above `max`, or not `above` or `below` a limit, measured on the table as it would be after the load. Nulls take no part. Where there is no value at all, because there are no rows or only nulls, the rule is broken, unless `of_nothing` says what the measure is there; `NaN` breaks it too, and a median or a quantile of values with `NaN` among them is `NaN`. Functions: `sum`, `mean`, `median`, `min`, `max`, `standard_deviation` (of a sample; null for one value), `population_standard_deviation`, `variance`, `quantile`, `count`, `filled_share`, `distinct_share`, `min_length`, `max_length`, `mean_length`.",
            matters: "Every row can be right by itself and the whole still wrong: amounts in cents instead of euros move the mean a hundredfold.",
            example: "- aggregate: { function: mean, column: total_amount, min: 20, max: 200, on_failure: alert }\n- aggregate: { sql: 'sum(discount) / sum(total_amount)', name: discount_rate, max: 0.4 }\n- aggregate: { function: quantile, quantile: 0.95, column: total_amount, below: 900 }\n- aggregate: { function: filled_share, column: email, learned: true, on_failure: alert }",
            remedy: "Compare with the table version before: find the partition, shop or file whose share changed. Move the limits if the change is real.",
        }
    }
}

impl AggregateSettings {
    /// How the limits follow from earlier runs, where they do.
    fn followed(&self) -> Option<Learned> {
        super::followed(self.learned, self.change)
    }

    fn check_measure(&self, problems: &mut Problems<'_>) {
        match (self.function, &self.column, &self.sql) {
            (None, None, Some(sql)) if sql.trim().is_empty() => {
                problems.add("sql", "`sql` is empty", "write an aggregate, such as `sum(total_amount)`");
            }
            (None, None, Some(_)) if self.condition.is_some() => {
                problems.add("where", "`where` does not go with `sql`", "write `sum(total_amount) filter (where …)` in `sql`");
            }
            (None, None, Some(_)) if self.of_nothing.is_some() => {
                problems.add("of_nothing", "`of_nothing` does not go with `sql`", "write `coalesce(sum(total_amount), 0)` in `sql`");
            }
            (None, None, Some(sql)) if divides_by(sql, "count(*)") => {
                let help = "write `/ nullif(count(*), 0)`, which has no value there, or use `function: filled_share`";
                problems.add("sql", "the SQL divides by the number of rows, which is zero for an empty table", help);
            }
            (None, None, Some(sql)) if divides_by(sql, "count(") => {
                let help = "write `/ nullif(count(…), 0)`, which has no value there; the mean of a column is `function: mean`";
                problems.add("sql", "the SQL divides by a count, which is zero where there is nothing to count", help);
            }
            (None, None, Some(_)) | (Some(_), Some(_), None) => {}
            (_, _, Some(_)) => problems.add("sql", "`sql` stands in place of `function` and `column`", "keep one of the two forms"),
            _ => problems.add("function", "nothing to measure", "add `function: mean` and `column: …`, or `sql: …`"),
        }
    }

    fn check_limits(&self, problems: &mut Problems<'_>) {
        let [min, above, max, below] = self.written();
        for (key, limit) in [("min", &min), ("max", &max), ("above", &above), ("below", &below)] {
            match limit.as_ref().map(|limit| (limit, Limit::of(limit))) {
                Some((limit, None)) => {
                    problems.add(key, format!("`{limit}` is neither a number nor a date"), "give a number, a date or a moment");
                }
                Some((limit, Some(_))) => self.check_reach(key, limit, problems),
                None => {}
            }
        }
        match self.followed() {
            Some(_) => super::check_learned(self.change, problems),
            None => super::check_sides([&min, &above, &max, &below], problems),
        }
        let needs_quantile = self.function == Some(Function::Quantile);
        match self.quantile {
            Some(_) if !needs_quantile => problems.add("quantile", "`quantile` goes with `function: quantile`", "remove `quantile`"),
            None if needs_quantile => problems.add("function", "which quantile?", "add `quantile:` with a number between 0 and 1"),
            None if self.interpolation.is_some() => {
                problems.add("interpolation", "`interpolation` goes with `function: quantile`", "remove `interpolation`");
            }
            Some(share) if !(0.0..=1.0).contains(&share) => {
                problems.add("quantile", format!("`{share}` is no share"), "give a number between 0 and 1, such as 0.95");
            }
            _ => {}
        }
    }

    /// Finds a limit that no value of the function keeps.
    fn check_reach(&self, key: &str, limit: &Scalar, problems: &mut Problems<'_>) {
        let (Some(function), Some(number)) = (self.function, limit.as_number()) else { return };
        let (zero, one) = (Exact::from(0), Exact::from(1));
        let too_high = function.is_share() && ((key == "min" && number > one) || (key == "above" && number >= one));
        let too_low = function.is_never_negative() && ((key == "max" && number < zero) || (key == "below" && number <= zero));
        if too_high {
            let message = format!("`{key}: {limit}` is never kept: `{}` is a share between 0 and 1", function.name());
            problems.add(key, message, "write a percentage such as `90%`, or a number such as 0.9");
        } else if too_low {
            problems.add(key, format!("`{key}: {limit}` is never kept: `{}` is not negative", function.name()), "give a greater number");
        }
    }

    /// The limits `min`, `above`, `max` and `below`; a percentage is a share.
    fn written(&self) -> [Option<Scalar>; 4] {
        let as_share = |limit: &Scalar| {
            let text = limit.to_string();
            let percent = text.trim().strip_suffix('%').filter(|_| self.function.is_some_and(Function::is_share))?;
            Some(Scalar::Text(Exact::parse(&format!("{}e-2", percent.trim()))?.to_string()))
        };
        [&self.min, &self.above, &self.max, &self.below]
            .map(|limit| limit.as_ref().map(|limit| as_share(limit).unwrap_or_else(|| limit.clone())))
    }

    fn limits(&self) -> [Option<Limit>; 2] {
        let [min, above, max, below] = self.written();
        [Limit::either(min.as_ref(), above.as_ref()), Limit::either(max.as_ref(), below.as_ref())]
    }

    /// The aggregate in SQL, and how messages name it.
    fn measure(&self, columns: &[Column]) -> Result<(String, String), String> {
        let (Some(function), Some(name)) = (self.function, &self.column) else {
            let sql = self.sql.as_deref().unwrap_or_default();
            return Ok((in_parentheses(sql), sql.trim().trim_end_matches(';').to_owned()));
        };
        let column = find(columns, name)?;
        function.can_measure(column)?;
        for limit in self.limits().into_iter().flatten() {
            let fits = limit.is_moment() == function.gives_moments(column);
            let kind = if function.gives_moments(column) { "a date or a moment" } else { "a number" };
            if !fits {
                return Err(format!("`{limit}` is no limit for `{}({name})`, which is {kind}", function.name()));
            }
        }
        if self.followed().is_some() && function.gives_moments(column) {
            return Err(format!("`{}({name})` is a date or a moment, and limits are learned of numbers", function.name()));
        }
        let condition = self.condition.as_deref();
        let expression = match (self.quantile, self.interpolation.unwrap_or_default()) {
            (Some(quantile), interpolation) if interpolation != Interpolation::Linear => interpolation.sql(column, quantile, condition),
            (quantile, _) => function.sql(column, quantile.unwrap_or(0.5), condition),
        };
        let expression = self.of_nothing.map_or_else(|| expression.clone(), |nothing| format!("coalesce({expression}, {nothing})"));
        let label = match self.quantile {
            Some(quantile) => format!("{}({}, {quantile})", function.name(), identifier(name)),
            None => format!("{}({})", function.name(), identifier(name)),
        };
        Ok((expression, label))
    }
}

/// Whether the SQL divides by a count as it is. Behind `case when` it may have made sure that there is something.
fn divides_by(sql: &str, count: &str) -> bool {
    let plain: String = sql.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    !plain.contains("casewhen") && plain.split(['/', '%']).skip(1).any(|divisor| is_count(divisor, count))
}

/// Whether a divisor is a count, or one that is cast.
fn is_count(divisor: &str, count: &str) -> bool {
    let Some(cast) = ["cast(", "try_cast("].iter().find_map(|word| divisor.strip_prefix(word)) else { return divisor.starts_with(count) };
    let behind = cast.find(')').map_or("", |end| &cast[end + 1..]);
    cast.starts_with(count) && (behind.starts_with("as") || behind.starts_with("filter("))
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

    fn learns(&self) -> bool {
        self.followed().is_some()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        self.check_measure(problems);
        self.check_limits(problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (expression, label) = self.measure(columns)?;
        let [min, max] = self.limits();
        let bounds = self.followed().map_or(Bounds::Between { min, max }, Learned::unknown);
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
    fn shares_lengths_and_quantiles_are_measured() {
        let check = |function: &str, sql: &str| {
            check_aggregate(
                &json!({"aggregate": {"function": function, "column": "a", "above": 0, "below": 1, "where": "b"}}),
                "a bigint",
                sql,
            );
        };
        check("median", "median(cast(a as double)) filter (where (b)): above 0 and below 1");
        let rule = json!({"aggregate": {"function": "mean", "column": "a", "max": 0.5}});
        check_aggregate(&rule, "a boolean", "avg(cast(a as bigint)): at most 0.5");
        check("filled_share", "cast(count(a) filter (where (b)) as double) / nullif(count(*) filter (where (b)), 0): above 0 and below 1");
        check(
            "distinct_share",
            "cast(count(distinct a) filter (where (b)) as double) / nullif(count(a) filter (where (b)), 0): above 0 and below 1",
        );
        let share = |limit: Json| json!({"aggregate": {"function": "filled_share", "column": "a", "min": limit}});
        check_aggregate(&share(json!("90%")), "a bigint", "cast(count(a) as double) / nullif(count(*), 0): at least 0.9");
        check_aggregate(
            &json!({"aggregate": {"function": "distinct_share", "column": "a", "min": 0}}),
            "a double",
            "cast(count(distinct a + 0.0) as double) / nullif(count(a), 0): at least 0",
        );
        check_aggregate(
            &json!({"aggregate": {"function": "median", "column": "a", "min": 0}}),
            "a double",
            "quantile_cont(a, 0.5): at least 0",
        );
        assert!(refused(&json!([share(json!(90))])).contains("`min: 90` is never kept: `filled_share` is a share between 0 and 1"));
        let rule = json!([{"aggregate": {"function": "count", "column": "a", "max": -1}}]);
        assert!(refused(&rule).contains("`max: -1` is never kept: `count` is not negative"));
        check("mean_length", "avg(character_length(cast(a as varchar))) filter (where (b)): above 0 and below 1");
        let rule = json!({"aggregate": {"function": "quantile", "quantile": 0.95, "column": "a", "max": 9}});
        check_aggregate(&rule, "a double", "quantile_cont(a, 0.95): at most 9");
        let refuse = |settings| refused(&json!([{ "aggregate": settings }]));
        assert!(refuse(json!({"function": "quantile", "column": "a", "max": 9})).contains("which quantile?"));
        assert!(refuse(json!({"function": "quantile", "quantile": 95, "column": "a", "max": 9})).contains("`95` is no share"));
        assert!(refuse(json!({"function": "mean", "quantile": 0.5, "column": "a", "max": 9})).contains("remove `quantile`"));
    }

    #[test]
    fn the_measure_must_be_clear() {
        let refuse = |settings| refused(&json!([{ "aggregate": settings }]));
        assert!(refuse(json!({"column": "a", "min": 1})).contains("nothing to measure"));
        assert!(refuse(json!({"column": "a", "sql": "sum(a)", "min": 1})).contains("keep one of the two forms"));
        assert!(refuse(json!({"sql": "sum(a)", "where": "b", "min": 1})).contains("`where` does not go with `sql`"));
        assert!(refuse(json!({"sql": "sum(a)"})).contains("neither `min` nor `max`"));
        assert!(refuse(json!({"sql": "sum(a) / COUNT (*)", "min": 1})).contains("zero for an empty table"));
        assert!(refuse(json!({"sql": "sum(a) / count(a)", "min": 1})).contains("divides by a count, which is zero where"));
        assert!(refuse(json!({"sql": "sum(a) / cast(count(*) as double)", "min": 1})).contains("zero for an empty table"));
        assert!(refuse(json!({"sql": "sum(a) / try_cast(count(a) as double)", "min": 1})).contains("divides by a count"));
        let other = json!({"aggregate": {"sql": "sum(a) / cast(count(*) + 1 as double)", "min": 1}});
        check_aggregate(&other, "a double", "(sum(a) / cast(count(*) + 1 as double)): at least 1");
        let guarded = json!({"aggregate": {"sql": "case when count(*) > 0 then sum(a) / count(*) end", "min": 1}});
        check_aggregate(&guarded, "a double", "(case when count(*) > 0 then sum(a) / count(*) end): at least 1");
        assert!(refuse(json!({"sql": "sum(a)", "min": "few"})).contains("neither a number nor a date"));
        assert!(refuse(json!({"sql": "sum(a)", "min": 2, "max": 1})).contains("`min` is greater"));
    }
}
