//! The steps of a plan in the making.

use std::collections::BTreeMap;

use hw_base::TableName;

use super::Step;

/// Steps in their order, found by their names.
#[derive(Default)]
pub(super) struct Steps {
    all: Vec<Step>,
    places: BTreeMap<String, usize>,
}

impl Steps {
    /// Adds a step behind all others.
    pub(super) fn push(&mut self, step: Step) {
        self.places.insert(step.name.clone(), self.all.len());
        self.all.push(step);
    }

    /// The steps of these names, each once and in their order.
    pub(super) fn called<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<&Step> {
        let mut places: Vec<usize> = names.filter_map(|name| self.places.get(name).copied()).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| &self.all[place]).collect()
    }

    /// The step that fills a table.
    pub(super) fn of(&self, table: &TableName) -> impl Iterator<Item = &Step> {
        self.places.get(table.folder()).map(|place| &self.all[*place]).filter(|step| step.table == *table).into_iter()
    }

    /// All steps.
    pub(super) fn into_vec(self) -> Vec<Step> {
        self.all
    }
}
