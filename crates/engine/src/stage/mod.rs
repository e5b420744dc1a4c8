//! Staging: the rows of a query become Parquet files that no log entry names, and every rule is counted on the way.
//!
//! Rows whose place depends on other rows (a key that occurs twice, a key that the table has) are set aside in a file of
//! their own and settled at the end; all others are written as they come.

#[cfg(test)]
mod convergence;
mod first;
mod history;
mod in_place;
mod members;
mod merge;
mod order;
mod origin;
mod recompute;
mod repeated;
mod returned;
mod review;
mod rows;
mod tasks;
mod together;
mod withdraw;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use hw_base::{Error, History, LoadMode, ORIGIN_COLUMNS, Reader, Result, Span, StagedBatch, StagedFile, Staging, Watch, Watched};
use hw_measure::KeySet;
use tokio::sync::mpsc;

use crate::beside::Beside;
use crate::damage;
use crate::failure::{About, Context, explain};
use crate::folder::FolderRef;
use crate::keys::{Bounds, hashes};
use crate::local::LocalEngine;
use crate::schema::{self, Reconciled};
use crate::session::{Effort, Session};
use crate::warehouse::Snapshot;
use crate::watch::{Counts, Tap, Watcher};
use crate::writer::Writer;
use order::{add_key_rules, needs_origin, remembers_deleted, replaces, with_partitions, with_plain_keys};
use returned::Returned;
use review::{Made, Making, Reviews};
use rows::{filtered, kept_rows, quarantined};
use tasks::send;
use together::Marking;

pub(crate) use rows::{cast_all, in_folder};
pub(crate) use tasks::{joined, streams};

/// What queries call the rows that are read.
const READ: &str = "rows_read";
/// What queries call the rows that are written.
const WRITTEN: &str = "rows_written";

/// Stages a batch, with less memory and more time whenever the memory limit was reached.
pub(crate) async fn stage(engine: &LocalEngine, staging: &Staging) -> Result<StagedBatch> {
    let mut effort = Effort::Fast;
    loop {
        let attempt = Attempt::new(engine, staging, effort).await?;
        match engine.unless_crowded(effort, Some(&staging.table), Box::pin(attempt.run())).await {
            Err(error) if error.known_code() == Some("HW401") && effort.next().is_some() => {
                engine.sweep_label(&staging.table, &staging.label)?;
                effort = effort.next().unwrap_or(effort);
            }
            Err(error) => {
                engine.sweep_label(&staging.table, &staging.label)?;
                let is_limit = matches!(error.known_code(), Some("HW401" | "HW402"));
                let error = if is_limit { error.within(format_args!("`{}`", staging.table)) } else { error };
                return Err(damage::named(engine, &staging.reader, in_its_file(error, &staging.reader)).await);
            }
            Ok(batch) => return Ok(batch),
        }
    }
}

/// A problem with the SQL of which nothing tells the place is one of its file.
fn in_its_file(error: Error, reader: &Reader) -> Error {
    match &reader.file {
        Some(file) if error.known_code() == Some("HW301") => error.at(Span { file: file.into(), line: 1, column: 1, length: 1 }),
        _ => error,
    }
}

/// Counts what a watch asks for, and writes nothing; with less memory and more time whenever the memory limit was reached.
pub(crate) async fn watch(engine: &LocalEngine, reader: &Reader, watch: &Watch) -> Result<Watched> {
    let of_cores = if engine.is_in_order { Effort::InPieces } else { Effort::Fast };
    let mut effort = if watch.all_rows { Effort::Single } else { of_cores };
    loop {
        match (watched(engine, reader, watch, effort).await, effort.next()) {
            (Err(error), Some(less)) if error.known_code() == Some("HW401") => effort = less,
            (watched, _) => return watched,
        }
    }
}

