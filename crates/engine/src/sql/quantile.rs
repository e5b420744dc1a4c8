//! `quantile_cont`, which DataFusion computes to six digits of the way between two values: as exact as floats are.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature};

/// More decimal places of a quantile than this are not taken as they are written.
const MOST_PLACES: usize = 18;

/// The function.
pub(crate) fn quantile_cont() -> AggregateUDF {
    AggregateUDF::from(QuantileCont(PercentileCont::new()))
}

/// What DataFusion has, but for the arithmetic.
#[derive(Debug, PartialEq, Eq, Hash)]
struct QuantileCont(PercentileCont);

impl AggregateUDFImpl for QuantileCont {
    fn name(&self) -> &'static str {
        "quantile_cont"
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        let kind = args.expr_fields[0].data_type().clone();
        match share(&args)? {
            Some(share) if kind.is_floating() && !args.is_distinct && args.order_bys.is_empty() => {
                Ok(Box::new(Collected { kind, share, values: Vec::new() }))
            }
            _ => self.0.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        self.0.create_sliding_accumulator(args)
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}

/// Which quantile is asked for; `None` where it is none.
fn share(args: &AccumulatorArgs) -> EngineResult<Option<f64>> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    Ok(match args.exprs[1].evaluate(&nothing) {
        Ok(ColumnarValue::Scalar(value)) => match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(share) => share.filter(|share| (0.0..=1.0).contains(share)),
            _ => None,
        },
        _ => None,
    })
}

/// The values that are not null.
#[derive(Debug)]
struct Collected {
    kind: DataType,
    share: f64,
    values: Vec<f64>,
}

impl Collected {
    fn take(&mut self, values: &dyn Array) -> EngineResult<()> {
        let values = cast(values, &DataType::Float64)?;
        self.values.extend(values.as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.take(values[0].as_ref())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        states[0].as_list::<i32>().iter().flatten().try_for_each(|values| self.take(values.as_ref()))
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        let values = Float64Array::from(std::mem::take(&mut self.values));
        Ok(vec![SingleRowListArrayBuilder::new(cast(&values, &self.kind)?).build_list_scalar()])
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        ScalarValue::Float64(quantile(&mut self.values, self.share)).cast_to(&self.kind)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}

/// The quantile of values, one between the two where it lies between them. `NaN` among the values leaves it open.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    if values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let (place, way) = place(last, share);
    let (_, low, above) = values.select_nth_unstable_by(place, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(if way == 0.0 || low.total_cmp(&high).is_eq() { low } else { low + (high - low) * way })
}

/// The place of a quantile among sorted values of which this is the last, and how far it lies beyond that. The quantile is the number that
/// was written: 0.95 as a float is a little less.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place is not negative and at most the last")]
fn place(last: usize, share: f64) -> (usize, f64) {
    let written = share.to_string();
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let digits = format!("{whole}{fraction}").parse::<u128>().ok().filter(|_| fraction.len() <= MOST_PLACES);
    let Some(digits) = digits else {
        let place = last as f64 * share;
        return (place.floor() as usize, place.fract());
    };
    let unit = 10_u128.pow(fraction.len() as u32);
    let scaled = last as u128 * digits;
    ((scaled / unit) as usize, (scaled % unit) as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::quantile;
    use crate::session::Effort;
    use crate::testing::engine;

    /// DataFusion knows a function of its own by this name.
    #[test]
    fn every_session_knows_this_quantile() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..10 {
            let engine = engine(folder.path(), 2);
            for effort in [Effort::Fast, Effort::Spilling] {
                assert_eq!(engine.blank_session(effort).aggregate_functions()["quantile_cont"].name(), "quantile_cont");
            }
        }
    }

    #[track_caller]
    fn check(values: &[f64], share: f64, expected: Option<f64>) {
        let mut reversed: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(quantile(&mut reversed, share), expected, "{share} of {values:?}");
    }

    #[test]
    fn quantiles_are_those_of_the_written_share() {
        let ten: Vec<f64> = (1..=10_i32).map(f64::from).collect();
        check(&ten, 0.95, Some(9.55));
        check(&ten, 0.35, Some(4.15));
        check(&ten, 0.0, Some(1.0));
        check(&ten, 1.0, Some(10.0));
        check(&[0.0, 1.0], 0.333_333_333_3, Some(0.333_333_333_3));
        check(&[7.0], 0.25, Some(7.0));
        check(&[], 0.5, None);
    }

    #[test]
    fn endless_values_are_values() {
        check(&[1.0, f64::INFINITY, f64::INFINITY], 0.75, Some(f64::INFINITY));
        let mut open = [1.0, f64::NAN, 2.0];
        assert!(quantile(&mut open, 0.5).is_some_and(f64::is_nan));
    }
}
