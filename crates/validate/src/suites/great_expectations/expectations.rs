//! What each expectation asks for, as rules: one arm per expectation of the core.

use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use super::distribution::distribution;
use super::moments;
use super::types::types;
use crate::suites::limits;
use crate::suites::pattern::{Syntax, in_schema, noted, of_kind, ours};
use crate::suites::words::{Arguments, number, plain_number};
use crate::suites::{Rules, Translation};

/// Said of an expectation that asks for nothing.
pub(super) const ALWAYS_HOLDS: &str = "it sets no limit, so it always holds and no rule is needed";

/// Said of an expectation that needs a limit and has none.
pub(super) const NO_LIMIT: &str = "neither `min_value` nor `max_value` is set, which Great Expectations refuses";

/// Said of limits that Great Expectations refuses too.
const CROSSED: &str = "`min_value` is greater than `max_value`, which Great Expectations refuses as well; swap them";

/// Said of limits of quantiles that its definitions take for an error. Its pandas engine takes them, and no value lies between.
const CROSSED_RANGE: &str =
    "a value range begins beyond its end, which the definitions of Great Expectations take for an error; swap its limits";

/// Said of a limit on the number of values that is no whole number.
const NO_FRACTION: &str = "what its limits have behind the point does not count, as in Great Expectations 1";

/// What a pair of columns says of rows that are left out: those where any value is missing, those where all are, and none.
pub(super) const OF_PAIRS: [&str; 3] = ["either_value_is_missing", "both_values_are_missing", "neither"];

/// What a list of columns says of them.
pub(super) const OF_LISTS: [&str; 3] = ["any_value_is_missing", "all_values_are_missing", "never"];

/// Which rows are left out because of nulls, in the words of an expectation.
///
/// # Errors
/// Names a word that is none of them.
pub(super) fn skip_if(arguments: &Arguments<'_>, words: [&str; 3]) -> Result<&'static str, String> {
    let given = arguments.get("ignore_row_if");
    if given.is_null() {
        return Ok("all_null");
    }
    let ours = words.into_iter().zip(["any_null", "all_null", "never"]).find(|(word, _)| given.as_str() == Some(*word));
    let unknown = || format!("`ignore_row_if: {given}` is none of the words of this expectation: {}", words.join(", "));
    ours.map(|(_, skipped)| skipped).ok_or_else(unknown)
}

/// Two limits, of which each can be strict.
fn limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    let mut settings = settings;
    let [min, max] = ["min_value", "max_value"].map(|key| moments::in_our_form(arguments.get(key)));
    let (strict_min, strict_max) = (arguments.flag("strict_min"), arguments.flag("strict_max"));
    if min.is_null() && max.is_null() {
        return Err(ALWAYS_HOLDS.into());
    }
    settings[if strict_min { "above" } else { "min" }] = min;
    settings[if strict_max { "below" } else { "max" }] = max;
    Ok(settings)
}

/// Limits of a count, which are whole numbers.
fn count_limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    if let Some(limit) = ["min_value", "max_value"].iter().filter_map(|key| arguments.number(key)).find(|limit| limit.fract() != 0.0) {
        return Err(format!("`{limit}` is no number of things"));
    }
    rounded_limits(settings, arguments)
}

/// Limits of a count, of which theirs leaves out the fraction before it asks whether they are strict.
fn rounded_limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    let mut settings = limits(settings, arguments)?;
    let get = |key: &str| settings.get(key).and_then(number);
    let is_no_number = |key: &&&str| settings.get(**key).is_some_and(|limit| !limit.is_null() && number(limit).is_none());
    if let Some(key) = ["min", "above", "max", "below"].iter().find(is_no_number) {
        let theirs = if matches!(*key, "min" | "above") { "min_value" } else { "max_value" };
        return Err(format!("`{theirs}: {}` is no number", settings[*key]));
    }
    let whole = |key: &str| get(key).map(f64::trunc);
    let min = whole("min").or_else(|| whole("above").map(|above| above + 1.0));
    let max = whole("max").or_else(|| whole("below").map(|below| below - 1.0));
    (settings["min"], settings["max"]) = (min.map(|min| plain_number(min.max(0.0))).into(), max.map(plain_number).into());
    (settings["above"], settings["below"]) = (Json::Null, Json::Null);
    Ok(settings)
}