async fn watched(engine: &LocalEngine, reader: &Reader, watch: &Watch, effort: Effort) -> Result<Watched> {
    let session = Session::for_reader(engine, reader, effort).await?;
    let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let watcher = Arc::new(Watcher::only_reading(&session, &schema, watch, engine.is_in_order)?);
    let (_, streams) = streams(&session, &frame, reader).await?;
    let tap = Tap::of_rules(&session, (READ, &schema), &watch.aggregates, streams.len()).await?;
    let tasks = streams.into_iter().enumerate().map(|(task, mut stream)| {
        let (watcher, sender) = (Arc::clone(&watcher), tap.sender(task));
        let about = About::new(engine, reader);
        tokio::spawn(async move {
            let mut counts = watcher.counts();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| explain(error, &about.context()))?;
                let batch = match watcher.look(&batch, &mut counts)? {
                    Some(diverted) => kept_rows(&batch, &diverted.mask)?,
                    None => batch,
                };
                send(sender.as_ref(), batch).await;
                if watcher.has_enough(&counts) {
                    break;
                }
            }
            Ok(counts)
        })
    });
    let counts = engine.unless_crowded(effort, None, joined(tasks.collect())).await?;
    Ok(Watched { aggregates: tap.finish_of_rules().await?, ..watcher.watched(counts) })
}

/// One attempt to stage a batch.
struct Attempt<'a> {
    engine: &'a LocalEngine,
    staging: &'a Staging,
    session: Session,
    folder: FolderRef,
    target: Option<Snapshot>,
    /// The rows that were taken out of the table because they are marked as deleted: an older row that arrives later must
    /// not come in their place.
    deleted: Option<Snapshot>,
    frame: DataFrame,
    /// The columns of the table after the batch, partition columns last.
    columns: Reconciled,
    /// What people decided about rows in quarantine, now and before.
    reviews: Option<Reviews>,
    /// What is decided now.
    made: Option<Made>,
    /// The rows that are back from quarantine.
    returned: Option<Returned>,
    /// What is counted: the rules of the order, as people waived them, and those of the load itself.
    watch: Watch,
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
    /// Between which values of the first key column they lie: other parts of the table's files need not be read.
    bounds: Option<Bounds>,
    is_deleted: Option<Arc<dyn PhysicalExpr>>,
    /// Whether deleted rows are remembered.
    remembers: bool,
    content: Option<AtomicU64>,
}

/// What one task leaves.
struct TaskOutput {
    counts: Counts,
    files: Vec<StagedFile>,
    quarantined: Vec<StagedFile>,
    aside: Vec<StagedFile>,
    deleted: Vec<StagedFile>,
}

/// Who is told of the rows of one task, to aggregate them.
struct Told {
    arriving: Option<mpsc::Sender<RecordBatch>>,
    written: Option<mpsc::Sender<RecordBatch>>,
}

/// Where the rows of one task go that are not in quarantine.
struct Places {
    rows: Writer,
    aside: Writer,
    deleted: Writer,
}

impl<'a> Attempt<'a> {
    async fn new(engine: &'a LocalEngine, staging: &'a Staging, effort: Effort) -> Result<Self> {
        let folder = engine.warehouse.make_folder(&staging.table)?;
        let target = engine.warehouse.open(&staging.table, None).await?;
        let (session, frame) = engine.selected(&staging.reader, effort).await?;
        let reviews = Reviews::of(engine, staging, target.as_ref()).await?;
        let follows_rows = needs_origin(staging) || reviews.is_some() || staging.review.is_some();
        let (frame, carried) = if follows_rows { origin::with_origin(frame)? } else { (frame, vec![]) };
        let mut watch = staging.watch.clone();
        together::add_rules(&mut watch);
        let marking = Marking::new(engine, &session, staging, target.as_ref()).await?;
        let (frame, returned) = returned::with_returned(&marking, frame).await?;
        let (frame, reviews, made) = match &staging.review {
            None => (frame, reviews, None),
            Some(review) => {
                let columns = frame.schema().as_arrow().clone();
                let made = Making::new(&marking, review, &columns).await?.made().await?;
                let rows = if staging.is_rebuild { frame } else { made.frame.clone() };
                (rows, Some(Reviews::with(reviews.as_ref(), engine, staging, &made.files)), Some(made))
            }
        };
        let (frame, told) = match &reviews {
            Some(reviews) => reviews.applied(&session, frame).await?,
            None => (frame, vec![]),
        };
        let deleted = match &target {
            Some(target) if !replaces(staging) && remembers_deleted(&staging.mode) => {
                engine.beside(Beside::Deleted, &staging.table, target).await?
            }
            _ => None,
        };
        let kept = target.as_ref().filter(|_| !replaces(staging));
        let frame = members::added(&session, frame, staging, [kept, deleted.as_ref()]).await?;
        let frame = with_plain_keys(frame, &staging.mode)?;
        let frame = match &staging.mode {
            LoadMode::History(kept) => history::with_columns(frame, kept, staging.members.is_some())
                .map_err(|error| error.within(format_args!("`{}`", staging.table)))?,
            _ => frame,
        };
        let frame = with_partitions(&session, frame, staging)?;
        if reviews.is_some() {
            review::waive(&mut watch.rows);
        }
        add_key_rules(&mut watch, &staging.mode);
        if staging.members.is_some() {
            watch.rows.insert(0, members::left_out());
        }
        let (frame, marks) = marking.marked("arriving", frame, &watch).await?;
        let partitions: Vec<String> = staging.partition_by.iter().map(|(column, _)| column.clone()).collect();
        let known = target.as_ref().filter(|_| !replaces(staging)).map(|target| target.schema.as_ref());
        let hidden = [staging.hidden.clone(), carried, told, marks].concat();
        let columns = schema::reconcile(frame.schema().as_arrow(), known, &partitions, &hidden)
            .map_err(|error| error.within(format_args!("`{}`", staging.table)))?;
        Ok(Self { engine, staging, session, folder, target, deleted, frame, columns, reviews, made, returned, watch })
    }

