//! Delta tables that others write. Plain ones are read like those of the warehouse; where a table goes beyond that (rows deleted in vectors,
//! renamed columns, widened types) Delta's own kernel reads it, on one core.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::{DeltaResult, Engine, Snapshot};
use deltalake_core::kernel::Protocol;
use deltalake_core::table::state::DeltaTableState;
use hw_base::{Error, Result};

use crate::folder::Disk;
use crate::types;
use crate::warehouse::snapshot_in;

/// The features that ask nothing of a reader but the files that the log names.
const PLAIN_FEATURES: [&str; 3] = ["timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"];
/// How many batches wait for the one who reads.
const BATCHES_AHEAD: usize = 2;

/// The newest version of a Delta table that others write.
pub struct ForeignTable {
    /// Its rows.
    pub rows: Arc<dyn TableProvider>,
    /// The names of its columns, in the order of its log.
    pub columns: Vec<String>,
    /// Its size on the disk.
    pub bytes: u64,
    /// How many they are, where its log tells.
    pub known_rows: Option<u64>,
}

/// Opens the Delta table in a folder.
///
/// # Errors
/// Says why it cannot be read.
pub async fn open_foreign(folder: &Path) -> Result<ForeignTable> {
    let unreadable = |error: &dyn std::fmt::Display| Error::outside(error.to_string()).code("HW203");
    let folder = Disk::passing(folder.to_owned());
    let log_store = folder.log_store()?;
    let state = DeltaTableState::try_new(log_store.as_ref(), None).await.map_err(|error| unreadable(&error))?;
    let columns = state.schema().fields().map(|field| field.name().to_owned()).collect();
    let is_plain = is_plain(state.protocol());
    let snapshot = snapshot_in(&folder, state, log_store)?;
    let bytes = snapshot.files.iter().map(|file| file.bytes).sum();
    let known_rows = snapshot.rows().filter(|rows| is_plain || *rows == 0);
    let rows: Arc<dyn TableProvider> = if is_plain {
        Arc::new(snapshot.table())
    } else {
        let (engine, url) = (snapshot.log_store.engine(None), snapshot.log_store.root_url().clone());
        let read = move || KernelTable::new(engine, url.as_str());
        let table = tokio::task::spawn_blocking(read).await.map_err(|error| Error::bug(format!("a task ended early: {error}")))?;
        Arc::new(table.map_err(|error| unreadable(&error))?)
    };
    Ok(ForeignTable { rows, columns, bytes, known_rows })
}

/// Whether the rows of a table are those of its files, under their own names.
fn is_plain(protocol: &Protocol) -> bool {
    let Ok(protocol) = serde_json::to_value(protocol) else { return false };
    let features = protocol["readerFeatures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_known = features.iter().all(|feature| feature.as_str().is_some_and(|name| PLAIN_FEATURES.contains(&name)));
    is_known && protocol["minReaderVersion"] != 2
}

/// A table that the kernel reads.
struct KernelTable {
    engine: Arc<dyn Engine>,
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
}

impl std::fmt::Debug for KernelTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelTable").field("version", &self.snapshot.version()).finish_non_exhaustive()
    }
}

impl KernelTable {
    fn new(engine: Arc<dyn Engine>, url: &str) -> DeltaResult<Self> {
        let snapshot = Snapshot::builder_for(url).build(engine.as_ref())?;
        let schema: Schema = snapshot.schema().as_ref().try_into_arrow()?;
        Ok(Self { engine, snapshot, schema: types::stored_schema(&schema) })
    }

    fn plan(&self, projection: Option<&Vec<usize>>, limit: Option<usize>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let scan = KernelScan { engine: Arc::clone(&self.engine), snapshot: Arc::clone(&self.snapshot), schema: Arc::clone(&schema) };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?))
    }
}

#[async_trait::async_trait]
impl TableProvider for KernelTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.plan(projection, limit)
    }
}

/// A scan as the only partition of a plan; every execution of it is a reading of its own.
struct KernelScan {
    engine: Arc<dyn Engine>,
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
}

impl std::fmt::Debug for KernelScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelScan").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for KernelScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let (engine, snapshot, schema, sender) =
            (Arc::clone(&self.engine), Arc::clone(&self.snapshot), Arc::clone(&self.schema), stream.tx());
        stream.spawn_blocking(move || {
            let failed = |error: delta_kernel::Error| DataFusionError::External(Box::new(error));
            // Of no column the kernel tells nothing, not even how many rows there are.
            let all = snapshot.schema();
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let first = all.fields().take(usize::from(schema.fields().is_empty())).map(|field| field.name().as_str());
            let wanted = all.project(&names.chain(first).collect::<Vec<_>>()).map_err(failed)?;
            let scan = snapshot.clone().scan_builder().with_schema(wanted).build().map_err(failed)?;
            for rows in scan.execute(engine).map_err(failed)? {
                let rows = rows.try_into_record_batch().map_err(failed)?;
                if sender.blocking_send(fitted(&rows, &schema)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        stream.build()
    }
}

/// Rows as the kernel hands them out, in the types of the warehouse.
fn fitted(rows: &RecordBatch, schema: &SchemaRef) -> DataFusionResult<RecordBatch> {
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| cast(column, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_, _>>()?, &options)?)
}
