//! A dataset whose records are read one after another, as a table of the engine.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use tokio::sync::mpsc::Sender;

use super::batches::{Batches, Origin, Wanted, with_hidden};
use super::cell::Cell;

/// How many batches wait for the one who reads.
const BATCHES_AHEAD: usize = 2;

/// Reads the records of a file on a thread that may block. Every scan reads them anew.
pub(crate) trait RowReader: fmt::Debug + Send + Sync {
    /// Sends every record to `outlet`, until that wants no more.
    fn read(&self, wanted: &Wanted, outlet: &mut Outlet) -> hw_base::Result<()>;
}

/// Takes the records of a scan.
pub(crate) struct Outlet {
    wanted: Wanted,
    sender: Sender<Result<RecordBatch>>,
    batches: Batches,
    left: usize,
    is_closed: bool,
}

impl Outlet {
    fn new(wanted: Wanted, sender: Sender<Result<RecordBatch>>) -> Self {
        let (batches, left) = (Batches::new(wanted.clone(), None), wanted.limit.unwrap_or(usize::MAX));
        Self { wanted, sender, batches, left, is_closed: false }
    }

    /// Begins with the records of another file.
    pub(crate) fn begin(&mut self, file: &str) {
        self.send();
        self.batches = Batches::new(self.wanted.clone(), Some(file.to_owned()));
    }

    /// Adds a record, with its line where it has one. Says whether more are wanted.
    pub(crate) fn push(&mut self, line: Option<u64>, cells: &[Cell<'_>]) -> bool {
        self.batches.push(line, cells);
        self.left = self.left.saturating_sub(1);
        if self.batches.is_full() || self.left == 0 {
            self.send();
        }
        self.wants_more()
    }

    /// Adds rows of the file that was begun, column by column for the columns that [`Wanted::read`] names. Says whether more
    /// are wanted.
    pub(crate) fn push_rows(&mut self, first_line: u64, rows: usize, columns: &[ArrayRef]) -> bool {
        let first = i64::try_from(first_line).unwrap_or(i64::MAX);
        let lines = (0..rows).map(|row| i64::try_from(row).ok().and_then(|row| first.checked_add(row))).collect();
        let batch = self.wanted.batch(columns, &Origin { file: self.batches.file(), lines, malformed: &[] });
        self.left = self.left.saturating_sub(rows);
        self.is_closed |= self.sender.blocking_send(batch).is_err();
        self.wants_more()
    }

    /// Whether anybody wants more records.
    pub(crate) fn wants_more(&self) -> bool {
        !self.is_closed && self.left > 0
    }

    fn send(&mut self) {
        if let Some(batch) = self.batches.take().transpose() {
            self.is_closed |= self.sender.blocking_send(batch).is_err();
        }
    }
}

/// The records of a reader.
#[derive(Debug)]
pub(crate) struct RowTable {
    schema: SchemaRef,
    reader: Arc<dyn RowReader>,
}

impl RowTable {
    /// A table of `columns` and the hidden ones.
    pub(crate) fn new(columns: Vec<Field>, reader: Arc<dyn RowReader>) -> Self {
        Self { schema: with_hidden(columns), reader }
    }

    fn plan(&self, projection: Option<&Vec<usize>>, limit: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted::new(&self.schema, projection, limit)?;
        let schema = Arc::clone(&wanted.schema);
        let scan: Arc<dyn PartitionStream> = Arc::new(Scan { wanted, reader: Arc::clone(&self.reader) });
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![scan], None, [], false, limit)?))
    }
}

// Written without the macro: the future is ready at once, so there is nothing for it to carry.
impl TableProvider for RowTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn scan<'this, 'state, 'projection, 'filters, 'future>(
        &'this self,
        _state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        _filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'future>>
    where
        'this: 'future,
        'state: 'future,
        'projection: 'future,
        'filters: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(self.plan(projection, limit)))
    }
}

/// A scan as the only partition of a plan; every execution of it is a reading of its own.
#[derive(Debug)]
struct Scan {
    wanted: Wanted,
    reader: Arc<dyn RowReader>,
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.wanted.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.wanted.schema), BATCHES_AHEAD);
        let (reader, wanted, sender) = (Arc::clone(&self.reader), self.wanted.clone(), stream.tx());
        stream.spawn_blocking(move || {
            let mut outlet = Outlet::new(wanted.clone(), sender);
            reader.read(&wanted, &mut outlet).map_err(|error| DataFusionError::External(Box::new(error)))?;
            outlet.send();
            Ok(())
        });
        stream.build()
    }
}
