//! History that only a raw copy can give again: a database has its rows as they are now, and a dataset that is delivered as a whole its
//! last delivery.

use std::collections::BTreeMap;

use hw_base::{Engine, Error, Input, Position, Progress, Reader, Result, TableName, Timestamp, VALID_FROM, Value};

use crate::environment::Environment;
use crate::plan::{ASKED_FOR, Decision, Extent, ReadFrom, Step, Work};
use crate::position::{ALL_FILES, TAKEN_OUT, batch_read};
use crate::project::Project;
use crate::settings::Load;

/// What the rows of a raw copy are called that a model has read before.
const READ_BEFORE: &str = "read_before";

/// What a raw copy has when a model reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawCopy<'a> {
    /// What arrived until it stood there, and what may come on top.
    At(&'a Progress),
    /// What its source has now, and nothing of before.
    BeginsAnew,
}

impl<'a> RawCopy<'a> {
    /// What a planned step makes of its raw copy; `None` where it is no raw copy, or the ledger does not know where it stands.
    pub(crate) fn planned(step: &'a Step) -> Option<Self> {
        match &step.work {
            // Deliveries stay, unless they were read in another way.
            Work::Extract { compared: true, .. } => {
                let at = step.progress.as_ref()?;
                Some(if at.fingerprint == step.fingerprint { Self::At(at) } else { Self::BeginsAnew })
            }
            Work::Extract { files: None, again: false, .. } if step.decision.may_run() && (step.anew || step.progress.is_none()) => {
                Some(Self::BeginsAnew)
            }
            Work::Extract { .. } => step.progress.as_ref().map(Self::At),
            _ => None,
        }
    }
}

/// Why the table of a step is not built anew: it has history, and a raw copy has nothing left of what it was built from. `None` where it is
/// otherwise, or somebody asked for the rebuild. `raw_copies` tells what each has. What an environment builds for the first time would take
/// the place of production's table.
///
/// # Errors
/// If a raw copy or the table cannot be read.
pub(crate) async fn lost_history(
    project: &Project,
    step: &Step,
    raw_copies: &BTreeMap<&str, RawCopy<'_>>,
    engine: &dyn Engine,
) -> Result<Option<Error>> {
    if step.decision == Decision::Rebuild(ASKED_FOR.into()) {
        return Ok(None);
    }
    match &project.environment {
        Some(environment) if !engine.has_table(&step.table)? => {
            let lost = lost_history_of(&as_in_production(environment, step), raw_copies, engine).await?;
            Ok(lost.map(|error| error.help(format!("in the environment: the same with `--env {}`", environment.name))))
        }
        _ => lost_history_of(step, raw_copies, engine).await,
    }
}

/// A step of an environment as production stands with it.
pub(super) fn as_in_production(environment: &Environment, step: &Step) -> Step {
    Step { table: step.table.in_production(), progress: environment.in_production(&step.table).cloned(), ..step.clone() }
}

/// Why the raw copies do not tell the history any more that the table of a step has.
///
/// # Errors
/// If a raw copy or the table cannot be read.
pub(super) async fn lost_history_of(step: &Step, raw_copies: &BTreeMap<&str, RawCopy<'_>>, engine: &dyn Engine) -> Result<Option<Error>> {
    let Work::Build { settings, reads, .. } = &step.work else { return Ok(None) };
    let Some(table) = engine.table(&step.table, None).await?.filter(|table| table.rows != Some(0)) else { return Ok(None) };
    let has_versions = || table.columns.iter().any(|column| column.name == VALID_FROM);
    match (settings, reads.as_slice()) {
        (Load::Snapshot(_), [read]) if has_versions() => {
            return lost_deliveries(step, read, raw_copies.get(read.step.as_str()), engine).await;
        }
        _ if settings.keeps_history() => {}
        _ => return Ok(None),
    }
    for read in reads.iter().filter(|read| read.table.is_raw()) {
        if is_lost(step, read, raw_copies.get(read.step.as_str()), engine).await? {
            return Ok(Some(would_forget(step, &read.name)));
        }
    }
    Ok(None)
}

