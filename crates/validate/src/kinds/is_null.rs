//! `is_null`: the column is empty.

use hw_base::{Column, identifier};

use crate::columns::find;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::RuleBody;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The column is empty.
#[derive(Debug)]
pub(super) struct IsNull;

counting_settings! {
    /// Settings of `is_null`.
    IsNullSettings {
        /// The column.
        column: String,
    }
}

impl RuleKind for IsNull {
    kind_is!("is_null", Validity, Row, IsNullSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows that have a value in the column. An empty text and `NaN` are values. It is mostly used with `where`.",
            matters: "A cancelled order with a delivery date is either not cancelled or was not delivered.",
            example: "- is_null: { column: delivered_at, where: \"status = 'cancelled'\", on_failure: alert }",
            remedy: "Find out which of the two columns is right. A column that is being given up is dropped in the model when nobody fills it any more.",
        }
    }
}

impl RuleBody for IsNullSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        Ok(Shape::Row { violates: format!("{} is not null", identifier(&find(columns, &self.column)?.name)) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::check_row;

    #[test]
    fn it_finds_values() {
        check_row(&json!({"is_null": {"column": "a", "where": "b"}}), "a bigint", "(b) and (a is not null)");
    }
}
