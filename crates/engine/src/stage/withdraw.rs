//! Taking rows out of a table and its quarantine: the files that hold some are rewritten without them.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use hw_base::{Result, StagedBatch, StagedFile};

use super::Attempt;
use super::rows::kept_rows;
use crate::beside::Beside;
use crate::failure::explain;
use crate::files::FileTable;
use crate::session::{Effort, Session};
use crate::warehouse::Snapshot;
use crate::writer::Writer;

/// What is left of a table when rows are taken out.
#[derive(Default)]
struct Rest {
    removed: Vec<String>,
    rows_before: u64,
    files: Vec<StagedFile>,
}

impl Attempt<'_> {
    /// Takes rows out, in the table and in its quarantine.
    pub(super) async fn withdraw(&self, kept: &Snapshot, batch: &mut StagedBatch, untouched: &mut u64) -> Result<()> {
        let Some(predicate) = &self.staging.withdraw else { return Ok(()) };
        let staying = self.writer(&self.folder, "keep", &self.columns.schema, &self.columns.partition_columns);
        let rest = self.without(kept, predicate, &batch.removed, (staying, |rows| self.columns.fit(rows))).await?;
        *untouched -= rest.rows_before.min(*untouched);
        batch.removed.extend(rest.removed);
        batch.files.extend(rest.files);
        self.withdraw_quarantined(predicate, batch).await
    }

    /// Takes rows out of the quarantine.
    pub(super) async fn withdraw_quarantined(&self, predicate: &str, batch: &mut StagedBatch) -> Result<()> {
        let quarantine = self.staging.table.quarantine();
        let Some(target) = &self.target else { return Ok(()) };
        if let Some(present) = self.engine.beside(Beside::Quarantine, &self.staging.table, target).await? {
            let staying = self.writer(&self.engine.warehouse.folder(&quarantine), "keep", &present.schema, &[]);
            let rest = self.without(&present, predicate, &[], (staying, |rows| Ok(rows.clone()))).await?;
            batch.corrected.extend(rest.removed);
            batch.quarantined.extend(rest.files);
        }
        Ok(())
    }

    /// The files of `kept` that hold rows for which the SQL is true, and new ones without these rows.
    async fn without<F>(&self, kept: &Snapshot, predicate: &str, gone: &[String], (mut staying, fit): (Writer, F)) -> Result<Rest>
    where
        F: Fn(&RecordBatch) -> Result<RecordBatch>,
    {
        let mut rest = Rest::default();
        let withdrawn = Withdrawn::of(Session::new(self.engine, Effort::Fast), kept, predicate)?;
        for file in kept.files.iter().filter(|file| !gone.contains(&file.name)) {
            let table = kept.table_of(vec![file.clone()]);
            if !withdrawn.are_in(&table).await? {
                continue;
            }
            let mut rows = withdrawn.read(&table, None)?;
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(|error| explain(error, &withdrawn.session.about(None)))?;
                staying.write(&fit(&kept_rows(&batch, &withdrawn.mask(&withdrawn.all, &batch)?)?)?)?;
            }
            rest.rows_before += file.rows.unwrap_or_default();
            rest.removed.push(file.name.clone());
        }
        rest.files = staying.finish()?;
        Ok(rest)
    }
}

/// Which rows go. The condition may name thousands of files, so it is planned once and not for every file that is looked at.
struct Withdrawn {
    session: Session,
    /// The condition on whole rows.
    all: Arc<dyn PhysicalExpr>,
    /// The places of the columns that it is about, and the condition on these alone.
    columns: Vec<usize>,
    on_columns: Arc<dyn PhysicalExpr>,
}

impl Withdrawn {
    fn of(session: Session, kept: &Snapshot, predicate: &str) -> Result<Self> {
        let planned = || {
            let all = session.row_expression(predicate, &DFSchema::try_from(Arc::clone(&kept.schema))?)?;
            let mut columns: Vec<usize> = collect_columns(&all).iter().map(Column::index).collect();
            columns.sort_unstable();
            let on_columns = reassign_expr_columns(Arc::clone(&all), &kept.schema.project(&columns)?)?;
            Ok((all, columns, on_columns))
        };
        let (all, columns, on_columns) = planned().map_err(|error| explain(error, &session.about(None)))?;
        Ok(Self { session, all, columns, on_columns })
    }

    /// Whether a table has rows that go.
    async fn are_in(&self, table: &FileTable) -> Result<bool> {
        let mut rows = self.read(table, Some(&self.columns))?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| explain(error, &self.session.about(None)))?;
            if self.mask(&self.on_columns, &batch)?.true_count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&self, table: &FileTable, columns: Option<&Vec<usize>>) -> Result<SendableRecordBatchStream> {
        let plan = table.plan(self.session.state.as_ref(), columns, &[], None);
        let rows = plan.and_then(|plan| execute_stream(plan, self.session.context().task_ctx()));
        rows.map_err(|error| explain(error, &self.session.about(None)))
    }

    fn mask(&self, condition: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<BooleanArray> {
        let evaluated = condition.evaluate(rows).and_then(|value| value.into_array(rows.num_rows()));
        let mask = evaluated.and_then(|array| Ok(cast(&array, &DataType::Boolean)?));
        mask.map(|mask| mask.as_boolean().clone()).map_err(|error| explain(error, &self.session.about(None)))
    }
}
