//! A value in a rule's settings, and how it is written for a column of a given type.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use hw_base::{Column, ColumnType, literal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::exact::{Exact, MOST_DIGITS};
use crate::moment::Moment;

/// A number, text, date, moment or truth value, as YAML gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text; also dates and moments.
    Text(String),
}

impl Scalar {
    /// The value as a number with all its digits, where it is one or reads as one.
    pub(crate) fn as_number(&self) -> Option<Exact> {
        match self {
            Self::Int(number) => Exact::parse(&number.to_string()),
            Self::Float(number) => Exact::of(*number),
            Self::Text(text) => Exact::parse(text),
            Self::Bool(_) => None,
        }
    }

    /// The value as a date or moment.
    pub(crate) fn as_moment(&self) -> Option<Moment> {
        match self {
            Self::Text(text) => Moment::parse(text),
            _ => None,
        }
    }

    /// How two values of the same kind are ordered; `None` where they are of different kinds.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            return Some(a.cmp(&b));
        }
        if let (Some(a), Some(b)) = (self.as_moment(), other.as_moment()) {
            return Some(a.at().cmp(&b.at()));
        }
        match (self, other) {
            (Self::Text(a), Self::Text(b)) if self.is_plain() && other.is_plain() => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether the value is a moment that no column of days can be compared with as it is.
    pub(crate) fn is_moment_for(&self, column: &Column) -> bool {
        column.kind == ColumnType::Date && matches!(self.as_moment(), Some(Moment::Instant(_)))
    }

    fn is_plain(&self) -> bool {
        self.as_number().is_none() && self.as_moment().is_none()
    }

    /// The value as an SQL literal of the type of `column`.
    ///
    /// # Errors
    /// Says that the value can never occur in a column of that type.
    pub(crate) fn for_column(&self, column: &Column) -> Result<String, String> {
        let written = match column.kind {
            ColumnType::Integer | ColumnType::Decimal => self.as_number().map(|number| number.sql()),
            ColumnType::Float => self.as_number().map(|number| float_literal(&number, column)),
            ColumnType::Date => self.as_moment().map(date_literal),
            ColumnType::Timestamp => self.as_moment().map(timestamp_literal),
            ColumnType::Boolean => self.as_bool().map(|value| value.to_string()),
            ColumnType::Text | ColumnType::Time | ColumnType::Binary | ColumnType::Other => Some(literal(&self.to_string())),
        };
        written.ok_or_else(|| misfit(self, column))
    }

    /// The same for a value that the column is to hold: a number with a fraction is in no column of whole numbers.
    ///
    /// # Errors
    /// Says that the value can never occur in the column.
    pub(crate) fn held_by(&self, column: &Column) -> Result<String, String> {
        let written = self.for_column(column)?;
        let is_held = |number: &Exact| {
            let (least, greatest) = whole_numbers(column);
            number.floor() == number.ceil() && (least..=greatest).contains(&number.floor())
        };
        match self.as_number() {
            Some(number) if column.kind == ColumnType::Integer && !is_held(&number) => Err(misfit(self, column)),
            _ if self.beyond(column).is_some() => Err(misfit(self, column)),
            _ => Ok(written),
        }
    }

    /// On which side of all numbers of a column of decimals it lies, where it has more digits than it can be compared with.
    pub(crate) fn beyond(&self, column: &Column) -> Option<Ordering> {
        let (number, places) = (self.as_number()?, places(column)?);
        let fits = number.fits(MOST_DIGITS.saturating_sub(places), usize::MAX);
        (!fits).then(|| number.cmp(&Exact::from(0)))
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

fn misfit(value: &Scalar, column: &Column) -> String {
    format!("`{value}` does not fit column `{}`, which is {}", column.name, column.sql_type)
}

/// The digits after the point in a column of decimals.
fn places(column: &Column) -> Option<usize> {
    let (_, measure) = column.sql_type.split_once('(').filter(|_| column.kind == ColumnType::Decimal)?;
    measure.trim_end_matches(')').split_once(',').map_or(Some(0), |(_, places)| places.trim().parse().ok())
}

/// The least and the greatest number that a column of whole numbers can hold.
pub(crate) fn whole_numbers(column: &Column) -> (i128, i128) {
    let (word, is_signed) = match column.sql_type.strip_suffix(" unsigned") {
        Some(word) => (word, false),
        None => (column.sql_type.as_str(), true),
    };
    let bits = match word {
        "tinyint" => 8,
        "smallint" => 16,
        "int" | "integer" => 32,
        _ => 64,
    };
    if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

/// In a column of single precision, 0.1 is another number than in one of double precision.
fn float_literal(number: &Exact, column: &Column) -> String {
    if column.sql_type == "real" { format!("cast({number} as real)") } else { number.to_string() }
}

/// A moment stays a moment even where the column holds days: noon is after midnight.
fn date_literal(moment: Moment) -> String {
    match moment {
        Moment::Day(at) => format!("cast('{}' as date)", at.format("%Y-%m-%d")),
        Moment::Instant(_) => timestamp_literal(moment),
    }
}

/// Always with seconds, which engines want, and in UTC. In microseconds, because nanoseconds end in the year 2262 and limits
/// such as 9999-12-31 are usual.
fn timestamp_literal(moment: Moment) -> String {
    format!("cast('{}' as timestamp(6))", moment.at().format("%Y-%m-%d %H:%M:%S%.f"))
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a date or text")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Int(number))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                i64::try_from(number).map(Scalar::Int).map_err(|_| E::custom(format!("`{number}` is too large")))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Float(number))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.into()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "description": "a number, a date, a moment or text" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::columns;

    #[track_caller]
    fn check(value: &Scalar, column: &str, expected: &str) {
        let column = &columns(column)[0];
        let found = value.for_column(column).unwrap_or_else(|error| error);
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_written_for_the_type_of_the_column() {
        check(&Scalar::Int(5), "a bigint", "5");
        check(&Scalar::Text("5".into()), "a bigint", "5");
        check(&Scalar::Int(5), "a varchar", "'5'");
        check(&Scalar::Float(0.5), "a double", "0.5");
        check(&Scalar::Float(0.1), "a real", "cast(0.1 as real)");
        check(&Scalar::Text("1.10".into()), "a varchar", "'1.10'");
        check(&Scalar::Text("o'clock".into()), "a varchar", "'o''clock'");
        check(&Scalar::Text("2026-01-31".into()), "a date", "cast('2026-01-31' as date)");
        check(&Scalar::Text("2026-01-31 12:00".into()), "a date", "cast('2026-01-31 12:00:00' as timestamp(6))");
        check(&Scalar::Text("2026-01-31".into()), "a timestamp", "cast('2026-01-31 00:00:00' as timestamp(6))");
        check(&Scalar::Text("9999-12-31".into()), "a timestamp", "cast('9999-12-31 00:00:00' as timestamp(6))");
        check(&Scalar::Text("2026-01-31T12:00:00.5+02:00".into()), "a timestamp", "cast('2026-01-31 10:00:00.500' as timestamp(6))");
        check(&Scalar::Bool(true), "a boolean", "true");
    }

    #[test]
    fn numbers_reach_exact_columns_with_all_their_digits() {
        check(&Scalar::Float(99_999.99), "a decimal(12,2)", "cast('99999.99' as decimal(7,2))");
        check(&Scalar::Text("12345678901234567.89".into()), "a decimal(12,2)", "cast('12345678901234567.89' as decimal(19,2))");
        check(&Scalar::Float(1.5), "a bigint", "cast('1.5' as decimal(2,1))");
        check(&Scalar::Int(i64::MIN), "a bigint", "cast('-9223372036854775808' as decimal(19,0))");
        check(&Scalar::Int(-5), "a decimal(12,2)", "-5");
    }

    #[test]
    fn numbers_with_too_many_digits_lie_beyond_a_column() {
        let beyond = |text: &str, column: &str| Scalar::Text(text.into()).beyond(&columns(column)[0]);
        assert_eq!(beyond("1e36", "a decimal(12,2)"), Some(Ordering::Greater));
        assert_eq!(beyond("-1e36", "a decimal(12,2)"), Some(Ordering::Less));
        assert_eq!(beyond("1e35", "a decimal(12,2)"), None);
        assert_eq!((beyond("1e38", "a decimal(12,0)"), beyond("1e37", "a decimal(12,0)")), (Some(Ordering::Greater), None));
        assert_eq!((beyond("1e60", "a double"), beyond("1e60", "a bigint")), (None, None));
    }

    #[test]
    fn a_value_that_can_never_occur_is_refused() {
        check(&Scalar::Text("many".into()), "a bigint", "`many` does not fit column `a`, which is bigint");
        check(&Scalar::Int(5), "a date", "`5` does not fit column `a`, which is date");
        check(&Scalar::Float(f64::INFINITY), "a double", "`inf` does not fit column `a`, which is double");
        check(&Scalar::Int(5), "a boolean", "`5` does not fit column `a`, which is boolean");
    }

    #[test]
    fn only_values_of_one_kind_are_ordered() {
        let text = |text: &str| Scalar::Text(text.into());
        assert_eq!(Scalar::Int(2).compare(&text("10")), Some(Ordering::Less));
        assert_eq!(text("2026-02-01").compare(&text("2026-01-31 12:00")), Some(Ordering::Greater));
        assert_eq!(text("a").compare(&text("b")), Some(Ordering::Less));
        assert_eq!(Scalar::Int(2).compare(&text("2026-01-31")), None);
        assert_eq!(text("12345678901234567.88").compare(&text("12345678901234567.89")), Some(Ordering::Less));
        assert_eq!(Scalar::Int(9_007_199_254_740_993).compare(&Scalar::Int(9_007_199_254_740_992)), Some(Ordering::Greater));
    }
}
