//! The type of a column: the declared one, where its values keep to it.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::rows::Cell;
use crate::types::sql_type_to_arrow;
use hw_text::infer::{Guess, TEXT_ONLY};
use hw_text::types::MOST_DIGITS;
use hw_text::values;

/// A moment without a zone.
const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// A greater whole number may lose digits as a double.
const MOST_EXACT: u64 = 1 << 53;

/// A declared type, by the words that SQLite itself looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declaration {
    Truth,
    Day,
    Moment,
    Integer,
    Real,
    Decimal(u8, i8),
    Text,
    Bytes,
    /// A word that means no type, or none.
    Nothing,
}

impl Declaration {
    /// Reads the type of a column as it is declared, such as `VARCHAR(20)`.
    pub(super) fn read(text: &str) -> Self {
        let lower = text.trim().to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        match sql_type_to_arrow(&lower) {
            Some(DataType::Decimal128(precision, scale)) if lower.contains('(') => Self::Decimal(precision, scale),
            _ if has(&["bool"]) => Self::Truth,
            _ if has(&["datetime", "timestamp"]) => Self::Moment,
            _ if has(&["date"]) => Self::Day,
            _ if has(&["int"]) => Self::Integer,
            _ if has(&["char", "clob", "text"]) => Self::Text,
            _ if has(&["blob", "binary"]) => Self::Bytes,
            _ if has(&["real", "floa", "doub"]) => Self::Real,
            _ => Self::Nothing,
        }
    }

    /// The type of a column without values.
    fn data_type(self) -> DataType {
        match self {
            Self::Truth => DataType::Boolean,
            Self::Day => DataType::Date32,
            Self::Moment => MOMENT,
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Text => DataType::Utf8View,
            Self::Bytes => DataType::BinaryView,
            Self::Nothing => DataType::Null,
        }
    }
}

/// What kinds of values a column has.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    values: u64,
    integers: u64,
    reals: u64,
    texts: u64,
    truths: u64,
    days: u64,
    moments: u64,
    /// The most digits of a number before and after the point.
    whole_digits: usize,
    places: usize,
    /// Whether a double could lose digits of a number.
    needs_digits: bool,
    guess: Guess,
}

impl Tally {
    /// Takes a value into account.
    pub(super) fn see(&mut self, cell: &Cell<'_>) {
        self.values += u64::from(*cell != Cell::Null);
        match cell {
            Cell::Integer(number) => {
                self.integers += 1;
                self.truths += u64::from(matches!(number, 0 | 1));
                self.needs_digits |= number.unsigned_abs() > MOST_EXACT;
                self.see_number(&number.to_string());
            }
            Cell::Real(number) => {
                self.reals += 1;
                self.see_number(&number.to_string());
            }
            Cell::Text(text) => self.see_text(text),
            _ => {}
        }
    }

    fn see_number(&mut self, shown: &str) {
        let (whole, places) = shown.trim_start_matches('-').split_once('.').unwrap_or((shown.trim_start_matches('-'), ""));
        self.whole_digits = self.whole_digits.max(whole.len());
        self.places = self.places.max(places.len());
    }

    fn see_text(&mut self, text: &str) {
        let bytes = values::trimmed(text.as_bytes());
        self.texts += 1;
        self.truths += u64::from(values::boolean(bytes).is_some());
        self.days += u64::from(values::date(bytes).is_some());
        self.moments += u64::from(values::timestamp(bytes).is_some());
        self.guess.see(bytes, TEXT_ONLY);
    }

