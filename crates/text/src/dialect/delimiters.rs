//! Which byte stands between fields: the one on which most records agree, but for those that texts, numbers, times and addresses hold.

use memchr::{memchr, memchr_iter};

use super::agreement::{AGREEMENT, BETTER, Likely};
use super::header;
use super::sample::{BEGINNING, Sample};
use crate::split::Marks;

/// Delimiters to try, the likelier first: no text holds a tab. Numbers and times of day hold none of them but for a decimal comma.
pub(super) const DELIMITERS: [u8; 4] = [b'\t', b',', b';', b'|'];
/// The delimiter that is tried beside them; times of day, addresses and many texts hold it.
const COLON: u8 = b':';
/// The delimiter where no other one is found.
pub(super) const USUAL_DELIMITER: u8 = b',';
/// What may stand for the delimiter of one column whose values hold the usual one. No text holds the last.
const BESIDE_ONE_COLUMN: [u8; 4] = [b';', b'\t', b'|', 0x1F];

impl Sample<'_> {
    /// The marks with the delimiter that is known, else with the one on which most records agree.
    pub(super) fn best(self, delimiter: Option<u8>, usual: Marks) -> Likely {
        match delimiter {
            Some(delimiter) => self.agreed(Marks { delimiter, ..usual }),
            None => self.best_delimiter(usual),
        }
    }

    /// The marks with the delimiter on which most records agree. One that stands in times of day and addresses is none, but for a header
    /// of names above numbers where no other one fits.
    fn best_delimiter(self, usual: Marks) -> Likely {
        let is_likely = |found: &Likely| found.fields > 1 && found.agreement >= AGREEMENT;
        let agreed = |delimiter| Some(self.agreed(Marks { delimiter, ..usual })).filter(is_likely);
        let found = DELIMITERS.into_iter().filter_map(agreed).reduce(|best, other| self.likelier(best, other));
        let names_columns = |colons: &Likely| found.is_none() && colons.agreement >= 1.0 && self.names_columns_between_colons(colons.marks);
        let colons = agreed(COLON).filter(|colons| !has_colons_in_values(self.text) || names_columns(colons));
        match (found, colons) {
            (Some(found), Some(colons)) => self.likelier(found, colons),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => self.between_blanks(usual).unwrap_or_else(|| self.one_column(usual)),
        }
    }

    /// The marks of texts in quotes between blanks, as R writes a table unless it is told otherwise. Prose begins with quotes too, and holds
    /// words without them.
    fn between_blanks(self, usual: Marks) -> Option<Likely> {
        if self.text.first() != usual.quote.as_ref() {
            return None;
        }
        let marks = Marks { delimiter: b' ', ..usual };
        let counts = self.field_counts(marks);
        let are_agreed = counts.iter().all(|fields| *fields > 1 && Some(fields) == counts.first());
        (are_agreed && !counts.is_empty() && self.is_quoted_as_by_r(marks)).then(|| self.agreed(marks))
    }

    /// The one on which more records agree; of two on which they agree alike, the one outside of numbers, and that with more fields.
    pub(super) fn likelier(self, best: Likely, other: Likely) -> Likely {
        let wins_ties = match (best.marks.delimiter, other.marks.delimiter) {
            (b'\t', _) => false,
            (b',', b';') if share_in_numbers(b',', self.text) >= 1.0 => true,
            (b',', b';' | b'|') if are_before_blanks(b',', self.text) && !are_before_blanks(other.marks.delimiter, self.text) => true,
            (_, COLON) if share_in_numbers(COLON, self.text) > 0.5 => false,
            _ => other.fields > best.fields,
        };
        let is_better = other.agreement > best.agreement + BETTER || (other.agreement > best.agreement - BETTER && wins_ties);
        if is_better { other } else { best }
    }

    /// The marks of a file on whose delimiter no records agree. Where the usual one would have all fields but the first of each record be too
    /// many, another one stands for it, and no record is lost.
    fn one_column(self, usual: Marks) -> Likely {
        let counts = self.field_counts(usual);
        let has_one_name = counts.first() == Some(&1) && counts.iter().any(|fields| *fields > 1);
        let other = BESIDE_ONE_COLUMN.into_iter().find(|delimiter| has_one_name && memchr(*delimiter, self.text).is_none());
        let marks = Marks { delimiter: other.unwrap_or(usual.delimiter), ..usual };
        Likely { agreement: AGREEMENT, fields: 0, marks, first: BEGINNING }
    }

    /// Whether names stand between colons above numbers, and are no time of day or address together.
    fn names_columns_between_colons(self, marks: Marks) -> bool {
        let rows = self.first_records(marks);
        let is_value = rows.first().is_some_and(|first| is_value_with_colons(&first.join(":")));
        !is_value && header::names_all_columns(&rows) && header::stands_above_values(&rows)
    }
}

