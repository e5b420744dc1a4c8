//! The port to places that answer for their rows themselves: a database counts what rules ask of its tables, so that no row is copied.

use crate::{BoxFuture, Reader, Result, Watch, Watched};

/// What rules ask of the rows of a query, all in the engine's SQL.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The rows.
    pub rows: Reader,
    /// What one scan has to count.
    pub watch: Watch,
    /// The rules of the watch of which violating rows are shown; of all others only the number matters.
    pub shown: Vec<String>,
    /// What is asked of rows together.
    pub sets: Vec<SetQuestion>,
    /// The records behind the rows with those that cannot be read as rows, and the rules that these break. They are asked where all of the
    /// watch is answered; otherwise the scan for the rest of it tells them.
    pub of_records: Vec<Questions>,
}

/// What a rule asks of rows together.
#[derive(Clone, Debug)]
pub struct SetQuestion {
    /// The rule's name.
    pub id: String,
    /// Selects the number of violating rows, and after it the number of rows judged where the rule does not judge all.
    pub count: Reader,
    /// Selects some of the violating rows.
    pub examples: Reader,
}

/// A place that can answer for rows without handing them out.
pub trait InPlace: Send + Sync {
    /// What it is called: `postgres`.
    fn name(&self) -> &'static str;

    /// The columns that identify a row of the table that is judged, as the place names them; none where it knows none.
    fn key(&self) -> BoxFuture<'_, Result<Vec<String>>>;

    /// Answers what it can answer exactly as the engine would over the same rows, and leaves out everything else; `None` where that is
    /// all. The engine reads the same rows for the rest, whatever others write.
    ///
    /// # Errors
    /// Where the place cannot be reached, or breaks off.
    fn answer<'a>(&'a self, questions: &'a Questions) -> BoxFuture<'a, Result<Option<Watched>>>;
}
