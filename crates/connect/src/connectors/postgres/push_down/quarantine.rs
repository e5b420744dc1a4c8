//! Rows that rules keep out of a table: they are kept in a table of ours beside it, as they are, with the names of the rules.

use hw_base::{Questions, Result, Watched, literal};

use super::tables::Tables;
use super::{ROWS, differ};
use crate::connectors::postgres::dialect::{Named, output};
use crate::connectors::postgres::judge::Count;
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::target::{Relation, TargetTable};

/// The name of the table that has the rows which were kept out of those beside it.
const QUARANTINE: &str = "headworks_quarantine";
/// The table of the session that has the rows which are kept out now.
const DIVERTED: &str = "headworks_diverted";
/// The table of the session that has the others.
const KEPT: &str = "headworks_kept";

/// Rows that rules keep out.
pub(super) struct Diverted {
    /// How many.
    pub(super) rows: u64,
}

impl Diverted {
    /// Puts aside the rows that break a rule which diverts, as far as it was answered.
    pub(super) async fn by(
        questions: &Questions,
        watched: &Watched,
        columns: &[Named],
        (table, tables): (&TargetTable<'_>, &Tables),
    ) -> Result<Self> {
        let broken = |id: &str| watched.rules.iter().any(|rule| rule.id == id && rule.violations > 0);
        let rules: Vec<&str> =
            questions.watch.rows.iter().filter(|rule| rule.diverts && broken(&rule.id)).map(|rule| rule.id.as_str()).collect();
        let Some(count) = Count::of(questions, &tables.0).filter(|_| !rules.is_empty()) else { return Ok(Self { rows: 0 }) };
        let breaks: Vec<(&str, &str)> = rules.iter().filter_map(|rule| Some((*rule, count.broken(rule)?))).collect();
        let any = breaks.iter().map(|(_, sql)| format!("({sql}) is true")).collect::<Vec<_>>().join(" or ");
        let named = breaks.iter().map(|(rule, sql)| format!("case when {sql} then {} end", literal(rule))).collect::<Vec<_>>().join(", ");
        let shown = columns.iter().map(|column| format!("{} as {}", output(&quoted(&column.name), &column.wire), quoted(&column.name)));
        let (shown, from) = (shown.collect::<Vec<_>>().join(", "), count.from());
        table.make_temporary(KEPT, &columns.iter().map(super::target_column).collect::<Vec<_>>()).await?;
        let insert = format!("insert into pg_temp.{KEPT} select {shown} from {from} where ({any}) is not true");
        table.execute(&format!("{insert}; analyze pg_temp.{KEPT}")).await?;
        let sql = format!(
            "create temporary table {DIVERTED} on commit drop as select to_jsonb(r) as row, \
             (select array_remove(array[{named}]::text[], null)) as rules from {from} cross join lateral (select {shown}) as r where {any}"
        );
        Ok(Self { rows: table.count(&sql).await? })
    }

    /// The table of the session that has the rows for the table.
    pub(super) fn kept(&self) -> &'static str {
        if self.rows == 0 { ROWS } else { KEPT }
    }

    /// Keeps the rows beside the table in place of those that were kept out before; whether they are others.
    pub(super) async fn keep(&self, table: &TargetTable<'_>, run: &str) -> Result<bool> {
        let place = beside(table.relation);
        let is_there = table.exists(&place).await?;
        if self.rows == 0 && !is_there {
            return Ok(false);
        }
        if !is_there {
            let columns =
                "table_name text not null, row jsonb not null, rules text[] not null, run text not null, kept_out_at timestamptz not null";
            // Two builds at once may both find it missing, and the server refuses the second even where it may be there.
            table.execute(&format!("select pg_advisory_xact_lock(hashtext({}))", literal(&place.sql()))).await?;
            table.execute(&format!("create table if not exists {} ({columns})", place.sql())).await?;
        }
        let (sql, name) = (place.sql(), literal(&table.relation.name));
        let now = if self.rows == 0 {
            "select null::jsonb, null::text[] where false".to_owned()
        } else {
            format!("select row, rules from pg_temp.{DIVERTED}")
        };
        let before = format!("select row, rules from {sql} where table_name = {name}");
        if !differ(table, &now, &before).await? {
            return Ok(false);
        }
        table.execute(&format!("delete from {sql} where table_name = {name}")).await?;
        let insert = format!("insert into {sql} select {name}, row, rules, {}, now() from ({now}) as diverted (row, rules)", literal(run));
        table.execute(&insert).await?;
        Ok(true)
    }
}

/// The table of ours that has the rows which were kept out of a table.
fn beside(table: &Relation) -> Relation {
    table.beside(QUARANTINE)
}
