//! Tests of `dbt_expectations` about periods: rows in every one, and sums that follow those before.

use serde_json::json;

use super::compared::{before, expressions};
use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// Every period between the first row and the last has a row. Periods are counted as dbt counts them: from the first day on, and a first
/// day within a week, a month or the like is no beginning of one.
pub(super) fn every_period(arguments: &Arguments<'_>) -> Translation {
    let field = arguments.text("date_col")?;
    let part = arguments.get("date_part").as_str().unwrap_or("day").to_owned();
    let step = arguments.number("interval").unwrap_or(1.0);
    let filter = arguments.text("row_condition").map(|condition| format!(" where {condition}")).unwrap_or_default();
    let end = |key: &str, measure: &str| match arguments.text(key) {
        Ok(given) => format!("cast({} as timestamp(6))", hw_base::literal(&given)),
        Err(_) => format!("cast({measure}(cast({field} as date)) as timestamp(6))"),
    };
    let (first, last) = (end("test_start_date", "min"), end("test_end_date", "max"));
    let (places, place) =
        (elapsed(&part, "first_day", "last_day")?, elapsed(&part, "first_day", &format!("cast({field} as timestamp(6))"))?);
    let sql = format!(
        "with days as (select {first} as first_day, {last} as last_day from {{table}}{filter}), \
         places as (select first_day, unnest(generate_series(0, {places} - 1, {step})) as place from days), \
         filled as (select distinct {place} - {place} % {step} as place from {{table}} cross join days{filter}) \
         select * from places where first_day <> date_trunc('{part}', first_day) or place not in (select place from filled where place is not null)"
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// How many periods begin after one moment and not after another.
fn elapsed(part: &str, from: &str, to: &str) -> Result<String, String> {
    let number = |of: &str, moment: &str| format!("date_part('{of}', {moment})");
    let of_years = |per_year: u8, of: &str| {
        let one = |moment: &str| format!("{per_year} * {} + {}", number("year", moment), number(of, moment));
        format!("({}) - ({})", one(to), one(from))
    };
    let of_seconds = |seconds: u32| {
        let one = |moment: &str| number("epoch", &format!("date_trunc('{part}', {moment})"));
        format!("({} - {}) / {seconds}", one(to), one(from))
    };
    let count = match part {
        "hour" => of_seconds(3_600),
        "day" => of_seconds(86_400),
        "week" => of_seconds(604_800),
        "month" => of_years(12, "month"),
        "quarter" => of_years(4, "quarter"),
        "year" => format!("{} - {}", number("year", to), number("year", from)),
        other => return Err(format!("the part of a date `{other}` is not known")),
    };
    Ok(format!("cast({count} as bigint)"))
}

/// The sums of periods, or how they differ from those before, lie within some deviations of the moving mean.
pub(super) fn within_moving_deviations(arguments: &Arguments<'_>) -> Translation {
    let (column, moment, groups) =
        (arguments.text("column_name")?, arguments.text("date_column_name")?, expressions(arguments, "group_by"));
    let period = arguments.get("period").as_str().unwrap_or("day").to_owned();
    let number = |key: &str, usual: f64| arguments.number(key).unwrap_or(usual);
    let sigma = number("sigma_threshold", 3.0);
    // A limit of 0 counts as none in Jinja.
    let limit = |key: &str, usual: f64| Some(number(key, usual)).filter(|limit| *limit != 0.0).unwrap_or(usual);
    let (upper, lower) = (limit("sigma_threshold_upper", sigma), limit("sigma_threshold_lower", -sigma));
    let takes = |key: &str| arguments.get(key) != json!(false);
    let value = |sum: &str| if takes("take_logs") { format!("coalesce(ln(nullif({sum}, 0)), 0)") } else { format!("coalesce({sum}, 0)") };
    let tested = if takes("take_diffs") { format!("{} - {}", value("total"), value("prior_total")) } else { value("total") };
    let partition = if groups.is_empty() { String::new() } else { format!("partition by {} ", groups.join(", ")) };
    let over = format!("over ({partition}order by period rows between {} preceding and 1 preceding)", number("trend_periods", 7.0));
    let (selected, truncated) = (before(&groups), format!("date_trunc('{period}', {moment})"));
    let sql = format!(
        "with sums as (select {truncated} as period, {selected}cast(sum({column}) as double) as total from {{table}} group by {selected}{truncated}), \
         priors as (select *, lag(total, {lookback}) over ({partition}order by period) as prior_total from sums), \
         tested as (select *, {tested} as tested from priors), \
         moving as (select *, avg(tested) {over} as moving_mean, stddev(tested) {over} as moving_deviation from tested), \
         measured as (select *, (tested - moving_mean) / nullif(moving_deviation, 0) as deviations from moving) \
         select * from measured where period >= date_trunc('{period}', {{now}}) - interval '{periods} {period}' \
         and period < date_trunc('{period}', {{now}}) and not (deviations >= {lower} and deviations <= {upper})",
        lookback = number("lookback_periods", 1.0),
        periods = number("test_periods", 14.0),
    );
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_counted_by_their_beginnings() {
        assert_eq!(
            elapsed("quarter", "a", "b").unwrap(),
            "cast((4 * date_part('year', b) + date_part('quarter', b)) - (4 * date_part('year', a) + date_part('quarter', a)) as bigint)"
        );
        assert_eq!(
            elapsed("day", "a", "b").unwrap(),
            "cast((date_part('epoch', date_trunc('day', b)) - date_part('epoch', date_trunc('day', a))) / 86400 as bigint)"
        );
        assert_eq!(elapsed("year", "a", "b").unwrap(), "cast(date_part('year', b) - date_part('year', a) as bigint)");
        assert!(elapsed("fortnight", "a", "b").is_err());
    }
}
