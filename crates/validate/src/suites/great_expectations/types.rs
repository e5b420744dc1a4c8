//! Types of Python and of databases, in our words.

use serde_json::json;

use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// Types as their engines call them, in our words.
pub(super) fn types(names: &[String], arguments: &Arguments<'_>) -> Translation {
    let mut ours: Vec<&str> = Vec::new();
    for known in names.iter().filter_map(|name| type_words(name)) {
        ours.extend(known.iter().filter(|word| !ours.contains(word)).copied().collect::<Vec<_>>());
    }
    // A list holds the names that several engines have, and no column here has a type that is not known.
    let unknown: Vec<&str> = names.iter().filter(|name| type_words(name).is_none()).map(String::as_str).collect();
    if ours.is_empty() {
        return Err(format!("the type `{}` is not known", unknown.join("`, `")));
    }
    let left_out = if unknown.is_empty() { String::new() } else { format!("; left out, since not known: `{}`", unknown.join("`, `")) };
    let note = format!("types are those of Headworks, of which each stands for several of Python and SQL{left_out}");
    let column = arguments.text("column")?;
    Ok(Rules::one("schema", json!({"columns": {column: ours}})).note(note))
}

fn type_words(name: &str) -> Option<&'static [&'static str]> {
    let plain: String = name.to_lowercase().split('(').next().unwrap_or_default().replace("type", "").replace([' ', '_'], "");
    Some(match plain.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "int" | "integer" | "bigint" | "smallint" | "tinyint" | "byteint" | "long" | "short" | "byte" | "uint" => {
            &["bigint", "integer", "smallint"]
        }
        // Numbers with a point in CSV and JSON are decimals here, and floats in Python.
        "float" | "double" | "real" | "doubleprecision" => &["double", "real", "decimal"],
        "decimal" | "numeric" | "number" => &["decimal"],
        "str" | "string" | "varchar" | "text" | "char" | "object" | "o" | "unicode" | "nvarchar" | "nchar" | "ntext" | "characterv"
        | "charactervarying" => &["varchar"],
        "bool" | "boolean" | "bit" => &["boolean"],
        "date" => &["date"],
        "datetime"
        | "timestamp"
        | "timestampntz"
        | "timestamptz"
        | "datetime64[ns]"
        | "timestampwithouttimezone"
        | "timestampwithtimezone"
        | "datetimetzd" => &["timestamp", "timestamptz"],
        "binary" | "bytea" | "blob" | "bytes" => &["binary"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_known_are_left_out_where_others_are() {
        let given = json!({"column": "a"});
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let rules = types(&names, &Arguments::new(given.as_object().unwrap()));
            rules.map_or_else(|why| why, |rules| format!("{} {}", rules.rules[0], rules.note.unwrap_or_default()))
        };
        assert_eq!(
            of(&["NCHAR", "NTEXT", "ROWID"]),
            r#"{"schema":{"columns":{"a":["varchar"]}}} types are those of Headworks, of which each stands for several of Python and SQL; left out, since not known: `ROWID`"#
        );
        assert_eq!(of(&["ROWID"]), "the type `ROWID` is not known");
        assert!(of(&["BYTEINT"]).contains("bigint"));
    }
}
