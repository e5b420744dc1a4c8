//! Row conditions of Great Expectations as SQL.

use hw_base::{identifier, literal};
use serde_json::Value as Json;

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
        Json::String(text) => from_words(text),
        Json::Object(tree) if parser == Some("spark") && tree.contains_key("pass_through_filter") => {
            Ok(tree["pass_through_filter"].as_str().unwrap_or_default().to_owned())
        }
        Json::Object(_) => from_tree(condition),
        other => Err(format!("the row condition {other} is not known")),
    }
}

/// The condition as a tree: `{type: comparison, column: {name}, operator, parameter}`.
fn from_tree(condition: &Json) -> Result<String, String> {
    let text = |key: &str| condition.get(key).and_then(Json::as_str).unwrap_or_default();
    let column = || {
        let named = condition.get("column").and_then(|column| column.get("name").or(Some(column))).and_then(Json::as_str);
        named.map(identifier).ok_or_else(|| format!("the row condition {condition} names no column"))
    };
    let parts = || {
        let list = condition.get("conditions").and_then(Json::as_array).cloned().unwrap_or_default();
        list.iter().map(from_tree).collect::<Result<Vec<_>, _>>()
    };
    match text("type") {
        "and" => Ok(format!("({})", parts()?.join(" and "))),
        "or" => Ok(format!("({})", parts()?.join(" or "))),
        "pass_through" => from_words(text("pass_through_filter")),
        "nullity" => Ok(format!("{} is {}null", column()?, if condition["is_null"] == Json::Bool(true) { "" } else { "not " })),
        "comparison" => {
            let value = condition.get("parameter").unwrap_or(&Json::Null);
            let operator = match text("operator") {
                "==" => "=",
                "!=" => "<>",
                "<" | "<=" | ">" | ">=" => text("operator"),
                "IN" => return Ok(format!("{} in {}", column()?, list(value)?)),
                "NOT_IN" => return Ok(format!("{} not in {}", column()?, list(value)?)),
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

/// A condition in words: `col("a").notNull()`, `y == 1 and z != "x"`, `a.isnull()`, `b in [1, 2]`.
fn from_words(text: &str) -> Result<String, String> {
    let mut sql: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let (part, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            '`' => {
                let end = rest[1..].find('`').ok_or("a back quote is not closed")?;
                (identifier(&rest[1..=end]), end + 2)
            }
            '&' => ("and".into(), if rest.starts_with("&&") { 2 } else { 1 }),
            '|' => ("or".into(), if rest.starts_with("||") { 2 } else { 1 }),
            '~' => ("not".into(), 1),
            '[' => ("(".into(), 1),
            ']' => (")".into(), 1),
            '(' | ')' | ',' => (first.to_string(), 1),
            '=' | '!' | '<' | '>' => operator(rest)?,
            '.' => method(rest, &sql)?,
            _ if first.is_ascii_digit() || first == '-' || first == '+' => number(rest),
            _ if first.is_alphabetic() || first == '_' => word(rest)?,
            _ => return Err(format!("`{first}` in the row condition `{text}` has no counterpart")),
        };
        sql.push(part);
        rest = rest[length..].trim_start();
    }
    let joined = sql.join(" ").replace("( ", "(").replace(" )", ")").replace(" ,", ",");
    if joined.trim().is_empty() { Err("the row condition is empty".into()) } else { Ok(joined) }
}

fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let end = rest[1..].find(quote).ok_or("a quote in the row condition is not closed")?;
    Ok((literal(&rest[1..=end]), end + 2))
}

fn operator(rest: &str) -> Result<(String, usize), String> {
    for (theirs, ours) in [("==", "="), ("!=", "<>"), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")] {
        if rest.starts_with(theirs) {
            return Ok((ours.into(), theirs.len()));
        }
    }
    Err(format!("the operator at `{rest}` of a row condition is not known"))
}

/// `.notnull()` and its like, after a column.
fn method(rest: &str, sql: &[String]) -> Result<(String, usize), String> {
    let lower = rest.to_lowercase();
    for (theirs, ours) in [(".notnull()", "is not null"), (".notna()", "is not null"), (".isnull()", "is null"), (".isna()", "is null")] {
        if lower.starts_with(theirs) && !sql.is_empty() {
            return Ok((ours.into(), theirs.len()));
        }
    }
    Err(format!("`{rest}` of a row condition has no counterpart"))
}

fn number(rest: &str) -> (String, usize) {
    let end = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).map_or(rest.len(), |end| end + 1);
    (rest[..end].to_owned(), end)
}

/// `datetime.date(2026, 1, 31)`, or `datetime.datetime(…)` with hours, minutes and seconds; a zone can only be UTC.
fn moment(rest: &str) -> Result<(String, usize), String> {
    let (word, inside) = rest.split_once('(').unwrap_or_default();
    let (inside, _) = inside.split_once(')').ok_or("a moment of a row condition is not closed")?;
    let is_zone = |part: &&str| part.replace(' ', "") == "tzinfo=datetime.timezone.utc";
    let parts: Vec<&str> = inside.split(',').map(str::trim).filter(|part| !is_zone(part)).collect();
    let numbers = parts.iter().map(|part| part.parse::<u32>()).collect::<Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|_| format!("`{word}({inside})` of a row condition has no counterpart"))?;
    let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
    let day = format!("{:04}-{:02}-{:02}", at(0), at(1), at(2));
    let length = word.len() + inside.len() + 2;
    if word.rsplit('.').next() == Some("date") {
        return Ok((format!("cast('{day}' as date)"), length));
    }
    Ok((format!("cast('{day} {:02}:{:02}:{:02}' as timestamp(6))", at(3), at(4), at(5)), length))
}

