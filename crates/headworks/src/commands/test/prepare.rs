//! What a test needs before it is carried out: its project, and the types of the rows that it gives.

use hw_base::{Column, Engine, Error, Ledger, ORIGIN_COLUMNS, Result, Settings, TableName};
use hw_connect::{GivenDataset, declared_column};
use hw_pipeline::raw_key;
use hw_pipeline::unit::{GivenTable, Named, Rehearsal, UnitTest};

use crate::house::House;

/// A test that can be carried out.
pub(super) struct Prepared {
    /// The test.
    pub(super) test: UnitTest,
    /// Its project.
    pub(super) rehearsal: Rehearsal,
    /// The rows that it gives, with the types that are known.
    pub(super) given: Vec<GivenDataset>,
}

/// Prepares tests.
///
/// # Errors
/// All that is wrong with them, each with its place.
pub(super) async fn all(house: &House, tests: Vec<UnitTest>) -> Result<Vec<Prepared>> {
    let (mut prepared, mut errors) = (Vec::with_capacity(tests.len()), Vec::new());
    for test in tests {
        match one(house, test).await {
            Ok(test) => prepared.push(test),
            Err(error) => errors.push(error),
        }
    }
    Error::all(errors).map_or(Ok(prepared), Err)
}

async fn one(house: &House, test: UnitTest) -> Result<Prepared> {
    let rehearsal = Rehearsal::of(&house.project, &test, &house.engine)?;
    refuse_foreign_types(&test, &rehearsal)?;
    let mut given = Vec::with_capacity(rehearsal.given.len());
    for table in &rehearsal.given {
        given.push(dataset(house, table).await?);
    }
    Ok(Prepared { test, rehearsal, given })
}

fn refuse_foreign_types(test: &UnitTest, rehearsal: &Rehearsal) -> Result<()> {
    let names: Vec<&str> = rehearsal.given.iter().map(|table| table.name.as_str()).collect();
    let foreign = test.types.iter().filter(|(table, _)| !names.contains(&table.as_str()));
    let place = |columns: &[(Named, Named)]| columns.first().and_then(|(name, _)| name.span.clone());
    let error = |(table, columns): (&String, &Vec<(Named, Named)>)| {
        hw_base::unknown("given table", table, names.iter().copied()).code("HW302").moved_to(place(columns))
    };
    Error::all(foreign.map(error).collect()).map_or(Ok(()), Err)
}

/// The rows given for a table with the types that are known: those that the test declares, then those that the project has seen, then
/// those that the source declares.
async fn dataset(house: &House, table: &GivenTable) -> Result<GivenDataset> {
    let mut known = declared(&table.types)?;
    let seen = seen(house, table).await?;
    let is_complete = !seen.is_empty();
    for column in seen.into_iter().chain(declared_by_source(table.source.as_ref())) {
        if known.iter().all(|known| known.name != column.name) {
            known.push(column);
        }
    }
    let key = if table.source.is_some() { raw_key(&house.ledger, &TableName::raw(&table.dataset))? } else { vec![] };
    Ok(GivenDataset {
        dataset: table.dataset.clone(),
        name: table.name.clone(),
        kind: kind(table.source.as_ref()).map(|(kind, _)| kind.to_owned()),
        known,
        is_complete,
        key,
        deliveries: table.deliveries.clone(),
    })
}

fn declared(types: &[(Named, Named)]) -> Result<Vec<Column>> {
    let column = |(name, sql_type): &(Named, Named)| {
        declared_column(&name.name, &sql_type.name).map_err(|error| error.moved_to(sql_type.span.clone()))
    };
    types.iter().map(column).collect()
}

/// The columns of the table as the project has made it; none where it has not, or where the model has changed since.
async fn seen(house: &House, table: &GivenTable) -> Result<Vec<Column>> {
    let name = match &table.source {
        Some(_) => TableName::raw(&table.dataset),
        None => TableName::model(&table.name),
    };
    let fingerprint = house.project.model(&table.name).map(|model| model.fingerprint.as_str());
    let progress = house.ledger.progress(name.folder())?;
    let is_current = fingerprint.is_none_or(|fingerprint| progress.is_some_and(|progress| progress.fingerprint == fingerprint));
    let state = if is_current { house.engine.table(&name, None).await? } else { None };
    let is_own = |column: &Column| table.source.is_none() || !ORIGIN_COLUMNS.contains(&column.name.as_str());
    Ok(state.into_iter().flat_map(|state| state.columns).filter(is_own).collect())
}

/// The kind of a source, and its settings.
fn kind(source: Option<&Settings>) -> Option<(&str, &Settings)> {
    source?.entries().first().map(|entry| (entry.key.as_str(), &entry.value))
}

/// The types under `columns:` of a source. What is wrong with them is for a run to tell.
fn declared_by_source(source: Option<&Settings>) -> Vec<Column> {
    let columns = kind(source).and_then(|(_, settings)| settings.get("columns"));
    let column = |entry: &hw_base::Entry| declared_column(&hw_base::snake_case(&entry.key), &entry.value.read::<String>().ok()?).ok();
    columns.into_iter().flat_map(Settings::entries).filter_map(column).collect()
}
