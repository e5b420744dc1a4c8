//! PostgreSQL as a target: a table that shows what a table of the warehouse shows.
//!
//! Everything happens in one transaction: the rows come by binary `COPY`, the table is made or changed, and its version is noted down
//! beside it. Whoever reads the table sees the version before or the one after, and what is broken off has never been. An
//! advisory lock lets one delivery after the other look what the table shows, so that each version arrives once.
//!
//! Rows come into a table of the session and are merged from there, so the table itself stays, with its grants, constraints, indexes
//! and whatever looks at it. Where both versions can be read, and a key tells rows apart, only the rows in which they differ are sent.

mod columns;
mod encode;
mod merge;
mod relation;
mod standing;
mod table;

use std::pin::pin;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hw_base::{
    BoxFuture, Built, Column, Engine, Input, MORE, Placement, PushDown, Pushed, Reader, Result, Settings, Shipment, Shipped, Value, Watched,
};
use hw_engine::{LiveTables, LocalEngine, Query};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::CopyInSink;

use super::server::Server;
use super::{default_schema, push_down, quoted};
use crate::connectors::{Place, Target};
use crate::types::sql_type_to_arrow;
pub(super) use columns::{TargetColumn, to_add};
use encode::Encoder;
pub(super) use merge::Sent;
pub(super) use relation::{Relation, indexes, layout};
pub(super) use standing::Standing;
use table::Present;
pub(super) use table::TargetTable;

/// A PostgreSQL database that tables are delivered to, version 12 or later.
///
/// Holds the URL as the project writes it, which may be a secret: no `Debug`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTargetSettings {
    /// Where the database is: `postgres://user:password@host:5432/database?sslmode=verify-full`, best as a reference such as
    /// `${env:REPORTING_URL}`. It is read like the `url` of a source.
    pub url: String,
    /// The schema of tables that name none.
    #[serde(default = "default_schema")]
    pub schema: String,
}

/// The first words of every session. Texts are written the same everywhere, no limit made for short queries ends a delivery, and none
/// waits so long for a lock that readers pile up behind it.
pub(super) const SETTINGS: &str = "set timezone to 'UTC'; set datestyle to 'ISO, YMD'; set standard_conforming_strings to on; \
    set client_min_messages to warning; set search_path to pg_catalog; set statement_timeout to 0; \
    set idle_in_transaction_session_timeout to 0; set lock_timeout to '10s'";
/// Where rows wait that were sent.
const STAGING: &str = "pg_temp.headworks_staging";
/// Bytes that are sent at once.
const CHUNK: usize = 256 << 10;
/// The most partitions that one delivery makes.
const MOST_PARTITIONS: usize = 100_000;

/// A database that tables are delivered to.
pub(super) struct PostgresTarget {
    settings: PostgresTargetSettings,
    place: Place,
}

impl PostgresTarget {
    /// Reads the settings of a target. Nothing is opened yet.
    pub(super) fn read(settings: &Settings, place: Place) -> Result<Self> {
        Ok(Self { settings: settings.read()?, place })
    }

    fn server(&self) -> Result<Server> {
        Server::at(&(self.place.secrets)(&self.settings.url)?)
    }

    fn relation(&self, placement: &Placement) -> Relation {
        Relation::of(&placement.table, &self.settings.schema)
    }

    async fn bring(&self, shipment: &Shipment, engine: &LocalEngine) -> Result<Option<Shipped>> {
        let server = self.server()?;
        let session = server.open().await?;
        let relation = self.relation(&shipment.placement);
        let table = TargetTable { server: &server, session: &session, relation: &relation, placement: &shipment.placement };
        let delivery = Delivery { table, shipment, engine };
        let done = delivery.carry_out().await;
        // What is not committed is undone by the end of the session.
        session.close().await;
        done
    }

    /// Looks whether the table takes rows with these columns, as far as SQL has words for their types.
    async fn look(&self, placement: &Placement, columns: &[Column]) -> Result<()> {
        let (server, relation) = (self.server()?, self.relation(placement));
        let session = server.open().await?;
        let table = TargetTable { server: &server, session: &session, relation: &relation, placement };
        let present = table.looked_at().await;
        session.close().await;
        let Some(Present { columns: mut known, .. }) = present? else { return Ok(()) };
        let typed = columns.iter().map(|column| (&column.name, sql_type_to_arrow(&column.sql_type)));
        let (named, nameless): (Vec<_>, Vec<_>) = typed.partition(|(_, data_type)| data_type.is_some());
        known.retain(|column| nameless.iter().all(|(name, _)| **name != column.name));
        let wanted: Vec<TargetColumn> =
            named.iter().filter_map(|(name, data_type)| Some(TargetColumn::new(name, data_type.as_ref()?))).collect();
        to_add(&relation, &known, &wanted).map(drop)
    }
}

