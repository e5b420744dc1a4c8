//! Binary `COPY`: from its bytes, in whatever pieces they come, to columns.
//!
//! A stream is a header, rows, and an end mark. A row is the number of its fields and each field with its length,
//! where -1 says null. Nothing here trusts the bytes: what is no binary `COPY` is an error, never a panic.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StringArray, StringBuilder};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use hw_base::{Error, Result};
use serde_json::json;

use super::types::{SourceColumn, Wire};
use super::values::{Appended, Broken, Values};

/// What every binary `COPY` starts with.
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The flags that a reader must know; it knows none of them.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;
/// The most bytes that PostgreSQL gives to one value.
const MOST_FIELD_BYTES: usize = 1 << 30;
/// Rows after which a batch is full.
pub(super) const BATCH_ROWS: usize = 8192;
/// Bytes after which a batch is full.
const BATCH_BYTES: usize = 16 << 20;

/// Some rows, column by column.
#[derive(Debug)]
pub(super) struct Decoded {
    /// How many rows.
    pub(super) rows: usize,
    /// The columns, in the order in which they were asked for.
    pub(super) columns: Vec<ArrayRef>,
    /// What is wrong with each malformed record, and the record; `None` where nobody asked.
    pub(super) malformed: Option<StringArray>,
    /// The columns by which records are malformed whose values have a text all the same.
    pub(super) unfit: BTreeSet<usize>,
    /// The values of the column that the reader notes down; `None` where there is none.
    pub(super) noted: Option<ArrayRef>,
}

/// Whether malformed records are to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// They are described, and all their columns are null.
    Described,
    /// A value that its column cannot hold is null.
    Null,
}

/// Reads one binary `COPY`.
pub(super) struct Decoder {
    columns: Vec<Column>,
    malformed: Malformed,
    /// Whether the last column is for the reader and not part of the rows.
    notes: bool,
    place: Place,
    /// The beginning of a row whose end has not come yet.
    pending: BytesMut,
    rows: usize,
    bytes: usize,
    misfits: Vec<Misfit>,
}

struct Column {
    name: String,
    declared: String,
    wire: Wire,
    values: Values,
}

/// A value that its column cannot hold.
struct Misfit {
    row: usize,
    column: usize,
    shown: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Rows,
    Ended,
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy)]
enum Next {
    /// Something whole, this many bytes long.
    Whole(usize),
    /// The end mark.
    End(usize),
    /// Something that is longer than what has come.
    More,
}

impl Decoder {
    /// A decoder for a `COPY` of these columns.
    pub(super) fn new(columns: &[SourceColumn], malformed: Malformed) -> Self {
        let column = |source: &SourceColumn| Column {
            name: source.name.clone(),
            declared: source.declared.clone(),
            wire: source.wire.clone(),
            values: Values::new(&source.wire),
        };
        Self {
            columns: columns.iter().map(column).collect(),
            malformed,
            notes: false,
            place: Place::Header,
            pending: BytesMut::new(),
            rows: 0,
            bytes: 0,
            misfits: Vec::new(),
        }
    }

    /// The decoder of a `COPY` that has one more `bigint`, which the reader notes down.
    pub(super) fn noting(mut self) -> Self {
        let wire = Wire::Int8;
        self.columns.push(Column { name: String::new(), declared: "bigint".into(), values: Values::new(&wire), wire });
        self.notes = true;
        self
    }

