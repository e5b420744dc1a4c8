//! The port to an engine: SQL text and plain values go in, plain values come out.

use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    CodeMemory, CodedTable, Column, Error, Further, LoadMode, MeasureSettings, PromotedFrom, Result, Rows, Sketches, SourceFile,
    TableFacts, TableName, Timestamp, Watch, Watched,
};

/// A future on the heap, so that ports need no generic parameters.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A table name in a query, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The parts of the name: `["shop", "customer_orders"]`.
    pub parts: Vec<String>,
    /// One-based line in the query.
    pub line: usize,
    /// One-based column in that line.
    pub column: usize,
}

/// What a name in a query stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A table of the warehouse.
    Table {
        /// The name in the query: `shop.customer_orders`.
        name: String,
        /// The table.
        table: TableName,
        /// This version; the newest where `None`.
        version: Option<i64>,
        /// Only batches later than this one, for a raw copy.
        after_batch: Option<i64>,
        /// Only batches up to this one, for a raw copy.
        up_to_batch: Option<i64>,
        /// Whether the columns that tell where a raw row came from (`_file`, `_batch` …) are left out.
        hides_origin: bool,
    },
    /// A source dataset that was opened through [`crate::Sources::open`].
    Live {
        /// The name in the query.
        name: String,
        /// The relation that `open` returned.
        relation: String,
    },
    /// A query under a name, over the inputs before it.
    Query {
        /// The name in the query.
        name: String,
        /// Its SELECT.
        sql: String,
    },
    /// A query under a name, with inputs of its own.
    Reader {
        /// The name in the query.
        name: String,
        /// The query.
        reader: Reader,
    },
    /// The rows that one view of a table has and another has not, once each, whichever of the two it is.
    Changes {
        /// The name in the query.
        name: String,
        /// One view, an [`Input::Table`].
        before: Box<Input>,
        /// The other one.
        after: Box<Input>,
    },
    /// The rows that two views of tables do not share, in the columns that both have; [`MORE`] tells how much more often `after` has
    /// a row, less than zero where `before` has it more often.
    Difference {
        /// The name in the query.
        name: String,
        /// One view, an [`Input::Table`].
        before: Box<Input>,
        /// The other one.
        after: Box<Input>,
    },
}

/// The column of [`Input::Difference`] that tells on which side a row is.
pub const MORE: &str = "_more";

impl Input {
    /// The name in the query.
    pub fn name(&self) -> &str {
        match self {
            Self::Table { name, .. }
            | Self::Live { name, .. }
            | Self::Query { name, .. }
            | Self::Reader { name, .. }
            | Self::Changes { name, .. }
            | Self::Difference { name, .. } => name,
        }
    }
}

/// What a SELECT makes of rows that are new in some of its tables, where it sees these alone of them and all rows of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// It may return rows that come of none of them, which it would return again with the next new ones.
    Repeated,
    /// Each row comes of one that is new: whoever sees the new rows in several parts gets the same rows as who sees them at once.
    ByRow,
    /// Each row comes of new rows that it sees together, such as a group of them.
    ByPart,
}

/// What tells to which partitions of the result of a SELECT the rows of one of its inputs belong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// The name of the input in the SELECT.
    pub input: String,
    /// For each time that the SELECT reads the input one expression per partition column, over the columns of the input.
    pub expressions: Vec<Vec<String>>,
}

/// A query together with what its names stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reader {
    /// One SELECT.
    pub sql: String,
    /// What its names stand for. Every table of the warehouse can also be named without being listed.
    pub inputs: Vec<Input>,
    /// The file that the SQL comes from, for messages.
    pub file: Option<String>,
}

