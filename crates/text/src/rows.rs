//! Records become batches of rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};
use arrow_select::nullif::nullif;
use arrow_select::take::take;

use crate::cells::{Cell, Cells, ChunkText, Cursor, Record, RecordFile, malformed};
use crate::columns::{self, ColumnCells};
use crate::split::LONGEST_RECORD;

/// The hidden columns: the file, the line where the record starts, and what is wrong with it.
pub const HIDDEN: [&str; 3] = ["_file", "_line", "_malformed"];
/// How many cells are split at a time, so that wide records need no more memory than narrow ones.
const CELLS_AT_ONCE: usize = 256 << 10;

/// The columns of a dataset that are asked for.
#[derive(Debug)]
pub struct Projection {
    whole: SchemaRef,
    columns: Vec<usize>,
    is_wanted: Vec<bool>,
    guessed: Arc<[bool]>,
    schema: SchemaRef,
}

impl Projection {
    /// The columns at these places of a dataset whose schema ends with the [`HIDDEN`] columns; `guessed` says of which columns of the
    /// dataset nobody has told the type.
    ///
    /// # Errors
    /// When a place is none.
    pub fn new(whole: SchemaRef, columns: Vec<usize>, guessed: Arc<[bool]>) -> Result<Self, ArrowError> {
        let schema = Arc::new(whole.project(&columns)?);
        let mut is_wanted = vec![false; whole.fields().len()];
        for column in &columns {
            is_wanted[*column] = true;
        }
        Ok(Self { whole, columns, is_wanted, guessed, schema })
    }

    /// What the batches look like.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of a piece of text, up to `batch_rows` in a batch.
    ///
    /// # Errors
    /// When arrays do not fit together, which would be a bug.
    pub fn batches(&self, file: &dyn RecordFile, chunk: &ChunkText, batch_rows: usize) -> Result<Vec<RecordBatch>, ArrowError> {
        let most = batch_rows.min(CELLS_AT_ONCE / file.width().max(1)).max(1);
        let (mut batches, mut cursor) = (Vec::new(), Cursor { at: 0, line: chunk.first_line });
        if chunk.is_too_long {
            return Ok(vec![self.batch(file, chunk, &too_long(file, chunk))?]);
        }
        let mut cells = Cells::new(file.width());
        loop {
            cells.clear();
            file.read(chunk, &mut cursor, most, &mut cells);
            if cells.records.is_empty() {
                return Ok(batches);
            }
            batches.push(self.batch(file, chunk, &cells)?);
        }
    }

    fn batch(&self, file: &dyn RecordFile, chunk: &ChunkText, cells: &Cells) -> Result<RecordBatch, ArrowError> {
        let rows = cells.records.len();
        let hidden = self.whole.fields().len() - HIDDEN.len();
        let is_wanted = |column: usize| self.is_wanted.get(column).copied().unwrap_or_default();
        let judges = is_wanted(hidden + 2);
        let mut rows_in_columns = Rows { file, chunk, cells, problems: Vec::new(), guessed: &self.guessed };
        let mut arrays: Vec<Option<ArrayRef>> = (0..hidden)
            .map(|column| (judges || is_wanted(column)).then(|| rows_in_columns.column(column, self.whole.field(column))))
            .collect();
        if judges {
            rows_in_columns.void_malformed(&mut arrays)?;
        }
        let projected = self.columns.iter().map(|column| match column.checked_sub(hidden) {
            None => Ok(arrays.get(*column).cloned().flatten().unwrap_or_else(|| columns::nulls(&DataType::Utf8View, rows))),
            Some(0) => rows_in_columns.names(),
            Some(1) => Ok(rows_in_columns.lines()),
            Some(_) => Ok(rows_in_columns.malformed()),
        });
        let arrays = projected.collect::<Result<Vec<_>, ArrowError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
    }
}

/// The one record of a chunk that holds the beginning of one.
fn too_long(file: &dyn RecordFile, chunk: &ChunkText) -> Cells {
    let problem = format!("{} {}", hw_base::TOO_LONG, hw_base::ByteSize(LONGEST_RECORD as u64));
    let record = Record { start: 0, end: chunk.text.len(), line: chunk.first_line, problem: Some(problem) };
    Cells { width: file.width(), all: vec![Cell::MISSING; file.width()], records: vec![record] }
}

/// Split records on their way into arrays.
struct Rows<'a> {
    file: &'a dyn RecordFile,
    chunk: &'a ChunkText,
    cells: &'a Cells,
    /// Values that kept their record from being a row, beside the records that are malformed as a whole.
    problems: Vec<(usize, String)>,
    guessed: &'a [bool],
}

impl Rows<'_> {
    fn column(&mut self, column: usize, field: &Field) -> ArrayRef {
        let Some(place) = self.file.cell_of(column) else { return columns::nulls(field.data_type(), self.cells.records.len()) };
        let (name, data_type) = (field.name(), field.data_type());
        let is_guessed = self.guessed.get(column).copied().unwrap_or_default();
        let cells = ColumnCells { file: self.file, chunk: self.chunk, cells: self.cells, place, name, data_type, is_guessed };
        let built = columns::build(&cells);
        self.problems.extend(built.problems);
        built.array
    }

    /// Makes every column null in the records of which a value could not be read.
    fn void_malformed(&mut self, arrays: &mut [Option<ArrayRef>]) -> Result<(), ArrowError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        self.problems.sort_by_key(|(row, _)| *row);
        let mut is_malformed = vec![false; self.cells.records.len()];
        self.problems.iter().for_each(|(row, _)| is_malformed[*row] = true);
        let is_malformed = BooleanArray::from(is_malformed);
        for array in arrays.iter_mut().flatten() {
            *array = nullif(array.as_ref(), &is_malformed)?;
        }
        Ok(())
    }

    fn names(&self) -> Result<ArrayRef, ArrowError> {
        let name = StringViewArray::from_iter_values([self.file.name()]);
        take(&name, &UInt32Array::from(vec![0; self.cells.records.len()]), None)
    }

    fn lines(&self) -> ArrayRef {
        Arc::new(self.cells.records.iter().map(|record| i64::try_from(record.line).ok()).collect::<Int64Array>())
    }

    /// The hidden column that says what is wrong with a record.
    fn malformed(&self) -> ArrayRef {
        let mut problems = self.problems.iter().peekable();
        let texts = self.cells.records.iter().enumerate().map(|(row, record)| {
            let mut reason = record.problem.as_deref();
            while let Some((_, problem)) = problems.next_if(|(at, _)| *at == row) {
                reason = reason.or(Some(problem));
            }
            reason.map(|reason| malformed(reason, self.chunk.text.get(record.start..record.end).unwrap_or_default()))
        });
        Arc::new(texts.collect::<StringViewArray>())
    }
}
