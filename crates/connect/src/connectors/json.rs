//! `json`: one object per line, or one list of objects.

use std::collections::BTreeMap;

use hw_base::{Result, Settings, Tolerance};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::csv::one_percent;
use super::{Connector, Place, Source};
use crate::file_source::{FileSource, WholeFiles};
use crate::paths::Paths;
use crate::text::{self, JsonOptions};
use crate::types::declared_types;

/// The connector for JSON.
pub(super) struct Json;

/// Settings of a `json` source: one object per line (NDJSON) or one list of objects, plain or compressed with gzip or
/// Zstandard.
///
/// The keys of the first records become the columns; lists and objects inside a record are kept as JSON text. A record
/// with a key that none of the first records had is malformed, so that nothing is lost unseen.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSettings {
    /// The files: a path, a folder or a glob such as `landing/events/*.ndjson`; or a map from dataset to such a path.
    /// Relative paths start at the project folder.
    pub path: Paths,
    /// Types of columns, where the detected ones do not fit: `{ amount: "decimal(12,2)" }`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// How many records may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

impl Connector for Json {
    fn kind(&self) -> &'static str {
        "json"
    }

    fn summary(&self) -> &'static str {
        "JSON files, one object per line or one list, plain, gzip or Zstandard"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["json", "ndjson", "jsonl"]
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<JsonSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let json: JsonSettings = settings.read()?;
        let options = JsonOptions { declared: declared_types(&json.columns, settings, json.path.count())? };
        let files = FileSource { place, paths: json.path, endings: self.endings() };
        Ok(Box::new(WholeFiles::new(files, json.malformed, move |root, files, delivery| text::open_json(root, files, &options, delivery))))
    }
}
