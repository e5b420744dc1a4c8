//! The port to the sources: what is there, and what is new.

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Column, DatasetName, Result, Timestamp};

/// A file of a dataset, as its folder lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// The path as the project names it, `/` on every system.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed, in microseconds since 1970.
    pub modified: i64,
}

/// What a dataset holds now, learned without reading its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The files, sorted by path; `None` for a database, which does not list what changed.
    pub files: Option<Vec<SourceFile>>,
    /// Rows, where the source keeps count.
    pub rows: Option<u64>,
    /// Bytes to read, where known.
    pub bytes: Option<u64>,
}

/// What to read of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Only these files; all of them where `None`.
    pub files: Option<Vec<SourceFile>>,
    /// Only rows whose `column` is later than `value`; for databases.
    pub after: Option<(String, String)>,
    /// The columns and types that the raw copy already has, which the delivery must keep to; empty at first.
    pub expected: Vec<Column>,
    /// Files that may lack some of these columns, because they may be older than they.
    #[serde(default)]
    pub may_lack: Vec<String>,
}

/// A delivery made readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    /// The name under which the engine reads it, for [`crate::Input::Live`].
    pub relation: String,
    /// The dataset's own columns, without the hidden ones.
    pub columns: Vec<Column>,
    /// Whether it has the hidden columns `_file`, `_line` and `_malformed`.
    ///
    /// A malformed record is a row in which `_malformed` says what is wrong and holds the record, and every
    /// column of the dataset is null.
    pub has_origin: bool,
}

/// Opens datasets. Secrets are resolved at the moment of use and never leave the room that does it.
pub trait Sources: Send + Sync {
    /// Lists what `dataset` holds now, without reading its rows.
    fn survey<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Survey>>;

    /// Makes a delivery of `dataset` readable on the engine.
    fn open<'a>(&'a self, dataset: &'a DatasetName, delivery: &'a Delivery) -> BoxFuture<'a, Result<Delivered>>;

    /// Every dataset the project names, where the source can list them without being read.
    fn datasets(&self) -> Vec<DatasetName>;

    /// When the newest row of `dataset` was made, where the source knows.
    fn newest<'a>(&'a self, _dataset: &'a DatasetName) -> BoxFuture<'a, Result<Option<Timestamp>>> {
        Box::pin(async { Ok(None) })
    }
}
