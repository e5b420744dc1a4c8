//! `headworks import`: turns the checks of another tool into rules.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Error, Result};
use hw_validate::{Imported, ImportedItem, Outcome};

use super::{Command, described, read};
use crate::files::write_file;
use crate::suite_files::read_checks;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Import;

#[derive(Args)]
struct Arguments {
    /// The tool: `great-expectations`, `dbt`, `soda`, `odcs` or `sql`; with `auto` the text tells it
    tool: String,
    /// A file of it, or a folder with its files
    path: PathBuf,
    /// Write the rules of each table as a file into this folder, instead of printing them
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the unit tests of each model as a file into this folder, instead of printing them
    #[arg(long, value_name = "FOLDER")]
    tests: Option<PathBuf>,
    #[command(flatten)]
    common: super::Common,
}

impl Command for Import {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "import",
            "Turn the checks of another tool into rules",
            "Examples:\n  headworks import great-expectations suite.json\n  headworks import dbt my_project --out rules --tests tests",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let imported = imported(&arguments, terminal)?;
            let name = |table: Option<&str>| table.map_or_else(|| stem(&arguments.path), str::to_owned);
            let tables = imported.tables_with_rules();
            // A file without rules would be refused where it is used.
            let (tables, empty): (Vec<_>, Vec<_>) =
                tables.into_iter().partition(|table| arguments.out.is_none() || imported.has_rules(*table));
            let rules: Vec<_> = tables.into_iter().map(|table| (name(table), imported.rules_yaml(table))).collect();
            let tests: Vec<_> = imported.tests_yaml().into_iter().map(|(model, tests)| (format!("tests/{model}"), tests)).collect();
            let parts = [(&arguments.out, &rules), (&arguments.tests, &tests)];
            let files: Vec<_> = parts.iter().flat_map(|(folder, texts)| files_in(folder.as_deref(), texts)).collect();
            Error::all(files.iter().filter_map(|(file, text)| changed(file, text)).collect()).map_or(Ok(()), Err)?;
            // What is printed may be kept as a file of rules.
            let is_comment = arguments.out.is_none() && !rules.is_empty();
            let beside = |line: &str| if is_comment { format!("# {line}").trim_end().to_owned() } else { line.to_owned() };
            for (file, text) in files {
                write_file(&file, text)?;
                terminal.say(beside(&format!("written: {}", file.display())));
            }
            // In a folder, checks of no table are those of files that cannot be read.
            for table in empty.into_iter().filter(|table| table.is_some() || !arguments.path.is_dir()) {
                terminal.say(format!("not written: `{}`, since none of its checks became a rule that can break", name(table)));
            }
            if terminal.format == Format::Json {
                terminal.json(&imported.to_json())?;
                return Ok(0);
            }
            for (name, text) in parts.iter().filter(|(folder, _)| folder.is_none()).flat_map(|(_, texts)| texts.iter()) {
                terminal.line(format!("# {name}\n{text}"));
            }
            terminal.lines(imported.report().trim_end().lines().map(beside));
            Ok(0)
        })
    }
}

/// The files that texts become in a folder; none where there is no folder.
fn files_in<'a>(folder: Option<&'a Path>, texts: &'a [(String, String)]) -> impl Iterator<Item = (PathBuf, &'a str)> {
    let name = |name: &str| format!("{}.yaml", name.rsplit('/').next().unwrap_or(name));
    folder.into_iter().flat_map(move |folder| texts.iter().map(move |(own, text)| (folder.join(name(own)), text.as_str())))
}

/// Why a file is not written: it holds something else, which a person may have written.
fn changed(file: &Path, text: &str) -> Option<Error> {
    let present = std::fs::read(file).ok()?;
    (present != text.as_bytes()).then(|| {
        Error::user(format!("`{}` is there and says something else; nothing is written", file.display()))
            .code("HW108")
            .help("import into another folder and take over what you want, or move the file away")
    })
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The checks of the file, or of all files below the folder that are of the tool.
fn imported(arguments: &Arguments, terminal: &Terminal) -> Result<Imported> {
    if !arguments.path.is_dir() {
        return read_checks(&arguments.tool, &arguments.path);
    }
    let mut all = Imported::default();
    for file in files_below(&arguments.path, None)? {
        match read_checks(&arguments.tool, &file) {
            Ok(Imported { name, items, .. }) => {
                let named = |item: ImportedItem| ImportedItem { table: item.table.or_else(|| name.clone()), ..item };
                all.items.extend(items.into_iter().map(named));
            }
            Err(error) if error.known_code() == Some(UNREADABLE) => all.items.push(unread(&file, &error)),
            Err(error) => terminal.say(format!("not read: {}: {}", file.display(), error.message())),
        }
    }
    if all.items.is_empty() {
        return Err(Error::user(format!("`{}` holds no checks of {}", arguments.path.display(), arguments.tool)).code("HW104"));
    }
    Ok(all)
}

/// The code of files that are cut off or otherwise broken.
const UNREADABLE: &str = "HW101";

/// What became of the checks of a file that cannot be read, of which nobody knows how many they are.
fn unread(file: &Path, error: &Error) -> ImportedItem {
    // What is broken may be the file of their project.
    let other = error.span().filter(|span| span.file != file).map(|span| format!(" in `{}`", span.file.display())).unwrap_or_default();
    let place = error.span().map(|span| format!("{other} at {}:{}", span.line, span.column)).unwrap_or_default();
    let why = format!("{}{place}", error.message());
    ImportedItem { table: None, check: format!("the checks of `{}`", file.display()), outcome: Outcome::NotTranslated { why } }
}

/// The folders in which a dbt project has its tests in SQL: its other SQL is models. `None` where the folder is no such project.
fn test_folders(folder: &Path) -> Option<Vec<PathBuf>> {
    let file = folder.join("dbt_project.yml");
    if !file.is_file() {
        return None;
    }
    let project = hw_config::read_yaml(&file, &file).map(|settings| settings.to_json()).unwrap_or_default();
    let named = project.get("test-paths").and_then(|paths| paths.as_array());
    let paths: Vec<&str> = named.map_or(vec!["tests"], |paths| paths.iter().filter_map(|path| path.as_str()).collect());
    Some(paths.into_iter().map(|path| folder.join(path)).collect())
}

/// The files below a folder that may hold checks, in the order of their names; SQL in `tests` alone, where these are known.
fn files_below(folder: &Path, tests: Option<&[PathBuf]>) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| Error::user(format!("`{}` cannot be read", folder.display())).code("HW106").because(error);
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let own = test_folders(folder);
    let tests = own.as_deref().or(tests);
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_foreign = name.starts_with('.')
            || matches!(name.as_str(), "target" | "dbt_packages" | "macros" | "dbt_project.yml" | "packages.yml" | "profiles.yml");
        let may_hold = path.extension().is_some_and(|ending| match ending.to_str() {
            Some("sql") => tests.is_none_or(|tests| tests.iter().any(|folder| path.starts_with(folder))),
            ending => matches!(ending, Some("yml" | "yaml" | "json")),
        });
        if is_foreign {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path, tests)?);
        } else if may_hold {
            files.push(path);
        }
    }
    Ok(files)
}
