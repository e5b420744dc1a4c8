//! The port to the sources: what is there, and what is new.

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Column, DatasetName, Result, Timestamp};

/// What the reason begins with for which a record is no row that is larger than memory should be asked for.
pub const TOO_LONG: &str = "the record is longer than";

/// A file of a dataset, as its folder lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// The path as the project names it, `/` on every system.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed, in microseconds since 1970.
    pub modified: i64,
    /// What its content was when it was read, where the source can tell; see [`Sources::digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The name it had when it was read, where it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The last batch that may have its rows under that name; later ones are those of another file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_until: Option<i64>,
    /// Whether it was gone when all files were read in another way: its rows stay as they were, and it is read again should it come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outdated: bool,
    /// Whether it is known that it had no row when it was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rowless: bool,
}

impl SourceFile {
    /// How a digest begins that is one of parts of a file: enough to know a file again that nobody wrote to, not to know that nobody did.
    pub const OF_PARTS: &str = "parts ";

    /// Whether a file of this digest has the very content that this one had.
    pub fn has_content_of(&self, digest: Option<&str>) -> bool {
        let own = self.digest.as_deref().filter(|own| !own.starts_with(Self::OF_PARTS));
        own.is_some() && own == digest
    }

    /// A file that nothing more is known of than what its folder lists.
    pub fn listed(path: impl Into<String>, bytes: u64, modified: i64) -> Self {
        Self { path: path.into(), bytes, modified, digest: None, was: None, was_until: None, is_outdated: false, is_rowless: false }
    }

    /// Whether the folder lists both alike: nothing has written to the file in between.
    pub fn is_listed_like(&self, other: &Self) -> bool {
        (&self.path, self.bytes, self.modified) == (&other.path, other.bytes, other.modified)
    }
}

/// What a dataset holds now, learned without reading its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The files, sorted by path; `None` for a database, which does not list what changed.
    pub files: Option<Vec<SourceFile>>,
    /// Rows, where the source keeps count.
    pub rows: Option<u64>,
    /// About how many rows, where it keeps no count.
    #[serde(default)]
    pub about_rows: Option<u64>,
    /// Bytes to read, where known.
    pub bytes: Option<u64>,
    /// Whether the source can tell what is new, where it lists no files.
    #[serde(default)]
    pub news: News,
    /// The columns that identify a row, as the source names them; none where nobody knows.
    #[serde(default)]
    pub key: Vec<String>,
}

/// Whether a source that lists no files can tell what is new in a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It cannot: every delivery is the whole dataset.
    #[default]
    Untold,
    /// With the help of a column that grows with every change. Rows that came before may come again.
    ByColumn,
    /// By itself, and each row comes once.
    Exact,
}

/// How a delivery goes on where the one before it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuing {
    /// Where the one before ended, in the source's own words; `None` for the first.
    pub since: Option<String>,
    /// The column that grows with every change, for [`News::ByColumn`].
    pub column: Option<String>,
    /// How much of the time before that is read again, for [`News::ByColumn`]: a row may become visible later than its column says.
    #[serde(default)]
    pub lookback_seconds: u64,
}

/// What to read of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Only these files; all of them where `None`.
    pub files: Option<Vec<SourceFile>>,
    /// Only what is new since an earlier delivery, as far as the source can tell; for databases.
    #[serde(default)]
    pub continuing: Option<Continuing>,
    /// The columns and types that the raw copy already has, which the delivery must keep to; empty at first. A type is empty where the raw
    /// copy has no row that shows it.
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
    /// Its rows, where they are known before they are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The columns that some of its files lack and that the project does not declare; they are null there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uneven: Vec<String>,
    /// Its files of which it is known that they have no row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rowless: Vec<String>,
    /// What was guessed of its files that may be another way, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<String>,
    /// Which rows of a database they are.
    #[serde(default)]
    pub part: Part,
}

/// Which rows of a dataset a delivery has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All rows, or all of the files asked for.
    #[default]
    Whole,
    /// The rows that were written since the delivery before, and no other.
    New,
    /// Those, and rows that an earlier delivery may have had: `column` is null in them, or at least `from`.
    NewAndSome {
        /// The column, as the source names it.
        column: String,
        /// The value as text.
        from: String,
    },
}

/// Opens datasets. Secrets are resolved at the moment of use and never leave the room that does it.
pub trait Sources: Send + Sync {
    /// Lists what `dataset` holds now, without reading its rows.
    fn survey<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Survey>>;

    /// What the content of a file of `dataset` is, short enough to be remembered; `None` where the file alone does not tell.
    fn digest(&self, _dataset: &DatasetName, _file: &SourceFile) -> Option<String> {
        None
    }

    /// Makes a delivery of `dataset` readable on the engine.
    fn open<'a>(&'a self, dataset: &'a DatasetName, delivery: &'a Delivery) -> BoxFuture<'a, Result<Delivered>>;

    /// Where a delivery ended that was [`Delivery::continuing`], once all of its rows have been read; to be handed in
    /// as [`Continuing::since`] of the next.
    fn reached(&self, _relation: &str) -> Option<String> {
        None
    }

    /// Lets go of what was held so that all datasets of a source are read as of one moment, once nothing more is read of it. Tells as of when each was
    /// read, where that was not one moment.
    fn let_go<'a>(&'a self, _source: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }

    /// Every dataset the project names, where the source can list them without being read.
    fn datasets(&self) -> Vec<DatasetName>;

    /// When the newest row of `dataset` was made, where the source knows.
    fn newest<'a>(&'a self, _dataset: &'a DatasetName) -> BoxFuture<'a, Result<Option<Timestamp>>> {
        Box::pin(async { Ok(None) })
    }
}
