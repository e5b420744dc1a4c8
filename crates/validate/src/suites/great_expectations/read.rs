//! Expectations as rules: what stands around the arguments, such as conditions, shares and severities.

use hw_base::identifier;
use serde_json::{Map, Value as Json};

use super::expectations::{ALWAYS_HOLDS, OF_LISTS, OF_PAIRS, one, skip_if};
use super::parameters::Parameters;
use super::write::takes_mostly;
use super::{condition, moments};
use crate::suites::words::{Arguments, number, percent};
use crate::suites::{Rules, Translation};

/// Arguments that say how results are shown, or how limits were learned, and nothing about the verdict.
const SHOWN: &[&str] = &["result_format", "catch_exceptions", "include_config", "meta", "batch_id", "auto", "profiler_config", "windows"];

/// Arguments that say nothing where there is no limit. A name that is not among them may be the misspelled one of a limit.
const OF_NOTHING: &[&str] = &[
    "column",
    "mostly",
    "row_condition",
    "condition_parser",
    "ties_okay",
    "parse_strings_as_datetimes",
    "output_strftime_format",
    "allow_relative_error",
    "exact_match",
    "strict_min",
    "strict_max",
];

/// The rules that an expectation becomes.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(kind: &str, kwargs: &Map<String, Json>, expectation: &Json, given: &Parameters) -> Translation {
    if let Some(word) = expectation.get("severity").filter(|word| !word.is_null() && severity(expectation).is_null()) {
        return Err(format!("`severity: {word}` is none of critical, warning and info"));
    }
    if let Some(translation) = moments::translated(kind, kwargs) {
        let severity = severity(expectation);
        return translation.map(|rules| rules.with("severity", severity).with("on_failure", action(expectation)));
    }
    let kwargs = given.filled(kwargs)?;
    let arguments = Arguments::new(&kwargs);
    arguments.ignore(SHOWN);
    let rules = match one(kind, &arguments) {
        Err(why) if why == ALWAYS_HOLDS => {
            arguments.ignore(OF_NOTHING);
            return arguments.all_used().map(|()| Rules::default().note(why));
        }
        other => other?,
    };
    let rules = limited(kind, rules, &arguments)?;
    arguments.all_used()?;
    let at = |place: &str| expectation.pointer(place).filter(|note| !note.is_null());
    let note = ["/description", "/notes", "/meta/notes"].into_iter().find_map(at);
    let note = note.and_then(|note| note.get("content").unwrap_or(note).as_str().map(str::to_owned));
    Ok(rules
        .with("description", note.filter(|note| !note.trim().is_empty()).into())
        .with("severity", severity(expectation))
        .with("on_failure", action(expectation)))
}

fn severity(expectation: &Json) -> Json {
    match expectation.get("severity").and_then(Json::as_str) {
        Some("critical") => "high".into(),
        Some("warning") => "medium".into(),
        Some("info") => "low".into(),
        _ => Json::Null,
    }
}

fn action(expectation: &Json) -> Json {
    match expectation.get("severity").and_then(Json::as_str) {
        Some("warning") => "alert".into(),
        Some("info") => "log".into(),
        _ => Json::Null,
    }
}

/// Adds the row condition and the share that must hold.
fn limited(kind: &str, mut rules: Rules, arguments: &Arguments<'_>) -> Translation {
    let takes_mostly = takes_mostly(kind.strip_prefix("expect_").unwrap_or(kind));
    let mostly = if takes_mostly { arguments.get("mostly") } else { Json::Null };
    let share = number(&mostly).filter(|share| (0.0..=1.0).contains(share));
    if !mostly.is_null() && share.is_none() {
        return Err(format!("`mostly: {mostly}` is no share"));
    }
    // A column of a typed file has one type, so all of its values have it or none.
    let is_of_rows = rules.rules.iter().all(|rule| rule.get("schema").is_none());
    if let Some(share) = share.filter(|share| *share < 1.0 && is_of_rows) {
        rules = rules.with("at_least", percent(in_parts(share)));
        if let Some(judged) = judged_rows(kind, arguments) {
            rules = rules.only_where(&judged);
        }
    }
    let parser = arguments.text("condition_parser").ok();
    let row_condition = arguments.get("row_condition");
    if !row_condition.is_null() {
        let sql = condition::sql(&row_condition, parser.as_deref())?;
        if !is_of_rows {
            return Err("a condition on rows does not go with a rule on columns".into());
        }
        if rules.rules.iter().any(|rule| rule.get("reconcile").is_some()) {
            return Err("a condition on rows does not go with a comparison of two tables".into());
        }
        rules = rules.only_where(&sql);
    }
    Ok(rules)
}