    /// The version whose rows stay unless the batch replaces them.
    fn kept(&self) -> Option<&Snapshot> {
        self.target.as_ref().filter(|target| !replaces(self.staging) && (!target.files.is_empty() || self.deleted.is_some()))
    }

    fn key(&self) -> Result<Vec<usize>> {
        let index = |column: &String| {
            self.columns.schema.index_of(column).map_err(|_| {
                let known: Vec<&str> = self.columns.schema.fields().iter().map(|field| field.name().as_str()).collect();
                hw_base::unknown("key column", column, known).code("HW304").within(format_args!("`{}`", self.staging.table))
            })
        };
        self.staging.mode.key().iter().map(index).collect()
    }

    async fn run(self) -> Result<StagedBatch> {
        let key = self.key()?;
        let aside = self.keys_to_set_aside(&key).await?;
        let watch = &self.watch;
        let seen = (self.kept().is_some() && !key.is_empty()).then(KeySet::default);
        let shared = Arc::new(Shared {
            watcher: Watcher::compile(&self.session, &self.columns.full, watch)?,
            columns: self.columns.clone(),
            aside,
            bounds: seen.as_ref().and_then(|_| Bounds::of(self.columns.schema.field(*key.first()?))),
            seen,
            is_deleted: self.is_deleted()?,
            remembers: remembers_deleted(&self.staging.mode),
            content: self.staging.hash_content.then(AtomicU64::default),
            key,
        });
        let (plan, streams) = streams(&self.session, &self.frame, &self.staging.reader).await?;
        let settling = streams.len();
        let arriving = Tap::open(&self.session, (READ, &self.columns.schema), &watch.of_arriving, settling).await?;
        let written = self.tap(watch, settling + 1).await?;
        let tasks = streams.into_iter().enumerate().map(|(task, stream)| {
            let told = Told { arriving: arriving.sender(task), written: written.sender(task) };
            self.engine.warehouse.working.spawn(self.task(task, stream, Arc::clone(&shared), told))
        });
        let outputs = joined(tasks.collect()).await?;
        let mut batch = StagedBatch {
            table: self.staging.table.folder().to_owned(),
            base: self.target.as_ref().map(|target| target.version),
            replaces: replaces(self.staging),
            ..StagedBatch::default()
        };
        let (mut counts, mut set_aside) = (Vec::new(), Vec::new());
        for output in outputs {
            counts.push(output.counts);
            batch.files.extend(output.files);
            batch.quarantined.extend(output.quarantined);
            batch.deleted.extend(output.deleted);
            set_aside.extend(output.aside);
        }
        batch.rows_quarantined = batch.quarantined.iter().map(|file| file.rows).sum();
        self.add_those_from_quarantine(&mut batch);
        self.settle(&mut batch, &shared, set_aside, written.sender(settling)).await?;
        let (aggregates, of_arriving) = (written.finish_of_rules().await?, arriving.finish().await?);
        batch.watched = Watched { aggregates, of_arriving, ..shared.watcher.watched(counts) };
        let excluding = watch.rows.iter().zip(&batch.watched.rules).filter(|(rule, _)| rule.excludes);
        let seen = batch.watched.rows + excluding.map(|(_, counted)| counted.violations).sum::<u64>();
        batch.rows_read = seen.saturating_sub(batch.rows_returned);
        batch.content_hash = shared.content.as_ref().map(|hash| format!("{:016x}", hash.load(Ordering::Relaxed)));
        batch.spilled_bytes = spilled(plan.as_ref());
        self.describe(&mut batch)?;
        Ok(batch)
    }

