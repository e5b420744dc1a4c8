//! How a CSV file is written: its delimiter, its quotes, its line ends, whether it has a header, and what stands above that.

use hw_base::TextShape;
use memchr::{memchr, memchr_iter};

use crate::cells::{Cells, ChunkText, Cursor};
use crate::delimited::Reading;
use crate::split::{Chunk, Marks, first_record_end};
use crate::values;

/// Delimiters to try, the likelier first: no text holds a tab.
const DELIMITERS: [u8; 5] = [b'\t', b',', b';', b'|', b':'];
/// The delimiter where no other one is found.
const USUAL_DELIMITER: u8 = b',';
/// Those that numbers and times of day do not hold: what a delimiter may be where another one is declared, and below titles.
const CERTAIN_DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Quotes to try, the likelier first.
const QUOTES: [u8; 2] = [b'"', b'\''];
/// How much better a delimiter or a quote must agree than a likelier one.
const BETTER: f64 = 0.02;
/// How many records are looked at.
const RECORDS: usize = 500;
/// Digits that are more than a shape knows as an integer are a number all the same.
const LONGEST_INTEGER: usize = 18;
/// The share of records that must agree with a delimiter for it to be one.
const AGREEMENT: f64 = 0.5;
/// How many records may stand above a header: titles and comments.
const TITLES: usize = 30;
/// What comments begin with, unless the project says it.
const COMMENT: u8 = b'#';

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
    /// The fields of the first record.
    pub first: Vec<String>,
}

/// The first bytes of a file.
#[derive(Clone, Copy)]
struct Sample<'a> {
    text: &'a [u8],
    /// Whether nothing follows after them.
    is_whole: bool,
}

/// Marks, and how well records agree with them.
#[derive(Clone, Copy)]
struct Likely {
    agreement: f64,
    fields: usize,
    marks: Marks,
    /// Where the first record is, below titles and comments.
    first: Cursor,
}

/// Where a text begins.
const BEGINNING: Cursor = Cursor { at: 0, line: 1 };

impl Dialect {
    /// Detects the dialect of a text. `is_whole` says that nothing follows after the sample.
    pub fn detect(sample: &[u8], is_whole: bool, known: KnownDialect) -> Self {
        let line_end = line_end(sample);
        let may_have_titles = known.may_have_titles && known.has_header != Some(false) && line_end == b'\n';
        let sample = Sample { text: sample, is_whole };
        let best = |quote| {
            let with = |delimiter| Marks { delimiter, quote, comment: known.comment, line_end };
            let found = match known.delimiter {
                Some(delimiter) => sample.agreed(with(delimiter)),
                None => sample.best_delimiter(with),
            };
            let delimiters: &[u8] = match &known.delimiter {
                Some(delimiter) => std::slice::from_ref(delimiter),
                None => &CERTAIN_DELIMITERS,
            };
            let titled = if may_have_titles { sample.best_below_titles(delimiters, with) } else { None };
            titled.filter(|titled| titled.agreement > found.agreement).unwrap_or(found)
        };
        let likely = match known.quote {
            Quote::Is(quote) => best(Some(quote)),
            Quote::None => best(None),
            Quote::Detected => best_quote(sample.text, |quote| best(Some(quote))),
        };
        let rows = sample.below(likely.first).first_records(likely.marks);
        let has_header = known.has_header.unwrap_or_else(|| looks_like_header(&rows));
        let above = usize::try_from(likely.first.line - 1).unwrap_or_default();
        Self { marks: likely.marks, above, has_header, first: rows.into_iter().next().unwrap_or_default() }
    }

