//! The first records of a text: where they begin, how many fields they have and what these hold.

use super::KnownFields;
use crate::cells::{Cell, Cells, ChunkText, Cursor};
use crate::delimited::Reading;
use crate::split::{Chunk, Marks};

/// How many records are looked at.
const RECORDS: usize = 500;

/// Where a text begins.
pub(super) const BEGINNING: Cursor = Cursor { at: 0, line: 1 };

/// The first bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) text: &'a [u8],
    /// Whether nothing follows after them.
    pub(super) is_whole: bool,
    /// What is known about their fields.
    pub(super) known: KnownFields,
}

/// How a record divides into fields.
#[derive(Clone, Copy)]
pub(super) struct Width {
    pub(super) fields: usize,
    /// Whether a delimiter ends it.
    is_closed: bool,
}

impl<'a> Sample<'a> {
    /// The first bytes of a file of which nothing is known.
    pub(super) fn of(text: &'a [u8], is_whole: bool) -> Self {
        Self { text, is_whole, known: KnownFields::default() }
    }
}

impl Sample<'_> {
    /// The part that begins with a record.
    pub(super) fn below(self, first: Cursor) -> Self {
        Self { text: self.text.get(first.at..).unwrap_or_default(), ..self }
    }

    /// Where a record begins.
    pub(super) fn record_at(self, at: usize, marks: Marks) -> Cursor {
        let mut reading = Reading::new(self.text, marks);
        for _ in 0..at {
            reading.skip_to_record();
            reading.record(&mut Cells::new(0));
        }
        reading.skip_to_record();
        reading.cursor
    }

    /// The number of fields in each of the first records, without those that uneven ends leave empty, and with that of names of rows.
    pub(super) fn field_counts(self, marks: Marks) -> Vec<usize> {
        let widths = self.widths(marks);
        let fields = self.fields_without_uneven_ends(&widths).or_else(|| self.fields_with_row_names(&widths, marks));
        widths.iter().map(|width| fields.unwrap_or(width.fields)).collect()
    }

    /// The widths of the first records.
    pub(super) fn widths(self, marks: Marks) -> Vec<Width> {
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

    /// The number of fields where some records end with a delimiter and the others do not, and all have as many but for the one behind it.
    /// It is a field where the dataset has so many.
    pub(super) fn fields_without_uneven_ends(self, widths: &[Width]) -> Option<usize> {
        let open = widths.iter().find(|width| !width.is_closed)?.fields;
        let fits = |width: &Width| width.fields == open + usize::from(width.is_closed);
        let are_uneven = widths.iter().any(|width| width.is_closed) && widths.iter().all(fits);
        (are_uneven && open >= self.known.fewest).then_some(open)
    }

    /// The fields of the first records. The name of the names of rows is empty.
    pub(super) fn first_records(self, marks: Marks) -> Vec<Vec<String>> {
        let mut rows = self.records(marks);
        if let Some(first) = rows.first_mut().filter(|_| self.has_row_names(marks)) {
            first.insert(0, String::new());
        }
        rows
    }

    /// The fields of the first records as they are written.
    pub(super) fn records(self, marks: Marks) -> Vec<Vec<String>> {
        self.read_records(marks, |cell, text| unquoted(cell.of(text), marks))
    }

    /// What each field of the first records is by its cell and the text that holds it.
    pub(super) fn read_records<T>(self, marks: Marks, read: impl Fn(Cell, &str) -> T) -> Vec<Vec<T>> {
        let chunk = ChunkText::from(Chunk { text: self.text.to_vec(), first_line: 1, is_too_long: false });
        let mut reading = Reading::new(chunk.text.as_bytes(), marks);
        let mut rows = Vec::new();
        while rows.len() < RECORDS.min(100) && reading.skip_to_record() {
            let mut cells = Cells::new(usize::MAX);
            reading.record(&mut cells);
            let is_cut = reading.cursor.at >= self.text.len() && !self.is_whole;
            if !is_cut || rows.is_empty() {
                rows.push(cells.all.iter().map(|cell| read(*cell, &chunk.text)).collect());
            }
        }
        rows
    }
}

fn unquoted(text: &str, marks: Marks) -> String {
    match marks.quote.map(char::from) {
        Some(quote) => text.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => text.to_owned(),
    }
}
