//! Queries that tests of packages become: measures per group, and comparisons with another table.

use serde_json::{Value as Json, json};

use super::words::{is_name, other, plain};
use crate::suites::Rules;
use crate::suites::words::{Arguments, number, plain_number};

/// Expressions in front of another one in a list.
pub(super) fn before(groups: &[String]) -> String {
    if groups.is_empty() { String::new() } else { groups.join(", ") + ", " }
}

/// A list of SQL expressions as it is written in a query.
pub(super) fn expressions(arguments: &Arguments<'_>, key: &str) -> Vec<String> {
    arguments.texts(key).unwrap_or_default()
}

/// A query of the groups of `groups` where `holds` is false, over the rows where `condition` is true.
pub(super) fn groups_where_not(measure: &str, holds: &str, groups: &[String], condition: Option<&str>) -> Rules {
    let selected = before(groups);
    let filter = condition.map(|condition| format!(" where {condition}")).unwrap_or_default();
    let grouped = if groups.is_empty() { String::new() } else { format!(" group by {}", groups.join(", ")) };
    let sql = format!("select {selected}{measure} as measured from {{table}}{filter}{grouped} having not ({holds})");
    Rules::sql("query", json!({ "sql": sql }))
}

/// `measure` between limits, in SQL.
pub(super) fn between(measure: &str, min: &Json, max: &Json, strictly: bool) -> String {
    let sides = [(if strictly { ">" } else { ">=" }, min), (if strictly { "<" } else { "<=" }, max)];
    let sides = sides.iter().filter(|(_, limit)| !limit.is_null());
    sides.map(|(operator, limit)| format!("{measure} {operator} {}", sql(limit))).collect::<Vec<_>>().join(" and ")
}

/// What a measure of nothing is, so that it lies between the limits: a query of theirs returns no row there. Limits are numbers.
pub(super) fn between_limits(min: &Json, max: &Json, strictly: bool) -> Json {
    let step = if strictly { 1.0 } else { 0.0 };
    match (number(min), number(max)) {
        (Some(low), Some(high)) => plain_number(f64::midpoint(low, high)),
        (Some(low), None) => plain_number(low + step),
        (None, high) => high.map_or(Json::Null, |high| plain_number(high - step)),
    }
}

/// Whether anything lies between limits. Where nothing does, a measure of no rows still passes, which it does by no limits of ours.
pub(super) fn is_possible(min: &Json, max: &Json, strictly: bool) -> bool {
    number(min).zip(number(max)).is_none_or(|(low, high)| low < high || (low <= high && !strictly))
}

