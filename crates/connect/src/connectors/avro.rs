//! `avro`: Avro object container files, such as streams and registries leave behind.
//!
//! The blocks of a file are counted and their marks are checked before anything is read: a file that was cut off or is damaged
//! in the middle is refused whole, and never loses rows unseen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_avro::reader::ReaderBuilder;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, StringViewArray, UnionArray, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use hw_base::{Delivery, Error, Part, Result, Settings, SourceFile, Tolerance};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator};
use serde::Deserialize;

use super::{Connector, Opened, Place, Reached, Source};
use crate::file_source::{FileSource, WholeFiles};
use crate::files::{path_of, unreadable};
use crate::layout::{free_of_hidden, places, uneven};
use crate::merge::{FileColumns, merged};
use crate::paths::Paths;
use crate::recognise::content;
use crate::rows::{Outlet, RowReader, RowTable, Wanted};
use crate::types::{Declared, check_declared, column_of, declared_types, plain_type};

/// What every container file starts with.
const MARK: &[u8; 4] = b"Obj\x01";
/// How many rows are read at a time.
const BATCH_ROWS: usize = 8192;

/// The connector for Avro.
pub(super) struct Avro;

/// Settings of an `avro` source: object container files, uncompressed or with deflate, snappy, zstandard, bzip2 or xz.
///
/// Files of one dataset may have their columns in different orders and in types that one of them holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvroSettings {
    /// The files: a path, a folder or a glob such as `landing/orders/*.avro`; or a map from dataset to such a path.
    /// Relative paths start at the project folder.
    pub path: Paths,
    /// Types of columns, where those of the files do not fit: `{ amount: "decimal(12,2)" }`. A file may lack a column that
    /// is named here.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

impl Connector for Avro {
    fn kind(&self) -> &'static str {
        "avro"
    }

    fn summary(&self) -> &'static str {
        "Avro object container files"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["avro"]
    }

    fn is_content(&self, head: &[u8]) -> bool {
        head.starts_with(MARK)
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> JsonSchemaOf {
        generator.subschema_for::<AvroSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let avro: AvroSettings = settings.read()?;
        let declared = declared_types(&avro.columns, settings, avro.path.count())?;
        let files = FileSource { place, paths: avro.path, endings: self.endings() };
        Ok(Box::new(WholeFiles::new(files, Tolerance::NONE, move |root, files, delivery| open_files(root, files, &declared, delivery))))
    }
}

fn open_files(root: &Path, files: &[SourceFile], declared: &Declared, delivery: &Delivery) -> Result<Opened> {
    let containers = files.iter().map(|file| Container::look(root, file)).collect::<Result<Vec<_>>>()?;
    let fields = merged(containers.iter().map(|container| &container.columns).collect(), declared, delivery)?;
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    check_declared(&names, declared)?;
    let columns = fields.iter().map(column_of).collect();
    let uneven = uneven(containers.iter().map(|container| &container.columns.names[..]), declared);
    let rows = Some(containers.iter().map(|container| container.rows).sum());
    let rowless = files.iter().zip(&containers).filter(|(_, container)| container.rows == 0).map(|(file, _)| file.path.clone()).collect();
    let placed = containers.into_iter().map(|container| (places(&names, &container.columns.names), container)).collect();
    let table = Arc::new(RowTable::new(fields, Arc::new(Containers(placed))));
    Ok(Opened { table, columns, has_origin: true, rows, uneven, rowless, part: Part::Whole, reached: Reached::default() })
}

/// A file that was found whole.
#[derive(Debug)]
struct Container {
    name: String,
    path: PathBuf,
    columns: FileColumns,
    rows: u64,
}

impl Container {
    /// Reads the head of a file and counts its blocks.
    fn look(root: &Path, file: &SourceFile) -> Result<Self> {
        let path = path_of(root, file);
        let mut opened = opened(&path, &file.path)?;
        let reader = ReaderBuilder::new().build(&mut opened).map_err(|error| damaged(&file.path, &error))?;
        let kind = |field: &Field| if is_uuid(field) { DataType::Utf8View } else { readable_type(field.data_type()) };
        let field = |field: &Arc<Field>| Field::new(free_of_hidden(field.name()), kind(field), true);
        let columns = FileColumns::new(&file.path, reader.schema().fields().iter().map(field).collect())?;
        let mark = reader.avro_header().sync();
        let rows = count_rows(&mut opened, mark).map_err(|damage| damaged(&file.path, &damage))?;
        Ok(Self { name: file.path.clone(), path, columns, rows })
    }

