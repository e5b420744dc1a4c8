//! Sizes, shares, spans of time and tolerances, read from and written as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result};

/// A whole number with separators: `1,000,000`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 row`, `2,000 rows`.
pub fn plural(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(number)) }
}

/// A duration for people: `0.04 s`, `12.3 s`, `4 min 10 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), (s % 3600.0) / 60.0),
    }
}

/// The message and what to do, as settings take a custom error apart again.
fn in_one_line(error: &Error) -> String {
    let remedies = error.remedies().iter().map(String::as_str);
    std::iter::once(error.message()).chain(remedies).collect::<Vec<_>>().join("; ")
}

/// Implements serde and JSON Schema for a type that is written as one text or number.
macro_rules! written_as_text {
    ($type:ty, $name:literal, $pattern:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($description)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|error: Error| E::custom(in_one_line(&error)))
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        self.visit_str(&number.to_string())
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        self.visit_str(&number.to_string())
                    }
                    fn visit_f64<E: de::Error>(self, number: f64) -> Result<$type, E> {
                        self.visit_str(&number.to_string())
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "number"], "pattern": $pattern, "description": $description })
            }
        }
    };
}

/// Splits `12.5 GiB` into the number and the unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// A number of bytes, written `512MB`, `2GiB` or as plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::user(format!("`{text}` is no size")).code("HW104").help("write a number and a unit, such as `512MB` or `2GiB`");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" | "k" => 1e3,
            "mb" | "m" => 1e6,
            "gb" | "g" => 1e9,
            "tb" | "t" => 1e12,
            "kib" => 1024.0,
            "mib" => 1024.0 * 1024.0,
            "gib" => 1024.0 * 1024.0 * 1024.0,
            "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(wrong()),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a parsed number has no sign; fractions of a byte do not count"
        )]
        Ok(Self((number * factor) as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            b if b < 1 << 10 => write!(f, "{b} B"),
            b if b < 1 << 20 => write!(f, "{:.1} KiB", bytes / 1024.0),
            b if b < 1 << 30 => write!(f, "{:.1} MiB", bytes / f64::from(1 << 20)),
            _ => write!(f, "{:.1} GiB", bytes / f64::from(1 << 30)),
        }
    }
}

written_as_text!(ByteSize, "Size", r"^[0-9._]+ *([kKmMgGtT]i?)?[bB]?$", "a size such as `512MB` or `2GiB`");

/// A span of time, written `90s`, `15m`, `2h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("`{text}` is no span of time"))
                .code("HW104")
                .help("write a number and a unit, such as `90s`, `15m`, `2h` or `7d`")
        };
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let seconds = match unit {
            "s" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 7.0 * 86_400.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s if s > 0 && s.is_multiple_of(86_400) => write!(f, "{}d", s / 86_400),
            s if s > 0 && s.is_multiple_of(3600) => write!(f, "{}h", s / 3600),
            s if s > 0 && s.is_multiple_of(60) => write!(f, "{}m", s / 60),
            _ => write!(f, "{}s", self.0.as_secs_f64()),
        }
    }
}

written_as_text!(Span, "Span", r"^[0-9._]+ *[a-z]+$", "a span of time such as `90s`, `15m`, `2h` or `7d`");

/// A share of a whole, written `95%` or as a fraction such as `0.95`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// The parts of a whole up to which shares are told apart: finer ones are the rounding of binary fractions.
const PARTS: u64 = 1_000_000_000_000;

impl Share {
    /// The share in whole parts of [`PARTS`].
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1; the cast saturates")]
    fn parts(self) -> u64 {
        (self.0 * PARTS as f64).round() as u64
    }

    /// What is left of the whole: 5 % for 95 %.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(PARTS.saturating_sub(self.parts()) as f64 / PARTS as f64)
    }
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("`{text}` is no share"))
                .code("HW104")
                .help("write a percentage such as `95%`, or a fraction between 0 and 1")
        };
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        match unit {
            "%" if number <= 100.0 => Ok(Self(number / 100.0)),
            "" if number <= 1.0 => Ok(Self(number)),
            "" if number <= 100.0 => {
                Err(Error::user(format!("`{text}` is no share")).code("HW104").help(format!("write `{}%`", text.trim())))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let decimals = if percent == 0.0 || (percent - percent.round()).abs() < 1e-9 {
            0
        } else if percent < 0.1 {
            4
        } else {
            2
        };
        write!(f, "{percent:.decimals$} %")
    }
}

written_as_text!(Share, "Share", r"^[0-9._]+ *%?$", "a percentage such as `95%`, or a fraction between 0 and 1");

/// How much may break a rule: a share of the rows (`5%`) or a number of rows (`100`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// At most this share of the rows.
    Share(Share),
    /// At most this many rows.
    Rows(u64),
}

