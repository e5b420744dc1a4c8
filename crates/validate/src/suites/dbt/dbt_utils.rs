//! The tests of the package `dbt_utils`.

use serde_json::{Value as Json, json};

use super::compared::{
    Side, before_now, between, between_limits, differing_rows, expressions, groups_where_not, is_possible, named, rows_by_name, table,
    unequal,
};
use super::words::{column, columns, other, values};
use crate::moment::Moment;
use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// The rules of a test.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(name: &str, arguments: &Arguments<'_>) -> Translation {
    let groups = expressions(arguments, "group_by_columns");
    let written = || arguments.text("column_name");
    match name {
        "accepted_range" => accepted_range(arguments),
        "at_least_one" if groups.is_empty() => {
            Ok(Rules::one("aggregate", json!({"function": "count", "column": column(arguments)?, "min": 1})))
        }
        "at_least_one" => Ok(groups_where_not(&format!("count({})", written()?), &format!("count({}) > 0", written()?), &groups, None)),
        "not_constant" => {
            let measure = format!("count(distinct {})", written()?);
            Ok(groups_where_not(&measure, &format!("{measure} <> 1"), &groups, None))
        }
        "not_null_proportion" => not_null_proportion(&groups, arguments),
        "not_accepted_values" => values("rejected_values", "values", arguments),
        "not_empty_string" => {
            let trims = matches!(arguments.get("trim_whitespace"), Json::Null | Json::Bool(true));
            let value = if trims { format!("trim({})", written()?) } else { written()? };
            Ok(Rules::sql("expression", json!({"sql": format!("{value} <> ''")})))
        }
        "expression_is_true" => expression_is_true(arguments),
        "unique_combination_of_columns" => {
            arguments.ignore(&["quote_columns"]);
            Ok(Rules::one("unique", json!({"columns": columns(arguments, "combination_of_columns")?, "skip_if": "never"})))
        }
        "sequential_values" => sequential_values(&groups, arguments),
        "mutually_exclusive_ranges" => mutually_exclusive_ranges(arguments),
        "recency" => recency(&groups, arguments),
        "equal_rowcount" if groups.is_empty() => Ok(Rules::one("reconcile", json!({"with": other(arguments, "compare_model")?}))),
        "equal_rowcount" => counts(groups, "measured <> measured_there", arguments),
        "fewer_rows_than" => counts(groups, "measured >= measured_there", arguments),
        "equality" => equality(arguments),
        "cardinality_equality" => cardinality_equality(arguments),
        "relationships_where" => relationships_where(arguments),
        _ => Err(format!("`dbt_utils.{name}` is no test of that package")),
    }
}

fn accepted_range(arguments: &Arguments<'_>) -> Translation {
    let (min, max) = (arguments.get("min_value"), arguments.get("max_value"));
    let inclusive = arguments.get("inclusive") != json!(false);
    if min.is_null() && max.is_null() {
        return Err("neither `min_value` nor `max_value` is set".into());
    }
    let written = arguments.text("column_name")?;
    let are_plain = [&min, &max].into_iter().all(|limit| limit.is_null() || limit.is_number());
    match named(&written).filter(|_| are_plain) {
        Some(column) => {
            let [low, high] = if inclusive { ["min", "max"] } else { ["above", "below"] };
            Ok(Rules::one("range", json!({"column": column, low: min, high: max})))
        }
        None => Ok(Rules::sql("expression", json!({"sql": between(&written, &min, &max, !inclusive)}))),
    }
}

fn not_null_proportion(groups: &[String], arguments: &Arguments<'_>) -> Translation {
    let (min, max) = (arguments.get("at_least"), arguments.get("at_most"));
    if groups.is_empty() && is_possible(&min, &max, false) {
        let of_nothing = between_limits(&min, &max, false);
        let settings = json!({"function": "filled_share", "column": column(arguments)?, "min": min, "max": max, "of_nothing": of_nothing});
        return Ok(Rules::one("aggregate", settings));
    }
    let measure = format!("cast(count({}) as double) / nullif(count(*), 0)", arguments.text("column_name")?);
    Ok(groups_where_not(&measure, &between(&measure, &min, &max, false), groups, None))
}