    /// Sends the rows to `outlet`; `places` says which column of the file fills each column of the dataset.
    fn read(&self, places: &[Option<usize>], wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        let wanted_here: Vec<Option<usize>> = wanted.read.iter().map(|column| places[*column]).collect();
        let mut projection: Vec<usize> = wanted_here.iter().flatten().copied().collect();
        if projection.is_empty() {
            projection.push(0);
        }
        let builder = ReaderBuilder::new().with_batch_size(BATCH_ROWS).with_projection(projection.clone());
        let reader = builder.build(opened(&self.path, &self.name)?).map_err(|error| damaged(&self.name, &error))?;
        let mut rows = 0;
        for batch in reader {
            let batch = batch.map_err(|error| damaged(&self.name, &error))?;
            let columns = columns_of(&batch, &wanted_here, &projection, &wanted.fields);
            let columns = columns.map_err(|error| damaged(&self.name, &error))?;
            let first = rows + 1;
            rows += batch.num_rows() as u64;
            if !outlet.push_rows(first, batch.num_rows(), &columns) {
                return Ok(());
            }
        }
        if rows == self.rows { Ok(()) } else { Err(damaged(&self.name, &format!("{rows} of {} records can be read", self.rows))) }
    }
}

/// The columns that a scan reads, in the types of the dataset.
fn columns_of(
    batch: &RecordBatch,
    wanted: &[Option<usize>],
    projection: &[usize],
    fields: &[Field],
) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
    let of_file = |place: &usize| projection.iter().position(|projected| projected == place);
    let own = batch.schema();
    let column = |(place, field): (&Option<usize>, &Field)| match place.as_ref().and_then(of_file) {
        Some(at) if is_uuid(own.field(at)) => cast(&uuids(batch.column(at).as_fixed_size_binary()), field.data_type()),
        Some(at) => in_type(batch.column(at), field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    wanted.iter().zip(fields).map(column).collect()
}

fn in_type(values: &ArrayRef, data_type: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    if *data_type == DataType::Utf8View && readable_type(values.data_type()) == DataType::Utf8View && !is_text(values.data_type()) {
        return in_words(values);
    }
    cast(values, data_type)
}

/// Whether the reader gives the sixteen bytes of UUIDs, which files hold as text or as such bytes.
fn is_uuid(field: &Field) -> bool {
    let says_so = field.metadata().get("logicalType").is_some_and(|kind| kind.trim_matches('"') == "uuid");
    *field.data_type() == DataType::FixedSizeBinary(16) && says_so
}

/// UUIDs as text.
fn uuids(values: &FixedSizeBinaryArray) -> ArrayRef {
    Arc::new(values.iter().map(|bytes| bytes.map(uuid)).collect::<StringViewArray>())
}

/// A UUID with its hyphens, in lower case.
fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The values as people write them.
fn in_words(values: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    let options = FormatOptions::new().with_display_error(true);
    if let Some(union) = values.as_any().downcast_ref::<UnionArray>() {
        let value = |row: usize| {
            let value = union.value(row);
            let formatter = ArrayFormatter::try_new(&value, &options)?;
            Ok((!value.is_null(0) && *value.data_type() != DataType::Null).then(|| formatter.value(0).to_string()))
        };
        let texts = (0..values.len()).map(value).collect::<std::result::Result<StringViewArray, ArrowError>>();
        return texts.map(|texts| Arc::new(texts) as ArrayRef);
    }
    let formatter = ArrayFormatter::try_new(values, &options)?;
    // An array of nulls alone has no bitmap that tells.
    let is_null = |row: usize| values.is_null(row) || *values.data_type() == DataType::Null;
    let text = |row: usize| (!is_null(row)).then(|| formatter.value(row).to_string());
    Ok(Arc::new((0..values.len()).map(text).collect::<StringViewArray>()))
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

/// The type in which values are handed on. What the warehouse has no type for, such as a union of several types, becomes text.
fn readable_type(data_type: &DataType) -> DataType {
    let inner = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(readable_type(field.data_type())));
    match data_type {
        _ if has_no_type(data_type) => DataType::Utf8View,
        DataType::List(element) => DataType::List(inner(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect::<Fields>()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => plain_type(other),
    }
}

fn has_no_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) | DataType::Interval(_) | DataType::Duration(_) | DataType::Null | DataType::Decimal256(..) => true,
        DataType::List(element) | DataType::Map(element, _) => has_no_type(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_no_type(field.data_type())),
        _ => false,
    }
}

