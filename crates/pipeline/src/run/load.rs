//! Stage → check → publish.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{
    Column, CommitNote, DatasetName, Engine, Error, IS_INFERRED, LoadMode, Position, Progress, Published, Reader, Result, ReturnedRecord,
    SetWatch, SourceFile, StagedBatch, Staging, StepCommit, StepOutcome, StepRecord, TableName, Timestamp, Together, VALID_TO, Value,
    Verdict, identifier, plural,
};
use hw_validate::{Gate, Judging, Population};
use serde_json::json;

use super::Ports;
use super::record::{Halt, standing, started, unchanged};
use super::task::{Task, application, version_by};
use super::{backfill, build, deliver, extract, lateness, malformed, push_down};
use crate::definition;
use crate::fit;
use crate::graph::{Read, placed_where_read, resolved};
use crate::history;
use crate::plan::{Asking, Decision, Extent, ReadFrom, Step, Work, not_noted};
use crate::position::{CONTENT, FILES, LAST_COPY, RENAMED, WATERMARK, last_copy};
use crate::settings::Load;
use crate::versions;

/// How many violating rows to show per rule.
pub(crate) const EXAMPLES: usize = 5;

/// What a step is about to load.
pub(super) struct Batch {
    /// The order to stage it.
    pub(super) staging: Staging,
    /// Where the step stands once the batch is published.
    pub(super) progress: Progress,
    /// The relation of a delivery that tells where it ended.
    pub(super) delivery: Option<String>,
    /// Whether it is staged and judged, and removed again.
    pub(super) is_trial: bool,
    /// The window in words, where it is known better than when the run was planned.
    pub(super) window: Option<String>,
    /// The columns that it returns, where they are known.
    pub(super) columns: Option<Vec<Column>>,
    /// Columns that some of its files lack, where it is the first load.
    pub(super) uneven_columns: Vec<String>,
    /// Rows that waited for rows of other tables and may enter now that the table is built anew.
    pub(super) rows_let_in: u64,
}

/// Rows written where no reader sees them yet.
struct Staged(StagedBatch);

/// Rows that passed every blocking rule. Only they can be published.
struct Checked(StagedBatch);

/// A batch that a rule keeps from being published.
struct Refused(StagedBatch);

impl Staged {
    /// Judges the batch. There is no way to publish it without.
    async fn check(self, gate: &Gate, judging: &Judging<'_>) -> Result<(Result<Checked, Refused>, Verdict)> {
        let verdict = gate.judge_staged(judging, &self.0).await?;
        let checked = if verdict.blocking().next().is_some() { Err(Refused(self.0)) } else { Ok(Checked(self.0)) };
        Ok((checked, verdict))
    }
}

impl Checked {
    /// Makes the rows visible in one commit. There is no other way to publish.
    async fn publish(&self, engine: &dyn Engine, note: &CommitNote) -> Result<Published> {
        engine.publish(&self.0, note).await
    }
}

/// Carries out a step once.
pub(super) async fn carry_out(task: Task<'_>) -> Result<StepRecord, Halt> {
    let Task { step, ports, .. } = task;
    if !step.decision.may_run() {
        return Ok(unchanged(step));
    }
    ports.narrator.step_starts(step);
    if let Work::Deliver { model, placement, only_grows } = &step.work {
        return deliver::carry_out(task, model, placement, *only_grows).await;
    }
    if matches!(step.work, Work::PushDown { .. }) {
        return push_down::carry_out(task).await;
    }
    if let (Decision::Fail(_), Work::Extract { dataset, .. }) = (&step.decision, &step.work) {
        return Err(Halt::Failed(still_failing(task, dataset).await, Box::new(started(step, standing(step)))));
    }
    let prepared = match &step.work {
        Work::Extract { .. } => extract::prepare(task).await,
        Work::Build { .. } => build::prepare(task).await,
        Work::Deliver { .. } | Work::PushDown { .. } => Ok(None),
    };
    let mut batch = match prepared {
        Ok(Some(batch)) => batch,
        Ok(None) => return Ok(unchanged(step)),
        Err(error) => return Err(Halt::Failed(error, Box::new(started(step, standing(step))))),
    };
    let mut record = started(step, batch.progress.clone());
    record.window = batch.window.take().unwrap_or(record.window);
    record.is_backfill = task.windows.is_some();
    record.empty_files = extract::empty_files(step);
    record.uneven_columns = std::mem::take(&mut batch.uneven_columns);
    brought_to_its_end(task, &mut batch, record).await
}

