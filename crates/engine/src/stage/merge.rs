//! Settling rows by key: which of the rows that were set aside, and of those they meet in the table, stay.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::{and, not};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use futures::StreamExt;
use hw_base::{IS_INFERRED, LoadMode, Result, StagedBatch, StagedFile, Value, identifier};
use hw_measure::KeySet;
use tokio::sync::mpsc;

use super::first::FirstOfKey;
use super::history;
use super::in_place::{Found, InPlace, PLACE, Places, Room, places_of};
use super::order::remembers_deleted;
use super::origin::CARRIED;
use super::review::ByHand;
use super::rows::{cast_all, filtered, in_folder, kept_rows};
use super::tasks::{joined, merged, send};
use super::{Attempt, Shared};
use crate::failure::{Context, explain};
use crate::files::{FileTable, TableFile};
use crate::keys::hashes;
use crate::schema::Reconciled;
use crate::session::{Effort, Session};
use crate::types;
use crate::warehouse::Snapshot;
use crate::writer::Writer;

impl Attempt<'_> {
    /// Decides which of the rows that were set aside, and of those they meet in the table, stay; `tap` is told of them.
    pub(super) async fn settle(
        &self,
        batch: &mut StagedBatch,
        shared: &Arc<Shared>,
        aside: Vec<StagedFile>,
        tap: Option<mpsc::Sender<RecordBatch>>,
    ) -> Result<()> {
        let straight: u64 = batch.files.iter().map(|file| file.rows).sum();
        let waiting: u64 = aside.iter().map(|file| file.rows).sum();
        let mut untouched: u64 = 0;
        let (mut met, mut found, mut remembered) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(kept) = self.kept() {
            untouched = kept.rows().unwrap_or_default();
            if waiting > 0 && shared.seen.is_some() {
                for part in self.meet(kept, shared).await? {
                    untouched -= part.rows_taken.min(untouched);
                    batch.removed.extend(part.removed);
                    batch.files.extend(part.staying);
                    met.extend(part.meeting);
                    found.extend(part.found);
                }
                remembered = self.remembered(shared).await?;
            }
            self.withdraw(kept, batch, &mut untouched).await?;
            if self.staging.is_next_copy {
                self.withdraw_quarantined("true", batch).await?;
            }
            self.take_out_partitions(kept, batch, &mut untouched).await?;
        } else if let Some(target) = &self.target {
            batch.removed = target.files.iter().map(|file| file.name.clone()).collect();
        }
        let (mut changed, mut shown, mut won) = (waiting, waiting, waiting);
        if waiting > 0 {
            let winners = self.winners(aside, (met, InPlace::new(found)), remembered, tap).await?;
            for replaced in self.replace(winners.in_place).await? {
                untouched -= replaced.file.rows.unwrap_or_default().min(untouched);
                batch.removed.push(replaced.file.name);
                batch.files.extend(replaced.written);
            }
            batch.files.extend(winners.files);
            batch.deleted.extend(winners.deleted);
            changed = winners.entered;
            shown = winners.shown;
            won = winners.won;
            batch.outdone = winners.outdone;
        }
        batch.rows_written = straight + shown;
        // Members that are inferred are rows of their own, and give way to the row itself: nothing is left out.
        batch.rows_superseded = if self.staging.members.is_some() { 0 } else { waiting.saturating_sub(won) };
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
            // What stays is removed with all that the attempt has left.
            let _ = self.folder.remove(&file.path);
        }
        batch.removed.clear();
        batch.rows_after = self.kept().and_then(Snapshot::rows).unwrap_or_default();
    }

    /// Takes apart the files of the table that hold at least one key of the batch: rows that the batch meets are set aside,
    /// the others are written anew, or stay where they are. Each core takes the largest file that is left.
    async fn meet(&self, kept: &Snapshot, shared: &Arc<Shared>) -> Result<Vec<Met>> {
        let waiting = Arc::new(Waiting::of(kept));
        // Versions change in what is derived from their neighbours, and rows that are taken out are looked for in whole files.
        let stays_in_place = !matches!(self.staging.mode, LoadMode::History(_)) && self.staging.withdraw.is_none();
        let room = stays_in_place.then(|| Arc::new(Room::of(usize::try_from(self.engine.share.0 / 8).unwrap_or(usize::MAX))));
        let mut tasks = Vec::new();
        for number in 0..self.engine.threads.clamp(1, kept.files.len().max(1)) {
            let session = Session::new(self.engine, Effort::Fast);
            let staying = self.writer(&self.folder, &format!("stay{number}"), &self.columns.schema, &self.columns.partition_columns);
            let meeting = self.writer(&self.engine.aside(&self.staging.label), &format!("meet{number}"), &self.columns.schema, &[]);
            tasks.push(self.engine.warehouse.working.spawn(meet_files(
                session,
                Arc::clone(&waiting),
                Arc::clone(shared),
                room.clone(),
                staying,
                meeting,
            )));
        }
        joined(tasks).await
    }

    /// The deleted rows whose keys the batch has.
    async fn remembered(&self, shared: &Arc<Shared>) -> Result<Vec<StagedFile>> {
        let (Some(deleted), Some(seen)) = (&self.deleted, &shared.seen) else { return Ok(vec![]) };
        let session = Session::new(self.engine, Effort::Fast);
        session.register(&["deleted"], Arc::new(deleted.table()))?;
        let mut meeting = self.writer(&self.engine.aside(&self.staging.label), "gone", &self.columns.schema, &[]);
        let mut rows = session.rows("select * from deleted").await?;
        while let Some(batch) = rows.next().await {
            let batch = shared.columns.fit(&batch.map_err(|error| explain(error, &session.about(None)))?)?;
            let columns: Vec<ArrayRef> = shared.key.iter().map(|index| Arc::clone(batch.column(*index))).collect();
            meeting.write(&filtered(&batch, &seen.mask(&hashes(&columns, batch.num_rows())?))?)?;
        }
        meeting.finish()
    }

    /// Of all rows with one key, the one that stays.
    async fn winners(
        &self,
        aside: Vec<StagedFile>,
        (met, mut in_place): (Vec<StagedFile>, InPlace),
        remembered: Vec<StagedFile>,
        tap: Option<mpsc::Sender<RecordBatch>>,
    ) -> Result<Winners> {
        let session = Session::new(self.engine, Effort::Spilling);
        let scratch = self.engine.aside(&self.staging.label);
        let waiting: u64 = aside.iter().map(|file| file.rows).sum();
        let table = |schema: &SchemaRef, files: &[StagedFile]| {
            FileTable::new(Arc::clone(schema), 0, files.iter().map(|file| in_folder(&scratch, file)).collect())
        };
        session.register(&["arriving"], Arc::new(table(&self.columns.full, &aside)))?;
        session.register(&["present"], Arc::new(table(&self.columns.schema, &met)))?;
        session.register(&["in_place"], Arc::new(in_place.table(&self.columns.schema)?))?;
        session.register(&["remembered"], Arc::new(table(&self.columns.schema, &remembered)))?;
        let by_hand = match (&self.reviews, &self.staging.mode) {
            (Some(reviews), LoadMode::History(_) | LoadMode::Upsert { later_by: Some(_), .. }) => {
                reviews.marked(&session, &self.columns.schema).await?
            }
            _ => None,
        };
        let infers = self.staging.members.is_some();
        let sql = match &self.staging.mode {
            LoadMode::History(history) => history::sql(&self.columns.schema, history, by_hand.as_ref(), infers),
            mode => winners_sql(&self.columns, mode, by_hand.as_ref(), infers),
        };
        let frame = session.query(&sql, None).await?;
        let failed = |error| explain(error, &session.about(None));
        let plan_streams = frame.execute_stream_partitioned().await.map_err(failed)?;
        let mut staying = self.writer(&self.folder, "last", &self.columns.schema, &self.columns.partition_columns);
        let mut deleted = self.writer(&self.engine.warehouse.folder(&self.staging.table.deleted()), "last", &self.columns.schema, &[]);
        let (mut entered, mut shown, mut won) = (0, 0, 0);
        let (mut first, mut places) = (FirstOfKey::default(), Places::default());
        let mut streams = futures::stream::iter(merged(plan_streams, 1)).flatten().map(Some).chain(futures::stream::iter([None]));
        while let Some(next) = streams.next().await {
            let complete = match next {
                Some(batch) => self.first_rows(batch.map_err(failed)?, &mut first, &mut places)?,
                None => std::mem::take(&mut places).last(),
            };
            let Some((batch, places)) = complete else { continue };
            let is = |name: &str| batch.column_by_name(name).map_or_else(|| vec![false].into(), |column| column.as_boolean().clone());
            let (arrives, gone) = (is("_arrives"), is("_gone"));
            let rows = self.columns.fit(&batch)?;
            if remembers_deleted(&self.staging.mode) {
                deleted.write(&filtered(&rows, &is("_remember"))?)?;
            }
            let new = both(&arrives, &negated(&gone)?)?.true_count() as u64;
            shown += new;
            won += arrives.true_count() as u64;
            // A version that is not shown may end another one.
            entered += if matches!(self.staging.mode, LoadMode::History(_)) { arrives.true_count() as u64 } else { new };
            match in_place.settle((&rows, &gone), (&places_of(&batch), &places), &self.columns.partition_columns)? {
                Some(elsewhere) => staying.write(&filtered(&rows, &elsewhere)?)?,
                None => staying.write(&kept_rows(&rows, &gone)?)?,
            }
            if tap.is_some() {
                send(tap.as_ref(), kept_rows(&rows, &gone)?).await;
            }
        }
        let outdone = if won < waiting && by_hand.is_none() { self.outdone(&session).await? } else { None };
        Ok(Winners { files: staying.finish()?, in_place, deleted: deleted.finish()?, entered, shown, won, outdone })
    }

    /// How many rows of the batch have the time of a version that stays, and are none because of their content, and one of them.
    async fn outdone(&self, session: &Session) -> Result<Option<(u64, String)>> {
        let history = match &self.staging.mode {
            LoadMode::History(history) if !history.brings_times() && self.staging.members.is_none() && self.kept().is_some() => history,
            _ => return Ok(None),
        };
        let found = session.query(&history::outdone_sql(&self.columns.schema, history), None).await?.collect().await;
        let found = found.map_err(|error| explain(error, &session.about(None)))?;
        let Some(found) = found.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
        let (names, values) = (found.schema(), found.columns().iter().map(|column| types::value(column.as_ref(), 0)));
        let values: Vec<Value> = values.collect();
        let Some((rows, row)) = values.split_last() else { return Ok(None) };
        let example: Vec<String> = names.fields().iter().zip(row).map(|(field, value)| format!("{}={value}", field.name())).collect();
        Ok(rows.as_u64().map(|rows| (rows, example.join(", "))))
    }

    /// Of rows in the order of their keys, the first of each key that is complete, with the places of all; of versions all stay.
    fn first_rows(&self, batch: RecordBatch, first: &mut FirstOfKey, places: &mut Places) -> Result<Option<(RecordBatch, Vec<Vec<i64>>)>> {
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        if matches!(self.staging.mode, LoadMode::History(_)) {
            return Ok(Some((batch, vec![])));
        }
        let key: Vec<ArrayRef> = self.staging.mode.key().iter().filter_map(|name| batch.column_by_name(name).cloned()).collect();
        places.complete(&batch, &first.mask(&key, batch.num_rows())?)
    }
}

