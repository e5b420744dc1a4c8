//! How a CSV file is written: its delimiter, its quotes, its line ends, whether it has a header, and what stands above that.
//!
//! What it may be is weighed by three things: as few records as can be are lost, a header is narrower than no record, and names stand
//! above values.

mod agreement;
mod comments;
mod delimiters;
mod header;
mod row_names;
mod sample;
mod titles;

use memchr::memchr;

use self::agreement::best_quote;
use self::delimiters::{DELIMITERS, USUAL_DELIMITER};
use self::sample::Sample;
use crate::split::{Marks, first_record_end};

/// What the project says about a dialect; the rest is detected.
#[derive(Clone, Copy, Debug)]
pub struct KnownDialect {
    /// The byte between fields.
    pub delimiter: Option<u8>,
    /// The byte around fields.
    pub quote: Quote,
    /// The byte that starts a comment line.
    pub comment: Option<u8>,
    /// Whether the first record names the columns.
    pub has_header: Option<bool>,
    /// Whether titles and comments may stand above the header.
    pub may_have_titles: bool,
    /// What is known about the fields.
    pub fields: KnownFields,
}

/// What the project and earlier files of a dataset tell about the fields of its records.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownFields {
    /// How many a record has at least.
    pub fewest: usize,
    /// Whether the header may lack the name of the first one.
    pub may_begin_unnamed: bool,
}

/// What the project says about the byte around fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quote {
    /// Nothing.
    #[default]
    Detected,
    /// It is this one.
    Is(u8),
    /// Quotes mean nothing.
    None,
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// What separates fields and records.
    pub marks: Marks,
    /// Lines of titles and comments above the first record.
    pub above: usize,
    /// Whether the first record names the columns.
    pub has_header: bool,
    /// The year or month that is all that tells the header from a row; it may be a number of one.
    pub telling_year: Option<String>,
    /// The fields of the first record.
    pub first: Vec<String>,
    /// Whether the first record ends with a delimiter and others do not; the empty field there is none.
    pub has_uneven_ends: bool,
    /// Whether the names of rows stand before the fields that the first record names; their own name there is empty.
    pub has_row_names: bool,
}

impl Dialect {
    /// Detects the dialect of a text. `is_whole` says that nothing follows after the sample.
    pub fn detect(sample: &[u8], is_whole: bool, known: KnownDialect) -> Self {
        let line_end = line_end(sample);
        let may_have_titles = known.may_have_titles && known.has_header != Some(false) && line_end == b'\n';
        let sample = Sample { text: sample, is_whole, known: known.fields };
        let best = |quote| {
            let usual = Marks { delimiter: USUAL_DELIMITER, quote, comment: known.comment, line_end };
            if may_have_titles { sample.below_comments(known.delimiter, usual) } else { sample.best(known.delimiter, usual) }
        };
        let likely = match known.quote {
            Quote::Is(quote) => best(Some(quote)),
            Quote::None => best(None),
            Quote::Detected => best_quote(sample.text, |quote| best(Some(quote))),
        };
        let table = sample.below(likely.first);
        let rows = table.first_records(likely.marks);
        let has_header = known.has_header.unwrap_or_else(|| header::is_likely(&rows));
        let telling_year = header::telling_year(&rows).filter(|_| known.has_header.is_none()).cloned();
        let above = usize::try_from(likely.first.line - 1).unwrap_or_default();
        let fields = table.fields_without_uneven_ends(&table.widths(likely.marks)).unwrap_or(usize::MAX);
        let has_row_names = table.has_row_names(likely.marks);
        let mut first = rows.into_iter().next().unwrap_or_default();
        let has_uneven_ends = first.len() > fields;
        first.truncate(fields);
        Self { marks: likely.marks, above, has_header, telling_year, first, has_uneven_ends, has_row_names }
    }

