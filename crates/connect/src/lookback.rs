//! Reading on from a while before the value that was reached: for rows that become visible later than their stamp says.

use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};
use hw_base::{Continuing, Error, Result};

/// Where to read on in a column whose greatest value was `since`, when so much of the time before it is read again as `continuing` says.
///
/// # Errors
/// HW304 where the column tells no time.
pub(crate) fn looked_back(since: &str, continuing: &Continuing, column: &str) -> Result<String> {
    if continuing.lookback_seconds == 0 {
        return Ok(since.to_owned());
    }
    earlier(since, continuing.lookback_seconds).ok_or_else(|| {
        Error::user(format!("there is no looking back in `{column}`, because it holds no time: it has come to {since}"))
            .code("HW304")
            .help("remove `lookback`, or follow a column of days or times")
    })
}

/// A day or a time that lies so many seconds before `since`, written as that is. Of days, whole ones.
fn earlier(since: &str, seconds: u64) -> Option<String> {
    if let Ok(day) = NaiveDate::parse_from_str(since, "%Y-%m-%d") {
        return Some(day.checked_sub_days(Days::new(seconds.div_ceil(86_400)))?.to_string());
    }
    let (text, zone) = since.strip_suffix('Z').map_or((since, ""), |text| (text, "Z"));
    let separator = if text.contains('T') { 'T' } else { ' ' };
    let time = NaiveDateTime::parse_from_str(text, &format!("%Y-%m-%d{separator}%H:%M:%S%.f")).ok()?;
    let before = time.checked_sub_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)?;
    Some(format!("{}{zone}", before.format(&format!("%Y-%m-%d{separator}%H:%M:%S%.f"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_looked_back_from_and_nothing_else() {
        let three_days = 3 * 86_400;
        for (since, expected) in [
            ("2026-03-02", Some("2026-02-27")),
            ("2026-03-02T10:00:00Z", Some("2026-02-27T10:00:00Z")),
            ("2026-03-02T10:00:00.250001", Some("2026-02-27T10:00:00.250001")),
            ("2026-03-02 10:00:00.500000", Some("2026-02-27 10:00:00.500")),
            ("17", None),
        ] {
            assert_eq!(earlier(since, three_days).as_deref(), expected, "{since}");
        }
        assert_eq!(earlier("2026-03-02", 1).as_deref(), Some("2026-03-01"));
    }
}
