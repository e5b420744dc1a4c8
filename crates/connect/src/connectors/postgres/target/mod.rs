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

use std::pin::pin;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hw_base::{BoxFuture, Engine, Input, MORE, Reader, Result, Settings, Shipment, Shipped, Value, literal};
use hw_engine::{LocalEngine, Query};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::CopyInSink;

use super::errors::undelivered;
use super::server::{Server, Session};
use super::{default_schema, quoted};
use crate::connectors::{Place, Target};
use columns::{PresentColumn, TargetColumn, to_add};
use encode::Encoder;
use merge::{Merge, Sent};
use relation::{Partition, Relation};
use standing::Standing;

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
const SETTINGS: &str = "set timezone to 'UTC'; set datestyle to 'ISO, YMD'; set standard_conforming_strings to on; \
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

    async fn bring(&self, shipment: &Shipment, engine: &LocalEngine) -> Result<Option<Shipped>> {
        let url = (self.place.secrets)(&self.settings.url)?;
        let server = Server::at(&url)?;
        let session = server.open().await?;
        let table = Relation::of(&shipment.placement.table, &self.settings.schema);
        let delivery = Delivery { server: &server, session: &session, table, shipment, engine };
        let done = delivery.carry_out().await;
        // What is not committed is undone by the end of the session.
        session.close().await;
        done
    }
}

impl Target for PostgresTarget {
    fn deliver<'a>(&'a self, shipment: &'a Shipment, engine: &'a LocalEngine) -> BoxFuture<'a, Result<Option<Shipped>>> {
        Box::pin(self.bring(shipment, engine))
    }
}

/// A delivery that goes on.
struct Delivery<'a> {
    server: &'a Server,
    session: &'a Session,
    table: Relation,
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

/// What the database has of a table.
struct Present {
    standing: Standing,
    columns: Vec<PresentColumn>,
}

