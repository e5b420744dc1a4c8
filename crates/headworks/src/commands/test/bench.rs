//! Carrying out a test: a warehouse that is thrown away, and runs over it as over any other.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use hw_base::{
    Clock, Column, CommitNote, Engine, Error, FixedClock, Input, LooseRows, NoTargets, Reader, Result, Rows, RunId, RunOutcome, RunRecord,
    Staging, TableName, Timestamp, VersionGroup, identifier,
};
use hw_connect::{GivenSources, open_given, typed_rows};
use hw_engine::LocalEngine;
use hw_ledger::SqliteLedger;
use hw_pipeline::unit::{Expectation, Finding, Happened, UnitTest, findings};
use hw_pipeline::{Asking, Meter, Model, Narrator, Ports, Project, Selection, plan, run};
use serde_json::json;

use super::prepare::Prepared;
use crate::files::{remove_folder, temporary_state};
use crate::house::House;
use crate::machine::SystemClock;

/// The most rows of a table that are compared.
const MOST_ROWS: usize = 100_000;

/// Where tests are carried out.
pub(super) struct Bench {
    engine: LocalEngine,
    folder: PathBuf,
}

/// How a test came out.
pub(super) struct Outcome {
    /// The test.
    pub(super) test: UnitTest,
    /// Rules that were not judged because they look at a table that is not given, each with that table.
    pub(super) left_out: Vec<(String, String)>,
    /// How long it took.
    pub(super) seconds: f64,
    /// What is not as expected, with the number of the delivery; or why that cannot be told.
    pub(super) result: Result<Vec<(usize, Finding)>>,
}

impl Bench {
    /// A bench that shares the engine of a project, and nothing else of it.
    pub(super) fn of(house: House) -> Self {
        Self { engine: house.engine, folder: temporary_state().join("tests") }
    }

    /// Carries out a test; `number` tells it from all others.
    pub(super) async fn carry_out(&self, prepared: &Prepared, number: usize) -> Result<Vec<(usize, Finding)>> {
        let folder = self.folder.join(number.to_string());
        let result = self.carry_out_in(&folder, prepared).await;
        remove_folder(&folder);
        result
    }

    async fn carry_out_in(&self, folder: &Path, prepared: &Prepared) -> Result<Vec<(usize, Finding)>> {
        let test = &prepared.test;
        let engine = self.engine.passing(folder.join("warehouse"), folder.join("scratch"));
        let sources = GivenSources::new(&prepared.given, test.before.is_some(), engine.live().clone())?;
        let project = &prepared.rehearsal.project;
        let model = project.model(&test.model.name).ok_or_else(|| Error::bug("a test lost its model"))?;
        let world = World { engine, sources, ledger: SqliteLedger::empty()?, project, model };
        let mut now = test.now.unwrap_or_else(|| SystemClock.now());
        if let Some(before) = &test.before {
            world.begin(before, now - TimeDelta::minutes(1)).await?;
        }
        let mut found = Vec::new();
        for (at, step) in test.steps.iter().enumerate() {
            now = step.now.unwrap_or(now);
            let (record, errors) = world.load(project, at + 1, now).await?;
            if step.expect.fails.is_none() && !errors.is_empty() {
                return Err(Error::all(errors).unwrap_or_else(|| Error::bug("a failure was lost")));
            }
            let findings = world.findings(&step.expect, &record, &errors).await?;
            found.extend(findings.into_iter().map(|finding| (at + 1, finding)));
            now += TimeDelta::minutes(1);
        }
        Ok(found)
    }
}

/// The record of a run that has no plan.
fn unplanned(run: RunId, project: &Project, now: Timestamp) -> RunRecord {
    let project = project.settings.project.clone();
    let outcome = Some(RunOutcome::Failed);
    RunRecord { run, project, started: now, ended: Some(now), outcome, steps: vec![], version_group: VersionGroup::new() }
}

/// The surroundings of one test.
struct World<'a> {
    engine: LocalEngine,
    sources: GivenSources,
    ledger: SqliteLedger,
    project: &'a Project,
    /// The model that is tested.
    model: &'a Model,
}

/// Tests are told of when they have ended.
struct Silent;

impl Narrator for Silent {}
impl Meter for Silent {}

