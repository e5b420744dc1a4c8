//! What a person decides about rows in quarantine: a run of one step, through the same gate and the same commit as every load.
//!
//! Released rows enter the table as if they had never been held back. Where the table cannot tell where a row belongs that arrived
//! earlier, because the order of arrival decides, it is built anew; the engine goes by the decision then as in every later rebuild.

use hw_base::{
    Error, Input, LoadMode, Position, Progress, Reader, Result, Review, ReviewRecord, Ruling, RunId, RunRecord, StepRecord, TableName,
    Together,
};
use hw_validate::Rule;

use super::load::{self, Batch};
use super::record::{Halt, outcome_of, standing, started};
use super::task::Task;
use super::{Ports, begun, build, malformed};
use crate::plan::{Decision, Plan, Step, Work};
use crate::position::{LAST_COPY, TAKEN_OUT, last_copy};
use crate::project::Project;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The table whose rows wait.
    pub table: TableName,
    /// What is decided.
    pub review: Review,
    /// Who decides.
    pub who: String,
    /// Which rows, as it was asked for.
    pub selector: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is only tried: staged, judged and removed again.
    pub is_trial: bool,
}

/// Carries out as run `run` what a person decides.
///
/// # Errors
/// HW604 where the table has to be loaded first, and where the ledger fails. A decision that the gate refuses is recorded.
pub async fn review(project: &Project, plan: &Plan, asked: &Asked, run: RunId, ports: Ports<'_>) -> Result<(RunRecord, Vec<Error>)> {
    let step = step_of(plan, asked)?;
    let mut record = begun(project, run, ports);
    if !asked.is_trial {
        ports.ledger.begin(&record)?;
    }
    let outcome =
        carry_out(Task { project, step: &step, run: &record.run, ports, is_repeated: false, windows: None, place: None }, asked).await;
    let (done, error) = match outcome {
        Ok(done) => (done, None),
        Err(halt) => halt.record(&step),
    };
    record.steps = vec![done];
    ended(&mut record, ports)?;
    if !asked.is_trial {
        ports.ledger.save_step(&record.run, &record.steps[0])?;
        ports.ledger.end(&record)?;
    }
    Ok((record, error.into_iter().collect()))
}

/// Notes down how a run ended that was about rows in quarantine.
pub(super) fn ended(record: &mut RunRecord, ports: Ports<'_>) -> Result<()> {
    record.ended = Some(ports.clock.now());
    record.outcome = Some(outcome_of(&record.steps));
    let standing = ports.ledger.all_progress()?.into_iter();
    record.version_group = standing.filter_map(|(name, progress)| Some((name, progress.version?))).collect();
    let own = record.steps.iter().filter_map(|step| step.commit.as_ref());
    record.version_group.extend(own.map(|commit| (commit.table.clone(), commit.version)));
    Ok(())
}

/// The step that makes the table, as it stands.
fn step_of(plan: &Plan, asked: &Asked) -> Result<Step> {
    let table = &asked.table;
    let step = plan.steps.iter().find(|step| step.table == *table);
    let step =
        step.ok_or_else(|| Error::user(format!("no model and no dataset that a model reads is named `{}`", table.leaf())).code("HW302"))?;
    let first = match &step.decision {
        Decision::Rebuild(reason) | Decision::Fail(reason) => Some(reason.as_str()),
        _ if step.progress.is_none() => Some("no run has loaded it"),
        _ => None,
    };
    if let Some(reason) = first {
        return Err(Error::user(format!("`{}` has to be loaded before rows in its quarantine are decided about", table.leaf()))
            .code("HW604")
            .because(reason)
            .help("`headworks run` does it; then look again at what waits"));
    }
    let firsts = step.rules.iter().filter_map(Rule::set_watch).filter(|set| matches!(set.asks, Together::First { .. })).count();
    let anew = match asked.review.ruling {
        // A row that waits may be the first that another one repeats in other columns.
        Ruling::Dropped => firsts > 1,
        Ruling::Vouched { .. } | Ruling::Repaired(_) => firsts > 0 || needs_order_of_arrival(step)?,
    };
    Ok(Step { decision: Decision::Rebuild("rows in quarantine are decided about".into()), anew, ..step.clone() })
}

/// Whether nobody can tell where a row belongs in the table that arrived earlier than rows which are there.
fn needs_order_of_arrival(step: &Step) -> Result<bool> {
    let Work::Build { settings, later_by, .. } = &step.work else { return Ok(false) };
    Ok(match settings.mode(later_by.clone())? {
        LoadMode::Append { key } => !key.is_empty(),
        LoadMode::Upsert { later_by, .. } => later_by.is_none(),
        // A row that is released belongs to a partition that may have been built since.
        LoadMode::Recompute { .. } => true,
        LoadMode::Replace | LoadMode::History(_) => false,
    })
}

