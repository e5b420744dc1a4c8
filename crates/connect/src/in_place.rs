//! Places that answer for their rows themselves.

use hw_base::{InPlace, Reader};
use hw_engine::LiveTables;

use crate::connectors::in_postgres;

/// The place that can answer questions about the rows of `reader` without handing them out; `None` where there is none.
pub fn in_place(live: &LiveTables, reader: &Reader) -> Option<Box<dyn InPlace>> {
    in_postgres(live, &reader.inputs)
}
