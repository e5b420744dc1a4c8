//! The tests of the package `dbt_expectations`.
//!
//! They look like those of Great Expectations and differ in detail: nulls break `in_set`, order is strict unless said
//! otherwise, and sums over several columns are sums over all rows.

use serde_json::{Value as Json, json};

use super::compared::{
    before, before_now, between, between_limits, expressions, groups_where_not, is_possible, named, sides, sql, unequal,
};
use super::periods;
use super::words::{column, columns, other, sql_list, values};
use crate::suites::pattern::{Syntax, noted, of_kind};
use crate::suites::words::{Arguments, number, plain_number};
use crate::suites::{Rules, Translation};

/// The rules of a test.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(name: &str, arguments: &Arguments<'_>) -> Translation {
    let short = name.strip_prefix("expect_").unwrap_or(name);
    if let Some(rules) = of_columns(short, arguments).or_else(|| of_other_tables(short, arguments)) {
        return rules;
    }
    let rules = match of_values(short, arguments).or_else(|| of_measures(short, arguments)).or_else(|| of_several(short, arguments)) {
        Some(rules) => rules?,
        None => return Err(format!("`dbt_expectations.{name}` has no counterpart")),
    };
    let condition = arguments.text("row_condition").ok().filter(|condition| !condition.trim().is_empty());
    Ok(match condition.filter(|_| !rules.rules.iter().any(|rule| rule.get("query").is_some())) {
        Some(condition) => rules.only_where(&condition),
        None => rules,
    })
}

/// Tests of the columns themselves.
fn of_columns(name: &str, arguments: &Arguments<'_>) -> Option<Translation> {
    let schema = |mut settings: Json| {
        settings["ignore_case"] = true.into();
        Ok(Rules::one("schema", settings))
    };
    let listed = |arguments: &Arguments<'_>| -> Result<Json, String> {
        let names = arguments.texts("column_list")?;
        Ok(names.into_iter().map(|name| (name, json!("any"))).collect::<serde_json::Map<_, _>>().into())
    };
    arguments.ignore(&["transform"]);
    Some(match name {
        "column_to_exist" => column(arguments).and_then(|column| {
            let place =
                arguments.number("column_index").filter(|place| *place > 0.0).map(|place| json!({&column: plain_number(place - 1.0)}));
            schema(json!({"columns": {&column: "any"}, "places": place}))
        }),
        "table_columns_to_contain_set" => listed(arguments).and_then(|columns| schema(json!({ "columns": columns }))),
        "table_columns_to_match_set" => listed(arguments).and_then(|columns| schema(json!({"columns": columns, "exact": true}))),
        "table_columns_to_match_ordered_list" => arguments.texts("column_list").and_then(|order| schema(json!({ "order": order }))),
        "table_columns_to_not_contain_set" => arguments.texts("column_list").and_then(|names| schema(json!({ "forbidden": names }))),
        "table_column_count_to_equal" => {
            let count = arguments.get("value");
            schema(json!({"min_columns": count, "max_columns": count}))
        }
        "table_column_count_to_be_between" => Ok(column_count(arguments)),
        "column_values_to_be_of_type" => types(&[arguments.text("column_type").unwrap_or_default()], arguments),
        "column_values_to_be_in_type_list" => arguments.texts("column_type_list").and_then(|types_of| types(&types_of, arguments)),
        "table_column_count_to_equal_other_table" => {
            Err("a rule does not see the columns of another table; name them with `schema`".into())
        }
        _ => return None,
    })
}

/// Limits on the number of columns. Their macro takes a limit of 0 for none, and no table breaks a lower limit below 0.
fn column_count(arguments: &Arguments<'_>) -> Rules {
    let [min, max] = ["min_value", "max_value"].map(|key| arguments.get(key));
    let is_open = max.as_f64() == Some(0.0);
    let always_holds = min.as_f64().is_some_and(|min| min < 0.0) || (is_open && min.is_null());
    let min = if always_holds { json!(0) } else { min };
    let max = if is_open { Json::Null } else { max };
    let rules = Rules::one("schema", json!({"min_columns": min, "max_columns": max, "ignore_case": true}));
    if is_open { rules.note("dbt takes the limit 0 for none, so it says nothing here either") } else { rules }
}

