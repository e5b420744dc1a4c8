//! PostgreSQL: its tables and views as datasets, read through parallel binary `COPY` under one snapshot for all.
//!
//! Owns the connection, the catalog, the decoding of binary `COPY` and the table that streams it. Leaves to
//! others: resolving the reference behind `url`, naming datasets, remembering watermarks.
//!
//! What becomes of each type is decided by one thought: no value is changed or lost without being counted.
//! `numeric(p, s)` up to 38 digits is an exact decimal, and so is `numeric` without digits, with as many places as the
//! first rows show; `time`, `interval` and every
//! type without a counterpart become the text that PostgreSQL prints; arrays become lists. What is left are
//! values that their column's type cannot hold: `NaN` or too many digits in a decimal, `infinity` or a year beyond 262,000 in a
//! date or timestamp, an array of several dimensions, bytes that are no UTF-8. A row with such a value is a
//! malformed record: [`MALFORMED`] names the value and holds the record as JSON, the other columns are null. Who
//! wants the row instead names the column under `as_text` and gets PostgreSQL's own text.

mod catalog;
mod changes;
mod decode;
mod dialect;
mod errors;
mod judge;
mod left_out;
mod progress;
mod push_down;
mod read;
mod server;
mod session;
mod snapshot;
mod source;
mod target;
mod tls;
mod types;
mod values;

#[cfg(test)]
mod changes_tests;
#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use hw_base::{Column, Continuing, Error, News, Part, Result, Survey, Tolerance};
use schemars::JsonSchema;
use serde::Deserialize;

use read::PostgresTable;
use server::Server;
use session::Session;

use super::csv::one_percent;
use super::{Reached, TableListing};
use crate::tables::Tables;
pub(crate) use judge::in_place;
pub(crate) use read::{left_out, unfit_columns};
pub use snapshot::Snapshots;
pub(super) use source::Postgres;
pub use target::PostgresTargetSettings;

/// The hidden column for the file of a row; always null here.
pub(super) const FILE: &str = "_file";
/// The hidden column for the line of a row; always null here.
pub(super) const LINE: &str = "_line";
/// The hidden column that says what is wrong with a malformed record and holds it; null for all other rows.
pub(super) const MALFORMED: &str = "_malformed";

/// Tables and views of a PostgreSQL database, version 12 or later.
///
/// Holds the URL as the project writes it, which may be a secret: no `Debug`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// Where the database is: `postgres://user:password@host:5432/database?sslmode=verify-full`, best as a reference
    /// such as `${env:SHOP_URL}`. `sslmode` means what it means to `psql`; `verify-full` checks the certificate
    /// against `sslrootcert=FILE`, or against the public authorities.
    pub url: String,
    /// The schema that holds the tables.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// The tables and views to read, as a list, or as a map from a name of your own to the table:
    /// `{ order_lines: "Order Lines" }`. All that the user may read where it is left out.
    #[serde(default)]
    pub tables: Option<Tables>,
    /// How many connections read one table at the same time.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 32))]
    pub connections: usize,
    /// The columns that identify a row of a table, for views and for tables without a primary key: `{ orders: [order_id] }`.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
    /// Columns to read as text, each as `table.column`, because they hold values such as `infinity`, or a `numeric` of more than
    /// 38 digits, that their type cannot hold outside PostgreSQL.
    #[serde(default)]
    pub as_text: Vec<String>,
    /// How many records may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

/// The schema that holds the tables where none is named.
const PUBLIC: &str = "public";

fn default_schema() -> String {
    PUBLIC.into()
}

fn default_connections() -> usize {
    2
}

/// What to read of a database.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The table or view.
    pub table: &'a str,
    /// Only what is new since an earlier reading.
    pub continuing: Option<&'a Continuing>,
    /// The columns that earlier readings have had; none at first.
    pub known: &'a [Column],
    /// How many connections to read with, at least 1.
    pub connections: usize,
    /// Columns to read as text, without the table.
    pub as_text: Vec<&'a str>,
}

impl Selection<'_> {
    /// Whether earlier readings have had a column of that name.
    fn knows(&self, name: &str) -> bool {
        self.known.iter().any(|column| column.name == name)
    }
}

/// A table that is ready to be read.
#[derive(Debug)]
pub(super) struct Table {
    /// Reads it.
    provider: Arc<PostgresTable>,
    /// Its own columns.
    pub columns: Vec<Column>,
    /// Which of its rows are read.
    pub part: Part,
    /// Where the reading ends.
    pub reached: Reached,
}

/// Lists the tables and views of `schema` that the user may read, by name. Partitions are part of their parent.
///
/// # Errors
/// HW206 where the database cannot be reached or refuses; HW201 where there is no such schema.
pub(super) async fn tables(url: &str, schema: &str) -> Result<Vec<TableListing>> {
    let server = Server::at(url)?;
    let session = server.connect().await?;
    let listing = catalog::list(&server, &session, schema).await;
    session.close().await;
    listing
}

/// Learns the size of a table without reading its rows.
///
/// PostgreSQL keeps no exact count of rows, so `rows` is `None` and `about_rows` is what it estimates. The key is the primary key.
///
/// # Errors
/// As for [`open`].
pub(super) async fn survey(url: &str, schema: &str, table: &str) -> Result<Survey> {
    let server = Server::at(url)?;
    let session = server.connect().await?;
    let survey = survey_in(&server, &session, schema, table).await;
    session.close().await;
    survey
}

async fn survey_in(server: &Server, session: &Session, schema: &str, table: &str) -> Result<Survey> {
    let relation = catalog::relation(server, session, schema, table).await?;
    let tells_transactions = catalog::members(server, session, relation.oid).await?.is_some();
    Ok(Survey {
        files: None,
        rows: None,
        about_rows: relation.estimated_rows,
        bytes: relation.bytes,
        news: if tells_transactions { News::Exact } else { News::ByColumn },
        key: catalog::primary_key(server, session, relation.oid).await?,
    })
}

/// Opens a table for reading, and returns it with its own columns.
///
/// The table also has the hidden columns [`FILE`] (text), [`LINE`] (bigint) and [`MALFORMED`] (text), after its own.
/// All scans see the table at one moment, which begins with the first of them, however many connections share the work; so do those of other
/// tables that [`PostgresTable::share`] it. Memory is bounded: a scan holds at most two batches per connection, each of at most
/// 8,192 rows and about 16 MiB, and the server waits while nobody takes them.
///
/// # Errors
/// HW206 where the database cannot be reached or refuses; HW201 for an unknown schema, table or column, with the
/// nearest known one.
pub(super) async fn open(url: &str, selection: &Selection<'_>) -> Result<Table> {
    let server = Server::at(url)?;
    let session = server.connect().await?;
    let table = read::learn(&server, &session, selection).await;
    session.close().await;
    let table = table?;
    Ok(Table { columns: table.columns(), part: table.part(), reached: table.reached(), provider: Arc::new(table) })
}

/// Looks whether a table exists, where only its name is asked about.
pub(super) async fn exists(url: &str, schema: &str, table: &str) -> Result<()> {
    survey(url, schema, table).await.map(drop)
}

/// Takes what DataFusion wrapped apart again: the error of this connector, where it is one.
///
/// An error in the middle of a scan travels through DataFusion, which knows only its own; this brings blame, retry
/// and help back.
pub fn original(error: &datafusion::error::DataFusionError) -> Option<&Error> {
    match error.find_root() {
        datafusion::error::DataFusionError::External(inner) => inner.downcast_ref(),
        _ => None,
    }
}

/// A name in double quotes, as PostgreSQL always takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
