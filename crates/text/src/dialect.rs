//! How a CSV file is written: its delimiter, its quotes, its line ends, and whether it has a header.

use hw_base::TextShape;
use memchr::memchr;

use crate::cells::{Cells, ChunkText};
use crate::delimited::Reading;
use crate::split::{Chunk, Marks, first_record_end};

/// Delimiters to try, the likelier first.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b':'];
/// What a delimiter may be where another one is declared: numbers and times of day hold the others.
const CERTAIN_DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Quotes to try, the likelier first.
const QUOTES: [u8; 2] = [b'"', b'\''];
/// How much better a delimiter or a quote must agree than a likelier one.
const BETTER: f64 = 0.02;
/// How many records are looked at.
const RECORDS: usize = 500;
/// The share of records that must agree with a delimiter for it to be one.
const AGREEMENT: f64 = 0.5;

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
    /// Whether the first record names the columns.
    pub has_header: bool,
    /// The fields of the first record.
    pub first: Vec<String>,
}

impl Dialect {
    /// Detects the dialect of a text. `is_whole` says that nothing follows after the sample.
    pub fn detect(sample: &[u8], is_whole: bool, known: KnownDialect) -> Self {
        let line_end = if memchr(b'\n', sample).is_none() && memchr(b'\r', sample).is_some() { b'\r' } else { b'\n' };
        let with = |delimiter, quote| Marks { delimiter, quote, comment: known.comment, line_end };
        let best = |quote| {
            let with = |delimiter| with(delimiter, quote);
            match known.delimiter {
                Some(delimiter) => (agreement(&field_counts(sample, is_whole, with(delimiter))).0, with(delimiter)),
                None => best_delimiter(sample, is_whole, with),
            }
        };
        let marks = match known.quote {
            Quote::Is(quote) => best(Some(quote)).1,
            Quote::None => best(None).1,
            Quote::Detected => best_quote(sample, |quote| best(Some(quote))),
        };
        let rows = first_records(sample, is_whole, marks);
        let has_header = known.has_header.unwrap_or_else(|| looks_like_header(&rows));
        Self { marks, has_header, first: rows.into_iter().next().unwrap_or_default() }
    }

    /// The delimiter on which all records of a sample agree that begins with names, where that of this dialect stands nowhere in it.
    pub fn likelier_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        if memchr(self.marks.delimiter, sample).is_some() {
            return None;
        }
        let with = |delimiter| Marks { delimiter, ..self.marks };
        let is_likelier = |delimiter: &u8| {
            let counts = field_counts(sample, is_whole, with(*delimiter));
            counts.iter().all(|fields| *fields > 1 && Some(fields) == counts.first())
                && looks_like_header(&first_records(sample, is_whole, with(*delimiter)))
        };
        CERTAIN_DELIMITERS.into_iter().find(is_likelier)
    }

    /// Whether the first record of a sample ends inside it.
    pub fn holds_a_record(&self, sample: &[u8], is_whole: bool) -> bool {
        is_whole || first_record_end(sample, self.marks).is_some()
    }
}

/// The marks with the likeliest quote, unless records agree better with another one.
fn best_quote(sample: &[u8], best: impl Fn(u8) -> (f64, Marks)) -> Marks {
    let [likeliest, others @ ..] = QUOTES;
    let mut found = best(likeliest);
    for quote in others.into_iter().filter(|quote| memchr(*quote, sample).is_some()) {
        let other = best(quote);
        if other.0 > found.0 + BETTER {
            found = other;
        }
    }
    found.1
}

/// The marks with the delimiter on which most records agree, and the share of them.
fn best_delimiter(sample: &[u8], is_whole: bool, with: impl Fn(u8) -> Marks) -> (f64, Marks) {
    let mut best = (AGREEMENT, 0, DELIMITERS[0]);
    for delimiter in DELIMITERS {
        let (agreement, fields) = agreement(&field_counts(sample, is_whole, with(delimiter)));
        let is_better = agreement > best.0 + BETTER || (agreement > best.0 - BETTER && fields > best.1);
        if fields > 1 && is_better {
            best = (agreement, fields, delimiter);
        }
    }
    (best.0, with(best.2))
}

/// The number of fields in each of the first records.
fn field_counts(sample: &[u8], is_whole: bool, marks: Marks) -> Vec<usize> {
    let (mut reading, mut counts) = (Reading::new(sample, marks), Vec::new());
    while counts.len() < RECORDS && reading.skip_to_record() {
        reading.record(&mut Cells::new(0));
        let is_cut = reading.cursor.at >= sample.len() && !is_whole;
        if !is_cut || counts.is_empty() {
            counts.push(reading.field_count);
        }
    }
    counts
}

/// The share of records that have as many fields as most have, and that number. A first record with another number
/// halves it: the header knows the columns.
fn agreement(counts: &[usize]) -> (f64, usize) {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let most = sorted.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    let (fields, agreeing) = most.and_then(|run| Some((*run.first()?, run.len()))).unwrap_or_default();
    let share = agreeing as f64 / counts.len().max(1) as f64;
    if counts.first() == Some(&fields) { (share, fields) } else { (share / 2.0, fields) }
}

/// The fields of the first records.
fn first_records(sample: &[u8], is_whole: bool, marks: Marks) -> Vec<Vec<String>> {
    let chunk = ChunkText::from(Chunk { text: sample.to_vec(), first_line: 1, is_too_long: false });
    let mut reading = Reading::new(chunk.text.as_bytes(), marks);
    let mut rows = Vec::new();
    while rows.len() < RECORDS.min(100) && reading.skip_to_record() {
        let mut cells = Cells::new(usize::MAX);
        reading.record(&mut cells);
        let is_cut = reading.cursor.at >= sample.len() && !is_whole;
        if !is_cut || rows.is_empty() {
            rows.push(cells.all.iter().map(|cell| unquoted(cell.of(&chunk.text), marks)).collect());
        }
    }
    rows
}

