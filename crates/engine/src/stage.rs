//! Staging: the rows of a query become Parquet files that no log entry names, and every rule is counted on the way.
//!
//! Rows whose place depends on other rows (a key that occurs twice, a key that the table has) are set aside in a file of
//! their own and settled at the end; all others are written as they come.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatchOptions, StringArray};
use datafusion::arrow::compute::{cast, filter_record_batch, not};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::StreamExt;
use hw_base::{Error, LoadMode, ORIGIN_COLUMNS, Reader, Result, StagedBatch, StagedFile, Staging, Watch, Watched, identifier};
use tokio::sync::mpsc;

use crate::failure::{Context, explain};
use crate::files::{FileTable, TableFile};
use crate::keys::{KeySet, hashes};
use crate::local::LocalEngine;
use crate::schema::{self, Reconciled};
use crate::session::{Effort, Session};
use crate::warehouse::Snapshot;
use crate::watch::{Counts, Diverted, Tap, Watcher};
use crate::writer::Writer;

/// Stages a batch, with less memory and more time whenever the memory limit was reached.
pub(crate) async fn stage(engine: &LocalEngine, staging: &Staging) -> Result<StagedBatch> {
    let mut effort = Effort::Fast;
    loop {
        match Attempt::new(engine, staging, effort).await?.run().await {
            Err(error) if error.known_code() == Some("HW401") && effort.next().is_some() => {
                engine.sweep_label(&staging.table, &staging.label)?;
                effort = effort.next().unwrap_or(effort);
            }
            Err(error) => {
                engine.sweep_label(&staging.table, &staging.label)?;
                return Err(error);
            }
            Ok(batch) => return Ok(batch),
        }
    }
}

/// Counts what a watch asks for, and writes nothing.
pub(crate) async fn watch(engine: &LocalEngine, reader: &Reader, watch: &Watch) -> Result<Watched> {
    let effort = if watch.all_rows { Effort::Single } else { Effort::Fast };
    let session = Session::for_reader(engine, reader, effort).await?;
    let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let watcher = Arc::new(Watcher::compile(&session, &schema, watch)?);
    let (_, streams) = streams(&session, frame, reader).await?;
    let tap = Tap::open(&session, &schema, watch, streams.len()).await?;
    let tasks = streams.into_iter().enumerate().map(|(task, mut stream)| {
        let (watcher, sender, memory) = (Arc::clone(&watcher), tap.as_ref().and_then(|tap| tap.sender(task)), engine.memory);
        tokio::spawn(async move {
            let mut counts = watcher.counts();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| explain(error, &Context { memory: Some(memory), ..Context::default() }))?;
                watcher.look(&batch, &mut counts)?;
                send(sender.as_ref(), batch).await;
            }
            Ok(counts)
        })
    });
    let counts = joined(tasks.collect()).await?;
    let aggregates = match tap {
        Some(tap) => tap.finish().await?,
        None => vec![],
    };
    Ok(watcher.watched(counts, aggregates))
}

/// The streams of a query, at most one per core, and the plan that they come from.
async fn streams(session: &Session, frame: DataFrame, reader: &Reader) -> Result<(Arc<dyn ExecutionPlan>, Vec<SendableRecordBatchStream>)> {
    let failed = |error| explain(error, &session.about(reader.file.as_deref()));
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.map_err(failed)?;
    let streams = execute_stream_partitioned(Arc::clone(&plan), task).map_err(failed)?;
    let cores = session.context.copied_config().target_partitions().max(1);
    Ok((plan, merged(streams, cores)))
}

/// Merges streams into at most `most`, so that each has a task and a writer of its own.
fn merged(streams: Vec<SendableRecordBatchStream>, most: usize) -> Vec<SendableRecordBatchStream> {
    if streams.len() <= most {
        return streams;
    }
    let mut groups: Vec<Vec<SendableRecordBatchStream>> = (0..most).map(|_| Vec::new()).collect();
    for (index, stream) in streams.into_iter().enumerate() {
        groups[index % most].push(stream);
    }
    let merge = |group: Vec<SendableRecordBatchStream>| {
        let schema = group[0].schema();
        let stream = futures::stream::select_all(group);
        Box::pin(datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, stream)) as SendableRecordBatchStream
    };
    groups.into_iter().map(merge).collect()
}