fn expression_is_true(arguments: &Arguments<'_>) -> Translation {
    let expression = arguments.text("expression")?;
    let sql = arguments.text("column_name").map_or_else(|_| expression.clone(), |column| format!("{column} {expression}"));
    let rules = Rules::sql("expression", json!({ "sql": sql }));
    Ok(match arguments.text("condition") {
        Ok(condition) => rules.only_where(&condition),
        Err(_) => rules,
    })
}

fn sequential_values(groups: &[String], arguments: &Arguments<'_>) -> Translation {
    let (step, unit) = (arguments.get("interval"), arguments.get("datepart"));
    let group_by: Vec<String> =
        groups.iter().map(|group| named(group).ok_or(format!("`{group}` is an expression"))).collect::<Result<_, _>>()?;
    let group_by = if group_by.is_empty() { Json::Null } else { json!(group_by) };
    Ok(Rules::one("sequence", json!({"column": column(arguments)?, "step": step, "unit": unit, "group_by": group_by})))
}

fn mutually_exclusive_ranges(arguments: &Arguments<'_>) -> Translation {
    let [from, to] = ["lower_bound_column", "upper_bound_column"].map(|key| arguments.text(key).map(|bound| with_dates_cast(&bound)));
    let (from, to) = (from?, to?);
    let partition = arguments.text("partition_by").ok();
    let gaps = arguments.get("gaps");
    let may_be_empty = arguments.flag("zero_length_range_allowed");
    let groups: Option<Vec<String>> = partition.iter().flat_map(|list| list.split(',')).map(|name| named(name.trim())).collect();
    let (Some(from_column), Some(to_column), Some(groups)) = (named(&from), named(&to), groups) else {
        let partition = partition.map(|list| format!("partition by {list} ")).unwrap_or_default();
        return overlapping(&from, &to, &partition, gaps.as_str().unwrap_or("allowed"), may_be_empty);
    };
    let gaps = match gaps.as_str().unwrap_or("allowed") {
        "allowed" => Json::Null,
        "not_allowed" => json!("forbidden"),
        "required" => json!("required"),
        other => return Err(unknown_gaps(other)),
    };
    let groups = if groups.is_empty() { Json::Null } else { json!(groups) };
    let empty_ranges = if may_be_empty { json!(true) } else { Json::Null };
    let settings = json!({"from": from_column, "to": to_column, "group_by": groups, "gaps": gaps, "empty_ranges": empty_ranges});
    Ok(Rules::one("no_overlaps", settings))
}

/// The default of a `coalesce` as a date, where it is the text of one: engines of dbt read it as the type of the column.
fn with_dates_cast(bound: &str) -> String {
    let is_default = |before: &str| before.trim_end().ends_with(',') && bound.to_lowercase().contains("coalesce(");
    let parts: Vec<&str> = bound.split('\'').collect();
    let [before, text, after] = parts.as_slice() else { return bound.to_owned() };
    match Moment::parse(text).filter(|_| is_default(before)) {
        Some(Moment::Day(_)) => format!("{before}cast('{text}' as date){after}"),
        Some(Moment::Instant(_)) => format!("{before}cast('{text}' as timestamp(6)){after}"),
        None => bound.to_owned(),
    }
}

fn unknown_gaps(word: &str) -> String {
    format!("`gaps: {word}` is none of the words of this test: allowed, not_allowed, required")
}