/// Loads a batch, and records how that ended.
pub(super) async fn brought_to_its_end(task: Task<'_>, batch: &mut Batch, mut record: StepRecord) -> Result<StepRecord, Halt> {
    task.ports.memory.reset();
    let begun = task.ports.clock.now();
    let result = load(task, batch, &mut record).await;
    ended(task, result, (record, begun), || note_definition(task, batch))
}

/// Records how a load has ended that began at that moment; `noted` notes down what its rows follow from now.
pub(super) fn ended(
    task: Task<'_>,
    result: Result<StepOutcome>,
    (mut record, begun): (StepRecord, Timestamp),
    noted: impl FnOnce() -> Result<()>,
) -> Result<StepRecord, Halt> {
    let Task { step, ports, .. } = task;
    record.seconds = ((ports.clock.now() - begun).num_milliseconds() as f64 / 1000.0).max(0.0);
    record.peak_memory_bytes = ports.memory.peak_bytes();
    match result {
        Ok(StepOutcome::Blocked) => {
            let record = StepRecord { outcome: StepOutcome::Blocked, progress: standing(step), ..record };
            Err(Halt::Blocked(Box::new(record)))
        }
        Ok(outcome) => match noted() {
            Ok(()) => Ok(StepRecord { outcome, ..record }),
            Err(error) => Err(Halt::Failed(error, Box::new(record))),
        },
        Err(error) => Err(Halt::Failed(error, Box::new(StepRecord { progress: standing(step), ..record }))),
    }
}

/// Notes down what the rows of the table follow from now. Where the process dies before, the next plan says once more what it said.
fn note_definition(task: Task<'_>, batch: &Batch) -> Result<()> {
    let Task { project, step, ports, .. } = task;
    match (&step.work, project.model(&step.name)) {
        _ if batch.is_trial => Ok(()),
        (Work::Extract { dataset, .. }, _) => definition::note(ports.ledger, &step.name, &definition::of_dataset(project, dataset)),
        (Work::Build { .. }, Some(model)) if step.anew => definition::note(ports.ledger, &step.name, &definition::of_model(model)),
        (Work::Build { .. } | Work::Deliver { .. } | Work::PushDown { .. }, _) => Ok(()),
    }
}

/// Why a source cannot be listed. What was wrong when the run was planned is asked for once more, to tell all of it.
async fn still_failing(task: Task<'_>, dataset: &DatasetName) -> Error {
    let Task { step, ports: Ports { engine, sources, ledger, .. }, .. } = task;
    match sources.survey(dataset).await {
        Err(error) => placed_where_read(error, dataset, task.project, Asking { engine, sources, ledger }),
        Ok(survey) if survey.files.is_none() => Error::outside(format!("`{dataset}` could not be read when the run was planned"))
            .code("HW206")
            .because(step.decision.reason())
            .help("it can be read now: run again"),
        Ok(_) => Error::user(format!("`{dataset}` was not there when the run was planned")).code("HW201").help("run again"),
    }
}

/// Stages the batch and brings it to its end: published, or removed without a trace.
async fn load(task: Task<'_>, batch: &mut Batch, record: &mut StepRecord) -> Result<StepOutcome> {
    let gate = fitted_gate(task, batch).await?;
    if !batch.is_trial {
        task.ports.ledger.save_step(task.run, record)?;
    }
    let staged = task.ports.engine.stage(&batch.staging).await?;
    match settle(task, &gate, batch, staged, record).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(task.swept(&batch.staging.label, error).await),
    }
}

