//! Single values, read straight from their bytes. `None` means that the text is no value of the type.

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;
/// Seconds in a day.
const DAY_SECONDS: i64 = 86_400;
/// How many bytes an exponent has at most, with its sign.
const LONGEST_EXPONENT: usize = 4;

/// Text without blanks at both ends.
pub fn trimmed(text: &[u8]) -> &[u8] {
    match text {
        [b'!'..=b'~', .., b'!'..=b'~'] | [b'!'..=b'~'] => text,
        _ => text.trim_ascii(),
    }
}

/// A whole number. Places after the point that are all zero do not count: `4.0` is 4.
pub fn integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = signed(text);
    let digits = whole(digits);
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut number: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    if is_negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// Digits without a point and the zeros behind it.
fn whole(digits: &[u8]) -> &[u8] {
    if let [.., b'0' | b'.'] = digits
        && let Some(point) = memchr::memchr(b'.', digits)
        && digits[point + 1..].iter().all(|byte| *byte == b'0')
    {
        return &digits[..point];
    }
    digits
}

/// A floating-point number. Digits that make none but an infinite one are none.
pub fn double(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.is_finite() || is_not_finite(text)).then_some(number)
}

/// The same with half as many bytes.
pub fn real(text: &[u8]) -> Option<f32> {
    let number: f32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.is_finite() || is_not_finite(text)).then_some(number)
}

/// Whether a text says infinity, or no number, in words.
fn is_not_finite(text: &[u8]) -> bool {
    !text.iter().any(u8::is_ascii_digit)
}

/// Why a text is no decimal of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDecimal {
    /// It is no decimal number.
    NoNumber,
    /// It has more decimal places.
    TooManyPlaces,
    /// It has more digits.
    TooLarge,
}

/// An exact decimal with at most `precision` digits, `scale` of them after the point. Zeros at the end do not count.
/// An exponent moves the point: `1.5e3` is 1500.
pub fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, NoDecimal> {
    let (is_negative, digits) = signed(text);
    let exactly = |digits: &[u8]| plain_decimal(digits, precision, scale);
    let number = exactly(digits).or_else(|reason| exactly(&written_out(digits).ok_or(reason)?))?;
    Ok(if is_negative { -number } else { number })
}

/// The digits of a number that has an exponent, with the point where it belongs.
fn written_out(text: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memchr2(b'e', b'E', text)?;
    let exponent = text.get(at + 1..).filter(|exponent| exponent.len() <= LONGEST_EXPONENT)?;
    let exponent: isize = std::str::from_utf8(exponent).ok()?.parse().ok()?;
    let (whole, places) = parts(&text[..at]);
    if whole.is_empty() && places.is_empty() {
        return None;
    }
    let missing = exponent.saturating_add_unsigned(whole.len()).min(0).unsigned_abs();
    let mut digits = vec![b'0'; missing];
    digits.extend_from_slice(whole);
    digits.extend_from_slice(places);
    let point = (missing + whole.len()).saturating_add_signed(exponent);
    digits.resize(digits.len().max(point), b'0');
    digits.insert(point, b'.');
    Some(digits)
}

/// What stands before and behind the point.
fn parts(digits: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'.', digits) {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[][..]),
    }
}

/// A decimal without sign and exponent.
fn plain_decimal(digits: &[u8], precision: u8, scale: u8) -> Result<i128, NoDecimal> {
    let (whole, places) = parts(digits);
    if whole.is_empty() && places.is_empty() {
        return Err(NoDecimal::NoNumber);
    }
    let number = appended(0, whole)?;
    let kept = places.len().min(usize::from(scale));
    let number = appended(number, &places[..kept])?;
    check_beyond(&places[kept..])?;
    let missing = u32::from(scale) - u32::try_from(kept).unwrap_or_default();
    let number = 10_i128.checked_pow(missing).and_then(|factor| number.checked_mul(factor)).ok_or(NoDecimal::TooLarge)?;
    if number >= 10_i128.pow(u32::from(precision.min(38))) {
        return Err(NoDecimal::TooLarge);
    }
    Ok(number)
}

/// A number with further digits.
fn appended(number: i128, digits: &[u8]) -> Result<i128, NoDecimal> {
    if digits.len() <= 18 && number == 0 {
        return short(digits).map(i128::from);
    }
    let mut number = number;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NoDecimal::NoNumber);
        }
        number = number.checked_mul(10).and_then(|number| number.checked_add(i128::from(digit))).ok_or(NoDecimal::TooLarge)?;
    }
    Ok(number)
}