/// A value as SQL: texts stand as they are, since dbt puts them into the query.
pub(super) fn sql(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One side of a comparison.
pub(super) struct Side {
    pub(super) expression: String,
    pub(super) groups: Vec<String>,
    pub(super) condition: Option<String>,
}

impl Side {
    fn select(&self, table: &str) -> String {
        let named: Vec<String> = self.groups.iter().enumerate().map(|(at, group)| format!("{group} as group_{at}")).collect();
        let groups = before(&named);
        let condition = self.condition.as_deref().map(|condition| format!(" where {condition}")).unwrap_or_default();
        let grouped = if self.groups.is_empty() { String::new() } else { format!(" group by {}", self.groups.join(", ")) };
        format!("select {groups}{} as measured from {table}{condition}{grouped}", self.expression)
    }
}

/// A query of the groups in which `ours` of the table and `theirs` of the table `with` (or of itself) are further apart than `differs` says,
/// a condition on `distance` and `share`.
pub(super) fn unequal(ours: &Side, theirs: &Side, with: Option<&str>, differs: &str) -> Rules {
    let names: Vec<String> = (0..ours.groups.len()).map(|at| format!("group_{at}")).collect();
    let join = if names.is_empty() {
        "ours cross join theirs".to_owned()
    } else {
        let on: Vec<String> = names.iter().map(|name| format!("ours.{name} = theirs.{name}")).collect();
        format!("ours full outer join theirs on {}", on.join(" and "))
    };
    let groups: Vec<String> = names.iter().map(|name| format!("coalesce(ours.{name}, theirs.{name}) as {name}")).collect();
    let groups = before(&groups);
    let distance = "abs(coalesce(ours.measured, 0) - coalesce(theirs.measured, 0))";
    let sql = format!(
        "with ours as ({}), theirs as ({}), compared as (select {groups}ours.measured as measured, theirs.measured as measured_there, \
         {distance} as distance, {distance} / nullif(ours.measured * 1.0, 0) as share from {join}) select * from compared where {differs}",
        ours.select("{table}"),
        theirs.select(&with.map_or_else(|| "{table}".to_owned(), table)),
    );
    Rules::sql("query", json!({"sql": sql, "reads": with}))
}

/// Our side and theirs, of a test with `compare_` arguments.
pub(super) fn sides(expression: &str, compared: &str, arguments: &Arguments<'_>) -> (Side, Side) {
    let of = |key: &str| expressions(arguments, key);
    let condition = |key: &str| arguments.text(key).ok();
    let (groups, condition_of_ours) = (of("group_by"), condition("row_condition"));
    let their_groups = Some(of("compare_group_by")).filter(|groups| !groups.is_empty()).unwrap_or_else(|| groups.clone());
    let their_condition = condition("compare_row_condition").or_else(|| condition_of_ours.clone());
    let ours = Side { expression: expression.into(), groups, condition: condition_of_ours };
    (ours, Side { expression: compared.into(), groups: their_groups, condition: their_condition })
}

/// The rows of either table that the other has not.
pub(super) fn differing_rows(columns: &str, arguments: &Arguments<'_>) -> Result<Rules, String> {
    let with = other(arguments, "compare_model")?;
    let their = table(&with);
    let sql = format!(
        "select * from (select {columns} from {{table}} except select {columns} from {their}) as only_here union all \
         select * from (select {columns} from {their} except select {columns} from {{table}}) as only_there"
    );
    Ok(Rules::sql("query", json!({"sql": sql, "reads": with})))
}

/// The rows of either table that the other has not, column by column by their names; `excluded` columns may be there or not. A column
/// that only one of the tables has is an error, as it is in dbt.
pub(super) fn rows_by_name(excluded: &[String], arguments: &Arguments<'_>) -> Result<Rules, String> {
    let with = other(arguments, "compare_model")?;
    let names: Vec<String> = excluded.iter().map(|name| hw_base::identifier(&plain(name).to_lowercase())).collect();
    let rows = |table: &str| match names.as_slice() {
        [] => format!("select * from {table}"),
        names => {
            let added: Vec<String> = names.iter().map(|name| format!("null as {name}")).collect();
            let all = format!("select * from {table} union all by name select {} where false", added.join(", "));
            format!("select * exclude ({}) from ({all}) as judged", names.join(", "))
        }
    };
    let (ours, theirs) = (rows("{table}"), rows(&table(&with)));
    let only = |here: &str, there: &str| {
        format!("select * from ({here} except (select * from ({here}) as named where false union all by name {there}))")
    };
    let sql = format!("{} as only_here union all by name {} as only_there", only(&ours, &theirs), only(&theirs, &ours));
    Ok(Rules::sql("query", json!({"sql": sql, "reads": with})))
}

/// A table's name in SQL.
pub(super) fn table(name: &str) -> String {
    crate::suites::violations::table_sql(name)
}

/// A moment some time before now, as the query is judged.
///
/// # Errors
/// If the part of a date is not known.
pub(super) fn before_now(arguments: &Arguments<'_>) -> Result<String, String> {
    let part = arguments.text("datepart")?;
    let count = arguments.number("interval").ok_or("`interval` is no number")?;
    let (unit, count) = match part.trim_end_matches('s') {
        "quarter" => ("month", count * 3.0),
        part @ ("second" | "minute" | "hour" | "day" | "week" | "month" | "year") => (part, count),
        other => return Err(format!("the part of a date `{other}` is not known")),
    };
    Ok(format!("{{now}} - interval '{count} {unit}'"))
}

/// A column for a rule of ours; an expression has none.
pub(super) fn named(written: &str) -> Option<String> {
    is_name(written).then(|| plain(written))
}
