//! Where records end: a stream of text becomes chunks of whole records, each with the line it starts on.
//!
//! A line end inside a quoted field ends no record. A quote that is opened at the start of a field and not closed as it
//! must be is no quote: its record is malformed, and reading goes on with the next line, so that one stray character
//! cannot swallow a file. [`quoted_end`] is the one place that judges this; the splitter and the reader of cells both
//! ask it, so they agree however a file was cut into chunks.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr};

use crate::bytes::Bytes;
use crate::scan::Either;

/// How many bytes a chunk has, about.
pub const CHUNK_BYTES: usize = 512 << 10;
/// How long a quoted field can be.
pub(crate) const LONGEST_FIELD: usize = 1 << 20;
/// How long a record can be.
pub(crate) const LONGEST_RECORD: usize = 16 << 20;
/// How much is kept of a record that is too long.
const KEPT_OF_TOO_LONG: usize = 4 << 10;

/// What separates fields and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The byte between fields; unused where there is no quote.
    pub delimiter: u8,
    /// The byte around fields that hold delimiters or line ends.
    pub quote: Option<u8>,
    /// The byte that starts a comment line.
    pub comment: Option<u8>,
    /// The last byte of a line end.
    pub line_end: u8,
}

impl Marks {
    /// One record per line, whatever it holds.
    pub(crate) const LINES: Self = Self { delimiter: b'\n', quote: None, comment: None, line_end: b'\n' };
}

impl Marks {
    /// How many lines end in a text. What is neither a line feed nor a carriage return ends a record and no line.
    fn lines(self, text: &[u8]) -> u64 {
        let line_end = if self.line_end == b'\r' { b'\r' } else { b'\n' };
        memchr_iter(line_end, text).count() as u64
    }
}

/// What follows a quote that opens a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// The field ends with the quote at `end`.
    Closed {
        /// The place of the closing quote.
        end: usize,
        /// Whether doubled quotes stand inside.
        has_doubled: bool,
        /// How many lines end inside.
        lines: u64,
    },
    /// The quote is not closed as it must be.
    Broken,
    /// More text is needed to tell.
    Unclear,
}

/// Finds the end of the quoted field that opens at `open`. `is_all` says that no text follows after `text`.
pub(crate) fn quoted_end(text: &[u8], open: usize, quote: u8, marks: Marks, is_all: bool) -> Quoted {
    let limit = text.len().min(open + 1 + LONGEST_FIELD);
    let is_whole = is_all || limit < text.len();
    let either = Either::of(quote, marks.line_end);
    let (mut at, mut has_doubled, mut lines) = (open + 1, false, 0);
    loop {
        let Some(end) = text.get(..limit).and_then(|text| either.find(text, at)) else {
            return if is_whole { Quoted::Broken } else { Quoted::Unclear };
        };
        if text.get(end) != Some(&quote) {
            (at, lines) = (end + 1, lines + 1);
            continue;
        }
        match (text.get(end + 1), text.get(behind_returns(text, end + 1))) {
            (None, _) if is_all => return Quoted::Closed { end, has_doubled, lines },
            (None, _) => return Quoted::Unclear,
            (Some(next), _) if *next == quote => (at, has_doubled) = (end + 2, true),
            (Some(next), _) if *next == marks.delimiter || *next == marks.line_end => return Quoted::Closed { end, has_doubled, lines },
            (Some(b'\r'), None) if !is_all => return Quoted::Unclear,
            (Some(b'\r'), None | Some(b'\n')) => return Quoted::Closed { end, has_doubled, lines },
            _ => return Quoted::Broken,
        }
    }
}

/// The place behind the carriage returns at `at`. Programs that translate line ends twice write several before a line feed.
pub(crate) fn behind_returns(text: &[u8], at: usize) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'\r').count()
}

/// A piece of a file that holds whole records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The text, as far as it is text.
    pub(crate) text: Vec<u8>,
    /// The one-based line on which it starts.
    pub(crate) first_line: u64,
    /// Whether it is the beginning of one record that is too long to be read.
    pub(crate) is_too_long: bool,
}

/// Cuts a stream into chunks. Memory stays within a few lengths of the longest record.
pub struct Splitter {
    bytes: Bytes,
    marks: Marks,
    chunk_bytes: usize,
    /// Text that was read and not yet handed out.
    pending: Vec<u8>,
    /// The line on which `pending` starts.
    line: u64,
    is_at_end: bool,
}

impl Splitter {
    /// Cuts what `bytes` yields.
    pub(crate) fn new(bytes: Bytes, marks: Marks) -> Self {
        Self { bytes, marks, chunk_bytes: CHUNK_BYTES, pending: Vec::new(), line: 1, is_at_end: false }
    }

