//! Carrying out a plan: stage → check → publish, step by step, each done once however often it is begun.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hw_base::{
    AggregateWatch, Blame, Clock, CommitNote, Delivery, Engine, Error, Input, Ledger, LoadMode, OnFailure, Position, Progress, Reader,
    Result, Retry, RowWatch, RunId, RunOutcome, RunRecord, Sources, StagedBatch, Staging, StepCommit, StepOutcome, StepRecord, TableName,
    Verdict, identifier, literal, snake_case,
};
use hw_validate::{Gate, Judging, Population};
use serde_json::json;

use crate::plan::{CONTENT, Decision, Extent, FILES, Plan, ReadFrom, Step, WATERMARK, Work};
use crate::project::Project;
use crate::settings::Load;

/// The ports that a run needs.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Stages and publishes.
    pub engine: &'a dyn Engine,
    /// Opens the sources.
    pub sources: &'a dyn Sources,
    /// Remembers.
    pub ledger: &'a dyn Ledger,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Is told what happens.
    pub narrator: &'a dyn Narrator,
    /// Tells how much memory the process uses at most, and starts anew when asked to.
    pub memory: &'a dyn Meter,
}

/// Is told what happens while it happens.
pub trait Narrator: Send + Sync {
    /// A step starts.
    fn step_starts(&self, _step: &Step) {}
    /// A step has ended.
    fn step_ended(&self, _record: &StepRecord) {}
    /// Something that a person should know.
    fn note(&self, _text: &str) {}
}

/// Measures the memory of the process.
pub trait Meter: Send + Sync {
    /// Starts a new peak.
    fn reset(&self) {}
    /// The most bytes held since the last reset; 0 where the system does not tell.
    fn peak_bytes(&self) -> u64 {
        0
    }
}

/// Rows written where no reader sees them yet.
struct Staged(StagedBatch);

/// Rows that passed every blocking rule. Only they can be published.
struct Checked(StagedBatch);

/// A batch that a rule keeps from being published.
struct Refused(StagedBatch);

impl Staged {
    /// Judges the batch. There is no way to publish it without.
    async fn check(self, gate: &Gate, judging: &Judging<'_>) -> Result<(std::result::Result<Checked, Refused>, Verdict), (Error, Refused)> {
        match gate.judge_staged(judging, &self.0).await {
            Ok(verdict) if verdict.blocking().next().is_some() => Ok((Err(Refused(self.0)), verdict)),
            Ok(verdict) => Ok((Ok(Checked(self.0)), verdict)),
            Err(error) => Err((error, Refused(self.0))),
        }
    }
}

impl Checked {
    /// Makes the rows visible in one commit. There is no other way to publish.
    async fn publish(&self, engine: &dyn Engine, note: &CommitNote) -> Result<i64> {
        Ok(engine.publish(&self.0, note).await?.version)
    }
}

/// Continues a run that was killed, if there is one: what it had published is recorded, what it left behind is removed.
pub async fn recover(project: &Project, ports: Ports<'_>) -> Result<Option<RunRecord>> {
    let Some(mut record) = ports.ledger.unfinished()? else { return Ok(None) };
    for step in record.steps.iter_mut().filter(|step| step.outcome == StepOutcome::Started) {
        let table = TableName::model(&step.model);
        let state = ports.engine.table(&table, Some(&application(project, &table))).await?;
        match state {
            Some(state) if state.window.is_some_and(|window| window >= step.progress.window) => {
                step.outcome = StepOutcome::Published;
                step.progress.version = Some(state.version);
                step.commit = Some(StepCommit { table: step.model.clone(), version: state.version });
                ports.ledger.save_step(&record.run, step)?;
            }
            _ => {}
        }
        ports.engine.sweep(&table, &format!("{}-", record.run)).await?;
    }
    record.steps.retain(|step| step.outcome == StepOutcome::Published);
    Ok(Some(record))
}

