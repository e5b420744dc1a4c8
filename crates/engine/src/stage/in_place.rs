//! Rows of the table that are replaced where they stand. Of a large file in which a few rows change only those columns are written anew in
//! which they differ; all others are taken over compressed, as they are.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::{concat, concat_batches, interleave, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use datafusion::parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use datafusion::parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use hw_base::{Error, Result, StagedFile};
use hw_measure::KeySet;

use super::rows::filtered;
use super::tasks::joined;
use super::{Attempt, Shared};
use crate::compact;
use crate::failure::{Context, explain};
use crate::files::{TableFile, partition_value};
use crate::folder::FolderRef;
use crate::keys::hashes;
use crate::writer::{Pending, partitions, properties_as_in, writing_failed};

/// Smaller files are written anew, together with others.
const LARGE: u64 = if cfg!(test) { 1 } else { 8 << 20 };
/// A file in which a larger part of the rows may change is written anew: one of so many rows.
const ONE_OF: usize = if cfg!(test) { 1 } else { 8 };
/// The column that tells where a row of the table stands: the number of its file, then its own among those found in it.
pub(super) const PLACE: &str = "_place";

/// The rows of one file whose keys the batch has.
pub(super) struct Found {
    file: TableFile,
    content: File,
    metadata: ArrowReaderMetadata,
    /// Where they stand in the file, ascending.
    positions: Vec<u64>,
    /// They themselves, in the columns of the table.
    rows: RecordBatch,
}

/// So many bytes of rows may still be held.
pub(super) struct Room(AtomicUsize);

impl Room {
    pub(super) fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    fn take(&self, bytes: usize) -> Option<()> {
        let rest = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).ok().map(|_| ())
    }
}

impl Found {
    /// Finds the rows of a file; `None` where it is better, or necessary, to write the file anew. What is wrong with a file is found by
    /// who reads it then.
    pub(super) fn within(file: &TableFile, shared: &Shared, seen: &KeySet, room: &Room) -> Option<Self> {
        if file.bytes < LARGE {
            return None;
        }
        let content = File::open(file.folder.local(&file.name)?).ok()?;
        let table = &shared.columns.schema;
        let in_files = table.fields().len() - shared.columns.partition_columns.len();
        let schema = Arc::new(Schema::new(table.fields()[..in_files].to_vec()));
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(&schema)).with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&content, options).ok()?;
        let written = metadata.metadata().file_metadata().schema_descr();
        let expected = ArrowSchemaConverter::new().convert(&schema).ok()?;
        if written.root_schema().get_fields() != expected.root_schema().get_fields() {
            return None;
        }
        let mut found = Self { file: file.clone(), content, metadata, positions: vec![], rows: RecordBatch::new_empty(Arc::clone(table)) };
        found.find_positions(shared, seen)?;
        let groups = found.metadata.metadata().row_groups();
        let bytes: usize = groups.iter().filter_map(|group| usize::try_from(group.total_byte_size()).ok()).sum();
        room.take(2 * bytes / rows_of(found.metadata.metadata()).max(1) * found.positions.len())?;
        found.rows = found.read(shared)?;
        Some(found)
    }

    fn find_positions(&mut self, shared: &Shared, seen: &KeySet) -> Option<()> {
        let table = &shared.columns.schema;
        let key: Vec<&Field> = shared.key.iter().map(|index| table.field(*index)).collect();
        let most = rows_of(self.metadata.metadata()) / ONE_OF;
        let mut first = 0;
        for batch in self.reader(|field| key.iter().any(|key| key.name() == field)).ok()? {
            let batch = batch.ok()?;
            let columns: Option<Vec<ArrayRef>> = key.iter().map(|field| self.column(&batch, field)).collect();
            let meets = seen.mask(&hashes(&columns?, batch.num_rows()).ok()?);
            self.positions.extend(meets.values().set_indices().map(|row| first + row as u64));
            if self.positions.len() > most {
                return None;
            }
            first += batch.num_rows() as u64;
        }
        Some(())
    }

    /// The rows found.
    fn read(&self, shared: &Shared) -> Option<RecordBatch> {
        let all = rows_of(self.metadata.metadata());
        let places = self.positions.iter().map(|position| usize::try_from(*position).unwrap_or(all));
        let selection = RowSelection::from_consecutive_ranges(places.map(|place| place..place + 1), all);
        let reader = self.builder(|_| true).ok()?.with_row_selection(selection).build().ok()?;
        let table = &shared.columns.schema;
        let mut batches = Vec::new();
        for batch in reader {
            let batch = batch.ok()?;
            let columns: Option<Vec<ArrayRef>> = table.fields().iter().map(|field| self.column(&batch, field)).collect();
            batches.push(compact::rows(&table_rows(table, columns?, batch.num_rows()).ok()?).ok()?);
        }
        concat_batches(table, &batches).ok().filter(|rows| rows.num_rows() == self.positions.len())
    }

    /// A column of rows of the file: what it is partitioned by is not in them.
    fn column(&self, rows: &RecordBatch, field: &Field) -> Option<ArrayRef> {
        if let Some(column) = rows.column_by_name(field.name()) {
            return Some(Arc::clone(column));
        }
        let (_, value) = self.file.partition.iter().find(|(name, _)| name == field.name())?;
        partition_value(value.as_deref(), field.data_type()).ok()?.to_array_of_size(rows.num_rows()).ok()
    }

    fn reader(&self, is_wanted: impl Fn(&str) -> bool) -> Result<ParquetRecordBatchReader, ParquetError> {
        self.builder(is_wanted)?.build()
    }

    fn builder(&self, is_wanted: impl Fn(&str) -> bool) -> Result<ParquetRecordBatchReaderBuilder<File>, ParquetError> {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, field)| is_wanted(field.name())).map(|(at, _)| at);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), wanted);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.content.try_clone()?, self.metadata.clone());
        Ok(builder.with_projection(mask).with_batch_size(8192))
    }

    /// A whole column of a row group.
    fn whole(&self, group: usize, name: &str) -> Result<ArrayRef, ParquetError> {
        let reader = self.builder(|field| field == name)?.with_row_groups(vec![group]).build()?;
        let parts = reader.map(|batch| Ok(Arc::clone(batch?.column(0)))).collect::<Result<Vec<ArrayRef>, ParquetError>>()?;
        Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
    }
}