fn both(left: &BooleanArray, right: &BooleanArray) -> Result<BooleanArray> {
    and(left, right).map_err(|error| explain(error.into(), &Context::default()))
}

fn negated(mask: &BooleanArray) -> Result<BooleanArray> {
    not(mask).map_err(|error| explain(error.into(), &Context::default()))
}

/// The rows that stay.
struct Winners {
    files: Vec<StagedFile>,
    /// Those of them that stand where others stood.
    in_place: InPlace,
    /// Rows to be remembered although the table does not show them.
    deleted: Vec<StagedFile>,
    /// How many rows of the batch made a difference.
    entered: u64,
    /// How many of them are in the files.
    shown: u64,
    /// How many rows of the batch stay, or take away what was there.
    won: u64,
    /// How many have the time of a version that stays and another content, and one of them.
    outdone: Option<(u64, String)>,
}

impl Shared {
    /// Whether a file of the table holds at least one of the keys; reads the key columns alone, and only where its statistics allow for one.
    async fn is_touched(&self, session: &Session, file: &str, seen: &KeySet) -> Result<bool> {
        let names: Vec<String> = self.key.iter().map(|index| identifier(self.columns.schema.field(*index).name())).collect();
        let types: Vec<DataType> = self.key.iter().map(|index| self.columns.schema.field(*index).data_type().clone()).collect();
        let failed = |error| explain(error, &session.about(None));
        let mut keys = session.query(&format!("select {} from {file}", names.join(", ")), None).await?;
        if let Some(bounds) = &self.bounds {
            keys = keys.filter(bounds.filter()?).map_err(failed)?;
        }
        let mut rows = keys.execute_stream().await.map_err(failed)?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(failed)?;
            if seen.holds_any(&hashes(&cast_all(batch.columns(), &types)?, batch.num_rows())?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What became of some files of the table.
#[derive(Default)]
struct Met {
    removed: Vec<String>,
    rows_taken: u64,
    staying: Vec<StagedFile>,
    meeting: Vec<StagedFile>,
    found: Vec<Found>,
}

/// The files that nobody has looked at yet, the largest last.
struct Waiting(Mutex<Vec<(TableFile, FileTable)>>);

impl Waiting {
    fn of(kept: &Snapshot) -> Self {
        let mut files = kept.files.clone();
        files.sort_by_key(|file| file.bytes);
        Self(Mutex::new(files.into_iter().map(|file| (file.clone(), kept.table_of(vec![file]))).collect()))
    }

    fn next(&self) -> Option<(TableFile, FileTable)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn meet_files(
    session: Session,
    waiting: Arc<Waiting>,
    shared: Arc<Shared>,
    room: Option<Arc<Room>>,
    mut staying: Writer,
    mut meeting: Writer,
) -> Result<Met> {
    let mut met = Met::default();
    let Some(seen) = &shared.seen else { return Ok(met) };
    let mut number = 0;
    while let Some((file, table)) = waiting.next() {
        let name = format!("file_{number}");
        number += 1;
        session.register(&[&name], Arc::new(table))?;
        if !shared.is_touched(&session, &name, seen).await? {
            continue;
        }
        if let Some(found) = room.as_deref().and_then(|room| Found::within(&file, &shared, seen, room)) {
            met.found.push(found);
            continue;
        }
        let mut rows = session.rows(&format!("select * from {name}")).await?;
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

/// The query that puts rows in the order of their keys, first the one that stays. Where a column tells which row is the later one it
/// decides, and of equals the content, so that the order of arrival never does. Where none tells, the row stays that arrived last; for rows
/// that are only added, the first.
fn winners_sql(columns: &Reconciled, mode: &LoadMode, by_hand: Option<&ByHand>, infers: bool) -> String {
    let (key, deleted) = match mode {
        LoadMode::Upsert { key, deleted_when, .. } => (key.as_slice(), deleted_when.as_deref()),
        LoadMode::Append { key } => (key.as_slice(), None),
        LoadMode::Replace | LoadMode::Recompute { .. } | LoadMode::History(_) => (&[][..], None),
    };
    let origin: Vec<&str> = CARRIED.into_iter().filter(|name| columns.is_hidden(name)).collect();
    let order = match mode {
        LoadMode::Upsert { later_by: Some(later), .. } => vec![format!("{} desc nulls last", identifier(later))],
        LoadMode::Upsert { .. } => by_arrival(&origin, "desc"),
        LoadMode::Append { .. } | LoadMode::Replace | LoadMode::Recompute { .. } | LoadMode::History(_) => by_arrival(&origin, "asc"),
    };
    let own = |field: &Arc<Field>| identifier(field.name());
    let all = columns.schema.fields().iter().map(own).collect::<Vec<_>>().join(", ");
    let plain = columns.schema.fields().iter().filter(|field| !field.data_type().is_nested());
    let content = plain.map(|field| format!("{} desc nulls last", own(field)));
    // Whatever the source says of a key comes before what is inferred.
    let known_first = infers.then(|| IS_INFERRED.to_owned());
    let order: Vec<String> =
        known_first.into_iter().chain(order).chain(by_hand.map(|_| "_by_hand".into())).chain(content).chain(["_arrives".into()]).collect();
    let (arriving, present): (String, String) = origin.iter().map(|name| (format!(", {name}"), format!(", null as {name}"))).unzip();
    let candidates = format!(
        "select {all}, true as _arrives{arriving}, null as {PLACE} from arriving \
         union all select {all}, false as _arrives{present}, null as {PLACE} from present \
         union all select {all}, false as _arrives{present}, {PLACE} from in_place \
         union all select {all}, false as _arrives{present}, null as {PLACE} from remembered"
    );
    let candidates = by_hand.map_or(candidates.clone(), |by_hand| by_hand.mark(&candidates));
    let key = key.iter().map(|column| identifier(column));
    format!(
        "select *, _arrives and _gone as _remember from (select *, coalesce(cast(({}) as boolean), false) as _gone from ({candidates}) as candidates) \
         as judged order by {}",
        deleted.unwrap_or("false"),
        key.chain(order).collect::<Vec<_>>().join(", "),
    )
}

fn by_arrival(origin: &[&str], direction: &str) -> Vec<String> {
    ["_arrives"].iter().chain(origin).map(|name| format!("{name} {direction}")).collect()
}