/// An order to stage one batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says another thing of the batch, and all combine")]
pub struct Staging {
    /// The table to change.
    pub table: TableName,
    /// The rows.
    pub reader: Reader,
    /// How they change the table.
    pub mode: LoadMode,
    /// Partition columns with the expression that fills each: `("order_month", "make_date(date_part('year', order_date), date_part('month', order_date), 1)")`.
    /// An expression that is the column itself partitions by an existing column.
    pub partition_by: Vec<(String, String)>,
    /// What to count.
    pub watch: Watch,
    /// Whether the batch replaces all that is there, as the first load and a rebuild do, whatever the mode.
    pub is_rebuild: bool,
    /// Rows to take out of the table in the same commit, as a Boolean expression: the earlier copy of a changed file.
    pub withdraw: Option<String>,
    /// The word that starts the name of every staged file, so that leftovers can be told: `RUN-WINDOW-MOMENT`.
    pub label: String,
    /// The run, as quarantined rows name it.
    pub run: String,
    /// When, as quarantined rows tell it.
    pub at: Timestamp,
    /// Whether to compute a hash of the content that does not depend on the order of rows.
    pub hash_content: bool,
    /// Columns of the query that rules may look at and that quarantined rows keep, but that the table does not have.
    pub hidden: Vec<String>,
    /// What a person decides about rows in quarantine. Then these rows are the batch, instead of those of the query; where
    /// everything is built anew, the batch is the query's rows all the same.
    pub review: Option<Review>,
    /// Whether rows are in the batch too that wait for a row of another table which it has now ([`Together::Known`]).
    #[serde(default)]
    pub retries: bool,
    /// Whether the batch is the next whole copy of what the table has copies of: what waits in quarantine was of an earlier one.
    #[serde(default)]
    pub is_next_copy: bool,
    /// The input of the reader that tells keys which need a row although none has arrived: the key columns, and values for other ones.
    /// Such a row says so in a column that the batch gets, breaks no rule, and gives way to the first row of its key.
    pub members: Option<String>,
}

impl Staging {
    /// An order to add all rows of `reader` to a table as they are, of which `label`, `run` and `at` tell where it comes from.
    pub fn adding(table: TableName, reader: Reader, (label, run): (String, String), at: Timestamp) -> Self {
        Self {
            table,
            reader,
            mode: LoadMode::Append { key: vec![] },
            partition_by: vec![],
            watch: Watch::default(),
            is_rebuild: false,
            withdraw: None,
            label,
            run,
            at,
            hash_content: false,
            hidden: vec![],
            review: None,
            retries: false,
            is_next_copy: false,
            members: None,
        }
    }
}

/// What a person decides about rows in quarantine. It is remembered: whenever a load reads these rows again, it goes by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Which of them: a Boolean expression over the rows in quarantine.
    pub rows: String,
    /// What becomes of them.
    pub ruling: Ruling,
}

/// What becomes of rows in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// They may enter as they are.
    Vouched {
        /// Although they break this rule; all that they broke where `None`.
        rule: Option<String>,
    },
    /// They may enter with other values, if they then break no quarantine rule: columns, each with the SQL of its value.
    Repaired(Vec<(String, String)>),
    /// They never enter.
    Dropped,
}

/// A Parquet file that no log entry names yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Its path below the table's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its partition values, by column.
    pub partition: Vec<(String, Option<String>)>,
    /// Its statistics, in Delta's JSON form.
    pub stats: String,
}

/// Rows written where no reader sees them, with all that was counted on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StagedBatch {
    /// The table's folder below the warehouse.
    pub table: String,
    /// The version of the table that the batch builds on; `None` where there is no table yet.
    pub base: Option<i64>,
    /// Files to add.
    pub files: Vec<StagedFile>,
    /// Files of the table to take away.
    pub removed: Vec<String>,
    /// Whether nothing stays of what the table had.
    #[serde(default)]
    pub replaces: bool,
    /// Files to add to the quarantine table.
    pub quarantined: Vec<StagedFile>,
    /// Files of the quarantine table to take away: rows of theirs have been corrected; the others are among those to add.
    #[serde(default)]
    pub corrected: Vec<String>,
    /// Files to add to the table of deleted rows.
    #[serde(default)]
    pub deleted: Vec<StagedFile>,
    /// Files to add to the table of what people decided.
    #[serde(default)]
    pub reviewed: Vec<StagedFile>,
    /// Rows that a person decided about with this batch.
    #[serde(default)]
    pub rows_reviewed: u64,
    /// Rows of the quarantine that are in the batch because what they waited for is there.
    #[serde(default)]
    pub rows_returned: u64,
    /// The Arrow schema of the table after the batch, as the engine writes it.
    pub schema: Json,
    /// The Arrow schema of the quarantine files.
    pub quarantine_schema: Json,
    /// The Arrow schema of the files of what people decided.
    #[serde(default)]
    pub reviewed_schema: Json,
    /// The partition columns.
    pub partition_columns: Vec<String>,
    /// Rows the query returned.
    pub rows_read: u64,
    /// Rows that enter the table as new or changed.
    pub rows_written: u64,
    /// Rows diverted to the quarantine table.
    pub rows_quarantined: u64,
    /// Rows of the table after the batch.
    pub rows_after: u64,
    /// Rows of the batch left out because a later row with their key is in the batch or in the table, or the same one; of an append,
    /// because an earlier one is.
    pub rows_superseded: u64,
    /// How many rows of the batch came later than a version of their key and time, and stay out because its content decides, and the key and
    /// the time of one of them.
    #[serde(default)]
    pub outdone: Option<(u64, String)>,
    /// What was counted.
    pub watched: Watched,
    /// The content hash, where asked for.
    pub content_hash: Option<String>,
    /// Bytes spilled to disk.
    pub spilled_bytes: u64,
}

