//! CSV and JSON files as tables of the engine; `hw-text` reads their records.

mod heads;
mod json;
mod open;
mod table;

use hw_base::Input;
use hw_engine::LiveTables;

use self::table::RecordTable;

pub(crate) use heads::{DelimitedOptions, check_is_text, encoding_named, open_delimited};
pub(crate) use json::{JsonOptions, open_json};

/// Files among the opened datasets of which a scan has met records that are no rows.
pub fn left_out(live: &LiveTables, inputs: &[Input]) -> Vec<String> {
    let of = |input: &Input| {
        let Input::Live { relation, .. } = input else { return None };
        live.find(relation)?.downcast_ref::<RecordTable>()?.left_out().map(str::to_owned)
    };
    inputs.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
