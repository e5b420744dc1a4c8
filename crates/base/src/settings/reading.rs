//! Reading a tree of settings through serde, going on after problems.
//!
//! serde stops at the first problem. So the node that has it is left out and everything is read again, until
//! nothing is wrong any more. What is left out counts as not written: a key that is missing for that reason alone is
//! no problem of its own, and so is the map or choice around it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer};

use super::problem::{NodeId, Problem};
use super::{Entry, Node, Settings};
use crate::{Error, Result, Span};

/// How many problems one go shows at most.
const MOST_PROBLEMS: usize = 20;

/// The nodes that are left out, each with the key that it was meant to stand under.
type LeftOut = HashMap<NodeId, String>;

/// Reads typed settings; see [`Settings::read`].
pub(super) fn read<T: DeserializeOwned>(settings: &Settings) -> Result<T> {
    let mut left_out = LeftOut::new();
    let mut problems = Vec::new();
    while problems.len() < MOST_PROBLEMS {
        let mut problem = match T::deserialize(Reading { settings, left_out: &left_out }) {
            Ok(value) if problems.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(problem) => problem,
        };
        let culprit = problem.culprit.take();
        if !problem.follows {
            problems.push(problem);
        }
        let goes_on = culprit.is_some_and(|culprit| left_out.insert(culprit.node, culprit.key).is_none());
        if !goes_on {
            break;
        }
    }
    Err(all(problems, settings.span.as_ref()))
}

/// All problems as one error, in the order of the file. An alias shows a problem in as many nodes as it is used; it is told
/// once.
fn all(problems: Vec<Problem>, whole: Option<&Span>) -> Error {
    let mut errors: Vec<Error> = Vec::new();
    for error in problems.into_iter().map(|problem| problem.into_error(whole)) {
        if !errors.iter().any(|told| told.message() == error.message() && told.span() == error.span() && error.span().is_some()) {
            errors.push(error);
        }
    }
    errors.sort_by_key(|error| error.span().map(|span| (span.line, span.column)));
    Error::all(errors).unwrap_or_else(|| Error::bug("settings were refused without a reason"))
}

/// A node as serde reads it.
#[derive(Clone, Copy)]
struct Reading<'de> {
    settings: &'de Settings,
    left_out: &'de LeftOut,
}

impl<'de> Reading<'de> {
    fn of(self, settings: &'de Settings) -> Self {
        Self { settings, ..self }
    }

    fn is_left_out(self, settings: &Settings) -> bool {
        self.left_out.contains_key(&std::ptr::from_ref(settings))
    }

    /// Says where a problem is, and whether it only shows because something below this node was left out.
    fn locate(self, mut problem: Problem) -> Problem {
        if let Some(missing) = problem.missing_here() {
            let stands_for_it = |entry: &Entry| self.left_out.get(&std::ptr::from_ref(&entry.value)).is_some_and(|key| key == missing);
            problem.follows |= self.settings.entries().iter().any(stands_for_it);
        }
        problem.at(self.settings.span.as_ref())
    }

    /// What stands where one of several choices should.
    fn shown(self) -> String {
        match &self.settings.node {
            Node::Null => "nothing".into(),
            Node::Bool(value) => format!("`{value}`"),
            Node::Integer(number) => format!("`{number}`"),
            Node::Float(number) => format!("`{number}`"),
            Node::Text(text) => format!("`{text}`"),
            Node::List(_) => "a list".into(),
            Node::Map(map) if map.0.is_empty() => "nothing".into(),
            Node::Map(map) => map.0.iter().map(|entry| format!("`{}`", entry.key)).collect::<Vec<_>>().join(" and "),
        }
    }
}

