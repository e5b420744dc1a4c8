//! Where a database is and how to get there. Holds the password, so nothing here implements `Debug`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hw_base::{Error, Result, unknown};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use super::{errors, tls};

/// How long to wait for a connection where the URL does not say it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a polite goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// What a URL can set behind its question mark, besides what is handled here.
const OPTIONS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];
/// The first words of every session for reading. Nothing can be written.
const BEGIN: &str = "begin isolation level repeatable read read only; ";
/// All text that the server makes is the same everywhere, no limit made for short queries ends a long copy, and rows come in the order of
/// the pages, whoever else reads them.
const AS_EVERYWHERE: &str = "set local timezone to 'UTC'; set local datestyle to 'ISO, YMD'; set local intervalstyle to 'iso_8601'; \
    set local bytea_output to 'hex'; set local extra_float_digits to 3; set local standard_conforming_strings to on; \
    set local synchronize_seqscans to off; set local statement_timeout to 0; set local idle_in_transaction_session_timeout to 0";
/// A query ends that nobody waits for any more, where the server can notice.
const ENDS_UNWATCHED: &str =
    "select set_config(name, '5s', false) from pg_settings where name = 'client_connection_check_interval' and version() like '%-linux-%'";
/// Begins a transaction that sees the database at one moment, and may write.
const BEGIN_WRITING: &str = "begin isolation level repeatable read; ";

/// What `sslmode` asks for, with the meaning it has for `psql`.
#[derive(Clone, PartialEq, Eq)]
enum Encryption {
    /// `disable`.
    Never,
    /// `allow`, `prefer` and where nothing is said: encrypted if the server can, without looking at its certificate.
    Preferred,
    /// `require`: encrypted, without looking at the certificate.
    Required,
    /// `verify-ca`, `verify-full`, and `require` with `sslrootcert`: the certificate must be valid for the host.
    Verified(tls::Roots),
}

/// A database.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    encryption: Encryption,
}

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
    /// Reads a URL.
    ///
    /// # Errors
    /// HW206 where it is none. No part of the URL is repeated but names of options, because a password with an
    /// unescaped `@`, `:` or `?` can end up anywhere.
    pub(super) fn at(url: &str) -> Result<Self> {
        let (rest, options) = split_options(url)?;
        let encryption = encryption(&options)?;
        let mut config = Config::from_str(&rest).map_err(|_| unreadable())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_application_name().is_none() {
            config.application_name("headworks");
        }
        if config.get_connect_timeout().is_none_or(Duration::is_zero) {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { config, encryption })
    }

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

    /// Whether every connection reaches the same server, so that they can share a snapshot.
    pub(super) fn is_single(&self) -> bool {
        self.config.get_hosts().len().max(self.config.get_hostaddrs().len()) == 1
    }

    /// `host:port`, or several of them.
    pub(super) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let host = |(at, host): (usize, &Host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            Host::Unix(path) => format!("{}:{}", path.display(), port(at)),
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(host).collect();
        let addresses = self.config.get_hostaddrs().iter().enumerate().map(|(at, address)| format!("{address}:{}", port(at)));
        if hosts.is_empty() { addresses.collect::<Vec<_>>().join(", ") } else { hosts.join(", ") }
    }

    /// The user's name; the operating system's where the URL names none.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("(the name of the system's user)")
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// Whether two URLs lead to the same database, whoever goes there.
    pub(super) fn is_same_database(&self, other: &Self) -> bool {
        (self.place(), self.database()) == (other.place(), other.database())
    }

    /// Whether two URLs lead the same user to the same database.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.place(), self.database(), self.user()) == (other.place(), other.database(), other.user())
    }

    /// `text` without the password.
    pub(super) fn redacted(&self, text: &str) -> String {
        match self.config.get_password().map(String::from_utf8_lossy) {
            Some(password) if !password.is_empty() => text.replace(password.as_ref(), "***"),
            _ => text.into(),
        }
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

    /// Lets other sessions see what this one sees, by the name that is returned, as long as its transaction lasts.
    pub(super) async fn export_snapshot(&self) -> Result<String, tokio_postgres::Error> {
        self.client.query_one("select pg_export_snapshot()", &[]).await?.try_get(0)
    }

    /// Says goodbye, so that the server logs no broken connection.
    pub(super) async fn close(self) {
        let Self { client, mut connection } = self;
        drop(client);
        let _ = timeout(CLOSE_TIMEOUT, &mut connection.0).await;
    }
}

