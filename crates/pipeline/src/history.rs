//! What earlier runs measured, for rules that learn their limits from it.

use std::collections::BTreeMap;

use hw_base::{Ledger, Result, TableName, Timestamp};
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
    for (at, load) in ledger.published(step, MOST)?.into_iter().filter(|(_, record)| record.review.is_none()) {
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
    use serde_json::json;

    use crate::fixture::World;

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
