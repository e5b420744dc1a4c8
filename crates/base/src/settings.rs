//! A tree of settings whose every node knows its place, and its reading into typed settings.
//!
//! Reading goes on after the first problem, so that one go shows all of them; see [`Settings::read`].

mod problem;
mod reading;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{Result, Span};

/// A node of a settings tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What it holds.
    pub node: Node,
    /// Where it stands; `None` for settings that no file holds.
    pub span: Option<Span>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number. Files keep one here only if it is written as it is shown, so `1.50` and `1e3` are text.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Settings>),
    /// Named settings, in the order of the file.
    Map(SettingsMap),
}

/// Named settings, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsMap(pub Vec<Entry>);

/// One named setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub key_span: Option<Span>,
    /// Its value.
    pub value: Settings,
}

impl Settings {
    /// Settings that no file holds.
    pub fn from_json(json: &Json) -> Self {
        let node = match json {
            Json::Null => Node::Null,
            Json::Bool(value) => Node::Bool(*value),
            Json::Number(number) => number.as_i64().map_or_else(|| Node::Float(number.as_f64().unwrap_or_default()), Node::Integer),
            Json::String(text) => Node::Text(text.clone()),
            Json::Array(items) => Node::List(items.iter().map(Self::from_json).collect()),
            Json::Object(entries) => Node::Map(SettingsMap(
                entries.iter().map(|(key, value)| Entry { key: key.clone(), key_span: None, value: Self::from_json(value) }).collect(),
            )),
        };
        Self { node, span: None }
    }

    /// The plain value, without places.
    pub fn to_json(&self) -> Json {
        match &self.node {
            Node::Null => Json::Null,
            Node::Bool(value) => Json::Bool(*value),
            Node::Integer(number) => (*number).into(),
            Node::Float(number) => (*number).into(),
            Node::Text(text) => text.as_str().into(),
            Node::List(items) => items.iter().map(Self::to_json).collect(),
            Node::Map(map) => {
                map.0.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<serde_json::Map<_, _>>().into()
            }
        }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.node {
            Node::Map(map) => &map.0,
            _ => &[],
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Settings> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Settings] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// Reads typed settings, with serde.
    ///
    /// # Errors
    /// All problems found, each once and with its place, in the order of the file: unknown keys and choices with the
    /// nearest known one, missing keys, wrong types. What only follows from another problem is left out.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        reading::read(self)
    }
}

#[cfg(test)]
mod tests;
