//! Which values of a column are missing and which are invalid, as Soda's settings say.

use hw_base::{identifier, literal};
use serde_json::{Map, Value as Json, json};

use super::{formats, no_number};
use crate::suites::Rules;
use crate::suites::pattern::{Syntax, ours};
use crate::suites::words::{number, plain_number};

/// The settings of a check or a column that say which values are missing or invalid.
#[derive(Clone, Debug, Default)]
pub(super) struct Validity {
    settings: Map<String, Json>,
}

/// Their names, with `_` in place of blanks.
const KEYS: &[&str] = &[
    "missing_values",
    "missing_format",
    "missing_regex",
    "valid_values",
    "invalid_values",
    "valid_format",
    "valid_regex",
    "invalid_format",
    "invalid_regex",
    "valid_min",
    "valid_max",
    "valid_length",
    "valid_min_length",
    "valid_max_length",
    "valid_reference_data",
];

/// Those of them that are numbers.
const LIMITS: [&str; 5] = ["valid_min", "valid_max", "valid_length", "valid_min_length", "valid_max_length"];

impl Validity {
    /// Takes the settings out of those of a check. A column's own about missing values stand where the check has none of these, and so
    /// do those about invalid ones.
    pub(super) fn take(settings: &mut Map<String, Json>, column: &Self) -> Self {
        let keys: Vec<String> = settings.keys().filter(|key| KEYS.contains(&key.replace(' ', "_").as_str())).cloned().collect();
        let is_of_missing = |key: &str| key.starts_with("missing");
        let mut taken = column.settings.clone();
        taken.retain(|key, _| !keys.iter().any(|own| is_of_missing(own) == is_of_missing(key)));
        for key in keys {
            if let Some(value) = settings.remove(&key) {
                taken.insert(key.replace(' ', "_"), value);
            }
        }
        Self { settings: taken }
    }

    /// Whether `words` stand in a setting.
    pub(super) fn holds(&self, words: &str) -> bool {
        self.settings.values().any(|value| value.to_string().contains(words))
    }

    /// Makes sure that limits are numbers, as contracts want them. Checks in sentences may have them in quotes.
    pub(super) fn has_numbers_for_limits(&self) -> Result<(), String> {
        let mut limits = self.settings.iter().filter(|(key, _)| LIMITS.contains(&key.as_str()));
        let quoted = limits.find(|(_, value)| !value.is_null() && !value.is_number());
        quoted.map_or(Ok(()), |(key, value)| Err(no_number(key, value)))
    }

    /// SQL that is true for values that are missing, and whether that is more than nulls.
    pub(super) fn missing(&self, column: &str) -> Result<(String, bool), String> {
        let name = identifier(column);
        let mut parts = vec![format!("{name} is null")];
        if let Some(values) = self.list("missing_values")? {
            parts.push(format!("{name} in ({})", values.join(", ")));
        }
        if let Some(pattern) = self.pattern("missing")? {
            parts.push(matches(&name, &pattern));
        }
        Ok((parts.join(" or "), parts.len() > 1))
    }

    /// SQL that is true for values that are there and invalid, and the rule of ours that counts the same where there is one.
    pub(super) fn invalid(&self, column: &str) -> Result<(Rules, String), String> {
        let mut parts = self.invalid_parts(column)?;
        parts.extend(self.reference().map(|reference| referring(column, reference)));
        if parts.is_empty() {
            return Err("no setting says which values are valid".into());
        }
        let wrong: Vec<String> = parts.iter().map(|(_, sql)| sql.clone()).collect();
        let (missing, has_words) = self.missing(column)?;
        let wrong = if wrong.len() == 1 { wrong.concat() } else { format!("({})", wrong.join(" or ")) };
        let wrong = if has_words { format!("not ({missing}) and {wrong}") } else { wrong };
        let own = parts.into_iter().map(|(rules, _)| rules).collect::<Option<Vec<_>>>().filter(|own| own.len() == 1 && !has_words);
        let rules = own.and_then(|mut own| own.pop()).unwrap_or_else(|| Rules::one("expression", json!({"sql": format!("not ({wrong})")})));
        Ok((rules, wrong))
    }

    /// The join that gives a row its value in the other table as `valid_reference`, where valid values are those of one.
    pub(super) fn reference_join(&self, column: &str) -> Option<String> {
        let (dataset, other) = self.reference()?;
        Some(format!(
            "left join (select distinct {} as valid_reference from {}) as referred on {} = valid_reference",
            identifier(other),
            crate::suites::violations::table_sql(last_name(dataset)),
            identifier(column)
        ))
    }

    /// The dataset and its column that valid values are those of.
    fn reference(&self) -> Option<(&str, &str)> {
        let data = self.settings.get("valid_reference_data")?;
        Some((data.get("dataset")?.as_str()?, data.get("column")?.as_str()?))
    }

    /// SQL that is true for values that are neither missing nor invalid, where there are settings that say so. A value that another
    /// table lacks may still be one that is there twice.
    pub(super) fn valid(&self, column: &str) -> Result<Option<String>, String> {
        let (missing, has_words) = self.missing(column)?;
        let wrong: Vec<String> = self.invalid_parts(column)?.into_iter().map(|(_, sql)| sql).collect();
        if wrong.is_empty() && !has_words {
            return Ok(None);
        }
        Ok(Some(format!("not ({})", std::iter::once(missing).chain(wrong).collect::<Vec<_>>().join(" or "))))
    }

