//! Arithmetic of decimals whose type says no more than the most digits that there are, such as `a + b` of two with 38: the engine keeps a digit more, as
//! long as the bytes have room for it, and a text or a table loses it later. Here it fails. A quotient does not fail for the digits that the engine adds to
//! the number before it divides.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Decimal128Array};
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, FieldRef, Schema, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;

use crate::arithmetic::overflow_in;

/// The greatest number of 38 digits.
const GREATEST: u128 = 10_u128.pow(DECIMAL128_MAX_PRECISION as u32) - 1;

/// The arithmetic over rows of this schema, which fails where a decimal has not enough digits for a result.
pub(crate) fn within_digits(arithmetic: Arc<dyn PhysicalExpr>, schema: &Schema) -> Arc<dyn PhysicalExpr> {
    match arithmetic.data_type(schema) {
        Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, _)) => Arc::new(WithinDigits { arithmetic }),
        _ => arithmetic,
    }
}

/// What arithmetic gives, if a decimal has digits enough for it.
#[derive(Debug, Eq)]
struct WithinDigits {
    arithmetic: Arc<dyn PhysicalExpr>,
}

// Deriving it would move the expression.
impl PartialEq for WithinDigits {
    fn eq(&self, other: &Self) -> bool {
        self.arithmetic.eq(&other.arithmetic)
    }
}

impl Hash for WithinDigits {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.arithmetic.hash(state);
    }
}

impl fmt::Display for WithinDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arithmetic)
    }
}

impl WithinDigits {
    /// The results with twice the digits on the way to them, where they are quotients.
    fn quotients(&self, batch: &RecordBatch) -> EngineResult<Option<ColumnarValue>> {
        let Some(division) = self.arithmetic.downcast_ref::<BinaryExpr>().filter(|part| *part.op() == Operator::Divide) else {
            return Ok(None);
        };
        let values = |side: &Arc<dyn PhysicalExpr>| side.evaluate(batch)?.into_array(batch.num_rows());
        let (numbers, divisors) = (values(division.left())?, values(division.right())?);
        let kind = self.arithmetic.data_type(&batch.schema())?;
        let found = quotients(numbers.as_primitive(), divisors.as_primitive(), kind)?;
        Ok(Some(ColumnarValue::Array(Arc::new(found))))
    }
}

/// Decimals divided by others, with as many digits behind the point as `kind` has.
fn quotients(numbers: &Decimal128Array, divisors: &Decimal128Array, kind: DataType) -> Result<Decimal128Array, ArrowError> {
    let DataType::Decimal128(_, scale) = kind else { return Err(ArrowError::InvalidArgumentError(format!("{kind} is no decimal"))) };
    let added = i32::from(scale) - i32::from(numbers.scale()) + i32::from(divisors.scale());
    let too_large = || ArrowError::ArithmeticOverflow(format!("a result has more than {DECIMAL128_MAX_PRECISION} digits"));
    let times = |number: i128, zeros: i32| {
        let power = i256::from_i128(10).checked_pow(u32::try_from(zeros).unwrap_or_default())?;
        i256::from_i128(number).checked_mul(power)
    };
    let divided = |number: i128, divisor: i128| {
        let (number, divisor) = (times(number, added).ok_or_else(too_large)?, times(divisor, -added).ok_or_else(too_large)?);
        if divisor == i256::ZERO {
            return Err(ArrowError::DivideByZero);
        }
        number.checked_div(divisor).and_then(i256::to_i128).ok_or_else(too_large)
    };
    try_binary::<_, _, _, Decimal128Type>(numbers, divisors, divided).map(|found| found.with_data_type(kind))
}

impl PhysicalExpr for WithinDigits {
    fn return_field(&self, schema: &Schema) -> EngineResult<FieldRef> {
        self.arithmetic.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> EngineResult<ColumnarValue> {
        let results = match self.arithmetic.evaluate(batch) {
            Err(error) if overflow_in(&error).is_some() => self.quotients(batch)?.ok_or(error)?,
            results => results?,
        };
        let decimals = results.to_array(1)?;
        let decimals = decimals.as_primitive::<Decimal128Type>();
        // What stands in the place of a null may be anything.
        if !decimals.values().iter().fold(true, |fit, digits| fit & (digits.unsigned_abs() <= GREATEST)) {
            let told = || ArrowError::ArithmeticOverflow(format!("a result has more than {DECIMAL128_MAX_PRECISION} digits"));
            decimals.validate_decimal_precision(DECIMAL128_MAX_PRECISION).map_err(|_| told())?;
        }
        Ok(results)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.arithmetic]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> EngineResult<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { arithmetic: Arc::clone(&children[0]) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arithmetic.fmt_sql(f)
    }
}
