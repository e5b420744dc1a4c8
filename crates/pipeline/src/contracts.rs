//! Contracts: what a table or a dataset promises in a file of its own, checked on every run together with its rules.

use hw_base::{Error, Node, Result, Settings, Span, unknown};
use hw_validate::{Imported, Outcome, Rule, read_rules, read_suite};
use serde::Serialize;

/// The key that names a contract.
const KEY: &str = "contract";

/// A promise of a contract that no run checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The file of the contract.
    pub contract: String,
    /// The promise, as the contract calls it.
    pub promise: String,
    /// Why it is not checked.
    pub why: String,
}

/// The files of contracts, by path.
pub(crate) struct Contracts<'a>(pub(crate) &'a [(String, String)]);

/// What a table or dataset promises.
pub(crate) struct Promised<'a> {
    /// Its rules, those of its contract after its own.
    pub(crate) rules: Vec<Rule>,
    /// What its contract promises besides.
    pub(crate) unchecked: Vec<Unchecked>,
    /// The text of its contract.
    pub(crate) contract: Option<&'a str>,
}

impl<'a> Contracts<'a> {
    /// The rules that a YAML file says, with those of the contract that it names; `names` are what the contract may call the table.
    ///
    /// # Errors
    /// All that is wrong with the rules; a contract that is not there, is about other tables, or cannot be read.
    pub(crate) fn rules(&self, yaml: &Settings, names: &[&str]) -> Result<Promised<'a>> {
        let own = yaml.get("rules").cloned();
        let Some(setting) = yaml.get(KEY).filter(|setting| setting.node != Node::Null) else {
            let rules = own.as_ref().map(read_rules).transpose()?.unwrap_or_default();
            return Ok(Promised { rules, unchecked: vec![], contract: None });
        };
        let (path, text) = self.named(setting)?;
        let at = |error: Error| error.within(format_args!("`{path}`")).moved_to(setting.span.clone());
        let imported = read_suite("auto", text).and_then(|imported| imported.for_table(None, names)).map_err(at)?;
        let rules = read_rules(&joined(own, &imported, setting.span.as_ref())).map_err(|error| error.within(format_args!("`{path}`")))?;
        Ok(Promised { rules, unchecked: unchecked(path, &imported), contract: Some(text) })
    }

    fn named(&self, named: &Settings) -> Result<(&'a str, &'a str)> {
        let path: String = named.read()?;
        let found = self.0.iter().find(|(known, _)| *known == path);
        found.map(|(path, text)| (path.as_str(), text.as_str())).ok_or_else(|| {
            let known = self.0.iter().map(|(known, _)| known.as_str());
            unknown("contract", &path, known)
                .code("HW108")
                .because("contracts are files in `contracts/` that end in `.yaml`")
                .moved_to(named.span.clone())
        })
    }
}

/// The rules of a YAML file and those of a contract, as one list. What is wrong with the latter is told where the contract is named.
fn joined(own: Option<Settings>, imported: &Imported, place: Option<&Span>) -> Settings {
    let mut items = match own {
        Some(Settings { node: Node::List(items), .. }) => items,
        Some(Settings { node: Node::Null, .. }) | None => vec![],
        Some(other) => return other,
    };
    let promised = imported.items.iter().flat_map(|item| item.outcome.rules());
    items.extend(promised.map(|rule| Settings { span: place.cloned(), ..Settings::from_json(rule) }));
    Settings { node: Node::List(items), span: place.cloned() }
}

fn unchecked(contract: &str, imported: &Imported) -> Vec<Unchecked> {
    let why = |outcome: &Outcome| match outcome {
        Outcome::NotTranslated { why } => Some(why.clone()),
        Outcome::Test { .. } => Some("it is a unit test: `headworks import` makes a file of it".to_owned()),
        Outcome::Translated { .. } | Outcome::AsSql { .. } => None,
    };
    let of = |item: &hw_validate::ImportedItem| {
        Some(Unchecked { contract: contract.to_owned(), promise: item.check.clone(), why: why(&item.outcome)? })
    };
    imported.items.iter().filter_map(of).collect()
}