    /// Sets the size of chunks.
    #[cfg(test)]
    pub(crate) fn with_chunk_bytes(mut self, chunk_bytes: usize) -> Self {
        self.chunk_bytes = chunk_bytes;
        self
    }

    /// Leaves out so many lines, whatever they hold.
    pub(crate) fn skip_lines(&mut self, lines: usize) -> io::Result<()> {
        (0..lines).try_for_each(|_| self.drop_line())
    }

    /// Leaves out the next record that is neither a blank line nor a comment: the header.
    pub(crate) fn skip_header(&mut self) -> io::Result<()> {
        while let Some(length) = self.first_record()? {
            let record = self.take(length).text;
            if !is_idle(&record, self.marks) {
                break;
            }
        }
        Ok(())
    }

    /// The length of the first pending record with its line end.
    fn first_record(&mut self) -> io::Result<Option<usize>> {
        let mut wanted = self.chunk_bytes;
        loop {
            self.fill(wanted)?;
            match first_record_end(&self.pending, self.marks) {
                Some(end) => return Ok(Some(end)),
                None if self.is_at_end || self.pending.len() > LONGEST_RECORD => {
                    return Ok(Some(self.pending.len()).filter(|length| *length > 0));
                }
                None => wanted = (self.pending.len() * 2).max(self.chunk_bytes),
            }
        }
    }

