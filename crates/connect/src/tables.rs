//! The tables of a source that is a database, and which of their columns are read as text.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The tables of a source: as they are called in the database, or with names of your own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tables {
    /// Tables that keep their names.
    Listed(Vec<String>),
    /// Tables by names of your own.
    Named(BTreeMap<String, String>),
}

impl Tables {
    /// The names of the datasets.
    pub(crate) fn datasets(&self) -> Vec<String> {
        match self {
            Self::Listed(tables) => tables.clone(),
            Self::Named(tables) => tables.keys().cloned().collect(),
        }
    }

    /// The table of a dataset.
    pub(crate) fn of(&self, dataset: &str) -> Option<&str> {
        match self {
            Self::Listed(tables) => tables.iter().find(|table| *table == dataset).map(String::as_str),
            Self::Named(tables) => tables.get(dataset).map(String::as_str),
        }
    }
}

/// The columns of `table` that `as_text` names, each as `table.column`.
pub(crate) fn text_columns<'a>(as_text: &'a [String], table: &str) -> Vec<&'a str> {
    as_text.iter().filter_map(|entry| entry.strip_prefix(table)?.strip_prefix('.')).collect()
}
