//! `mod(a, b)`: what `a % b` gives, under the name that it has in the SQL standard.

use datafusion::arrow::compute::kernels::numeric::rem;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as EngineResult, plan_err};
use datafusion::logical_expr::binary::binary_numeric_coercion;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function.
pub(crate) fn remainder() -> ScalarUDF {
    ScalarUDF::from(Remainder { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Remainder {
    signature: Signature,
}

impl ScalarUDFImpl for Remainder {
    fn name(&self) -> &'static str {
        "mod"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Both are taken in one type, which is that of the other one where one is a null without a type.
    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        let common = match types {
            [DataType::Null, DataType::Null] => Some(DataType::Int64),
            [DataType::Null, kind] | [kind, DataType::Null] => Some(kind.clone()).filter(DataType::is_numeric),
            [number, divisor] => binary_numeric_coercion(number, divisor),
            _ => None,
        };
        let Some(common) = common else { return plan_err!("mod takes a number and what it is divided by") };
        Ok(vec![common; 2])
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        Ok(types[0].clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [number, divisor] = &ColumnarValue::values_to_arrays(&arguments.args)?[..] else {
            return plan_err!("mod takes a number and what it is divided by");
        };
        Ok(ColumnarValue::Array(rem(number, divisor)?))
    }
}
