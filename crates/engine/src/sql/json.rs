//! What SQL of the engine lacks about JSON: `json_valid`, whether a text is JSON, and `json_keeps_to`, whether it keeps to a JSON schema.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hw_base::JsonSchema;
use serde::de::IgnoredAny;

use crate::sql::of_text::of_text;

/// The function.
pub(crate) fn json_valid() -> ScalarUDF {
    of_text("json_valid", is_json)
}

/// `json_keeps_to(text, schema)`; of null it tells nothing.
pub(crate) fn json_keeps_to() -> ScalarUDF {
    ScalarUDF::from(JsonKeepsTo { schemas: Mutex::default(), signature: Signature::string(2, Volatility::Immutable) })
}

/// Keeps the schemas that it has compiled, since it is asked again for each batch.
#[derive(Debug)]
struct JsonKeepsTo {
    schemas: Mutex<HashMap<String, Arc<JsonSchema>>>,
    signature: Signature,
}

impl PartialEq for JsonKeepsTo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for JsonKeepsTo {}

impl Hash for JsonKeepsTo {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl JsonKeepsTo {
    fn compiled(&self, schema: &str) -> EngineResult<Arc<JsonSchema>> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = schemas.get(schema) {
            return Ok(Arc::clone(compiled));
        }
        let read = serde_json::from_str(schema).map_err(|error| error.to_string());
        let compiled = match read.and_then(|schema| JsonSchema::new(&schema)) {
            Ok(compiled) => Arc::new(compiled),
            Err(reason) => return plan_err!("the second value of json_keeps_to is no JSON schema: {reason}"),
        };
        schemas.insert(schema.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

impl ScalarUDFImpl for JsonKeepsTo {
    fn name(&self) -> &'static str {
        "json_keeps_to"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(schema)] = arguments.args.as_slice() else {
            return plan_err!("the second value of json_keeps_to is a JSON schema, written out");
        };
        let Some(schema) = schema.try_as_str().flatten() else { return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None))) };
        let schema = self.compiled(schema)?;
        let texts = cast(&texts.to_array(arguments.number_rows)?, &DataType::Utf8View)?;
        let told: BooleanArray = texts.as_string_view().iter().map(|text| text.map(|text| schema.holds(text))).collect();
        Ok(ColumnarValue::Array(Arc::new(told)))
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