    /// The delimiter on which all records of a sample agree that begins with names, where that of this dialect stands nowhere in it.
    pub fn likelier_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        if memchr(self.marks.delimiter, sample).is_some() {
            return None;
        }
        let with = |delimiter| Marks { delimiter, ..self.marks };
        let sample = Sample { text: sample, is_whole };
        let is_likelier = |delimiter: &u8| {
            let counts = sample.field_counts(with(*delimiter));
            counts.iter().all(|fields| *fields > 1 && Some(fields) == counts.first())
                && looks_like_header(&sample.first_records(with(*delimiter)))
        };
        CERTAIN_DELIMITERS.into_iter().find(is_likelier)
    }

    /// The delimiter that most records of a sample have where each is read as one field.
    pub fn unused_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        let sample = Sample { text: sample, is_whole };
        let with = |delimiter| Marks { delimiter, ..self.marks };
        CERTAIN_DELIMITERS.into_iter().find(|delimiter| self.first.len() == 1 && sample.agreed(with(*delimiter)).fields > 1)
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

/// The marks with the likeliest quote, unless records agree better with another one.
fn best_quote(sample: &[u8], best: impl Fn(u8) -> Likely) -> Likely {
    let [likeliest, others @ ..] = QUOTES;
    let mut found = best(likeliest);
    for quote in others.into_iter().filter(|quote| memchr(*quote, sample).is_some()) {
        let other = best(quote);
        if other.agreement > found.agreement + BETTER {
            found = other;
        }
    }
    found
}

impl Sample<'_> {
    /// How well the records agree with marks.
    fn agreed(self, marks: Marks) -> Likely {
        let (agreement, fields) = agreement(&self.field_counts(marks));
        Likely { agreement, fields, marks, first: BEGINNING }
    }

    /// The marks with the delimiter on which most records agree. One that stands in times of day is none where another one fits.
    fn best_delimiter(self, with: impl Fn(u8) -> Marks) -> Likely {
        let mut best = Likely { agreement: AGREEMENT, fields: 0, marks: with(USUAL_DELIMITER), first: BEGINNING };
        for delimiter in DELIMITERS.into_iter().filter(|delimiter| *delimiter != b':' || !begins_with_moment(self.text)) {
            let found = self.agreed(with(delimiter));
            let wins_ties = match (best.marks.delimiter, delimiter) {
                _ if best.fields == 0 => true,
                (b'\t', _) => false,
                (b',', b';') if share_in_numbers(b',', self.text) >= 1.0 => true,
                (_, b':') if share_in_numbers(b':', self.text) > 0.5 => false,
                _ => found.fields > best.fields,
            };
            let is_better = found.agreement > best.agreement + BETTER || (found.agreement > best.agreement - BETTER && wins_ties);
            if found.fields > 1 && is_better {
                best = found;
            }
        }
        best
    }

    /// The marks with the delimiter on which the records below titles and comments agree best, if there are such.
    fn best_below_titles(self, delimiters: &[u8], with: impl Fn(u8) -> Marks) -> Option<Likely> {
        let found = delimiters.iter().filter_map(|delimiter| self.below_titles(with(*delimiter)));
        found.reduce(|best, other| if other.agreement > best.agreement { other } else { best })
    }

    /// How well the records agree with marks from the first one that has as many fields as most have, if it is a header below titles or comments.
    fn below_titles(self, marks: Marks) -> Option<Likely> {
        let counts = self.field_counts(marks);
        let (_, fields) = agreement(&counts);
        // What stands above others of its own width is a header itself, or rows.
        if counts.len() > 1 && counts[0] > 1 && counts[0] == counts[1] {
            return None;
        }
        let at = counts.iter().take(TITLES + 1).position(|count| *count >= fields).filter(|at| *at > 0 && fields > 1)?;
        let (agreement, _) = Some(agreement(&counts[at..])).filter(|(_, most)| *most == fields && counts[at] == fields)?;
        let first = self.record_at(at, marks);
        let is_comment = |line: &[u8]| line.trim_ascii().is_empty() || line.first() == Some(&COMMENT);
        let are_comments = self.text[..first.at].split(|byte| *byte == marks.line_end).all(is_comment);
        let rows = self.below(first).first_records(marks);
        let is_header = names_columns(&rows) && (stands_above_values(&rows) || (are_comments && looks_like_header(&rows)));
        is_header.then_some(Likely { agreement, fields, marks, first })
    }

    /// The part that begins with a record.
    fn below(self, first: Cursor) -> Self {
        Self { text: self.text.get(first.at..).unwrap_or_default(), ..self }
    }

    /// Where a record begins.
    fn record_at(self, at: usize, marks: Marks) -> Cursor {
        let mut reading = Reading::new(self.text, marks);
        for _ in 0..at {
            reading.skip_to_record();
            reading.record(&mut Cells::new(0));
        }
        reading.skip_to_record();
        reading.cursor
    }

    /// The number of fields in each of the first records.
    fn field_counts(self, marks: Marks) -> Vec<usize> {
        let (mut reading, mut counts) = (Reading::new(self.text, marks), Vec::new());
        while counts.len() < RECORDS && reading.skip_to_record() {
            reading.record(&mut Cells::new(0));
            let is_cut = reading.cursor.at >= self.text.len() && !self.is_whole;
            if !is_cut || counts.is_empty() {
                counts.push(reading.field_count);
            }
        }
        counts
    }

    /// The fields of the first records.
    fn first_records(self, marks: Marks) -> Vec<Vec<String>> {
        let chunk = ChunkText::from(Chunk { text: self.text.to_vec(), first_line: 1, is_too_long: false });
        let mut reading = Reading::new(chunk.text.as_bytes(), marks);
        let mut rows = Vec::new();
        while rows.len() < RECORDS.min(100) && reading.skip_to_record() {
            let mut cells = Cells::new(usize::MAX);
            reading.record(&mut cells);
            let is_cut = reading.cursor.at >= self.text.len() && !self.is_whole;
            if !is_cut || rows.is_empty() {
                rows.push(cells.all.iter().map(|cell| unquoted(cell.of(&chunk.text), marks)).collect());
            }
        }
        rows
    }
}

