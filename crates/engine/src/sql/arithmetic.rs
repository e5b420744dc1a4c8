//! Numbers that grow beyond their type: the engine's `+`, `-` and `*` begin anew at the other end, and decimals get a digit more than they have room for.
//! Here they fail instead, which is told with the query.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::sql::decimal_digits::within_digits;
use crate::sql::nan::{may_make_nan, with_one_nan};

type Expression = Arc<dyn PhysicalExpr>;

/// The expression over rows of this schema with arithmetic that fails where a result does not fit, and has one NaN where it is no number.
pub(crate) fn checked(expression: Expression, schema: &Schema) -> EngineResult<Transformed<Expression>> {
    expression.transform_up(|part| {
        let arithmetic = part.downcast_ref::<BinaryExpr>().filter(|part| can_overflow(*part.op()));
        let checked = arithmetic.map(|part| within_digits(Arc::new(part.clone().with_fail_on_overflow(true)), schema));
        checked.map_or(Transformed::no(part), Transformed::yes).transform_data(|part| with_one_nan(part, schema))
    })
}

/// Whether what the operator gives, or what it computes on the way, may not fit into its type: a quotient of decimals has digits behind the point that the
/// number did not have, and of two decimals one gets those of the other before what is left of them is found.
pub(crate) fn can_overflow(operator: Operator) -> bool {
    matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
}

/// What the engine says of a number that does not fit, if that is what has failed.
pub(crate) fn overflow_in(error: &DataFusionError) -> Option<&ArrowError> {
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => Some(error.as_ref()).filter(|error| matches!(error, ArrowError::ArithmeticOverflow(_))),
        _ => None,
    }
}

/// Makes the arithmetic of a plan one that fails. It must see the plan first: expressions are moved into the reading of files later.
#[derive(Debug)]
pub(crate) struct CheckedArithmetic;

impl PhysicalOptimizerRule for CheckedArithmetic {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> EngineResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            if !has_arithmetic(plan.as_ref())? {
                return Ok(Transformed::no(plan));
            }
            let found = checked_plan(&plan)?;
            Ok(found.map_or(Transformed::no(plan), Transformed::yes))
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether one of the plan's own expressions is arithmetic.
fn has_arithmetic(plan: &dyn ExecutionPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.apply_expressions(&mut |expression| {
        found |= expression.exists(|part| Ok(may_make_nan(part.as_ref())))?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The plan with its own arithmetic checked, if it is of a kind that computes. What window functions compute of is a projection before them
/// ([`crate::sql::computed_first`]).
fn checked_plan(plan: &Arc<dyn ExecutionPlan>) -> EngineResult<Option<Arc<dyn ExecutionPlan>>> {
    let found: Arc<dyn ExecutionPlan> = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        checked_projection(projection)?
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let predicate = checked(Arc::clone(filter.predicate()), &filter.input().schema())?.data;
        Arc::new(FilterExecBuilder::from(filter).with_predicate(predicate).build()?)
    } else if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        checked_aggregate(aggregate)?
    } else if let Some(sort) = plan.downcast_ref::<SortExec>() {
        checked_sort(sort)?
    } else {
        return checked_join(plan);
    };
    Ok(Some(found))
}

/// The join with the arithmetic of its filter checked, if it is one.
fn checked_join(plan: &Arc<dyn ExecutionPlan>) -> EngineResult<Option<Arc<dyn ExecutionPlan>>> {
    let found: Arc<dyn ExecutionPlan> = if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        join.builder().with_filter(checked_filter(join.filter())?).build_exec()?
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        let filter = checked_filter(join.filter())?;
        Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
    } else if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
        let filter = checked_filter(join.filter().as_ref())?;
        let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
        let (on, options) = (join.on().to_vec(), join.sort_options().to_vec());
        Arc::new(SortMergeJoinExec::try_new(left, right, on, filter, join.join_type(), options, join.null_equality())?)
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

fn checked_filter(filter: Option<&JoinFilter>) -> EngineResult<Option<JoinFilter>> {
    let Some(filter) = filter else { return Ok(None) };
    let expression = checked(Arc::clone(filter.expression()), filter.schema())?.data;
    Ok(Some(JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))))
}

fn checked_sort(sort: &SortExec) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let schema = sort.input().schema();
    let keys = sort.expr().iter().map(|key| Ok(PhysicalSortExpr::new(checked(Arc::clone(&key.expr), &schema)?.data, key.options)));
    let Some(order) = LexOrdering::new(keys.collect::<EngineResult<Vec<_>>>()?) else { return Ok(Arc::new(sort.clone())) };
    let sorted = SortExec::new(order, Arc::clone(sort.input())).with_preserve_partitioning(sort.preserve_partitioning());
    Ok(Arc::new(sorted.with_fetch(sort.fetch())))
}

