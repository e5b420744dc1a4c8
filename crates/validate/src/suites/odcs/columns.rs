//! The columns that a contract names, with the types that they may have.

use serde_json::{Map, Value as Json, json};

use super::name_of;
use crate::suites::Rules;
use crate::suites::types::type_words;

/// The columns with the types that they may have. Others may be there: a contract does not say that it names all.
///
/// A physical type is that of one database, and the judged data may be a file of the same rows. So a column may have its logical type or
/// its physical one, the latter of any length and size.
pub(super) fn types(properties: &[&Json]) -> Rules {
    let (mut columns, mut unknown) = (Map::new(), Vec::new());
    for property in properties {
        let word = |key: &str| property.get(key).and_then(Json::as_str).filter(|word| !word.trim().is_empty());
        let logical = word("logicalType");
        let mut types = logical.and_then(logical_words).unwrap_or_default().to_vec();
        if let Some(physical) = word("physicalType") {
            match type_words(physical) {
                // Objects and arrays have no type in our words, so that any is right.
                Some(words) if logical.is_none() || !types.is_empty() => {
                    types.extend(words.iter().filter(|word| !types.contains(word)).copied().collect::<Vec<_>>());
                }
                Some(_) => {}
                None => unknown.push(format!("`{physical}` of `{}`", name_of(property))),
            }
        }
        let types = match types.as_slice() {
            [] => json!("any"),
            [one] => json!(one),
            several => json!(several),
        };
        columns.insert(name_of(property).to_owned(), types);
    }
    let rules = Rules::one("schema", json!({ "columns": columns }));
    if unknown.is_empty() {
        return rules;
    }
    rules.note(format!("no type here is the physical type {}, which is not compared", unknown.join(", ")))
}

fn logical_words(word: &str) -> Option<&'static [&'static str]> {
    Some(match word {
        "string" => &["varchar"],
        "integer" => &["bigint", "integer", "smallint", "tinyint"],
        "number" => &["double", "real", "decimal", "bigint", "integer", "smallint", "tinyint"],
        "boolean" => &["boolean"],
        "date" => &["date", "timestamp", "timestamptz"],
        "timestamp" => &["timestamp", "timestamptz"],
        "time" => &["time", "varchar"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_have_its_logical_or_its_physical_type() {
        let check = |property: Json, expected: Json, note: Option<&str>| {
            let mut property = property;
            property["name"] = "a".into();
            let rules = types(&[&property]);
            assert_eq!(rules.rules, [json!({"schema": {"columns": {"a": expected}}})], "{property}");
            assert_eq!(rules.note.as_deref(), note, "{property}");
        };
        check(json!({"physicalType": "varchar(3)"}), json!("varchar"), None);
        check(json!({"logicalType": "string", "physicalType": "VARCHAR(3)"}), json!("varchar"), None);
        check(json!({"logicalType": "date", "physicalType": "varchar"}), json!(["date", "timestamp", "timestamptz", "varchar"]), None);
        check(
            json!({"logicalType": "integer", "physicalType": "NUMBER(38,0)"}),
            json!(["bigint", "integer", "smallint", "tinyint", "decimal"]),
            None,
        );
        check(json!({"logicalType": "object", "physicalType": "text"}), json!("any"), None);
        check(json!({}), json!("any"), None);
        let note = "no type here is the physical type `geography` of `a`, which is not compared";
        check(json!({"physicalType": "geography"}), json!("any"), Some(note));
    }
}