    /// Notes the files of quarantine that are written anew, without the rows that a person took out of it or that came back.
    fn add_those_from_quarantine(&self, batch: &mut StagedBatch) {
        if let Some(made) = &self.made {
            batch.quarantined.extend(made.rest.iter().cloned());
            batch.corrected.extend(made.taken.iter().cloned());
            batch.reviewed.clone_from(&made.files);
            batch.rows_reviewed = made.rows;
        }
        if let Some(returned) = &self.returned {
            batch.quarantined.extend(returned.rest.iter().cloned());
            batch.corrected.extend(returned.taken.iter().cloned());
            batch.rows_returned = returned.rows;
        }
    }

    /// Takes the aggregates of the rows that the table will have, where the batch is all of them. Where rows stay that the table has, they
    /// are asked for when it is known which.
    async fn tap(&self, watch: &Watch, tasks: usize) -> Result<Tap> {
        let is_all = self.target.is_none() || replaces(self.staging);
        let aggregates = if is_all { watch.aggregates.as_slice() } else { &[] };
        Tap::of_rules(&self.session, (WRITTEN, &self.columns.schema), aggregates, tasks).await
    }

    /// The keys whose rows wait for the others: those that occur twice, or all where the table has rows.
    async fn keys_to_set_aside(&self, key: &[usize]) -> Result<Option<KeySet>> {
        if key.is_empty() {
            return Ok(Some(KeySet::default()));
        }
        if self.kept().is_some() {
            return Ok(None);
        }
        self.repeated_keys(key).await.map(Some)
    }

    fn is_deleted(&self) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let (LoadMode::Upsert { deleted_when: Some(sql), .. } | LoadMode::History(History { deleted_when: Some(sql), .. })) =
            &self.staging.mode
        else {
            return Ok(None);
        };
        let failed = |error| explain(error, &Context::default()).within("`delete_when`");
        let schema = datafusion::common::DFSchema::try_from(Arc::clone(&self.columns.schema)).map_err(failed)?;
        self.session.row_expression(sql, &schema).map(Some).map_err(failed)
    }

    fn writer(&self, folder: &FolderRef, kind: &str, schema: &SchemaRef, partitions: &[String]) -> Writer {
        let budget = usize::try_from(self.engine.share.0 / 16).unwrap_or(usize::MAX);
        Writer::new(folder, format!("{}-{kind}", self.staging.label), schema, partitions, budget)
    }

    /// Reads one stream to its end.
    fn task(
        &self,
        number: usize,
        mut stream: SendableRecordBatchStream,
        shared: Arc<Shared>,
        told: Told,
    ) -> impl Future<Output = Result<TaskOutput>> + 'static {
        let schema = Arc::clone(&self.columns.schema);
        let partitions = self.columns.partition_columns.clone();
        let warehouse = &self.engine.warehouse;
        let mut places = Places {
            rows: self.writer(&self.folder, &format!("{number}"), &schema, &partitions),
            aside: self.writer(&self.engine.aside(&self.staging.label), &format!("{number}-aside"), &self.columns.full, &[]),
            deleted: self.writer(&warehouse.folder(&self.staging.table.deleted()), &format!("{number}"), &schema, &[]),
        };
        let quarantine_schema = schema::quarantine(&self.columns.full);
        let mut quarantine =
            self.writer(&warehouse.folder(&self.staging.table.quarantine()), &format!("{number}"), &quarantine_schema, &[]);
        let origin = (self.staging.run.clone(), self.staging.at.timestamp_micros());
        let about = About::new(self.engine, &self.staging.reader);
        async move {
            let mut counts = shared.watcher.counts();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| explain(error, &about.context()))?;
                let batch = shared.columns.apply(&batch)?;
                shared.note_content(&batch)?;
                let diverted = shared.watcher.look(&batch, &mut counts)?;
                let batch = match diverted {
                    Some(diverted) => {
                        quarantine.write(&quarantined(&batch, &diverted, &quarantine_schema, &origin)?)?;
                        kept_rows(&batch, &diverted.mask)?
                    }
                    None => batch,
                };
                let stored = shared.columns.stored(batch.clone())?;
                send(told.arriving.as_ref(), stored.clone()).await;
                let written = shared.place(&batch, stored, &mut places)?;
                send(told.written.as_ref(), written).await;
            }
            let Places { rows, aside, deleted } = places;
            Ok(TaskOutput {
                counts,
                files: rows.finish()?,
                quarantined: quarantine.finish()?,
                aside: aside.finish()?,
                deleted: deleted.finish()?,
            })
        }
    }

    fn describe(&self, batch: &mut StagedBatch) -> Result<()> {
        batch.schema = schema::to_log(&self.columns.schema)?;
        if !batch.quarantined.is_empty() {
            batch.quarantine_schema = schema::to_log(&schema::quarantine(&self.columns.full))?;
        }
        if !batch.reviewed.is_empty() {
            batch.reviewed_schema = schema::to_log(&review::schema())?;
        }
        batch.partition_columns.clone_from(&self.columns.partition_columns);
        Ok(())
    }
}

