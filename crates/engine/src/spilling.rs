//! Plans whose operators sort: what sorts can spill where memory is short, and holds a few rows at a time.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as Answer;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode, Partitioning};

/// Joins by sorting, on one core too: hash joins cannot spill. It must see the plan first: sorts are added later.
#[derive(Debug)]
pub(crate) struct SortedJoins;

impl PhysicalOptimizerRule for SortedJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let sorted = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<HashJoinExec>().and_then(sorted_join) {
            Some(join) => Ok(Transformed::yes(Arc::new(join?) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(sorted).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "sorted_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same join by sorting; `None` where there is none. Nulls that decide, as in `not in`, are known to hash joins alone; and where a filter
/// leaves a row without a partner, a join by sorting fails on columns that are said to have no nulls.
fn sorted_join(join: &HashJoinExec) -> Option<Answer<SortMergeJoinExec>> {
    let has_strict = |side: &Arc<dyn ExecutionPlan>| side.schema().fields().iter().any(|field| !field.is_nullable());
    let fills_with_nulls = matches!(join.join_type, JoinType::Left | JoinType::Right | JoinType::Full);
    let would_fail = join.filter.is_some() && fills_with_nulls && (has_strict(&join.left) || has_strict(&join.right));
    let can_be_sorted = !join.null_aware && !would_fail && join.projection.is_none() && !join.on.is_empty();
    can_be_sorted.then(|| {
        let (left, right) = (Arc::clone(&join.left), Arc::clone(&join.right));
        let orders = vec![SortOptions::default(); join.on.len()];
        SortMergeJoinExec::try_new(left, right, join.on.clone(), join.filter.clone(), join.join_type, orders, join.null_equality)
    })
}

/// Gathers the values of one group after the other, from rows in the order of the groups: lists of all groups, as hash tables hold them, are copied
/// when they are spilled, and once more when they are given out. It must see the plan after orders are ensured.
///
/// Values in an order of their own are sorted anyway, and then always group by group.
#[derive(Debug)]
pub(crate) enum SortedGroups {
    OfOrderedValues,
    OfAll,
}

impl PhysicalOptimizerRule for SortedGroups {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let sorted = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<AggregateExec>().map(|last| self.in_order_of_groups(last)) {
            Some(aggregate) => Ok(aggregate?.map_or_else(|| Transformed::no(plan), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(sorted).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "sorted_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl SortedGroups {
    fn means(&self, measure: &AggregateFunctionExpr) -> bool {
        gathers(measure) && (matches!(self, Self::OfAll) || !measure.order_bys().is_empty())
    }

    /// The same aggregate in one step over sorted rows, in as many partitions; `None` where no order helps.
    fn in_order_of_groups(&self, last: &AggregateExec) -> Answer<Option<Arc<dyn ExecutionPlan>>> {
        let first = match last.mode() {
            AggregateMode::Single => last,
            AggregateMode::Final | AggregateMode::FinalPartitioned => match first_step(last.input()) {
                Some(first) => first,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let (groups, measures) = (first.group_expr(), first.aggr_expr());
        let is_in_order = *last.input_order_mode() != InputOrderMode::Linear;
        if is_in_order || groups.is_true_no_grouping() || !groups.is_single() || !measures.iter().any(|measure| self.means(measure)) {
            return Ok(None);
        }
        let keys = groups.input_exprs();
        let by_key = keys.iter().map(|key| PhysicalSortExpr::new(Arc::clone(key), SortOptions::default()));
        // What was planned for values that come in an order holds on as long as they do so within each group.
        let within = first.input().output_ordering();
        let Some(order) = LexOrdering::new(by_key.chain(within.into_iter().flatten().cloned())) else { return Ok(None) };
        let rows = if within.is_some() { unsorted(first.input()) } else { first.input() };
        let partitions = last.properties().output_partitioning().partition_count();
        let sort = |rows| Arc::new(SortExec::new(order.clone(), rows).with_preserve_partitioning(true));
        let (mode, rows): (_, Arc<dyn ExecutionPlan>) = if partitions == 1 {
            (AggregateMode::Single, Arc::new(SortPreservingMergeExec::new(order.clone(), sort(Arc::clone(rows)))))
        } else {
            let shared = RepartitionExec::try_new(Arc::clone(rows), Partitioning::Hash(keys, partitions))?;
            (AggregateMode::SinglePartitioned, sort(Arc::new(shared)))
        };
        let filters = first.filter_expr().to_vec();
        let sorted = AggregateExec::try_new(mode, groups.clone(), measures.to_vec(), filters, rows, first.input_schema())?;
        Ok((sorted.schema() == last.schema()).then(|| Arc::new(sorted) as Arc<dyn ExecutionPlan>))
    }
}

/// The step that sees the rows, of an aggregate in two steps.
fn first_step(input: &Arc<dyn ExecutionPlan>) -> Option<&AggregateExec> {
    if let Some(step) = input.downcast_ref::<AggregateExec>() {
        return (*step.mode() == AggregateMode::Partial).then_some(step);
    }
    let passes_on = input.is::<RepartitionExec>() || input.is::<CoalescePartitionsExec>() || input.is::<SortPreservingMergeExec>();
    if passes_on { first_step(input.children().first()?) } else { None }
}

/// The rows before they were put in an order.
fn unsorted(rows: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    let is_order = rows.is::<SortExec>() || rows.is::<SortPreservingMergeExec>() || rows.is::<CoalescePartitionsExec>();
    match rows.children().first() {
        Some(input) if is_order && rows.fetch().is_none() => unsorted(input),
        _ => rows,
    }
}

/// Whether it keeps values of every row.
fn gathers(measure: &AggregateFunctionExpr) -> bool {
    let keeps_lists = |fields: Vec<FieldRef>| fields.iter().any(|field| matches!(field.data_type(), DataType::List(_)));
    measure.fun().name() == "string_agg" || measure.state_fields().is_ok_and(keeps_lists)
}

/// So many batches of first rows are kept without sorting all rows.
const FIRST_BATCHES: usize = 16;

/// Sorts all rows where many of the first are asked for: those that are kept to find them cannot be spilled. It must see the plan last.
#[derive(Debug)]
pub(crate) struct WholeSorts;

impl PhysicalOptimizerRule for WholeSorts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let few = config.execution.batch_size.get().saturating_mul(FIRST_BATCHES);
        let whole = |plan: Arc<dyn ExecutionPlan>| {
            let many = plan.downcast_ref::<SortExec>().and_then(|sort| sort.fetch().filter(|rows| *rows > few).map(|rows| (sort, rows)));
            let Some((sort, rows)) = many else { return Ok(Transformed::no(plan)) };
            let sorted: Arc<dyn ExecutionPlan> = Arc::new(sort.with_fetch(None));
            Ok(Transformed::yes(Arc::new(LocalLimitExec::new(sorted, rows)) as Arc<dyn ExecutionPlan>))
        };
        plan.transform_up(whole).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "whole_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use crate::session::Effort;
    use crate::testing::planned;

    const NUMBERS: &str = "(values (1, 'a'), (2, 'b'), (2, 'c'), (cast(null as int), 'd'), (4, 'e'))";

    fn joins() -> Vec<String> {
        let kinds =
            ["join", "left join", "right join", "full join", "left semi join", "left anti join", "right semi join", "right anti join"];
        let joined = kinds.iter().map(|kind| {
            format!("select * from {NUMBERS} as l(i, t) {kind} (select i * 2 as j, t as u from {NUMBERS} as o(i, t)) as r on l.i = r.j")
        });
        let filtered = ["left", "right", "full"].map(|kind| {
            let l = format!("(select i, nullif(t, 'x') as t from {NUMBERS} as o(i, t))");
            let r = format!("(select i as j, nullif(t, 'x') as u from {NUMBERS} as o(i, t))");
            format!("select * from {l} as l {kind} join {r} as r on l.i = r.j and l.t < r.u order by t, u")
        });
        let strict = format!("select * from {NUMBERS} as l(i, t) left join {NUMBERS} as r(j, u) on l.i = r.j and l.t < r.u order by t, u");
        let nulls = format!("select * from {NUMBERS} as l(i, t) where i not in (select i from {NUMBERS} as r(i, t))");
        let same =
            format!("select t, count(*) from {NUMBERS} as l(i, t) join {NUMBERS} as r(j, u) on l.i is not distinct from r.j group by t");
        joined.chain(filtered).chain([strict, nulls, same]).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn joins_that_spill_find_the_same_rows_on_however_many_cores() {
        for threads in [1, 2] {
            let folder = tempfile::tempdir().unwrap();
            let engine = crate::testing::engine(folder.path(), threads);
            for sql in joins() {
                let (_, expected) = planned(&engine, &sql, Effort::Fast).await;
                for effort in [Effort::Spilling, Effort::Single] {
                    let (plan, rows) = planned(&engine, &sql, effort).await;
                    assert_eq!(rows, expected, "{sql}");
                    let only_hashed = sql.contains("not in") || (sql.contains("l.t < r.u") && !sql.contains("nullif"));
                    assert_eq!(plan.contains("SortMergeJoin"), !only_hashed, "{sql}\n{plan}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn values_are_gathered_group_by_group_where_memory_is_short() {
        let rows = "(select v % 10 as g, v % 100 as o, 'text ' || v as t from generate_series(1, 1000) as s(v))";
        let gathered = [
            "string_agg(t, ',' order by o, t)",
            "array_agg(t order by t desc)",
            "array_to_string(array_agg(o order by o), ' '), string_agg(t, ';' order by o, t desc), string_agg(t, ' ' order by t)",
            "array_to_string(array_agg(distinct o order by o), '')",
            "median(o), count(distinct o), sum(o) filter (where o > 2)",
        ];
        for threads in [1, 2] {
            let folder = tempfile::tempdir().unwrap();
            let engine = crate::testing::engine(folder.path(), threads);
            for measures in gathered {
                let sql = format!("select g, {measures} from {rows} as r group by g");
                let (plan, expected) = planned(&engine, &sql, Effort::Fast).await;
                assert_eq!(plan.contains("ordering_mode=Sorted"), measures.contains("order by"), "{sql}\n{plan}");
                for effort in [Effort::Spilling, Effort::Single] {
                    let (plan, rows) = planned(&engine, &sql, effort).await;
                    assert_eq!(rows, expected, "{sql}");
                    assert!(plan.contains("ordering_mode=Sorted"), "{sql}\n{plan}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_first_rows_are_found_by_sorting_all() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::testing::engine(folder.path(), 2);
        let rows = "(select v, v % 1000 as o from generate_series(1, 300000) as s(v)) as r";
        for (limit, is_whole) in [(10, false), (200_000, true)] {
            let sql = format!("select count(*), min(o), max(o), sum(v) from (select * from {rows} order by o, v limit {limit})");
            let (_, expected) = planned(&engine, &sql, Effort::Fast).await;
            for effort in [Effort::Spilling, Effort::Single] {
                let (plan, rows) = planned(&engine, &sql, effort).await;
                assert_eq!((rows, !plan.contains("TopK")), (expected.clone(), is_whole), "{sql}\n{plan}");
            }
        }
    }
}
