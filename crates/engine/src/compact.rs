//! Rows without the buffers that a few views keep alive.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, GenericByteViewArray};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::{ByteViewType, DataType};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as Answer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

/// So many bytes beside those that are pointed at are not worth a copy.
const SPARE: usize = 64 << 10;

/// The column with buffers that hold nothing but its own values.
fn column(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => Arc::clone(array),
    }
}

/// The same rows, each column by itself.
pub(crate) fn rows(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    with_columns(batch, column)
}

/// The same rows; columns whose buffers are mostly in use stay as they are.
pub(crate) fn sparse_rows(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let is_sparse = |array: &ArrayRef| match array.data_type() {
        DataType::Utf8View => wastes(array.as_string_view()),
        DataType::BinaryView => wastes(array.as_binary_view()),
        _ => false,
    };
    let compacted = |array: &ArrayRef| if is_sparse(array) { column(array) } else { Arc::clone(array) };
    with_columns(batch, compacted)
}

fn with_columns(batch: &RecordBatch, own: impl FnMut(&ArrayRef) -> ArrayRef) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), batch.columns().iter().map(own).collect(), &options)
}

fn wastes<T: ByteViewType + ?Sized>(array: &GenericByteViewArray<T>) -> bool {
    let kept: usize = array.data_buffers().iter().map(Buffer::capacity).sum();
    kept > SPARE && kept - SPARE > 2 * array.total_buffer_bytes_used()
}

/// Gives sorts rows that hold their own texts alone: for each batch a sort asks for all of the memory that it refers to, be it a page of a file that a
/// hundred batches share. It must see the plan last.
#[derive(Debug)]
pub(crate) struct CompactBeforeSorts;

impl PhysicalOptimizerRule for CompactBeforeSorts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let compacted = |plan: Arc<dyn ExecutionPlan>| {
            let Some(sort) = plan.downcast_ref::<SortExec>().filter(|sort| has_views(sort.input())) else {
                return Ok(Transformed::no(plan));
            };
            let input: Arc<dyn ExecutionPlan> = Arc::new(Compact { input: Arc::clone(sort.input()) });
            Ok(Transformed::yes(plan.replace_children(vec![input], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))?))
        };
        plan.transform_up(compacted).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "compact_before_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn has_views(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.schema().fields().iter().any(|field| matches!(field.data_type(), DataType::Utf8View | DataType::BinaryView))
}

/// The same rows, whose texts are copied where their buffers are mostly those of others.
#[derive(Debug)]
struct Compact {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Compact {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compact")
    }
}

impl ExecutionPlan for Compact {
    fn name(&self) -> &'static str {
        "Compact"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(&self, _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Answer<TreeNodeRecursion>) -> Answer<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Answer<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self { input }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Answer<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Answer<SendableRecordBatchStream> {
        let own = self.input.execute(partition, context)?.and_then(|batch| futures::future::ready(sparse_rows(&batch).map_err(Into::into)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), own)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use datafusion::arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn buffers_of_rows_that_are_gone_are_let_go() {
        let texts: ArrayRef = Arc::new((0..10_000).map(|row| Some(format!("a text of row number {row}"))).collect::<StringViewArray>());
        let batch = RecordBatch::try_from_iter([("t", texts)]).unwrap();
        let bytes = |batch: &RecordBatch| batch.column(0).as_string_view().data_buffers().iter().map(Buffer::capacity).sum::<usize>();
        assert_eq!(bytes(&sparse_rows(&batch).unwrap()), bytes(&batch));
        let few = sparse_rows(&batch.slice(5_000, 10)).unwrap();
        assert!(bytes(&few) < 1_000, "{}", bytes(&few));
        assert_eq!(few, batch.slice(5_000, 10));
    }
}
