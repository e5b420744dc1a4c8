//! `max` and `min` of floats by group: the engine begins at the greatest finite number, so that a group of infinities has none of its own, and what comes
//! after a NaN takes its place. Here a NaN is greater than every number, as it is without groups.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type};
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};

use crate::sql::sum::{counting, each_of_groups};

/// `max` and `min`.
pub(crate) fn extremes() -> [AggregateUDF; 2] {
    let max = Extreme { engines: Max::new(), wins: Ordering::Greater };
    let min = Extreme { engines: Min::new(), wins: Ordering::Less };
    [AggregateUDF::from(max), AggregateUDF::from(min)]
}

/// What DataFusion has, but for floats by group.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme<F> {
    engines: F,
    /// How a number is to the one so far when it takes its place.
    wins: Ordering,
}

impl<F: AggregateUDFImpl + PartialEq + Eq + Hash> AggregateUDFImpl for Extreme<F> {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.engines.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        self.engines.coerce_types(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        self.engines.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        self.engines.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.engines.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn GroupsAccumulator>> {
        Ok(match args.return_field.data_type() {
            DataType::Float16 => Box::new(OfGroups::<Float16Type>::new(self.wins)),
            DataType::Float32 => Box::new(OfGroups::<Float32Type>::new(self.wins)),
            DataType::Float64 => Box::new(OfGroups::<Float64Type>::new(self.wins)),
            _ => return self.engines.create_groups_accumulator(args),
        })
    }

    fn is_descending(&self) -> Option<bool> {
        self.engines.is_descending()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engines.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engines.reverse_expr()
    }

    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        self.engines.value_from_stats(args)
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.engines.set_monotonicity(kind)
    }
}

/// The greatest or the least float of each group.
#[derive(Debug)]
struct OfGroups<T: ArrowPrimitiveType> {
    wins: Ordering,
    found: Vec<Option<T::Native>>,
}

impl<T: ArrowPrimitiveType> OfGroups<T> {
    fn new(wins: Ordering) -> Self {
        Self { wins, found: Vec::new() }
    }
}

/// How two floats are to each other, NaN above all others.
fn compared<N: PartialOrd>(a: &N, b: &N) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}

fn is_nan<N: PartialOrd>(number: &N) -> bool {
    number.partial_cmp(number).is_none()
}

impl<T: ArrowPrimitiveType + Send + Debug> GroupsAccumulator for OfGroups<T>
where
    T::Native: PartialOrd,
{
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, count: usize) -> EngineResult<()> {
        self.found.resize(count, None);
        each_of_groups(values[0].as_primitive::<T>(), groups, filter, |group, number| {
            let found = &mut self.found[group];
            if found.as_ref().is_none_or(|found| compared(&number, found) == self.wins) {
                *found = Some(number);
            }
        });
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> EngineResult<()> {
        self.update_batch(states, groups, None, count)
    }

    fn state(&mut self, which: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(which)?])
    }

    fn evaluate(&mut self, which: EmitTo) -> EngineResult<ArrayRef> {
        Ok(Arc::new(which.take_needed(&mut self.found).into_iter().collect::<PrimitiveArray<T>>()))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        let numbers = values[0].as_primitive::<T>();
        let counts = counting(numbers, filter);
        let of_rows = numbers.values().iter().enumerate().map(|(row, number)| counts(row).then_some(*number));
        Ok(vec![Arc::new(of_rows.collect::<PrimitiveArray<T>>())])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.found.capacity() * size_of::<Option<T::Native>>()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn infinities_and_nan_of_groups_are_what_they_are_without_groups() {
        let of = |numbers: &[&str]| {
            let rows: Vec<String> = numbers.iter().map(|number| format!("(1, cast('{number}' as double))")).collect();
            format!("(values {}) as t(g, f)", rows.join(", "))
        };
        for (numbers, greatest, least) in [
            (&["-inf", "-inf"][..], "-inf", "-inf"),
            (&["nan", "inf"], "NaN", "inf"),
            (&["nan", "2.5"], "NaN", "2.5"),
            (&["2.5", "nan", "1"], "NaN", "1"),
            (&["nan"], "NaN", "NaN"),
        ] {
            let rows = of(numbers);
            for grouped in ["group by g", ""] {
                check(&format!("select max(f) from {rows} {grouped}"), greatest);
                check(&format!("select min(f) from {rows} {grouped}"), least);
                check(&format!("select max(cast(f as real)) from {rows} {grouped}"), greatest);
            }
        }
    }
}
