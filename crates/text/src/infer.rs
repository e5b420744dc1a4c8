//! The types of columns, by the values in their first records.

use arrow_schema::{DataType, TimeUnit};
use hw_base::Result;

use crate::cells::{Cells, ChunkText, Cursor, Form, RecordFile};
use crate::types::MOST_DIGITS;
use crate::unreadable::unreadable;
use crate::values;

/// How many records of a file are looked at.
const RECORDS: usize = 20_000;
/// How many bytes of a file are looked at, about.
const BYTES: usize = 8 << 20;
/// How many files of a dataset are looked at.
const FILES: usize = 8;
/// More decimal places than this are those of floating-point numbers.
const MOST_PLACES: usize = 12;
/// So many digits a floating-point number keeps, whatever they are.
const SAFE_DIGITS: usize = 15;
/// A code has at least so many characters.
const SHORTEST_CODE: usize = 4;
/// How many records are split into cells at a time.
const RECORDS_AT_ONCE: usize = 512;

const INTEGER: u8 = 1;
const NUMBER: u8 = 2;
const BOOLEAN: u8 = 4;
const DATE: u8 = 8;
const TIMESTAMP: u8 = 16;
/// What a value can be that is known to be text: numbers in it are no numbers.
pub const TEXT_ONLY: u8 = DATE | TIMESTAMP;
/// What a value can be of which nothing is known.
pub const ANYTHING: u8 = u8::MAX;

/// What the values of a column can be.
#[derive(Clone, Debug)]
pub struct Guess {
    possible: u8,
    values: u64,
    /// The most digits before and after the point.
    whole_digits: usize,
    places: usize,
    /// Values with a point, and those of them that have the most places.
    with_places: u64,
    with_most_places: u64,
    /// Whether a value has an exponent, as floating-point numbers have.
    has_exponents: bool,
    /// Whether a floating-point number would lose digits of a value.
    needs_digits: bool,
    /// Numbers without an exponent.
    plain: u64,
    /// The fewest and the most characters of a number that may be a code; none where there is a sign or a point.
    shortest: usize,
    longest: usize,
    /// Moments with a zone.
    zoned: u64,
}

/// What the values of a column have shown.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The narrowest type that holds them.
    pub data_type: DataType,
    /// What may be another way.
    pub doubt: Option<Doubt>,
}

/// What the type of a column does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Some values could be numbers with an exponent, and all look like codes.
    Codes,
    /// Some moments have a zone, others none.
    Zones,
}

impl Default for Guess {
    fn default() -> Self {
        Self {
            possible: u8::MAX,
            values: 0,
            whole_digits: 0,
            places: 0,
            with_places: 0,
            with_most_places: 0,
            has_exponents: false,
            needs_digits: false,
            plain: 0,
            shortest: usize::MAX,
            longest: 0,
            zoned: 0,
        }
    }
}

/// Guesses the types of `columns` columns from the first records of some of the files. Returns them with the number of
/// records seen.
pub fn infer(files: &[&dyn RecordFile], columns: usize) -> Result<(Vec<Inferred>, u64)> {
    let (mut guesses, mut records) = (vec![Guess::default(); columns], 0);
    let spread = spread(files.len());
    for at in &spread {
        records += look_at(files[*at], &mut guesses)?;
    }
    let mut others = (0..files.len()).filter(|at| !spread.contains(at));
    while records == 0
        && let Some(at) = others.next()
    {
        records += look_at(files[at], &mut guesses)?;
    }
    // Where quotes tell texts, what has none is a number.
    let may_be_codes = files.iter().all(|file| !file.quotes_mean_text());
    let inferred = |guess: &Guess| match guess.doubt() {
        Some(Doubt::Codes) if may_be_codes => Inferred { data_type: DataType::Utf8View, doubt: Some(Doubt::Codes) },
        doubt => Inferred { data_type: guess.data_type(), doubt: doubt.filter(|doubt| *doubt != Doubt::Codes) },
    };
    Ok((guesses.iter().map(inferred).collect(), records))
}

/// The first, the last and some between.
fn spread(files: usize) -> Vec<usize> {
    if files <= FILES { (0..files).collect() } else { (0..FILES).map(|at| at * (files - 1) / (FILES - 1)).collect() }
}

