//! Numbers that grow beyond their type: the engine's `+`, `-`, `*` and `sum` begin anew at the other end, and decimals get a digit more than they have
//! room for. Here they fail instead, which is told with the query; a sum whose parts are too large and which itself is not is right.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef, Int64Type, Schema, UInt64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as EngineResult, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Operator, ReversedUDAF, SetMonotonicity, Signature, Volatility,
};
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
use crate::sql::decimal_sum;
use crate::sql::mean::DifferentNumbers;
use crate::sql::nan::{may_make_nan, with_one_nan};
use crate::sql::sliding::SlidingFloats;

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

/// `sum`, which takes whole numbers together in more digits than they have.
pub(crate) fn sum() -> AggregateUDF {
    AggregateUDF::from(WideSum { engines: Sum::new(), signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WideSum {
    engines: Sum,
    signature: Signature,
}

/// As what the values of a sum or a mean are taken: whole numbers and floats with as many digits as there are. A null without a type is a whole number,
/// which the first part of a UNION may be until the others are known.
pub(crate) fn added_as(function: &str, types: &[DataType]) -> EngineResult<Vec<DataType>> {
    let kind = match types {
        [DataType::Dictionary(_, kind)] => return added_as(function, &[DataType::clone(kind)]),
        [DataType::Null] => DataType::Int64,
        [kind] if kind.is_signed_integer() => DataType::Int64,
        [kind] if kind.is_unsigned_integer() => DataType::UInt64,
        [kind] if kind.is_floating() => DataType::Float64,
        [kind @ (DataType::Duration(_) | DataType::Interval(_))] => kind.clone(),
        [kind] if kind.is_decimal() => kind.clone(),
        [kind] => return plan_err!("Function '{function}' requires numbers, but received others (DataType: {kind})"),
        several => {
            let several = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return plan_err!("Function '{function}' takes one argument, and was given argument types '{function}({several})'");
        }
    };
    Ok(vec![kind])
}

/// As what sums of whole numbers stand while they are taken.
pub(crate) const WIDE: DataType = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);

/// Whether these are the whole numbers that others are made before they are added up.
pub(crate) fn is_whole(kind: &DataType) -> bool {
    matches!(kind, DataType::Int64 | DataType::UInt64)
}

impl AggregateUDFImpl for WideSum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        added_as(self.name(), types)
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.engines.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        let result = args.return_type().clone();
        if !is_whole(&result) {
            return decimal_sum::accumulator(args, |args| self.engines.accumulator(args));
        }
        if args.is_distinct {
            return Ok(Box::new(DifferentNumbers::new(result)));
        }
        Ok(Box::new(WideTotal { result, sum: 0, values: 0 }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        if is_whole(args.return_type()) {
            return self.accumulator(args);
        }
        if *args.expr_fields[0].data_type() == DataType::Float64 && !args.is_distinct {
            return Ok(Box::new(SlidingFloats::sum()));
        }
        decimal_sum::accumulator(args, |args| self.engines.create_sliding_accumulator(args))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        let wide = if is_whole(args.return_type()) { Some(WIDE) } else { decimal_sum::wider(args.input_fields[0].data_type()) };
        let Some(wide) = wide else { return self.engines.state_fields(args) };
        let return_field = Arc::new(Field::clone(&args.return_field).with_data_type(wide));
        self.engines.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.engines.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn GroupsAccumulator>> {
        let result = args.return_type().clone();
        if !is_whole(&result) {
            return decimal_sum::groups_accumulator(args, |args| self.engines.create_groups_accumulator(args));
        }
        Ok(Box::new(WideTotals { result, sums: Vec::new(), is_sum: Vec::new() }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engines.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engines.order_sensitivity()
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.engines.set_monotonicity(kind)
    }
}

/// A sum of whole numbers.
#[derive(Debug)]
struct WideTotal {
    result: DataType,
    sum: i128,
    /// How many numbers it is the sum of: of none there is no sum.
    values: usize,
}

impl WideTotal {
    /// Adds numbers, or takes them away with a `sign` of -1.
    fn take(&mut self, values: &dyn Array, sign: i128) {
        let (sum, count) = total_of(values);
        self.sum += sign * sum;
        self.values = if sign > 0 { self.values + count } else { self.values - count };
    }
}

/// The sum of the whole numbers that are there, and how many they are.
pub(crate) fn total_of(values: &dyn Array) -> (i128, usize) {
    match values.data_type() {
        DataType::UInt64 => total(values.as_primitive::<UInt64Type>()),
        DataType::Int64 => total(values.as_primitive::<Int64Type>()),
        _ => total(values.as_primitive::<Decimal128Type>()),
    }
}

fn total<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>) -> (i128, usize)
where
    T::Native: Into<i128>,
{
    let sum = if values.null_count() == 0 {
        values.values().iter().map(|value| (*value).into()).sum()
    } else {
        values.iter().flatten().map(Into::into).sum::<i128>()
    };
    (sum, values.len() - values.null_count())
}

impl Accumulator for WideTotal {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.take(values[0].as_ref(), 1);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.take(values[0].as_ref(), -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128((self.values > 0).then_some(self.sum), DECIMAL128_MAX_PRECISION, 0)])
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        let sums = Decimal128Array::from(vec![(self.values > 0).then_some(self.sum)]);
        ScalarValue::try_from_array(&narrowed(&sums, &self.result)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Sums of whole numbers by group.
#[derive(Debug)]
struct WideTotals {
    result: DataType,
    sums: Vec<i128>,
    /// Which of them have taken a number: of none there is no sum.
    is_sum: Vec<bool>,
}

impl WideTotals {
    fn take(&mut self, values: &ArrayRef, groups: &[usize], filter: Option<&BooleanArray>, count: usize) {
        self.sums.resize(count, 0);
        self.is_sum.resize(count, false);
        match values.data_type() {
            DataType::UInt64 => self.add(values.as_primitive::<UInt64Type>(), groups, filter),
            DataType::Int64 => self.add(values.as_primitive::<Int64Type>(), groups, filter),
            _ => self.add(values.as_primitive::<Decimal128Type>(), groups, filter),
        }
    }

    fn add<T>(&mut self, values: &PrimitiveArray<T>, groups: &[usize], filter: Option<&BooleanArray>)
    where
        T: ArrowPrimitiveType,
        T::Native: Into<i128>,
    {
        let mut take = |group: usize, value: T::Native| {
            self.sums[group] += value.into();
            self.is_sum[group] = true;
        };
        let rows = groups.iter().zip(values.values());
        if values.null_count() == 0 && filter.is_none() {
            rows.for_each(|(group, value)| take(*group, *value));
        } else {
            let counts = counting(values, filter);
            rows.enumerate().filter(|(row, _)| counts(*row)).for_each(|(_, (group, value))| take(*group, *value));
        }
    }

    fn taken(&mut self, which: EmitTo) -> Decimal128Array {
        let (sums, is_sum) = (which.take_needed(&mut self.sums), which.take_needed(&mut self.is_sum));
        let sums: Decimal128Array = sums.into_iter().zip(is_sum).map(|(sum, is_sum)| is_sum.then_some(sum)).collect();
        sums.with_data_type(WIDE)
    }
}

/// Which rows count: those with a value, where the filter is true.
pub(crate) fn counting(values: &dyn Array, filter: Option<&BooleanArray>) -> impl Fn(usize) -> bool {
    move |row| values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for WideTotals {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, count: usize) -> EngineResult<()> {
        self.take(&values[0], groups, filter, count);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> EngineResult<()> {
        self.take(&states[0], groups, None, count);
        Ok(())
    }

    fn state(&mut self, which: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        Ok(vec![Arc::new(self.taken(which))])
    }

    fn evaluate(&mut self, which: EmitTo) -> EngineResult<ArrayRef> {
        narrowed(&self.taken(which), &self.result)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        let counts = counting(values[0].as_ref(), filter);
        let states = numbers(values[0].as_ref()).into_iter().enumerate().map(|(row, value)| counts(row).then_some(value));
        let states: Decimal128Array = states.collect();
        Ok(vec![Arc::new(states.with_data_type(WIDE))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.capacity() * size_of::<i128>() + self.is_sum.capacity()
    }
}

/// The whole numbers, with anything where there is none.
pub(crate) fn numbers(values: &dyn Array) -> Vec<i128> {
    match values.data_type() {
        DataType::UInt64 => values.as_primitive::<UInt64Type>().values().iter().map(|value| (*value).into()).collect(),
        _ => values.as_primitive::<Int64Type>().values().iter().map(|value| (*value).into()).collect(),
    }
}

/// Sums as values of their type.
pub(crate) fn narrowed(sums: &Decimal128Array, result: &DataType) -> EngineResult<ArrayRef> {
    let too_large = |sum: i128| exec_datafusion_err!("Arithmetic overflow: the sum {sum} does not fit into {result}");
    Ok(match result {
        DataType::UInt64 => Arc::new(sums.try_unary::<_, UInt64Type, _>(|sum| u64::try_from(sum).map_err(|_| too_large(sum)))?),
        _ => Arc::new(sums.try_unary::<_, Int64Type, _>(|sum| i64::try_from(sum).map_err(|_| too_large(sum)))?),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    const NUMBERS: &str = "(values (9223372036854775807, 1, 'x'), (1, 2, 'y'), (-2, 3, 'x')) as t(a, b, c)";

    #[test]
    fn a_sum_that_fits_is_right_though_its_parts_do_not() {
        check(&format!("select sum(a) from {NUMBERS}"), "9223372036854775806");
        check(&format!("select sum(a) from {NUMBERS} where false"), "null");
        check(&format!("select sum(b) filter (where c = 'x') from {NUMBERS}"), "4");
        check(&format!("select sum(a) from {NUMBERS} group by c order by c"), "9223372036854775805, 1");
        check(&format!("select sum(a) over (order by b rows 1 preceding) from {NUMBERS} where b > 1 order by b"), "1, -1");
        check("select sum(a) from (values (cast(18446744073709551615 as bigint unsigned)), (null)) as t(a)", "18446744073709551615");
    }

    #[test]
    fn sums_and_means_of_nulls_without_a_type_are_null() {
        for function in ["sum", "avg"] {
            check(&format!("select {function}(a) from (select null as a union all select null)"), "null");
            check(&format!("select {function}(distinct a) from (select null as a) group by a"), "null");
            check(&format!("select {function}(a) over () from (select null as a) as t"), "null");
            let refused = format!("the function `{function}` cannot be given");
            check(&format!("select {function}(b) from (select 'x' as b) as t"), &format!("{refused} text"));
            check(&format!("select {function}(b, b) from (select 1 as b) as t"), &format!("{refused} bigint, bigint"));
        }
        check("select sum(a) from (select null as a union all select 1.5 union all select 2)", "3.5");
        check("select avg(a) from (select null as a union all select 1.5 union all select 2)", "1.75");
        check("select sum(a) from (select null as a union all select cast('1.50' as decimal(5, 2)))", "1.50");
        check("select sum(a) + 1 from (select null as a union all select b from (values (1), (2)) as t(b))", "4");
    }

    #[test]
    fn sums_by_group_count_what_is_there_and_meant() {
        check("select sum(a) from (values (1, 'x'), (null, 'y'), (2, 'x'), (null, 'x')) as t(a, c) group by c order by c", "3, null");
        check("select sum(a) filter (where a > 1) from (values (1, 'x'), (2, 'y'), (3, 'y')) as t(a, c) group by c order by c", "null, 5");
        check("select sum(a) from (values (cast(7 as bigint unsigned), 1), (cast(8 as bigint unsigned), 1)) as t(a, c) group by c", "15");
        // So many groups that the rows go on as they are.
        let numbers = "(select a, sum(a) filter (where a % 3 = 0) as s from (select unnest(range(400000)) as a) as t group by a)";
        check(&format!("select sum(s) from {numbers} as sums"), "26666733333");
        check(&format!("select count(s) from {numbers} as sums"), "133334");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let told = "a number does not fit into its type";
        check(&format!("select sum(a) from {NUMBERS} where b < 3"), told);
        check("select sum(a) from (values (9223372036854775807, 'x'), (1, 'x')) as t(a, c) group by c", told);
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
    fn sums_of_different_numbers_fit_or_are_told() {
        let told = "a number does not fit into its type";
        let two = "(values (9223372036854775807, 1), (1, 2), (1, 2), (null, 3)) as t(a, b)";
        check(&format!("select sum(distinct a) from {two}"), told);
        check(&format!("select sum(distinct a) + count(distinct b) from {two}"), told);
        check(&format!("select sum(distinct a) - 5 + count(distinct b) from {two} where b > 1"), "-2");
        check(&format!("select sum(distinct b) from {two} group by a is null order by 1"), "3, 3");
        check(&format!("select sum(distinct a) over (order by b rows 1 preceding) from {two} where b > 1 order by b"), "1, 1, 1");
    }

    #[test]
    fn sums_of_decimals_fit_or_are_told() {
        let told = "a number does not fit into its type";
        let most = "9".repeat(38);
        let rows = format!("(values ('{most}', 1), ('{most}', 1), ('-{most}', 2)) as v");
        let large = format!("(select cast(column1 as decimal(38, 0)) as a, column2 as b from {rows}) as t");
        check(&format!("select sum(a) = cast('{most}' as decimal(38, 0)) from {large}"), "true");
        check(&format!("select sum(distinct a) = 0 and count(distinct b) = 2 from {large}"), "true");
        check(&format!("select sum(a) from {large} where b = 1"), told);
        check(&format!("select sum(a) from {large} group by b"), told);
        check(&format!("select sum(a) over () from {large} where b = 1"), told);
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
