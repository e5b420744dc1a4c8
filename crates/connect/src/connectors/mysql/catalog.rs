//! What the server knows of its tables.

use hw_base::{Column, Result, unknown};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::server::Server;
use super::types::SourceColumn;
use crate::connectors::TableListing;
use crate::layout::free_of_hidden;
use crate::types::{arrow_to_sql_type, column_type};

/// A row of `information_schema.tables`: name, estimated rows, bytes.
type TableRow = (String, Option<u64>, Option<u64>);
/// A row of `information_schema.columns`: table, name, word of the type, declared type, digits, digits after the point.
type ColumnRow = (String, String, String, String, Option<u64>, Option<u64>);

/// Lists the tables and views that the user may read.
pub(super) async fn list(server: &Server, session: &mut Conn) -> Result<Vec<TableListing>> {
    let sql = "select table_name, table_rows, data_length from information_schema.tables where table_schema = database() \
               and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') order by table_name";
    let tables: Vec<TableRow> = session.query(sql).await.map_err(|error| server.failed(&error, "list the tables"))?;
    let mut listings: Vec<TableListing> = tables.into_iter().map(listing).collect();
    for (table, column) in all_columns(server, session).await? {
        if let Some(listing) = listings.iter_mut().find(|listing| listing.name == table) {
            listing.columns.push(described(&column));
        }
    }
    for (table, column) in keys(server, session).await? {
        if let Some(listing) = listings.iter_mut().find(|listing| listing.name == table) {
            listing.primary_key.push(column);
        }
    }
    Ok(listings)
}

/// What there is to know about one table.
pub(super) async fn table(server: &Server, session: &mut Conn, name: &str) -> Result<TableListing> {
    let listings = list(server, session).await?;
    let known: Vec<String> = listings.iter().map(|listing| listing.name.clone()).collect();
    let found = listings.into_iter().find(|listing| listing.name == name);
    found.ok_or_else(|| unknown("table", name, known.iter().map(String::as_str)).code("HW201").because("the database does not have it"))
}

/// The columns of a table.
pub(super) async fn columns(server: &Server, session: &mut Conn, name: &str) -> Result<Vec<SourceColumn>> {
    table(server, session, name).await?;
    Ok(all_columns(server, session).await?.into_iter().filter(|(table, _)| table == name).map(|(_, column)| column).collect())
}

fn listing((name, estimated_rows, bytes): TableRow) -> TableListing {
    TableListing { name, estimated_rows, bytes, is_readable: true, columns: Vec::new(), primary_key: Vec::new() }
}

/// A column as the other rooms know it.
pub(super) fn described(column: &SourceColumn) -> Column {
    let data_type = column.data_type();
    Column { name: free_of_hidden(&column.name), kind: column_type(&data_type), sql_type: arrow_to_sql_type(&data_type) }
}

async fn all_columns(server: &Server, session: &mut Conn) -> Result<Vec<(String, SourceColumn)>> {
    let sql = "select table_name, column_name, data_type, column_type, numeric_precision, numeric_scale \
               from information_schema.columns where table_schema = database() order by table_name, ordinal_position";
    let rows: Vec<ColumnRow> = session.query(sql).await.map_err(|error| server.failed(&error, "list the columns"))?;
    let column = |(table, name, word, declared, digits, places): ColumnRow| {
        let digits = (digits.unwrap_or_default(), places.unwrap_or_default());
        (table, SourceColumn { name, word: word.to_lowercase(), declared: declared.to_lowercase(), digits, as_text: false })
    };
    Ok(rows.into_iter().map(column).collect())
}

async fn keys(server: &Server, session: &mut Conn) -> Result<Vec<(String, String)>> {
    let sql = "select table_name, column_name from information_schema.key_column_usage where table_schema = database() \
               and constraint_name = 'PRIMARY' order by table_name, ordinal_position";
    session.query(sql).await.map_err(|error| server.failed(&error, "list the keys"))
}
