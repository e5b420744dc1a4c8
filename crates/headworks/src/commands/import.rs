//! `headworks import`: turns the checks of another tool into rules.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Error, Result};
use hw_validate::{Imported, read_suite};

use super::{Command, described, read};
use crate::house::write_file;
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
            for table in imported.tables_with_rules() {
                let name = table.map_or_else(|| stem(&arguments.path), str::to_owned);
                let rules = imported.rules_yaml(table);
                match &arguments.out {
                    Some(folder) => {
                        let file = folder.join(format!("{name}.yaml"));
                        write_file(&file, &rules)?;
                        terminal.say(format!("written: {}", file.display()));
                    }
                    None if terminal.format != Format::Json => terminal.line(format!("# {name}\n{rules}")),
                    None => {}
                }
            }
            for (model, tests) in imported.tests_yaml() {
                match &arguments.tests {
                    Some(folder) => {
                        let file = folder.join(format!("{model}.yaml"));
                        write_file(&file, &tests)?;
                        terminal.say(format!("written: {}", file.display()));
                    }
                    None if terminal.format != Format::Json => terminal.line(format!("# tests/{model}\n{tests}")),
                    None => {}
                }
            }
            match terminal.format {
                Format::Json => terminal.json(&imported.to_json())?,
                Format::Text | Format::Markdown => terminal.line(imported.report().trim_end()),
            }
            Ok(0)
        })
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The checks of the file, or of all files below the folder that are of the tool.
fn imported(arguments: &Arguments, terminal: &Terminal) -> Result<Imported> {
    if !arguments.path.is_dir() {
        return read_suite(&arguments.tool, &hw_config::read_text(&arguments.path, &arguments.path)?);
    }
    let mut all = Imported::default();
    for file in files_below(&arguments.path)? {
        match hw_config::read_text(&file, &file).and_then(|text| read_suite(&arguments.tool, &text)) {
            Ok(found) => all.items.extend(found.items),
            Err(error) => terminal.say(format!("not read: {}: {}", file.display(), error.message())),
        }
    }
    if all.items.is_empty() {
        return Err(Error::user(format!("`{}` holds no checks of {}", arguments.path.display(), arguments.tool)).code("HW104"));
    }
    Ok(all)
}

/// The files below a folder that may hold checks, in the order of their names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| Error::user(format!("`{}` cannot be read", folder.display())).code("HW106").because(error);
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_foreign =
            name.starts_with('.') || matches!(name.as_str(), "target" | "dbt_packages" | "macros" | "dbt_project.yml" | "packages.yml");
        let may_hold = path.extension().is_some_and(|ending| ["yml", "yaml", "json", "sql"].iter().any(|known| ending == *known));
        if is_foreign {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if may_hold {
            files.push(path);
        }
    }
    Ok(files)
}
