//! Cases as pages: prose, files and console sessions. `UPDATE_CASES=1` rewrites what the sessions print; another word in its place
//! does so for the pages whose path has it.
//!
//! A block ```` ```file PATH ```` writes a file; a block ```` ```console ```` runs its `$ ` lines with a shell in the case's own
//! folder and compares what they print. Run ids, times and temporary folders are replaced by words.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;

use crate::program::PROGRAM;

#[test]
fn every_page_of_cases_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages: Vec<PathBuf> = ["cases", "docs"].iter().flat_map(|folder| pages(&root.join(folder))).collect();
    assert!(pages.len() > 3, "the pages of cases are gone");
    let word = std::env::var("UPDATE_CASES").ok().filter(|word| word != "1").unwrap_or_default();
    let pages = pages.iter().filter(|page| page.to_string_lossy().contains(&word));
    let failures: Vec<String> = pages.filter_map(|page| check(page)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// Runs one page; returns what differs.
fn check(page: &Path) -> Option<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let servers = [("needs: postgres", "HEADWORKS_TEST_POSTGRES"), ("needs: mysql", "HEADWORKS_TEST_MYSQL")];
    if servers.iter().any(|(need, variable)| text.contains(need) && std::env::var(variable).is_err()) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut found = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let _ = writeln!(found, "{line}");
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let kept = body.iter().map(|line| format!("{line}\n"));
        match info.split_once(' ').unwrap_or((info, "")) {
            ("console", _) => {
                let commands = body.iter().filter(|line| line.starts_with("$ "));
                found.extend(commands.map(|line| session(folder.path(), line)));
            }
            ("file", path) => {
                write(&folder.path().join(path), &body);
                found.extend(kept);
            }
            _ => found.extend(kept),
        }
        found.push_str("```\n");
    }
    if found == text {
        return None;
    }
    if std::env::var("UPDATE_CASES").is_ok() {
        std::fs::write(page, &found).unwrap();
        return None;
    }
    let difference = found.lines().zip(text.lines()).enumerate().find(|(_, (found, expected))| found != expected);
    Some(match difference {
        Some((number, (found, expected))) => format!("{}:{}\n  expected: {expected}\n  found:    {found}", page.display(), number + 1),
        None => format!("{}: the page is longer or shorter than what was printed", page.display()),
    })
}

fn write(path: &Path, body: &[&str]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut text = body.join("\n");
    text.push('\n');
    std::fs::write(path, text).unwrap();
}

fn session(folder: &Path, line: &str) -> String {
    let bin = Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let command = format!("exec 2>&1; {}", line.trim_start_matches("$ "));
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder).env("PATH", path).stdin(Stdio::null()).output().unwrap();
    let mut text = format!("{line}\n{}", plain(&String::from_utf8_lossy(&output.stdout), folder));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => text.push_str(&format!("[exit {code}]\n")),
        None => text.push_str("[killed]\n"),
    }
    text
}

/// Replaces what differs from run to run.
fn plain(text: &str, folder: &Path) -> String {
    let canonical = folder.canonicalize().unwrap();
    let text = text.replace(&*canonical.to_string_lossy(), "FOLDER").replace(&*folder.to_string_lossy(), "FOLDER");
    let rules = [
        (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "MOMENT"),
        (r" +(\d+ min )?\d+(\.\d+)? s\b", " TIME"),
        (r"(postgres|mysql)://[^ `@]*@127\.0\.0\.1:\d+", "${1}://HOST"),
        (r"127\.0\.0\.1:\d+", "HOST"),
    ];
    let mut text = text;
    for (pattern, word) in rules {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}
