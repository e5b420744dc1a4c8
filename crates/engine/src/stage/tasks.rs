//! The streams of a query, each read by a task of its own.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use hw_base::{Error, Reader, Result};
use tokio::sync::mpsc;

use crate::failure::explain;
use crate::session::Session;

/// The streams of a query, at most one per core, and the plan that they come from.
pub(crate) async fn streams(
    session: &Session,
    frame: &DataFrame,
    reader: &Reader,
) -> Result<(Arc<dyn ExecutionPlan>, Vec<SendableRecordBatchStream>)> {
    let failed = |error| explain(error, &session.reading(reader));
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.map_err(failed)?;
    let streams = execute_stream_partitioned(Arc::clone(&plan), task).map_err(failed)?;
    let cores = session.state.config().target_partitions().max(1);
    Ok((plan, merged(streams, cores)))
}

/// Merges streams into at most `most`, so that each has a task and a writer of its own.
pub(super) fn merged(streams: Vec<SendableRecordBatchStream>, most: usize) -> Vec<SendableRecordBatchStream> {
    if streams.len() <= most {
        return streams;
    }
    let mut groups: Vec<Vec<SendableRecordBatchStream>> = (0..most).map(|_| Vec::new()).collect();
    for (index, stream) in streams.into_iter().enumerate() {
        groups[index % most].push(stream);
    }
    let merge = |group: Vec<SendableRecordBatchStream>| {
        let schema = group[0].schema();
        let stream = futures::stream::select_all(group);
        Box::pin(datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, stream)) as SendableRecordBatchStream
    };
    groups.into_iter().map(merge).collect()
}

/// What all tasks return. When one fails the others are ended, and have ended when this returns.
pub(crate) async fn joined<T>(tasks: Vec<tokio::task::JoinHandle<Result<T>>>) -> Result<Vec<T>> {
    let guards: Vec<_> = tasks.iter().map(|task| AbortOnDrop(task.abort_handle())).collect();
    let (mut results, mut failure) = (Vec::with_capacity(tasks.len()), None);
    for task in tasks {
        let problem = match task.await {
            Ok(Ok(result)) => {
                results.push(result);
                continue;
            }
            Ok(Err(error)) => error,
            Err(ended) => Error::bug(format!("a task ended early: {ended}")).code("HW901"),
        };
        failure.get_or_insert(problem);
        guards.iter().for_each(AbortOnDrop::abort);
    }
    failure.map_or(Ok(results), Err)
}

/// Ends a task when whoever waits for it goes away.
struct AbortOnDrop(tokio::task::AbortHandle);

impl AbortOnDrop {
    fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.abort();
    }
}

pub(super) async fn send(sender: Option<&mpsc::Sender<RecordBatch>>, batch: RecordBatch) {
    if let Some(sender) = sender {
        // A closed channel means that the aggregates failed; they say so themselves when they are finished.
        let _ = sender.send(batch).await;
    }
}