/// Whether most of the texts with a colon, between blanks, quotes and delimiters, are moments, times of day or addresses.
fn has_colons_in_values(sample: &[u8]) -> bool {
    let is_between = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | b'"' | b'\'') || DELIMITERS.contains(byte);
    let (mut texts, mut values) = (0_usize, 0_usize);
    for text in sample.split(is_between).filter(|text| text.contains(&b':')) {
        texts += 1;
        values += usize::from(std::str::from_utf8(text).is_ok_and(is_value_with_colons));
    }
    values * 2 > texts
}

/// Addresses are told from numbers by more than decimal digits between their colons.
fn is_value_with_colons(text: &str) -> bool {
    let is_more_than_digits = text.contains("::") || text.bytes().any(|byte| byte.is_ascii_alphabetic());
    header::begins_with_moment(text) || (is_more_than_digits && header::is_address(text))
}

/// How often a byte stands between two digits, of all places where it stands, as the comma of `2,5` and the colon of `10:30` do.
fn share_in_numbers(byte: u8, sample: &[u8]) -> f64 {
    let is_digit = |at: Option<usize>| at.and_then(|at| sample.get(at)).is_some_and(u8::is_ascii_digit);
    let (mut places, mut in_numbers) = (0_usize, 0_usize);
    for at in memchr_iter(byte, sample) {
        places += 1;
        in_numbers += usize::from(is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)));
    }
    in_numbers as f64 / places.max(1) as f64
}

/// Whether a byte stands before blanks alone, as a comma does in sentences.
fn are_before_blanks(byte: u8, sample: &[u8]) -> bool {
    memchr_iter(byte, sample).all(|at| sample.get(at + 1) == Some(&b' '))
}

#[cfg(test)]
mod tests {
    use crate::dialect::tests::{UNKNOWN, check, lines};
    use crate::dialect::{Dialect, KnownDialect};

    #[test]
    fn delimiters_are_told_by_agreement() {
        check("a,b\n1,2\n3,4\n", ',', true, &["a", "b"]);
        check("name;price\nx, y;1,5\nz;2,5\n", ';', true, &["name", "price"]);
        check("a\tb\n1\t2\n", '\t', true, &["a", "b"]);
        check("a|b\n\"x|y\"|2\n", '|', true, &["a", "b"]);
        check("at\n2026-01-01T10:00:00\n2026-01-01T11:00:00\n", ',', true, &["at"]);
        check("id,at\n1,10:00:00\n2,11:00:00\n", ',', true, &["id", "at"]);
        check("a;b\r1;2\r", ';', true, &["a", "b"]);
    }

    #[test]
    fn times_of_day_are_no_fields_where_another_delimiter_fits() {
        check("00:10:01,worker 10\n00:10:02,worker 11\n", ',', false, &["00:10:01", "worker 10"]);
        check("root:x:0:/root\nann:x:1000:/home/ann, x\nbob:x:1001:/home/bob\n", ':', false, &["root", "x", "0", "/root"]);
        check("name:place\nann:Rome, IT\nbob:Oslo, NO\n", ':', true, &["name", "place"]);
    }

    #[test]
    fn of_delimiters_that_agree_alike_the_one_outside_of_numbers_and_texts_is_taken() {
        check("1,10:00:00\n2,11:00:00\n", ',', false, &["1", "10:00:00"]);
        check("1.5,z:1,18:30:00\n", ',', false, &["1.5", "z:1", "18:30:00"]);
        check("x;14:30:00\ny;13:30:00\n", ';', false, &["x", "14:30:00"]);
        check("city,00:00,01:00\nRome,5,6\n", ',', true, &["city", "00:00", "01:00"]);
        check("10:20\n11:30\n", ',', false, &["10:20"]);
        check("2026-01-01T10:00:00\n2026-01-01T11:00:00\n", ',', false, &["2026-01-01T10:00:00"]);
        check("1,2026-01-01T10:00:00\n2,2026-01-01T11:00:00\n", ',', false, &["1", "2026-01-01T10:00:00"]);
        check("x;2,5;3,5\ny;7,5;8,25\n", ';', false, &["x", "2,5", "3,5"]);
        check("Doe, Ann, Dr\t5\nRoe, Jan, Dr\t6\n", '\t', false, &["Doe, Ann, Dr", "5"]);
        check("root:x:0:Root,,:/root\nann:x:7:Ann,,:/home/ann\n", ':', false, &["root", "x", "0", "Root,,", "/root"]);
        check("1,2,3\n4,5,6\n", ',', false, &["1", "2", "3"]);
    }