/// A share in the parts that are told apart of one, where it has more digits: no more than it was, so that 2 of 3 rows are enough for
/// `0.6666666666666666`. What lies closer to a part than binary fractions are exact is that part.
fn in_parts(share: f64) -> f64 {
    (share * 1e12 + 1e-3).floor() / 1e12
}

/// The rows that `mostly` is a share of.
fn judged_rows(kind: &str, arguments: &Arguments<'_>) -> Option<String> {
    let present = |names: &[String], word: &str| {
        let parts: Vec<String> = names.iter().map(|name| format!("{} is not null", identifier(name))).collect();
        Some(format!("({})", parts.join(word)))
    };
    let (names, words) = match arguments.texts("column_list") {
        Ok(names) => (names, OF_LISTS),
        Err(_) => (["column_A", "column_B"].iter().filter_map(|key| arguments.text(key).ok()).collect(), OF_PAIRS),
    };
    if !names.is_empty() {
        return match skip_if(arguments, words) {
            Ok("any_null") => present(&names, " and "),
            Ok("all_null") => present(&names, " or "),
            _ => None,
        };
    }
    if matches!(kind, "expect_column_values_to_not_be_null" | "expect_column_values_to_be_null") {
        return None;
    }
    arguments.text("column").ok().map(|column| format!("{} is not null", identifier(&column)))
}

#[cfg(test)]
mod tests {
    use crate::suites::great_expectations::expectations::NO_LIMIT;
    use crate::suites::{Outcome, read_suite, suite};
    use crate::testing::rules;
    use serde_json::{Value as Json, json};

    /// Reads one expectation and writes what became of it.
    #[track_caller]
    fn check(expectation: &Json, expected: &str) {
        let text = json!({"name": "s", "expectations": [expectation]}).to_string();
        let imported = suite("great-expectations").unwrap().read(&text).unwrap();
        let found = match &imported.items[0].outcome {
            Outcome::Translated { rules, .. } | Outcome::AsSql { rules, .. } => Json::Array(rules.clone()).to_string(),
            Outcome::NotTranslated { why } => why.clone(),
            Outcome::Test { test, .. } => test.to_string(),
        };
        assert_eq!(found, expected);
        rules(&Json::Array(imported.items[0].outcome.rules().to_vec()));
    }

