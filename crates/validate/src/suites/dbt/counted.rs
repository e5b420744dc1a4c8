//! What a test of dbt counts where its configuration says how many failures it tolerates: the rows that its query returns.

use hw_base::identifier;
use serde_json::{Value as Json, json};

use super::words::sql_list;
use crate::suites::Rules;
use crate::suites::words::Arguments;

/// The query of a test that returns a row per value where our kind counts every row.
pub(super) fn query_of_groups(kind: &str, arguments: &Arguments<'_>) -> Option<String> {
    let column = || arguments.text("column_name").ok().map(|name| named(&name));
    match kind.trim_start_matches("dbt.") {
        "unique" => column().map(|column| repeated(&column, &format!("{column} is not null"))),
        "accepted_values" => listed(&column()?, "not in", arguments),
        "dbt_utils.not_accepted_values" => listed(&column()?, "in", arguments),
        "dbt_utils.unique_combination_of_columns" => Some(repeated(&names(arguments, "combination_of_columns")?.join(", "), "true")),
        "dbt_expectations.expect_column_values_to_be_unique" => {
            let column = column()?;
            Some(repeated(&column, &and_where(&format!("{column} is not null"), arguments)))
        }
        "dbt_expectations.expect_compound_columns_to_be_unique" => {
            let names = names(arguments, "column_list")?;
            let any = arguments.get("ignore_row_if") == json!("any_value_is_missing");
            let present: Vec<String> = names.iter().map(|name| format!("{name} is not null")).collect();
            let present = format!("({})", present.join(if any { " and " } else { " or " }));
            Some(repeated(&names.join(", "), &and_where(&present, arguments)))
        }
        _ => None,
    }
}

fn names(arguments: &Arguments<'_>, list: &str) -> Option<Vec<String>> {
    Some(arguments.texts(list).ok()?.iter().map(|name| named(name)).collect())
}

/// A column in SQL. What is more than a name, dbt takes as it is written.
fn named(column: &str) -> String {
    let is_name = column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name { identifier(column) } else { column.to_owned() }
}

fn and_where(condition: &str, arguments: &Arguments<'_>) -> String {
    arguments.text("row_condition").map_or_else(|_| condition.to_owned(), |own| format!("{condition} and ({own})"))
}

fn repeated(columns: &str, condition: &str) -> String {
    format!("select {columns}, count(*) as copies from {{table}} where {condition} group by {columns} having count(*) > 1")
}

fn listed(column: &str, operator: &str, arguments: &Arguments<'_>) -> Option<String> {
    let values = sql_list(&arguments.get("values"), arguments.get("quote") != json!(false))?;
    Some(format!("select {column}, count(*) as copies from {{table}} where {column} {operator} ({values}) group by {column}"))
}

/// Makes sure that our rules count what dbt counts.
///
/// # Errors
/// Says why they do not.
pub(super) fn counts_alike(kind: &str, rules: &Rules) -> Result<(), String> {
    let counts_differences = ["equal_rowcount", "fewer_rows_than", "equality"].iter().any(|name| kind == format!("dbt_utils.{name}"));
    match rules.rules.as_slice() {
        _ if counts_differences => Err("its limit counts by how much the tables differ, which no rule does".into()),
        [_, _, ..] => Err("it becomes several rules, and its limit counts the failures of all of them together".into()),
        [rule] if rule.get("unique").is_some() => Err("its limit counts values that are repeated, and the rule counts their rows".into()),
        [rule] if rule.get("schema").is_some() => Err("its limit counts columns, of which a rule tolerates none".into()),
        _ => Ok(()),
    }
}

/// The kinds that measure one value, where the query of a test returns one row or none.
const OF_ONE_VALUE: [&str; 4] = ["aggregate", "row_count", "distinct_count", "freshness"];

/// Whether rules hold whatever they measure, since more failures are tolerated than there can be.
pub(super) fn never_fails(rules: &Rules, tolerated: Option<u64>) -> bool {
    let is_of_one_value = |rule: &Json| OF_ONE_VALUE.iter().any(|kind| rule.get(*kind).is_some());
    tolerated.is_some_and(|rows| rows > 0) && rules.rules.iter().all(is_of_one_value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_that_is_repeated_is_one_failure() {
        let query = |kind: &str, arguments: Json| query_of_groups(kind, &Arguments::new(arguments.as_object().unwrap()));
        assert_eq!(
            query("unique", json!({ "column_name": "a" })).unwrap(),
            "select a, count(*) as copies from {table} where a is not null group by a having count(*) > 1"
        );
        assert_eq!(
            query("dbt_expectations.expect_compound_columns_to_be_unique", json!({"column_list": ["a", "b"], "row_condition": "c"}))
                .unwrap(),
            "select a, b, count(*) as copies from {table} where (a is not null or b is not null) and (c) group by a, b having count(*) > 1"
        );
        let mixed = query("unique", json!({ "column_name": "Mixed" })).unwrap();
        assert!(mixed.contains("group by \"Mixed\""), "{mixed}");
        assert_eq!(query("not_null", json!({ "column_name": "a" })), None);
    }
}