    /// Takes rows from `input` until a batch is full or the input is used up. Call again while it returns a batch.
    pub(super) fn read(&mut self, input: &mut Bytes) -> Result<Option<Decoded>> {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(input);
            *input = self.pending.split().freeze();
        }
        while !self.is_full() {
            let Some(used) = self.step(input)? else {
                self.keep(std::mem::take(input));
                return Ok(None);
            };
            input.advance(used);
        }
        self.take().map(Some)
    }

    /// Ends the reading, and returns the rows that are left.
    ///
    /// # Errors
    /// Where the end mark has not come.
    pub(super) fn finish(mut self) -> Result<Option<Decoded>> {
        if self.place != Place::Ended {
            return Err(cut_off(self.pending.len()));
        }
        if self.rows == 0 { Ok(None) } else { self.take().map(Some) }
    }

    /// Keeps the beginning of a row, without copying it where nobody else holds it.
    fn keep(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.pending = rest.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
        }
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Reads one row or header, and returns how long it was; `None` where it has not come whole.
    fn step(&mut self, input: &[u8]) -> Result<Option<usize>> {
        let next = match self.place {
            Place::Header => header(input)?,
            Place::Rows => row(input, self.columns.len())?,
            Place::Ended if input.is_empty() => Next::More,
            Place::Ended => return Err(broken("there are bytes after its end")),
        };
        Ok(match (next, self.place) {
            (Next::More, _) => None,
            (Next::End(length), _) => {
                self.place = Place::Ended;
                Some(length)
            }
            (Next::Whole(length), Place::Header) => {
                self.place = Place::Rows;
                Some(length)
            }
            (Next::Whole(length), _) => {
                self.append(&input[..length])?;
                Some(length)
            }
        })
    }

    /// Adds a row that is known to be whole.
    fn append(&mut self, row: &[u8]) -> Result<()> {
        let mut rest = &row[2..];
        for (place, column) in self.columns.iter_mut().enumerate() {
            let Some(field) = field(&mut rest)? else { return Err(cut_off(rest.len())) };
            let Some(bytes) = field else {
                column.values.append_null();
                continue;
            };
            match column.values.append(bytes) {
                Ok(Appended::Whole) => {}
                Ok(Appended::Misfit(shown)) => self.misfits.push(Misfit { row: self.rows, column: place, shown }),
                Err(Broken(found)) => return Err(broken(format!("column `{}` of type {}: {found}", column.name, column.declared))),
            }
        }
        self.rows += 1;
        self.bytes += row.len();
        Ok(())
    }

    /// Takes the rows out, and starts a new batch.
    fn take(&mut self) -> Result<Decoded> {
        let mut columns: Vec<ArrayRef> =
            self.columns.iter_mut().map(|column| column.values.finish()).collect::<Result<_, _>>().map_err(bug)?;
        let (rows, misfits) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.misfits));
        self.bytes = 0;
        let noted = if self.notes { columns.pop() } else { None };
        if self.malformed == Malformed::Null {
            return Ok(Decoded { rows, columns, malformed: None, unfit: BTreeSet::new(), noted });
        }
        if misfits.is_empty() {
            return Ok(Decoded { rows, columns, malformed: Some(StringArray::new_null(rows)), unfit: BTreeSet::new(), noted });
        }
        let malformed = self.describe(rows, &columns, &misfits).map_err(bug)?;
        let columns = without(&columns, &malformed).map_err(bug)?;
        let has_text = |column: &usize| !matches!(self.columns[*column].wire, Wire::Text | Wire::Jsonb);
        let unfit = misfits.iter().map(|misfit| misfit.column).filter(has_text).collect();
        Ok(Decoded { rows, columns, malformed: Some(malformed), unfit, noted })
    }

    /// Says of each malformed record what is wrong with it.
    fn describe(&self, rows: usize, columns: &[ArrayRef], misfits: &[Misfit]) -> Result<StringArray, ArrowError> {
        let mut described = StringBuilder::new();
        let mut misfits = misfits.chunk_by(|left, right| left.row == right.row).peekable();
        for row in 0..rows {
            match misfits.next_if(|misfits| misfits[0].row == row) {
                Some(misfits) => described.append_value(self.describe_record(row, columns, misfits)?),
                None => described.append_null(),
            }
        }
        Ok(described.finish())
    }

    fn describe_record(&self, row: usize, columns: &[ArrayRef], misfits: &[Misfit]) -> Result<String, ArrowError> {
        let reason = |misfit: &Misfit| {
            let Column { name, declared, wire, .. } = &self.columns[misfit.column];
            format!("`{name}` ({declared}) holds a value that {} cannot hold: {}", wire.sql_type(), misfit.shown)
        };
        let reasons: Vec<String> = misfits.iter().map(reason).collect();
        let record = self.record(row, columns, misfits)?.to_string();
        Ok(json!({ "reason": reasons.join("; "), "record": record }).to_string())
    }

    /// A record as JSON, every value as text.
    fn record(&self, row: usize, columns: &[ArrayRef], misfits: &[Misfit]) -> Result<serde_json::Value, ArrowError> {
        let options = FormatOptions::new().with_display_error(true);
        let mut record = serde_json::Map::new();
        for (place, (column, values)) in self.columns.iter().zip(columns).enumerate() {
            let misfit = misfits.iter().find(|misfit| misfit.column == place);
            let value = match misfit {
                Some(misfit) => misfit.shown.clone().into(),
                None if values.is_null(row) => serde_json::Value::Null,
                None => ArrayFormatter::try_new(values, &options)?.value(row).to_string().into(),
            };
            record.insert(column.name.clone(), value);
        }
        Ok(record.into())
    }
}