/// Carries out a plan as run `run`; `earlier` is what a killed run of that name had done.
///
/// # Errors
/// Only where the ledger fails. A step that fails is recorded, and so is everything after it that is skipped.
pub async fn run(
    project: &Project,
    plan: &Plan,
    run: RunId,
    earlier: Option<RunRecord>,
    ports: Ports<'_>,
) -> Result<(RunRecord, Vec<Error>)> {
    let started = ports.clock.now();
    let mut record = earlier.unwrap_or_else(|| RunRecord {
        run,
        project: project.settings.project.clone(),
        started,
        ended: None,
        outcome: None,
        steps: vec![],
        version_group: BTreeMap::new(),
    });
    ports.ledger.begin(&record)?;
    let mut errors = Vec::new();
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    for step in &plan.steps {
        let blocked_by = step.after.iter().find(|name| stopped.contains(name.as_str()));
        let outcome = match blocked_by {
            Some(name) => Err(Halt::Skipped(format!("`{name}` did not go through"))),
            None => carry_out_with_retries(project, step, &record.run, ports).await,
        };
        let done = match outcome {
            Ok(done) => done,
            Err(halt) => {
                stopped.insert(&step.name);
                let (done, error) = halt.record(step);
                errors.extend(error);
                done
            }
        };
        ports.ledger.save_step(&record.run, &done)?;
        ports.narrator.step_ended(&done);
        record.steps.retain(|earlier| earlier.model != done.model || done.outcome != StepOutcome::Unchanged);
        if !record.steps.iter().any(|earlier| earlier.model == done.model) {
            record.steps.push(done);
        }
    }
    record.ended = Some(ports.clock.now());
    record.outcome = Some(outcome_of(&record.steps));
    record.version_group = version_group(plan, ports).await?;
    ports.ledger.end(&record)?;
    Ok((record, errors))
}

fn outcome_of(steps: &[StepRecord]) -> RunOutcome {
    let any = |outcome: StepOutcome| steps.iter().any(|step| step.outcome == outcome);
    if any(StepOutcome::Failed) {
        RunOutcome::Failed
    } else if any(StepOutcome::Blocked) {
        RunOutcome::Blocked
    } else if any(StepOutcome::Published) {
        RunOutcome::Succeeded
    } else {
        RunOutcome::Unchanged
    }
}

/// The versions of all tables of the plan, as the ledger knows them.
async fn version_group(plan: &Plan, ports: Ports<'_>) -> Result<BTreeMap<String, i64>> {
    let progress = ports.ledger.all_progress()?;
    let version = |step: &Step| Some((step.name.clone(), progress.get(&step.name)?.version?));
    Ok(plan.steps.iter().filter_map(version).collect())
}

/// Why a step did not go through.
enum Halt {
    Skipped(String),
    Blocked(Box<StepRecord>),
    Failed(Error, Box<StepRecord>),
}

impl Halt {
    fn record(self, step: &Step) -> (StepRecord, Option<Error>) {
        match self {
            Self::Skipped(reason) => {
                let progress = step.progress.clone().unwrap_or_else(|| first_progress(step));
                let record = StepRecord { outcome: StepOutcome::Skipped, error: Some(reason), ..started(step, progress) };
                (record, None)
            }
            Self::Blocked(record) => (*record, None),
            Self::Failed(error, mut record) => {
                record.outcome = StepOutcome::Failed;
                record.error = Some(error.message().to_owned());
                (*record, Some(error))
            }
        }
    }
}

fn first_progress(step: &Step) -> Progress {
    Progress { fingerprint: step.fingerprint.clone(), window: 0, inputs: BTreeMap::new(), version: None }
}

fn started(step: &Step, progress: Progress) -> StepRecord {
    StepRecord {
        model: step.name.clone(),
        load: step.load.to_owned(),
        window: step.window.clone(),
        outcome: StepOutcome::Started,
        rows_read: 0,
        rows_written: 0,
        rows_quarantined: 0,
        seconds: 0.0,
        peak_memory_bytes: 0,
        spilled_bytes: 0,
        commit: None,
        verdict: Verdict::over(vec![]),
        error: None,
        progress,
    }
}

