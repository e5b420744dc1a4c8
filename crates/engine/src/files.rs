//! A table given by its Parquet files: a version of a Delta table, a staged batch, or the table as it would be.

use std::sync::Arc;

use datafusion::arrow::array::new_null_array;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileGroupPartitioner, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use hw_base::StagedFile;

use crate::folder::FolderRef;

/// A Parquet file of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    /// The folder of the table.
    pub(crate) folder: FolderRef,
    /// Its path in that folder, as the log names it.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its rows, where known.
    pub(crate) rows: Option<u64>,
    /// Its partition values, by column.
    pub(crate) partition: Vec<(String, Option<String>)>,
    /// Its statistics, in Delta's JSON form.
    pub(crate) stats: Option<String>,
}

impl TableFile {
    /// The file as it was staged.
    pub(crate) fn staged(&self) -> StagedFile {
        StagedFile {
            path: self.name.clone(),
            bytes: self.bytes,
            rows: self.rows.unwrap_or_default(),
            partition: self.partition.clone(),
            stats: self.stats.clone().unwrap_or_else(|| "{}".into()),
        }
    }
}

/// A table given by its files, which lie in one store.
#[derive(Clone, Debug)]
pub(crate) struct FileTable {
    /// The columns, partition columns last.
    schema: SchemaRef,
    partition_columns: usize,
    files: Arc<Vec<TableFile>>,
}

impl FileTable {
    /// A table of `files` whose last `partition_columns` columns are not in the files but in their partition values.
    pub(crate) fn new(schema: SchemaRef, partition_columns: usize, files: Vec<TableFile>) -> Self {
        Self { schema, partition_columns, files: Arc::new(files) }
    }

    /// Its files.
    pub(crate) fn files(&self) -> &[TableFile] {
        &self.files
    }

    fn split_schema(&self) -> (SchemaRef, Vec<Arc<Field>>) {
        let fields = self.schema.fields();
        let in_files = fields.len() - self.partition_columns;
        (Arc::new(Schema::new(fields[..in_files].to_vec())), fields[in_files..].to_vec())
    }

    fn partitioned_file(file: &TableFile, partition_fields: &[Arc<Field>]) -> Result<PartitionedFile> {
        let values = partition_fields.iter().map(|field| {
            let text = file.partition.iter().find(|(column, _)| column == field.name()).and_then(|(_, value)| value.as_deref());
            partition_value(text, field.data_type())
        });
        let mut partitioned = PartitionedFile::new("", file.bytes);
        partitioned.object_meta.location = file.folder.object(&file.name)?;
        partitioned.partition_values = values.collect::<Result<_>>()?;
        Ok(partitioned)
    }

    fn sizes(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows: Option<u64> = self.files.iter().map(|file| file.rows).sum();
        statistics.num_rows = rows.and_then(|rows| usize::try_from(rows).ok()).map_or(Precision::Absent, Precision::Inexact);
        let bytes: u64 = self.files.iter().map(|file| file.bytes).sum();
        statistics.total_byte_size = usize::try_from(bytes).map_or(Precision::Absent, Precision::Inexact);
        statistics
    }

    /// Reads the rows.
    pub(crate) fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(first) = self.files.first() else {
            let schema = match projection {
                Some(indices) => Arc::new(self.schema.project(indices)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        };
        let (file_schema, partition_fields) = self.split_schema();
        let table_schema = TableSchema::builder(file_schema).with_table_partition_cols(partition_fields.clone()).build();
        let mut source = ParquetSource::new(table_schema);
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            source = source.with_predicate(state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&self.schema))?)?);
        }
        let files = self.files.iter().map(|file| Self::partitioned_file(file, &partition_fields)).collect::<Result<Vec<_>>>()?;
        let groups = balanced(FileGroup::new(files), state.config().target_partitions());
        let config = FileScanConfigBuilder::new(first.folder.store_url(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(self.sizes())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The files in as many groups as there are cores, of about equal bytes: a large file is shared out by its row groups.
fn balanced(files: FileGroup, cores: usize) -> Vec<FileGroup> {
    let whole = [files];
    let partitioner = FileGroupPartitioner::new().with_target_partitions(cores);
    partitioner.repartition_file_groups(&whole).unwrap_or_else(|| whole.into_iter().flat_map(|files| files.split_files(cores)).collect())
}

/// A partition value, which the log keeps as text.
pub(crate) fn partition_value(text: Option<&str>, data_type: &DataType) -> Result<ScalarValue> {
    let Some(text) = text else { return ScalarValue::try_from_array(&new_null_array(data_type, 1), 0) };
    let array = ScalarValue::Utf8(Some(text.to_owned())).to_array()?;
    ScalarValue::try_from_array(&cast(&array, data_type)?, 0)
}

#[async_trait::async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.sizes())
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.plan(state, projection, filters, limit)
    }
}
