//! `no_overlaps`: the ranges of two rows do not overlap.

use hw_base::Column;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ordered::window;
use crate::columns::{beside, find, find_all};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::RuleBody;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The ranges of two rows do not overlap.
#[derive(Debug)]
pub(super) struct NoOverlaps;

/// What may lie between the end of a range and the beginning of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Gaps {
    /// Something or nothing.
    #[default]
    Allowed,
    /// Nothing: the next begins where the one before ends.
    Forbidden,
    /// Something: the next begins after the end of the one before.
    Required,
}

counting_settings! {
    /// Settings of `no_overlaps`.
    NoOverlapsSettings {
        /// The column with the beginning of the range.
        from: String,
        /// The column with its end, which no longer belongs to it.
        to: String,
        /// Judge the rows of each of these groups by themselves.
        group_by: Option<Vec<String>>,
        /// Whether there may be gaps between two ranges: `allowed` (where it is not given), `forbidden` or `required`.
        #[serde(default)]
        gaps: Gaps,
        /// Whether a range may end where it begins.
        #[serde(default)]
        empty_ranges: bool,
        /// Whether the last range of a group may have no end.
        #[serde(default)]
        open_end: bool,
    }
}

impl RuleKind for NoOverlaps {
    kind_is!("no_overlaps", Consistency, Set, NoOverlapsSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows whose range from `from` to `to` reaches into the next one of their group, in the order of the beginnings, or that do not end after they begin (`empty_ranges: true` lets them end there). With `gaps: forbidden` the next range must begin where this one ends, with `required` after it. A null in one of the two columns breaks the rule, but for the end of the last range with `open_end: true`.",
            matters: "Two versions of one customer that are valid on the same day double all that is joined to them on that day.",
            example: "- no_overlaps: { from: shipped_at, to: delivered_at, group_by: [customer_id], open_end: true }",
            remedy: "Load the versions with `scd2`, which closes one before it opens the next, or set the end in the model from the beginning of the next with `lead`.",
        }
    }
}

impl RuleBody for NoOverlapsSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        [&self.from, &self.to].into_iter().chain(self.group_by.iter().flatten()).cloned().collect()
    }

    fn label(&self) -> String {
        format!("{}_{}", self.from, self.to)
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        find_all(columns, &self.columns())?;
        let (from, to) = (find(columns, &self.from)?, find(columns, &self.to)?);
        let (from, to) = (beside(from, to)?, beside(to, from)?);
        let over = window(self.group_by.as_deref(), Some(format!("{from}, {to}")));
        let length = if self.empty_ranges { "<=" } else { "<" };
        let (meets, is_last) = (
            match self.gaps {
                Gaps::Allowed => "<=",
                Gaps::Forbidden => "=",
                Gaps::Required => "<",
            },
            "place_from_the_end = 1",
        );
        let open_end = if self.open_end { format!("({is_last} and {to} is null and {from} is not null) or ") } else { String::new() };
        let backwards = window(self.group_by.as_deref(), Some(format!("{from} desc, {to} desc")));
        Ok(Shape::violating_rows(format!(
            "select * from (select *, lead({from}) over ({over}) as next_from, row_number() over ({backwards}) as place_from_the_end \
             from {{table}} as judged) as in_order \
             where ({open_end}({from} {length} {to} and ({is_last} or {to} {meets} next_from))) is not true"
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::shape::Shape;
    use crate::testing::{check_set, shape_of};

    #[test]
    fn every_range_is_compared_with_the_next() {
        let rule = json!({"no_overlaps": {"from": "a", "to": "b", "group_by": ["c"], "gaps": "forbidden", "open_end": true}});
        check_set(
            &rule,
            "a date, b date, c bigint",
            "select count(*) as violations from (select * from (select *, lead(a) over (partition by c order by a, b) as next_from, \
             row_number() over (partition by c order by a desc, b desc) as place_from_the_end from after as judged) as in_order \
             where ((place_from_the_end = 1 and b is null and a is not null) or (a < b and (place_from_the_end = 1 or b = next_from))) \
             is not true) as broken",
        );
        let rule = json!({"no_overlaps": {"from": "a", "to": "b"}});
        let Ok(Shape::Set { count, .. }) = shape_of(&rule, "a date, b timestamp") else { panic!("no rule on sets") };
        assert!(count.text.contains("(cast(a as timestamp(6)) < b and"), "a day is compared as its midnight: {}", count.text);
    }
}
