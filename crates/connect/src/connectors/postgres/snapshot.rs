//! One snapshot for all that is read of a database together.
//!
//! The first reading takes it: a session that does nothing else exports what it sees, and every reading joins that. It is let go as soon as nobody
//! reads any more, because the server cleans up nothing that it still sees. A reading that cannot join it has a snapshot of its own, and that is told:
//! connections lead to several servers, or the table has other files since, whose rows an older snapshot does not see. So are readings after
//! a connection was lost that held the snapshot: they share the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hw_base::{Error, Input, Result, literal};
use hw_engine::LiveTables;
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::errors::{self, Explained};
use super::read::PostgresTable;
use super::server::{CONNECT_TIMEOUT, Server};
use super::session::Session;

/// How often a snapshot is joined that the server does not know: a connection may be lost at any moment, but where each leads to another
/// server, none is ever known.
const ATTEMPTS: usize = 2;
/// The most tables of a moment, and the most moments, that are told.
const MOST_TOLD: usize = 8;
/// Lets other sessions see what this one sees, as long as its transaction lasts, and tells when that was: the transaction may have waited for a lock
/// since it began. It is one message, so that the statement begins before the moment is taken.
const EXPORT: &str = "select pg_export_snapshot(), (extract(epoch from statement_timestamp()) * 1000000)::int8";

/// Whether a session that sees an older snapshot has locked a table whose files are others than they were then, or that was not there. What was written
/// into new files seems to be newer than it is.
const IS_REMADE: &str = "
    select exists (
        select from pg_catalog.pg_locks l
        left join pg_catalog.pg_class c on c.oid = l.relation
        where l.pid = pg_backend_pid() and l.locktype = 'relation' and pg_get_indexdef(l.relation) is null
            and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
            -- What an installation begins with has lower numbers.
            and l.relation >= 16384 and (c.oid is null or nullif(c.relfilenode, 0) is distinct from pg_relation_filenode(l.relation))
    )";

/// What all readings see that share it. Clones do.
#[derive(Clone, Default)]
pub(super) struct Snapshot(Arc<Shared>);

#[derive(Default)]
struct Shared {
    held: tokio::sync::Mutex<Option<Seen>>,
    readings: Mutex<Vec<Reading>>,
}

/// A session that sees a database as of one moment.
pub(super) struct Seen {
    pub(super) session: Session,
    /// The name by which other sessions see the same.
    pub(super) name: String,
    /// When it was, in microseconds since 1970.
    pub(super) at: i64,
}

/// Why a table was not read with the others of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// Connections lead to several servers, none of which knows what the others see.
    Servers,
    /// The connection that held the snapshot was lost, again and again.
    Lost,
    /// It was truncated, rewritten, refreshed or made anew since, and an older snapshot sees nothing of it.
    Remade,
}

impl Apart {
    fn reason(self) -> &'static str {
        match self {
            Self::Servers => "connections lead to several servers, which share no snapshot",
            Self::Lost => LOST,
            Self::Remade => "truncated, rewritten, refreshed or made anew meanwhile",
        }
    }
}

/// Why a snapshot that readings share is not the first.
const LOST: &str = "the connection that held the snapshot before was lost";

/// A table that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    table: String,
    at: i64,
    apart: Option<Apart>,
}

impl Seen {
    /// A session that sees the database as it is now.
    pub(super) async fn now(server: &Server) -> Result<Self> {
        Self::by(server.connect().await?, server).await
    }

    /// What a session that has asked nothing yet sees from now on.
    pub(super) async fn by(session: Session, server: &Server) -> Result<Self> {
        let answer = session.client.simple_query(EXPORT).await.explained(server, purpose)?;
        let exported = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.parse::<i64>().ok()?)),
            _ => None,
        });
        let (name, at) = exported.ok_or_else(|| Error::bug(format!("cannot {}", purpose())).because("the server exported no snapshot"))?;
        Ok(Self { session, name, at })
    }
}