/// What becomes of a row that was found.
#[derive(Clone, Copy)]
enum Fate {
    Stays,
    Goes,
    /// A row of this batch of changed rows stands in its place.
    Becomes(usize, usize),
}

/// All rows that were found where they stand, and what becomes of them.
#[derive(Default)]
pub(super) struct InPlace {
    found: Vec<Found>,
    fates: Vec<Vec<Fate>>,
    changed: Vec<RecordBatch>,
}

/// A file of the table whose rows change, and what it is written as; nothing where none of its rows is left.
pub(super) struct Replaced {
    pub(super) file: TableFile,
    pub(super) written: Option<StagedFile>,
}

impl InPlace {
    pub(super) fn new(found: Vec<Found>) -> Self {
        let fates = found.iter().map(|found| vec![Fate::Stays; found.positions.len()]).collect();
        Self { found, fates, changed: vec![] }
    }

    /// The rows that were found, with their places.
    pub(super) fn table(&self, schema: &SchemaRef) -> Result<MemTable> {
        let fields = schema.fields().iter().cloned().chain([Arc::new(Field::new(PLACE, DataType::Int64, true))]);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batches = self.found.iter().enumerate().map(|(file, found)| {
            let places = (0..found.positions.len()).map(|row| place(file, row));
            let places: ArrayRef = Arc::new(Int64Array::from_iter_values(places));
            let columns = found.rows.columns().iter().cloned().chain([places]).collect();
            table_rows(&schema, columns, found.positions.len())
        });
        MemTable::try_new(Arc::clone(&schema), vec![batches.collect::<Result<_>>()?]).map_err(|error| explain(error, &Context::default()))
    }