/// The ranges between two expressions that reach into the next one, or that end before they begin.
fn overlapping(from: &str, to: &str, partition: &str, gaps: &str, may_be_empty: bool) -> Translation {
    let next = match gaps {
        "allowed" => "<=",
        "not_allowed" => "=",
        "required" => "<",
        other => return Err(unknown_gaps(other)),
    };
    let own = if may_be_empty { "<=" } else { "<" };
    let sql = format!(
        "with ranges as (select {from} as lower_bound, {to} as upper_bound, lead({from}) over ({partition}order by {from}, {to}) as next_lower_bound, \
         row_number() over ({partition}order by {from} desc, {to} desc) = 1 as is_last from {{table}}) select * from ranges where \
         not (coalesce(lower_bound {own} upper_bound, false) and coalesce(upper_bound {next} next_lower_bound, is_last, false))"
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

fn recency(groups: &[String], arguments: &Arguments<'_>) -> Translation {
    let (field, limit) = (arguments.text("field")?, before_now(arguments)?);
    let (newest, limit) = if arguments.flag("ignore_time_component") {
        (format!("cast(max({field}) as date)"), format!("cast({limit} as date)"))
    } else {
        (format!("max(cast({field} as timestamp(6)))"), limit)
    };
    Ok(groups_where_not(&newest, &format!("coalesce({newest} >= {limit}, false)"), groups, None))
}

fn counts(groups: Vec<String>, differs: &str, arguments: &Arguments<'_>) -> Translation {
    let side = |groups| Side { expression: "count(*)".into(), groups, condition: None };
    let with = other(arguments, "compare_model")?;
    Ok(unequal(&side(groups.clone()), &side(groups), Some(&with), differs))
}

fn equality(arguments: &Arguments<'_>) -> Translation {
    if !arguments.get("precision").is_null() {
        return Err("`precision` needs the types of the columns; round them in an `expression` or a `query`".into());
    }
    let (listed, excluded) = (expressions(arguments, "compare_columns"), expressions(arguments, "exclude_columns"));
    if !listed.is_empty() && !excluded.is_empty() {
        return Err("`compare_columns` and `exclude_columns` do not go together, in dbt as well; keep one of them".into());
    }
    if listed.is_empty() { rows_by_name(&excluded, arguments) } else { differing_rows(&listed.join(", "), arguments) }
}

fn cardinality_equality(arguments: &Arguments<'_>) -> Translation {
    let (column, field, with) = (arguments.text("column_name")?, arguments.text("field")?, other(arguments, "to")?);
    let ours = format!("select {column} as value, count(*) as rows_of_value from {{table}} group by {column}");
    let theirs = format!("select {field} as value, count(*) as rows_of_value from {} group by {field}", table(&with));
    let sql = format!(
        "select * from (select * from ({ours}) as ours except select * from ({theirs}) as theirs) as only_here union all \
         select * from (select * from ({theirs}) as theirs except select * from ({ours}) as ours) as only_there"
    );
    Ok(Rules::sql("query", json!({"sql": sql, "reads": with})))
}

fn relationships_where(arguments: &Arguments<'_>) -> Translation {
    let (column, field, with) = (arguments.text("column_name")?, arguments.text("field")?, other(arguments, "to")?);
    let condition = |key: &str| arguments.get(key).as_str().map_or_else(String::new, |text| format!(" and {text}"));
    let sql = format!(
        "select ours.value from (select {column} as value from {{table}} where {column} is not null{}) as ours left join \
         (select distinct {field} as value from {} where {field} is not null{}) as theirs on ours.value = theirs.value where theirs.value is null",
        condition("from_condition"),
        table(&with),
        condition("to_condition"),
    );
    Ok(Rules::sql("query", json!({"sql": sql, "reads": with})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites::dbt::compared::sql;

    #[test]
    fn a_date_beside_a_column_is_one() {
        assert_eq!(with_dates_cast("coalesce(a, '2099-12-31')"), "coalesce(a, cast('2099-12-31' as date))");
        assert_eq!(with_dates_cast("COALESCE(a, '2099-12-31 00:00:00')"), "COALESCE(a, cast('2099-12-31 00:00:00' as timestamp(6)))");
        for same in ["coalesce(a, 'never')", "a || '2099-12-31'", "a", "coalesce(a, date '2099-12-31')"] {
            assert_eq!(with_dates_cast(same), same);
        }
    }

    #[test]
    fn unknown_words_and_lists_that_exclude_each_other_are_told() {
        let why = |name: &str, arguments: Json| translated(name, &Arguments::new(arguments.as_object().unwrap())).unwrap_err();
        let ranges = json!({"lower_bound_column": "a", "upper_bound_column": "b", "gaps": "never"});
        let gaps = "`gaps: never` is none of the words of this test: allowed, not_allowed, required";
        assert_eq!(why("mutually_exclusive_ranges", ranges), gaps);
        let lists = json!({"compare_model": "ref('u')", "compare_columns": ["a"], "exclude_columns": ["b"]});
        assert!(why("equality", lists).starts_with("`compare_columns` and `exclude_columns` do not go together"));
    }

    #[test]
    fn limits_stand_in_sql_as_they_are() {
        assert_eq!(sql(&json!("getdate()")), "getdate()");
        assert_eq!(between("a", &json!(1), &json!("b"), true), "a > 1 and a < b");
    }
}
