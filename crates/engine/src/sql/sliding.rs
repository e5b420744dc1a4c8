//! Sums and means of floats in frames that move. The engine takes away what leaves a frame, and what was lost beside a large number stays lost then, as a NaN
//! stays for ever. Here every sum is one of the numbers in the frame alone.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::{Result as EngineResult, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

/// The sum or the mean of the numbers in a frame: a queue of two stacks, so that each number is added twice, however long the frame is.
#[derive(Debug, Default)]
pub(crate) struct SlidingFloats {
    is_mean: bool,
    /// For each of the older numbers its sum with all older ones that came after it; the oldest is the last.
    older: Vec<f64>,
    newer: Vec<f64>,
    sum_of_newer: f64,
}

impl SlidingFloats {
    pub(crate) fn sum() -> Self {
        Self::default()
    }

    pub(crate) fn mean() -> Self {
        Self { is_mean: true, ..Self::default() }
    }

    fn drop_oldest(&mut self) {
        if self.older.is_empty() {
            let mut sum = 0.0;
            self.older.extend(self.newer.drain(..).rev().map(|number| {
                sum += number;
                sum
            }));
            self.sum_of_newer = 0.0;
        }
        self.older.pop();
    }
}

fn floats(values: &[ArrayRef]) -> &Float64Array {
    values[0].as_primitive::<Float64Type>()
}

impl Accumulator for SlidingFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        for number in floats(values).iter().flatten() {
            self.newer.push(number);
            self.sum_of_newer += number;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        let numbers = floats(values);
        (0..numbers.len() - numbers.null_count()).for_each(|_| self.drop_oldest());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        let count = self.older.len() + self.newer.len();
        let sum = self.older.last().copied().unwrap_or(0.0) + self.sum_of_newer;
        let of_each = if self.is_mean { sum / count as f64 } else { sum };
        Ok(ScalarValue::Float64((count > 0).then_some(of_each)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + (self.older.capacity() + self.newer.capacity()) * size_of::<f64>()
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        exec_err!("a sum in a moving frame has no parts")
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> EngineResult<()> {
        exec_err!("a sum in a moving frame has no parts")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_left_the_frame_leaves_nothing_behind() {
        let numbers = [Some(1e16), None, Some(1.0), Some(f64::NAN), Some(2.0), Some(4.0), None, None];
        let one = |number: Option<f64>| [Arc::new(Float64Array::from(vec![number])) as ArrayRef];
        let (mut sum, mut mean, mut sums, mut means) = (SlidingFloats::sum(), SlidingFloats::mean(), vec![], vec![]);
        for (at, number) in numbers.into_iter().enumerate() {
            for (frame, found) in [(&mut sum, &mut sums), (&mut mean, &mut means)] {
                frame.update_batch(&one(number)).unwrap();
                if let Some(gone) = at.checked_sub(2) {
                    frame.retract_batch(&one(numbers[gone])).unwrap();
                }
                found.push(frame.evaluate().unwrap().to_string());
            }
        }
        assert_eq!(sums, ["10000000000000000", "10000000000000000", "1", "NaN", "NaN", "6", "4", "NULL"]);
        assert_eq!(means, ["10000000000000000", "10000000000000000", "1", "NaN", "NaN", "3", "4", "NULL"]);
    }
}
