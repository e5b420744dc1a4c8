//! Rules as expectations.

use hw_base::{Column, OnFailure, Severity, Tolerance};
use serde_json::{Map, Value as Json, json};

use crate::rule::Rule;
use crate::suites::pattern::{Syntax, in_schema};
use crate::suites::violations::violations_sql;
use crate::suites::words::{plain_number, settings_without_shared};
use crate::suites::{HowWritten, TableRules, Written, WrittenItem};

/// The expectation that a query returns no row.
const QUERY: &str = "unexpected_rows_expectation";

/// One suite per table; several tables are a list of suites.
pub(super) fn written(tables: &[TableRules<'_>]) -> Written {
    let mut items = Vec::new();
    let suites: Vec<Json> = tables.iter().map(|table| suite(table, &mut items)).collect();
    let text = match suites.as_slice() {
        [only] => pretty(only),
        several => pretty(&json!(several)),
    };
    Written { text, files: Vec::new(), items }
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn suite(table: &TableRules<'_>, items: &mut Vec<WrittenItem>) -> Json {
    let mut expectations = Vec::new();
    for rule in table.rules {
        let (found, how) = match in_words(rule, table.columns) {
            Some(found) => {
                let words: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
                let how = HowWritten::InWords(words.join(", "));
                (found, how)
            }
            None => match violations_sql(rule, table, "{batch}").map(|sql| query_of_batch(&sql)) {
                Ok(sql) => (vec![(QUERY.to_owned(), json!({ "unexpected_rows_query": sql }))], HowWritten::AsSql),
                Err(why) => (Vec::new(), HowWritten::NotWritten(why)),
            },
        };
        expectations.extend(found.into_iter().map(|(kind, kwargs)| expectation(rule, &kind, kwargs)));
        items.push(WrittenItem { table: table.table.into(), rule: rule.id.clone(), how });
    }
    json!({"name": table.table, "expectations": expectations, "meta": {"great_expectations_version": "1.4.0"}})
}

/// A query as theirs are: the text is a format of Python, and `{batch}` becomes a subquery, which has a name already unless
/// the query joins.
fn query_of_batch(sql: &str) -> String {
    let batch = if sql.contains(" join ") { "(select * from {batch} as batch)" } else { "(select * from {batch})" };
    sql.replace('{', "{{").replace('}', "}}").replace("{{batch}}", batch)
}

fn expectation(rule: &Rule, kind: &str, mut kwargs: Json) -> Json {
    if let Some(kwargs) = kwargs.as_object_mut() {
        kwargs.retain(|_, value| !value.is_null());
    }
    let mut expectation = json!({"type": kind, "kwargs": kwargs, "meta": {"headworks_rule": rule.id}, "severity": severity(rule)});
    if let Some(description) = &rule.notes.description {
        expectation["description"] = description.clone().into();
    }
    expectation
}

fn severity(rule: &Rule) -> &'static str {
    match (rule.notes.severity, rule.on_failure) {
        (Some(Severity::Medium), _) | (None, OnFailure::Alert | OnFailure::Quarantine) => "warning",
        (Some(Severity::Low), _) | (None, OnFailure::Log) => "info",
        (Some(Severity::High), _) | (None, OnFailure::Block) => "critical",
    }
}

/// The expectations that say the same, each with its arguments; `None` where there are none.
fn in_words(rule: &Rule, columns: &[Column]) -> Option<Vec<(String, Json)>> {
    let settings = settings_without_shared(rule, columns)?;
    let (mostly, condition) = limits_on_rows(rule)?;
    let mut found = words(rule.kind.name(), &settings)?;
    if (mostly.is_some() || condition.is_some()) && found.iter().any(|(kind, _)| !takes_mostly(kind)) {
        return None;
    }
    for (_, kwargs) in &mut found {
        if let Some(share) = mostly {
            kwargs["mostly"] = plain_number(share);
        }
        if let Some(condition) = &condition {
            kwargs["row_condition"] = condition.clone().into();
            kwargs["condition_parser"] = "great_expectations".into();
        }
    }
    Some(found.into_iter().map(|(word, kwargs)| (called(&word), kwargs)).collect())
}

/// The name of an expectation, of which all but one begin alike.
fn called(word: &str) -> String {
    if word == QUERY { word.to_owned() } else { format!("expect_{word}") }
}

/// Whether the expectation called `expect_…` counts values or rows, of which `mostly` is a share.
pub(super) fn takes_mostly(kind: &str) -> bool {
    ["column_values", "column_value_", "column_pair", "compound", "multicolumn", "select_column"]
        .iter()
        .any(|start| kind.starts_with(start))
}

/// `mostly` and the row condition; `None` where they cannot be said. Theirs is a share of the rows that are not null, so a
/// share of all rows has no word unless the rule is about nulls.
fn limits_on_rows(rule: &Rule) -> Option<(Option<f64>, Option<String>)> {
    let share = match rule.tolerance {
        Tolerance::NONE => None,
        Tolerance::Rows(_) => return None,
        Tolerance::Share(share) => Some(share.complement().0),
    };
    let about_nulls = matches!(rule.kind.name(), "not_null" | "is_null");
    let present =
        rule.columns.first().filter(|_| rule.columns.len() == 1).map(|column| format!("{} is not null", hw_base::identifier(column)));
    match (&rule.condition, share) {
        (None, None) => Some((None, None)),
        (None, Some(share)) => about_nulls.then_some((Some(share), None)),
        (Some(condition), share) if present.as_deref() == Some(condition.trim()) && !about_nulls => Some((share, None)),
        (Some(condition), None) => Some((None, Some(simple_condition(condition)?))),
        (Some(condition), Some(share)) if about_nulls => Some((Some(share), Some(simple_condition(condition)?))),
        (Some(condition), Some(share)) => {
            let own = condition.strip_suffix(')')?.strip_prefix('(')?;
            let (first, second) = own.split_once(") and (")?;
            (Some(first) == present.as_deref()).then_some((Some(share), Some(simple_condition(second)?)))
        }
    }
}

/// A condition on one column in the words of Great Expectations.
fn simple_condition(condition: &str) -> Option<String> {
    let condition = condition.trim();
    let is_name =
        |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some(column) = condition.strip_suffix(" is not null").filter(|column| is_name(column)) {
        return Some(format!("col(\"{column}\").notNull()"));
    }
    let (column, rest) = condition.split_once(' ').filter(|(column, _)| is_name(column))?;
    let (operator, value) = rest.trim().split_once(' ')?;
    let operator = match operator {
        "=" => "==",
        "<>" | "!=" => "!=",
        "<" | "<=" | ">" | ">=" => operator,
        _ => return None,
    };
    let text = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).filter(|text| !text.contains(['\'', '"']));
    let value = match (text, value.parse::<f64>()) {
        (Some(text), _) if operator == "==" => format!("\"{text}\""),
        (None, Ok(_)) => value.to_owned(),
        _ => return None,
    };
    Some(format!("col(\"{column}\"){operator}{value}"))
}

