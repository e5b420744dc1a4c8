//! What the driver and the server say, in words that help. The password is never among them.

use std::error::Error as _;
use std::time::Duration;

use hw_base::{Error, Result, duration};
use tokio_postgres::error::{DbError, SqlState};

use super::server::Server;
use crate::cause::innermost;

/// The driver's only sign of a failed handshake.
const HANDSHAKE: &str = "error performing TLS handshake";
/// The driver's only sign that it and the server could not agree on who the user is.
const AUTHENTICATION: [&str; 2] = ["authentication error", "invalid configuration"];
/// Classes of states that pass: connection, resources, operator, system, transaction rollback.
const PASSING_CLASSES: [&str; 5] = ["08", "53", "57", "58", "40"];

/// Whether an encrypted connection could not be made.
pub(super) fn is_about_encryption(error: &tokio_postgres::Error) -> bool {
    error.to_string() == HANDSHAKE
}

/// The server did not answer in time.
pub(super) fn silent(server: &Server, limit: Duration) -> Error {
    unreachable(server).because(format!("there was no answer within {}", duration(limit.as_secs_f64())))
}

/// A connection that did not come about.
pub(super) fn refused(server: &Server, error: &tokio_postgres::Error) -> Error {
    if let Some(answer) = error.as_db_error() {
        return refused_by_server(server, answer);
    }
    let cause = server.redacted(&innermost(error));
    if is_about_encryption(error) {
        return Error::user(format!("no encrypted connection to PostgreSQL at {} can be made", server.place()))
            .code("HW206")
            .because(cause)
            .help("name the certificate of the authority with `sslrootcert=FILE` in the URL, or choose another `sslmode`");
    }
    if AUTHENTICATION.contains(&error.to_string().as_str()) {
        return not_let_in(server).because(cause);
    }
    unreachable(server).because(cause)
}

/// A query that failed. `purpose` completes "cannot …".
pub(super) fn failed(server: &Server, error: &tokio_postgres::Error, purpose: &str) -> Error {
    let Some(answer) = error.as_db_error() else { return failed_here(server, error, purpose) };
    let message = format!("cannot {purpose}");
    let code = answer.code();
    let error = if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        Error::user(message).help(format!("let its owner `grant select` on it to `{}`", server.user()))
    } else if is_passing(code) {
        Error::passing(message)
    } else if code.code().starts_with("22") || code.code().starts_with("42") {
        Error::user(message)
    } else {
        Error::outside(message)
    };
    error.code("HW206").because(said(server, answer))
}

/// A query that failed without a word from the server.
fn failed_here(server: &Server, error: &tokio_postgres::Error, purpose: &str) -> Error {
    let cause = server.redacted(&innermost(error));
    let is_about_connection = error.source().is_none_or(<dyn std::error::Error>::is::<std::io::Error>);
    if error.is_closed() || is_about_connection {
        return Error::passing(format!("the connection to PostgreSQL at {} broke", server.place()))
            .code("HW206")
            .because(cause)
            .help("look at the log of the server, then run again");
    }
    Error::bug(format!("cannot {purpose}")).because(cause)
}

/// A delivery to a table of a schema that failed. Nothing of it is visible.
pub(super) fn undelivered(server: &Server, error: &tokio_postgres::Error, schema: &str, table: &str) -> Error {
    let Some(answer) = error.as_db_error() else { return failed_here(server, error, &format!("deliver to `{table}`")) };
    let (code, user) = (answer.code(), server.user());
    let message = format!("PostgreSQL at {} does not take the delivery to `{table}`", server.place());
    let error = if *code == SqlState::LOCK_NOT_AVAILABLE {
        return Error::passing(format!("`{table}` is locked by somebody else"))
            .code("HW206")
            .because(said(server, answer))
            .help("another delivery or a long query may hold it; the next run tries again");
    } else if is_passing(code) {
        return Error::passing(message).code("HW206").because(said(server, answer)).help("look at the log of the server, then run again");
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        Error::user(message).help(format!(
            "let its owner `grant usage, create on schema {schema} to {user}`; tables that are there have to belong to `{user}`"
        ))
    } else if *code == SqlState::NOT_NULL_VIOLATION
        && let Some(column) = answer.column()
    {
        Error::user(message)
            .because(format!("`{column}` is null in rows of the model, and a key column, or one that somebody made `not null`, takes none"))
            .help(format!("leave such rows out (`where {column} is not null`), fill the column, or guard it: `not_null: {column}`"))
    } else if code.code().starts_with("23") {
        Error::user(message).help("a constraint of the table does not hold for these rows: mend them in the model, guard them with a rule, or drop the constraint")
    } else if code.code().starts_with("22") || code.code().starts_with("42") {
        Error::user(message)
    } else {
        Error::outside(message)
    };
    let place = answer.where_().map(|place| format!(", in {}", server.redacted(place))).unwrap_or_default();
    error.code("HW207").because(said(server, answer) + &place).help("readers see the version before")
}

/// Maps the error of a query.
pub(super) trait Explained<T> {
    /// See [`failed`].
    fn explained(self, server: &Server, purpose: impl Fn() -> String) -> Result<T>;
}

impl<T> Explained<T> for Result<T, tokio_postgres::Error> {
    fn explained(self, server: &Server, purpose: impl Fn() -> String) -> Result<T> {
        self.map_err(|error| failed(server, &error, &purpose()))
    }
}

fn refused_by_server(server: &Server, answer: &DbError) -> Error {
    let code = answer.code();
    let said = said(server, answer);
    if *code == SqlState::INVALID_CATALOG_NAME {
        return Error::user(format!("there is no database `{}` on PostgreSQL at {}", server.database(), server.place()))
            .code("HW206")
            .because(said)
            .help("correct the name at the end of the URL, or create the database");
    }
    if code.code().starts_with("28") {
        return not_let_in(server).because(said);
    }
    if *code == SqlState::TOO_MANY_CONNECTIONS {
        return crowded(server).because(said);
    }
    if is_passing(code) {
        return unreachable(server).because(said);
    }
    Error::outside(format!("PostgreSQL at {} refuses the connection", server.place())).code("HW206").because(said)
}

fn not_let_in(server: &Server) -> Error {
    let (user, database, place) = (server.user(), server.database(), server.place());
    Error::user(format!("PostgreSQL at {place} does not let user `{user}` into database `{database}`"))
        .code("HW206")
        .help("look at the user and the password in the URL that the reference resolves to; special characters stand in percent form")
}

fn crowded(server: &Server) -> Error {
    Error::passing(format!("PostgreSQL at {} takes no more connections", server.place()))
        .code("HW206")
        .help("each table that is read needs as many as `connections:` of its source says, and all together one more, which holds what they see")
        .help("to need two: set `connections: 1` under the source, and `engine: { parallel: 1 }`; or let the server take more")
}

fn unreachable(server: &Server) -> Error {
    Error::passing(format!("cannot reach PostgreSQL at {}", server.place()))
        .code("HW206")
        .help("look whether the server runs, and whether host and port of the URL are right")
}

fn is_passing(code: &SqlState) -> bool {
    PASSING_CLASSES.iter().any(|class| code.code().starts_with(class))
}

fn said(server: &Server, answer: &DbError) -> String {
    let detail = answer.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    server.redacted(&format!("the server says: {}{detail}", answer.message()))
}