    /// The next chunk; `None` at the end.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let mut wanted = self.chunk_bytes;
        loop {
            self.fill(wanted)?;
            if self.pending.is_empty() {
                return Ok(None);
            }
            let cut = if self.is_at_end { self.pending.len() } else { last_record_end(&self.pending, self.marks) };
            if cut > LONGEST_RECORD || (cut == 0 && self.pending.len() > LONGEST_RECORD) {
                return self.cut_with_long_records(cut).map(Some);
            }
            if cut > 0 {
                return Ok(Some(self.take(cut)));
            }
            wanted = (self.pending.len() * 2).max(self.chunk_bytes);
        }
    }

    /// Reads until so many bytes are pending, or the stream ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let missing = wanted.saturating_sub(self.pending.len());
        if missing > 0 && !self.is_at_end {
            self.pending.reserve(missing);
            let read = self.bytes.by_ref().take(missing as u64).read_to_end(&mut self.pending)?;
            self.is_at_end = read < missing;
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Chunk {
        let rest = self.pending.get(length..).unwrap_or_default().to_vec();
        let mut text = std::mem::replace(&mut self.pending, rest);
        text.truncate(length);
        let first_line = self.line;
        self.line += self.marks.lines(&text);
        Chunk { text, first_line, is_too_long: false }
    }

    /// Hands out what may hold a record that is too long: first the records before it, then its beginning.
    fn cut_with_long_records(&mut self, cut: usize) -> io::Result<Chunk> {
        let whole = if cut == 0 { self.pending.len() } else { cut };
        let end = last_record_end(self.pending.get(..whole.min(LONGEST_RECORD)).unwrap_or_default(), self.marks);
        if end > 0 {
            return Ok(self.take(end));
        }
        let first_line = self.line;
        let text = self.pending.get(..KEPT_OF_TOO_LONG).unwrap_or(&self.pending).to_vec();
        self.drop_line()?;
        Ok(Chunk { text, first_line, is_too_long: true })
    }

    /// Drops the rest of a line, reading on as far as it goes.
    fn drop_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = memchr(self.marks.line_end, &self.pending) {
                self.line += self.marks.lines(self.pending.get(..=end).unwrap_or_default());
                self.pending.drain(..=end);
                return Ok(());
            }
            self.line += self.marks.lines(&self.pending);
            self.pending.clear();
            self.fill(self.chunk_bytes)?;
            if self.pending.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Whether a line holds no record: it is blank or a comment.
pub(crate) fn is_idle(line: &[u8], marks: Marks) -> bool {
    match line.first() {
        None => true,
        Some(first) if Some(*first) == marks.comment => true,
        Some(_) => line.iter().all(|byte| matches!(byte, b'\r' | b'\n')),
    }
}

/// The end of the last whole record of a text that goes on; 0 where there is none.
fn last_record_end(text: &[u8], marks: Marks) -> usize {
    let mut last = 0;
    walk(text, marks, |from, to| {
        last = memrchr(marks.line_end, text.get(from..to).unwrap_or_default()).map_or(last, |at| from + at + 1);
        true
    });
    last
}

/// The end of the first whole record.
pub(crate) fn first_record_end(text: &[u8], marks: Marks) -> Option<usize> {
    let mut first = None;
    walk(text, marks, |from, to| {
        first = memchr(marks.line_end, text.get(from..to).unwrap_or_default()).map(|at| from + at + 1);
        first.is_none()
    });
    first
}

/// Visits the stretches of `text` that lie outside quotes, in order, until `visit` returns false or text that is not
/// there would be needed to go on.
fn walk(text: &[u8], marks: Marks, mut visit: impl FnMut(usize, usize) -> bool) {
    let Some(quote) = marks.quote else {
        visit(0, text.len());
        return;
    };
    let (mut from, mut record_start) = (0, 0);
    while let Some(open) = next_opening(text, from, &mut record_start, quote, marks) {
        if !visit(from, open) {
            return;
        }
        match quoted_end(text, open, quote, marks, false) {
            Quoted::Closed { end, .. } => from = end + 1,
            Quoted::Unclear => return,
            Quoted::Broken => match memchr(marks.line_end, text.get(open..).unwrap_or_default()) {
                Some(end) => from = open + end,
                None => return,
            },
        }
    }
    visit(from, text.len());
}

/// The next quote at or after `from` that opens a field. `record_start` follows the start of the record around it.
fn next_opening(text: &[u8], from: usize, record_start: &mut usize, quote: u8, marks: Marks) -> Option<usize> {
    let (mut at, mut outside) = (from, from);
    loop {
        let found = at + memchr(quote, text.get(at..)?)?;
        if marks.comment.is_some() {
            if let Some(line_end) = text.get(outside..found).and_then(|stretch| memrchr(marks.line_end, stretch)) {
                *record_start = outside + line_end + 1;
            }
            outside = found;
            if text.get(*record_start).copied() == marks.comment {
                at = found + memchr(marks.line_end, text.get(found..)?)?;
                continue;
            }
        }
        let before = found.checked_sub(1).and_then(|before| text.get(before));
        if before.is_none_or(|before| *before == marks.delimiter || *before == marks.line_end) {
            return Some(found);
        }
        at = found + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { delimiter: b',', quote: Some(b'"'), comment: Some(b'#'), line_end: b'\n' };

    fn chunks(text: &[u8], chunk_bytes: usize) -> Vec<Chunk> {
        let mut splitter = Splitter::new(Box::new(io::Cursor::new(text.to_vec())), MARKS).with_chunk_bytes(chunk_bytes);
        std::iter::from_fn(|| splitter.next_chunk().unwrap()).collect()
    }

    #[track_caller]
    fn check(text: &str, records: &[&str]) {
        let found: Vec<String> = chunks(text.as_bytes(), 1).into_iter().map(|chunk| String::from_utf8(chunk.text).unwrap()).collect();
        assert_eq!(found, records);
        assert_eq!(found.concat(), text);
    }

    #[test]
    fn line_ends_inside_quotes_end_no_record() {
        check("a,b\n1,\"x\ny\"\n2,z\n", &["a,b\n", "1,\"x\ny\"\n", "2,z\n"]);
        check("1,\"x\"\"\n\"\"y\"\r\n2,z", &["1,\"x\"\"\n\"\"y\"\r\n", "2,z"]);
    }

    #[test]
    fn quotes_inside_fields_and_comments_open_nothing() {
        check("5\" pipe,1\n6\" pipe,2\n", &["5\" pipe,1\n", "6\" pipe,2\n"]);
        check("# it's \"odd\n# a,\"b\n1,2\n", &["# it's \"odd\n", "# a,\"b\n", "1,2\n"]);
    }

    #[test]
    fn a_broken_quote_costs_its_line_only() {
        let text = format!("1,\"x\n{}", "2,y\n".repeat(LONGEST_FIELD));
        assert_eq!(chunks(text.as_bytes(), 64 << 10)[0].first_line, 1);
        assert_eq!(chunks(text.as_bytes(), 64 << 10).iter().map(|chunk| chunk.text.len()).sum::<usize>(), text.len());
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_and_the_next_one_is_read() {
        let text = format!("a,b\n{}\nc,d\n", "x".repeat(3 * LONGEST_RECORD));
        let found: Vec<(u64, bool, usize)> =
            chunks(text.as_bytes(), CHUNK_BYTES).iter().map(|chunk| (chunk.first_line, chunk.is_too_long, chunk.text.len())).collect();
        assert_eq!(found, [(1, false, 4), (2, true, KEPT_OF_TOO_LONG), (3, false, 4)]);
    }
}
