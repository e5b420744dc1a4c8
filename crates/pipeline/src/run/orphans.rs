//! Rows that wait in quarantine for rows of other tables, when those tables have changed.
//!
//! A load that judges all rows needs nothing of this. One that goes on where it stopped lets the rows in that wait no longer, with the rows
//! that arrive. Where that cannot come to the same table as one full load, because the order of arrival decides or because rows are in the
//! table whose partner is gone, the table is built anew.

use std::collections::BTreeMap;

use hw_base::{Input, LoadMode, Position, Progress, Reader, Result, SetWatch, Together, Value, identifier, literal};

use super::task::Task;
use crate::plan::{Extent, Parent, ReadFrom};
use crate::position::{LAST_COPY, batch_read, copy_read, last_copy, noted, version_read};
use crate::versions;

/// What becomes of a load because tables have changed that its rows refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Rows that wait are let in with those that arrive.
    Return,
    /// The table is built anew: this many rows that wait may enter.
    Rebuild(u64),
}

/// The rules of a step that let rows wait for rows of other tables.
pub(super) struct Orphans<'a> {
    pub(super) task: Task<'a>,
    pub(super) parents: &'a [Parent],
    /// Where the step stands.
    pub(super) before: &'a Progress,
    /// Where the steps stand whose tables it reads.
    pub(super) standing: &'a BTreeMap<String, Progress>,
}

/// The table of a rule as a step finds it now.
///
/// # Errors
/// If the raw copy or the ledger cannot be read.
pub(super) async fn present(task: Task<'_>, read: &ReadFrom, at: Option<&Progress>) -> Result<Vec<Input>> {
    let newest = at.map(|at| at.window);
    let version = at.filter(|_| !read.table.is_raw()).and_then(|at| at.version);
    bound(task, read, &read.name, (at, version, newest)).await
}

async fn bound(
    task: Task<'_>,
    read: &ReadFrom,
    name: &str,
    (at, version, newest): (Option<&Progress>, Option<i64>, Option<i64>),
) -> Result<Vec<Input>> {
    if read.extent == Extent::Newest {
        return versions::newest(task.ports.engine, task.ports.ledger, name, &read.table, at).await;
    }
    let up_to_batch = newest.filter(|_| read.table.is_raw());
    Ok(vec![Input::Table {
        name: name.to_owned(),
        table: read.table.clone(),
        version,
        after_batch: at.filter(|_| read.extent == Extent::LastBatch && up_to_batch.is_some()).map(|at| last_copy(at) - 1),
        up_to_batch,
        hides_origin: read.hides_origin,
    }])
}