/// The files of a dataset, each with the places of its columns.
#[derive(Debug)]
struct Containers(Vec<(Vec<Option<usize>>, Container)>);

impl RowReader for Containers {
    fn read(&self, wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        for (places, container) in &self.0 {
            outlet.begin(&container.name);
            container.read(places, wanted, outlet)?;
            if !outlet.wants_more() {
                break;
            }
        }
        Ok(())
    }
}

/// Opens a file that begins as it should.
fn opened(path: &Path, name: &str) -> Result<BufReader<File>> {
    let mut file = File::open(path).map_err(|error| unreadable(name, &error))?;
    let mut head = Vec::new();
    file.by_ref().take(64).read_to_end(&mut head).and_then(|_| file.rewind()).map_err(|error| unreadable(name, &error))?;
    if head.is_empty() {
        return Err(Error::user(format!("`{name}` is empty")).code("HW202").help("look whether it is the right file"));
    }
    if !head.starts_with(MARK) {
        return Err(Error::user(format!("`{name}` is no Avro container file"))
            .code("HW203")
            .because(format!("it begins as {}", content(&head)))
            .help("messages of a stream have no schema of their own: write them as object container files"));
    }
    Ok(BufReader::new(file))
}

fn damaged(name: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::user(format!("`{name}` is no whole Avro file"))
        .code("HW203")
        .because(cause)
        .help("write or copy the file again; nothing of it was loaded")
}

/// Counts the records of the blocks that follow, each of which must end with `mark`.
fn count_rows(file: &mut BufReader<File>, mark: [u8; 16]) -> std::result::Result<u64, String> {
    let wrong = |error: std::io::Error| error.to_string();
    let (start, end) = (file.stream_position().map_err(wrong)?, file.get_ref().metadata().map_err(wrong)?.len());
    let (mut at, mut rows, mut block) = (start, 0_u64, 0_u64);
    while at < end {
        block += 1;
        let here = || format!("block {block}, at byte {at}");
        let (records, bytes) = (long(file), long(file));
        let (Some(records), Some(bytes)) = (records, bytes) else { return Err(format!("{} is cut off or damaged", here())) };
        let body = file.stream_position().map_err(wrong)?;
        let next = body.checked_add(bytes).and_then(|mark_at| mark_at.checked_add(16)).filter(|next| *next <= end);
        let Some(next) = next else { return Err(format!("{} is cut off", here())) };
        let mut found = [0; 16];
        file.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX)).and_then(|()| file.read_exact(&mut found)).map_err(wrong)?;
        if found != mark {
            return Err(format!("{} does not end with the mark of the file", here()));
        }
        (at, rows) = (next, rows.saturating_add(records));
    }
    file.seek(SeekFrom::Start(start)).map_err(wrong)?;
    Ok(rows)
}

/// A number that is not negative, as Avro writes it: seven bits a byte, the sign in the lowest.
fn long(file: &mut BufReader<File>) -> Option<u64> {
    let mut number: u64 = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        file.read_exact(&mut byte).ok()?;
        number |= u64::from(byte[0] & 0x7f).checked_shl(shift)?;
        if byte[0] & 0x80 == 0 {
            return (number & 1 == 0).then_some(number >> 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_text_with_hyphens() {
        let bytes = [0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0, 0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e, 0x6b, 0xf6];
        assert_eq!(uuid(&bytes), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
        let kind = |metadata: &[(&str, &str)]| {
            let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Field::new("k", DataType::FixedSizeBinary(16), true).with_metadata(metadata)
        };
        assert!(is_uuid(&kind(&[("logicalType", "uuid")])));
        assert!(!is_uuid(&kind(&[])));
    }
}