    /// SQL that is false for values that are missing, and invalid where there are settings of validity; `None` where that is nulls alone.
    pub(super) fn not_missing(&self, column: &str) -> Result<Option<String>, String> {
        let (missing, has_words) = self.missing(column)?;
        let wrong: Vec<String> = self.invalid_parts(column)?.into_iter().map(|(_, sql)| sql).collect();
        Ok(has_words.then(|| match wrong.as_slice() {
            [] => format!("not ({missing})"),
            wrong => format!("not (({missing}) and ({}))", wrong.join(" or ")),
        }))
    }

    /// The same for a column with settings of its own: its lists of values come beside those of the check, and others stand where the
    /// check has none.
    pub(super) fn with(&self, column: &Self) -> Self {
        let mut settings = self.settings.clone();
        for (key, value) in &column.settings {
            match (settings.get_mut(key), value) {
                (Some(Json::Array(own)), Json::Array(more)) => own.extend(more.iter().cloned()),
                (Some(_), _) => {}
                (None, value) => {
                    settings.insert(key.clone(), value.clone());
                }
            }
        }
        Self { settings }
    }

    /// One part per setting that looks at a value alone: our rule, and SQL that is true for values that break it.
    fn invalid_parts(&self, column: &str) -> Result<Vec<(Option<Rules>, String)>, String> {
        let name = identifier(column);
        let mut parts = Vec::new();
        let one = |kind: &str, mut settings: Json| {
            settings["column"] = column.into();
            Some(Rules::one(kind, settings))
        };
        for (key, kind, not) in [("valid_values", "accepted_values", "not "), ("invalid_values", "rejected_values", "")] {
            if let Some(values) = self.list(key)? {
                parts.push((one(kind, json!({"values": self.settings[key]})), format!("{name} {not}in ({})", values.join(", "))));
            }
        }
        for (word, not) in [("valid", false), ("invalid", true)] {
            if let Some(pattern) = self.pattern(word)? {
                let settings = json!({"pattern": pattern, "not": if not { json!(true) } else { Json::Null }});
                let fits = matches(&name, &pattern);
                parts.push((one("matches", settings), if not { fits } else { format!("not {fits}") }));
            }
        }
        let limit = |key: &str| match self.settings.get(key) {
            None | Some(Json::Null) => Ok(Json::Null),
            Some(value) if value.is_number() => Ok(value.clone()),
            Some(other) => number(other).map(plain_number).ok_or_else(|| no_number(key, other)),
        };
        let (min, max) = (limit("valid_min")?, limit("valid_max")?);
        if let Some(sql) = beyond(&name, &min, &max) {
            parts.push((one("range", json!({"min": min, "max": max})), sql));
        }
        let exact = limit("valid_length")?;
        let or_exact = |key: &str| limit(key).map(|own| if own.is_null() { exact.clone() } else { own });
        let (shortest, longest) = (or_exact("valid_min_length")?, or_exact("valid_max_length")?);
        if let Some(sql) = beyond(&format!("character_length(cast({name} as varchar))"), &shortest, &longest) {
            parts.push((one("length", json!({"min": shortest, "max": longest})), sql));
        }
        Ok(parts)
    }

    /// The values of a list as SQL.
    fn list(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        let Some(values) = self.settings.get(key).filter(|values| !values.is_null()) else { return Ok(None) };
        let values = values.as_array().ok_or_else(|| format!("`{key}` is no list"))?;
        let written = values.iter().filter(|value| !value.is_null()).map(|value| match value {
            Json::String(text) => literal(text),
            other => other.to_string(),
        });
        Ok(Some(written.collect::<Vec<_>>()).filter(|written| !written.is_empty()))
    }

    /// The regular expression under `…_format` or `…_regex`.
    fn pattern(&self, word: &str) -> Result<Option<String>, String> {
        if let Some(pattern) = self.settings.get(&format!("{word}_regex")).and_then(Json::as_str) {
            return ours(pattern, Syntax::Re2).map(Some);
        }
        let Some(format) = self.settings.get(&format!("{word}_format")) else { return Ok(None) };
        if let Some(pattern) = format.get("regex").and_then(Json::as_str) {
            return ours(pattern, Syntax::Re2).map(Some);
        }
        let name = format.as_str().or_else(|| format.get("name")?.as_str()).unwrap_or_default();
        formats::expression(name).map(Some).ok_or_else(|| format!("the format `{name}` has no regular expression here"))
    }
}

/// The rule that values occur in a column of another table, and SQL that is true for those that do not, beside
/// [`Validity::reference_join`].
fn referring(column: &str, (dataset, other): (&str, &str)) -> (Option<Rules>, String) {
    let to = json!({"table": last_name(dataset), "columns": [other]});
    let sql = format!("({} is not null and valid_reference is null)", identifier(column));
    (Some(Rules::one("referential", json!({"column": column, "to": to}))), sql)
}

/// The table of a dataset: `orders` in `source/shop/orders`.
fn last_name(dataset: &str) -> &str {
    dataset.rsplit('/').next().unwrap_or(dataset)
}

fn matches(name: &str, pattern: &str) -> String {
    format!("regexp_like(cast({name} as varchar), {})", literal(pattern))
}

/// SQL that is true where `value` is less than `min` or greater than `max`.
fn beyond(value: &str, min: &Json, max: &Json) -> Option<String> {
    let sides = [("<", number(min)), (">", number(max))];
    let sides: Vec<String> = sides.into_iter().filter_map(|(operator, limit)| Some(format!("{value} {operator} {}", limit?))).collect();
    (!sides.is_empty()).then(|| format!("({})", sides.join(" or ")))
}