/// A number of up to 18 digits.
fn short(digits: &[u8]) -> Result<i64, NoDecimal> {
    let mut number: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NoDecimal::NoNumber);
        }
        number = number * 10 + i64::from(digit);
    }
    Ok(number)
}

/// Whether the digits beyond the scale are zeros.
fn check_beyond(digits: &[u8]) -> Result<(), NoDecimal> {
    match digits.iter().find(|byte| **byte != b'0') {
        None => Ok(()),
        Some(_) if digits.iter().all(u8::is_ascii_digit) => Err(NoDecimal::TooManyPlaces),
        Some(_) => Err(NoDecimal::NoNumber),
    }
}

/// Whether a number is written with zeros before its digits, which it does not keep.
pub(crate) fn is_padded(text: &[u8]) -> bool {
    matches!(text.strip_prefix(b"-").unwrap_or(text), [b'0', b'0'..=b'9', ..])
}

/// True or false, in the spellings of databases and spreadsheets.
pub fn boolean(text: &[u8]) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    match () {
        () if is(&["true", "t", "yes", "y", "1"]) => Some(true),
        () if is(&["false", "f", "no", "n", "0"]) => Some(false),
        () => None,
    }
}

/// A day, `2026-01-31`, in days since 1970.
pub fn date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i64::from(pair(text[0], text[1])?) * 100 + i64::from(pair(text[2], text[3])?);
    let (month, day) = (pair(text[5], text[6])?, pair(text[8], text[9])?);
    let is_possible = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
    if is_possible { i32::try_from(days_since_1970(year, i64::from(month), i64::from(day))).ok() } else { None }
}

/// A moment, `2026-01-31T12:00:00.123456+01:00` and its shorter forms, in microseconds since 1970 UTC. A moment without
/// a zone is taken as it stands; digits beyond the microsecond do not count.
pub fn timestamp(text: &[u8]) -> Option<i64> {
    let days = date(text.get(..10)?)?;
    let midnight = i64::from(days) * DAY_SECONDS * MICROS;
    match text.get(10) {
        None => Some(midnight),
        Some(b'T' | b't' | b' ') => Some(midnight + time_and_zone(text.get(11..)?)?),
        Some(_) => None,
    }
}

/// A time of day, in microseconds since midnight.
pub fn time(text: &[u8]) -> Option<i64> {
    let (micros, rest) = clock(text)?;
    rest.is_empty().then_some(micros)
}

fn time_and_zone(text: &[u8]) -> Option<i64> {
    let (micros, rest) = clock(text)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(micros - zone_seconds(rest)? * MICROS)
}

/// Reads `HH:MM[:SS[.fraction]]` and returns what follows it.
fn clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let [hour_tens, hour_ones, b':', minute_tens, minute_ones, rest @ ..] = text else { return None };
    let (hour, minute) = (pair(*hour_tens, *hour_ones)?, pair(*minute_tens, *minute_ones)?);
    let (second, fraction, rest) = match rest {
        [b':', tens, ones, rest @ ..] => {
            let (fraction, rest) = fraction(rest)?;
            (pair(*tens, *ones)?, fraction, rest)
        }
        _ => (0, 0, rest),
    };
    let is_possible = hour < 24 && minute < 60 && second < 60;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    is_possible.then_some((seconds * MICROS + fraction, rest))
}

/// Reads `.123456` where it stands.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > 12 {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        micros = micros * 10 + digits.get(place).filter(|_| place < length).map_or(0, |digit| i64::from(digit - b'0'));
    }
    Some((micros, &digits[length..]))
}

