//! Publishing: staged files become visible in one commit, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, MetadataExt, Protocol, Remove, StructType, Transaction, new_metadata};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::config::TablePropertiesExt as _;
use deltalake_core::table::state::DeltaTableState;
use deltalake_core::{DeltaTable, TableProperty};
use hw_base::{CommitNote, Error, Published, Result, StagedBatch, StagedFile, TableName};
use serde_json::Value as Json;

use crate::beside::Beside;
use crate::failure::explain_delta;
use crate::local::LocalEngine;
use crate::schema::from_log;
use crate::warehouse::{Snapshot, Written};

/// Commits between two checkpoints of a log.
const CHECKPOINT_INTERVAL: &str = "10";

/// One commit to make.
pub(crate) struct Commit<'a> {
    /// The table.
    pub(crate) table: TableName,
    /// The versions of the tables beside it that belong to it, each under its name in the log.
    pub(crate) beside: Vec<(&'static str, i64)>,
    /// Files to add.
    pub(crate) files: &'a [StagedFile],
    /// Files to take away.
    pub(crate) removed: &'a [String],
    /// The columns of the table after it.
    pub(crate) schema: StructType,
    /// The partition columns.
    pub(crate) partition_columns: &'a [String],
}

/// Makes a batch visible: first what goes into the tables beside its own, then its rows. Each commit is made once.
pub(crate) async fn publish(engine: &LocalEngine, batch: &StagedBatch, note: &CommitNote) -> Result<Published> {
    let table = TableName::model(&batch.table);
    let present = engine.warehouse.open(&table, None).await?;
    if let Some(present) = &present {
        let is_changed = batch.base != Some(present.version);
        if is_done(present, note).await? && (!is_changed || holds(present, batch)) {
            return Ok(Published { version: present.version, was_there: true });
        }
        if is_changed {
            return Err(changed_meanwhile(&table));
        }
    }
    let mut versions = Vec::new();
    for beside in Beside::ALL {
        versions.extend(engine.set_beside(beside, batch, present.as_ref(), note).await?);
    }
    let schema = from_log(&batch.schema)?;
    let commit = Commit {
        table,
        beside: versions,
        files: &batch.files,
        removed: &batch.removed,
        schema,
        partition_columns: &batch.partition_columns,
    };
    commit.make(engine, present, note).await
}

/// The window for which a file was staged; its name begins with run and window, see [`hw_base::Staging::label`].
pub(crate) fn window_of(file: &str) -> Option<i64> {
    file.split('-').nth(2)?.parse().ok()
}

pub(crate) async fn is_done(present: &Snapshot, note: &CommitNote) -> Result<bool> {
    Ok(present.window(&note.application).await?.is_some_and(|window| window >= note.window))
}

/// Whether a version has the files of a batch: it, and not one of somebody else, was published for its window.
fn holds(present: &Snapshot, batch: &StagedBatch) -> bool {
    let names: HashSet<&str> = present.files.iter().map(|file| file.name.as_str()).collect();
    batch.files.iter().all(|file| names.contains(file.path.as_str()))
}

fn changed_meanwhile(table: &TableName) -> Error {
    Error::passing(format!("another writer changed `{table}` while the batch was staged"))
        .code("HW502")
        .help("nothing was published and nothing is lost; run again")
}

