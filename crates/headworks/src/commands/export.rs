//! `headworks export`: writes rules for another tool.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Engine, Result};
use hw_pipeline::EngineSettings;
use hw_validate::{Dialect, TableRules, suite};

use super::assess::open;
use super::check::rules;
use super::{Command, described, read};
use crate::files::write_file;
use crate::terminal::Terminal;

/// The command.
pub(crate) struct Export;

#[derive(Args)]
struct Arguments {
    /// The tool: `great-expectations`, `dbt`, `soda`, `odcs` or `sql`
    tool: String,
    /// The data that the rules are about: a file, a folder or a glob; in a project also a table or `source.dataset`
    data: String,
    /// The rules; in a project those of the table or dataset where it is not given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// What the tool calls the data
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// What the database of the tool speaks, for checks that go out as SQL; `ansi` is what most engines read
    #[arg(long, value_name = "DIALECT", default_value = Dialect::WORDS[0], value_parser = PossibleValuesParser::new(Dialect::WORDS))]
    dialect: String,
    /// Write to this file, and what it needs beside it into its folder, instead of printing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: super::Common,
}

impl Command for Export {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "export",
            "Write rules for another tool",
            "Examples:\n  headworks export soda fact_orders\n  headworks export great-expectations orders.csv --rules rules.yaml --out suite.json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let suite = suite(&arguments.tool)?;
            let opened = open(&arguments.data, &EngineSettings::default(), terminal).await?;
            let rules = rules(arguments.rules.as_deref(), &arguments.data, &opened)?;
            let columns = opened.engine().columns(&opened.rows).await?;
            let table = table(&arguments);
            let dialect = Dialect::parse(&arguments.dialect).unwrap_or_default();
            let written = suite.write(&[TableRules { table: &table, columns: &columns, rules: &rules, dialect }]);
            if let Some(file) = &arguments.out {
                write_file(file, &written.text)?;
                let folder = file.parent().unwrap_or_else(|| Path::new("."));
                for (name, text) in &written.files {
                    write_file(&folder.join(name), text)?;
                }
                terminal.line(written.report().trim_end());
            } else {
                terminal.line(written.text.trim_end());
                for (name, text) in &written.files {
                    terminal.line(format!("-- {name}\n{}", text.trim_end()));
                }
            }
            Ok(0)
        })
    }
}

/// The name that was given, else that of the file or table.
fn table(arguments: &Arguments) -> String {
    let of_file = || Path::new(&arguments.data).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let is_path = arguments.data.contains('/') || Path::new(&arguments.data).exists();
    arguments.table.clone().or_else(|| of_file().filter(|_| is_path)).unwrap_or_else(|| arguments.data.clone())
}
