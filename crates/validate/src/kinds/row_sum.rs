//! `row_sum`: the columns of a row add up to a number.

use hw_base::{Column, ColumnType, identifier};

use crate::columns::{all_present, any_present, find_all};
use crate::exact::Exact;
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
            finds: "Rows whose columns do not add up to the number in `equals`. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never`, a null counts as zero. Whole numbers and decimals are added exactly; with a float among the columns, all are added as floats. Floats rarely add up to the last digit: allow for it with `within`.",
            matters: "Shares that add up to 98 per cent show that a part is missing, though each of them looks right.",
            example: "- row_sum: { columns: [discount, total_amount], equals: 100, within: 0.001 }",
            remedy: "Look for a part that is not in the list of columns, and for parts that were rounded one by one. A sum that stands in a column of its own is a case for `expression`.",
        }
    }
}

impl RowSumSettings {
    /// A column as a part of the sum. Sums of whole numbers begin anew where their type ends, so they are added as decimals.
    fn term(&self, column: &Column, are_floats: bool) -> String {
        let name = identifier(&column.name);
        let value = match self.skip_if {
            SkipIf::AnyNull => name,
            SkipIf::AllNull | SkipIf::Never => format!("coalesce({name}, 0)"),
        };
        match column.kind {
            _ if are_floats => format!("cast({value} as double)"),
            ColumnType::Integer => format!("cast({value} as decimal(20,0))"),
            _ => value,
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
        } else if self.within.is_some_and(|within| !within.is_finite()) {
            problems.add("within", "a distance is a number", "give 0 or more");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let found = find_all(columns, &self.columns)?;
        if let Some(other) = found.iter().find(|column| !column.kind.is_numeric()) {
            return Err(format!("`row_sum` needs numbers, and column `{}` is {}", other.name, other.sql_type));
        }
        let are_floats = found.iter().any(|column| column.kind == ColumnType::Float);
        let sum = found.iter().map(|column| self.term(column, are_floats)).collect::<Vec<_>>().join(" + ");
        let written = |number: Exact| if are_floats { number.to_string() } else { number.sql() };
        let number = self.equals.as_number().map(written).unwrap_or_default();
        let differs = match self.within.filter(|within| *within > 0.0).and_then(Exact::of) {
            Some(within) => format!("abs({sum} - {number}) > {}", written(within)),
            None => format!("{sum} <> {number}"),
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
        let sum = "cast(a as double) + cast(b as double)";
        check_row(&rule("any_null", 0.0), "a bigint, b double", &format!("a is not null and b is not null and {sum} <> 1"));
        let sum = "cast(coalesce(a, 0) as decimal(20,0)) + coalesce(b, 0)";
        check_row(&rule("never", 0.1), "a bigint, b decimal(12,2)", &format!("abs({sum} - 1) > cast('0.1' as decimal(1,1))"));
        check_misfit(&rule("never", 0.0), "a bigint, b varchar", "`row_sum` needs numbers, and column `b` is varchar");
        let refuse = |settings: Json| refused(&json!([{ "row_sum": settings }]));
        assert!(refuse(json!({"columns": ["a", "b"], "equals": "x"})).contains("`x` is no number"));
        assert!(refuse(json!({"columns": ["a", "b"], "equals": 1, "within": -1.5})).contains("not negative"));
    }
}
