//! What earlier runs measured, for rules that learn their limits from it.

use std::collections::BTreeMap;

use hw_base::{Ledger, Result, StepRecord, TableName, Timestamp};
use hw_validate::{Gate, Observation, Rule};

use crate::plan::Asking;
use crate::project::Project;

/// How many loads are looked at: more than a year of one a day.
const MOST: usize = 400;

/// A limit that is learned, as the next run will judge by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedLimit {
    /// The table or dataset.
    pub table: String,
    /// The rule.
    pub rule: String,
    /// The limit in words, and what it was learned from.
    pub words: String,
}

/// Lets the rules of a step learn their limits from what its earlier runs published.
///
/// # Errors
/// If the ledger cannot be read.
pub(crate) fn learn(gate: &mut Gate, step: &str, ledger: &dyn Ledger, now: Timestamp) -> Result<()> {
    let learning: Vec<(String, String)> = gate.learning().map(|(rule, measure)| (rule.to_owned(), measure.to_owned())).collect();
    if learning.is_empty() {
        return Ok(());
    }
    let mut earlier: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for (at, load) in loads_that_count(ledger.published(step, MOST)?) {
        for result in &load.verdict.results {
            let measures = |(rule, measure): &(String, String)| *rule == result.id && result.measures(measure);
            if let Some(value) = result.measured_number().filter(|_| learning.iter().any(measures)) {
                earlier.entry(result.id.clone()).or_default().push(Observation { at, value });
            }
        }
    }
    gate.learn(&earlier, now);
    Ok(())
}

/// The loads that a table is compared with, newest first as they come: not those that a rollback took back, and of a backfill the last
/// window, before which the table was half built.
fn loads_that_count(published: Vec<(Timestamp, StepRecord)>) -> impl Iterator<Item = (Timestamp, StepRecord)> {
    let (mut shown_again, mut is_before_window) = (None, false);
    published.into_iter().filter(move |(_, record)| {
        let version = record.commit.as_ref().map(|commit| commit.version);
        if version.zip(shown_again).is_some_and(|(version, shown)| version > shown) {
            return false;
        }
        shown_again = restored(record);
        let is_half_built = record.is_backfill && is_before_window;
        is_before_window = record.is_backfill;
        record.review.is_none() && !is_half_built
    })
}

/// The version that a rollback has made the newest again.
fn restored(record: &StepRecord) -> Option<i64> {
    let version = record.window.strip_prefix("version ").filter(|_| record.load == "rollback");
    version.and_then(|version| version.parse().ok())
}

/// The limits that rules have learned, of all tables that are there.
///
/// # Errors
/// If a table or the ledger cannot be read.
pub async fn learned_limits(project: &Project, asking: Asking<'_>, now: Timestamp) -> Result<Vec<LearnedLimit>> {
    let models = project.models.iter().map(|model| (TableName::model(&model.name), model.rules.as_slice()));
    let datasets = project.dataset_rules.iter().map(|(dataset, rules)| (TableName::raw(dataset), rules.as_slice()));
    let mut limits = Vec::new();
    for (table, rules) in models.chain(datasets) {
        limits.extend(limits_of(&table, rules, asking, now).await?);
    }
    Ok(limits)
}

async fn limits_of(table: &TableName, rules: &[Rule], asking: Asking<'_>, now: Timestamp) -> Result<Vec<LearnedLimit>> {
    if !rules.iter().any(|rule| rule.body.learns()) {
        return Ok(vec![]);
    }
    let columns = asking.engine.table(table, None).await?.map(|state| state.columns).unwrap_or_default();
    let mut gate = Gate::new(rules, &columns);
    learn(&mut gate, table.folder(), asking.ledger, now)?;
    let limit = |(rule, words): (&str, String)| LearnedLimit { table: table.leaf().to_owned(), rule: rule.to_owned(), words };
    Ok(gate.learned().map(limit).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hw_base::{Progress, StepCommit, StepRecord, Timestamp};
    use serde_json::json;

    use super::loads_that_count;
    use crate::fixture::World;

    /// A load, a window of a backfill, or a rollback that made `version` the newest.
    fn published(load: &str, window: &str, version: i64) -> (Timestamp, StepRecord) {
        let progress = Progress { fingerprint: String::new(), window: version, inputs: BTreeMap::new(), version: Some(version) };
        let commit = Some(StepCommit { table: "facts".into(), version });
        let record = StepRecord::started("facts", load, window, progress);
        (Timestamp::UNIX_EPOCH, StepRecord { commit, is_backfill: load == "backfill", ..record })
    }

    #[track_caller]
    fn check_counted(oldest_first: &[(&str, &str)], expected: &[i64]) {
        let records = (0_i64..).zip(oldest_first).map(|(version, (load, window))| published(load, window, version));
        let newest_first = records.collect::<Vec<_>>().into_iter().rev().collect();
        let counted = loads_that_count(newest_first).filter(|(_, record)| record.load != "rollback");
        let versions: Vec<i64> = counted.filter_map(|(_, record)| record.progress.version).collect();
        assert_eq!(versions, expected);
    }

    #[test]
    fn a_load_that_was_rolled_back_does_not_count() {
        let (load, back) = (("replace", "all rows"), |to: &'static str| ("rollback", to));
        check_counted(&[load, load, load], &[2, 1, 0]);
        check_counted(&[load, load, load, back("version 0")], &[0]);
        check_counted(&[load, load, back("version 0"), load], &[3, 0]);
        check_counted(&[load, load, back("version 0"), load, back("version 2"), load], &[5, 0]);
        check_counted(&[load, load, back("version 0"), back("version 1")], &[1, 0]);
    }

    #[test]
    fn of_a_backfill_the_last_window_counts() {
        let (load, window) = (("recompute", "all rows"), ("backfill", "1 window"));
        check_counted(&[load, window, window, window, load], &[4, 3, 0]);
        check_counted(&[window, window, ("rollback", "version 0")], &[0]);
    }

    #[test]
    fn the_history_of_a_table_is_read_once_in_a_run() {
        let rules = || json!({ "rules": [{ "row_count": { "learned": true } }] });
        let world = World::new(&[
            ("facts", "select * from shop.orders", rules()),
            ("names", "select * from crm.customers", rules()),
            ("others", "select * from lake.orders", json!({})),
        ]);
        for _ in 0..3 {
            world.state().histories.clear();
            world.state().progress.clear();
            world.run();
            let mut asked = world.state().histories.clone();
            asked.sort();
            assert_eq!(asked, ["facts", "names"]);
        }
    }
}