/// Whether the first line is a moment or a time of day and nothing else.
fn begins_with_moment(sample: &[u8]) -> bool {
    let first = sample.split(|byte| matches!(byte, b'\r' | b'\n')).map(values::trimmed).find(|line| !line.is_empty());
    first.is_some_and(|line| values::timestamp(line).is_some() || values::time(line).is_some())
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

fn unquoted(text: &str, marks: Marks) -> String {
    match marks.quote.map(char::from) {
        Some(quote) => text.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => text.to_owned(),
    }
}

/// A first record is a header unless a number, a date or a time in it stands above others of its kind, and no text above any.
fn looks_like_header(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return true };
    let (mut values, mut titles) = (0, 0);
    for (at, field) in first.iter().enumerate() {
        let below = || rest.iter().filter_map(move |row| row.get(at)).filter(|field| !field.is_empty());
        let are_all_below = |is: fn(&str) -> bool| below().next().is_some() && below().all(|field| is(field));
        match is_value(field) {
            _ if is_time(field) && are_all_below(is_time) => values += 1,
            true if are_all_below(is_value) || rest.is_empty() => values += 1,
            false if are_all_below(is_value) && !field.is_empty() => titles += 1,
            _ => {}
        }
    }
    values == 0 || titles > 0 || has_years_as_titles(first, rest)
}

/// Whether the first record may name columns: its fields are texts or years, none twice, and none begins with a blank as the words of a sentence do.
fn names_columns(rows: &[Vec<String>]) -> bool {
    let Some(first) = rows.first() else { return false };
    let is_name =
        |field: &String| !field.is_empty() && !field.starts_with(' ') && (!is_value(field) || year(field).is_some()) && !is_time(field);
    let mut different: Vec<&String> = first.iter().collect();
    different.sort_unstable();
    different.dedup();
    first.iter().all(is_name) && different.len() == first.len()
}

