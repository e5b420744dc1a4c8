//! Arithmetic of decimals whose type says no more than the most digits that there are, such as `a + b` of two with 38: the engine keeps a digit more, as
//! long as the bytes have room for it, and a text or a table loses it later. Here it fails. A quotient, and what is left of a division, does not fail for the
//! digits that the engine adds to a number before it divides.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::compute::kernels::numeric::rem;
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, FieldRef, Schema, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;

use crate::sql::arithmetic::overflow_in;

/// The greatest number of 38 digits.
const GREATEST: u128 = 10_u128.pow(DECIMAL128_MAX_PRECISION as u32) - 1;

/// The arithmetic over rows of this schema, which fails where a decimal has not enough digits for a result.
pub(crate) fn within_digits(arithmetic: Arc<dyn PhysicalExpr>, schema: &Schema) -> Arc<dyn PhysicalExpr> {
    let is_remainder = arithmetic.downcast_ref::<BinaryExpr>().is_some_and(|part| *part.op() == Operator::Modulo);
    match arithmetic.data_type(schema) {
        Ok(DataType::Decimal128(digits, _)) if is_remainder || digits == DECIMAL128_MAX_PRECISION => Arc::new(WithinDigits { arithmetic }),
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
    /// The results with twice the digits on the way to them, where a division gives them.
    fn divided(&self, batch: &RecordBatch) -> EngineResult<Option<ColumnarValue>> {
        let is_division = |part: &&BinaryExpr| matches!(part.op(), Operator::Divide | Operator::Modulo);
        let Some(division) = self.arithmetic.downcast_ref::<BinaryExpr>().filter(is_division) else { return Ok(None) };
        let values = |side: &Arc<dyn PhysicalExpr>| side.evaluate(batch)?.into_array(batch.num_rows());
        let (numbers, divisors) = (values(division.left())?, values(division.right())?);
        let found: ArrayRef = match division.op() {
            Operator::Modulo => remainders(&numbers, &divisors)?,
            _ => Arc::new(quotients(numbers.as_primitive(), divisors.as_primitive(), self.arithmetic.data_type(&batch.schema())?)?),
        };
        Ok(Some(ColumnarValue::Array(found)))
    }
}

/// A number with so many zeros behind it; none where there are fewer than none.
fn with_zeros(number: i128, zeros: i32) -> Option<i256> {
    let power = i256::from_i128(10).checked_pow(u32::try_from(zeros).unwrap_or_default())?;
    i256::from_i128(number).checked_mul(power)
}

fn too_large() -> ArrowError {
    ArrowError::ArithmeticOverflow(format!("a result has more than {DECIMAL128_MAX_PRECISION} digits"))
}

/// What is left of numbers that are divided by others. It always fits, which a number with the digits behind the point of the other one may not.
pub(crate) fn remainders(numbers: &ArrayRef, divisors: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let overflow = match rem(numbers, divisors) {
        Err(overflow @ ArrowError::ArithmeticOverflow(_)) => overflow,
        found => return found,
    };
    let decimals = |side: &ArrayRef| side.as_primitive_opt::<Decimal128Type>().cloned();
    let (Some(numbers), Some(divisors)) = (decimals(numbers), decimals(divisors)) else { return Err(overflow) };
    let kind = rem(&numbers.slice(0, 0), &divisors.slice(0, 0))?.data_type().clone();
    let added = i32::from(numbers.scale()) - i32::from(divisors.scale());
    let left = |number: i128, divisor: i128| {
        let (number, divisor) = (with_zeros(number, -added).ok_or_else(too_large)?, with_zeros(divisor, added).ok_or_else(too_large)?);
        if divisor == i256::ZERO {
            return Err(ArrowError::DivideByZero);
        }
        number.checked_rem(divisor).and_then(i256::to_i128).ok_or_else(too_large)
    };
    let found = try_binary::<_, _, _, Decimal128Type>(&numbers, &divisors, left)?;
    Ok(Arc::new(found.with_data_type(kind)))
}

/// Decimals divided by others, with as many digits behind the point as `kind` has.
fn quotients(numbers: &Decimal128Array, divisors: &Decimal128Array, kind: DataType) -> Result<Decimal128Array, ArrowError> {
    let DataType::Decimal128(_, scale) = kind else { return Err(ArrowError::InvalidArgumentError(format!("{kind} is no decimal"))) };
    let added = i32::from(scale) - i32::from(numbers.scale()) + i32::from(divisors.scale());
    let divided = |number: i128, divisor: i128| {
        let (number, divisor) = (with_zeros(number, added).ok_or_else(too_large)?, with_zeros(divisor, -added).ok_or_else(too_large)?);
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
            Err(error) if overflow_in(&error).is_some() => self.divided(batch)?.ok_or(error)?,
            results => results?,
        };
        let decimals = results.to_array(1)?;
        let decimals = decimals.as_primitive::<Decimal128Type>();
        // What stands in the place of a null may be anything.
        if !decimals.values().iter().fold(true, |fit, digits| fit & (digits.unsigned_abs() <= GREATEST)) {
            decimals.validate_decimal_precision(DECIMAL128_MAX_PRECISION).map_err(|_| too_large())?;
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
