//! Promotion: what an environment has built and judged becomes production's, as one version group.
//!
//! Delta commits table by table, so what is to be done is recorded first, all of it; whoever finds the record after a crash carries it on.
//! Every table shows its old or its new version meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{
    Blame, CommitNote, Engine, Error, Ledger, Position, Progress, PromotedFrom, Reader, Result, RunId, RunOutcome, RunRecord, SourceFile,
    StepCommit, StepOutcome, StepRecord, TableName, Targets, Timestamp, VALID_FROM, Value, plural,
};
use serde_json::{Value as Json, json};

use super::extract::note_of_names;
use super::kept::{RawCopy, as_in_production, lost_history_of};
use super::record::outcome_of;
use super::task::{application, version_with};
use super::{Ports, begun, review};
use crate::definition;
use crate::fit::ColumnChanges;
use crate::plan::{Plan, Step, Work};
use crate::position::{FILES, noted};
use crate::project::Project;
use crate::settings::Load;
use crate::versions::note_of_key;

/// An environment that is to be promoted, beside production.
#[derive(Clone, Copy)]
pub struct Building<'a> {
    /// Its project.
    pub project: &'a Project,
    /// What a run of it would do now.
    pub plan: &'a Plan,
    /// Reads its tables.
    pub engine: &'a dyn Engine,
    /// Its ledger.
    pub ledger: &'a dyn Ledger,
    /// Reads production's tables.
    pub production_engine: &'a dyn Engine,
    /// Production's ledger.
    pub production: &'a dyn Ledger,
    /// The databases that show what production's tables show.
    pub targets: &'a dyn Targets,
    /// Whether somebody asked for it that columns, rows or history go which production's tables have.
    pub may_lose: bool,
}

/// What production takes over from an environment.
#[derive(Debug, Default)]
pub struct Promotion {
    /// A step for each table.
    steps: Vec<StepRecord>,
    /// Models that differ from production's and that the environment has not built.
    pub not_built: Vec<String>,
    /// Notes that go with the tables, by name.
    notes: Vec<(String, Json)>,
}

/// How a run of an environment left a step.
struct Built {
    record: StepRecord,
    run: RunId,
    started: Timestamp,
}

impl Promotion {
    /// Whether there is nothing to take over.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Finds out what production would take over.
    ///
    /// # Errors
    /// HW504 where production would lose rows, or decisions about rows, or would get what does not belong to the present code; HW703 where the
    /// last run of the environment was interrupted; HW306 where it would lose rows of files that are gone, or history, HW310 where its
    /// tables would lose columns, and HW207 where a table that shows one of them would not take them, and nobody asked for it. All reasons
    /// at once.
    pub async fn of(building: Building<'_>) -> Result<Self> {
        let Building { project, plan, ledger, production, .. } = building;
        let Some(environment) = &project.environment else { return Err(Error::bug("production cannot be promoted")) };
        let name = environment.name.as_str();
        if let Some(run) = ledger.unfinished()? {
            return Err(Error::user(format!("run {} of `{name}` was interrupted", run.run))
                .code("HW703")
                .help(format!("`headworks run --env {name}` continues it; then promote")));
        }
        let (standing, live) = (ledger.all_progress()?, production.all_progress()?);
        let runs = ledger.runs(usize::MAX)?;
        let mut promotion = Self::default();
        let (mut reasons, mut lost, mut taken_away) = (Vec::new(), Vec::new(), Vec::new());
        let mut stays_behind = false;
        for step in &plan.steps {
            let tried = find(&runs, step, |_| true);
            let failed = tried.filter(|last| !matches!(last.record.outcome, StepOutcome::Published | StepOutcome::Unchanged));
            let built = find(&runs, step, |record| record.outcome == StepOutcome::Published);
            match (failed, &step.progress, built) {
                (Some(failed), ..) => reasons.push(format!("`{}` did not go through there in run {}", step.name, failed.run)),
                (None, Some(at), Some(built)) => {
                    let live = live.get(&step.name);
                    if let Some(reason) = building.loses(step, (at, live), &standing, built.started)? {
                        stays_behind |= has_nothing_to_read(step);
                        reasons.push(reason);
                        continue;
                    }
                    lost.extend(building.forgets(step, (at, live), &standing).await?);
                    let is_unchanged = live.is_some_and(|live| live.fingerprint == at.fingerprint);
                    taken_away.extend(building.takes_columns(step, name, is_unchanged).await?);
                    taken_away.extend(building.cannot_be_delivered(step).await?);
                    promotion.takes(building, step, (at, live), built)?;
                }
                (None, ..) => promotion.not_built.push(step.name.clone()),
            }
        }
        if !reasons.is_empty() {
            return Err(refused(name, reasons, stays_behind));
        }
        if !lost.is_empty() && !building.may_lose {
            return Err(forgetful(name, lost));
        }
        Error::all(taken_away).map_or(Ok(promotion), Err)
    }

