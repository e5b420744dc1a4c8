//! History that only the raw copy of a database can give again: the source has its rows as they are now.

use std::collections::BTreeMap;

use hw_base::{Error, Input, Position, Progress, Reader, Result, TableState, Value};

use super::task::Task;
use crate::plan::{ASKED_FOR, Decision, Extent, ReadFrom};
use crate::position::{ALL_FILES, TAKEN_OUT, batch_read};
use crate::settings::Load;

/// What the rows of a raw copy are called that a model has read before.
const READ_BEFORE: &str = "read_before";

/// Refuses to build a table with history anew where a raw copy of a database has nothing left of what the table was built from; `standing`
/// tells where the raw copies stand.
///
/// # Errors
/// HW306 where it is so and nobody asked for the rebuild. If a raw copy cannot be read.
pub(super) async fn refuse_to_forget(
    task: Task<'_>,
    (settings, reads): (&Load, &[ReadFrom]),
    table: &TableState,
    standing: &BTreeMap<String, Progress>,
) -> Result<()> {
    let is_asked_for = task.step.decision == Decision::Rebuild(ASKED_FOR.into());
    let Some(before) = task.step.progress.as_ref().filter(|_| settings.keeps_history() && !is_asked_for) else { return Ok(()) };
    let followed = reads.iter().filter(|read| read.table.is_raw() && read.extent == Extent::New && table.rows != Some(0));
    for read in followed {
        let (Some(batch), Some(at)) = (batch_read(&read.step, before), standing.get(&read.step)) else { continue };
        let began_since = matches!(at.inputs.get(TAKEN_OUT), Some(Position::Batch(taken_out)) if *taken_out > batch);
        if at.fingerprint == ALL_FILES || !began_since {
            continue;
        }
        let input = Input::Table {
            name: READ_BEFORE.into(),
            table: read.table.clone(),
            version: None,
            after_batch: None,
            up_to_batch: Some(batch),
            hides_origin: false,
        };
        let reader = Reader { sql: format!("select count(*) as known from {READ_BEFORE}"), inputs: vec![input], file: None };
        if task.ports.engine.query(&reader, 1).await?.single() == Some(&Value::Int(0)) {
            return Err(would_forget(&task.step.name, &read.name));
        }
    }
    Ok(())
}

fn would_forget(model: &str, dataset: &str) -> Error {
    Error::user(format!("building `{model}` anew would lose its history"))
        .code("HW306")
        .because(format!("the raw copy of `{dataset}` has none of the rows that it was built from, and the source tells no history"))
        .help(format!(
            "to keep it: put the folder `raw/{dataset}` of the warehouse back as it was; a new definition may have another model name"
        ))
        .help(format!("to build it from what the source has now: `headworks run {model} --rebuild`"))
}
