//! Cells become typed columns, one column at a time.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, new_null_array};
use arrow_buffer::{BooleanBuffer, NullBufferBuilder, ScalarBuffer};
use arrow_schema::DataType;

use crate::cells::{Cell, Cells, ChunkText, Form, RecordFile};
use crate::infer::is_too_long_for_double;
use crate::types::arrow_to_sql_type;
use crate::values::{self, NoDecimal};

/// How much of a value a reason quotes.
const QUOTED_CHARACTERS: usize = 60;

/// The cells that fill one column.
pub(crate) struct ColumnCells<'a> {
    pub(crate) file: &'a dyn RecordFile,
    pub(crate) chunk: &'a ChunkText,
    pub(crate) cells: &'a Cells,
    /// Which cell of a record.
    pub(crate) place: usize,
    pub(crate) name: &'a str,
    pub(crate) data_type: &'a DataType,
    /// Whether nobody said the type: it is that of values that were seen before.
    pub(crate) is_guessed: bool,
}

/// A column, and what kept values out of it: rows with their reason.
pub(crate) struct Built {
    pub(crate) array: ArrayRef,
    pub(crate) problems: Vec<(usize, String)>,
}

/// A column of nulls.
pub(crate) fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}

/// Reads a column. A value that is none of its type becomes a null and a problem.
pub(crate) fn build(column: &ColumnCells<'_>) -> Built {
    match column.data_type {
        DataType::Int64 => primitive::<Int64Type>(column, values::integer),
        DataType::Decimal128(precision, scale) => decimals(column, *precision, scale.unsigned_abs()),
        DataType::Float64 => doubles(column),
        DataType::Timestamp(_, _) => primitive::<TimestampMicrosecondType>(column, values::timestamp),
        DataType::Date32 => primitive::<Date32Type>(column, values::date),
        DataType::Boolean => booleans(column),
        DataType::Int32 => primitive::<Int32Type>(column, |text| values::integer(text)?.try_into().ok()),
        DataType::Int16 => primitive::<Int16Type>(column, |text| values::integer(text)?.try_into().ok()),
        DataType::Int8 => primitive::<Int8Type>(column, |text| values::integer(text)?.try_into().ok()),
        DataType::Float32 => primitive::<Float32Type>(column, values::real),
        DataType::Time64(_) => primitive::<Time64MicrosecondType>(column, values::time),
        _ => texts(column),
    }
}

impl<'a> ColumnCells<'a> {
    fn rows(&self) -> usize {
        self.cells.records.len()
    }

    fn cell(&self, row: usize) -> Cell {
        self.cells.all.get(row * self.cells.width + self.place).copied().unwrap_or(Cell::MISSING)
    }

    /// The value of a cell that is not text; `None` where it is missing.
    fn value(&self, row: usize) -> Option<&'a [u8]> {
        let cell = self.cell(row);
        if cell.form == Form::Missing {
            return None;
        }
        let text = cell.of(&self.chunk.text);
        let value = values::trimmed(text.as_bytes());
        let is_null = value.is_empty() || self.file.is_null(text);
        (!is_null).then_some(value)
    }

    fn problem(&self, row: usize, what: &str) -> (usize, String) {
        let text = self.cell(row).of(&self.chunk.text);
        let shown: String = text.chars().take(QUOTED_CHARACTERS).collect();
        let dots = if shown.len() < text.len() { "…" } else { "" };
        (row, format!("column `{}`: `{shown}{dots}` {what}", self.name))
    }

    /// What is wrong with digits that may be a code, such as a postal one or a telephone number, where only values seen before made the
    /// column one of numbers.
    fn lost_beginning(&self, value: &[u8], row: usize) -> Option<(usize, String)> {
        let beginning = match value {
            [b'+', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => "plus sign",
            _ if values::is_padded(value) => "zero",
            _ => return None,
        };
        let lost = || self.problem(row, &format!("begins with a {beginning}, which a {} would lose", arrow_to_sql_type(self.data_type)));
        (self.is_guessed && self.data_type.is_numeric()).then(lost)
    }

    fn wrong_type(&self, row: usize) -> (usize, String) {
        self.problem(row, &format!("is no {}", arrow_to_sql_type(self.data_type)))
    }
}

