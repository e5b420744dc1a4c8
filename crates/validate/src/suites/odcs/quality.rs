//! The `quality` entries of a contract.

use hw_base::{identifier, literal, nearest};
use serde_json::{Value as Json, json};

use crate::suites::metrics::{
    Counted, Forbidden, Threshold, counted_by_query, query_of_one_value, query_of_value_where, repeated_values, row_count,
};
use crate::suites::pattern::{Syntax, ours};
use crate::suites::sql::with_placeholder;
use crate::suites::words::{number, texts};
use crate::suites::{Outcome, Rules, Translation, suite};

/// The entry as a report calls it.
pub(super) fn called(check: &Json, column: Option<&str>) -> String {
    let text = |key: &str| check.get(key).and_then(Json::as_str);
    let what = text("metric").or_else(|| text("rule")).or_else(|| text("type")).unwrap_or("library");
    let name = text("name").or_else(|| text("id")).map(|name| format!(" `{name}`")).unwrap_or_default();
    let of = column.map(|column| format!("({column})")).unwrap_or_default();
    format!("quality {what}{of}{name}")
}

/// The rules of an entry.
///
/// # Errors
/// Says in one sentence why there are none.
pub(super) fn translated(check: &Json, names: &[&str], column: Option<&str>) -> Translation {
    let text = |key: &str| check.get(key).and_then(Json::as_str);
    let kind = text("type").unwrap_or("library");
    let rules = match kind {
        "library" => metric(check, column)?,
        "sql" => sql(text("query").ok_or("it has no `query`")?, check, names, column)?,
        "custom" => custom(text("engine").unwrap_or_default(), check)?,
        "text" => return Err("it is a text for people".into()),
        other => return Err(format!("the type `{other}` is not known")),
    };
    let (severity, action) = match text("severity").map(str::to_lowercase).as_deref() {
        Some("warning" | "medium" | "warn") => (json!("medium"), json!("alert")),
        Some("info" | "low" | "minor" | "trivial") => (json!("low"), json!("log")),
        Some("error" | "critical" | "high" | "fatal") => (json!("high"), Json::Null),
        _ => (Json::Null, Json::Null),
    };
    let rules = match text("dimension") {
        Some(dimension) => of_dimension(rules, dimension),
        None => rules,
    };
    let description = text("description").or_else(|| text("businessImpact"));
    let unknown = check.get("severity").filter(|given| !given.is_null() && severity.is_null());
    let unknown = unknown.map(|given| format!("its severity {given} is not known, so that it blocks"));
    let rules = read_otherwise(check).iter().chain(&unknown).fold(rules, |rules, note| rules.and_note(note));
    Ok(rules.with("description", description.into()).with("severity", severity).with("on_failure", action))
}

/// What an entry says in other words than the standard, and how it is read.
fn read_otherwise(check: &Json) -> Vec<String> {
    let given = |key: &str| check.get(key).filter(|value| !value.is_null());
    let is_quoted = |value: &Json| {
        (value.is_string() && number(value).is_some()) || value.as_array().is_some_and(|limits| limits.iter().any(Json::is_string))
    };
    let unit = match given("metric").and(given("unit")).and_then(Json::as_str) {
        Some(unit @ ("row" | "count")) => Some(format!("its unit `{unit}` is read as `rows`")),
        Some(unit @ ("percentage" | "%")) => Some(format!("its unit `{unit}` is read as `percent`")),
        _ => None,
    };
    let quoted = THRESHOLDS.into_iter().filter_map(|key| Some((key, given(key).filter(|value| is_quoted(value))?)));
    let quoted = quoted.map(|(key, value)| format!("`{key}: {value}` is read without its quotes"));
    unit.into_iter().chain(quoted).collect()
}

