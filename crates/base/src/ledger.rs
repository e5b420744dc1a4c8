//! The memory of past runs, as a port and the values it keeps.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{BoxFuture, Result, Ruling, SourceFile, Timestamp, Verdict};

/// The name of a run: sorts by start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Table → version, as one consistent group.
pub type VersionGroup = BTreeMap<String, i64>;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step was carried out, some of them published something.
    Succeeded,
    /// A rule kept at least one step from being published.
    Blocked,
    /// A step failed.
    Failed,
    /// There was nothing to do.
    Unchanged,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It started and is not known to have ended.
    Started,
    /// Its rows are visible.
    Published,
    /// A rule kept its rows from becoming visible.
    Blocked,
    /// It failed.
    Failed,
    /// A step that it reads was blocked or failed, so it did not run.
    Skipped,
    /// There was nothing new to load.
    Unchanged,
}

/// How far a step has read one of its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// These files of the source have been loaded.
    Files(Vec<SourceFile>),
    /// The rows of a database have been loaded up to here, in the words of its source.
    Watermark(String),
    /// The raw copy has been read up to and including this batch.
    Batch(i64),
    /// The table has been read at this version.
    Version(i64),
    /// The rows had this content hash.
    Content(String),
}

/// Where a step stands after its last success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// A hash of everything that defines the step; another one means a rebuild.
    pub fingerprint: String,
    /// The number of its last window, from 1. It is the version of the transaction that published it.
    pub window: i64,
    /// How far each input has been read, by name.
    pub inputs: BTreeMap<String, Position>,
    /// The version of the table that it published last.
    pub version: Option<i64>,
}

/// What one step of a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step: a model's name, or `raw/shop.customer_orders`.
    pub model: String,
    /// How it loads: `append`, `upsert` …
    pub load: String,
    /// The window it loaded, in words.
    pub window: String,
    /// Whether a backfill asked for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_backfill: bool,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Rows it read.
    pub rows_read: u64,
    /// Rows it made visible.
    pub rows_written: u64,
    /// Rows it put into quarantine.
    pub rows_quarantined: u64,
    /// Rows it left out because a later one with their key was in the batch or in the table, or the same one; of an append, because
    /// an earlier one was.
    #[serde(default)]
    pub rows_superseded: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The most memory the process held while the step ran.
    pub peak_memory_bytes: u64,
    /// Bytes written to disk because memory was short.
    pub spilled_bytes: u64,
    /// The commit that made it visible.
    pub commit: Option<StepCommit>,
    /// How its rules came out.
    pub verdict: Verdict,
    /// Files that it read and that hold nothing, not even a header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_files: Vec<String>,
    /// Columns of a first load that some of its files lack and that nobody has declared; they are null there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uneven_columns: Vec<String>,
    /// How late its rows were, where the model follows a column that tells their time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
    /// Inferred members that its table has and of which no row has arrived, where it infers any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members_waiting: Option<u64>,
    /// The error it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a person decided about rows in quarantine, where that is what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewRecord>,
    /// The rows that came back from quarantine by themselves, where some did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnedRecord>,
    /// Where its rows were built, where it took them over from an environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<PromotedFrom>,
    /// The target inside which its table was built, where that was not the warehouse; the commit is one of that database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Where it stands once published; kept from the start, so that a killed run can be continued.
    pub progress: Progress,
}

impl StepRecord {
    /// The record of a step that starts; `progress` is where it would stand at its end.
    pub fn started(model: impl Into<String>, load: impl Into<String>, window: impl Into<String>, progress: Progress) -> Self {
        Self {
            model: model.into(),
            load: load.into(),
            window: window.into(),
            is_backfill: false,
            outcome: StepOutcome::Started,
            rows_read: 0,
            rows_written: 0,
            rows_quarantined: 0,
            rows_superseded: 0,
            seconds: 0.0,
            peak_memory_bytes: 0,
            spilled_bytes: 0,
            commit: None,
            verdict: Verdict::over(vec![]),
            empty_files: vec![],
            uneven_columns: vec![],
            lateness: None,
            members_waiting: None,
            error: None,
            review: None,
            returned: None,
            promoted: None,
            inside: None,
            progress,
        }
    }
}

/// The version of a table that an environment has built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotedFrom {
    /// The environment.
    pub environment: String,
    /// The version of its table.
    pub version: i64,
    /// The run that built and judged it there.
    pub run: RunId,
}