/// Two limits, of which one must be given.
fn needed_limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    limits(settings, arguments).map_err(|why| if why == ALWAYS_HOLDS { NO_LIMIT.to_owned() } else { why })
}

/// Theirs takes the sum of no values, and a share of nothing, for zero. Any other measure has to have a value, limits or not; its definitions say
/// that some have to have limits.
fn aggregate(function: &str, arguments: &Arguments<'_>) -> Translation {
    let column = arguments.text("column")?;
    let of_nothing = matches!(function, "sum" | "distinct_share" | "filled_share").then_some(0);
    match limits(json!({"function": function, "column": column, "of_nothing": of_nothing}), arguments) {
        Err(why) if why == ALWAYS_HOLDS && matches!(function, "min" | "max" | "sum") => Err(NO_LIMIT.into()),
        Err(why) if why == ALWAYS_HOLDS && of_nothing.is_none() => {
            Ok(enough_values(&column, if function == "standard_deviation" { 2 } else { 1 }))
        }
        settings => Ok(Rules::one("aggregate", settings?)),
    }
}

/// The rule that a column has as many values as a measure of it needs.
fn enough_values(column: &str, fewest: u64) -> Rules {
    let rules = Rules::one("aggregate", json!({"function": "count", "column": column, "min": fewest}));
    rules.note("it sets no limit, and only fails where there are too few values to measure")
}

/// The least or the greatest value, of moments where texts are parsed.
fn extreme(function: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["output_strftime_format"]);
    if arguments.flag("parse_strings_as_datetimes") {
        return moments::extreme(function, &arguments.text("column")?, &needed_limits(json!({}), arguments)?);
    }
    aggregate(function, arguments)
}

/// The whole number under `key`, which may be written as `3.0`.
fn whole(key: &str, arguments: &Arguments<'_>) -> Result<Json, String> {
    let count = arguments.get(key);
    number(&count).map(plain_number).ok_or_else(|| format!("`{key}` is {count} and no number"))
}

fn on_column(kind: &str, settings: Json, arguments: &Arguments<'_>) -> Translation {
    let mut settings = settings;
    settings["column"] = arguments.text("column")?.into();
    Ok(Rules::one(kind, settings))
}

/// A rule about a list of values. Nulls in it stand for no value.
fn value_set(kind: &str, key: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["parse_strings_as_datetimes"]);
    let set = arguments.get("value_set");
    if set.is_null() {
        return Err(if kind == "rejected_values" { "`value_set` is missing" } else { ALWAYS_HOLDS }.into());
    }
    let values = set.as_array().ok_or_else(|| format!("`value_set: {set}` is no list"))?;
    if kind == "distinct_values" && key != "within" && values.contains(&Json::Null) {
        return Err("a null is in its list and never among distinct values, so it never holds; take it out".into());
    }
    let values: Vec<Json> = values.iter().filter(|value| !value.is_null()).cloned().collect();
    if values.is_empty() {
        return match (kind, key) {
            ("accepted_values", _) | ("distinct_values", "within" | "equal") => on_column("is_null", json!({}), arguments),
            ("most_common_value", _) => Err("its list is empty, so no value can be the most common one and it never holds".into()),
            _ => Err(ALWAYS_HOLDS.into()),
        };
    }
    let mut settings = json!({ key: values });
    if kind == "most_common_value" {
        settings["ties_okay"] = arguments.flag("ties_okay").into();
        // Of no values none is the most common one, which breaks theirs.
        return Ok(on_column(kind, settings, arguments)?.and("distinct_count", json!({"column": arguments.text("column")?, "min": 1})));
    }
    on_column(kind, settings, arguments)
}