/// What all tasks return. When one fails the others are ended, and have ended when this returns.
async fn joined<T>(tasks: Vec<tokio::task::JoinHandle<Result<T>>>) -> Result<Vec<T>> {
    let guards: Vec<_> = tasks.iter().map(|task| AbortOnDrop(task.abort_handle())).collect();
    let (mut results, mut failure) = (Vec::with_capacity(tasks.len()), None);
    for task in tasks {
        let problem = match task.await {
            Ok(Ok(result)) => {
                results.push(result);
                continue;
            }
            Ok(Err(error)) => error,
            Err(ended) => Error::bug(format!("a task ended early: {ended}")).code("HW901"),
        };
        failure.get_or_insert(problem);
        guards.iter().for_each(AbortOnDrop::abort);
    }
    failure.map_or(Ok(results), Err)
}

/// Ends a task when whoever waits for it goes away.
struct AbortOnDrop(tokio::task::AbortHandle);

impl AbortOnDrop {
    fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.abort();
    }
}

async fn send(sender: Option<&mpsc::Sender<RecordBatch>>, batch: RecordBatch) {
    if let Some(sender) = sender {
        // A closed channel means that the aggregates failed; they say so themselves when they are finished.
        let _ = sender.send(batch).await;
    }
}

/// One attempt to stage a batch.
struct Attempt<'a> {
    engine: &'a LocalEngine,
    staging: &'a Staging,
    session: Session,
    folder: PathBuf,
    target: Option<Snapshot>,
    frame: DataFrame,
    /// The columns of the table after the batch, partition columns last.
    columns: Reconciled,
}

/// What the tasks share.
struct Shared {
    watcher: Watcher,
    columns: Reconciled,
    key: Vec<usize>,
    /// Hashes of the keys that are set aside; `None` where every row is.
    aside: Option<KeySet>,
    /// Hashes of all keys seen, where the table has rows that they may replace.
    seen: Option<KeySet>,
    is_deleted: Option<Arc<dyn PhysicalExpr>>,
    content: Option<AtomicU64>,
}

/// What one task leaves.
struct TaskOutput {
    counts: Counts,
    files: Vec<StagedFile>,
    quarantined: Vec<StagedFile>,
    aside: Vec<StagedFile>,
}

impl<'a> Attempt<'a> {
    async fn new(engine: &'a LocalEngine, staging: &'a Staging, effort: Effort) -> Result<Self> {
        let folder = engine.warehouse.make_folder(&staging.table)?;
        let target = engine.warehouse.open(&staging.table, None).await?;
        let session = Session::for_reader(engine, &staging.reader, effort).await?;
        let frame = session.query(&staging.reader.sql, staging.reader.file.as_deref()).await?;
        let frame = with_partitions(&session, frame, staging)?;
        let partitions: Vec<String> = staging.partition_by.iter().map(|(column, _)| column.clone()).collect();
        let replaces = staging.is_rebuild || staging.mode == LoadMode::Replace;
        let known = target.as_ref().filter(|_| !replaces).map(|target| target.schema.as_ref());
        let columns = schema::reconcile(frame.schema().as_arrow(), known, &partitions, &staging.hidden)
            .map_err(|error| error.within(format_args!("`{}`", staging.table)))?;
        Ok(Self { engine, staging, session, folder, target, frame, columns })
    }

    /// The version whose rows stay unless the batch replaces them.
    fn kept(&self) -> Option<&Snapshot> {
        let replaces = self.staging.is_rebuild || self.staging.mode == LoadMode::Replace;
        self.target.as_ref().filter(|target| !replaces && !target.files.is_empty())
    }