/// Whether a raw copy has nothing left of what the table of a step was built from.
async fn is_lost(step: &Step, read: &ReadFrom, raw_copy: Option<&RawCopy<'_>>, engine: &dyn Engine) -> Result<bool> {
    let batch = match &step.progress {
        // Of what the last copy does not have nothing is read, and nobody knows which one the table was built from.
        None if read.extent == Extent::LastBatch => return Ok(true),
        None => None,
        Some(before) => match batch_read(&read.step, before) {
            None => return Ok(false),
            batch => batch,
        },
    };
    match raw_copy.filter(|_| read.extent == Extent::New) {
        None => Ok(false),
        Some(RawCopy::BeginsAnew) => Ok(true),
        Some(RawCopy::At(at)) => match began_with(at) {
            Some(first) if batch.is_none_or(|batch| first > batch) => has_nothing_until(read, batch.unwrap_or(first - 1), engine).await,
            _ => Ok(false),
        },
    }
}

/// The batch by which a raw copy of a database was made anew last, as far as the ledger knows.
fn began_with(at: &Progress) -> Option<i64> {
    match at.inputs.get(TAKEN_OUT) {
        Some(Position::Batch(first)) if at.fingerprint != ALL_FILES => Some(*first),
        _ => None,
    }
}

async fn has_nothing_until(read: &ReadFrom, batch: i64, engine: &dyn Engine) -> Result<bool> {
    let input = Input::Table {
        name: READ_BEFORE.into(),
        table: read.table.clone(),
        version: None,
        after_batch: None,
        up_to_batch: Some(batch),
        hides_origin: false,
    };
    let reader = Reader { sql: format!("select count(*) as known from {READ_BEFORE}"), inputs: vec![input], file: None };
    Ok(engine.query(&reader, 1).await?.single() == Some(&Value::Int(0)))
}

fn would_forget(step: &Step, dataset: &str) -> Error {
    let model = &step.name;
    let mut lost = format!("the folder `raw/{dataset}` of the warehouse");
    if step.progress.is_none() {
        lost = format!("the ledger that knows the table, `.headworks/ledger.db`, and {lost}");
    }
    Error::user(format!("building `{model}` anew would lose its history"))
        .code("HW306")
        .because(format!("the raw copy of `{dataset}` has none of the rows that it was built from, and the source tells no history"))
        .help(format!("to keep it: put {lost} back as it was; a new definition may have another model name"))
        .help(format!("to build it from what the source has now: `headworks run {model} --rebuild`"))
}

/// Why a table of compared deliveries is not built anew: it would have the history of those that are left, and has a longer one.
async fn lost_deliveries(step: &Step, read: &ReadFrom, raw_copy: Option<&RawCopy<'_>>, engine: &dyn Engine) -> Result<Option<Error>> {
    let is_there = !matches!(raw_copy, Some(RawCopy::BeginsAnew)) && engine.has_table(&read.table)?;
    let left = if is_there { earliest(&read.table, "_loaded_at", engine).await? } else { None };
    let began = earliest(&step.table, VALID_FROM, engine).await?;
    Ok(began.filter(|began| left.is_none_or(|left| *began < left)).map(|began| would_shorten(&step.name, &read.name, began)))
}

/// The earliest moment in a column of a table.
async fn earliest(table: &TableName, column: &str, engine: &dyn Engine) -> Result<Option<Timestamp>> {
    let sql = format!("select cast(min({column}) as varchar) as earliest from {}", table.sql());
    let rows = engine.query(&Reader { sql, inputs: vec![], file: None }, 1).await?;
    Ok(match rows.single() {
        Some(Value::Text(moment)) => moment.parse().ok(),
        _ => None,
    })
}

fn would_shorten(model: &str, dataset: &str, began: Timestamp) -> Error {
    Error::user(format!("building `{model}` anew would lose its history"))
        .code("HW306")
        .because(format!("it goes back to {}, the raw copy of `{dataset}` does not", began.format("%Y-%m-%d %H:%M:%S UTC")))
        .help(format!("to keep it, leave `{model}` as it is and give the new definition another model name"))
        .help(format!("or put the folder `raw/{dataset}` of the warehouse back as it was"))
        .help(format!("to build it from the deliveries that are left: `headworks run {model} --rebuild`"))
}
