//! `csv`: files of delimited text.

use std::collections::BTreeMap;

use hw_base::{Error, Result, Settings, Share, Span, Tolerance};
use hw_text::Quote;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::{Connector, Place, Source};
use crate::file_source::{FileSource, WholeFiles};
use crate::paths::Paths;
use crate::text::{self, DelimitedOptions, Places};
use crate::types::declared_types;

/// The connector for CSV and its kin.
pub(super) struct Csv;

/// Settings of a `csv` source: delimited text, plain or compressed with gzip or Zstandard.
///
/// What is not set is detected per file: delimiter, encoding, header and the types of the columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSettings {
    /// The files: a path, a folder or a glob such as `landing/orders/*.csv`; or a map from dataset to such a path.
    /// Relative paths start at the project folder.
    pub path: Paths,
    /// The character between fields. Detected among `,` `;` tab `|` `:`.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// The character around fields that hold delimiters or line ends, doubled inside them; empty for none. Detected: `"`, or `'` where
    /// more records have as many fields by it.
    #[serde(default)]
    pub quote: Option<String>,
    /// The encoding, such as `utf-8`, `latin1` or `utf-16`. Detected by the first bytes.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Whether the first record names the columns. Detected; without names they are `column_1`, `column_2` …
    #[serde(default)]
    pub header: Option<bool>,
    /// Spellings of a missing value, beside the empty field: `["NULL", "n/a"]`.
    #[serde(default)]
    pub null: Vec<String>,
    /// Types of columns, where the detected ones do not fit: `{ zip: text, amount: "decimal(12,2)" }`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Lines above the header to leave out. Detected: titles, and comments that begin with `#`, above a header of names; `0` leaves out none.
    #[serde(default)]
    pub skip_rows: Option<usize>,
    /// The character that starts a comment line.
    #[serde(default)]
    pub comment: Option<String>,
    /// How many records may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

/// The tolerance for malformed records where none is set.
pub(super) fn one_percent() -> Tolerance {
    Tolerance::Share(Share(0.01))
}

impl Connector for Csv {
    fn kind(&self) -> &'static str {
        "csv"
    }

    fn summary(&self) -> &'static str {
        "delimited text files, plain, gzip or Zstandard"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["csv", "tsv", "tab", "psv", "txt"]
    }

    fn names_missing(&self) -> bool {
        true
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<CsvSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let csv: CsvSettings = settings.read()?;
        let options = options(&csv, settings)?;
        let files = FileSource { place, paths: csv.path, endings: self.endings() };
        Ok(Box::new(WholeFiles::new(files, csv.malformed, move |root, files, delivery| {
            text::open_delimited(root, files, &options, delivery)
        })))
    }
}

/// Settings as the reader takes them.
fn options(csv: &CsvSettings, settings: &Settings) -> Result<DelimitedOptions> {
    let mark = |key: &str, value: &Option<String>| match value {
        Some(text) => one_byte(key, text).map(Some).map_err(|error| placed(error, settings, key)),
        None => Ok(None),
    };
    let quote = match csv.quote.as_deref() {
        None => Quote::Detected,
        Some("") => Quote::None,
        Some(_) => mark("quote", &csv.quote)?.map_or(Quote::None, Quote::Is),
    };
    Ok(DelimitedOptions {
        delimiter: mark("delimiter", &csv.delimiter)?,
        quote,
        comment: mark("comment", &csv.comment)?,
        encoding: csv.encoding.as_deref().map(text::encoding_named).transpose().map_err(|error| placed(error, settings, "encoding"))?,
        has_header: csv.header,
        nulls: csv.null.clone(),
        declared: declared_types(&csv.columns, settings, csv.path.count())?,
        skip_rows: csv.skip_rows,
        places: Places { delimiter: place(settings, "delimiter"), encoding: place(settings, "encoding") },
    })
}

fn one_byte(key: &str, text: &str) -> Result<u8> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err(Error::user(format!("`{key}` must be one ASCII character, found `{text}`"))
            .code("HW104")
            .help("write for instance `\";\"` or `tab`")),
    }
}

/// Marks the value of `key` as the place of an error.
fn placed(error: Error, settings: &Settings, key: &str) -> Error {
    match place(settings, key) {
        Some(span) => error.at(span),
        None => error,
    }
}

fn place(settings: &Settings, key: &str) -> Option<Span> {
    settings.get(key).and_then(|value| value.span.clone())
}
