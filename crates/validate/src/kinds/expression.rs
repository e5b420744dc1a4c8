//! `expression`: SQL of your own is true for every row.

use std::sync::Arc;

use hw_base::{Column, Dimension, Result, Settings};
use schemars::{Schema, SchemaGenerator};

use crate::columns::in_parentheses;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// SQL of your own is true for every row.
#[derive(Debug)]
pub(super) struct Expression;

counting_settings! {
    /// Settings of `expression`.
    ExpressionSettings {
        /// A Boolean SQL expression over the columns of one row. False breaks the rule; null does not.
        sql: String,
        /// The dimension of quality that the rule watches.
        dimension: Option<Dimension>,
    }
}

impl RuleKind for Expression {
    fn name(&self) -> &'static str {
        "expression"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Consistency
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<ExpressionSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<ExpressionSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Rows for which your SQL is false. Where it is null, because one of its columns is, the row is left out.",
            matters: "What must hold between the columns of a row is known to you alone: that a total is the sum of its parts, that a discount is no larger than a price.",
            example: "- expression: { sql: 'total_amount >= discount', name: discount_within_total, dimension: accuracy, on_failure: quarantine }",
            remedy: "Look at the examples. Where the rule is right, mend the rows at the source or in the model; where it forgets a case, widen it or narrow it with `where`.",
        }
    }
}

impl RuleBody for ExpressionSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn sql(&self) -> Option<&str> {
        Some(&self.sql)
    }

    fn dimension(&self) -> Option<Dimension> {
        self.dimension
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.sql.trim().is_empty() {
            problems.add("sql", "`sql` is empty", "write what must be true, such as `total_amount >= 0`");
        }
    }

    fn shape(&self, _columns: &[Column]) -> Result<Shape, String> {
        Ok(Shape::Row { violates: format!("not {}", in_parentheses(&self.sql)) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_row, refused};

    #[test]
    fn false_breaks_it() {
        check_row(&json!({"expression": {"sql": "a > 1 or b"}}), "a bigint", "not (a > 1 or b)");
        check_row(&json!({"expression": {"sql": "a > 1", "where": "b or c"}}), "a bigint", "(b or c) and (not (a > 1))");
        assert!(refused(&json!([{"expression": {"sql": " "}}])).contains("`sql` is empty"));
    }
}