impl Commit<'_> {
    /// Makes it; a commit that lost a race is refused.
    pub(crate) async fn make(&self, engine: &LocalEngine, present: Option<Snapshot>, note: &CommitNote) -> Result<Published> {
        self.flush_files(engine).await?;
        let properties = self.properties(note);
        let result = match &present {
            Some(present) => self.change(engine, present, properties, note).await,
            None => self.create(engine, properties, note).await,
        };
        let next = present.map_or(0, |present| present.version + 1);
        match result {
            Ok(version) => Ok(Published { version, was_there: false }),
            Err(_) if self.is_made(engine, next, note).await? => Ok(Published { version: next, was_there: false }),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Makes the files last, and the folders that name them, before a log entry does.
    async fn flush_files(&self, engine: &LocalEngine) -> Result<()> {
        let names: Vec<String> = self.files.iter().map(|file| file.path.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let (folder, going_on) = (engine.warehouse.folder(&self.table), engine.warehouse.working.begin());
        let flush = move || {
            let flushed = folder.flush(&names);
            drop(going_on);
            flushed
        };
        tokio::task::spawn_blocking(flush).await.map_err(|error| Error::bug(format!("files were not flushed: {error}")))?
    }

    /// A refused commit is the answer to a race: somebody else was first.
    fn refused(&self, error: Error) -> Error {
        let message = error.message().to_lowercase();
        let lost_a_race =
            ["concurrent", "already exists", "failed to commit transaction", "conflict"].iter().any(|word| message.contains(word));
        if lost_a_race { changed_meanwhile(&self.table) } else { error.within(format_args!("`{}` cannot be published", self.table)) }
    }

    /// Whether a version is this commit although it was told to have failed: an answer of a store may be lost on its way.
    async fn is_made(&self, engine: &LocalEngine, version: i64, note: &CommitNote) -> Result<bool> {
        let Some(info) = engine.warehouse.commit_info(&self.table, version).await? else { return Ok(false) };
        Ok(note.details.get("run").is_some() && details(note).all(|(key, value)| info.get(key) == Some(value)))
    }

    /// The window of the load, and the versions of the tables beside the table.
    fn transactions(&self, note: &CommitNote) -> Vec<Transaction> {
        let transaction = |name: &str, version| Transaction::new_with_last_update(name, version, Some(note.at.timestamp_millis()));
        let beside = self.beside.iter().map(|(name, version)| transaction(name, *version));
        std::iter::once(transaction(&note.application, note.window)).chain(beside).collect()
    }

    fn properties(&self, note: &CommitNote) -> CommitProperties {
        CommitProperties::default()
            .with_max_retries(0)
            .with_application_transactions(self.transactions(note))
            .with_metadata(details(note).map(|(key, value)| (key, value.clone())))
            .with_cleanup_expired_logs(Some(false))
    }

    /// Makes the first commit of the table. What follows a commit in Delta's library is left out: it would read the log again, although all
    /// that it says is known.
    async fn create(&self, engine: &LocalEngine, properties: CommitProperties, note: &CommitNote) -> Result<i64> {
        let log_store = engine.warehouse.make_folder(&self.table)?.log_store()?;
        let refused =
            |error: &dyn std::fmt::Display| Error::outside(format!("`{}` cannot have these columns: {error}", self.table)).code("HW501");
        let configuration = HashMap::from([(TableProperty::CheckpointInterval.as_ref().to_owned(), CHECKPOINT_INTERVAL.to_owned())]);
        let metadata = new_metadata(&self.schema, self.partition_columns.iter(), configuration).map_err(|error| refused(&error))?;
        let protocol = first_protocol(has_timestamps_without_zone(&self.schema))?;
        let operation = DeltaOperation::Create {
            mode: SaveMode::ErrorIfExists,
            location: log_store.root_url().clone(),
            protocol: protocol.clone(),
            metadata: metadata.clone(),
        };
        let id = metadata.id().to_owned();
        let added = self.files.iter().map(|file| Action::Add(add(file, note)));
        let actions = [Action::Protocol(protocol), Action::Metadata(metadata)].into_iter().chain(added).collect();
        let builder: CommitBuilder = properties.into();
        let entry = builder.with_actions(actions).build(None, Arc::clone(&log_store), operation).into_prepared_commit_future();
        let made = entry.await.map_err(explain_delta)?.await.map_err(explain_delta)?;
        let described = (id.as_str(), &self.schema, self.partition_columns);
        engine.warehouse.wrote_first(&self.table, log_store, described, &self.written(&self.transactions(note)))?;
        Ok(i64::try_from(made.version).unwrap_or(i64::MAX))
    }

    fn written<'b>(&'b self, transactions: &'b [Transaction]) -> Written<'b> {
        Written { added: self.files, removed: self.removed, transactions }
    }

    /// Makes the next commit of the table. What follows one in Delta's library, which reads the log again, is left out where nothing but the
    /// files changes and no checkpoint is due.
    async fn change(&self, engine: &LocalEngine, present: &Snapshot, properties: CommitProperties, note: &CommitNote) -> Result<i64> {
        let state = present.state().await?;
        let mut actions = self.schema_change(present, state)?;
        // Delta's library writes a checkpoint after version 9, 19 …
        let is_due = (state.version() + 2).is_multiple_of(state.table_config().checkpoint_interval().get());
        let is_plain = actions.is_empty() && !is_due;
        let handle = state.log_data();
        let views: HashMap<String, Remove> = handle.iter().map(|file| (file.path().into_owned(), file.remove_action(true))).collect();
        for name in self.removed {
            let mut remove =
                views.get(name).cloned().ok_or_else(|| Error::bug(format!("`{name}` is to be removed but is not in the table")))?;
            remove.deletion_timestamp = Some(note.at.timestamp_millis());
            actions.push(Action::Remove(remove));
        }
        actions.extend(self.files.iter().map(|file| Action::Add(add(file, note))));
        let mode = if self.removed.is_empty() { SaveMode::Append } else { SaveMode::Overwrite };
        let partition_by = (!self.partition_columns.is_empty()).then(|| self.partition_columns.to_vec());
        let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
        let builder: CommitBuilder = properties.into();
        let commit = builder.with_actions(actions).build(Some(state), Arc::clone(&present.log_store), operation);
        if is_plain {
            commit.into_prepared_commit_future().await.map_err(explain_delta)?.await.map_err(explain_delta)?;
            return engine.warehouse.wrote(&self.table, present, &self.written(&self.transactions(note)));
        }
        let done = commit.await.map_err(explain_delta)?;
        Ok(engine.warehouse.read(&self.table, done.snapshot(), Arc::clone(&present.log_store))?.version)
    }

    /// The actions that change the columns of the table, where the batch does.
    fn schema_change(&self, present: &Snapshot, state: &DeltaTableState) -> Result<Vec<Action>> {
        let same_partitions = present.partition_columns == self.partition_columns;
        if *present.columns == self.schema && same_partitions {
            return Ok(vec![]);
        }
        let refused = |error: &dyn std::fmt::Display| {
            Error::outside(format!("the columns of `{}` cannot be changed: {error}", self.table)).code("HW501")
        };
        let metadata = if same_partitions {
            state.metadata().clone().with_schema(&self.schema).map_err(|error| refused(&error))?
        } else {
            let configuration = state.metadata().configuration().clone();
            let metadata = new_metadata(&self.schema, self.partition_columns.iter(), configuration).map_err(|error| refused(&error))?;
            metadata.with_table_id(state.metadata().id().to_owned()).map_err(|error| refused(&error))?
        };
        let mut actions = vec![Action::Metadata(metadata)];
        if has_timestamps_without_zone(&self.schema) && !has_timestamps_without_zone(&present.columns) {
            actions.insert(0, Action::Protocol(with_timestamps_without_zone(state.protocol())?));
        }
        Ok(actions)
    }
}

/// What a commit tells about itself, by the names under which the log keeps it.
fn details(note: &CommitNote) -> impl Iterator<Item = (String, &Json)> {
    note.details.as_object().into_iter().flatten().map(|(key, value)| (format!("headworks.{key}"), value))
}

fn has_timestamps_without_zone(schema: &StructType) -> bool {
    deltalake_core::kernel::contains_timestampntz(schema.fields())
}

/// What a reader and a writer of a new table have to know.
fn first_protocol(with_timestamps: bool) -> Result<Protocol> {
    let basic = serde_json::from_value(serde_json::json!({ "minReaderVersion": 1, "minWriterVersion": 2 }));
    let basic = basic.map_err(|error| Error::bug(format!("the protocol of a table could not be made: {error}")))?;
    if with_timestamps { with_timestamps_without_zone(&basic) } else { Ok(basic) }
}

/// A protocol that has the one feature beyond the basic ones that Headworks may need.
fn with_timestamps_without_zone(protocol: &Protocol) -> Result<Protocol> {
    let failed = |error: serde_json::Error| Error::bug(format!("the protocol of a table could not be changed: {error}"));
    let mut json = serde_json::to_value(protocol).map_err(failed)?;
    for (version, needed, list) in [("minReaderVersion", 3, "readerFeatures"), ("minWriterVersion", 7, "writerFeatures")] {
        json[version] = needed.into();
        let mut features = json[list].as_array().cloned().unwrap_or_default();
        if !features.iter().any(|feature| feature == "timestampNtz") {
            features.push("timestampNtz".into());
        }
        json[list] = features.into();
    }
    serde_json::from_value(json).map_err(failed)
}

/// The columns of the quarantine table with those of a batch added. A column of another type gets a name of its own.
pub(crate) fn with_columns_of(present: Option<&Snapshot>, arriving: StructType) -> Result<StructType> {
    let Some(present) = present else { return Ok(arriving) };
    let known = &present.columns;
    let mut fields: Vec<_> = known.fields().cloned().collect();
    fields.extend(arriving.fields().filter(|field| known.field(field.name()).is_none()).cloned());
    StructType::try_new(fields).map_err(|error| Error::bug(format!("the columns of a quarantine table do not fit together: {error}")))
}

fn add(file: &StagedFile, note: &CommitNote) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: file.partition.iter().cloned().collect(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: note.at.timestamp_millis(),
        data_change: true,
        stats: Some(file.stats.clone()),
        ..Add::default()
    }
}

/// Makes an earlier version the newest, as a new commit.
pub(crate) async fn roll_back(engine: &LocalEngine, table: &TableName, version: i64, details: &Json) -> Result<i64> {
    let missing = || {
        Error::user(format!("`{table}` has no version {version}"))
            .code("HW503")
            .help(format!("`headworks status --table {table}` lists the versions"))
    };
    let Some(present) = engine.warehouse.open(table, None).await? else {
        return Err(Error::user(format!("there is no table `{table}`")).code("HW503"));
    };
    let wanted = u64::try_from(version).map_err(|_| missing())?;
    if version > present.version {
        return Err(missing());
    }
    let mut handle = DeltaTable::new(present.log_store);
    handle.load().await.map_err(explain_delta)?;
    let metadata = [("headworks.rollback".to_owned(), details.clone())];
    let (table, _) = handle
        .restore()
        .with_version_to_restore(wanted)
        .with_commit_properties(CommitProperties::default().with_metadata(metadata))
        .await
        .map_err(explain_delta)?;
    Ok(table.version().and_then(|version| i64::try_from(version).ok()).unwrap_or_default())
}
