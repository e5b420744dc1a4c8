//! What is said where a model cannot run inside the database, or fails there.

use hw_base::{Error, PushDown};

/// Says that a model cannot run inside the database.
pub(super) fn refused(order: &PushDown, problem: impl std::fmt::Display, help: &str) -> Error {
    let error = Error::user(format!("`{}` cannot run inside PostgreSQL", order.model)).code("HW311").because(problem);
    error.help(help).help("or remove `push_down`: the engine builds the same table from copies of the rows")
}

/// What a query is for that may fail, after "cannot".
pub(super) fn purpose(order: &PushDown) -> String {
    format!("run the SELECT of `{}`", order.model)
}
