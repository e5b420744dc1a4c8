//! Writing staged Parquet files: one open file per partition. Whoever names them in a log flushes them first.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, cast, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::schema::types::ColumnPath;
use hw_base::{Error, Result, StagedFile};

use crate::failure::{Context, explain, io_problem};
use crate::folder::FolderRef;
use crate::keys::hashes;
use crate::stats;

/// A file is closed once it holds about this many bytes, so that an upsert rewrites little.
const FILE_BYTES: usize = 128 << 20;
/// Rows per row group: few enough that many partitions can be open at once.
const GROUP_ROWS: usize = if cfg!(test) { 64 } else { 256 * 1024 };
/// A file that got no row for so many batches has probably got all of its rows …
const IDLE_BATCHES: u64 = 32;
/// … and its row group is ended if it has so many rows, which frees what compressing each column needs.
const WORTH_A_GROUP: usize = 16 * 1024;
/// So many rows tell whether the values of a column repeat; fewer do not.
const TELLING_ROWS: usize = 1024;
/// No more rows than these are looked at.
const LOOKED_AT_ROWS: usize = 8192;

/// Writes the rows of one task into staged files.
pub(crate) struct Writer {
    folder: FolderRef,
    label: String,
    file_schema: SchemaRef,
    partition_columns: Vec<String>,
    budget: usize,
    properties: Option<WriterProperties>,
    open: HashMap<Vec<Option<String>>, OpenFile>,
    /// Batches written so far.
    batches: u64,
    finished: Vec<StagedFile>,
    next: usize,
}

struct OpenFile {
    path: String,
    file: ArrowWriter<BufWriter<File>>,
    rows: u64,
    /// The batch that last brought it rows.
    last_batch: u64,
}

impl OpenFile {
    fn end_group(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| writing_failed(&error, &self.path))
    }
}

impl Writer {
    /// A writer of files below `folder` whose names start with `label`. The last `partition_columns` columns of `schema`
    /// go into the partition values. Unflushed rows use at most about `budget` bytes.
    pub(crate) fn new(folder: &FolderRef, label: String, schema: &SchemaRef, partition_columns: &[String], budget: usize) -> Self {
        let in_files = schema.fields().len() - partition_columns.len();
        Self {
            folder: Arc::clone(folder),
            label,
            file_schema: Arc::new(Schema::new(schema.fields()[..in_files].to_vec())),
            partition_columns: partition_columns.to_vec(),
            budget,
            properties: None,
            open: HashMap::new(),
            batches: 0,
            finished: Vec::new(),
            next: 0,
        }
    }

    /// Writes the rows of a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.batches += 1;
        self.end_idle_groups()?;
        let in_files = self.file_schema.fields().len();
        let rows = batch.project(&(0..in_files).collect::<Vec<_>>()).map_err(engine_failed)?;
        if self.properties.is_none() {
            self.properties = Some(properties(&rows)?);
        }
        if self.partition_columns.is_empty() {
            return self.write_partition(&[], &rows);
        }
        for (partition, indices) in group(&batch.columns()[in_files..], batch.num_rows())? {
            if indices.len() == batch.num_rows() {
                return self.write_partition(&partition, &rows);
            }
            let part = take_record_batch(&rows, &UInt32Array::from(indices)).map_err(engine_failed)?;
            self.write_partition(&partition, &part)?;
        }
        Ok(())
    }

    fn write_partition(&mut self, partition: &[Option<String>], rows: &RecordBatch) -> Result<()> {
        if !self.open.contains_key(partition) {
            let file = self.create(partition)?;
            self.open.insert(partition.to_vec(), file);
        }
        let Some(open) = self.open.get_mut(partition) else { return Err(Error::bug("a file that was just opened is gone")) };
        open.file.write(rows).map_err(|error| writing_failed(&error, &open.path))?;
        open.rows += rows.num_rows() as u64;
        open.last_batch = self.batches;
        if open.file.bytes_written() + open.file.in_progress_size() > FILE_BYTES
            && let Some(full) = self.open.remove(partition)
        {
            self.close(partition, full)?;
        }
        self.keep_within_budget()
    }

    /// Ends the row group of the fullest file while unflushed rows use too much memory.
    fn keep_within_budget(&mut self) -> Result<()> {
        while self.open.values().map(|open| open.file.memory_size()).sum::<usize>() > self.budget {
            let Some(fullest) = self.open.values_mut().max_by_key(|open| open.file.memory_size()) else { break };
            if fullest.file.in_progress_rows() == 0 {
                break;
            }
            fullest.end_group()?;
        }
        Ok(())
    }

    /// Ends the row groups of files that get no more rows, as it is when rows come ordered by their partition.
    fn end_idle_groups(&mut self) -> Result<()> {
        let is_idle = |open: &&mut OpenFile| open.last_batch + IDLE_BATCHES < self.batches && open.file.in_progress_rows() >= WORTH_A_GROUP;
        self.open.values_mut().filter(is_idle).try_for_each(OpenFile::end_group)
    }

    fn create(&mut self, partition: &[Option<String>]) -> Result<OpenFile> {
        let path = path(&self.partition(partition), &self.label, self.next)?;
        self.next += 1;
        let file = BufWriter::with_capacity(1 << 20, self.folder.create(&path)?);
        let options = ArrowWriterOptions::new().with_properties(self.properties.clone().unwrap_or_default()).with_skip_arrow_metadata(true);
        let file = ArrowWriter::try_new_with_options(file, Arc::clone(&self.file_schema), options)
            .map_err(|error| writing_failed(&error, &path))?;
        Ok(OpenFile { path, file, rows: 0, last_batch: self.batches })
    }

    fn partition(&self, values: &[Option<String>]) -> Partition {
        self.partition_columns.iter().cloned().zip(values.iter().cloned()).collect()
    }

    fn close(&mut self, partition: &[Option<String>], open: OpenFile) -> Result<()> {
        let OpenFile { path, mut file, rows, .. } = open;
        let metadata = file.finish().map_err(|error| writing_failed(&error, &path))?;
        let rows = Rows { count: rows, partition: self.partition(partition), stats: stats::of(&metadata, &self.file_schema) };
        self.finished.push(rows.kept(&self.folder, path, file.inner().get_ref())?);
        Ok(())
    }

    /// Closes and keeps every file.
    pub(crate) fn finish(mut self) -> Result<Vec<StagedFile>> {
        for (partition, open) in std::mem::take(&mut self.open) {
            self.close(&partition, open)?;
        }
        self.finished.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.finished)
    }
}

