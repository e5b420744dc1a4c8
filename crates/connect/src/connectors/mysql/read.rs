//! A table as the engine reads it: one SELECT, row by row, in a transaction that sees one moment.
//!
//! What is new is told by a column that grows with every change. Rows with its greatest value so far are read again, because
//! more of them may come, and so are rows without a value. Values in the future do not count, or one of them would hide all
//! that comes after it.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use hw_base::{Delivery, Error, Part, Result, literal, unknown};
use mysql_async::prelude::Queryable;
use mysql_async::{BinaryProtocol, Conn, QueryResult, Row};
use tokio::runtime::Handle;

use super::catalog::described;
use super::server::Server;
use super::types::{SourceColumn, quoted};
use crate::connectors::{Opened, Reached};
use crate::layout::{check_table, free_of_hidden};
use crate::lookback::looked_back;
use crate::rows::{Cell, Outlet, RowReader, RowTable, Wanted};

/// How many rows are fetched before they are handed on.
const ROWS_AT_ONCE: usize = 1024;

/// A table of a database, ready to be read.
struct Table {
    server: Server,
    name: String,
    columns: Vec<SourceColumn>,
    follow: Option<Follow>,
    reached: Reached,
}

/// The column that tells what is new, and from where on.
struct Follow {
    column: SourceColumn,
    /// The greatest value so far.
    since: Option<String>,
    /// The value from which on rows are read, which may lie before that.
    from: Option<String>,
}

impl fmt::Debug for Table {
    /// Only the name: the server holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MysqlTable({})", self.name)
    }
}

/// Makes a delivery of a table readable.
pub(super) fn open(server: Server, name: &str, columns: Vec<SourceColumn>, as_text: &[&str], delivery: &Delivery) -> Result<Opened> {
    let asked = |column: SourceColumn| SourceColumn { as_text: as_text.contains(&column.name.as_str()), ..column };
    let columns: Vec<SourceColumn> = columns.into_iter().map(asked).collect();
    let names: Vec<String> = columns.iter().map(|column| free_of_hidden(&column.name)).collect();
    check_table(name, &names, delivery)?;
    let follow = Follow::of(&columns, delivery)?;
    let part = match &follow {
        Some(Follow { column, from: Some(from), .. }) => Part::NewAndSome { column: free_of_hidden(&column.name), from: from.clone() },
        _ => Part::Whole,
    };
    let fields = columns.iter().map(|column| Field::new(free_of_hidden(&column.name), column.data_type(), true)).collect();
    let (described, reached) = (columns.iter().map(described).collect(), Reached::default());
    let table = Table { server, name: name.to_owned(), columns, follow, reached: reached.clone() };
    let table = Arc::new(RowTable::new(fields, Arc::new(table)));
    Ok(Opened { table, columns: described, has_origin: true, rows: None, uneven: Vec::new(), rowless: Vec::new(), part, reached })
}

impl Follow {
    fn of(columns: &[SourceColumn], delivery: &Delivery) -> Result<Option<Self>> {
        let Some(continuing) = &delivery.continuing else { return Ok(None) };
        let Some(name) = &continuing.column else { return Ok(None) };
        let known = || columns.iter().map(|column| column.name.as_str());
        let column = columns.iter().find(|column| free_of_hidden(&column.name) == *name);
        let column = column.ok_or_else(|| unknown("column", name, known()).code("HW201"))?.clone();
        let from = continuing.since.as_deref().map(|since| looked_back(since, continuing, &column.name)).transpose()?;
        Ok(Some(Self { column, since: continuing.since.clone(), from }))
    }

    /// The rows to read, as SQL.
    fn condition(&self) -> Option<String> {
        let name = quoted(&self.column.name);
        let from = self.from.as_ref()?;
        let from = if self.column.is_number() { from.clone() } else { literal(from) };
        Some(format!("({name} >= {from} or {name} is null)"))
    }

    /// The query of the greatest value that does not lie in the future.
    fn greatest(&self, table: &str) -> String {
        let name = quoted(&self.column.name);
        let past = if self.column.is_of_time() { format!(" where {name} <= now(6)") } else { String::new() };
        format!("select cast(max({name}) as char) from {table}{past}")
    }
}

impl Table {
    fn select(&self, wanted: &Wanted) -> String {
        let mut columns: Vec<String> = wanted.read.iter().map(|column| self.columns[*column].expression()).collect();
        if columns.is_empty() {
            columns.push("null".into());
        }
        let rows = self.follow.as_ref().and_then(Follow::condition).map(|condition| format!(" where {condition}")).unwrap_or_default();
        let limit = wanted.limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
        format!("select {} from {}{rows}{limit}", columns.join(", "), quoted(&self.name))
    }

    fn explained(&self, error: &mysql_async::Error) -> Error {
        self.server.failed(error, &format!("read the table `{}`", self.name))
    }

    /// Where a reading at the moment of `session` ends.
    async fn end(&self, session: &mut Conn) -> Result<Option<String>> {
        let Some(follow) = &self.follow else { return Ok(None) };
        let greatest: Option<Option<String>> =
            session.query_first(follow.greatest(&quoted(&self.name))).await.map_err(|error| self.explained(&error))?;
        Ok(greatest.flatten().or_else(|| follow.since.clone()))
    }

    async fn fetch(&self, rows: &mut QueryResult<'_, 'static, BinaryProtocol>) -> Result<Vec<Row>> {
        let mut fetched = Vec::with_capacity(ROWS_AT_ONCE);
        while fetched.len() < ROWS_AT_ONCE
            && let Some(row) = rows.next().await.map_err(|error| self.explained(&error))?
        {
            fetched.push(row);
        }
        Ok(fetched)
    }
}

impl RowReader for Table {
    fn read(&self, wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        let runtime = Handle::current();
        let mut session = runtime.block_on(self.server.connect())?;
        let end = runtime.block_on(self.end(&mut session))?;
        let mut rows = runtime.block_on(session.exec_iter(self.select(wanted), ())).map_err(|error| self.explained(&error))?;
        loop {
            let fetched = runtime.block_on(self.fetch(&mut rows))?;
            if fetched.is_empty() {
                break;
            }
            for row in fetched {
                let value = |(at, column): (usize, &usize)| row.as_ref(at).map_or(Cell::Null, |value| self.columns[*column].cell(value));
                if !outlet.push(None, &wanted.read.iter().enumerate().map(value).collect::<Vec<_>>()) {
                    return Ok(());
                }
            }
        }
        if wanted.limit.is_none() {
            self.reached.note(end);
        }
        Ok(())
    }
}