/// The pattern in place of which the pattern of a `like` with an escape character stands: a regular expression.
fn without_escape(pattern: &str, escape: char) -> String {
    let mut found = String::new();
    let mut rest = pattern.chars();
    while let Some(sign) = rest.next() {
        match sign {
            _ if sign == escape => found.extend(rest.next().map(|literal| regex::escape(&literal.to_string()))),
            '%' => found.push_str(".*"),
            '_' => found.push('.'),
            _ => found.push_str(&regex::escape(&sign.to_string())),
        }
    }
    format!("(?s)^{found}$")
}

/// Patterns of a `like`. One with an escape character is a regular expression here.
fn like(key: &str, not: bool, arguments: &Arguments<'_>) -> Translation {
    let rules = patterns("like", key, not, arguments)?;
    let Some(escape) = arguments.text("escape").ok().and_then(|escape| escape.chars().next()) else { return Ok(rules) };
    let escaped = |pattern: String| without_escape(&pattern, escape);
    let not = if not { json!(true) } else { Json::Null };
    let settings = match arguments.texts(key)? {
        several if key.ends_with("_list") => {
            json!({"patterns": several.into_iter().map(escaped).collect::<Vec<_>>(), "require": required(arguments)?, "not": not})
        }
        one => json!({"pattern": one.into_iter().map(escaped).next(), "not": not}),
    };
    on_column("matches", settings, arguments)
}

/// Whether `all` patterns of a list must fit; null where one is enough.
fn required(arguments: &Arguments<'_>) -> Result<Json, String> {
    match arguments.get("match_on") {
        all if all == json!("all") => Ok(all),
        any if any.is_null() || any == json!("any") => Ok(Json::Null),
        other => Err(format!("`match_on: {other}` is neither `any` nor `all`")),
    }
}

fn patterns(kind: &str, key: &str, not: bool, arguments: &Arguments<'_>) -> Translation {
    let not = if not { json!(true) } else { Json::Null };
    if let Some(list) = key.strip_suffix("_list") {
        let patterns = arguments.texts(&format!("{list}_list"))?.into_iter().map(|pattern| of_kind(kind, pattern, Syntax::Python));
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let rules = on_column(kind, json!({"patterns": patterns, "require": required(arguments)?, "not": not}), arguments)?;
        return Ok(noted(kind, &patterns, rules));
    }
    let pattern = of_kind(kind, arguments.text(key)?, Syntax::Python)?;
    let rules = on_column(kind, json!({"pattern": pattern, "not": not}), arguments)?;
    Ok(noted(kind, &[pattern], rules))
}

fn columns_rule(kind: &str, arguments: &Arguments<'_>) -> Translation {
    let columns = arguments.texts("column_list")?;
    let skip_if = skip_if(arguments, OF_LISTS)?;
    Ok(Rules::one(kind, json!({"columns": columns, "skip_if": skip_if})))
}

fn pair(operator: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["allow_cross_type_comparisons"]);
    let (left, right) = (arguments.text("column_A")?, arguments.text("column_B")?);
    let operator = if arguments.flag("or_equal") { ">=" } else { operator };
    let skip_if = skip_if(arguments, OF_PAIRS)?;
    if arguments.flag("parse_strings_as_datetimes") {
        return Ok(moments::compared(&left, operator, &right, skip_if));
    }
    if left == right {
        return Ok(beside_itself(&left, operator, skip_if));
    }
    Ok(Rules::one("compare", json!({"left": left, "operator": operator, "right": right, "skip_if": skip_if})))
}

