//! Files of text records: how their bytes become text, text becomes records, records become cells and cells become
//! typed columns. CSV and JSON share all of it but the step from a record to its cells.
//!
//! Bytes are never trusted: what cannot be read as a record becomes a malformed row that says why, with its line.

mod bytes;
mod cells;
mod columns;
mod delimited;
mod dialect;
mod encoding;
mod heads;
pub(crate) mod infer;
mod json;
pub(crate) mod loose;
mod objects;
mod open;
mod scan;
mod split;
mod table;
pub(crate) mod values;

pub(crate) use bytes::{SAMPLE_BYTES, sample};
pub(crate) use cells::malformed;
pub(crate) use heads::{DelimitedOptions, check_is_text, encoding_named, open_delimited};
pub(crate) use json::{JsonOptions, open_json};

#[cfg(test)]
mod tests;