/// The words for a kind with these settings, without `expect_` in front.
fn words(kind: &str, settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let only = |keys: &[&str]| settings.keys().all(|key| keys.contains(&key.as_str()));
    let column = get("column");
    let one = |word: &str, kwargs: Json| Some(vec![(word.to_owned(), kwargs)]);
    match kind {
        "not_null" => one("column_values_to_not_be_null", json!({ "column": column })),
        "is_null" => one("column_values_to_be_null", json!({ "column": column })),
        "unique" => unique(settings),
        "accepted_values" if only(&["column", "values"]) => {
            one("column_values_to_be_in_set", json!({"column": column, "value_set": get("values")}))
        }
        "rejected_values" if only(&["column", "values"]) => {
            one("column_values_to_not_be_in_set", json!({"column": column, "value_set": get("values")}))
        }
        "range" => {
            let exclusive = get("exclusive") == json!(true);
            let mut kwargs = strict_limits(settings);
            if exclusive {
                (kwargs["strict_min"], kwargs["strict_max"]) = (json!(true), json!(true));
            }
            kwargs["column"] = column;
            one("column_values_to_be_between", kwargs)
        }
        "matches" => pattern(settings, "regex", |pattern| Syntax::Python.written(pattern).ok()),
        "like" if !settings.contains_key("ignore_case") => pattern(settings, "like_pattern", |pattern| Some(pattern.to_owned())),
        "length" => one("column_value_lengths_to_be_between", json!({"column": column, "min_value": get("min"), "max_value": get("max")})),
        "parses" if get("as") == "any_date" => one("column_values_to_be_dateutil_parseable", json!({ "column": column })),
        "parses" if get("as") == "json" => one("column_values_to_be_json_parseable", json!({ "column": column })),
        "json_schema" => {
            let schema = in_schema(&get("schema"), &|pattern| Syntax::Python.written(pattern)).ok()?;
            one("column_values_to_match_json_schema", json!({"column": column, "json_schema": schema}))
        }
        "parses" => settings
            .contains_key("format")
            .then(|| vec![("column_values_to_match_strftime_format".into(), json!({"column": column, "strftime_format": get("format")}))]),
        "compare" => compare(settings),
        "columns_equal" => one("multicolumn_values_to_be_equal", columns(settings)),
        "columns_differ" => one("select_column_values_to_be_unique_within_record", columns(settings)),
        "row_sum" if !settings.contains_key("within") => {
            let mut kwargs = columns(settings);
            kwargs["sum_total"] = get("equals");
            one("multicolumn_sum_to_equal", kwargs)
        }
        "accepted_combinations" => accepted_combinations(settings),
        _ => words_of_sets(kind, settings),
    }
}