    /// Notes what becomes of the rows found, given the rows that stay, each of another key, and whether they are `gone` all the same; where
    /// they stand themselves, and where all rows with their keys. True for the rows that are to be written elsewhere; `None` where no row was
    /// found.
    pub(super) fn settle(
        &mut self,
        (rows, gone): (&RecordBatch, &BooleanArray),
        (own, places): (&Int64Array, &[Vec<i64>]),
        partition_columns: &[String],
    ) -> Result<Option<BooleanArray>> {
        if self.found.is_empty() {
            return Ok(None);
        }
        let (partitions, partition_of) = partitions(rows, partition_columns)?;
        let (mut elsewhere, mut becomes) = (vec![false; rows.num_rows()], vec![false; rows.num_rows()]);
        let mut changed = 0;
        for row in 0..rows.num_rows() {
            let is_gone = gone.is_valid(row) && gone.value(row);
            let stays = (own.is_valid(row) && !is_gone).then(|| own.value(row));
            let mut is_placed = is_gone || stays.is_some();
            for place in &places[row] {
                let (file, at) = parted(*place);
                let is_there = || partitions[partition_of[row]].iter().all(|value| self.found[file].file.partition.contains(value));
                self.fates[file][at] = if stays == Some(*place) {
                    Fate::Stays
                } else if !is_placed && is_there() {
                    (is_placed, becomes[row]) = (true, true);
                    Fate::Becomes(self.changed.len(), changed)
                } else {
                    Fate::Goes
                };
            }
            elsewhere[row] = !is_placed;
            changed += usize::from(becomes[row]);
        }
        if changed > 0 {
            self.changed
                .push(compact::rows(&filtered(rows, &becomes.into())?).map_err(|error| explain(error.into(), &Context::default()))?);
        }
        Ok(Some(elsewhere.into()))
    }

    /// Writes a file anew below `folder`, under a name that starts with `label`.
    fn replaced(&self, number: usize, folder: &FolderRef, label: &str) -> Result<Replaced> {
        let (found, fates) = (&self.found[number], &self.fates[number]);
        let gone = fates.iter().filter(|fate| matches!(fate, Fate::Goes)).count();
        let rows = rows_of(found.metadata.metadata()) - gone;
        if rows == 0 {
            return Ok(Replaced { file: found.file.clone(), written: None });
        }
        let partition = found.file.partition.clone();
        let pending = Pending::new(folder, &partition, label, number)?;
        let written = pending.written(rows as u64, (found.metadata.schema(), partition), |file, path| self.write(number, file, path))?;
        Ok(Replaced { file: found.file.clone(), written: Some(written) })
    }

    fn write(&self, number: usize, file: File, path: &str) -> Result<ParquetMetaData> {
        let failed = |error: ParquetError| writing_failed(&error, path);
        let found = &self.found[number];
        let metadata = found.metadata.metadata();
        let properties = Arc::new(properties_as_in(metadata));
        let schema = metadata.file_metadata().schema_descr().root_schema_ptr();
        let mut out = SerializedFileWriter::new(BufWriter::with_capacity(1 << 20, file), schema, properties).map_err(failed)?;
        let factory = ArrowRowGroupWriterFactory::new(&out, Arc::clone(found.metadata.schema()));
        let (mut first, mut from) = (0, 0);
        for (number_of_group, group) in metadata.row_groups().iter().enumerate() {
            let end = first + group.num_rows().unsigned_abs();
            let to = from + found.positions[from..].partition_point(|position| *position < end);
            let change = GroupChange::of(self, number, number_of_group, first, from..to);
            if change.rows_left(group) > 0 {
                let writers = if change.is_none() { vec![] } else { factory.create_column_writers(number_of_group).map_err(failed)? };
                let mut row_group = out.next_row_group().map_err(failed)?;
                change.write(writers, &mut row_group, failed)?;
                row_group.close().map_err(failed)?;
            }
            (first, from) = (end, to);
        }
        out.finish().map_err(failed)
    }
}

/// What changes in one row group of a file.
struct GroupChange<'a> {
    found: &'a Found,
    group: usize,
    /// Of the rows found in it that are replaced: their number among all found ones, and by which row of which batch.
    becoming: Vec<(u64, (usize, usize))>,
    /// From where each row of the group comes: from itself, or from that place among those that replace others.
    sources: Vec<(usize, usize)>,
    goes: bool,
    changed: &'a [RecordBatch],
}