fn unquoted(text: &str, marks: Marks) -> String {
    match marks.quote.map(char::from) {
        Some(quote) => text.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => text.to_owned(),
    }
}

/// A first record is a header unless a number or a date in it stands above others of its kind, and no text above any.
fn looks_like_header(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return true };
    let (mut values, mut titles) = (0, 0);
    for (at, field) in first.iter().enumerate() {
        let mut below = rest.iter().filter_map(|row| row.get(at)).filter(|field| !field.is_empty()).peekable();
        let has_values_below = below.peek().is_some() && below.all(|field| is_value(field));
        match is_value(field) {
            true if has_values_below || rest.is_empty() => values += 1,
            false if has_values_below && !field.is_empty() => titles += 1,
            _ => {}
        }
    }
    values == 0 || titles > 0 || has_years_as_titles(first, rest)
}

/// Years that a header may name.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2100;

/// Whether the only values of a first record are several different years beside a text, above columns that hold other things than years;
/// a year may stand above nothing at all, as long as not all do.
fn has_years_as_titles(first: &[String], rest: &[Vec<String>]) -> bool {
    let year = |field: &String| field.parse().ok().filter(|year| field.len() == 4 && YEARS.contains(year));
    let places: Vec<usize> = (0..first.len()).filter(|at| is_value(&first[*at])).collect();
    let years: Vec<u32> = places.iter().filter_map(|at| year(&first[*at])).collect();
    let mut different = years.clone();
    different.sort_unstable();
    different.dedup();
    let has_text = first.iter().any(|field| !field.is_empty() && !is_value(field));
    let below = |at: usize| rest.iter().filter_map(move |row| row.get(at)).filter(|field| !field.is_empty());
    let has_values = |at: &usize| below(*at).next().is_some();
    let is_of_years = |at: &usize| has_values(at) && below(*at).all(|field| year(field).is_some());
    let are_titles = places.iter().any(has_values) && !places.iter().any(is_of_years);
    has_text && years.len() > 1 && years.len() == places.len() && different.len() == years.len() && are_titles
}

fn is_value(field: &str) -> bool {
    matches!(TextShape::of(field), TextShape::Integer | TextShape::Decimal | TextShape::Date | TextShape::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, delimiter: char, has_header: bool, first: &[&str]) {
        let dialect = Dialect::detect(
            text.as_bytes(),
            true,
            KnownDialect { delimiter: None, quote: Quote::Detected, comment: None, has_header: None },
        );
        assert_eq!((char::from(dialect.marks.delimiter), dialect.has_header), (delimiter, has_header), "{text}");
        assert_eq!(dialect.first, first);
    }

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
    fn quotes_are_told_by_agreement() {
        let quote = |text: &str| {
            let known = KnownDialect { delimiter: None, quote: Quote::Detected, comment: None, has_header: None };
            Dialect::detect(text.as_bytes(), true, known).marks.quote.map(char::from)
        };
        assert_eq!(quote("id,name,x\n1,'n, 1',x\n2,'n, 2',x\n"), Some('\''));
        assert_eq!(quote("id;name\n1;'a;b'\n2;'c'\n3;d\n"), Some('\''));
        assert_eq!(quote("id,name\n1,\"n, 1\"\n2,'s Hertogenbosch\n"), Some('"'));
        assert_eq!(quote("name,city\n'tis,x\nann,'s Hertogenbosch\n"), Some('"'));
    }

    #[test]
    fn a_declared_delimiter_that_stands_nowhere_is_told_from_one_column() {
        let likelier = |text: &str| {
            let known = KnownDialect { delimiter: Some(b';'), quote: Quote::Detected, comment: None, has_header: None };
            Dialect::detect(text.as_bytes(), true, known).likelier_delimiter(text.as_bytes(), true).map(char::from)
        };
        assert_eq!(likelier("id,v\n1,2\n3,4\n"), Some(','));
        assert_eq!(likelier("id\tv\n"), Some('\t'));
        assert_eq!(likelier("id\n1,2\n3,4\n"), None);
        assert_eq!(likelier("1,5\n2,5\n"), None);
        assert_eq!(likelier("id;v\n1,2;3\n"), None);
    }

    #[test]
    fn a_first_record_of_values_is_no_header() {
        check("1,x,2026-01-01\n2,y,2026-01-02\n", ',', false, &["1", "x", "2026-01-01"]);
        check("id,2024,2025\n1,5,6\n", ',', true, &["id", "2024", "2025"]);
        check("name,city\nann,rome\n", ',', true, &["name", "city"]);
        check("Country,2019,2020\nAustria,8.9,8.9\nChile,18.9,19.1\n", ',', true, &["Country", "2019", "2020"]);
        let partly_empty = "country,code,1960,1961,1962\nAruba,ABW,4.82,4.655,\nBelize,BLZ,6.5,6.48,\nChile,CHL,5.1,5.0,\n";
        check(partly_empty, ',', true, &["country", "code", "1960", "1961", "1962"]);
        check("country,1960,1961\nAruba,,\nChile,,\n", ',', true, &["country", "1960", "1961"]);
        check("Austria,2019,2020\nChile,2018,2021\n", ',', false, &["Austria", "2019", "2020"]);
        check("Austria,2019,8.9\nChile,1950,9.1\n", ',', false, &["Austria", "2019", "8.9"]);
    }

    #[test]
    fn an_empty_text_has_no_fields() {
        check("", ',', true, &[]);
    }
}
