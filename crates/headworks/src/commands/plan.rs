//! `headworks plan`: shows what a run would do and why; changes nothing.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{Blame, BoxFuture, Clock, Error, Result, Retry};
use hw_pipeline::{Asking, Decision, LearnedLimit, Unchecked, Work, learned_limits, placed_where_read, plan, try_models};
use serde_json::Value as Json;

use super::{Chosen, Command, Common, InEnvironment, described, read};
use crate::house::House;
use crate::machine::SystemClock;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Plan;

#[derive(Args)]
struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// As if the tables were to be built anew
    #[arg(long, visible_alias = "full")]
    rebuild: bool,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

/// Why datasets cannot be listed.
async fn failing(house: &House, asking: Asking<'_>, plan: &hw_pipeline::Plan) -> Vec<Error> {
    let (mut errors, mut silent): (Vec<Error>, Vec<&str>) = (Vec::new(), Vec::new());
    for step in plan.steps.iter().filter(|step| matches!(step.decision, Decision::Fail(_))) {
        let Work::Extract { dataset, .. } = &step.work else { continue };
        // A source that does not answer is waited for once.
        if silent.contains(&dataset.source.as_str()) {
            continue;
        }
        if let Err(error) = hw_base::Sources::survey(&house.sources, dataset).await
            && errors.iter().all(|known| known.message() != error.message() || known.causes() != error.causes())
        {
            silent.extend((error.retry() == Retry::WithBackoff).then_some(dataset.source.as_str()));
            errors.push(placed_where_read(error, dataset, &house.project, asking));
        }
    }
    errors
}

/// The limits that rules have learned, a line each.
async fn learned(house: &House, asking: Asking<'_>) -> Result<Vec<String>> {
    let line = |limit: LearnedLimit| format!("{}: `{}` expects {}", limit.table, limit.rule, limit.words);
    Ok(learned_limits(&house.project, asking, SystemClock.now()).await?.into_iter().map(line).collect())
}

/// What contracts promise and no run checks, a line each.
fn unchecked(house: &House) -> Vec<String> {
    let line = |Unchecked { contract, promise, why }: &Unchecked| format!("{contract}: `{promise}` is not checked: {why}");
    house.project.unchecked.iter().map(line).collect()
}

fn json(plan: &hw_pipeline::Plan, errors: &[Error], exit_code: u8) -> Json {
    let mut json = serde_json::to_value(plan).unwrap_or_default();
    json["errors"] = report::json::all(errors).into();
    json["exit_code"] = exit_code.into();
    json
}

impl Command for Plan {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "plan",
            "Show what a run would do and why; change nothing",
            "Examples:\n  headworks plan\n  headworks plan fact_orders\n  headworks plan --rebuild --format markdown",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::look_ahead(&terminal.root, terminal.place.as_ref())?;
            let asking = house.asking();
            let selection = arguments.chosen.selection(arguments.rebuild);
            let mut plan = plan(&house.project, asking, &selection).await?;
            let mut errors = failing(&house, asking, &plan).await;
            errors.extend(try_models(&house.project, asking, &house.targets, &mut plan).await);
            let code = match errors.iter().map(Error::blame).collect::<Vec<_>>()[..] {
                [] => 0,
                ref blames if blames.iter().all(|blame| *blame == Blame::Outside) => 3,
                _ => 2,
            };
            match terminal.format {
                Format::Json => {
                    let mut json = json(&plan, &errors, code);
                    json["unchecked"] = serde_json::to_value(&house.project.unchecked).unwrap_or_default();
                    terminal.json(&json)?;
                }
                Format::Markdown => {
                    terminal.lines(report::markdown::plan(&plan));
                    terminal.line("");
                    terminal.lines(report::column_lines(&plan));
                    terminal.lines(report::untried_lines(&plan));
                    terminal.lines(report::from_production_line(&plan));
                    terminal.line(report::plan_summary(&plan, &selection));
                }
                Format::Text => terminal.lines(report::plan_lines(&plan, &selection)),
            }
            if terminal.format != Format::Json {
                terminal.lines(learned(&house, asking).await?);
                terminal.lines(unchecked(&house));
            }
            if let Some(error) = Error::all(errors).filter(|_| terminal.format != Format::Json) {
                terminal.error(&error, code);
            }
            Ok(code)
        })
    }
}