    #[test]
    fn a_name_above_decimal_commas_is_one_column() {
        check("price\n1,5\n2,5\n3,5\n", ';', true, &["price"]);
        check("price\n1,5\n-2,25\n3\n", ';', true, &["price"]);
        check("price,\n1,5\n2,5\n", ',', true, &["price", ""]);
        check("a,b\n1,5\n2,5\n", ',', true, &["a", "b"]);
        check("1,5\n2,5\n", ',', false, &["1", "5"]);
    }

    #[test]
    fn one_name_above_texts_with_delimiters_is_one_column_however_many_there_are() {
        check(&format!("Betrag\n{}", lines("#,5")), ';', true, &["Betrag"]);
        check("Betrag\n12,50\n+7,25\n1.234,50\n1'234'567,5\n", ';', true, &["Betrag"]);
        check(&format!("name\n{}", lines("Muster#, Max")), ';', true, &["name"]);
        check(&format!("name\n{}", lines("a#;b, c")), '\t', true, &["name"]);
        check(&format!("name\n{}", lines("a#;b, c|d\te")), '\u{1f}', true, &["name"]);
        for values in ["http://a.de/#", "00:11:22:33:44:#", "1:#", "chr1:#", "[fe80::#]:80"] {
            check(&format!("value\n{}", lines(values)), ',', true, &["value"]);
        }
    }

    #[test]
    fn colons_below_a_header_of_names_with_colons_delimit() {
        check("chr:pos\n1:10\n2:20\n3:30\n", ':', true, &["chr", "pos"]);
        check("10:00:01 INFO start\n10:00:02 WARN slow\n", ',', false, &["10:00:01 INFO start"]);
        check("http://a.de/1\nhttp://a.de/2\n", ',', false, &["http://a.de/1"]);
    }

    #[test]
    fn blanks_delimit_nothing_in_prose() {
        check("\"x\" \"y\"\n\"a b\" 1\n\"c\" 2\n", ' ', true, &["x", "y"]);
        for text in ["\"Hello world\" she said.\n\"Good bye\" he said.\n", "\"x\"  \"y\"\n\"a\"  1\n"] {
            assert_eq!(Dialect::detect(text.as_bytes(), true, UNKNOWN).marks.delimiter, b',', "{text}");
        }
    }

    #[test]
    fn colons_of_addresses_and_times_delimit_nothing() {
        check("aa:bb:cc:dd:ee:ff\n00:1b:44:11:3a:b7\n", ',', false, &["aa:bb:cc:dd:ee:ff"]);
        check("1,aa:bb:cc:dd:ee:ff\n2,00:1b:44:11:3a:b7\n", ',', false, &["1", "aa:bb:cc:dd:ee:ff"]);
        check("2001:db8:0:0:0:0:0:1\nfe80:0:0:0:0:0:0:a\n", ',', false, &["2001:db8:0:0:0:0:0:1"]);
        check("2001:db8::/32\nfe80::/10\n", ',', false, &["2001:db8::/32"]);
        check("7:10\n12:45\n", ',', false, &["7:10"]);
        check("1:2\n3:4\n", ':', false, &["1", "2"]);
        check("a:b:c:d:e:f\n1:2:3:4:5:6\n", ':', true, &["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn a_declared_delimiter_that_stands_nowhere_is_told_from_one_column() {
        let likelier = |text: &str| {
            let known = KnownDialect { delimiter: Some(b';'), ..UNKNOWN };
            Dialect::detect(text.as_bytes(), true, known).likelier_delimiter(text.as_bytes(), true).map(char::from)
        };
        assert_eq!(likelier("id,v\n1,2\n3,4\n"), Some(','));
        assert_eq!(likelier("id\tv\n"), Some('\t'));
        assert_eq!(likelier("id\n1,2\n3,4\n"), None);
        assert_eq!(likelier("1,5\n2,5\n"), None);
        assert_eq!(likelier("id;v\n1,2;3\n"), None);
    }
}
