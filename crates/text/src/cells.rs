//! Records split into cells: places in a text, no copies.

use std::fmt;

use hw_base::Result;
use serde_json::json;

use crate::split::{Chunk, Splitter};

/// How much of a malformed record is kept.
const KEPT_BYTES: usize = 4 << 10;

/// How a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The record does not have it, or says that it is null.
    Missing,
    /// As it is.
    Bare,
    /// In quotes, with nothing inside to be unescaped.
    Quoted,
    /// In quotes, with something inside to be unescaped.
    Escaped,
}

/// The place of a cell in its text, without its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) form: Form,
}

impl Cell {
    pub(crate) const MISSING: Self = Self { start: 0, end: 0, form: Form::Missing };

    pub(crate) fn new(start: usize, end: usize, form: Form) -> Self {
        Self { start: place(start), end: place(end), form }
    }

    /// Its text in the text it was found in.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A place in a text as four bytes.
#[expect(clippy::cast_possible_truncation, reason = "a chunk is never near 4 GiB long")]
pub(crate) fn place(at: usize) -> u32 {
    debug_assert!(u32::try_from(at).is_ok(), "a chunk is too long");
    at as u32
}

/// A record: where it stands, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The one-based line on which it starts.
    pub(crate) line: u64,
    pub(crate) problem: Option<String>,
}

/// Records and their cells, `width` per record.
#[derive(Debug, Default)]
pub struct Cells {
    pub(crate) width: usize,
    pub(crate) all: Vec<Cell>,
    pub(crate) records: Vec<Record>,
}

impl Cells {
    /// No records of `width` cells each.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, all: Vec::new(), records: Vec::new() }
    }

    /// Forgets the records, to be filled again.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.records.clear();
    }

    /// Ends a record whose cells were pushed since the last one. A malformed record keeps none of them.
    pub(crate) fn end_record(&mut self, record: Record) {
        let first = self.records.len() * self.width;
        if record.problem.is_some() {
            self.all.truncate(first);
        }
        self.all.resize(first + self.width, Cell::MISSING);
        self.records.push(record);
    }
}

/// How far the reading of a text has come.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    pub(crate) at: usize,
    pub(crate) line: u64,
}

/// A chunk as text. Bytes that are none stand as `?`, and the records that hold them are malformed.
#[derive(Debug)]
pub struct ChunkText {
    pub(crate) text: String,
    pub(crate) first_line: u64,
    pub(crate) is_too_long: bool,
    broken: Vec<usize>,
}

impl From<Chunk> for ChunkText {
    fn from(chunk: Chunk) -> Self {
        let (first_line, is_too_long) = (chunk.first_line, chunk.is_too_long);
        let (text, broken) = match String::from_utf8(chunk.text) {
            Ok(text) => (text, Vec::new()),
            Err(error) => mended(error.into_bytes()),
        };
        Self { text, first_line, is_too_long, broken }
    }
}

impl ChunkText {
    /// Whether all bytes between two places were text.
    pub(crate) fn is_text(&self, start: usize, end: usize) -> bool {
        self.broken.is_empty() || self.broken.get(self.broken.partition_point(|at| *at < start)).is_none_or(|at| *at >= end)
    }
}

/// Puts `?` in place of every byte that is no UTF-8, and tells their places in order.
fn mended(mut bytes: Vec<u8>) -> (String, Vec<usize>) {
    let (mut broken, mut from) = (Vec::new(), 0);
    while let Err(error) = std::str::from_utf8(bytes.get(from..).unwrap_or_default()) {
        let start = from + error.valid_up_to();
        let end = error.error_len().map_or(bytes.len(), |length| start + length);
        broken.extend(start..end);
        bytes[start..end].fill(b'?');
        from = end;
    }
    (String::from_utf8_lossy(&bytes).into_owned(), broken)
}

/// A file of records.
pub trait RecordFile: fmt::Debug + Send + Sync {
    /// The path as the project names it.
    fn name(&self) -> &str;

    /// What was guessed of it that may be another way, each in a sentence.
    fn guesses(&self) -> &[String] {
        &[]
    }

    /// Starts to read it.
    fn open(&self) -> Result<Splitter>;

    /// How many cells its records have.
    fn width(&self) -> usize;

    /// Which cell fills a column of the dataset; `None` where the file does not have it.
    fn cell_of(&self, column: usize) -> Option<usize>;

    /// Reads up to `most` further records of a chunk into `cells`, and moves `cursor` behind them.
    fn read(&self, chunk: &ChunkText, cursor: &mut Cursor, most: usize, cells: &mut Cells);

    /// Undoes the escapes of a cell into `spare`. `None` where an escape stands for no character.
    fn unescape<'a>(&self, text: &str, spare: &'a mut String) -> Option<&'a str>;

    /// Whether a value in quotes is text, and never a number or a truth.
    fn quotes_mean_text(&self) -> bool {
        false
    }

    /// Whether a bare cell stands for a missing value.
    fn is_null(&self, text: &str) -> bool;
}

/// What the hidden column `_malformed` says about a record: the reason, and the beginning of the record.
pub fn malformed(reason: &str, record: &str) -> String {
    let mut end = record.len().min(KEPT_BYTES);
    while !record.is_char_boundary(end) {
        end -= 1;
    }
    json!({ "reason": reason, "record": record.get(..end) }).to_string()
}
