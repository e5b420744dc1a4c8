//! The warehouse: Delta tables in a folder or a bucket, and what their logs say.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake_core::kernel::{StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use hw_base::{Error, Result, StagedFile, TableName};
use serde_json::Value as Json;

use crate::beside;
use crate::failure::explain_delta;
use crate::files::{FileTable, TableFile};
use crate::folder::{Disk, FolderRef, Site};
use crate::known::Known;
use crate::logged::Logged;
use crate::stage::in_folder;
use crate::store::Lasting;
use crate::types;
use crate::working::Working;

/// The folder below a warehouse that has a folder for each of its environments.
const ENVIRONMENTS: &str = "environments";

/// A folder of Delta tables.
#[derive(Clone, Debug)]
pub(crate) struct Warehouse {
    root: FolderRef,
    /// What the tables of an environment stand on.
    beneath: Option<Arc<Beneath>>,
    /// What is being written.
    pub(crate) working: Working,
    /// What was read already.
    known: Known,
}

/// Production's warehouse, as an environment reads it.
#[derive(Debug)]
struct Beneath {
    root: FolderRef,
    /// The tables that the environment has itself. All others are production's.
    own: BTreeSet<TableName>,
}

/// One version of a table.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// What the log says in the words of Delta's library.
    logged: Logged,
    /// The log.
    pub(crate) log_store: LogStoreRef,
    /// The number of the version.
    pub(crate) version: i64,
    /// What tells the table from others that had its folder.
    pub(crate) id: String,
    /// The columns as the log describes them.
    pub(crate) columns: Arc<StructType>,
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
        self.logged.window(self.log_store.as_ref(), application).await
    }

    /// All that the log says of the version.
    pub(crate) async fn state(&self) -> Result<&DeltaTableState> {
        self.logged.state(self.log_store.as_ref()).await
    }
}

/// What the commit of a version has written into its log.
pub(crate) struct Written<'a> {
    /// Files that were added.
    pub(crate) added: &'a [StagedFile],
    /// Files that were taken away.
    pub(crate) removed: &'a [String],
    /// The transactions, each with its application.
    pub(crate) transactions: &'a [Transaction],
}

impl Written<'_> {
    fn transactions(&self) -> impl Iterator<Item = (String, i64)> {
        self.transactions.iter().map(|transaction| (transaction.app_id.clone(), transaction.version))
    }

    /// The files of the version, whose table lies in `folder`; `before` are those of the one before.
    fn files(&self, folder: &FolderRef, before: &[TableFile]) -> Vec<TableFile> {
        let stays = |file: &&TableFile| !self.removed.contains(&file.name);
        // A file that was taken over without its statistics has an unknown number of rows.
        let rows = |file: &StagedFile| (file.stats != "{}").then_some(file.rows);
        let added = self.added.iter().map(|file| TableFile { rows: rows(file), ..in_folder(folder, file) });
        let mut files: Vec<TableFile> = before.iter().filter(stays).cloned().chain(added).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }
}

impl Warehouse {
    /// The warehouse at `site`, which need not exist yet; what goes to a bucket is written to `spool` first.
    pub(crate) fn new(site: Site, spool: PathBuf) -> Result<Self> {
        let working = Working::default();
        let root = site.open(spool, Lasting::Durable, &working)?;
        Ok(Self { root, beneath: None, working, known: Known::default() })
    }

    /// The tables of an environment alone.
    pub(crate) fn environment(&self, name: &str) -> Self {
        Self { root: self.root.below(ENVIRONMENTS).below(name), beneath: None, ..self.clone() }
    }

    /// The folder `root` with the tables `own`, and this warehouse for all others, which are only read.
    pub(crate) fn beneath(self, root: FolderRef, own: BTreeSet<TableName>) -> Self {
        Self { beneath: Some(Arc::new(Beneath { root: self.root, own })), root, ..self }
    }

    /// Production's warehouse, where this is that of an environment.
    pub(crate) fn production(&self) -> Option<Self> {
        let beneath = self.beneath.as_ref()?;
        Some(Self { root: Arc::clone(&beneath.root), beneath: None, ..self.clone() })
    }

