//! The memory of past runs, kept in one `SQLite` file, and the lock that lets one run go on at a time.
//!
//! Every record is kept whole, as JSON, beside the columns that people query. An environment has a file
//! of its own on top of production's. What a record means, and
//! when a step has to be repeated, is for others to know.

mod lock;
mod log;
mod project;
mod schema;
mod sqlite;

pub use lock::{RunLock, is_held, next_run_id};
pub use project::ProjectLedger;
pub use sqlite::SqliteLedger;
