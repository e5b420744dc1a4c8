//! Types as other engines call them, in our words.

/// The types that a name stands for, whatever its length and digits; a name of one engine may be of another size elsewhere.
pub(super) fn type_words(name: &str) -> Option<&'static [&'static str]> {
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
        "time" => &["time"],
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
