//! Rows that a person wrote become typed columns, by the rules for the cells of files.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use hw_base::{Error, LooseCell, Result};

use crate::cells::{Cell, Cells, ChunkText, Cursor, Form, Record, RecordFile};
use crate::columns::{ColumnCells, build};
use crate::infer::Guess;
use crate::split::{Chunk, Splitter};

/// The type that holds all of these values; text where there is none.
pub fn guess<'a>(cells: impl Iterator<Item = &'a LooseCell>) -> DataType {
    let mut guess = Guess::default();
    for (cell, text) in cells.filter_map(|cell| Some((cell, cell.text.as_deref()?))) {
        // Digits that were written as text are a code, such as a postal one.
        let is_code = cell.is_text && (text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok());
        guess.see(text.as_bytes(), if is_code { 0 } else { u8::MAX });
    }
    guess.data_type()
}

/// The values of a column in a type.
///
/// # Errors
/// Each value that is none of the type, with its place.
pub fn column(name: &str, cells: &[&LooseCell], data_type: &DataType) -> Result<ArrayRef> {
    let mut text = String::new();
    let mut split = Cells::new(1);
    for cell in cells {
        let start = text.len();
        text.push_str(cell.text.as_deref().unwrap_or_default());
        let form = if cell.text.is_some() { Form::Quoted } else { Form::Missing };
        split.all.push(Cell::new(start, text.len(), form));
        split.end_record(Record { start, end: text.len(), line: 1, problem: None });
    }
    let chunk = ChunkText::from(Chunk { text: text.into_bytes(), first_line: 1, is_too_long: false });
    let built = build(&ColumnCells { file: &Loose, chunk: &chunk, cells: &split, place: 0, name, data_type, is_guessed: false });
    let error =
        |(row, problem): (usize, String)| Error::user(problem).code("HW104").moved_to(cells.get(row).and_then(|cell| cell.span.clone()));
    let errors: Vec<Error> = built.problems.into_iter().map(error).collect();
    Error::all(errors).map_or(Ok(built.array), Err)
}

/// Cells that come from no file.
#[derive(Debug)]
struct Loose;

impl RecordFile for Loose {
    fn name(&self) -> &'static str {
        "given rows"
    }

    fn open(&self) -> Result<Splitter> {
        Err(Error::bug("given rows are no file"))
    }

    fn width(&self) -> usize {
        1
    }

    fn cell_of(&self, _column: usize) -> Option<usize> {
        Some(0)
    }

    fn read(&self, _chunk: &ChunkText, _cursor: &mut Cursor, _most: usize, _cells: &mut Cells) {}

    fn unescape<'a>(&self, _text: &str, _spare: &'a mut String) -> Option<&'a str> {
        None
    }

    fn is_null(&self, _text: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array as _;

    use super::*;
    use crate::types::arrow_to_sql_type;

    fn cell(text: &str, is_text: bool) -> LooseCell {
        LooseCell { text: (text != "∅").then(|| text.to_owned()), is_text, span: None }
    }

    #[test]
    fn types_follow_from_the_values_and_from_how_they_are_written() {
        let guessed = |texts: &[&str], is_text: bool| {
            let cells: Vec<LooseCell> = texts.iter().map(|text| cell(text, is_text)).collect();
            arrow_to_sql_type(&guess(cells.iter()))
        };
        assert_eq!(guessed(&["1", "∅"], false), "bigint");
        assert_eq!(guessed(&["1", "2"], true), "text");
        assert_eq!(guessed(&["1.50"], true), "decimal(18,2)");
        assert_eq!(guessed(&["2026-01-31"], true), "date");
        assert_eq!(guessed(&["2026-01-31T10:00:00"], true), "timestamp");
        assert_eq!(guessed(&["true"], false), "boolean");
        assert_eq!(guessed(&["∅"], false), "text");
    }

    #[test]
    fn a_value_that_is_none_of_the_type_is_told() {
        let (good, bad) = (cell("1", false), cell("abc", true));
        assert_eq!(column("id", &[&good, &cell("∅", false)], &DataType::Int64).unwrap().null_count(), 1);
        let error = column("id", &[&good, &bad], &DataType::Int64).unwrap_err();
        assert_eq!(error.message(), "column `id`: `abc` is no bigint");
    }
}
