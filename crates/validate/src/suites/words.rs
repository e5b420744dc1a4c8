//! Reading the arguments of checks.

use serde_json::{Map, Value as Json, json};

/// The arguments of a check, of which every one must be used.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    map: &'a Map<String, Json>,
    used: std::cell::RefCell<Vec<String>>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(map: &'a Map<String, Json>) -> Self {
        Self { map, used: std::cell::RefCell::default() }
    }

    /// The value under `key`; null where there is none.
    pub(super) fn get(&self, key: &str) -> Json {
        self.used.borrow_mut().push(key.into());
        self.map.get(key).cloned().unwrap_or_default()
    }

    /// The text under `key`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn text(&self, key: &str) -> Result<String, String> {
        match self.get(key) {
            Json::String(text) => Ok(text),
            Json::Null => Err(format!("`{key}` is missing")),
            other => Err(format!("`{key}` is {other} and no text")),
        }
    }

    /// The texts of the list under `key`; one text is a list of one.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        texts(&self.get(key)).ok_or_else(|| format!("`{key}` is no list of texts"))
    }

    /// The number under `key`.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        number(&self.get(key))
    }

    /// Whether `key` is set to true.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Json::Bool(true)) || self.get(key).as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Leaves `keys` out of account: they say nothing about the verdict.
    pub(super) fn ignore(&self, keys: &[&str]) {
        self.used.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Makes sure that every argument was used.
    ///
    /// # Errors
    /// Names one that was not.
    pub(super) fn all_used(&self) -> Result<(), String> {
        let used = self.used.borrow();
        match self.map.iter().find(|(key, value)| !value.is_null() && !used.contains(key)) {
            Some((key, value)) => Err(format!("the argument `{key}: {value}` has no counterpart")),
            None => Ok(()),
        }
    }
}

/// The texts of a list; one text is a list of one.
pub(super) fn texts(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(text) => Some(vec![text.clone()]),
        Json::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// A number, also where it stands as text.
pub(super) fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A share as the settings of rules want it: `95%`.
pub(super) fn percent(share: f64) -> Json {
    let rounded = (share * 1e12).round() / 1e10;
    json!(format!("{rounded}%"))
}

/// A whole number where the number is one.
pub(super) fn plain_number(number: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "it was just found to be whole and small")]
    let whole = number as i64;
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(whole) } else { json!(number) }
}

/// The settings that every kind has, which formats have words of their own for.
const SHARED: &[&str] = &["name", "at_least", "at_most", "on_failure", "where", "severity", "owner", "description"];

/// The settings of the kind itself, as they were written; `None` where the rule is none of a list.
pub(super) fn settings_without_shared(rule: &crate::rule::Rule) -> Option<Map<String, Json>> {
    if rule.body.learns() {
        return None;
    }
    let mut settings = rule.settings.get(rule.kind.name())?.as_object()?.clone();
    settings.retain(|key, value| !value.is_null() && !SHARED.contains(&key.as_str()));
    Some(settings)
}
