//! House rules as a program: `cargo xtask tidy` fails where a manifest or a folder breaks them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it finds is for the terminal")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which room may import which, as in ARCHITECTURE.md.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("ledger", &["base"]),
    ("validate", &["base"]),
    ("relate", &["base"]),
    ("measure", &["base"]),
    ("text", &["base"]),
    ("assess", &["base", "validate", "relate"]),
    ("pipeline", &["base", "validate"]),
    ("engine", &["base", "measure"]),
    ("connect", &["base", "engine", "text"]),
    ("headworks", &["base", "config", "ledger", "validate", "relate", "measure", "text", "assess", "pipeline", "engine", "connect"]),
];

/// Crates that only the heavy rooms may name.
const HEAVY: &[&str] = &["datafusion", "deltalake-core", "object_store", "arrow", "parquet"];
/// What the names of Arrow's small crates start with, and the light rooms that may name them.
const ARROW: (&str, &[&str]) = ("arrow-", &["measure", "text"]);
/// The heavy rooms.
const HEAVY_ROOMS: &[&str] = &["engine", "connect"];
/// Shelves: a folder, and the file that holds its table.
const SHELVES: &[&str] = &["crates/validate/src/kinds", "crates/connect/src/connectors", "crates/headworks/src/commands"];
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "core"];
/// Product lines per file.
const LONGEST_FILE: usize = 700;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    if task != "tidy" {
        eprintln!("usage: cargo xtask tidy");
        return ExitCode::from(2);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    let problems = [imports(&root), shelves(&root), files(&root)].concat();
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    println!("tidy: {}", if problems.is_empty() { "the house is in order".to_owned() } else { format!("{} problems", problems.len()) });
    ExitCode::from(u8::from(!problems.is_empty()))
}

/// Every manifest imports only what the table lets it.
fn imports(root: &Path) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut problems = Vec::new();
    for folder in folders(&root.join("crates")) {
        let importer = name(&folder);
        let Some(allowed) = table.get(importer.as_str()) else {
            problems.push(format!("crates/{importer} is no room of the table in xtask and ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies(&folder.join("Cargo.toml")) {
            if let Some(other) = dependency.strip_prefix("hw-")
                && !allowed.contains(&other)
            {
                problems.push(format!("crates/{importer} imports {other}, which the table does not allow"));
            }
            if dependency.starts_with(ARROW.0) && !ARROW.1.contains(&importer.as_str()) && !HEAVY_ROOMS.contains(&importer.as_str()) {
                problems.push(format!("crates/{importer} names {dependency}; only {}, engine and connect may", ARROW.1.join(", ")));
            }
            if HEAVY.contains(&dependency.as_str()) && !HEAVY_ROOMS.contains(&importer.as_str()) {
                problems.push(format!("crates/{importer} names {dependency}; only engine and connect may"));
            }
        }
    }
    problems
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Every file of a shelf stands in its table: `mod.rs` has its `mod` line and names it once more.
fn shelves(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for shelf in SHELVES {
        let table = fs::read_to_string(root.join(shelf).join("mod.rs")).unwrap_or_default();
        for item in items(&root.join(shelf)) {
            let is_test = item == "tests";
            if !is_test && (!table.contains(&format!("mod {item};")) || !table.contains(&format!("{item}::"))) {
                problems.push(format!("{shelf}/{item} is not in the table of {shelf}/mod.rs"));
            }
        }
    }
    problems
}

fn items(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let stems = entries.map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    stems.filter(|stem| stem != "mod").collect()
}

/// No file has an empty name, and none is too long.
fn files(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            if EMPTY_NAMES.contains(&stem.as_str()) {
                problems.push(format!("{shown}: a name that says nothing; name it after what it holds"));
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && product_lines(&path) > LONGEST_FILE {
                problems.push(format!("{shown} is longer than {LONGEST_FILE} product lines; split it by nouns"));
            }
        }
    }
    problems
}

fn product_lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
