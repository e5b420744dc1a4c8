//! What serde found wrong with settings, in words for people who have never heard of serde.

use std::fmt;

use serde::de;

use crate::{Error, Settings, Span, nearest};

/// A node of the tree that is being read, told from all others by its address.
pub(super) type NodeId = *const Settings;

/// What to do where nothing more to the point is known.
const LOOK_UP: &str = "`headworks schema` tells what can stand here";

/// What serde found wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    place: Option<Span>,
    /// Whether the node that has it has been named.
    is_located: bool,
    /// Whether it only shows because another problem was left out.
    pub(super) follows: bool,
    /// What to leave out so that reading can go on.
    pub(super) culprit: Option<Culprit>,
}

/// A node to leave out.
#[derive(Debug)]
pub(super) struct Culprit {
    pub(super) node: NodeId,
    /// The key that it stands under or was meant to stand under; empty for the item of a list.
    pub(super) key: String,
}

#[derive(Debug)]
enum Kind {
    Unknown { name: String, known: Vec<String>, what: &'static str },
    Missing(String),
    Misfit { expected: String, found: String, help: &'static str },
    Other { message: String, help: Option<String> },
}

impl Problem {
    fn new(kind: Kind) -> Self {
        Self { kind, place: None, is_located: false, follows: false, culprit: None }
    }

    /// Something that is not one of the `choices` of an enum.
    pub(super) fn no_choice(choices: &[&str], found: String) -> Self {
        let expected = choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        Self::new(Kind::Misfit { expected: format!("one of {expected}"), found, help: "write one of them, with its settings below it" })
    }

    /// Says where it is, unless that is known. Called for the innermost node first.
    pub(super) fn at(mut self, place: Option<&Span>) -> Self {
        self.is_located = true;
        self.place = self.place.or_else(|| place.cloned());
        self
    }

    /// Says what to leave out, unless that is known.
    pub(super) fn blaming(mut self, node: &Settings, key: &str) -> Self {
        self.culprit.get_or_insert_with(|| Culprit { node, key: key.to_owned() });
        self
    }

    /// The key that is missing, where that is the problem and the map that lacks it has not been named yet.
    pub(super) fn missing_here(&self) -> Option<&str> {
        match &self.kind {
            Kind::Missing(key) if !self.is_located => Some(key),
            _ => None,
        }
    }

    /// The known name that an unknown one was probably meant to be.
    pub(super) fn meant(&self) -> Option<&str> {
        match &self.kind {
            Kind::Unknown { name, known, .. } => nearest(name, known.iter().map(String::as_str)),
            _ => None,
        }
    }

    /// The problem for people; `whole` is where the settings stand.
    pub(super) fn into_error(self, whole: Option<&Span>) -> Error {
        let meant = self.meant().map(str::to_owned);
        let error = match self.kind {
            Kind::Unknown { name, known, what } => {
                let error = Error::user(format!("unknown {what} `{name}`")).code("HW102");
                match meant {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None if known.is_empty() => error.help("nothing is known here; remove it"),
                    None => error.help(format!("known here: {}", known.join(", "))),
                }
            }
            Kind::Missing(key) => Error::user(format!("`{key}` is missing")).code("HW103").help(format!("add `{key}:`")),
            Kind::Misfit { expected, found, help } => Error::user(format!("expected {expected}, found {found}")).code("HW104").help(help),
            Kind::Other { message, help } => Error::user(message).code("HW104").help(help.unwrap_or_else(|| LOOK_UP.into())),
        };
        match self.place.as_ref().or(whole) {
            Some(place) => error.at(place.clone()),
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
    /// What follows the first `; ` says what to do.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let (message, help) = match text.split_once("; ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        Self::new(Kind::Other { message, help })
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
        misfit(&found, expected)
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        misfit(&found, expected)
    }
}

fn misfit(found: &de::Unexpected<'_>, expected: &dyn de::Expected) -> Problem {
    let (expected, help) = wanted(&expected.to_string());
    let help = if matches!(found, de::Unexpected::Unit | de::Unexpected::Option) { "give it a value, or remove the key" } else { help };
    Problem::new(Kind::Misfit { expected, found: shown(found), help })
}

/// What serde expected, and how it is written.
fn wanted(expected: &str) -> (String, &'static str) {
    let (words, help) = match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            ("a whole number of at least 0", "write it in digits without a fraction, unit or quotes, such as `4`")
        }
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
            ("a whole number", "write it in digits without a fraction, unit or quotes, such as `-4`")
        }
        "f32" | "f64" => ("a number", "write it in digits without a unit or quotes, such as `0.5`"),
        "a string" | "string" => ("text", "write one value here, in quotes where it begins with a sign such as `[` or `{`"),
        "a boolean" => ("`true` or `false`", "write the word without quotes"),
        "a sequence" => ("a list", "write `[one, two]`, or one `- one` per line"),
        _ if is_map(expected) => ("keys with values", "write each as `key: value`, indented below; `headworks schema` lists them"),
        other => (other, LOOK_UP),
    };
    (words.to_owned(), help)
}

fn is_map(expected: &str) -> bool {
    expected == "a map" || expected.starts_with("struct ")
}

/// A value as it was found.
fn shown(found: &de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unsigned(number) => format!("`{number}`"),
        de::Unexpected::Signed(number) => format!("`{number}`"),
        de::Unexpected::Float(number) => format!("`{number}`"),
        de::Unexpected::Str(text) if text.parse::<f64>().is_ok() || matches!(*text, "true" | "false") => format!("the text `{text}`"),
        de::Unexpected::Str(text) => format!("`{text}`"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map => "keys with values".into(),
        other => other.to_string(),
    }
}
