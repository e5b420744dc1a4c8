//! Limits that are moments: in other forms than ours, or told from the present one: `{"$PARAMETER": "now() - timedelta(weeks=52)"}`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use crate::moment::Moment;
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

/// Forms of moments that a limit can have where texts are parsed.
const PARSED: &[&str] = &["%m/%d/%Y %H:%M:%S%.f", "%m/%d/%Y %H:%M"];

/// Forms of days that such a limit can have.
const PARSED_DAYS: &[&str] = &["%m/%d/%Y", "%b %d %Y", "%b %d, %Y"];

/// What a reader should know where texts are parsed.
const FORMS_NOTE: &str = "texts are read in the forms 2026-01-31, 1/31/2026 and Jan 31 2026, with a time or without; any other breaks it";

/// The comparison of two columns whose texts are parsed as moments. A text that is none breaks it.
pub(super) fn compared(left: &str, operator: &str, right: &str, skip_if: &str) -> Rules {
    let (left, right) = (identifier(left), identifier(right));
    let holds = format!("coalesce({} {operator} {}, false)", parsed(&left), parsed(&right));
    let sql = match skip_if {
        "any_null" => format!("{left} is null or {right} is null or {holds}"),
        "all_null" => format!("({left} is null and {right} is null) or {holds}"),
        _ => holds,
    };
    Rules::one("expression", json!({ "sql": sql })).note(FORMS_NOTE)
}

/// The rule that texts of a column, parsed as moments, lie between `limits`. A text that is none breaks it.
///
/// # Errors
/// Names a limit that is no moment.
pub(super) fn between(column: &str, limits: &Json) -> Translation {
    let name = identifier(column);
    let sql = format!("{name} is null or coalesce({}, false)", within(&parsed(&name), limits)?);
    Ok(Rules::one("expression", json!({ "sql": sql })).note(FORMS_NOTE))
}

/// The rule that the least or the greatest of such moments lies between `limits`. A text that is none breaks it.
///
/// # Errors
/// Names a limit that is no moment.
pub(super) fn extreme(function: &str, column: &str, limits: &Json) -> Translation {
    let name = identifier(column);
    let moment = parsed(&name);
    let parsed = format!("select {name} as written, {moment} as moment from {{table}}");
    let measured =
        format!("select {function}(moment) as measured, count(written) as texts, count(moment) as moments from ({parsed}) as parsed");
    let holds = within("measured", limits)?;
    let sql = format!("select * from ({measured}) as metric where ({holds}) is not true or texts > moments");
    Ok(Rules::sql("query", json!({ "sql": sql })).note(FORMS_NOTE))
}

/// SQL that is true where a moment lies between `limits`.
fn within(moment: &str, limits: &Json) -> Result<String, String> {
    let mut sides = Vec::new();
    for (key, operator) in [("min", ">="), ("above", ">"), ("max", "<="), ("below", "<")] {
        let Some(limit) = limits.get(key).filter(|limit| !limit.is_null()) else { continue };
        let at = moment_of(limit).ok_or_else(|| format!("the limit `{limit}` is in no form of a moment that is known here"))?;
        sides.push(format!("{moment} {operator} cast('{at}' as timestamp(6))"));
    }
    Ok(sides.join(" and "))
}

/// A limit as a moment in our form.
fn moment_of(limit: &Json) -> Option<String> {
    let text = limit.as_str()?.trim();
    let moment = || PARSED.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || PARSED_DAYS.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok()?.and_hms_opt(0, 0, 0));
    let found = Moment::parse(text).map(|moment| moment.at().naive_utc()).or_else(moment).or_else(day);
    found.map(|at| at.format("%Y-%m-%d %H:%M:%S%.f").to_string())
}

/// The text of a column as a moment in SQL; null where it has none of the forms that are known.
fn parsed(name: &str) -> String {
    let text = format!("trim(cast({name} as varchar))");
    let replaced = |text: &str, pattern: &str, replacement: &str| format!("regexp_replace({text}, '{pattern}', '{replacement}')");
    let month_filled = replaced(&text, "^([0-9])/", r"0\1/");
    let both_filled = replaced(&month_filled, "^([0-9]{2})/([0-9])/", r"\1/0\2/");
    let of_slashes = replaced(&both_filled, "^([0-9]{2})/([0-9]{2})/([0-9]{4})", r"\3-\1-\2");
    let day_filled = replaced(&text, "^(.{3}) ([0-9])([ ,])", r"\1 0\2\3");
    let month = format!("lpad(cast((strpos('{MONTHS}', lower(substr({text}, 1, 3))) + 2) / 3 as varchar), 2, '0')");
    let of_names = format!(r"regexp_replace({day_filled}, '^.{{3}} ([0-9]{{2}}),? ([0-9]{{4}})', '\2-' || {month} || '-\1')");
    format!(
        "try_cast(case when regexp_like({text}, '^[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}}') then {of_slashes} \
         when regexp_like({text}, '^[A-Za-z]{{3}} [0-9]{{1,2}},? [0-9]{{4}}') then {of_names} else {text} end as timestamp(6))"
    )
}

/// The months by the first letters of their English names.
const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";

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
    fn limits_are_parsed_where_texts_are() {
        let check = |limit: Json, expected: Option<&str>| assert_eq!(moment_of(&limit).as_deref(), expected);
        check(json!("2/1/2016"), Some("2016-02-01 00:00:00"));
        check(json!("2/1/2016 10:30"), Some("2016-02-01 10:30:00"));
        check(json!("Dec 31 2000"), Some("2000-12-31 00:00:00"));
        check(json!("2016-02-01T12:00:00+01:00"), Some("2016-02-01 11:00:00"));
        check(json!("soon"), None);
        check(json!(5), None);
        let greatest = extreme("max", "a", &json!({"min": "2026-01-01", "below": "1/7/2026"})).unwrap();
        let sql = greatest.rules[0]["query"]["sql"].as_str().unwrap();
        let holds = "and measured < cast('2026-01-07 00:00:00' as timestamp(6))) is not true or texts > moments";
        assert!(sql.starts_with("select * from (select max(moment) as measured, ") && sql.contains(holds), "{sql}");
        assert!(between("a", &json!({"min": "soon"})).unwrap_err().contains("`\"soon\"` is in no form of a moment"));
        let rules = compared("a", ">", "b", "all_null");
        let sql = rules.rules[0]["expression"]["sql"].as_str().unwrap();
        assert!(sql.starts_with("(a is null and b is null) or coalesce(try_cast(case when"), "{sql}");
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
