//! The program: reads arguments, prints, and chooses the exit code. Everything else is done by the rooms.

mod commands;
mod demo;
mod files;
mod house;
mod interruption;
mod machine;
mod naming;
mod objectives;
mod place;
mod report;
mod suite_files;
mod terminal;
mod watching;

use std::process::ExitCode;

use hw_base::{Blame, Error};

use crate::terminal::Terminal;

fn main() -> ExitCode {
    let matches = match commands::arguments().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let terminal = Terminal::of(&matches);
    let outcome = on_a_large_stack(|| start(&matches, &terminal));
    let outcome = outcome.and_then(|code| terminal.lost().map_or(Ok(code), Err));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = exit_code(&error);
            terminal.error(&error, code);
            ExitCode::from(code)
        }
    }
}

/// The stack of a thread: long conditions are walked by functions that call themselves. Only what is used takes memory.
const STACK: usize = 256 << 20;

fn on_a_large_stack(work: impl FnOnce() -> hw_base::Result<u8> + Send) -> hw_base::Result<u8> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let cannot_start = |error| Error::outside(format!("the program cannot start its threads: {error}")).code("HW703");
        thread.map_err(cannot_start)?.join().unwrap_or_else(|_| Err(Error::bug("the program ended in the midst of its work")))
    })
}

fn start(matches: &clap::ArgMatches, terminal: &Terminal) -> hw_base::Result<u8> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(Error::bug("the TLS provider was installed twice"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .map_err(|error| Error::outside(format!("the program cannot start its threads: {error}")).code("HW703"))?;
    let result = runtime.block_on(commands::run(matches, terminal));
    // Tasks of an interrupted run may be in the middle of a batch; nobody waits for them.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    files::clear_temporary_state();
    result
}

/// Help and version are what was asked for; everything else is an error of the command line.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // Nothing is left to be told if the terminal is gone.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    Terminal::of_unread(&arguments).error(&commands::usage(error), 2);
    ExitCode::from(2)
}

fn exit_code(error: &Error) -> u8 {
    match error.blame() {
        Blame::User => 2,
        Blame::Outside => 3,
        Blame::Headworks => 70,
    }
}
