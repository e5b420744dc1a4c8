//! The rows of a query one batch after the other, for who sends them elsewhere: a table need not fit into memory.

use std::pin::Pin;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use futures::{Stream, StreamExt};
use hw_base::{Reader, Result};

use crate::damage;
use crate::failure::{Context, explain};
use crate::local::LocalEngine;
use crate::session::{Effort, Session};

/// Batches of rows, as they are read.
pub type RowStream<'a> = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send + 'a>>;

/// A query that is ready to be carried out.
pub struct Query<'a> {
    engine: &'a LocalEngine,
    reader: &'a Reader,
    about: Context<'a>,
    frame: DataFrame,
}

impl LocalEngine {
    /// Makes a query ready. Of the rows nothing is read yet; sorts and groups spill to disk when it is carried out.
    ///
    /// # Errors
    /// SQL that cannot be planned, and tables or versions that are not there.
    pub async fn prepare<'a>(&'a self, reader: &'a Reader) -> Result<Query<'a>> {
        let session = Session::for_reader(self, reader, Effort::Spilling).await?;
        let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
        Ok(Query { engine: self, reader, about: session.reading(reader), frame })
    }
}

impl<'a> Query<'a> {
    /// The columns of the rows.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(self.frame.schema().inner())
    }

    /// The rows, in any order.
    ///
    /// # Errors
    /// What keeps the query from being begun. What goes wrong later comes in place of a batch.
    pub async fn rows(self) -> Result<RowStream<'a>> {
        let Self { engine, reader, about, frame } = self;
        let batches = frame.execute_stream().await.map_err(|error| explain(error, &about))?;
        let told = batches.then(move |batch| {
            let batch = batch.map_err(|error| explain(error, &about));
            async move {
                match batch {
                    Err(error) => Err(damage::named(engine, reader, error).await),
                    batch => batch,
                }
            }
        });
        Ok(Box::pin(told))
    }
}
