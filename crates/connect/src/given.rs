//! Rows that are given in a test, behind the port of sources: what arrives is what the test says, and it arrives as it would from a
//! source of its kind.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use hw_base::{
    BoxFuture, Column, DatasetName, Delivered, Delivery, Error, LooseCell, LooseColumn, LooseRows, News, Part, Result, Rows, SourceFile,
    Sources, Survey, Value, unknown,
};
use hw_engine::LiveTables;

use crate::connectors::{Opened, Reached, connector};
use crate::project::register;
use crate::types::{column_of, sql_type_to_arrow, unknown_type};
use hw_text::loose;

/// A dataset whose rows are given.
#[derive(Clone, Debug)]
pub struct GivenDataset {
    /// The dataset.
    pub dataset: DatasetName,
    /// What messages call it.
    pub name: String,
    /// The kind of its source, such as `csv`; it decides how deliveries follow each other.
    pub kind: Option<String>,
    /// The columns whose types are known; those of the others follow from the values.
    pub known: Vec<Column>,
    /// Whether it has no other columns.
    pub is_complete: bool,
    /// The columns that identify a row, for a database.
    pub key: Vec<String>,
    /// The rows of each delivery; `None` where nothing of it is delivered.
    pub deliveries: Vec<Option<LooseRows>>,
}

/// How the deliveries of a dataset follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Each is a new file.
    Files,
    /// Each is the whole dataset as it is then.
    Whole,
    /// Each is what is new, for whom follows it; for everybody else the whole dataset.
    New,
}

#[derive(Debug)]
struct Prepared {
    manner: Manner,
    key: Vec<String>,
    schema: SchemaRef,
    /// The rows by delivery. Number 0 is before the first one.
    batches: Vec<Option<RecordBatch>>,
}

/// Sources that hold what a test gives.
#[derive(Debug)]
pub struct GivenSources {
    prepared: BTreeMap<DatasetName, Prepared>,
    live: LiveTables,
    /// The number of the last delivery.
    arrived: AtomicUsize,
    /// Where deliveries end, by relation.
    reached: Mutex<HashMap<String, usize>>,
}

impl GivenSources {
    /// Sources of these datasets, of which nothing has arrived; `has_earlier` lets them hold no row before the first delivery, instead of
    /// not being there.
    ///
    /// # Errors
    /// All that is wrong with the rows, each with its place: unknown columns, values of another type, columns that nobody knows.
    pub fn new(datasets: &[GivenDataset], has_earlier: bool, live: LiveTables) -> Result<Self> {
        let (mut prepared, mut errors) = (BTreeMap::new(), Vec::new());
        for dataset in datasets {
            match Prepared::of(dataset, has_earlier) {
                Ok(own) => drop(prepared.insert(dataset.dataset.clone(), own)),
                Err(error) => errors.push(error),
            }
        }
        let sources = Self { prepared, live, arrived: AtomicUsize::new(0), reached: Mutex::default() };
        Error::all(errors).map_or(Ok(sources), Err)
    }

    /// Lets a delivery arrive; the first has number 1.
    pub fn arrive(&self, delivery: usize) {
        self.arrived.store(delivery, Ordering::Relaxed);
    }

    fn of(&self, dataset: &DatasetName) -> Result<&Prepared> {
        let known: Vec<String> = self.prepared.keys().map(ToString::to_string).collect();
        let missing = || unknown("dataset", &dataset.to_string(), known.iter().map(String::as_str)).code("HW201");
        self.prepared.get(dataset).ok_or_else(missing)
    }

    fn survey_of(&self, dataset: &DatasetName) -> Result<Survey> {
        let prepared = self.of(dataset)?;
        let arrived = self.arrived.load(Ordering::Relaxed);
        let news = if prepared.manner == Manner::New { News::Exact } else { News::Untold };
        let files = (prepared.manner == Manner::Files).then(|| prepared.files(dataset, arrived));
        Ok(Survey { files, news, key: prepared.key.clone(), ..Survey::default() })
    }

