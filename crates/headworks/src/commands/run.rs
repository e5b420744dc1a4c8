//! `headworks run`: carries out the plan.

use std::sync::{Mutex, PoisonError};

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Error, Result, RunId, RunOutcome, RunRecord, StepRecord};
use hw_ledger::RunLock;
use hw_pipeline::{Narrator, Ports, Selection, Step, exit_code, plan, recover, run};

use super::quarantine::waiting;
use super::{Chosen, Command, Common, InEnvironment, described, read};
use crate::house::House;
use crate::interruption::{Interruption, interrupted};
use crate::machine::{self, SystemClock};
use crate::objectives;
use crate::place::Place;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Run;

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Build the tables anew from the raw copies
    #[arg(long, visible_alias = "full")]
    rebuild: bool,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

impl Command for Run {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "run",
            "Load what is new: stage, check, publish",
            "Examples:\n  headworks run\n  headworks run fact_orders\n  headworks run --select fact_orders+\n  headworks run --rebuild fact_orders",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let selection = arguments.chosen.selection(arguments.rebuild);
            let (record, errors) = run_project(terminal, &selection).await?;
            let code = exit_code(&record, &errors);
            let waits = waiting(&House::look_in(&terminal.root, terminal.place.as_ref())?).await?;
            match terminal.format {
                Format::Json => {
                    let mut json = report::json::run(&record, &errors, code);
                    json["waiting"] = report::json::waiting(&waits);
                    terminal.json(&json)?;
                }
                Format::Text | Format::Markdown => {
                    if terminal.format == Format::Markdown {
                        terminal.lines(report::markdown::run(&record));
                        terminal.line("");
                    }
                    report::run_summary(&record, terminal);
                    terminal.lines(report::waiting_line(&waits, terminal));
                    terminal.lines(next_in_environment(&record, terminal));
                    for error in &errors {
                        terminal.error(error, code);
                    }
                }
            }
            Ok(code)
        })
    }
}

/// What to type next in an environment.
fn next_in_environment(record: &RunRecord, terminal: &Terminal) -> Option<String> {
    let Place { name, production, .. } = terminal.place.as_ref()?;
    let first = if production.is_some() { "bring the code to production; there " } else { "" };
    match record.outcome {
        Some(RunOutcome::Succeeded) => {
            Some(format!("production is as it was; {first}`headworks promote {name}` publishes what was built here"))
        }
        _ if record.steps.is_empty() => Some("nothing to build: all models are as in production".into()),
        _ => None,
    }
}

/// Runs the project of the terminal. Only one run goes on at a time; one that was killed is continued.
pub(crate) async fn run_project(terminal: &Terminal, selection: &Selection) -> Result<(RunRecord, Vec<Error>)> {
    let house = House::open_in(&terminal.root, terminal.place.as_ref())?;
    let now = SystemClock.now();
    let fresh = machine::next_run_id(now);
    let _lock = RunLock::take(house.state(), &fresh)?;
    let narrator = ToTerminal::new(terminal);
    let ports = house.ports(&narrator);
    // A plain run would take the tables as they are.
    let named: Vec<String> = selection.models.iter().map(|chosen| format!(" --select {chosen}")).collect();
    let asked = if selection.rebuild { format!(" --rebuild{}", named.concat()) } else { String::new() };
    let remedy = format!("`headworks run{}{asked}` continues", terminal.in_environment());
    let interruption = Interruption::awaited(&fresh, &remedy, terminal);
    let done = tokio::select! {
        done = continued(&house, selection, &fresh, ports) => done?,
        () = interruption.comes() => return Err(stop(&house, &fresh, ports, &remedy).await),
    };
    // What is promised is promised of production.
    if terminal.place.is_some() {
        return Ok(done);
    }
    let statuses = objectives::record(&house.project, &house.ledger, SystemClock.now())?;
    for warning in statuses.iter().filter_map(objectives::warning) {
        terminal.say(warning);
    }
    Ok(done)
}

/// Carries out the plan, first that of a run which was killed.
async fn continued(house: &House, selection: &Selection, fresh: &RunId, ports: Ports<'_>) -> Result<(RunRecord, Vec<Error>)> {
    let earlier = recover(&house.project, ports).await?;
    let id = earlier.as_ref().map_or(fresh, |earlier| &earlier.run).clone();
    if let Some(earlier) = &earlier {
        ports.narrator.note(&format!("continuing run {} from {}", earlier.run, report::moment(earlier.started)));
    }
    let plan = plan(&house.project, house.asking(), selection).await?;
    run(&house.project, &plan, id, earlier, ports).await
}

/// Removes what the interrupted step left behind. `remedy` says what continues.
pub(super) async fn stop(house: &House, run: &RunId, ports: Ports<'_>, remedy: &str) -> Error {
    ports.engine.idle().await;
    match recover(&house.project, ports).await {
        Ok(stopped) => interrupted(stopped.as_ref().map_or(run, |stopped| &stopped.run), remedy),
        Err(cause) => interrupted(run, remedy).because(format!("cleaning up failed: {}", cause.message())),
    }
}

/// Tells the terminal what happens.
pub(super) struct ToTerminal<'a> {
    terminal: &'a Terminal,
    /// The steps that are going on, in the order they began.
    running: Mutex<Vec<String>>,
}

impl<'a> ToTerminal<'a> {
    /// A narrator that tells a terminal.
    pub(super) fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, running: Mutex::default() }
    }

    /// Shows what is going on: one step in whole, of several the names.
    fn show(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        let names = running.iter().map(|step| step.split(' ').next().unwrap_or_default());
        match &running[..] {
            [] => self.terminal.clear(),
            [one] => self.terminal.busy(one.clone()),
            several => self.terminal.busy(format!("{} steps: {}", several.len(), names.collect::<Vec<_>>().join(", "))),
        }
    }
}

impl Narrator for ToTerminal<'_> {
    fn step_starts(&self, step: &Step) {
        self.show(|running| running.push(format!("{} ({}): {}", step.name, step.load, step.window)));
    }

    fn step_stops(&self, step: &Step) {
        self.show(|running| running.retain(|shown| !shown.starts_with(&format!("{} (", step.name))));
    }

    fn step_ended(&self, record: &StepRecord) {
        if self.terminal.format == Format::Text {
            self.terminal.lines(report::step_lines(record, self.terminal));
            self.show(|_| {});
        }
    }

    fn note(&self, text: &str) {
        self.terminal.say(text);
        self.show(|_| {});
    }
}