impl Target for PostgresTarget {
    fn deliver<'a>(&'a self, shipment: &'a Shipment, engine: &'a LocalEngine) -> BoxFuture<'a, Result<Option<Shipped>>> {
        Box::pin(self.bring(shipment, engine))
    }

    fn takes<'a>(&'a self, placement: &'a Placement, columns: &'a [Column]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.look(placement, columns))
    }

    fn try_push_down<'a>(&'a self, order: &'a PushDown, live: &'a LiveTables) -> BoxFuture<'a, Result<Watched>> {
        Box::pin(async move { push_down::try_push_down(&self.server()?, order, live) })
    }

    fn push_down<'a>(&'a self, order: &'a PushDown, live: &'a LiveTables) -> BoxFuture<'a, Result<Box<dyn Pushed>>> {
        let relation = self.relation(&order.placement);
        Box::pin(async move { push_down::push_down((self.server()?, relation, &self.settings.schema), order, live).await })
    }

    fn built<'a>(&'a self, placement: &'a Placement) -> BoxFuture<'a, Result<Option<Built>>> {
        Box::pin(async move { push_down::built(&self.server()?, &self.relation(placement), placement).await })
    }
}

/// A delivery that goes on.
struct Delivery<'a> {
    table: TargetTable<'a>,
    shipment: &'a Shipment,
    engine: &'a LocalEngine,
}

/// How an attempt ended.
enum Attempt {
    /// Well.
    Done(Option<Shipped>),
    /// What differs cannot be told, or cannot be taken out: all rows have to be sent.
    NeedsAll,
}