/// The options of a URL that are handled here, and the URL without them.
fn split_options(url: &str) -> Result<(String, Vec<(String, String)>)> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(unreadable());
    }
    // Of two `@` one belongs to the password, and what stands behind it would be taken for the host and shown.
    if url.matches('@').count() > 1 {
        return Err(unreadable());
    }
    let after_credentials = url.find('@').map_or(0, |at| at + 1);
    let Some(question) = url[after_credentials..].find('?').map(|at| at + after_credentials) else {
        return Ok((url.into(), Vec::new()));
    };
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    let mut ours = Vec::new();
    for (name, value) in url::form_urlencoded::parse(&url.as_bytes()[question + 1..]) {
        match name.as_ref() {
            "sslmode" | "sslrootcert" => ours.push((name.into_owned(), value.into_owned())),
            name if OPTIONS.contains(&name) => drop(kept.append_pair(name, &value)),
            name => return Err(unknown("option of the database URL", name, OPTIONS.iter().copied()).code("HW206")),
        }
    }
    // The driver knows `%20` and takes `+` for itself.
    let kept = kept.finish().replace('+', "%20");
    Ok((format!("{}?{kept}", &url[..question]), ours))
}

fn encryption(options: &[(String, String)]) -> Result<Encryption> {
    let option = |name: &str| options.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let roots = match option("sslrootcert") {
        None | Some("system") => tls::Roots::Public,
        Some(file) => tls::Roots::File(PathBuf::from(file)),
    };
    Ok(match option("sslmode") {
        Some("disable") => Encryption::Never,
        None | Some("allow" | "prefer") => Encryption::Preferred,
        Some("require") if option("sslrootcert").is_none() => Encryption::Required,
        Some("require" | "verify-ca" | "verify-full") => Encryption::Verified(roots),
        Some(other) => {
            let known = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
            return Err(unknown("`sslmode`", other, known).code("HW206"));
        }
    })
}

fn unreadable() -> Error {
    Error::user("the URL of the database cannot be read")
        .code("HW206")
        .because("expected `postgres://user:password@host:5432/database`")
        .help("write special characters of the password in percent form: `@` as `%40`, `:` as `%3A`, `/` as `%2F`, `?` as `%3F`, `%` as `%25`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> String {
        Server::at(url).map(|server| server.place()).unwrap_or_default()
    }

    #[test]
    fn a_url_names_place_user_and_database() {
        let server = Server::at("postgres://me:p%40ss@db.example:6432/shop?sslmode=disable&connect_timeout=3").unwrap();
        assert_eq!((server.place().as_str(), server.user(), server.database()), ("db.example:6432", "me", "shop"));
        assert_eq!(server.redacted("the word p@ss is out"), "the word *** is out");
        assert_eq!(server.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(place("postgresql:///shop?host=/run/postgresql"), "/run/postgresql:5432");
        assert_eq!(place("postgres://a,b:6000/shop"), "a:5432, b:6000");
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        let urls = [
            "mysql://me:secret@h/d",
            "postgres://me:sec@ret@h:port/d",
            "postgres://me:Top@Secret@127.0.0.1:1/d",
            "postgres://me:sec/ret@h:x/d",
            "secret",
            "postgres://h:secret/d",
        ];
        for url in urls {
            let error = Server::at(url).err().unwrap().to_string();
            assert!(!error.to_lowercase().contains("sec") && error.contains("HW206"), "{error}");
        }
        let error = Server::at("postgres://me:secret@h/d?sslmod=require").err().unwrap().to_string();
        assert!(error.contains("did you mean `sslmode`?") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn sslmode_means_what_it_means_to_psql() {
        let asked = |options: &str| Server::at(&format!("postgres://h/d{options}")).map(|server| server.encryption);
        assert!(matches!(asked(""), Ok(Encryption::Preferred)));
        assert!(matches!(asked("?sslmode=disable"), Ok(Encryption::Never)));
        assert!(matches!(asked("?sslmode=require"), Ok(Encryption::Required)));
        assert!(matches!(asked("?sslmode=verify-full"), Ok(Encryption::Verified(tls::Roots::Public))));
        assert!(matches!(asked("?sslmode=require&sslrootcert=ca.pem"), Ok(Encryption::Verified(tls::Roots::File(_)))));
        assert!(asked("?sslmode=verify-fool").err().unwrap().to_string().contains("did you mean `verify-full`?"));
    }
}
