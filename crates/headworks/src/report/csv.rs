//! Rows as CSV, as RFC 4180 has it: a missing value is nothing between two commas, an empty text a pair of quotes.

use std::borrow::Cow;

use hw_base::{Rows, Value};

use super::in_column;

/// A line for the names of the columns and one per row.
pub(crate) fn rows(rows: &Rows) -> Vec<String> {
    let names = rows.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(",");
    let cells = |row: &Vec<Value>| rows.columns.iter().zip(row).map(|(column, value)| cell(&in_column(column, value))).collect::<Vec<_>>();
    let line = |row: &Vec<Value>| cells(row).join(",");
    std::iter::once(names).chain(rows.rows.iter().map(line)).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => quoted(text).into_owned(),
        other => quoted(&other.to_string()).into_owned(),
    }
}

/// A text that a reader takes for itself, with its ends.
fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = !text.is_empty() && text.trim() == text && !text.contains([',', '"', '\n', '\r']);
    if is_plain { text.into() } else { format!("\"{}\"", text.replace('"', "\"\"")).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_read_as_something_else_stands_in_quotes() {
        let cells = ["plain", "", " blank", "a,b", "say \"hi\"", "two\nlines", "ä"].map(|text| quoted(text).into_owned());
        assert_eq!(cells, ["plain", "\"\"", "\" blank\"", "\"a,b\"", "\"say \"\"hi\"\"\"", "\"two\nlines\"", "ä"]);
        assert_eq!((cell(&Value::Null), cell(&Value::Text(String::new()))), (String::new(), "\"\"".into()));
    }
}
