//! A table as DataFusion reads it: several connections copy parts of it under one snapshot.
//!
//! The work happens when a scan is carried out, not when it is planned: its connections join the snapshot that all tables share which are
//! read together (see [`super::snapshot`]), and each copies a range of the table's pages. The last range is
//! open, so rows that the table gained since its size was taken belong to it. Views, foreign and partitioned tables
//! have no pages to share out and come through one connection, and so does everything where the order of the rows is asked for.

mod scan;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session as PlanningSession, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use futures::future::try_join_all;
use hw_base::{Column, Error, Part, Result, unknown};
use hw_engine::Deadline;
use tokio_postgres::error::SqlState;

use super::dialect::BaseTable;
use super::errors::Explained;
use super::left_out::Readings;
use super::progress::Progress;
use super::server::Server;
use super::session::Session;
use super::snapshot::{Apart, Seen, Snapshot};
use super::types::{SourceColumn, Wire};
use super::{FILE, LINE, MALFORMED, Selection, catalog, quoted};
use crate::connectors::Reached;
use crate::layout::{free_of_hidden, own_name};
use crate::order::reads_in_order;
use crate::text::LeftOut;
use crate::types::sql_type_to_arrow;
use scan::{Scan, ScanStream};

/// Pages that are worth a connection of their own: 1 MiB.
const PAGES_PER_CONNECTION: u64 = 128;
/// So many rows tell how many digits the numbers of a column have whose type does not say it.
const ROWS_FOR_DIGITS: usize = 20_000;
/// The most connections of one scan.
const MOST_CONNECTIONS: usize = 32;
/// How often a table is seen anew that somebody exchanged while it was waited for.
const ATTEMPTS: usize = 5;

/// A table of a database, ready to be read. Clones share it.
#[derive(Clone)]
pub(super) struct PostgresTable(Arc<Source>);

struct Source {
    server: Server,
    oid: u32,
    schema: String,
    name: String,
    columns: Vec<SourceColumn>,
    /// Which rows to read, because an earlier reading has had the others.
    progress: Progress,
    /// Where the last reading ended.
    reached: Reached,
    /// How many connections may share the work.
    connections: usize,
    /// About how many rows it has, where the server knows.
    estimated_rows: Option<u64>,
    /// Whether the server has checked every value against the type of its column.
    keeps_types: bool,
    /// What its readings see, as do those of other tables.
    snapshot: Mutex<Snapshot>,
    /// What its readings have met.
    readings: Readings,
    arrow_schema: SchemaRef,
}

impl fmt::Debug for PostgresTable {
    /// Only the name: the server holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresTable({})", self.0.display_name())
    }
}

/// Learns what there is to know about a table, and tries whether it may be read.
pub(super) async fn learn(server: &Server, session: &Session, selection: &Selection<'_>) -> Result<PostgresTable> {
    let relation = catalog::relation(server, session, selection.schema, selection.table).await?;
    let columns = catalog::columns(server, session, &[relation.oid]).await?.remove(&relation.oid).unwrap_or_default();
    if let Some(column) = selection.continuing.and_then(|continuing| continuing.column.as_ref()) {
        named(&columns, selection, column)?;
    }
    let columns = with_text_columns(columns, selection)?;
    let columns = with_digits(server, session, columns, selection).await?;
    let progress = Progress::of(server, session, relation.oid, &columns, selection).await?;
    let can_split = relation.can_split && server.is_single();
    let source = Source {
        server: server.clone(),
        oid: relation.oid,
        schema: selection.schema.into(),
        name: relation.name,
        arrow_schema: arrow_schema(&columns),
        columns,
        progress,
        reached: Reached::default(),
        estimated_rows: relation.estimated_rows,
        keeps_types: relation.keeps_types,
        snapshot: Mutex::default(),
        readings: Readings::default(),
        connections: if can_split { selection.connections.clamp(1, MOST_CONNECTIONS) } else { 1 },
    };
    let probe = source.select(&source.columns, None, None, Some(0));
    session.client.batch_execute(&probe).await.explained(server, || source.purpose())?;
    Ok(PostgresTable(Arc::new(source)))
}

/// The records of an opened table that are no rows; `None` where no reading has met one, and where it is no table of a database.
pub(crate) fn left_out(table: &Arc<dyn TableProvider>) -> Option<LeftOut> {
    let PostgresTable(source) = table.downcast_ref::<PostgresTable>()?;
    source.readings.left_out(&source.display_name())
}

