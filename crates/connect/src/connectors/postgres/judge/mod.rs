//! Rules judged inside the database: one query counts for all rules on a table, another fetches some of the rows that break one. No
//! other row leaves it.
//!
//! Everything is seen at one moment. What the database cannot answer exactly as the engine would (see [`super::dialect`]) is left open:
//! the copies that the engine reads then see the same moment (see [`super::snapshot`]). Nothing is locked but against changes of the table's columns.

mod count;
mod sample;
mod together;

use std::collections::HashMap;

use futures::TryStreamExt;
use hw_base::{BoxFuture, Error, InPlace, Input, Questions, Result, SetQuestion, Value, Watched, WatchedRule, WatchedSet};
use hw_engine::LiveTables;
use tokio_postgres::error::SqlState;

use super::catalog;
use super::decode::{Decoder, Malformed};
use super::dialect::{BaseTable, Named};
use super::errors::Explained;
use super::read::PostgresTable;
use super::server::Server;
use super::session::Session;
use super::types::SourceColumn;
pub(super) use count::Count;

/// What refusals of a query say about the query, not about the server: data, syntax and names, limits, features.
const ABOUT_THE_QUERY: [&str; 4] = ["22", "42", "54", "0A"];
/// Ends a query that nobody waits for any more, and does not compile what is asked once: its plan has as many expressions as there are rules.
const PREPARE: &str = "set local jit to off; select set_config('client_connection_check_interval', '5s', true)
    where current_setting('server_version_num')::int4 >= 140000";

/// The tables of one database that questions are about.
struct Place {
    server: Server,
    tables: HashMap<String, PostgresTable>,
    /// The one that is judged; the others are those that rules name, and are read as of the same moment.
    judged: PostgresTable,
}

/// The database that can answer for the tables among `inputs`; `None` where they lie elsewhere.
pub(crate) fn in_place(live: &LiveTables, inputs: &[Input]) -> Option<Box<dyn InPlace>> {
    let mut tables = HashMap::new();
    let mut judged: Option<PostgresTable> = None;
    for input in inputs {
        let Input::Live { relation, .. } = input else { continue };
        let opened = live.find(relation);
        let Some(table) = opened.as_ref().and_then(|table| table.downcast_ref::<PostgresTable>()) else { continue };
        if judged.get_or_insert_with(|| table.clone()).server().is_same(table.server()) {
            tables.insert(relation.clone(), table.clone());
        }
    }
    let judged = judged?;
    let snapshot = judged.snapshot();
    for table in tables.values() {
        table.share(&snapshot);
    }
    Some(Box::new(Place { server: judged.server().clone(), tables, judged }))
}

impl InPlace for Place {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn key(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move {
            let session = self.server.connect().await?;
            let key = catalog::primary_key(&self.server, &session, self.judged.oid()).await;
            session.close().await;
            key
        })
    }

    fn answer<'a>(&'a self, questions: &'a Questions) -> BoxFuture<'a, Result<Option<Watched>>> {
        Box::pin(async move {
            let tables: HashMap<String, BaseTable> =
                self.tables.iter().filter_map(|(relation, table)| Some((relation.clone(), table.base()?))).collect();
            let Some(count) = Count::of(questions, &tables) else { return Ok(None) };
            // Where connections lead to several servers, no copy sees what is answered here.
            let seen = self.judged.snapshot().see(&self.server).await?;
            let at = seen.as_ref().ok().map(|seen| seen.at);
            let session = match seen {
                Ok(seen) => seen.session,
                Err(_) => self.server.connect().await?,
            };
            if self.is_any_remade(&session).await? {
                session.close().await;
                return Ok(None);
            }
            let asked = Asked::new(&self.server, &session).await?;
            let is_in_unicode = asked.is_in_unicode().await?;
            let answered = if is_in_unicode { answers(&asked, &count, questions, &tables).await? } else { None };
            session.close().await;
            let answered = answered.filter(|answered| at.is_some() || is_whole(answered, questions));
            if let (Some(at), Some(_)) = (at, &answered) {
                for table in self.tables.values() {
                    table.note_told(at);
                }
            }
            Ok(answered)
        })
    }
}