fn look_at(file: &dyn RecordFile, guesses: &mut [Guess]) -> Result<u64> {
    let (mut splitter, mut records, mut bytes) = (file.open()?, 0, 0);
    while records < RECORDS && bytes < BYTES {
        let Some(chunk) = splitter.next_chunk().map_err(|error| unreadable(file.name(), &error))? else { break };
        bytes += chunk.text.len();
        if !chunk.is_too_long {
            records += look_at_chunk(file, &chunk.into(), RECORDS - records, guesses);
        }
    }
    Ok(records as u64)
}

fn look_at_chunk(file: &dyn RecordFile, chunk: &ChunkText, most: usize, guesses: &mut [Guess]) -> usize {
    let (mut cursor, mut records) = (Cursor { at: 0, line: chunk.first_line }, 0);
    let mut cells = Cells::new(file.width());
    while records < most {
        cells.clear();
        file.read(chunk, &mut cursor, RECORDS_AT_ONCE.min(most - records), &mut cells);
        if cells.records.is_empty() {
            break;
        }
        records += cells.records.len();
        for (column, guess) in guesses.iter_mut().enumerate() {
            if let Some(place) = file.cell_of(column) {
                look_at_column(file, chunk, &cells, place, guess);
            }
        }
    }
    records
}

fn look_at_column(file: &dyn RecordFile, chunk: &ChunkText, cells: &Cells, place: usize, guess: &mut Guess) {
    for cell in cells.all.iter().skip(place).step_by(cells.width.max(1)) {
        let text = cell.of(&chunk.text);
        if cell.form == Form::Missing || (cell.form == Form::Bare && file.is_null(text)) {
            continue;
        }
        let is_text = cell.form != Form::Bare && file.quotes_mean_text();
        guess.see(text.as_bytes(), if is_text { TEXT_ONLY } else { ANYTHING });
    }
}

impl Guess {
    /// Takes a value into account that can be one of `allowed`.
    pub fn see(&mut self, text: &[u8], allowed: u8) {
        let text = values::trimmed(text);
        if text.is_empty() || self.possible == 0 {
            return;
        }
        self.values += 1;
        self.possible &= allowed & self.kinds(text);
    }

    fn kinds(&mut self, text: &[u8]) -> u8 {
        match text[0] {
            b'0'..=b'9' if begins_with_year(text) => {
                self.zoned += u64::from(has_zone(text));
                moment_kinds(text)
            }
            b'0'..=b'9' | b'-' | b'.' => self.number_kinds(text),
            b't' | b'T' | b'f' | b'F' if is_truth(text) => BOOLEAN,
            _ => 0,
        }
    }

    fn number_kinds(&mut self, text: &[u8]) -> u8 {
        let Some(number) = Number::read(text) else { return 0 };
        if number.has_exponent && values::double(text).is_none() {
            return 0;
        }
        self.has_exponents |= number.has_exponent;
        self.plain += u64::from(!number.has_exponent);
        let length = if text.iter().all(u8::is_ascii_alphanumeric) { text.len() } else { 0 };
        (self.shortest, self.longest) = (self.shortest.min(length), self.longest.max(length));
        self.needs_digits |= loses_digits(text, &number);
        self.whole_digits = self.whole_digits.max(number.whole_digits);
        if number.places == 0 {
            return if values::integer(text).is_some() { INTEGER | NUMBER } else { NUMBER };
        }
        self.with_places += 1;
        if number.places > self.places {
            (self.places, self.with_most_places) = (number.places, 0);
        }
        self.with_most_places += u64::from(number.places == self.places);
        NUMBER
    }

    /// The narrowest type that holds all values seen; text where there is none, or no value.
    pub fn data_type(&self) -> DataType {
        let is = |kind| self.values > 0 && self.possible & kind != 0;
        match () {
            () if is(BOOLEAN) => DataType::Boolean,
            () if is(INTEGER) => DataType::Int64,
            () if is(NUMBER) => self.number(),
            () if is(DATE) => DataType::Date32,
            () if is(TIMESTAMP) => DataType::Timestamp(TimeUnit::Microsecond, None),
            () => DataType::Utf8View,
        }
    }

