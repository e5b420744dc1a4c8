//! Values in YAML's flow form, as rules files have them.

use serde_json::Value as Json;

/// A value in YAML's flow form: `{ column: status, values: [pending, "31"] }`.
pub fn flow(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".into(),
        Json::Object(entries) => {
            let pairs: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// A value in YAML's block form, its lines indented by `indent` blanks; short lists and maps of plain values stay in one line.
pub(crate) fn block(value: &Json, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(entries) if !entries.is_empty() => entries
            .iter()
            .map(|(key, value)| match value {
                Json::Object(inner) if !inner.is_empty() => format!("{pad}{}:\n{}", scalar(key), block(value, indent + 2)),
                Json::Array(items) if items.iter().any(Json::is_object) => format!("{pad}{}:\n{}", scalar(key), block(value, indent + 2)),
                other => format!("{pad}{}: {}\n", scalar(key), flow(other)),
            })
            .collect(),
        Json::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| match item {
                Json::Object(entries) if !entries.is_empty() => {
                    let lines = block(item, indent + 2);
                    format!("{pad}- {}", &lines[indent + 2..])
                }
                other => format!("{pad}- {}\n", flow(other)),
            })
            .collect(),
        other => format!("{pad}{}\n", flow(other)),
    }
}

/// One line of comment, whatever the text holds.
pub fn comment(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    format!("# {}", words.join(" "))
}

/// Text bare where YAML cannot take it for anything else, in double quotes otherwise.
fn scalar(text: &str) -> String {
    if is_plain(text) || is_percentage(text) { text.into() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_simple = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' '));
    starts_with_letter && is_simple && !text.ends_with(' ') && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

fn is_percentage(text: &str) -> bool {
    let is_number =
        |digits: &str| digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.strip_suffix('%').is_some_and(is_number)
}

/// JSON's form is YAML's double-quoted form, but for characters that YAML does not take raw.
fn quoted(text: &str) -> String {
    let json = Json::String(text.into()).to_string();
    json.chars().map(|c| if is_unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Bare words that some YAML reader takes for a Boolean, nothing or a number.
const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan", "infinity"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_back_as_they_were() {
        let value =
            json!({"a": [{"b": "no", "c": {"d": ["x: y", 1, null]}}, {"e": "31"}], "f": {}, "g": [], "h": [[1, "#"], ["\u{7f}\n"]]});
        for text in [flow(&value), block(&value, 0)] {
            let read: Json = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read, value, "{text}");
        }
    }
}
