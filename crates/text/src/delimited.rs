//! CSV and its kin: fields between delimiters, in quotes where they hold a delimiter, a quote or a line end.

use std::io;
use std::path::PathBuf;

use encoding_rs::Encoding;
use hw_base::Result;
use memchr::memchr;

use crate::bytes;
use crate::cells::{Cell, Cells, ChunkText, Cursor, Form, Record, RecordFile};
use crate::scan::Either;
use crate::split::{Marks, Quoted, Splitter, behind_returns, quoted_end};
use crate::unreadable::unreadable;

/// What is wrong with a record that holds broken characters.
pub(crate) const NO_TEXT: &str = "a character is no valid UTF-8; if the file is in another encoding, name it under `encoding:`";

/// A CSV file, known well enough to be read.
#[derive(Clone, Debug)]
pub struct DelimitedFile {
    /// The path as the project names it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// How its characters are written.
    pub encoding: &'static Encoding,
    /// The length of the byte order mark.
    pub mark: usize,
    /// What separates its fields and records.
    pub marks: Marks,
    /// Lines above the header, whatever they hold.
    pub skip_rows: usize,
    /// Whether its first record names the columns.
    pub has_header: bool,
    /// How many fields each record has.
    pub width: usize,
    /// Which field fills each column of the dataset.
    pub places: Vec<Option<usize>>,
    /// Spellings of a missing value.
    pub nulls: Vec<String>,
    /// What was guessed of it that may be another way, each in a sentence.
    pub guesses: Vec<String>,
}

impl RecordFile for DelimitedFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn guesses(&self) -> &[String] {
        &self.guesses
    }

    fn open(&self) -> Result<Splitter> {
        self.splitter().map_err(|error| unreadable(&self.name, &error))
    }

    fn width(&self) -> usize {
        self.width
    }

    fn cell_of(&self, column: usize) -> Option<usize> {
        self.places.get(column).copied().flatten()
    }

    fn read(&self, chunk: &ChunkText, cursor: &mut Cursor, most: usize, cells: &mut Cells) {
        let mut reading = Reading { cursor: *cursor, ..Reading::new(chunk.text.as_bytes(), self.marks) };
        while cells.records.len() < most && reading.skip_to_record() {
            let mut record = reading.record(cells);
            if !chunk.is_text(record.start, record.end) {
                record.problem = Some(NO_TEXT.into());
            }
            cells.end_record(record);
        }
        *cursor = reading.cursor;
    }

    fn unescape<'a>(&self, text: &str, spare: &'a mut String) -> Option<&'a str> {
        spare.clear();
        let quote = char::from(self.marks.quote?);
        let mut after_quote = false;
        for character in text.chars() {
            after_quote = character == quote && !after_quote;
            if !after_quote {
                spare.push(character);
            }
        }
        Some(spare)
    }

    fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }
}

impl DelimitedFile {
    fn splitter(&self) -> io::Result<Splitter> {
        let mut splitter = Splitter::new(bytes::open_text(&self.path, self.encoding, self.mark)?, self.marks);
        splitter.skip_lines(self.skip_rows)?;
        if self.has_header {
            splitter.skip_header()?;
        }
        Ok(splitter)
    }
}

/// Reads the records of a text one after the other.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    marks: Marks,
    field_ends: Either,
    pub(crate) cursor: Cursor,
    /// How many fields the latest record had.
    pub(crate) field_count: usize,
}

impl<'a> Reading<'a> {
    /// Starts at the first record of a text.
    pub(crate) fn new(bytes: &'a [u8], marks: Marks) -> Self {
        let field_ends = Either::of(marks.delimiter, marks.line_end);
        Self { bytes, marks, field_ends, cursor: Cursor { at: 0, line: 1 }, field_count: 0 }
    }

