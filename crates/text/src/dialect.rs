//! How a CSV file is written: its delimiter, its quotes, its line ends, whether it has a header, and what stands above that.
//!
//! What it may be is weighed by three things: as few records as can be are lost, a header is narrower than no record, and names stand
//! above values.

use memchr::{memchr, memchr_iter, memrchr};

use crate::cells::{Cells, ChunkText, Cursor};
use crate::delimited::Reading;
use crate::header;
use crate::split::{Chunk, Marks, first_record_end};

/// Delimiters to try, the likelier first: no text holds a tab. Numbers and times of day hold none of them but for a decimal comma.
const DELIMITERS: [u8; 4] = [b'\t', b',', b';', b'|'];
/// The delimiter that is tried beside them; times of day, addresses and many texts hold it.
const COLON: u8 = b':';
/// The delimiter where no other one is found.
const USUAL_DELIMITER: u8 = b',';
/// What may stand for the delimiter of one column whose values hold the usual one. No text holds the last.
const BESIDE_ONE_COLUMN: [u8; 4] = [b';', b'\t', b'|', 0x1F];
/// Quotes to try, the likelier first.
const QUOTES: [u8; 2] = [b'"', b'\''];
/// How much better a delimiter or a quote must agree than a likelier one.
const BETTER: f64 = 0.02;
/// How many records are looked at.
const RECORDS: usize = 500;
/// The share of records that must agree with a delimiter for it to be one.
const AGREEMENT: f64 = 0.5;
/// How many records of titles may stand above a header.
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
    /// Whether the first record ends with a delimiter and the others do not, or the other way round; the empty field there is none.
    pub has_uneven_ends: bool,
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

/// How a record divides into fields.
#[derive(Clone, Copy)]
struct Width {
    fields: usize,
    /// Whether a delimiter ends it.
    is_closed: bool,
}