fn application(project: &Project, table: &TableName) -> String {
    format!("headworks/{}/{table}", project.settings.project)
}

/// Tries a step again while its failure is one that passes.
async fn carry_out_with_retries(project: &Project, step: &Step, run: &RunId, ports: Ports<'_>) -> Result<StepRecord, Halt> {
    const ATTEMPTS: usize = 3;
    for attempt in 1.. {
        let result = carry_out(project, step, run, ports).await;
        match result {
            Err(Halt::Failed(error, _)) if error.retry() == Retry::WithBackoff && attempt < ATTEMPTS => {
                ports.narrator.note(&format!("{}: {} (attempt {attempt} of {ATTEMPTS})", step.name, error.message()));
                ports.clock.pause(Duration::from_secs(1 << attempt)).await;
            }
            result => return result,
        }
    }
    Err(Halt::Skipped("it was never tried".into()))
}

/// What a step is about to load.
struct Batch {
    staging: Staging,
    progress: Progress,
    gate_reader: Reader,
}

async fn carry_out(project: &Project, step: &Step, run: &RunId, ports: Ports<'_>) -> Result<StepRecord, Halt> {
    if let Decision::Skip(_) = step.decision {
        return Ok(unchanged(step));
    }
    ports.narrator.step_starts(step);
    ports.memory.reset();
    let begun = ports.clock.now();
    let fail = |error: Error| Halt::Failed(error, Box::new(started(step, step.progress.clone().unwrap_or_else(|| first_progress(step)))));
    let prepared = match &step.work {
        Work::Extract { .. } => prepare_extract(step, run, ports).await,
        Work::Build { .. } => prepare_build(step, run, ports).await,
    };
    let Some(mut batch) = prepared.map_err(fail)? else { return Ok(unchanged(step)) };
    let mut record = started(step, batch.progress.clone());
    let result = load(project, step, run, ports, &mut batch, &mut record).await;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are exact in f64")]
    let seconds = (ports.clock.now() - begun).num_milliseconds() as f64 / 1000.0;
    record.seconds = seconds;
    record.peak_memory_bytes = ports.memory.peak_bytes();
    match result {
        Ok(StepOutcome::Blocked) => {
            record.outcome = StepOutcome::Blocked;
            record.progress = step.progress.clone().unwrap_or_else(|| first_progress(step));
            Err(Halt::Blocked(Box::new(record)))
        }
        Ok(outcome) => {
            record.outcome = outcome;
            Ok(record)
        }
        Err(error) => {
            record.progress = step.progress.clone().unwrap_or_else(|| first_progress(step));
            Err(Halt::Failed(error, Box::new(record)))
        }
    }
}

fn unchanged(step: &Step) -> StepRecord {
    let progress = step.progress.clone().unwrap_or_else(|| first_progress(step));
    StepRecord { outcome: StepOutcome::Unchanged, window: "nothing".into(), ..started(step, progress) }
}

