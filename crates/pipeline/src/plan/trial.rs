//! Trying the steps of a plan before anything is loaded: what SELECTs, YAML and rules say of columns is held against the columns that
//! their inputs have, or will have. No row is loaded.
//!
//! A table keeps its columns where neither its definition nor the columns of what it reads change, so its SELECT need not be planned, and it
//! stands for itself. Where they do, its SELECT is planned first, and a query with its columns stands for the table in those that read it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use hw_base::{Blame, Column, DatasetName, Error, Input, OnFailure, Placement, Reader, TableName, TableState, Targets, Timestamp};
use hw_validate::TRIED;

use super::foreseen::{self, StandIn, are_same};
use super::together::unknown_partner;
use super::{Asking, Decision, Extent, Parent, Plan, ReadFrom, Step, Work};
use crate::fit::{self, ColumnChanges};
use crate::graph::{Read, is_known, resolved, unknown_table};
use crate::project::Project;
use crate::push_down::{Surroundings, prepare};
use crate::run::{RawCopy, lost_history};
use crate::settings::Load;

/// What the rows of a dataset are called while its rules are tried.
const ROWS: &str = "arriving";

/// How many models are tried, and how many datasets: more would make a plan wait, and a run finds the rest.
const MOST: usize = 200;

/// Tries the models that would be built anew, or that read columns which change, up to 200 of them, and of as many datasets that are loaded
/// whether they still have the columns of their raw copies, and their rules. What cannot succeed is marked so in the plan, and what reads it is
/// left out. Nothing is tried where nobody knows the columns before the run; the plan says so.
pub async fn try_models(project: &Project, asking: Asking<'_>, targets: &dyn Targets, plan: &mut Plan) -> Vec<Error> {
    let planned = plan.steps.iter().map(|step| step.name.clone()).collect();
    let mut trial = Trial { project, asking, targets, foreseen: BTreeMap::new(), made: BTreeMap::new(), planned };
    let mut errors = Vec::new();
    let (mut at, mut models, mut datasets) = (0, 0, 0);
    while at < plan.steps.len() {
        let (before, rest) = plan.steps.split_at_mut(at);
        let next = independent(rest);
        let together = &mut rest[..next];
        for step in together.iter_mut() {
            leave_out(before, step);
        }
        let effort = |step: &Step| {
            let tried = if matches!(step.work, Work::Extract { .. }) { &mut datasets } else { &mut models };
            match (can_be_tried(step) || trial.may_get_other_columns(step), *tried < MOST) {
                (false, _) => Effort::Needless,
                (true, false) => Effort::TooMuch,
                (true, true) => {
                    *tried += 1;
                    Effort::Tried
                }
            }
        };
        let efforts: Vec<Effort> = together.iter().map(effort).collect();
        let found = join_all(together.iter().zip(&efforts).map(|(step, effort)| trial.step(before, step, *effort))).await;
        for (step, found) in together.iter_mut().zip(found) {
            plan.columns.extend((!found.changes.is_empty()).then(|| (step.name.clone(), found.changes)));
            if let Some(error) = found.errors.first().filter(|_| found.stops) {
                step.decision = Decision::Fail(error.message().to_owned());
            }
            if let (Some(note), Decision::Ask(reason)) = (&found.note, &mut step.decision) {
                *reason = format!("{reason}; that would fail: {note}");
            }
            step.rows = step.rows.or(found.rows);
            plan.untried.extend(found.untried.map(|why| (step.name.clone(), why)));
            errors.extend(found.errors);
            let columns = if found.stops { Foreseen::Unknown } else { found.columns };
            if !matches!(columns, Foreseen::Kept) {
                trial.foreseen.insert(step.name.clone(), columns);
            }
            trial.made.extend(found.made.map(|made| (step.name.clone(), made)));
        }
        at += together.len();
    }
    errors
}

/// Whether a step is tried.
#[derive(Clone, Copy)]
enum Effort {
    /// Nothing could be told by it.
    Needless,
    /// It is, unless somebody does not know the columns of what it reads.
    Tried,
    /// So many have been tried that this one is left to the run.
    TooMuch,
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
            Work::Extract { .. } => !matches!(step.decision, Decision::Fail(_)),
            Work::PushDown { .. } | Work::Deliver { .. } => true,
        }
}

