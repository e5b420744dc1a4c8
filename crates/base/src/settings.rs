//! A tree of settings whose every node knows its place, and its reading into typed settings.
//!
//! Reading goes on after the first problem, so that one go shows all of them.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer};
use serde_json::Value as Json;

use crate::{Error, Result, Span, nearest};

/// How many problems one go shows at most.
const MOST_PROBLEMS: usize = 20;

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
    /// Any other number.
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
    /// All problems found, each with its place: unknown keys with the nearest known one, missing keys, wrong types.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let mut tree = self.clone();
        let mut problems: Vec<Problem> = Vec::new();
        loop {
            match T::deserialize(Reading(&tree)) {
                Ok(value) if problems.is_empty() => return Ok(value),
                Ok(_) => break,
                Err(problem) => {
                    let place = problem.span.clone();
                    let follows_from_another =
                        matches!(&problem.kind, Kind::Missing(field) if problems.iter().any(|p| p.removed.as_deref() == Some(field)));
                    problems.push(problem);
                    let removed = place.as_ref().and_then(|span| tree.remove_at(span));
                    if follows_from_another {
                        problems.pop();
                    }
                    let Some(key) = removed else { break };
                    if let Some(last) = problems.last_mut() {
                        last.removed = Some(key);
                    }
                    if problems.len() >= MOST_PROBLEMS {
                        break;
                    }
                }
            }
        }
        let errors: Vec<Error> = problems.into_iter().map(|problem| problem.into_error(self.span.as_ref())).collect();
        Err(Error::all(errors).unwrap_or_else(|| Error::bug("settings were refused without a reason")))
    }

    /// Removes the innermost entry or item that holds `span`, and returns its key.
    fn remove_at(&mut self, span: &Span) -> Option<String> {
        match &mut self.node {
            Node::Map(map) => {
                if let Some(at) =
                    map.0.iter().position(|entry| entry.key_span.as_ref() == Some(span) || entry.value.span.as_ref() == Some(span))
                {
                    return Some(map.0.remove(at).key);
                }
                map.0.iter_mut().find_map(|entry| entry.value.remove_at(span))
            }
            Node::List(items) => {
                if let Some(at) = items.iter().position(|item| item.span.as_ref() == Some(span)) {
                    items.remove(at);
                    return Some(String::new());
                }
                items.iter_mut().find_map(|item| item.remove_at(span))
            }
            _ => None,
        }
    }
}

/// What serde found wrong, and where.
#[derive(Debug)]
struct Problem {
    kind: Kind,
    span: Option<Span>,
    removed: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Unknown { name: String, known: Vec<String>, what: &'static str },
    Missing(String),
    Other(String),
}

impl Problem {
    fn new(kind: Kind) -> Self {
        Self { kind, span: None, removed: None }
    }

    fn at(mut self, span: Option<&Span>) -> Self {
        if self.span.is_none() {
            self.span = span.cloned();
        }
        self
    }

    fn into_error(self, whole: Option<&Span>) -> Error {
        let error = match self.kind {
            Kind::Unknown { name, known, what } => {
                let error = Error::user(format!("unknown {what} `{name}`")).code("HW102");
                match nearest(&name, known.iter().map(String::as_str)) {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None if known.is_empty() => error.help("nothing is known here; remove it"),
                    None => error.help(format!("known here: {}", known.join(", "))),
                }
            }
            Kind::Missing(field) => Error::user(format!("`{field}` is missing")).code("HW103").help(format!("add `{field}:`")),
            Kind::Other(message) => Error::user(message).code("HW104"),
        };
        match self.span.as_ref().or(whole) {
            Some(span) => error.at(span.clone()),
            None => error,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown { name: field.into(), known: expected.iter().map(ToString::to_string).collect(), what: "key" })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown { name: variant.into(), known: expected.iter().map(ToString::to_string).collect(), what: "choice" })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing(field.into()))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Other(format!("expected {expected}, found {found}")))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Other(format!("expected {expected}, found {found}")))
    }
}

/// A node as serde reads it.
struct Reading<'de>(&'de Settings);

