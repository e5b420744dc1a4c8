//! `compare`: two columns of a row stand in an order.

use std::sync::Arc;

use hw_base::{Column, ColumnType, Dimension, Result, Settings, identifier};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::columns::{as_moment, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{RuleBody, Scope, read_body};
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
            finds: "Rows whose two columns do not compare as `operator` says: `<`, `<=`, `=`, `<>`, `>=` or `>`, in quotes. Rows with a null in one of them are left out.",
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

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (left, right) = (find(columns, &self.left)?, find(columns, &self.right)?);
        if family(left.kind) != family(right.kind) {
            return Err(format!(
                "`{}` is {} and `{}` is {}, which do not compare; cast one of them in the model, or use `expression`",
                left.name, left.sql_type, right.name, right.sql_type
            ));
        }
        let violates = format!("{} {} {}", beside(left, right), self.operator.opposite(), beside(right, left));
        Ok(Shape::Row { violates })
    }
}

/// The column as SQL that compares with `other` by value: a decimal with a float as a float, a day with a moment as a moment.
fn beside(column: &Column, other: &Column) -> String {
    match (column.kind, other.kind) {
        (ColumnType::Decimal, ColumnType::Float) => format!("cast({} as double)", identifier(&column.name)),
        (ColumnType::Date, ColumnType::Timestamp) => as_moment(column),
        _ => identifier(&column.name),
    }
}

/// Types that compare with each other.
fn family(kind: ColumnType) -> ColumnType {
    match kind {
        ColumnType::Integer | ColumnType::Decimal | ColumnType::Float => ColumnType::Float,
        ColumnType::Date | ColumnType::Timestamp => ColumnType::Timestamp,
        ColumnType::Boolean | ColumnType::Text | ColumnType::Time | ColumnType::Binary | ColumnType::Other => kind,
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
    fn an_unknown_operator_is_refused() {
        assert!(refused(&json!([{"compare": {"left": "a", "operator": "=<", "right": "b"}}])).contains("unknown choice `=<`"));
    }
}
