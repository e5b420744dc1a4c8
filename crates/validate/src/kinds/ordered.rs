//! `ordered`: values only rise, or only fall, from row to row.

use hw_base::{Column, identifier};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::{find, find_all, list};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::RuleBody;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// Values only rise, or only fall, from row to row.
#[derive(Debug)]
pub(super) struct Ordered;

/// Where the values go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// They rise.
    #[default]
    Increasing,
    /// They fall.
    Decreasing,
}

counting_settings! {
    /// Settings of `ordered`.
    OrderedSettings {
        /// The column.
        column: String,
        /// `increasing` (where it is not given) or `decreasing`.
        #[serde(default)]
        direction: Direction,
        /// Whether a value may not repeat the one before.
        #[serde(default)]
        strictly: bool,
        /// The columns that put the rows in order. Where they are not given, the rows are taken as they are read, which only a single file promises.
        by: Option<Vec<String>>,
        /// Judge the rows of each of these groups by themselves.
        group_by: Option<Vec<String>>,
    }
}

impl RuleKind for Ordered {
    kind_is!("ordered", Consistency, Set, OrderedSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows whose value is less than that of the row before (`increasing`), or greater (`decreasing`); with `strictly: true`, also rows that repeat it. `by` puts the rows in order, `group_by` judges groups by themselves. Nulls in the column are left out. Without `by` the rows are taken in the order in which they are read.",
            matters: "A meter that runs backwards, or a log whose numbers fall, was reset or put together from two.",
            example: "- ordered: { column: order_id, direction: increasing, strictly: true, by: [updated_at], group_by: [shop_id] }",
            remedy: "Look at the rows around the examples, ordered as in the rule. Where two sources write one sequence, add the source to `group_by`.",
        }
    }
}

impl RuleBody for OrderedSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        std::iter::once(&self.column).chain(self.by.iter().flatten()).chain(self.group_by.iter().flatten()).cloned().collect()
    }

    fn label(&self) -> String {
        self.column.clone()
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let name = identifier(&find(columns, &self.column)?.name);
        find_all(columns, &self.columns())?;
        let breaks = match (self.direction, self.strictly) {
            (Direction::Increasing, false) => "<",
            (Direction::Increasing, true) => "<=",
            (Direction::Decreasing, false) => ">",
            (Direction::Decreasing, true) => ">=",
        };
        let over = window(self.group_by.as_deref(), self.by.as_deref().map(list));
        Ok(Shape::violating_rows(format!(
            "select * from (select *, lag({name}) over ({over}) as value_before from {{table}} as judged where {name} is not null) as in_order \
             where {name} {breaks} value_before"
        )))
    }
}

/// The window of rows in `order` in each group.
pub(super) fn window(group_by: Option<&[String]>, order: Option<String>) -> String {
    let groups = group_by.filter(|names| !names.is_empty()).map(|names| format!("partition by {}", list(names)));
    let order = order.map(|order| format!("order by {order}"));
    groups.into_iter().chain(order).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::check_set;

    #[test]
    fn every_row_is_compared_with_the_one_before() {
        check_set(
            &json!({"ordered": {"column": "a", "direction": "decreasing", "strictly": true, "by": ["b"], "group_by": ["c", "D"]}}),
            "a bigint, b date, c varchar, D varchar",
            "select count(*) as violations from (select * from (select *, lag(a) over (partition by c, \"D\" order by b) as value_before \
             from after as judged where a is not null) as in_order where a >= value_before) as broken",
        );
        check_set(
            &json!({"ordered": {"column": "a"}}),
            "a bigint",
            "select count(*) as violations from (select * from (select *, lag(a) over () as value_before \
             from after as judged where a is not null) as in_order where a < value_before) as broken",
        );
    }
}
