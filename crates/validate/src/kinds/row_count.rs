//! `row_count`: the table has a number of rows between two limits.

use std::sync::Arc;

use hw_base::{Column, Dimension, Result, Settings, TableFacts, plural};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::change::Change;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::learned::{Learned, LearnedForm};
use crate::propose::Proposal;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, measuring_settings};

/// The table has a number of rows between two limits.
#[derive(Debug)]
pub(super) struct RowCount;

measuring_settings! {
    /// Settings of `row_count`.
    RowCountSettings {
        /// The fewest rows.
        min: Option<u64>,
        /// The most rows.
        max: Option<u64>,
        /// In place of `min` and `max`: limits that follow from what earlier runs counted. `true` for a table that stays about as large, `growth` for one that grows from run to run.
        #[schemars(with = "Option<LearnedForm>")]
        learned: Option<Learned>,
        /// In place of `min` and `max`: how far the number may lie from that of the last load, such as `{ min: -10%, max: 50% }`, or as numbers of rows. `last: 7` compares with the mean of the last 7 loads, `of: min` or `of: max` with the least or the greatest of them.
        change: Option<Change>,
    }
}

impl RuleKind for RowCount {
    fn name(&self) -> &'static str {
        "row_count"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Completeness
    }

    fn scope(&self) -> Scope {
        Scope::Aggregate
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<RowCountSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<RowCountSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "A table with fewer rows than `min` or more than `max`, counted as it would be after the load and without the rows that go to quarantine. With `where`, only the rows that it is true for are counted.",
            matters: "An export that broke off, or an empty file, is no error to any reader: the numbers are just small.",
            example: "- row_count: { min: 1000, on_failure: block }\n- row_count: { learned: growth, on_failure: alert }\n- row_count: { change: { min: -10%, max: 50% } }",
            remedy: "Compare with the deliveries before: a file that is missing or came twice, a filter in the model that lost its rows. Move the limit if the business has grown.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        let settings = json!({ "min": 1, "on_failure": "block" });
        let reason = format!("{} measured; an empty table is never right", plural(facts.rows, "row"));
        Some(facts.rows)
            .filter(|rows| *rows > 0)
            .and_then(|rows| Proposal::new("row_count", &settings, &facts.columns, reason, rows))
            .into_iter()
            .collect()
    }
}

impl RuleBody for RowCountSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn learns(&self) -> bool {
        super::followed(self.learned, self.change).is_some()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        match super::followed(self.learned, self.change) {
            Some(_) => super::check_learned(self.change, problems),
            None => super::check_limits(self.min, self.max, problems),
        }
    }

    fn shape(&self, _columns: &[Column]) -> Result<Shape, String> {
        let expression = super::filtered("count(*)", self.condition.as_deref());
        let followed = super::followed(self.learned, self.change);
        let bounds = followed.map_or_else(|| super::count_bounds(self.min, self.max), Learned::unknown);
        Ok(Shape::Aggregate { label: expression.clone(), expression, bounds })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_aggregate, check_proposals, facts};

    #[test]
    fn rows_are_counted() {
        check_aggregate(&json!({"row_count": {"min": 1}}), "a bigint", "count(*): at least 1");
        check_aggregate(
            &json!({"row_count": {"min": 1, "max": 9, "where": "a > 1"}}),
            "a bigint",
            "count(*) filter (where (a > 1)): between 1 and 9",
        );
    }

    #[test]
    fn a_table_must_not_be_empty() {
        check_proposals(
            "row_count",
            &facts(7, &[]),
            &[r#"{"min":1,"on_failure":"block"}: 7 rows measured; an empty table is never right"#],
        );
        check_proposals("row_count", &facts(0, &[]), &[]);
    }
}