    fn key(&self) -> Result<Vec<usize>> {
        let key = match &self.staging.mode {
            LoadMode::Replace => return Ok(vec![]),
            LoadMode::Append { key } | LoadMode::Upsert { key, .. } => key,
        };
        let index = |column: &String| {
            self.columns.schema.index_of(column).map_err(|_| {
                let known: Vec<&str> = self.columns.schema.fields().iter().map(|field| field.name().as_str()).collect();
                hw_base::unknown("key column", column, known).code("HW304").within(format_args!("`{}`", self.staging.table))
            })
        };
        key.iter().map(index).collect()
    }

    async fn run(self) -> Result<StagedBatch> {
        let key = self.key()?;
        let aside = self.keys_to_set_aside(&key).await?;
        let mut watch = self.staging.watch.clone();
        add_key_rule(&mut watch, &key, &self.columns.schema);
        let seen = (self.kept().is_some() && !key.is_empty()).then(KeySet::new);
        let shared = Arc::new(Shared {
            watcher: Watcher::compile(&self.session, &self.columns.full, &watch)?,
            columns: self.columns.clone(),
            aside,
            seen,
            is_deleted: self.is_deleted()?,
            content: self.staging.hash_content.then(AtomicU64::default),
            key,
        });
        let (plan, streams) = streams(&self.session, self.frame.clone(), &self.staging.reader).await?;
        let tap = Tap::open(&self.session, &self.columns.schema, &watch, streams.len()).await?;
        let tasks = streams.into_iter().enumerate().map(|(task, stream)| {
            let sender = tap.as_ref().and_then(|tap| tap.sender(task));
            self.engine.warehouse.working.spawn(self.task(task, stream, Arc::clone(&shared), sender))
        });
        let outputs = joined(tasks.collect()).await?;
        let aggregates = match tap {
            Some(tap) => tap.finish().await?,
            None => vec![],
        };
        let mut batch = StagedBatch {
            table: self.staging.table.folder().to_owned(),
            base: self.target.as_ref().map(|target| target.version),
            ..StagedBatch::default()
        };
        let (mut counts, mut set_aside) = (Vec::new(), Vec::new());
        for output in outputs {
            counts.push(output.counts);
            batch.files.extend(output.files);
            batch.quarantined.extend(output.quarantined);
            set_aside.extend(output.aside);
        }
        batch.watched = shared.watcher.watched(counts, aggregates);
        let excluding = watch.rows.iter().zip(&batch.watched.rules).filter(|(rule, _)| rule.excludes);
        batch.rows_read = batch.watched.rows + excluding.map(|(_, counted)| counted.violations).sum::<u64>();
        batch.rows_quarantined = batch.quarantined.iter().map(|file| file.rows).sum();
        batch.content_hash = shared.content.as_ref().map(|hash| format!("{:016x}", hash.load(Ordering::Relaxed)));
        batch.spilled_bytes = spilled(plan.as_ref());
        self.settle(&mut batch, &shared, set_aside).await?;
        self.describe(&mut batch)?;
        Ok(batch)
    }

    /// The keys whose rows wait for the others: those that occur twice, or all where the table has rows.
    async fn keys_to_set_aside(&self, key: &[usize]) -> Result<Option<KeySet>> {
        if key.is_empty() {
            return Ok(Some(KeySet::new()));
        }
        if self.kept().is_some() {
            return Ok(None);
        }
        self.repeated_keys(key).await.map(Some)
    }

    /// The keys that occur more than once, found in a pass over the key columns alone.
    async fn repeated_keys(&self, key: &[usize]) -> Result<KeySet> {
        let names: Vec<&str> = key.iter().map(|index| self.columns.schema.field(*index).name().as_str()).collect();
        let keys = self.frame.clone().select_columns(&names).map_err(|error| explain(error, &Context::default()))?;
        let types: Vec<DataType> = key.iter().map(|index| self.columns.schema.field(*index).data_type().clone()).collect();
        let limit = usize::try_from(self.engine.memory.0 / 4).unwrap_or(usize::MAX);
        let mut slices = 1;
        loop {
            let repeated = KeySet::new();
            let mut fits = true;
            for slice in 0..slices {
                let seen = Arc::new(KeySet::new());
                let (_, streams) = streams(&self.session, keys.clone(), &self.staging.reader).await?;
                let tasks = streams.into_iter().map(|stream| {
                    tokio::spawn(note_repeated(stream, types.clone(), Arc::clone(&seen), repeated.clone(), (slice, slices), limit))
                });
                fits &= joined(tasks.collect()).await?.into_iter().all(|fits| fits);
                if !fits {
                    break;
                }
            }
            if fits {
                return Ok(repeated);
            }
            slices *= 4;
        }
    }