impl<'a> GroupChange<'a> {
    /// The rows found in the group have these numbers; it begins with row `first` of the file.
    fn of(all: &'a InPlace, file: usize, group: usize, first: u64, numbers: Range<usize>) -> Self {
        let (found, fates) = (&all.found[file], &all.fates[file]);
        let mut change = Self { found, group, becoming: vec![], sources: vec![], goes: false, changed: &all.changed };
        if numbers.clone().all(|number| matches!(fates[number], Fate::Stays)) {
            return change;
        }
        let rows = usize::try_from(found.metadata.metadata().row_group(group).num_rows()).unwrap_or_default();
        let mut numbers = numbers.peekable();
        for row in 0..rows {
            let number = numbers.next_if(|number| found.positions[*number] == first + row as u64);
            match number.map_or(Fate::Stays, |number| fates[number]) {
                Fate::Stays => change.sources.push((0, row)),
                Fate::Goes => change.goes = true,
                Fate::Becomes(batch, row) => {
                    change.sources.push((1, change.becoming.len()));
                    change.becoming.push((number.unwrap_or_default() as u64, (batch, row)));
                }
            }
        }
        change
    }

    fn is_none(&self) -> bool {
        self.becoming.is_empty() && !self.goes
    }

    fn rows_left(&self, group: &RowGroupMetaData) -> usize {
        if self.is_none() { usize::try_from(group.num_rows()).unwrap_or_default() } else { self.sources.len() }
    }

    /// The values of a column that is written anew; `None` where it stays as it is.
    fn column(&self, root: usize, field: &Field) -> Result<Option<ArrayRef>, ParquetError> {
        if self.is_none() {
            return Ok(None);
        }
        let numbers = UInt64Array::from_iter_values(self.becoming.iter().map(|(number, _)| *number));
        let before = take(self.found.rows.column(root), &numbers, None)?;
        let after = if self.becoming.is_empty() {
            Arc::clone(&before)
        } else {
            let columns: Vec<&dyn Array> = self.changed.iter().map(|rows| rows.column(root).as_ref()).collect();
            interleave(&columns, &self.becoming.iter().map(|(_, source)| *source).collect::<Vec<_>>())?
        };
        if !self.goes && before.as_ref() == after.as_ref() {
            return Ok(None);
        }
        let whole = self.found.whole(self.group, field.name())?;
        Ok(Some(interleave(&[whole.as_ref(), after.as_ref()], &self.sources)?))
    }

    /// Writes the columns anew that differ, one after the other, and takes the others over. `failed` says what cannot be written.
    fn write(
        &self,
        writers: Vec<ArrowColumnWriter>,
        row_group: &mut SerializedRowGroupWriter<'_, BufWriter<File>>,
        failed: impl Fn(ParquetError) -> Error,
    ) -> Result<()> {
        let damaged = |error: ParquetError| explain(error.into(), &Context::default()).within(format_args!("`{}`", self.found.file.name));
        let descriptor = self.found.metadata.parquet_schema();
        let mut writers = writers.into_iter();
        let mut leaves = (0..descriptor.num_columns()).peekable();
        for (root, field) in self.found.metadata.schema().fields().iter().enumerate() {
            let own: Vec<usize> = std::iter::from_fn(|| leaves.next_if(|leaf| descriptor.get_column_root_idx(*leaf) == root)).collect();
            let writers: Vec<ArrowColumnWriter> = writers.by_ref().take(own.len()).collect();
            let Some(values) = self.column(root, field).map_err(damaged)? else {
                own.iter().try_for_each(|leaf| self.take_over(*leaf, row_group)).map_err(&failed)?;
                continue;
            };
            for (mut writer, values) in writers.into_iter().zip(compute_leaves(field, &values).map_err(&failed)?) {
                writer.write(&values).map_err(&failed)?;
                writer.close().and_then(|chunk| chunk.append_to_row_group(row_group)).map_err(&failed)?;
            }
        }
        Ok(())
    }

    /// Copies a column as it lies in the file.
    fn take_over(&self, leaf: usize, row_group: &mut SerializedRowGroupWriter<'_, BufWriter<File>>) -> Result<(), ParquetError> {
        let all = self.found.metadata.metadata();
        let group = all.row_group(self.group);
        let column = group.column(leaf);
        let close = ColumnCloseResult {
            bytes_written: column.compressed_size().unsigned_abs(),
            rows_written: group.num_rows().unsigned_abs(),
            metadata: column.clone().into_builder().set_bloom_filter_offset(None).set_bloom_filter_length(None).build()?,
            bloom_filter: None,
            column_index: all.column_index().and_then(|groups| groups.get(self.group)?.get(leaf)).cloned(),
            offset_index: all.offset_index().and_then(|groups| groups.get(self.group)?.get(leaf)).cloned(),
        };
        row_group.append_column(&self.found.content, close)
    }
}