impl Delivery<'_> {
    async fn carry_out(&self) -> Result<Option<Shipped>> {
        self.execute(SETTINGS).await?;
        if self.is_current().await? {
            return Ok(None);
        }
        self.make_room().await?;
        match self.attempt(Sent::Differing).await? {
            Attempt::Done(shipped) => Ok(shipped),
            Attempt::NeedsAll => {
                self.execute("rollback").await?;
                match self.attempt(Sent::Whole).await? {
                    Attempt::Done(shipped) => Ok(shipped),
                    Attempt::NeedsAll => Err(hw_base::Error::bug(format!("all rows of `{}` do not suffice", self.table))),
                }
            }
        }
    }

    /// Whether nothing has to be done, as far as can be seen without a lock.
    async fn is_current(&self) -> Result<bool> {
        if !self.exists(&standing::versions(&self.table)).await? || !self.exists(&self.table).await? {
            return Ok(false);
        }
        Ok(self.standing().await?.is_some_and(|standing| standing == Standing::after(self.shipment)))
    }

    /// Makes the schema and the table that tells the versions, where they are not there.
    async fn make_room(&self) -> Result<()> {
        let versions = standing::versions(&self.table);
        if self.exists(&versions).await? {
            return Ok(());
        }
        self.execute("begin").await?;
        self.lock(&versions).await?;
        let schema = &self.table.schema;
        let known = self.texts(&format!("select nspname::text from pg_namespace where nspname = {}", literal(schema))).await?;
        if known.is_empty() {
            self.execute(&format!("create schema {}", quoted(schema))).await?;
        }
        if !self.exists(&versions).await? {
            self.execute(&standing::creation(&self.table)).await?;
        }
        self.execute("commit").await
    }

    /// One transaction that sends all rows, or those that differ where that is possible.
    async fn attempt(&self, most: Sent) -> Result<Attempt> {
        self.execute("begin").await?;
        self.lock(&self.table).await?;
        let present = self.present().await?;
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
        standing.goes_on_to(&self.table, &wanted)?;
        let added = to_add(&self.table, &known, &columns)?;
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
            for column in added {
                self.execute(&format!("alter table {} add column {}", self.table.sql(), column.definition())).await?;
            }
            Shipped { sent, ..self.merge(&columns, Sent::Whole).await? }
        };
        self.end(&wanted, Shipped { before, ..shipped }).await
    }

    /// The first delivery: nobody reads the table yet, so the rows come into it directly.
    async fn first(&self, query: Query<'_>, columns: &[TargetColumn]) -> Result<Shipped> {
        let placement = &self.shipment.placement;
        self.execute(&self.table.creation(columns, placement)).await?;
        if let Some(partition) = &placement.partition {
            let column = hw_base::identifier(&partition.by);
            let sql = format!("select distinct cast(date_trunc('{}', {column}) as date) from {RELEASED}", partition.every.name());
            let reader = Reader { sql, ..whole(self.shipment, self.shipment.release.version) };
            let found = self.engine.query(&reader, MOST_PARTITIONS).await?.rows;
            let first = |row: &Vec<Value>| match row.first() {
                Some(Value::Text(day)) => Some(day.clone()),
                _ => None,
            };
            self.make_partitions(&found.iter().map(first).collect::<Vec<_>>()).await?;
        }
        let sent = self.copy(query, columns, &self.table.sql()).await?;
        if let Some(key) = self.table.key(placement) {
            self.execute(&key).await?;
        }
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
        if self.shipment.placement.key.is_empty() && !self.texts(&has_removed).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(Shipped { sent, ..self.merge(columns, Sent::Differing).await? }))
    }

    /// Sends rows into a table of the session.
    async fn send(&self, query: Query<'_>, columns: &[TargetColumn]) -> Result<u64> {
        let definitions: Vec<String> = columns.iter().map(TargetColumn::definition).collect();
        self.execute(&format!("create temporary table headworks_staging ({}) on commit drop", definitions.join(", "))).await?;
        let rows = self.copy(query, columns, STAGING).await?;
        // Nobody else counts the rows of such a table, and the merge has to be planned.
        self.execute(&format!("analyze {STAGING}")).await?;
        Ok(rows)
    }

    /// Brings the table to what was sent.
    async fn merge(&self, columns: &[TargetColumn], sent: Sent) -> Result<Shipped> {
        let key = &self.shipment.placement.key;
        let merge = Merge { table: &self.table, sent_to: STAGING, columns, key, sent };
        self.partitions_of_sent(sent).await?;
        let mut shipped = Shipped { is_whole: sent == Sent::Whole, ..Shipped::default() };
        if let Some(sql) = merge.removes() {
            shipped.removed = self.count(&sql).await?;
        }
        if let Some(sql) = merge.changes() {
            shipped.changed = self.count(&sql).await?;
        }
        shipped.added = self.count(&merge.adds()).await?;
        Ok(shipped)
    }

    /// Makes the partitions that rows need which were sent.
    async fn partitions_of_sent(&self, sent: Sent) -> Result<()> {
        let Some(partition) = &self.shipment.placement.partition else { return Ok(()) };
        let wanted = if sent == Sent::Differing { format!(" where {MORE} > 0") } else { String::new() };
        let unit = partition.every.name();
        let sql = format!("select distinct date_trunc('{unit}', {})::date::text from {STAGING}{wanted}", quoted(&partition.by));
        self.make_partitions(&self.optional_texts(&sql).await?).await
    }

    async fn make_partitions(&self, firsts: &[Option<String>]) -> Result<()> {
        let Some(partition) = &self.shipment.placement.partition else { return Ok(()) };
        for first in firsts {
            let part = Partition::of(&self.table, partition.every, first.as_deref())?;
            if !self.exists(&part.table).await? {
                self.execute(&part.creation(&self.table)).await?;
            }
        }
        Ok(())
    }

    /// Makes indexes that are not there, notes the version down, and lets readers see it.
    async fn end(&self, now: &Standing, shipped: Shipped) -> Result<Attempt> {
        for columns in &self.shipment.placement.indexes {
            self.execute(&self.table.index(columns)).await?;
        }
        self.execute(&now.note(&self.table, &self.shipment.run)).await?;
        self.execute("commit").await?;
        Ok(Attempt::Done(Some(shipped)))
    }

    /// Copies the rows of a query into a table. Memory holds one batch and about 256 KiB of its bytes at a time.
    async fn copy(&self, query: Query<'_>, columns: &[TargetColumn], to: &str) -> Result<u64> {
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!("copy {to} ({}) from stdin (format binary)", names.join(", "));
        let sink: CopyInSink<Bytes> = self.session.client.copy_in(&sql).await.map_err(|error| self.told(&error))?;
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
                return Err(self.told(&told));
            }
        }
        let last = sink.feed(encoder.finish()).await;
        let finished = sink.finish().await.map_err(|error| self.told(&error))?;
        last.map(|()| finished).map_err(|error| self.told(&error))
    }

    /// Waits for its turn. The lock ends with the transaction.
    async fn lock(&self, table: &Relation) -> Result<()> {
        let name = literal(&format!("headworks {table}"));
        self.texts(&format!("select pg_advisory_xact_lock(hashtextextended({name}, 0))::text")).await.map(drop)
    }

    /// What the database has of the table; `None` where it is not there.
    async fn present(&self) -> Result<Option<Present>> {
        if !self.exists(&self.table).await? {
            return Ok(None);
        }
        let standing = self.standing().await?.ok_or_else(|| standing::foreign(&self.table))?;
        let sql = format!(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute \
             where attrelid = to_regclass({}) and attnum > 0 and not attisdropped order by attnum",
            literal(&self.table.sql())
        );
        let rows = self.session.client.query(&sql, &[]).await.map_err(|error| self.told(&error))?;
        let column = |row: &tokio_postgres::Row| Ok(PresentColumn { name: row.try_get(0)?, declared: row.try_get(1)? });
        let columns: Result<_, tokio_postgres::Error> = rows.iter().map(column).collect();
        Ok(Some(Present { standing, columns: columns.map_err(|error| self.told(&error))? }))
    }

    async fn standing(&self) -> Result<Option<Standing>> {
        let row = self.session.client.query_opt(&standing::query(&self.table), &[]).await;
        let read = |row: tokio_postgres::Row| {
            Ok(Standing {
                project: row.try_get(0)?,
                model: row.try_get(1)?,
                id: row.try_get(2)?,
                version: row.try_get(3)?,
                layout: row.try_get(4)?,
                indexes: row.try_get(5)?,
            })
        };
        row.and_then(|row| row.map(read).transpose()).map_err(|error| self.told(&error))
    }

    async fn exists(&self, table: &Relation) -> Result<bool> {
        let sql = format!("select to_regclass({})::text", literal(&table.sql()));
        Ok(self.optional_texts(&sql).await?.into_iter().flatten().next().is_some())
    }

    /// The first column of a query that returns texts.
    async fn texts(&self, sql: &str) -> Result<Vec<String>> {
        Ok(self.optional_texts(sql).await?.into_iter().flatten().collect())
    }

    async fn optional_texts(&self, sql: &str) -> Result<Vec<Option<String>>> {
        let rows = self.session.client.query(sql, &[]).await.map_err(|error| self.told(&error))?;
        rows.iter().map(|row| row.try_get(0).map_err(|error| self.told(&error))).collect()
    }

    /// Executes a statement, and returns how many rows it was about.
    async fn count(&self, sql: &str) -> Result<u64> {
        self.session.client.execute(sql, &[]).await.map_err(|error| self.told(&error))
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.session.client.batch_execute(sql).await.map_err(|error| self.told(&error))
    }

    fn told(&self, error: &tokio_postgres::Error) -> hw_base::Error {
        undelivered(self.server, error, &self.table.schema, &self.table.to_string())
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