/// Says the dimension where the kind of rule does not tell it. Their conformity is our validity, their coverage our completeness.
fn of_dimension(mut rules: Rules, dimension: &str) -> Rules {
    let ours = match dimension {
        "accuracy" | "ac" => "accuracy",
        "completeness" | "cp" | "coverage" | "cv" => "completeness",
        "conformity" | "cf" => "validity",
        "consistency" | "cs" => "consistency",
        "timeliness" | "tm" => "timeliness",
        "uniqueness" | "uq" => "uniqueness",
        _ => return rules,
    };
    for rule in rules.rules.iter_mut().filter(|rule| ["query", "expression", "aggregate"].iter().any(|kind| rule.get(*kind).is_some())) {
        if let Some(settings) = crate::suites::settings_of(rule) {
            settings.insert("dimension".into(), ours.into());
        }
    }
    rules
}

/// The words of the standard for thresholds, and those of its first drafts.
const THRESHOLDS: [&str; 10] = [
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeGreaterThanOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeLessThanOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];

/// Makes sure that an entry has no unknown threshold, and no more than one.
fn one_threshold(check: &Json) -> Result<(), String> {
    let is_misspelt = |key: &str| key.starts_with("must") && !THRESHOLDS.contains(&key);
    if let Some((key, value)) = check.as_object().into_iter().flatten().find(|(key, _)| is_misspelt(key)) {
        return Err(format!("the threshold `{key}: {value}` is not known"));
    }
    let mut given = THRESHOLDS.into_iter().filter(|key| check.get(*key).is_some_and(|value| !value.is_null()));
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        return Err(format!("it has both `{first}` and `{second}`, and the standard takes one of them; write a check for each"));
    }
    Ok(())
}

fn threshold(check: &Json) -> Result<Threshold, String> {
    one_threshold(check)?;
    let limit = |key: &str| match check.get(key).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => number(value).map(Some).ok_or_else(|| format!("`{key}: {value}` is no number")),
    };
    let pair = |key: &str| {
        let Some(limits) = check.get(key).filter(|limits| !limits.is_null()) else { return Ok(None) };
        let numbers = match limits.as_array().map(Vec::as_slice) {
            Some([low, high]) => number(low).zip(number(high)),
            _ => None,
        };
        numbers.map(Some).ok_or_else(|| format!("`{key}` needs two numbers"))
    };
    // The standard says that `mustBeBetween` is `mustBeGreaterThan` and `mustBeLessThan`.
    let between = pair("mustBeBetween")?;
    let exactly = limit("mustBe")?;
    Ok(Threshold {
        min: limit("mustBeGreaterOrEqualTo")?.or(limit("mustBeGreaterThanOrEqualTo")?).or(exactly),
        above: limit("mustBeGreaterThan")?.or(between.map(|(low, _)| low)),
        max: limit("mustBeLessOrEqualTo")?.or(limit("mustBeLessThanOrEqualTo")?).or(exactly),
        below: limit("mustBeLessThan")?.or(between.map(|(_, high)| high)),
        not: limit("mustNotBe")?,
        outside: pair("mustNotBeBetween")?.map(|(low, high)| Forbidden { low, high, holds_low: true, holds_high: true }),
    })
}

/// The metrics of the standard's library.
const METRICS: [&str; 5] = ["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"];

