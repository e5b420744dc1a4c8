//! The first row of each key, of rows that come in the order of their keys. A window function would keep a state per key.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, BooleanArray, make_comparator};
use datafusion::arrow::compute::SortOptions;
use hw_base::Result;

use crate::failure::{Context, explain};

/// Tells rows that begin a key; remembers the key of the last row.
#[derive(Default)]
pub(super) struct FirstOfKey {
    last: Option<Vec<ArrayRef>>,
}

impl FirstOfKey {
    /// Whether each of so many further rows, which are not none, has another key than the row before it.
    pub(super) fn mask(&mut self, key: &[ArrayRef], rows: usize) -> Result<BooleanArray> {
        let mut begins = vec![false; rows];
        begins[0] = self.last.is_none();
        for (place, column) in key.iter().enumerate() {
            if let Some(last) = &self.last {
                begins[0] |= compare(&last[place], column)?(0, 0) != Ordering::Equal;
            }
            let compare = compare(column, column)?;
            for (row, begins) in begins.iter_mut().enumerate().skip(1) {
                *begins = *begins || compare(row - 1, row) != Ordering::Equal;
            }
        }
        self.last = Some(key.iter().map(|column| column.slice(rows - 1, 1)).collect());
        Ok(begins.into())
    }
}

fn compare(left: &ArrayRef, right: &ArrayRef) -> Result<Box<dyn Fn(usize, usize) -> Ordering + Send + Sync>> {
    make_comparator(left, right, SortOptions::default()).map_err(|error| explain(error.into(), &Context::default()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn a_key_begins_once_also_where_batches_part_it() {
        let (mut first, mut all) = (FirstOfKey::default(), Vec::new());
        for (numbers, texts) in [(vec![1, 1, 2], vec!["a", "b", "b"]), (vec![2, 2], vec!["b", "c"]), (vec![2], vec!["c"])] {
            let rows = numbers.len();
            let key: [ArrayRef; 2] = [Arc::new(Int64Array::from(numbers)), Arc::new(StringViewArray::from(texts))];
            all.extend(first.mask(&key, rows).unwrap().values().iter());
        }
        assert_eq!(all, [true, true, true, false, true, false]);
    }
}