/// Fits the rules to the columns, and has them counted while the batch is staged.
async fn fitted_gate(task: Task<'_>, batch: &mut Batch) -> Result<Gate> {
    let columns = match batch.columns.take() {
        Some(columns) => columns,
        None => task.ports.engine.columns(&batch.staging.reader).await?,
    };
    let mut gate = fit::gate(task.step, &batch.staging.reader, &columns, task.ports.engine).await?;
    if task.windows.is_some() {
        gate.learn_nothing();
    } else {
        history::learn(&mut gate, &task.step.name, task.ports.ledger, task.ports.clock.now())?;
    }
    let own = std::mem::replace(&mut batch.staging.watch, gate.watch(&shown_key(task.step, &gate, &columns), EXAMPLES, false));
    if matches!(load_of(task.step), Some(Load::Snapshot(_))) {
        for rule in &mut batch.staging.watch.rows {
            // A version that ends is not judged again.
            rule.violates = format!("{VALID_TO} is null and ({})", rule.violates);
        }
    }
    batch.staging.watch.sets = sets(task.step, std::mem::take(&mut batch.staging.watch.sets));
    batch.staging.watch.rows.splice(0..0, own.rows);
    batch.staging.watch.aggregates.extend(own.aggregates);
    batch.staging.watch.of_arriving = lateness::watches(task, &columns, batch.staging.is_rebuild);
    Ok(gate)
}

/// The rules on rows together that the load does not keep by itself, with the names under which it knows other tables.
fn sets(step: &Step, sets: Vec<SetWatch>) -> Vec<SetWatch> {
    let Work::Build { parents, .. } = &step.work else { return vec![] };
    let key = unique_by(step);
    let is_kept = |set: &SetWatch| {
        let is_first = matches!(set.asks, Together::First { .. });
        is_first && !key.is_empty() && key.iter().all(|column| set.columns.contains(column))
    };
    let named = |set: SetWatch| match (&set.asks, parents.iter().find(|parent| parent.rule == set.id)) {
        (Together::Known { columns, .. }, Some(parent)) => {
            SetWatch { asks: Together::Known { table: parent.read.name.clone(), columns: columns.clone() }, ..set }
        }
        _ => set,
    };
    sets.into_iter().filter(|set| !is_kept(set)).map(named).collect()
}

/// The rows of a load, with the datasets that its rules name and its SELECT does not read.
async fn with_partners(task: Task<'_>, gate: &Gate, reader: &Reader) -> Result<Reader> {
    let Ports { engine, ledger, .. } = task.ports;
    let mut reader = reader.clone();
    for (_, sql) in gate.tried_sets(task.step.table.leaf()) {
        for reference in engine.reads(&sql, None).unwrap_or_default() {
            let name = reference.parts.join(".");
            let Some(Read::Dataset { dataset, with_origin: false, .. }) = resolved(task.project, &name) else { continue };
            let table = TableName::raw(&dataset);
            if reader.inputs.iter().all(|input| input.name() != name) && engine.has_table(&table)? {
                reader.inputs.extend(versions::current_rows(engine, ledger, &name, &table).await?);
            }
        }
    }
    Ok(reader)
}

/// Check → publish.
async fn settle(task: Task<'_>, gate: &Gate, batch: &mut Batch, staged: StagedBatch, record: &mut StepRecord) -> Result<StepOutcome> {
    let Task { step, ports, .. } = task;
    note_counts(record, &staged);
    record.lateness = lateness::measured(task, &staged.watched);
    record.returned = returned(step, batch, &staged);
    note_reached(task, batch, &staged);
    tell_rows_left_behind(task, batch, &staged);
    tell_outdone(task, &staged);
    if let Some(review) = &mut record.review {
        review.rows = staged.rows_reviewed;
        if review.rows == 0 {
            ports.engine.discard(&staged).await?;
            record.progress = standing(step);
            return Ok(StepOutcome::Unchanged);
        }
    } else if let Some(error) = malformed::too_many(task, &staged) {
        return Err(error);
    }
    if is_unchanged(step, &staged) || backfill::is_as_before(task, batch, &staged).await? {
        tell_empty_delivery(task, &staged);
        ports.engine.discard(&staged).await?;
        record.progress = settled(step, &batch.progress, &staged);
        return Ok(StepOutcome::Unchanged);
    }
    record.members_waiting = members_waiting(task, batch, &staged).await?;
    let judging = Judging {
        engine: ports.engine,
        reader: &with_partners(task, gate, &batch.staging.reader).await?,
        population: &population(task, batch, &staged)?,
        shown_as: &shown_as(step),
        examples: EXAMPLES,
        now: ports.clock.now(),
    };
    let (checked, verdict) = Staged(staged).check(gate, &judging).await?;
    record.verdict = verdict;
    match checked {
        Ok(Checked(staged)) if batch.is_trial => {
            ports.engine.discard(&staged).await?;
            record.progress = standing(step);
            Ok(StepOutcome::Published)
        }
        Ok(checked) => publish(task, &checked, batch, record).await,
        Err(refused) => {
            ports.engine.discard(&refused.0).await?;
            record.rows_written = 0;
            record.rows_quarantined = 0;
            record.returned = None;
            Ok(StepOutcome::Blocked)
        }
    }
}

