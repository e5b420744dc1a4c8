//! The program under test, and folders to run it in.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_headworks");

/// Runs `headworks` with `arguments` in `folder`.
pub(crate) fn headworks(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// What a successful command printed.
#[track_caller]
pub(crate) fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = headworks(folder, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "headworks {arguments:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// What a command printed: results, then messages.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes a file into a folder that is made for it.
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// All rows of a table in a fixed order, or a word for no table.
pub(crate) fn rows(project: &Path, table: &str) -> String {
    let query = format!("select * from {table} order by 1");
    let output = headworks(project, &["sql", &query, "--format", "json", "--limit", "1000000"]);
    if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { "no table".into() }
}

/// Data files of the warehouse that no log entry of their table names.
pub(crate) fn strays(project: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut logs = String::new();
    let mut folders = vec![project.join("warehouse")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|ending| ending.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("json") => logs.push_str(&std::fs::read_to_string(path).unwrap()),
                Some("parquet") if !path.to_string_lossy().contains("_delta_log") => {
                    files.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
                _ => {}
            }
        }
    }
    files.retain(|file| !logs.contains(file.as_str()));
    files
}

/// Folders of tables, and folders in them, that hold nothing.
pub(crate) fn empty_folders(project: &Path) -> Vec<String> {
    let mut empty = Vec::new();
    let mut folders = vec![project.join("warehouse")];
    while let Some(folder) = folders.pop() {
        let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        // `raw` and `quarantine` are no tables.
        if entries.is_empty() && folder.parent() != Some(&project.join("warehouse")) {
            empty.push(folder.to_string_lossy().into_owned());
        }
        folders.extend(entries.into_iter().filter(|entry| entry.is_dir()));
    }
    empty
}
