//! A value as its source holds it.

use chrono::DateTime;
use serde_json::Value as Json;

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;
/// Seconds in a day.
const DAY_SECONDS: i64 = 86_400;

/// A value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// There is none.
    Null,
    /// True or false.
    Truth(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that may be too great for the one before.
    Unsigned(u64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A day, in days since 1970.
    Day(i32),
    /// A moment, in microseconds since 1970 UTC.
    Moment(i64),
    /// A time of day, in microseconds since midnight; or a duration.
    Clock(i64),
    /// What stands there in place of a value, such as the error of a formula.
    Broken(&'a str),
}

impl Cell<'_> {
    /// The value as a text column holds it, which is as people write it; `None` where it is no value.
    pub(crate) fn shown(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Truth(truth) => truth.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) | Self::Broken(text) => (*text).to_owned(),
            Self::Bytes(bytes) => hw_base::plural(bytes.len() as u64, "byte"),
            Self::Day(days) => moment(i64::from(*days) * DAY_SECONDS * MICROS, "%Y-%m-%d"),
            Self::Moment(micros) => moment(*micros, "%Y-%m-%dT%H:%M:%S%.f"),
            Self::Clock(micros) => clock(*micros),
        })
    }

    /// The value as JSON, for the record of a malformed row.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Truth(truth) => (*truth).into(),
            Self::Integer(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            Self::Real(number) => serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number),
            other => other.shown().map_or(Json::Null, Json::String),
        }
    }

    /// About how much memory the value takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 16,
            Self::Bytes(bytes) => bytes.len() + 16,
            _ => 8,
        }
    }
}

fn moment(micros: i64, format: &str) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(|| micros.to_string(), |moment| moment.naive_utc().format(format).to_string())
}

fn clock(micros: i64) -> String {
    let (seconds, sign) = (micros.unsigned_abs() / 1_000_000, if micros < 0 { "-" } else { "" });
    let fraction = match micros.unsigned_abs() % 1_000_000 {
        0 => String::new(),
        fraction => format!(".{fraction:06}").trim_end_matches('0').to_owned(),
    };
    format!("{sign}{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