impl Place {
    /// Whether a session does not see all rows of a table, which its copies do.
    async fn is_any_remade(&self, session: &Session) -> Result<bool> {
        for table in self.tables.values() {
            if table.is_remade(session).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether no question is left.
fn is_whole(answered: &Watched, questions: &Questions) -> bool {
    leaves_no_scan(answered, questions) && answered.sets.len() == questions.sets.len()
}

/// Whether nothing is left that one scan of the rows would tell.
fn leaves_no_scan(answered: &Watched, Questions { watch, .. }: &Questions) -> bool {
    [answered.rules.len(), answered.aggregates.len()] == [watch.rows.len(), watch.aggregates.len()]
}

/// What can be answered exactly; `None` where that is nothing.
pub(super) async fn answers(
    session: &Asked<'_>,
    count: &Count,
    questions: &Questions,
    tables: &HashMap<String, BaseTable>,
) -> Result<Option<Watched>> {
    let Some(mut watched) = count.ask(session, &questions.watch).await? else { return Ok(None) };
    sample::fill(session, count, questions, &mut watched).await?;
    for set in &questions.sets {
        watched.sets.extend(together::judged(session, set, questions.watch.examples, tables).await?);
    }
    let needs_no_scan = leaves_no_scan(&watched, questions);
    for of_records in questions.of_records.iter().filter(|_| needs_no_scan) {
        watched.of_records.extend(counted(session, of_records, tables).await?);
    }
    Ok(Some(watched))
}

/// What was counted for rules on single rows alone, with some of the rows that break them.
async fn counted(session: &Asked<'_>, questions: &Questions, tables: &HashMap<String, BaseTable>) -> Result<Vec<WatchedRule>> {
    let Some(count) = Count::of(questions, tables) else { return Ok(vec![]) };
    let Some(mut watched) = count.ask(session, &questions.watch).await? else { return Ok(vec![]) };
    sample::fill(session, &count, questions, &mut watched).await?;
    Ok(watched.rules)
}

/// A session that is asked, in a transaction that goes on.
pub(super) struct Asked<'a> {
    server: &'a Server,
    session: &'a Session,
}

impl<'a> Asked<'a> {
    /// Gets a session ready to be asked.
    pub(super) async fn new(server: &'a Server, session: &'a Session) -> Result<Self> {
        session.client.batch_execute(PREPARE).await.explained(server, purpose)?;
        Ok(Self { server, session })
    }

    /// Whether the database holds texts as the engine does, so that both count and order their characters alike.
    pub(super) async fn is_in_unicode(&self) -> Result<bool> {
        let row = self.session.client.query_one("select current_setting('server_encoding') = 'UTF8'", &[]).await;
        row.and_then(|row| row.try_get(0)).explained(self.server, purpose)
    }

    /// The rows of a query, whose columns are given; `None` where the server refuses the query for what it says, or for the data.
    pub(super) async fn rows(&self, sql: &str, columns: &[Named]) -> Result<Option<Vec<Vec<Value>>>> {
        self.session.client.batch_execute("savepoint asked").await.explained(self.server, purpose)?;
        let (rows, end) = match self.copied(sql, columns).await {
            Ok(rows) => (Some(rows), "release savepoint asked"),
            Err(Failure::OfTheQuery) => (None, "rollback to savepoint asked; release savepoint asked"),
            Err(Failure::Other(error)) => return Err(error),
        };
        self.session.client.batch_execute(end).await.explained(self.server, purpose)?;
        Ok(rows)
    }

    async fn copied(&self, sql: &str, columns: &[Named]) -> Result<Vec<Vec<Value>>, Failure> {
        let copy = self.session.client.copy_out(&format!("copy ({sql}) to stdout (format binary)")).await;
        let mut chunks = std::pin::pin!(copy.map_err(|error| self.failure(&error))?);
        let mut decoder = Decoder::new(&columns.iter().map(source_column).collect::<Vec<_>>(), Malformed::Null);
        let mut rows = Vec::new();
        while let Some(mut chunk) = chunks.try_next().await.map_err(|error| self.failure(&error))? {
            while let Some(decoded) = decoder.read(&mut chunk)? {
                rows.extend(rows_of(&decoded));
            }
        }
        rows.extend(decoder.finish()?.iter().flat_map(rows_of));
        Ok(rows)
    }

    fn failure(&self, error: &tokio_postgres::Error) -> Failure {
        let code = error.as_db_error().map(tokio_postgres::error::DbError::code).map_or("", SqlState::code);
        if ABOUT_THE_QUERY.iter().any(|class| code.starts_with(class)) {
            return Failure::OfTheQuery;
        }
        Failure::Other(super::errors::failed(self.server, error, &purpose()))
    }
}

/// What could be answered for the rows that `count` is about: the numbers say nothing.
pub(super) fn askable(count: &Count, questions: &Questions, tables: &HashMap<String, BaseTable>) -> Watched {
    let sets = questions.sets.iter().filter(|set| together::questions(set, tables).is_some());
    let set = |set: &SetQuestion| WatchedSet { id: set.id.clone(), ..WatchedSet::default() };
    Watched { sets: sets.map(set).collect(), ..count.askable() }
}

/// Why a query has no answer.
enum Failure {
    /// What it says, or the data.
    OfTheQuery,
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The values as the engine has them.
fn rows_of(decoded: &super::decode::Decoded) -> Vec<Vec<Value>> {
    let columns: Vec<Vec<Value>> = decoded.columns.iter().map(|column| hw_engine::values(column.as_ref())).collect();
    (0..decoded.rows).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
}

/// A column of an answer.
pub(super) fn source_column(column: &Named) -> SourceColumn {
    SourceColumn { name: column.name.clone(), declared: String::new(), wire: column.wire.clone(), cast: None, is_free: false }
}

fn purpose() -> String {
    "judge rules".into()
}