    /// The delimiter on which all records of a sample agree that begins with names, where that of this dialect stands nowhere in it.
    pub fn likelier_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        if memchr(self.marks.delimiter, sample).is_some() {
            return None;
        }
        let with = |delimiter| Marks { delimiter, ..self.marks };
        let sample = Sample::of(sample, is_whole);
        let is_likelier = |delimiter: &u8| {
            let counts = sample.field_counts(with(*delimiter));
            counts.iter().all(|fields| *fields > 1 && Some(fields) == counts.first())
                && header::is_likely(&sample.first_records(with(*delimiter)))
        };
        DELIMITERS.into_iter().find(is_likelier)
    }

    /// The delimiter that most records of a sample have where each is read as one field.
    pub fn unused_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        let sample = Sample::of(sample, is_whole);
        let with = |delimiter| Marks { delimiter, ..self.marks };
        DELIMITERS.into_iter().find(|delimiter| self.first.len() == 1 && sample.agreed(with(*delimiter)).fields > 1)
    }

    /// Whether the records of a sample begin with numbers and dates alone.
    pub fn is_of_numbers(&self, sample: &[u8], is_whole: bool) -> bool {
        let rows = Sample::of(sample, is_whole).first_records(self.marks);
        rows.iter().skip(usize::from(self.has_header)).all(|row| row.first().is_some_and(|field| header::is_value(field)))
    }

    /// Whether the header of a sample leaves columns without names that the record below it names above values, as a line of groups does.
    pub fn is_of_groups(&self, sample: &[u8], is_whole: bool) -> bool {
        self.has_header && header::stands_above_names(&Sample::of(sample, is_whole).first_records(self.marks))
    }

    /// How many lines a sample has down to the end of its first record.
    pub fn header_lines(&self, sample: &[u8], is_whole: bool) -> u64 {
        Sample::of(sample, is_whole).record_at(1, self.marks).line - 1
    }

    /// Whether the first record of a sample ends inside it.
    pub fn holds_a_record(&self, sample: &[u8], is_whole: bool) -> bool {
        is_whole || first_record_end(sample, self.marks).is_some()
    }
}

/// The last byte of the line ends of a text: a carriage return where none but quoted fields hold a line feed, as Excel writes it
/// for the Macintosh.
pub fn line_end(sample: &[u8]) -> u8 {
    match (memchr(b'\r', sample), memchr(b'\n', sample)) {
        (None, _) => return b'\n',
        (Some(_), None) => return b'\r',
        (Some(_), Some(_)) => {}
    }
    let (mut is_quoted, mut found) = (false, b'\n');
    for (at, byte) in sample.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => return b'\n',
            b'\r' if !is_quoted && sample.get(at + 1) != Some(&b'\n') => found = b'\r',
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const UNKNOWN: KnownDialect = KnownDialect {
        delimiter: None,
        quote: Quote::Detected,
        comment: None,
        has_header: None,
        may_have_titles: true,
        fields: KnownFields { fewest: 0, may_begin_unnamed: true },
    };

    #[track_caller]
    pub(super) fn check(text: &str, delimiter: char, has_header: bool, first: &[&str]) {
        let dialect = Dialect::detect(text.as_bytes(), true, UNKNOWN);
        assert_eq!((char::from(dialect.marks.delimiter), dialect.has_header), (delimiter, has_header), "{text}");
        assert_eq!(dialect.first, first);
    }

    #[track_caller]
    pub(super) fn check_titles(text: &str, delimiter: char, above: usize, first: &[&str]) {
        let dialect = Dialect::detect(text.as_bytes(), true, UNKNOWN);
        assert_eq!((char::from(dialect.marks.delimiter), dialect.above), (delimiter, above), "{text}");
        assert_eq!(dialect.first, first);
    }

    /// Lines of which each holds its number in the place of `#`.
    pub(super) fn lines(line: &str) -> String {
        (10..40).map(|number| line.replace('#', &number.to_string()) + "\n").collect()
    }

    #[test]
    fn a_delimiter_that_ends_some_records_alone_is_followed_by_no_field() {
        for text in ["a;b\n1;2;\n3;4;\n", "a;b;\n1;2\n3;4\n", "a;b;\n1;2;\n3;4\n5;6;\n", "a;b\n1;2;\n3;4\n5;6;\n"] {
            check(text, ';', true, &["a", "b"]);
            assert_eq!(Dialect::detect(text.as_bytes(), true, UNKNOWN).has_uneven_ends, text.starts_with("a;b;"), "{text}");
        }
        check("a,b,\n1,2\n", ',', true, &["a", "b"]);
        check("a;b;\n1;2;\n3;4;\n", ';', true, &["a", "b", ""]);
        assert!(!Dialect::detect(b"a,b,c\n1,2,\n3,4,\n", true, UNKNOWN).has_uneven_ends);
        let known = KnownDialect { fields: KnownFields { fewest: 3, may_begin_unnamed: false }, ..UNKNOWN };
        assert_eq!(Dialect::detect(b"5;6;\n7;8\n9;10;\n", true, known).first, ["5", "6", ""]);
    }

    #[test]
    fn line_feeds_inside_of_quotes_end_no_line() {
        let read = |text: &str| char::from(line_end(text.as_bytes()));
        assert_eq!([read("id,note\r1,\"x\ny\"\r"), read("id\r1"), read("6\" pipe\r1")], ['\r'; 3]);
        assert_eq!([read("id\r\n\"a\rb\"\r\n"), read("\"a\rb\"\n1\n"), read("a\rb\n1\n"), read("id")], ['\n'; 4]);
        assert_eq!(read("6\" pipe\r\n1\r\n"), '\n');
        check("id,note\r1,\"x\ny\"\r2,z\r", ',', true, &["id", "note"]);
    }

    #[test]
    fn an_empty_text_has_no_fields() {
        check("", ',', true, &[]);
    }
}
