//! Row conditions of Great Expectations as SQL.

use hw_base::{identifier, literal};
use serde_json::Value as Json;

use super::pandas::{self, Nulls};

/// The row condition as SQL: in the words of pandas' `query`, of Great Expectations itself, or as the tree that newer
/// versions keep.
///
/// # Errors
/// Says what has no counterpart.
pub(super) fn sql(condition: &Json, parser: Option<&str>) -> Result<String, String> {
    let known =
        [None, Some("pandas"), Some("great_expectations"), Some("great_expectations__experimental__"), Some("spark"), Some("python")];
    match condition {
        _ if !known.contains(&parser) => Err(format!("the parser `{}` of the row condition is not known", parser.unwrap_or_default())),
        Json::String(text) if parser == Some("spark") => Ok(text.clone()),
        // Great Expectations' own words are for databases; its pandas engine refuses them.
        Json::String(text) if parser.is_some_and(|parser| parser.starts_with("great_expectations")) => pandas::sql(text, Nulls::Unknown),
        Json::String(text) => pandas::sql(text, Nulls::Differ),
        Json::Object(tree) if parser == Some("spark") && tree.contains_key("pass_through_filter") => {
            Ok(tree["pass_through_filter"].as_str().unwrap_or_default().to_owned())
        }
        Json::Object(_) if parser == Some("spark") => from_tree(condition, Nulls::Unknown),
        Json::Object(_) => from_tree(condition, Nulls::Differ),
        other => Err(format!("the row condition {other} is not known")),
    }
}

/// The condition as a tree: `{type: comparison, column: {name}, operator, parameter}`.
fn from_tree(condition: &Json, nulls: Nulls) -> Result<String, String> {
    let text = |key: &str| condition.get(key).and_then(Json::as_str).unwrap_or_default();
    let column = || {
        let named = condition.get("column").and_then(|column| column.get("name").or(Some(column))).and_then(Json::as_str);
        named.map(identifier).ok_or_else(|| format!("the row condition {condition} names no column"))
    };
    let joined = |word: &str| -> Result<String, String> {
        let list = condition.get("conditions").and_then(Json::as_array).cloned().unwrap_or_default();
        let parts = list.iter().map(|part| from_tree(part, nulls)).collect::<Result<Vec<_>, _>>()?;
        // Theirs chooses no row by nothing.
        Ok(if parts.is_empty() { "false".to_owned() } else { format!("({})", parts.join(word)) })
    };
    match text("type") {
        "and" => joined(" and "),
        "or" => joined(" or "),
        "pass_through" => pandas::sql(text("pass_through_filter"), nulls),
        "nullity" => Ok(format!("{} is {}null", column()?, if condition["is_null"] == Json::Bool(true) { "" } else { "not " })),
        "comparison" => {
            let value = condition.get("parameter").unwrap_or(&Json::Null);
            let operator = match text("operator") {
                "==" => "=",
                "!=" => return Ok(nulls.differs(&column()?, &value_sql(value)?)),
                "<" | "<=" | ">" | ">=" => text("operator"),
                "IN" => return Ok(format!("{} in {}", column()?, list(value)?)),
                "NOT_IN" => return Ok(nulls.is_none_of(&column()?, &list(value)?)),
                other => return Err(format!("the operator `{other}` of a row condition is not known")),
            };
            Ok(format!("{} {operator} {}", column()?, value_sql(value)?))
        }
        other => Err(format!("a row condition of type `{other}` is not known")),
    }
}

fn list(values: &Json) -> Result<String, String> {
    let values = values.as_array().ok_or("the list of a row condition is none")?;
    Ok(format!("({})", values.iter().map(value_sql).collect::<Result<Vec<_>, _>>()?.join(", ")))
}

fn value_sql(value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(literal(text)),
        Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
        other => Err(format!("the value {other} of a row condition is not known")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(condition: &Json, expected: &str) {
        assert_eq!(sql(condition, Some("pandas")).unwrap_or_else(|why| why), expected);
    }

    #[test]
    fn conditions_become_sql() {
        check(&json!("col(\"Order No\").notNull()"), "\"Order No\" is not null");
        check(&json!("col(\"a\") == \"o'clock\""), "a = 'o''clock'");
        check(&json!("y==1 & z != \"x\" and b in [1, -2.5]"), "y = 1 and (z is distinct from 'x') and b in (1, -2.5)");
        check(
            &json!("(a.isnull() or ~b) and col('c') >= date(\"2026-01-31\")"),
            "(a is null or b is not true) and c >= cast('2026-01-31' as date)",
        );
        check(
            &json!("a<datetime.date(2021,2,1) and b > datetime.datetime(2021,1,31,6,0,0,tzinfo=datetime.timezone.utc)"),
            "a < cast('2021-02-01' as date) and b > cast('2021-01-31 06:00:00' as timestamp(6))",
        );
        check(&json!({"type": "pass_through", "pass_through_filter": "a == 1"}), "a = 1");
        let tree = json!({"type": "and", "conditions": [
            {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": "x"},
            {"type": "nullity", "column": {"name": "b"}, "is_null": false},
        ]});
        check(&tree, "(a = 'x' and b is not null)");
        check(&json!({"type": "and", "conditions": []}), "false");
        assert_eq!(sql(&json!("a % 2 = 0"), Some("spark")).unwrap(), "a % 2 = 0");
    }

    #[test]
    fn a_null_differs_in_pandas_and_not_in_databases() {
        let tree = json!({"type": "or", "conditions": [
            {"type": "comparison", "column": {"name": "a"}, "operator": "!=", "parameter": "x"},
            {"type": "comparison", "column": {"name": "b"}, "operator": "NOT_IN", "parameter": [1, 2]},
        ]});
        check(&tree, "((a is distinct from 'x') or (b not in (1, 2) or b is null))");
        assert_eq!(sql(&tree, Some("spark")).unwrap(), "(a <> 'x' or b not in (1, 2))");
        let words = json!("col(\"a\") != \"x\"");
        assert_eq!(sql(&words, Some("great_expectations")).unwrap(), "a <> 'x'");
        assert_eq!(sql(&words, Some("pandas")).unwrap(), "(a is distinct from 'x')");
    }
}