impl Delivery<'_> {
    async fn carry_out(&self) -> Result<Option<Shipped>> {
        self.table.execute(SETTINGS).await?;
        if self.is_current().await? {
            return Ok(None);
        }
        self.table.make_room().await?;
        match self.attempt(Sent::Differing).await? {
            Attempt::Done(shipped) => Ok(shipped),
            Attempt::NeedsAll => {
                self.table.execute("rollback").await?;
                match self.attempt(Sent::Whole).await? {
                    Attempt::Done(shipped) => Ok(shipped),
                    Attempt::NeedsAll => Err(hw_base::Error::bug(format!("all rows of `{}` do not suffice", self.table.relation))),
                }
            }
        }
    }

    /// Whether nothing has to be done, as far as can be seen without a lock.
    async fn is_current(&self) -> Result<bool> {
        Ok(self.table.shown().await?.is_some_and(|(standing, _)| standing == Standing::after(self.shipment)))
    }

    /// One transaction that sends all rows, or those that differ where that is possible.
    async fn attempt(&self, most: Sent) -> Result<Attempt> {
        self.table.execute("begin").await?;
        self.table.lock(self.table.relation).await?;
        let present = self.table.present().await?;
        let wanted = Standing::after(self.shipment);
        if present.as_ref().is_some_and(|present| present.standing == wanted) {
            return Ok(Attempt::Done(None));
        }
        let release = &self.shipment.release;
        let reader = whole(self.shipment, release.version);
        let query = self.engine.prepare(&reader).await?;
        let columns = TargetColumn::all(&query.schema());
        let Some(Present { standing, columns: known }) = present else {
            let shipped = self.first(query, &columns).await?;
            return self.end(&wanted, shipped).await;
        };
        standing.goes_on_to(self.table.relation, &wanted)?;
        if standing.id != wanted.id {
            self.refuse_of_others().await?;
        }
        let added = to_add(self.table.relation, &known, &columns)?;
        let before = Some(standing.version);
        let goes_on = standing.id == wanted.id && added.is_empty();
        if goes_on && standing.version == wanted.version {
            return self.end(&wanted, Shipped { before, ..Shipped::default() }).await;
        }
        let can_tell = !self.shipment.placement.key.is_empty() || self.shipment.only_grows;
        let shipped = if most == Sent::Differing && can_tell && goes_on {
            match self.differing(standing.version, &columns).await? {
                Some(shipped) => shipped,
                None => return Ok(Attempt::NeedsAll),
            }
        } else {
            let sent = self.send(query, &columns).await?;
            self.table.add(&added).await?;
            Shipped { sent, ..self.table.merge(&columns, STAGING, Sent::Whole).await? }
        };
        self.end(&wanted, Shipped { before, ..shipped }).await
    }

    /// Refuses a table that shows what another warehouse has, where this ledger has not delivered it.
    async fn refuse_of_others(&self) -> Result<()> {
        let run = self.table.texts(&standing::run(self.table.relation)).await?.pop().unwrap_or_default();
        if self.shipment.own_runs.contains(&run) { Ok(()) } else { Err(standing::of_others(self.table.relation, &run, &self.shipment.run)) }
    }

    /// The first delivery: nobody reads the table yet, so the rows come into it directly.
    async fn first(&self, query: Query<'_>, columns: &[TargetColumn]) -> Result<Shipped> {
        self.table.create(columns).await?;
        if let Some(partition) = &self.shipment.placement.partition {
            let first_day = hw_base::first_day(partition.every.name(), &hw_base::identifier(&partition.by));
            let sql = format!("select distinct {first_day} from {RELEASED}");
            let reader = Reader { sql, ..whole(self.shipment, self.shipment.release.version) };
            let found = self.engine.query(&reader, MOST_PARTITIONS).await?.rows;
            let first = |row: &Vec<Value>| match row.first() {
                Some(Value::Text(day)) => Some(day.clone()),
                _ => None,
            };
            self.table.make_partitions(&found.iter().map(first).collect::<Vec<_>>(), partition.every).await?;
        }
        let sent = self.copy(query, columns, &self.table.relation.sql()).await?;
        self.table.guard_key().await?;
        Ok(Shipped { before: None, is_whole: true, sent, added: sent, changed: 0, removed: 0 })
    }

    /// Sends the rows in which two versions differ; `None` where they cannot be told, or a row is gone and no key tells which.
    async fn differing(&self, before: i64, columns: &[TargetColumn]) -> Result<Option<Shipped>> {
        let reader = difference(self.shipment, before);
        let Ok(query) = self.engine.prepare(&reader).await else { return Ok(None) };
        let mut found = TargetColumn::all(&query.schema());
        let Some(side) = found.iter().position(|column| column.name == MORE) else { return Ok(None) };
        let more = found.remove(side);
        if found.iter().any(|column| !columns.contains(column)) || found.len() != columns.len() {
            return Ok(None);
        }
        found.insert(side, more);
        let sent = match self.send(query, &found).await {
            // A file of the version before may be gone.
            Err(error) if error.known_code() != Some("HW206") && error.known_code() != Some("HW207") => return Ok(None),
            sent => sent?,
        };
        let has_removed = format!("select '' from {STAGING} where {MORE} < 0 limit 1");
        if self.shipment.placement.key.is_empty() && !self.table.texts(&has_removed).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(Shipped { sent, ..self.table.merge(columns, STAGING, Sent::Differing).await? }))
    }

    /// Sends rows into a table of the session.
    async fn send(&self, query: Query<'_>, columns: &[TargetColumn]) -> Result<u64> {
        self.table.make_temporary("headworks_staging", columns).await?;
        let rows = self.copy(query, columns, STAGING).await?;
        // Nobody else counts the rows of such a table, and the merge has to be planned.
        self.table.execute(&format!("analyze {STAGING}")).await?;
        Ok(rows)
    }

    /// Notes the version down, and lets readers see it.
    async fn end(&self, now: &Standing, shipped: Shipped) -> Result<Attempt> {
        self.table.end(now, &self.shipment.run).await?;
        Ok(Attempt::Done(Some(shipped)))
    }

    /// Copies the rows of a query into a table. Memory holds one batch and about 256 KiB of its bytes at a time.
    async fn copy(&self, query: Query<'_>, columns: &[TargetColumn], to: &str) -> Result<u64> {
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!("copy {to} ({}) from stdin (format binary)", names.join(", "));
        let sink: CopyInSink<Bytes> = self.table.session.client.copy_in(&sql).await.map_err(|error| self.table.told(&error))?;
        let mut sink = pin!(sink);
        let mut rows = query.rows().await?;
        let mut encoder = Encoder::new(columns);
        while let Some(batch) = rows.next().await {
            encoder.add(&batch?)?;
            if encoder.len() >= CHUNK
                && let Err(error) = sink.feed(encoder.take()).await
            {
                // The server says why, the broken pipe does not.
                let told = sink.as_mut().finish().await.err().unwrap_or(error);
                return Err(self.table.told(&told));
            }
        }
        let last = sink.feed(encoder.finish()).await;
        let finished = sink.finish().await.map_err(|error| self.table.told(&error))?;
        last.map(|()| finished).map_err(|error| self.table.told(&error))
    }
}

/// The name of the released version in queries.
const RELEASED: &str = "released";

/// A version of the table that is delivered.
fn version(shipment: &Shipment, name: &str, version: i64) -> Input {
    Input::Table {
        name: name.into(),
        table: shipment.release.table.clone(),
        version: Some(version),
        after_batch: None,
        up_to_batch: None,
        hides_origin: false,
    }
}

/// All rows of a version.
fn whole(shipment: &Shipment, number: i64) -> Reader {
    Reader { sql: format!("select * from {RELEASED}"), inputs: vec![version(shipment, RELEASED, number)], file: None }
}

/// The rows in which the released version differs from the one before.
fn difference(shipment: &Shipment, before: i64) -> Reader {
    let differing = Input::Difference {
        name: RELEASED.into(),
        before: Box::new(version(shipment, "before", before)),
        after: Box::new(version(shipment, "after", shipment.release.version)),
    };
    Reader { sql: format!("select * from {RELEASED}"), inputs: vec![differing], file: None }
}