/// A column compared with itself, for which `compare` is no rule.
fn beside_itself(column: &str, operator: &str, skip_if: &str) -> Rules {
    let name = identifier(column);
    let holds = format!("{name} {operator} {name}");
    Rules::one("expression", json!({"sql": if skip_if == "never" { format!("({holds}) is true") } else { holds }}))
}

/// The rules of an expectation, without its condition on rows and the share that must hold.
pub(super) fn one(kind: &str, arguments: &Arguments<'_>) -> Translation {
    let name = kind.strip_prefix("expect_").unwrap_or(kind);
    if name.starts_with("column_value") {
        of_values(name, arguments)
    } else if name.starts_with("column_") || name.contains("column") && !name.starts_with("table_") {
        of_columns(name, arguments)
    } else {
        of_tables(name, arguments)
    }
}

fn unknown(name: &str) -> String {
    format!("`expect_{name}` is no expectation of the core, and its code is in no suite")
}

/// Expectations of single values.
fn of_values(name: &str, arguments: &Arguments<'_>) -> Translation {
    let column = || arguments.text("column");
    match name {
        "column_values_to_not_be_null" => on_column("not_null", json!({}), arguments),
        "column_values_to_be_null" => on_column("is_null", json!({}), arguments),
        "column_values_to_be_unique" => on_column("unique", json!({}), arguments),
        "column_values_to_be_in_set" => value_set("accepted_values", "values", arguments),
        "column_values_to_not_be_in_set" => value_set("rejected_values", "values", arguments),
        "column_values_to_be_between" => {
            arguments.ignore(&["allow_cross_type_comparisons", "output_strftime_format"]);
            let settings = needed_limits(json!({"column": column()?}), arguments)?;
            if settings.as_object().is_some_and(limits::are_crossed) {
                return Err(CROSSED.into());
            }
            if arguments.flag("parse_strings_as_datetimes") {
                return moments::between(&column()?, &settings);
            }
            Ok(Rules::one("range", settings))
        }
        "column_values_to_match_regex" => patterns("matches", "regex", false, arguments),
        "column_values_to_not_match_regex" => patterns("matches", "regex", true, arguments),
        "column_values_to_match_regex_list" => patterns("matches", "regex_list", false, arguments),
        "column_values_to_not_match_regex_list" => patterns("matches", "regex_list", true, arguments),
        "column_values_to_match_like_pattern" => like("like_pattern", false, arguments),
        "column_values_to_not_match_like_pattern" => like("like_pattern", true, arguments),
        "column_values_to_match_like_pattern_list" => like("like_pattern_list", false, arguments),
        "column_values_to_not_match_like_pattern_list" => like("like_pattern_list", true, arguments),
        "column_values_to_match_strftime_format" => on_column("parses", json!({"format": arguments.text("strftime_format")?}), arguments),
        // A column of days or moments, which texts in CSV may be, reads so as well.
        "column_values_to_be_dateutil_parseable" => on_column("parses", json!({"as": "any_date"}), arguments),
        "column_values_to_be_json_parseable" => json_parseable(arguments),
        "column_values_to_match_json_schema" => match arguments.get("json_schema") {
            Json::Null => Err("`json_schema` is missing".into()),
            schema => {
                let schema = in_schema(&schema, &|pattern| ours(pattern, Syntax::Python))?;
                on_column("json_schema", json!({ "schema": schema }), arguments)
            }
        },
        "column_value_lengths_to_be_between" => {
            let limits = count_limits(json!({"column": column()?}), arguments);
            Ok(Rules::one("length", limits.map_err(|why| if why == ALWAYS_HOLDS { NO_LIMIT.to_owned() } else { why })?))
        }
        "column_value_lengths_to_equal" => {
            let length = whole("value", arguments)?;
            on_column("length", json!({"min": length, "max": length}), arguments)
        }
        "column_value_z_scores_to_be_less_than" => {
            // On both sides theirs takes the size of the limit, whatever its sign.
            let (limit, is_double) = (arguments.number("threshold"), arguments.flag("double_sided"));
            let (below, above_only) = if is_double { (limit.map(f64::abs), Json::Null) } else { (limit, json!(true)) };
            let below = below.map_or_else(|| arguments.get("threshold"), plain_number);
            on_column("z_score", json!({"below": below, "above_only": above_only}), arguments)
        }
        "column_values_to_not_be_outliers" => outliers(arguments),
        "column_values_to_be_increasing" => ordered("increasing", arguments),
        "column_values_to_be_decreasing" => ordered("decreasing", arguments),
        "column_values_to_be_of_type" => types(&[arguments.text("type_").or_else(|_| arguments.text("type"))?], arguments),
        "column_values_to_be_in_type_list" if arguments.get("type_list").is_null() => Err(ALWAYS_HOLDS.into()),
        "column_values_to_be_in_type_list" => types(&arguments.texts("type_list")?, arguments),
        _ => Err(unknown(name)),
    }
}

