//! Keys of rows: their hashes, and between which values they lie.

use std::sync::{Mutex, PoisonError};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::{Accumulator, Expr, lit};
use hw_base::Result;

use crate::failure::{Context, explain};

/// The least and the greatest value of a key column, noted down by several tasks.
pub(crate) struct Bounds {
    column: String,
    found: Mutex<(MinAccumulator, MaxAccumulator)>,
}

impl Bounds {
    /// No value yet; `None` for types that have no plain order, and for floating-point numbers, of which one may be no number.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        let data_type = field.data_type();
        let is_ordered = data_type.is_integer() || data_type.is_temporal() || data_type.is_decimal() || *data_type == DataType::Utf8View;
        let found = is_ordered.then(|| Some((MinAccumulator::try_new(data_type).ok()?, MaxAccumulator::try_new(data_type).ok()?)))??;
        Some(Self { column: field.name().clone(), found: Mutex::new(found) })
    }

    /// Takes note of further values.
    pub(crate) fn note(&self, values: &ArrayRef) -> Result<()> {
        let (least, greatest) = &mut *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let values = std::slice::from_ref(values);
        least.update_batch(values).and_then(|()| greatest.update_batch(values)).map_err(|error| explain(error, &Context::default()))
    }

    /// True for every row whose value lies within the bounds.
    pub(crate) fn filter(&self) -> Result<Expr> {
        let (least, greatest) = &mut *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| explain(error, &Context::default());
        let (least, greatest) = (least.evaluate().map_err(failed)?, greatest.evaluate().map_err(failed)?);
        Ok(Expr::Column(Column::from_name(&self.column)).between(lit(least), lit(greatest)))
    }
}

/// The hash of each row, the same in every process: for equal values of equal types it is equal.
pub(crate) fn hashes(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let mut hashes = vec![0; rows];
    if !columns.is_empty() {
        create_hashes(columns, &RandomState::with_seed(0x6865_6164), &mut hashes).map_err(|error| explain(error, &Context::default()))?;
    }
    Ok(hashes)
}
