//! Trying the steps of a plan before anything is loaded: what SELECTs, YAML and rules say of columns is held against the columns that
//! their inputs have, or will have. No row is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use hw_base::{Blame, Column, DatasetName, Delivery, Error, Input, OnFailure, Reader, TableName, Targets, Timestamp, identifier};
use hw_validate::TRIED;

use super::together::unknown_partner;
use super::{Asking, Decision, Extent, Parent, Plan, ReadFrom, Step, UNREADABLE, Work};
use crate::fit::{self, ColumnChanges};
use crate::graph::{Read, is_known, resolved, unknown_table};
use crate::project::Project;
use crate::push_down::{Surroundings, prepare};
use crate::run::{RawCopy, delivery_going_on, live_rows, lost_history};
use crate::settings::Load;

/// What the rows of a dataset are called while its rules are tried.
const ROWS: &str = "arriving";

/// How many models are tried, and how many datasets: more would make a plan wait, and a run finds the rest.
const MOST: usize = 200;

/// Tries the models that would be built anew, or from something that is, up to 200 of them, and of as many datasets that are loaded whether
/// they still have the columns of their raw copies, and their rules. What cannot succeed is marked so in the plan, and what reads it is left
/// out. Nothing is tried where nobody knows the columns before the run.
pub async fn try_models(project: &Project, asking: Asking<'_>, targets: &dyn Targets, plan: &mut Plan) -> Vec<Error> {
    let planned = plan.steps.iter().map(|step| step.name.clone()).collect();
    let mut trial = Trial { project, asking, targets, columns: BTreeMap::new(), planned, refused: Mutex::default() };
    let mut errors = Vec::new();
    let (mut at, mut models, mut datasets) = (0, 0, 0);
    while at < plan.steps.len() {
        let (before, rest) = plan.steps.split_at_mut(at);
        let next = independent(rest);
        let together = &mut rest[..next];
        for step in together.iter_mut() {
            leave_out(before, step);
        }
        let is_tried = |step: &Step| {
            let tried = if matches!(step.work, Work::Extract { .. }) { &mut datasets } else { &mut models };
            let is_tried = (can_be_tried(step) || trial.may_get_other_columns(before, step)) && *tried < MOST;
            *tried += usize::from(is_tried);
            is_tried
        };
        let are_tried: Vec<bool> = together.iter().map(is_tried).collect();
        let found = join_all(together.iter().zip(are_tried).map(|(step, is_tried)| trial.step(before, step, is_tried))).await;
        for (step, found) in together.iter_mut().zip(found) {
            plan.columns.extend((!found.changes.is_empty()).then(|| (step.name.clone(), found.changes)));
            if let Some(error) = found.errors.first().filter(|_| found.stops) {
                step.decision = Decision::Fail(error.message().to_owned());
            }
            errors.extend(found.errors);
            trial.columns.extend(found.columns.map(|columns| (step.name.clone(), columns)));
        }
        at += together.len();
    }
    let refused = trial.refused.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (dataset, error) in &refused {
        stop(plan, TableName::raw(dataset).folder(), error);
    }
    errors.into_iter().chain(refused.into_values()).collect()
}

/// How many steps may be tried at the same time.
const AT_ONCE: usize = 8;

/// How many of the next steps can be tried at the same time: models that read nothing of each other. One whose rules look at other tables is tried
/// alone, after these; and so is what asks a source or a database, which are not asked many things at once.
fn independent(steps: &[Step]) -> usize {
    let is_model = |step: &&Step| matches!(step.work, Work::Build { .. }) && !step.rules.iter().any(hw_validate::Rule::looks_elsewhere);
    let reads_none_of = |step: &Step, others: &[Step]| others.iter().all(|other| !step.after.contains(&other.name));
    let models = steps.iter().take(AT_ONCE).take_while(is_model).enumerate();
    models.take_while(|(at, step)| reads_none_of(step, &steps[..*at])).count().max(1)
}

/// How the reason ends for which a step is left out.
const UNBUILDABLE: &str = " cannot be built";

/// Leaves out a step whose input cannot be built, or is left out for that.
fn leave_out(before: &[Step], step: &mut Step) {
    if !step.decision.may_run() {
        return;
    }
    let unbuildable = |input: &Step| match &input.decision {
        Decision::Fail(_) => Some(format!("{}{UNBUILDABLE}", input.name)),
        Decision::Skip(reason) if reason.ends_with(UNBUILDABLE) => Some(reason.clone()),
        _ => None,
    };
    if let Some(reason) = before.iter().filter(|input| step.after.contains(&input.name)).find_map(unbuildable) {
        step.decision = Decision::Skip(reason);
    }
}

