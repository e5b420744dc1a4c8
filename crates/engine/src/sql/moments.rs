//! Moments in microseconds, as tables hold them. The engine takes `timestamp` for nanoseconds, and compares moments with days and texts in them; those end in
//! the year 2262, and 9999-12-31 is what many people write for a row that is still valid.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as EngineResult};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{self, TimezoneInfo};

use crate::sql::decimals::{compared_to_the_digit, united_in_one_type};
use crate::sql::formats::with_read_format;
use crate::sql::namesakes::subquery_apart;
use crate::sql::patterns::kept_patterns;
use crate::sql::seconds::to_the_second;
use crate::sql::spans::{are_spans, length_of, part_of_days_and_time, refuse_choice_of_intervals, refuse_order_of_intervals};

/// Reads the type `timestamp` of a query as microseconds.
#[derive(Debug)]
pub(crate) struct Microseconds;

impl TypePlanner for Microseconds {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> EngineResult<Option<FieldRef>> {
        Ok(match sql_type {
            ast::DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) | ast::DataType::Datetime(None) => {
                Some(Arc::new(Field::new("", DataType::Timestamp(TimeUnit::Microsecond, None), true)))
            }
            _ => None,
        })
    }
}

/// Has moments compared with days and texts in microseconds, decimals with numbers to the last digit and rounded to places that are known, the parts of a
/// `case` or a `union` in one type, and patterns with a backslash as patterns. It must see the plan before the engine gives both sides one type.
#[derive(Debug)]
pub(crate) struct Compared;

impl AnalyzerRule for Compared {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> EngineResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = input_schema(&plan)?;
            refuse_order_of_intervals(&plan, &schema)?;
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                Ok(compared(expression, &schema)?.update_data(|expression| name.restore(expression)))
            })?;
            let plan = plan.transform_data(united_in_one_type)?;
            // What comes of a number that is a decimal now may be one as well.
            if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "compared"
    }
}

/// The columns that the expressions of a plan may name.
pub(crate) fn input_schema(plan: &LogicalPlan) -> EngineResult<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = plan {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    Ok(schema)
}

/// The expression with its comparisons of moments with days and texts in microseconds, of lengths of time by how long they are, and of decimals to the last
/// digit, and with texts and formats of moments as they are meant.
pub(crate) fn compared(expression: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        refuse_choice_of_intervals(&part, schema)?;
        let exact = compared_to_the_digit(part, schema)?;
        let read = exact.transform_data(|part| Ok(to_the_second(part, schema)))?.transform_data(|part| with_read_format(part, schema))?;
        let in_one_unit = read.transform_data(|part| Ok(compared_in_one_unit(part, schema)))?;
        let in_one_unit = in_one_unit.transform_data(|part| Ok(part_of_days_and_time(part, schema)))?;
        in_one_unit.transform_data(|part| Ok(kept_patterns(part)))?.transform_data(subquery_apart)
    })
}

fn compared_in_one_unit(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let compared: Vec<&Expr> = match &part {
        Expr::BinaryExpr(binary) if is_comparison(binary.op) => vec![&binary.left, &binary.right],
        Expr::Between(between) => vec![&between.expr, &between.low, &between.high],
        Expr::InList(list) => std::iter::once(list.expr.as_ref()).chain(&list.list).collect(),
        _ => return Transformed::no(part),
    };
    if let Some(kind) = common_type(&compared, schema) {
        let is_same = |side: &Expr| side.get_type(schema).is_ok_and(|own| own == kind);
        return with_sides(part, &|side| if is_same(&side) { side } else { to_the_second(cast(side, kind.clone()), schema).data });
    }
    if are_spans(&compared, schema) { with_sides(part, &length_of) } else { Transformed::no(part) }
}

/// The comparison with other sides.
fn with_sides(part: Expr, side: &dyn Fn(Expr) -> Expr) -> Transformed<Expr> {
    let boxed = |expression: Box<Expr>| Box::new(side(*expression));
    Transformed::yes(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => Expr::BinaryExpr(BinaryExpr { left: boxed(left), op, right: boxed(right) }),
        Expr::Between(Between { expr, negated, low, high }) => {
            Expr::Between(Between { expr: boxed(expr), negated, low: boxed(low), high: boxed(high) })
        }
        Expr::InList(InList { expr, list, negated }) => {
            Expr::InList(InList { expr: boxed(expr), list: list.into_iter().map(side).collect(), negated })
        }
        other => other,
    })
}

pub(crate) fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// The type in microseconds, where moments are compared with days or with texts; `None` for every other comparison.
fn common_type(compared: &[&Expr], schema: &DFSchema) -> Option<DataType> {
    let mut moment = None;
    let mut others = 0;
    for side in compared {
        match side.get_type(schema).ok()? {
            DataType::Timestamp(_, zone) => moment = moment.or(Some(zone)),
            DataType::Date32 | DataType::Date64 | DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => others += 1,
            DataType::Null => {}
            _ => return None,
        }
    }
    moment.filter(|_| others > 0).map(|zone| DataType::Timestamp(TimeUnit::Microsecond, zone))
}

#[cfg(test)]
mod tests {
    use crate::testing::check_condition;

    /// How many of three rows, two of which are still valid, a condition holds for.
    #[track_caller]
    fn check(condition: &str, expected: u64) {
        let rows = "select timestamp(6) '2026-01-01 00:00:00' as f, t, cast(t as date) as d from (values \
                    (timestamp(6) '9999-12-31 00:00:00'), (timestamp(6) '9999-12-31 00:00:00'), (timestamp(6) '2025-01-01 12:00:00')) as v(t)";
        check_condition(rows, condition, expected);
    }

    #[test]
    fn days_that_nanoseconds_do_not_reach_are_compared() {
        check("f < d", 2);
        check("t = d", 2);
        check("t >= '9999-12-31'", 2);
        check("t = timestamp '9999-12-31 00:00:00'", 2);
        check("t = cast('9999-12-31' as timestamp)", 2);
        check("t between date '2026-01-01' and '9999-12-31'", 2);
        check("t in ('9999-12-31', '2025-01-01 12:00:00')", 3);
        check("d > now()", 2);
        check("t not in (date '9999-12-31')", 1);
        check("case when d > f then 1 else 0 end = 1", 2);
    }
}
