//! What happens where memory is so short that rows would have to be spilled on their way from one core to another.
//!
//! DataFusion's repartition then waits for ever once two of its tasks have spilled (apache/datafusion#24883). So a query that shares rows out
//! between cores ends, and goes on with less effort; there one task shares them out, which may spill.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as Answer;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use tokio::sync::watch;

/// Of how many consumers an error tells.
const TOLD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// How DataFusion calls rows on their way between cores.
const ON_THEIR_WAY: &str = "RepartitionExec";

/// The memory of all operators: each that can spill has a fair share of it.
#[derive(Debug)]
pub(crate) struct OperatorPool {
    shares: TrackConsumersPool<FairSpillPool>,
    bytes: usize,
    /// How often rows on their way between cores were refused.
    refused: watch::Sender<u64>,
}

impl OperatorPool {
    /// Memory of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let shares = TrackConsumersPool::new(FairSpillPool::new(bytes), TOLD);
        Self { shares, bytes, refused: watch::Sender::new(0) }
    }

    /// What comes of `work`; `None` as soon as rows on their way between cores find no room, for whichever query.
    pub(crate) async fn unless_crowded<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut refused = self.refused.subscribe();
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = refused.changed() => None,
        }
    }
}

impl MemoryPool for OperatorPool {
    fn name(&self) -> &str {
        self.shares.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shares.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shares.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shares.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shares.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Answer<()> {
        let refused = match self.shares.try_grow(reservation, additional) {
            Err(refused) if reservation.consumer().name().starts_with(ON_THEIR_WAY) => refused,
            answer => return answer,
        };
        // They hardly ever need much, and never for long: more than their share, as long as others leave it.
        if self.shares.reserved().saturating_add(additional) <= self.bytes / 4 * 3 {
            self.shares.grow(reservation, additional);
            return Ok(());
        }
        self.refused.send_modify(|times| *times = times.wrapping_add(1));
        Err(refused)
    }

    fn reserved(&self) -> usize {
        self.shares.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shares.memory_limit()
    }
}

impl fmt::Display for OperatorPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.shares, f)
    }
}

/// Lets one task share rows out between cores, whose spilled rows come in the order in which they are waited for. It must see the plan last.
#[derive(Debug)]
pub(crate) struct SharedOutByOne;

impl PhysicalOptimizerRule for SharedOutByOne {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Answer<Arc<dyn ExecutionPlan>> {
        let by_one = |plan: Arc<dyn ExecutionPlan>| {
            let several = plan
                .downcast_ref::<RepartitionExec>()
                .filter(|sharing| !sharing.preserve_order() && sharing.input().output_partitioning().partition_count() > 1);
            let Some(sharing) = several else { return Ok(Transformed::no(plan)) };
            let input = Arc::new(CoalescePartitionsExec::new(Arc::clone(sharing.input())));
            Ok(Transformed::yes(Arc::new(RepartitionExec::try_new(input, sharing.partitioning().clone())?)))
        };
        plan.transform_up(by_one).map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "shared_out_by_one"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use datafusion::physical_plan::displayable;

    use super::*;
    use crate::session::{Effort, Session};
    use crate::{LocalEngine, testing};

    fn engine(threads: usize) -> (tempfile::TempDir, LocalEngine) {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), threads);
        (folder, engine)
    }

    /// The operators of a query and its rows.
    async fn found(engine: &LocalEngine, sql: &str, effort: Effort) -> (String, Vec<String>) {
        let session = Session::for_reader(engine, &testing::reader(sql), effort).await.unwrap();
        let frame = session.query(sql, None).await.unwrap();
        let plan = frame.clone().create_physical_plan().await.unwrap();
        let batches = match frame.collect().await {
            Ok(batches) => batches,
            Err(error) => panic!("{error}: {sql}, {effort:?}\n{}", displayable(plan.as_ref()).indent(false)),
        };
        let text = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
        rows.sort();
        (displayable(plan.as_ref()).indent(false).to_string(), rows)
    }

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
            let (_folder, engine) = engine(threads);
            for sql in joins() {
                let (_, expected) = found(&engine, &sql, Effort::Fast).await;
                for effort in [Effort::Spilling, Effort::Single] {
                    let (plan, rows) = found(&engine, &sql, effort).await;
                    assert_eq!(rows, expected, "{sql}");
                    let only_hashed = sql.contains("not in") || (sql.contains("l.t < r.u") && !sql.contains("nullif"));
                    assert_eq!(plan.contains("SortMergeJoin"), !only_hashed, "{sql}\n{plan}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_task_shares_rows_out_where_they_may_be_spilled() {
        let (_folder, engine) = engine(4);
        let sql =
            "select v % 7, count(*) from (select v % 100 as v, count(*) from generate_series(1, 100000) as s(v) group by 1) group by 1";
        let (plan, rows) = found(&engine, sql, Effort::Spilling).await;
        let sharing: Vec<&str> = plan.lines().filter(|line| line.contains("RepartitionExec")).collect();
        assert!(!sharing.is_empty() && sharing.iter().all(|line| line.contains("input_partitions=1")), "{plan}");
        assert_eq!(rows, found(&engine, sql, Effort::Fast).await.1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_find_no_room_between_cores_end_the_attempt() {
        let pool: Arc<OperatorPool> = Arc::new(OperatorPool::new(1000));
        let shared: Arc<dyn MemoryPool> = Arc::<OperatorPool>::clone(&pool);
        let other = MemoryConsumer::new("sort").with_can_spill(true).register(&shared);
        let on_their_way = MemoryConsumer::new("RepartitionExec[0]").with_can_spill(true).register(&shared);
        assert!(pool.unless_crowded(async { 1 }).await.is_some());
        // More than a half, which is its share of two, as long as the other leaves it.
        on_their_way.try_grow(700).unwrap();
        other.try_grow(400).unwrap();
        let waits = pool.unless_crowded(std::future::pending::<()>());
        let refused = async {
            tokio::task::yield_now().await;
            on_their_way.try_grow(100).unwrap_err()
        };
        assert!(tokio::join!(waits, refused).0.is_none());
    }
}
