//! `headworks promote`: makes what an environment has built production's.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Error, Ledger, Progress, Result, RunId, RunRecord, StepOutcome, plural};
use hw_ledger::RunLock;
use hw_pipeline::{Asking, Building, Ports, Promotion, Selection, exit_code, plan, promote, recover};
use serde_json::json;

use super::run::ToTerminal;
use super::{Command, Common, described, environment_name, read};
use crate::house::House;
use crate::machine::{self, SystemClock};
use crate::place::Place;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Promote;

#[derive(Args)]
struct Arguments {
    /// The environment
    #[arg(value_name = "NAME", value_parser = environment_name)]
    name: String,
    /// Take the tables over although production's lose rows, history or columns, or one gets a type that does not hold its values or that a
    /// delivery does not take
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    common: Common,
}

impl Command for Promote {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "promote",
            "Publish in production what an environment has built and judged",
            "Examples:\n  headworks promote dev\n  headworks promote dev --format json\n  headworks promote dev --rebuild",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let Arguments { name, rebuild, .. } = read(matches)?;
            let place = Place { name, production: None, is_passing: false };
            place.refuse_unknown(&terminal.root)?;
            let now = SystemClock.now();
            let run = machine::next_run_id(now);
            let production = House::open(&terminal.root)?;
            let _lock = RunLock::take(production.state(), &run)?;
            let narrator = ToTerminal::new(terminal);
            let ports = production.ports(&narrator);
            continue_earlier(&production, ports).await?;
            let environment = House::open_in(&terminal.root, Some(&place))?;
            let _lock = RunLock::take(environment.state(), &run)?;
            let promotion = promotion(&environment, &production, rebuild).await?;
            tell_not_built(&promotion, &place.name, terminal);
            if promotion.is_empty() {
                refuse_other_code(&environment, &production, &place.name)?;
                return nothing_to_do(&place.name, terminal);
            }
            let (record, error) = promote(&production.project, promotion, run, ports).await?;
            show(&record, error, terminal)
        })
    }
}

/// Brings a promotion to its end that was interrupted. Any other run that was has to be continued first.
async fn continue_earlier(production: &House, ports: Ports<'_>) -> Result<()> {
    let Some(unfinished) = production.ledger.unfinished()? else { return Ok(()) };
    if unfinished.steps.iter().any(|step| step.promoted.is_some()) {
        return recover(&production.project, ports).await.map(drop);
    }
    Err(Error::user(format!("run {} was interrupted and may have published a part of its tables", unfinished.run))
        .code("HW703")
        .help("`headworks run` continues it; then promote"))
}

async fn promotion(environment: &House, production: &House, may_lose: bool) -> Result<Promotion> {
    let House { project, engine, sources, ledger, .. } = environment;
    let plan = plan(project, Asking { engine, sources, ledger }, &Selection::default()).await?;
    let building = Building {
        project,
        plan: &plan,
        engine,
        ledger,
        production_engine: &production.engine,
        production: &production.ledger,
        targets: &production.targets,
        may_lose,
    };
    Promotion::of(building).await
}

/// What an environment has built from code that is not here yet cannot become production's.
fn refuse_other_code(environment: &House, production: &House, name: &str) -> Result<()> {
    let (built, standing) = (environment.ledger.own_progress()?, production.ledger.all_progress()?);
    let is_here = |(step, at): (&String, &Progress)| standing.get(step).is_some_and(|here| here.fingerprint == at.fingerprint);
    if built.is_empty() || built.iter().any(is_here) {
        return Ok(());
    }
    Err(Error::user(format!("the models here are not those that `{name}` was built from"))
        .code("HW504")
        .because("production's next run would build its tables again, by the models that are here")
        .help("bring the changed models here, as by merging their branch; then promote"))
}

fn tell_not_built(promotion: &Promotion, name: &str, terminal: &Terminal) {
    if !promotion.not_built.is_empty() {
        let models = promotion.not_built.join(", ");
        terminal.say(format!("not built in `{name}`, so the next `headworks run` builds it in production: {models}"));
    }
}

fn nothing_to_do(name: &str, terminal: &Terminal) -> Result<u8> {
    if terminal.format == Format::Json {
        terminal.json(&json!({ "schema_version": "1", "environment": name, "steps": [], "exit_code": 0 }))?;
    } else {
        terminal.line(format!("nothing to promote: production has all that `{name}` has built"));
    }
    Ok(0)
}

fn show(record: &RunRecord, error: Option<Error>, terminal: &Terminal) -> Result<u8> {
    let errors: Vec<Error> = error.into_iter().collect();
    let code = exit_code(record, &errors);
    match terminal.format {
        Format::Json => terminal.json(&report::json::run(record, &errors, code))?,
        Format::Markdown => terminal.lines(report::markdown::run(record)),
        Format::Text => terminal.line(summary(record, &record.run)),
    }
    for error in errors.iter().filter(|_| terminal.format != Format::Json) {
        terminal.error(error, code);
    }
    Ok(code)
}

fn summary(record: &RunRecord, run: &RunId) -> String {
    let taken = record.steps.iter().filter(|step| step.outcome == StepOutcome::Published).count() as u64;
    let of = record.steps.len() as u64;
    if taken == of {
        format!("production shows {} of it now, as they were judged there (run {run})", plural(taken, "table"))
    } else {
        format!("{taken} of {} were taken over; `headworks run` builds the others in production (run {run})", plural(of, "table"))
    }
}
