//! Sums of decimals with so many digits that the sum may have more than a decimal holds: the engine's begins anew at the other end then. They are taken
//! in a wider type, and what does not fit is told.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field};
use datafusion::common::{Result as EngineResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Digits that a sum may have more than its values: so it has room for ten thousand million of them.
const DIGITS_MORE: u8 = 10;

/// As what sums of decimals of this type stand while they are taken; `None` where their own type has room.
pub(crate) fn wider(values: &DataType) -> Option<DataType> {
    match values {
        DataType::Decimal128(digits, scale) if *digits > DECIMAL128_MAX_PRECISION - DIGITS_MORE => {
            Some(DataType::Decimal256(DECIMAL256_MAX_PRECISION, *scale))
        }
        _ => None,
    }
}

/// The accumulator that `make` gives, of a wider type where the values need one.
pub(crate) fn accumulator<'a>(
    args: AccumulatorArgs<'a>,
    make: impl FnOnce(AccumulatorArgs<'a>) -> EngineResult<Box<dyn Accumulator>>,
) -> EngineResult<Box<dyn Accumulator>> {
    let Some(wide) = wider(args.expr_fields[0].data_type()) else { return make(args) };
    let result = args.return_type().clone();
    Ok(Box::new(Narrowed { inner: make(widened(args, &wide))?, wide, result }))
}

/// The same for sums by group.
pub(crate) fn groups_accumulator<'a>(
    args: AccumulatorArgs<'a>,
    make: impl FnOnce(AccumulatorArgs<'a>) -> EngineResult<Box<dyn GroupsAccumulator>>,
) -> EngineResult<Box<dyn GroupsAccumulator>> {
    let Some(wide) = wider(args.expr_fields[0].data_type()) else { return make(args) };
    let result = args.return_type().clone();
    Ok(Box::new(NarrowedByGroup { inner: make(widened(args, &wide))?, wide, result }))
}

fn widened<'a>(mut args: AccumulatorArgs<'a>, wide: &DataType) -> AccumulatorArgs<'a> {
    args.return_field = Arc::new(Field::clone(&args.return_field).with_data_type(wide.clone()));
    args
}

/// A sum that is taken in a wider type than it has.
#[derive(Debug)]
struct Narrowed {
    inner: Box<dyn Accumulator>,
    wide: DataType,
    result: DataType,
}

impl Accumulator for Narrowed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.inner.update_batch(&[cast(&values[0], &self.wide)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.inner.retract_batch(&[cast(&values[0], &self.wide)?])
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        let sum = self.inner.evaluate()?.to_array()?;
        ScalarValue::try_from_array(&narrowed(&sum, &self.result)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.size()
    }
}

/// Sums by group that are taken in a wider type than they have.
struct NarrowedByGroup {
    inner: Box<dyn GroupsAccumulator>,
    wide: DataType,
    result: DataType,
}

impl GroupsAccumulator for NarrowedByGroup {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, count: usize) -> EngineResult<()> {
        self.inner.update_batch(&[cast(&values[0], &self.wide)?], groups, filter, count)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> EngineResult<()> {
        self.inner.merge_batch(states, groups, count)
    }

    fn state(&mut self, which: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        self.inner.state(which)
    }

    fn evaluate(&mut self, which: EmitTo) -> EngineResult<ArrayRef> {
        narrowed(&self.inner.evaluate(which)?, &self.result)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        self.inner.convert_to_state(&[cast(&values[0], &self.wide)?], filter)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.size()
    }
}

/// Sums as values of their type.
fn narrowed(sums: &dyn Array, result: &DataType) -> EngineResult<ArrayRef> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(sums, result, &exact)
        .map_err(|_| exec_datafusion_err!("Arithmetic overflow: a sum has more than {DECIMAL128_MAX_PRECISION} digits"))
}
