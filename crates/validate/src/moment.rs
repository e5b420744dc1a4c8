//! Dates and moments as people and SQL write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use hw_base::Timestamp;

/// Whether a text is a date or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A day.
    Day(Timestamp),
    /// A day with a time.
    Instant(Timestamp),
}

impl Moment {
    /// Reads `2026-01-31`, `2026-01-31 12:00:00`, `2026-01-31T12:00:00Z` and their neighbours; UTC where no zone is given.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Some(Self::Day(day.and_hms_opt(0, 0, 0)?.and_utc()));
        }
        let with_zone = || DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)).ok().map(|moment| moment.to_utc());
        let without_zone = || {
            let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
            formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()).map(|moment| moment.and_utc())
        };
        with_zone().or_else(without_zone).map(Self::Instant)
    }

    /// The moment; midnight for a day.
    pub(crate) fn at(self) -> Timestamp {
        match self {
            Self::Day(at) | Self::Instant(at) => at,
        }
    }
}

/// The moment that a text such as `2026-01-31` or `2026-01-31 12:00` writes: midnight for a day, UTC where no zone is given.
pub fn moment(text: &str) -> Option<Timestamp> {
    Moment::parse(text).map(Moment::at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read_in_their_usual_forms() {
        let seconds = |text: &str| Moment::parse(text).map(|moment| moment.at().timestamp());
        assert_eq!(seconds("1970-01-02"), Some(86_400));
        for text in
            ["1970-01-01T01:00:00", "1970-01-01 01:00:00.000", "1970-01-01T02:00:00+01:00", "1970-01-01 01:00", "1970-01-01 01:00:00Z"]
        {
            assert_eq!(seconds(text), Some(3600), "{text}");
        }
        assert_eq!(seconds("31/01/2026"), None);
    }
}
