//! Records become batches of the columns that a scan asks for.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array};
use datafusion::arrow::compute::{nullif, take};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;
use serde_json::{Map, Value as Json};

use super::cell::Cell;
use super::column::Column;
use crate::layout::HIDDEN;
use crate::types::arrow_to_sql_type;
use hw_text::malformed;

/// Rows after which a batch is full.
const BATCH_ROWS: usize = 8192;
/// Bytes after which a batch is full.
const BATCH_BYTES: usize = 16 << 20;
/// How much of a value a reason quotes.
const QUOTED_CHARACTERS: usize = 60;

/// The columns of a dataset, then the hidden ones.
pub(crate) fn with_hidden(mut columns: Vec<Field>) -> SchemaRef {
    let types = [DataType::Utf8View, DataType::Int64, DataType::Utf8View];
    columns.extend(HIDDEN.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true)));
    Arc::new(Schema::new(columns))
}

/// What a scan asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The columns of the dataset that have to be read, by their places.
    pub(crate) read: Vec<usize>,
    /// The most rows, where only some are asked for.
    pub(crate) limit: Option<usize>,
    /// The columns that are handed on.
    pub(super) schema: SchemaRef,
    /// The columns that are read.
    pub(crate) fields: Vec<Field>,
    outputs: Vec<Output>,
    /// Whether malformed records are told apart.
    judges: bool,
}

#[derive(Clone, Copy, Debug)]
enum Output {
    /// This one of the columns that are read.
    Read(usize),
    File,
    Line,
    Malformed,
}

impl Wanted {
    /// The columns at the places `projection` of `whole`. Who asks for malformed records gets them told by all columns.
    pub(crate) fn new(whole: &Schema, projection: Option<&Vec<usize>>, limit: Option<usize>) -> Result<Self> {
        let columns = whole.fields().len() - HIDDEN.len();
        let wanted = projection.cloned().unwrap_or_else(|| (0..whole.fields().len()).collect());
        let judges = wanted.contains(&(columns + 2));
        let read: Vec<usize> =
            if judges { (0..columns).collect() } else { wanted.iter().copied().filter(|column| *column < columns).collect() };
        let output = |column: &usize| match column.checked_sub(columns) {
            None => Output::Read(read.iter().position(|read| read == column).unwrap_or_default()),
            Some(0) => Output::File,
            Some(1) => Output::Line,
            Some(_) => Output::Malformed,
        };
        Ok(Self {
            outputs: wanted.iter().map(output).collect(),
            fields: read.iter().map(|column| whole.field(*column).clone()).collect(),
            schema: Arc::new(whole.project(&wanted)?),
            read,
            limit,
            judges,
        })
    }

    /// The columns that were read as a batch of those that are handed on.
    pub(super) fn batch(&self, columns: &[ArrayRef], origin: &Origin<'_>) -> Result<RecordBatch> {
        let rows = origin.lines.values().len();
        let array = |output: &Output| -> Result<ArrayRef> {
            Ok(match output {
                Output::Read(place) => Arc::clone(&columns[*place]),
                Output::File => repeated(origin.file, rows)?,
                Output::Line => Arc::new(origin.lines.clone()),
                Output::Malformed => scattered(origin.malformed, rows),
            })
        };
        let arrays = self.outputs.iter().map(array).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// Where some rows come from, and which of them are malformed.
pub(super) struct Origin<'a> {
    pub(super) file: Option<&'a str>,
    /// The line of each row.
    pub(super) lines: Int64Array,
    /// The places of malformed records, with what is wrong.
    pub(super) malformed: &'a [(usize, String)],
}

/// Collects records of one file until they are a batch.
pub(crate) struct Batches {
    wanted: Wanted,
    file: Option<String>,
    columns: Vec<Column>,
    lines: Vec<Option<i64>>,
    bytes: usize,
    /// The malformed records: their places, with what is wrong.
    malformed: Vec<(usize, String)>,
}

impl Batches {
    /// No records yet, of `file`.
    pub(crate) fn new(wanted: Wanted, file: Option<String>) -> Self {
        let columns = wanted.fields.iter().map(|field| Column::of(field.data_type())).collect();
        Self { wanted, file, columns, lines: Vec::new(), bytes: 0, malformed: Vec::new() }
    }

    /// The file that the records are of.
    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Adds a record: its line, and its values for the columns that [`Wanted::read`] names.
    pub(crate) fn push(&mut self, line: Option<u64>, cells: &[Cell<'_>]) {
        let mut reason: Option<String> = None;
        for ((column, field), cell) in self.columns.iter_mut().zip(&self.wanted.fields).zip(cells) {
            self.bytes += cell.size();
            if !column.append(cell) && self.wanted.judges {
                reason.get_or_insert_with(|| misfit(field, cell));
            }
        }
        if let Some(reason) = reason {
            self.malformed.push((self.lines.len(), malformed(&reason, &self.record(cells))));
        }
        self.lines.push(line.and_then(|line| i64::try_from(line).ok()));
    }

    /// Whether it is time to take the batch.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The records so far; `None` for none.
    pub(crate) fn take(&mut self) -> Result<Option<RecordBatch>> {
        let rows = self.lines.len();
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let columns = self.without_malformed(columns, rows)?;
        let (lines, malformed) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.malformed));
        self.bytes = 0;
        let origin = Origin { file: self.file.as_deref(), lines: lines.into_iter().collect(), malformed: &malformed };
        self.wanted.batch(&columns, &origin).map(Some)
    }

    /// A record as JSON.
    fn record(&self, cells: &[Cell<'_>]) -> String {
        let values = self.wanted.fields.iter().zip(cells).map(|(field, cell)| (field.name().clone(), cell.json()));
        Json::Object(values.collect::<Map<_, _>>()).to_string()
    }

    /// The columns with null in the malformed records.
    fn without_malformed(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<Vec<ArrayRef>> {
        if self.malformed.is_empty() {
            return Ok(columns);
        }
        let mut is_malformed = vec![false; rows];
        for (row, _) in &self.malformed {
            is_malformed[*row] = true;
        }
        let is_malformed = BooleanArray::from(is_malformed);
        Ok(columns.iter().map(|column| nullif(column, &is_malformed)).collect::<Result<_, _>>()?)
    }
}

fn misfit(field: &Field, cell: &Cell<'_>) -> String {
    let text = cell.shown().unwrap_or_default();
    let shown: String = text.chars().take(QUOTED_CHARACTERS).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    let name = field.name();
    match cell {
        Cell::Bytes(_) => format!("column `{name}`: {text} where {} belongs", arrow_to_sql_type(field.data_type())),
        Cell::Broken(_) => format!("column `{name}`: `{shown}{dots}` is no value"),
        _ => format!("column `{name}`: `{shown}{dots}` is no {}", arrow_to_sql_type(field.data_type())),
    }
}

fn repeated(text: Option<&str>, rows: usize) -> Result<ArrayRef> {
    let one = StringViewArray::from_iter([text]);
    Ok(take(&one, &UInt32Array::from(vec![0; rows]), None)?)
}

fn scattered(texts: &[(usize, String)], rows: usize) -> ArrayRef {
    let mut texts = texts.iter().peekable();
    let text = |row: usize| texts.next_if(|(at, _)| *at == row).map(|(_, text)| text.as_str());
    Arc::new((0..rows).map(text).collect::<StringViewArray>())
}
