//! Records that are no rows, as the readings of a table have met them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{Array, StringArray};
use serde_json::Value as Json;

use crate::text::LeftOut;

/// The readings of a table.
#[derive(Default)]
pub(super) struct Readings(Mutex<Vec<Reading>>);

/// What one reading has met.
#[derive(Clone, Default)]
pub(super) struct Reading(Arc<Mutex<Met>>);

#[derive(Clone, Default)]
struct Met {
    records: u64,
    /// What is wrong with one of them.
    example: Option<String>,
    /// The columns that make them so, and that could be read as text.
    unfit: BTreeSet<String>,
    /// Whether the reading came to the end of the table.
    is_all: bool,
}

impl Readings {
    /// A new reading.
    pub(super) fn begin(&self) -> Reading {
        let reading = Reading::default();
        locked(&self.0).push(reading.clone());
        reading
    }

    /// The records that are no rows, by the reading that has met most of them.
    pub(super) fn left_out(&self, table: &str) -> Option<LeftOut> {
        let met = locked(&self.0).iter().map(|reading| locked(&reading.0).clone()).max_by_key(|met| (met.records, met.is_all))?;
        // The record itself may be long.
        let reason = |example: &String| Some(serde_json::from_str::<Json>(example).ok()?.get("reason")?.as_str()?.to_owned());
        let why = met.example.as_ref().and_then(reason);
        (met.records > 0).then(|| LeftOut { files: vec![(table.to_owned(), met.records)], is_all: met.is_all, why })
    }

    /// The columns that make records no rows, and that could be read as text.
    pub(super) fn unfit(&self) -> BTreeSet<String> {
        locked(&self.0).iter().flat_map(|reading| locked(&reading.0).unfit.clone()).collect()
    }
}

impl Reading {
    /// Counts the records that are described as being no rows, because of the columns that are named.
    pub(super) fn note<'a>(&self, malformed: &StringArray, unfit: impl Iterator<Item = &'a str>) {
        let Some(example) = malformed.iter().flatten().next() else { return };
        let mut met = locked(&self.0);
        met.records += (malformed.len() - malformed.null_count()) as u64;
        met.example.get_or_insert_with(|| example.to_owned());
        met.unfit.extend(unfit.map(str::to_owned));
    }

    /// Says that all rows were read.
    pub(super) fn end(&self) {
        locked(&self.0).is_all = true;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_that_met_most_is_told() {
        let readings = Readings::default();
        let (cut, whole) = (readings.begin(), readings.begin());
        let described = r#"{"reason":"`ts` holds infinity","record":"{}"}"#;
        cut.note(&StringArray::from(vec![Some("a"), None]), ["at"].into_iter());
        whole.note(&StringArray::from(vec![None, Some(described), Some("b")]), ["ts"].into_iter());
        whole.end();
        let expected = LeftOut { files: vec![("shop.orders".into(), 2)], is_all: true, why: Some("`ts` holds infinity".into()) };
        assert_eq!(readings.left_out("shop.orders"), Some(expected));
        assert_eq!(readings.unfit(), ["at", "ts"].map(str::to_owned).into());
        assert_eq!(Readings::default().left_out("shop.orders"), None);
    }
}
