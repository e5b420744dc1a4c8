//! `row_sum`: the columns of a row add up to a number.

use hw_base::{Column, identifier};

use crate::columns::{all_present, any_present, find_all};
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf, check_several};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The columns of a row add up to a number.
#[derive(Debug)]
pub(super) struct RowSum;

counting_settings! {
    /// Settings of `row_sum`.
    RowSumSettings {
        /// The columns to add, two or more.
        columns: Vec<String>,
        /// The sum that every row must have.
        equals: Scalar,
        /// How far the sum may be away from it; 0 where it is not given.
        within: Option<f64>,
        /// Which rows are left out: those with `any_null` of the columns (where it is not given), those with `all_null`, or `never` one. A null in a row that is not left out counts as zero.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for RowSum {
    kind_is!("row_sum", Consistency, Row, RowSumSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows whose columns do not add up to the number in `equals`. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never`, a null counts as zero. Floats rarely add up to the last digit: allow for it with `within`.",
            matters: "Shares that add up to 98 per cent show that a part is missing, though each of them looks right.",
            example: "- row_sum: { columns: [discount, total_amount], equals: 100, within: 0.001 }",
            remedy: "Look for a part that is not in the list of columns, and for parts that were rounded one by one. A sum that stands in a column of its own is a case for `expression`.",
        }
    }
}

impl RuleBody for RowSumSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        check_several(&self.columns, problems);
        if self.equals.as_number().is_none() {
            problems.add("equals", format!("`{}` is no number", self.equals), "give the sum as a number, such as `100`");
        }
        if self.within.is_some_and(|within| within < 0.0) {
            problems.add("within", "a distance is not negative", "give 0 or more");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let found = find_all(columns, &self.columns)?;
        if let Some(other) = found.iter().find(|column| !column.kind.is_numeric()) {
            return Err(format!("`row_sum` needs numbers, and column `{}` is {}", other.name, other.sql_type));
        }
        let term = |name: &String| match self.skip_if {
            SkipIf::AnyNull => identifier(name),
            SkipIf::AllNull | SkipIf::Never => format!("coalesce({}, 0)", identifier(name)),
        };
        let sum = self.columns.iter().map(term).collect::<Vec<_>>().join(" + ");
        let number = self.equals.as_number().map(|number| number.sql()).unwrap_or_default();
        let differs = match self.within {
            Some(within) if within > 0.0 => format!("abs({sum} - {number}) > {within}"),
            _ => format!("{sum} <> {number}"),
        };
        let violates = match self.skip_if {
            SkipIf::AnyNull => format!("{} and {differs}", all_present(&self.columns)),
            SkipIf::AllNull => format!("({}) and {differs}", any_present(&self.columns)),
            SkipIf::Never => differs,
        };
        Ok(Shape::Row { violates })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_misfit, check_row, refused};

    #[test]
    fn columns_are_added() {
        let rule =
            |skip_if: &str, within: f64| json!({"row_sum": {"columns": ["a", "b"], "equals": 1, "skip_if": skip_if, "within": within}});
        check_row(&rule("any_null", 0.0), "a bigint, b double", "a is not null and b is not null and a + b <> 1");
        check_row(&rule("never", 0.1), "a bigint, b double", "abs(coalesce(a, 0) + coalesce(b, 0) - 1) > 0.1");
        check_misfit(&rule("never", 0.0), "a bigint, b varchar", "`row_sum` needs numbers, and column `b` is varchar");
        let refuse = |settings: Json| refused(&json!([{ "row_sum": settings }]));
        assert!(refuse(json!({"columns": ["a", "b"], "equals": "x"})).contains("`x` is no number"));
        assert!(refuse(json!({"columns": ["a", "b"], "equals": 1, "within": -1.5})).contains("not negative"));
    }
}