impl StagedBatch {
    /// Whether publishing it would change nothing.
    pub fn changes_nothing(&self) -> bool {
        let added = [&self.files, &self.quarantined, &self.deleted, &self.reviewed];
        added.iter().all(|files| files.is_empty()) && self.removed.is_empty() && self.corrected.is_empty() && self.base.is_some()
    }
}

/// What a commit says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitNote {
    /// The application of the transaction: project and table.
    pub application: String,
    /// Its number: the window. A table that has seen it is not changed again.
    pub window: i64,
    /// Run id, code fingerprint, input versions and verdict.
    pub details: Json,
    /// When.
    pub at: Timestamp,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The version that holds the rows.
    pub version: i64,
    /// Whether an earlier attempt had already made it.
    pub was_there: bool,
}

/// The newest version of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// What tells the table from one of the same name that was removed.
    pub id: String,
    /// Its number.
    pub version: i64,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, where the log tells.
    pub rows: Option<u64>,
    /// The bytes of its files.
    pub bytes: u64,
    /// The number of its files.
    pub files: u64,
    /// The last window of `application`, where it was asked for.
    pub window: Option<i64>,
}

/// One entry of a table's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableVersion {
    /// Its number.
    pub version: i64,
    /// When it was made.
    pub at: Option<Timestamp>,
    /// What made it: `WRITE`, `RESTORE` …
    pub operation: String,
    /// The run that made it.
    pub run: Option<String>,
    /// The project of that run, where it says so.
    #[serde(default, skip_serializing)]
    pub project: Option<String>,
    /// The files that it read, as they were then, where it is one of a raw copy of files and says so.
    #[serde(default, skip_serializing)]
    pub files: Vec<SourceFile>,
}

/// An engine: it reads, measures, stages and publishes. It judges nothing.
pub trait Engine: Send + Sync {
    /// The tables that a SELECT reads, in the order they appear; names of its own `with` parts are left out.
    fn reads(&self, sql: &str, file: Option<&str>) -> Result<Vec<Reference>>;

    /// Whether each row of the result follows from one row of the one table that the SELECT reads, so that new rows alone give the
    /// new rows of the result.
    fn is_row_by_row(&self, _sql: &str) -> bool {
        false
    }

    /// Whether the SELECT brings rows of several of these tables together, as a join does and a union does not.
    fn joins(&self, _sql: &str, _tables: &[&str]) -> bool {
        false
    }

    /// What the SELECT makes of rows that are new in these tables.
    fn growth(&self, _sql: &str, _tables: &[&str]) -> Growth {
        Growth::Repeated
    }

