//! Types of Python and of databases, in our words.

use serde_json::json;

use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// Types as their engines call them, in our words.
pub(super) fn types(names: &[String], arguments: &Arguments<'_>) -> Translation {
    let mut ours: Vec<&str> = Vec::new();
    for name in names {
        let known = type_words(name).ok_or_else(|| format!("the type `{name}` is not known"))?;
        ours.extend(known.iter().filter(|word| !ours.contains(word)).copied().collect::<Vec<_>>());
    }
    let column = arguments.text("column")?;
    Ok(Rules::one("schema", json!({"columns": {column: ours}}))
        .note("types are those of Headworks, of which each stands for several of Python and SQL"))
}

fn type_words(name: &str) -> Option<&'static [&'static str]> {
    let plain: String = name.to_lowercase().split('(').next().unwrap_or_default().replace("type", "").replace([' ', '_'], "");
    Some(match plain.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "int" | "integer" | "bigint" | "smallint" | "tinyint" | "long" | "short" | "byte" | "uint" => &["bigint", "integer", "smallint"],
        // Numbers with a point in CSV and JSON are decimals here, and floats in Python.
        "float" | "double" | "real" | "doubleprecision" => &["double", "real", "decimal"],
        "decimal" | "numeric" | "number" => &["decimal"],
        "str" | "string" | "varchar" | "text" | "char" | "object" | "o" | "unicode" | "nvarchar" | "characterv" | "charactervarying" => {
            &["varchar"]
        }
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
