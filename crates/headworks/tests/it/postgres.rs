//! The PostgreSQL server of the tests.

use std::process::Command;

/// Runs SQL there, and returns what it prints.
#[track_caller]
pub(crate) fn execute(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-Atq", url, "-c", sql]).env("PGOPTIONS", "-c client_min_messages=warning").output().unwrap();
    assert!(output.status.success(), "{}\n{sql}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