/// Says how many rows of a table its SELECT returns no longer although it reads all rows of a model, which has lost them: an upsert takes no
/// row away whose key does not come. Of each key the table has one row, so what it has more than was read has not come; where a key was read more
/// than once, more.
fn tell_rows_left_behind(task: Task<'_>, batch: &Batch, staged: &StagedBatch) {
    let Work::Build { reads, infers: false, .. } = &task.step.work else { return };
    let Staging { mode, is_rebuild, review, .. } = &batch.staging;
    let reads_part = |read: &ReadFrom| matches!(read.extent, Extent::New | Extent::Members | Extent::Deliveries);
    let reads_whole = reads.iter().any(|read| !read.table.is_raw()) && !reads.iter().any(reads_part);
    let rows = staged.rows_after.saturating_sub(staged.rows_read);
    if rows > 0 && reads_whole && matches!(mode, LoadMode::Upsert { .. }) && !is_rebuild && review.is_none() {
        let (name, rows) = (&task.step.name, plural(rows, "row"));
        let asked = format!("`headworks run {name} --rebuild` takes out what it does not return");
        task.ports.narrator.note(&format!("{name}: keeps at least {rows} that its SELECT does not return any more; {asked}"));
    }
}

/// Says that rows came later than versions of the same time and do not count: whoever reads a database takes what came last for what is true.
fn tell_outdone(task: Task<'_>, staged: &StagedBatch) {
    let Some((rows, example)) = &staged.outdone else { return };
    let (name, rows) = (&task.step.name, plural(*rows, "row"));
    let why = "of two versions of one time the content decides, not which was read later";
    let help = "a column that tells every change (`follow`), or `load: snapshot`, keeps them apart";
    task.ports.narrator.note(&format!("{name}: {rows} of the time of an earlier version stayed out, such as {example}: {why}; {help}"));
}

/// What the batch is to its table.
fn population(task: Task<'_>, batch: &Batch, staged: &StagedBatch) -> Result<Population> {
    let present = if staged.base.is_some() { present_rows(task, batch)? } else { None };
    let is_table = staged.base.is_none() || batch.staging.is_rebuild || batch.staging.mode == LoadMode::Replace;
    Ok(Population { batch_is_table: is_table && present.is_none(), present, unique_by: unique_by(task.step).to_vec() })
}

/// The rows that a database has now, where its raw copy keeps earlier ones beside them.
fn present_rows(task: Task<'_>, batch: &Batch) -> Result<Option<String>> {
    Ok(match &task.step.work {
        work if work.copies_whole() => Some(format!("select * from after where _batch = {}", last_copy(&batch.progress))),
        Work::Extract { follow: Some(_), .. } => versions::present(task.ports.ledger, &task.step.table, &batch.progress)?,
        _ => None,
    })
}

/// How many members the table would have of which no row has arrived.
async fn members_waiting(task: Task<'_>, batch: &Batch, staged: &StagedBatch) -> Result<Option<u64>> {
    if batch.staging.members.is_none() {
        return Ok(None);
    }
    let reader = Reader { sql: format!("select count(*) from after where {IS_INFERRED}"), inputs: vec![], file: None };
    let counted = task.ports.engine.query_staged(staged, &reader, 1).await?;
    Ok(match counted.rows.first().and_then(|row| row.first()) {
        Some(Value::Int(members)) => u64::try_from(*members).ok(),
        _ => None,
    })
}

