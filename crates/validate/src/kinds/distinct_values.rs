//! `distinct_values`: the different values of a column are those of a list.

use hw_base::Column;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::{RuleKind, comparable};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The different values of a column are those of a list.
#[derive(Debug)]
pub(super) struct DistinctValues;

counting_settings! {
    /// Settings of `distinct_values`.
    DistinctValuesSettings {
        /// The column.
        column: String,
        /// The values that may occur. Others break the rule, once each.
        within: Option<Vec<Scalar>>,
        /// The values that must occur. Missing ones break the rule.
        contain: Option<Vec<Scalar>>,
        /// The values that must occur, and no others may.
        equal: Option<Vec<Scalar>>,
    }
}

impl RuleKind for DistinctValues {
    kind_is!("distinct_values", Completeness, Set, DistinctValuesSettings);

    fn about(&self) -> About {
        About {
            finds: "Values that occur although they are not in the list (`within`), that are in the list and do not occur (`contain`), or both (`equal`), in the table as it would be after the load. Every value counts once, however many rows hold it, so give a tolerance as a number and not as a share. Nulls are left out. An empty table holds no value: it keeps `within` and breaks the others.",
            matters: "When a shop stops to deliver, no row is wrong: its rows are simply not there.",
            example: "- distinct_values: { column: status, contain: [pending, shipped, delivered], on_failure: alert }\n- distinct_values: { column: country_code, equal: [DE, FR, NL] }",
            remedy: "For a value that is missing, look for the delivery that should hold it, and at the filters of the model. For one that is new, look for its first row.",
        }
    }
}

impl DistinctValuesSettings {
    fn lists(&self) -> impl Iterator<Item = (&'static str, &Vec<Scalar>)> {
        let lists = [("within", &self.within), ("contain", &self.contain), ("equal", &self.equal)];
        lists.into_iter().filter_map(|(key, list)| list.as_ref().map(|list| (key, list)))
    }
}

impl RuleBody for DistinctValuesSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        match self.lists().collect::<Vec<_>>().as_slice() {
            [] => problems.add("within", "no list of values is given", "add `within: […]`, `contain: […]` or `equal: […]`"),
            [(key, values)] if values.is_empty() => problems.add(key, format!("`{key}` is empty"), "list the values"),
            [_] => {}
            [_, (key, _), ..] => problems.add(key, "two lists of values are given", "keep one, or write two rules"),
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let Some((key, values)) = self.lists().next() else { return Err("no list of values is given".into()) };
        let (name, written) = comparable(column, values)?;
        let text = as_text(column);
        let unexpected = format!(
            "select distinct {text} as found_value, 'is not in the list' as problem from {{table}} as judged \
             where {name} is not null and {name} not in ({})",
            written.join(", ")
        );
        let rows: Vec<String> = written.iter().map(|value| format!("({value})")).collect();
        let missing = format!(
            "select cast(expected_value as varchar) as found_value, 'does not occur' as problem from (values {}) as expected (expected_value) \
             where not exists (select 1 from {{table}} as judged where {name} = expected_value)",
            rows.join(", ")
        );
        Ok(Shape::violating_rows(match key {
            "within" => unexpected,
            "contain" => missing,
            _ => format!("{unexpected} union all {missing}"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_set, refused};

    #[track_caller]
    fn check(settings: &Json, expected: &str) {
        check_set(
            &json!({ "distinct_values": settings }),
            "a bigint",
            &format!("select count(*) as violations from ({expected}) as broken"),
        );
    }

    #[test]
    fn values_may_or_must_occur() {
        let unexpected = "select distinct cast(a as varchar) as found_value, 'is not in the list' as problem from after as judged \
             where a is not null and a not in (1, 2)";
        let missing = "select cast(expected_value as varchar) as found_value, 'does not occur' as problem from (values (1), (2)) \
             as expected (expected_value) where not exists (select 1 from after as judged where a = expected_value)";
        check(&json!({"column": "a", "within": [1, 2]}), unexpected);
        check(&json!({"column": "a", "contain": [1, 2]}), missing);
        check(&json!({"column": "a", "equal": [1, 2]}), &format!("{unexpected} union all {missing}"));
    }

    #[test]
    fn one_list_is_wanted() {
        let refuse = |settings: Json| refused(&json!([{ "distinct_values": settings }]));
        assert!(refuse(json!({"column": "a"})).contains("no list of values"));
        assert!(refuse(json!({"column": "a", "equal": []})).contains("`equal` is empty"));
        assert!(refuse(json!({"column": "a", "equal": [1], "within": [1]})).contains("two lists"));
    }
}
