//! `headworks plan`: shows what a run would do and why; changes nothing.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Result};
use hw_pipeline::{Asking, Decision, Selection, Work, plan};

use super::{Command, Common, read};
use crate::house::House;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Plan;

#[derive(Args)]
struct Arguments {
    /// Only these models, with everything they read; `MODEL+` adds what reads them
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// As if the tables were to be built anew
    #[arg(long, visible_alias = "full")]
    rebuild: bool,
    #[command(flatten)]
    common: Common,
}

/// Says why steps would fail. 2 where some would, else 0.
async fn tell_failing(house: &House, plan: &hw_pipeline::Plan, terminal: &Terminal) -> Result<u8> {
    let mut told: Vec<String> = Vec::new();
    for step in plan.steps.iter().filter(|step| matches!(step.decision, Decision::Fail(_))) {
        let Work::Extract { dataset, .. } = &step.work else { continue };
        if let Err(error) = hw_base::Sources::survey(&house.sources, dataset).await
            && !told.contains(&error.to_string())
        {
            terminal.error(&error);
            told.push(error.to_string());
        }
    }
    Ok(if told.is_empty() { 0 } else { 2 })
}

impl Command for Plan {
    fn arguments(&self) -> Clap {
        Arguments::augment_args(Clap::new("plan").about("Show what a run would do and why; change nothing"))
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::open(&terminal.root)?;
            let asking = Asking { engine: &house.engine, sources: &house.sources, ledger: &house.ledger };
            let selection = Selection { models: arguments.models, rebuild: arguments.rebuild };
            let plan = plan(&house.project, asking, &selection).await?;
            match terminal.format {
                Format::Json => terminal.json(&plan)?,
                Format::Text | Format::Markdown => report::plan_lines(&plan).iter().for_each(|line| terminal.line(line)),
            }
            tell_failing(&house, &plan, terminal).await
        })
    }
}
