//! Records that queries leave out, because they cannot be read as rows.

use hw_base::Input;
use hw_engine::LiveTables;

use crate::connectors::{left_out_in_postgres, unfit_columns_in_postgres};
use crate::text::{self, LeftOut};

/// The records of opened datasets that are no rows, as far as scans have met them, by dataset.
pub fn left_out(live: &LiveTables, inputs: &[Input]) -> Vec<LeftOut> {
    let of = |input: &Input| {
        let Input::Live { relation, .. } = input else { return None };
        let table = live.find(relation)?;
        text::left_out(&table).or_else(|| left_out_in_postgres(&table))
    };
    inputs.iter().filter_map(of).collect()
}

/// The columns of an opened table of a database by which records are no rows, as far as scans have met such: it has a text for each value, which
/// `as_text` asks for. Named as there.
pub fn unfit_columns(live: &LiveTables, relation: &str) -> Vec<String> {
    live.find(relation).map(|table| unfit_columns_in_postgres(&table)).unwrap_or_default()
}
