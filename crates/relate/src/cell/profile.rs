//! What the values of a column look like, value by value.

use std::collections::HashSet;
use std::sync::OnceLock;

use hw_base::{TextShape, trimmed};

use super::disguised;
use crate::columns::Column;

/// A column with what its values look like.
pub(crate) struct Profile<'a> {
    pub(crate) column: &'a Column<'a>,
    /// Rows with a value.
    pub(crate) rows: f64,
    /// The shape of each value, by index.
    pub(crate) shapes: Vec<TextShape>,
    /// The share of rows (with a value) that hold a plain number.
    pub(crate) numeric: f64,
    /// The share of rows that hold a number, plain or with separators, a currency or a unit, but not with leading zeros.
    pub(crate) quantities: f64,
    /// The share of rows that hold a date or a moment.
    pub(crate) dated: f64,
    numbers: OnceLock<Vec<(f64, u32, u32)>>,
    stand_ins: OnceLock<HashSet<u32>>,
}

impl<'a> Profile<'a> {
    /// Looks at every value once.
    pub(crate) fn of(column: &'a Column<'a>) -> Self {
        let shapes: Vec<TextShape> = column.coded.values.iter().map(|value| shape(value)).collect();
        let rows = column.counts[1..].iter().map(|count| f64::from(*count)).sum();
        let share = |wanted: &[TextShape]| share(column, &shapes, wanted, rows);
        let numeric = share(&[TextShape::Integer, TextShape::Decimal]);
        let dated = share(&[TextShape::Date, TextShape::Timestamp, TextShape::OtherDate]);
        let dressed =
            column.counted().zip(&shapes).filter(|((_, value, _), shape)| **shape == TextShape::NumberLike && !is_zero_led(value));
        let quantities = numeric + dressed.map(|((_, _, count), _)| f64::from(count)).sum::<f64>() / rows.max(1.0);
        Self { column, rows, shapes, numeric, quantities, dated, numbers: OnceLock::new(), stand_ins: OnceLock::new() }
    }

    /// The shape of a code's value.
    pub(crate) fn shape(&self, code: u32) -> TextShape {
        (code as usize).checked_sub(1).and_then(|at| self.shapes.get(at)).copied().unwrap_or(TextShape::Blank)
    }

    /// The plain numbers among the values, ascending, with their codes and counts; read at the first call.
    pub(crate) fn numbers(&self) -> &[(f64, u32, u32)] {
        self.numbers.get_or_init(|| {
            let plain = self.column.counted().filter(|(code, ..)| matches!(self.shape(*code), TextShape::Integer | TextShape::Decimal));
            let mut numbers: Vec<(f64, u32, u32)> =
                plain.filter_map(|(code, value, count)| Some((trimmed(value).parse().ok()?, code, count))).collect();
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
            numbers
        })
    }

    /// Whether a code names a thing: nothing does not, and no more does what stands for a missing value. Looked up at the first call.
    pub(crate) fn names(&self, code: u32) -> bool {
        let stand_ins = self.stand_ins.get_or_init(|| {
            let words = self.column.counted().filter(|(_, value, _)| disguised::names_nothing(value)).map(|(code, ..)| code);
            words.chain(disguised::suspicions(self).into_iter().map(|suspicion| suspicion.code)).collect()
        });
        code != 0 && !stand_ins.contains(&code)
    }

    /// Distinct values per row.
    pub(crate) fn variety(&self) -> f64 {
        self.column.values() as f64 / self.rows.max(1.0)
    }
}

/// Whether a zero stands before another digit, as it does in codes: `007`, but not `0.5 kg`.
pub(super) fn is_zero_led(value: &str) -> bool {
    let mut digits = value.bytes();
    digits.next() == Some(b'0') && digits.next().is_some_and(|b| b.is_ascii_digit())
}

/// The shape of a value, where a number with separators may be negative too.
fn shape(value: &str) -> TextShape {
    match TextShape::of(value) {
        TextShape::Other => match trimmed(value).strip_prefix('-').map(TextShape::of) {
            Some(TextShape::NumberLike) => TextShape::NumberLike,
            _ => TextShape::Other,
        },
        shape => shape,
    }
}

fn share(column: &Column<'_>, shapes: &[TextShape], wanted: &[TextShape], rows: f64) -> f64 {
    let fitting = shapes.iter().zip(&column.counts[1..]).filter(|(shape, _)| wanted.contains(shape));
    fitting.map(|(_, count)| f64::from(*count)).sum::<f64>() / rows.max(1.0)
}