impl Server {
    /// A session that sees what the snapshot of that name shows; `None` where the server does not know it.
    pub(super) async fn join(&self, snapshot: &str) -> Result<Option<Session>> {
        let session = self.connect().await?;
        match session.client.batch_execute(&format!("set transaction snapshot {}", literal(snapshot))).await {
            Ok(()) => Ok(Some(session)),
            Err(error) if error.as_db_error().is_some() => {
                session.close().await;
                Ok(None)
            }
            Err(error) => Err(errors::failed(self, &error, &purpose())),
        }
    }
}

impl Session {
    /// Whether rows may be missing in what it has read, because a table that it read has other files since its moment. What it has locked stays as
    /// it is now.
    pub(super) async fn has_locked_remade(&self, server: &Server, purpose: impl Fn() -> String) -> Result<bool> {
        let row = self.client.query_one(IS_REMADE, &[]).await.explained(server, &purpose)?;
        row.try_get(0).explained(server, purpose)
    }
}

impl Snapshot {
    /// A session that sees the snapshot, which is taken where nobody has read yet; else why there is none.
    pub(super) async fn see(&self, server: &Server) -> Result<Result<Seen, Apart>> {
        let mut apart = Apart::Servers;
        if !server.is_single() {
            return Ok(Err(apart));
        }
        for _ in 0..ATTEMPTS {
            let (name, at) = self.taken(server).await?;
            if let Some(session) = server.join(&name).await? {
                return Ok(Ok(Seen { session, name, at }));
            }
            apart = self.forget(&name).await;
        }
        Ok(Err(apart))
    }

    /// Its name, and when it was.
    async fn taken(&self, server: &Server) -> Result<(String, i64)> {
        let mut held = self.0.held.lock().await;
        let known = held.take().filter(|held| !held.session.client.is_closed());
        let seen = match known {
            Some(seen) => seen,
            None => Seen::now(server).await?,
        };
        let taken = (seen.name.clone(), seen.at);
        *held = Some(seen);
        Ok(taken)
    }

    /// Lets one go that a connection did not find, and tells why: whoever holds it still answers where it lives on another server.
    async fn forget(&self, name: &str) -> Apart {
        let Some(held) = self.0.held.lock().await.take_if(|held| held.name == name) else { return Apart::Lost };
        // What lies between may have dropped the connection without a word.
        let answer = timeout(CONNECT_TIMEOUT, held.session.client.batch_execute("select 1")).await;
        held.session.close().await;
        if matches!(answer, Ok(Ok(()))) { Apart::Servers } else { Apart::Lost }
    }

    /// Notes as of when a table was read.
    pub(super) fn note(&self, table: &str, at: i64, apart: Option<Apart>) {
        let reading = Reading { table: table.to_owned(), at, apart };
        let mut readings = locked(&self.0.readings);
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }

    /// Lets it go: who reads later takes another one. Tells as of when each table was read, where that was not one moment.
    pub(super) async fn let_go(&self) -> Option<String> {
        let held = self.0.held.lock().await.take();
        if let Some(held) = held {
            held.session.close().await;
        }
        told(&std::mem::take(&mut *locked(&self.0.readings)))
    }
}

/// The snapshots of the databases that a command reads, whichever sources have opened their tables.
#[derive(Default)]
pub struct Snapshots(Mutex<Vec<(Server, Snapshot)>>);

impl Snapshots {
    /// Has the opened tables of a database among these be read as of one moment, that of those before.
    pub fn share(&self, live: &LiveTables, inputs: &[Input]) {
        for input in inputs {
            let Input::Live { relation, .. } = input else { continue };
            let opened = live.find(relation);
            if let Some(table) = opened.as_ref().and_then(|table| table.downcast_ref::<PostgresTable>()) {
                table.share(&self.of(table.server()));
            }
        }
    }

    fn of(&self, server: &Server) -> Snapshot {
        let mut known = locked(&self.0);
        if let Some((_, snapshot)) = known.iter().find(|(other, _)| other.is_same(server)) {
            return snapshot.clone();
        }
        let snapshot = Snapshot::default();
        known.push((server.clone(), snapshot.clone()));
        snapshot
    }

