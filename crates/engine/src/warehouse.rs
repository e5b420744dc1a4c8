//! The warehouse: a folder of Delta tables, and what their logs say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::table::state::DeltaTableState;
use hw_base::{Error, Result, TableName};
use url::Url;

use crate::beside;
use crate::failure::{explain_delta, io_problem};
use crate::files::{FileTable, TableFile};
use crate::known::Known;
use crate::store::{Lasting, LocalStore};
use crate::types;
use crate::working::Working;

/// The folder below a warehouse that has a folder for each of its environments.
const ENVIRONMENTS: &str = "environments";

/// A folder of Delta tables.
#[derive(Clone, Debug)]
pub(crate) struct Warehouse {
    root: PathBuf,
    /// What the tables of an environment stand on.
    beneath: Option<Arc<Beneath>>,
    /// Whether its files have to outlast a power failure.
    pub(crate) lasting: Lasting,
    /// What is being written.
    pub(crate) working: Working,
    /// What was read already.
    known: Known,
}

/// Production's warehouse, as an environment reads it.
#[derive(Debug)]
struct Beneath {
    root: PathBuf,
    /// The tables that the environment has itself. All others are production's.
    own: BTreeSet<TableName>,
}

/// One version of a table.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// What the log says.
    pub(crate) state: DeltaTableState,
    /// The log.
    pub(crate) log_store: LogStoreRef,
    /// The number of the version.
    pub(crate) version: i64,
    /// The columns as they are stored, partition columns last.
    pub(crate) schema: SchemaRef,
    /// The partition columns.
    pub(crate) partition_columns: Vec<String>,
    /// The files.
    pub(crate) files: Vec<TableFile>,
}

impl Snapshot {
    /// The rows as a table.
    pub(crate) fn table(&self) -> FileTable {
        self.table_of(self.files.clone())
    }

    /// Some of the files as a table.
    pub(crate) fn table_of(&self, files: Vec<TableFile>) -> FileTable {
        FileTable::new(Arc::clone(&self.schema), self.partition_columns.len(), files)
    }

    /// Rows of the table, where the log tells.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The last transaction of `application`.
    pub(crate) async fn window(&self, application: &str) -> Result<Option<i64>> {
        self.state.transaction_version(self.log_store.as_ref(), application).await.map_err(explain_delta)
    }
}

impl Warehouse {
    /// The warehouse in `root`, which need not exist yet.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, beneath: None, lasting: Lasting::Durable, working: Working::default(), known: Known::default() }
    }

    /// The tables of an environment alone.
    pub(crate) fn environment(&self, name: &str) -> Self {
        Self { root: self.root.join(ENVIRONMENTS).join(name), beneath: None, ..self.clone() }
    }

    /// The folder `root` with the tables `own`, and this warehouse for all others, which are only read.
    pub(crate) fn beneath(self, root: PathBuf, own: BTreeSet<TableName>) -> Self {
        Self { beneath: Some(Arc::new(Beneath { root: self.root, own })), root, ..self }
    }

    /// Production's warehouse, where this is that of an environment.
    pub(crate) fn production(&self) -> Option<Self> {
        let beneath = self.beneath.as_ref()?;
        Some(Self { root: beneath.root.clone(), beneath: None, ..self.clone() })
    }

    /// The folder that the folder of a table lies in.
    fn root_of(&self, table: &TableName) -> &Path {
        let is_read = |beneath: &&Arc<Beneath>| !beneath.own.contains(&beside::stands_for(table));
        self.beneath.as_ref().filter(is_read).map_or(&self.root, |beneath| &beneath.root)
    }

    /// A warehouse that is thrown away when the program ends.
    pub(crate) fn passing(root: PathBuf) -> Self {
        Self { lasting: Lasting::Passing, ..Self::new(root) }
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a table.
    pub(crate) fn folder(&self, table: &TableName) -> PathBuf {
        match table.folder_in_production() {
            Some(folder) => self.beneath.as_ref().map_or(&self.root, |beneath| &beneath.root).join(folder),
            None => self.root_of(table).join(table.folder()),
        }
    }

    /// Makes the folder of a table.
    pub(crate) fn make_folder(&self, table: &TableName) -> Result<PathBuf> {
        if self.root_of(table) != self.root {
            return Err(Error::bug(format!("an environment may only read production's `{table}`")));
        }
        let folder = self.folder(table);
        std::fs::create_dir_all(&folder)
            .map_err(|error| io_problem(&error).within(format_args!("the warehouse folder `{}` cannot be made", folder.display())))?;
        Ok(folder)
    }

    /// Every table, by its folder below the warehouse, sorted.
    pub(crate) fn tables(&self) -> Vec<TableName> {
        let roots = std::iter::once(&self.root).chain(self.beneath.as_ref().map(|beneath| &beneath.root));
        let mut tables: Vec<TableName> =
            roots.flat_map(|root| tables_in(root).into_iter().filter(move |table| self.root_of(table) == root)).collect();
        tables.sort();
        tables
    }

    /// The log of a table whose folder exists.
    pub(crate) fn log_store(&self, table: &TableName) -> Result<LogStoreRef> {
        log_store_in(&self.folder(table), self.lasting, &self.working)
    }

    /// A version of a table, the newest where `version` is `None`; `None` where there is no table.
    pub(crate) async fn open(&self, table: &TableName, version: Option<i64>) -> Result<Option<Snapshot>> {
        if !self.has_log(table) {
            return Ok(None);
        }
        let folder = self.folder(table);
        if let Some(known) = self.known.find(&folder, version) {
            return Ok(Some(known));
        }
        let log_store = self.log_store(table)?;
        let wanted = version.and_then(|version| u64::try_from(version).ok());
        let state = match DeltaTableState::try_new(log_store.as_ref(), wanted).await {
            Ok(state) => state,
            Err(error) => {
                let newest = DeltaTableState::try_new(log_store.as_ref(), None).await.ok().map(|newest| newest.version());
                return Err(unread(error, table, wanted, newest));
            }
        };
        self.read(table, state, log_store).map(Some)
    }

    /// Whether a first commit of the table exists; a folder of staged files alone is no table.
    pub(crate) fn has_log(&self, table: &TableName) -> bool {
        let entries = std::fs::read_dir(self.folder(table).join("_delta_log")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| {
            let name = name.to_string_lossy();
            !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".parquet"))
        })
    }

    /// The version of a table that `state` is, which has just been read or written.
    pub(crate) fn read(&self, table: &TableName, state: DeltaTableState, log_store: LogStoreRef) -> Result<Snapshot> {
        let folder = self.folder(table);
        let snapshot = snapshot_in(&folder, state, log_store)?;
        self.known.note(&folder, &snapshot);
        Ok(snapshot)
    }
}

