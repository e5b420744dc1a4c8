//! A table of the database that a session changes: what there is of it, its partitions and indexes, and the merge into it.

use hw_base::{Period, Placement, Result, Shipped, literal};

use super::SETTINGS;
use super::columns::{PresentColumn, TargetColumn};
use super::merge::{Merge, Sent};
use super::relation::{Partition, Relation};
use super::standing::{self, Standing};
use crate::connectors::postgres::errors::undelivered;
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::server::Server;
use crate::connectors::postgres::session::Session;

/// A table, and the session that changes it.
#[derive(Clone, Copy)]
pub(in super::super) struct TargetTable<'a> {
    /// The server.
    pub(in super::super) server: &'a Server,
    /// The session.
    pub(in super::super) session: &'a Session,
    /// The table.
    pub(in super::super) relation: &'a Relation,
    /// How it lies there.
    pub(in super::super) placement: &'a Placement,
}

/// What the database has of a table.
pub(in super::super) struct Present {
    /// What it shows.
    pub(in super::super) standing: Standing,
    /// Its columns.
    pub(in super::super) columns: Vec<PresentColumn>,
}

impl TargetTable<'_> {
    /// Makes the schema and the table that tells the versions, where they are not there.
    pub(in super::super) async fn make_room(&self) -> Result<()> {
        let versions = standing::versions(self.relation);
        if self.exists(&versions).await? {
            return Ok(());
        }
        self.execute("begin").await?;
        self.lock(&versions).await?;
        let schema = &self.relation.schema;
        let known = self.texts(&format!("select nspname::text from pg_namespace where nspname = {}", literal(schema))).await?;
        if known.is_empty() {
            self.execute(&format!("create schema {}", quoted(schema))).await?;
        }
        if !self.exists(&versions).await? {
            self.execute(&standing::creation(self.relation)).await?;
        }
        self.execute("commit").await
    }

    /// Waits for its turn. The lock ends with the transaction.
    pub(in super::super) async fn lock(&self, table: &Relation) -> Result<()> {
        self.texts(&format!("select pg_advisory_xact_lock({})::text", lock_of(table))).await.map(drop)
    }

    /// Waits for its turn before a transaction begins, so that this sees all that the one before has done. The lock ends with the session.
    pub(in super::super) async fn lock_session(&self) -> Result<()> {
        self.texts(&format!("select pg_advisory_lock({})::text", lock_of(self.relation))).await.map(drop)
    }

    /// What the database has of the table; `None` where it is not there.
    pub(in super::super) async fn present(&self) -> Result<Option<Present>> {
        if !self.exists(self.relation).await? {
            return Ok(None);
        }
        let standing = self.standing().await?.ok_or_else(|| standing::foreign(self.relation))?;
        let sql = format!(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute \
             where attrelid = to_regclass({}) and attnum > 0 and not attisdropped order by attnum",
            literal(&self.relation.sql())
        );
        let rows = self.session.client.query(&sql, &[]).await.map_err(|error| self.told(&error))?;
        let column = |row: &tokio_postgres::Row| Ok(PresentColumn { name: row.try_get(0)?, declared: row.try_get(1)? });
        let columns: Result<_, tokio_postgres::Error> = rows.iter().map(column).collect();
        Ok(Some(Present { standing, columns: columns.map_err(|error| self.told(&error))? }))
    }

    /// The same in a session that has just begun. Nothing is made for it: where no table is there that tells versions, the delivery says what
    /// becomes of that.
    pub(super) async fn looked_at(&self) -> Result<Option<Present>> {
        self.execute(SETTINGS).await?;
        if self.exists(&standing::versions(self.relation)).await? { self.present().await } else { Ok(None) }
    }

    /// What the table shows, as the table of ours beside it says.
    pub(in super::super) async fn standing(&self) -> Result<Option<Standing>> {
        let row = self.session.client.query_opt(&standing::query(self.relation), &[]).await;
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

    /// What the table shows, and the run that brought it there; `None` where one of both tables is not there.
    pub(in super::super) async fn shown(&self) -> Result<Option<(Standing, String)>> {
        if !self.exists(&standing::versions(self.relation)).await? || !self.exists(self.relation).await? {
            return Ok(None);
        }
        let run = self.texts(&standing::run(self.relation)).await?.pop();
        Ok(self.standing().await?.zip(run))
    }

    /// Makes a table of the session, in which rows wait.
    pub(in super::super) async fn make_temporary(&self, name: &str, columns: &[TargetColumn]) -> Result<()> {
        let definitions: Vec<String> = columns.iter().map(TargetColumn::definition).collect();
        self.execute(&format!("create temporary table {name} ({}) on commit drop", definitions.join(", "))).await
    }

    /// Makes the table without a row.
    pub(in super::super) async fn create(&self, columns: &[TargetColumn]) -> Result<()> {
        self.execute(&self.relation.creation(columns, self.placement)).await
    }

    /// Adds columns.
    pub(in super::super) async fn add(&self, columns: &[&TargetColumn]) -> Result<()> {
        for column in columns {
            self.execute(&format!("alter table {} add column {}", self.relation.sql(), column.definition())).await?;
        }
        Ok(())
    }

    /// Guards the key of a table whose first rows are there, or lets it be found.
    pub(in super::super) async fn guard_key(&self) -> Result<()> {
        match self.relation.key(self.placement) {
            Some(key) => self.execute(&key).await,
            None => Ok(()),
        }
    }

    /// Brings the table to what lies in another one.
    pub(in super::super) async fn merge(&self, columns: &[TargetColumn], sent_to: &str, sent: Sent) -> Result<Shipped> {
        let merge = Merge { table: self.relation, sent_to, columns, key: &self.placement.key, sent };
        self.partitions_of(&merge).await?;
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
    async fn partitions_of(&self, merge: &Merge<'_>) -> Result<()> {
        let Some(partition) = &self.placement.partition else { return Ok(()) };
        let unit = partition.every.name();
        let sql = format!("select distinct date_trunc('{unit}', s.{})::date::text from {}", quoted(&partition.by), merge.arriving());
        self.make_partitions(&self.optional_texts(&sql).await?, partition.every).await
    }

    /// Makes partitions that are not there, each by the first day of its time.
    pub(in super::super) async fn make_partitions(&self, firsts: &[Option<String>], every: Period) -> Result<()> {
        for first in firsts {
            let part = Partition::of(self.relation, every, first.as_deref())?;
            if !self.exists(&part.table).await? {
                self.execute(&part.creation(self.relation)).await?;
            }
        }
        Ok(())
    }

    /// Makes indexes that are not there, notes down what the table shows, and lets readers see it.
    pub(in super::super) async fn end(&self, now: &Standing, run: &str) -> Result<()> {
        for columns in &self.placement.indexes {
            self.execute(&self.relation.index(columns)).await?;
        }
        self.execute(&now.note(self.relation, run)).await?;
        self.execute("commit").await
    }

    /// Whether a table is there.
    pub(in super::super) async fn exists(&self, table: &Relation) -> Result<bool> {
        let sql = format!("select to_regclass({})::text", literal(&table.sql()));
        Ok(self.optional_texts(&sql).await?.into_iter().flatten().next().is_some())
    }

    /// The first column of a query that returns texts.
    pub(in super::super) async fn texts(&self, sql: &str) -> Result<Vec<String>> {
        Ok(self.optional_texts(sql).await?.into_iter().flatten().collect())
    }

    async fn optional_texts(&self, sql: &str) -> Result<Vec<Option<String>>> {
        let rows = self.session.client.query(sql, &[]).await.map_err(|error| self.told(&error))?;
        rows.iter().map(|row| row.try_get(0).map_err(|error| self.told(&error))).collect()
    }

    /// Executes a statement, and returns how many rows it was about.
    pub(in super::super) async fn count(&self, sql: &str) -> Result<u64> {
        self.session.client.execute(sql, &[]).await.map_err(|error| self.told(&error))
    }

    /// Executes statements.
    pub(in super::super) async fn execute(&self, sql: &str) -> Result<()> {
        self.session.client.batch_execute(sql).await.map_err(|error| self.told(&error))
    }

    /// What the server says, in words that help.
    pub(in super::super) fn told(&self, error: &tokio_postgres::Error) -> hw_base::Error {
        undelivered(self.server, error, &self.relation.schema, &self.relation.to_string())
    }
}

/// The number by which those who change a table keep apart.
fn lock_of(table: &Relation) -> String {
    format!("hashtextextended({}, 0)", literal(&format!("headworks {table}")))
}
