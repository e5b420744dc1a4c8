//! NaN that arithmetic makes. The processor gives it a sign, by which the engine takes it for less than every number and for another one than a NaN without
//! a sign. Here what is computed has one NaN, which is greater than every number and equals itself.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{BinaryExpr, NegativeExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::sql::arithmetic::can_overflow;

/// Functions that give no number for some numbers.
const FUNCTIONS: [&str; 16] =
    ["acos", "acosh", "asin", "atanh", "cos", "cot", "ln", "log", "log10", "log2", "mod", "power", "sin", "sqrt", "tan", "tanh"];

/// Whether the function gives no number for some numbers.
pub(crate) fn is_of_nan(function: &str) -> bool {
    FUNCTIONS.contains(&function)
}

/// Whether the expression may give a NaN of its own.
pub(crate) fn may_make_nan(part: &dyn PhysicalExpr) -> bool {
    part.downcast_ref::<BinaryExpr>().is_some_and(|part| can_overflow(*part.op()))
        || part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|part| is_of_nan(part.fun().name()))
        || part.is::<NegativeExpr>()
}

/// The expression over rows of this schema with one NaN among what it gives, if it makes floats. On the way there any NaN will do.
pub(crate) fn with_one_nan(part: Arc<dyn PhysicalExpr>, schema: &Schema) -> EngineResult<Transformed<Arc<dyn PhysicalExpr>>> {
    if !may_make_nan(part.as_ref()) || !matches!(part.data_type(schema), Ok(DataType::Float32 | DataType::Float64)) {
        return Ok(Transformed::no(part));
    }
    let on_the_way = |child: &Arc<dyn PhysicalExpr>| Arc::clone(child.downcast_ref::<OneNan>().map_or(child, |one| &one.computed));
    let children: Vec<Arc<dyn PhysicalExpr>> = part.children().into_iter().map(on_the_way).collect();
    let one: Arc<dyn PhysicalExpr> = Arc::new(OneNan { computed: part.with_new_children(children)? });
    Ok(Transformed::yes(one))
}

/// What an expression gives, with one NaN for all.
#[derive(Debug, Eq)]
struct OneNan {
    computed: Arc<dyn PhysicalExpr>,
}

// Deriving it would move the expression.
impl PartialEq for OneNan {
    fn eq(&self, other: &Self) -> bool {
        self.computed.eq(&other.computed)
    }
}

impl Hash for OneNan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.computed.hash(state);
    }
}

impl fmt::Display for OneNan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.computed)
    }
}

impl PhysicalExpr for OneNan {
    fn return_field(&self, schema: &Schema) -> EngineResult<FieldRef> {
        self.computed.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> EngineResult<ColumnarValue> {
        Ok(match self.computed.evaluate(batch)? {
            ColumnarValue::Array(numbers) => ColumnarValue::Array(with_this_nan(numbers)),
            ColumnarValue::Scalar(ScalarValue::Float64(Some(number))) if number.is_nan() => ScalarValue::Float64(Some(f64::NAN)).into(),
            ColumnarValue::Scalar(ScalarValue::Float32(Some(number))) if number.is_nan() => ScalarValue::Float32(Some(f32::NAN)).into(),
            number @ ColumnarValue::Scalar(_) => number,
        })
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.computed]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> EngineResult<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { computed: Arc::clone(&children[0]) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.computed.fmt_sql(f)
    }
}

fn with_this_nan(numbers: ArrayRef) -> ArrayRef {
    match numbers.data_type() {
        DataType::Float64 => replaced::<Float64Type>(numbers, f64::is_nan, f64::NAN),
        DataType::Float32 => replaced::<Float32Type>(numbers, f32::is_nan, f32::NAN),
        _ => numbers,
    }
}

fn replaced<T: ArrowPrimitiveType>(numbers: ArrayRef, is_nan: impl Fn(T::Native) -> bool, nan: T::Native) -> ArrayRef {
    let floats = numbers.as_primitive::<T>();
    if !floats.values().iter().any(|number| is_nan(*number)) {
        return numbers;
    }
    Arc::new(floats.unary::<_, T>(|number| if is_nan(number) { nan } else { number }))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_condition};

    #[test]
    fn what_is_no_number_is_greater_than_every_number() {
        let rows = "select cast(column1 as double) as x, cast(column2 as double) as y from (values ('0', '0')) as v";
        let infinity = "((x + 1) / y)";
        let difference = format!("{infinity} - {infinity} * 2");
        for nan in ["x / y", "-(x / y)", difference.as_str(), "x * (1e0 / y)", "ln(x - 1)", "power(x - 1, 0.5)", "x % y", "0e0 / 0e0"] {
            check_condition(rows, &format!("{nan} > 1e300"), 1);
            check_condition(rows, &format!("{nan} = cast('nan' as double)"), 1);
        }
        check(&format!("select count(distinct n) from (select x / y as n from ({rows}) union all select cast('nan' as double))"), "1");
        check(&format!("select x from (select x / y as n, 1 as x from ({rows}) union all select 5e0, 2) order by n"), "2, 1");
        check(&format!("select cast(x / y as real) > 1 from ({rows})"), "true");
    }
}
