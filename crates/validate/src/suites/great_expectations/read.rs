//! Expectations as rules.

use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use super::{condition, moments};
use crate::suites::words::{Arguments, number, percent, plain_number};
use crate::suites::{Rules, Translation};

/// Arguments that say how results are shown, and nothing about the verdict.
const SHOWN: &[&str] = &["result_format", "catch_exceptions", "include_config", "meta", "batch_id", "auto", "profiler_config"];

/// Said of an expectation that asks for nothing.
const ALWAYS_HOLDS: &str = "it sets no limit, so it always holds and no rule is needed";

/// Said of an expectation that needs a limit and has none.
const NO_LIMIT: &str = "neither `min_value` nor `max_value` is set, which Great Expectations refuses";

/// The rules that an expectation becomes.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(kind: &str, kwargs: &Map<String, Json>, expectation: &Json) -> Translation {
    if let Some(translation) = moments::translated(kind, kwargs) {
        let severity = severity(expectation);
        return translation.map(|rules| rules.with("severity", severity).with("on_failure", action(expectation)));
    }
    let kwargs: Map<String, Json> =
        kwargs.iter().map(|(key, value)| Ok((key.clone(), parameter(key, value)?))).collect::<Result<_, String>>()?;
    let arguments = Arguments::new(&kwargs);
    arguments.ignore(SHOWN);
    let rules = match one(kind, &arguments) {
        Err(why) if why == ALWAYS_HOLDS => return Ok(Rules::default().note(why)),
        other => other?,
    };
    let rules = limited(kind, rules, &arguments)?;
    arguments.all_used()?;
    let note = expectation.get("notes").or_else(|| expectation.pointer("/meta/notes"));
    let note = note.and_then(|note| note.get("content").unwrap_or(note).as_str().map(str::to_owned));
    Ok(rules
        .with("description", note.filter(|note| !note.trim().is_empty()).into())
        .with("severity", severity(expectation))
        .with("on_failure", action(expectation)))
}