async fn carry_out(task: Task<'_>, asked: &Asked) -> Result<StepRecord, Halt> {
    let failed = |error| Halt::Failed(error, Box::new(described(started(task.step, standing(task.step)), task, asked)));
    let mut batch = match &task.step.work {
        Work::Build { .. } => of_model(task, asked).await,
        Work::Extract { .. } => of_dataset(task, asked).await,
        Work::Deliver { .. } => Err(Error::bug("a delivery has no rows in quarantine")),
        Work::PushDown { .. } => Err(kept_elsewhere(task)),
    }
    .map_err(failed)?;
    let record = described(started(task.step, batch.progress.clone()), task, asked);
    load::brought_to_its_end(task, &mut batch, record).await
}

fn kept_elsewhere(task: Task<'_>) -> Error {
    let name = &task.step.name;
    Error::user(format!("rows in the quarantine of `{name}` cannot be decided about here"))
        .code("HW604")
        .because("they lie beside its table, in `headworks_quarantine` of its database")
        .help("mend them where they come from, or in the SELECT: every run judges all rows anew")
}

fn described(record: StepRecord, task: Task<'_>, asked: &Asked) -> StepRecord {
    let review = ReviewRecord {
        who: asked.who.clone(),
        selector: asked.selector.clone(),
        ruling: asked.review.ruling.clone(),
        rows: 0,
        builds_anew: task.step.anew,
        reason: asked.reason.clone(),
    };
    let load = if asked.review.ruling == Ruling::Dropped { "drop" } else { "release" };
    StepRecord { load: load.into(), window: asked.selector.clone(), review: Some(review), ..record }
}

/// The rows in quarantine of a model as a batch.
async fn of_model(task: Task<'_>, asked: &Asked) -> Result<Batch> {
    let Some(mut batch) = build::prepare(task).await? else { return Err(Error::bug("a model without a batch")) };
    batch.staging.review = Some(asked.review.clone());
    batch.staging.retries = false;
    batch.rows_let_in = 0;
    batch.is_trial = asked.is_trial;
    if !task.step.anew {
        batch.staging.is_rebuild = false;
        if batch.staging.mode == LoadMode::Replace {
            batch.staging.mode = LoadMode::Append { key: vec![] };
        }
        batch.progress.inputs = standing(task.step).inputs;
    }
    Ok(batch)
}

/// The rows in quarantine of a dataset as a batch. They come into the batch of the raw copy with which they arrived, so whoever reads it by
/// batches has to read it anew.
async fn of_dataset(task: Task<'_>, asked: &Asked) -> Result<Batch> {
    let table = &task.step.table;
    let Some(state) = task.table().await? else { return Err(Error::bug("a raw copy without a table")) };
    let window = task.next_window(Some(&state))?;
    let tells_files = state.columns.iter().any(|column| column.name == "_file");
    let malformed = if tells_files { ", cast(null as varchar) as _malformed" } else { "" };
    let rows = Input::Table {
        name: "raw_rows".into(),
        table: table.clone(),
        version: None,
        after_batch: None,
        up_to_batch: None,
        hides_origin: false,
    };
    let reader = Reader { sql: format!("select *{malformed} from raw_rows"), inputs: vec![rows], file: None };
    let mut staging = task.staging(window, reader);
    staging.partition_by = vec![("_batch".into(), "_batch".into())];
    let mut review = asked.review.clone();
    if tells_files {
        staging.hidden = vec!["_malformed".into()];
        staging.watch.rows.push(malformed::watch_malformed());
        // Who gives a record its values has made a row of it.
        if let Ruling::Repaired(values) = &mut review.ruling {
            values.push(("_malformed".into(), "null".into()));
        }
    }
    staging.review = Some(review);
    let before = standing(task.step);
    let mut progress = Progress { window, ..before.clone() };
    if task.step.work.copies_whole() {
        progress.inputs.insert(LAST_COPY.into(), Position::Batch(last_copy(&before)));
    }
    if asked.review.ruling != Ruling::Dropped {
        progress.inputs.insert(TAKEN_OUT.into(), Position::Batch(window));
    }
    Ok(Batch {
        staging,
        progress,
        delivery: None,
        is_trial: asked.is_trial,
        window: None,
        columns: None,
        uneven_columns: vec![],
        rows_let_in: 0,
    })
}
