//! Functions of SQL that tell of a text whether it is something.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function of this name; of null it tells nothing.
pub(crate) fn of_text(name: &'static str, is_it: fn(&str) -> bool) -> ScalarUDF {
    ScalarUDF::from(OfText { name, is_it, signature: Signature::string(1, Volatility::Immutable) })
}

/// Told apart by its name.
#[derive(Debug)]
struct OfText {
    name: &'static str,
    is_it: fn(&str) -> bool,
    signature: Signature,
}

impl PartialEq for OfText {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfText {}

impl Hash for OfText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OfText {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let texts = cast(&ColumnarValue::values_to_arrays(&arguments.args)?[0], &DataType::Utf8View)?;
        let told: BooleanArray = texts.as_string_view().iter().map(|text| text.map(self.is_it)).collect();
        Ok(ColumnarValue::Array(Arc::new(told)))
    }
}
