//! CSV and JSON files as tables of the engine; `hw-text` reads their records.

mod heads;
mod json;
mod open;
mod table;

use hw_base::Input;
use hw_engine::LiveTables;

use self::table::RecordTable;

pub(crate) use heads::{DelimitedOptions, Places, check_is_text, encoding_named, open_delimited};
pub use table::LeftOut;

pub(crate) use json::{JsonOptions, open_json};

/// The records of opened datasets that are no rows, as far as scans have met them, by dataset.
pub fn left_out(live: &LiveTables, inputs: &[Input]) -> Vec<LeftOut> {
    let of = |input: &Input| {
        let Input::Live { relation, .. } = input else { return None };
        live.find(relation)?.downcast_ref::<RecordTable>()?.left_out()
    };
    inputs.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
