//! `not_null`: every row has a value in the column.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, Dimension, Result, Settings, TableFacts, identifier};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::find;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::propose::{Proposal, percent_above, share_in_words};
use crate::rule::{RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// Above this share of missing values a column counts as optional, and no rule is proposed.
const MOST_MISSING: f64 = 0.05;

/// Every row has a value in the column.
#[derive(Debug)]
pub(super) struct NotNull;

counting_settings! {
    /// Settings of `not_null`.
    NotNullSettings {
        /// The column.
        column: String,
    }
}

impl RuleKind for NotNull {
    fn name(&self) -> &'static str {
        "not_null"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Completeness
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<NotNullSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<NotNullSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Rows without a value in the column. An empty text and `NaN` are values: they are the business of `not_blank` and `range`.",
            matters: "A missing value falls out of joins, sums and filters without a word, so totals shrink and nobody is told.",
            example: "- not_null: { column: customer_id, at_least: 95%, on_failure: block }",
            remedy: "Fill the values at the source, or give them a default in the model. Where the value is optional, lower `at_least`; where single rows may be left out, use `on_failure: quarantine`.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter_map(propose_for).collect()
    }
}

fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let share = column.nulls as f64 / column.rows.max(1) as f64;
    if column.rows == 0 || share >= MOST_MISSING {
        return None;
    }
    let settings = match column.nulls {
        0 => json!({ "column": column.name, "on_failure": "block" }),
        _ => json!({ "column": column.name, "at_most": percent_above(column.nulls, column.rows), "on_failure": "alert" }),
    };
    let reason = format!("`{}` is missing in {}", column.name, share_in_words(column.nulls, column.rows));
    Proposal::new("not_null", &settings, std::slice::from_ref(column), reason, column.rows)
}

impl RuleBody for NotNullSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        Ok(Shape::Row { violates: format!("{} is null", identifier(&column.name)) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_proposals, check_row, facts};

    #[test]
    fn it_finds_nulls() {
        check_row(&json!({"not_null": {"column": "a"}}), "a bigint", "a is null");
        check_row(&json!({"not_null": {"column": "Order ID"}}), "Order ID bigint", "\"Order ID\" is null");
    }

    #[test]
    fn it_is_proposed_with_the_tolerance_that_the_rows_need() {
        let table = facts(1000, &[("a", "bigint", 0, 10), ("b", "bigint", 23, 10), ("c", "bigint", 50, 10)]);
        check_proposals(
            "not_null",
            &table,
            &[
                r#"{"column":"a","on_failure":"block"}: `a` is missing in 0 of 1,000 rows"#,
                r#"{"column":"b","at_most":"4%","on_failure":"alert"}: `b` is missing in 23 of 1,000 rows (2.30 %)"#,
            ],
        );
    }
}
