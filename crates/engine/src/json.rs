//! `json_valid`, which SQL of the engine lacks: whether a text is JSON.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use serde::de::IgnoredAny;

/// The function.
pub(crate) fn json_valid() -> ScalarUDF {
    ScalarUDF::from(JsonValid { signature: Signature::string(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonValid {
    signature: Signature,
}

impl ScalarUDFImpl for JsonValid {
    fn name(&self) -> &'static str {
        "json_valid"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let texts = cast(&ColumnarValue::values_to_arrays(&arguments.args)?[0], &DataType::Utf8View)?;
        let valid: BooleanArray = texts.as_string_view().iter().map(|text| text.map(is_json)).collect();
        Ok(ColumnarValue::Array(Arc::new(valid)))
    }
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
