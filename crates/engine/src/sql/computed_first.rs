//! Arithmetic inside window functions, such as `sum(a + b) over (…)`. They take no arithmetic but the engine's own, which begins anew at the other end
//! of a type. So what they compute of becomes columns of a projection before them, where it fails instead ([`crate::sql::arithmetic`]).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as EngineResult};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::sql::arithmetic::can_overflow;

/// What such a column is called.
const COMPUTED: &str = "__computed";

/// Has arithmetic computed before the window functions that take it.
#[derive(Debug)]
pub(crate) struct ComputedFirst;

impl OptimizerRule for ComputedFirst {
    fn name(&self) -> &'static str {
        "computed_first"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> EngineResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Window(window) = plan else { return Ok(Transformed::no(plan)) };
        let mut computed = Vec::new();
        let functions = window.window_expr.iter().map(|function| of_columns(function, &mut computed, config));
        let functions = functions.collect::<EngineResult<Vec<_>>>()?;
        if computed.is_empty() {
            return Ok(Transformed::no(LogicalPlan::Window(window)));
        }
        let computed = computed.into_iter().map(|(expression, name)| expression.alias(name));
        let first = window.input.schema().iter().map(Expr::from).chain(computed).collect();
        let first = LogicalPlan::Projection(Projection::try_new(first, window.input)?);
        let windows = LogicalPlan::Window(Window::try_new(functions, Arc::new(first))?);
        let shown = window.schema.iter().map(Expr::from).collect();
        let shown = Projection::try_new_with_schema(shown, Arc::new(windows), window.schema)?;
        Ok(Transformed::yes(LogicalPlan::Projection(shown)))
    }
}

/// The window function under its own name, with columns in place of what has to be computed for it.
fn of_columns(function: &Expr, computed: &mut Vec<(Expr, String)>, config: &dyn OptimizerConfig) -> EngineResult<Expr> {
    let rewritten = function.clone().transform_up(|part| match part {
        Expr::WindowFunction(_) => part.map_children(|value| column_of(value, computed, config)),
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(match rewritten.data {
        changed @ Expr::WindowFunction(_) if rewritten.transformed => changed.alias(function.schema_name().to_string()),
        other => other,
    })
}

/// The column that a value with arithmetic becomes; one for values that are equal, because windows that sort alike stand together.
fn column_of(value: Expr, computed: &mut Vec<(Expr, String)>, config: &dyn OptimizerConfig) -> EngineResult<Transformed<Expr>> {
    let is_arithmetic = |part: &Expr| matches!(part, Expr::BinaryExpr(binary) if can_overflow(binary.op));
    if !value.any_column_refs() || !value.exists(|part| Ok(is_arithmetic(part)))? {
        return Ok(Transformed::no(value));
    }
    let known = computed.iter().find(|(known, _)| *known == value).map(|(_, name)| name.clone());
    let name = known.unwrap_or_else(|| {
        let name = config.alias_generator().next(COMPUTED);
        computed.push((value, name.clone()));
        name
    });
    Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))))
}
