//! The engine: DataFusion over Delta tables, in this process.
//!
//! A query's rows are staged as Parquet files that no log entry names, counted for every rule on the way, and published
//! in one commit. This room judges nothing: whether a batch may be published is the gate's business.

mod adopt;
mod any_date;
mod arithmetic;
mod beside;
mod changes;
mod computed_first;
mod constants;
mod crowded;
mod damage;
mod deadline;
mod decimal_digits;
mod decimal_sum;
mod decimals;
mod extremes;
mod failure;
mod files;
mod folder;
mod foreign;
mod growth;
mod json;
mod json_path;
mod kept;
mod keys;
mod known;
mod live;
mod local;
mod logged;
mod mean;
mod measure;
mod moments;
mod namesakes;
mod of_text;
mod outgrown;
mod partners;
mod parts;
mod patterns;
mod place;
mod plain;
mod planned;
mod publish;
mod quantile;
mod remainder;
mod renamed;
mod schema;
mod series;
mod session;
mod shown;
mod sketches;
mod sliding;
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
mod wide;
mod words;
mod working;
mod writer;

pub use deadline::Deadline;
pub use folder::Site;
pub use foreign::{ForeignTable, open_foreign};
pub use live::LiveTables;
pub use local::{Limits, LocalEngine};
pub use plain::{PlainColumn, write_parquet};
pub use renamed::{ColumnNames, condition_with_known_names, query_with_known_names};
pub use stream::{Query, RowStream};
pub use types::{kind, sql_type, values};