fn checked_projection(projection: &ProjectionExec) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let schema = projection.input().schema();
    let expressions: Vec<ProjectionExpr> = projection
        .expr()
        .iter()
        .map(|one| Ok(ProjectionExpr { expr: checked(Arc::clone(&one.expr), &schema)?.data, alias: one.alias.clone() }))
        .collect::<EngineResult<_>>()?;
    Ok(Arc::new(ProjectionExec::try_new(expressions, Arc::clone(projection.input()))?))
}

fn checked_aggregate(aggregate: &AggregateExec) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let (input, schema) = (Arc::clone(aggregate.input()), aggregate.input_schema());
    let checked = |one: Expression| checked(one, &schema).map(|done| done.data);
    let all = |expressions: &[(Expression, String)]| {
        expressions.iter().map(|(one, name)| Ok((checked(Arc::clone(one))?, name.clone()))).collect::<EngineResult<Vec<_>>>()
    };
    let groups = aggregate.group_expr();
    let groups = PhysicalGroupBy::new(all(groups.expr())?, all(groups.null_expr())?, groups.groups().to_vec(), groups.has_grouping_set());
    let functions = aggregate.aggr_expr().iter().map(|function| {
        let parts = function.all_expressions();
        let parts_of = |parts: Vec<Expression>| parts.into_iter().map(checked).collect::<EngineResult<Vec<_>>>();
        let changed = function.with_new_expressions(parts_of(parts.args)?, parts_of(parts.order_by_exprs)?);
        Ok(changed.map_or_else(|| Arc::clone(function), Arc::new))
    });
    let filters = aggregate.filter_expr().iter().map(|filter| filter.clone().map(checked).transpose());
    let (functions, filters) = (functions.collect::<EngineResult<_>>()?, filters.collect::<EngineResult<_>>()?);
    Ok(Arc::new(AggregateExec::try_new(*aggregate.mode(), groups, functions, filters, input, schema)?))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    const NUMBERS: &str = "(values (9223372036854775807, 1, 'x'), (1, 2, 'y'), (-2, 3, 'x')) as t(a, b, c)";

    #[test]
    fn what_does_not_fit_is_told() {
        let told = "a number does not fit into its type";
        check(&format!("select a + b from {NUMBERS}"), told);
        check(&format!("select b from {NUMBERS} where a * 2 < 0"), told);
        check(&format!("select max(a - b * -1) from {NUMBERS}"), told);
        check(&format!("select count(*) from {NUMBERS} group by a + b"), told);
    }

    #[test]
    fn it_is_told_in_joins_windows_and_orders_as_well() {
        let told = "a number does not fit into its type";
        check(&format!("select t.b from {NUMBERS} join (values (1), (2)) as u(d) on t.a + u.d < 0"), told);
        check(&format!("select t.b from {NUMBERS} left join (values (1), (2)) as u(d) on t.b = u.d and t.a + u.d > 0"), told);
        check(&format!("select b from {NUMBERS} order by a + 1"), told);
        check(&format!("select b from {NUMBERS} order by a + 1 limit 1"), told);
        check(&format!("select sum(a + 1) over () from {NUMBERS}"), told);
        check(&format!("select lag(a + 1) over (order by b) from {NUMBERS}"), told);
        check(&format!("select row_number() over (partition by a + 1 order by b) from {NUMBERS}"), told);
        check(&format!("select max(b * 2) over (partition by c order by b + 1) from {NUMBERS} order by b"), "2, 4, 6");
        check(&format!("select sum(b + 1) over (order by b + 1 rows 1 preceding) from {NUMBERS} order by b"), "2, 5, 7");
    }

    #[test]
    fn it_is_told_of_constants_as_well() {
        let told = "a number does not fit into its type";
        check("select 9223372036854775807 + 1", told);
        check("select 100000 * 100000 * 100000 * 100000", told);
        check("select cast(100000 as int) * cast(100000 as int)", told);
        check("select a + 1 from (select 9223372036854775807 as a) as t", told);
        check(&format!("select b from {NUMBERS} where 9223372036854775807 + 1 > 0"), told);
        check(&format!("select b from {NUMBERS} where b + (9223372036854775807 + 1) > 0"), told);
        check("select -a from (values (-9223372036854775807 - 1)) as t(a)", told);
        check("select -(-9223372036854775807 - 1)", told);
        check("select case when 1 > 2 then 9223372036854775807 + 1 else 7 end", "7");
        check(&format!("select case when b > 9 then 9223372036854775807 + 1 else -b end from {NUMBERS} order by b"), "-1, -2, -3");
        check(&format!("select -b as c, -(1 + 1) as d from {NUMBERS} group by -b order by c"), "-3, -2, -1");
        check("select 9223372036854775806 + 1", "9223372036854775807");
    }

    #[test]
    fn remainders_and_signs_have_their_usual_names() {
        check("select mod(-7, 3)", "-1");
        check(&format!("select mod(b, 2) from {NUMBERS} order by b"), "1, 0, 1");
        check("select mod(cast(7.5 as decimal(5, 2)), 2) = 1.5", "true");
        check(&format!("select cast(sign(a) as int) from {NUMBERS} order by b"), "1, 1, -1");
        check("select mod(1, 0)", "a number is divided by zero");
        check("select mod(null, 2)", "null");
        check("select mod(2, null)", "null");
        check("select mod(null, null)", "null");
        check("select sign(null)", "null");
        check("select mod('x', 2)", "the function `mod` cannot be given text, bigint");
        check("select mod(cast(7 as int), cast(4 as bigint unsigned))", "3");
    }

    #[test]
    fn results_have_no_more_digits_than_decimals() {
        let told = "a number does not fit into its type";
        let rows = |number: &str| format!("(select cast(column1 as decimal(38, 0)) as a from (values ('{number}'), ('1')) as v) as t");
        let most = rows(&"9".repeat(38));
        let half = rows(&format!("5{}", "0".repeat(37)));
        let long = rows(&format!("12{}", "0".repeat(33)));
        check(&format!("select a + 1 from {most}"), told);
        check(&format!("select -a - 1 from {most}"), told);
        check(&format!("select a * 2 from {half}"), told);
        check(&format!("select a / cast(1 as decimal(38, 0)) from {long}"), told);
        check(&format!("select count(*) from {most} where a + 1 > 0"), told);
        check(&format!("select max(a + 1) from {most}"), told);
        check(&format!("select max(a / cast(1 as decimal(38, 0))) over () from {long}"), told);
        check(&format!("select cast('{}' as decimal(38, 0)) + 1", "9".repeat(38)), told);
        check(&format!("select a - 1 + 1 = a from {most}"), "true, true");
        check(&format!("select a * 1 = a from {half}"), "true, true");
        check(&format!("select a + null from {most}"), "null, null");
    }

    #[test]
    fn what_is_left_of_a_division_fits_whatever_is_divided() {
        let most = "9".repeat(38);
        let rows = format!(
            "(select cast(column1 as decimal(38, 0)) as a, cast(column2 as decimal(38, 20)) as b from \
                    (values ('{most}', '7.5'), ('-{most}', '0.00000000000000000007'), ('12', null)) as v) as t"
        );
        let left = "1.50000000000000000000, -0.00000000000000000002, null";
        check(&format!("select a % b from {rows}"), left);
        check(&format!("select mod(a, b) from {rows}"), left);
        check(&format!("select a from {rows} where b % a = 7.5 and mod(b, a) = 7.5"), &most);
        check(&format!("select max(mod(a, 7)) over () from {rows} where b is null"), "5");
        check(&format!("select cast('{most}' as decimal(38, 0)) % cast('7.5' as decimal(2, 1))"), "1.5");
        check(&format!("select a % (b - b) from {rows}"), "a number is divided by zero");
        check(&format!("select mod(a, b - b) from {rows}"), "a number is divided by zero");
    }

    #[test]
    fn quotients_that_fit_are_found_however_many_digits_are_added_on_the_way() {
        let rows = "(select cast(column1 as decimal(38, 18)) as a, cast(column2 as decimal(38, 18)) as b from \
                    (values ('12.5', '4'), ('-1', '3'), (null, '0'), ('9', null)) as v) as t";
        check(&format!("select a / b from {rows}"), "3.1250000000000000000000, -0.3333333333333333333333, null, null");
        check("select cast(1 as decimal(38, 18)) / cast(8 as decimal(38, 18))", "0.1250000000000000000000");
        let wide = "(select cast(column1 as decimal(38, 10)) as a from (values ('2500000000000'), ('7500000000000')) as v) as t";
        check(&format!("select sum(a) * 100 / sum(a) from {wide}"), "100.00000000000000");
        check(&format!("select 100 * a / sum(a) over () from {wide} order by a"), "25.00000000000000, 75.00000000000000");
        check(&format!("select a / (a - a) from {wide}"), "a number is divided by zero");
    }
}