impl Shared {
    /// Rows that are kept out belong to the content: a delivery that differs in them alone is another one.
    fn note_content(&self, batch: &RecordBatch) -> Result<()> {
        let Some(content) = &self.content else { return Ok(()) };
        let is_own = |name: &str| name == "_malformed" || !ORIGIN_COLUMNS.contains(&name);
        let own = self.columns.full.fields().iter().enumerate().filter(|(_, field)| is_own(field.name()));
        let columns: Vec<ArrayRef> = own.map(|(index, _)| Arc::clone(batch.column(index))).collect();
        let sum = hashes(&columns, batch.num_rows())?.iter().fold(0_u64, |sum, hash| sum.wrapping_add(*hash));
        content.fetch_add(sum, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the rows that stand for themselves, which it returns, and sets the others aside: `batch` has the full columns, `stored`
    /// those of the table.
    fn place(&self, batch: &RecordBatch, stored: RecordBatch, places: &mut Places) -> Result<RecordBatch> {
        if self.key.is_empty() {
            places.rows.write(&stored)?;
            return Ok(stored);
        }
        if self.aside.as_ref().is_some_and(KeySet::is_empty) {
            return self.write(stored, places);
        }
        let columns: Vec<ArrayRef> = self.key.iter().map(|index| Arc::clone(stored.column(*index))).collect();
        let hashes = hashes(&columns, stored.num_rows())?;
        if let Some(seen) = &self.seen {
            seen.insert(&hashes, None);
        }
        if let (Some(bounds), Some(first)) = (&self.bounds, columns.first()) {
            bounds.note(first)?;
        }
        let Some(set_aside) = &self.aside else {
            places.aside.write(batch)?;
            return Ok(stored.slice(0, 0));
        };
        let waits = set_aside.mask(&hashes);
        places.aside.write(&filtered(batch, &waits)?)?;
        self.write(kept_rows(&stored, &waits)?, places)
    }

    /// Writes rows that are alone with their key, and returns those that are not deleted.
    fn write(&self, rows: RecordBatch, places: &mut Places) -> Result<RecordBatch> {
        let Some(is_deleted) = &self.is_deleted else {
            places.rows.write(&rows)?;
            return Ok(rows);
        };
        let failed = |error| explain(error, &Context::default()).within("`delete_when`");
        let array = is_deleted.evaluate(&rows).and_then(|value| value.into_array(rows.num_rows())).map_err(failed)?;
        let mask = cast(&array, &DataType::Boolean).map_err(|error| failed(error.into()))?;
        let mask: &BooleanArray = datafusion::arrow::array::AsArray::as_boolean(mask.as_ref());
        if self.remembers {
            places.deleted.write(&filtered(&rows, mask)?)?;
        }
        let rows = kept_rows(&rows, mask)?;
        places.rows.write(&rows)?;
        Ok(rows)
    }
}

/// Bytes that a plan and all of its parts spilled.
fn spilled(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or_default() as u64;
    own + plan.children().iter().map(|child| spilled(child.as_ref())).sum::<u64>()
}