    fn is_deleted(&self) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let LoadMode::Upsert { deleted_when: Some(sql), .. } = &self.staging.mode else { return Ok(None) };
        let failed = |error| explain(error, &Context::default()).within("`deleted_when`");
        let schema = datafusion::common::DFSchema::try_from(Arc::clone(&self.columns.schema)).map_err(failed)?;
        let expression = self.session.context.parse_sql_expr(sql, &schema).map_err(failed)?;
        self.session.context.create_physical_expr(expression, &schema).map(Some).map_err(failed)
    }

    fn writer(&self, folder: &Path, kind: &str, schema: &SchemaRef, partitions: &[String]) -> Writer {
        let budget = usize::try_from(self.engine.memory.0 / 16).unwrap_or(usize::MAX);
        Writer::new(folder, format!("{}-{kind}", self.staging.label), schema, partitions, budget)
    }

    /// Reads one stream to its end.
    fn task(
        &self,
        number: usize,
        mut stream: SendableRecordBatchStream,
        shared: Arc<Shared>,
        sender: Option<mpsc::Sender<RecordBatch>>,
    ) -> impl Future<Output = Result<TaskOutput>> + 'static {
        let schema = Arc::clone(&self.columns.schema);
        let partitions = self.columns.partition_columns.clone();
        let mut rows = self.writer(&self.folder, &format!("{number}"), &schema, &partitions);
        let mut aside = self.writer(&self.engine.scratch(&self.staging.label), &format!("{number}-aside"), &schema, &[]);
        let quarantine_schema = schema::quarantine(&self.columns.full);
        let mut quarantine =
            self.writer(&self.engine.warehouse.folder(&self.staging.table.quarantine()), &format!("{number}"), &quarantine_schema, &[]);
        let origin = (self.staging.run.clone(), self.staging.at.timestamp_micros());
        let memory = self.engine.memory;
        async move {
            let mut counts = shared.watcher.counts();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| explain(error, &Context { memory: Some(memory), ..Context::default() }))?;
                let batch = shared.columns.apply(&batch)?;
                let diverted = shared.watcher.look(&batch, &mut counts)?;
                let batch = match diverted {
                    Some(diverted) => {
                        quarantine.write(&quarantined(&batch, &diverted, &quarantine_schema, &origin)?)?;
                        kept_rows(&batch, &diverted.mask)?
                    }
                    None => batch,
                };
                let batch = shared.columns.stored(batch)?;
                shared.note_content(&batch)?;
                send(sender.as_ref(), batch.clone()).await;
                shared.place(&batch, &mut rows, &mut aside)?;
            }
            Ok(TaskOutput { counts, files: rows.finish()?, quarantined: quarantine.finish()?, aside: aside.finish()? })
        }
    }

    /// Decides which of the rows that were set aside, and of those they meet in the table, stay.
    async fn settle(&self, batch: &mut StagedBatch, shared: &Arc<Shared>, aside: Vec<StagedFile>) -> Result<()> {
        let straight: u64 = batch.files.iter().map(|file| file.rows).sum();
        let waiting: u64 = aside.iter().map(|file| file.rows).sum();
        let mut untouched: u64 = 0;
        let mut met = Vec::new();
        if let Some(kept) = self.kept() {
            untouched = kept.rows().unwrap_or_default();
            if waiting > 0 && shared.seen.is_some() {
                for part in self.meet(kept, shared).await? {
                    untouched -= part.rows_taken.min(untouched);
                    batch.removed.extend(part.removed);
                    batch.files.extend(part.staying);
                    met.extend(part.meeting);
                }
            }
            self.withdraw(kept, batch, &mut untouched).await?;
        } else if let Some(target) = &self.target {
            batch.removed = target.files.iter().map(|file| file.name.clone()).collect();
        }
        let mut changed = waiting;
        if waiting > 0 {
            let (files, from_batch) = self.winners(aside, met).await?;
            batch.files.extend(files);
            changed = from_batch;
        }
        batch.rows_written = straight + changed;
        batch.rows_superseded = waiting.saturating_sub(changed);
        batch.rows_after = untouched + batch.files.iter().map(|file| file.rows).sum::<u64>();
        std::fs::remove_dir_all(self.engine.scratch(&self.staging.label)).ok();
        // No row came in; if none was deleted either, the table holds what it held.
        let is_as_before = self.kept().and_then(Snapshot::rows) == Some(batch.rows_after);
        if changed == 0 && straight == 0 && is_as_before && self.staging.withdraw.is_none() {
            self.take_back(batch);
        }
        Ok(())
    }

    /// Nothing of the batch entered the table, so the rewritten files are dropped and the table stays as it is.
    fn take_back(&self, batch: &mut StagedBatch) {
        for file in batch.files.drain(..) {
            std::fs::remove_file(self.folder.join(file.path)).ok();
        }
        batch.removed.clear();
        batch.rows_after = self.kept().and_then(Snapshot::rows).unwrap_or_default();
    }

    /// Takes apart the files of the table that hold at least one key of the batch: rows that the batch meets are set aside,
    /// the others are written anew. The files are shared out between the cores.
    async fn meet(&self, kept: &Snapshot, shared: &Arc<Shared>) -> Result<Vec<Met>> {
        let mut groups: Vec<Vec<TableFile>> = (0..self.engine.threads.max(1)).map(|_| Vec::new()).collect();
        for (index, file) in kept.files.iter().enumerate() {
            let group = index % groups.len();
            groups[group].push(file.clone());
        }
        let mut tasks = Vec::new();
        for (number, files) in groups.into_iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            let session = Session::new(self.engine, Effort::Fast);
            for (index, file) in files.iter().enumerate() {
                session.register(&[&file_name(index)], Arc::new(kept.table_of(vec![file.clone()])))?;
            }
            let staying = self.writer(&self.folder, &format!("stay{number}"), &self.columns.schema, &self.columns.partition_columns);
            let meeting = self.writer(&self.engine.scratch(&self.staging.label), &format!("meet{number}"), &self.columns.schema, &[]);
            tasks.push(self.engine.warehouse.working.spawn(meet_files(session, files, Arc::clone(shared), staying, meeting)));
        }
        joined(tasks).await
    }

    /// Rewrites the files that hold rows to be taken out, without those rows.
    async fn withdraw(&self, kept: &Snapshot, batch: &mut StagedBatch, untouched: &mut u64) -> Result<()> {
        let Some(predicate) = &self.staging.withdraw else { return Ok(()) };
        let mut staying = self.writer(&self.folder, "keep", &self.columns.schema, &self.columns.partition_columns);
        for file in kept.files.iter().filter(|file| !batch.removed.contains(&file.name)).cloned().collect::<Vec<_>>() {
            let session = Session::new(self.engine, Effort::Fast);
            session.register(&["one_file"], Arc::new(kept.table_of(vec![file.clone()])))?;
            let hit = format!("select 1 from one_file where {predicate} limit 1");
            let frame = session.query(&hit, None).await?;
            let found = frame.collect().await.map_err(|error| explain(error, &session.about(None)))?;
            if found.iter().all(|batch| batch.num_rows() == 0) {
                continue;
            }
            let rest = format!("select * from one_file where ({predicate}) is not true");
            let mut stream =
                session.query(&rest, None).await?.execute_stream().await.map_err(|error| explain(error, &session.about(None)))?;
            while let Some(rows) = stream.next().await {
                staying.write(&self.columns.fit(&rows.map_err(|error| explain(error, &session.about(None)))?)?)?;
            }
            *untouched -= file.rows.unwrap_or_default().min(*untouched);
            batch.removed.push(file.name);
        }
        batch.files.extend(staying.finish()?);
        Ok(())
    }

    /// Of all rows with one key, the one that stays. Returns the files, and how many of their rows come from the batch.
    async fn winners(&self, aside: Vec<StagedFile>, met: Vec<StagedFile>) -> Result<(Vec<StagedFile>, u64)> {
        let session = Session::new(self.engine, Effort::Spilling);
        let scratch = self.engine.scratch(&self.staging.label);
        let table = |files: &[StagedFile]| {
            FileTable::new(Arc::clone(&self.columns.schema), 0, files.iter().map(|file| in_folder(&scratch, file)).collect())
        };
        session.register(&["arriving"], Arc::new(table(&aside)))?;
        session.register(&["present"], Arc::new(table(&met)))?;
        let sql = winners_sql(&self.columns.schema, &self.staging.mode);
        let frame = session.query(&sql, None).await?;
        let failed = |error| explain(error, &session.about(None));
        let plan_streams = frame.execute_stream_partitioned().await.map_err(failed)?;
        let mut writer = self.writer(&self.folder, "last", &self.columns.schema, &self.columns.partition_columns);
        let mut from_batch = 0;
        for mut stream in merged(plan_streams, 1) {
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(failed)?;
                from_batch += arriving(&batch);
                let columns: Vec<usize> = (0..self.columns.schema.fields().len()).collect();
                let rows = batch.project(&columns).map_err(|error| explain(error.into(), &Context::default()))?;
                writer.write(&self.columns.fit(&rows)?)?;
            }
        }
        Ok((writer.finish()?, from_batch))
    }

    fn describe(&self, batch: &mut StagedBatch) -> Result<()> {
        batch.schema = schema::to_log(&self.columns.schema)?;
        batch.quarantine_schema = schema::to_log(&schema::quarantine(&self.columns.full))?;
        batch.partition_columns.clone_from(&self.columns.partition_columns);
        Ok(())
    }
}

