//! On a local warehouse a commit counts only once data files and log entry are flushed to disk, seen from outside with strace.

use std::process::{Command, Stdio};

use crate::program::{PROGRAM, printed};

#[test]
fn files_and_log_entries_are_flushed_before_a_commit_counts() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var("HEADWORKS_TEST_POSTGRES").is_err(), "`make test` installs strace, but it is not here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["demo", "--rows", "1000", "--into", "project", "--prepare-only"]);
    let project = folder.path().join("project");
    let trace = folder.path().join("trace");
    let calls = "trace=openat,fsync,fdatasync,link,linkat,close";
    Command::new("strace")
        .args(["-f", "-y", "-e", calls, "-o"])
        .arg(&trace)
        .args([PROGRAM, "run"])
        .current_dir(&project)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let recorded = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = recorded.lines().collect();
    let commits: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains("link") && line.contains("_delta_log/0000"))
        .map(|(number, _)| number)
        .collect();
    assert!(commits.len() >= 5, "{} commits were seen", commits.len());
    for commit in commits {
        let table = lines[commit].split("/_delta_log/").next().unwrap().rsplit("warehouse/").next().unwrap();
        let flushed = |part: &str| {
            lines[..commit].iter().any(|line| line.contains("sync(") && line.contains(&format!("warehouse/{table}")) && line.contains(part))
        };
        assert!(flushed(".parquet"), "{table}: no data file was flushed before its commit");
        assert!(flushed(".json."), "{table}: the log entry was not flushed before it got its name");
        let after = lines[commit..].iter().any(|line| line.contains("sync(") && line.contains(&format!("warehouse/{table}/_delta_log>")));
        assert!(after, "{table}: the folder of the log was not flushed after the commit");
    }
}
