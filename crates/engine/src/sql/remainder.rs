//! `mod(a, b)`: what `a % b` gives, under the name that it has in the SQL standard.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as EngineResult, plan_err};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::sql::decimal_digits::remainders;

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

    /// Both are taken in the types in which `%` takes them. A null without a type has that of the other one.
    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        match types {
            [DataType::Null, DataType::Null] => Ok(vec![DataType::Int64; 2]),
            [DataType::Null, kind] | [kind, DataType::Null] if kind.is_numeric() => Ok(vec![kind.clone(); 2]),
            [number, divisor] if number.is_numeric() && divisor.is_numeric() => {
                let (number, divisor) = BinaryTypeCoercer::new(number, &Operator::Modulo, divisor).get_input_types()?;
                Ok(vec![number, divisor])
            }
            _ => plan_err!("mod takes a number and what it is divided by"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        let [number, divisor] = types else { return plan_err!("mod takes a number and what it is divided by") };
        BinaryTypeCoercer::new(number, &Operator::Modulo, divisor).get_result_type()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [number, divisor] = &ColumnarValue::values_to_arrays(&arguments.args)?[..] else {
            return plan_err!("mod takes a number and what it is divided by");
        };
        Ok(ColumnarValue::Array(remainders(number, divisor)?))
    }
}