impl Attempt<'_> {
    /// Writes the files anew in which rows change.
    pub(super) async fn replace(&self, rows: InPlace) -> Result<Vec<Replaced>> {
        let is_changed = |number: &usize| rows.fates[*number].iter().any(|fate| !matches!(fate, Fate::Stays));
        let numbers: VecDeque<usize> = (0..rows.found.len()).filter(is_changed).collect();
        let tasks = self.engine.threads.clamp(1, numbers.len().max(1));
        let (rows, numbers) = (Arc::new(rows), Arc::new(Mutex::new(numbers)));
        let tasks = (0..tasks).map(|_| {
            let (rows, numbers) = (Arc::clone(&rows), Arc::clone(&numbers));
            let (folder, label) = (Arc::clone(&self.folder), format!("{}-place", self.staging.label));
            self.engine.warehouse.working.spawn(async move {
                let mut replaced = Vec::new();
                let next = || numbers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(number) = next() {
                    replaced.push(rows.replaced(number, &folder, &label)?);
                    tokio::task::yield_now().await;
                }
                Ok(replaced)
            })
        });
        Ok(joined(tasks.collect()).await?.into_iter().flatten().collect())
    }
}

/// Rows in the order of their keys, taken key by key: the first of each, with the places of all.
#[derive(Default)]
pub(super) struct Places {
    /// The first row of the key whose rows may not all have come yet.
    open: Option<(RecordBatch, Vec<i64>)>,
}

impl Places {
    /// The first rows of the keys that are complete, given further rows and which of them begin a key.
    pub(super) fn complete(&mut self, batch: &RecordBatch, begins: &BooleanArray) -> Result<Option<(RecordBatch, Vec<Vec<i64>>)>> {
        let place = places_of(batch);
        let (mut firsts, mut places): (Vec<u64>, Vec<Vec<i64>>) = (vec![], vec![]);
        for row in 0..batch.num_rows() {
            if begins.value(row) {
                firsts.push(row as u64);
                places.push(vec![]);
            }
            let of_key = places.last_mut().or(self.open.as_mut().map(|(_, places)| places));
            if let Some(of_key) = of_key.filter(|_| place.is_valid(row)) {
                of_key.push(place.value(row));
            }
        }
        let (Some(last), Some(last_places)) = (firsts.pop(), places.pop()) else { return Ok(None) };
        let begun = (batch.slice(usize::try_from(last).unwrap_or_default(), 1), last_places);
        let (before, mut all) = self.open.replace(begun).map_or((None, vec![]), |(row, places)| (Some(row), vec![places]));
        all.append(&mut places);
        let failed = |error: datafusion::arrow::error::ArrowError| explain(error.into(), &Context::default());
        let rows = datafusion::arrow::compute::take_record_batch(batch, &UInt64Array::from(firsts)).map_err(failed)?;
        let rows = concat_batches(&batch.schema(), before.iter().chain([&rows])).map_err(failed)?;
        Ok(Some((rows, all)))
    }

    /// The first row of the last key.
    pub(super) fn last(self) -> Option<(RecordBatch, Vec<Vec<i64>>)> {
        self.open.map(|(row, places)| (row, vec![places]))
    }
}

/// Where the rows of a batch stand in the table, as far as they do.
pub(super) fn places_of(batch: &RecordBatch) -> Int64Array {
    let none = || Int64Array::new_null(batch.num_rows());
    batch.column_by_name(PLACE).map_or_else(none, |column| column.as_primitive::<Int64Type>().clone())
}

fn place(file: usize, row: usize) -> i64 {
    i64::try_from(file << 32 | row).unwrap_or(i64::MAX)
}

fn parted(place: i64) -> (usize, usize) {
    let place = usize::try_from(place).unwrap_or_default();
    (place >> 32, place & 0xFFFF_FFFF)
}

fn rows_of(metadata: &ParquetMetaData) -> usize {
    usize::try_from(metadata.file_metadata().num_rows()).unwrap_or_default()
}