fn primitive<T: ArrowPrimitiveType>(column: &ColumnCells<'_>, parse: impl Fn(&[u8]) -> Option<T::Native>) -> Built {
    primitive_or::<T>(column, |text, row| parse(text).ok_or_else(|| column.wrong_type(row)))
}

/// Where only values seen before made the column one of floating-point numbers, a whole number keeps all of its digits or is told.
fn doubles(column: &ColumnCells<'_>) -> Built {
    primitive_or::<Float64Type>(column, |text, row| match values::double(text) {
        Some(_) if column.is_guessed && is_too_long_for_double(text) => {
            Err(column.problem(row, "is a whole number of which a double would lose digits"))
        }
        read => read.ok_or_else(|| column.wrong_type(row)),
    })
}

fn decimals(column: &ColumnCells<'_>, precision: u8, scale: u8) -> Built {
    primitive_or::<Decimal128Type>(column, |text, row| {
        values::decimal(text, precision, scale).map_err(|reason| match reason {
            NoDecimal::NoNumber => column.problem(row, "is no decimal"),
            NoDecimal::TooManyPlaces => column.problem(row, &format!("has more than {}", hw_base::plural(scale.into(), "decimal"))),
            NoDecimal::TooLarge => column.problem(row, &format!("does not fit into decimal({precision},{scale})")),
        })
    })
}

fn primitive_or<T: ArrowPrimitiveType>(
    column: &ColumnCells<'_>,
    parse: impl Fn(&[u8], usize) -> Result<T::Native, (usize, String)>,
) -> Built {
    let rows = column.rows();
    let (mut values, mut validity, mut problems) = (Vec::with_capacity(rows), NullBufferBuilder::new(rows), Vec::new());
    for row in 0..rows {
        let read = |text| column.lost_beginning(text, row).map_or_else(|| parse(text, row), Err);
        let value = match column.value(row).map(read) {
            Some(Ok(value)) => Some(value),
            Some(Err(problem)) => {
                problems.push(problem);
                None
            }
            None => None,
        };
        values.push(value.unwrap_or_default());
        validity.append(value.is_some());
    }
    let array = PrimitiveArray::<T>::new(ScalarBuffer::from(values), validity.finish()).with_data_type(column.data_type.clone());
    Built { array: Arc::new(array), problems }
}

fn booleans(column: &ColumnCells<'_>) -> Built {
    let rows = column.rows();
    let (mut values, mut validity, mut problems) = (Vec::with_capacity(rows), NullBufferBuilder::new(rows), Vec::new());
    for row in 0..rows {
        let text = column.value(row);
        let value = text.and_then(values::boolean);
        if text.is_some() && value.is_none() {
            problems.push(column.wrong_type(row));
        }
        values.push(value.unwrap_or_default());
        validity.append(value.is_some());
    }
    Built { array: Arc::new(BooleanArray::new(BooleanBuffer::from(values), validity.finish())), problems }
}

fn texts(column: &ColumnCells<'_>) -> Built {
    let rows = column.rows();
    let (mut builder, mut problems, mut spare) = (StringViewBuilder::with_capacity(rows), Vec::new(), String::new());
    for row in 0..rows {
        let cell = column.cell(row);
        let text = cell.of(&column.chunk.text);
        match cell.form {
            Form::Missing => builder.append_null(),
            Form::Bare if column.file.is_null(text) => builder.append_null(),
            Form::Bare | Form::Quoted => builder.append_value(text),
            Form::Escaped => {
                let unescaped = column.file.unescape(text, &mut spare);
                builder.append_option(unescaped);
                if unescaped.is_none() {
                    problems.push(column.problem(row, "holds an escape that stands for no character"));
                }
            }
        }
    }
    Built { array: Arc::new(builder.finish()), problems }
}
