//! `compare`: two columns of a row stand in an order.

use std::sync::Arc;

use hw_base::{Column, Dimension, Result, Settings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::columns::{beside, find};
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf};
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// Two columns of a row stand in an order.
#[derive(Debug)]
pub(super) struct Compare;

/// How two values compare.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum Operator {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Equal.
    #[serde(rename = "=", alias = "==")]
    Equal,
    /// Not equal.
    #[serde(rename = "<>", alias = "!=")]
    NotEqual,
    /// Greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
}

impl Operator {
    fn sql(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    /// The operator that is true exactly where this one is false.
    fn opposite(self) -> &'static str {
        match self {
            Self::Less => ">=",
            Self::LessOrEqual => ">",
            Self::Equal => "<>",
            Self::NotEqual => "=",
            Self::GreaterOrEqual => "<",
            Self::Greater => "<=",
        }
    }
}

counting_settings! {
    /// Settings of `compare`.
    CompareSettings {
        /// The column on the left.
        left: String,
        /// How it must compare with the other: `<`, `<=`, `=`, `<>`, `>=` or `>`, in quotes.
        operator: Operator,
        /// The column on the right.
        right: String,
        /// Which rows are left out: those with `any_null` of the two (where it is not given), those with `all_null`, or `never` one.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for Compare {
    fn name(&self) -> &'static str {
        "compare"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Consistency
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<CompareSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<CompareSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Rows whose two columns do not compare as `operator` says: `<`, `<=`, `=`, `<>`, `>=` or `>`, in quotes. Rows with a null in one of them are left out; with `skip_if: all_null` only those with two, and a row with one breaks the rule; with `skip_if: never` every null breaks it.",
            matters: "A parcel that arrives before it was sent shows that one of two dates is wrong, and every duration made of them with it.",
            example: "- compare: { left: shipped_at, operator: '<=', right: delivered_at, on_failure: quarantine }",
            remedy: "Look for dates read with day and month swapped, time zones that differ between the two columns, and rows that were corrected in one place only.",
        }
    }
}

impl RuleBody for CompareSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.left.clone(), self.right.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.left == self.right {
            let message = format!("`{}` is compared with itself, which tells nothing about its values", self.left);
            problems.add("right", message, "name the other column; that a value is there is said by `not_null`");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (left, right) = (find(columns, &self.left)?, find(columns, &self.right)?);
        let (left_sql, right_sql) = (beside(left, right)?, beside(right, left)?);
        let violates = match self.skip_if {
            SkipIf::AnyNull => format!("{left_sql} {} {right_sql}", self.operator.opposite()),
            other => other.violates(&format!("{left_sql} {} {right_sql}", self.operator.sql()), &self.columns()),
        };
        Ok(Shape::Row { violates })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_row, refused};

    #[test]
    fn the_opposite_breaks_the_rule() {
        let rule = json!({"compare": {"left": "a", "operator": "<=", "right": "B"}});
        check_row(&rule, "a date, B timestamp", "cast(a as timestamp(6)) > \"B\"");
        check_row(&rule, "a double, B decimal(12,2)", "a > cast(\"B\" as double)");
        check_row(&rule, "a bigint, B decimal(12,2)", "a > \"B\"");
        check_row(&json!({"compare": {"left": "a", "operator": "!=", "right": "b"}}), "a bigint, b double", "a = b");
        check_misfit(
            &rule,
            "a date, B varchar",
            "`a` is date and `B` is varchar, which do not compare; cast one of them in the model, or use `expression`",
        );
    }

    #[test]
    fn nulls_break_it_on_request() {
        let rule = |skip_if: &str| json!({"compare": {"left": "a", "operator": ">", "right": "b", "skip_if": skip_if}});
        check_row(&rule("any_null"), "a bigint, b bigint", "a <= b");
        check_row(&rule("all_null"), "a bigint, b bigint", "(a is not null or b is not null) and (a > b) is not true");
        check_row(&rule("never"), "a bigint, b bigint", "(a > b) is not true");
    }

    #[test]
    fn a_column_beside_itself_is_refused() {
        let told = refused(&json!([{"compare": {"left": "a", "operator": "<", "right": "a"}}]));
        assert!(told.contains("`a` is compared with itself") && told.contains("name the other column"), "{told}");
    }

    #[test]
    fn an_unknown_operator_is_refused() {
        assert!(refused(&json!([{"compare": {"left": "a", "operator": "=<", "right": "b"}}])).contains("unknown choice `=<`"));
    }
}
