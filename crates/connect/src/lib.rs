//! Where data comes from, and where tables are delivered to: the shelf of connectors, and the ports through which the other rooms
//! read sources and reach targets.
//!
//! A connector makes a dataset readable as a table of the engine and never loads it. Records that cannot be read as rows
//! arrive all the same, as rows that say what is wrong with them, so that they neither stop a run nor disappear.

mod address;
mod cause;
mod connectors;
mod discover;
mod file_source;
mod files;
mod given;
mod in_place;
mod layout;
mod left_out;
mod lookback;
mod merge;
mod order;
mod origin;
mod parts;
mod paths;
mod patterns;
mod project;
mod recognise;
mod rows;
mod tables;
mod targets;
mod text;
mod types;
mod warehouse;

pub use address::Address;
pub use connectors::{
    AvroSettings, CONNECTORS, Connector, CsvSettings, DeltaSettings, ExcelSettings, JsonSettings, MysqlSettings, Opened, ParquetSettings,
    Place, PostgresSettings, PostgresTargetSettings, Secrets, Snapshots, Source, SqliteSettings, TableListing, Target, connector,
    connector_of_url, original,
};
pub use discover::{Discovered, Found, discover};
pub use given::{GivenDataset, GivenSources, declared_column, open_given, typed_rows};
pub use in_place::in_place;
pub use left_out::{left_out, unfit_columns};
pub use paths::Paths;
pub use project::ProjectSources;
pub use recognise::{OpenedPath, datasets_at, files_at, has_known_ending, open_files, open_path, parts_at, recognise};
pub use targets::ProjectTargets;
pub use text::{LeftOut, guesses};
pub use types::{arrow_to_sql_type, can_be_declared, column_of, column_type, sql_type_to_arrow};
pub use warehouse::{warehouse, warehouse_schema};