    fn open_dataset(&self, dataset: &DatasetName, delivery: &Delivery) -> Result<Delivered> {
        let prepared = self.of(dataset)?;
        let arrived = self.arrived.load(Ordering::Relaxed);
        let opened = prepared.open(dataset, delivery, arrived)?;
        let delivered = register(&self.live, &dataset.to_string(), opened);
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(delivered.relation.clone(), arrived);
        Ok(delivered)
    }
}

impl Sources for GivenSources {
    fn survey<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(std::future::ready(self.survey_of(dataset)))
    }

    fn open<'a>(&'a self, dataset: &'a DatasetName, delivery: &'a Delivery) -> BoxFuture<'a, Result<Delivered>> {
        Box::pin(std::future::ready(self.open_dataset(dataset, delivery)))
    }

    fn reached(&self, relation: &str) -> Option<String> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).get(relation).map(ToString::to_string)
    }

    fn datasets(&self) -> Vec<DatasetName> {
        self.prepared.keys().cloned().collect()
    }
}

impl Prepared {
    fn of(given: &GivenDataset, has_earlier: bool) -> Result<Self> {
        let schema = schema(given)?;
        let mut batches = vec![has_earlier.then(|| RecordBatch::new_empty(Arc::clone(&schema)))];
        let mut errors = Vec::new();
        for rows in &given.deliveries {
            match rows.as_ref().map(|rows| batch(&schema, rows)).transpose() {
                Ok(batch) => batches.push(batch),
                Err(error) => errors.push(error.within(format_args!("`{}`", given.name))),
            }
        }
        // What has not delivered anything yet is there all the same.
        if let Some(first @ None) = batches.get_mut(usize::from(!has_earlier)) {
            *first = Some(RecordBatch::new_empty(Arc::clone(&schema)));
        }
        let prepared = Self { manner: manner(given.kind.as_deref()), key: given.key.clone(), schema, batches };
        Error::all(errors).map_or(Ok(prepared), Err)
    }

    /// The deliveries up to the last one, those that have nothing of it left out.
    fn until(&self, arrived: usize) -> impl DoubleEndedIterator<Item = (usize, &RecordBatch)> {
        self.batches.iter().enumerate().take(arrived + 1).filter_map(|(number, batch)| Some((number, batch.as_ref()?)))
    }

    fn files(&self, dataset: &DatasetName, arrived: usize) -> Vec<SourceFile> {
        let file = |(number, batch): (usize, &RecordBatch)| {
            SourceFile::listed(file_name(dataset, number), batch.num_rows() as u64 + 1, i64::try_from(number).unwrap_or_default())
        };
        self.until(arrived).map(file).collect()
    }

    fn open(&self, dataset: &DatasetName, delivery: &Delivery, arrived: usize) -> Result<Opened> {
        let since = delivery.continuing.as_ref().and_then(|continuing| continuing.since.as_ref()?.parse::<usize>().ok());
        let is_wanted = |number: usize| match (self.manner, &delivery.files) {
            (Manner::Files, Some(files)) => files.iter().any(|file| file.path == file_name(dataset, number)),
            (Manner::Files, None) => true,
            (Manner::New, _) if delivery.continuing.is_some() => since.is_none_or(|since| number > since),
            _ => self.until(arrived).next_back().is_some_and(|(last, _)| last == number),
        };
        let wanted: Vec<(usize, &RecordBatch)> = self.until(arrived).filter(|(number, _)| is_wanted(*number)).collect();
        let has_origin = self.manner == Manner::Files;
        let table = if has_origin {
            self.with_origin(dataset, &wanted)?
        } else {
            table(&self.schema, wanted.into_iter().map(|(_, batch)| batch.clone()))?
        };
        let part = if since.is_some() { Part::New } else { Part::Whole };
        let columns = self.schema.fields().iter().map(|field| column_of(field)).collect();
        Ok(Opened { table, columns, has_origin, rows: None, uneven: Vec::new(), rowless: Vec::new(), part, reached: Reached::default() })
    }