/// A file that rows are written into by hand.
pub(crate) struct Pending {
    folder: FolderRef,
    path: String,
    file: File,
}

impl Pending {
    /// A new file of a partition.
    pub(crate) fn new(folder: &FolderRef, partition: &[(String, Option<String>)], label: &str, number: usize) -> Result<Self> {
        let path = path(partition, label, number)?;
        Ok(Self { folder: Arc::clone(folder), file: folder.create(&path)?, path })
    }

    /// Has so many rows of these columns written, and keeps the file.
    pub(crate) fn written(
        self,
        rows: u64,
        (schema, partition): (&Schema, Partition),
        write: impl FnOnce(File, &str) -> Result<ParquetMetaData>,
    ) -> Result<StagedFile> {
        let unwritable = |error: std::io::Error| io_problem(&error).within(format_args!("`{}` cannot be written", self.path));
        let metadata = write(self.file.try_clone().map_err(unwritable)?, &self.path)?;
        let rows = Rows { count: rows, partition, stats: stats::of(&metadata, schema) };
        rows.kept(&self.folder, self.path, &self.file)
    }
}

/// What is known of the rows of a file.
struct Rows {
    count: u64,
    partition: Partition,
    stats: String,
}

impl Rows {
    /// Keeps the file that they were written into.
    fn kept(self, folder: &FolderRef, path: String, file: &File) -> Result<StagedFile> {
        let bytes = file.metadata().map_err(|error| io_problem(&error).within(format_args!("`{path}` cannot be written")))?.len();
        folder.keep(&path, file)?;
        Ok(StagedFile { path, bytes, rows: self.count, partition: self.partition, stats: self.stats })
    }
}

/// Where the file of a partition lies in the folder of its table.
fn path(partition: &[(String, Option<String>)], label: &str, number: usize) -> Result<String> {
    let mut path = String::new();
    for (column, value) in partition {
        if value.as_deref() == Some("") {
            return Err(no_partition(column));
        }
        path.push_str(&format!("{column}={}/", folder_name(value.as_deref())));
    }
    path.push_str(&format!("{label}-{number:04}.parquet"));
    Ok(path)
}