/// Reads `Z`, `UTC`, `+01`, `+0100` or `+01:00`.
fn zone_seconds(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *text {
        [] | [b'Z' | b'z'] | [b'U', b'T', b'C'] => return Some(0),
        [sign, a, b] => (sign, pair(a, b)?, 0),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, pair(a, b)?, pair(c, d)?),
        _ => return None,
    };
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    match sign {
        b'+' if hours <= 18 && minutes < 60 => Some(seconds),
        b'-' if hours <= 18 && minutes < 60 => Some(-seconds),
        _ => None,
    }
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn pair(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

fn days_in(year: i64, month: u32) -> u32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 in the Gregorian calendar, by counting years that start in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_to_their_limits() {
        let read = |text: &str| integer(text.as_bytes());
        assert_eq!([read("0"), read("-42"), read("+7")], [Some(0), Some(-42), Some(7)]);
        assert_eq!([read("9223372036854775807"), read("-9223372036854775808")], [Some(i64::MAX), Some(i64::MIN)]);
        assert_eq!([read(""), read("-"), read("."), read("9223372036854775808"), read("99999999999999999999"), read("1 2")], [None; 6]);
        assert_eq!([read("4.0"), read("-10.000"), read("7."), read("120")], [Some(4), Some(-10), Some(7), Some(120)]);
        assert_eq!([read("4.5"), read("4.0.0"), read(".0"), read("4.0x"), read("1.10")], [None; 5]);
    }

    #[test]
    fn digits_never_make_an_infinite_number() {
        let read = |text: &str| (double(text.as_bytes()), real(text.as_bytes()));
        assert_eq!(read("1e39"), (Some(1e39), None));
        assert_eq!(read("-1e400"), (None, None));
        assert_eq!(read("-inf"), (Some(f64::NEG_INFINITY), Some(f32::NEG_INFINITY)));
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let read = |text: &str| decimal(text.as_bytes(), 6, 2);
        assert_eq!([read("12.5"), read("-.05"), read("7."), read("1.2300")], [Ok(1250), Ok(-5), Ok(700), Ok(123)]);
        assert_eq!(read("1.234"), Err(NoDecimal::TooManyPlaces));
        assert_eq!([read("10000.00"), read(&"9".repeat(60))], [Err(NoDecimal::TooLarge); 2]);
        assert_eq!([read(""), read("."), read("1,5"), read("1.x"), read("1e")], [Err(NoDecimal::NoNumber); 5]);
        assert_eq!(decimal("9".repeat(38).as_bytes(), 38, 0), Ok(10_i128.pow(38) - 1));
    }

    #[test]
    fn an_exponent_moves_the_point_of_a_decimal() {
        let read = |text: &str| decimal(text.as_bytes(), 6, 2);
        assert_eq!([read("1e3"), read("1E+03"), read("0.1e4"), read("10000.e-1"), read("+1.000e3")], [Ok(100_000); 5]);
        assert_eq!([read("-1.5e-1"), read("-15e-2"), read("-.0015e2"), read("-1500e-4")], [Ok(-15); 4]);
        assert_eq!([read("12345e-2"), read("1.2345e2"), read("1.2345000e+002")], [Ok(12_345); 3]);
        assert_eq!([read("0e99"), read("0.000e-99")], [Ok(0); 2]);
        assert_eq!([read("1.5e-05"), read("1e-999")], [Err(NoDecimal::TooManyPlaces); 2]);
        assert_eq!([read("1e4"), read("1e400")], [Err(NoDecimal::TooLarge); 2]);
        let odd = ["e3", ".e3", "1e+", "1e1.5", "1e3e3", "1e00003", "1.5.0e3", "1x5e3", "--1e3", "1e 3"];
        assert_eq!(odd.map(read), [Err(NoDecimal::NoNumber); 10]);
        assert_eq!(decimal(format!("{}e-30", "9".repeat(38)).as_bytes(), 38, 30), Ok(10_i128.pow(38) - 1));
        let ones = "1".repeat(38);
        assert_eq!(decimal(format!("{ones}{}e-50", "0".repeat(50)).as_bytes(), 38, 0), decimal(ones.as_bytes(), 38, 0));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let read = |text: &str| date(text.as_bytes());
        assert_eq!([read("1970-01-01"), read("2000-02-29"), read("1969-12-31")], [Some(0), Some(11_016), Some(-1)]);
        assert_eq!([read("2026-02-29"), read("2026-13-01"), read("2026-00-10"), read("2026-1-1"), read("26-01-01")], [None; 5]);
    }

    #[test]
    fn moments_are_in_utc() {
        let read = |text: &str| timestamp(text.as_bytes());
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(read("1970-01-01 01:00:00+01:00"), Some(0));
        assert_eq!(read("1970-01-01 00:01"), Some(60_000_000));
        assert_eq!(read("1970-01-01T00:00:00.123456789"), Some(123_456));
        assert_eq!(read("1970-01-02"), Some(86_400_000_000));
        assert_eq!([read("1970-01-01T24:00:00"), read("1970-01-01T"), read("1970-01-01x"), read("1970-01-01T00:00:00 CET")], [None; 4]);
        assert_eq!(time(b"23:59:59.5"), Some(86_399_500_000));
    }

    #[test]
    fn truth_has_many_spellings() {
        assert_eq!(["TRUE", "n", "1", "maybe"].map(|text| boolean(text.as_bytes())), [Some(true), Some(false), Some(true), None]);
    }
}