/// Whether a text of the first record stands above numbers or dates, and nothing else.
fn stands_above_values(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    first.iter().enumerate().filter(|(_, field)| !is_value(field)).any(|(at, _)| {
        let mut below = rest.iter().filter_map(|row| row.get(at)).filter(|field| !field.is_empty()).peekable();
        below.peek().is_some() && below.all(|field| is_value(field))
    })
}

/// Years that a header may name.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2100;

fn year(field: &str) -> Option<u32> {
    field.parse().ok().filter(|year| field.len() == 4 && YEARS.contains(year))
}

/// Whether the only values of a first record are several different years beside a text, above columns that hold other things than years;
/// a year may stand above nothing at all, as long as not all do.
fn has_years_as_titles(first: &[String], rest: &[Vec<String>]) -> bool {
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

/// Whether a text is a time of day, which can be a title as well.
fn is_time(field: &str) -> bool {
    values::time(field.trim().as_bytes()).is_some()
}

/// Whether a text is a number that has no shape of its own: of many digits, or with a decimal comma.
fn is_other_number(field: &str) -> bool {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = field.trim().trim_start_matches('-');
    match number.split_once(',') {
        Some((whole, places)) => are_digits(whole) && are_digits(places),
        None => number.len() > LONGEST_INTEGER && are_digits(number),
    }
}

fn is_value(field: &str) -> bool {
    is_other_number(field)
        || matches!(TextShape::of(field), TextShape::Integer | TextShape::Decimal | TextShape::Date | TextShape::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: KnownDialect =
        KnownDialect { delimiter: None, quote: Quote::Detected, comment: None, has_header: None, may_have_titles: true };

    #[track_caller]
    fn check(text: &str, delimiter: char, has_header: bool, first: &[&str]) {
        let dialect = Dialect::detect(text.as_bytes(), true, UNKNOWN);
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
    fn times_of_day_are_no_fields_where_another_delimiter_fits() {
        check("00:10:01,worker 10\n00:10:02,worker 11\n", ',', false, &["00:10:01", "worker 10"]);
        check("root:x:0:/root\nann:x:1000:/home/ann, x\nbob:x:1001:/home/bob\n", ':', false, &["root", "x", "0", "/root"]);
        check("name:place\nann:Rome, IT\nbob:Oslo, NO\n", ':', true, &["name", "place"]);
    }

    #[track_caller]
    fn check_titles(text: &str, delimiter: char, above: usize, first: &[&str]) {
        let dialect = Dialect::detect(text.as_bytes(), true, UNKNOWN);
        assert_eq!((char::from(dialect.marks.delimiter), dialect.above), (delimiter, above), "{text}");
        assert_eq!(dialect.first, first);
    }

    #[test]
    fn titles_and_comments_above_a_header_are_none_of_its_records() {
        check_titles("# export of 2026-01-01\n# by user\nid;name\n1;a\n2;b\n3;c\n", ';', 2, &["id", "name"]);
        check_titles("Sales report\nGenerated 2026-01-01 10:00\n\nid;name\n1;a\n2;b\n3;c\n", ';', 3, &["id", "name"]);
        check_titles("# c\nname,city\nann,rome\nbob,oslo\n", ',', 1, &["name", "city"]);
        check_titles("Report\nid,2024,2025\nx,1,2\ny,3,4\nz,5,6\n", ',', 0, &["Report"]);
        check_titles("Report\nid,2024,2025\n1,1,2\n2,3,4\n3,5,6\n", ',', 1, &["id", "2024", "2025"]);
        let rows = (0..50).map(|row| format!("{row};x;{row},5\n")).collect::<Vec<_>>().concat();
        check_titles(&format!("Quelle: Amt, 2020\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
        check_titles(&format!("# c\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
    }

    #[test]
    fn a_first_record_that_is_no_title_stays_the_header() {
        check_titles("comment\nhello, world\nfoo, bar\nbaz, qux\n", ',', 0, &["comment"]);
        check_titles("address\nMain street, 5\nOther street, 7\nThird street, 9\n", ',', 0, &["address"]);
        check_titles("price\n1,5\n2,5\n3,5\n", ',', 0, &["price"]);
        check_titles("name,born\nann,unknown,\nbob,1980,\neva,1990,\n", ',', 0, &["name", "born"]);
        check_titles("a,b\n7,8\n7,8\n7,8\na,b,c\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n", ',', 0, &["a", "b"]);
        check_titles("time,msg\n08:00,start\n08:01,error,code\n08:02,1,2\n08:03,1,3\n", ',', 0, &["time", "msg"]);
        check_titles("s1\ns2,09:30,bad,x\ns3,1,2,3\ns4,1,2,3\ns5,1,2,3\n", ',', 0, &["s1"]);
        check_titles("x,y\nr1,1,2\nr2,3,4\nr3,5,6\n", ',', 0, &["x", "y"]);
        let known = KnownDialect { may_have_titles: false, ..UNKNOWN };
        assert_eq!(Dialect::detect(b"# c\nid;name\n1;a\n2;b\n", true, known).above, 0);
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
    fn line_feeds_inside_of_quotes_end_no_line() {
        let read = |text: &str| char::from(line_end(text.as_bytes()));
        assert_eq!([read("id,note\r1,\"x\ny\"\r"), read("id\r1"), read("6\" pipe\r1")], ['\r'; 3]);
        assert_eq!([read("id\r\n\"a\rb\"\r\n"), read("\"a\rb\"\n1\n"), read("a\rb\n1\n"), read("id")], ['\n'; 4]);
        assert_eq!(read("6\" pipe\r\n1\r\n"), '\n');
        check("id,note\r1,\"x\ny\"\r2,z\r", ',', true, &["id", "note"]);
    }

    #[test]
    fn quotes_are_told_by_agreement() {
        let quote = |text: &str| Dialect::detect(text.as_bytes(), true, UNKNOWN).marks.quote.map(char::from);
        assert_eq!(quote("id,name,x\n1,'n, 1',x\n2,'n, 2',x\n"), Some('\''));
        assert_eq!(quote("id;name\n1;'a;b'\n2;'c'\n3;d\n"), Some('\''));
        assert_eq!(quote("id,name\n1,\"n, 1\"\n2,'s Hertogenbosch\n"), Some('"'));
        assert_eq!(quote("name,city\n'tis,x\nann,'s Hertogenbosch\n"), Some('"'));
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

    #[test]
    fn a_first_record_of_values_is_no_header() {
        check("1,x,2026-01-01\n2,y,2026-01-02\n", ',', false, &["1", "x", "2026-01-01"]);
        check("id,2024,2025\n1,5,6\n", ',', true, &["id", "2024", "2025"]);
        check("name,city\nann,rome\n", ',', true, &["name", "city"]);
        check("Country,2019,2020\nAustria,8.9,8.9\nChile,18.9,19.1\n", ',', true, &["Country", "2019", "2020"]);
        let partly_empty = "country,code,1960,1961,1962\nAruba,ABW,4.82,4.655,\nBelize,BLZ,6.5,6.48,\nChile,CHL,5.1,5.0,\n";
        check(partly_empty, ',', true, &["country", "code", "1960", "1961", "1962"]);
        check("country,1960,1961\nAruba,,\nChile,,\n", ',', true, &["country", "1960", "1961"]);
        check("12345678901234567890,x\n-12345678901234567891,y\n", ',', false, &["12345678901234567890", "x"]);
        check("Austria,2019,2020\nChile,2018,2021\n", ',', false, &["Austria", "2019", "2020"]);
        check("Austria,2019,8.9\nChile,1950,9.1\n", ',', false, &["Austria", "2019", "8.9"]);
    }

    #[test]
    fn an_empty_text_has_no_fields() {
        check("", ',', true, &[]);
    }
}
