//! `columns_differ`: the columns of a row hold different values.

use hw_base::Column;

use crate::columns::{beside, find_all};
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf, check_different, check_several};
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The columns of a row hold different values.
#[derive(Debug)]
pub(super) struct ColumnsDiffer;

counting_settings! {
    /// Settings of `columns_differ`.
    ColumnsDifferSettings {
        /// The columns, two or more.
        columns: Vec<String>,
        /// Which rows are left out: those with `any_null` of the columns (where it is not given), those with `all_null`, or `never` one.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for ColumnsDiffer {
    kind_is!("columns_differ", Consistency, Row, ColumnsDifferSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows in which two of the named columns hold the same value. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never`, a null is a value like any other: it differs from them, and two nulls are the same.",
            matters: "A transfer from an account to itself, or a customer who recommended herself, is a slip that no test of single columns sees.",
            example: "- columns_differ: { columns: [customer_id, shop_id], on_failure: alert }",
            remedy: "Look for a column that is filled from another one where it is missing, and leave it null instead.",
        }
    }
}

impl RuleBody for ColumnsDifferSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        check_several(&self.columns, problems);
        check_different(&self.columns, problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let found = find_all(columns, &self.columns)?;
        let differs = if self.skip_if == SkipIf::AnyNull { "<>" } else { "is distinct from" };
        let mut holds = Vec::new();
        for (at, left) in found.iter().enumerate() {
            for right in &found[at + 1..] {
                holds.push(format!("({} {differs} {})", beside(left, right)?, beside(right, left)?));
            }
        }
        Ok(Shape::Row { violates: self.skip_if.violates(&holds.join(" and "), &self.columns) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_row, refused};

    #[test]
    fn every_pair_must_differ() {
        let rule = json!({"columns_differ": {"columns": ["a", "b", "c"], "skip_if": "never"}});
        check_row(
            &rule,
            "a bigint, b bigint, c bigint",
            "((a is distinct from b) and (a is distinct from c) and (b is distinct from c)) is not true",
        );
        let rule = json!({"columns_differ": {"columns": ["a", "b"]}});
        check_row(&rule, "a bigint, b bigint", "a is not null and b is not null and not ((a <> b))");
        check_misfit(
            &rule,
            "a bigint, b varchar",
            "`a` is bigint and `b` is varchar, which do not compare; cast one of them in the model, or use `expression`",
        );
        assert!(refused(&json!([{"columns_differ": {"columns": ["a"]}}])).contains("name two columns or more"));
        assert!(refused(&json!([{"columns_differ": {"columns": ["a", "a"]}}])).contains("`a` is named twice"));
    }
}
