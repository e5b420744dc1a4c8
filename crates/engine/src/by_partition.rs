//! Window functions over a few of their partitions at a time. DataFusion's operators keep every row that they have seen, or the buffers of its texts,
//! until the last one has come, and ask nobody for that memory.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{concat_batches, partition};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as Answer;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream::Fuse;
use futures::{StreamExt, TryStreamExt};

use crate::compact;

/// Runs window functions over some whole partitions after the other, where rows come in the order of the partitions. It must see the plan after orders
/// are ensured.
#[derive(Debug)]
pub(crate) struct WindowsByPartition;

impl PhysicalOptimizerRule for WindowsByPartition {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let by_partition = |plan: Arc<dyn ExecutionPlan>| match partition_keys(&plan) {
            Some(keys) => Ok(Transformed::yes(Arc::new(ByPartition { window: plan, keys }) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(by_partition).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "windows_by_partition"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

type Keys = Vec<Arc<dyn PhysicalExpr>>;

/// What the partitions of a window are told by; `None` where all rows are one, or come in another order.
fn partition_keys(plan: &Arc<dyn ExecutionPlan>) -> Option<Keys> {
    let windows = match (plan.downcast_ref::<BoundedWindowAggExec>(), plan.downcast_ref::<WindowAggExec>()) {
        (Some(bounded), _) if bounded.input_order_mode == InputOrderMode::Sorted => bounded.window_expr(),
        (_, Some(whole)) => whole.window_expr(),
        _ => return None,
    };
    let keys = windows.first()?.partition_by();
    (!keys.is_empty() && windows.iter().all(|window| window.partition_by() == keys)).then(|| keys.to_vec())
}

/// A window over sorted rows.
#[derive(Debug)]
struct ByPartition {
    window: Arc<dyn ExecutionPlan>,
    keys: Keys,
}

impl DisplayAs for ByPartition {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByPartition: ")?;
        self.window.fmt_as(kind, f)
    }
}

impl ExecutionPlan for ByPartition {
    fn name(&self) -> &'static str {
        "ByPartition"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.window.children()
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Answer<TreeNodeRecursion>) -> Answer<TreeNodeRecursion> {
        self.window.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Answer<Arc<dyn ExecutionPlan>> {
        let window = Arc::clone(&self.window).replace_children(children, options)?;
        Ok(Arc::new(Self { window, keys: self.keys.clone() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Answer<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Answer<SendableRecordBatchStream> {
        let [input] = self.window.children()[..] else { return self.window.execute(partition, context) };
        let parts = Parts {
            schema: input.schema(),
            rows: input.execute(partition, Arc::clone(&context))?.fuse(),
            keys: self.keys.clone(),
            waiting: vec![],
            waiting_rows: 0,
            enough: context.session_config().batch_size(),
            at_least: context.session_config().batch_size(),
            memory: MemoryConsumer::new(format!("ByPartition[{partition}]")).register(context.memory_pool()),
        };
        let (window, properties) = (Arc::clone(&self.window), Arc::clone(input.properties()));
        let results = futures::stream::try_unfold(parts, |mut parts| async move { Ok(parts.next().await?.map(|part| (part, parts))) })
            .and_then(move |part| {
                let rows = Arc::new(Part { rows: Mutex::new(Some(part)), properties: Arc::clone(&properties) });
                let results = Arc::clone(&window)
                    .replace_children(vec![rows], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
                    .and_then(|window| window.execute(partition, Arc::clone(&context)));
                futures::future::ready(results)
            })
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.window.schema(), results)))
    }
}

/// Rows that are cut where partitions begin.
struct Parts {
    schema: SchemaRef,
    rows: Fuse<SendableRecordBatchStream>,
    keys: Keys,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    /// With so many rows waiting it is looked where to cut.
    enough: usize,
    at_least: usize,
    memory: MemoryReservation,
}

impl Parts {
    /// Some whole partitions.
    async fn next(&mut self) -> Answer<Option<RecordBatch>> {
        while let Some(batch) = self.rows.next().await.transpose()? {
            self.waiting_rows += batch.num_rows();
            self.waiting.push(batch);
            if self.waiting_rows >= self.enough
                && let Some(part) = self.cut()?
            {
                return Ok(Some(part));
            }
        }
        let rest = std::mem::take(&mut self.waiting);
        Ok(if rest.is_empty() { None } else { Some(concat_batches(&self.schema, &rest)?) })
    }

    /// All but the last partition, of which more rows may come; `None` where they are all of one.
    fn cut(&mut self) -> Answer<Option<RecordBatch>> {
        let all = compact::sparse_rows(&concat_batches(&self.schema, &self.waiting)?)?;
        let evaluated = |key: &Arc<dyn PhysicalExpr>| key.evaluate(&all)?.into_array(all.num_rows());
        let keys: Vec<ArrayRef> = self.keys.iter().map(evaluated).collect::<Answer<_>>()?;
        let begins = partition(&keys)?.ranges().last().map_or(0, |last| last.start);
        let rest = all.slice(begins, all.num_rows() - begins);
        self.waiting_rows = rest.num_rows();
        self.enough = if begins == 0 { 2 * self.waiting_rows } else { self.waiting_rows + self.at_least };
        self.waiting = vec![if begins == 0 { rest } else { compact::sparse_rows(&rest)? }];
        // As much again is taken where they are put together.
        self.memory.try_resize(2 * all.get_array_memory_size())?;
        Ok((begins > 0).then(|| all.slice(0, begins)))
    }
}

/// Rows of some partitions in place of all.
#[derive(Debug)]
struct Part {
    rows: Mutex<Option<RecordBatch>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Part {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

impl ExecutionPlan for Part {
    fn name(&self) -> &'static str {
        "Part"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(&self, _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Answer<TreeNodeRecursion>) -> Answer<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Answer<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Answer<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Answer<SendableRecordBatchStream> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(rows.map(Ok)))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use hw_base::{ByteSize, Engine as _};

    use crate::session::Effort;
    use crate::testing::{self, planned};
    use crate::{Limits, LiveTables, LocalEngine};

    /// Of few rows and of many, in few partitions and in many.
    const ROWS: &str = "(select v % 3 as few, v % 20000 as many, case when v < 50000 then 0 else v end as uneven, v, \
        'a text of more than twelve bytes ' || v as t from generate_series(1, 60000) as s(v)) as r";

    #[tokio::test(flavor = "multi_thread")]
    async fn windows_over_parts_are_those_over_all_rows() {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), 2);
        for key in ["few", "many", "uneven"] {
            let windows = [
                (format!("row_number() over (partition by {key} order by v)"), format!("count(*) over (partition by {key} order by v)")),
                (
                    format!("length(lag(t) over (partition by {key} order by v))"),
                    format!("length(max(t) over (partition by {key} order by v rows between 1 preceding and 1 preceding))"),
                ),
                (
                    format!("count(*) over (partition by {key})"),
                    format!("count(*) over (partition by {key} order by v rows between unbounded preceding and unbounded following)"),
                ),
            ];
            for (window, other) in windows {
                let sql = format!(
                    "select count(*) filter (where a is distinct from b) from (select {window} as a, {other} as b from {ROWS}) as w"
                );
                for effort in [Effort::Fast, Effort::Spilling, Effort::Single] {
                    let (plan, rows) = planned(&engine, &sql, effort).await;
                    assert!(rows.iter().any(|row| row.trim_matches(['|', ' ']) == "0"), "{sql} {rows:?}");
                    assert!(plan.contains("ByPartition: "), "{sql}\n{plan}");
                }
            }
            let sql = format!("select count(distinct n), sum(n) from (select count(*) over (partition by {key}) as n from {ROWS}) as w");
            let grouped = format!("select count(distinct n), sum(n * n) from (select count(*) as n from {ROWS} group by {key}) as g");
            let numbers =
                |rows: Vec<String>| rows.into_iter().find(|row| row.contains(|c: char| c.is_ascii_digit())).unwrap().replace(' ', "");
            let found = numbers(planned(&engine, &sql, Effort::Fast).await.1);
            assert_eq!(found, numbers(planned(&engine, &grouped, Effort::Fast).await.1), "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_partition_that_does_not_fit_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { memory: ByteSize(128 << 20), disk: ByteSize(1 << 30), threads: Some(1) };
        let engine = LocalEngine::new(folder.path().join("w"), folder.path().join("s"), LiveTables::default(), limits).unwrap();
        let rows = |groups: u64| {
            format!("(select v % {groups} as g, repeat('a long text ', 30) || v as t from generate_series(1, 300000) as s(v)) as r")
        };
        let sql =
            |groups| format!("select sum(n) from (select length(t) + count(*) over (partition by g) as n from {}) as w", rows(groups));
        engine.query(&testing::reader(&sql(10_000)), 10).await.unwrap();
        assert_eq!(engine.query(&testing::reader(&sql(1)), 10).await.unwrap_err().known_code(), Some("HW401"));
    }
}