/// The columns of an opened table that make records no rows and could be read as text, as far as readings have met such.
pub(crate) fn unfit_columns(table: &Arc<dyn TableProvider>) -> Vec<String> {
    let found = table.downcast_ref::<PostgresTable>().map(|PostgresTable(source)| source.readings.unfit());
    found.into_iter().flatten().collect()
}

fn named<'a>(columns: &'a [SourceColumn], selection: &Selection<'_>, name: &str) -> Result<&'a SourceColumn> {
    let found = columns.iter().find(|column| column.name == own_name(name));
    found.ok_or_else(|| {
        unknown("column", name, columns.iter().map(|column| column.name.as_str()))
            .code("HW201")
            .because(format!("the table is `{}.{}`", selection.schema, selection.table))
    })
}

fn with_text_columns(columns: Vec<SourceColumn>, selection: &Selection<'_>) -> Result<Vec<SourceColumn>> {
    for name in &selection.as_text {
        named(&columns, selection, name)?;
    }
    let as_asked = |column: SourceColumn| if selection.as_text.contains(&column.name.as_str()) { column.into_text() } else { column };
    Ok(columns.into_iter().map(as_asked).collect())
}

/// Finds a decimal for every `numeric` without digits: the one that earlier readings have had, else one for the values of the first rows.
async fn with_digits(
    server: &Server,
    session: &Session,
    columns: Vec<SourceColumn>,
    selection: &Selection<'_>,
) -> Result<Vec<SourceColumn>> {
    let known = |column: &SourceColumn| {
        let name = free_of_hidden(&column.name);
        selection.known.iter().find(|known| known.name == name).and_then(|known| sql_type_to_arrow(&known.sql_type))
    };
    let unknown: Vec<String> =
        columns.iter().filter(|column| column.is_free && known(column).is_none()).map(|column| quoted(&column.name)).collect();
    let mut digits = if unknown.is_empty() { vec![] } else { digits(server, session, &unknown, selection).await? }.into_iter();
    let settled = |column: SourceColumn| match known(&column) {
        _ if !column.is_free => column,
        Some(DataType::Decimal128(precision, scale)) => SourceColumn { wire: Wire::Decimal { precision, scale }, ..column },
        Some(_) => column.into_text(),
        None => match digits.next() {
            Some((whole_digits, places)) => column.fitting(whole_digits, places),
            None => column,
        },
    };
    Ok(columns.into_iter().map(settled).collect())
}

/// The most digits before and after the point that numbers of these columns have in the first rows.
async fn digits(server: &Server, session: &Session, columns: &[String], selection: &Selection<'_>) -> Result<Vec<(i32, i32)>> {
    // `NaN` and `Infinity` have no scale.
    let measured = columns.iter().map(|name| {
        let is_number = format!("filter (where scale({name}) is not null)");
        format!("coalesce(max(length(trunc(abs({name}))::text)) {is_number}, 1), coalesce(max(scale({name})), 0)")
    });
    let measured: Vec<String> = measured.collect();
    let sql = format!(
        "select {} from (select {} from {}.{} limit {ROWS_FOR_DIGITS}) first_rows",
        measured.join(", "),
        columns.join(", "),
        quoted(selection.schema),
        quoted(selection.table)
    );
    let purpose = || format!("look at the numbers of `{}.{}`", selection.schema, selection.table);
    let row = session.client.query_one(&sql, &[]).await.explained(server, purpose)?;
    (0..columns.len()).map(|at| Ok((row.try_get(2 * at)?, row.try_get(2 * at + 1)?))).collect::<Result<_, _>>().explained(server, purpose)
}

/// The table's own columns, then the hidden ones.
fn arrow_schema(columns: &[SourceColumn]) -> SchemaRef {
    let hidden = [(FILE, DataType::Utf8), (LINE, DataType::Int64), (MALFORMED, DataType::Utf8)];
    let hidden = hidden.map(|(name, data_type)| Field::new(name, data_type, true));
    Arc::new(Schema::new(columns.iter().map(SourceColumn::field).chain(hidden).collect::<Vec<_>>()))
}

