//! The connection to a server, and what it says in words that help. The password is never among them.

use std::time::Duration;

use hw_base::{Error, Result, duration};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as DriverError, Opts, OptsBuilder, ServerError};

use crate::cause::innermost;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What every session begins with: one moment for all that it reads, and times in UTC.
const SETUP: [&str; 3] = [
    "set time_zone = '+00:00'",
    "set session transaction isolation level repeatable read",
    "start transaction with consistent snapshot, read only",
];

/// A server and a database on it.
#[derive(Clone)]
pub(super) struct Server {
    opts: Opts,
}

impl Server {
    /// The server that a URL names.
    pub(super) fn at(url: &str) -> Result<Self> {
        let url = url.strip_prefix("mariadb://").map_or_else(|| url.to_owned(), |rest| format!("mysql://{rest}"));
        let wrong = |cause: String| {
            Error::user("the URL of the database cannot be read")
                .code("HW206")
                .because(cause)
                .help("write `mysql://user:password@host:3306/database`; special characters of a password stand in percent form")
        };
        // What the driver says of a URL may quote it.
        let opts = Opts::from_url(&url).map_err(|_| wrong("it is no URL of MySQL, or has a parameter that is not known".into()))?;
        if opts.db_name().is_none_or(str::is_empty) {
            return Err(wrong("it names no database".into()));
        }
        Ok(Self { opts: OptsBuilder::from_opts(opts).prefer_socket(false).into() })
    }

    /// A session that sees the database at one moment.
    pub(super) async fn connect(&self) -> Result<Conn> {
        let connecting = tokio::time::timeout(PATIENCE, Conn::new(self.opts.clone())).await;
        let mut session = match connecting {
            Ok(connected) => connected.map_err(|error| self.refused(&error))?,
            Err(_) => return Err(self.unreachable().because(format!("there was no answer within {}", duration(PATIENCE.as_secs_f64())))),
        };
        for statement in SETUP {
            session.query_drop(statement).await.map_err(|error| self.failed(&error, "begin to read"))?;
        }
        Ok(session)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.opts.ip_or_hostname(), self.opts.tcp_port())
    }

    fn database(&self) -> &str {
        self.opts.db_name().unwrap_or_default()
    }

    fn user(&self) -> &str {
        self.opts.user().unwrap_or_default()
    }

    fn unreachable(&self) -> Error {
        Error::passing(format!("cannot reach MySQL at {}", self.place()))
            .code("HW206")
            .help("look whether the server runs, and whether host and port of the URL are right")
    }

    fn not_let_in(&self) -> Error {
        let (user, database, place) = (self.user(), self.database(), self.place());
        Error::user(format!("MySQL at {place} does not let user `{user}` into database `{database}`"))
            .code("HW206")
            .help("look at the user and the password in the URL that the reference resolves to; special characters stand in percent form")
    }

    /// A connection that did not come about.
    fn refused(&self, error: &DriverError) -> Error {
        match error {
            DriverError::Server(answer) if answer.code == 1049 => {
                Error::user(format!("there is no database `{}` on MySQL at {}", self.database(), self.place()))
                    .code("HW206")
                    .because(said(answer))
                    .help("correct the name at the end of the URL, or create the database")
            }
            DriverError::Server(answer) if matches!(answer.code, 1044 | 1045 | 1698) => self.not_let_in().because(said(answer)),
            DriverError::Server(answer) => self.unreachable().because(said(answer)),
            other => self.unreachable().because(self.without_password(&innermost(other))),
        }
    }

    /// A query that failed. `purpose` completes "cannot …".
    pub(super) fn failed(&self, error: &DriverError, purpose: &str) -> Error {
        let message = format!("cannot {purpose}");
        match error {
            DriverError::Server(answer) if matches!(answer.code, 1142 | 1143 | 1227 | 1356) => {
                Error::user(message).because(said(answer)).help(format!("let its owner `grant select` on it to `{}`", self.user()))
            }
            DriverError::Server(answer) if answer.state.starts_with("42") => Error::user(message).because(said(answer)),
            DriverError::Server(answer) => Error::passing(message).because(said(answer)),
            other => Error::passing(format!("the connection to MySQL at {} broke", self.place()))
                .because(self.without_password(&innermost(other)))
                .help("look at the log of the server, then run again"),
        }
        .code("HW206")
    }

    fn without_password(&self, text: &str) -> String {
        match self.opts.pass().filter(|password| !password.is_empty()) {
            Some(password) => text.replace(password, "***"),
            None => text.to_owned(),
        }
    }
}

fn said(answer: &ServerError) -> String {
    format!("the server says: {}", answer.message)
}