/// The value of an argument: itself, or for a parameter the one that the suite gives beside it.
fn parameter(key: &str, value: &Json) -> Result<Json, String> {
    let Some(name) = value.get("$PARAMETER").and_then(Json::as_str) else { return Ok(value.clone()) };
    if let Some(given) = value.get(format!("$PARAMETER.{name}")) {
        return Ok(given.clone());
    }
    let parts = name
        .strip_prefix("datetime(")
        .and_then(|rest| rest.strip_suffix(')'))
        .map(|rest| rest.split(',').map(|part| part.trim().parse::<u32>()));
    match parts.and_then(|parts| parts.collect::<Result<Vec<_>, _>>().ok()).as_deref() {
        Some([year, month, day]) => Ok(json!(format!("{year:04}-{month:02}-{day:02}"))),
        Some([year, month, day, hour, minute]) => Ok(json!(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:00"))),
        _ => Err(format!("`{key}` is the parameter `{name}`, which is only known when the suite runs")),
    }
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
    let mostly = arguments.get("mostly");
    let share = number(&mostly).filter(|share| (0.0..=1.0).contains(share));
    if !mostly.is_null() && share.is_none() {
        return Err(format!("`mostly: {mostly}` is no share"));
    }
    if let Some(share) = share.filter(|share| *share < 1.0) {
        rules = rules.with("at_least", percent(share));
        if let Some(judged) = judged_rows(kind, arguments) {
            rules = rules.only_where(&judged);
        }
    }
    let parser = arguments.text("condition_parser").ok();
    let row_condition = arguments.get("row_condition");
    if !row_condition.is_null() {
        let sql = condition::sql(&row_condition, parser.as_deref())?;
        if rules.rules.iter().any(|rule| rule.get("schema").is_some()) {
            return Err("a condition on rows does not go with a rule on columns".into());
        }
        rules = rules.only_where(&sql);
    }
    Ok(rules)
}

/// The rows that `mostly` is a share of.
fn judged_rows(kind: &str, arguments: &Arguments<'_>) -> Option<String> {
    let present = |names: &[String], word: &str| {
        let parts: Vec<String> = names.iter().map(|name| format!("{} is not null", identifier(name))).collect();
        Some(format!("({})", parts.join(word)))
    };
    let names = match arguments.texts("column_list") {
        Ok(names) => names,
        Err(_) => ["column_A", "column_B"].iter().filter_map(|key| arguments.text(key).ok()).collect(),
    };
    if !names.is_empty() {
        return match skip_if(arguments, names.len()) {
            "any_null" => present(&names, " and "),
            "all_null" => present(&names, " or "),
            _ => None,
        };
    }
    if matches!(kind, "expect_column_values_to_not_be_null" | "expect_column_values_to_be_null") {
        return None;
    }
    arguments.text("column").ok().map(|column| format!("{} is not null", identifier(&column)))
}

/// Which rows are left out because of nulls.
fn skip_if(arguments: &Arguments<'_>, columns: usize) -> &'static str {
    match arguments.get("ignore_row_if").as_str() {
        Some("any_value_is_missing" | "either_value_is_missing") => "any_null",
        Some("never" | "neither") => "never",
        None if columns == 0 => "any_null",
        _ => "all_null",
    }
}

/// Two limits, of which each can be strict.
fn limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    let mut settings = settings;
    let (min, max) = (arguments.get("min_value"), arguments.get("max_value"));
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
    let mut settings = limits(settings, arguments)?;
    for (strict, inside, step) in [("above", "min", 1.0), ("below", "max", -1.0)] {
        if let Some(limit) = settings.get(strict).and_then(number) {
            settings[inside] = plain_number(limit + step);
            settings[strict] = Json::Null;
        }
    }
    Ok(settings)
}

/// Two limits, of which one must be given.
fn needed_limits(settings: Json, arguments: &Arguments<'_>) -> Result<Json, String> {
    limits(settings, arguments).map_err(|why| if why == ALWAYS_HOLDS { NO_LIMIT.to_owned() } else { why })
}

fn aggregate(function: &str, arguments: &Arguments<'_>) -> Translation {
    if matches!(function, "min" | "max" | "sum") {
        return Ok(Rules::one("aggregate", needed_limits(json!({"function": function, "column": arguments.text("column")?}), arguments)?));
    }
    Ok(Rules::one("aggregate", limits(json!({"function": function, "column": arguments.text("column")?}), arguments)?))
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
    let values: Vec<Json> = set.as_array().cloned().unwrap_or_default().into_iter().filter(|value| !value.is_null()).collect();
    if values.is_empty() {
        return match (kind, key) {
            ("accepted_values", _) | ("distinct_values", "within" | "equal") => on_column("is_null", json!({}), arguments),
            _ => Err(ALWAYS_HOLDS.into()),
        };
    }
    let mut settings = json!({ key: values });
    if kind == "most_common_value" {
        settings["ties_okay"] = arguments.flag("ties_okay").into();
    }
    on_column(kind, settings, arguments)
}

fn patterns(kind: &str, key: &str, not: bool, arguments: &Arguments<'_>) -> Translation {
    let not = if not { json!(true) } else { Json::Null };
    if let Some(list) = key.strip_suffix("_list") {
        let require = match arguments.get("match_on").as_str() {
            Some("all") => json!("all"),
            _ => Json::Null,
        };
        let patterns = arguments.texts(&format!("{list}_list"))?;
        return on_column(kind, json!({"patterns": patterns, "require": require, "not": not}), arguments);
    }
    let pattern = arguments.text(key)?;
    on_column(kind, json!({"pattern": pattern, "not": not}), arguments)
}

fn columns_rule(kind: &str, arguments: &Arguments<'_>) -> Translation {
    let columns = arguments.texts("column_list")?;
    let skip_if = skip_if(arguments, columns.len());
    Ok(Rules::one(kind, json!({"columns": columns, "skip_if": skip_if})))
}

fn pair(operator: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["parse_strings_as_datetimes", "allow_cross_type_comparisons"]);
    let (left, right) = (arguments.text("column_A")?, arguments.text("column_B")?);
    let operator = if arguments.flag("or_equal") { ">=" } else { operator };
    Ok(Rules::one("compare", json!({"left": left, "operator": operator, "right": right, "skip_if": skip_if(arguments, 2)})))
}

fn one(kind: &str, arguments: &Arguments<'_>) -> Translation {
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
            arguments.ignore(&["parse_strings_as_datetimes", "allow_cross_type_comparisons", "output_strftime_format"]);
            Ok(Rules::one("range", needed_limits(json!({"column": column()?}), arguments)?))
        }
        "column_values_to_match_regex" => patterns("matches", "regex", false, arguments),
        "column_values_to_not_match_regex" => patterns("matches", "regex", true, arguments),
        "column_values_to_match_regex_list" => patterns("matches", "regex_list", false, arguments),
        "column_values_to_not_match_regex_list" => patterns("matches", "regex_list", true, arguments),
        "column_values_to_match_like_pattern" => patterns("like", "like_pattern", false, arguments),
        "column_values_to_not_match_like_pattern" => patterns("like", "like_pattern", true, arguments),
        "column_values_to_match_like_pattern_list" => patterns("like", "like_pattern_list", false, arguments),
        "column_values_to_not_match_like_pattern_list" => patterns("like", "like_pattern_list", true, arguments),
        "column_values_to_match_strftime_format" => on_column("parses", json!({"format": arguments.text("strftime_format")?}), arguments),
        "column_values_to_be_dateutil_parseable" => {
            Err("Python's dateutil guesses at forms; say which one with `parses: { as: timestamp }` or a `format`".into())
        }
        "column_values_to_be_json_parseable" | "column_values_to_match_json_schema" => {
            Err("Headworks does not read JSON inside of a column".into())
        }
        "column_value_lengths_to_be_between" => {
            let limits = count_limits(json!({"column": column()?}), arguments);
            Ok(Rules::one("length", limits.map_err(|why| if why == ALWAYS_HOLDS { NO_LIMIT.to_owned() } else { why })?))
        }
        "column_value_lengths_to_equal" => {
            let length = arguments.get("value");
            on_column("length", json!({"min": length, "max": length}), arguments)
        }
        "column_value_z_scores_to_be_less_than" => {
            let above_only = if arguments.flag("double_sided") { Json::Null } else { json!(true) };
            on_column("z_score", json!({"below": arguments.get("threshold"), "above_only": above_only}), arguments)
        }
        "column_values_to_not_be_outliers" => outliers(arguments),
        "column_values_to_be_increasing" => ordered("increasing", arguments),
        "column_values_to_be_decreasing" => ordered("decreasing", arguments),
        "column_values_to_be_of_type" | "column_type_to_be" => {
            types(&[arguments.text("type_").or_else(|_| arguments.text("type"))?], arguments)
        }
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
            let places = if place.is_null() { Json::Null } else { json!({column()?: place}) };
            Ok(Rules::one("schema", json!({"columns": {column()?: "any"}, "places": places})))
        }
        "column_max_to_be_between" => aggregate("max", arguments),
        "column_min_to_be_between" => aggregate("min", arguments),
        "column_mean_to_be_between" => aggregate("mean", arguments),
        "column_median_to_be_between" => aggregate("median", arguments),
        "column_sum_to_be_between" => aggregate("sum", arguments),
        "column_stdev_to_be_between" => aggregate("standard_deviation", arguments),
        "column_proportion_of_unique_values_to_be_between" => aggregate("distinct_share", arguments),
        "column_proportion_of_non_null_values_to_be_between" => aggregate("filled_share", arguments),
        "column_unique_value_count_to_be_between" => Ok(Rules::one("distinct_count", count_limits(json!({"column": column()?}), arguments)?)),
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
            let settings = json!({"columns": columns, "values": arguments.get("value_pairs_set"), "skip_if": skip_if(arguments, 2)});
            Ok(Rules::one("accepted_combinations", settings))
        }
        "compound_columns_to_be_unique" => columns_rule("unique", arguments),
        "select_column_values_to_be_unique_within_record" | "multicolumn_values_to_be_unique" => columns_rule("columns_differ", arguments),
        "multicolumn_values_to_be_equal" => columns_rule("columns_equal", arguments),
        "multicolumn_sum_to_equal" => {
            let total = arguments.get("sum_total");
            Ok(columns_rule("row_sum", arguments)?.with("equals", total))
        }
        "column_parameterized_distribution_ks_test_p_value_to_be_greater_than" | "column_bootstrapped_ks_test_p_value_to_be_greater_than" => {
            Err("its test draws samples by chance or needs a named distribution; declare bins with `distribution: { distance: kolmogorov_smirnov }`".into())
        }
        "column_pair_cramers_phi_value_to_be_less_than" => Err("Headworks has no measure of how two columns depend on each other".into()),
        _ => Err(unknown(name)),
    }
}