    /// What the type does not tell.
    fn doubt(&self) -> Option<Doubt> {
        let is = |kind| self.values > 0 && self.possible & kind != 0;
        let has_codes =
            || self.has_exponents && self.plain * 2 > self.values && self.shortest == self.longest && self.longest >= SHORTEST_CODE;
        match () {
            () if is(NUMBER) => has_codes().then_some(Doubt::Codes),
            () if is(TIMESTAMP) => (self.zoned > 0 && self.zoned < self.values).then_some(Doubt::Zones),
            () => None,
        }
    }

    /// A decimal with room to grow, or a floating-point number where that is what the values look like and none of them would lose
    /// digits. Digits that no decimal has room for are text.
    fn number(&self) -> DataType {
        let scale = if self.places == 0 { 0 } else { self.places.max(2) };
        let digits = self.whole_digits + scale;
        let precision = if digits + 3 <= 18 { 18 } else { MOST_DIGITS };
        match i8::try_from(scale) {
            _ if !self.needs_digits && !self.looks_fixed() => DataType::Float64,
            Ok(scale) if digits <= usize::from(MOST_DIGITS) => DataType::Decimal128(precision, scale),
            _ if self.needs_digits || self.places == 0 => DataType::Utf8View,
            _ => DataType::Float64,
        }
    }

    /// Whether the numbers are written as those of fixed decimal places are.
    fn looks_fixed(&self) -> bool {
        let is_limited = self.places <= 2 || (self.places <= MOST_PLACES && self.with_most_places * 2 >= self.with_places);
        is_limited && !self.has_exponents
    }
}

/// Whether a text begins as an ISO date does; `1.5e-05` has its hyphen at the same place.
fn begins_with_year(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..])
}

fn moment_kinds(text: &[u8]) -> u8 {
    match () {
        () if values::date(text).is_some() => DATE | TIMESTAMP,
        () if values::timestamp(text).is_some() => TIMESTAMP,
        () => 0,
    }
}

/// Whether what stands behind the day of a moment tells a zone.
fn has_zone(text: &[u8]) -> bool {
    text.iter().skip(11).any(|byte| matches!(byte, b'Z' | b'z' | b'U' | b'+' | b'-'))
}

fn is_truth(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false")
}

/// How many digits a number has, written out without its exponent.
struct Number {
    whole_digits: usize,
    places: usize,
    has_exponent: bool,
}

impl Number {
    /// Reads a number as machines write it. Leading zeros, a plus sign and separators mean text, such as a telephone
    /// number or a postal code.
    fn read(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let (whole_digits, rest) = digits(text);
        if whole_digits > 1 && text.first() == Some(&b'0') {
            return None;
        }
        let (places, rest) = rest.strip_prefix(b".").map_or((0, rest), digits);
        if whole_digits + places == 0 {
            return None;
        }
        match rest {
            [] => Some(Self { whole_digits, places, has_exponent: false }),
            [b'e' | b'E', exponent @ ..] => Some(Self::written_out(text, whole_digits, places, read_exponent(exponent)?)),
            _ => None,
        }
    }

    /// A number with an exponent, of which zeros at both ends do not count.
    fn written_out(text: &[u8], whole_digits: usize, places: usize, exponent: isize) -> Self {
        let leading = whole_digits + places - significant(text).count();
        let is_zero = leading == whole_digits + places;
        let trailing = mantissa(text).iter().rev().filter(|byte| byte.is_ascii_digit()).take_while(|digit| **digit == b'0').count();
        Self {
            whole_digits: if is_zero { 0 } else { whole_digits.saturating_add_signed(exponent).saturating_sub(leading) },
            places: if is_zero { 0 } else { places.saturating_add_signed(-exponent).saturating_sub(trailing) },
            has_exponent: true,
        }
    }
}