/// The words for a kind that looks at rows together.
fn words_of_sets(kind: &str, settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let only = |keys: &[&str]| settings.keys().all(|key| keys.contains(&key.as_str()));
    let column = get("column");
    let one = |word: &str, kwargs: Json| Some(vec![(word.to_owned(), kwargs)]);
    match kind {
        "row_count" => one("table_row_count_to_be_between", json!({"min_value": get("min"), "max_value": get("max")})),
        "distinct_count" => {
            one("column_unique_value_count_to_be_between", json!({"column": column, "min_value": get("min"), "max_value": get("max")}))
        }
        "aggregate" => aggregate(settings),
        "distinct_values" => distinct_values(settings),
        "most_common_value" => one(
            "column_most_common_value_to_be_in_set",
            json!({"column": column, "value_set": get("values"), "ties_okay": get("ties_okay")}),
        ),
        "z_score" => {
            let double_sided = get("above_only") != json!(true);
            one("column_value_z_scores_to_be_less_than", json!({"column": column, "threshold": get("below"), "double_sided": double_sided}))
        }
        "ordered" if only(&["column", "direction", "strictly"]) => {
            let word = if get("direction") == json!("decreasing") { "decreasing" } else { "increasing" };
            one(&format!("column_values_to_be_{word}"), json!({"column": column, "strictly": get("strictly")}))
        }
        "reconcile" if only(&["with"]) => one("table_row_count_to_equal_other_table", json!({"other_table_name": get("with")})),
        "schema" => schema(settings),
        "query" if only(&["sql"]) => {
            let sql = get("sql").as_str()?.replace('{', "{{").replace('}', "}}").replace("{{table}}", "{batch}");
            one(QUERY, json!({"unexpected_rows_query": sql}))
        }
        _ => None,
    }
}

fn strict_limits(settings: &Map<String, Json>) -> Json {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let mut kwargs = json!({"min_value": get("min"), "max_value": get("max")});
    for (key, value, strict) in [("above", "min_value", "strict_min"), ("below", "max_value", "strict_max")] {
        if settings.contains_key(key) {
            kwargs[value] = get(key);
            kwargs[strict] = json!(true);
        }
    }
    kwargs
}

fn ignore_row_if(settings: &Map<String, Json>, pair: bool) -> Json {
    let word = match (settings.get("skip_if").and_then(Json::as_str), pair) {
        (Some("all_null"), false) => "all_values_are_missing",
        (Some("all_null"), true) => "both_values_are_missing",
        (Some("never"), false) => "never",
        (Some("never"), true) => "neither",
        (_, false) => "any_value_is_missing",
        (_, true) => "either_value_is_missing",
    };
    word.into()
}

fn columns(settings: &Map<String, Json>) -> Json {
    json!({"column_list": settings.get("columns"), "ignore_row_if": ignore_row_if(settings, false)})
}

fn unique(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    match (settings.get("column"), settings.get("columns").and_then(Json::as_array)) {
        (Some(column), None) if !settings.contains_key("skip_if") => {
            Some(vec![("column_values_to_be_unique".into(), json!({ "column": column }))])
        }
        (None, Some(list)) if list.len() == 1 && !settings.contains_key("skip_if") => {
            Some(vec![("column_values_to_be_unique".into(), json!({ "column": list[0] }))])
        }
        (None, Some(_)) => Some(vec![("compound_columns_to_be_unique".into(), columns(settings))]),
        _ => None,
    }
}

/// A rule on patterns of texts, which `theirs` writes.
fn pattern(settings: &Map<String, Json>, word: &str, theirs: fn(&str) -> Option<String>) -> Option<Vec<(String, Json)>> {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let prefix = if get("ignore_case") == json!(true) { "(?i)" } else { "" };
    let not = if get("not") == json!(true) { "not_" } else { "" };
    let prefixed = |pattern: &Json| Some(json!(format!("{prefix}{}", theirs(pattern.as_str()?)?)));
    Some(vec![match settings.get("patterns").and_then(Json::as_array) {
        Some(list) => {
            let list: Vec<Json> = list.iter().map(prefixed).collect::<Option<_>>()?;
            let match_on = if not.is_empty() && get("require") == json!("all") { json!("all") } else { Json::Null };
            let kwargs = json!({"column": get("column"), format!("{word}_list"): list, "match_on": match_on});
            (format!("column_values_to_{not}match_{word}_list"), kwargs)
        }
        None => (format!("column_values_to_{not}match_{word}"), json!({"column": get("column"), word: prefixed(&get("pattern"))?})),
    }])
}

