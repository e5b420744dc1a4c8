//! `rejected_values`: the column holds none of the values of a list.

use hw_base::Column;

use crate::columns::find;
use crate::explain::About;
use crate::kinds::{RuleKind, listed};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The column holds none of the values of a list.
#[derive(Debug)]
pub(super) struct RejectedValues;

counting_settings! {
    /// Settings of `rejected_values`.
    RejectedValuesSettings {
        /// The column.
        column: String,
        /// The values it must not hold.
        values: Vec<Scalar>,
        /// Whether upper and lower case are the same.
        #[serde(default)]
        ignore_case: bool,
    }
}

impl RuleKind for RejectedValues {
    kind_is!("rejected_values", Validity, Row, RejectedValuesSettings);

    fn about(&self) -> About {
        About {
            finds: "Values that are in the list. Upper and lower case differ unless `ignore_case: true` is set, and white space counts. Nulls are the business of `not_null`.",
            matters: "`N/A`, `unknown` and `1900-01-01` are missing values in disguise: they pass every test for null, and spoil every mean and every join.",
            example: "- rejected_values: { column: status, values: [unknown, 'N/A', test], on_failure: quarantine }",
            remedy: "Turn the words for nothing into nulls in the model, with `nullif(status, 'N/A')`, and keep test rows out of the source's delivery.",
        }
    }
}

impl RuleBody for RejectedValuesSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.values.is_empty() {
            problems.add("values", "`values` is empty", "list the values that are wrong, such as `[unknown, test]`");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (name, values) = listed(find(columns, &self.column)?, &self.values, self.ignore_case)?;
        Ok(Shape::Row { violates: format!("{name} in {values}") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_row, refused};

    #[test]
    fn values_of_the_list_break_it() {
        let rule = json!({"rejected_values": {"column": "a", "values": ["N/A", 5]}});
        check_row(&rule, "a varchar", "a in ('N/A', '5')");
        check_misfit(&rule, "a bigint", "`N/A` does not fit column `a`, which is bigint");
        let rule = json!({"rejected_values": {"column": "a", "values": ["N/A"], "ignore_case": true}});
        check_row(&rule, "a varchar", "lower(a) in ('n/a')");
        assert!(refused(&json!([{"rejected_values": {"column": "a", "values": []}}])).contains("`values` is empty"));
    }
}