impl PostgresTable {
    /// The table's own columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.0.columns.iter().map(SourceColumn::column).collect()
    }

    /// Which of its rows are read.
    pub(super) fn part(&self) -> Part {
        self.0.progress.part()
    }

    /// Where the last reading ended.
    pub(super) fn reached(&self) -> Reached {
        self.0.reached.clone()
    }

    /// Where it lies.
    pub(super) fn server(&self) -> &Server {
        &self.0.server
    }

    /// Its number in the catalog.
    pub(super) fn oid(&self) -> u32 {
        self.0.oid
    }

    /// What queries inside the database need to know of it; `None` where only a part of its rows is read.
    pub(super) fn base(&self) -> Option<BaseTable> {
        let Source { schema, name, columns, keeps_types, progress, .. } = self.0.as_ref();
        progress.rows().is_none().then(|| BaseTable {
            schema: schema.clone(),
            name: name.clone(),
            columns: columns.clone(),
            keeps_types: *keeps_types,
        })
    }

    /// What its readings see.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Lets every reading from now on see what those of other tables see.
    pub(super) fn share(&self, snapshot: &Snapshot) {
        *self.0.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
    }

    /// Notes that the database has told of its rows as they were at a moment of the snapshot.
    pub(super) fn note_told(&self, at: i64) {
        self.snapshot().note(&self.0.display_name(), at, None);
    }

    /// Whether a session does not see all of its rows, because it has other files since.
    pub(super) async fn is_remade(&self, session: &Session) -> Result<bool> {
        self.0.is_remade(session).await
    }

    fn plan(
        &self,
        session: &dyn PlanningSession,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut scan = Scan::new(&self.0, projection, limit)?;
        if reads_in_order(session) {
            (scan.connections, scan.is_in_order) = (1, true);
        }
        scan.deadline = session.config().get_extension::<Deadline>();
        let scan = Arc::new(scan);
        let schema = Arc::clone(&scan.schema);
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(ScanStream(scan))], None, [], false, limit)?))
    }
}

// Written without the macro: the future is ready at once, so there is nothing for it to carry.
impl TableProvider for PostgresTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.arrow_schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows = usize::try_from(self.0.estimated_rows?).ok()?;
        Some(Statistics { num_rows: Precision::Inexact(rows), ..Statistics::new_unknown(&self.0.arrow_schema) })
    }

    fn scan<'table, 'session, 'projection, 'filters, 'future>(
        &'table self,
        session: &'session dyn PlanningSession,
        projection: Option<&'projection Vec<usize>>,
        _filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>, DataFusionError>> + Send + 'future>>
    where
        'table: 'future,
        'session: 'future,
        'projection: 'future,
        'filters: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(self.plan(session, projection, limit)))
    }
}

impl Source {
    fn display_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    fn purpose(&self) -> String {
        format!("read `{}`", self.display_name())
    }

    fn select(&self, columns: &[SourceColumn], noted: Option<&str>, pages: Option<&Pages>, limit: Option<usize>) -> String {
        let noted = noted.map(str::to_owned);
        let expressions: Vec<String> = columns.iter().map(SourceColumn::expression).chain(noted).collect();
        let conditions: Vec<String> = pages.map(Pages::condition).into_iter().chain(self.progress.rows()).collect();
        let rows = if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
        let limit = limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
        format!("select {} from {}.{}{rows}{limit}", expressions.join(", "), quoted(&self.schema), quoted(&self.name))
    }

