//! Parquet files as a table whose rows tell which file they came from.
//!
//! The hidden columns are partition values: the same for all rows of a file, so that they cost next to nothing.

use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileGroupPartitioner, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;

/// A Parquet file of a dataset.
#[derive(Clone, Debug)]
pub(crate) struct OriginFile {
    /// Its path as the project names it: what `_file` holds.
    pub(crate) name: String,
    /// Its place in the file system.
    pub(crate) location: Path,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its rows.
    pub(crate) rows: u64,
}

/// Parquet files with the hidden columns `_file`, `_line` and `_malformed`; the latter two are always null.
#[derive(Debug)]
pub(crate) struct OriginTable {
    schema: SchemaRef,
    layout: TableSchema,
    files: Vec<OriginFile>,
}

impl OriginTable {
    /// A table of `fields`, and the hidden columns under the names `hidden`.
    pub(crate) fn new(fields: Vec<Field>, hidden: [&str; 3], files: Vec<OriginFile>) -> Self {
        let types = [DataType::Utf8View, DataType::Int64, DataType::Utf8View];
        let hidden: Vec<Arc<Field>> =
            hidden.into_iter().zip(types).map(|(name, data_type)| Arc::new(Field::new(name, data_type, true))).collect();
        let layout = TableSchema::builder(Arc::new(Schema::new(fields))).with_table_partition_cols(hidden).build();
        Self { schema: Arc::clone(layout.table_schema()), layout, files }
    }

    fn known(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let sum = |number: fn(&OriginFile) -> u64| usize::try_from(self.files.iter().map(number).sum::<u64>());
        statistics.num_rows = sum(|file| file.rows).map_or(Precision::Absent, Precision::Inexact);
        statistics.total_byte_size = sum(|file| file.bytes).map_or(Precision::Absent, Precision::Inexact);
        statistics
    }

    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = ParquetSource::new(self.layout.clone());
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            source = source.with_predicate(state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&self.schema))?)?);
        }
        let whole = [FileGroup::new(self.files.iter().map(partitioned).collect())];
        let cores = state.config().target_partitions();
        let shared_out = FileGroupPartitioner::new().with_target_partitions(cores).repartition_file_groups(&whole);
        let groups = shared_out.unwrap_or_else(|| whole.into_iter().flat_map(|files| files.split_files(cores)).collect());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(self.known())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn partitioned(file: &OriginFile) -> PartitionedFile {
    let mut partitioned = PartitionedFile::new("", file.bytes);
    partitioned.object_meta.location = file.location.clone();
    partitioned.partition_values =
        vec![ScalarValue::Utf8View(Some(file.name.clone())), ScalarValue::Int64(None), ScalarValue::Utf8View(None)];
    partitioned
}

// Written without the macro: the future is ready at once, so there is nothing for it to carry.
impl TableProvider for OriginTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        // The footers tell it exactly, but for a scan, which may leave rows out.
        let known = self.known();
        let rows = known.num_rows.get_value().map_or(Precision::Absent, |rows| Precision::Exact(*rows));
        Some(Statistics { num_rows: rows, ..known })
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn scan<'this, 'state, 'projection, 'filters, 'future>(
        &'this self,
        state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'future>>
    where
        'this: 'future,
        'state: 'future,
        'projection: 'future,
        'filters: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(self.plan(state, projection, filters, limit)))
    }
}