/// Whether the nearest floating-point number has other digits, written with as many as here as well as with the fewest that tell it
/// from its neighbours.
fn loses_digits(text: &[u8], number: &Number) -> bool {
    if number.whole_digits + number.places <= SAFE_DIGITS && !number.has_exponent {
        return false;
    }
    let Some(nearest) = values::double(text) else { return true };
    let (exact, shortest) = if number.has_exponent {
        let further_digits = significant(text).count().saturating_sub(1);
        (format!("{nearest:.further_digits$e}"), format!("{nearest:e}"))
    } else {
        (format!("{nearest:.*}", number.places), nearest.to_string())
    };
    ![exact, shortest].iter().any(|printed| significant(text).eq(significant(printed.as_bytes())))
}

/// Whether a text is a whole number of which a floating-point number would lose digits.
pub(crate) fn is_too_long_for_double(text: &[u8]) -> bool {
    let (length, rest) = digits(text.strip_prefix(b"-").unwrap_or(text));
    length > SAFE_DIGITS && rest.is_empty() && Number::read(text).is_some_and(|number| loses_digits(text, &number))
}

/// The digits of a number from the first on that is not zero.
fn significant(text: &[u8]) -> impl Iterator<Item = u8> {
    mantissa(text).iter().copied().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0')
}

/// What stands before the exponent.
fn mantissa(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).count();
    &text[..length]
}

