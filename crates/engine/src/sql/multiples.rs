//! Multiples of intervals, such as `date + n * interval '1 day'`, which the engine does not know.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result as EngineResult, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Has queries multiply intervals by whole numbers.
#[derive(Debug)]
pub(crate) struct Multiples;

impl ExprPlanner for Multiples {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        // The type of a long chain of products would be looked for at each of them.
        let is_interval = |side: &Expr| !matches!(side, Expr::BinaryExpr(_)) && matches!(side.get_type(schema), Ok(DataType::Interval(_)));
        let is_count = |side: &Expr| side.get_type(schema).is_ok_and(|kind| kind.is_integer());
        let arguments = if expr.op != BinaryOperator::Multiply {
            return Ok(PlannerResult::Original(expr));
        } else if is_interval(&expr.left) && is_count(&expr.right) {
            vec![expr.left, expr.right]
        } else if is_interval(&expr.right) && is_count(&expr.left) {
            vec![expr.right, expr.left]
        } else {
            return Ok(PlannerResult::Original(expr));
        };
        let multiple = ScalarUDF::from(Multiple { signature: Signature::user_defined(Volatility::Immutable) });
        Ok(PlannerResult::Planned(multiple.call(arguments)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Multiple {
    signature: Signature,
}

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

impl ScalarUDFImpl for Multiple {
    fn name(&self) -> &'static str {
        "multiple_of_interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, _: &[DataType]) -> EngineResult<Vec<DataType>> {
        Ok(vec![INTERVAL, DataType::Int64])
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [spans, counts] = &ColumnarValue::values_to_arrays(&arguments.args)?[..] else {
            return plan_err!("a multiple is one of an interval and a number");
        };
        let (spans, counts) = (spans.as_primitive::<IntervalMonthDayNanoType>(), counts.as_primitive::<Int64Type>());
        let found = try_binary::<_, _, _, IntervalMonthDayNanoType>(spans, counts, multiple)?;
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

fn multiple(span: IntervalMonthDayNano, count: i64) -> Result<IntervalMonthDayNano, ArrowError> {
    let few = |part: i32| i32::try_from(i64::from(part).checked_mul(count)?).ok();
    let found = || Some(IntervalMonthDayNano::new(few(span.months)?, few(span.days)?, span.nanoseconds.checked_mul(count)?));
    found().ok_or_else(|| ArrowError::ArithmeticOverflow("an interval is too long".to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_condition};

    #[test]
    fn intervals_are_multiplied_by_whole_numbers() {
        let rows = "select column1 as n, timestamp '2024-01-31 00:00' as t from (values (0), (1), (3), (null)) as v";
        check_condition(rows, "t + n * interval '1 month' = '2024-02-29'", 1);
        check_condition(rows, "t + interval '1 day 2 hours' * n > '2024-02-03'", 1);
        check_condition(rows, "t - (-n) * interval '10 minutes' >= t", 3);
        check_condition(rows, "2 * interval '1 day' > interval '47 hours'", 4);
        check("select interval '1 month' * 9223372036854775807", "a number does not fit into its type");
        check("select interval '1 day' * 2.5", "`interval * double`: these types do not go together");
    }
}