/// Stage → check → publish.
async fn load(
    project: &Project,
    step: &Step,
    run: &RunId,
    ports: Ports<'_>,
    batch: &mut Batch,
    record: &mut StepRecord,
) -> Result<StepOutcome> {
    let mut columns = ports.engine.columns(&batch.staging.reader).await?;
    columns.extend(
        batch
            .staging
            .partition_by
            .iter()
            .filter(|(name, _)| !columns.iter().any(|column| column.name == *name))
            .map(|(name, _)| hw_base::Column { name: name.clone(), kind: hw_base::ColumnType::Date, sql_type: "date".into() })
            .collect::<Vec<_>>(),
    );
    let mut gate = Gate::new(&step.rules, &columns);
    gate.try_sql(ports.engine, &batch.staging.reader).await?;
    let key = step_key(step);
    let mut watch = gate.watch(&key, 5, false);
    watch.rows.splice(0..0, std::mem::take(&mut batch.staging.watch.rows));
    watch.aggregates.append(&mut batch.staging.watch.aggregates);
    batch.staging.watch = watch;
    ports.ledger.save_step(run, record)?;
    let staged = Staged(ports.engine.stage(&batch.staging).await?);
    note_counts(record, &staged.0);
    note_reached(&mut batch.progress, &staged.0);
    if let Some(error) = too_many_malformed(project, step, &staged.0) {
        ports.engine.discard(&staged.0).await?;
        return Err(error);
    }
    if is_unchanged(step, &staged.0) {
        ports.engine.discard(&staged.0).await?;
        record.progress = settled(step, &batch.progress);
        return Ok(StepOutcome::Unchanged);
    }
    let population = Population {
        batch_is_table: staged.0.base.is_none() || batch.staging.is_rebuild || batch.staging.mode == LoadMode::Replace,
        unique_by: key,
    };
    let shown_as = shown_as(step);
    let judging = Judging {
        engine: ports.engine,
        reader: &batch.gate_reader,
        population: &population,
        shown_as: &shown_as,
        examples: 5,
        now: ports.clock.now(),
    };
    let (checked, verdict) = match staged.check(&gate, &judging).await {
        Ok(checked) => checked,
        Err((error, refused)) => {
            ports.engine.discard(&refused.0).await?;
            return Err(error);
        }
    };
    record.verdict = verdict;
    let checked = match checked {
        Ok(checked) => checked,
        Err(refused) => {
            ports.engine.discard(&refused.0).await?;
            record.rows_written = 0;
            record.rows_quarantined = 0;
            return Ok(StepOutcome::Blocked);
        }
    };
    // What the scan has learned must be known to whoever continues this run after the commit.
    record.progress = batch.progress.clone();
    ports.ledger.save_step(run, record)?;
    publish(project, step, run, ports, &checked, batch, record).await?;
    Ok(StepOutcome::Published)
}

async fn publish(
    project: &Project,
    step: &Step,
    run: &RunId,
    ports: Ports<'_>,
    checked: &Checked,
    batch: &Batch,
    record: &mut StepRecord,
) -> Result<()> {
    let inputs: BTreeMap<&String, &Position> = batch.progress.inputs.iter().filter(|(name, _)| name.as_str() != FILES).collect();
    let broken: Vec<&str> = record.verdict.broken().map(|result| result.id.as_str()).collect();
    let note = CommitNote {
        application: application(project, &step.table),
        window: batch.progress.window,
        details: json!({
            "run": run, "step": step.name, "fingerprint": step.fingerprint, "window": step.window, "inputs": inputs,
            "rules": { "judged": record.verdict.results.len(), "broken": broken },
        }),
        at: ports.clock.now(),
    };
    let version = match checked.publish(ports.engine, &note).await {
        Ok(version) => version,
        Err(error) => {
            ports.engine.sweep(&step.table, &batch.staging.label).await?;
            return Err(error);
        }
    };
    record.progress = Progress { version: Some(version), ..batch.progress.clone() };
    record.commit = Some(StepCommit { table: step.name.clone(), version });
    Ok(())
}

fn step_key(step: &Step) -> Vec<String> {
    match &step.work {
        Work::Extract { .. } => vec![],
        Work::Build { settings, .. } => settings.key().to_vec(),
    }
}

/// How a person queries the rows that were judged, later: a model's SELECT is readable although nothing of it was loaded.
fn shown_as(step: &Step) -> String {
    match &step.work {
        Work::Extract { dataset, .. } => dataset.to_string(),
        Work::Build { .. } => format!("preview.{}", identifier(&step.name)),
    }
}