impl Orphans<'_> {
    /// What becomes of a load of this mode.
    ///
    /// # Errors
    /// If the engine cannot answer.
    pub(super) async fn change(&self, mode: &LoadMode) -> Result<Change> {
        let moved: Vec<&Parent> = self.parents.iter().filter(|parent| self.has_moved(&parent.read)).collect();
        if moved.is_empty() {
            return Ok(Change::None);
        }
        let waiting = self.may_enter().await?;
        if *mode == LoadMode::Replace {
            return Ok(if waiting > 0 { Change::Rebuild(waiting) } else { Change::None });
        }
        for parent in moved {
            if self.is_missed(parent, mode).await? {
                return Ok(Change::Rebuild(waiting));
            }
        }
        Ok(match waiting {
            0 => Change::None,
            rows if self.needs_all_rows(mode) => Change::Rebuild(rows),
            _ => Change::Return,
        })
    }

    fn has_moved(&self, read: &ReadFrom) -> bool {
        let now: BTreeMap<String, Position> = noted(&read.step, &read.table, self.standing.get(&read.step)).into_iter().collect();
        now.iter().any(|(name, now)| self.before.inputs.get(name) != Some(now))
    }

    /// Whether a row that arrived earlier finds its place only where all rows are read again.
    fn needs_all_rows(&self, mode: &LoadMode) -> bool {
        self.sets().any(|set| matches!(set.asks, Together::First { .. }))
            || match mode {
                LoadMode::Append { key } => !key.is_empty(),
                LoadMode::Upsert { later_by, .. } => later_by.is_none(),
                LoadMode::Recompute { .. } => true,
                LoadMode::Replace | LoadMode::History(_) => false,
            }
    }

    /// The rules of the step on rows together that keep rows out.
    fn sets(&self) -> impl Iterator<Item = SetWatch> {
        self.task.step.rules.iter().filter_map(hw_validate::Rule::set_watch)
    }

    fn set(&self, parent: &Parent) -> Option<SetWatch> {
        self.sets().find(|set| set.id == parent.rule)
    }

    /// How many rows wait for nothing any more but for what else they may have broken.
    async fn may_enter(&self) -> Result<u64> {
        let engine = self.task.ports.engine;
        let quarantine = self.task.step.table.quarantine();
        if engine.table(&quarantine, None).await?.is_none_or(|state| state.rows == Some(0)) {
            return Ok(0);
        }
        let mut inputs = Vec::new();
        let (mut waits, mut enters) = (Vec::new(), Vec::new());
        for parent in self.parents {
            let Some(set) = self.set(parent) else { continue };
            inputs.extend(present(self.task, &parent.read, self.standing.get(&parent.read.step)).await?);
            let named = format!("strpos(concat(', ', _rules, ', '), {}) > 0", literal(&format!(", {}, ", set.id)));
            enters.push(format!("(not ({}) or {})", set.judged, has_partner(&set, &parent.read.name)));
            waits.push(named);
        }
        let sql =
            format!("select count(*) from {} as judged where ({}) and {}", quarantine.sql(), waits.join(" or "), enters.join(" and "));
        let found = engine.query(&Reader { sql, inputs, file: None }, 1).await?;
        Ok(found.single().and_then(Value::as_u64).unwrap_or_default())
    }

    /// Whether rows that count have lost their partner since they entered. Where a row may count that the table does not show, such as a deletion,
    /// every partner that is gone may be one's.
    async fn is_missed(&self, parent: &Parent, mode: &LoadMode) -> Result<bool> {
        let Some(set) = self.set(parent) else { return Ok(false) };
        let engine = self.task.ports.engine;
        let read = &parent.read;
        let mut inputs = present(self.task, read, self.standing.get(&read.step)).await?;
        let newest = batch_read(&read.step, self.before);
        let at = self.standing.get(&read.step).map(|at| as_read(read, self.before, at));
        let version = version_read(&read.step, &read.table, self.before);
        inputs.extend(bound(self.task, read, EARLIER, (at.as_ref(), version, newest)).await?);
        let hides_rows = matches!(mode, LoadMode::Upsert { deleted_when: Some(_), .. } | LoadMode::History(_));
        let sql = if hides_rows {
            has_gone(&set, &read.name)
        } else {
            format!(
                "select 1 from {} as judged where ({}) and {} and not {} limit 1",
                self.task.step.table.sql(),
                set.judged,
                has_partner(&set, EARLIER),
                has_partner(&set, &read.name),
            )
        };
        match engine.query(&Reader { sql, inputs, file: None }, 1).await {
            Ok(found) => Ok(!found.rows.is_empty()),
            // A version that was removed cannot tell what has gone since.
            Err(_) => Ok(true),
        }
    }
}

/// Where an input that stands at `at` stood when a step read it that stands at `reader`.
fn as_read(read: &ReadFrom, reader: &Progress, at: &Progress) -> Progress {
    let mut then = at.clone();
    if let (Some(batch), Some(copy)) = (batch_read(&read.step, reader), copy_read(&read.step, reader)) {
        then.window = batch;
        then.inputs.insert(LAST_COPY.into(), Position::Batch(copy));
    }
    then
}

/// What a table is called as it was when the step read it last.
const EARLIER: &str = "referred_before";

/// A query with a row where the table that a name stands for has lost one since.
fn has_gone(set: &SetWatch, name: &str) -> String {
    let Together::Known { columns, .. } = &set.asks else { return "select 1 limit 0".into() };
    let same = columns.iter().map(|column| format!("referred.{0} = earlier.{0}", identifier(column))).collect::<Vec<_>>().join(" and ");
    let present = columns.iter().map(|column| format!("earlier.{} is not null", identifier(column))).collect::<Vec<_>>().join(" and ");
    format!(
        "select 1 from {} as earlier where {present} and not exists (select 1 from {} as referred where {same}) limit 1",
        identifier(EARLIER),
        identifier(name)
    )
}

/// SQL that is true for a row that has a partner in the table which a name stands for.
fn has_partner(set: &SetWatch, name: &str) -> String {
    let Together::Known { columns, .. } = &set.asks else { return "true".into() };
    let same =
        columns.iter().zip(&set.columns).map(|(own, column)| format!("referred.{} = judged.{}", identifier(own), identifier(column)));
    format!("exists (select 1 from {} as referred where {})", identifier(name), same.collect::<Vec<_>>().join(" and "))
}
