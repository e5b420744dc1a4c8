//! `headworks check`: judges data by rules without loading it.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, DatasetName, Engine, Entry, Error, Node, OnFailure, Result, Settings, SettingsMap, Verdict, identifier};
use hw_pipeline::EngineSettings;
use hw_validate::{Gate, Judging, Population, Rule, read_rules};

use super::assess::{OpenedData, open};
use super::{Command, described, read};
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
        described::<Arguments>(
            "check",
            "Judge data by rules; load nothing",
            "Examples:\n  headworks check orders.csv --rules rules.yaml\n  headworks check fact_orders\n  headworks check shop.orders --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let opened = open(&arguments.data, &EngineSettings::default(), terminal).await?;
            let rules = rules(&arguments, &opened)?;
            terminal.busy(format!("checking {}", arguments.data));
            let verdict = judge(&opened, &rules, &arguments).await?;
            let code = exit_code(&verdict);
            match terminal.format {
                Format::Json => terminal.json(&report::json::verdict(&verdict, code))?,
                Format::Markdown => {
                    report::markdown::verdict(&verdict).iter().for_each(|line| terminal.line(line));
                    terminal.line(format!("\n{}", report::verdict_summary(&verdict)));
                }
                Format::Text => report::verdict_lines(&verdict, &terminal.root).iter().for_each(|line| terminal.line(line)),
            }
            Ok(code)
        })
    }
}

fn rules(arguments: &Arguments, opened: &OpenedData) -> Result<Vec<Rule>> {
    if let Some(file) = &arguments.rules {
        let settings = hw_config::read_yaml(file, file)?;
        return read_rules(&with_raw_names(settings.get("rules").unwrap_or(&settings), &opened.names, Role::Settings));
    }
    let of_project = opened.house().and_then(|house| {
        let of_model = house.project.model(&arguments.data).map(|model| model.rules.clone());
        of_model.or_else(|| house.project.dataset_rules.get(&DatasetName::parse(&arguments.data)?).cloned())
    });
    of_project.filter(|rules| !rules.is_empty()).ok_or_else(|| {
        Error::user(format!("there are no rules for `{}`", arguments.data))
            .code("HW103")
            .help("give a file with `--rules FILE`; `headworks assess … --out FOLDER` writes one")
    })
}

/// What a text in the settings of a rule is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Anything but the name of a column or SQL.
    Settings,
    /// The name of a column.
    Column,
    /// SQL.
    Sql,
}

/// The rules with the names of the raw copy where they name columns as the file does: `Order ID` is `order_id`.
fn with_raw_names(rules: &Settings, names: &[(String, String)], role: Role) -> Settings {
    let node = match &rules.node {
        Node::Text(text) => Node::Text(match role {
            Role::Settings => text.clone(),
            Role::Column => names.iter().find(|(own, _)| own == text).map_or_else(|| text.clone(), |(_, raw)| raw.clone()),
            Role::Sql => names.iter().fold(text.clone(), |text, (own, raw)| text.replace(&format!("\"{own}\""), &identifier(raw))),
        }),
        Node::List(items) => Node::List(items.iter().map(|item| with_raw_names(item, names, role)).collect()),
        Node::Map(SettingsMap(entries)) => {
            let renamed = |entry: &Entry| Entry { value: with_raw_names(&entry.value, names, role_of(&entry.key)), ..entry.clone() };
            Node::Map(SettingsMap(entries.iter().map(renamed).collect()))
        }
        other => other.clone(),
    };
    Settings { node, span: rules.span.clone() }
}

fn role_of(key: &str) -> Role {
    match key {
        "column" | "columns" | "left" | "right" | "group_by" => Role::Column,
        "where" | "sql" | "expression" => Role::Sql,
        _ => Role::Settings,
    }
}

async fn judge(opened: &OpenedData, rules: &[Rule], arguments: &Arguments) -> Result<Verdict> {
    let engine = opened.engine();
    let reader = &opened.rows;
    let columns = engine.columns(reader).await?;
    let mut gate = Gate::new(rules, &columns);
    gate.try_sql(engine, reader).await?;
    let watched = engine.watch(reader, &gate.watch(&[], 5, arguments.all_rows)).await?;
    let population = Population { batch_is_table: true, unique_by: vec![] };
    let judging = Judging { engine, reader, population: &population, shown_as: &opened.shown_as, examples: 5, now: SystemClock.now() };
    gate.judge(&judging, &watched).await
}

/// 1 where a blocking rule broke; 2 where a rule could not be judged.
fn exit_code(verdict: &Verdict) -> u8 {
    if verdict.results.iter().any(|result| result.error.is_some()) {
        return 2;
    }
    u8::from(verdict.broken().any(|result| result.action == OnFailure::Block))
}