/// Expectations of tables.
fn of_tables(name: &str, arguments: &Arguments<'_>) -> Translation {
    match name {
        "table_row_count_to_be_between" => Ok(Rules::one("row_count", count_limits(json!({}), arguments)?)),
        "table_row_count_to_equal" => {
            let count = arguments.get("value");
            Ok(Rules::one("row_count", json!({"min": count, "max": count})))
        }
        "table_row_count_to_equal_other_table" => Ok(Rules::one("reconcile", json!({"with": arguments.text("other_table_name")?}))),
        "table_column_count_to_equal" => {
            let count = arguments.get("value");
            Ok(Rules::one("schema", json!({"min_columns": count, "max_columns": count})))
        }
        "table_column_count_to_be_between" => {
            let limits = count_limits(json!({}), arguments)?;
            Ok(Rules::one("schema", json!({"min_columns": limits["min"], "max_columns": limits["max"]})))
        }
        "table_columns_to_match_ordered_list" if arguments.get("column_list").is_null() => Err(ALWAYS_HOLDS.into()),
        "table_columns_to_match_ordered_list" => Ok(Rules::one("schema", json!({"order": arguments.texts("column_list")?}))),
        "table_columns_to_match_set" => {
            let exact = arguments.get("exact_match") != json!(false);
            let names = match arguments.get("column_set") {
                Json::Null if exact => return Ok(Rules::one("schema", json!({"max_columns": 0}))),
                Json::Null => return Err(ALWAYS_HOLDS.into()),
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

fn ordered(direction: &str, arguments: &Arguments<'_>) -> Translation {
    if arguments.flag("parse_strings_as_datetimes") {
        return Err("texts would be compared as moments; cast the column in the model".into());
    }
    let strictly = if arguments.flag("strictly") { json!(true) } else { Json::Null };
    let rules = on_column("ordered", json!({"direction": direction, "strictly": strictly}), arguments)?;
    Ok(rules.note("rows are taken in the order in which they are read; set `by` where there is a column that orders them"))
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
    arguments.ignore(&["allow_relative_error"]);
    let (ranges, column) = (arguments.get("quantile_ranges"), arguments.text("column")?);
    let quantiles = ranges.get("quantiles").and_then(Json::as_array).cloned().unwrap_or_default();
    let limits = ranges.get("value_ranges").and_then(Json::as_array).cloned().unwrap_or_default();
    if quantiles.is_empty() || quantiles.len() != limits.len() {
        return Err("`quantile_ranges` needs as many `value_ranges` as `quantiles`".into());
    }
    let mut rules = Rules::default();
    for (quantile, range) in quantiles.iter().zip(&limits).filter(|(_, range)| range[0] != Json::Null || range[1] != Json::Null) {
        let settings = json!({"function": "quantile", "quantile": quantile, "column": column, "min": range[0], "max": range[1]});
        rules = rules.and("aggregate", settings);
    }
    Ok(rules.note("a quantile between two values is taken between them, where Great Expectations takes the nearer one"))
}

/// Types as their engines call them, in our words.
fn types(names: &[String], arguments: &Arguments<'_>) -> Translation {
    let mut ours: Vec<&str> = Vec::new();
    for name in names {
        let known = type_words(name).ok_or_else(|| format!("the type `{name}` is not known"))?;
        ours.extend(known.iter().filter(|word| !ours.contains(word)).copied().collect::<Vec<_>>());
    }
    let column = arguments.text("column")?;
    Ok(Rules::one("schema", json!({"columns": {column: ours}}))
        .note("types are those of Headworks, of which each stands for several of Python and SQL"))
}

fn type_words(name: &str) -> Option<&'static [&'static str]> {
    let plain: String = name.to_lowercase().split('(').next().unwrap_or_default().replace("type", "").replace([' ', '_'], "");
    Some(match plain.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "int" | "integer" | "bigint" | "smallint" | "tinyint" | "long" | "short" | "byte" | "uint" => &["bigint", "integer", "smallint"],
        "float" | "double" | "real" | "doubleprecision" => &["double", "real"],
        "decimal" | "numeric" | "number" => &["decimal"],
        "str" | "string" | "varchar" | "text" | "char" | "object" | "o" | "unicode" | "nvarchar" | "characterv" | "charactervarying" => {
            &["varchar"]
        }
        "bool" | "boolean" | "bit" => &["boolean"],
        "date" => &["date"],
        "datetime"
        | "timestamp"
        | "timestampntz"
        | "timestamptz"
        | "datetime64[ns]"
        | "timestampwithouttimezone"
        | "timestampwithtimezone"
        | "datetimetzd" => &["timestamp", "timestamptz"],
        "binary" | "bytea" | "blob" | "bytes" => &["binary"],
        _ => return None,
    })
}

/// A partition in bins, with what is declared beyond their ends.
struct Bins {
    edges: Vec<f64>,
    weights: Vec<f64>,
}

/// A limit that every float of a usual kind lies within.
const ENDLESS: f64 = f64::MAX / 10.0;

impl Bins {
    /// Adds a bin for what lies beyond each end that is not endless already.
    fn of(edges: Vec<f64>, weights: Vec<f64>, tails: Option<&[f64]>, holdout: f64) -> Result<Self, String> {
        let mut bins = Self { edges, weights };
        let is_endless = |edge: Option<&f64>| edge.is_some_and(|edge| edge.is_infinite());
        let (low, high) = (is_endless(bins.edges.first()), is_endless(bins.edges.last()));
        let (below, above) = match tails {
            Some([below, above]) if !low && !high && holdout == 0.0 => (Some(*below), Some(*above)),
            Some(_) => return Err("`tail_weights` do not go with `tail_weight_holdout` or with endless bins".into()),
            None if low && high && holdout > 0.0 => return Err("`tail_weight_holdout` does not go with endless bins".into()),
            None if low || high => ((!low).then_some(holdout), (!high).then_some(holdout)),
            None => (Some(holdout / 2.0), Some(holdout / 2.0)),
        };
        if let Some(below) = below.filter(|_| holdout > 0.0 || tails.is_some()) {
            bins.weights.insert(0, below);
            bins.edges.insert(0, -ENDLESS);
        }
        if let Some(above) = above.filter(|_| holdout > 0.0 || tails.is_some()) {
            bins.weights.push(above);
            bins.edges.push(ENDLESS);
        }
        bins.edges = bins.edges.iter().map(|edge| edge.clamp(-ENDLESS, ENDLESS)).collect();
        Ok(bins)
    }
}

/// The weights less what is held out, each zero with its part of what is held out inside.
fn held_out(weights: &[f64], tail: f64, inside: f64) -> Vec<f64> {
    let zeros = weights.iter().filter(|weight| **weight == 0.0).count();
    let spread = if zeros > 0 { inside / zeros as f64 } else { 0.0 };
    weights.iter().map(|weight| if *weight == 0.0 { spread } else { weight * (1.0 - tail - inside) }).collect()
}

fn distribution(distance: &str, limit: &str, their_limit: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["bucketize_data"]);
    let (partition, column, greatest) = (arguments.get("partition_object"), arguments.text("column")?, arguments.get(their_limit));
    let (tail, inside) =
        (arguments.number("tail_weight_holdout").unwrap_or(0.0), arguments.number("internal_weight_holdout").unwrap_or(0.0));
    if greatest.is_null() && distance == "kl_divergence" {
        return Err(ALWAYS_HOLDS.into());
    }
    if [tail, inside].iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err("what is held out must be a share between 0 and 1".into());
    }
    let list = |key: &str| -> Option<Vec<f64>> { partition.get(key)?.as_array()?.iter().map(number).collect() };
    let weights = list("weights").ok_or("`partition_object` is not set or has no `weights`")?;
    let declared: f64 = weights.iter().chain(&list("tail_weights").unwrap_or_default()).sum();
    if (declared - 1.0).abs() > 0.001 || weights.iter().any(|weight| *weight < 0.0) {
        return Err(format!("the weights of `partition_object` add up to {declared} and not to 1"));
    }
    let mut settings = json!({"column": column, "distance": distance, limit: greatest});
    let (mut weights, mut others) = (held_out(&weights, tail, inside), 0.0);
    match (partition.get("values"), list("bins")) {
        (Some(_), _) if inside > 0.0 => return Err("`internal_weight_holdout` does not go with values".into()),
        (Some(values), _) => (settings["values"], others) = (values.clone(), tail),
        (None, Some(edges)) if distance == "kl_divergence" => {
            let bins = Bins::of(edges, weights, list("tail_weights").as_deref(), tail)?;
            (settings["bins"], weights) = (json!(bins.edges), bins.weights);
        }
        _ => {
            return Err(format!(
                "`partition_object` has nothing that `{distance}` can measure: give `values`, or `bins` for kl_divergence"
            ));
        }
    }
    // Their measure brings the weights back to a sum of 1.
    let sum = weights.iter().sum::<f64>() + others;
    settings["weights"] = json!(weights.iter().map(|weight| weight / sum).collect::<Vec<_>>());
    if others > 0.0 {
        settings["others"] = json!(others / sum);
    }
    let rules = Rules::one("distribution", settings);
    let note = "all values outside of the partition are one part, where Great Expectations gives each its own";
    Ok(if others > 0.0 { rules.note(note) } else { rules })
}