async fn publish(task: Task<'_>, checked: &Checked, batch: &Batch, record: &mut StepRecord) -> Result<StepOutcome> {
    let Task { project, step, run, ports, .. } = task;
    // What the scan has learned must be known to whoever continues this run after the commit.
    record.progress = batch.progress.clone();
    ports.ledger.save_step(run, record)?;
    task.leaves_its_place();
    ports.ledger.lasting().await?;
    let version = match checked.publish(ports.engine, &commit_note(task, batch, record)).await {
        Ok(published) if published.was_there => return Err(seen_already(step, batch.progress.window)),
        Ok(published) => published.version,
        // Somebody else was first; what is there for this window is theirs.
        Err(error) if error.known_code() == Some("HW502") => return Err(error),
        // The commit may be there although its answer was lost; doing it once more would double its rows.
        Err(error) => match version_by(project, &step.table, batch.progress.window, run, ports).await {
            Ok(Some(version)) => version,
            Ok(None) | Err(_) => return Err(error),
        },
    };
    if task.is_repeated {
        // The quarantine may have the rows of an attempt before this one, and not the files of this one.
        ports.engine.sweep(&step.table, &batch.staging.label).await.ok();
    }
    if batch.staging.is_rebuild {
        backfill::forget(task)?;
    }
    record.progress.version = Some(version);
    record.commit = Some(StepCommit { table: step.name.clone(), version });
    Ok(StepOutcome::Published)
}

fn commit_note(task: Task<'_>, batch: &Batch, record: &StepRecord) -> CommitNote {
    let step = task.step;
    let is_told = |(name, _): &(&String, &Position)| ![FILES, RENAMED].contains(&name.as_str());
    let inputs: BTreeMap<&String, &Position> = batch.progress.inputs.iter().filter(is_told).collect();
    let broken: Vec<&str> = record.verdict.broken().map(|result| result.id.as_str()).collect();
    let mut details = json!({
        "run": task.run, "project": task.project.settings.project, "step": step.name, "fingerprint": step.fingerprint, "window": record.window, "inputs": inputs,
        "rules": { "judged": record.verdict.results.len(), "broken": broken },
    });
    let files = files_read(step, batch);
    if !files.is_empty() {
        details["files"] = json!(files);
    }
    CommitNote { application: application(task.project, &step.table), window: batch.progress.window, details, at: task.ports.clock.now() }
}

/// The files that a batch has read, and those that have got another name since the one before: by them a ledger that begins anew knows which
/// ones are gone, and which rows are those of a file that is corrected later.
fn files_read<'a>(step: &Step, batch: &'a Batch) -> Vec<&'a SourceFile> {
    let (Work::Extract { files: Some(files), .. }, Some(Position::Files(known))) = (&step.work, batch.progress.inputs.get(FILES)) else {
        return vec![];
    };
    let renamed = step.progress.as_ref().map(not_noted).unwrap_or_default();
    let noted: BTreeSet<&str> = files.iter().chain(renamed).map(|file| file.path.as_str()).collect();
    known.iter().filter(|file| noted.contains(file.path.as_str())).collect()
}

fn seen_already(step: &Step, window: i64) -> Error {
    Error::outside(format!("another writer has published window {window} of `{}`", step.name))
        .code("HW502")
        .because("runs of one project keep apart by their ledger; this one was made by a project with a ledger of its own")
        .help("let one project alone write to the warehouse, or give each a warehouse of its own")
}

/// How a model is loaded; `None` for a dataset.
fn load_of(step: &Step) -> Option<&Load> {
    match &step.work {
        Work::Extract { .. } | Work::Deliver { .. } | Work::PushDown { .. } => None,
        Work::Build { settings, .. } => Some(settings),
    }
}

fn key(step: &Step) -> &[String] {
    load_of(step).map_or(&[], Load::key)
}

/// What tells a reader which row it is: its key, else where it was read, else its first values.
fn shown_key(step: &Step, gate: &Gate, columns: &[Column]) -> Vec<String> {
    let place = || ["_file", "_line"].map(str::to_owned).to_vec();
    let known = match &step.work {
        Work::Extract { files: None, key, .. } => key.clone(),
        Work::Extract { .. } => place(),
        Work::Build { .. } | Work::Deliver { .. } | Work::PushDown { .. } => key(step).to_vec(),
    };
    let has = |name: &String| columns.iter().any(|column| column.name == *name);
    if known.is_empty() || !known.iter().all(has) { gate.identifying(columns) } else { known }
}

