//! `headworks backfill`: builds windows of tables from what their inputs hold.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Error, Result, RunId, RunRecord, StepOutcome, count, plural};
use hw_ledger::RunLock;
use hw_pipeline::{
    Asking, Plan, Ports, Selected, Selection, Step, Work, close, exit_code, fill, left_out, plan, recover, run, targets, windows_left,
};
use serde_json::{Value as Json, json};

use super::run::{ToTerminal, stop};
use super::{Command, Common, at_least_one, described, named, read, selected};
use crate::house::House;
use crate::interruption::Interruption;
use crate::machine::{self, SystemClock};
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Backfill;

/// What goes on after an interruption.
const REMEDY: &str = "the same `headworks backfill` goes on";

#[derive(Args)]
struct Arguments {
    /// Only these models, after everything they read is loaded; `MODEL+` adds what reads them and has windows. All that have windows where
    /// none is named
    #[arg(value_name = "MODEL", value_parser = named, conflicts_with = "select")]
    models: Vec<Selected>,
    /// Only this: `NAME`, with the models it reads as they are; `+NAME`, after these are loaded; `NAME+`, with those that read it and have
    /// windows. May be given several times
    #[arg(long, value_name = "SELECTION", value_parser = selected)]
    select: Vec<Selected>,
    /// The first day
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The last day
    #[arg(long, value_name = "DAY")]
    to: String,
    /// How many windows to build at a time, in one commit
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    parallel: usize,
    #[command(flatten)]
    common: Common,
}

impl Command for Backfill {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "backfill",
            "Build the months, days or years of tables anew from their inputs",
            "Examples:\n  headworks backfill --from 2025-01-01 --to 2025-06-30\n  headworks backfill monthly_sales --from 2025-01-01 --to 2025-06-30 --parallel 4\n  headworks backfill monthly_sales+ --from 2025-01-01 --to 2025-06-30",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::open(&terminal.root)?;
            let selection = Selection { models: [arguments.models, arguments.select].concat(), rebuild: false };
            let asked = hw_pipeline::Backfill { selection, from: arguments.from, to: arguments.to };
            let targets = targets(&house.project, &house.engine, &asked)?;
            tell_left_out(&left_out(&house.project, &asked), terminal);
            let fresh = fresh();
            let _lock = RunLock::take(house.state(), &fresh)?;
            let narrator = ToTerminal::new(terminal);
            let ports = house.ports(&narrator);
            let filling = Filling { house: &house, terminal, ports, targets: &targets, at_once: arguments.parallel };
            let interruption = Interruption::awaited(&fresh, REMEDY, terminal);
            let done = tokio::select! {
                done = filling.all() => done?,
                () = interruption.comes() => return Err(stop(&house, &fresh, ports, REMEDY).await),
            };
            filling.told(&done)
        })
    }
}

/// Says which models a backfill of all models leaves out.
fn tell_left_out(models: &[&str], terminal: &Terminal) {
    if !models.is_empty() {
        let (models, help) = (models.join(", "), "`partition_by: month(column)`, `year` or `day` alone gives a model windows");
        terminal.say(format!("left out, because its partitions are not made of time alone: {models}; {help}"));
    }
}

fn fresh() -> RunId {
    let now = SystemClock.now();
    machine::next_run_id(now)
}

/// A backfill that goes on.
struct Filling<'a> {
    house: &'a House,
    terminal: &'a Terminal,
    ports: Ports<'a>,
    /// The models, each with its windows.
    targets: &'a [(Selected, Vec<String>)],
    at_once: usize,
}

/// What a backfill has done.
#[derive(Default)]
struct Done {
    runs: Vec<RunRecord>,
    errors: Vec<Error>,
    /// Per model how many windows there were, how many had been built before, and how many are built now.
    windows: Vec<(String, usize, usize, usize)>,
}

impl Done {
    /// Keeps a run; whether the backfill may go on.
    fn keep(&mut self, (record, errors): (RunRecord, Vec<Error>)) -> bool {
        let goes_on = exit_code(&record, &errors) == 0;
        self.runs.push(record);
        self.errors.extend(errors);
        goes_on
    }
}