/// The log of the table in a folder, which exists.
pub(crate) fn log_store_in(folder: &Path, lasting: Lasting, working: &Working) -> Result<LogStoreRef> {
    let folder = folder.canonicalize().map_err(|error| io_problem(&error).within(folder.display()))?;
    let url = Url::from_directory_path(&folder).map_err(|()| Error::user(format!("`{}` is no folder", folder.display())).code("HW501"))?;
    let store =
        |prefix: Option<&Path>| LocalStore::below(prefix, working, lasting).map(Arc::new).map_err(|source| explain_delta(source.into()));
    Ok(default_logstore(store(Some(&folder))?, store(None)?, &url, &StorageConfig::default()))
}

/// The version that `state` is, of the table in a folder.
pub(crate) fn snapshot_in(folder: &Path, state: DeltaTableState, log_store: LogStoreRef) -> Result<Snapshot> {
    let partition_columns: Vec<String> = state.metadata().partition_columns().to_vec();
    let schema = arrow_schema(state.schema().as_ref(), &partition_columns)?;
    let folder = folder.canonicalize().map_err(|error| io_problem(&error).within(folder.display()))?;
    let mut files: Vec<TableFile> = state
        .log_data()
        .iter()
        .map(|file| {
            let values = file.partition_values_map();
            TableFile {
                path: folder.join(file.path().as_ref()).to_string_lossy().into_owned(),
                name: file.path().into_owned(),
                bytes: u64::try_from(file.size()).unwrap_or_default(),
                rows: file.num_records().map(|rows| rows as u64),
                partition: partition_columns.iter().map(|column| (column.clone(), values.get(column).cloned().flatten())).collect(),
                stats: file.stats(),
            }
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let version = i64::try_from(state.version()).unwrap_or(i64::MAX);
    Ok(Snapshot { state, log_store, version, schema, partition_columns, files })
}

/// The tables in a folder.
fn tables_in(root: &Path) -> Vec<TableName> {
    let in_folder = |prefix: &str| {
        let entries = std::fs::read_dir(root.join(prefix)).into_iter().flatten().flatten();
        let tables = entries.filter(|entry| entry.path().join("_delta_log").is_dir());
        tables.map(|entry| TableName::model(format!("{prefix}{}", entry.file_name().to_string_lossy()))).collect::<Vec<_>>()
    };
    ["", "raw/", "quarantine/", "deleted/", "reviewed/"].map(in_folder).concat()
}

/// The columns that a log describes, as the engine reads them, partition columns last.
pub(crate) fn arrow_schema(logged: &StructType, partition_columns: &[String]) -> Result<SchemaRef> {
    let schema: Schema = logged
        .try_into_arrow()
        .map_err(|error| Error::outside(format!("the schema of the table cannot be read: {error}")).code("HW501"))?;
    let schema = types::stored_schema(&schema);
    let is_partition = |name: &String| partition_columns.contains(name);
    let in_files = schema.fields().iter().filter(|field| !is_partition(field.name())).cloned();
    let partitions = partition_columns.iter().filter_map(|name| schema.fields().iter().find(|field| field.name() == name).cloned());
    Ok(Arc::new(Schema::new(in_files.chain(partitions).collect::<Vec<_>>())))
}

/// A version that cannot be read, where `newest` is the newest one that can.
fn unread(error: deltalake_core::DeltaTableError, table: &TableName, version: Option<u64>, newest: Option<u64>) -> Error {
    let Some(version) = version else { return explain_delta(error).within(format_args!("table `{table}` cannot be read")) };
    let missing = Error::user(format!("`{table}` has no version {version}"))
        .code("HW503")
        .help(format!("`headworks status --table {table}` lists the versions"));
    match newest {
        Some(newest) if newest < version => missing.because(format!("its newest version is {newest}")),
        _ => missing.because(error),
    }
}
