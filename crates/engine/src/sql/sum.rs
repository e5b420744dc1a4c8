//! `sum` of numbers that grow beyond their type: the engine's begins anew at the other end. Here it fails instead, which is told with the query; a sum whose
//! parts are too large and which itself is not is right.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type,
};
use datafusion::common::{Result as EngineResult, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature, Volatility,
};

use crate::sql::decimal_sum;
use crate::sql::mean::DifferentNumbers;
use crate::sql::sliding::SlidingFloats;

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
        each_of_groups(values, groups, filter, |group, value| {
            self.sums[group] += value.into();
            self.is_sum[group] = true;
        });
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

/// Gives the value of each row that counts to its group.
pub(crate) fn each_of_groups<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    groups: &[usize],
    filter: Option<&BooleanArray>,
    mut take: impl FnMut(usize, T::Native),
) {
    let rows = groups.iter().zip(values.values());
    if values.null_count() == 0 && filter.is_none() {
        rows.for_each(|(group, value)| take(*group, *value));
    } else {
        let counts = counting(values, filter);
        rows.enumerate().filter(|(row, _)| counts(*row)).for_each(|(_, (group, value))| take(*group, *value));
    }
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
    fn a_sum_that_does_not_fit_is_told() {
        let told = "a number does not fit into its type";
        check(&format!("select sum(a) from {NUMBERS} where b < 3"), told);
        check("select sum(a) from (values (9223372036854775807, 'x'), (1, 'x')) as t(a, c) group by c", told);
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
}
