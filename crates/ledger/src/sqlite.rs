//! The ledger in a `SQLite` file.
//!
//! The file is in WAL mode, so that readers go on while a run writes. A commit is there for everybody at once; the write-ahead log is
//! flushed before a method returns, but for records of steps and notes, which share one flush ([`Log`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hw_base::{BoxFuture, Error, Ledger, Progress, Result, RunId, RunRecord, StepOutcome, StepRecord, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::log::Log;
use crate::schema::{self, Age};

/// How long to wait for another writer of the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Saves a step in the place it had, or as the last one: places grow with the rows of the table. A statement whose plan may depend on a value,
/// as the last place of a run would, is planned anew whenever it gets one.
const SAVE_STEP: &str = "insert into steps values (
        :run, (select coalesce(max(rowid), 0) + 1 from steps), :model, :load, :outcome,
        :rows_read, :rows_written, :rows_quarantined, :seconds, :peak_memory_bytes, :spilled_bytes,
        :table_name, :table_version, :rules_held, :error, :record)
        on conflict (run, model) do update set load = excluded.load, outcome = excluded.outcome,
        rows_read = excluded.rows_read, rows_written = excluded.rows_written, rows_quarantined = excluded.rows_quarantined,
        seconds = excluded.seconds, peak_memory_bytes = excluded.peak_memory_bytes, spilled_bytes = excluded.spilled_bytes,
        table_name = excluded.table_name, table_version = excluded.table_version, rules_held = excluded.rules_held,
        error = excluded.error, record = excluded.record";

/// Saves a note in place of an older one of its name.
const SAVE_NOTE: &str = "insert into notes values (?1, ?2) on conflict (name) do update set note = excluded.note";

/// Saves where a step stands.
const SAVE_PROGRESS: &str = "insert or replace into progress values (?1, ?2, ?3, ?4, ?5)";

/// What to do about a folder that cannot be written.
const LOOK_AT_FOLDER: &str = "look at the permissions and the free space of its folder";

/// What to do about a file that is damaged.
const MOVE_AWAY: &str = "move the file away: the next run begins a new ledger and rebuilds its tables from the raw copies";

/// A [`Ledger`] in one `SQLite` file.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    connection: Mutex<Connection>,
    log: Log,
}

/// So many runs at most begin within one second.
const WITHIN_A_SECOND: usize = 32;

impl SqliteLedger {
    /// Opens the ledger at `path` for a run; makes file and folder where they are missing, and brings an older
    /// file to the newest tables.
    ///
    /// # Errors
    /// `HW702` for a damaged file, one of a later Headworks, and a folder that cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| unusable(path).because(error).help(LOOK_AT_FOLDER))?;
        }
        let connection = connect_for_writing(path).map_err(|error| refusal(path, &error))?;
        let ledger = Self::of(path, connection);
        match ledger.age()? {
            Age::Current => Ok(ledger),
            Age::Newer => Err(too_new(path)),
            Age::Empty | Age::Older => {
                schema::migrate(&mut ledger.locked()).map_err(|error| refusal(path, &error))?;
                Ok(ledger)
            }
        }
    }

    /// Opens the ledger at `path` for reading only, as `headworks status` does while a run goes on.
    ///
    /// # Errors
    /// `HW702` where there is no ledger yet, and as for [`Self::open`]; an older file needs a run first.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(no_run_yet(path));
        }
        let connection = connect_for_reading(path).map_err(|error| refusal(path, &error))?;
        let ledger = Self::of(path, connection);
        match ledger.age()? {
            Age::Current => Ok(ledger),
            Age::Newer => Err(too_new(path)),
            Age::Empty => Err(no_run_yet(path)),
            Age::Older => Err(unusable(path).because("an older Headworks wrote it").help("the next `headworks run` brings it up to date")),
        }
    }

    /// A ledger in memory, for looking at a project that has never run.
    ///
    /// # Errors
    /// `HW702` if there is no memory for it.
    pub fn empty() -> Result<Self> {
        let path = Path::new(":memory:");
        let mut connection = Connection::open_in_memory().map_err(|error| refusal(path, &error))?;
        schema::migrate(&mut connection).map_err(|error| refusal(path, &error))?;
        Ok(Self::of(path, connection))
    }

    fn of(path: &Path, connection: Connection) -> Self {
        Self { path: path.into(), connection: Mutex::new(connection), log: Log::of(path) }
    }

    /// Notes where steps stand, as if runs had brought them there.
    #[cfg(test)]
    pub(crate) fn keep<'a>(&self, standing: impl Iterator<Item = (&'a str, Progress)>) -> Result<()> {
        let standing: Vec<_> = standing.collect();
        self.record(|transaction| standing.iter().try_for_each(|(step, progress)| save_progress(transaction, step, progress)))
    }

    /// The runs since a moment with their steps, newest first.
    fn runs_of(&self, since: &str, limit: i64) -> Result<Vec<RunRecord>> {
        self.read(|connection| {
            // One transaction, so that runs and steps are of one moment.
            let snapshot = connection.unchecked_transaction()?;
            let mut runs = newest_runs(&snapshot, since, limit)?;
            for run in &mut runs {
                run.steps = step_records(&snapshot, &run.run)?;
            }
            Ok(runs)
        })
    }

    fn age(&self) -> Result<Age> {
        schema::age(&self.locked()).map_err(|error| refusal(&self.path, &error))
    }

    /// A panic while the lock was held has rolled its transaction back, so the connection is still good.
    fn locked(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&self.locked()).map_err(|error| refusal(&self.path, &error))
    }

    /// Does `change` in one transaction, which lasts when this returns; a failure leaves nothing of it.
    fn write(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<()> {
        self.record(change)?;
        self.log.flush().map_err(|error| self.unflushed(&error))
    }

    /// The same without the flush: the end of this process cannot undo it, a power failure can.
    fn record(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<()> {
        let mut connection = self.locked();
        let changed = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            change(&transaction)?;
            transaction.commit()
        });
        changed.map_err(|error| refusal(&self.path, &error))?;
        self.log.written();
        Ok(())
    }

    fn unflushed(&self, error: &std::io::Error) -> Error {
        unusable(&self.path).because(error).help(LOOK_AT_FOLDER)
    }
}

