//! `headworks check`: judges data by rules without loading it.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, DatasetName, Engine, Error, OnFailure, Result, Verdict};
use hw_pipeline::EngineSettings;
use hw_validate::{Gate, Judging, Population, Rule, read_rules};

use super::assess::{OpenedData, open};
use super::{Command, read};
use crate::machine::SystemClock;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Check;

#[derive(Args)]
struct Arguments {
    /// A file, a folder or a glob; in a project also a table or `source.dataset`
    data: String,
    /// The rules; in a project those of the table or dataset where it is not given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Keep the number of every row that breaks a rule (from 0, in file order)
    #[arg(long)]
    all_rows: bool,
    #[command(flatten)]
    common: super::Common,
}

impl Command for Check {
    fn arguments(&self) -> Clap {
        Arguments::augment_args(Clap::new("check").about("Judge data by rules without loading it"))
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let opened = open(&arguments.data, &EngineSettings::default(), terminal).await?;
            let rules = rules(&arguments, &opened)?;
            terminal.busy(format!("checking {}", arguments.data));
            let verdict = judge(&opened, &rules, &arguments).await?;
            match terminal.format {
                Format::Json => terminal.json(&report::verdict_json(&verdict))?,
                Format::Text | Format::Markdown => report::verdict_lines(&verdict).iter().for_each(|line| terminal.line(line)),
            }
            Ok(exit_code(&verdict))
        })
    }
}

fn rules(arguments: &Arguments, opened: &OpenedData) -> Result<Vec<Rule>> {
    if let Some(file) = &arguments.rules {
        let settings = hw_config::read_yaml(file, file)?;
        return read_rules(settings.get("rules").unwrap_or(&settings));
    }
    let of_project = opened.house().and_then(|house| {
        let of_model = house.project.model(&arguments.data).map(|model| model.rules.clone());
        of_model.or_else(|| house.project.dataset_rules.get(&DatasetName::parse(&arguments.data)?).cloned())
    });
    of_project.filter(|rules| !rules.is_empty()).ok_or_else(|| {
        Error::user(format!("there are no rules for `{}`", arguments.data))
            .help("give a file with `--rules FILE`; `headworks assess … --out FOLDER` writes one")
    })
}

async fn judge(opened: &OpenedData, rules: &[Rule], arguments: &Arguments) -> Result<Verdict> {
    let engine = opened.engine();
    let reader = &opened.rows;
    let columns = engine.columns(reader).await?;
    let mut gate = Gate::new(rules, &columns);
    gate.try_sql(engine, reader).await?;
    let watched = engine.watch(reader, &gate.watch(&[], 5, arguments.all_rows)).await?;
    let population = Population { batch_is_table: true, unique_by: vec![] };
    let judging = Judging { engine, reader, population: &population, shown_as: &arguments.data, examples: 5, now: SystemClock.now() };
    gate.judge(&judging, &watched).await
}

/// 1 where a blocking rule broke; 2 where a rule could not be judged.
fn exit_code(verdict: &Verdict) -> u8 {
    if verdict.results.iter().any(|result| result.error.is_some()) {
        return 2;
    }
    u8::from(verdict.broken().any(|result| result.action == OnFailure::Block))
}
