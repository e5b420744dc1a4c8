//! `outliers`: no value lies far outside of the middle of the others.

use hw_base::Column;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::{as_double, find, is_finite};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// Turns a median deviation into the standard deviation that a bell curve with it has.
const DEVIATIONS_PER_MEDIAN_DEVIATION: f64 = 1.4826;

/// No value lies far outside of the middle of the others.
#[derive(Debug)]
pub(super) struct Outliers;

/// How far is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Method {
    /// By the distance between the quartiles.
    #[default]
    Quartiles,
    /// By the median distance from the median.
    MedianDeviation,
    /// By the standard deviation around the mean.
    StandardDeviation,
}

counting_settings! {
    /// Settings of `outliers`.
    OutliersSettings {
        /// The column.
        column: String,
        /// What the distance is told by: `quartiles` (where it is not given), `median_deviation` or `standard_deviation`.
        #[serde(default)]
        method: Method,
        /// How many of them a value may lie outside: 1.5 quartile distances, 3.5 median deviations or 3 standard deviations where it is not given.
        multiplier: Option<f64>,
    }
}

impl RuleKind for Outliers {
    kind_is!("outliers", Accuracy, Set, OutliersSettings);

    fn about(&self) -> About {
        About {
            finds: "Values further than `multiplier` times the distance of the quartiles below the first or above the third one. With `method: median_deviation`, values further from the median than so many median distances (scaled by 1.4826, so that they count like standard deviations); with `standard_deviation`, further from the mean. All finite values of the table as it would be after the load are measured; nulls are left out, `NaN` and infinite values are outliers. Where more than half of the values are equal, the median distance is zero and every other value is an outlier.",
            matters: "A few values that are far too large move the mean and the standard deviation themselves, and so hide from `z_score`; the middle of the values does not move.",
            example: "- outliers: { column: total_amount, multiplier: 3, at_most: 1%, on_failure: alert }",
            remedy: "Look at the examples: slipped decimal points and sums among single rows are mended at the source. Raise the multiplier where the values are right.",
        }
    }
}

impl OutliersSettings {
    fn multiplier(&self) -> f64 {
        self.multiplier.unwrap_or(match self.method {
            Method::Quartiles => 1.5,
            Method::MedianDeviation => 3.5,
            Method::StandardDeviation => 3.0,
        })
    }

    /// A SELECT of the lowest and the highest value that are no outliers.
    fn fences(&self, value: &str, measured: &str) -> String {
        let times = self.multiplier();
        let between = |low: &str, high: &str, distance: String, from: &str| {
            format!("select {low} - {distance} as lowest, {high} + {distance} as highest from {from}")
        };
        match self.method {
            Method::Quartiles => between(
                "first_quartile",
                "third_quartile",
                format!("{times} * (third_quartile - first_quartile)"),
                &format!(
                    "(select quantile_cont({value}, 0.25){measured} as first_quartile, \
                     quantile_cont({value}, 0.75){measured} as third_quartile \
                     from {{table}} as measured) as quartiles"
                ),
            ),
            Method::StandardDeviation => between(
                "column_mean",
                "column_mean",
                format!("{times} * column_deviation"),
                &format!(
                    "(select avg({value}){measured} as column_mean, stddev({value}){measured} as column_deviation \
                     from {{table}} as measured) as moments"
                ),
            ),
            Method::MedianDeviation => {
                let middle = format!("(select median({value}){measured} as column_median from {{table}} as measured) as middle");
                between(
                    "column_median",
                    "column_median",
                    format!("{} * median_deviation", times * DEVIATIONS_PER_MEDIAN_DEVIATION),
                    &format!(
                        "(select max(column_median) as column_median, median(abs({value} - column_median)){measured} as median_deviation \
                         from {{table}} as measured cross join {middle}) as deviations"
                    ),
                )
            }
        }
    }
}

impl RuleBody for OutliersSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.multiplier() < 0.0 {
            problems.add("multiplier", "a distance is not negative", "give 0 or more, such as 1.5");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let value = as_double(column, "outliers")?;
        let finite = is_finite(column, &value);
        let measured = finite.as_deref().map_or(String::new(), |finite| format!(" filter (where {finite})"));
        let endless = finite.map_or(String::new(), |finite| format!(" or not ({finite})"));
        Ok(Shape::violating_rows(format!(
            "select judged.* from {{table}} as judged cross join ({}) as fences where {value} < lowest or {value} > highest{endless}",
            self.fences(&value, &measured)
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_set, refused};

    #[track_caller]
    fn check(settings: &Json, fences: &str) {
        let expected = format!(
            "select count(*) as violations from (select judged.* from after as judged cross join ({fences}) as fences \
             where VALUE < lowest or VALUE > highest) as broken"
        );
        check_set(&json!({ "outliers": settings }), "a bigint", &expected.replace("VALUE", "cast(a as double)"));
    }

    #[test]
    fn the_middle_of_the_values_tells_how_far_is_too_far() {
        check(
            &json!({"column": "a"}),
            "select first_quartile - 1.5 * (third_quartile - first_quartile) as lowest, \
             third_quartile + 1.5 * (third_quartile - first_quartile) as highest from (select quantile_cont(VALUE, 0.25) as first_quartile, \
             quantile_cont(VALUE, 0.75) as third_quartile from after as measured) as quartiles",
        );
        check(
            &json!({"column": "a", "method": "median_deviation", "multiplier": 2}),
            "select column_median - 2.9652 * median_deviation as lowest, column_median + 2.9652 * median_deviation as highest from \
             (select max(column_median) as column_median, median(abs(VALUE - column_median)) as median_deviation from after as measured \
             cross join (select median(VALUE) as column_median from after as measured) as middle) as deviations",
        );
        check_set(
            &json!({"outliers": {"column": "a", "method": "standard_deviation"}}),
            "a double",
            "select count(*) as violations from (select judged.* from after as judged cross join (select column_mean - 3 * column_deviation \
             as lowest, column_mean + 3 * column_deviation as highest from \
             (select avg(a) filter (where abs(a) < cast('Infinity' as double)) as column_mean, \
             stddev(a) filter (where abs(a) < cast('Infinity' as double)) as column_deviation from after as measured) as moments) as fences \
             where a < lowest or a > highest or not (abs(a) < cast('Infinity' as double))) as broken",
        );
        assert!(refused(&json!([{"outliers": {"column": "a", "multiplier": -1}}])).contains("not negative"));
    }
}
