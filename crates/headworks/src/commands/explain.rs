//! `headworks explain`: what an error code or a rule kind means.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, CODES, Result, code, unknown};
use hw_validate::RULE_KINDS;
use serde_json::json;

use super::{Command, described, read};
use crate::terminal::{Format, Terminal, table};

/// The command.
pub(crate) struct Explain;

#[derive(Args)]
struct Arguments {
    /// An error code such as HW201, or `rule`; everything there is where it is not given
    what: Option<String>,
    /// The rule kind, after `rule`
    kind: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Command for Explain {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "explain",
            "Explain an error code, or a kind of rule",
            "Examples:\n  headworks explain HW601\n  headworks explain rule not_null\n  headworks explain",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let text = text(arguments.what.as_deref(), arguments.kind.as_deref())?;
            match arguments.format {
                Format::Json => {
                    let asked: Vec<&str> = arguments.what.iter().chain(&arguments.kind).map(String::as_str).collect();
                    let asked = (!asked.is_empty()).then(|| asked.join(" "));
                    terminal.json(&json!({ "schema_version": "1", "asked": asked, "text": text }))?;
                }
                Format::Text | Format::Markdown => terminal.line(text),
            }
            Ok(0)
        })
    }
}

fn text(what: Option<&str>, kind: Option<&str>) -> Result<String> {
    match (what, kind) {
        (None, _) => Ok([codes(), String::new(), kinds()].join("\n")),
        (Some("rule"), None) => Ok(kinds()),
        (Some("rule"), Some(kind)) => {
            hw_validate::explain(kind).ok_or_else(|| unknown("rule kind", kind, RULE_KINDS.iter().map(|kind| kind.name())).code("HW107"))
        }
        (Some(name), _) => match (code(name), hw_validate::explain(name)) {
            (Some(code), _) => Ok(format!("{}: {}\n\n{}", code.code, code.title, code.text)),
            (None, Some(text)) => Ok(text),
            (None, None) => Err(unknown("error code", name, CODES.iter().map(|code| code.code)).code("HW107")),
        },
    }
}

fn codes() -> String {
    let rows: Vec<Vec<String>> = CODES.iter().map(|code| vec![code.code.to_owned(), code.title.to_owned()]).collect();
    format!("error codes (`headworks explain HW201`):\n  {}", table(&rows, &[]).join("\n  "))
}

fn kinds() -> String {
    let rows: Vec<Vec<String>> = RULE_KINDS.iter().map(|kind| vec![kind.name().to_owned(), kind.dimension().name().to_owned()]).collect();
    format!("rule kinds (`headworks explain rule not_null`):\n  {}", table(&rows, &[]).join("\n  "))
}
