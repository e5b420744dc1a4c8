//! Great Expectations: suites in JSON, as versions 0.x and 1.x keep them.
//!
//! Verdicts follow the pandas engine. What its `mostly` counts is the rows that are not null, so a translated `mostly` looks
//! at those alone.

mod condition;
mod distribution;
mod expectations;
mod moments;
mod pandas;
mod parameters;
mod read;
mod types;
mod write;

use hw_base::Result;
use serde_json::{Map, Value as Json};

use self::parameters::Parameters;
use super::{Imported, ImportedItem, Origin, Suite, TableRules, Written, not_of_the_format, read_values};

/// Suites of Great Expectations.
#[derive(Debug)]
pub(super) struct GreatExpectations;

impl Suite for GreatExpectations {
    fn name(&self) -> &'static str {
        "great-expectations"
    }

    fn about(&self) -> &'static str {
        "expectation suites of Great Expectations in JSON, of versions 0.x and 1.x"
    }

    fn recognises(&self, text: &str) -> bool {
        text.contains("expectation_type") || (text.contains("\"expectations\"") && text.contains("\"kwargs\""))
    }

    fn read(&self, text: &str) -> Result<Imported> {
        self.read_of(text, &Origin::default())
    }

    fn read_of(&self, text: &str, origin: &Origin) -> Result<Imported> {
        let suite = read_values("Great Expectations", text)?;
        let expectations = suite.get("expectations").unwrap_or(&suite).as_array();
        let Some(expectations) = expectations else {
            let why =
                if suite.is_object() { "it has no list `expectations`" } else { "it is no object of JSON with a list `expectations`" };
            return Err(not_of_the_format("Great Expectations", why));
        };
        let given = Parameters::of(&suite);
        let name = suite.get("name").or_else(|| suite.get("expectation_suite_name")).and_then(Json::as_str).map(str::to_owned);
        let name = name.or_else(|| origin.name.clone());
        let items = expectations.iter().map(|expectation| item(expectation, &given)).collect();
        Ok(Imported { name, items, ..Imported::default() })
    }

    fn write(&self, tables: &[TableRules<'_>]) -> Written {
        write::written(tables)
    }
}

fn item(expectation: &Json, given: &Parameters) -> ImportedItem {
    let kind = expectation.get("type").or_else(|| expectation.get("expectation_type")).and_then(Json::as_str).unwrap_or_default();
    let none = Map::new();
    let kwargs = expectation.get("kwargs").and_then(Json::as_object).unwrap_or(&none);
    ImportedItem::new(None, called(kind, kwargs), read::translated(kind, kwargs, expectation, given))
}

/// The expectation as a report calls it.
fn called(kind: &str, kwargs: &Map<String, Json>) -> String {
    let arguments = ["column", "column_A", "column_B", "column_list", "column_set"].iter().filter_map(|key| kwargs.get(*key));
    let names = arguments.map(|value| match value {
        Json::String(text) => text.clone(),
        other => other.to_string().replace('"', ""),
    });
    let kind = if kind.is_empty() { "an expectation without a type" } else { kind };
    format!("{kind}({})", names.collect::<Vec<_>>().join(", "))
}