/// What a person decided about rows in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRecord {
    /// Who.
    pub who: String,
    /// Which rows, as it was asked for: `--rule range_amount`.
    pub selector: String,
    /// What became of them.
    pub ruling: Ruling,
    /// How many.
    pub rows: u64,
    /// Whether the table was built anew for it, because the order of arrival decides which row stays.
    #[serde(default)]
    pub builds_anew: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Rows that waited in quarantine for rows of other tables, and were let in again because these have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedRecord {
    /// How many.
    pub rows: u64,
    /// The rules because of which they waited.
    pub rules: Vec<String>,
    /// Whether the table was built anew for it, because the order of arrival decides which row stays.
    #[serde(default)]
    pub builds_anew: bool,
}

/// How late the rows of a batch were: the time of the load minus the time in the followed column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lateness {
    /// The followed column.
    pub column: String,
    /// Rows whose time lies after the load. They are loaded like all others.
    pub rows_ahead: u64,
    /// The latest time, where rows are ahead.
    pub latest: Option<String>,
    /// Seconds that half of the rows stayed at or below, about; of rows that are not ahead. `None` for a first load, which has
    /// the whole past.
    pub median_seconds: Option<f64>,
    /// Seconds that 95 percent of the rows stayed at or below, about.
    pub p95_seconds: Option<f64>,
    /// Seconds of the latest row.
    pub max_seconds: Option<f64>,
}

/// The commit of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCommit {
    /// The table.
    pub table: String,
    /// Its version.
    pub version: i64,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its name.
    pub run: RunId,
    /// The project.
    pub project: String,
    /// When it started.
    pub started: Timestamp,
    /// When it ended; `None` while it runs, and for a run that was killed.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// Its steps, in the order they ran.
    pub steps: Vec<StepRecord>,
    /// The versions of all tables after it.
    pub version_group: VersionGroup,
}

/// Remembers runs. Every method is one transaction: after a crash it has happened wholly or not at all, and what it has written lasts.
/// Steps are recorded, and notes are taken, so often that of them this holds for a crash of the process alone; see [`Self::lasting`].
pub trait Ledger: Send + Sync {
    /// Records that a run starts.
    fn begin(&self, run: &RunRecord) -> Result<()>;

    /// Records a step of `run`, replacing what was recorded of the step of that name.
    ///
    /// A published or unchanged step also becomes the step's [`Progress`], in the same transaction. Through a power failure it lasts once
    /// [`Self::lasting`] has ended, or once any other method has written.
    fn save_step(&self, run: &RunId, step: &StepRecord) -> Result<()>;

    /// Ends when all that was recorded before lasts through a power failure. Steps that wait at the same time share one flush.
    fn lasting(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Records how a run ended.
    fn end(&self, run: &RunRecord) -> Result<()>;

    /// The newest run that has not ended, if the newest run has not.
    fn unfinished(&self) -> Result<Option<RunRecord>>;

    /// The last runs, newest first, at most `limit`.
    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>>;

    /// The runs that started at `since` or later, newest first.
    fn runs_since(&self, since: Timestamp) -> Result<Vec<RunRecord>> {
        Ok(self.runs(usize::MAX)?.into_iter().filter(|run| run.started >= since).collect())
    }

    /// What the last runs recorded of a step that they published, newest first, at most `limit`; each with the moment its run started. What
    /// it costs does not depend on how many other steps there are.
    fn published(&self, step: &str, limit: usize) -> Result<Vec<(Timestamp, StepRecord)>>;

    /// The run that is recorded to have published this version of a step's table, the newest where several are; `None` where none is.
    fn publisher(&self, step: &str, version: i64) -> Result<Option<RunId>> {
        let is_it = |record: &StepRecord| record.model == step && record.commit.as_ref().is_some_and(|commit| commit.version == version);
        Ok(self.runs(usize::MAX)?.into_iter().find(|run| run.steps.iter().any(is_it)).map(|run| run.run))
    }

    /// The last runs in which a person decided about rows in quarantine, newest first, at most `limit`.
    fn reviews(&self, limit: usize) -> Result<Vec<RunRecord>>;

    /// Where a step stands.
    fn progress(&self, step: &str) -> Result<Option<Progress>>;

    /// Where every step stands, by name; one query however many steps there are.
    fn all_progress(&self) -> Result<BTreeMap<String, Progress>>;

    /// Forgets where a step stands, so that the next run rebuilds it.
    fn forget(&self, step: &str) -> Result<()>;

    /// Keeps a note under a name, such as a survey of a source; replaces an older one. It lasts as [`Self::save_step`] says.
    fn note(&self, name: &str, note: &Json) -> Result<()>;

    /// The note of that name.
    fn noted(&self, name: &str) -> Result<Option<Json>>;
}