fn query(arguments: &Arguments<'_>) -> Translation {
    let sql = arguments.text("unexpected_rows_query")?;
    arguments.ignore(&["description"]);
    let ours = sql.replace("{batch}", "{table}").replace("{active_batch}", "{table}");
    Ok(Rules::sql("query", json!({"sql": ours})))
}

#[cfg(test)]
mod tests {
    use super::NO_LIMIT;
    use crate::suites::{Outcome, suite};
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
    }

    #[test]
    fn conditions_and_severities_are_kept() {
        check(
            &json!({"type": "expect_column_values_to_be_in_set", "severity": "warning", "kwargs": {"column": "a", "value_set": [1, null], "row_condition": "b==\"x\"", "condition_parser": "pandas"}}),
            r#"[{"accepted_values":{"values":[1],"column":"a","where":"b = 'x'","severity":"medium","on_failure":"alert"}}]"#,
        );
    }

    #[test]
    fn what_is_not_translated_says_why() {
        let check_kwargs = |kind: &str, kwargs: Json, why: &str| check(&json!({"type": kind, "kwargs": kwargs}), why);
        check_kwargs("expect_column_mean_to_be_between", json!({"column": "a"}), "[]");
        check_kwargs("expect_column_values_to_be_between", json!({"column": "a"}), NO_LIMIT);
        check_kwargs(
            "expect_column_max_to_be_between",
            json!({"column": "a", "min_value": {"$PARAMETER": "low", "$PARAMETER.low": 3}, "max_value": {"$PARAMETER": "datetime(2026, 1, 5)"}}),
            "Headworks refuses it: `3` and `2026-01-05` are no two values of one kind; give two numbers, two dates or two moments",
        );
        check_kwargs("expect_column_values_to_be_null", json!({"column": "a", "mostly": 1.1}), "`mostly: 1.1` is no share");
        check_kwargs(
            "expect_column_mean_to_be_between",
            json!({"column": "a", "min_value": {"$PARAMETER": "low"}}),
            "`min_value` is the parameter `low`, which is only known when the suite runs",
        );
        check_kwargs(
            "expect_day_to_be_sunny",
            json!({}),
            "`expect_day_to_be_sunny` is no expectation of the core, and its code is in no suite",
        );
        check_kwargs("expect_column_values_to_be_unique", json!({"column": "a", "new": 1}), "the argument `new: 1` has no counterpart");
    }
}
