//! Raw copies that hold every version of a row, because what is new in a database is added to them: how the newest versions are read.

use hw_base::{Column, Engine, Input, Ledger, ORIGIN_COLUMNS, Position, Progress, Reader, Result, TableName, Value, identifier, qualified};
use serde_json::json;

use crate::position::{ALL_ROWS, FIRST_BATCH, LAST_COPY, WHAT_IS_NEW, last_copy};

/// Notes down which columns of a raw copy identify a row; none where nobody knows.
pub(crate) fn note_key(ledger: &dyn Ledger, table: &TableName, key: &[String]) -> Result<()> {
    ledger.note(&note_of_key(table), &json!(key))
}

/// The columns of a raw copy that identify a row; none where nobody knows.
///
/// # Errors
/// If the ledger cannot be read.
pub fn key(ledger: &dyn Ledger, table: &TableName) -> Result<Vec<String>> {
    let note = ledger.noted(&note_of_key(table))?;
    Ok(note.and_then(|note| serde_json::from_value(note).ok()).unwrap_or_default())
}

/// The name of the note that tells which columns of a raw copy identify a row.
pub(crate) fn note_of_key(table: &TableName) -> String {
    format!("key of {}", table.folder())
}

/// A dataset as its readers expect it, under a name: of a database the rows that it has now, as far as the raw copy tells.
///
/// # Errors
/// If the raw copy or the ledger cannot be read.
pub async fn current_rows(engine: &dyn Engine, ledger: &dyn Ledger, name: &str, table: &TableName) -> Result<Vec<Input>> {
    let progress = ledger.progress(table.folder())?;
    let way = progress.as_ref().map_or("", |progress| progress.fingerprint.as_str());
    if way.starts_with(WHAT_IS_NEW) {
        return newest(engine, ledger, name, table, progress.as_ref()).await;
    }
    let after = progress.as_ref().filter(|_| way == ALL_ROWS).map(|progress| last_copy(progress) - 1);
    Ok(vec![batches(name.to_owned(), table, after, None, true)])
}

/// Where a table stands that stood at `at` and now shows an earlier version again: of a dataset that is copied whole, the last copy is
/// the last that this version has.
///
/// # Errors
/// If the table cannot be read.
pub async fn rolled_back(engine: &dyn Engine, table: &TableName, mut at: Progress) -> Result<Progress> {
    if at.fingerprint != ALL_ROWS {
        return Ok(at);
    }
    let rows = engine.query(&Reader { sql: format!("select max(_batch) from {}", table.sql()), inputs: vec![], file: None }, 1).await?;
    if let Some(Value::Int(batch)) = rows.rows.first().and_then(|row| row.first()) {
        at.inputs.insert(LAST_COPY.into(), Position::Batch(*batch));
    }
    Ok(at)
}

/// Of each row of a raw copy that stands at `at` the version that arrived last; every version where no key tells them apart.
pub(crate) async fn newest(
    engine: &dyn Engine,
    ledger: &dyn Ledger,
    name: &str,
    table: &TableName,
    at: Option<&Progress>,
) -> Result<Vec<Input>> {
    let key = key(ledger, table)?;
    let newest = at.map(|at| at.window);
    let state = if key.is_empty() { None } else { engine.table(table, None).await? };
    let Some(state) = state else { return Ok(vec![batches(name.to_owned(), table, None, newest, true)]) };
    let first = at.and_then(first_batch);
    let query = NewestRows { name, key: &key, columns: &state.columns };
    let mut inputs = vec![batches(query.versions(), table, first, newest, false)];
    // What came before it are versions that the source has no longer.
    inputs.extend(first.map(|first| batches(query.first(), table, Some(first - 1), Some(first), false)));
    inputs.push(Input::Query { name: name.to_owned(), sql: if first.is_some() { query.beside_first() } else { query.of_all() } });
    Ok(inputs)
}

/// The SELECT of the versions of `after`, a raw copy as it would be at `at`, that no later one has replaced; `None` where no key tells
/// versions of a row apart.
pub(crate) fn present(ledger: &dyn Ledger, table: &TableName, at: &Progress) -> Result<Option<String>> {
    let key = key(ledger, table)?;
    let same: Vec<String> = key.iter().map(|column| format!("later.{0} = version.{0}", identifier(column))).collect();
    let first = first_batch(at).unwrap_or_default();
    Ok((!key.is_empty()).then(|| {
        format!(
            "select * from after as version where version._batch >= {first} and not exists \
             (select 1 from after as later where {} and later._batch > version._batch and later._batch > {first})",
            same.join(" and ")
        )
    }))
}

/// The batch of a raw copy that has all rows, where that is known.
pub(crate) fn first_batch(at: &Progress) -> Option<i64> {
    match at.inputs.get(FIRST_BATCH) {
        Some(Position::Batch(first)) => Some(*first),
        _ => None,
    }
}

fn batches(name: String, table: &TableName, after_batch: Option<i64>, up_to_batch: Option<i64>, hides_origin: bool) -> Input {
    Input::Table { name, table: table.clone(), version: None, after_batch, up_to_batch, hides_origin }
}

/// The SELECT of the newest rows of a raw copy.
struct NewestRows<'a> {
    name: &'a str,
    key: &'a [String],
    columns: &'a [Column],
}

impl NewestRows<'_> {
    /// The name of the versions, without those of the first batch where that is known.
    fn versions(&self) -> String {
        format!("versions.{}", self.name)
    }

    /// The name of the rows of the first batch.
    fn first(&self) -> String {
        format!("first_versions.{}", self.name)
    }

    /// The newest of the versions.
    fn of_all(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| identifier(column)).collect();
        format!(
            "select {own} from (select *, row_number() over (partition by {key} order by _batch desc) as _age from {versions}) as aged where _age = 1",
            own = self.own_columns(),
            key = key.join(", "),
            versions = qualified(["versions", self.name]),
        )
    }

    /// The first batch is the whole dataset, so it has each row once: its rows need not be sorted, only those be left out of which
    /// there is a later version.
    fn beside_first(&self) -> String {
        let same = self.key.iter().map(|column| format!("later.{0} = earlier.{0}", identifier(column)));
        format!(
            "select {own} from {first} as earlier where not exists (select 1 from {versions} as later where {same}) union all {newest}",
            own = self.own_columns(),
            first = qualified(["first_versions", self.name]),
            versions = qualified(["versions", self.name]),
            same = same.collect::<Vec<_>>().join(" and "),
            newest = self.of_all(),
        )
    }

    fn own_columns(&self) -> String {
        let own = self.columns.iter().filter(|column| !ORIGIN_COLUMNS.contains(&column.name.as_str()));
        own.map(|column| identifier(&column.name)).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use hw_base::ColumnType;

    use super::*;

    #[test]
    fn the_newest_version_of_a_row_is_that_of_the_last_batch() {
        let column = |name: &str| Column { name: name.into(), kind: ColumnType::Text, sql_type: "varchar".into() };
        let columns = ["id", "select", "_batch", "_file"].map(column);
        let query = NewestRows { name: "shop.orders", key: &["id".into()], columns: &columns };
        expect![[r#"select id, "select" from (select *, row_number() over (partition by id order by _batch desc) as _age from versions."shop.orders") as aged where _age = 1"#]].assert_eq(&query.of_all());
        expect![[r#"select id, "select" from first_versions."shop.orders" as earlier where not exists (select 1 from versions."shop.orders" as later where later.id = earlier.id) union all select id, "select" from (select *, row_number() over (partition by id order by _batch desc) as _age from versions."shop.orders") as aged where _age = 1"#]].assert_eq(&query.beside_first());
    }
}
