//! What is known about a dataset before it is judged.

use std::collections::BTreeMap;

use hw_base::{CodedColumn, CodedTable, ColumnFacts, RuleResult, TableFacts, Timestamp, Value};

use crate::column::{is_temporal, moment, present_until, stands_for_none};
use crate::{Drift, HeldRules, MissingMap, Relations, TakenOver, Volume};

/// Everything that a judgement may rest on. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The measurements, where they were taken already; `None` where they are still to be taken.
    pub facts: Option<TableFacts>,
    /// Rows counted for conditions that the measurements only estimate, by condition.
    pub counted: BTreeMap<String, u64>,
    /// The latest moments of the columns that reach beyond the present, by column; none where nobody asked.
    pub latest: BTreeMap<String, Latest>,
    /// What the columns say about each other; `None` where nobody looked.
    pub relations: Option<Relations>,
    /// Where values are missing; `None` where nobody looked or nothing is missing.
    pub missing: Option<MissingMap>,
    /// How many rows come per day or hour; `None` where nobody looked or no column tells.
    pub volume: Option<Volume>,
    /// How the rules came out that people declared.
    pub declared: Vec<RuleResult>,
    /// Rules that were proposed from one part of the rows and judged on the rest; `None` where that was not done.
    pub held: Option<HeldRules>,
    /// What is known of rows that are not read again; `None` where all are read.
    pub taken_over: Option<TakenOver>,
    /// What changed since an earlier assessment; `None` where there is none to compare with.
    pub drift: Option<Drift>,
}

/// The latest moments of a column whose greatest one lies in the future.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// The latest that is not in the future, a day of grace included; null where there is none.
    pub come: Value,
    /// The latest before the year 9999, which stands for no moment; null where there is none.
    pub meant: Value,
}

/// The latest moments that the coded rows hold, of the columns that reach beyond `now`: what is known of them where not all rows are measured, so
/// that none is asked for.
pub fn latest_moments_in(table: &CodedTable, facts: &TableFacts, now: Timestamp) -> BTreeMap<String, Latest> {
    let until = present_until(now);
    let reaches_beyond = |column: &&ColumnFacts| is_temporal(column) && moment(&column.max).is_some_and(|latest| latest > until);
    let coded = |column: &ColumnFacts| table.columns.iter().find(|coded| coded.name == column.name);
    let columns = facts.columns.iter().filter(reaches_beyond).filter_map(coded);
    columns.map(|column| (column.name.clone(), Latest::of(column, until))).collect()
}

impl Latest {
    fn of(column: &CodedColumn, until: Timestamp) -> Self {
        let of_text = |text: &String| {
            let value = Value::Text(text.clone());
            moment(&value).map(|moment| (moment, value))
        };
        let mut latest = Self { come: Value::Null, meant: Value::Null };
        let mut moments: Vec<(Timestamp, Value)> = column.values.iter().filter_map(of_text).collect();
        moments.sort_by_key(|(moment, _)| *moment);
        for (moment, value) in moments {
            if moment <= until {
                latest.come = value.clone();
            }
            if !stands_for_none(moment) {
                latest.meant = value;
            }
        }
        latest
    }
}

impl Evidence {
    /// What the cells of a table say: its keys, its dependencies, suspicious cells, and where values are missing. `time` is the
    /// column that orders the rows, where there is one.
    pub fn of_table(table: &CodedTable, time: Option<&str>) -> Self {
        Self { relations: Some(Relations::of(table)), missing: MissingMap::of(table, time), volume: Volume::of(table), ..Self::default() }
    }

    /// How many of the rows that were taken over meet a condition; `None` where nobody counted them.
    pub(crate) fn counted_before(&self, condition: &str) -> Option<u64> {
        self.taken_over.as_ref().map_or(Some(0), |taken_over| taken_over.counted.get(condition).copied())
    }
}