impl Filling<'_> {
    /// Brings a run that was killed to its end, loads what the models read, then builds their windows one after the other. It ends with the
    /// first that does not go through.
    async fn all(&self) -> Result<Done> {
        if let Some(killed) = recover(&self.house.project, self.ports).await? {
            close(killed, self.ports)?;
        }
        let mut done = Done::default();
        for (at, (model, windows)) in self.targets.iter().enumerate() {
            let Some(step) = Box::pin(self.after_what_it_reads(model, at == 0, &mut done)).await? else { break };
            if !Box::pin(self.model(&step, windows, &mut done)).await? {
                break;
            }
        }
        Ok(done)
    }

    /// Loads what a model reads, but for what the backfill itself fills, and returns the step of the model; `None` where that fails. The
    /// sources are asked once, before the first model, and for all.
    async fn after_what_it_reads(&self, model: &Selected, is_first: bool, done: &mut Done) -> Result<Option<Step>> {
        let (project, Ports { engine, sources, ledger, .. }) = (&self.house.project, self.ports);
        let asking = Asking { engine, sources, ledger };
        let targets = || self.targets.iter().map(|(target, _)| target);
        let selection = Selection { models: targets().filter(|target| is_first || *target == model).cloned().collect(), rebuild: false };
        let own = |planned: &Plan| planned.steps.iter().find(|step| step.name == model.name()).cloned();
        let mut planned = plan(project, asking, &selection).await?;
        let step = own(&planned);
        // What is delivered, no window needs.
        let is_needed = |step: &Step| (is_first || !step.table.is_raw()) && !matches!(step.work, Work::Deliver { .. });
        planned.steps.retain(|step| is_needed(step) && targets().all(|target| target.name() != step.name));
        if !planned.steps.iter().any(|step| step.decision.may_run()) {
            return Ok(step);
        }
        if !done.keep(run(project, &planned, fresh(), None, self.ports).await?) {
            return Ok(None);
        }
        Ok(own(&plan(project, asking, &selection).await?))
    }

    async fn model(&self, step: &Step, windows: &[String], done: &mut Done) -> Result<bool> {
        let left = windows_left(step, windows, self.ports)?;
        let known = windows.len() - left.len();
        done.windows.push((step.name.clone(), windows.len(), known, 0));
        let words = plural(windows.len() as u64, "window");
        self.terminal.say(match known {
            0 => format!("{}: {words}", step.name),
            known => format!("{}: {words}, {} built before from the same rows", step.name, count(known as u64)),
        });
        for part in left.chunks(self.at_once) {
            let filled = Box::pin(fill(&self.house.project, step, part, fresh(), self.ports)).await?;
            self.tell(&filled.0, known, windows.len(), part.len(), done);
            if !done.keep(filled) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells how a part of the windows ended.
    fn tell(&self, record: &RunRecord, known: usize, all: usize, part: usize, done: &mut Done) {
        let Some((step, windows)) = record.steps.first().zip(done.windows.last_mut()) else { return };
        self.terminal.clear();
        if matches!(step.outcome, StepOutcome::Published | StepOutcome::Unchanged) {
            windows.3 += part;
        }
        if self.terminal.format == Format::Text {
            self.terminal.lines(report::step_lines(step, self.terminal));
            self.terminal.line(format!("    {} of {}", count((known + windows.3) as u64), plural(all as u64, "window")));
        }
    }

    /// Prints the result, and returns the exit code.
    fn told(&self, done: &Done) -> Result<u8> {
        let codes = done.runs.iter().map(|run| exit_code(run, &[])).chain(done.errors.iter().map(exit_code_of));
        let code = codes.max().unwrap_or_default();
        if self.terminal.format == Format::Json {
            let models: Vec<Json> = done
                .windows
                .iter()
                .map(|(model, all, known, built)| json!({ "model": model, "windows": all, "built_before": known, "built": built }))
                .collect();
            let runs: Vec<Json> = done.runs.iter().map(report::json::run_record).collect();
            let errors = report::json::all(&done.errors);
            let json = json!({ "schema_version": "1", "models": models, "runs": runs, "errors": errors, "exit_code": code });
            return self.terminal.json(&json).map(|()| code);
        }
        for error in &done.errors {
            self.terminal.error(error, code);
        }
        if code == 0 {
            let changed = done.runs.iter().flat_map(|run| &run.steps).filter(|step| step.outcome == StepOutcome::Published).count();
            self.terminal.line(if changed == 0 { "all windows are as they were".to_owned() } else { "all windows are built".to_owned() });
        } else {
            self.terminal.line("what is built stays; the same command goes on where it stopped");
        }
        Ok(code)
    }
}

fn exit_code_of(error: &Error) -> u8 {
    match error.blame() {
        hw_base::Blame::User => 2,
        hw_base::Blame::Outside => 3,
        hw_base::Blame::Headworks => 70,
    }
}
