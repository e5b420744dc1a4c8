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
/// How many records are split into cells at a time.
const RECORDS_AT_ONCE: usize = 512;

const INTEGER: u8 = 1;
const DECIMAL: u8 = 2;
const DOUBLE: u8 = 4;
const BOOLEAN: u8 = 8;
const DATE: u8 = 16;
const TIMESTAMP: u8 = 32;
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
    /// Whether a floating-point number would lose digits of a value.
    needs_digits: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self { possible: u8::MAX, values: 0, whole_digits: 0, places: 0, with_places: 0, with_most_places: 0, needs_digits: false }
    }
}

/// Guesses the types of `columns` columns from the first records of some of the files. Returns them with the number of
/// records seen.
pub fn infer(files: &[&dyn RecordFile], columns: usize) -> Result<(Vec<DataType>, u64)> {
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
    Ok((guesses.iter().map(Guess::data_type).collect(), records))
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
            b'0'..=b'9' if text.get(4) == Some(&b'-') => moment_kinds(text),
            b'0'..=b'9' | b'-' | b'.' => self.number_kinds(text),
            b't' | b'T' | b'f' | b'F' if is_truth(text) => BOOLEAN,
            _ => 0,
        }
    }

    fn number_kinds(&mut self, text: &[u8]) -> u8 {
        let Some(number) = Number::read(text) else { return 0 };
        if number.has_exponent {
            return if values::double(text).is_some() { DOUBLE } else { 0 };
        }
        self.needs_digits |= loses_digits(text, &number);
        self.whole_digits = self.whole_digits.max(number.whole_digits);
        if number.places == 0 {
            return if values::integer(text).is_some() { INTEGER | DECIMAL | DOUBLE } else { DECIMAL | DOUBLE };
        }
        self.with_places += 1;
        if number.places > self.places {
            (self.places, self.with_most_places) = (number.places, 0);
        }
        self.with_most_places += u64::from(number.places == self.places);
        DECIMAL | DOUBLE
    }

    /// The narrowest type that holds all values seen; text where there is none, or no value.
    pub fn data_type(&self) -> DataType {
        let is = |kind| self.values > 0 && self.possible & kind != 0;
        match () {
            () if is(BOOLEAN) => DataType::Boolean,
            () if is(INTEGER) => DataType::Int64,
            () if is(DECIMAL) => self.decimal(),
            () if is(DOUBLE) => DataType::Float64,
            () if is(DATE) => DataType::Date32,
            () if is(TIMESTAMP) => DataType::Timestamp(TimeUnit::Microsecond, None),
            () => DataType::Utf8View,
        }
    }

    /// A decimal with room to grow. Numbers whose decimal places follow no limit are floating-point numbers, unless those would lose digits.
    fn decimal(&self) -> DataType {
        let is_fixed =
            self.needs_digits || self.places <= 2 || (self.places <= MOST_PLACES && self.with_most_places * 2 >= self.with_places);
        let scale = if self.places == 0 { 0 } else { self.places.max(2) };
        let digits = self.whole_digits + scale;
        let precision = if digits + 3 <= 18 { 18 } else { MOST_DIGITS };
        match i8::try_from(scale) {
            Ok(scale) if is_fixed && digits <= usize::from(MOST_DIGITS) => DataType::Decimal128(precision, scale),
            _ if self.places == 0 => DataType::Utf8View,
            _ => DataType::Float64,
        }
    }
}

fn moment_kinds(text: &[u8]) -> u8 {
    match () {
        () if values::date(text).is_some() => DATE | TIMESTAMP,
        () if values::timestamp(text).is_some() => TIMESTAMP,
        () => 0,
    }
}

fn is_truth(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false")
}

/// How a number is written.
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
        let has_exponent = matches!(rest, [b'e' | b'E', ..]);
        let is_number = whole_digits + places > 0 && if has_exponent { is_exponent(&rest[1..]) } else { rest.is_empty() };
        is_number.then_some(Self { whole_digits, places, has_exponent })
    }
}

/// Whether the nearest floating-point number has other digits, written with as many.
fn loses_digits(text: &[u8], number: &Number) -> bool {
    if number.whole_digits + number.places <= SAFE_DIGITS {
        return false;
    }
    let Some(nearest) = values::double(text) else { return true };
    let written = text.iter().copied().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    let nearest = format!("{nearest:.*}", number.places);
    !written.eq(nearest.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0'))
}

fn is_exponent(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    (1..=3).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
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
    fn files_are_looked_at_from_first_to_last() {
        assert_eq!((spread(3), spread(100)), (vec![0, 1, 2], vec![0, 14, 28, 42, 56, 70, 84, 99]));
    }
}
