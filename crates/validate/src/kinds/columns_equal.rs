//! `columns_equal`: the columns of a row hold one value.

use hw_base::Column;

use crate::columns::{beside, find_all};
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf, check_different, check_several};
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The columns of a row hold one value.
#[derive(Debug)]
pub(super) struct ColumnsEqual;

counting_settings! {
    /// Settings of `columns_equal`.
    ColumnsEqualSettings {
        /// The columns, two or more.
        columns: Vec<String>,
        /// Which rows are left out: those with `any_null` of the columns (where it is not given), those with `all_null`, or `never` one.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for ColumnsEqual {
    kind_is!("columns_equal", Consistency, Row, ColumnsEqualSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows in which the named columns do not all hold the same value. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never`, a null is a value like any other: two nulls are the same.",
            matters: "What is stored twice drifts apart, and then two reports of the same thing disagree.",
            example: "- columns_equal: { columns: [line, line_number], on_failure: alert }",
            remedy: "Find out which of the columns is right, make the others from it in the model, or drop them.",
        }
    }
}

impl RuleBody for ColumnsEqualSettings {
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
        let pairs = found.iter().zip(found.iter().skip(1));
        let equals = if self.skip_if == SkipIf::AnyNull { "=" } else { "is not distinct from" };
        let holds = pairs.map(|(left, right)| Ok(format!("({} {equals} {})", beside(left, right)?, beside(right, left)?)));
        let holds = holds.collect::<Result<Vec<_>, String>>()?;
        Ok(Shape::Row { violates: self.skip_if.violates(&holds.join(" and "), &self.columns) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_row, refused};

    #[test]
    fn neighbours_must_be_equal() {
        let rule = json!({"columns_equal": {"columns": ["a", "b", "c"], "skip_if": "all_null"}});
        let expected = "(a is not null or b is not null or c is not null) and ((a is not distinct from b) and (b is not distinct from cast(c as double))) is not true";
        check_row(&rule, "a double, b double, c decimal(12,2)", expected);
        assert!(refused(&json!([{"columns_equal": {"columns": []}}])).contains("name two columns or more"));
        assert!(refused(&json!([{"columns_equal": {"columns": ["a", "b", "a"]}}])).contains("`a` is named twice"));
    }
}