/// A metric of the standard's library.
fn metric(check: &Json, column: Option<&str>) -> Translation {
    let name = check.get("metric").or_else(|| check.get("rule")).and_then(Json::as_str).ok_or("it has no `metric`")?;
    let given = threshold(check)?;
    let threshold = if given.is_empty() && name != "rowCount" { Threshold::exactly(0.0) } else { given };
    let is_percent = is_percent(check)?;
    if is_percent && name == "rowCount" {
        return Err("`rowCount` has no per cent; leave its `unit` out".into());
    }
    let unused = |(key, _): &(&String, &Json)| !["missingValues", "validValues", "pattern", "properties"].contains(&key.as_str());
    if let Some((key, value)) = check.get("arguments").and_then(Json::as_object).into_iter().flatten().find(unused) {
        return Err(format!("the argument `{key}: {value}` has no counterpart"));
    }
    let argument = |key: &str| check.get("arguments").and_then(|arguments| arguments.get(key)).or_else(|| check.get(key)).cloned();
    let of_column = || column.ok_or_else(|| format!("`{name}` stands at no property"));
    match name {
        "rowCount" => row_count(&threshold, None),
        "nullValues" | "nullCheck" | "nullCount" => {
            let column = of_column()?;
            let rule = Rules::one("not_null", json!({ "column": column }));
            Counted::rows(rule, &format!("{} is null", identifier(column)), None).judged(&threshold, is_percent)
        }
        "missingValues" => {
            let wrong = missing(of_column()?, argument("missingValues").as_ref())?;
            let rule = Rules::one("expression", json!({"sql": format!("not ({wrong})")}));
            Counted::rows(rule, &wrong, None).judged(&threshold, is_percent)
        }
        "invalidValues" | "validValues" => {
            let (rule, wrong) = invalid(of_column()?, argument("validValues").as_ref(), argument("pattern").as_ref())?;
            Counted::rows(rule, &wrong, None).judged(&threshold, is_percent)
        }
        "duplicateValues" | "duplicateCount" | "unique" => {
            let columns = argument("properties").as_ref().and_then(texts).or_else(|| Some(vec![column?.to_owned()]));
            let columns = columns.ok_or("it names no `properties`")?;
            if threshold.is_zero(is_percent) {
                return Ok(Rules::one("unique", json!({ "columns": columns })));
            }
            counted_by_query(&repeated_values(&columns, None), &threshold, is_percent, None)
        }
        other => Err(match nearest(other, METRICS) {
            Some(meant) => format!("the metric `{other}` is not in the library of the standard; did you mean `{meant}`?"),
            None => format!("the metric `{other}` is not in the library of the standard"),
        }),
    }
}

/// Whether a metric is a share of the rows in place of their number.
fn is_percent(check: &Json) -> Result<bool, String> {
    match check.get("unit").filter(|unit| !unit.is_null()).map(|unit| unit.as_str().unwrap_or_default()) {
        None | Some("rows" | "row" | "count") => Ok(false),
        Some("percent" | "percentage" | "%") => Ok(true),
        Some(_) => Err(format!("the unit {} is neither `rows` nor `percent`", check["unit"])),
    }
}

/// SQL that is true for values that count as missing. Nulls do, listed or not.
fn missing(column: &str, values: Option<&Json>) -> Result<String, String> {
    let values = values.and_then(Json::as_array).ok_or("it has no list `missingValues`")?;
    let name = identifier(column);
    let written: Vec<String> = values.iter().filter(|value| !value.is_null()).map(value_sql).collect();
    Ok(match written.as_slice() {
        [] => format!("{name} is null"),
        written => format!("{name} is null or {name} in ({})", written.join(", ")),
    })
}

fn value_sql(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), literal)
}

/// Our rule for invalid values, and SQL that is true for them.
fn invalid(column: &str, values: Option<&Json>, pattern: Option<&Json>) -> Result<(Rules, String), String> {
    let name = identifier(column);
    if let Some(other) = values.filter(|values| !values.is_array()) {
        return Err(format!("`validValues: {other}` is no list"));
    }
    if let Some(other) = pattern.filter(|pattern| !pattern.is_string()) {
        return Err(format!("`pattern: {other}` is no text"));
    }
    // A null in the list stands for no value: nulls are never invalid.
    let values: Option<Vec<&Json>> = values.and_then(Json::as_array).map(|values| values.iter().filter(|value| !value.is_null()).collect());
    let listed = values.as_ref().map(|values| values.iter().map(|value| value_sql(value)).collect::<Vec<_>>().join(", "));
    let pattern = pattern.and_then(Json::as_str).map(|pattern| ours(pattern, Syntax::Re2)).transpose()?;
    let unlike = |pattern: &str| format!("not regexp_like(cast({name} as varchar), {})", literal(pattern));
    match (listed, pattern.as_deref()) {
        (Some(listed), None) => {
            let rule = Rules::one("accepted_values", json!({"column": column, "values": values}));
            Ok((rule, format!("{name} not in ({listed})")))
        }
        (None, Some(pattern)) => Ok((Rules::one("matches", json!({"column": column, "pattern": pattern})), unlike(pattern))),
        (Some(listed), Some(pattern)) => {
            let wrong = format!("({name} not in ({listed}) or {})", unlike(pattern));
            Ok((Rules::one("expression", json!({"sql": format!("not {wrong}")})), wrong))
        }
        (None, None) => Err("it has neither `validValues` nor `pattern`".into()),
    }
}