struct Trial<'a> {
    project: &'a Project,
    asking: Asking<'a>,
    targets: &'a dyn Targets,
    /// What is known of the tables that do not keep their columns.
    foreseen: BTreeMap<String, Foreseen>,
    /// The columns of the tables whose SELECTs were tried.
    made: BTreeMap<String, Vec<Column>>,
    /// The names of all steps.
    planned: BTreeSet<String>,
}

/// What is known of the columns that a table will have once its step has run.
#[derive(Debug, Default)]
enum Foreseen {
    /// They are those that it has.
    #[default]
    Kept,
    /// They are those of this SELECT.
    Others(StandIn),
    /// Nobody knows before the run.
    Unknown,
}

/// What is wrong with a step.
#[derive(Default)]
struct Found {
    errors: Vec<Error>,
    /// Whether the step cannot succeed.
    stops: bool,
    /// How its columns change.
    changes: Vec<String>,
    /// What is known of the columns that its table will have.
    columns: Foreseen,
    /// The columns of its table, where its SELECT was tried.
    made: Option<Vec<Column>>,
    /// Why its SELECT could not be.
    untried: Option<String>,
    /// The rows that it reads, where they are known.
    rows: Option<u64>,
    /// What keeps it from succeeding, should there be anything to do.
    note: Option<String>,
}

impl Found {
    fn failure(error: Error) -> Self {
        let errors: Vec<Error> = Some(error).filter(|error| error.blame() == Blame::User).into_iter().collect();
        Self { stops: !errors.is_empty(), errors, ..Self::default() }
    }

    fn untried(why: String) -> Self {
        Self { columns: Foreseen::Unknown, untried: Some(why), ..Self::default() }
    }
}