    /// The rows with the hidden columns that tell where each comes from.
    fn with_origin(&self, dataset: &DatasetName, wanted: &[(usize, &RecordBatch)]) -> Result<Arc<dyn TableProvider>> {
        let hidden = [("_file", DataType::Utf8View), ("_line", DataType::Int64), ("_malformed", DataType::Utf8View)];
        let hidden = hidden.map(|(name, data_type)| Arc::new(Field::new(name, data_type, true)));
        let schema: SchemaRef = Arc::new(Schema::new(self.schema.fields().iter().cloned().chain(hidden).collect::<Vec<_>>()));
        let mut batches = Vec::with_capacity(wanted.len());
        for (number, batch) in wanted {
            let rows = batch.num_rows();
            let name = file_name(dataset, *number);
            let origin: [ArrayRef; 3] = [
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(name.as_str(), rows))),
                Arc::new(Int64Array::from_iter_values((1_i64..).take(rows))),
                new_null_array(&DataType::Utf8View, rows),
            ];
            batches.push(of_columns(&schema, batch.columns().iter().cloned().chain(origin).collect(), rows)?);
        }
        table(&schema, batches.into_iter())
    }
}

fn file_name(dataset: &DatasetName, delivery: usize) -> String {
    format!("{dataset}/{delivery:04}")
}

/// How a source of some kind delivers. What stands for a model is the whole table each time.
fn manner(kind: Option<&str>) -> Manner {
    match kind {
        Some("delta") | None => Manner::Whole,
        Some(kind) if connector(kind).is_ok_and(|connector| !connector.endings().is_empty()) => Manner::Files,
        Some(_) => Manner::New,
    }
}

/// The columns of a dataset over all of its deliveries.
fn schema(given: &GivenDataset) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = given.known.iter().map(|column| Field::new(&column.name, stored_as(column), true)).collect();
    let mut errors = Vec::new();
    for column in given.deliveries.iter().flatten().flat_map(|rows| &rows.columns) {
        match given.known.iter().find(|known| known.name == column.name) {
            Some(known) if sql_type_to_arrow(&known.sql_type).is_none() => errors.push(
                Error::user(format!("`{}` of `{}` is {}, of which no values can be given", column.name, given.name, known.sql_type))
                    .code("HW104")
                    .help("leave the column out")
                    .moved_to(column.span.clone()),
            ),
            Some(_) => {}
            None if given.is_complete => errors.push(unknown_column(column, &given.known).within(format_args!("`{}`", given.name))),
            None if fields.iter().any(|field| *field.name() == column.name) => {}
            None => {
                let of_delivery = |rows: &LooseRows| rows.position(&column.name).map(|at| rows.column(at).cloned().collect::<Vec<_>>());
                let cells: Vec<LooseCell> = given.deliveries.iter().flatten().filter_map(of_delivery).flatten().collect();
                fields.push(Field::new(&column.name, loose::guess(cells.iter()), true));
            }
        }
    }
    if fields.is_empty() {
        let place = given.deliveries.iter().flatten().find_map(|rows| rows.span.clone());
        let error = Error::user(format!("nobody knows the columns of `{}`: no row is given, and no run has made it", given.name));
        let help = format!("name them with their types: `types: {{ {}: {{ id: bigint }} }}`", given.name);
        errors.push(error.code("HW308").help(help).moved_to(place));
    }
    Error::all(errors).map_or_else(|| Ok(Arc::new(Schema::new(fields)) as SchemaRef), Err)
}

fn stored_as(column: &Column) -> DataType {
    sql_type_to_arrow(&column.sql_type).unwrap_or(DataType::Utf8View)
}

fn unknown_column(column: &LooseColumn, known: &[Column]) -> Error {
    let names = known.iter().map(|column| column.name.as_str());
    unknown("column", &column.name, names).code("HW302").moved_to(column.span.clone())
}

