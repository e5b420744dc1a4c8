//! Ctrl-C and polite requests to end: a command cleans up, and the program ends in bounded time whatever it waits for.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use hw_base::{Error, RunId};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::files;
use crate::terminal::Terminal;
use crate::watching;

/// How long a command that is asked to end may take to clean up. A warehouse that does not answer would hold it longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever ends within this time says nothing of it.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Requests to end that come while a run goes on; afterwards nobody listens.
pub(crate) struct Interruption {
    has_come: Arc<Notify>,
    listening: JoinHandle<()>,
}

impl Interruption {
    /// Waits for requests from now on, on a thread of its own: that of the command may be waiting for an answer, and queries may keep all
    /// others busy. Whoever is told by [`Interruption::comes`] has a while to end; then, or at the second request, the program ends with what is said of `run`.
    pub(crate) fn awaited(run: &RunId, remedy: &str, terminal: &Terminal) -> Self {
        let has_come = Arc::new(Notify::new());
        let error = interrupted(run, remedy).because("cleaning up was broken off").help("the next run removes what this one left behind");
        let (told, terminal) = (Arc::clone(&has_come), terminal.clone());
        let listening = watching::begin(async move {
            request().await;
            told.notify_one();
            tokio::select! {
                () = waited(&terminal) => {}
                () = request() => {}
            }
            end(&error, &terminal);
        });
        Self { has_come, listening }
    }

    /// Returns when somebody asks the program to end.
    pub(crate) async fn comes(&self) {
        self.has_come.notified().await;
    }
}

impl Drop for Interruption {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What a run says that was asked to end. `remedy` says what continues it.
pub(crate) fn interrupted(run: &RunId, remedy: &str) -> Error {
    Error::outside(format!("run {run} was interrupted"))
        .code("HW703")
        .help(format!("nothing half done is visible; {remedy} where it stopped"))
}

/// Waits until the patience is at its end; says so where it does not end at once.
async fn waited(terminal: &Terminal) {
    tokio::time::sleep(AT_ONCE).await;
    terminal.beside(format!("stopping: what is half done is removed, for {} s at most; Ctrl-C again ends at once", PATIENCE.as_secs()));
    tokio::time::sleep(PATIENCE.saturating_sub(AT_ONCE)).await;
}

/// Waits for Ctrl-C or a polite request to end.
async fn request() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending().await },
        _ = terminate.recv() => {}
    }
}

/// Ends the program, and says why, where its work cannot be broken off otherwise. The next run goes on where it stopped.
pub(crate) fn end_at_once(error: Error) {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    end(&error.help("the program ended at once; nothing half done is visible"), &Terminal::of_unread(&arguments));
}

#[expect(clippy::exit, reason = "the thread that would return the exit code waits for somebody who may never answer")]
fn end(error: &Error, terminal: &Terminal) {
    let code = crate::exit_code(error);
    terminal.error(error, code);
    files::clear_temporary_state();
    process::exit(i32::from(code));
}