/// Whether trying a step may tell something.
fn can_be_tried(step: &Step) -> bool {
    step.decision.may_run()
        && match &step.work {
            Work::Build { .. } => matches!(step.decision, Decision::Rebuild(_)),
            // A source that cannot be listed is not waited for again.
            Work::Extract { .. } if matches!(step.decision, Decision::Fail(_)) => false,
            Work::Extract { .. } => !step.rules.is_empty() || step.progress.is_some(),
            Work::PushDown { .. } => true,
            Work::Deliver { .. } => false,
        }
}

/// Marks a dataset as one that cannot be read, and leaves out what reads it.
fn stop(plan: &mut Plan, name: &str, error: &Error) {
    let mut stopped = vec![name.to_owned()];
    for step in &mut plan.steps {
        if step.name == name {
            step.decision = Decision::Fail(error.message().to_owned());
        } else if step.decision.may_run() && step.after.iter().any(|input| stopped.contains(input)) {
            step.decision = Decision::Skip(format!("{name}{UNREADABLE}"));
            stopped.push(step.name.clone());
        }
    }
}

struct Trial<'a> {
    project: &'a Project,
    asking: Asking<'a>,
    targets: &'a dyn Targets,
    /// The columns of the models that were tried.
    columns: BTreeMap<String, Vec<Column>>,
    /// The names of all steps.
    planned: BTreeSet<String>,
    /// Datasets that cannot be opened because of what the project says about them.
    refused: Mutex<BTreeMap<DatasetName, Error>>,
}

/// What is wrong with a step.
#[derive(Default)]
struct Found {
    errors: Vec<Error>,
    /// Whether the step cannot succeed.
    stops: bool,
    /// How its columns change.
    changes: Vec<String>,
    /// The columns that it makes, where they are known.
    columns: Option<Vec<Column>>,
}

impl Found {
    fn failure(error: Error) -> Self {
        let errors: Vec<Error> = Some(error).filter(|error| error.blame() == Blame::User).into_iter().collect();
        Self { stops: !errors.is_empty(), errors, ..Self::default() }
    }
}