    #[test]
    fn mostly_is_a_share_of_the_values_that_are_there() {
        check(
            &json!({"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": 1, "strict_max": true, "max_value": 9, "mostly": 0.9}}),
            r#"[{"range":{"column":"a","min":1,"below":9,"at_least":"90%","where":"a is not null"}}]"#,
        );
        check(
            &json!({"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a", "mostly": 0.333}, "meta": {"notes": {"format": "markdown", "content": "why"}}}),
            r#"[{"not_null":{"column":"a","at_least":"33.3%","description":"why"}}]"#,
        );
        for (mostly, at_least) in [(2.0 / 3.0, "66.6666666666%"), (5.0 / 6.0, "83.3333333333%"), (0.29, "29%"), (0.999_999, "99.9999%")] {
            check(
                &json!({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a", "mostly": mostly}}),
                &json!([{"not_null": {"column": "a", "at_least": at_least}}]).to_string(),
            );
        }
    }

    #[test]
    fn a_column_beside_itself_is_an_expression() {
        let pair = |ignored: &str| json!({"type": "expect_column_pair_values_to_be_equal", "kwargs": {"column_A": "a", "column_B": "a", "ignore_row_if": ignored}});
        check(&pair("both_values_are_missing"), r#"[{"expression":{"sql":"a = a"}}]"#);
        check(&pair("neither"), r#"[{"expression":{"sql":"(a = a) is true"}}]"#);
    }

    #[test]
    fn conditions_and_severities_are_kept() {
        check(
            &json!({"type": "expect_column_values_to_be_in_set", "severity": "warning", "kwargs": {"column": "a", "value_set": [1, null], "row_condition": "b==\"x\"", "condition_parser": "pandas"}}),
            r#"[{"accepted_values":{"values":[1],"column":"a","where":"b = 'x'","severity":"medium","on_failure":"alert"}}]"#,
        );
    }

    #[test]
    fn limits_of_measures_that_nothing_lies_between_always_break() {
        check(
            &json!({"type": "expect_column_mean_to_be_between", "kwargs": {"column": "a", "min_value": 5, "max_value": 1}}),
            r#"[{"aggregate":{"function":"mean","column":"a","min":5}},{"aggregate":{"function":"mean","column":"a","max":1}}]"#,
        );
        check(
            &json!({"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "a", "min_value": 1, "max_value": 1, "strict_min": 1}}),
            r#"[{"distinct_count":{"column":"a","min":2}},{"distinct_count":{"column":"a","max":1}}]"#,
        );
    }

    #[test]
    fn limits_that_great_expectations_judges_are_read_as_it_does() {
        let check = |kind: &str, kwargs: Json, expected: &str| check(&json!({"type": kind, "kwargs": kwargs}), expected);
        check(
            "expect_column_unique_value_count_to_be_between",
            json!({"column": "a", "min_value": 2.5, "max_value": 3.5}),
            r#"[{"distinct_count":{"column":"a","min":2,"max":3}}]"#,
        );
        check(
            "expect_column_unique_value_count_to_be_between",
            json!({"column": "a", "min_value": 1.5, "strict_min": true, "max_value": 4.5, "strict_max": true}),
            r#"[{"distinct_count":{"column":"a","min":2,"max":3}}]"#,
        );
        check("expect_table_row_count_to_be_between", json!({"min_value": 2.5}), "`2.5` is no number of things");
        check(
            "expect_column_value_z_scores_to_be_less_than",
            json!({"column": "a", "threshold": -1.5, "double_sided": true}),
            r#"[{"z_score":{"below":1.5,"column":"a"}}]"#,
        );
        check("expect_table_columns_to_match_set", json!({"column_set": []}), r#"[{"schema":{"max_columns":0}}]"#);
        check("expect_table_columns_to_match_set", json!({"column_set": [], "exact_match": false}), "[]");
        check(
            "expect_column_to_exist",
            json!({"column": "a", "column_index": -1}),
            "`column_index: -1` counts from the end, and `places` from the beginning; write the place from 0",
        );
    }

    #[test]
    fn patterns_with_a_backslash_are_told() {
        let of = |kwargs: Json| {
            let suite = json!({"expectations": [{"type": "expect_column_values_to_match_like_pattern", "kwargs": kwargs}]});
            read_suite("great-expectations", &suite.to_string()).unwrap().items[0].outcome.note().is_some()
        };
        assert!(of(json!({"column": "a", "like_pattern": "b\\_"})));
        assert!(!of(json!({"column": "a", "like_pattern": "b_"})));
        assert!(!of(json!({"column": "a", "like_pattern": "b\\_", "escape": "\\"})));
    }

    #[test]
    fn what_says_nothing_about_the_verdict_is_left_out() {
        check(
            &json!({"type": "expect_column_max_to_be_between", "description": "why", "meta": {"notes": "older"},
                "kwargs": {"column": "a", "max_value": 9, "windows": [{"constraint_fn": "mean"}], "output_strftime_format": "%Y"}}),
            r#"[{"aggregate":{"function":"max","column":"a","max":9,"description":"why"}}]"#,
        );
    }

    #[test]
    fn queries_are_formats_of_python() {
        check(
            &json!({"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select * from {batch} as b where a ~ '^x{{2}}$'"}}),
            r#"[{"query":{"sql":"select * from {table} as b where a ~ '^x{2}$'"}}]"#,
        );
    }

    #[test]
    fn limits_that_are_not_translated_say_why() {
        let check_kwargs = |kind: &str, kwargs: Json, why: &str| check(&json!({"type": kind, "kwargs": kwargs}), why);
        check_kwargs("expect_column_sum_to_be_between", json!({"column": "a"}), NO_LIMIT);
        check_kwargs("expect_column_values_to_be_between", json!({"column": "a"}), NO_LIMIT);
        check_kwargs(
            "expect_column_values_to_be_between",
            json!({"column": "a", "min_value": 9, "max_value": 1}),
            "`min_value` is greater than `max_value`, which Great Expectations refuses as well; swap them",
        );
        check_kwargs("expect_table_row_count_to_be_between", json!({"minValue": 1000}), "the argument `minValue: 1000` has no counterpart");
        check_kwargs(
            "expect_table_column_count_to_be_between",
            json!({"min_value": "quack", "max_value": 5}),
            "`min_value: \"quack\"` is no number",
        );
        check_kwargs("expect_column_values_to_be_in_set", json!({"column": "a", "value_set": "abc"}), "`value_set: \"abc\"` is no list");
        let all_open = json!({"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[null, null]]}});
        let some = r#"[{"aggregate":{"function":"count","column":"a","min":1}}]"#;
        check_kwargs("expect_column_quantile_values_to_be_between", all_open, some);
        check_kwargs("expect_column_mean_to_be_between", json!({"column": "a"}), some);
        check_kwargs("expect_column_max_to_be_between", json!({"column": "a", "strict_max": true}), NO_LIMIT);
        let near = json!({"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[-2, 5]]}});
        let wider = r#"[{"aggregate":{"function":"quantile","quantile":0.5,"interpolation":"nearest","column":"a","min":-2.00020001,"max":5.00050001}}]"#;
        check_kwargs("expect_column_quantile_values_to_be_between", near, wider);
        let crossed = json!({"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, 1]]}});
        let why = "a value range begins beyond its end, which the definitions of Great Expectations take for an error; swap its limits";
        check_kwargs("expect_column_quantile_values_to_be_between", crossed, why);
        let why = "`min_value` is greater than `max_value`, which Great Expectations refuses as well; swap them";
        check_kwargs("expect_table_column_count_to_be_between", json!({"min_value": 9, "max_value": 1}), why);
        let two = r#"[{"aggregate":{"function":"count","column":"a","min":2}}]"#;
        check_kwargs("expect_column_stdev_to_be_between", json!({"column": "a"}), two);
        check_kwargs(
            "expect_column_max_to_be_between",
            json!({"column": "a", "min_value": {"$PARAMETER": "low", "$PARAMETER.low": 3}, "max_value": {"$PARAMETER": "datetime(2026, 1, 5)"}}),
            "Headworks refuses it: `3` and `2026-01-05` are no two values of one kind; give two numbers, two dates or two moments",
        );
        check_kwargs("expect_column_values_to_be_null", json!({"column": "a", "mostly": 1.1}), "`mostly: 1.1` is no share");
        check_kwargs(
            "expect_column_mean_to_be_between",
            json!({"column": "a", "min_value": {"$PARAMETER": "low"}}),
            "`min_value` is the parameter `low`, which the suite gives no value and is only known when it runs",
        );
        check_kwargs(
            "expect_table_row_count_to_be_between",
            json!({"min_value": 9, "max_value": 1}),
            "`min_value` is greater than `max_value`, which Great Expectations refuses as well; swap them",
        );
    }

    #[test]
    fn arguments_that_are_not_translated_say_why() {
        check(
            &json!({"type": "expect_column_values_to_be_unique", "severity": "urgent", "kwargs": {"column": "a"}}),
            "`severity: \"urgent\"` is none of critical, warning and info",
        );
        let check_kwargs = |kind: &str, kwargs: Json, why: &str| check(&json!({"type": kind, "kwargs": kwargs}), why);
        check_kwargs(
            "expect_day_to_be_sunny",
            json!({}),
            "`expect_day_to_be_sunny` is no expectation of the core, and its code is in no suite",
        );
        check_kwargs("expect_column_values_to_be_unique", json!({"column": "a", "new": 1}), "the argument `new: 1` has no counterpart");
        check_kwargs(
            "expect_compound_columns_to_be_unique",
            json!({"column_list": ["a", "b"], "ignore_row_if": "neither"}),
            "`ignore_row_if: \"neither\"` is none of the words of this expectation: any_value_is_missing, all_values_are_missing, never",
        );
        check_kwargs(
            "expect_column_pair_values_to_be_equal",
            json!({"column_A": "a", "column_B": "b", "ignore_row_if": "any_value_is_missing"}),
            "`ignore_row_if: \"any_value_is_missing\"` is none of the words of this expectation: either_value_is_missing, both_values_are_missing, neither",
        );
        check_kwargs(
            "expect_column_values_to_match_regex",
            json!({"column": "a", "regex": r"^[a&&b]{0,3}\Z"}),
            r#"[{"matches":{"pattern":"^[a\\&\\&b]{0,3}\\z","column":"a"}}]"#,
        );
        check_kwargs(
            "expect_column_values_to_match_regex_list",
            json!({"column": "a", "regex_list": ["x"], "match_on": "some"}),
            "`match_on: \"some\"` is neither `any` nor `all`",
        );
        check_kwargs(
            "expect_column_distinct_values_to_contain_set",
            json!({"column": "a", "value_set": [1, null]}),
            "a null is in its list and never among distinct values, so it never holds; take it out",
        );
        check_kwargs(
            "expect_column_distinct_values_to_be_in_set",
            json!({"column": "a", "value_set": [1], "mostly": 0.5}),
            "the argument `mostly: 0.5` has no counterpart",
        );
        check_kwargs(
            "expect_table_row_count_to_equal_other_table",
            json!({"other_table_name": "u", "row_condition": "a < 3"}),
            "a condition on rows does not go with a comparison of two tables",
        );
        check_kwargs(
            "expect_column_quantile_values_to_be_between",
            json!({"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]}, "allow_relative_error": "some"}),
            "`allow_relative_error: \"some\"` is no way to choose between two values",
        );
    }
}