    /// The inputs of a SELECT of which it is sure that each row bears on no other partition of the result than that which
    /// an expression over the row tells. Nothing is read.
    fn traced<'a>(&'a self, _reader: &'a Reader, _partition_by: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<Traced>>> {
        Box::pin(std::future::ready(Ok(vec![])))
    }

    /// The columns that a query returns; nothing is read.
    fn columns<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>>;

    /// The columns that a query returns, where it can be carried out: what fails whatever the rows are is found. Nothing is read.
    fn tried<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>> {
        self.columns(reader)
    }

    /// Runs a query and returns its first `limit` rows.
    fn query<'a>(&'a self, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>>;

    /// Measures the rows of a query in one pass.
    fn measure<'a>(&'a self, reader: &'a Reader, settings: MeasureSettings) -> BoxFuture<'a, Result<TableFacts>>;

    /// Measures the rows of a query, and codes them in the same pass: in file order, all of them where `memory` holds the codes, else a
    /// uniform sample of the rows. Malformed records are no rows and have no number. The coded table has no name.
    fn measure_and_code<'a>(
        &'a self,
        reader: &'a Reader,
        settings: MeasureSettings,
        memory: CodeMemory,
    ) -> BoxFuture<'a, Result<(TableFacts, CodedTable)>>;

    /// The same for rows that are new: goes on from the measurement of all earlier ones, which `before` holds, without reading them; from
    /// none where it is `None`. Columns and memory are to be the same as before.
    ///
    /// # Errors
    /// `HW404` where `before` is damaged or of other columns.
    fn measure_further<'a>(
        &'a self,
        _reader: &'a Reader,
        _settings: MeasureSettings,
        _memory: CodeMemory,
        _before: Option<&'a Sketches>,
    ) -> BoxFuture<'a, Result<Further>> {
        Box::pin(std::future::ready(Err(Error::bug("this engine keeps no sketches"))))
    }

    /// Keeps the rows of a query in memory, where a part of it holds them, and returns how to read them there; what was kept before is
    /// forgotten. `None` where they do not fit, or the engine keeps nothing.
    fn keep<'a>(&'a self, _reader: &'a Reader) -> BoxFuture<'a, Result<Option<Reader>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Counts what `watch` asks for in one scan, and writes nothing.
    fn watch<'a>(&'a self, reader: &'a Reader, watch: &'a Watch) -> BoxFuture<'a, Result<Watched>>;

    /// Writes a batch where no reader sees it.
    fn stage<'a>(&'a self, staging: &'a Staging) -> BoxFuture<'a, Result<StagedBatch>>;

    /// Runs a query over a staged batch: `staged` names its rows, `after` the table as it would be; other names as in
    /// `reader`.
    fn query_staged<'a>(&'a self, batch: &'a StagedBatch, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>>;

    /// Counts the rows of one query whose values are not among those of another, both without nulls; of a staged batch, where one is given,
    /// with the names of [`Self::query_staged`]. `None` where that is better asked as a join.
    fn without_partner<'a>(
        &'a self,
        _batch: Option<&'a StagedBatch>,
        _rows: &'a Reader,
        _among: &'a Reader,
    ) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes a staged batch visible in one commit, once however often it is called.
    fn publish<'a>(&'a self, batch: &'a StagedBatch, note: &'a CommitNote) -> BoxFuture<'a, Result<Published>>;

    /// Makes what an environment has built of a table the newest version of this warehouse, in one commit, once however often it is
    /// called. Files are shared where the file system allows it.
    fn adopt<'a>(&'a self, table: &'a TableName, _from: &'a PromotedFrom, _note: &'a CommitNote) -> BoxFuture<'a, Result<Published>> {
        let refused = Error::bug(format!("`{table}` cannot be taken over: this engine has no environments"));
        Box::pin(std::future::ready(Err(refused)))
    }

    /// Removes the files of a batch that will not be published.
    fn discard<'a>(&'a self, batch: &'a StagedBatch) -> BoxFuture<'a, Result<()>>;

    /// Waits until nothing that was begun is still being written, also where nobody waits for it any more.
    fn idle(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Removes the files that an attempt with this label left behind and that no version names.
    fn sweep<'a>(&'a self, table: &'a TableName, label: &'a str) -> BoxFuture<'a, Result<u64>>;

    /// Whether the warehouse holds the table; asks no log, so that it is cheap for many.
    fn has_table(&self, _table: &TableName) -> Result<bool> {
        Ok(true)
    }

    /// Whether the newest version of a table is the one of this number, a later one, or probably an earlier one, which its log tells for
    /// sure; `None` where there is no table. As cheap.
    fn standing(&self, _table: &TableName, _version: i64) -> Result<Option<Ordering>> {
        Ok(Some(Ordering::Equal))
    }

    /// The run that made a version of a table, as its log entry says; `None` where the entry is gone or names none.
    fn writer<'a>(&'a self, _table: &'a TableName, _version: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The newest version of a table; `None` where there is no table.
    fn table<'a>(&'a self, table: &'a TableName, application: Option<&'a str>) -> BoxFuture<'a, Result<Option<TableState>>>;

    /// The versions of a table, newest first.
    fn versions<'a>(&'a self, table: &'a TableName, limit: usize) -> BoxFuture<'a, Result<Vec<TableVersion>>>;

    /// Makes an earlier version the newest, as a new commit. Returns the number of that commit.
    fn roll_back<'a>(&'a self, table: &'a TableName, version: i64, details: &'a Json) -> BoxFuture<'a, Result<i64>>;
}
