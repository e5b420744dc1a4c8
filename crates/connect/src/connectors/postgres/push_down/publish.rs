//! Bringing the table to the rows that the gate has let through.

use hw_base::{Error, Keeps, PushDown, Result, Shipped};

use super::{Arriving, IN_PLACE, Load, differ, listed, same_key};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::target::{Sent, Standing, TargetTable, indexes, layout};

/// What a table shows once a window of an order is published.
pub(super) fn wanted(order: &PushDown, window: i64) -> Standing {
    Standing {
        project: order.project.clone(),
        model: order.model.clone(),
        id: IN_PLACE.into(),
        version: window,
        layout: layout(&order.placement),
        indexes: indexes(&order.placement),
    }
}

/// Why rows cannot be told apart by the key of a load: one that occurs several times, or a row without one.
pub(super) fn wrong_key(order: &PushDown, repeated: Option<&str>, is_missing: bool) -> Option<Error> {
    let key = order.merge_by.join(", ");
    let problem = match (repeated, is_missing) {
        (Some(repeated), _) => format!("rows with one key: {key} = {repeated} occurs more than once"),
        (None, true) => format!("rows without a key: {key} is null"),
        (None, false) => return None,
    };
    let error = Error::user(format!("the SELECT of `{}` returns {problem}", order.model)).code("HW208");
    Some(
        error
            .because("a load by key could not tell which of them stays")
            .help("let the SELECT return one row per key, such as by `group by`"),
    )
}

impl Load {
    fn table(&self) -> TargetTable<'_> {
        TargetTable { server: &self.server, session: &self.session, relation: &self.relation, placement: &self.order.placement }
    }

    /// Changes the table and commits; `None` where nothing would change.
    pub(super) async fn published(&self, window: i64) -> Result<Option<Shipped>> {
        let (table, found) = (self.table(), &self.found);
        let now = wanted(&self.order, window);
        let before = found.standing.as_ref();
        let shipped = self.merged(before.is_none()).await?;
        let quarantined = found.diverted.keep(&table, &self.order.run).await?;
        let is_as_before = before.is_some_and(|before| Standing { version: window, ..before.clone() } == now);
        let is_same = shipped.added + shipped.changed + shipped.removed == 0 && found.added.is_empty();
        if is_same && is_as_before && !quarantined {
            table.execute("rollback").await?;
            return Ok(None);
        }
        table.end(&now, &self.order.run).await?;
        Ok(Some(Shipped { before: before.map(|before| before.version), sent: found.rows - found.diverted.rows, ..shipped }))
    }

    async fn merged(&self, is_first: bool) -> Result<Shipped> {
        let (table, columns) = (self.table(), &self.found.columns);
        let sent_to = format!("pg_temp.{}", self.found.arriving.living);
        if is_first {
            table.create(columns).await?;
            let shipped = table.merge(columns, &sent_to, Sent::Whole).await?;
            table.guard_key().await?;
            return Ok(shipped);
        }
        table.add(&self.found.added.iter().collect::<Vec<_>>()).await?;
        let names = listed(columns.iter().map(|column| quoted(&column.name)));
        let rows = |of: &str| format!("select {names} from {of}");
        if self.order.placement.key.is_empty() && !differ(&table, &rows(&sent_to), &rows(&table.relation.sql())).await? {
            return Ok(Shipped { is_whole: true, ..Shipped::default() });
        }
        let deleted = self.deleted().await?;
        let sent = match self.order.keeps {
            Keeps::Nothing => Sent::Whole,
            Keeps::Others => Sent::Arriving,
            Keeps::All => Sent::New,
        };
        let shipped = table.merge(columns, &sent_to, sent).await?;
        Ok(Shipped { removed: shipped.removed + deleted, ..shipped })
    }

    /// Takes the rows out of the table that a deletion names.
    async fn deleted(&self) -> Result<u64> {
        if self.order.living.is_none() || self.order.keeps != Keeps::Others {
            return Ok(0);
        }
        let (table, Arriving { all, living }, same) = (self.table(), self.found.arriving, same_key(&self.order.merge_by));
        let key = listed(self.order.merge_by.iter().map(|column| quoted(column)));
        // The keys are told apart first: a look at the living for each row that meets a key can take the square of the time.
        let gone = format!("select {key} from pg_temp.{all} except select {key} from pg_temp.{living}");
        let sql = format!("delete from {} as t using ({gone}) as s where {same}", self.relation.sql());
        table.count(&sql).await
    }
}
