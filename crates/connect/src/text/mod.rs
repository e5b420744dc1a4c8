//! CSV and JSON files as tables of the engine; `hw-text` reads their records.

mod heads;
mod json;
mod open;
mod table;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use hw_base::Input;
use hw_engine::LiveTables;

use self::table::RecordTable;

pub(crate) use heads::{DelimitedOptions, Places, check_is_text, encoding_named, open_delimited};
pub use table::LeftOut;

pub(crate) use json::{JsonOptions, open_json};

/// The records of an opened dataset that are no rows; `None` where no scan has met one, and where it is none of such files.
pub(crate) fn left_out(table: &Arc<dyn TableProvider>) -> Option<LeftOut> {
    table.downcast_ref::<RecordTable>()?.left_out()
}

/// How many guesses are told one by one.
const MOST_GUESSES: usize = 3;

/// What was guessed of the files of opened datasets that may be another way, each in a sentence, and how many more there are.
pub fn guesses(live: &LiveTables, inputs: &[Input]) -> Vec<String> {
    let mut all = Vec::new();
    for input in inputs {
        let Input::Live { relation, .. } = input else { continue };
        let Some(table) = live.find(relation) else { continue };
        all.extend(guessed(&table));
    }
    first_of(all)
}

/// The same of one table.
pub(crate) fn guesses_of(table: &Arc<dyn TableProvider>) -> Vec<String> {
    first_of(guessed(table).collect())
}

fn guessed(table: &Arc<dyn TableProvider>) -> impl Iterator<Item = String> {
    table.downcast_ref::<RecordTable>().into_iter().flat_map(RecordTable::guesses).cloned()
}

fn first_of(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(MOST_GUESSES);
    all.truncate(MOST_GUESSES);
    if more > 0 {
        all.push(format!("and {more} more of this kind, of other files"));
    }
    all
}

#[cfg(test)]
mod tests;
