//! The port to databases that build a table inside themselves: a SELECT runs where its rows lie, and its rows stay there.

use crate::{BoxFuture, Column, Placement, Questions, Reader, Result, Shipped, Span, Watched};

/// The relation, for [`crate::Input::Live`], of the rows that a SELECT has returned inside a database.
pub const PUSHED_ROWS: &str = "pushed_rows";

/// The relation of a table inside a database as it would be after the load.
pub const PUSHED_TABLE: &str = "pushed_table";

/// An order to build a table inside the database that it lies in.
#[derive(Clone, Debug)]
pub struct PushDown {
    /// Where the table lies, and how.
    pub placement: Placement,
    /// The project that the table belongs to; a table belongs to one model of one project.
    pub project: String,
    /// The model.
    pub model: String,
    /// The run.
    pub run: String,
    /// The SELECT, and what its names and those of rules stand for.
    pub reader: Reader,
    /// Those of these names that stand for other tables of the target, each with its table.
    pub made: Vec<(String, String)>,
    /// The columns that the SELECT returns, as the engine has them.
    pub columns: Vec<Column>,
    /// The columns of which no two rows of the SELECT may have the same values, because the load tells rows apart by them.
    pub merge_by: Vec<String>,
    /// Which rows of the table stay.
    pub keeps: Keeps,
    /// Those of the rows of the SELECT that are no deletions; `None` where all are.
    pub living: Option<Living>,
    /// What rules ask of the rows of the SELECT, which are [`PUSHED_ROWS`].
    pub of_rows: Questions,
    /// What rules ask of the table, which is [`PUSHED_TABLE`].
    pub of_table: Questions,
}

/// Which rows of a table stay when those of a SELECT arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// None that the SELECT does not return.
    Nothing,
    /// Those whose key no row of the SELECT has.
    Others,
    /// All, as they are: a row of the SELECT is added where its key is new.
    All,
}

/// What tells deletions from other rows.
#[derive(Clone, Debug)]
pub struct Living {
    /// Selects the rows of [`PUSHED_ROWS`] that are no deletions.
    pub reader: Reader,
    /// Where the project says what a deletion is.
    pub place: Option<Span>,
}

/// What a table inside a database was built to last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The number of the window.
    pub window: i64,
    /// The run that built it.
    pub run: String,
}

/// The rows of a SELECT inside a database, in a transaction that goes on: nobody else sees them, and with this value they are gone.
pub trait Pushed: Send + Sync {
    /// The last window that the table has seen; 0 for none.
    fn window(&self) -> i64;

    /// Rows that the SELECT returned.
    fn rows(&self) -> u64;

    /// Rows of them that rules keep out of the table.
    fn diverted(&self) -> u64;

    /// Rows that the table would have.
    fn rows_after(&self) -> u64;

    /// What was counted for the rules. Nothing is said about a rule that cannot be judged there exactly as the engine would.
    fn watched(&self) -> &Watched;

    /// Brings the table to these rows and notes window and run down, all visible at once; `None` where it shows them already.
    ///
    /// # Errors
    /// HW207 for what the database or the table does not allow, HW206 where the connection breaks. The table is as it was then; whether a
    /// commit counts whose answer is lost, [`crate::Targets::built`] tells.
    fn publish(&self, window: i64) -> BoxFuture<'_, Result<Option<Shipped>>>;

    /// Lets go of what is not published.
    fn end(self: Box<Self>) -> BoxFuture<'static, ()>;
}
