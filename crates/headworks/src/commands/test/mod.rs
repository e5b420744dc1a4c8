//! `headworks test`: the unit tests of the project's models.

mod bench;
mod prepare;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Error, Result};
use hw_pipeline::unit::{UnitTest, read_tests};
use hw_pipeline::{Selected, Selection, selected_models};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Command, described, read, selected};
use crate::house::House;
use crate::machine::SystemClock;
use crate::terminal::Terminal;
use bench::{Bench, Outcome};
use prepare::Prepared;

/// The command.
pub(crate) struct Test;

/// How the results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: stable and versioned.
    Json,
    /// For continuous integration: JUnit's XML.
    Junit,
}

#[derive(Args)]
struct Arguments {
    /// Only the tests of these names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only the tests of these models: `NAME`, `+NAME` with the models it reads, `NAME+` with those that read it. May be given several times
    #[arg(long, value_name = "SELECTION", visible_alias = "model", value_parser = selected)]
    select: Vec<Selected>,
    /// The folder of the project
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    project: PathBuf,
    /// How to print the results
    #[arg(long, value_enum, default_value_t)]
    format: Output,
}

impl Command for Test {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "test",
            "Test models with given rows; touch neither sources nor tables",
            "Examples:\n  headworks test\n  headworks test --select fact_orders+\n  headworks test --format junit > tests.xml",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let house = House::look(&terminal.root)?;
            let tests = chosen(tests(&terminal.root)?, &arguments, &house)?;
            let prepared = prepare::all(&house, tests).await?;
            terminal.busy(format!("testing {}", hw_base::plural(prepared.len() as u64, "test")));
            let outcomes = carry_out(Bench::of(house), prepared).await?;
            match arguments.format {
                Output::Text => terminal.lines(report::lines(&outcomes, &terminal.root)),
                Output::Json => terminal.json(&report::json(&outcomes))?,
                Output::Junit => terminal.line(report::junit(&outcomes, &terminal.root).trim_end()),
            }
            Ok(report::exit_code(&outcomes))
        })
    }
}

/// Every test of the project, in the order of its files.
fn tests(root: &Path) -> Result<Vec<UnitTest>> {
    let read = |path: &Path| hw_config::read_text(&root.join(path), path);
    let (mut tests, mut errors) = (Vec::<UnitTest>::new(), Vec::new());
    for file in hw_config::test_files(root)? {
        match read_tests(&file.path, &file.settings, &read) {
            Ok(own) => tests.extend(own),
            Err(error) => errors.push(error),
        }
    }
    for (at, test) in tests.iter().enumerate() {
        if let Some(first) = tests[..at].iter().find(|first| first.name == test.name) {
            let place = first.span.as_ref().map_or_else(String::new, |span| format!("{}:{}", span.file.display(), span.line));
            let error =
                Error::user(format!("two tests are named `{}`", test.name)).code("HW104").because(format!("the first stands at {place}"));
            errors.push(error.help("rename one of them").moved_to(test.span.clone()));
        }
    }
    Error::all(errors).map_or(Ok(tests), Err)
}

/// The tests that are asked for.
fn chosen(tests: Vec<UnitTest>, arguments: &Arguments, house: &House) -> Result<Vec<UnitTest>> {
    if tests.is_empty() {
        return Err(Error::user("the project has no tests")
            .code("HW103")
            .help("write one to `tests/NAME.yaml`: a name, and below it `model:`, `given:` and `expect:`"));
    }
    let models = of_selected_models(arguments, house)?;
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    if let Some(name) = arguments.names.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(hw_base::unknown("test", name, names).code("HW302"));
    }
    let is_chosen = |test: &UnitTest| {
        let of_model = models.as_ref().is_none_or(|models| models.contains(&test.model.name));
        of_model && (arguments.names.is_empty() || arguments.names.contains(&test.name))
    };
    let chosen: Vec<UnitTest> = tests.into_iter().filter(is_chosen).collect();
    if chosen.is_empty() && !arguments.select.is_empty() {
        let asked: Vec<String> = arguments.select.iter().map(|selected| format!("`{selected}`")).collect();
        return Err(Error::user(format!("no test of {} is among them", asked.join(", ")))
            .code("HW302")
            .help("write one to `tests/NAME.yaml`"));
    }
    Ok(chosen)
}

/// The models whose tests are asked for; all where none is selected.
fn of_selected_models(arguments: &Arguments, house: &House) -> Result<Option<Vec<String>>> {
    let selection = Selection { models: arguments.select.clone(), rebuild: false };
    (!selection.models.is_empty()).then(|| selected_models(&house.project, &house.engine, &selection)).transpose()
}

/// Carries out the tests, as many at a time as there are cores; the outcomes come in the order of the tests.
async fn carry_out(bench: Bench, prepared: Vec<Prepared>) -> Result<Vec<Outcome>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (bench, free) = (Arc::new(bench), Arc::new(Semaphore::new(cores)));
    let mut tasks = JoinSet::new();
    for (number, test) in prepared.into_iter().enumerate() {
        let (bench, free) = (Arc::clone(&bench), Arc::clone(&free));
        tasks.spawn(async move {
            let _core = free.acquire_owned().await;
            let begun = SystemClock.now();
            let result = bench.carry_out(&test, number).await;
            let seconds = (SystemClock.now() - begun).num_microseconds().unwrap_or_default() as f64 / 1e6;
            (number, Outcome { left_out: test.rehearsal.left_out, test: test.test, seconds, result })
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = tasks.join_next().await {
        outcomes.push(done.map_err(|error| Error::bug("a test broke off").because(error))?);
    }
    outcomes.sort_by_key(|(number, _)| *number);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}