    fn takes(&mut self, building: Building<'_>, step: &Step, (at, live): (&Progress, Option<&Progress>), built: Built) -> Result<()> {
        // The batches of a raw copy are told by its windows, so they stay; those of a table go on from whichever is ahead.
        let window = match live {
            Some(live) if !step.table.is_raw() => at.window.max(live.window) + 1,
            _ => at.window,
        };
        let environment = building.plan.environment.clone().unwrap_or_default();
        let fingerprint = building.project.model(&step.name).map_or(&at.fingerprint, |model| &model.fingerprint);
        let version = at.version.unwrap_or_default();
        for name in [note_of_key(&step.table), note_of_names(&step.name), definition::note_of(&step.name)] {
            self.notes.extend(building.ledger.noted(&name)?.map(|note| (name, note)));
        }
        self.steps.push(StepRecord {
            load: "promote".into(),
            window: format!("version {version} of {environment}"),
            is_backfill: false,
            outcome: StepOutcome::Started,
            commit: None,
            progress: Progress { fingerprint: fingerprint.clone(), window, version: None, ..at.clone() },
            promoted: Some(PromotedFrom { environment, version, run: built.run }),
            ..built.record
        });
        Ok(())
    }
}

impl Building<'_> {
    /// Why production would lose something if it took over a step that stands at `at` and, in production, at `live`.
    fn loses(
        self,
        step: &Step,
        (at, live): (&Progress, Option<&Progress>),
        standing: &BTreeMap<String, Progress>,
        built: Timestamp,
    ) -> Result<Option<String>> {
        if let Some(reason) = overtaken(step, at, live, standing) {
            return Ok(Some(reason));
        }
        if live.is_none() {
            return Ok(None);
        }
        decided(self.production, step, built)
    }

    /// What production would lose for good with a step that stands at `at` and, in production, at `live`: rows of files, or history.
    async fn forgets(
        self,
        step: &Step,
        (at, live): (&Progress, Option<&Progress>),
        standing: &BTreeMap<String, Progress>,
    ) -> Result<Option<String>> {
        let (Some(live), Some(environment)) = (live, &self.project.environment) else { return Ok(None) };
        match &step.work {
            Work::Extract { compared: false, .. } => Ok(lacks_files(&step.name, at, live)),
            Work::Build { settings: Load::Snapshot(_), .. } => self.forgets_deliveries(step).await,
            Work::Build { .. } => {
                let raw_copies = standing.iter().map(|(name, at)| (name.as_str(), RawCopy::At(at))).collect();
                let lost = lost_history_of(&as_in_production(environment, step), &raw_copies, self.engine).await?;
                Ok(lost.map(|_| format!("`{}` was built there without the history that it has in production", step.name)))
            }
            _ => Ok(None),
        }
    }

    /// Why production's table of a step would lose columns, where nobody asked for it.
    async fn takes_columns(self, step: &Step, environment: &str, is_unchanged: bool) -> Result<Option<Error>> {
        let Some(model) = self.project.model(&step.name).filter(|_| !self.may_lose) else { return Ok(None) };
        let (there, here) = (self.production_engine.table(&step.table, None).await?, self.engine.table(&step.table, None).await?);
        let (Some(there), Some(here)) = (there, here) else { return Ok(None) };
        Ok(ColumnChanges::of_promotion(&there, &here.columns, is_unchanged).refusal(model, self.production, Some(environment)))
    }

    /// Why the table in a database that shows production's would not take the columns, where nobody asked for it.
    async fn cannot_be_delivered(self, step: &Step) -> Result<Option<Error>> {
        let Some(model) = self.project.model(&step.name).filter(|_| !self.may_lose) else { return Ok(None) };
        let here = self.engine.table(&step.table, None).await?;
        let Some((deliver, here)) = model.settings.deliver.as_ref().zip(here) else { return Ok(None) };
        let refused = self.targets.takes(&deliver.placement(model), &here.columns).await.err();
        // A database that does not answer now is asked again by the next run.
        Ok(refused.filter(|error| error.blame() == Blame::User))
    }

    /// A table of compared deliveries has a history that nobody else may have.
    async fn forgets_deliveries(self, step: &Step) -> Result<Option<String>> {
        if !self.production_engine.has_table(&step.table)? {
            return Ok(None);
        }
        let sql = format!("select cast(min({VALID_FROM}) as varchar) as earliest from {}", step.table.sql());
        let reader = Reader { sql, inputs: vec![], file: None };
        let there = self.production_engine.query(&reader, 1).await?;
        let here = self.engine.query(&reader, 1).await?;
        Ok(match (there.single(), here.single()) {
            (Some(Value::Text(there)), Some(Value::Text(here))) if here <= there => None,
            (Some(Value::Text(there)), _) => {
                Some(format!("the history of `{}` goes back to {there} in production, and not so far there", step.name))
            }
            _ => None,
        })
    }
}

