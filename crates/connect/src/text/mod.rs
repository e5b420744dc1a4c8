//! CSV and JSON files as tables of the engine; `hw-text` reads their records.

mod heads;
mod json;
mod open;
mod table;

pub(crate) use heads::{DelimitedOptions, check_is_text, encoding_named, open_delimited};
pub(crate) use json::{JsonOptions, open_json};

#[cfg(test)]
mod tests;