/// A query that returns one value.
fn sql(query: &str, check: &Json, names: &[&str], column: Option<&str>) -> Translation {
    let mut ours = query.to_owned();
    for place in ["{object}", "${object}", "${table}", "{model}"] {
        ours = ours.replace(place, "{table}");
    }
    if let Some(column) = column {
        for place in OF_COLUMN {
            ours = ours.replace(place, &identifier(column));
        }
    } else if let Some(place) = OF_COLUMN.iter().find(|place| ours.contains(**place)) {
        return Err(format!("its query names `{place}`, and it stands at no property"));
    }
    if ours.contains("${") {
        return Err("its query holds a variable, whose value is only known elsewhere".into());
    }
    one_threshold(check)?;
    let ours = names.iter().fold(ours, |sql, name| with_placeholder(&sql, name));
    match beside_a_value(check) {
        Some(holds) => query_of_value_where(&ours, &holds),
        None => query_of_one_value(&ours, &threshold(check)?),
    }
}

/// What stands for the column in a query.
const OF_COLUMN: [&str; 4] = ["${property}", "${column}", "{property}", "{column}"];

/// The comparison of `measured` with a truth value, or with a text that is no number.
fn beside_a_value(check: &Json) -> Option<String> {
    let is_other = |value: &Json| value.is_boolean() || (value.is_string() && number(value).is_none());
    let compared = |key: &str, operator: &str| {
        let value = check.get(key).filter(|value| is_other(value))?;
        Some(format!("measured {operator} {}", value_sql(value)))
    };
    compared("mustBe", "=").or_else(|| compared("mustNotBe", "<>"))
}

/// A check in the words of another tool.
fn custom(engine: &str, check: &Json) -> Translation {
    let implementation = match check.get("implementation") {
        Some(Json::String(text)) => serde_saphyr::from_str(text).map_err(|error| format!("its `implementation` is no YAML: {error}"))?,
        Some(other) => other.clone(),
        None => return Err("it has no `implementation`".into()),
    };
    match engine.to_lowercase().replace(['-', '_', ' '], "").as_str() {
        "greatexpectations" | "gx" => of_suite("great-expectations", &json!({"expectations": [implementation]})),
        "soda" if implementation.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with("checks for"))) => {
            of_suite("soda", &implementation)
        }
        _ => Err(format!("what the engine `{engine}` makes of its `implementation` is not known here")),
    }
}

