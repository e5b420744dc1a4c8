//! The engine: DataFusion over Delta tables, in this process.
//!
//! A query's rows are staged as Parquet files that no log entry names, counted for every rule on the way, and published
//! in one commit. This room judges nothing: whether a batch may be published is the gate's business.

mod adopt;
mod beside;
mod by_partition;
mod changes;
mod compact;
mod crowded;
mod damage;
mod deadline;
mod failure;
mod files;
mod folder;
mod foreign;
mod growth;
mod kept;
mod keys;
mod known;
mod live;
mod local;
mod logged;
mod measure;
mod outgrown;
mod partners;
mod parts;
mod plain;
mod planned;
mod publish;
mod schema;
mod session;
mod shares;
mod shown;
mod sketches;
mod spilling;
mod sql;
mod stage;
mod stats;
mod store;
mod stream;
#[cfg(test)]
mod testing;
mod trace;
mod types;
mod warehouse;
mod watch;
mod working;
mod writer;

pub use deadline::Deadline;
pub use folder::Site;
pub use foreign::{ForeignTable, open_foreign};
pub use live::LiveTables;
pub use local::{Limits, LocalEngine};
pub use plain::{PlainColumn, write_parquet};
pub use sql::renamed::{ColumnNames, condition_with_known_names, query_with_known_names};
pub use stream::{Query, RowStream};
pub use types::{kind, sql_type, values};