impl Ledger for SqliteLedger {
    fn begin(&self, run: &RunRecord) -> Result<()> {
        self.write(|transaction| save_run(transaction, run))
    }

    fn save_step(&self, run: &RunId, step: &StepRecord) -> Result<()> {
        self.record(|transaction| {
            save_step(transaction, run, step)?;
            match step.outcome {
                StepOutcome::Published => {
                    save_publisher(transaction, run, step)?;
                    save_progress(transaction, &step.model, &step.progress)
                }
                StepOutcome::Unchanged => save_progress(transaction, &step.model, &step.progress),
                StepOutcome::Started | StepOutcome::Blocked | StepOutcome::Failed | StepOutcome::Skipped => Ok(()),
            }
        })
    }

    fn lasting(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { self.log.flushed().await.map_err(|error| self.unflushed(&error)) })
    }

    fn end(&self, run: &RunRecord) -> Result<()> {
        self.write(|transaction| save_run(transaction, run))
    }

    fn unfinished(&self) -> Result<Option<RunRecord>> {
        // A clock may go back, so the order of the rows tells which is the newest.
        let newest: Option<RunRecord> = self.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let query = "select record from runs order by rowid desc limit 1";
            let run: Option<RunRecord> = snapshot.prepare_cached(query)?.query_row([], |row| from_json(row, 0)).optional()?;
            let steps = run.as_ref().map(|run| step_records(&snapshot, &run.run)).transpose()?;
            Ok(run.map(|run| RunRecord { steps: steps.unwrap_or_default(), ..run }))
        })?;
        Ok(newest.filter(|run| run.ended.is_none()))
    }

    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.runs_of("", i64::try_from(limit).unwrap_or(i64::MAX))
    }

    fn runs_since(&self, since: Timestamp) -> Result<Vec<RunRecord>> {
        self.runs_of(&moment(since), i64::MAX)
    }

    fn published(&self, step: &str, limit: usize) -> Result<Vec<(Timestamp, StepRecord)>> {
        let looked_at = i64::try_from(limit.saturating_add(WITHIN_A_SECOND)).unwrap_or(i64::MAX);
        let mut published = self.read(|connection| {
            // Names of runs sort by the second of their start, and the index has them in this order.
            let mut query = connection.prepare_cached(
                "select runs.started, steps.record from steps join runs on runs.run = steps.run
                 where steps.model = ?1 and steps.outcome = 'published' order by steps.run desc limit ?2",
            )?;
            query.query_map((step, looked_at), |row| Ok((moment_in(row, 0)?, from_json(row, 1)?)))?.collect::<Result<Vec<_>, _>>()
        })?;
        published.sort_by_key(|(started, _): &(Timestamp, StepRecord)| std::cmp::Reverse(*started));
        published.truncate(limit);
        Ok(published)
    }

    fn publisher(&self, step: &str, version: i64) -> Result<Option<RunId>> {
        let noted: Option<(i64, RunId)> = self.noted(&note_of_publisher(step))?.and_then(|note| serde_json::from_value(note).ok());
        if let Some((_, run)) = noted.filter(|(newest, _)| *newest == version) {
            return Ok(Some(run));
        }
        // Older programs took no such note. Of runs that begin within one second the names sort by chance, the rows do not.
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "select run from steps where model = ?1 and table_version = ?2 and outcome = 'published' order by rowid desc limit 1",
            )?;
            query.query_row((step, version), |row| row.get(0).map(RunId)).optional()
        })
    }

    fn reviews(&self, limit: usize) -> Result<Vec<RunRecord>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut query = snapshot.prepare_cached(
                "select record from runs where run in (select run from steps where outcome = 'published' and
                 (load in ('release', 'drop') or json_extract(record, '$.returned') is not null))
                 order by rowid desc limit ?",
            )?;
            let mut runs: Vec<RunRecord> = query.query_map([limit], |row| from_json(row, 0))?.collect::<rusqlite::Result<_>>()?;
            for run in &mut runs {
                run.steps = step_records(&snapshot, &run.run)?;
            }
            Ok(runs)
        })
    }

    fn progress(&self, step: &str) -> Result<Option<Progress>> {
        let query = "select record from progress where step = ?";
        self.read(|connection| connection.prepare_cached(query)?.query_row([step], |row| from_json(row, 0)).optional())
    }

    fn all_progress(&self) -> Result<BTreeMap<String, Progress>> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("select step, record from progress")?;
            query.query_map([], |row| Ok((row.get(0)?, from_json(row, 1)?)))?.collect()
        })
    }

    fn forget(&self, step: &str) -> Result<()> {
        self.write(|transaction| transaction.execute("delete from progress where step = ?", [step]).map(drop))
    }

    fn note(&self, name: &str, note: &Json) -> Result<()> {
        self.record(|transaction| save_note(transaction, name, note))
    }

    fn noted(&self, name: &str) -> Result<Option<Json>> {
        let query = "select note from notes where name = ?";
        self.read(|connection| connection.prepare_cached(query)?.query_row([name], |row| from_json(row, 0)).optional())
    }
}

