//! A rule as one SELECT that returns rows where the rule is broken, and none where it holds.

use hw_base::{Tolerance, identifier, literal};

use crate::rule::Rule;
use crate::shape::{Bounds, Limit, LimitValue, Shape, Template};
use crate::suites::TableRules;
use crate::suites::dialect::with_names_quoted;

/// The SELECT over `name`, which stands for the table in a FROM, in the dialect that is wanted. It returns no row as long
/// as no more rows break the rule than it tolerates.
///
/// # Errors
/// Says why the rule cannot be written in SQL.
pub(super) fn violations_sql(rule: &Rule, table: &TableRules<'_>, name: &str) -> Result<String, String> {
    in_dialect(&in_our_sql(rule, table, name)?, table)
}

/// SQL over the columns of a table in the dialect that is wanted for it.
///
/// # Errors
/// Says what the dialect has nothing for.
pub(super) fn in_dialect(sql: &str, table: &TableRules<'_>) -> Result<String, String> {
    let is_reserved = |word: &str| is_reserved_elsewhere(word) && table.columns.iter().any(|column| column.name == word);
    table.dialect.written(&with_names_quoted(sql, is_reserved))
}

/// Whether a word cannot name a column without quotes in other engines.
pub(super) fn is_reserved_elsewhere(word: &str) -> bool {
    RESERVED_ELSEWHERE.contains(&word)
}

/// Words that cannot name a column without quotes in other engines.
const RESERVED_ELSEWHERE: &[&str] = &[
    "analyze",
    "anti",
    "asof",
    "asymmetric",
    "at",
    "authorization",
    "binary",
    "both",
    "check",
    "collate",
    "collation",
    "concurrently",
    "constraint",
    "create",
    "default",
    "deferrable",
    "describe",
    "do",
    "foreign",
    "freeze",
    "glob",
    "ilike",
    "initially",
    "isnull",
    "lambda",
    "leading",
    "notnull",
    "only",
    "overlaps",
    "pivot",
    "placing",
    "positional",
    "references",
    "semi",
    "show",
    "similar",
    "summarize",
    "symmetric",
    "tablesample",
    "trailing",
    "unpivot",
    "user",
    "variadic",
    "verbose",
];

fn in_our_sql(rule: &Rule, TableRules { columns, .. }: &TableRules<'_>, table: &str) -> Result<String, String> {
    let judged = match rule.condition_sql() {
        Some(condition) => format!("(select * from {table} where {condition})"),
        None => table.to_owned(),
    };
    let violations = match rule.body.shape(columns)? {
        Shape::Row { violates } => format!("select * from {judged} as judged where {violates}"),
        Shape::Set { violations, .. } => over(&violations, &judged, table),
        Shape::Aggregate { bounds: Bounds::Learned { .. }, .. } => return Err("its limits are learned from the runs of Headworks".into()),
        Shape::Aggregate { expression, bounds, .. } => return Ok(measured(&expression, &bounds, table)),
        Shape::Columns { .. } => return Err("it is about the columns, and a query of rows cannot tell those".into()),
    };
    let tolerated = match rule.tolerance {
        Tolerance::NONE => return Ok(violations),
        Tolerance::Rows(rows) => rows.to_string(),
        Tolerance::Share(share) => format!("{} * (select count(*) from {judged} as judged)", share.0),
    };
    Ok(format!(
        "select broken.* from ({violations}) as broken cross join \
         (select count(*) as violation_count from ({violations}) as counted) as totals where violation_count > {tolerated}"
    ))
}

/// The violations in a table that is not the one that is being loaded.
fn over(violations: &Template, judged: &str, table: &str) -> String {
    violations.over(judged, table, None)
}

fn measured(expression: &str, bounds: &Bounds, table: &str) -> String {
    let outside: Vec<String> = match bounds {
        Bounds::Between { min, max } | Bounds::Learned { min, max, .. } => {
            let side = |limit: &Option<Limit>, inside: &str, outside: &str| {
                let written = limit.as_ref()?;
                let breaks = if written.is_outside { outside } else { inside };
                Some(format!("measured {breaks} {}", limit_sql(written)))
            };
            [side(min, "<", "<="), side(max, ">", ">=")].into_iter().flatten().collect()
        }
        Bounds::Within(span) => vec![format!("measured < now() - interval '{} seconds'", span.0.as_secs())],
    };
    let outside = std::iter::once("measured is null".to_owned()).chain(outside).collect::<Vec<_>>().join(" or ");
    format!("select * from (select {expression} as measured from {table} as judged) as measurement where {outside}")
}

fn limit_sql(limit: &Limit) -> String {
    match &limit.value {
        LimitValue::Number(number) => number.sql(),
        LimitValue::Moment(_, at) => format!("cast({} as timestamp)", literal(&at.format("%Y-%m-%d %H:%M:%S%.f").to_string())),
    }
}

/// The name of a table as SQL: `shop.orders` has two parts.
pub(super) fn table_sql(table: &str) -> String {
    table.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::suites::Dialect;
    use crate::testing::{columns, rules};

    #[track_caller]
    fn check(rule: &Json, expected: &str) {
        let rule = &rules(&json!([rule]))[0];
        let table = TableRules { table: "t", columns: &columns("a bigint, b date"), rules: &[], dialect: Dialect::default() };
        let sql = violations_sql(rule, &table, "t").unwrap_or_else(|why| why);
        assert_eq!(sql, expected);
    }

    #[test]
    fn rows_are_returned_where_a_rule_is_broken() {
        check(
            &json!({"not_null": {"column": "a", "where": "b > now()"}}),
            "select * from (select * from t where (b > now())) as judged where a is null",
        );
        check(
            &json!({"not_null": {"column": "a", "at_least": "95%"}}),
            "select broken.* from (select * from t as judged where a is null) as broken cross join (select count(*) as violation_count \
             from (select * from t as judged where a is null) as counted) as totals where violation_count > 0.05 * (select count(*) from t as judged)",
        );
        check(
            &json!({"aggregate": {"function": "max", "column": "b", "min": "2026-01-01", "below": "2027-01-01"}}),
            "select * from (select max(b) as measured from t as judged) as measurement where measured is null or \
             measured < cast('2026-01-01 00:00:00' as timestamp) or measured >= cast('2027-01-01 00:00:00' as timestamp)",
        );
        check(
            &json!({"freshness": {"column": "b", "within": "1d"}}),
            "select * from (select max(b) as measured from t as judged) as measurement where measured is null or \
             measured < now() - interval '86400 seconds'",
        );
        check(&json!({"schema": {"columns": {"a": "any"}}}), "it is about the columns, and a query of rows cannot tell those");
        let rule = &rules(&json!([{"not_null": {"column": "at", "where": "b at time zone 'UTC' > 'at'"}}]))[0];
        let table = TableRules { table: "t", columns: &columns("at date, b timestamp"), rules: &[], dialect: Dialect::default() };
        let quoted = "select * from (select * from t where (b at time zone 'UTC' > 'at')) as judged where \"at\" is null";
        assert_eq!(violations_sql(rule, &table, "t").unwrap(), quoted);
        assert_eq!(table_sql("shop.Orders"), "shop.\"Orders\"");
    }
}