fn of_suite(format: &str, value: &Json) -> Translation {
    let imported = suite(format).and_then(|suite| suite.read(&value.to_string())).map_err(|error| error.message().to_owned())?;
    let mut all = Rules::default();
    for item in imported.items {
        match item.outcome {
            Outcome::NotTranslated { why } => return Err(why),
            Outcome::Test { .. } => {}
            Outcome::Translated { rules, note } => all = Rules { rules: [all.rules, rules].concat(), note: all.note.or(note), ..all },
            Outcome::AsSql { rules, note } => all = Rules { rules: [all.rules, rules].concat(), note: all.note.or(note), is_sql: true },
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_are_no_numbers_are_told() {
        let check = |limits: Json| {
            let entry = json!({"metric": "nullValues", "mustBeBetween": limits});
            translated(&entry, &["t"], Some("a")).map(|rules| rules.rules.len())
        };
        assert_eq!(check(json!([0, 10])), Ok(1));
        for limits in [json!(["few", "many"]), json!(5), json!([1])] {
            assert_eq!(check(limits), Err("`mustBeBetween` needs two numbers".into()));
        }
    }

    #[test]
    fn nulls_are_missing_whether_they_are_listed_or_not() {
        let check = |values: Json, sql: &str| {
            let entry = json!({"metric": "missingValues", "arguments": {"missingValues": values}, "mustBe": 0});
            assert_eq!(translated(&entry, &["t"], Some("a")).unwrap().rules, [json!({"expression": {"sql": sql}})]);
        };
        check(json!(["", "N/A"]), "not (a is null or a in ('', 'N/A'))");
        check(json!([null, 5]), "not (a is null or a in (5))");
        check(json!([null]), "not (a is null)");
        check(json!([]), "not (a is null)");
    }

    #[test]
    fn a_query_may_return_what_is_no_number() {
        let check = |key: &str, value: Json, holds: &str| {
            let mut entry = json!({"type": "sql", "query": "select max(a) from {object}"});
            entry[key] = value;
            let rules = translated(&entry, &["t"], None).unwrap();
            let sql = format!("select * from (select (select max(a) from {{table}}) as measured) as metric where ({holds}) is not true");
            assert_eq!(rules.rules, [json!({"query": {"sql": sql}})]);
            assert_eq!(rules.note, None);
        };
        check("mustBe", json!(true), "measured = true");
        check("mustNotBe", json!(true), "measured <> true");
        check("mustBe", json!("2026-12-31"), "measured = '2026-12-31'");
        check("mustBe", json!(5), "measured >= 5 and measured <= 5");
    }

    #[test]
    fn what_is_read_in_other_words_is_told() {
        let check = |entry: Json, note: Option<&str>| {
            let rules = translated(&entry, &["t"], Some("a")).unwrap();
            assert_eq!(rules.note.as_deref(), note, "{entry}");
        };
        check(json!({"metric": "nullValues", "mustBe": 0, "unit": "rows", "severity": "Warning"}), None);
        check(json!({"metric": "nullValues", "mustBe": 0, "unit": null, "severity": null}), None);
        check(json!({"metric": "nullValues", "mustBe": 0, "unit": "count"}), Some("its unit `count` is read as `rows`"));
        check(json!({"metric": "nullValues", "mustBe": 0, "unit": "%"}), Some("its unit `%` is read as `percent`"));
        check(
            json!({"metric": "nullValues", "mustBeLessThan": "5", "severity": 3}),
            Some("`mustBeLessThan: \"5\"` is read without its quotes; its severity 3 is not known, so that it blocks"),
        );
    }

    #[test]
    fn words_that_are_not_known_are_told() {
        let check = |entry: Json, why: &str| assert_eq!(translated(&entry, &["t"], Some("a")).err().as_deref(), Some(why));
        check(json!({"metric": "nullValues", "mustBeLessOrEqual": 5}), "the threshold `mustBeLessOrEqual: 5` is not known");
        check(
            json!({"metric": "invalidValues", "arguments": {"validValues": [1], "minimum": 3}, "mustBe": 0}),
            "the argument `minimum: 3` has no counterpart",
        );
        check(
            json!({"metric": "rowCoun", "mustBeGreaterThan": 0}),
            "the metric `rowCoun` is not in the library of the standard; did you mean `rowCount`?",
        );
        check(
            json!({"metric": "nullValues", "mustBe": 0, "mustBeLessThan": 5}),
            "it has both `mustBe` and `mustBeLessThan`, and the standard takes one of them; write a check for each",
        );
        check(json!({"metric": "nullValues", "mustBe": 0, "unit": "kg"}), "the unit \"kg\" is neither `rows` nor `percent`");
        check(json!({"metric": "rowCount", "mustBe": 1, "unit": "percent"}), "`rowCount` has no per cent; leave its `unit` out");
        check(json!({"metric": "invalidValues", "arguments": {"validValues": "x", "pattern": "y"}}), "`validValues: \"x\"` is no list");
        check(json!({"metric": "freshness", "mustBe": 0}), "the metric `freshness` is not in the library of the standard");
        let of_column = json!({"type": "sql", "query": "select count({property}) from {object}", "mustBe": 0});
        let why = "its query names `{property}`, and it stands at no property";
        assert_eq!(translated(&of_column, &["t"], None).err().as_deref(), Some(why));
        let query = "select count(*) from ${object} where ${property} > ${limit}";
        check(json!({"type": "sql", "query": query, "mustBe": 0}), "its query holds a variable, whose value is only known elsewhere");
    }
}
