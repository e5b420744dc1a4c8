//! Limits that are moments: in other forms than ours, or told from the present one: `{"$PARAMETER": "now() - timedelta(weeks=52)"}`.

use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use crate::suites::{Rules, Translation};

/// Forms of moments that theirs reads and ours does not.
const FORMS: &[&str] = &["%Y-%m-%d %H:%M:%S%.f %z", "%b %d %Y %H:%M:%S", "%b %d, %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"];

/// A limit that is a moment in one of their forms, in ours; any other as it is.
pub(super) fn in_our_form(limit: Json) -> Json {
    let Some(text) = limit.as_str() else { return limit };
    let with_zone = |form: &&str| Some(DateTime::parse_from_str(text, form).ok()?.to_rfc3339_opts(SecondsFormat::Micros, true));
    let without = |form: &&str| Some(NaiveDateTime::parse_from_str(text, form).ok()?.format("%Y-%m-%d %H:%M:%S%.f").to_string());
    FORMS.iter().find_map(|form| if form.ends_with("%z") { with_zone(form) } else { without(form) }).map_or(limit, Json::from)
}

/// The rules of an expectation with such a limit; `None` where it has none.
pub(super) fn translated(kind: &str, kwargs: &Map<String, Json>) -> Option<Translation> {
    let parameter = |key: &str| kwargs.get(key)?.get("$PARAMETER")?.as_str().map(str::to_owned);
    let limits: Vec<(&str, String)> =
        [("min_value", ">="), ("max_value", "<=")].into_iter().filter_map(|(key, operator)| Some((operator, parameter(key)?))).collect();
    if !limits.iter().any(|(_, limit)| limit.contains("now()")) {
        return None;
    }
    Some(with_limits(kind, kwargs, &limits))
}

fn with_limits(kind: &str, kwargs: &Map<String, Json>, limits: &[(&str, String)]) -> Translation {
    let column = kwargs.get("column").and_then(Json::as_str).ok_or("`column` is missing")?;
    let known = ["column", "min_value", "max_value", "result_format", "catch_exceptions", "parse_strings_as_datetimes"];
    if let Some((key, value)) = kwargs.iter().find(|(key, value)| !known.contains(&key.as_str()) && !value.is_null()) {
        return Err(format!("the argument `{key}: {value}` does not go with a limit of the present moment"));
    }
    let plain = ["min_value", "max_value"].iter().any(|key| kwargs.get(*key).is_some_and(|limit| !limit.is_null() && !limit.is_object()));
    if plain {
        return Err("one limit is of the present moment and the other is not".into());
    }
    let moment = format!("cast({} as timestamp(6))", identifier(column));
    let holds = |measure: &str| {
        let sides = limits.iter().map(|(operator, limit)| Ok(format!("{measure} {operator} {}", sql(limit)?)));
        sides.collect::<Result<Vec<_>, String>>().map(|sides| sides.join(" and "))
    };
    let sql = match kind.strip_prefix("expect_").unwrap_or(kind) {
        "column_values_to_be_between" => format!("select * from {{table}} where not ({})", holds(&moment)?),
        "column_max_to_be_between" | "column_min_to_be_between" => {
            let measure = format!("{}({moment})", if kind.contains("max") { "max" } else { "min" });
            format!("select {measure} as measured from {{table}} having ({}) is not true", holds(&measure)?)
        }
        _ => return Err("a limit of the present moment only goes with values, their least and their greatest".into()),
    };
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// `now()` or `now() - timedelta(weeks=52*100)` in SQL.
fn sql(limit: &str) -> Result<String, String> {
    let unknown = || format!("the parameter `{limit}` is only known when the suite runs");
    let text = limit.replace(' ', "");
    if text == "now()" {
        return Ok("{now}".into());
    }
    let rest = text.strip_prefix("now()").ok_or_else(unknown)?;
    let (sign, rest) = rest.split_at_checked(1).ok_or_else(unknown)?;
    let inner = rest.strip_prefix("timedelta(").and_then(|inner| inner.strip_suffix(')')).ok_or_else(unknown)?;
    let (unit, count) = inner.split_once('=').ok_or_else(unknown)?;
    let is_unit = ["weeks", "days", "hours", "minutes", "seconds"].contains(&unit);
    let count = count.split('*').map(|factor| factor.parse::<u64>().ok()).try_fold(1, |all: u64, factor| all.checked_mul(factor?));
    match (sign, count) {
        ("+" | "-", Some(count)) if is_unit => Ok(format!("{{now}} {sign} interval '{count} {unit}'")),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_their_forms() {
        let check = |theirs: Json, ours: Json| assert_eq!(in_our_form(theirs), ours);
        check(json!("Jan 01 1970 12:00:00"), json!("1970-01-01 12:00:00"));
        check(json!("1990-01-01 12:00:00.500000 -0800"), json!("1990-01-01T12:00:00.500000-08:00"));
        check(json!("2026-01-31"), json!("2026-01-31"));
        check(json!(5), json!(5));
    }

    #[test]
    fn limits_move_with_the_present() {
        let check = |kind: &str, kwargs: &Json, expected: &str| {
            let found = translated(kind, kwargs.as_object().unwrap()).unwrap();
            assert_eq!(found.map_or_else(|why| why, |rules| rules.rules[0]["query"]["sql"].as_str().unwrap().to_owned()), expected);
        };
        check(
            "expect_column_values_to_be_between",
            &json!({"column": "a", "max_value": {"$PARAMETER": "now()"}, "min_value": {"$PARAMETER": "now() - timedelta(weeks=52*100)"}}),
            "select * from {table} where not (cast(a as timestamp(6)) >= {now} - interval '5200 weeks' and cast(a as timestamp(6)) <= {now})",
        );
        check(
            "expect_column_max_to_be_between",
            &json!({"column": "a", "min_value": {"$PARAMETER": "now() - timedelta(days=1)"}}),
            "select max(cast(a as timestamp(6))) as measured from {table} having (max(cast(a as timestamp(6))) >= {now} - interval '1 days') is not true",
        );
        check(
            "expect_column_max_to_be_between",
            &json!({"column": "a", "min_value": {"$PARAMETER": "now() - later"}}),
            "the parameter `now() - later` is only known when the suite runs",
        );
        assert!(translated("x", json!({"min_value": {"$PARAMETER": "low"}}).as_object().unwrap()).is_none());
    }
}