    /// The declared type where most values keep to it, else the one that holds them all.
    pub(super) fn data_type(&self, declared: Declaration) -> DataType {
        let is_most = |some: u64| some * 2 > self.values;
        let numbers = self.integers + self.reals;
        match declared {
            _ if self.values == 0 => declared.data_type(),
            Declaration::Truth if is_most(self.truths) => DataType::Boolean,
            Declaration::Day if is_most(self.days) => DataType::Date32,
            Declaration::Day | Declaration::Moment if is_most(self.moments) => MOMENT,
            Declaration::Integer if is_most(numbers) => self.numeric(),
            Declaration::Real if is_most(numbers) => DataType::Float64,
            Declaration::Decimal(precision, scale) if is_most(numbers) => self.decimal(precision, scale),
            Declaration::Text if is_most(numbers + self.texts) => DataType::Utf8View,
            Declaration::Bytes if is_most(self.values - numbers - self.texts) => DataType::BinaryView,
            _ => self.by_values(),
        }
    }

    fn by_values(&self) -> DataType {
        match () {
            () if self.integers + self.reals == self.values => self.numeric(),
            () if self.texts == self.values => self.guess.data_type(),
            () if self.integers + self.reals + self.texts == 0 => DataType::BinaryView,
            () => DataType::Utf8View,
        }
    }

    /// The type that keeps all digits; text where no number has room for them.
    fn numeric(&self) -> DataType {
        match i8::try_from(self.places) {
            _ if self.reals == 0 => DataType::Int64,
            _ if !self.needs_digits => DataType::Float64,
            Ok(scale) if self.whole_digits + self.places <= usize::from(MOST_DIGITS) => DataType::Decimal128(MOST_DIGITS, scale),
            _ => DataType::Utf8View,
        }
    }

    /// The declared decimal, where the numbers are such.
    fn decimal(&self, precision: u8, scale: i8) -> DataType {
        let scale_digits = usize::from(scale.unsigned_abs());
        let fits = self.places <= scale_digits && self.whole_digits + scale_digits <= usize::from(precision);
        if fits { DataType::Decimal128(precision, scale) } else { self.numeric() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::arrow_to_sql_type;

    #[track_caller]
    fn check(declared: &str, cells: &[Cell<'_>], expected: &str) {
        let mut tally = Tally::default();
        for cell in cells {
            tally.see(cell);
        }
        assert_eq!(arrow_to_sql_type(&tally.data_type(Declaration::read(declared))), expected, "{declared}: {cells:?}");
    }

    #[test]
    fn a_declared_type_holds_where_most_values_keep_to_it() {
        use Cell::{Bytes, Integer, Null, Real, Text};
        check("INTEGER", &[Integer(1), Integer(2), Text("x")], "bigint");
        check("INTEGER", &[Integer(1), Real(2.5)], "double");
        check("INTEGER", &[Integer(9_007_199_254_740_993), Real(2.5)], "decimal(38,1)");
        check("INTEGER", &[Integer(9_007_199_254_740_993), Real(1e-30)], "text");
        check("BIGINT UNSIGNED", &[Text("a"), Text("b"), Integer(1)], "text");
        check("VARCHAR(20)", &[Text("2026-01-01"), Integer(7)], "text");
        check("DECIMAL(10,2)", &[Integer(3), Real(12.5)], "decimal(10,2)");
        check("DECIMAL(10,2)", &[Real(0.1 + 0.2)], "double");
        check("DATE", &[Text("2026-01-31"), Null], "date");
        check("DATE", &[Text("2026-01-31 10:00:00"), Text("2026-01-31")], "timestamp");
        check("DATETIME", &[Integer(1_767_225_600)], "bigint");
        check("BOOLEAN", &[Integer(1), Integer(0), Integer(7)], "boolean");
        check("BLOB", &[Bytes(&[1, 2])], "binary");
    }

    #[test]
    fn without_a_declared_type_the_values_decide() {
        use Cell::{Bytes, Integer, Real, Text};
        check("", &[Integer(1), Real(2.5)], "double");
        check("JSON", &[Text("{}")], "text");
        check("NUM", &[Text("2026-01-31")], "date");
        check("", &[Text("007")], "text");
        check("", &[Text("x"), Integer(1), Bytes(&[1])], "text");
        check("INTEGER", &[], "bigint");
    }
}
