//! `no_gaps`: no time passes between two rows that is longer than promised.

use hw_base::{Column, TimeSpan, identifier};

use super::ordered::window;
use crate::columns::{find, find_all, moments_of, or_unread};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::RuleBody;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// No time passes between two rows that is longer than promised.
#[derive(Debug)]
pub(super) struct NoGaps;

counting_settings! {
    /// Settings of `no_gaps`.
    NoGapsSettings {
        /// The column with days or moments.
        column: String,
        /// The longest time that may pass between two rows, such as `1d` or `15m`.
        longest: TimeSpan,
        /// Judge the rows of each of these groups by themselves.
        group_by: Option<Vec<String>>,
    }
}

impl RuleKind for NoGaps {
    kind_is!("no_gaps", Completeness, Set, NoGapsSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows that come later after the row before them than `longest` says, in the order of the column and in each group by itself, in the table as it would be after the load. The row after a gap is the one that is shown. Nulls are left out; a text that reads as no moment breaks the rule. Time before the first row and after the last is no gap: the last is the business of `freshness`.",
            matters: "A day that was never delivered is not null and not zero: it is not there, and a chart draws a line across it.",
            example: "- no_gaps: { column: order_date, longest: 1d, group_by: [shop_id], on_failure: alert }",
            remedy: "Load the missing time again with `headworks backfill`, or ask the source for it. Where nothing happens at weekends, set a longer time.",
        }
    }
}

impl RuleBody for NoGapsSettings {
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
        find_all(columns, &self.columns())?;
        let column = find(columns, &self.column)?;
        let (name, moment) = (identifier(&column.name), moments_of(column, "no_gaps")?);
        let unread = or_unread(column, &moment);
        let over = window(self.group_by.as_deref(), Some(moment.clone()));
        Ok(Shape::violating_rows(format!(
            "select * from (select *, lag({moment}) over ({over}) as moment_before from {{table}} as judged where {name} is not null) \
             as in_order where {unread}{moment} > moment_before + interval '{} seconds'",
            self.longest.0.as_secs()
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_set};

    #[test]
    fn every_row_is_compared_with_the_one_before() {
        let rule = json!({"no_gaps": {"column": "a", "longest": "1d", "group_by": ["b"]}});
        check_set(
            &rule,
            "a date, b varchar",
            "select count(*) as violations from (select * from (select *, lag(cast(a as timestamp(6))) over (partition by b order by \
             cast(a as timestamp(6))) as moment_before from after as judged where a is not null) as in_order \
             where cast(a as timestamp(6)) > moment_before + interval '86400 seconds') as broken",
        );
        check_set(
            &json!({"no_gaps": {"column": "a", "longest": "1d"}}),
            "a varchar",
            "select count(*) as violations from (select * from (select *, lag(try_cast(trim(a) as timestamp(6))) over (order by \
             try_cast(trim(a) as timestamp(6))) as moment_before from after as judged where a is not null) as in_order \
             where try_cast(trim(a) as timestamp(6)) is null or try_cast(trim(a) as timestamp(6)) > moment_before \
             + interval '86400 seconds') as broken",
        );
        check_misfit(&rule, "a bigint, b varchar", "`no_gaps` needs dates or moments, and column `a` is bigint");
    }
}
