//! The `path` of a file source: one path, or one per dataset.

use std::borrow::Cow;
use std::fmt;

use hw_base::{Error, Result, unknown};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::connectors::{Place, Secrets};
use crate::files;

/// Where the files of a source lie: a path, a folder or a glob, or a map from dataset to such a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// One dataset, named after its file or folder.
    One(String),
    /// Datasets by name.
    Named(Vec<(String, String)>),
}

impl Paths {
    /// The same paths with their references, such as `${env:LANDING}`, resolved.
    pub(crate) fn resolved(&self, secrets: &Secrets) -> Result<Self> {
        Ok(match self {
            Self::One(path) => Self::One(secrets(path)?),
            Self::Named(paths) => Self::Named(paths.iter().map(|(name, path)| Ok((name.clone(), secrets(path)?))).collect::<Result<_>>()?),
        })
    }

    /// The names of the datasets; a path whose references cannot be resolved is named as it is written.
    pub(crate) fn names(&self, place: &Place) -> Vec<String> {
        let paths = self.resolved(&place.secrets).unwrap_or_else(|_| self.clone());
        paths.datasets(&place.source).into_iter().map(|(name, _)| name).collect()
    }

    /// The datasets with their paths. One that has no name of its own is named after the source.
    pub(crate) fn datasets(&self, source: &str) -> Vec<(String, String)> {
        match self {
            Self::One(path) => vec![(files::dataset_name(path).unwrap_or_else(|| source.to_owned()), path.clone())],
            Self::Named(paths) => paths.clone(),
        }
    }

    /// How many datasets there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Named(paths) => paths.len(),
        }
    }

    /// The path of a dataset.
    pub(crate) fn of(&self, source: &str, dataset: &str) -> Result<String> {
        let datasets = self.datasets(source);
        let found = datasets.iter().find(|(name, _)| name == dataset).map(|(_, path)| path.clone());
        found.ok_or_else(|| missing(source, dataset, datasets.iter().map(|(name, _)| name.as_str())))
    }
}

/// The error for a dataset that a source does not have.
pub(crate) fn missing<'a>(source: &str, dataset: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    unknown("dataset", dataset, known).code("HW201").because(format!("the source `{source}` does not have it"))
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(PathsVisitor)
    }
}

struct PathsVisitor;

impl<'de> Visitor<'de> for PathsVisitor {
    type Value = Paths;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path such as `landing/orders/*.csv`, or a path per dataset")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> std::result::Result<Paths, E> {
        Ok(Paths::One(path.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Paths, A::Error> {
        let mut paths = Vec::new();
        while let Some(entry) = map.next_entry::<String, String>()? {
            paths.push(entry);
        }
        Ok(Paths::Named(paths))
    }
}

impl JsonSchema for Paths {
    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a path such as `landing/orders/*.csv`, or a path per dataset",
            "oneOf": [{ "type": "string" }, { "type": "object", "additionalProperties": { "type": "string" } }],
        })
    }
}
