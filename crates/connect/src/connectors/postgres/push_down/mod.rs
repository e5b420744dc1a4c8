//! A model that is built inside the database: its SELECT runs there, its rules are judged there, and its rows never leave.
//!
//! Everything happens in one transaction that sees the database at one moment. The rows of the SELECT come into a table of the session,
//! where the rules on single rows are counted; a view shows the table as it would be, and all other rules are asked of it. Only when the
//! gate says so is the table changed, by the merge that deliveries use, and what it was built to is noted down beside it. An advisory lock
//! lets one build after the other look what the table shows, so each window counts once.

mod errors;
mod publish;
mod quarantine;
mod select;
mod tables;

use hw_base::{BoxFuture, Built, Keeps, PUSHED_ROWS, PUSHED_TABLE, Placement, PushDown, Pushed, Questions, Result, Shipped, Watched};
use hw_engine::LiveTables;

use super::dialect::{Named, Question};
use super::judge::{self, Asked, Count};
use super::quoted;
use super::server::Server;
use super::session::Session;
use super::target::{Relation, SETTINGS, Standing, TargetColumn, TargetTable, to_add};
use errors::{broken_off, exchanged, refused};
use quarantine::Diverted;
use tables::Tables;

/// The table of the session that has the rows of the SELECT.
const ROWS: &str = "headworks_rows";
/// The table of the session that has those of them that are no deletions.
const LIVING: &str = "headworks_living";
/// The view of the session that shows the table as it would be.
const AFTER: &str = "headworks_after";
/// What stands for the table of the warehouse beside a table that was built in place.
const IN_PLACE: &str = "built in place";

/// Looks what could be answered for the rules of an order; see [`hw_base::Targets::try_push_down`].
pub(super) fn try_push_down(server: &Server, order: &PushDown, live: &LiveTables) -> Result<Watched> {
    let mut tables = Tables::of(order, live, server)?;
    let columns = select::written(order, &order.reader.inputs, &tables)?.selected.columns;
    tables.insert(PUSHED_ROWS, ROWS, &columns);
    tables.insert(PUSHED_TABLE, AFTER, &columns);
    if let Some(living) = &order.living {
        select::living(order, living, &tables)?;
    }
    let askable = |questions: &Questions| Count::of(questions, &tables.0).map(|count| judge::askable(&count, questions, &tables.0));
    Ok(askable(&order.of_rows).unwrap_or_default().and(askable(&order.of_table).unwrap_or_default()))
}

/// What a table was built to last; see [`hw_base::Targets::built`].
pub(super) async fn built(server: &Server, relation: &Relation, placement: &Placement) -> Result<Option<Built>> {
    let session = server.open().await?;
    let table = TargetTable { server, session: &session, relation, placement };
    table.execute(SETTINGS).await?;
    let shown = table.shown().await;
    session.close().await;
    let built = |(standing, run): (Standing, String)| (standing.id == IN_PLACE).then_some(Built { window: standing.version, run });
    Ok(shown?.and_then(built))
}

/// Runs the SELECT of an order, whose table is `relation`; see [`hw_base::Targets::push_down`].
pub(super) async fn push_down(
    (server, relation, schema): (Server, Relation, &str),
    order: &PushDown,
    live: &LiveTables,
) -> Result<Box<dyn Pushed>> {
    let tables = Tables::of(order, live, &server)?;
    let session = server.open().await?;
    let table = TargetTable { server: &server, session: &session, relation: &relation, placement: &order.placement };
    match (Running { table, order, schema, tables }).worked_out().await {
        Ok(found) => Ok(Box::new(Load { server, session, relation, order: order.clone(), found })),
        Err(error) => {
            // What is not committed is undone by the end of the session.
            session.close().await;
            Err(error)
        }
    }
}

/// An order that is carried out.
struct Running<'a> {
    table: TargetTable<'a>,
    order: &'a PushDown,
    schema: &'a str,
    tables: Tables,
}

/// Rows of a SELECT that wait for the verdict.
struct Load {
    server: Server,
    session: Session,
    relation: Relation,
    order: PushDown,
    found: Found,
}

/// The tables of the session that have rows for the table.
#[derive(Clone, Copy)]
struct Arriving {
    /// All that no rule keeps out, deletions among them.
    all: &'static str,
    /// Those that are no deletions.
    living: &'static str,
}

/// What was worked out.
struct Found {
    /// The columns of the table.
    columns: Vec<TargetColumn>,
    /// Rows that the SELECT returned.
    rows: u64,
    /// What rules keep out.
    diverted: Diverted,
    /// All others.
    arriving: Arriving,
    /// What the table shows; `None` where it is not there.
    standing: Option<Standing>,
    /// Columns that the table does not have yet.
    added: Vec<TargetColumn>,
    watched: Watched,
    rows_after: u64,
}

