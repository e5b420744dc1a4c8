//! Arithmetic of constants, such as `9223372036854775807 + 1`. The optimizer computes it before there are rows, with arithmetic that begins anew at the
//! other end of a type. So what does not fit becomes a function before that, which fails as soon as somebody asks for its value: the branch of a `case`
//! that no row takes may hold it.

use std::sync::Arc;

use datafusion::arrow::array::new_empty_array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;

use crate::sql::arithmetic::{can_overflow, checked, overflow_in};
use crate::sql::moments::input_schema;
use crate::sql::nan::is_of_nan;

/// The rule of the optimizer that computes constants.
const COMPUTES_CONSTANTS: &str = "simplify_expressions";

/// The rules of an optimizer, with ours before those that compute constants.
pub(crate) fn with_fitting_constants(rules: &[Arc<dyn OptimizerRule + Send + Sync>]) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut all: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::with_capacity(rules.len() + 1);
    for rule in rules {
        if rule.name() == COMPUTES_CONSTANTS {
            all.push(Arc::new(FittingConstants));
        }
        all.push(Arc::clone(rule));
    }
    all
}

/// Has arithmetic of constants fail where its result does not fit. Constants come together while a plan is made simpler, so it is asked each time.
#[derive(Debug)]
struct FittingConstants;

impl OptimizerRule for FittingConstants {
    fn name(&self) -> &'static str {
        "fitting_constants"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> EngineResult<Transformed<LogicalPlan>> {
        if !has_arithmetic(&plan)? {
            return Ok(Transformed::no(plan));
        }
        let schema = input_schema(&plan)?;
        let names = NamePreserver::new(&plan);
        let mut rewrite = |expression: Expr| {
            let name = names.save(&expression);
            Ok(fitting(expression, &schema)?.update_data(|expression| name.restore(expression)))
        };
        plan.map_expressions(|expression| match expression {
            Expr::GroupingSet(_) => expression.map_children(&mut rewrite),
            _ => rewrite(expression),
        })
    }
}

fn has_arithmetic(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.apply_expressions(|expression| {
        found |= expression.exists(|part| Ok(is_arithmetic(part)))?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_arithmetic(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => can_overflow(*op),
        Expr::Negative(_) => true,
        Expr::ScalarFunction(function) => is_of_nan(function.func.name()),
        _ => false,
    }
}

/// The expression with its arithmetic of constants computed; what does not fit fails, and so does the least number of a type with a minus before it.
pub(crate) fn fitting(expression: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        let part = subtracted(part, schema)?;
        if !is_arithmetic(&part.data) {
            return Ok(part);
        }
        match computed(&part.data)? {
            // What it is part of would compute it again.
            Some(Ok(ColumnarValue::Scalar(number))) => Ok(Transformed::yes(Expr::Literal(number, None))),
            Some(Err(error)) => match overflow_in(&error) {
                Some(told) => TooLarge::in_place_of(&part.data, told.to_string()).map(Transformed::yes),
                None => Ok(part),
            },
            _ => Ok(part),
        }
    })
}

/// A whole number with a minus before it as what is left of nothing: the engine's minus gives the least number of a type back as it is.
fn subtracted(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let Expr::Negative(number) = part else { return Ok(Transformed::no(part)) };
    match number.get_type(schema) {
        Ok(kind) if kind.is_signed_integer() => {
            let nothing = Box::new(Expr::Literal(ScalarValue::new_zero(&kind)?, None));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: nothing, op: Operator::Minus, right: number })))
        }
        _ => Ok(Transformed::no(Expr::Negative(number))),
    }
}

/// What comes of constants; `None` of what is not made of constants alone.
fn computed(part: &Expr) -> EngineResult<Option<EngineResult<ColumnarValue>>> {
    if part.exists(|part| Ok(!is_of_constants(part)))? {
        return Ok(None);
    }
    let computed = || {
        let part = create_physical_expr(part, &DFSchema::empty(), &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        let one_row = RecordBatchOptions::new().with_row_count(Some(1));
        let one_row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one_row)?;
        checked(part, &Schema::empty())?.data.evaluate(&one_row)
    };
    Ok(Some(computed()))
}

/// Whether what an expression gives depends on its parts alone.
fn is_of_constants(part: &Expr) -> bool {
    match part {
        Expr::ScalarFunction(function) => function.func.signature().volatility == Volatility::Immutable,
        Expr::Literal(..)
        | Expr::BinaryExpr(_)
        | Expr::Negative(_)
        | Expr::Cast(_)
        | Expr::TryCast(_)
        | Expr::Case(_)
        | Expr::Between(_)
        | Expr::InList(_)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_) => true,
        _ => false,
    }
}

/// A value that does not fit into its type: asking for it fails. The optimizer must not ask, so it counts as one that may differ each time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TooLarge {
    /// What the engine says of it.
    told: String,
    kind: DataType,
    may_be_null: bool,
    signature: Signature,
}

impl TooLarge {
    fn in_place_of(part: &Expr, told: String) -> EngineResult<Expr> {
        let schema = DFSchema::empty();
        let (kind, may_be_null) = (part.get_type(&schema)?, part.nullable(&schema)?);
        let signature = Signature::nullary(Volatility::Volatile);
        Ok(ScalarUDF::from(Self { told, kind, may_be_null, signature }).call(vec![]))
    }
}

impl ScalarUDFImpl for TooLarge {
    fn name(&self) -> &'static str {
        "too_large"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.kind.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.kind.clone(), self.may_be_null)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        if arguments.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(&self.kind)));
        }
        Err(exec_datafusion_err!("{}", self.told))
    }
}
