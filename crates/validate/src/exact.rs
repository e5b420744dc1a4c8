//! Numbers as they are written, compared digit by digit.
//!
//! A decimal or a large whole number has more digits than a float keeps, and SQL reads a bare `99999.99` as a float. Limits
//! and measured values are therefore never made floats on the way to a comparison.

use std::cmp::Ordering;
use std::fmt;

use hw_base::Value;

/// No exponent that a column could hold a value for is larger.
const LARGEST_EXPONENT: usize = 400;

/// The digits that a decimal in SQL may have.
pub(crate) const MOST_DIGITS: usize = 38;

/// Whole numbers of so few digits are bare in SQL, and exact.
const BARE_DIGITS: usize = 18;

/// A number with all its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    is_negative: bool,
    /// The digits before the point, without zeros in front; empty for none.
    whole: String,
    /// The digits after the point, without zeros at the end.
    fraction: String,
}

impl Exact {
    /// Reads `-12`, `1.50`, `.5` or `1e3`; `None` for anything else, and for numbers beyond all types.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let (whole, fraction) = shifted(whole, fraction, exponent)?;
        let (whole, fraction) = (whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned());
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { is_negative: is_negative && !is_zero, whole, fraction })
    }

    /// The shortest number that stands for `float`; `None` where it is no number or endless.
    pub(crate) fn of(float: f64) -> Option<Self> {
        Self::parse(&float.to_string())
    }

    /// The measured value as a number; `None` where it is none, or endless.
    pub(crate) fn measured(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Self::parse(&number.to_string()),
            Value::Float(number) => Self::of(*number),
            Value::Text(text) => Self::parse(text),
            Value::Bool(_) | Value::Null | Value::Nested(_) => None,
        }
    }

    /// The greatest whole number that is not above it, as far as 128 bits reach.
    pub(crate) fn floor(&self) -> i128 {
        let (whole, rest) = self.parts();
        if self.is_negative { -whole - rest } else { whole }
    }

    /// The least whole number that is not below it, as far as 128 bits reach.
    pub(crate) fn ceil(&self) -> i128 {
        let (whole, rest) = self.parts();
        if self.is_negative { -whole } else { whole + rest }
    }

    /// The whole number without its sign, and 1 where there is more.
    fn parts(&self) -> (i128, i128) {
        let whole = if self.whole.is_empty() { 0 } else { self.whole.parse().unwrap_or(i128::MAX / 2) };
        (whole, i128::from(!self.fraction.is_empty()))
    }

    /// Whether it has no more digits before and after the point.
    pub(crate) fn fits(&self, whole: usize, places: usize) -> bool {
        self.whole.len() <= whole && self.fraction.len() <= places
    }

    /// How many digits it has after the point.
    pub(crate) fn places(&self) -> usize {
        self.fraction.len()
    }

    /// The number in SQL, with all its digits.
    pub(crate) fn sql(&self) -> String {
        let digits = (self.whole.len() + self.fraction.len()).max(1);
        if digits > MOST_DIGITS || (self.fraction.is_empty() && digits <= BARE_DIGITS) {
            return self.to_string();
        }
        format!("cast('{self}' as decimal({digits},{}))", self.fraction.len())
    }
}

/// The digits with the point moved by `exponent` places to the right.
fn shifted(whole: &str, fraction: &str, exponent: i32) -> Option<(String, String)> {
    let places = usize::try_from(exponent.unsigned_abs()).ok().filter(|places| *places <= LARGEST_EXPONENT)?;
    let zeros = "0".repeat(places);
    Some(if exponent >= 0 {
        let padded = format!("{fraction}{zeros}");
        let (moved, rest) = padded.split_at(places);
        (format!("{whole}{moved}"), rest.to_owned())
    } else {
        let padded = format!("{zeros}{whole}");
        let (rest, moved) = padded.split_at(padded.len() - places);
        (rest.to_owned(), format!("{moved}{fraction}"))
    })
}

impl From<u64> for Exact {
    fn from(number: u64) -> Self {
        let whole = if number == 0 { String::new() } else { number.to_string() };
        Self { is_negative: false, whole, fraction: String::new() }
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |number: &Self| (number.whole.len(), number.whole.clone(), number.fraction.clone());
        match (self.is_negative, other.is_negative) {
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        let point = if self.fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{}", self.fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, sql: &str) {
        let number = Exact::parse(text).unwrap();
        assert_eq!((number.to_string().as_str(), number.sql().as_str()), (shown, sql), "{text}");
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        check("5", "5", "5");
        check(" +007 ", "7", "7");
        check("-0.0", "0", "0");
        check("99999.99", "99999.99", "cast('99999.99' as decimal(7,2))");
        check("-.50", "-0.5", "cast('-0.5' as decimal(1,1))");
        check("1.5e3", "1500", "1500");
        check("15e-3", "0.015", "cast('0.015' as decimal(3,3))");
        check("12345678901234567.89", "12345678901234567.89", "cast('12345678901234567.89' as decimal(19,2))");
        check("9223372036854775808", "9223372036854775808", "cast('9223372036854775808' as decimal(19,0))");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "e5", "1e", "1e999999999999", "1e9999", "--5", "1 000", "0x1f", "NaN", "inf", "1.2.3", "5'"] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
        assert_eq!((Exact::of(f64::NAN), Exact::of(f64::NEG_INFINITY)), (None, None));
        assert_eq!(Exact::of(0.1), Exact::parse("0.10"));
        assert_eq!((Some(Exact::from(0)), Some(Exact::from(70))), (Exact::parse("0"), Exact::parse("70")));
    }

    #[test]
    fn the_whole_numbers_beside_them_are_known() {
        let around = |text: &str| Exact::parse(text).map(|number| (number.floor(), number.ceil()));
        assert_eq!([around("5"), around("5.1"), around("-5.1"), around("0.5")], [Some((5, 5)), Some((5, 6)), Some((-6, -5)), Some((0, 1))]);
        assert!(around("1e300").is_some_and(|(floor, _)| floor > i128::from(u64::MAX)));
    }

    #[test]
    fn they_are_ordered_by_value() {
        let ordered =
            ["-1e3", "-12.5", "-12.49", "-0.1", "0", "0.09", "0.1", "0.11", "2", "10", "9007199254740992", "9007199254740993", "1e300"];
        let numbers: Vec<Exact> = ordered.iter().map(|text| Exact::parse(text).unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }
}