/// What follows an `e`.
fn read_exponent(text: &[u8]) -> Option<isize> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let is_one = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if is_one { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// The number of digits at the start, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (length, &text[length..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::arrow_to_sql_type;

    #[track_caller]
    fn check(values: &[&str], sql_type: &str) {
        let mut guess = Guess::default();
        for value in values {
            guess.see(value.as_bytes(), u8::MAX);
        }
        assert_eq!(arrow_to_sql_type(&guess.data_type()), sql_type, "{values:?}");
    }

    #[test]
    fn types_are_as_narrow_as_the_values_allow() {
        check(&["1", "-20", " 3 "], "bigint");
        check(&["1", "2.5"], "decimal(18,2)");
        check(&["52.520008", "13.404954", "1.5"], "decimal(18,6)");
        check(&["1.5", "0.25", "0.125", "7.0625", "0.30000000000000004"], "double");
        check(&["1", "1e9"], "double");
        check(&["1.5e-05", "2"], "double");
        check(&["1.25", "2.50", "0.125", "12345678901234567.89"], "decimal(38,3)");
        check(&["1.5", "0.25", "0.125", "0.10000000000000000555"], "double");
        check(&["99999999999999999999"], "decimal(38,0)");
        check(&["123456789012345678.25"], "decimal(38,2)");
        check(&["true", "FALSE"], "boolean");
        check(&["2026-01-31"], "date");
        check(&["2026-01-31", "2026-01-31T10:00:00Z"], "timestamp");
    }

    #[test]
    fn what_is_not_plainly_a_number_stays_text() {
        for values in [
            &["007"][..],
            &["+49301234"],
            &["1,5"],
            &["1", "x"],
            &["1", "true"],
            &["2026-02-30"],
            &[],
            &[""],
            &["-"],
            &["."],
            &["1e"],
            &["1", "1e400"],
            &["123456789012345678901234567890123456789"],
        ] {
            check(values, "text");
        }
    }

    #[test]
    fn numbers_with_exponents_keep_their_digits() {
        check(&["12345678901234567.89", "1e3"], "decimal(38,2)");
        check(&["9007199254740993", "1e3"], "decimal(38,0)");
        check(&["9007199254740993", "1.5e-05"], "decimal(38,6)");
        check(&["9007199254740993", "1e-300"], "text");
        check(&["12345678901234567891e-3", "1"], "decimal(38,3)");
        check(&["123456789012345678901234567890.5", "0.12345678901234567891"], "text");
        check(&["1", "1e-400"], "text");
    }

    #[test]
    fn numbers_as_programs_print_doubles_are_doubles() {
        for number in [0.1 + 0.2, 0.123_456_789_012_345_6, 1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, 2_f64.powi(-44), 1e23] {
            for printed in [format!("{number}"), format!("{number:e}"), format!("{number:.16e}"), format!("{number:.20E}")] {
                check(&[printed.as_str(), "-1.5e-05", "1E+05", "0e0", "-0.0"], "double");
            }
        }
        check(&["5.684341886080802e-14", "123456789012345680", "4.9E-324"], "double");
    }

    #[test]
    fn a_number_is_counted_as_it_would_be_written_out() {
        let read = |text: &str| Number::read(text.as_bytes()).map(|number| (number.whole_digits, number.places));
        assert_eq!([read("1.5e-05"), read("-1.500E-5"), read("0.015e-3")], [Some((0, 6)); 3]);
        assert_eq!([read("1.5e3"), read("1500e0"), read("0.0150e5")], [Some((4, 0)); 3]);
        assert_eq!([read("12.345e1"), read("1234.5e-1")], [Some((3, 2)); 2]);
        assert_eq!([read("0e50"), read("0.00e-50")], [Some((0, 0)); 2]);
        assert_eq!([read("1e1000"), read("1e"), read("1e+"), read("e5"), read(".e5"), read("1e5x"), read("01e5")], [None; 7]);
    }

    #[test]
    fn a_column_is_of_a_type_that_reads_each_of_its_values() {
        for (text, sql_type) in [
            ("1.5e-05", "double"),
            ("-1.5e-05", "double"),
            ("1e5", "double"),
            ("1E+05", "double"),
            ("1.e5", "double"),
            (".5e1", "double"),
            (".5", "decimal(18,2)"),
            ("-.5", "decimal(18,2)"),
            ("5.", "bigint"),
            ("-0", "bigint"),
            ("2026-01-31", "date"),
            ("2026-01-31 12:30", "timestamp"),
            ("+1.5e-05", "text"),
            ("1_000", "text"),
            ("12:30", "text"),
            ("1/2/2026", "text"),
            ("2026/01/02", "text"),
            ("1234-5", "text"),
            ("12e4-5", "text"),
            ("Infinity", "text"),
            ("-inf", "text"),
            ("NaN", "text"),
            ("0x1F", "text"),
            ("1e5e5", "text"),
            ("1.5.2", "text"),
            ("--1", "text"),
            ("1-", "text"),
        ] {
            check(&[text], sql_type);
            let mut guess = Guess::default();
            guess.see(text.as_bytes(), ANYTHING);
            let is_read = match guess.data_type() {
                DataType::Int64 => values::integer(text.as_bytes()).is_some(),
                DataType::Decimal128(precision, scale) => values::decimal(text.as_bytes(), precision, scale.unsigned_abs()).is_ok(),
                DataType::Float64 => values::double(text.as_bytes()).is_some(),
                DataType::Date32 => values::date(text.as_bytes()).is_some(),
                DataType::Timestamp(..) => values::timestamp(text.as_bytes()).is_some(),
                _ => true,
            };
            assert!(is_read, "{text}");
        }
    }

    #[test]
    fn what_a_type_does_not_tell_is_a_doubt() {
        let doubt = |values: &[&str]| {
            let mut guess = Guess::default();
            for value in values {
                guess.see(value.as_bytes(), ANYTHING);
            }
            guess.doubt()
        };
        assert_eq!([doubt(&["1234", "12e3", "5678"]), doubt(&["10442", "1E142", "", "20001"])], [Some(Doubt::Codes); 2]);
        for numbers in [
            &["1e10", "2e10"][..],
            &["1000", "1e10"],
            &["100", "1e3", "200"],
            &["1000", "1e-5", "2000"],
            &["1000", "2.5e3", "1.5"],
            &["10.5", "20.5", "1e10"],
            &["1000", "1e10", "20000"],
            &["-100", "1e10", "-200"],
            &["1000", "2000"],
            &["1000", "1e10", "abcd"],
        ] {
            assert_eq!(doubt(numbers), None, "{numbers:?}");
        }
        assert_eq!(doubt(&["2026-01-31T10:00:00+02:00", "2026-01-31 10:00"]), Some(Doubt::Zones));
        assert_eq!(doubt(&["2026-01-31T10:00:00Z", "2026-01-31T10:00:00-05:00", "", "2026-01-31 10:00 UTC"]), None);
        assert_eq!(doubt(&["2026-01-31T10:00:00", "2026-01-31"]), None);
    }

    #[test]
    fn files_are_looked_at_from_first_to_last() {
        assert_eq!((spread(3), spread(100)), (vec![0, 1, 2], vec![0, 14, 28, 42, 56, 70, 84, 99]));
    }
}
