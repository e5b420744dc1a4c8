//! A table of which only some columns are shown.
//!
//! A projection would do the same, and would be looked through column by column whenever a query is planned.

use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, Statistics};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

/// Some columns of a table.
#[derive(Debug)]
pub(crate) struct Shown {
    table: Arc<dyn TableProvider>,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Shown {
    /// The columns of `table` at these places.
    pub(crate) fn new(table: Arc<dyn TableProvider>, columns: Vec<usize>) -> Result<Self> {
        let schema = Arc::new(table.schema().project(&columns)?);
        Ok(Self { table, columns, schema })
    }

    /// The table with all of its columns.
    pub(crate) fn table(&self) -> &Arc<dyn TableProvider> {
        &self.table
    }
}

// Written without the macro: the inner table has the future.
impl TableProvider for Shown {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        // Of the whole table, which is wider.
        let own = Statistics::new_unknown(&self.schema);
        self.table.statistics().map(|all| Statistics { column_statistics: own.column_statistics, ..all })
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
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
        Box::pin(async move {
            let columns: Vec<usize> = match projection {
                Some(projection) => projection.iter().map(|at| self.columns[*at]).collect(),
                None => self.columns.clone(),
            };
            self.table.scan(state, Some(&columns), filters, limit).await
        })
    }
}
