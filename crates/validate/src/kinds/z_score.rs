//! `z_score`: no value is further from the mean than a number of standard deviations.

use hw_base::Column;

use crate::columns::{as_double, find, is_finite};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// No value is further from the mean than a number of standard deviations.
#[derive(Debug)]
pub(super) struct ZScore;

counting_settings! {
    /// Settings of `z_score`.
    ZScoreSettings {
        /// The column.
        column: String,
        /// How many standard deviations a value must stay below.
        below: f64,
        /// Whether only values above the mean can be too far away.
        #[serde(default)]
        above_only: bool,
    }
}

impl RuleKind for ZScore {
    kind_is!("z_score", Accuracy, Set, ZScoreSettings);

    fn about(&self) -> About {
        About {
            finds: "Values that are as many standard deviations of the sample away from the mean as `below` says, or more, on both sides unless `above_only: true` is set. Mean and deviation are those of all finite values in the table as it would be after the load. Nulls are left out; `NaN` and infinite values are too far away from every mean (`-Infinity` is not above it). Where all finite values are equal, or there is only one, none of them is too far away.",
            matters: "A value a hundred times too large is in range for a rule made for the largest customer, and still wrong for all others.",
            example: "- z_score: { column: total_amount, below: 6, at_most: 0.1%, on_failure: alert }",
            remedy: "Look at the examples: slipped decimal points and sums among single rows are mended at the source. A few large values are usual for money: then `outliers` by quantiles, or a larger limit, fits better.",
        }
    }
}

impl RuleBody for ZScoreSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.below <= 0.0 || self.below.is_nan() {
            problems.add("below", format!("`{}` leaves no value", self.below), "give a number above 0, such as 3");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let value = as_double(column, "z_score")?;
        let finite = is_finite(column, &value);
        let measured = finite.as_deref().map_or(String::new(), |finite| format!(" filter (where {finite})"));
        let distance = format!("({value} - column_mean) / column_deviation");
        let too_far = if self.above_only { distance.clone() } else { format!("abs({distance})") };
        let too_far = format!("({too_far} >= {} and not isnan(column_deviation))", self.below);
        let endless = match finite {
            Some(finite) if self.above_only => format!(" or (not ({finite}) and {value} <> cast('-Infinity' as double))"),
            Some(finite) => format!(" or not ({finite})"),
            None => String::new(),
        };
        Ok(Shape::violating_rows(format!(
            "select judged.*, {distance} as z_score from {{table}} as judged cross join (select avg({value}){measured} as column_mean, \
             nullif(stddev({value}){measured}, 0) as column_deviation from {{table}} as measured) as measures where {too_far}{endless}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_set, refused};

    #[test]
    fn values_are_measured_against_all_others() {
        let rule = json!({"z_score": {"column": "a", "below": 3}});
        check_set(
            &rule,
            "a double",
            "select count(*) as violations from (select judged.*, (a - column_mean) / column_deviation as z_score from after as judged \
             cross join (select avg(a) filter (where abs(a) < cast('Infinity' as double)) as column_mean, \
             nullif(stddev(a) filter (where abs(a) < cast('Infinity' as double)), 0) as column_deviation from after as measured) as measures \
             where (abs((a - column_mean) / column_deviation) >= 3 and not isnan(column_deviation)) \
             or not (abs(a) < cast('Infinity' as double))) as broken",
        );
        check_set(
            &rule,
            "a bigint",
            "select count(*) as violations from (select judged.*, (cast(a as double) - column_mean) / column_deviation as z_score from after \
             as judged cross join (select avg(cast(a as double)) as column_mean, nullif(stddev(cast(a as double)), 0) as column_deviation \
             from after as measured) as measures where (abs((cast(a as double) - column_mean) / column_deviation) >= 3 \
             and not isnan(column_deviation))) as broken",
        );
        check_misfit(&rule, "a varchar", "`z_score` needs numbers, and column `a` is varchar");
        check_misfit(&rule, "a date", "`z_score` needs numbers, and column `a` is date");
        assert!(refused(&json!([{"z_score": {"column": "a", "below": 0}}])).contains("leaves no value"));
    }
}