fn note_counts(record: &mut StepRecord, batch: &StagedBatch) {
    record.rows_read = batch.rows_read;
    record.rows_written = batch.rows_written;
    record.rows_quarantined = batch.rows_quarantined;
    record.spilled_bytes = batch.spilled_bytes;
}

/// Notes how far the scan has read: the greatest value of the followed column, the hash of the content.
fn note_reached(progress: &mut Progress, batch: &StagedBatch) {
    let watermark = batch.watched.aggregates.iter().find(|aggregate| aggregate.id == WATERMARK);
    if let Some(hw_base::Value::Text(value)) = watermark.map(|aggregate| &aggregate.value) {
        progress.inputs.insert(WATERMARK.into(), Position::Watermark(value.clone()));
    }
    if let Some(hash) = &batch.content_hash {
        progress.inputs.insert(CONTENT.into(), Position::Content(hash.clone()));
    }
}

/// Whether there is nothing to publish: no row arrived, or the source holds what it held before.
fn is_unchanged(step: &Step, batch: &StagedBatch) -> bool {
    let same_content = match (&step.work, step.progress.as_ref().and_then(|progress| progress.inputs.get(CONTENT)), &batch.content_hash) {
        (Work::Extract { .. }, Some(Position::Content(before)), Some(now)) => before == now,
        _ => false,
    };
    same_content || (batch.changes_nothing() && batch.quarantined.is_empty())
}

/// Where an unchanged step stands: it has read its inputs, but its last window and version stay.
fn settled(step: &Step, progress: &Progress) -> Progress {
    match &step.progress {
        Some(before) => Progress { inputs: progress.inputs.clone(), fingerprint: progress.fingerprint.clone(), ..before.clone() },
        None => progress.clone(),
    }
}

const MALFORMED: &str = "malformed_record";

fn too_many_malformed(project: &Project, step: &Step, batch: &StagedBatch) -> Option<Error> {
    let Work::Extract { dataset, .. } = &step.work else { return None };
    let rule = batch.watched.rules.iter().find(|rule| rule.id == MALFORMED)?;
    let tolerance = project.malformed_tolerance(dataset);
    if tolerance.admits(rule.violations, batch.rows_read) {
        return None;
    }
    let examples: Vec<String> = rule.examples.rendered().into_iter().take(3).collect();
    Some(
        Error::user(format!(
            "{} of {} records of `{dataset}` cannot be read as rows; the source tolerates {tolerance}",
            hw_base::count(rule.violations),
            hw_base::count(batch.rows_read)
        ))
        .code("HW205")
        .because(examples.join("\n"))
        .help(format!(
            "look at one of them; if a column holds another type, declare it: `columns: {{ NAME: text }}` under source `{}`",
            dataset.source
        ))
        .help("if the records are to be left out, raise `malformed: 5%` there; they are kept in the quarantine"),
    )
}