    /// Moves over blank lines and comments. Returns whether a record follows.
    pub(crate) fn skip_to_record(&mut self) -> bool {
        while let Some(first) = self.bytes.get(self.cursor.at).copied() {
            let holds_returns_alone = |at| self.bytes.get(behind_returns(self.bytes, at)) == Some(&b'\n');
            let is_blank = first == self.marks.line_end || (first == b'\r' && holds_returns_alone(self.cursor.at));
            if !is_blank && Some(first) != self.marks.comment {
                return true;
            }
            self.end_line(self.cursor.at);
        }
        false
    }

    /// Reads a record and pushes its cells. One that is malformed has a problem.
    pub(crate) fn record(&mut self, cells: &mut Cells) -> Record {
        let start = self.cursor;
        let mut fields = Fields { cells, count: 0, has_more_text: false };
        let problem = self.fields(&mut fields).or_else(|| fields.problem());
        self.field_count = fields.count;
        let end = self.cursor.at;
        self.end_line(end);
        Record { start: start.at, end: self.before_returns(start.at, end), line: start.line, problem }
    }

    /// Reads fields up to the end of the record, and leaves the cursor there.
    fn fields(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        loop {
            let at = self.cursor.at;
            match self.marks.quote {
                Some(quote) if self.bytes.get(at) == Some(&quote) => {
                    if let Quoted::Closed { end, has_doubled, lines } = quoted_end(self.bytes, at, quote, self.marks, true) {
                        self.cursor.line += lines;
                        self.quoted(at + 1, end, has_doubled, fields);
                    } else {
                        self.cursor.at = self.line_end_from(at);
                        return Some(format!("the quote that opens field {} is not closed as it must be", fields.count + 1));
                    }
                }
                _ => self.bare(at, fields),
            }
            if self.bytes.get(self.cursor.at) != Some(&self.marks.delimiter) {
                return None;
            }
            self.cursor.at += 1;
        }
    }

    fn quoted(&mut self, start: usize, end: usize, has_doubled: bool, fields: &mut Fields<'_>) {
        self.cursor.at = if self.marks.line_end == b'\n' { behind_returns(self.bytes, end + 1) } else { end + 1 };
        fields.push(Cell::new(start, end, if has_doubled { Form::Escaped } else { Form::Quoted }), start < end);
    }

    fn bare(&mut self, start: usize, fields: &mut Fields<'_>) {
        let mut end = self.field_ends.find(self.bytes, start).unwrap_or(self.bytes.len());
        self.cursor.at = end;
        let ends_line = self.bytes.get(end) != Some(&self.marks.delimiter);
        if ends_line {
            end = self.before_returns(start, end);
        }
        fields.push(Cell::new(start, end, Form::Bare), start < end);
    }

    /// The end of what stands between two places without carriage returns at its end.
    fn before_returns(&self, start: usize, mut end: usize) -> usize {
        while end > start && self.bytes.get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
        end
    }

    fn line_end_from(&self, at: usize) -> usize {
        if self.bytes.get(at) == Some(&self.marks.line_end) {
            return at;
        }
        self.bytes.get(at..).and_then(|rest| memchr(self.marks.line_end, rest)).map_or(self.bytes.len(), |length| at + length)
    }

    /// Moves behind the end of the line that holds `at`.
    fn end_line(&mut self, at: usize) {
        self.cursor.at = (self.line_end_from(at) + 1).min(self.bytes.len());
        self.cursor.line += 1;
    }
}

/// The fields of one record on their way into the cells.
struct Fields<'a> {
    cells: &'a mut Cells,
    count: usize,
    /// Whether a field beyond the last column holds something.
    has_more_text: bool,
}

impl Fields<'_> {
    fn push(&mut self, cell: Cell, has_text: bool) {
        if self.count < self.cells.width {
            self.cells.all.push(cell);
        } else {
            self.has_more_text |= has_text;
        }
        self.count += 1;
    }

    /// What is wrong with the number of fields. Empty fields beyond the last column are none.
    fn problem(&self) -> Option<String> {
        let width = self.cells.width;
        let fits = self.count == width || (self.count > width && !self.has_more_text);
        (!fits).then(|| format!("expected {}, found {}", hw_base::plural(width as u64, "field"), self.count))
    }
}
