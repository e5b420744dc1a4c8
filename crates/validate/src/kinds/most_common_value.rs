//! `most_common_value`: the value that occurs most often is one of a list.

use hw_base::Column;

use crate::columns::find;
use crate::explain::About;
use crate::kinds::{RuleKind, comparable};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The value that occurs most often is one of a list.
#[derive(Debug)]
pub(super) struct MostCommonValue;

counting_settings! {
    /// Settings of `most_common_value`.
    MostCommonValueSettings {
        /// The column.
        column: String,
        /// The values of which one must be the most common.
        values: Vec<Scalar>,
        /// Whether several values may be equally common, as long as one of them is in the list.
        #[serde(default)]
        ties_okay: bool,
    }
}

impl RuleKind for MostCommonValue {
    kind_is!("most_common_value", Accuracy, Set, MostCommonValueSettings);

    fn about(&self) -> About {
        About {
            finds: "Most common values that are not in the list, in the table as it would be after the load. Where several values are equally common, they break the rule too, unless `ties_okay: true` is set and one of them is in the list. Nulls are left out; a table without values has no most common one and keeps the rule.",
            matters: "When most orders are suddenly `cancelled`, every single row is right, and something is very wrong.",
            example: "- most_common_value: { column: status, values: [delivered], on_failure: alert }",
            remedy: "Compare the counts of the values with those of a table version from before, and look for the delivery that turned them.",
        }
    }
}

impl RuleBody for MostCommonValueSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.values.is_empty() {
            problems.add("values", "`values` is empty", "list the values of which one must be the most common");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (name, values) = comparable(find(columns, &self.column)?, &self.values)?;
        let is_listed = format!("most_common in ({})", values.join(", "));
        let broken = if self.ties_okay { "listed_values = 0".to_owned() } else { format!("not ({is_listed}) or most_common_values > 1") };
        Ok(Shape::violating_rows(format!(
            "select most_common, occurrences from (select *, count(*) over () as most_common_values, \
             sum(case when {is_listed} then 1 else 0 end) over () as listed_values from (select *, max(occurrences) over () as most_occurrences \
             from (select {name} as most_common, count(*) as occurrences from {{table}} as judged where {name} is not null group by {name}) \
             as counted) as compared where occurrences = most_occurrences) as foremost where {broken}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_set, refused};

    #[test]
    fn the_leading_value_is_looked_up() {
        let leading = "select count(*) as violations from (select most_common, occurrences from (select *, count(*) over () as most_common_values, \
             sum(case when most_common in ('x') then 1 else 0 end) over () as listed_values from (select *, max(occurrences) over () \
             as most_occurrences from (select a as most_common, count(*) as occurrences from after as judged where a is not null group by a) \
             as counted) as compared where occurrences = most_occurrences) as foremost where ";
        let rule = |ties_okay: bool| json!({"most_common_value": {"column": "a", "values": ["x"], "ties_okay": ties_okay}});
        check_set(&rule(true), "a varchar", &format!("{leading}listed_values = 0) as broken"));
        check_set(&rule(false), "a varchar", &format!("{leading}not (most_common in ('x')) or most_common_values > 1) as broken"));
        assert!(refused(&json!([{"most_common_value": {"column": "a", "values": []}}])).contains("`values` is empty"));
    }
}
