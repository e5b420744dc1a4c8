//! What happens where memory is so short that rows would have to be spilled on their way from one core to another.
//!
//! DataFusion's repartition then waits for ever once two of its tasks have spilled (apache/datafusion#24883). So a query that shares rows out
//! between cores ends, and goes on with less effort; there one task shares them out, which may spill.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as Answer;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use tokio::sync::watch;

use crate::shares::Shares;

/// Of how many consumers an error tells.
const TOLD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// How DataFusion calls rows on their way between cores.
const ON_THEIR_WAY: &str = "RepartitionExec";

/// The memory of all operators.
#[derive(Debug)]
pub(crate) struct OperatorPool {
    shares: TrackConsumersPool<Shares>,
    bytes: usize,
    /// How often rows on their way between cores were refused.
    refused: watch::Sender<u64>,
}

impl OperatorPool {
    /// Memory of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let shares = TrackConsumersPool::new(Shares::new(bytes), TOLD);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;
    use crate::session::Effort;
    use crate::testing::planned;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_task_shares_rows_out_where_they_may_be_spilled() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::testing::engine(folder.path(), 4);
        let sql =
            "select v % 7, count(*) from (select v % 100 as v, count(*) from generate_series(1, 100000) as s(v) group by 1) group by 1";
        let (plan, rows) = planned(&engine, sql, Effort::Spilling).await;
        let sharing: Vec<&str> = plan.lines().filter(|line| line.contains("RepartitionExec")).collect();
        assert!(!sharing.is_empty() && sharing.iter().all(|line| line.contains("input_partitions=1")), "{plan}");
        assert_eq!(rows, planned(&engine, sql, Effort::Fast).await.1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_find_no_room_between_cores_end_the_attempt() {
        let pool: Arc<OperatorPool> = Arc::new(OperatorPool::new(1000));
        let shared: Arc<dyn MemoryPool> = Arc::<OperatorPool>::clone(&pool);
        let other = MemoryConsumer::new("sort").with_can_spill(true).register(&shared);
        let on_their_way = MemoryConsumer::new("RepartitionExec[0]").with_can_spill(true).register(&shared);
        assert!(pool.unless_crowded(async { 1 }).await.is_some());
        // More than its share of two, as long as the other leaves it.
        on_their_way.try_grow(700).unwrap();
        other.try_grow(250).unwrap();
        let waits = pool.unless_crowded(std::future::pending::<()>());
        let refused = async {
            tokio::task::yield_now().await;
            on_their_way.try_grow(100).unwrap_err()
        };
        assert!(tokio::join!(waits, refused).0.is_none());
    }
}
