//! `accepted_combinations`: the columns of a row hold values that a list allows together.

use hw_base::{Column, identifier};

use crate::columns::find_all;
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf, check_several};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The columns of a row hold values that a list allows together.
#[derive(Debug)]
pub(super) struct AcceptedCombinations;

counting_settings! {
    /// Settings of `accepted_combinations`.
    AcceptedCombinationsSettings {
        /// The columns, two or more.
        columns: Vec<String>,
        /// The values that may stand together, one list per combination, in the order of the columns; `null` for none.
        values: Vec<Vec<Option<Scalar>>>,
        /// Which rows are left out: those with `any_null` of the columns (where it is not given), those with `all_null`, or `never` one.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for AcceptedCombinations {
    kind_is!("accepted_combinations", Consistency, Row, AcceptedCombinationsSettings);

    fn about(&self) -> About {
        About {
            finds: "Rows whose columns hold values that stand in no combination of the list. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never`, only a combination with `null` in that place admits them.",
            matters: "`Munich` and `FR` are both right by themselves, and wrong together.",
            example: "- accepted_combinations: { columns: [status, country_code], values: [[shipped, DE], [shipped, FR], [pending, DE]] }",
            remedy: "Find out which of the columns is wrong. A long list is better kept as a table, with `referential` on both columns.",
        }
    }
}

impl RuleBody for AcceptedCombinationsSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        check_several(&self.columns, problems);
        if self.values.is_empty() {
            problems.add("values", "`values` is empty", "list what may stand together, such as `[[shipped, DE], [pending, FR]]`");
        }
        if let Some(odd) = self.values.iter().find(|combination| combination.len() != self.columns.len()) {
            let message = format!("a combination has {} values for {} columns", odd.len(), self.columns.len());
            problems.add("values", message, "give one value per column, in the order of the columns");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let found = find_all(columns, &self.columns)?;
        let mut allowed = Vec::with_capacity(self.values.len());
        for combination in &self.values {
            let parts = found.iter().zip(combination).map(|(column, value)| equals(column, value.as_ref()));
            allowed.push(format!("({})", parts.collect::<Result<Vec<_>, _>>()?.join(" and ")));
        }
        Ok(Shape::Row { violates: self.skip_if.violates(&allowed.join(" or "), &self.columns) })
    }
}

fn equals(column: &Column, value: Option<&Scalar>) -> Result<String, String> {
    let name = identifier(&column.name);
    match value {
        None => Ok(format!("{name} is null")),
        Some(value) if value.beyond(column).is_some() => Ok("false".into()),
        Some(value) => Ok(format!("{name} = {}", value.for_column(column)?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_row, refused};

    #[test]
    fn values_must_stand_together() {
        let rule = json!({"accepted_combinations": {"columns": ["a", "b"], "values": [[1, "x"], [2, null]], "skip_if": "never"}});
        check_row(&rule, "a bigint, b varchar", "((a = 1 and b = 'x') or (a = 2 and b is null)) is not true");
        let refuse = |settings: Json| refused(&json!([{ "accepted_combinations": settings }]));
        assert!(refuse(json!({"columns": ["a", "b"], "values": []})).contains("`values` is empty"));
        assert!(refuse(json!({"columns": ["a", "b"], "values": [[1]]})).contains("1 values for 2 columns"));
    }
}
