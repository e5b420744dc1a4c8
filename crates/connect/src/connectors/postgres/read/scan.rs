//! One reading of a table: what it asks for, and what becomes of the rows that its connections copy.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::StreamExt;
use hw_base::{Error, Result};
use hw_engine::Deadline;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use super::{Pages, Sessions, Source};
use crate::connectors::postgres::decode::{Decoded, Decoder, Malformed};
use crate::connectors::postgres::errors::Explained;
use crate::connectors::postgres::left_out::Reading;
use crate::connectors::postgres::progress::{Noted, Now};
use crate::connectors::postgres::session::Session;
use crate::connectors::postgres::types::SourceColumn;

type Batches = Sender<Result<RecordBatch, DataFusionError>>;

/// One reading of some columns of a table.
pub(super) struct Scan {
    source: Arc<Source>,
    /// What the SELECT asks for.
    fetched: Vec<SourceColumn>,
    /// Where each column of `schema` comes from.
    outputs: Vec<Output>,
    malformed: Malformed,
    /// What is told of malformed records afterwards.
    reading: Reading,
    limit: Option<usize>,
    /// How many connections may share the work. What several copy comes in the order of arrival.
    pub(super) connections: usize,
    /// Whether the rows are to come in the same order each time.
    pub(super) is_in_order: bool,
    /// When nobody waits for the rows any more.
    pub(super) deadline: Option<Arc<Deadline>>,
    /// The columns of its rows.
    pub(super) schema: SchemaRef,
}

#[derive(Clone, Copy)]
enum Output {
    /// This one of the fetched columns.
    Fetched(usize),
    /// The description of malformed records.
    Malformed,
    /// A hidden column that a database has no value for.
    Null,
}

impl Scan {
    /// Fetches the columns that are asked for. Who asks for malformed records gets them told by all columns.
    pub(super) fn new(source: &Arc<Source>, projection: Option<&Vec<usize>>, limit: Option<usize>) -> Result<Self, DataFusionError> {
        let all = source.columns.len();
        let wanted = projection.cloned().unwrap_or_else(|| (0..source.arrow_schema.fields().len()).collect());
        let malformed_at = all + 2;
        let malformed = if wanted.contains(&malformed_at) { Malformed::Described } else { Malformed::Null };
        let fetched: Vec<usize> = match malformed {
            Malformed::Described => (0..all).collect(),
            Malformed::Null => wanted.iter().copied().filter(|column| *column < all).collect(),
        };
        let output = |column: &usize| match fetched.iter().position(|fetched| fetched == column) {
            Some(place) => Output::Fetched(place),
            None if *column == malformed_at => Output::Malformed,
            None => Output::Null,
        };
        Ok(Self {
            outputs: wanted.iter().map(output).collect(),
            fetched: fetched.iter().map(|column| source.columns[*column].clone()).collect(),
            malformed,
            reading: source.readings.begin(),
            // A limit asks for a look at the table; one connection is enough for that.
            connections: if limit.is_some() { 1 } else { source.connections },
            limit,
            is_in_order: false,
            deadline: None,
            schema: Arc::new(source.arrow_schema.project(&wanted)?),
            source: Arc::clone(source),
        })
    }

    /// Reads everything into `batches`.
    async fn run(self: Arc<Self>, batches: Batches) -> Result<()> {
        let Sessions { all, at, apart } = self.source.sessions(self.connections, &self.how()).await?;
        let now = self.source.progress.now(&self.source.server, &all[0].0, at).await?;
        let mut copies = JoinSet::new();
        for (session, pages) in all {
            copies.spawn(Arc::clone(&self).copy(session, now, pages, batches.clone()));
        }
        let mut noted = Vec::new();
        while let Some(copied) = copies.join_next().await {
            noted.push(copied.map_err(|error| Error::bug("the copy of a table ended in disorder").because(error))??);
        }
        if let (Some(noted), None) = (noted.into_iter().collect(), self.limit) {
            self.source.reached.note(self.source.progress.reached(noted, &now)?);
            self.source.snapshot().note(&self.source.display_name(), at, apart);
            self.reading.end();
        }
        Ok(())
    }

    /// Tells the server how to work: alone where its workers would mix up the rows, and no longer than anybody waits for it, should
    /// nobody be there to end it.
    fn how(&self) -> String {
        let alone = self.is_in_order.then(|| "set local max_parallel_workers_per_gather to 0".to_owned());
        let most = u128::from(i32::MAX.unsigned_abs());
        let until = self.deadline.as_ref().map(|deadline| deadline.remaining().as_millis().clamp(1, most));
        let sql: Vec<String> = alone.into_iter().chain(until.map(|left| format!("set local statement_timeout to {left}"))).collect();
        sql.join("; ")
    }

    /// Copies a range of pages. Returns what there is to know about its rows, or `None` where nobody wanted all of them.
    async fn copy(self: Arc<Self>, session: Session, now: Now, pages: Option<Pages>, batches: Batches) -> Result<Option<Noted>> {
        let source = &self.source;
        let progress = &source.progress;
        let extra = progress.noted(&now);
        let sql =
            format!("copy ({}) to stdout (format binary)", source.select(&self.fetched, extra.as_deref(), pages.as_ref(), self.limit));
        let mut chunks = pin!(session.client.copy_out(&sql).await.explained(&source.server, || source.purpose())?);
        let mut noted = Noted::default();
        let mut decoder = Decoder::new(&self.fetched, self.malformed);
        if extra.is_some() {
            decoder = decoder.noting();
        }
        while let Some(chunk) = chunks.next().await {
            let mut chunk = chunk.explained(&source.server, || source.purpose())?;
            while let Some(decoded) = decoder.read(&mut chunk)? {
                progress.note(&mut noted, &decoded, &self.fetched, &now)?;
                if batches.send(self.batch(decoded)).await.is_err() {
                    return Ok(None);
                }
            }
        }
        if let Some(decoded) = decoder.finish()? {
            progress.note(&mut noted, &decoded, &self.fetched, &now)?;
            if batches.send(self.batch(decoded)).await.is_err() {
                return Ok(None);
            }
        }
        session.close().await;
        Ok(Some(noted))
    }

    fn batch(&self, decoded: Decoded) -> Result<RecordBatch, DataFusionError> {
        let Decoded { rows, columns, malformed, unfit, .. } = decoded;
        if let Some(records) = &malformed {
            self.reading.note(records, unfit.iter().map(|column| self.fetched[*column].name.as_str()));
        }
        let malformed = malformed.map(|malformed| Arc::new(malformed) as ArrayRef);
        let array = |(output, field): (&Output, &Arc<Field>)| match (output, &malformed) {
            (Output::Fetched(place), _) => Arc::clone(&columns[*place]),
            (Output::Malformed, Some(malformed)) => Arc::clone(malformed),
            (Output::Malformed | Output::Null, _) => new_null_array(field.data_type(), rows),
        };
        let arrays = self.outputs.iter().zip(self.schema.fields()).map(array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// A scan as the only partition of a plan; every execution of it is a reading of its own.
pub(super) struct ScanStream(pub(super) Arc<Scan>);

impl fmt::Debug for ScanStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresScan({})", self.0.source.display_name())
    }
}

impl PartitionStream for ScanStream {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Arc::clone(&self.0);
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&scan.schema), scan.connections);
        let batches = builder.tx();
        builder.spawn(async move { scan.run(batches).await.map_err(|error| DataFusionError::External(Box::new(error))) });
        builder.build()
    }
}