impl Trial<'_> {
    /// Whether what the step reads gets other columns, so that its own table may.
    fn may_get_other_columns(&self, step: &Step) -> bool {
        matches!(step.work, Work::Build { .. })
            && step.decision.may_run()
            && step.after.iter().any(|input| self.foreseen.contains_key(input))
    }

    /// What is surely wrong with a step.
    async fn step(&self, before: &[Step], step: &Step, effort: Effort) -> Found {
        match (effort, &step.work) {
            (Effort::Needless, _) | (Effort::TooMuch, Work::Deliver { .. }) => Found::default(),
            (Effort::TooMuch, Work::Extract { .. }) => Found { columns: Foreseen::Unknown, ..Found::default() },
            (Effort::TooMuch, Work::Build { .. } | Work::PushDown { .. }) => Found::untried(format!("a plan tries {MOST}")),
            (Effort::Tried, Work::Build { .. }) => {
                self.model(before, step).await.unwrap_or_else(|| Found::untried(self.unknown_input(step)))
            }
            (Effort::Tried, Work::Extract { dataset, .. }) => self.dataset(dataset, step).await,
            // Its table is in a database.
            (Effort::Tried, Work::PushDown { .. }) => Found { columns: Foreseen::Unknown, ..self.pushed(step).await },
            (Effort::Tried, Work::Deliver { placement, .. }) => self.delivery(before, step, placement).await,
        }
    }

    /// Why a model cannot be tried.
    fn unknown_input(&self, step: &Step) -> String {
        let is_unknown = |input: &&String| matches!(self.foreseen.get(*input), Some(Foreseen::Unknown));
        let input = step.after.iter().find(is_unknown).map_or("what it reads", String::as_str);
        format!("the columns of {input} are not known before it has run")
    }

    /// What is wrong with a model; `None` where that cannot be known.
    async fn model(&self, before: &[Step], step: &Step) -> Option<Found> {
        let Work::Build { sql, file, reads, parents, .. } = &step.work else { return None };
        let model = self.project.model(&step.name)?;
        let goes_on = !step.anew && step.progress.is_some();
        if !goes_on && let Some(error) = self.lost_history(before, step).await {
            return Some(Found::failure(error));
        }
        let mut inputs = Vec::new();
        for read in reads {
            self.bind(read, &mut inputs)?;
        }
        let reader = Reader { sql: sql.clone(), inputs, file: Some(file.clone()) };
        let engine = self.asking.engine;
        let tried = match engine.tried(&reader).await {
            Ok(columns) => fit::check(model, &reader, &columns, engine).await.map(|()| columns),
            Err(error) => Err(error),
        };
        let columns = match tried {
            Ok(columns) => columns,
            Err(error) => return Some(Found::failure(error)),
        };
        let present = self.present(&step.table).await;
        let mut after = fit::columns_of_table(step, &columns);
        if let Some(present) = present.as_ref().filter(|_| goes_on && !matches!(model.settings.load, Load::Replace)) {
            let is_lacking = |known: &&Column| after.iter().all(|column| column.name != known.name);
            let kept: Vec<Column> = present.columns.iter().filter(is_lacking).cloned().collect();
            after.extend(kept);
        }
        let changes = self.column_changes(step, present.as_ref(), &after).await;
        let refusal = changes.refusal(model, self.asking.ledger, None).filter(|_| fit::guards_columns(self.project, step));
        let found = refusal.map(Found::failure);
        let mut found = if let Some(found) = found { found } else { self.rules(step, &reader, &columns).await };
        for parent in parents {
            let error = self.partner(step, parent).await;
            found.stops |= error.is_some();
            found.errors.extend(error);
        }
        let columns = match StandIn::of_model(&after) {
            _ if present.as_ref().is_some_and(|present| are_same(&present.columns, &after)) => Foreseen::Kept,
            Some(stand_in) => Foreseen::Others(stand_in),
            None => Foreseen::Unknown,
        };
        Some(Found { changes: changes.all, columns, made: Some(after), ..found })
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

    /// Why a table in a database does not take what its model will have, where the model is built before, or the last delivery did not come to
    /// its end. A database that does not answer now is asked again by the run.
    async fn delivery(&self, before: &[Step], step: &Step, placement: &Placement) -> Found {
        let Some(build) = before.iter().rev().find(|build| step.after.contains(&build.name)) else { return Found::default() };
        let version = |step: &Step| step.progress.as_ref().and_then(|progress| progress.version);
        let is_sure = matches!(build.decision, Decision::Run(_) | Decision::Rebuild(_)) || version(build) != version(step);
        let is_to_come = is_sure || build.decision.may_run();
        if !is_to_come || matches!(self.foreseen.get(&build.name), Some(Foreseen::Unknown)) {
            return Found::default();
        }
        let columns = match self.made.get(&build.name) {
            Some(made) => made.clone(),
            None => self.present(&build.table).await.map(|table| table.columns).unwrap_or_default(),
        };
        if columns.is_empty() {
            return Found::default();
        }
        match self.targets.takes(placement, &columns).await {
            Err(error) if is_sure => Found::failure(error),
            Err(error) if error.blame() == Blame::User => Found { note: Some(error.message().to_owned()), ..Found::default() },
            _ => Found::default(),
        }
    }

    /// What is wrong with a rule by which rows wait for rows of another table.
    async fn partner(&self, step: &Step, Parent { rule, read }: &Parent) -> Option<Error> {
        let mut inputs = Vec::new();
        self.bind(read, &mut inputs)?;
        let reader = Reader { sql: format!("select * from {}", read.name), inputs, file: None };
        let columns = self.asking.engine.columns(&reader).await.ok()?;
        unknown_partner(step.rules.iter().find(|known| known.id == *rule)?, &columns)
    }

    /// A table as it is.
    async fn present(&self, table: &TableName) -> Option<TableState> {
        self.asking.engine.table(table, None).await.ok().flatten()
    }

    /// How the columns of a table change that is there.
    async fn column_changes(&self, step: &Step, present: Option<&TableState>, after: &[Column]) -> ColumnChanges {
        // What an environment builds for the first time, people know from production.
        let production = if self.project.environment.is_some() { self.present(&step.table.in_production()).await } else { None };
        let known = if self.project.environment.is_some() { production.as_ref() } else { present };
        known.map(|known| ColumnChanges::to(step, known, after)).unwrap_or_default()
    }

    /// What is wrong with a dataset, as far as its columns tell. What else keeps it from being opened is for the run to tell, but for what stands
    /// wrong in the project.
    async fn dataset(&self, dataset: &DatasetName, step: &Step) -> Found {
        let (stand_in, rows) = match foreseen::raw_copy(dataset, step, self.asking).await {
            Ok(foreseen) => foreseen,
            Err(error) => return unopened(error, step),
        };
        let found = if step.rules.is_empty() { Found::default() } else { self.rules_of(step, stand_in.as_ref()).await };
        Found { columns: stand_in.map_or(Foreseen::Kept, Foreseen::Others), rows, ..found }
    }

    /// What is wrong with the rules of a dataset whose raw copy has other columns after the step, where `stand_in` tells them.
    async fn rules_of(&self, step: &Step, stand_in: Option<&StandIn>) -> Found {
        let mut inputs = Vec::new();
        match stand_in {
            Some(stand_in) => stand_in.bind(ROWS, true, &mut inputs),
            None => inputs.push(whole_table(ROWS, &step.table, true)),
        }
        let reader = Reader { sql: format!("select * from {ROWS}"), inputs, file: None };
        match self.asking.engine.columns(&reader).await {
            Ok(columns) => self.rules(step, &reader, &columns).await,
            Err(_) => Found::default(),
        }
    }

    /// The rules that cannot be judged on rows with these columns.
    async fn rules(&self, step: &Step, reader: &Reader, columns: &[Column]) -> Found {
        let Ok(gate) = fit::gate(step, reader, columns, self.asking.engine).await else { return Found::default() };
        let mut found = Found { stops: gate.stops(), errors: gate.misfits().collect(), ..Found::default() };
        let rows = fit::rows(step, reader, columns);
        for (rule, sql) in gate.tried_sets(step.table.leaf()) {
            if let Some(error) = self.unanswerable(&sql, &rows).await {
                found.stops |= rule.on_failure == OnFailure::Block;
                found.errors.push(rule.cannot_be_judged(&error));
            }
        }
        found
    }

    /// Why a question about rows and other tables is none; `None` where it is one, or where nobody knows before the run.
    async fn unanswerable(&self, sql: &str, rows: &Reader) -> Option<Error> {
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
            if self.bind(&read, &mut inputs).is_none() && self.planned.contains(&read.step) {
                return None;
            }
        }
        let answer = engine.columns(&Reader { sql: sql.to_owned(), inputs, file: None }).await;
        answer.err().filter(|error| error.blame() == Blame::User)
    }

    /// Binds a name of the SELECT to rows with the columns that its table will have; `None` where they are not known.
    fn bind(&self, read: &ReadFrom, inputs: &mut Vec<Input>) -> Option<()> {
        match self.foreseen.get(&read.step) {
            Some(Foreseen::Others(stand_in)) => stand_in.bind(&read.name, read.hides_origin, inputs),
            Some(Foreseen::Unknown) => return None,
            Some(Foreseen::Kept) | None => {
                self.asking.engine.has_table(&read.table).ok().filter(|is_there| *is_there)?;
                inputs.push(whole_table(&read.name, &read.table, read.hides_origin));
            }
        }
        Some(())
    }
}

/// What follows where the source of a step cannot be opened.
fn unopened(error: Error, step: &Step) -> Found {
    let is_misfit = error.known_code() == Some("HW204") && step.progress.is_some() && !step.anew;
    let is_of_project = error.blame() == Blame::User && error.span().is_some();
    if is_misfit || is_of_project { Found::failure(error) } else { Found { columns: Foreseen::Unknown, ..Found::default() } }
}

/// All rows of what a rule names.
fn whole(read: &Read) -> ReadFrom {
    let (table, hides_origin) = match read {
        Read::Model(model) => (TableName::model(model), false),
        Read::Dataset { dataset, with_origin, .. } => (TableName::raw(dataset), !with_origin),
    };
    ReadFrom { name: read.name(), step: table.folder().to_owned(), table, extent: Extent::All, hides_origin }
}

fn whole_table(name: &str, table: &TableName, hides_origin: bool) -> Input {
    Input::Table { name: name.to_owned(), table: table.clone(), version: None, after_batch: None, up_to_batch: None, hides_origin }
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
