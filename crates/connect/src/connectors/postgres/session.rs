//! A connection to a database, and how it begins and ends.

use std::time::Duration;

use hw_base::Result;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};

use super::server::{CONNECT_TIMEOUT, Encryption, Server};
use super::{errors, tls};

/// How long to wait for a polite goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The first words of every session for reading. Nothing can be written.
const BEGIN: &str = "begin isolation level repeatable read read only; ";
/// All text that the server makes is the same everywhere, no limit made for short queries ends a long copy, and rows come in the order of
/// the pages, whoever else reads them.
const AS_EVERYWHERE: &str = "set local timezone to 'UTC'; set local datestyle to 'ISO, YMD'; set local intervalstyle to 'iso_8601'; \
    set local bytea_output to 'hex'; set local extra_float_digits to 3; set local standard_conforming_strings to on; \
    set local synchronize_seqscans to off; set local statement_timeout to 0; set local idle_in_transaction_session_timeout to 0";
/// A query ends that nobody waits for any more, where the server can notice, and so does a session that holds a snapshot.
const ENDS_UNWATCHED: &str = "select set_config(name, '5s', false) from pg_settings \
    where name = 'client_connection_check_interval' and version() like '%-linux-%'; \
    set tcp_keepalives_idle to 60; set tcp_keepalives_interval to 10; set tcp_keepalives_count to 6";
/// Begins a transaction that sees the database at one moment, and may write.
const BEGIN_WRITING: &str = "begin isolation level repeatable read; ";

/// A connection, inside a read-only transaction that sees the database at one moment where it is made for reading.
pub(super) struct Session {
    /// Sends queries.
    pub(super) client: Client,
    connection: Connection,
}

/// The task that talks to the server. It ends with its owner, also in the middle of a copy.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    /// Connects.
    pub(super) async fn open(&self) -> Result<Session> {
        let limit = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        timeout(limit, self.connect_as_asked()).await.map_err(|_| errors::silent(self, limit))?
    }

    /// Connects, and begins a read-only transaction.
    pub(super) async fn connect(&self) -> Result<Session> {
        let session = self.open().await?;
        self.begin(&session, BEGIN).await?;
        Ok(session)
    }

    /// Begins a transaction that sees the database at one moment, and reads it as everywhere.
    pub(super) async fn begin_writing(&self, session: &Session) -> Result<()> {
        self.begin(session, BEGIN_WRITING).await
    }

    async fn begin(&self, session: &Session, begin: &str) -> Result<()> {
        // A server that does not know it goes on without.
        session.client.batch_execute(ENDS_UNWATCHED).await.ok();
        let done = session.client.batch_execute(&format!("{begin}{AS_EVERYWHERE}")).await;
        done.map_err(|error| errors::failed(self, &error, "begin a transaction"))
    }

    async fn connect_as_asked(&self) -> Result<Session> {
        let refused = |error| errors::refused(self, &error);
        match &self.encryption {
            Encryption::Never => self.connect_plainly().await.map_err(refused),
            Encryption::Required => self.connect_with(SslMode::Require, tls::unverified()?).await.map_err(refused),
            Encryption::Verified(roots) => self.connect_with(SslMode::Require, tls::verified(roots)?).await.map_err(refused),
            Encryption::Preferred => match self.connect_with(SslMode::Prefer, tls::unverified()?).await {
                Err(error) if errors::is_about_encryption(&error) => self.connect_plainly().await.map_err(refused),
                result => result.map_err(refused),
            },
        }
    }

    async fn connect_with(&self, mode: SslMode, tls: tls::Connector) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = self.config.clone().ssl_mode(mode).connect(tls).await?;
        Ok(Session::new(client, connection))
    }

    async fn connect_plainly(&self) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = self.config.clone().ssl_mode(SslMode::Disable).connect(NoTls).await?;
        Ok(Session::new(client, connection))
    }
}

impl Session {
    fn new<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Self
    where
        tokio_postgres::Connection<S, T>: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            // The client learns of every failure by itself.
            let _ = connection.await;
        });
        Self { client, connection: Connection(task) }
    }

    /// Says goodbye, so that the server logs no broken connection.
    pub(super) async fn close(self) {
        let Self { client, mut connection } = self;
        drop(client);
        let _ = timeout(CLOSE_TIMEOUT, &mut connection.0).await;
    }
}