impl<'de> de::Deserializer<'de> for Reading<'de> {
    type Error = Problem;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let result = match &self.0.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(items) => visitor.visit_seq(ListAccess(items.iter())),
            Node::Map(map) => visitor.visit_map(MapAccess { entries: map.0.iter(), value: None }),
        };
        result.map_err(|problem| problem.at(self.0.span.as_ref()))
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_string<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.node {
            // YAML reads `version: 1` and `yes` as other things than text; where text is wanted, take it as written.
            Node::Integer(number) => visitor.visit_string(number.to_string()),
            Node::Float(number) => visitor.visit_string(number.to_string()),
            Node::Bool(value) => visitor.visit_string(value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_string(visitor)
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let result = match &self.0.node {
            Node::Text(text) => visitor.visit_enum(VariantAccess { key: text, key_span: self.0.span.as_ref(), value: None }),
            Node::Map(map) if map.0.len() == 1 => {
                let entry = &map.0[0];
                visitor.visit_enum(VariantAccess { key: &entry.key, key_span: entry.key_span.as_ref(), value: Some(&entry.value) })
            }
            _ => Err(de::Error::custom(format!("expected one of {} for `{name}`", variants.join(", ")))),
        };
        result.map_err(|problem| problem.at(self.0.span.as_ref()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct ListAccess<'de>(std::slice::Iter<'de, Settings>);

impl<'de> de::SeqAccess<'de> for ListAccess<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        self.0.next().map(|item| seed.deserialize(Reading(item)).map_err(|problem| problem.at(item.span.as_ref()))).transpose()
    }
}

struct MapAccess<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Settings>,
}

impl<'de> de::MapAccess<'de> for MapAccess<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Problem> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|problem| problem.at(entry.key_span.as_ref()))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Problem> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(Reading(value)).map_err(|problem| problem.at(value.span.as_ref()))
    }
}

struct VariantAccess<'de> {
    key: &'de str,
    key_span: Option<&'de Span>,
    value: Option<&'de Settings>,
}

impl<'de> de::EnumAccess<'de> for VariantAccess<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Problem> {
        let key: StrDeserializer<'_, Problem> = self.key.into_deserializer();
        let variant = seed.deserialize(key).map_err(|problem| problem.at(self.key_span))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> {
    fn value(&self) -> Result<&'de Settings, Problem> {
        self.value.ok_or_else(|| {
            Problem::new(Kind::Other(format!("`{}` needs settings: write `{}: {{ … }}`", self.key, self.key))).at(self.key_span)
        })
    }
}

impl<'de> de::VariantAccess<'de> for VariantAccess<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.value.map(|value| &value.node) {
            None | Some(Node::Null) => Ok(()),
            Some(_) => Err(Problem::new(Kind::Other(format!("`{}` takes no settings", self.key))).at(self.key_span)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        let value = self.value()?;
        seed.deserialize(Reading(value)).map_err(|problem| problem.at(value.span.as_ref()))
    }

    fn tuple_variant<V: de::Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        de::Deserializer::deserialize_any(Reading(self.value()?), visitor)
    }

    fn struct_variant<V: de::Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        de::Deserializer::deserialize_any(Reading(self.value()?), visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Engine {
        memory: String,
        threads: Option<u32>,
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Fast,
        Upsert { key: Vec<String> },
    }

    /// Settings whose places are numbered in the order of the tree.
    fn placed(json: &Json) -> Settings {
        fn number(settings: &mut Settings, next: &mut usize) {
            let mut place = || {
                *next += 1;
                Some(Span { file: "t.yaml".into(), line: *next, column: 1, length: 1 })
            };
            settings.span = place();
            match &mut settings.node {
                Node::Map(map) => {
                    for entry in &mut map.0 {
                        *next += 1;
                        entry.key_span = Some(Span { file: "t.yaml".into(), line: *next, column: 1, length: 1 });
                        number(&mut entry.value, next);
                    }
                }
                Node::List(items) => items.iter_mut().for_each(|item| number(item, next)),
                _ => {}
            }
        }
        let mut settings = Settings::from_json(json);
        number(&mut settings, &mut 0);
        settings
    }

    #[test]
    fn typed_settings_are_read_with_both_forms_of_an_enum() {
        let read = |mode: Json| placed(&json!({"memory": "1GiB", "mode": mode})).read::<Engine>().ok().and_then(|engine| engine.mode);
        assert_eq!(read(json!("fast")), Some(Mode::Fast));
        assert_eq!(read(json!({"upsert": {"key": ["id"]}})), Some(Mode::Upsert { key: vec!["id".into()] }));
    }

    #[test]
    fn one_go_shows_every_problem_with_its_place() {
        let error = placed(&json!({"memroy": "1GiB", "threads": "two", "mode": {"upsret": {}}})).read::<Engine>().unwrap_err().to_string();
        for part in [
            "unknown key `memroy`",
            "did you mean `memory`?",
            "t.yaml:2:1",
            "expected u32",
            "t.yaml:5:1",
            "unknown choice `upsret`",
            "t.yaml:8:1",
        ] {
            assert!(error.contains(part), "`{part}` is not in\n{error}");
        }
    }
}
