//! Raw copies that hold every version of a row, because what is new in a database is added to them: how the newest versions are read.

use hw_base::{Column, Engine, Input, Ledger, ORIGIN_COLUMNS, Progress, Result, TableName, identifier, qualified};
use serde_json::json;

use crate::position::{ALL_ROWS, WHAT_IS_NEW};

/// The schema of the names of raw copies with every version.
const VERSIONS: &str = "versions";

/// Notes down which columns of a raw copy identify a row; none where nobody knows.
pub(crate) fn note_key(ledger: &dyn Ledger, table: &TableName, key: &[String]) -> Result<()> {
    ledger.note(&note_of_key(table), &json!(key))
}

/// The columns of a raw copy that identify a row; none where nobody knows.
pub(crate) fn key(ledger: &dyn Ledger, table: &TableName) -> Result<Vec<String>> {
    let note = ledger.noted(&note_of_key(table))?;
    Ok(note.and_then(|note| serde_json::from_value(note).ok()).unwrap_or_default())
}

fn note_of_key(table: &TableName) -> String {
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
        return newest(engine, ledger, name, table, None).await;
    }
    let last = |progress: &Progress| progress.window - 1;
    Ok(vec![Input::Table {
        name: name.to_owned(),
        table: table.clone(),
        version: None,
        after_batch: progress.as_ref().filter(|_| way == ALL_ROWS).map(last),
        up_to_batch: None,
        hides_origin: true,
    }])
}

/// Of each row of a raw copy the version that arrived last, up to a batch; every version where no key tells them apart.
pub(crate) async fn newest(
    engine: &dyn Engine,
    ledger: &dyn Ledger,
    name: &str,
    table: &TableName,
    up_to_batch: Option<i64>,
) -> Result<Vec<Input>> {
    let key = key(ledger, table)?;
    let all = |name: String, hides_origin| Input::Table {
        name,
        table: table.clone(),
        version: None,
        after_batch: None,
        up_to_batch,
        hides_origin,
    };
    let state = if key.is_empty() { None } else { engine.table(table, None).await? };
    let Some(state) = state else { return Ok(vec![all(name.to_owned(), true)]) };
    let sql = newest_of(&qualified([VERSIONS, name]), &key, &state.columns);
    Ok(vec![all(format!("{VERSIONS}.{name}"), false), Input::Query { name: name.to_owned(), sql }])
}

/// The SELECT of the newest rows of `versions`, which stands in it as it is.
pub(crate) fn newest_of(versions: &str, key: &[String], columns: &[Column]) -> String {
    let own = columns.iter().filter(|column| !ORIGIN_COLUMNS.contains(&column.name.as_str())).map(|column| identifier(&column.name));
    let own: Vec<String> = own.collect();
    let key: Vec<String> = key.iter().map(|column| identifier(column)).collect();
    format!(
        "select {own} from (select *, row_number() over (partition by {key} order by _batch desc) as _age from {versions}) as aged where _age = 1",
        own = own.join(", "),
        key = key.join(", "),
    )
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
        expect![[r#"select id, "select" from (select *, row_number() over (partition by id order by _batch desc) as _age from versions.shop.orders) as aged where _age = 1"#]]
            .assert_eq(&newest_of("versions.shop.orders", &["id".into()], &columns));
    }
}
