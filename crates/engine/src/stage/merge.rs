//! Settling rows by key: which of the rows that were set aside, and of those they meet in the table, stay.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use futures::StreamExt;
use hw_base::{LoadMode, Result, StagedBatch, StagedFile, identifier};

use super::rows::{cast_all, filtered, in_folder, kept_rows};
use super::tasks::{joined, merged};
use super::{Attempt, Shared};
use crate::failure::{Context, explain};
use crate::files::{FileTable, TableFile};
use crate::keys::{KeySet, hashes};
use crate::session::{Effort, Session};
use crate::warehouse::Snapshot;
use crate::writer::Writer;

impl Attempt<'_> {
    /// Decides which of the rows that were set aside, and of those they meet in the table, stay.
    pub(super) async fn settle(&self, batch: &mut StagedBatch, shared: &Arc<Shared>, aside: Vec<StagedFile>) -> Result<()> {
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