fn connect_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // The log is flushed here, and by SQLite before anything of it comes into the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Where the folder may not be written, the index of the write-ahead log cannot be made: without a log there is nobody who
/// writes, and the file can be read as it is.
fn connect_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let has_log = path.with_extension("db-wal").exists();
    match schema::age(&connection).map_err(|error| error.sqlite_error_code()) {
        Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) if !has_log => {
            Connection::open_with_flags(unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI)
        }
        _ => Ok(connection),
    }
}

/// The file as a URI that says that nobody writes it.
fn unchanging(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

/// Saves a run and the steps that its record has; steps that were saved before stay.
fn save_run(transaction: &Transaction<'_>, run: &RunRecord) -> rusqlite::Result<()> {
    let statement = "insert into runs values (:run, :project, :started, :ended, :outcome, :record)
        on conflict (run) do update set project = excluded.project, started = excluded.started, ended = excluded.ended,
        outcome = excluded.outcome, record = excluded.record";
    transaction.prepare_cached(statement)?.execute(named_params! {
        ":run": run.run.0,
        ":project": run.project,
        ":started": moment(run.started),
        ":ended": run.ended.map(moment),
        ":outcome": run.outcome.as_ref().map(word).transpose()?,
        ":record": to_json(&without_steps(run))?,
    })?;
    run.steps.iter().try_for_each(|step| save_step(transaction, &run.run, step))
}

/// The steps have a table of their own.
fn without_steps(run: &RunRecord) -> RunRecord {
    let RunRecord { run, project, started, ended, outcome, steps: _, version_group } = run;
    RunRecord {
        run: run.clone(),
        project: project.clone(),
        started: *started,
        ended: *ended,
        outcome: *outcome,
        steps: Vec::new(),
        version_group: version_group.clone(),
    }
}

/// Saves a step in the place it had, or as the last one.
fn save_step(transaction: &Transaction<'_>, run: &RunId, step: &StepRecord) -> rusqlite::Result<()> {
    transaction.prepare_cached(SAVE_STEP)?.execute(named_params! {
        ":run": run.0,
        ":model": step.model,
        ":load": step.load,
        ":outcome": word(&step.outcome)?,
        ":rows_read": whole(step.rows_read),
        ":rows_written": whole(step.rows_written),
        ":rows_quarantined": whole(step.rows_quarantined),
        ":seconds": step.seconds,
        ":peak_memory_bytes": whole(step.peak_memory_bytes),
        ":spilled_bytes": whole(step.spilled_bytes),
        ":table_name": step.commit.as_ref().map(|commit| &commit.table),
        ":table_version": step.commit.as_ref().map(|commit| commit.version),
        ":rules_held": step.verdict.held,
        ":error": step.error,
        ":record": to_json(step)?,
    })?;
    Ok(())
}

fn save_progress(transaction: &Transaction<'_>, step: &str, progress: &Progress) -> rusqlite::Result<()> {
    let values = (step, &progress.fingerprint, progress.window, progress.version, to_json(progress)?);
    transaction.prepare_cached(SAVE_PROGRESS)?.execute(values).map(drop)
}

fn save_note(transaction: &Transaction<'_>, name: &str, note: &Json) -> rusqlite::Result<()> {
    transaction.prepare_cached(SAVE_NOTE)?.execute((name, note.to_string())).map(drop)
}

/// Notes which run published the newest version of a step's table. A table that is made anew has the numbers of its versions once more,
/// and a run that is continued may begin a step again that it has published: the records of steps alone do not tell.
fn save_publisher(transaction: &Transaction<'_>, run: &RunId, step: &StepRecord) -> rusqlite::Result<()> {
    let Some(commit) = &step.commit else { return Ok(()) };
    save_note(transaction, &note_of_publisher(&step.model), &json!([commit.version, run]))
}

/// The name of the note that tells which run published the newest version of a step's table.
fn note_of_publisher(step: &str) -> String {
    format!("publisher of {step}")
}

/// The newest runs since a moment, without their steps.
fn newest_runs(connection: &Connection, since: &str, limit: i64) -> rusqlite::Result<Vec<RunRecord>> {
    let mut query = connection.prepare_cached("select record from runs where started >= ?1 order by rowid desc limit ?2")?;
    query.query_map((since, limit), |row| from_json(row, 0))?.collect()
}

fn step_records(connection: &Connection, run: &RunId) -> rusqlite::Result<Vec<StepRecord>> {
    let mut query = connection.prepare_cached("select record from steps where run = ? order by position")?;
    query.query_map([&run.0], |row| from_json(row, 0))?.collect()
}

/// A moment as text of one length, so that it sorts.
fn moment(moment: Timestamp) -> String {
    moment.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// A moment that was written by [`moment`].
fn moment_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse::<Timestamp>().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// A number as `SQLite` holds it; none that is counted here comes near the limit.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The bare word of an outcome: `published`.
fn word(outcome: &impl Serialize) -> rusqlite::Result<String> {
    Ok(to_json(outcome)?.trim_matches('"').into())
}

fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

fn unusable(path: &Path) -> Error {
    Error::outside(format!("the ledger `{}` cannot be used", path.display())).code("HW702")
}

fn too_new(path: &Path) -> Error {
    Error::user(format!("a newer Headworks wrote the ledger `{}`", path.display())).code("HW702").help("use that version, or a later one")
}

fn no_run_yet(path: &Path) -> Error {
    Error::user(format!("there is no ledger `{}` yet", path.display())).code("HW702").help("`headworks run` begins one")
}

fn full(path: &Path) -> Error {
    Error::outside(format!("the disk is full: the ledger `{}` cannot be written", path.display()))
        .code("HW402")
        .help("free some space, then run again: finished steps are not repeated")
}

fn is_for_lack_of_space(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// What `SQLite` refused, with what to do about it.
fn refusal(path: &Path, error: &rusqlite::Error) -> Error {
    let busy = || Error::passing(format!("the ledger `{}` is busy", path.display())).code("HW702");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            busy().because(error).help("try again when the other program has ended")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) | None => unusable(path).because(error).help(MOVE_AWAY),
        Some(ErrorCode::DiskFull) => full(path).because(error),
        // The index of the write-ahead log is made as large as it may become when the file is opened.
        Some(ErrorCode::SystemIoFailure) if is_for_lack_of_space(error) => full(path).because(error),
        Some(ErrorCode::ConstraintViolation) => Error::bug("a record does not fit the ledger").because(error),
        Some(_) => unusable(path).because(error).help(LOOK_AT_FOLDER),
    }
}

#[cfg(test)]
mod tests;