fn types(names: &[String], arguments: &Arguments<'_>) -> Translation {
    Ok(Rules::one("schema", json!({"columns": {column(arguments)?: names}, "ignore_case": true})).note(super::OF_TYPES))
}

/// Tests of single values.
fn of_values(name: &str, arguments: &Arguments<'_>) -> Option<Translation> {
    let one = |kind: &str| column(arguments).map(|column| Rules::one(kind, json!({ "column": column })));
    Some(match name {
        "column_values_to_not_be_null" => one("not_null"),
        "column_values_to_be_null" => one("is_null"),
        "column_values_to_be_unique" => one("unique"),
        "column_values_to_be_in_set" => and_not_null(values("accepted_values", "value_set", arguments), arguments),
        "column_values_to_not_be_in_set" => values("rejected_values", "value_set", arguments),
        "column_values_to_be_between" => arguments.text("column_name").and_then(|written| values_between(&written, arguments)),
        "column_value_lengths_to_be_between" => lengths(arguments),
        "column_value_lengths_to_equal" => arguments.text("column_name").map(|written| {
            let length = arguments.get("value");
            match named(&written).filter(|_| is_count(&length, 0.0)) {
                Some(column) => Rules::one("length", json!({"column": column, "min": length, "max": length})),
                None => Rules::sql("expression", json!({"sql": format!("character_length({written}) = {}", sql(&length))})),
            }
        }),
        "column_values_to_match_regex" => pattern("matches", "regex", false, arguments),
        "column_values_to_not_match_regex" => pattern("matches", "regex", true, arguments),
        "column_values_to_match_regex_list" => patterns("matches", "regex_list", false, arguments),
        "column_values_to_not_match_regex_list" => patterns("matches", "regex_list", true, arguments),
        "column_values_to_match_like_pattern" => pattern("like", "like_pattern", false, arguments),
        "column_values_to_not_match_like_pattern" => pattern("like", "like_pattern", true, arguments),
        "column_values_to_match_like_pattern_list" => patterns("like", "like_pattern_list", false, arguments),
        "column_values_to_not_match_like_pattern_list" => patterns("like", "like_pattern_list", true, arguments),
        "column_values_to_be_increasing" => ordered("increasing", arguments),
        "column_values_to_be_decreasing" => ordered("decreasing", arguments),
        "column_values_to_have_consistent_casing" => consistent_casing(arguments),
        "column_values_to_be_within_n_stdevs" => within_deviations(arguments),
        "column_values_to_be_within_n_moving_stdevs" => periods::within_moving_deviations(arguments),
        _ => return None,
    })
}

/// Their join with a list of values loses nulls, so that nulls break the test.
fn and_not_null(rules: Translation, arguments: &Arguments<'_>) -> Translation {
    let column = column(arguments)?;
    Ok(rules?.and("not_null", json!({ "column": column })).note("nulls break this test, so it is two rules"))
}

fn values_between(written: &str, arguments: &Arguments<'_>) -> Translation {
    let (min, max, strictly) = (arguments.get("min_value"), arguments.get("max_value"), arguments.flag("strictly"));
    if min.is_null() && max.is_null() {
        return Err("neither `min_value` nor `max_value` is set".into());
    }
    let are_plain = [&min, &max].into_iter().all(|limit| limit.is_null() || limit.is_number());
    let [low, high] = if strictly { ["above", "below"] } else { ["min", "max"] };
    Ok(match named(written).filter(|_| are_plain) {
        Some(column) => Rules::one("range", json!({"column": column, low: min, high: max})),
        None => Rules::sql("expression", json!({"sql": between(written, &min, &max, strictly)})),
    })
}