fn word(rest: &str) -> Result<(String, usize), String> {
    if let Some(inside) = rest.strip_prefix("col(") {
        let quote = inside.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or("`col(` of a row condition names no column")?;
        let end = inside[1..].find(quote).ok_or("a quote in the row condition is not closed")?;
        return Ok((identifier(&inside[1..=end]), "col(".len() + end + 3));
    }
    if let Some(inside) = rest.strip_prefix("date(") {
        let end = inside.find(')').ok_or("`date(` of a row condition is not closed")?;
        let text = inside[..end].trim_matches(['"', '\'']);
        return Ok((format!("cast({} as date)", literal(text)), "date(".len() + end + 1));
    }
    if rest.starts_with("datetime.date(") || rest.starts_with("datetime.datetime(") {
        return moment(rest);
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let name = &rest[..end];
    let sql = match name {
        "and" | "or" | "not" | "in" => name.to_owned(),
        "True" => "true".into(),
        "False" => "false".into(),
        _ => identifier(name),
    };
    Ok((sql, end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(condition: &Json, expected: &str) {
        assert_eq!(sql(condition, Some("great_expectations")).unwrap_or_else(|why| why), expected);
    }

    #[test]
    fn conditions_become_sql() {
        check(&json!("col(\"Order No\").notNull()"), "\"Order No\" is not null");
        check(&json!("col(\"a\") == \"o'clock\""), "a = 'o''clock'");
        check(&json!("y==1 & z != \"x\" and b in [1, -2.5]"), "y = 1 and z <> 'x' and b in (1, -2.5)");
        check(
            &json!("(a.isnull() or ~b) and col('c') >= date(\"2026-01-31\")"),
            "(a is null or not b) and c >= cast('2026-01-31' as date)",
        );
        check(
            &json!("a<datetime.date(2021,2,1) and b > datetime.datetime(2021,1,31,6,0,0,tzinfo=datetime.timezone.utc)"),
            "a < cast('2021-02-01' as date) and b > cast('2021-01-31 06:00:00' as timestamp(6))",
        );
        check(&json!({"type": "pass_through", "pass_through_filter": "a == 1"}), "a = 1");
        check(&json!("a.str.len() > 2"), "`.str.len() > 2` of a row condition has no counterpart");
        check(&json!("a % 2 == 0"), "`%` in the row condition `a % 2 == 0` has no counterpart");
        let tree = json!({"type": "and", "conditions": [
            {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": "x"},
            {"type": "nullity", "column": {"name": "b"}, "is_null": false},
        ]});
        check(&tree, "(a = 'x' and b is not null)");
        assert_eq!(sql(&json!("a % 2 = 0"), Some("spark")).unwrap(), "a % 2 = 0");
    }
}
