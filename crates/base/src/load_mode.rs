//! How the rows of a batch and those of its table come together.

use serde::{Deserialize, Serialize};

/// How a batch changes its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadMode {
    /// The batch becomes the table.
    Replace,
    /// The batch is added; rows whose key the table already has are left out where there is a key.
    Append {
        /// The columns that identify a row; empty for none.
        key: Vec<String>,
    },
    /// The batch is merged by key; of two rows with one key the later one stays.
    Upsert {
        /// The columns that identify a row.
        key: Vec<String>,
        /// The column that tells which of two rows is the later one; of equals the content decides, so that the order of
        /// arrival never does. Where there is none, the row stays that arrived last.
        later_by: Option<String>,
        /// A Boolean column or expression that marks a row as deleted.
        deleted_when: Option<String>,
    },
    /// The batch takes the place of some partitions; all others stay.
    Recompute {
        /// A Boolean expression over the partition columns, true for the partitions that are replaced.
        only: String,
    },
    /// Every version of a row counts, by key: what the table shows follows from all that ever arrived, in whatever order.
    History(History),
}

impl LoadMode {
    /// The columns that identify a row; none where nothing is merged.
    pub fn key(&self) -> &[String] {
        match self {
            Self::Replace | Self::Recompute { .. } => &[],
            Self::Append { key } | Self::Upsert { key, .. } | Self::History(History { key, .. }) => key,
        }
    }
}

/// The column that tells from when on a version was true.
pub const VALID_FROM: &str = "valid_from";
/// The column that tells when it ended; null while it is true.
pub const VALID_TO: &str = "valid_to";

/// The column that tells whether a row stands for a key of which no row has arrived.
pub const IS_INFERRED: &str = "is_inferred";
/// The day from which on the first version of a row is true where members are inferred.
pub const SINCE_EVER: &str = "1900-01-01";

/// How the versions of a row are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The columns that identify what the versions are versions of.
    pub key: Vec<String>,
    /// The column that tells when a version became true; of two versions of one time the content decides.
    pub later_by: String,
    /// A Boolean column or expression that marks a version as a deletion.
    pub deleted_when: Option<String>,
    /// What the table shows of them.
    pub shows: Shows,
}

impl History {
    /// Whether the rows bring `valid_from` and `valid_to` along, because no column of the source tells when they changed. A
    /// deletion among them ends where it begins.
    pub fn brings_times(&self) -> bool {
        self.later_by == VALID_FROM
    }
}

/// What a table shows of the versions of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shows {
    /// Each in a row of its own with the time in which it was true (`valid_from`, `valid_to`, `is_current`): SCD type 2.
    Versions {
        /// Columns whose change opens no version.
        ignore: Vec<String>,
        /// Columns that show their latest value in every version.
        overwrite: Vec<String>,
        /// Columns that do so too, with `previous_…` and `…_changed_at` beside them in every version: SCD type 3 of these columns.
        previous: Vec<String>,
        /// A column to add that identifies a version.
        surrogate_key: Option<String>,
    },
    /// The last one, with `previous_…` and `…_changed_at` for some columns: SCD type 3.
    Last {
        /// These columns.
        previous: Vec<String>,
    },
}
