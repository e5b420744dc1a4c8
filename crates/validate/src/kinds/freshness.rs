//! `freshness`: the newest row is not older than promised.

use std::sync::Arc;

use hw_base::{Column, ColumnType, Dimension, Result, Settings, TimeSpan, identifier};
use schemars::{Schema, SchemaGenerator};

use crate::columns::{as_moment, find, find_all, list};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{RuleBody, Scope, read_body};
use crate::shape::{Bounds, Shape};
use crate::shared_settings::{Common, measuring_settings};

/// The newest row is not older than promised.
#[derive(Debug)]
pub(super) struct Freshness;

measuring_settings! {
    /// Settings of `freshness`.
    FreshnessSettings {
        /// The column that says when the row was made or changed. Moments without a time zone are read as UTC; a date counts from its midnight.
        column: String,
        /// The greatest age of the newest row, such as `2h` or `7d`.
        within: TimeSpan,
        /// Every one of these groups must have a row that is young enough.
        group_by: Option<Vec<String>>,
    }
}

impl RuleKind for Freshness {
    fn name(&self) -> &'static str {
        "freshness"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Timeliness
    }

    fn scope(&self) -> Scope {
        Scope::Aggregate
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<FreshnessSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<FreshnessSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "A table whose newest row is older than promised, counted from the moment of the run. A table without rows, or with nothing but nulls in the column, is not fresh. A moment in the future is fresh. With `group_by`, every group must be fresh by itself; a group that has no rows at all is not seen, so guard its presence with `distinct_values`.",
            matters: "A pipeline that runs on time with the data of last week looks healthy from outside.",
            example: "- freshness: { column: updated_at, within: 2h, on_failure: alert }",
            remedy: "Ask whether the source delivered: `headworks plan` tells what a run would load of it, `headworks status` when the last runs loaded something. If it did deliver, look at the filter of the model and at the column that it follows. One moment far in the future hides all that is late: find it with `expression: { sql: 'updated_at <= now()' }`.",
        }
    }
}

impl FreshnessSettings {
    /// Finds the groups whose newest row is too old, or that have none with a moment.
    fn by_group(&self, moment: &str, groups: &[String]) -> Shape {
        let (groups, seconds) = (list(groups), self.within.0.as_secs());
        Shape::violating_rows(format!(
            "select {groups}, max({moment}) as newest from {{table}} as judged group by {groups} \
             having (max({moment}) >= {{now}} - interval '{seconds} seconds') is not true"
        ))
    }
}

impl RuleBody for FreshnessSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        std::iter::once(&self.column).chain(self.group_by.iter().flatten()).cloned().collect()
    }

    fn label(&self) -> String {
        self.column.clone()
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let name = identifier(&column.name);
        let moment = match column.kind {
            ColumnType::Date | ColumnType::Timestamp => name.clone(),
            ColumnType::Text => format!("try_cast(trim({name}) as timestamp(6))"),
            _ => return Err(format!("`freshness` needs dates or moments, and column `{}` is {}", column.name, column.sql_type)),
        };
        if let Some(groups) = self.group_by.as_ref().filter(|groups| !groups.is_empty()) {
            find_all(columns, groups)?;
            // A day would be compared in nanoseconds, which end in the year 2262.
            let moment = if column.kind == ColumnType::Date { as_moment(column) } else { moment };
            return Ok(self.by_group(&moment, groups));
        }
        let expression = super::filtered(&format!("max({moment})"), self.condition.as_deref());
        Ok(Shape::Aggregate { expression, label: format!("max({name})"), bounds: Bounds::Within(self.within) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_aggregate, check_misfit, check_set, refused};

    #[test]
    fn the_newest_row_counts() {
        let rule = json!({"freshness": {"column": "a", "within": "2h"}});
        check_aggregate(&rule, "a timestamp", "max(a): at most 2h old");
        check_aggregate(&rule, "a varchar", "max(try_cast(trim(a) as timestamp(6))): at most 2h old");
        check_misfit(&rule, "a bigint", "`freshness` needs dates or moments, and column `a` is bigint");
        let rule = json!({"freshness": {"column": "a", "within": "2h", "group_by": ["b"]}});
        let expected = "select count(*) as violations from (select b, max(a) as newest from after as judged group by b \
             having (max(a) >= now() - interval '7200 seconds') is not true) as broken";
        check_set(&rule, "a timestamp, b varchar", expected);
        check_set(&rule, "a date, b varchar", &expected.replace("max(a)", "max(cast(a as timestamp(6)))"));
        assert!(refused(&json!([{"freshness": {"column": "a", "within": "soon"}}])).contains("`soon` is no span of time"));
    }
}
