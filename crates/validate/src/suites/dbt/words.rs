//! The tests that dbt itself brings, and what all translations of tests share.

use serde_json::{Value as Json, json};

use super::{dbt_utils, expectations};
use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// The rules of a test.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(kind: &str, arguments: &Arguments<'_>) -> Translation {
    match kind.split_once('.') {
        Some(("dbt_utils", name)) => dbt_utils::translated(name, arguments),
        Some(("dbt_expectations", name)) => expectations::translated(name, arguments),
        Some(("dbt", name)) => own(name, arguments),
        Some((package, _)) => Err(format!("the tests of the package `{package}` are macros that only dbt can run")),
        None => own(kind, arguments),
    }
}

fn own(kind: &str, arguments: &Arguments<'_>) -> Translation {
    match kind {
        "not_null" => Ok(Rules::one("not_null", json!({"column": column(arguments)?}))),
        "unique" => unique(arguments),
        "accepted_values" => values("accepted_values", "values", arguments),
        "relationships" => {
            let (to, field) = (other(arguments, "to")?, arguments.text("field")?);
            Ok(Rules::one("referential", json!({"column": column(arguments)?, "to": {"table": to, "columns": [plain(&field)]}})))
        }
        "" => Err("it has no name".into()),
        _ => Err(format!("`{kind}` is a macro of the project, which only dbt can run")),
    }
}

/// `unique` also stands at tables, with an expression in place of a column.
fn unique(arguments: &Arguments<'_>) -> Translation {
    let written = arguments.text("column_name")?;
    if is_name(&written) {
        return Ok(Rules::one("unique", json!({"column": plain(&written)})));
    }
    let sql = format!(
        "select {written} as value, count(*) as copies from {{table}} where {written} is not null group by {written} having count(*) > 1"
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// A rule about a list of values, which dbt writes in quotes unless `quote` is false.
pub(super) fn values(kind: &str, key: &str, arguments: &Arguments<'_>) -> Translation {
    let list = arguments.get(key);
    let quoted = arguments.get("quote") != json!(false) && arguments.get("quote_values") != json!(false);
    let items = list.as_array().ok_or_else(|| format!("`{key}` is no list"))?;
    let setting = if kind == "distinct_values" { "within" } else { "values" };
    // A null in the list is no value: whether rows without one pass does not depend on it.
    let present = items.iter().filter(|item| !item.is_null());
    let plain_values: Option<Vec<Json>> = present.map(|item| plain_value(item, quoted)).collect();
    match (plain_values, sql_list(&list, quoted)) {
        (Some(values), _) => Ok(Rules::one(kind, json!({"column": column(arguments)?, setting: values}))),
        (None, Some(written)) if kind != "distinct_values" => {
            let not = if kind == "rejected_values" { "not " } else { "" };
            Ok(Rules::sql("expression", json!({"sql": format!("{} {not}in ({written})", arguments.text("column_name")?)})))
        }
        _ => Err(format!("`{key}` holds SQL that is no value")),
    }
}

/// A value as it is; one without quotes is SQL, of which numbers, truth values and texts in quotes are values.
fn plain_value(value: &Json, quoted: bool) -> Option<Json> {
    match value {
        Json::String(text) if !quoted => {
            let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).filter(|inner| !inner.contains('\''));
            inner
                .map(Json::from)
                .or_else(|| serde_json::from_str::<Json>(text).ok().filter(|value| value.is_number() || value.is_boolean()))
        }
        Json::String(text) => Some(in_quotes(text).into()),
        Json::Object(_) | Json::Array(_) => None,
        other => Some(other.clone()),
    }
}

/// The value of a text that dbt writes between quotes: a doubled quote in it stands for one.
fn in_quotes(text: &str) -> String {
    text.replace("''", "'")
}

/// Values as a list in SQL, without nulls.
pub(super) fn sql_list(values: &Json, quoted: bool) -> Option<String> {
    let one = |value: &Json| match value {
        Json::String(text) if quoted => Some(hw_base::literal(&in_quotes(text))),
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    values.as_array()?.iter().filter(|value| !value.is_null()).map(one).collect::<Option<Vec<_>>>().map(|list| list.join(", "))
}

/// The column of a test, as our rules name it.
pub(super) fn column(arguments: &Arguments<'_>) -> Result<String, String> {
    let written = arguments.text("column_name").map_err(|_| "it stands at no column and names none".to_owned())?;
    if is_name(&written) { Ok(plain(&written)) } else { Err(format!("`{written}` is an expression and no column")) }
}

/// Signs that no name has which stands in SQL as it is.
const OF_EXPRESSIONS: [char; 17] = ['(', ')', ' ', '\'', '|', '+', '-', '*', '/', '%', '<', '>', '=', ',', ':', '.', '['];

/// Whether a text is the name of a column, quoted or not.
pub(super) fn is_name(text: &str) -> bool {
    let is_quoted = |quote: char| text.len() > 2 && text.starts_with(quote) && text.ends_with(quote);
    is_quoted('"') || is_quoted('`') || !text.contains(OF_EXPRESSIONS)
}

/// A name without its quotes.
pub(super) fn plain(name: &str) -> String {
    let inner = |quote: char| name.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('`')).unwrap_or(name).replace("\"\"", "\"")
}

/// The names of a list of columns.
pub(super) fn columns(arguments: &Arguments<'_>, key: &str) -> Result<Vec<String>, String> {
    let names = arguments.texts(key)?;
    match names.iter().find(|name| !is_name(name)) {
        Some(expression) => Err(format!("`{expression}` in `{key}` is an expression and no column")),
        None => Ok(names.iter().map(|name| plain(name)).collect()),
    }
}

/// The table under `key`: `ref('orders')` is `orders`, `source('shop', 'orders')` is `shop.orders`.
pub(super) fn other(arguments: &Arguments<'_>, key: &str) -> Result<String, String> {
    let written = arguments.text(key)?;
    relation(&written).ok_or_else(|| format!("`{key}: {written}` is no `ref` or `source`"))
}

/// The table that a `ref` or `source` names.
pub(super) fn relation(text: &str) -> Option<String> {
    let inner = text.trim();
    let inner = inner.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(inner).trim();
    let (function, rest) = inner.split_once('(')?;
    let parts: Vec<&str> = rest.strip_suffix(')')?.split(',').map(|part| part.trim().trim_matches(['"', '\''])).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.starts_with("v=") && !part.starts_with("version=")).collect();
    match (function.trim(), parts.as_slice()) {
        ("ref", [name] | [_, name]) => Some((*name).to_owned()),
        ("source", [source, name]) => Some(format!("{source}.{name}")),
        _ => None,
    }
}