impl<'de> de::Deserializer<'de> for Reading<'de> {
    type Error = Problem;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let result = match &self.settings.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(items) => visitor.visit_seq(ListAccess { items: items.iter(), list: self }),
            Node::Map(map) => visitor.visit_map(MapAccess { entries: map.0.iter(), value: None, map: self }),
        };
        result.map_err(|problem| self.locate(problem))
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.settings.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is no struct: serde would take its items for the fields in their order.
    fn deserialize_struct<V: de::Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        match &self.settings.node {
            Node::List(_) => Err(self.locate(de::Error::invalid_type(de::Unexpected::Seq, &visitor))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.settings.node {
            // YAML reads `version: 1` and `true` as other things than text; where text is wanted, take it as written.
            Node::Integer(number) => visitor.visit_string(number.to_string()),
            Node::Float(number) => visitor.visit_string(number.to_string()),
            Node::Bool(value) => visitor.visit_string(value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_string(visitor)
    }

    /// `2.0` and `1e3` are kept as they are written, for a code may look like a number; where a number is wanted, they are one.
    fn deserialize_f64<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let number = match &self.settings.node {
            Node::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        match number {
            Some(number) => visitor.visit_f64(number).map_err(|problem: Problem| self.locate(problem)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let result = match &self.settings.node {
            Node::Text(text) => {
                visitor.visit_enum(VariantAccess { key: text, key_span: self.settings.span.as_ref(), value: None, choice: self })
            }
            Node::Map(map) if map.0.len() == 1 => {
                let Entry { key, key_span, value } = &map.0[0];
                visitor.visit_enum(VariantAccess { key, key_span: key_span.as_ref(), value: Some(value), choice: self })
            }
            _ => Err(Problem::no_choice(variants, self.shown())),
        };
        result.map_err(|problem| self.locate(problem))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct ListAccess<'de> {
    items: std::slice::Iter<'de, Settings>,
    list: Reading<'de>,
}

impl<'de> de::SeqAccess<'de> for ListAccess<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let list = self.list;
        let Some(item) = self.items.find(|item| !list.is_left_out(item)) else { return Ok(None) };
        seed.deserialize(list.of(item)).map(Some).map_err(|problem| problem.at(item.span.as_ref()).blaming(item, ""))
    }
}

struct MapAccess<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Entry>,
    map: Reading<'de>,
}

impl<'de> de::MapAccess<'de> for MapAccess<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let map = self.map;
        let Some(entry) = self.entries.find(|entry| !map.is_left_out(&entry.value)) else { return Ok(None) };
        self.value = Some(entry);
        let key: StrDeserializer<'_, Problem> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|problem| {
            let meant = problem.meant().unwrap_or(&entry.key).to_owned();
            problem.at(entry.key_span.as_ref()).blaming(&entry.value, &meant)
        })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Problem> {
        let Entry { key, value, .. } = self.value.take().ok_or_else(|| <Problem as de::Error>::custom("a value without a key"))?;
        seed.deserialize(self.map.of(value)).map_err(|problem| problem.at(value.span.as_ref()).blaming(value, key))
    }
}

/// What a choice has that stands alone.
static NO_SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings::from_json(&serde_json::json!({})));

struct VariantAccess<'de> {
    key: &'de str,
    key_span: Option<&'de Span>,
    value: Option<&'de Settings>,
    choice: Reading<'de>,
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
    /// The settings of the choice.
    fn settings(&self) -> Result<Reading<'de>, Problem> {
        self.value.map(|value| self.choice.of(value)).ok_or_else(|| self.needs_settings())
    }

    fn needs_settings(&self) -> Problem {
        self.refused(format!("`{0}` needs settings; write `{{ {0}: {{ … }} }}`", self.key))
    }

    fn refused(&self, message: String) -> Problem {
        <Problem as de::Error>::custom(message).at(self.key_span)
    }
}

impl<'de> de::VariantAccess<'de> for VariantAccess<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.value.map(|value| &value.node) {
            None | Some(Node::Null) => Ok(()),
            Some(_) => Err(self.refused(format!("`{0}` takes no settings; write `{0}` alone", self.key))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        if self.value.is_none() {
            // A choice whose settings all have defaults may stand alone.
            return seed.deserialize(self.choice.of(&NO_SETTINGS)).map_err(|_| self.needs_settings());
        }
        seed.deserialize(self.settings()?)
    }

    fn tuple_variant<V: de::Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        de::Deserializer::deserialize_any(self.settings()?, visitor)
    }

    fn struct_variant<V: de::Visitor<'de>>(self, keys: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        de::Deserializer::deserialize_struct(self.settings()?, "", keys, visitor)
    }
}
