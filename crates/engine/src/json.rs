//! `json_valid`, which SQL of the engine lacks: whether a text is JSON.

use datafusion::logical_expr::ScalarUDF;
use serde::de::IgnoredAny;

use crate::of_text::of_text;

/// The function.
pub(crate) fn json_valid() -> ScalarUDF {
    of_text("json_valid", is_json)
}

/// Whether a text is one JSON value as RFC 8259 writes it, white space around it allowed.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn texts_are_json_or_not() {
        for text in ["{}", " [1, 2.5e3, null] ", "\"a\"", "0", "true", r#"{"a": {"a": []}, "a": 1}"#] {
            assert!(is_json(text), "{text}");
        }
        for text in ["", " ", "{", "{a: 1}", "{'a': 1}", "[1,]", "01", "NaN", "{} {}", "\"\u{1}\""] {
            assert!(!is_json(text), "{text}");
        }
        assert!(is_json(&("[".repeat(100_000) + &"]".repeat(100_000))), "depth has no limit");
    }
}