fn compare(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let (mut left, mut right) = (get("left"), get("right"));
    let operator = get("operator").as_str()?.to_owned();
    if operator.starts_with('<') && operator != "<>" {
        (left, right) = (right, left);
    }
    let mut kwargs = json!({"column_A": left, "column_B": right, "ignore_row_if": ignore_row_if(settings, true)});
    let word = match operator.as_str() {
        ">" | "<" => "column_pair_values_a_to_be_greater_than_b",
        ">=" | "<=" => {
            kwargs["or_equal"] = json!(true);
            "column_pair_values_a_to_be_greater_than_b"
        }
        "=" | "==" => "column_pair_values_to_be_equal",
        _ => return None,
    };
    Some(vec![(word.into(), kwargs)])
}

fn accepted_combinations(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let names = settings.get("columns")?.as_array()?;
    let [a, b] = names.as_slice() else { return None };
    let kwargs = json!({
        "column_A": a, "column_B": b, "value_pairs_set": settings.get("values"), "ignore_row_if": ignore_row_if(settings, true),
    });
    Some(vec![("column_pair_values_to_be_in_set".into(), kwargs)])
}

fn aggregate(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let get = |key: &str| settings.get(key).cloned().unwrap_or_default();
    let word = match get("function").as_str()? {
        "sum" => "sum",
        "mean" | "avg" => "mean",
        "median" => "median",
        "min" => "min",
        "max" => "max",
        "standard_deviation" | "stddev" => "stdev",
        "distinct_share" => "proportion_of_unique_values",
        "filled_share" => "proportion_of_non_null_values",
        _ => return None,
    };
    let is_zero_there = matches!(word, "sum" | "proportion_of_unique_values" | "proportion_of_non_null_values");
    if settings.get("of_nothing").is_some_and(|nothing| !is_zero_there || nothing.as_f64() != Some(0.0)) {
        return None;
    }
    let mut kwargs = strict_limits(settings);
    kwargs["column"] = get("column");
    Some(vec![(format!("column_{word}_to_be_between"), kwargs)])
}

fn distinct_values(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let column = settings.get("column")?;
    let words = [("within", "be_in"), ("contain", "contain"), ("equal", "equal")];
    let (word, values) = words.iter().find_map(|(key, word)| settings.get(*key).map(|values| (*word, values)))?;
    Some(vec![(format!("column_distinct_values_to_{word}_set"), json!({"column": column, "value_set": values}))])
}

fn schema(settings: &Map<String, Json>) -> Option<Vec<(String, Json)>> {
    let mut found = Vec::new();
    if ["forbidden", "places", "relative_order"].iter().any(|key| settings.contains_key(*key)) {
        return None;
    }
    if let Some(columns) = settings.get("columns").and_then(Json::as_object).filter(|columns| !columns.is_empty()) {
        if !columns.values().all(|types| types == &json!("any")) {
            return None;
        }
        let names: Vec<&String> = columns.keys().collect();
        let exact = settings.get("exact") == Some(&json!(true));
        match names.as_slice() {
            [only] if !exact => found.push(("column_to_exist".to_owned(), json!({ "column": only }))),
            _ => found.push(("table_columns_to_match_set".to_owned(), json!({"column_set": names, "exact_match": exact}))),
        }
    }
    if let Some(order) = settings.get("order") {
        found.push(("table_columns_to_match_ordered_list".to_owned(), json!({ "column_list": order })));
    }
    let (min, max) = (settings.get("min_columns"), settings.get("max_columns"));
    if min.or(max).is_some() {
        found.push(("table_column_count_to_be_between".to_owned(), json!({"min_value": min, "max_value": max})));
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expectation_has_its_name() {
        assert_eq!([called(QUERY), called("column_to_exist")], ["unexpected_rows_expectation", "expect_column_to_exist"]);
    }

    #[test]
    fn queries_name_the_batch_as_a_subquery() {
        let found =
            ["select * from {batch} as judged where a ~ 'x{2}'", "select 1 from {batch} as judged cross join x"].map(query_of_batch);
        let alone = "select * from (select * from {batch}) as judged where a ~ 'x{{2}}'";
        assert_eq!(found, [alone, "select 1 from (select * from {batch} as batch) as judged cross join x"]);
    }
}