    /// Connects as often as the table is worth it. All sessions see the table at the same moment, and work as `how` says.
    async fn sessions(&self, connections: usize, how: &str) -> Result<Sessions> {
        let (Seen { session, name, at }, apart) = self.first(how).await?;
        let connections = if apart == Some(Apart::Servers) { 1 } else { connections };
        let ranges = if connections > 1 { Pages::shared_out(self.pages(&session).await?, connections) } else { Vec::new() };
        if ranges.len() < 2 {
            return Ok(Sessions { all: vec![(session, None)], at, apart });
        }
        let others = try_join_all(ranges[1..].iter().map(|_| self.join(&name, how))).await?;
        let Some(others) = others.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(Sessions { all: vec![(session, None)], at, apart });
        };
        let all = std::iter::once(session).chain(others).zip(ranges.into_iter().map(Some)).collect();
        Ok(Sessions { all, at, apart })
    }

    /// The first session, and why it does not see what readings of other tables see where it does not.
    async fn first(&self, how: &str) -> Result<(Seen, Option<Apart>)> {
        let apart = match self.snapshot().see(&self.server).await? {
            Err(apart) => apart,
            Ok(seen) => {
                self.prepare(&seen.session, how).await?;
                if !self.is_remade(&seen.session).await? {
                    return Ok((seen, None));
                }
                seen.session.close().await;
                Apart::Remade
            }
        };
        for _ in 0..ATTEMPTS {
            let seen = self.see_locked(how).await?;
            if !self.is_remade(&seen.session).await? {
                return Ok((seen, Some(apart)));
            }
            seen.session.close().await;
        }
        Err(Error::passing(format!("cannot {}", self.purpose()))
            .code("HW206")
            .because("each time, somebody had truncated, rewritten, refreshed or made it anew before its rows could be seen")
            .help("run again once that is done"))
    }

    /// A session that sees the database as of a moment of its own. The table is locked before: a moment that begins while somebody exchanges it
    /// would see nothing of it.
    async fn see_locked(&self, how: &str) -> Result<Seen> {
        let session = self.server.connect().await?;
        self.prepare(&session, how).await?;
        self.lock(&session).await?;
        Seen::by(session, &self.server).await
    }

    /// Keeps others from exchanging the table. Materialized and some other views cannot be locked.
    async fn lock(&self, session: &Session) -> Result<()> {
        let (schema, name) = (quoted(&self.schema), quoted(&self.name));
        let lock = format!("savepoint unlocked; lock table {schema}.{name} in access share mode; release savepoint unlocked");
        match session.client.batch_execute(&lock).await {
            Err(error) if error.as_db_error().is_some() => {
                self.prepare(session, "rollback to savepoint unlocked; release savepoint unlocked").await
            }
            locked => locked.explained(&self.server, || self.purpose()),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether rows may be missing in what a session sees, because the table has other files since. Until the session ends it gets no more of them.
    async fn is_remade(&self, session: &Session) -> Result<bool> {
        let touch = self.select(&self.columns, None, None, Some(0));
        session.client.batch_execute(&touch).await.explained(&self.server, || self.purpose())?;
        session.has_locked_remade(&self.server, || self.purpose()).await
    }

    async fn prepare(&self, session: &Session, how: &str) -> Result<()> {
        if how.is_empty() {
            return Ok(());
        }
        session.client.batch_execute(how).await.explained(&self.server, || self.purpose())
    }

    async fn pages(&self, session: &Session) -> Result<u64> {
        let sql = "select pg_relation_size($1::oid) / current_setting('block_size')::int8";
        let row = session.client.query_one(sql, &[&self.oid]).await.explained(&self.server, || self.purpose())?;
        let pages: Option<i64> = row.try_get(0).explained(&self.server, || self.purpose())?;
        Ok(pages.and_then(|pages| u64::try_from(pages).ok()).unwrap_or_default())
    }

    /// A session that reads a part of the table beside the first one. `None` where somebody waits to exchange it: it would wait for him, and he for
    /// the first.
    async fn join(&self, snapshot: &str, how: &str) -> Result<Option<Session>> {
        let session = self.server.join(snapshot).await?.ok_or_else(|| {
            Error::passing(format!("cannot {}", self.purpose()))
                .code("HW206")
                .because("the connection was lost by which all others see the table as of one moment")
                .help("run again; where connections lead to several servers, set `connections: 1`")
        })?;
        self.prepare(&session, how).await?;
        let touch = self.select(&self.columns, None, None, Some(0));
        let touched = session.client.batch_execute(&format!("set local lock_timeout to '1s'; {touch}; reset lock_timeout")).await;
        match touched {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(None),
            touched => touched.explained(&self.server, || self.purpose()).map(|()| Some(session)),
        }
    }
}

/// Sessions that read a table together.
struct Sessions {
    all: Vec<(Session, Option<Pages>)>,
    /// The moment that they see, in microseconds since 1970.
    at: i64,
    /// Why it is another one than that of other tables.
    apart: Option<Apart>,
}

/// A range of pages of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pages {
    from: u64,
    /// The first page that is no longer part of it; `None` for the last range.
    to: Option<u64>,
}

impl Pages {
    /// Shares `pages` out between at most `connections`.
    fn shared_out(pages: u64, connections: usize) -> Vec<Self> {
        let parts = (pages / PAGES_PER_CONNECTION).clamp(1, connections as u64);
        let edge = |part: u64| pages * part / parts;
        (0..parts).map(|part| Self { from: edge(part), to: (part + 1 < parts).then(|| edge(part + 1)) }).collect()
    }

    fn condition(&self) -> String {
        let Self { from, to } = self;
        match to {
            Some(to) => format!("ctid >= '({from},0)'::tid and ctid < '({to},0)'::tid"),
            None => format!("ctid >= '({from},0)'::tid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_shared_out_without_gap_or_overlap() {
        let pages = |from, to| Pages { from, to };
        assert_eq!(Pages::shared_out(0, 4), [pages(0, None)]);
        assert_eq!(Pages::shared_out(255, 4), [pages(0, None)]);
        assert_eq!(Pages::shared_out(1000, 3), [pages(0, Some(333)), pages(333, Some(666)), pages(666, None)]);
        assert_eq!(pages(5, Some(9)).condition(), "ctid >= '(5,0)'::tid and ctid < '(9,0)'::tid");
    }
}
