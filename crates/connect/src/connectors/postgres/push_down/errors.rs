//! What is said where a model cannot run inside the database, or fails there.

use hw_base::{Error, PushDown, Span};
use tokio_postgres::error::SqlState;

use crate::connectors::postgres::errors::failed;
use crate::connectors::postgres::server::Server;

/// Says that a model cannot run inside the database.
pub(super) fn refused(order: &PushDown, problem: impl std::fmt::Display, help: &str) -> Error {
    let error = Error::user(format!("`{}` cannot run inside PostgreSQL", order.model)).code("HW311").because(problem);
    error.help(help).help("or remove `push_down`: the engine builds the same table from copies of the rows")
}

/// Says why the SELECT of a model failed. The database names no place for what its values do, so the file is named, and what helps.
pub(super) fn broken_off(order: &PushDown, server: &Server, error: &tokio_postgres::Error) -> Error {
    let told = failed(server, error, &purpose(order));
    let help = match error.code() {
        Some(code) if *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE => {
            "a number is too large for its type: compute it in one that holds it, such as `cast(… as bigint)` or `cast(… as decimal(38,0))`"
        }
        Some(code) if *code == SqlState::DIVISION_BY_ZERO => "divide by `nullif(…, 0)`: the result is null where the divisor is 0",
        Some(code) if code.code().starts_with("22") => "leave such rows out of the SELECT, or read the column in another way",
        _ => return told,
    };
    let place = order.reader.file.as_ref().map(|file| Span { file: file.into(), line: 1, column: 1, length: 1 });
    told.code("HW301").help(help).moved_to(place)
}

/// Says that a table was exchanged between the moment that the SELECT sees and its reading.
pub(super) fn exchanged(order: &PushDown) -> Error {
    Error::passing(format!("cannot {}", purpose(order)))
        .code("HW206")
        .because("a table that it reads was truncated, rewritten, refreshed or made anew meanwhile, and its rows could not be seen")
        .help("run again once that is done")
}

/// What a query is for that may fail, after "cannot".
pub(super) fn purpose(order: &PushDown) -> String {
    format!("run the SELECT of `{}`", order.model)
}