impl Running<'_> {
    async fn worked_out(mut self) -> Result<Found> {
        let Self { table, order, .. } = self;
        table.execute(SETTINGS).await?;
        table.lock_session().await?;
        table.make_room().await?;
        table.server.begin_writing(table.session).await?;
        let asked = Asked::new(table.server, table.session).await?;
        if !asked.is_in_unicode().await? {
            return Err(refused(order, "the database does not hold its texts in UTF-8", "move the tables to one that does"));
        }
        let (columns, rows) = self.select(&asked).await?;
        let (of_rows, diverted) = self.rows_judged(&asked).await?;
        self.refuse_repeated_keys(diverted.kept()).await?;
        let arriving = Arriving { all: diverted.kept(), living: self.living(&columns, diverted.kept(), &asked).await? };
        let (standing, added) = self.after(&columns, arriving).await?;
        let of_table = self.answered(&asked, &order.of_table).await?;
        if table.session.has_locked_remade(table.server, || errors::purpose(order)).await? {
            return Err(exchanged(order));
        }
        let rows_after = of_table.rows;
        let watched = Watched { rows, ..of_rows.and(of_table) };
        Ok(Found { columns, rows, diverted, arriving, standing, added, watched, rows_after })
    }

    /// Lets the rows of the SELECT come into a table of the session.
    async fn select(&mut self, asked: &Asked<'_>) -> Result<(Vec<TargetColumn>, u64)> {
        let Self { table, order, schema, tables } = self;
        tables.with_made(order, schema, (table.server, table.session)).await?;
        let question = select::written(order, &tables::inputs(order, &order.reader.inputs), tables)?;
        tables.refuse_unreadable(order, table.server, table.session).await?;
        select::refuse_differing(order, &question, asked).await?;
        let Question { selected, .. } = &question;
        let columns: Vec<TargetColumn> = selected.columns.iter().map(target_column).collect();
        table.make_temporary(ROWS, &columns).await?;
        let insert = format!("insert into pg_temp.{ROWS} {}", question.sql(&[]));
        let rows = table.session.client.execute(&insert, &[]).await.map_err(|error| broken_off(order, table.server, &error))?;
        // Nobody else counts the rows of such a table, and what follows has to be planned.
        table.execute(&format!("analyze pg_temp.{ROWS}")).await?;
        tables.insert(PUSHED_ROWS, ROWS, &selected.columns);
        tables.insert(PUSHED_TABLE, AFTER, &selected.columns);
        Ok((columns, rows))
    }

    /// What was counted for the rules on single rows, and the rows that these keep out.
    async fn rows_judged(&self, asked: &Asked<'_>) -> Result<(Watched, Diverted)> {
        let watched = self.answered(asked, &self.order.of_rows).await?;
        let columns: Vec<Named> = self.tables.0.get(PUSHED_ROWS).map(named).unwrap_or_default();
        let diverted = Diverted::by(&self.questions(&self.order.of_rows), &watched, &columns, (&self.table, &self.tables)).await?;
        Ok((watched, diverted))
    }

    /// Questions whose names stand for tables that are there.
    fn questions(&self, questions: &Questions) -> Questions {
        let mut bound = questions.clone();
        let inputs = |reader: &mut hw_base::Reader| reader.inputs = tables::inputs(self.order, &reader.inputs);
        inputs(&mut bound.rows);
        for set in &mut bound.sets {
            inputs(&mut set.count);
            inputs(&mut set.examples);
        }
        bound
    }

    async fn answered(&self, asked: &Asked<'_>, questions: &Questions) -> Result<Watched> {
        let questions = self.questions(questions);
        let Some(count) = Count::of(&questions, &self.tables.0) else { return Ok(Watched::default()) };
        Ok(judge::answers(asked, &count, &questions, &self.tables.0).await?.unwrap_or_default())
    }

    /// Refuses rows of which a load by key could not tell which stays.
    async fn refuse_repeated_keys(&self, kept: &str) -> Result<()> {
        let Self { table, order, .. } = self;
        if order.merge_by.is_empty() {
            return Ok(());
        }
        let key = order.merge_by.iter().map(|column| quoted(column)).collect::<Vec<_>>();
        let missing = key.iter().map(|column| format!("{column} is null")).collect::<Vec<_>>().join(" or ");
        let list = key.join(", ");
        let repeated = format!("select ({list})::text from pg_temp.{kept} group by {list} having count(*) > 1");
        let example = table.texts(&format!("{repeated} order by 1 limit 1")).await?.pop();
        let without = table.texts(&format!("select '' from pg_temp.{kept} where {missing} limit 1")).await?.pop();
        publish::wrong_key(order, example.as_deref(), without.is_some()).map_or(Ok(()), Err)
    }

    /// The table of the session that has those of the rows in `kept` that are no deletions.
    async fn living(&mut self, columns: &[TargetColumn], kept: &'static str, asked: &Asked<'_>) -> Result<&'static str> {
        let Self { table, order, tables, .. } = self;
        let Some(living) = &order.living else { return Ok(kept) };
        let named: Vec<Named> = columns.iter().map(|column| Named { name: column.name.clone(), wire: column.wire.clone() }).collect();
        tables.insert(PUSHED_ROWS, kept, &named);
        let question = select::living(order, living, tables)?;
        select::refuse_differing(order, &question, asked).await?;
        table.make_temporary(LIVING, columns).await?;
        table.execute(&format!("insert into pg_temp.{LIVING} {}; analyze pg_temp.{LIVING}", question.sql(&[]))).await?;
        Ok(LIVING)
    }

    /// Makes the view that shows the table as it would be.
    async fn after(&self, columns: &[TargetColumn], arriving: Arriving) -> Result<(Option<Standing>, Vec<TargetColumn>)> {
        let Self { table, order, .. } = self;
        let present = table.present().await?;
        let added: Vec<TargetColumn> = match &present {
            Some(present) => {
                present.standing.goes_on_to(table.relation, &publish::wanted(order, 0))?;
                to_add(table.relation, &present.columns, columns)?.into_iter().cloned().collect()
            }
            None => vec![],
        };
        let [arrives, stays] = if present.is_some() { self.meeting(columns, &added, arriving) } else { Default::default() };
        let names = listed(columns.iter().map(|column| quoted(&column.name)));
        let sql = format!("create temporary view {AFTER} as select {names} from pg_temp.{} as s{arrives}{stays}", arriving.living);
        table.execute(&sql).await?;
        Ok((present.map(|present| present.standing), added))
    }

    /// What follows in a query over the rows that arrive, called `s`: which of them come to a table that has rows, and which of these stay.
    fn meeting(&self, columns: &[TargetColumn], added: &[TargetColumn], arriving: Arriving) -> [String; 2] {
        let value = |column: &TargetColumn| {
            if added.contains(column) { format!("null::{}", column.declared()) } else { format!("t.{}", quoted(&column.name)) }
        };
        let same = same_key(&self.order.merge_by);
        let table = self.table.relation.sql();
        let stays = format!(" union all select {} from {table} as t", listed(columns.iter().map(value)));
        match self.order.keeps {
            Keeps::Nothing => Default::default(),
            Keeps::Others => [String::new(), format!("{stays} where not exists (select from pg_temp.{} as s where {same})", arriving.all)],
            Keeps::All => [format!(" where not exists (select from {table} as t where {same})"), stays],
        }
    }
}

