//! The commands: one file each, one table.

mod assess;
mod backfill;
mod check;
mod demo;
mod diff;
mod env;
mod explain;
mod export;
mod import;
mod init;
mod plan;
mod promote;
mod quarantine;
mod rollback;
mod run;
mod schema;
mod sql;
mod status;
mod test;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, ByteSize, Error, Result};
use hw_pipeline::{Selected, Selection};

use crate::terminal::{Format, Terminal};

pub(crate) use self::run::run_project;

/// A command of the program.
///
/// Add one: a file in this folder, its `mod` line, its line in [`COMMANDS`].
pub(crate) trait Command: Sync {
    /// Its name and arguments.
    fn arguments(&self) -> Clap;

    /// Does it, and returns the exit code.
    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>>;
}

/// Every command, in the order the help lists them.
pub(crate) const COMMANDS: &[&dyn Command] = &[
    &demo::Demo,
    &init::Init,
    &assess::Assess,
    &plan::Plan,
    &run::Run,
    &backfill::Backfill,
    &check::Check,
    &test::Test,
    &import::Import,
    &export::Export,
    &status::Status,
    &quarantine::Quarantine,
    &sql::Sql,
    &diff::Diff,
    &env::Env,
    &promote::Promote,
    &rollback::Rollback,
    &explain::Explain,
    &schema::Schema,
];

/// What every command that prints a result takes.
#[derive(Args)]
pub(crate) struct Common {
    /// The folder of the project
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) project: std::path::PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// The models that a command is about.
#[derive(Args)]
pub(crate) struct Chosen {
    /// Only these models, with everything they read; `MODEL+` adds what reads them
    #[arg(value_name = "MODEL", value_parser = named, conflicts_with = "select")]
    models: Vec<Selected>,
    /// Only this: `NAME` alone, with the datasets it reads; `+NAME` with the models it reads; `NAME+` with those that read it; `+NAME+`
    /// with both and all that they read. May be given several times
    #[arg(long, value_name = "SELECTION", value_parser = selected)]
    select: Vec<Selected>,
}

impl Chosen {
    /// What is chosen, to be built anew or not.
    fn selection(self, rebuild: bool) -> Selection {
        Selection { models: [self.models, self.select].concat(), rebuild }
    }
}

/// What a command takes that can work in an environment of a project.
#[derive(Args)]
pub(crate) struct InEnvironment {
    /// In this environment: tables of its own for what differs from production, production's for the rest
    #[arg(long, value_name = "NAME", value_parser = environment_name)]
    pub(crate) env: Option<String>,
    /// The folder of production's project, where that is not this one
    #[arg(long, value_name = "FOLDER", requires = "env")]
    pub(crate) production: Option<std::path::PathBuf>,
}

/// The name of an environment, which names folders too.
fn environment_name(text: &str) -> std::result::Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    match text {
        "" => Err("expected a name".into()),
        "production" => Err("production is where no environment is named".into()),
        _ if text.chars().all(is_plain) => Ok(text.to_owned()),
        _ => Err("expected lower-case letters, digits, `_` and `-`".into()),
    }
}

/// The arguments of a command: a quiet line for the list of commands, and examples below its long help.
fn described<A: Args>(name: &'static str, about: &'static str, examples: &'static str) -> Clap {
    part::<A>(name, about).after_long_help(examples)
}

/// The arguments of a part of a command, such as `list` of `env`, with a quiet line for the list of parts.
fn part<A: Args>(name: &'static str, about: &'static str) -> Clap {
    // The doc comment of a flattened part would take the place of what was said before.
    A::augment_args(Clap::new(name)).about(about).long_about(format!("{about}."))
}

/// A command that is made of parts, each with arguments of its own.
fn of_parts(name: &'static str, about: &'static str, examples: &'static str, parts: impl IntoIterator<Item = Clap>) -> Clap {
    Clap::new(name)
        .about(about)
        .long_about(format!("{about}."))
        .after_long_help(examples)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(parts)
}

/// A number of rows, runs or versions: at least one.
fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("expected at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number from 1 on".into()),
    }
}

/// A model as it is named without `--select`: with all that it reads.
fn named(text: &str) -> std::result::Result<Selected, String> {
    Selected::with_what_it_reads(text).map_err(|error| one_sentence(&error))
}

/// What `--select` takes.
fn selected(text: &str) -> std::result::Result<Selected, String> {
    text.parse().map_err(|error| one_sentence(&error))
}

/// A limit of memory, such as `2GiB`.
fn memory(text: &str) -> std::result::Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error: Error| one_sentence(&error))?;
    hw_pipeline::sufficient(size).map_err(|error| one_sentence(&error))
}

