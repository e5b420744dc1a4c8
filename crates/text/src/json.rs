//! JSON files: one object per line, or one list of objects.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use encoding_rs::Encoding;
use hw_base::Result;
use memchr::{memchr, memchr_iter};

use crate::bytes::{self, Bytes};
use crate::cells::{Cell, Cells, ChunkText, Cursor, Form, Record, RecordFile};
use crate::delimited::NO_TEXT;
use crate::objects;
use crate::split::{Marks, Splitter};
use crate::unreadable::unreadable;

/// How many records of each file are looked at for their keys.
const RECORDS: usize = 20_000;

/// A JSON file, known well enough to be read.
#[derive(Clone, Debug)]
pub struct JsonFile {
    /// The path as the project names it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// How its characters are written.
    pub encoding: &'static Encoding,
    /// The length of the byte order mark.
    pub mark: usize,
    /// Whether it is one list of objects.
    pub is_list: bool,
    /// The columns of the dataset, by key.
    pub known: Arc<HashMap<String, usize>>,
}

impl RecordFile for JsonFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Splitter> {
        let bytes = bytes::open_text(&self.path, self.encoding, self.mark).map_err(|error| unreadable(&self.name, &error))?;
        let bytes: Bytes = if self.is_list { Box::new(Unlisted::new(bytes)) } else { bytes };
        Ok(Splitter::new(bytes, if self.is_list { Marks { line_end: RECORD_END, ..Marks::LINES } } else { Marks::LINES }))
    }

    fn width(&self) -> usize {
        self.known.len()
    }

    fn cell_of(&self, column: usize) -> Option<usize> {
        Some(column)
    }

    fn read(&self, chunk: &ChunkText, cursor: &mut Cursor, most: usize, cells: &mut Cells) {
        while cells.records.len() < most {
            let Some(place) = self.next_record(chunk, cursor) else { break };
            let RecordPlace { start, end, line } = place;
            let problem = if chunk.is_text(start, end) { self.split(chunk, &place, cells).err() } else { Some(NO_TEXT.into()) };
            cells.end_record(Record { start, end, line, problem });
        }
    }

    fn unescape<'a>(&self, text: &str, spare: &'a mut String) -> Option<&'a str> {
        *spare = serde_json::from_str(&format!("\"{text}\"")).ok()?;
        Some(spare)
    }

    fn quotes_mean_text(&self) -> bool {
        true
    }

    fn is_null(&self, _: &str) -> bool {
        false
    }
}

impl JsonFile {
    /// The keys of the first records, in the order they appear.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keys(&self) -> Result<Vec<String>> {
        let (mut keys, mut known, mut records) = (Vec::new(), HashSet::new(), 0);
        let mut splitter = self.open()?;
        while records < RECORDS {
            let Some(chunk) = splitter.next_chunk().map_err(|error| unreadable(&self.name, &error))? else { break };
            let chunk = ChunkText::from(chunk);
            let mut cursor = Cursor { at: 0, line: 1 };
            while let Some(place) = self.next_record(&chunk, &mut cursor) {
                records += 1;
                // A record that breaks off is malformed when it is read; the keys before the break count all the same.
                let _ = objects::members(chunk.text.get(..place.end).unwrap_or_default(), place.start, |key, _| {
                    let key = plain_key(key);
                    if known.insert(key.clone()) {
                        keys.push(key);
                    }
                    Ok(())
                });
            }
        }
        Ok(keys)
    }

    /// The place of the next record, with the cursor moved behind it.
    fn next_record(&self, chunk: &ChunkText, cursor: &mut Cursor) -> Option<RecordPlace> {
        let bytes = chunk.text.as_bytes();
        let separator = if self.is_list { RECORD_END } else { b'\n' };
        loop {
            let from = cursor.at;
            let end = from + memchr(separator, bytes.get(from..).filter(|rest| !rest.is_empty())?).unwrap_or(bytes.len() - from);
            let start = objects::skip_blanks(bytes.get(..end).unwrap_or_default(), from);
            let lines = |from: usize, to: usize| memchr_iter(b'\n', bytes.get(from..to).unwrap_or_default()).count() as u64;
            let line = cursor.line + lines(from, start);
            cursor.at = (end + 1).min(bytes.len());
            cursor.line += lines(from, cursor.at);
            if start < end {
                return Some(RecordPlace { start, end, line });
            }
        }
    }

    /// Splits a record into the cells of its columns.
    fn split(&self, chunk: &ChunkText, place: &RecordPlace, cells: &mut Cells) -> Result<(), String> {
        let first = cells.all.len();
        cells.all.resize(first + self.known.len(), Cell::MISSING);
        let text = chunk.text.get(..place.end).unwrap_or_default();
        let end = objects::members(text, place.start, |key, cell| match self.known.get(key).or_else(|| self.known.get(&plain_key(key))) {
            Some(column) => {
                let before = std::mem::replace(&mut cells.all[first + column], cell);
                // Which of two values is meant, nobody knows.
                if before.end > 0 && (before.of(text) != cell.of(text) || is_text(before) != is_text(cell)) {
                    return Err(format!("the key `{key}` stands twice, with different values"));
                }
                Ok(())
            }
            None => Err(format!("unknown key `{key}`")),
        })?;
        match text.get(end..).map(str::trim) {
            None | Some("") => Ok(()),
            Some(_) => Err("more text follows the object".into()),
        }
    }
}

fn is_text(cell: Cell) -> bool {
    matches!(cell.form, Form::Quoted | Form::Escaped)
}

/// Where a record stands in its chunk.
struct RecordPlace {
    start: usize,
    end: usize,
    line: u64,
}

/// A key without its escapes.
fn plain_key(key: &str) -> String {
    if key.contains('\\') { serde_json::from_str(&format!("\"{key}\"")).unwrap_or_else(|_| key.to_owned()) } else { key.to_owned() }
}

/// What stands between the members of a list once [`Unlisted`] has passed it: the record separator of ASCII, which no
/// JSON text holds.
const RECORD_END: u8 = 0x1E;

/// Passes a JSON list on with its outer brackets blanked and [`RECORD_END`] for its outer commas, so that it can be cut
/// into records. Every byte keeps its place and every line its number.
struct Unlisted {
    bytes: Bytes,
    depth: usize,
    is_in_text: bool,
    is_escaped: bool,
}

impl Unlisted {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, depth: 0, is_in_text: false, is_escaped: false }
    }

    fn pass(&mut self, byte: u8) -> u8 {
        if self.is_in_text {
            self.is_in_text = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return byte;
        }
        match byte {
            b'"' => self.is_in_text = true,
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == 1 && byte == b'[' {
                    return b' ';
                }
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 && byte == b']' {
                    return b' ';
                }
            }
            b',' if self.depth == 1 => return RECORD_END,
            _ => {}
        }
        byte
    }
}

impl Read for Unlisted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(out)?;
        if length == 0 && !out.is_empty() && (self.depth > 0 || self.is_in_text) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the list of objects is not closed, or a bracket inside it is not"));
        }
        out.iter_mut().take(length).for_each(|byte| *byte = self.pass(*byte));
        Ok(length)
    }
}