/// The condition for a row of the table, called `t`, and one that arrives, called `s`, with one key. A key is never null.
fn same_key(key: &[String]) -> String {
    key.iter().map(|column| format!("t.{0} = s.{0}", quoted(column))).collect::<Vec<_>>().join(" and ")
}

/// Whether one of two queries returns a row more often than the other.
async fn differ(table: &TargetTable<'_>, one: &str, other: &str) -> Result<bool> {
    let sql = format!("select '' from (({one} except all {other}) union all ({other} except all {one})) as differing limit 1");
    Ok(!table.texts(&sql).await?.is_empty())
}

/// Expressions as SQL takes a list of them.
fn listed(expressions: impl Iterator<Item = String>) -> String {
    expressions.collect::<Vec<_>>().join(", ")
}

/// The columns of a table as a query names them.
fn named(table: &super::dialect::BaseTable) -> Vec<Named> {
    table.columns.iter().map(|column| Named { name: column.name.clone(), wire: column.wire.clone() }).collect()
}

fn target_column(column: &Named) -> TargetColumn {
    TargetColumn { name: column.name.clone(), wire: column.wire.clone() }
}

impl Pushed for Load {
    fn window(&self) -> i64 {
        self.found.standing.as_ref().map_or(0, |standing| standing.version)
    }

    fn rows(&self) -> u64 {
        self.found.rows
    }

    fn diverted(&self) -> u64 {
        self.found.diverted.rows
    }

    fn rows_after(&self) -> u64 {
        self.found.rows_after
    }

    fn watched(&self) -> &Watched {
        &self.found.watched
    }

    fn publish(&self, window: i64) -> BoxFuture<'_, Result<Option<Shipped>>> {
        Box::pin(self.published(window))
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.session.close())
    }
}