    /// The folder that the folder of a table lies in.
    fn root_of(&self, table: &TableName) -> &FolderRef {
        let is_read = |beneath: &&Arc<Beneath>| !beneath.own.contains(&beside::stands_for(table));
        self.beneath.as_ref().filter(is_read).map_or(&self.root, |beneath| &beneath.root)
    }

    /// A warehouse that is thrown away when the program ends.
    pub(crate) fn passing(root: PathBuf) -> Self {
        let working = Working::default();
        let root = Arc::new(Disk::new(root, Lasting::Passing, &working));
        Self { root, beneath: None, working, known: Known::default() }
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &FolderRef {
        &self.root
    }

    /// The folder of a table.
    pub(crate) fn folder(&self, table: &TableName) -> FolderRef {
        match table.folder_in_production() {
            Some(folder) => self.beneath.as_ref().map_or(&self.root, |beneath| &beneath.root).below(folder),
            None => self.root_of(table).below(table.folder()),
        }
    }

    /// Makes the folder of a table.
    pub(crate) fn make_folder(&self, table: &TableName) -> Result<FolderRef> {
        if !Arc::ptr_eq(self.root_of(table), &self.root) {
            return Err(Error::bug(format!("an environment may only read production's `{table}`")));
        }
        let folder = self.folder(table);
        folder.make()?;
        Ok(folder)
    }

    /// Every table, by its folder below the warehouse, sorted.
    pub(crate) fn tables(&self) -> Result<Vec<TableName>> {
        let roots = std::iter::once(&self.root).chain(self.beneath.as_ref().map(|beneath| &beneath.root));
        let mut tables = Vec::new();
        for root in roots {
            tables.extend(tables_in(root)?.into_iter().filter(|table| Arc::ptr_eq(self.root_of(table), root)));
        }
        tables.sort();
        Ok(tables)
    }

    /// A version of a table, the newest where `version` is `None`; `None` where there is no table.
    pub(crate) async fn open(&self, table: &TableName, version: Option<i64>) -> Result<Option<Snapshot>> {
        let folder = self.folder(table);
        if let Some(known) = self.known.find(&folder, version) {
            return Ok(Some(known));
        }
        if !folder.has_log()? {
            return Ok(None);
        }
        let log_store = folder.log_store()?;
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
    pub(crate) fn has_log(&self, table: &TableName) -> Result<bool> {
        self.folder(table).has_log()
    }

    /// Whether the newest version of the table is the one of this number, a later one, or probably an earlier one; `None` where it has no log.
    /// Of a much later one the entries may have been cleaned up behind a checkpoint that others wrote.
    pub(crate) fn standing(&self, table: &TableName, version: i64) -> Result<Option<Ordering>> {
        let folder = self.folder(table);
        if folder.entry(version + 1)?.is_some() {
            return Ok(Some(Ordering::Greater));
        }
        if folder.entry(version)?.is_some() {
            return Ok(Some(Ordering::Equal));
        }
        Ok(folder.has_log()?.then_some(Ordering::Less))
    }

    /// What the log entry of a version says about its commit; `None` where the entry is gone.
    pub(crate) async fn commit_info(&self, table: &TableName, version: i64) -> Result<Option<Json>> {
        let log_store = self.folder(table).log_store()?;
        let Ok(Some(entry)) = log_store.read_commit_entry(version.unsigned_abs()).await else { return Ok(None) };
        let mut actions = serde_json::Deserializer::from_slice(&entry).into_iter::<Json>().map_while(std::result::Result::ok);
        Ok(actions.find_map(|action| action.get("commitInfo").cloned()))
    }

    /// The version of a table that `state` is, which has just been read or written.
    pub(crate) fn read(&self, table: &TableName, state: DeltaTableState, log_store: LogStoreRef) -> Result<Snapshot> {
        let folder = self.folder(table);
        let snapshot = snapshot_in(&folder, state, log_store)?;
        self.known.note(&folder, &snapshot);
        Ok(snapshot)
    }
}

impl Warehouse {
    /// Notes the first version of a table, as its commit has written it: with this id, these columns and partition columns.
    pub(crate) fn wrote_first(
        &self,
        table: &TableName,
        log_store: LogStoreRef,
        (id, columns, partition_columns): (&str, &StructType, &[String]),
        written: &Written<'_>,
    ) -> Result<()> {
        let folder = self.folder(table);
        let snapshot = Snapshot {
            logged: Logged::first(written.transactions()),
            log_store,
            version: 0,
            id: id.to_owned(),
            schema: arrow_schema(columns, partition_columns)?,
            columns: Arc::new(columns.clone()),
            partition_columns: partition_columns.to_vec(),
            files: written.files(&folder.opened()?, &[]),
        };
        self.known.note(&folder, &snapshot);
        Ok(())
    }

    /// Notes the version after `before`, as its commit has written it: the columns are those that were there.
    pub(crate) fn wrote(&self, table: &TableName, before: &Snapshot, written: &Written<'_>) -> Result<i64> {
        let folder = self.folder(table);
        let files = written.files(&folder.opened()?, &before.files);
        let (logged, version) = (before.logged.after(written.transactions()), before.version + 1);
        let snapshot = Snapshot { logged, version, files, ..before.clone() };
        self.known.note(&folder, &snapshot);
        Ok(version)
    }
}

/// The version that `state` is, of the table in a folder.
pub(crate) fn snapshot_in(folder: &FolderRef, state: DeltaTableState, log_store: LogStoreRef) -> Result<Snapshot> {
    let partition_columns: Vec<String> = state.metadata().partition_columns().to_vec();
    let schema = arrow_schema(state.schema().as_ref(), &partition_columns)?;
    let folder = folder.opened()?;
    let mut files: Vec<TableFile> = state
        .log_data()
        .iter()
        .map(|file| {
            let values = file.partition_values_map();
            TableFile {
                folder: Arc::clone(&folder),
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
    let (id, columns) = (state.metadata().id().to_owned(), state.schema());
    Ok(Snapshot { logged: Logged::read(state), log_store, version, id, columns, schema, partition_columns, files })
}

/// The tables in a folder.
fn tables_in(root: &FolderRef) -> Result<Vec<TableName>> {
    let mut tables = Vec::new();
    for kind in ["", "raw", "quarantine", "deleted", "reviewed"] {
        let folder = if kind.is_empty() { Arc::clone(root) } else { root.below(kind) };
        for name in folder.folders()? {
            if folder.below(&name).has_log()? {
                tables.push(TableName::model(if kind.is_empty() { name } else { format!("{kind}/{name}") }));
            }
        }
    }
    Ok(tables)
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use hw_base::{ByteSize, CommitNote, Engine, Input, LoadMode, Reader, RowWatch, Staging, Timestamp, Watch};
    use object_store::memory::InMemory;
    use url::Url;

    use super::*;
    use crate::{Limits, LiveTables, LocalEngine};

    const APPLICATIONS: [&str; 4] = ["orders", "headworks.quarantine", "headworks.deleted", "nobody"];

    /// An engine that has not read anything.
    fn engine(site: Site, folder: &Path) -> LocalEngine {
        let limits = Limits { memory: ByteSize(1 << 30), disk: ByteSize(1 << 30), threads: Some(1) };
        LocalEngine::new(site, folder.join("scratch"), LiveTables::default(), limits).unwrap()
    }

    fn staging(window: i64, mode: LoadMode, is_rebuild: bool, by: Option<&str>) -> Staging {
        let rule = RowWatch { id: "odd".into(), violates: "id % 2 = 1".into(), diverts: true, excludes: false };
        let labels = (format!("run-x-{window}-1"), "run".into());
        let sql = format!(
            "select {window} + id as id, 'k' || id as kind, timestamp '2026-01-01' as at from (values (1), (2), (3), (4)) as t (id)"
        );
        let reader = Reader { sql, inputs: vec![], file: None };
        Staging {
            mode,
            partition_by: by.map(|column| (column.to_owned(), column.to_owned())).into_iter().collect(),
            watch: Watch { rows: vec![rule], ..Watch::default() },
            is_rebuild,
            ..Staging::adding(TableName::model("orders"), reader, labels, Timestamp::default())
        }
    }

    async fn publish(engine: &LocalEngine, staging: &Staging, window: i64) {
        let batch = engine.stage(staging).await.unwrap();
        let details = serde_json::json!({ "run": "x" });
        let note = CommitNote { application: "orders".into(), window, details, at: Timestamp::default() };
        engine.publish(&batch, &note).await.unwrap();
    }

    /// All that a version is known to be.
    async fn shown(snapshot: &Snapshot) -> String {
        let mut lines = vec![format!("{} {} {:?}", snapshot.version, snapshot.id, snapshot.partition_columns)];
        lines.extend(
            snapshot
                .files
                .iter()
                .map(|file| format!("{} {} {} {:?} {:?} {:?}", file.folder, file.name, file.bytes, file.rows, file.partition, file.stats)),
        );
        lines.push(format!("{:?}\n{:?}", snapshot.columns, snapshot.schema));
        for application in APPLICATIONS {
            lines.push(format!("{application} {:?}", snapshot.window(application).await.unwrap()));
        }
        let state = snapshot.state().await.unwrap();
        lines.push(format!("{} {} {}", state.version(), state.metadata().id(), state.log_data().num_files()));
        lines.join("\n")
    }

    /// Publishes versions of a table one after the other; each is known to be what another process reads. Returns how many were not read back.
    async fn known_as_read(by: Option<&str>, sites: [Site; 2], folder: &Path) -> usize {
        let [site, other] = sites;
        let (mut unread, table) = (0, TableName::model("orders"));
        let (writing, reading) = (engine(site, folder), engine(other, folder));
        for window in 1..24 {
            let append = LoadMode::Append { key: vec![] };
            let upsert = LoadMode::Upsert { key: vec!["id".into()], later_by: Some("at".into()), deleted_when: None };
            let mode = match window % 3 {
                0 => upsert,
                1 => append,
                _ => LoadMode::Replace,
            };
            publish(&writing, &staging(window, mode, window % 7 == 1, by), window).await;
            let written = writing.warehouse.open(&table, None).await.unwrap().unwrap();
            unread += usize::from(!written.logged.is_read());
            let mut fresh = reading.clone();
            fresh.warehouse.known = Known::default();
            let read = fresh.warehouse.open(&table, None).await.unwrap().unwrap();
            assert!(read.logged.is_read());
            assert_eq!(shown(&written).await, shown(&read).await, "window {window}");
        }
        unread
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_select_over_the_newest_version_reads_that_of_the_moment_it_is_staged() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(Site::from(folder.path().join("disk")), folder.path());
        let append = || LoadMode::Append { key: vec![] };
        publish(&engine, &staging(1, append(), false, None), 1).await;
        let orders = Input::Table {
            name: "orders".into(),
            table: TableName::model("orders"),
            version: None,
            after_batch: None,
            up_to_batch: None,
            hides_origin: false,
        };
        let reader = Reader { sql: "select id, kind, at from orders".into(), inputs: vec![orders], file: None };
        engine.columns(&reader).await.unwrap();
        publish(&engine, &staging(2, append(), false, None), 2).await;
        let copy = Staging { table: TableName::model("copy"), reader, watch: Watch::default(), ..staging(3, append(), false, None) };
        assert_eq!(engine.stage(&copy).await.unwrap().rows_written, 4, "two rows of each of the two loads");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_version_that_was_written_is_known_as_its_log_has_it() {
        for by in [None, Some("kind")] {
            let folder = tempfile::tempdir().unwrap();
            let disk = || Site::from(folder.path().join("disk"));
            assert_eq!(known_as_read(by, [disk(), disk()], folder.path()).await, 21, "only checkpoints are read back");
            let checkpoint = folder.path().join("disk").join("orders").join("_delta_log").join("00000000000000000019.checkpoint.parquet");
            assert!(checkpoint.exists(), "no checkpoint was written");
            let store = Arc::new(InMemory::new());
            let bucket = || Site::bucket(Url::parse("s3://lake/house").unwrap(), Arc::clone(&store) as _);
            assert_eq!(known_as_read(by, [bucket(), bucket()], folder.path()).await, 21);
        }
    }
}