fn unique_by(step: &Step) -> &[String] {
    load_of(step).map_or(&[], Load::unique_by)
}

/// How a person queries the rows that were judged, later: what a source has to deliver and what a model selects are readable
/// although nothing of it was loaded.
pub(super) fn shown_as(step: &Step) -> String {
    match &step.work {
        Work::Extract { dataset, .. } => format!("preview.{dataset}"),
        Work::Build { .. } | Work::Deliver { .. } | Work::PushDown { .. } => format!("preview.{}", identifier(&step.name)),
    }
}

/// The rows that come back from quarantine with a batch.
fn returned(step: &Step, batch: &Batch, staged: &StagedBatch) -> Option<ReturnedRecord> {
    let Work::Build { parents, .. } = &step.work else { return None };
    let rows = staged.rows_returned + batch.rows_let_in;
    let rules = parents.iter().map(|parent| parent.rule.clone()).collect();
    (rows > 0).then_some(ReturnedRecord { rows, rules, builds_anew: batch.rows_let_in > 0 })
}

fn note_counts(record: &mut StepRecord, batch: &StagedBatch) {
    record.rows_read = batch.rows_read;
    record.rows_written = batch.rows_written;
    record.rows_quarantined = batch.rows_quarantined;
    record.rows_superseded = batch.rows_superseded;
    record.spilled_bytes = batch.spilled_bytes;
}

/// Notes how far the scan has read: where the source says that it ended, the hash of the content.
fn note_reached(task: Task<'_>, batch: &mut Batch, staged: &StagedBatch) {
    let inputs = &mut batch.progress.inputs;
    if let Some(relation) = &batch.delivery {
        // Where the source does not say it, the next run reads all rows.
        match task.ports.sources.reached(relation) {
            Some(reached) => drop(inputs.insert(WATERMARK.into(), Position::Watermark(reached))),
            None => drop(inputs.remove(WATERMARK)),
        }
    }
    if let Some(hash) = &staged.content_hash {
        inputs.insert(CONTENT.into(), Position::Content(hash.clone()));
    }
}

/// Whether there is nothing to publish: no row arrived, or the source holds what it held before.
fn is_unchanged(step: &Step, batch: &StagedBatch) -> bool {
    let before = step.progress.as_ref().filter(|_| !step.anew).and_then(|progress| progress.inputs.get(CONTENT));
    let same_content = match (&step.work, before, &batch.content_hash) {
        (Work::Extract { .. }, Some(Position::Content(before)), Some(now)) => before == now,
        _ => false,
    };
    same_content || (batch.changes_nothing() && !is_emptied(step, batch))
}

/// Whether a table of a database that is copied as a whole has no row any more. The batch says so, or its readers would keep the rows of
/// the one before.
fn is_emptied(step: &Step, batch: &StagedBatch) -> bool {
    let is_whole = matches!(step.work, Work::Extract { files: None, follow: None, compared: false, .. });
    is_whole && batch.rows_read == 0
}

/// Says that a delivery without any row, which is to be compared with the one before, is taken for a failed export.
fn tell_empty_delivery(task: Task<'_>, staged: &StagedBatch) {
    if matches!(task.step.work, Work::Extract { compared: true, .. }) && staged.rows_read == 0 {
        let text = "the delivery has no row at all; it is taken for a failed export and closes nothing";
        task.ports.narrator.note(&format!("{}: {text}", task.step.name));
    }
}

/// Where an unchanged step stands: it has read its inputs, but its last window and version stay.
fn settled(step: &Step, progress: &Progress, batch: &StagedBatch) -> Progress {
    let (window, version) = match &step.progress {
        Some(before) => (before.window, before.version),
        None => (progress.window, batch.base),
    };
    // The next commit has to say both.
    let stays = |name: &str| Some((name.to_owned(), step.progress.as_ref()?.inputs.get(name)?.clone()));
    let staying = [LAST_COPY, RENAMED].into_iter().filter_map(stays);
    Progress { window, version, inputs: progress.inputs.clone().into_iter().chain(staying).collect(), ..progress.clone() }
}