fn find(runs: &[RunRecord], step: &Step, counts: impl Fn(&StepRecord) -> bool) -> Option<Built> {
    runs.iter().find_map(|run| {
        let record = run.steps.iter().find(|record| record.model == step.name && counts(record))?;
        Some(Built { record: record.clone(), run: run.run.clone(), started: run.started })
    })
}

/// Why what was built is not what would be built now, where that would cost production rows.
fn overtaken(step: &Step, at: &Progress, live: Option<&Progress>, standing: &BTreeMap<String, Progress>) -> Option<String> {
    let name = &step.name;
    match &step.work {
        Work::Extract { .. } => {
            live.filter(|live| live.window >= at.window).map(|_| format!("production has extracted more for `{name}` since"))
        }
        // An environment delivers nothing.
        Work::Deliver { .. } | Work::PushDown { .. } => None,
        Work::Build { .. } if at.fingerprint != step.fingerprint => Some(format!("`{name}` has changed since it was built there")),
        Work::Build { reads, .. } => {
            let moved = reads.iter().find(|read| {
                let now = noted(&read.step, &read.table, standing.get(&read.step));
                now.iter().any(|(input, position)| at.inputs.get(input) != Some(position))
            })?;
            Some(format!("`{name}` was built before the last rows of `{}` arrived", moved.step))
        }
    }
}

/// Files of which production has read rows and an environment, whose raw copy stands at `at`, has not.
fn lacks_files(raw_copy: &str, at: &Progress, live: &Progress) -> Option<String> {
    let (Some(Position::Files(here)), Some(Position::Files(there))) = (at.inputs.get(FILES), live.inputs.get(FILES)) else { return None };
    let paths: BTreeSet<&str> = here.iter().map(|file| file.path.as_str()).collect();
    let contents: BTreeSet<&str> = here.iter().filter_map(|file| file.digest.as_deref()).collect();
    let is_here =
        |file: &SourceFile| paths.contains(file.path.as_str()) || file.digest.as_deref().is_some_and(|digest| contents.contains(digest));
    let mut lacking = there.iter().filter(|file| file.bytes > 0 && !file.is_rowless && !is_here(file));
    let first = &lacking.next()?.path;
    let others = match lacking.count() {
        0 => String::new(),
        others => format!(" and {}", plural(others as u64, "other file")),
    };
    Some(format!("`{raw_copy}` has no rows of `{first}`{others} there, which production has read"))
}

/// Whether a person has decided about rows in quarantine of a step's table since the environment built it.
fn decided(production: &dyn Ledger, step: &Step, since: Timestamp) -> Result<Option<String>> {
    let reviews = production.reviews(usize::MAX)?;
    let mut later = reviews.iter().filter(|run| run.started >= since).flat_map(|run| &run.steps);
    let is_decided = later.any(|record| record.model == step.name && record.review.is_some());
    Ok(is_decided.then(|| format!("somebody has decided about rows in quarantine of `{}` since", step.name)))
}

/// Whether a raw copy of an environment has all that its source has: what production has read since is gone from there, or was read here.
fn has_nothing_to_read(step: &Step) -> bool {
    matches!(step.work, Work::Extract { .. }) && !step.decision.may_run()
}

fn refused(environment: &str, reasons: Vec<String>, stays_behind: bool) -> Error {
    let error = Error::user(format!("`{environment}` cannot be promoted as it is")).code("HW504");
    let error = reasons.into_iter().fold(error, Error::because);
    error.help(if stays_behind {
        format!(
            "its sources have nothing more to read: `headworks env drop {environment}`, then `headworks run --env {environment}` begins with what production has read"
        )
    } else {
        format!(
            "`headworks run --env {environment}` brings it up to date (`--rebuild MODEL` where somebody has decided); then promote again"
        )
    })
}