impl World<'_> {
    fn table(&self) -> TableName {
        TableName::model(&self.model.name)
    }

    /// Lets a delivery arrive and carries out the run that loads it. A model that cannot be planned is a failure of the run.
    async fn load(&self, project: &Project, delivery: usize, now: Timestamp) -> Result<(RunRecord, Vec<Error>)> {
        self.sources.arrive(delivery);
        let clock = FixedClock(now);
        let (engine, sources, ledger) = (&self.engine, &self.sources, &self.ledger);
        let ports = Ports { engine, sources, targets: &NoTargets, ledger, clock: &clock, narrator: &Silent, memory: &Silent };
        let id = RunId(format!("test-{delivery:04}"));
        match plan(project, Asking { engine, sources, ledger }, &Selection::default()).await {
            Ok(plan) => run(project, &plan, id, None, ports).await,
            Err(error) => Ok((unplanned(id, project, now), vec![error])),
        }
    }

    /// Makes the table as it is before the first delivery: loaded from sources without a row, then filled.
    async fn begin(&self, before: &LooseRows, now: Timestamp) -> Result<()> {
        let without_rules = |model: &Model| Model { rules: vec![], ..model.clone() };
        let models = self.project.models.iter().map(without_rules).collect();
        let quiet = Project { models, dataset_rules: std::collections::BTreeMap::new(), ..self.project.clone() };
        let (_, errors) = self.load(&quiet, 0, now).await?;
        if let Some(error) = Error::all(errors) {
            return Err(error);
        }
        let state = self.engine.table(&self.table(), None).await?.ok_or_else(|| Error::bug("a table without rows was not made"))?;
        let relation = open_given(self.engine.live(), &state.columns, before, &self.model.name)?;
        let batch = self.engine.stage(&self.filling(&relation, &state.columns, before, now)?).await?;
        let note = CommitNote { application: "headworks/test/before".into(), window: 1, details: json!({}), at: now };
        self.engine.publish(&batch, &note).await.map(drop)
    }

    /// The order to add rows to the table as they are.
    fn filling(&self, relation: &str, columns: &[Column], before: &LooseRows, now: Timestamp) -> Result<Staging> {
        let partition_by = self.model.settings.partition_by.columns()?;
        let is_made = |name: &str| partition_by.iter().any(|(own, expression)| own == name && *expression != identifier(name));
        let value = |column: &&Column| match before.position(&column.name) {
            Some(_) => identifier(&column.name),
            None => format!("cast(null as {}) as {}", column.sql_type, identifier(&column.name)),
        };
        let has_word =
            |column: &&Column| before.position(&column.name).is_some() || hw_connect::sql_type_to_arrow(&column.sql_type).is_some();
        let columns: Vec<String> =
            columns.iter().filter(|column| !is_made(&column.name)).filter(has_word).map(|column| value(&column)).collect();
        let live = Input::Live { name: relation.to_owned(), relation: relation.to_owned() };
        let reader = Reader { sql: format!("select {} from {relation}", columns.join(", ")), inputs: vec![live], file: None };
        let labels = ("test-0000-1-before".into(), "test-0000".into());
        Ok(Staging { partition_by, ..Staging::adding(self.table(), reader, labels, now) })
    }

    /// What is not as a delivery's test expects.
    async fn findings(&self, expect: &Expectation, record: &RunRecord, errors: &[Error]) -> Result<Vec<Finding>> {
        let table = self.table();
        let mut happened = Happened {
            record,
            errors,
            table: None,
            quarantine: None,
            unnamed: vec![],
            key: self.model.settings.load.key(),
            name: &self.model.name,
        };
        if let Some(rows) = &expect.rows {
            let columns = self.columns(&table).await?;
            happened.table = Some(self.compared(&table, &columns, rows).await?);
            let is_unnamed = |name: &String| expect.is_exact && rows.position(name).is_none();
            happened.unnamed = columns.into_iter().map(|column| column.name).filter(is_unnamed).collect();
        }
        if let Some(rows) = &expect.quarantine {
            let quarantine = table.quarantine();
            happened.quarantine = Some(self.compared(&quarantine, &self.columns(&quarantine).await?, rows).await?);
        }
        Ok(findings(expect, &happened))
    }

    /// The columns of a table; none where it was not made.
    async fn columns(&self, table: &TableName) -> Result<Vec<Column>> {
        Ok(self.engine.table(table, None).await?.map(|state| state.columns).unwrap_or_default())
    }

    /// The expected rows of a table, and those that it has, in the columns that are expected; in all where none is named.
    async fn compared(&self, table: &TableName, columns: &[Column], expected: &LooseRows) -> Result<(Rows, Rows)> {
        if columns.is_empty() {
            // A table that was not made has no rows, and no types.
            let text = |name: &str| hw_connect::declared_column(name, "text");
            let columns: Vec<Column> = expected.columns.iter().map(|column| text(&column.name)).collect::<Result<_>>()?;
            return Ok((typed_rows(&columns, expected, table.folder())?, Rows::default()));
        }
        let mut typed = typed_rows(columns, expected, table.folder())?;
        if typed.columns.is_empty() {
            typed.columns = columns.to_vec();
        }
        let names: Vec<String> = typed.columns.iter().map(|column| identifier(&column.name)).collect();
        let sql = format!("select {} from {}", names.join(", "), table.sql());
        let found = self.engine.query(&Reader { sql, inputs: vec![], file: None }, MOST_ROWS).await?;
        Ok((typed, found))
    }
}
