//! The commands: one file each, one table.

mod assess;
mod check;
mod demo;
mod explain;
mod export;
mod import;
mod init;
mod plan;
mod rollback;
mod run;
mod schema;
mod sql;
mod status;

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Error, Result};

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
    &check::Check,
    &import::Import,
    &export::Export,
    &status::Status,
    &sql::Sql,
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
    T::from_arg_matches(matches).map_err(|error| Error::user(error.to_string()))
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
}