impl Dialect {
    /// Detects the dialect of a text. `is_whole` says that nothing follows after the sample.
    pub fn detect(sample: &[u8], is_whole: bool, known: KnownDialect) -> Self {
        let line_end = line_end(sample);
        let may_have_titles = known.may_have_titles && known.has_header != Some(false) && line_end == b'\n';
        let sample = Sample { text: sample, is_whole };
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
        let above = usize::try_from(likely.first.line - 1).unwrap_or_default();
        let fields = fields_without_uneven_ends(&table.widths(likely.marks));
        let mut first = rows.into_iter().next().unwrap_or_default();
        first.truncate(fields.unwrap_or(usize::MAX));
        Self { marks: likely.marks, above, has_header, first, has_uneven_ends: fields.is_some() }
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
                && header::is_likely(&sample.first_records(with(*delimiter)))
        };
        DELIMITERS.into_iter().find(is_likelier)
    }

    /// The delimiter that most records of a sample have where each is read as one field.
    pub fn unused_delimiter(&self, sample: &[u8], is_whole: bool) -> Option<u8> {
        let sample = Sample { text: sample, is_whole };
        let with = |delimiter| Marks { delimiter, ..self.marks };
        DELIMITERS.into_iter().find(|delimiter| self.first.len() == 1 && sample.agreed(with(*delimiter)).fields > 1)
    }

    /// Whether the records of a sample begin with numbers and dates alone.
    pub fn is_of_numbers(&self, sample: &[u8], is_whole: bool) -> bool {
        let rows = Sample { text: sample, is_whole }.first_records(self.marks);
        rows.iter().skip(usize::from(self.has_header)).all(|row| row.first().is_some_and(|field| header::is_value(field)))
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

    /// The same with the delimiter that is known, else with the one on which most records agree.
    fn best(self, delimiter: Option<u8>, usual: Marks) -> Likely {
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
            (None, None) => self.one_column(usual),
        }
    }

    /// The one on which more records agree; of two on which they agree alike, the one outside of numbers, and that with more fields.
    fn likelier(self, best: Likely, other: Likely) -> Likely {
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

    /// The likeliest marks, and the first record below comments and titles. The last comment is none where it names the columns, as
    /// `#chrom,start,end` does, and none is one where all look like records.
    fn below_comments(self, delimiter: Option<u8>, usual: Marks) -> Likely {
        let Some((last, end)) = self.comments(usual) else {
            return self.last_comment(delimiter, usual).unwrap_or_else(|| self.below_titles(delimiter, usual));
        };
        let found = self.below(end).below_titles(delimiter, usual).behind(end);
        let fields = found.fields.max(1);
        let is_as_wide = |first| self.below(first).field_counts(found.marks).first() == Some(&fields);
        let rows = self.below(found.first).first_records(found.marks);
        let is_header_below = fields > 1 && header::names_columns(&rows) && header::is_likely(&rows);
        if header::is_certain(&rows) {
            found
        } else if fields > 1 && is_as_wide(last) && header::names_all_columns(&self.below(last).first_records(found.marks)) {
            Likely { first: last, ..found }
        } else if is_as_wide(BEGINNING) && !is_header_below {
            self.below_titles(delimiter, usual)
        } else {
            found
        }
    }

    /// Where the last of the comments above all records begins and where they end, if a record follows.
    fn comments(self, marks: Marks) -> Option<(Cursor, Cursor)> {
        let (mut last, mut end) = (None, BEGINNING);
        for line in self.text.split_inclusive(|byte| *byte == marks.line_end).filter(|_| marks.comment != Some(COMMENT)) {
            match line {
                [COMMENT, ..] => last = Some(end),
                b"\n" | b"\r\n" => {}
                _ => return last.map(|last| (last, end)),
            }
            end = Cursor { at: end.at + line.len(), line: end.line + 1 };
        }
        None
    }

    /// The last of the comments of which a text consists, where it names columns: a table without rows.
    fn last_comment(self, delimiter: Option<u8>, usual: Marks) -> Option<Likely> {
        let mut lines = self.text.split_inclusive(|byte| *byte == usual.line_end);
        if usual.comment == Some(COMMENT) || !lines.all(|line| line.starts_with(&[COMMENT])) {
            return None;
        }
        let text = self.text.strip_suffix(&[usual.line_end]).unwrap_or(self.text);
        let at = memrchr(usual.line_end, text)? + 1;
        let line = 1 + memchr_iter(usual.line_end, &text[..at]).count() as u64;
        let first = Cursor { at, line };
        let found = self.below(first).best(delimiter, usual);
        let above = self.field_counts(found.marks);
        let is_wider = above.iter().rev().skip(1).all(|fields| *fields < found.fields);
        let names_columns = is_wider && header::names_all_columns(&self.below(first).first_records(found.marks));
        names_columns.then_some(Likely { first, ..found })
    }

    /// The likeliest marks, and the first record below titles.
    fn below_titles(self, delimiter: Option<u8>, usual: Marks) -> Likely {
        let found = self.best(delimiter, usual);
        let delimiters = delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let titled = delimiters.into_iter().filter_map(|delimiter| self.titled(Marks { delimiter, ..usual }));
        let titled = titled.reduce(|best, other| self.likelier(best, other));
        let best = titled.filter(|titled| titled.agreement > found.agreement).unwrap_or(found);
        self.below_padded_titles(best)
    }

    /// How well the records agree with marks from the first one that is wider than all above it, if those below are as wide as it, and it
    /// is a header above values.
    fn titled(self, marks: Marks) -> Option<Likely> {
        let (counts, rows) = (self.field_counts(marks), self.first_records(marks));
        // What stands above others of its own width is a header itself, or rows, but for pairs of a name and its value.
        let is_table = |(head, next): (&Vec<String>, &Vec<String>)| {
            let are_pairs = header::filled(head) <= 2 && next.first().is_some_and(|field| !header::is_value(field));
            head.len() > 1 && head.len() == next.len() && !are_pairs
        };
        if rows.first().zip(rows.get(1)).is_some_and(is_table) {
            return None;
        }
        let is_widest = |at: &usize| counts.iter().take(*at).all(|above| above < &counts[*at]);
        (1..counts.len().min(TITLES + 1)).filter(is_widest).find_map(|at| {
            let first = self.record_at(at, marks);
            let likely = Likely { first, ..self.below(first).agreed(marks) };
            let table = self.below(first).first_records(marks);
            let is_header = header::names_columns(&table) && header::stands_above_values(&table);
            (likely.fields > 1 && likely.agreement >= AGREEMENT && is_header).then_some(likely)
        })
    }

    /// The same marks below titles beside which all fields are empty, as spreadsheets export them, if a header follows: names above numbers or
    /// dates, or below an empty record that sets the titles off, or those of many columns, if no other record is written as the titles are.
    fn below_padded_titles(self, likely: Likely) -> Likely {
        let below = self.below(likely.first);
        let rows = below.first_records(likely.marks);
        let above = rows.iter().take_while(|row| header::is_padded(row)).count();
        let (titles, table) = rows.split_at(above);
        let [names, records @ ..] = table else { return likely };
        let are_set_off = titles.iter().any(|row| header::filled(row) == 0);
        let are_alone = || !records.iter().any(|row| header::is_padded(row) && header::filled(row) > 0);
        let is_evident = are_set_off || header::stands_above_values(table) || (likely.fields > 2 && are_alone());
        let is_header = names.len() == likely.fields && !records.is_empty() && header::names_columns(table);
        if !(1..=TITLES).contains(&above) || !is_header || !is_evident {
            return likely;
        }
        Likely { first: below.record_at(above, likely.marks), ..likely }.behind(likely.first)
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

    /// The number of fields in each of the first records, without those that uneven ends leave empty.
    fn field_counts(self, marks: Marks) -> Vec<usize> {
        let widths = self.widths(marks);
        let fields = fields_without_uneven_ends(&widths);
        widths.iter().map(|width| fields.unwrap_or(width.fields)).collect()
    }

    /// The widths of the first records.
    fn widths(self, marks: Marks) -> Vec<Width> {
        let (mut reading, mut widths) = (Reading::new(self.text, marks), Vec::new());
        while widths.len() < RECORDS && reading.skip_to_record() {
            let record = reading.record(&mut Cells::new(0));
            let is_cut = reading.cursor.at >= self.text.len() && !self.is_whole;
            if !is_cut || widths.is_empty() {
                let is_closed = self.text.get(record.start..record.end).is_some_and(|text| text.last() == Some(&marks.delimiter));
                widths.push(Width { fields: reading.field_count, is_closed });
            }
        }
        widths
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

impl Likely {
    /// The same in a text of which it was told from a place on.
    fn behind(self, place: Cursor) -> Self {
        let first = Cursor { at: place.at + self.first.at, line: place.line + self.first.line - 1 };
        Self { first, ..self }
    }
}

/// The number of fields where all records end with a delimiter and the first one does not, or the other way round.
fn fields_without_uneven_ends(widths: &[Width]) -> Option<usize> {
    let (first, rest) = widths.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let has_one_more = |longer: &Width, shorter: &Width| longer.is_closed && !shorter.is_closed && longer.fields == shorter.fields + 1;
    if rest.iter().all(|record| has_one_more(record, first)) {
        Some(first.fields)
    } else {
        Some(first.fields.saturating_sub(1)).filter(|fields| *fields > 0 && rest.iter().all(|record| has_one_more(first, record)))
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
        check_titles("Report\nid,2024,2025\nx,1,2\ny,3,4\nz,5,6\n", ',', 1, &["id", "2024", "2025"]);
        check_titles("Report\nid,2024,2025\n1,1,2\n2,3,4\n3,5,6\n", ',', 1, &["id", "2024", "2025"]);
        let rows = (0..50).map(|row| format!("{row};x;{row},5\n")).collect::<Vec<_>>().concat();
        check_titles(&format!("Quelle: Amt, 2020\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
        check_titles(&format!("# c\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
    }

    #[test]
    fn titles_beside_empty_fields_are_left_out() {
        check_titles("Overview,,\nid,name,amount\n1,a,5\n2,b,6\n", ',', 1, &["id", "name", "amount"]);
        check_titles("Sales report 2024;;;\n;;;\nId;Name;Ort;\n1;a;Rom;\n2;b;Oslo;\n", ';', 2, &["Id", "Name", "Ort", ""]);
        check_titles("\"Sales, 2024\",,\n\nBy user,,\n,,\nname,city,land\nann,rome,it\n", ',', 4, &["name", "city", "land"]);
        check_titles("Kunden;;\nName;Ort;Land\nAnn;Rom;IT\nBob;Oslo;NO\n", ';', 1, &["Name", "Ort", "Land"]);
        check_titles("Stock,\nitem,pieces\nx,1\ny,2\n", ',', 1, &["item", "pieces"]);
        check_titles("People,\n,\nname,city\nann,rome\n", ',', 2, &["name", "city"]);
        check_titles("Overview,,\nRegion,2023,2024\nNord,1,2\nWest,3,4\n", ',', 1, &["Region", "2023", "2024"]);
    }

    #[test]
    fn a_header_with_few_names_is_no_title() {
        check_titles(",value\na,x\nb,y\n", ',', 0, &["", "value"]);
        check_titles(",value\nname,5\nb,6\n", ',', 0, &["", "value"]);
        check_titles(",,total\na,x,n\nb,y,5\n", ',', 0, &["", "", "total"]);
        check_titles("name,\nann,x\nbob,y\n", ',', 0, &["name", ""]);
        check_titles("id,,\n1,a,b\n2,c,d\n", ',', 0, &["id", "", ""]);
        check_titles("name,city,note\nann,,\nbob,rome,x\n", ',', 0, &["name", "city", "note"]);
        check_titles("value\nx\ny\n", ',', 0, &["value"]);
        check_titles("Overview,,\nann,rome,x\n", ',', 0, &["Overview", "", ""]);
    }

    #[test]
    fn comments_with_delimiters_above_a_header_are_left_out() {
        check_titles("# note, with comma\nid,name\n1,a\n2,b\n", ',', 1, &["id", "name"]);
        check_titles("##fileformat=VCFv4.3\n##x=1,2\n#CHROM\tPOS\tID\n", '\t', 2, &["#CHROM", "POS", "ID"]);
        check_titles("# more\ntime|Land, Ort\n16:47|FR, Lyon\n21:16|DE, Bonn\n", '|', 1, &["time", "Land, Ort"]);
        check_titles("# one, two\n# three, four\nid,name,x\n1,a,5\n2,b,6\n", ',', 2, &["id", "name", "x"]);
        check_titles("# a, b, c, d\n\nid;name\n1;a\n2;b\n", ';', 2, &["id", "name"]);
        check_titles("# a, b, c, d\nid,name\n1,a\n2,b\n", ',', 1, &["id", "name"]);
        check_titles("# export,,\nid,name,x\n1,a,5\n", ',', 1, &["id", "name", "x"]);
        check_titles("##v,1\n##x,2\n#chrom,start\nchr1,5\nchr2,6\n", ',', 2, &["#chrom", "start"]);
        check_titles(&format!("{}id,v\nx,1\ny,2\n", "# a, b\n".repeat(50)), ',', 50, &["id", "v"]);
    }

    #[test]
    fn a_header_that_begins_as_a_comment_does_stays_one() {
        check_titles("#,name,x\n1,ann,5\n2,bob,6\n", ',', 0, &["#", "name", "x"]);
        check_titles("# id,name\nx,ann\ny,bob\n", ',', 0, &["# id", "name"]);
        check_titles("#chrom\tstart\tend\nchr1\t1\t2\nchr2\t3\t4\n", '\t', 0, &["#chrom", "start", "end"]);
        check_titles("#chrom,name,score\nchr1,x,.\nchr2,y,5\n", ',', 0, &["#chrom", "name", "score"]);
        check_titles("#rust,5\n#go,7\n", ',', 0, &["#rust", "5"]);
    }

    #[test]
    fn a_first_record_that_is_no_title_stays_the_header() {
        check_titles("comment\nhello, world\nfoo, bar\nbaz, qux\n", ';', 0, &["comment"]);
        check_titles("address\nMain street, 5\nOther street, 7\nThird street, 9\n", ';', 0, &["address"]);
        check_titles("name,born\nann,unknown,\nbob,1980,\neva,1990,\n", ',', 0, &["name", "born"]);
        check_titles("a,b\n7,8\n7,8\n7,8\na,b,c\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n", ',', 0, &["a", "b"]);
        check_titles("time,msg\n08:00,start\n08:01,error,code\n08:02,1,2\n08:03,1,3\n", ',', 0, &["time", "msg"]);
        check_titles("s1\ns2,09:30,bad,x\ns3,1,2,3\ns4,1,2,3\ns5,1,2,3\n", ';', 0, &["s1"]);
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
    fn a_name_above_decimal_commas_is_one_column() {
        check("price\n1,5\n2,5\n3,5\n", ';', true, &["price"]);
        check("price\n1,5\n-2,25\n3\n", ';', true, &["price"]);
        check("price,\n1,5\n2,5\n", ',', true, &["price", ""]);
        check("a,b\n1,5\n2,5\n", ',', true, &["a", "b"]);
        check("1,5\n2,5\n", ',', false, &["1", "5"]);
    }

    /// Lines of which each holds its number in the place of `#`.
    fn lines(line: &str) -> String {
        (10..40).map(|number| line.replace('#', &number.to_string()) + "\n").collect()
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
    fn the_delimiter_below_comments_is_told_by_the_records() {
        let gene = "chr1\tsrc\tgene\t10\t19\t.\t+\t.\tID=g1;Name=n1\n";
        let fields = ["chr1", "src", "gene", "10", "19", ".", "+", ".", "ID=g1;Name=n1"];
        check_titles(&format!("##gff-version 3\n{gene}{gene}"), '\t', 1, &fields);
        check(&format!("##gff-version 3\n{gene}{gene}"), '\t', false, &fields);
        check_titles("# one; two\n#id\tname\ttags\n1\tn1\ta;b\n2\tn2\tc;d\n", '\t', 1, &["#id", "name", "tags"]);
        check_titles("##x=1\n#CHROM\tPOS\tINFO\n1\t100\tDP=1;AF=0.5\n", '\t', 1, &["#CHROM", "POS", "INFO"]);
        check_titles("##x=1\n##y=2\n#CHROM\tPOS\tINFO\n1\t100\tDP=1;A=1\n1\t200\tDP=2;A=2\n", '\t', 2, &["#CHROM", "POS", "INFO"]);
    }

    #[test]
    fn a_header_below_a_comment_of_its_width_is_the_one_above_values() {
        let table = "time,temp,press\n2024-01-01 00:00,1.5,1000\n2024-01-01 01:00,1.7,1001\n";
        check_titles(&format!("# Measured by A, B\n# unit,degC,hPa\n{table}"), ',', 2, &["time", "temp", "press"]);
        check_titles(&format!("# s,degC,hPa\n{table}"), ',', 1, &["time", "temp", "press"]);
        check_titles("#rust\n#go\nfoo\nbar\n", ',', 0, &["#rust"]);
        check_titles("#rust,5\n#go,7\nother,8\n", ',', 0, &["#rust", "5"]);
    }

    #[test]
    fn dates_and_numbers_may_name_columns() {
        check("2026-01-01,5\n12,6\n13,7\n", ',', false, &["2026-01-01", "5"]);
        check("Ann,2026-01-01,5\nBob,12,6\n", ',', false, &["Ann", "2026-01-01", "5"]);
        check("Region,2023-01-31,2023-02-28\nNorth,10,20\nSouth,11,21\n", ',', true, &["Region", "2023-01-31", "2023-02-28"]);
        check("x,2023-01-31\ny,2023-02-28\n", ',', false, &["x", "2023-01-31"]);
        check("31.01.2023;x\n28.02.2023;y\n", ';', false, &["31.01.2023", "x"]);
        check(",0,1,2\n0,1.5,2.5,3.5\n1,4.5,5.5,6.5\n", ',', true, &["", "0", "1", "2"]);
        check(";2022;2023;2024\nNorth;10;20;30\n", ';', true, &["", "2022", "2023", "2024"]);
        check(",5,7\nx,1,2\n", ',', false, &["", "5", "7"]);
        check_titles("Report;;;\n;2022;2023;2024\nNorth;10;20;30\nSouth;11;21;31\n", ';', 1, &["", "2022", "2023", "2024"]);
    }

    #[test]
    fn padded_records_are_no_titles_without_evidence() {
        check_titles("Name,,\nAnna,Bonn,a@x.de\nBert,,\nCara,Ulm,c@x.de\n", ',', 0, &["Name", "", ""]);
        check_titles("key;;;\nalpha;;;\nbeta;;;\ngamma;Berlin;Paris;Rome\ndelta;;;\n", ';', 0, &["key", "", "", ""]);
        check_titles("Name,,\nAnna,Bonn,a@x.de\nCara,Ulm,c@x.de\n", ',', 0, &["Name", "", ""]);
        check_titles("Report;;;\nNr;Name;Name;PLZ\n1;Anna;Bonn;53111\n2;Bert;Ulm;89073\n", ';', 1, &["Nr", "Name", "Name", "PLZ"]);
    }

    #[test]
    fn a_title_above_a_header_with_a_date_or_without_a_name_is_left_out() {
        check_titles(&format!("Title\n,b,c\n{}", lines("1,2,#")), ',', 1, &["", "b", "c"]);
        let dates = &["region", "2023-01-31", "2023-02-28"];
        check_titles(&format!("Title\nregion,2023-01-31,2023-02-28\n{}", lines("R#,2,3")), ',', 1, dates);
        check_titles("Title\na,b,c,\n1,2,3,\n4,5,6,\n", ',', 1, &["a", "b", "c", ""]);
    }

    #[test]
    fn statements_of_banks_are_read_below_their_titles() {
        let german = format!("\"Konto:\";\"DE1\";\n\n\"Tag\";\"Text\";\"Betrag\";\n{}", lines("\"10.02.2024\";\"Kauf\";\"-#,50\";"));
        check_titles(&german, ';', 2, &["Tag", "Text", "Betrag", ""]);
        let titles = "Compte n°;000123;\nDébut;01/01/2024;\nSolde au 31/01/2024;1 234,56 EUR;\n\n";
        let french = format!("{titles}Date;Libellé;Débit;Crédit;\n{}", lines("02/01/2024;CARTE;-#,50;;"));
        check_titles(&french, ';', 4, &["Date", "Libellé", "Débit", "Crédit", ""]);
        let titles = "IBAN;DE12 5001 0517\nBank;ING\nSaldo;1.234,56;EUR\n\nIn der Datei, wie gebucht, steht alles.\n\n";
        let short = format!("{titles}Buchung;Text;Saldo;Währung;Betrag;Währung\n30.04.2024;REWE;1.234,56;EUR;-45,10;EUR\n");
        check_titles(&short, ';', 6, &["Buchung", "Text", "Saldo", "Währung", "Betrag", "Währung"]);
        check_titles("a,b\n7,8\n7,8\nx,y,z\n1,2,3\n4,5,6\n7,8,9\n", ',', 0, &["a", "b"]);
    }

    #[test]
    fn a_delimiter_that_ends_the_header_or_all_records_alone_is_followed_by_no_field() {
        for text in ["a;b\n1;2;\n3;4;\n", "a;b;\n1;2\n3;4\n"] {
            check(text, ';', true, &["a", "b"]);
            assert!(Dialect::detect(text.as_bytes(), true, UNKNOWN).has_uneven_ends, "{text}");
        }
        check("a,b,\n1,2\n", ',', true, &["a", "b"]);
        check("a;b;\n1;2;\n3;4;\n", ';', true, &["a", "b", ""]);
        assert!(!Dialect::detect(b"a,b\n1,2,\n3,4\n", true, UNKNOWN).has_uneven_ends);
    }

    #[test]
    fn colons_below_a_header_of_names_with_colons_delimit() {
        check("chr:pos\n1:10\n2:20\n3:30\n", ':', true, &["chr", "pos"]);
        check("10:00:01 INFO start\n10:00:02 WARN slow\n", ',', false, &["10:00:01 INFO start"]);
        check("http://a.de/1\nhttp://a.de/2\n", ',', false, &["http://a.de/1"]);
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