fn lengths(arguments: &Arguments<'_>) -> Translation {
    let (min, max, strictly) = (arguments.get("min_value"), arguments.get("max_value"), arguments.flag("strictly"));
    if min.is_null() && max.is_null() {
        return Err("neither `min_value` nor `max_value` is set".into());
    }
    let written = arguments.text("column_name")?;
    let step = if strictly { 1.0 } else { 0.0 };
    let is_plain = |limit: &Json, step: f64| limit.is_null() || is_count(limit, step);
    let limit = |limit: &Json, step: f64| limit.as_f64().map(|limit| plain_number(limit + step));
    Ok(match named(&written).filter(|_| is_plain(&min, step) && is_plain(&max, -step)) {
        Some(column) => Rules::one("length", json!({"column": column, "min": limit(&min, step), "max": limit(&max, -step)})),
        None => Rules::sql("expression", json!({"sql": between(&format!("character_length({written})"), &min, &max, strictly)})),
    })
}

/// Whether a limit, moved by `step`, is what can be counted, as rules of ours want it. dbt compares with any number and with SQL.
fn is_count(limit: &Json, step: f64) -> bool {
    limit.as_f64().is_some_and(|limit| limit.fract() == 0.0 && limit + step >= 0.0)
}

fn pattern(kind: &str, key: &str, not: bool, arguments: &Arguments<'_>) -> Translation {
    let ignore_case = ignores_case(arguments)?;
    let pattern = of_kind(kind, arguments.text(key)?, Syntax::Re2)?;
    let settings = json!({"column": column(arguments)?, "pattern": pattern, "not": only_true(not), "ignore_case": ignore_case});
    Ok(noted(kind, &[pattern], Rules::one(kind, settings)))
}

/// A list of patterns. Where none is to match and `match_on` is `any`, one that does not match is enough for them.
fn patterns(kind: &str, key: &str, not: bool, arguments: &Arguments<'_>) -> Translation {
    let list = arguments.texts(key)?.into_iter().map(|pattern| of_kind(kind, pattern, Syntax::Re2)).collect::<Result<Vec<_>, _>>()?;
    let ignore_case = ignores_case(arguments)?;
    let all = arguments.get("match_on").as_str() == Some("all");
    if not && !all && list.len() > 1 {
        let written = arguments.text("column_name")?;
        let one = |pattern: &String| {
            let literal = hw_base::literal(pattern);
            if kind == "like" { format!("{written} not like {literal}") } else { format!("not regexp_like({written}, {literal})") }
        };
        let sql = list.iter().map(one).collect::<Vec<_>>().join(" or ");
        return Ok(noted(kind, &list, Rules::sql("expression", json!({ "sql": sql }))));
    }
    let require = if all && !not { json!("all") } else { Json::Null };
    let settings =
        json!({"column": column(arguments)?, "patterns": list, "not": only_true(not), "require": require, "ignore_case": ignore_case});
    Ok(noted(kind, &list, Rules::one(kind, settings)))
}

fn only_true(flag: bool) -> Json {
    if flag { json!(true) } else { Json::Null }
}

fn ignores_case(arguments: &Arguments<'_>) -> Result<Json, String> {
    arguments.ignore(&["is_raw"]);
    match arguments.text("flags").unwrap_or_default().as_str() {
        "" | "c" => Ok(Json::Null),
        "i" => Ok(json!(true)),
        other => Err(format!("the flags `{other}` of a regular expression have no counterpart")),
    }
}

fn ordered(direction: &str, arguments: &Arguments<'_>) -> Translation {
    let step = arguments.get("step");
    if !step.is_null() {
        return stepping(direction, &step, arguments);
    }
    let column = column(arguments)?;
    let by = arguments.text("sort_column").map_or_else(|_| Some(column.clone()), |written| named(&written));
    let by = by.ok_or("`sort_column` is an expression and no column")?;
    let groups = arguments.texts("group_by").ok().map(|_| columns(arguments, "group_by")).transpose()?;
    let strictly = arguments.get("strictly") != json!(false);
    let settings = json!({"column": column, "direction": direction, "strictly": only_true(strictly), "by": [by], "group_by": groups});
    Ok(Rules::one("ordered", settings))
}

