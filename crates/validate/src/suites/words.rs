//! Reading the arguments of checks.

use hw_base::Column;
use serde_json::{Map, Value as Json, json};

use crate::exact::Exact;
use crate::rule::Rule;

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

    /// Whether `key` is set to true, in one of the words that Python's tools take for that.
    pub(super) fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Json::Bool(is_set) => is_set,
            Json::Number(number) => number.as_f64() != Some(0.0),
            Json::String(text) => ["true", "t", "yes", "y", "on", "1"].contains(&text.to_lowercase().as_str()),
            _ => false,
        }
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

/// The settings that hold values or limits.
const OF_VALUES: &[&str] = &["values", "min", "max", "above", "below", "within", "contain", "equal", "equals", "multiplier"];

/// The kinds whose limits are numbers whatever their column holds.
const MEASURES: &[&str] = &["aggregate", "distinct_count", "length"];

/// The settings of the kind itself, as they were written, with numbers as numbers; `None` where the rule is none of a list.
pub(super) fn settings_without_shared(rule: &Rule, columns: &[Column]) -> Option<Map<String, Json>> {
    if rule.body.learns() {
        return None;
    }
    let mut settings = rule.settings.get(rule.kind.name())?.as_object()?.clone();
    settings.retain(|key, value| !value.is_null() && !SHARED.contains(&key.as_str()));
    let is_numeric = |name: &String| columns.iter().any(|column| column.name == *name && column.kind.is_numeric());
    if MEASURES.contains(&rule.kind.name()) || rule.columns.iter().all(is_numeric) {
        for (_, value) in settings.iter_mut().filter(|(key, _)| OF_VALUES.contains(&key.as_str())) {
            *value = with_numbers(value);
        }
    }
    Some(settings)
}

/// The value with numbers for the texts that are written like them: a file keeps `8.0` and `1.50` as texts.
fn with_numbers(value: &Json) -> Json {
    match value {
        Json::Array(items) => items.iter().map(with_numbers).collect(),
        Json::String(text) => as_number(text).unwrap_or_else(|| value.clone()),
        other => other.clone(),
    }
}

/// The number that a text writes, unless JSON would hold another.
fn as_number(text: &str) -> Option<Json> {
    let exact = Exact::parse(text)?;
    let number: Json = serde_json::from_str(&exact.to_string()).ok()?;
    (Exact::parse(&number.to_string())? == exact).then_some(number)
}

/// Brackets stand within each other so deep at most; readers that call themselves for each have no more than a stack.
const DEEPEST: usize = 250;

/// Whether the brackets of a text stand deeper within each other than is read.
pub(super) fn nests_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    text.chars().any(|sign| {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{columns, rules};

    #[test]
    fn numbers_stay_numbers_where_the_column_holds_them() {
        let values = |values: Json, column: &str| {
            let rule = &rules(&json!([{"accepted_values": {"column": "q", "values": values}}]))[0];
            settings_without_shared(rule, &columns(column)).unwrap()["values"].to_string()
        };
        assert_eq!(values(json!([1, "8.0", "1.50"]), "q double"), "[1,8,1.5]");
        assert_eq!(values(json!(["0.1234567890123456789"]), "q decimal(12,2)"), r#"["0.1234567890123456789"]"#);
        assert_eq!(values(json!(["8.0", "007"]), "q varchar"), r#"["8.0","007"]"#);
        let rule = &rules(&json!([{"aggregate": {"function": "filled_share", "column": "q", "min": "0.50"}}]))[0];
        assert_eq!(settings_without_shared(rule, &columns("q varchar")).unwrap()["min"], json!(0.5));
    }
}