impl Trial<'_> {
    /// Whether the table of a step is replaced as ever, but one that it reads is made anew and may get other columns.
    fn may_get_other_columns(&self, before: &[Step], step: &Step) -> bool {
        let is_made_anew = |input: &Step| input.anew || input.progress.is_none() || self.columns.contains_key(&input.name);
        matches!(&step.work, Work::Build { settings: Load::Replace, .. })
            && step.decision.may_run()
            && before.iter().any(|input| step.after.contains(&input.name) && is_made_anew(input))
    }

    /// What is surely wrong with a step.
    async fn step(&self, before: &[Step], step: &Step, is_tried: bool) -> Found {
        let tried = match &step.work {
            _ if !is_tried => None,
            Work::Build { .. } => self.model(before, step).await,
            Work::Extract { dataset, .. } => self.dataset(before, dataset, step).await,
            Work::PushDown { .. } => Some(self.pushed(step).await),
            Work::Deliver { .. } => None,
        };
        tried.unwrap_or_default()
    }

    /// What is wrong with a model; `None` where that cannot be known.
    async fn model(&self, before: &[Step], step: &Step) -> Option<Found> {
        let Work::Build { sql, file, reads, parents, .. } = &step.work else { return None };
        let model = self.project.model(&step.name)?;
        if let Some(error) = self.lost_history(before, step).await {
            return Some(Found::failure(error));
        }
        let mut inputs = Vec::new();
        for read in reads {
            self.bind(before, read, &mut inputs).await?;
        }
        let reader = Reader { sql: sql.clone(), inputs, file: Some(file.clone()) };
        let engine = self.asking.engine;
        let tried = match engine.columns(&reader).await {
            Ok(columns) => fit::check(model, &reader, &columns, engine).await.map(|()| columns),
            Err(error) => Err(error),
        };
        let columns = match tried {
            Ok(columns) => columns,
            Err(error) => return Some(Found::failure(error)),
        };
        let later_by = model.settings.follow.values().next().map(String::as_str);
        let added = model.settings.added(&columns, later_by);
        let made = columns.iter().cloned().chain(added).collect();
        let changes = self.column_changes(step, &columns).await;
        let refusal = changes.refusal(model, self.asking.ledger, None).filter(|_| fit::guards_columns(self.project, step));
        let found = refusal.map(Found::failure);
        let mut found = if let Some(found) = found { found } else { self.rules(before, step, &reader, &columns).await };
        for parent in parents {
            let error = self.partner(before, step, parent).await;
            found.stops |= error.is_some();
            found.errors.extend(error);
        }
        Some(Found { changes: changes.all, columns: Some(made), ..found })
    }

    /// Why a model with history is not built anew.
    async fn lost_history(&self, before: &[Step], step: &Step) -> Option<Error> {
        let raw_copies = before.iter().filter_map(|input| Some((input.name.as_str(), RawCopy::planned(input)?))).collect();
        lost_history(self.project, step, &raw_copies, self.asking.engine).await.ok()?
    }

    /// What keeps a model from being built inside its database.
    async fn pushed(&self, step: &Step) -> Found {
        let Asking { engine, sources, ledger } = self.asking;
        let around = Surroundings { engine, sources, ledger, now: Timestamp::default(), run: "" };
        let prepared = match prepare(self.project, step, around).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Found::default(),
            Err(error) => return Found::failure(error),
        };
        let answered = match self.targets.try_push_down(&prepared.order).await {
            Ok(answered) => answered,
            Err(error) => return Found::failure(error),
        };
        let open = prepared.refuse_open(&answered).err();
        let stops = prepared.gate.stops() || open.is_some();
        Found { stops, errors: prepared.gate.misfits().chain(open).collect(), ..Found::default() }
    }

    /// What is wrong with a rule by which rows wait for rows of another table.
    async fn partner(&self, before: &[Step], step: &Step, Parent { rule, read }: &Parent) -> Option<Error> {
        let mut inputs = Vec::new();
        self.bind(before, read, &mut inputs).await?;
        let reader = Reader { sql: format!("select * from {}", read.name), inputs, file: None };
        let columns = self.asking.engine.columns(&reader).await.ok()?;
        unknown_partner(step.rules.iter().find(|known| known.id == *rule)?, &columns)
    }

    /// How the columns of a table change that is there.
    async fn column_changes(&self, step: &Step, columns: &[Column]) -> ColumnChanges {
        // What an environment builds for the first time, people know from production.
        let known = if self.project.environment.is_some() { step.table.in_production() } else { step.table.clone() };
        let present = self.asking.engine.table(&known, None).await.ok().flatten();
        present.map(|present| ColumnChanges::of(step, &present, columns)).unwrap_or_default()
    }

    /// What is wrong with a dataset; `None` where that cannot be known.
    async fn dataset(&self, before: &[Step], dataset: &DatasetName, step: &Step) -> Option<Found> {
        match self.unfit(dataset, step).await {
            Some(error) => Some(Found::failure(error)),
            None if step.rules.is_empty() => None,
            None => self.rules_of(before, dataset, step).await,
        }
    }

    /// Why what arrives does not fit to the raw copy that it would join, as far as its columns tell. What else keeps it from being opened is
    /// for the run to tell.
    async fn unfit(&self, dataset: &DatasetName, step: &Step) -> Option<Error> {
        let delivery = delivery_going_on(step, self.asking).await.ok()??;
        let opened = self.asking.sources.open(dataset, &delivery).await;
        opened.err().filter(|error| error.known_code() == Some("HW204"))
    }

    /// What is wrong with the rules of a dataset.
    async fn rules_of(&self, before: &[Step], dataset: &DatasetName, step: &Step) -> Option<Found> {
        let mut inputs = Vec::new();
        let rows = self.live(dataset, ROWS, &mut inputs).await?;
        inputs.push(rows);
        let reader = Reader { sql: format!("select * from {ROWS}"), inputs, file: None };
        let columns = self.asking.engine.columns(&reader).await.ok()?;
        Some(self.rules(before, step, &reader, &columns).await)
    }

    /// The rules that cannot be judged on rows with these columns.
    async fn rules(&self, before: &[Step], step: &Step, reader: &Reader, columns: &[Column]) -> Found {
        let Ok(gate) = fit::gate(step, reader, columns, self.asking.engine).await else { return Found::default() };
        let mut found = Found { stops: gate.stops(), errors: gate.misfits().collect(), ..Found::default() };
        let rows = fit::rows(step, reader, columns);
        for (rule, sql) in gate.tried_sets(step.table.leaf()) {
            if let Some(error) = self.unanswerable(before, &sql, &rows).await {
                found.stops |= rule.on_failure == OnFailure::Block;
                found.errors.push(rule.cannot_be_judged(&error));
            }
        }
        found
    }

    /// Why a question about rows and other tables is none; `None` where it is one, or where nobody knows before the run.
    async fn unanswerable(&self, before: &[Step], sql: &str, rows: &Reader) -> Option<Error> {
        let engine = self.asking.engine;
        let mut inputs = rows.inputs.clone();
        inputs.push(Input::Query { name: TRIED.into(), sql: rows.sql.clone() });
        for reference in engine.reads(sql, None).ok()? {
            let name = reference.parts.join(".");
            if inputs.iter().any(|input| input.name() == name) {
                continue;
            }
            let Some(read) = resolved(self.project, &name).map(|read| whole(&read)) else {
                if is_known(self.project, engine, &reference.parts).ok()? {
                    continue;
                }
                return Some(unknown_table(self.project, "", &reference));
            };
            if self.bind(before, &read, &mut inputs).await.is_none() && self.planned.contains(&read.step) {
                return None;
            }
        }
        let answer = engine.columns(&Reader { sql: sql.to_owned(), inputs, file: None }).await;
        answer.err().filter(|error| error.blame() == Blame::User)
    }

    /// Binds a name of the SELECT to rows with the columns that the step before will have; `None` where they are not known.
    async fn bind(&self, before: &[Step], read: &ReadFrom, inputs: &mut Vec<Input>) -> Option<()> {
        let step = before.iter().find(|step| step.name == read.step);
        // What production has is no step of an environment.
        let is_settled =
            step.is_none_or(|step| matches!(step.decision, Decision::Skip(_))) && self.asking.engine.has_table(&read.table).ok()?;
        if is_settled {
            inputs.push(whole_table(read));
            return Some(());
        }
        let step = step?;
        let rows = match &step.work {
            Work::Extract { dataset, .. } if read.hides_origin => self.live(dataset, &read.name, inputs).await?,
            Work::Extract { .. } | Work::Deliver { .. } | Work::PushDown { .. } => return None,
            Work::Build { .. } => Input::Query { name: read.name.clone(), sql: nulls(self.columns.get(&step.name)?)? },
        };
        inputs.push(rows);
        Some(())
    }

    /// The rows that a source has. Why it cannot be opened is for the run to tell, but for what stands wrong in the project.
    async fn live(&self, dataset: &DatasetName, name: &str, inputs: &mut Vec<Input>) -> Option<Input> {
        match self.asking.sources.open(dataset, &Delivery::default()).await {
            Ok(delivered) => Some(live_rows(name, &delivered, &[], inputs)),
            Err(error) => {
                if error.blame() == Blame::User && error.span().is_some() {
                    self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(dataset.clone(), error);
                }
                None
            }
        }
    }
}