/// Rows in the columns of a schema; columns that are not given are null.
fn batch(schema: &SchemaRef, rows: &LooseRows) -> Result<RecordBatch> {
    let (mut columns, mut errors) = (Vec::with_capacity(schema.fields().len()), Vec::new());
    for field in schema.fields() {
        let read = match rows.position(field.name()) {
            Some(at) => loose::column(field.name(), &rows.column(at).collect::<Vec<_>>(), field.data_type()),
            None => Ok(new_null_array(field.data_type(), rows.rows.len())),
        };
        match read {
            Ok(column) => columns.push(column),
            Err(error) => errors.push(error),
        }
    }
    match Error::all(errors) {
        Some(error) => Err(error),
        None => of_columns(schema, columns, rows.rows.len()),
    }
}

fn of_columns(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::bug("given rows do not fit their columns").because(error))
}

fn table(schema: &SchemaRef, batches: impl Iterator<Item = RecordBatch>) -> Result<Arc<dyn TableProvider>> {
    let table = MemTable::try_new(Arc::clone(schema), vec![batches.collect()]);
    table.map(|table| Arc::new(table) as _).map_err(|error| Error::bug("given rows make no table").because(error))
}

/// A column of a type that somebody declared.
///
/// # Errors
/// HW104 for what is no type.
pub fn declared_column(name: &str, sql_type: &str) -> Result<Column> {
    match sql_type_to_arrow(sql_type) {
        Some(data_type) => Ok(column_of(&Field::new(name, data_type, true))),
        None => Err(unknown_type(name, sql_type)),
    }
}

/// Makes rows readable on an engine, in the types of `columns`. Returns the name under which they are read; they have the columns that
/// are given.
///
/// # Errors
/// Unknown columns, and values of another type, each with its place.
pub fn open_given(live: &LiveTables, columns: &[Column], rows: &LooseRows, of: &str) -> Result<String> {
    let given = GivenDataset {
        dataset: DatasetName::new("given", of),
        name: of.to_owned(),
        kind: None,
        known: columns.to_vec(),
        is_complete: true,
        key: vec![],
        deliveries: vec![Some(rows.clone())],
    };
    let schema = schema(&given)?;
    let named: Vec<Arc<Field>> = schema.fields().iter().filter(|field| rows.position(field.name()).is_some()).cloned().collect();
    let schema: SchemaRef = Arc::new(Schema::new(named));
    let table = table(&schema, std::iter::once(batch(&schema, rows)?))?;
    let columns = schema.fields().iter().map(|field| column_of(field)).collect();
    let opened = Opened {
        table,
        columns,
        has_origin: false,
        rows: None,
        uneven: Vec::new(),
        rowless: Vec::new(),
        part: Part::Whole,
        reached: Reached::default(),
    };
    Ok(register(live, of, opened).relation)
}

/// Rows as plain values, in the types that the columns of a table have.
///
/// # Errors
/// Unknown columns, and values of another type, each with its place.
pub fn typed_rows(columns: &[Column], rows: &LooseRows, of: &str) -> Result<Rows> {
    let (mut named, mut values, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (at, column) in rows.columns.iter().enumerate() {
        let Some(known) = columns.iter().find(|known| known.name == column.name) else {
            errors.push(unknown_column(column, columns));
            continue;
        };
        match typed_column(known, &rows.column(at).collect::<Vec<_>>()) {
            Ok(column) => values.push(column),
            Err(error) => errors.push(error),
        }
        named.push(known.clone());
    }
    let row = |at: usize| values.iter().map(|column| column.get(at).cloned().unwrap_or(Value::Null)).collect();
    match Error::all(errors) {
        Some(error) => Err(error.within(format_args!("`{of}`"))),
        None => Ok(Rows { columns: named, rows: (0..rows.rows.len()).map(row).collect(), is_cut: false }),
    }
}

fn typed_column(column: &Column, cells: &[&LooseCell]) -> Result<Vec<Value>> {
    if let Some(data_type) = sql_type_to_arrow(&column.sql_type) {
        let array = loose::column(&column.name, cells, &data_type)?;
        return Ok(hw_engine::values(array.as_ref()));
    }
    let nested = |cell: &&LooseCell| match &cell.text {
        None => Value::Null,
        Some(text) => serde_json::from_str(text).map_or_else(|_| Value::Text(text.clone()), Value::Nested),
    };
    Ok(cells.iter().map(nested).collect())
}
