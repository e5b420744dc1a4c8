//! `avg` of whole numbers, which the engine makes floats first: those hold whole numbers up to 2^53 exactly. Here it is their exact sum, divided by how many
//! they are, and rounded once. And sums and means of different whole numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, PrimitiveArray, UInt64Array};
use datafusion::arrow::compute::sum;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type,
};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{HashMap, Result as EngineResult, ScalarValue, plan_err};
use datafusion::functions_aggregate::average::Avg;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use crate::sql::sliding::SlidingFloats;
use crate::sql::sum::{WIDE, added_as, counting, each_of_groups, is_whole, narrowed, numbers, total_of};

/// `avg`, which takes whole numbers as they are.
pub(crate) fn mean() -> AggregateUDF {
    AggregateUDF::from(Mean { engines: Avg::new(), signature: Signature::user_defined(Volatility::Immutable) })
}

/// What DataFusion has, but for whole numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Mean {
    engines: Avg,
    signature: Signature,
}

impl AggregateUDFImpl for Mean {
    fn name(&self) -> &'static str {
        "avg"
    }

    fn aliases(&self) -> &[String] {
        self.engines.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        match types {
            [kind @ DataType::Interval(_)] => plan_err!("Function 'avg' requires numbers, but received an interval (DataType: {kind})"),
            _ => added_as(self.name(), types),
        }
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.engines.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        if !is_whole(args.expr_fields[0].data_type()) {
            return self.engines.accumulator(args);
        }
        if args.is_distinct {
            return Ok(Box::new(DifferentNumbers::new(DataType::Float64)));
        }
        Ok(Box::new(WholeMean { sum: 0, count: 0 }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        if *args.expr_fields[0].data_type() == DataType::Float64 && !args.is_distinct {
            return Ok(Box::new(SlidingFloats::mean()));
        }
        self.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        if !is_whole(args.input_fields[0].data_type()) {
            return self.engines.state_fields(args);
        }
        let named = |name: &str| format_state_name(args.name, name);
        Ok(if args.is_distinct {
            vec![Arc::new(Field::new_list(named("avg distinct"), Field::new_list_field(WIDE, true), false))]
        } else {
            vec![Arc::new(Field::new(named("count"), DataType::UInt64, true)), Arc::new(Field::new(named("sum"), WIDE, true))]
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.engines.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn GroupsAccumulator>> {
        if !is_whole(args.expr_fields[0].data_type()) {
            return self.engines.create_groups_accumulator(args);
        }
        Ok(Box::new(WholeMeans { sums: Vec::new(), counts: Vec::new() }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engines.reverse_expr()
    }
}

/// The float that is nearest to a quotient; of nothing there is none.
fn quotient(sum: i128, count: u64) -> Option<f64> {
    if count == 0 || sum == 0 {
        return (count > 0).then_some(0.0);
    }
    let (size, count) = (sum.unsigned_abs(), u128::from(count));
    let places = size.leading_zeros();
    let shifted = size << places;
    // It has 64 digits or more, so that of what is left over it matters only that it is there.
    let digits = (shifted / count) | u128::from(shifted % count > 0);
    let quotient = digits as f64 / (1_u128 << places) as f64;
    Some(if sum < 0 { -quotient } else { quotient })
}

/// A mean of whole numbers.
#[derive(Debug)]
struct WholeMean {
    sum: i128,
    count: u64,
}

impl Accumulator for WholeMean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        let (sum, count) = total_of(values[0].as_ref());
        self.sum += sum;
        self.count += count as u64;
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        self.count += sum(states[0].as_primitive::<UInt64Type>()).unwrap_or_default();
        self.sum += total_of(states[1].as_ref()).0;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        let (sum, count) = total_of(values[0].as_ref());
        self.sum -= sum;
        self.count -= count as u64;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        let sum = ScalarValue::Decimal128(Some(self.sum), DECIMAL128_MAX_PRECISION, 0);
        Ok(vec![ScalarValue::UInt64(Some(self.count)), sum])
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        Ok(ScalarValue::Float64(quotient(self.sum, self.count)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Means of whole numbers by group.
#[derive(Debug)]
struct WholeMeans {
    sums: Vec<i128>,
    counts: Vec<u64>,
}

impl WholeMeans {
    fn make_room(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn add<T>(&mut self, values: &PrimitiveArray<T>, groups: &[usize], filter: Option<&BooleanArray>)
    where
        T: ArrowPrimitiveType,
        T::Native: Into<i128>,
    {
        each_of_groups(values, groups, filter, |group, value| {
            self.sums[group] += value.into();
            self.counts[group] += 1;
        });
    }
}

impl GroupsAccumulator for WholeMeans {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, count: usize) -> EngineResult<()> {
        self.make_room(count);
        match values[0].data_type() {
            DataType::UInt64 => self.add(values[0].as_primitive::<UInt64Type>(), groups, filter),
            _ => self.add(values[0].as_primitive::<Int64Type>(), groups, filter),
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> EngineResult<()> {
        self.make_room(count);
        let (counts, sums) = (states[0].as_primitive::<UInt64Type>(), states[1].as_primitive::<Decimal128Type>());
        for (group, (count, sum)) in groups.iter().zip(counts.values().iter().zip(sums.values())) {
            self.counts[*group] += count;
            self.sums[*group] += sum;
        }
        Ok(())
    }

    fn state(&mut self, which: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        let (counts, sums) = (which.take_needed(&mut self.counts), which.take_needed(&mut self.sums));
        Ok(states(counts, sums))
    }

    fn evaluate(&mut self, which: EmitTo) -> EngineResult<ArrayRef> {
        let (counts, sums) = (which.take_needed(&mut self.counts), which.take_needed(&mut self.sums));
        let means: Float64Array = sums.into_iter().zip(counts).map(|(sum, count)| quotient(sum, count)).collect();
        Ok(Arc::new(means))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        let counts = counting(values[0].as_ref(), filter);
        let numbers = numbers(values[0].as_ref()).into_iter().enumerate();
        let (counts, sums) = numbers.map(|(row, value)| if counts(row) { (1_u64, value) } else { (0, 0) }).unzip();
        Ok(states(counts, sums))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<u64>()
    }
}

fn states(counts: Vec<u64>, sums: Vec<i128>) -> Vec<ArrayRef> {
    vec![Arc::new(UInt64Array::from(counts)), Arc::new(Decimal128Array::from_iter_values(sums).with_data_type(WIDE))]
}

/// The sum or the mean of whole numbers of which each counts once.
#[derive(Debug)]
pub(crate) struct DifferentNumbers {
    /// The type of the result: that of floats for a mean.
    result: DataType,
    /// How often each of them has come.
    times: HashMap<i128, u64>,
    sum: i128,
}

impl DifferentNumbers {
    /// None so far.
    pub(crate) fn new(result: DataType) -> Self {
        Self { result, times: HashMap::default(), sum: 0 }
    }

    fn take(&mut self, value: i128) {
        let times = self.times.entry(value).or_insert(0);
        if *times == 0 {
            self.sum += value;
        }
        *times += 1;
    }

    fn give_back(&mut self, value: i128) {
        let Some(times) = self.times.get_mut(&value) else { return };
        *times -= 1;
        if *times == 0 {
            self.times.remove(&value);
            self.sum -= value;
        }
    }
}

impl Accumulator for DifferentNumbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        each(values[0].as_ref(), |value| self.take(value));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            values.as_primitive::<Decimal128Type>().iter().flatten().for_each(|value| self.take(value));
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        each(values[0].as_ref(), |value| self.give_back(value));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        let values = Decimal128Array::from_iter_values(self.times.keys().copied()).with_data_type(WIDE);
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar()])
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        if self.result == DataType::Float64 {
            return Ok(ScalarValue::Float64(quotient(self.sum, self.times.len() as u64)));
        }
        let sums = Decimal128Array::from(vec![(!self.times.is_empty()).then_some(self.sum)]);
        ScalarValue::try_from_array(&narrowed(&sums, &self.result)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.times.capacity() * size_of::<(i128, u64)>()
    }
}

/// Gives each of the whole numbers that are there.
fn each(values: &dyn Array, take: impl FnMut(i128)) {
    match values.data_type() {
        DataType::UInt64 => values.as_primitive::<UInt64Type>().iter().flatten().map(i128::from).for_each(take),
        _ => values.as_primitive::<Int64Type>().iter().flatten().map(i128::from).for_each(take),
    }
}

#[cfg(test)]
mod tests {
    use super::quotient;
    use crate::session::Effort;
    use crate::testing::{check, engine};

    /// Two neighbours beyond 2^53, of which no float is the first.
    const LARGE: &str = "(values (9007199254740993, 1), (9007199254740995, 1), (9007199254740995, 2), (null, 2)) as t(a, b)";

    #[test]
    fn whole_numbers_are_added_up_before_they_are_rounded() {
        check("select avg(a) from (values (9007199254740993), (9007199254740993), (-9007199254740992)) as t(a)", "3002399751580331.5");
        check(&format!("select avg(a) - 9007199254740994 from {LARGE} where b = 1"), "0");
        check(&format!("select avg(distinct a) - 9007199254740994 from {LARGE}"), "0");
        check(&format!("select avg(a) - 9007199254740994 from {LARGE} group by b order by b"), "0, 2");
        check(&format!("select mean(b) from {LARGE}"), "1.5");
        check(&format!("select avg(a) filter (where b = 3) from {LARGE}"), "null");
        check(&format!("select avg(b) over (order by b rows 1 preceding) from {LARGE} order by b"), "1, 1, 1.5, 2");
        check("select avg(a) from (values (cast(200 as tinyint unsigned)), (cast(201 as tinyint unsigned))) as t(a)", "200.5");
        check("select avg(a) = 18446744073709551615.0 from (values (cast(18446744073709551615 as bigint unsigned))) as t(a)", "true");
        check("select avg(a) from (values (1.5), (2.5)) as t(a)", "2");
    }

    #[test]
    fn means_by_group_count_what_is_there_and_meant() {
        check("select avg(a) from (values (1, 'x'), (null, 'y'), (2, 'x'), (null, 'x')) as t(a, c) group by c order by c", "1.5, null");
        // So many groups that the rows go on as they are.
        let means = "(select a, avg(a) filter (where a % 3 = 0) as m from (select unnest(range(400000)) as a) as t group by a)";
        check(&format!("select sum(m) from {means} as means"), "26666733333");
        check(&format!("select count(m) from {means} as means"), "133334");
    }

    #[test]
    fn every_session_knows_this_mean() {
        let folder = tempfile::tempdir().unwrap();
        for effort in [Effort::Fast, Effort::Spilling] {
            let session = engine(folder.path(), 2).blank_session(effort);
            let known = ["avg", "mean"].map(|name| format!("{:?}", session.aggregate_functions()[name]).contains("engines"));
            assert_eq!(known, [true, true]);
        }
    }

    #[test]
    fn quotients_are_rounded_once() {
        assert_eq!([quotient(0, 0), quotient(0, 3), quotient(1, 3), quotient(-7, 2)], [None, Some(0.0), Some(1.0 / 3.0), Some(-3.5)]);
        // 2^53 + 1 lies in the middle of two floats: a third more is nearer to the upper one.
        let middle = (1_i128 << 53) + 1;
        assert_eq!(quotient(middle, 1), Some(9_007_199_254_740_992.0));
        assert_eq!(quotient(3 * middle + 1, 3), Some(9_007_199_254_740_994.0));
        assert_eq!(quotient(i128::from(u64::MAX) * 1_000_000, 1_000_000), Some(18_446_744_073_709_551_616.0));
    }
}