/// All rows of what a rule names.
fn whole(read: &Read) -> ReadFrom {
    let (table, hides_origin) = match read {
        Read::Model(model) => (TableName::model(model), false),
        Read::Dataset { dataset, with_origin, .. } => (TableName::raw(dataset), !with_origin),
    };
    ReadFrom { name: read.name(), step: table.folder().to_owned(), table, extent: Extent::All, hides_origin }
}

fn whole_table(read: &ReadFrom) -> Input {
    Input::Table {
        name: read.name.clone(),
        table: read.table.clone(),
        version: None,
        after_batch: None,
        up_to_batch: None,
        hides_origin: read.hides_origin,
    }
}

/// A SELECT of one row without values in these columns; `None` where SQL has no word for a type.
fn nulls(columns: &[Column]) -> Option<String> {
    let is_named = |column: &Column| !column.sql_type.contains('(') || column.sql_type.starts_with("decimal(");
    let cast = |column: &Column| format!("cast(null as {}) as {}", column.sql_type, identifier(&column.name));
    columns.iter().all(is_named).then(|| format!("select {}", columns.iter().map(cast).collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, after: &[&str], decision: Decision) -> Step {
        let (sql, file) = (String::new(), String::new());
        let partition_by = vec![];
        let work =
            Work::Build { sql, file, settings: Load::Replace, partition_by, later_by: None, infers: false, reads: vec![], parents: vec![] };
        let after = after.iter().map(|name| (*name).to_owned()).collect();
        Step { after, ..Step::idle(TableName::model(name), "replace", decision, None, work) }
    }

    #[test]
    fn what_reads_a_step_that_is_left_out_is_left_out_too() {
        let first_load = || Decision::Rebuild("first load".into());
        let mut steps = [
            step("fact", &[], Decision::Fail("no key".into())),
            step("daily", &["fact"], first_load()),
            step("yearly", &["daily"], first_load()),
            step("other", &["raw/shop.orders"], first_load()),
            step("known", &["fact"], Decision::Skip("no input changed".into())),
            step("of_known", &["known"], first_load()),
        ];
        for at in 0..steps.len() {
            let (before, rest) = steps.split_at_mut(at);
            leave_out(before, &mut rest[0]);
        }
        let reasons: Vec<&str> = steps.iter().map(|step| step.decision.reason()).collect();
        assert_eq!(reasons, ["no key", "fact cannot be built", "fact cannot be built", "first load", "no input changed", "first load"]);
    }
}