async fn prepare_extract(step: &Step, run: &RunId, ports: Ports<'_>) -> Result<Option<Batch>> {
    let Work::Extract { dataset, files, changed, follow } = &step.work else { return Ok(None) };
    let before = step.progress.clone();
    let originals: BTreeMap<String, String> =
        ports.ledger.noted(&names_note(step))?.and_then(|note| serde_json::from_value(note).ok()).unwrap_or_default();
    let expected = match (&before, ports.engine.table(&step.table, None).await?) {
        (Some(_), Some(state)) => state
            .columns
            .into_iter()
            .filter(|column| !column.name.starts_with('_'))
            .map(|mut column| {
                if let Some(original) = originals.get(&column.name) {
                    column.name.clone_from(original);
                }
                column
            })
            .collect(),
        _ => vec![],
    };
    let watermark = before.as_ref().and_then(|progress| progress.inputs.get(WATERMARK));
    let after = match (follow, watermark) {
        (Some(column), Some(Position::Watermark(value))) if files.is_none() => {
            Some((originals.get(column).unwrap_or(column).clone(), value.clone()))
        }
        _ => None,
    };
    let delivery = Delivery { files: files.clone(), after, expected };
    let delivered = ports.sources.open(dataset, &delivery).await?;
    let names = raw_names(&delivered.columns);
    ports.ledger.note(&names_note(step), &json!(names.iter().cloned().collect::<BTreeMap<_, _>>()))?;
    let window = before.as_ref().map_or(0, |progress| progress.window).max(last_window(step, ports).await?) + 1;
    let now = ports.clock.now();
    let mut columns: Vec<String> = names.iter().map(|(raw, original)| format!("{} as {}", identifier(original), identifier(raw))).collect();
    if delivered.columns.len() == names.len() {
        columns
            .sort_by_key(|column| delivered.columns.iter().position(|own| column.starts_with(&format!("{} as ", identifier(&own.name)))));
    }
    if delivered.has_origin {
        columns.extend(["_file", "_line", "_malformed"].map(str::to_owned));
    }
    columns.push(format!(
        "arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))') as _loaded_at",
        literal(&now.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    ));
    columns.push(format!("{} as _run", literal(&run.0)));
    columns.push(format!("cast({window} as bigint) as _batch"));
    let reader = Reader {
        sql: format!("select {} from arriving", columns.join(", ")),
        inputs: vec![Input::Live { name: "arriving".into(), relation: delivered.relation.clone() }],
        file: None,
    };
    let mut staging = staging(step, run, window, reader.clone(), ports);
    staging.partition_by = vec![("_batch".into(), "_batch".into())];
    staging.hash_content = files.is_none() && follow.is_none();
    if delivered.has_origin {
        staging.hidden = vec!["_malformed".into()];
        staging.watch.rows.push(RowWatch {
            id: MALFORMED.into(),
            violates: "_malformed is not null".into(),
            diverts: true,
            excludes: true,
        });
    }
    if !changed.is_empty() {
        let paths: Vec<String> = changed.iter().map(|path| literal(path)).collect();
        staging.withdraw = Some(format!("_file in ({})", paths.join(", ")));
    }
    let mut inputs = before.map(|progress| progress.inputs).unwrap_or_default();
    if let Some(files) = files {
        let mut known: Vec<_> = match inputs.get(FILES) {
            Some(Position::Files(known)) => known.iter().filter(|file| !changed.contains(&file.path)).cloned().collect(),
            _ => vec![],
        };
        known.extend(files.iter().cloned());
        known.sort();
        inputs.insert(FILES.into(), Position::Files(known));
    }
    if let (Some(column), None) = (follow, files) {
        staging
            .watch
            .aggregates
            .push(AggregateWatch { id: WATERMARK.into(), expression: format!("cast(max({}) as text)", identifier(column)) });
    }
    let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
    Ok(Some(Batch { staging, progress, gate_reader: reader }))
}

fn names_note(step: &Step) -> String {
    format!("columns of {}", step.name)
}

/// Column names that need no quotes, each with the name that the source gives it, in the source's order.
fn raw_names(columns: &[hw_base::Column]) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::with_capacity(columns.len());
    let mut taken = BTreeSet::new();
    for column in columns {
        let plain = snake_case(&column.name);
        let mut name = plain.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{plain}_{number}");
            number += 1;
        }
        names.push((name, column.name.clone()));
    }
    names
}

/// The last window of the step's table, for a ledger that has forgotten it.
async fn last_window(step: &Step, ports: Ports<'_>) -> Result<i64> {
    if step.progress.is_some() {
        return Ok(0);
    }
    let versions = ports.engine.table(&step.table, None).await?;
    Ok(versions.map_or(0, |state| state.version + 1))
}

fn staging(step: &Step, run: &RunId, window: i64, reader: Reader, ports: Ports<'_>) -> Staging {
    let now = ports.clock.now();
    Staging {
        table: step.table.clone(),
        reader,
        mode: LoadMode::Append { key: vec![] },
        partition_by: vec![],
        watch: hw_base::Watch::default(),
        is_rebuild: false,
        withdraw: None,
        label: format!("{run}-{window}-{:x}", now.timestamp_micros()),
        run: run.0.clone(),
        at: now,
        hash_content: false,
        hidden: vec![],
    }
}

