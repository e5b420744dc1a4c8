//! A cell of a sheet as a value.

use calamine::{CellErrorType, Data, ExcelDateTime};
use chrono::NaiveDate;

use crate::rows::Cell;
use hw_text::values;

/// Microseconds in a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Milliseconds in a day.
const DAY_MILLIS: f64 = 86_400_000.0;

/// The value of a cell.
pub(super) fn cell(data: &Data) -> Cell<'_> {
    match data {
        Data::Empty => Cell::Null,
        Data::Int(number) => Cell::Integer(*number),
        Data::Float(number) => Cell::Real(*number),
        Data::Bool(truth) => Cell::Truth(*truth),
        // A formula that gives an empty text shows nothing.
        Data::String(text) if text.is_empty() => Cell::Null,
        Data::String(text) => Cell::Text(text),
        Data::DateTime(serial) => moment(serial),
        Data::DateTimeIso(text) => iso_moment(text),
        Data::DurationIso(text) => iso_duration(text).map_or(Cell::Text(text), Cell::Clock),
        Data::Error(error) => Cell::Broken(shown(error)),
    }
}

/// A number of days with a format of dates or times.
#[expect(clippy::cast_possible_truncation, reason = "a sheet counts days up to the year 9999")]
fn moment(serial: &ExcelDateTime) -> Cell<'static> {
    let days = serial.as_f64();
    if !(-1e7..1e7).contains(&days) {
        return Cell::Broken("a date outside of the calendar");
    }
    if serial.is_duration() || (0.0..1.0).contains(&days) {
        return Cell::Clock((days * DAY_MILLIS).round() as i64 * 1000);
    }
    let (year, month, day, hour, minute, second, milli) = serial.to_ymd_hms_milli();
    let moment = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())
        .and_then(|date| date.and_hms_milli_opt(hour.into(), minute.into(), second.into(), milli.into()));
    match moment.map(|moment| moment.and_utc().timestamp_micros()) {
        Some(micros) if micros.rem_euclid(DAY_MICROS) == 0 => Cell::Day((micros.div_euclid(DAY_MICROS)) as i32),
        Some(micros) => Cell::Moment(micros),
        None => Cell::Broken("1900-02-29, a day that never was"),
    }
}

fn iso_moment(text: &str) -> Cell<'_> {
    let bytes = text.as_bytes();
    values::date(bytes).map(Cell::Day).or_else(|| values::timestamp(bytes).map(Cell::Moment)).unwrap_or(Cell::Text(text))
}

/// A duration such as `PT10H30M05S`, in microseconds.
fn iso_duration(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix("PT")?;
    let mut micros: i64 = 0;
    for (unit, length) in [('H', 3_600_000_000), ('M', 60_000_000)] {
        if let Some((number, after)) = rest.split_once(unit) {
            micros = micros.checked_add(number.parse::<i64>().ok()?.checked_mul(length)?)?;
            rest = after;
        }
    }
    let seconds = values::decimal(rest.strip_suffix('S').unwrap_or("0").as_bytes(), 18, 6).ok()?;
    micros.checked_add(i64::try_from(seconds).ok()?)
}

fn shown(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    fn serial(days: f64, kind: ExcelDateTimeType) -> Option<String> {
        cell(&Data::DateTime(ExcelDateTime::new(days, kind, false))).shown()
    }

    #[test]
    fn numbers_with_a_format_of_time_are_days_moments_and_times() {
        let at = |days| serial(days, ExcelDateTimeType::DateTime).unwrap();
        assert_eq!([at(46053.0), at(46053.5), at(0.25), at(1.0)], ["2026-01-31", "2026-01-31T12:00:00", "06:00:00", "1900-01-01"]);
        assert_eq!(at(60.0), "1900-02-29, a day that never was");
        assert_eq!(serial(1.5, ExcelDateTimeType::TimeDelta).unwrap(), "36:00:00");
        assert_eq!(cell(&Data::DateTimeIso("2026-01-31".into())), Cell::Day(20_484));
        assert_eq!(cell(&Data::DurationIso("PT10H30M05.5S".into())).shown().unwrap(), "10:30:05.5");
    }

    #[test]
    fn an_error_is_no_value_and_an_empty_text_is_none() {
        assert_eq!(cell(&Data::Error(CellErrorType::Div0)), Cell::Broken("#DIV/0!"));
        assert_eq!(cell(&Data::String(String::new())), Cell::Null);
    }
}