fn table_rows(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| explain(error.into(), &Context::default()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hw_base::{Engine, LoadMode, Reader, Staging, TableName, Value};

    use crate::LocalEngine;
    use crate::stage::convergence::{Chance, engine, load, moment};

    /// Month, two values, and whether it is deleted.
    type Row = (usize, usize, Option<usize>, bool);

    fn staging(table: &TableName, mode: &LoadMode, rows: &[(usize, Row)], window: usize) -> Staging {
        let value = |value: &Option<usize>| value.map_or("null".to_owned(), |value| value.to_string());
        let row = |(key, (month, a, b, gone)): &(usize, Row)| {
            format!("({key}, {window}, 'm{month}', 'the text {a}', cast({} as double), [{a}], {gone})", value(b))
        };
        let sql =
            format!("select * from (values {}) as rows (k, t, m, a, b, l, gone)", rows.iter().map(row).collect::<Vec<_>>().join(", "));
        let reader = Reader { sql, inputs: vec![], file: None };
        let labels = (format!("run-{window}-1"), "run".into());
        let partition_by = vec![("m".into(), "m".into())];
        Staging { mode: mode.clone(), partition_by, ..Staging::adding(table.clone(), reader, labels, moment()) }
    }

    async fn rows(engine: &LocalEngine, table: &TableName) -> Vec<Vec<Value>> {
        let sql = format!("select k, t, m, a, b, l[1] from {table} order by k");
        engine.query(&Reader { sql, inputs: vec![], file: None }, 10_000).await.unwrap().rows
    }

    fn upsert() -> LoadMode {
        LoadMode::Upsert { key: vec!["k".into()], later_by: Some("t".into()), deleted_when: Some("gone".into()) }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_change_where_they_stand_are_those_of_the_last_delivery() {
        for seed in 1..=12_u64 {
            let folder = tempfile::tempdir().unwrap();
            let engine = engine(folder.path());
            let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let table = TableName::model("orders");
            let mut expected: BTreeMap<usize, (usize, Row)> = BTreeMap::new();
            for window in 1..=6 {
                let keys = if window == 1 { 400 } else { 1 + chance.below(60) };
                let mut batch: BTreeMap<usize, Row> = BTreeMap::new();
                for number in 0..keys {
                    let key = if window == 1 { number } else { chance.below(420) };
                    let before = expected.get(&key).map_or((chance.below(2), key, Some(key), false), |(_, row)| *row);
                    let row = match chance.below(6) {
                        0 => (before.0, before.1 + 1000, before.2, false),
                        1 => (before.0, before.1, None, false),
                        2 => (before.0, before.1, before.2, window > 1 && chance.below(3) == 0),
                        3 => (chance.below(2), before.1, before.2, false),
                        _ => (before.0, before.1, before.2.map(|b| b + 1), false),
                    };
                    batch.insert(key, row);
                }
                let batch: Vec<(usize, Row)> = batch.into_iter().collect();
                load(&engine, &staging(&table, &upsert(), &batch, window), window).await;
                expected.extend(batch.into_iter().map(|(key, row)| (key, (window, row))));
                expected.retain(|_, (_, row)| !row.3);
                let int = |value: usize| Value::Int(i64::try_from(value).unwrap());
                let expected: Vec<Vec<Value>> = expected
                    .iter()
                    .map(|(key, (window, (month, a, b, _)))| {
                        let b = b.map_or(Value::Null, |b| Value::Float(f64::from(u32::try_from(b).unwrap())));
                        let (month, text) = (Value::Text(format!("m{month}")), Value::Text(format!("the text {a}")));
                        vec![int(*key), int(*window), month, text, b, int(*a)]
                    })
                    .collect();
                assert_eq!(rows(&engine, &table).await, expected, "seed {seed}, window {window}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_in_which_nothing_changes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        let all: Vec<(usize, Row)> = (0..200).map(|key| (key, (key % 2, key, None, false))).collect();
        for (name, mode) in [("upserted", upsert()), ("appended", LoadMode::Append { key: vec!["k".into()] })] {
            let table = TableName::model(name);
            load(&engine, &staging(&table, &mode, &all, 2), 2).await;
            // Of the rows of an earlier time none is the later one; of the new ones all belong to the first month.
            let (old, new) = ((7, (1, 0, None, false)), (1000, (0, 0, None, false)));
            let batch = engine.stage(&staging(&table, &mode, &[old, new], 1)).await.unwrap();
            assert_eq!((batch.removed.len(), batch.files.len(), batch.rows_written, batch.rows_after), (0, 1, 1, 201), "{name}");
        }
    }
}