/// Expectations of a column as a whole, and of several columns.
fn of_columns(name: &str, arguments: &Arguments<'_>) -> Translation {
    let column = || arguments.text("column");
    match name {
        "column_to_exist" => {
            let place = arguments.get("column_index");
            if place.as_i64().is_some_and(|place| place < 0) {
                return Err(format!(
                    "`column_index: {place}` counts from the end, and `places` from the beginning; write the place from 0"
                ));
            }
            let places = if place.is_null() { Json::Null } else { json!({column()?: place}) };
            Ok(Rules::one("schema", json!({"columns": {column()?: "any"}, "places": places})))
        }
        "column_type_to_be" => types(&[arguments.text("type_").or_else(|_| arguments.text("type"))?], arguments),
        "column_max_to_be_between" => extreme("max", arguments),
        "column_min_to_be_between" => extreme("min", arguments),
        "column_mean_to_be_between" => aggregate("mean", arguments),
        "column_median_to_be_between" => aggregate("median", arguments),
        "column_sum_to_be_between" => aggregate("sum", arguments),
        "column_stdev_to_be_between" => aggregate("standard_deviation", arguments),
        "column_proportion_of_unique_values_to_be_between" => aggregate("distinct_share", arguments),
        "column_proportion_of_non_null_values_to_be_between" => aggregate("filled_share", arguments),
        "column_unique_value_count_to_be_between" => {
            let rules = Rules::one("distinct_count", rounded_limits(json!({"column": column()?}), arguments)?);
            let has_fraction = |key: &str| arguments.number(key).is_some_and(|limit| limit.fract() != 0.0);
            Ok(if has_fraction("min_value") || has_fraction("max_value") { rules.note(NO_FRACTION) } else { rules })
        }
        "column_quantile_values_to_be_between" => quantiles(arguments),
        "column_distinct_values_to_be_in_set" => value_set("distinct_values", "within", arguments),
        "column_distinct_values_to_contain_set" => value_set("distinct_values", "contain", arguments),
        "column_distinct_values_to_equal_set" => value_set("distinct_values", "equal", arguments),
        "column_most_common_value_to_be_in_set" => value_set("most_common_value", "values", arguments),
        "column_kl_divergence_to_be_less_than" => distribution("kl_divergence", "max", "threshold", arguments),
        "column_chisquare_test_p_value_to_be_greater_than" => distribution("chi_squared", "min_p_value", "p", arguments),
        "column_pair_values_a_to_be_greater_than_b" | "column_pair_values_A_to_be_greater_than_B" => pair(">", arguments),
        "column_pair_values_to_be_equal" => pair("=", arguments),
        "column_pair_values_to_be_in_set" => {
            let columns = vec![arguments.text("column_A")?, arguments.text("column_B")?];
            let (values, skip_if) = (arguments.get("value_pairs_set"), skip_if(arguments, OF_PAIRS)?);
            Ok(Rules::one("accepted_combinations", json!({"columns": columns, "values": values, "skip_if": skip_if})))
        }
        "compound_columns_to_be_unique" => columns_rule("unique", arguments),
        "select_column_values_to_be_unique_within_record" | "multicolumn_values_to_be_unique" => columns_rule("columns_differ", arguments),
        "multicolumn_values_to_be_equal" => columns_rule("columns_equal", arguments),
        "multicolumn_sum_to_equal" => {
            let total = arguments.get("sum_total");
            Ok(columns_rule("row_sum", arguments)?.with("equals", total))
        }
        "column_parameterized_distribution_ks_test_p_value_to_be_greater_than"
        | "column_bootstrapped_ks_test_p_value_to_be_greater_than" => {
            Err("Great Expectations itself has no code for it any more; declare bins with `distribution: { distance: kolmogorov_smirnov }`"
                .into())
        }
        "column_pair_cramers_phi_value_to_be_less_than" => Err(
            "Great Expectations itself has no code for it any more, and Headworks has no measure of how two columns depend on each other"
                .into(),
        ),
        _ => Err(unknown(name)),
    }
}

