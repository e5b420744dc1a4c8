//! The tables of the database that a SELECT and its rules name.

use std::collections::HashMap;

use hw_base::{Error, Input, PushDown, Result};
use hw_engine::LiveTables;

use super::errors::{purpose, refused};
use crate::connectors::postgres::catalog;
use crate::connectors::postgres::dialect::{BaseTable, Named};
use crate::connectors::postgres::errors::Explained;
use crate::connectors::postgres::judge::source_column;
use crate::connectors::postgres::read::PostgresTable;
use crate::connectors::postgres::server::Server;
use crate::connectors::postgres::session::Session;
use crate::connectors::postgres::target::Relation;

/// The schema of what belongs to a session.
const OF_SESSION: &str = "pg_temp";

/// Tables by the relation for which they stand.
#[derive(Clone)]
pub(super) struct Tables(pub(super) HashMap<String, BaseTable>);

impl Tables {
    /// Those among the inputs of an order that lie in the database of `server`.
    ///
    /// # Errors
    /// HW311 where the SELECT reads one that does not.
    pub(super) fn of(order: &PushDown, live: &LiveTables, server: &Server) -> Result<Self> {
        let mut tables = HashMap::new();
        for (relation, _) in relations(&order.of_rows.rows.inputs).into_iter().chain(relations(&order.of_table.rows.inputs)) {
            tables.extend(find(live, relation, server).map(|table| (relation.to_owned(), table)));
        }
        for (relation, name) in relations(&order.reader.inputs) {
            let table = find(live, relation, server).ok_or_else(|| elsewhere(order, name, server))?;
            tables.insert(relation.to_owned(), table);
        }
        Ok(Self(tables))
    }

    /// The same with tables that other models have made, which stand for their names from now on, and the inputs in which they do.
    ///
    /// # Errors
    /// HW201 for one that is not there.
    pub(super) async fn with_made(&mut self, order: &PushDown, schema: &str, at: (&Server, &Session)) -> Result<()> {
        let (server, session) = at;
        for (name, table) in &order.made {
            let table = Relation::of(table, schema);
            let found = catalog::relation(server, session, &table.schema, &table.name).await?;
            let columns = catalog::columns(server, session, &[found.oid]).await?.remove(&found.oid).unwrap_or_default();
            let base = BaseTable { schema: table.schema, name: table.name, columns, keeps_types: found.keeps_types };
            self.0.insert(made(name), base);
        }
        Ok(())
    }

    /// Lets a relation stand for a table of the session.
    pub(super) fn insert(&mut self, relation: &str, table: &str, columns: &[Named]) {
        let base = BaseTable {
            schema: OF_SESSION.into(),
            name: table.into(),
            columns: columns.iter().map(source_column).collect(),
            keeps_types: true,
        };
        self.0.insert(relation.to_owned(), base);
    }

    /// Refuses rows that the engine could not read: in a run of its own it would put them into quarantine.
    ///
    /// # Errors
    /// HW208 with the number of the rows.
    pub(super) async fn refuse_unreadable(&self, order: &PushDown, server: &Server, session: &Session) -> Result<()> {
        for (relation, name) in relations(&order.reader.inputs) {
            let Some(table) = self.0.get(relation) else { continue };
            let misfits = table.misfits().unwrap_or_default();
            if misfits.is_empty() {
                continue;
            }
            let condition = misfits.join(" or ");
            let row = session.client.query_one(&format!("select count(*) from {} where {condition}", table.sql()), &[]).await;
            let rows: i64 = row.and_then(|row| row.try_get(0)).explained(server, || purpose(order))?;
            if rows > 0 {
                let rows = hw_base::plural(rows.unsigned_abs(), "row");
                return Err(Error::user(format!("{rows} of `{name}` cannot be read as the engine reads them"))
                    .code("HW208")
                    .because(format!("their values cannot be held outside PostgreSQL: {condition}"))
                    .help("mend these rows, or name the column under `as_text` of the source")
                    .help("or remove `push_down`: the engine puts them into quarantine and goes on"));
            }
        }
        Ok(())
    }
}

/// The inputs of a query where names of `order.made` stand for tables that are there.
pub(super) fn inputs(order: &PushDown, inputs: &[Input]) -> Vec<Input> {
    let is_made = |input: &Input| order.made.iter().any(|(name, _)| name == input.name());
    let bound = |input: &Input| match input {
        _ if is_made(input) => Input::Live { name: input.name().to_owned(), relation: made(input.name()) },
        _ => input.clone(),
    };
    inputs.iter().map(bound).collect()
}

fn made(name: &str) -> String {
    format!("made {name}")
}

/// The live relations among inputs, each with the name by which a person knows it: the query over it.
fn relations(inputs: &[Input]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        match input {
            Input::Live { relation, name } => {
                let known = inputs[at..].iter().find(|input| matches!(input, Input::Query { .. })).map_or(name.as_str(), Input::name);
                found.push((relation.as_str(), known));
            }
            Input::Reader { reader, .. } => found.extend(relations(&reader.inputs)),
            _ => {}
        }
    }
    found
}

fn find(live: &LiveTables, relation: &str, server: &Server) -> Option<BaseTable> {
    let opened = live.find(relation)?;
    let table = opened.downcast_ref::<PostgresTable>()?;
    if table.server().is_same_database(server) { table.base() } else { None }
}

fn elsewhere(order: &PushDown, name: &str, server: &Server) -> Error {
    let place = format!("database `{}` on PostgreSQL at {}", server.database(), server.place());
    let problem = format!("`{name}` does not lie in {place}, where target `{}` does", order.placement.target);
    refused(order, problem, "let both `url`s lead to one database, under one name of its host")
}