impl Tolerance {
    /// No row at all.
    pub const NONE: Self = Self::Rows(0);

    /// Whether `violations` of `rows` rows are within it.
    ///
    /// A share is compared in whole numbers, so that no rounding decides: 5 % of 1,000 rows admits 50 and refuses 51,
    /// and 29 % of a billion rows admits exactly 290,000,000.
    pub fn admits(self, violations: u64, rows: u64) -> bool {
        match self {
            Self::Rows(limit) => violations <= limit,
            Self::Share(share) => u128::from(violations) * u128::from(PARTS) <= u128::from(share.parts()) * u128::from(rows),
        }
    }
}

impl FromStr for Tolerance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("`{text}` is no tolerance"))
                .code("HW104")
                .help("write a percentage such as `5%`, or a number of rows such as `100`")
        };
        match number_and_unit(text).ok_or_else(wrong)? {
            (_, "%") => Ok(Self::Share(text.parse().map_err(|_| wrong())?)),
            (number, "" | "row" | "rows") if number.fract() == 0.0 =>
            {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and without sign")]
                Ok(Self::Rows(number as u64))
            }
            (number, "") if number < 1.0 => Ok(Self::Share(Share(number))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Rows(rows) => f.write_str(&plural(*rows, "row")),
        }
    }
}

written_as_text!(Tolerance, "Tolerance", r"^[0-9._]+ *(%|rows?)?$", "a percentage such as `5%`, or a number of rows such as `100`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_people_write_them() {
        assert_eq!("2GiB".parse::<ByteSize>().ok(), Some(ByteSize(2 << 30)));
        assert_eq!("15m".parse::<Span>().ok(), Some(Span(Duration::from_mins(15))));
        assert_eq!("5%".parse::<Tolerance>().ok(), Some(Tolerance::Share(Share(0.05))));
        assert_eq!("100 rows".parse::<Tolerance>().ok(), Some(Tolerance::Rows(100)));
        assert!("five".parse::<Tolerance>().is_err() && "120%".parse::<Tolerance>().is_err());
    }

    #[test]
    fn a_share_admits_exactly_its_limit() {
        let five = Tolerance::Share(Share(0.05));
        assert!(five.admits(50, 1000) && !five.admits(51, 1000) && five.admits(0, 0));
    }

    #[test]
    fn no_rounding_decides_about_a_tolerance() {
        for percent in 1..=99_u64 {
            let tolerance: Tolerance = format!("{percent}%").parse().unwrap();
            for hundreds in [1, 3, 1_000, 10_000_000, 30_000_007, 9_007_199_254_740_991] {
                let limit = percent * hundreds;
                assert!(tolerance.admits(limit, 100 * hundreds), "{limit} of {} at {percent} %", 100 * hundreds);
                assert!(!tolerance.admits(limit + 1, 100 * hundreds), "{} of {} at {percent} %", limit + 1, 100 * hundreds);
            }
        }
    }

    #[test]
    fn nothing_and_everything_are_tolerated_where_said() {
        let admits = |text: &str, violations, rows| text.parse::<Tolerance>().unwrap().admits(violations, rows);
        assert!(admits("0%", 0, 0) && admits("5%", 0, 0) && admits("100%", 0, 0) && admits("0", 0, 0));
        assert!(admits("0%", 0, 10) && !admits("0%", 1, u64::MAX) && !admits("0", 1, 10));
        assert!(admits("100%", 10, 10) && admits("100%", u64::MAX, u64::MAX) && admits("10", 10, 10) && !admits("10", 11, 1_000_000));
    }

    #[test]
    fn a_share_is_no_number_of_rows() {
        let read = |json: serde_json::Value| serde_json::from_value::<Share>(json).map_err(|error| error.to_string());
        assert_eq!(read("95%".into()), Ok(Share(0.95)));
        assert_eq!(read(1.into()), Ok(Share(1.0)));
        assert_eq!(read(0.95.into()), Ok(Share(0.95)));
        assert_eq!(read(95.into()), Err("`95` is no share; write `95%`".into()));
        for wrong in ["1 row", "100 rows", "120%", "-5%", "many"] {
            assert!(read(wrong.into()).unwrap_err().starts_with(&format!("`{wrong}` is no share; write a percentage")), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_shown_with_separators_and_units() {
        assert_eq!((count(1_234_567).as_str(), plural(1, "row").as_str(), duration(250.0).as_str()), ("1,234,567", "1 row", "4 min 10 s"));
        assert_eq!((ByteSize(1536).to_string(), Share(0.0795).to_string()), ("1.5 KiB".into(), "7.95 %".into()));
    }
}