/// Expectations of tables.
fn of_tables(name: &str, arguments: &Arguments<'_>) -> Translation {
    match name {
        "table_row_count_to_be_between" => {
            let (min, max) = (arguments.number("min_value"), arguments.number("max_value"));
            if min.zip(max).is_some_and(|(min, max)| min > max) {
                return Err(CROSSED.into());
            }
            Ok(Rules::one("row_count", count_limits(json!({}), arguments)?))
        }
        "table_row_count_to_equal" => {
            let count = whole("value", arguments)?;
            Ok(Rules::one("row_count", json!({"min": count, "max": count})))
        }
        "table_row_count_to_equal_other_table" => Ok(Rules::one("reconcile", json!({"with": arguments.text("other_table_name")?}))),
        "table_column_count_to_equal" => {
            let count = whole("value", arguments)?;
            Ok(Rules::one("schema", json!({"min_columns": count, "max_columns": count})))
        }
        "table_column_count_to_be_between" => {
            let limits = count_limits(json!({}), arguments)?;
            if limits["min"].as_f64().zip(limits["max"].as_f64()).is_some_and(|(min, max)| min > max) {
                return Err(CROSSED.into());
            }
            Ok(Rules::one("schema", json!({"min_columns": limits["min"], "max_columns": limits["max"]})))
        }
        "table_columns_to_match_ordered_list" if arguments.get("column_list").is_null() => Err(ALWAYS_HOLDS.into()),
        "table_columns_to_match_ordered_list" => Ok(Rules::one("schema", json!({"order": arguments.texts("column_list")?}))),
        "table_columns_to_match_set" => {
            let exact = arguments.get("exact_match") != json!(false);
            let names = match arguments.get("column_set") {
                names if exact && (names.is_null() || names == json!([])) => return Ok(Rules::one("schema", json!({"max_columns": 0}))),
                names if names.is_null() || names == json!([]) => return Err(ALWAYS_HOLDS.into()),
                _ => arguments.texts("column_set")?,
            };
            let columns: Map<String, Json> = names.into_iter().map(|name| (name, json!("any"))).collect();
            Ok(Rules::one("schema", json!({"columns": columns, "exact": exact})))
        }
        "unexpected_rows_expectation" => query(arguments),
        "query_results_to_match_comparison" => {
            Err("it compares with another data source, whose rows Headworks does not have; see `reconcile`".into())
        }
        _ => Err(unknown(name)),
    }
}

/// Theirs reads texts alone: a number is no JSON there, though its text is.
fn json_parseable(arguments: &Arguments<'_>) -> Translation {
    let name = identifier(&arguments.text("column")?);
    let sql = format!("{name} is null or arrow_typeof({name}) in ('Utf8', 'Utf8View', 'LargeUtf8')");
    Ok(on_column("parses", json!({"as": "json"}), arguments)?.and("expression", json!({ "sql": sql })))
}

