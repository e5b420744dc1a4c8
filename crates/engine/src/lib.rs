//! The engine: DataFusion over Delta tables, in this process.

mod live;

pub use live::LiveTables;