/// How a file is written whose rows are mostly those of another: with dictionaries where that one has them.
pub(crate) fn properties_as_in(metadata: &ParquetMetaData) -> WriterProperties {
    let mut properties = common_properties();
    for leaf in 0..metadata.file_metadata().schema_descr().num_columns() {
        let mut columns = metadata.row_groups().iter().map(|group| group.column(leaf));
        if columns.all(|column| column.dictionary_page_offset().is_none()) {
            let path = metadata.file_metadata().schema_descr().column(leaf).path().clone();
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

fn common_properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(concat!("headworks ", env!("CARGO_PKG_VERSION")).to_owned())
}

/// How files are written, given the first rows: a dictionary only where values repeat. Building one for values that hardly
/// do costs more than all other encoding, and is thrown away as soon as it has grown too large.
fn properties(first: &RecordBatch) -> Result<WriterProperties> {
    let mut properties = common_properties();
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        if !field.data_type().is_nested() && !repeats(column)? {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    Ok(properties.build())
}

/// Whether at most half of the values are different. Nulls are no values.
fn repeats(column: &ArrayRef) -> Result<bool> {
    let looked_at = column.slice(0, column.len().min(LOOKED_AT_ROWS));
    let values = looked_at.len() - looked_at.null_count();
    if values < TELLING_ROWS {
        return Ok(true);
    }
    let is_value = |row: &usize| looked_at.is_valid(*row);
    let hashes = hashes(std::slice::from_ref(&looked_at), looked_at.len())?;
    let distinct: HashSet<u64> = (0..looked_at.len()).filter(is_value).map(|row| hashes[row]).collect();
    Ok(distinct.len() <= values / 2)
}

/// The values of the partition columns, as texts.
type Values = Vec<Option<String>>;

/// The same with the names of the columns.
pub(crate) type Partition = Vec<(String, Option<String>)>;

/// The partitions of rows whose last columns are these, and for each row the number of its own.
pub(crate) fn partitions(rows: &RecordBatch, partition_columns: &[String]) -> Result<(Vec<Partition>, Vec<usize>)> {
    if partition_columns.is_empty() {
        return Ok((vec![vec![]], vec![0; rows.num_rows()]));
    }
    let in_files = rows.num_columns() - partition_columns.len();
    let (mut found, mut numbers) = (Vec::new(), vec![0; rows.num_rows()]);
    for (values, of_partition) in group(&rows.columns()[in_files..], rows.num_rows())? {
        for row in of_partition {
            numbers[row as usize] = found.len();
        }
        found.push(partition_columns.iter().cloned().zip(values).collect());
    }
    Ok((found, numbers))
}

/// The rows of each partition, in the order the partitions appear, with its values as texts.
fn group(partitions: &[ArrayRef], rows: usize) -> Result<Vec<(Values, Vec<u32>)>> {
    let equal = |column: &ArrayRef| make_comparator(column, column, SortOptions::default());
    let equal = partitions.iter().map(equal).collect::<Result<Vec<_>, _>>().map_err(engine_failed)?;
    let is_same = |a: usize, b: usize| equal.iter().all(|compare| compare(a, b).is_eq());
    // Each group by its first row; rows of one partition mostly come together.
    let mut groups: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut last = 0;
    for row in 0..rows {
        if !groups.get(last).is_some_and(|(first, _)| is_same(*first, row)) {
            last = groups.iter().position(|(first, _)| is_same(*first, row)).unwrap_or_else(|| {
                groups.push((row, Vec::with_capacity(rows)));
                groups.len() - 1
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "a batch has a few thousand rows")]
        groups[last].1.push(row as u32);
    }
    groups.into_iter().map(|(first, rows)| Ok((values_at(partitions, first)?, rows))).collect()
}

/// The values of a row as Delta's log writes those of partitions.
fn values_at(columns: &[ArrayRef], row: usize) -> Result<Values> {
    let value = |column: &ArrayRef| {
        let text = cast(&column.slice(row, 1), &DataType::Utf8).map_err(engine_failed)?;
        let text = text.as_string::<i32>();
        let value = text.is_valid(0).then(|| text.value(0).to_owned());
        // A moment without a zone is written with a blank in the midst, as no other type is.
        Ok(if matches!(column.data_type(), DataType::Timestamp(_, None)) { value.map(|value| value.replace('T', " ")) } else { value })
    };
    columns.iter().map(value).collect()
}

fn no_partition(column: &str) -> Error {
    Error::user(format!("a row has an empty text in `{column}`, which the table is partitioned by"))
        .code("HW304")
        .because("readers of Delta tables take the empty text of a partition for a missing value")
        .help(format!("write `nullif({column}, '') as {column}` in the SELECT, or partition by another column"))
}

/// A folder name that every file system takes; the log holds the true value.
fn folder_name(value: Option<&str>) -> String {
    match value {
        None => "__HIVE_DEFAULT_PARTITION__".into(),
        Some(value) => value.chars().take(80).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect(),
    }
}

fn engine_failed(error: datafusion::arrow::error::ArrowError) -> Error {
    explain(error.into(), &Context::default())
}

/// What is said of a file that cannot be written.
pub(crate) fn writing_failed(error: &ParquetError, path: &str) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast_ref::<std::io::Error>() {
            Some(source) => io_problem(source).within(format_args!("`{path}` cannot be written")),
            None => io_problem(&std::io::Error::other(error.to_string())).within(format_args!("`{path}` cannot be written")),
        },
        _ => io_problem(&std::io::Error::other(error.to_string())).within(format_args!("`{path}` cannot be written")),
    }
}
