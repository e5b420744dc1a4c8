//! The ledger of a project as a command sees it: production's, or that of an environment on top of it.
//!
//! An environment has a file of its own, so that nothing it does can reach production's. What production builds, and the environment
//! only reads, stands where production's ledger says.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{BoxFuture, Ledger, Progress, Result, RunId, RunRecord, StepRecord, Timestamp};
use serde_json::Value as Json;

use crate::sqlite::SqliteLedger;

/// A ledger, with production's beneath it where it is that of an environment.
#[derive(Debug)]
pub struct ProjectLedger {
    own: SqliteLedger,
    beneath: Option<Beneath>,
}

/// Production's ledger, and the steps that are not for it to tell.
#[derive(Debug)]
struct Beneath {
    ledger: SqliteLedger,
    built_above: BTreeSet<String>,
}

impl From<SqliteLedger> for ProjectLedger {
    fn from(own: SqliteLedger) -> Self {
        Self { own, beneath: None }
    }
}

impl ProjectLedger {
    /// The ledger as that of an environment on top of `production`, which carries out the steps `built` itself.
    #[must_use]
    pub fn on_top_of(self, production: SqliteLedger, built: BTreeSet<String>) -> Self {
        Self { beneath: Some(Beneath { ledger: production, built_above: built }), ..self }
    }

    /// Where all steps stand that the environment has ever carried out itself.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn own_progress(&self) -> Result<BTreeMap<String, Progress>> {
        self.own.all_progress()
    }

    /// The ledger that tells of a step.
    fn telling(&self, step: &str) -> &SqliteLedger {
        match &self.beneath {
            Some(beneath) if !beneath.built_above.contains(step) => &beneath.ledger,
            _ => &self.own,
        }
    }
}

impl Ledger for ProjectLedger {
    fn begin(&self, run: &RunRecord) -> Result<()> {
        self.own.begin(run)
    }

    fn save_step(&self, run: &RunId, step: &StepRecord) -> Result<()> {
        self.own.save_step(run, step)
    }

    fn lasting(&self) -> BoxFuture<'_, Result<()>> {
        self.own.lasting()
    }

    fn end(&self, run: &RunRecord) -> Result<()> {
        self.own.end(run)
    }

    fn unfinished(&self) -> Result<Option<RunRecord>> {
        self.own.unfinished()
    }

    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.own.runs(limit)
    }

    fn runs_since(&self, since: Timestamp) -> Result<Vec<RunRecord>> {
        self.own.runs_since(since)
    }

    fn published(&self, step: &str, limit: usize) -> Result<Vec<(Timestamp, StepRecord)>> {
        self.own.published(step, limit)
    }

    fn publisher(&self, step: &str, version: i64) -> Result<Option<RunId>> {
        self.telling(step).publisher(step, version)
    }

    fn reviews(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.own.reviews(limit)
    }

    fn progress(&self, step: &str) -> Result<Option<Progress>> {
        self.telling(step).progress(step)
    }

    fn all_progress(&self) -> Result<BTreeMap<String, Progress>> {
        let Some(beneath) = &self.beneath else { return self.own.all_progress() };
        let mut all = beneath.ledger.all_progress()?;
        all.retain(|step, _| !beneath.built_above.contains(step));
        all.extend(self.own.all_progress()?.into_iter().filter(|(step, _)| beneath.built_above.contains(step)));
        Ok(all)
    }

    fn forget(&self, step: &str) -> Result<()> {
        self.own.forget(step)
    }

    fn note(&self, name: &str, note: &Json) -> Result<()> {
        self.own.note(name, note)
    }

    fn noted(&self, name: &str) -> Result<Option<Json>> {
        match (self.own.noted(name)?, &self.beneath) {
            (None, Some(beneath)) => beneath.ledger.noted(name),
            (noted, _) => Ok(noted),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standing_at(window: i64) -> Progress {
        Progress { fingerprint: "f".into(), window, inputs: BTreeMap::new(), version: Some(window) }
    }

    fn ledger(steps: &[(&str, i64)]) -> SqliteLedger {
        let ledger = SqliteLedger::empty().unwrap();
        ledger.keep(steps.iter().map(|(step, window)| (*step, standing_at(*window)))).unwrap();
        ledger
    }

    #[test]
    fn an_environment_stands_where_production_does_but_for_what_it_builds() {
        let production = ledger(&[("raw/shop.orders", 7), ("orders", 5), ("totals", 5)]);
        production.note("key of raw/shop.orders", &json!(["id"])).unwrap();
        let own = ledger(&[("totals", 9), ("raw/shop.orders", 1)]);
        let both = ProjectLedger::from(own).on_top_of(production, ["totals".to_owned(), "new".to_owned()].into());
        let windows: Vec<(String, i64)> = both.all_progress().unwrap().into_iter().map(|(step, at)| (step, at.window)).collect();
        assert_eq!(windows, [("orders".into(), 5), ("raw/shop.orders".into(), 7), ("totals".into(), 9)]);
        assert_eq!(both.progress("raw/shop.orders").unwrap().map(|at| at.window), Some(7));
        assert_eq!(both.progress("new").unwrap(), None);
        both.note("mine", &json!(1)).unwrap();
        assert_eq!(both.noted("mine").unwrap(), Some(json!(1)));
        assert_eq!(both.noted("key of raw/shop.orders").unwrap(), Some(json!(["id"])));
        assert_eq!(both.beneath.as_ref().unwrap().ledger.noted("mine").unwrap(), None);
    }
}
