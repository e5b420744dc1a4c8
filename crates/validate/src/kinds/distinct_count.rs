//! `distinct_count`: a column has a number of different values between two limits.

use std::sync::Arc;

use hw_base::{Column, Dimension, Result, Settings, identifier};
use schemars::{Schema, SchemaGenerator};

use crate::columns::find;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, measuring_settings};

/// A column has a number of different values between two limits.
#[derive(Debug)]
pub(super) struct DistinctCount;

measuring_settings! {
    /// Settings of `distinct_count`.
    DistinctCountSettings {
        /// The column.
        column: String,
        /// The fewest different values.
        min: Option<u64>,
        /// The most different values.
        max: Option<u64>,
    }
}

impl RuleKind for DistinctCount {
    fn name(&self) -> &'static str {
        "distinct_count"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Consistency
    }

    fn scope(&self) -> Scope {
        Scope::Aggregate
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<DistinctCountSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<DistinctCountSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "A column with fewer different values than `min` or more than `max`, counted in the table as it would be after the load. Nulls are no value, so that no rows have 0 different values.",
            matters: "When a shop stops to deliver, its rows are simply not there; only the number of shops tells.",
            example: "- distinct_count: { column: shop_id, min: 12, on_failure: alert }",
            remedy: "List the values and compare them with a table version from before, to see which one went missing or came up new.",
        }
    }
}

impl RuleBody for DistinctCountSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        super::check_limits(self.min, self.max, problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let counted = |values: &str| super::filtered(&format!("count(distinct {values})"), self.condition.as_deref());
        let (expression, label) = (counted(&super::one_zero(column)), counted(&identifier(&column.name)));
        Ok(Shape::Aggregate { expression, label, bounds: super::count_bounds(self.min, self.max) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::check_aggregate;

    #[test]
    fn different_values_are_counted() {
        let rule = json!({"distinct_count": {"column": "a", "min": 3, "max": 3}});
        check_aggregate(&rule, "a bigint", "count(distinct a): exactly 3");
        check_aggregate(&rule, "a double", "count(distinct a + 0.0): exactly 3");
    }
}