/// Refuses a promotion by which production would lose what its sources have no longer.
fn forgetful(environment: &str, reasons: Vec<String>) -> Error {
    let error = Error::user(format!("production would lose rows or history by promoting `{environment}`")).code("HW306");
    reasons
        .into_iter()
        .fold(error, Error::because)
        .help(format!("to keep them: `headworks env drop {environment}`; then `headworks run --env {environment}` begins with them"))
        .help(format!("if that is meant: `headworks promote {environment} --rebuild`"))
}

/// Publishes in production, as run `run`, what an environment has built.
///
/// # Errors
/// Only where the ledger fails. A table that cannot be taken over is recorded as failed, and so is what comes after it as skipped.
pub async fn promote(project: &Project, promotion: Promotion, run: RunId, ports: Ports<'_>) -> Result<(RunRecord, Option<Error>)> {
    for (name, note) in &promotion.notes {
        ports.ledger.note(name, note)?;
    }
    let mut record = RunRecord { steps: promotion.steps, ..begun(project, run, ports) };
    ports.ledger.begin(&record)?;
    let error = carry_on(project, &mut record, ports).await?;
    Ok((record, error))
}

/// Brings a promotion to its end. What was published already stays as it is.
pub(super) async fn carry_on(project: &Project, record: &mut RunRecord, ports: Ports<'_>) -> Result<Option<Error>> {
    let names: Vec<String> = record.steps.iter().map(|step| step.model.clone()).collect();
    let mut failure: Option<Error> = None;
    for step in record.steps.iter_mut().filter(|step| step.outcome == StepOutcome::Started) {
        if failure.is_some() {
            step.outcome = StepOutcome::Skipped;
        } else if let Err(error) = take_over(project, step, &names, &record.run, ports).await {
            step.outcome = StepOutcome::Failed;
            step.error = Some(error.message().to_owned());
            failure = Some(error);
        }
        ports.ledger.save_step(&record.run, step)?;
        ports.narrator.step_ended(step);
    }
    review::ended(record, ports)?;
    record.outcome = Some(if failure.is_some() { RunOutcome::Failed } else { outcome_of(&record.steps) });
    ports.ledger.end(record)?;
    Ok(failure)
}

/// Takes over one table.
async fn take_over(project: &Project, step: &mut StepRecord, group: &[String], run: &RunId, ports: Ports<'_>) -> Result<()> {
    let Some(from) = step.promoted.clone() else { return Err(Error::bug("a promotion from nowhere")) };
    let begun = ports.clock.now();
    let table = TableName::model(&step.model);
    step.progress.inputs = in_production(step, group, ports)?;
    let mut details = json!({
        "run": run, "project": project.settings.project, "step": step.model, "fingerprint": step.progress.fingerprint, "promoted": from,
        "rules": { "judged": step.verdict.results.len(), "broken": step.verdict.broken().map(|rule| &rule.id).collect::<Vec<_>>() },
    });
    // The commits of the environment, which say what they read, are not production's.
    if let Some(Position::Files(files)) = step.progress.inputs.get(FILES) {
        details["files"] = json!(files.iter().filter(|file| file.bytes > 0).collect::<Vec<_>>());
    }
    let note = CommitNote { application: application(project, &table), window: step.progress.window, details, at: begun };
    let version = match version_with(project, &table, note.window, ports).await? {
        Some(version) => version,
        None => ports.engine.adopt(&table, &from, &note).await?.version,
    };
    step.progress.version = Some(version);
    step.commit = Some(StepCommit { table: step.model.clone(), version });
    step.seconds = (ports.clock.now() - begun).num_milliseconds() as f64 / 1000.0;
    step.outcome = StepOutcome::Published;
    Ok(())
}

/// How far a table has read its inputs, by the numbers that production's tables have: those that were taken over have other ones there.
fn in_production(step: &StepRecord, group: &[String], ports: Ports<'_>) -> Result<BTreeMap<String, Position>> {
    let mut inputs = step.progress.inputs.clone();
    let standing = ports.ledger.all_progress()?;
    for input in group.iter().filter(|input| step.progress.inputs.contains_key(*input)) {
        inputs.extend(noted(input, &TableName::model(input), standing.get(input)));
    }
    Ok(inputs)
}