    /// Lets all of them go once everything is read, and tells of which databases not all was read as of one moment.
    pub async fn let_go(&self) -> Vec<String> {
        let known = std::mem::take(&mut *locked(&self.0));
        let mut told = Vec::new();
        for (server, snapshot) in known {
            told.extend(snapshot.let_go().await.map(|moments| format!("`{}`: {moments}", server.database())));
        }
        told
    }
}

/// The moments of readings in a sentence; `None` where they are one.
fn told(readings: &[Reading]) -> Option<String> {
    let mut moments: BTreeMap<i64, Vec<&Reading>> = BTreeMap::new();
    for reading in readings {
        moments.entry(reading.at).or_default().push(reading);
    }
    if moments.len() < 2 {
        return None;
    }
    let mut is_later = false;
    let one = |(at, readings): (&i64, &Vec<&Reading>)| {
        let tables: Vec<String> = readings.iter().map(|reading| format!("`{}`", reading.table)).collect();
        let why = match readings.iter().find_map(|reading| reading.apart) {
            Some(apart) => Some(apart.reason()),
            None => std::mem::replace(&mut is_later, true).then_some(LOST),
        };
        format!("{} as of {}{}", listed(&tables, ", "), shown(*at), why.map(|why| format!(" ({why})")).unwrap_or_default())
    };
    let moments: Vec<String> = moments.iter().map(one).collect();
    Some(format!("not all was read as of one moment: {}", listed(&moments, "; ")))
}

fn listed(items: &[String], between: &str) -> String {
    match items.get(MOST_TOLD..) {
        Some(rest @ [_, ..]) => format!("{}{between}and {} more", items[..MOST_TOLD].join(between), rest.len()),
        _ => items.join(between),
    }
}

fn shown(at: i64) -> String {
    chrono::DateTime::from_timestamp_micros(at).map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn purpose() -> String {
    "see the database as of one moment".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(readings: &[(&str, i64, Option<Apart>)], expected: Option<&str>) {
        let of = |(table, at, apart): &(&str, i64, Option<Apart>)| Reading { table: (*table).to_owned(), at: *at, apart: *apart };
        assert_eq!(told(&readings.iter().map(of).collect::<Vec<_>>()).as_deref(), expected);
    }

    #[test]
    fn what_is_of_another_moment_is_told() {
        check(&[], None);
        check(&[("s.a", 1_000, None), ("s.b", 1_000, None)], None);
        check(&[("s.a", 1_000, Some(Apart::Servers))], None);
        check(
            &[("s.a", 1_000, Some(Apart::Lost)), ("s.b", 2_000, Some(Apart::Servers))],
            Some(
                "not all was read as of one moment: `s.a` as of 1970-01-01 00:00:00.001 UTC \
                 (the connection that held the snapshot before was lost); \
                 `s.b` as of 1970-01-01 00:00:00.002 UTC (connections lead to several servers, which share no snapshot)",
            ),
        );
        check(
            &[("s.a", 1_000, None), ("s.c", 61_002_000, None), ("s.b", 1_000, None), ("s.d", 9_000, Some(Apart::Remade))],
            Some(
                "not all was read as of one moment: `s.a`, `s.b` as of 1970-01-01 00:00:00.001 UTC; \
                 `s.d` as of 1970-01-01 00:00:00.009 UTC (truncated, rewritten, refreshed or made anew meanwhile); \
                 `s.c` as of 1970-01-01 00:01:01.002 UTC (the connection that held the snapshot before was lost)",
            ),
        );
    }

    #[test]
    fn many_tables_and_moments_are_counted() {
        let items: Vec<String> = (1..=10).map(|number| number.to_string()).collect();
        assert_eq!(listed(&items, ", "), "1, 2, 3, 4, 5, 6, 7, 8, and 2 more");
        assert_eq!(listed(&items[..8], "; "), "1; 2; 3; 4; 5; 6; 7; 8");
    }
}