/// Values that are one step after the value before, in the order of another column.
fn stepping(direction: &str, step: &Json, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["strictly"]);
    let column = arguments.text("column_name")?;
    let by = arguments.text("sort_column").unwrap_or_else(|_| column.clone());
    let groups = expressions(arguments, "group_by");
    let partition = if groups.is_empty() { String::new() } else { format!("partition by {} ", groups.join(", ")) };
    let filter = arguments.text("row_condition").ok().map(|condition| format!(" where {condition}")).unwrap_or_default();
    let distance = if direction == "increasing" { "value - previous" } else { "previous - value" };
    let sql = format!(
        "select * from (select {by} as place, {column} as value, lag({column}) over ({partition}order by {by}) as previous from {{table}}{filter}) \
         as compared where previous is not null and not ({distance} > 0 and {distance} = {})",
        sql(step)
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// They count a null as a spelling of its own, unless they list the spellings.
fn consistent_casing(arguments: &Arguments<'_>) -> Translation {
    let column = arguments.text("column_name")?;
    let spellings = format!("select distinct {column} as value from {{table}}");
    let sql = if arguments.flag("display_inconsistent_columns") {
        format!(
            "select lower(value) as value, count(value) as spellings from ({spellings}) as spellings group by lower(value) having count(value) > 1"
        )
    } else {
        format!(
            "select count(*) as spellings, count(distinct lower(value)) as values_without_case from ({spellings}) as spellings \
             having count(*) <> count(distinct lower(value))"
        )
    };
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

fn within_deviations(arguments: &Arguments<'_>) -> Translation {
    let (column, groups) = (arguments.text("column_name")?, expressions(arguments, "group_by"));
    let limit = arguments.number("sigma_threshold").unwrap_or(3.0);
    let selected = before(&groups);
    let grouped = if groups.is_empty() { String::new() } else { format!(" group by {}", groups.join(", ")) };
    let sql = format!(
        "with sums as (select {selected}sum({column}) as total from {{table}}{grouped}), spread as (select *, avg(total) over () as mean, \
         stddev(total) over () as deviation from sums) select * from spread where abs((total - mean) / nullif(deviation, 0)) > {limit}"
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// Tests of a measure over all rows, or over the rows of each group.
fn of_measures(name: &str, arguments: &Arguments<'_>) -> Option<Translation> {
    let measured = |function: &str, expression: &str| measure(function, expression, arguments);
    Some(match name {
        "column_max_to_be_between" => measured("max", "max({})"),
        "column_min_to_be_between" => measured("min", "min({})"),
        "column_mean_to_be_between" => measured("mean", "avg({})"),
        "column_median_to_be_between" => measured("median", "median(cast({} as double))"),
        "column_sum_to_be_between" => measured("sum", "sum({})"),
        "column_stdev_to_be_between" => measured("standard_deviation", "stddev({})"),
        "column_proportion_of_unique_values_to_be_between" => {
            measured("distinct_share", "case when count({}) = 0 then 1 else cast(count(distinct {}) as double) / count({}) end")
        }
        "column_unique_value_count_to_be_between" => measured("count_distinct", "count(distinct {})"),
        "column_quantile_values_to_be_between" => measured("quantile", "quantile_cont({}, QUANTILE)"),
        "table_row_count_to_be_between" => measured("row_count", "count(*)"),
        "table_row_count_to_equal" => Ok(counted("count(*)", "=", arguments)),
        "column_distinct_count_to_equal" => Ok(counted("count(distinct {})", "=", arguments)),
        "column_distinct_count_to_be_greater_than" => Ok(counted("count(distinct {})", ">", arguments)),
        "column_distinct_count_to_be_less_than" => Ok(counted("count(distinct {})", "<", arguments)),
        "column_distinct_values_to_be_in_set" => and_not_null(values("distinct_values", "value_set", arguments), arguments),
        "column_distinct_values_to_contain_set" => distinct("contain", arguments),
        "column_distinct_values_to_equal_set" => and_not_null(distinct("equal", arguments), arguments),
        "column_most_common_value_to_be_in_set" => most_common(arguments),
        "row_values_to_have_recent_data" => recent(&arguments.text("column_name").unwrap_or_default(), arguments),
        "grouped_row_values_to_have_recent_data" => recent(&arguments.text("timestamp_column").unwrap_or_default(), arguments),
        "row_values_to_have_data_for_every_n_datepart" => periods::every_period(arguments),
        _ => return None,
    })
}

/// Our kind for a measure of the whole table; a query where there are groups or the limits are SQL.
fn measure(function: &str, expression: &str, arguments: &Arguments<'_>) -> Translation {
    let (min, max, strictly) = (arguments.get("min_value"), arguments.get("max_value"), arguments.flag("strictly"));
    let (groups, condition) = (expressions(arguments, "group_by"), arguments.text("row_condition").ok());
    if min.is_null() && max.is_null() {
        return Err("neither `min_value` nor `max_value` is set".into());
    }
    let quantile = arguments.get("quantile");
    let written = if function == "row_count" { String::new() } else { arguments.text("column_name")? };
    let expression = expression.replace("{}", &written).replace("QUANTILE", &quantile.to_string());
    let counts = matches!(function, "row_count" | "count_distinct");
    let step = if strictly { 1.0 } else { 0.0 };
    let is_plain = |limit: &Json, step: f64| match limit {
        Json::Null => true,
        limit if counts => is_count(limit, step),
        limit => limit.is_number(),
    };
    let are_plain = is_plain(&min, step) && is_plain(&max, -step);
    let column = named(&written).filter(|_| groups.is_empty() && are_plain && is_possible(&min, &max, strictly));
    let Some(column) = column else {
        return Ok(groups_where_not(&expression, &between(&expression, &min, &max, strictly), &groups, condition.as_deref()));
    };
    let count = |limit: &Json, step: f64| number(limit).map(|limit| plain_number(limit + step));
    let [low, high] = if strictly { ["above", "below"] } else { ["min", "max"] };
    Ok(match function {
        "row_count" => Rules::one("row_count", json!({"min": count(&min, step), "max": count(&max, -step)})),
        "count_distinct" => Rules::one("distinct_count", json!({"column": column, "min": count(&min, step), "max": count(&max, -step)})),
        _ => {
            let quantile = if function == "quantile" { quantile } else { Json::Null };
            let of_nothing = if function == "distinct_share" { json!(1) } else { between_limits(&min, &max, strictly) };
            let settings =
                json!({"function": function, "quantile": quantile, "column": column, low: min, high: max, "of_nothing": of_nothing});
            Rules::one("aggregate", settings)
        }
    })
}

/// A count that is compared with `value`.
fn counted(expression: &str, operator: &str, arguments: &Arguments<'_>) -> Rules {
    let (groups, value) = (expressions(arguments, "group_by"), arguments.get("value"));
    let written = arguments.text("column_name").unwrap_or_default();
    let is_of_rows = expression == "count(*)";
    let column = named(&written);
    let limits = number(&value).map(|count| match operator {
        ">" => [Some(count + 1.0), None],
        "<" => [None, Some(count - 1.0)],
        _ => [Some(count), Some(count)],
    });
    let limits = limits.filter(|limits| limits.iter().flatten().all(|limit| limit.fract() == 0.0 && *limit >= 0.0));
    if let (true, Some([min, max])) = (groups.is_empty() && (column.is_some() || is_of_rows), limits) {
        let kind = if is_of_rows { "row_count" } else { "distinct_count" };
        let column = column.filter(|_| !is_of_rows);
        return Rules::one(kind, json!({"column": column, "min": min.map(plain_number), "max": max.map(plain_number)}));
    }
    let expression = expression.replace("{}", &written);
    let holds = format!("{expression} {operator} {}", sql(&value));
    groups_where_not(&expression, &holds, &groups, arguments.text("row_condition").ok().as_deref())
}

fn distinct(word: &str, arguments: &Arguments<'_>) -> Translation {
    let rules = values("distinct_values", "value_set", arguments)?;
    let listed = rules.rules.first().and_then(|rule| rule.pointer("/distinct_values/within")).cloned().unwrap_or_default();
    Ok(Rules::one("distinct_values", json!({"column": column(arguments)?, word: listed})))
}

fn most_common(arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["data_type"]);
    let place = arguments.number("top_n").unwrap_or(1.0);
    let quoted = arguments.get("quote_values") != json!(false);
    let listed = sql_list(&arguments.get("value_set"), quoted).ok_or("`value_set` is no list of values")?;
    let (written, condition) = (arguments.text("column_name")?, arguments.text("row_condition").ok());
    let filter = condition.map(|condition| format!(" where {condition}")).unwrap_or_default();
    let sql = format!(
        "with counts as (select {written} as value, count(*) as rows_of_value from {{table}}{filter} group by {written}), ranked as (select *, \
         row_number() over (order by rows_of_value desc, value) as place from counts) select * from ranked where place = {place} and value not in ({listed})"
    );
    Ok(Rules::sql("query", json!({ "sql": sql })).note("of values that occur as often the least is taken, where dbt takes any"))
}

/// The newest row that is not in the future.
fn recent(field: &str, arguments: &Arguments<'_>) -> Translation {
    let (groups, limit) = (expressions(arguments, "group_by"), before_now(arguments)?);
    let moment = format!("cast({field} as timestamp(6))");
    let own = arguments.text("row_condition").ok().map(|condition| format!(" and ({condition})")).unwrap_or_default();
    let holds = if groups.is_empty() {
        format!("coalesce(max({moment}), cast('1970-01-01 00:00:00' as timestamp(6))) >= {limit}")
    } else {
        format!("max({moment}) >= {limit}")
    };
    Ok(groups_where_not(&format!("max({moment})"), &holds, &groups, Some(&format!("{moment} <= {{now}}{own}"))))
}

/// Tests of several columns.
fn of_several(name: &str, arguments: &Arguments<'_>) -> Option<Translation> {
    let skip_if = || match arguments.get("ignore_row_if") {
        Json::Null => Ok("all_null"),
        word if word == "all_values_are_missing" => Ok("all_null"),
        word if word == "any_value_is_missing" => Ok("any_null"),
        other => Err(format!("`ignore_row_if: {other}` is neither `all_values_are_missing` nor `any_value_is_missing`")),
    };
    arguments.ignore(&["quote_columns"]);
    Some(match name {
        "compound_columns_to_be_unique" => skip_if().and_then(|skipped| unique_together(arguments, skipped)),
        "select_column_values_to_be_unique_within_record" => skip_if().and_then(|skipped| unique_within_record(arguments, skipped)),
        "column_pair_values_A_to_be_greater_than_B" => pair(if arguments.flag("or_equal") { ">=" } else { ">" }, arguments),
        "column_pair_values_to_be_equal" => pair("=", arguments),
        "column_pair_values_to_be_in_set" => pairs(arguments),
        "multicolumn_sum_to_equal" => sum_of_columns(arguments),
        "expression_is_true" => arguments.text("expression").map(|expression| {
            let condition = arguments.text("test_condition").unwrap_or_default();
            of_expression(&expression, &format!("({expression}) {condition}"), arguments)
        }),
        "expression_between" => arguments.text("expression").map(|expression| {
            let (min, max) = (arguments.get("min_value"), arguments.get("max_value"));
            of_expression(&expression, &between(&format!("({expression})"), &min, &max, arguments.flag("strictly")), arguments)
        }),
        _ => return None,
    })
}

fn unique_together(arguments: &Arguments<'_>, skip_if: &str) -> Translation {
    Ok(Rules::one("unique", json!({"columns": columns(arguments, "column_list")?, "skip_if": skip_if})))
}

/// They count the different values, of which null is none: a null beside values breaks the test as two equal values do.
fn unique_within_record(arguments: &Arguments<'_>, skip_if: &str) -> Translation {
    let names = columns(arguments, "column_list")?;
    let mut rules = Rules::one("columns_differ", json!({"columns": names, "skip_if": skip_if}));
    if skip_if == "all_null" {
        let present: Vec<String> = names.iter().map(|name| format!("{} is not null", hw_base::identifier(name))).collect();
        let sql = format!("({}) or not ({})", present.join(" and "), present.join(" or "));
        rules = rules.and("expression", json!({ "sql": sql })).note("a null beside values breaks this test, so it is two rules");
    }
    Ok(rules)
}

/// An expression over rows, or over the groups of rows that `group_by_columns` names.
fn of_expression(expression: &str, holds: &str, arguments: &Arguments<'_>) -> Rules {
    let groups = expressions(arguments, "group_by_columns");
    if groups.is_empty() {
        return Rules::sql("expression", json!({"sql": holds.trim()}));
    }
    groups_where_not(expression, holds, &groups, arguments.text("row_condition").ok().as_deref())
}

fn pair(operator: &str, arguments: &Arguments<'_>) -> Translation {
    let (left, right) = (arguments.text("column_A")?, arguments.text("column_B")?);
    Ok(match (named(&left), named(&right)) {
        (Some(left), Some(right)) if left != right => Rules::one("compare", json!({"left": left, "operator": operator, "right": right})),
        _ => Rules::sql("expression", json!({"sql": format!("{left} {operator} {right}")})),
    })
}

fn pairs(arguments: &Arguments<'_>) -> Translation {
    let (left, right) = (arguments.text("column_A")?, arguments.text("column_B")?);
    let set = arguments.get("value_pairs_set");
    let one = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
        Some([a, b]) => Ok(format!("({left} = {} and {right} = {})", sql(a), sql(b))),
        _ => Err(format!("`{pair}` is no pair of values")),
    };
    let listed = set.as_array().ok_or("`value_pairs_set` is no list")?.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Rules::sql("expression", json!({"sql": listed.join(" or ")})))
}

fn sum_of_columns(arguments: &Arguments<'_>) -> Translation {
    let (names, groups) = (arguments.texts("column_list")?, expressions(arguments, "group_by"));
    let total = arguments.get("sum_total");
    let total = if total.is_number() { total.to_string() } else { format!("sum({})", sql(&total)) };
    let sum = names.iter().map(|name| format!("sum({name})")).collect::<Vec<_>>().join(" + ");
    Ok(groups_where_not(&sum, &format!("{sum} = {total}"), &groups, arguments.text("row_condition").ok().as_deref()))
}

/// Tests against another table.
fn of_other_tables(name: &str, arguments: &Arguments<'_>) -> Option<Translation> {
    let tables = |ours: &str, theirs: &str, differs: &str| {
        let with = if arguments.get("compare_model").is_null() { None } else { Some(other(arguments, "compare_model")?) };
        let (ours, theirs) = sides(ours, theirs, arguments);
        Ok(unequal(&ours, &theirs, with.as_deref(), differs))
    };
    Some(match name {
        "table_row_count_to_equal_other_table" | "table_row_count_to_equal_other_table_times_factor" => {
            let factor = arguments.number("factor").unwrap_or(1.0);
            tables("count(*)", &format!("count(*) * {factor}"), "distance > 0")
        }
        "column_distinct_count_to_equal_other_table" => {
            let ours = arguments.text("column_name").unwrap_or_default();
            let theirs = arguments.text("compare_column_name").unwrap_or_else(|_| ours.clone());
            tables(&format!("count(distinct {ours})"), &format!("count(distinct {theirs})"), "distance > 0")
        }
        "table_aggregation_to_equal_other_table" | "equal_expression" => {
            let ours = arguments.text("expression").unwrap_or_default();
            let theirs = arguments.text("compare_expression").unwrap_or_else(|_| ours.clone());
            let differs = match (arguments.number("tolerance_percent"), arguments.number("tolerance")) {
                (Some(share), _) => format!("share > {share}"),
                (None, tolerance) => format!("distance > {}", tolerance.unwrap_or(0.0)),
            };
            tables(&ours, &theirs, &differs)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, arguments: &Json, expected: &str) {
        let rules = translated(name, &Arguments::new(arguments.as_object().unwrap()));
        assert_eq!(rules.map_or_else(|why| why, |rules| Json::Array(rules.rules).to_string()), expected);
    }

    #[test]
    fn a_measure_of_nothing_passes_whatever_its_limits_are() {
        let sql = "select max(a) as measured from {table} having not (max(a) >= 9 and max(a) <= 1)";
        let crossed = json!({"column_name": "a", "min_value": 9, "max_value": 1});
        check("expect_column_max_to_be_between", &crossed, &json!([{"query": {"sql": sql}}]).to_string());
        let strict = json!({"column_name": "a", "min_value": 1, "max_value": 1, "strictly": true});
        let sql = "select max(a) as measured from {table} having not (max(a) > 1 and max(a) < 1)";
        check("expect_column_max_to_be_between", &strict, &json!([{"query": {"sql": sql}}]).to_string());
    }

    #[test]
    fn limits_of_lengths_may_be_sql() {
        let of = |max: Json| json!({"column_name": "a", "max_value": max, "strictly": true});
        check("expect_column_value_lengths_to_be_between", &of(json!(5)), r#"[{"length":{"column":"a","max":4}}]"#);
        check("expect_column_value_lengths_to_be_between", &of(json!("b")), r#"[{"expression":{"sql":"character_length(a) < b"}}]"#);
        let length = json!({"column_name": "a", "value": "b"});
        check("expect_column_value_lengths_to_equal", &length, r#"[{"expression":{"sql":"character_length(a) = b"}}]"#);
        let none = of(Json::Null);
        check("expect_column_value_lengths_to_be_between", &none, "neither `min_value` nor `max_value` is set");
    }

    #[test]
    fn counts_are_compared_with_fractions_in_sql() {
        let sql = "select count(distinct a) as measured from {table} having not (count(distinct a) > 2.5)";
        let expected = json!([{"query": {"sql": sql}}]).to_string();
        check("expect_column_distinct_count_to_be_greater_than", &json!({"column_name": "a", "value": 2.5}), &expected);
        let limits = json!({"column_name": "a", "min_value": 2.5, "strictly": true});
        check("expect_column_unique_value_count_to_be_between", &limits, &expected);
    }

    #[test]
    fn limits_that_no_count_reaches_are_compared_in_sql() {
        let query = |holds: &str| {
            let sql = format!("select count(*) as measured from {{table}} having not ({holds})");
            json!([{ "query": { "sql": sql } }]).to_string()
        };
        let rows = "expect_table_row_count_to_be_between";
        check(rows, &json!({"min_value": -6}), &query("count(*) >= -6"));
        check(rows, &json!({"min_value": -6, "max_value": 9}), &query("count(*) >= -6 and count(*) <= 9"));
        check(rows, &json!({"max_value": 0, "strictly": true}), &query("count(*) < 0"));
        check(rows, &json!({"min_value": -1, "strictly": true}), r#"[{"row_count":{"min":0}}]"#);
        check("expect_table_row_count_to_equal", &json!({"value": -6}), &query("count(*) = -6"));
        let length = json!({"column_name": "a", "min_value": -6});
        check("expect_column_value_lengths_to_be_between", &length, r#"[{"expression":{"sql":"character_length(a) >= -6"}}]"#);
        let more = json!({"column_name": "a", "value": -1});
        check("expect_column_distinct_count_to_be_greater_than", &more, r#"[{"distinct_count":{"column":"a","min":0}}]"#);
    }

    #[test]
    fn a_limit_of_no_columns_is_none() {
        let of = |limits: Json, expected: &str| check("expect_table_column_count_to_be_between", &limits, expected);
        of(json!({"min_value": 0, "max_value": 0}), r#"[{"schema":{"min_columns":0,"ignore_case":true}}]"#);
        of(json!({"max_value": 0}), r#"[{"schema":{"min_columns":0,"ignore_case":true}}]"#);
        of(json!({"min_value": -6}), r#"[{"schema":{"min_columns":0,"ignore_case":true}}]"#);
        of(json!({"min_value": 3, "max_value": 5}), r#"[{"schema":{"min_columns":3,"max_columns":5,"ignore_case":true}}]"#);
    }

    #[test]
    fn unknown_words_are_told() {
        let arguments = json!({"column_list": ["a", "b"], "ignore_row_if": "never"});
        let why = "`ignore_row_if: \"never\"` is neither `all_values_are_missing` nor `any_value_is_missing`";
        check("expect_compound_columns_to_be_unique", &arguments, why);
        check("expect_select_column_values_to_be_unique_within_record", &arguments, why);
    }
}