/// The rule of a foreign key in a constraint.
pub(super) fn foreign_key(constraint: &Json, columns: &Json) -> Translation {
    let to = constraint.get("to").and_then(Json::as_str).and_then(relation);
    let to_columns = constraint.get("to_columns").cloned().unwrap_or_default();
    if let Some(to) = to.filter(|_| to_columns.is_array()) {
        return Ok(Rules::one("referential", json!({"columns": columns, "to": {"table": to, "columns": to_columns}})));
    }
    let expression = constraint.get("expression").and_then(Json::as_str).unwrap_or_default();
    let parts = expression.trim().strip_suffix(')').and_then(|text| text.split_once('('));
    let (table, list) = parts.ok_or_else(|| format!("`expression: {expression}` is not of the form `table (column)`"))?;
    let table = table.trim().trim_start_matches("references ").rsplit('.').next().unwrap_or_default();
    let names: Vec<String> = list.split(',').map(|name| plain(name.trim())).collect();
    Ok(Rules::one("referential", json!({"columns": columns, "to": {"table": plain(table), "columns": names}})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_is_no_name() {
        for name in ["a", "_b1", "\"a-b\"", "`a b`", "ä"] {
            assert!(is_name(name), "{name}");
        }
        for expression in ["a-b", "a%2", "a,b", "a<b", "lower(a)", "t.a", "a || b"] {
            assert!(!is_name(expression), "{expression}");
        }
    }
}