/// The columns with null wherever `malformed` is not.
fn without(columns: &[ArrayRef], malformed: &StringArray) -> Result<Vec<ArrayRef>, ArrowError> {
    let is_malformed: BooleanArray = (0..malformed.len()).map(|row| Some(malformed.is_valid(row))).collect();
    columns.iter().map(|column| nullif(column, &is_malformed)).collect()
}

/// Measures the header: signature, flags, and an extension that is skipped.
fn header(input: &[u8]) -> Result<Next> {
    let known = input.len().min(SIGNATURE.len());
    if input[..known] != SIGNATURE[..known] {
        return Err(broken("it does not start with the signature"));
    }
    let Some((head, _)) = input.split_first_chunk::<19>() else { return Ok(Next::More) };
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if number(11) & CRITICAL_FLAGS != 0 {
        return Err(broken(format!("its header has the unknown flags {:#010x}", number(11))));
    }
    let extension = usize::try_from(number(15)).ok().filter(|length| *length <= MOST_FIELD_BYTES);
    let extension = extension.ok_or_else(|| broken(format!("its header is {} bytes long", number(15))))?;
    let length = head.len() + extension;
    Ok(if input.len() < length { Next::More } else { Next::Whole(length) })
}

/// Measures the row or the end mark at the beginning of `input`.
fn row(input: &[u8], columns: usize) -> Result<Next> {
    let Some((count, mut rest)) = input.split_first_chunk() else { return Ok(Next::More) };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Next::End(2));
    }
    if usize::try_from(count).ok() != Some(columns) {
        return Err(broken(format!("expected a row of {columns} fields, found {count}")));
    }
    for _ in 0..columns {
        if field(&mut rest)?.is_none() {
            return Ok(Next::More);
        }
    }
    Ok(Next::Whole(input.len() - rest.len()))
}

/// Takes the next field; the outer `None` says that it has not come whole, the inner that it is null.
#[expect(clippy::option_option, reason = "the two are different things, and each caller tells them apart at once")]
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<Option<&'a [u8]>>> {
    let Some((length, after)) = rest.split_first_chunk() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        *rest = after;
        return Ok(Some(None));
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= MOST_FIELD_BYTES);
    let length = length.ok_or_else(|| broken("a field has an impossible length"))?;
    let Some((bytes, after)) = after.split_at_checked(length) else { return Ok(None) };
    *rest = after;
    Ok(Some(Some(bytes)))
}

fn broken(found: impl Into<String>) -> Error {
    Error::outside("what PostgreSQL sent is no binary copy of the table")
        .code("HW206")
        .because(found.into())
        .help("if the table was altered meanwhile, run again; if a pooler or proxy stands in between, connect without it")
}

fn cut_off(pending: usize) -> Error {
    Error::passing("the copy of the table ended before its end mark")
        .code("HW206")
        .because(format!("{} of a row had come", hw_base::plural(pending as u64, "byte")))
        .help("run again")
}

fn bug(error: ArrowError) -> Error {
    Error::bug("rows from PostgreSQL did not make a batch").because(error)
}