impl Shared {
    /// Whether a file of the table holds at least one of the keys; reads the key columns alone.
    async fn is_touched(&self, session: &Session, file: &str, seen: &KeySet) -> Result<bool> {
        let names: Vec<String> = self.key.iter().map(|index| identifier(self.columns.schema.field(*index).name())).collect();
        let types: Vec<DataType> = self.key.iter().map(|index| self.columns.schema.field(*index).data_type().clone()).collect();
        let mut rows = session.rows(&format!("select {} from {file}", names.join(", "))).await?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| explain(error, &session.about(None)))?;
            if seen.holds_any(&hashes(&cast_all(batch.columns(), &types)?, batch.num_rows())?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note_content(&self, batch: &RecordBatch) -> Result<()> {
        let Some(content) = &self.content else { return Ok(()) };
        let own = self.columns.schema.fields().iter().enumerate().filter(|(_, field)| !ORIGIN_COLUMNS.contains(&field.name().as_str()));
        let columns: Vec<ArrayRef> = own.map(|(index, _)| Arc::clone(batch.column(index))).collect();
        let sum = hashes(&columns, batch.num_rows())?.iter().fold(0_u64, |sum, hash| sum.wrapping_add(*hash));
        content.fetch_add(sum, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the rows that stand for themselves, and sets the others aside.
    fn place(&self, batch: &RecordBatch, rows: &mut Writer, aside: &mut Writer) -> Result<()> {
        if self.key.is_empty() {
            return rows.write(batch);
        }
        if self.aside.as_ref().is_some_and(KeySet::is_empty) {
            return rows.write(&self.not_deleted(batch)?);
        }
        let columns: Vec<ArrayRef> = self.key.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let hashes = hashes(&columns, batch.num_rows())?;
        if let Some(seen) = &self.seen {
            seen.insert(&hashes, None);
        }
        let Some(set_aside) = &self.aside else { return aside.write(batch) };
        let waits = set_aside.mask(&hashes);
        aside.write(&filtered(batch, &waits)?)?;
        rows.write(&self.not_deleted(&kept_rows(batch, &waits)?)?)
    }

    fn not_deleted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(is_deleted) = &self.is_deleted else { return Ok(batch.clone()) };
        let failed = |error| explain(error, &Context::default()).within("`deleted_when`");
        let array = is_deleted.evaluate(batch).and_then(|value| value.into_array(batch.num_rows())).map_err(failed)?;
        let mask = cast(&array, &DataType::Boolean).map_err(|error| failed(error.into()))?;
        let mask: &BooleanArray = datafusion::arrow::array::AsArray::as_boolean(mask.as_ref());
        kept_rows(batch, mask)
    }
}

/// What became of some files of the table.
#[derive(Default)]
struct Met {
    removed: Vec<String>,
    rows_taken: u64,
    staying: Vec<StagedFile>,
    meeting: Vec<StagedFile>,
}

fn file_name(index: usize) -> String {
    format!("file_{index}")
}

async fn meet_files(session: Session, files: Vec<TableFile>, shared: Arc<Shared>, mut staying: Writer, mut meeting: Writer) -> Result<Met> {
    let mut met = Met::default();
    let Some(seen) = &shared.seen else { return Ok(met) };
    for (index, file) in files.into_iter().enumerate() {
        if !shared.is_touched(&session, &file_name(index), seen).await? {
            continue;
        }
        let mut rows = session.rows(&format!("select * from {}", file_name(index))).await?;
        while let Some(batch) = rows.next().await {
            let batch = shared.columns.fit(&batch.map_err(|error| explain(error, &session.about(None)))?)?;
            let columns: Vec<ArrayRef> = shared.key.iter().map(|index| Arc::clone(batch.column(*index))).collect();
            let meets = seen.mask(&hashes(&columns, batch.num_rows())?);
            meeting.write(&filtered(&batch, &meets)?)?;
            staying.write(&kept_rows(&batch, &meets)?)?;
        }
        met.rows_taken += file.rows.unwrap_or_default();
        met.removed.push(file.name);
    }
    met.staying = staying.finish()?;
    met.meeting = meeting.finish()?;
    Ok(met)
}

/// Notes the keys of one slice of the hash space that occur again. Returns false when memory does not suffice.
async fn note_repeated(
    mut stream: SendableRecordBatchStream,
    types: Vec<DataType>,
    seen: Arc<KeySet>,
    repeated: KeySet,
    slice: (u64, u64),
    limit: usize,
) -> Result<bool> {
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| explain(error, &Context::default()))?;
        let columns = cast_all(batch.columns(), &types)?;
        let mut hashes = hashes(&columns, batch.num_rows())?;
        if slice.1 > 1 {
            hashes.retain(|hash| (hash >> 40) % slice.1 == slice.0);
        }
        seen.insert(&hashes, Some(&repeated));
        if seen.bytes() > limit {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows without a whole key cannot be loaded by key; they go to quarantine.
fn add_key_rule(watch: &mut Watch, key: &[usize], schema: &Schema) {
    if !key.is_empty() {
        let missing: Vec<String> = key.iter().map(|index| format!("{} is null", identifier(schema.field(*index).name()))).collect();
        watch.rows.push(hw_base::RowWatch { id: "key_is_present".into(), violates: missing.join(" or "), diverts: true, excludes: false });
    }
}

/// Adds the partition columns that the query does not have.
fn with_partitions(session: &Session, frame: DataFrame, staging: &Staging) -> Result<DataFrame> {
    let mut frame = frame;
    for (column, expression) in &staging.partition_by {
        if frame.schema().as_arrow().index_of(column).is_err() {
            let failed = |error| explain(error, &session.about(None)).within(format_args!("`partition_by` of `{}`", staging.table));
            let expression = frame.parse_sql_expr(expression).map_err(failed)?;
            frame = frame.with_column(column, expression).map_err(failed)?;
        }
    }
    Ok(frame)
}

/// The query that picks one row per key: the later one; of equals, the one that arrives; then by content, so that the
/// order of arrival never decides.
fn winners_sql(schema: &Schema, mode: &LoadMode) -> String {
    let all: Vec<String> = schema.fields().iter().map(|field| identifier(field.name())).collect();
    let (key, later, deleted, table_wins) = match mode {
        LoadMode::Upsert { key, later_by, deleted_when } => (key.as_slice(), later_by.as_deref(), deleted_when.as_deref(), false),
        LoadMode::Append { key } => (key.as_slice(), None, None, true),
        LoadMode::Replace => (&[][..], None, None, false),
    };
    let by_key: Vec<String> = key.iter().map(|column| identifier(column)).collect();
    let later = later.map(|column| format!("{} desc nulls last, ", identifier(column))).unwrap_or_default();
    let first = if table_wins { "asc" } else { "desc" };
    let rest: Vec<String> = schema
        .fields()
        .iter()
        .filter(|field| !field.data_type().is_nested())
        .map(|field| format!("{} desc nulls last", identifier(field.name())))
        .collect();
    let alive = deleted.map(|deleted| format!(" and ({deleted}) is not true")).unwrap_or_default();
    let columns = all.join(", ");
    format!(
        "select {columns}, _arrives from (select *, row_number() over (partition by {} order by {later}_arrives {first}, {}) as _place from \
         (select {columns}, true as _arrives from arriving union all select {columns}, false as _arrives from present) as candidates) as placed \
         where _place = 1{alive}",
        by_key.join(", "),
        rest.join(", "),
    )
}

/// How many rows of a batch of winners come from the batch that arrives.
fn arriving(batch: &RecordBatch) -> u64 {
    let last = batch.columns().last().map(|column| datafusion::arrow::array::AsArray::as_boolean(column.as_ref()).true_count());
    last.unwrap_or_default() as u64
}

pub(crate) fn in_folder(folder: &Path, file: &StagedFile) -> TableFile {
    TableFile {
        path: folder.join(&file.path).to_string_lossy().into_owned(),
        name: file.path.clone(),
        bytes: file.bytes,
        rows: Some(file.rows),
        partition: file.partition.clone(),
        stats: Some(file.stats.clone()),
    }
}

fn cast_all(columns: &[ArrayRef], types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let cast =
        |(column, wanted): (&ArrayRef, &DataType)| if column.data_type() == wanted { Ok(Arc::clone(column)) } else { cast(column, wanted) };
    columns.iter().zip(types).map(cast).collect::<Result<_, _>>().map_err(|error| explain(error.into(), &Context::default()))
}

fn filtered(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, mask).map_err(|error| explain(error.into(), &Context::default()))
}

/// The rows where the mask is not true.
fn kept_rows(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    let mask = if mask.nulls().is_some() { mask.iter().map(|value| Some(value.unwrap_or(false))).collect() } else { mask.clone() };
    let keep = not(&mask).map_err(|error| explain(error.into(), &Context::default()))?;
    filtered(batch, &keep)
}

/// The diverted rows, with the rules they break, the run and the time.
fn quarantined(batch: &RecordBatch, diverted: &Diverted, schema: &SchemaRef, origin: &(String, i64)) -> Result<RecordBatch> {
    let rows = filtered(batch, &diverted.mask)?;
    let count = rows.num_rows();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(diverted.rules.clone()),
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(origin.0.as_str(), count))),
        Arc::new(datafusion::arrow::array::TimestampMicrosecondArray::from_value(origin.1, count).with_timezone("UTC")),
    ];
    columns.extend(rows.columns().iter().cloned());
    let types: Vec<DataType> = schema.fields().iter().map(|field: &Arc<Field>| field.data_type().clone()).collect();
    let columns = cast_all(&columns, &types)?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| explain(error.into(), &Context::default()))
}

/// Bytes that a plan and all of its parts spilled.
fn spilled(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or_default() as u64;
    own + plan.children().iter().map(|child| spilled(child.as_ref())).sum::<u64>()
}
