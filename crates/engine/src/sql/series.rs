//! Series of moments: the engine's own functions take the first and the last one in nanoseconds, and queries have them in microseconds.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as EngineResult, ScalarValue, plan_datafusion_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;

/// A table function that counts from one moment to another.
#[derive(Debug)]
struct Series(Arc<dyn TableFunctionImpl>);

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> EngineResult<Arc<dyn TableProvider>> {
        let exprs = args.exprs().iter().map(in_nanoseconds).collect::<EngineResult<Vec<Expr>>>()?;
        self.0.call_with_args(TableFunctionArgs::new(&exprs, args.session()))
    }
}

fn in_nanoseconds(expr: &Expr) -> EngineResult<Expr> {
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(moment), zone), metadata) = expr else { return Ok(expr.clone()) };
    let out_of_reach =
        || plan_datafusion_err!("a series of moments begins in 1678 at the earliest and ends in 2261; one of days has no such limits");
    let nanoseconds = moment.checked_mul(1_000).ok_or_else(out_of_reach)?;
    Ok(Expr::Literal(ScalarValue::TimestampNanosecond(Some(nanoseconds), zone.clone()), metadata.clone()))
}

/// Has the series of a state take moments as queries have them.
pub(crate) fn take_moments(state: &mut SessionState) {
    for name in ["generate_series", "range"] {
        if let Some(function) = state.table_functions().get(name).map(|function| Arc::clone(function.function())) {
            state.register_udtf(name, Arc::new(Series(function)));
        }
    }
}