fn one_sentence(error: &Error) -> String {
    let remedies = error.remedies().iter().map(String::as_str);
    std::iter::once(error.message()).chain(remedies).collect::<Vec<_>>().join("; ")
}

/// A command line that cannot be read, as an error like all others.
pub(crate) fn usage(error: &clap::Error) -> Error {
    let text = error.to_string();
    let (mut message, mut causes, mut helps) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(first) = line.strip_prefix("error: ") {
            first.trim_end_matches(':').clone_into(&mut message);
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            helps.push(tip.replace('\'', "`"));
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            helps.push(format!("write `{usage}`"));
        } else if !line.starts_with("For more information") {
            causes.push(line.trim_matches(['[', ']']).to_owned());
        }
    }
    if message.contains("[MODEL]...") && message.contains("--select") {
        // The usage is what was refused.
        helps = vec!["name each of them with `--select`, such as `--select +NAME --select NAME+`; `NAME` alone is `--select +NAME`".into()];
    }
    let mut explained = Error::user(message.replace('\'', "`")).code("HW107");
    for cause in causes {
        explained = explained.because(cause);
    }
    helps.push("`headworks --help` lists the commands, `headworks COMMAND --help` what each takes".into());
    helps.into_iter().fold(explained, Error::help)
}

/// The arguments of the whole program.
pub(crate) fn arguments() -> Clap {
    let program = Clap::new("headworks")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Takes raw data to a warehouse people can trust, and keeps it trustworthy")
        .after_help("Exit codes: 0 done · 1 data blocked by a rule · 2 you must act · 3 something outside failed · 70 a bug")
        .subcommand_required(true)
        .arg_required_else_help(true);
    COMMANDS.iter().fold(program, |program, command| program.subcommand(command.arguments()))
}

/// Runs the command that the arguments name.
pub(crate) async fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8> {
    let Some((name, inner)) = matches.subcommand() else { return Err(Error::bug("no command was given")) };
    match COMMANDS.iter().find(|command| command.arguments().get_name() == name) {
        Some(command) => command.run(inner, terminal).await,
        None => Err(Error::bug(format!("the command `{name}` is not in the table"))),
    }
}

/// The typed arguments of a command.
fn read<T: clap::FromArgMatches>(matches: &ArgMatches) -> Result<T> {
    T::from_arg_matches(matches).map_err(|error| usage(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_shelf_is_a_command() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        let mut commands: Vec<String> = COMMANDS.iter().map(|command| command.arguments().get_name().to_owned()).collect();
        files.sort();
        commands.sort();
        assert_eq!(files, commands);
    }

    #[test]
    fn the_arguments_are_sound() {
        arguments().debug_assert();
    }

    #[test]
    fn every_command_has_a_line_of_its_own_and_examples() {
        let commands: Vec<Clap> = COMMANDS.iter().map(|command| command.arguments()).collect();
        let mut lines: Vec<String> = commands.iter().filter_map(|command| Some(command.get_about()?.to_string())).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 72 && !line.ends_with('.')), "{lines:#?}");
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), COMMANDS.len());
        for command in commands {
            let examples = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains(&format!("headworks {}", command.get_name())), "{}: {examples}", command.get_name());
        }
    }

    #[test]
    fn every_part_of_a_command_has_a_line_of_its_own() {
        for command in COMMANDS.iter().map(|command| command.arguments()) {
            let line = |part: &Clap| part.get_about().map(ToString::to_string).unwrap_or_default();
            let mut lines: Vec<String> = command.get_subcommands().map(line).collect();
            lines.sort();
            lines.dedup();
            assert_eq!(lines.len(), command.get_subcommands().count(), "{}: {lines:#?}", command.get_name());
        }
    }

    #[test]
    fn a_wrong_command_line_is_an_error_like_all_others() {
        let said = |line: &str| {
            let error = arguments().try_get_matches_from(line.split(' ')).unwrap_err();
            usage(&error).to_string()
        };
        let limit = said("headworks status --limit 0");
        assert!(limit.contains("error[HW107]: invalid value `0` for `--limit <LIMIT>`: expected at least 1"), "{limit}");
        let negative = said("headworks status --limit -1");
        assert!(negative.contains("expected a whole number from 1 on"), "{negative}");
        let format = said("headworks sql x --format xml");
        assert!(format.contains("because: possible values: text, json, markdown"), "{format}");
        let missing = said("headworks check");
        assert!(missing.contains("because: <DATA>"), "{missing}");
        let twice = said("headworks run --select +total fact");
        assert!(twice.contains("help: name each of them with `--select`") && !twice.contains("help: write"), "{twice}");
        let memory = said("headworks assess x --memory 1");
        assert!(memory.contains("512.0 MiB"), "{memory}");
    }
}
