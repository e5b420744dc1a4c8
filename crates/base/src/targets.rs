//! The port to targets: databases that show what tables of the warehouse show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Built, Column, Error, PushDown, Pushed, Result, TableName, Watched};

/// Where a copy of a table lies in a database, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The key under `targets:`.
    pub target: String,
    /// The table there, with its schema before a dot where it is not in the target's own: `analytics.fact_orders`.
    pub table: String,
    /// The columns of which no two rows have the same values; none where nothing tells rows apart.
    pub key: Vec<String>,
    /// How it is split.
    pub partition: Option<Partitioning>,
    /// The columns of each index.
    pub indexes: Vec<Vec<String>>,
}

/// How a table of a database is split by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partitioning {
    /// The column, a date or a timestamp.
    pub by: String,
    /// The time that one partition holds.
    #[serde(default)]
    pub every: Period,
}

/// The time that a partition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    #[default]
    Month,
    /// A year.
    Year,
}

impl Period {
    /// Its name, as SQL knows it too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A published version of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The table.
    pub table: TableName,
    /// What tells it from a table of the same name that was removed or comes later.
    pub id: String,
    /// The number of the version.
    pub version: i64,
}

/// An order to bring a copy to a published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Where to, and how it lies there.
    pub placement: Placement,
    /// The version.
    pub release: Release,
    /// The project that the table belongs to; a copy belongs to one table of one project.
    pub project: String,
    /// Whether loads only ever add rows, so that what is new can be told without a key.
    pub only_grows: bool,
    /// The run.
    pub run: String,
    /// The runs of this ledger that may have brought the copy to what it shows.
    pub own_runs: Vec<String>,
}

/// What a delivery did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The version that the copy showed before; `None` for the first delivery.
    pub before: Option<i64>,
    /// Whether all rows were sent, and not only those that differ from the version before.
    pub is_whole: bool,
    /// Rows that were sent.
    pub sent: u64,
    /// Rows that the copy did not have.
    pub added: u64,
    /// Rows whose values changed; 0 where no key tells them.
    pub changed: u64,
    /// Rows that are gone.
    pub removed: u64,
}

/// Brings copies in databases to published versions. Secrets are resolved at the moment of use and never leave the room that does it.
pub trait Targets: Send + Sync {
    /// Brings a copy to a version in one transaction, in which it also notes down that it did; `None` where the copy shows the version
    /// already.
    ///
    /// # Errors
    /// HW207 for what the database or the copy does not allow, HW206 where the database cannot be reached. The copy is as it was then.
    fn deliver<'a>(&'a self, shipment: &'a Shipment) -> BoxFuture<'a, Result<Option<Shipped>>>;

    /// Looks whether a copy that is there takes rows with these columns. No row is sent.
    ///
    /// # Errors
    /// HW207 for what [`Self::deliver`] would refuse because of the columns, HW206 where the database cannot be reached.
    fn takes<'a>(&'a self, _placement: &'a Placement, _columns: &'a [Column]) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Looks whether an order can be carried out inside the target, and returns what could be answered for its rules: the numbers in it
    /// say nothing. No row is read.
    ///
    /// # Errors
    /// HW311 for a SELECT that would not come to the same there, with its place; HW206 where the database cannot be reached.
    fn try_push_down<'a>(&'a self, order: &'a PushDown) -> BoxFuture<'a, Result<Watched>> {
        Box::pin(std::future::ready(Err(nothing_inside(&order.placement))))
    }

    /// Runs a SELECT inside the target, in a transaction that goes on.
    ///
    /// # Errors
    /// As for [`Self::try_push_down`]; HW208 for rows that would not come to the same there.
    fn push_down<'a>(&'a self, order: &'a PushDown) -> BoxFuture<'a, Result<Box<dyn Pushed>>> {
        Box::pin(std::future::ready(Err(nothing_inside(&order.placement))))
    }

    /// What a table was built to last that a model of a project has inside the target; `None` where it is not there.
    ///
    /// # Errors
    /// HW206 where the database cannot be reached.
    fn built<'a>(&'a self, placement: &'a Placement) -> BoxFuture<'a, Result<Option<Built>>> {
        Box::pin(std::future::ready(Err(nothing_inside(placement))))
    }
}

fn nothing_inside(placement: &Placement) -> Error {
    Error::bug(format!("nothing is built inside `{}` here", placement.target))
}

/// No target at all, for runs that deliver nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoTargets;

impl Targets for NoTargets {
    fn deliver<'a>(&'a self, shipment: &'a Shipment) -> BoxFuture<'a, Result<Option<Shipped>>> {
        let refused = Error::bug(format!("nothing is delivered to `{}` here", shipment.placement.target));
        Box::pin(std::future::ready(Err(refused)))
    }
}