async fn prepare_build(step: &Step, run: &RunId, ports: Ports<'_>) -> Result<Option<Batch>> {
    let Work::Build { sql, file, settings, partition_by, later_by, reads } = &step.work else { return Ok(None) };
    let standing = ports.ledger.all_progress()?;
    let rebuilds = matches!(step.decision, Decision::Rebuild(_)) || step.progress.is_none();
    let mut inputs = BTreeMap::new();
    let mut bound = Vec::new();
    for read in reads {
        let at = standing.get(&read.step);
        let position = match (read.table.is_raw(), at) {
            (true, Some(at)) => Position::Batch(at.window),
            (_, at) => Position::Version(at.and_then(|at| at.version).unwrap_or_default()),
        };
        bound.push(bind(step, read, at, rebuilds || *settings == Load::Replace));
        inputs.insert(read.step.clone(), position);
    }
    let before = step.progress.as_ref();
    let same_inputs = before.is_some_and(|before| before.inputs == inputs);
    if !rebuilds && same_inputs {
        return Ok(None);
    }
    let window = before.map_or(0, |before| before.window).max(last_window(step, ports).await?) + 1;
    let reader = Reader { sql: sql.clone(), inputs: bound, file: Some(file.clone()) };
    let columns = ports.engine.columns(&reader).await?;
    let later_by = later_by.clone().filter(|later_by| columns.iter().any(|column| column.name == *later_by));
    let mode = match settings {
        Load::Replace => LoadMode::Replace,
        Load::Append(append) => LoadMode::Append { key: append.key.clone() },
        Load::Upsert(upsert) => LoadMode::Upsert { key: upsert.key.clone(), later_by, deleted_when: upsert.delete_when.clone() },
    };
    let staging =
        Staging { mode, partition_by: partition_by.clone(), is_rebuild: rebuilds, ..staging(step, run, window, reader.clone(), ports) };
    let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
    Ok(Some(Batch { staging, progress, gate_reader: reader }))
}

/// What a name in the SELECT stands for in this run.
fn bind(step: &Step, read: &ReadFrom, at: Option<&Progress>, from_the_start: bool) -> Input {
    let read_before = match step.progress.as_ref().and_then(|progress| progress.inputs.get(&read.step)) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => None,
    };
    let newest = at.filter(|_| read.table.is_raw()).map(|at| at.window);
    let after_batch = match read.extent {
        Extent::LastBatch => newest.map(|newest| newest - 1),
        Extent::New if !from_the_start => read_before,
        Extent::New | Extent::All => None,
    };
    Input::Table {
        name: read.name.clone(),
        table: read.table.clone(),
        version: if read.table.is_raw() { None } else { at.and_then(|at| at.version) },
        after_batch,
        up_to_batch: newest,
        hides_origin: read.hides_origin,
    }
}

/// The exit code of a run: 0 done, 1 blocked by a rule, 2 the user must act, 3 something outside failed, 70 a bug.
pub fn exit_code(record: &RunRecord, errors: &[Error]) -> u8 {
    match errors.first().map(Error::blame) {
        Some(Blame::User) => 2,
        Some(Blame::Outside) => 3,
        Some(Blame::Headworks) => 70,
        None if record.outcome == Some(RunOutcome::Blocked) => 1,
        None => 0,
    }
}

/// Broken rules that only warn, over all steps.
pub fn alerts(record: &RunRecord) -> impl Iterator<Item = (&StepRecord, &hw_base::RuleResult)> {
    record
        .steps
        .iter()
        .flat_map(|step| step.verdict.broken().filter(|result| result.action == OnFailure::Alert).map(move |result| (step, result)))
}