fn ordered(direction: &str, arguments: &Arguments<'_>) -> Translation {
    if arguments.flag("parse_strings_as_datetimes") {
        return Err("texts would be compared as moments; cast the column in the model".into());
    }
    let strictly = if arguments.flag("strictly") { json!(true) } else { Json::Null };
    let rules = on_column("ordered", json!({"direction": direction, "strictly": strictly}), arguments)?;
    Ok(rules.note("rows are taken in the order in which they are read; set `by` where there is a column that orders them"))
}

/// Sets the limits of a quantile, which theirs takes for kept where it is as good as equal to one of them.
fn with_range(mut settings: Json, range: &Json) -> Json {
    (settings["min"], settings["max"]) = (widened(&range[0], -1.0), widened(&range[1], 1.0));
    settings
}

/// The number that is still as good as equal to a limit, by the tolerances that theirs has.
fn widened(limit: &Json, side: f64) -> Json {
    let Some(number) = limit.as_f64() else { return limit.clone() };
    let wider = number + side * (1e-8 + 1e-4 * number.abs());
    // What binary fractions add in the last digits is no part of the limit.
    format!("{wider:.11e}").parse::<f64>().map_or_else(|_| limit.clone(), plain_number)
}

fn outliers(arguments: &Arguments<'_>) -> Translation {
    let method = match arguments.get("method").as_str() {
        None | Some("iqr") => "quartiles",
        Some("std") => "standard_deviation",
        Some(other) => return Err(format!("the method `{other}` is not known")),
    };
    on_column("outliers", json!({"method": method, "multiplier": arguments.get("multiplier")}), arguments)
}

fn quantiles(arguments: &Arguments<'_>) -> Translation {
    let interpolation = match arguments.get("allow_relative_error") {
        Json::String(word) if ["linear", "lower", "higher", "midpoint", "nearest"].contains(&word.as_str()) => word,
        Json::Null | Json::Bool(false) => "nearest".into(),
        other => return Err(format!("`allow_relative_error: {other}` is no way to choose between two values")),
    };
    let (ranges, column) = (arguments.get("quantile_ranges"), arguments.text("column")?);
    let quantiles = ranges.get("quantiles").and_then(Json::as_array).cloned().unwrap_or_default();
    let limits = ranges.get("value_ranges").and_then(Json::as_array).cloned().unwrap_or_default();
    if quantiles.is_empty() || quantiles.len() != limits.len() {
        return Err("`quantile_ranges` needs as many `value_ranges` as `quantiles`".into());
    }
    if limits.iter().any(|range| range[0].as_f64().zip(range[1].as_f64()).is_some_and(|(min, max)| min > max)) {
        return Err(CROSSED_RANGE.into());
    }
    let mut rules = Rules::default();
    for (quantile, range) in quantiles.iter().zip(&limits).filter(|(_, range)| range[0] != Json::Null || range[1] != Json::Null) {
        let settings = json!({"function": "quantile", "quantile": quantile, "interpolation": interpolation, "column": column});
        rules = rules.and("aggregate", with_range(settings, range));
    }
    if rules.rules.is_empty() {
        return Ok(enough_values(&column, 1));
    }
    Ok(rules.note("its limits are wider by a ten-thousandth, within which Great Expectations takes two values for equal"))
}

fn query(arguments: &Arguments<'_>) -> Translation {
    let sql = arguments.text("unexpected_rows_query")?;
    arguments.ignore(&["description"]);
    // Theirs is a format of Python, in which braces are doubled.
    let parts = sql.split("{batch}").flat_map(|part| part.split("{active_batch}"));
    let ours = parts.map(|part| part.replace("{{", "{").replace("}}", "}")).collect::<Vec<_>>().join("{table}");
    Ok(Rules::sql("query", json!({"sql": ours})))
}
