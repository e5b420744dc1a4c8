//! The tables beside a table: its quarantine, the rows that it has deleted, and what people decided about rows in quarantine.
//!
//! The commit of a table names the version of each that belongs to it. What an attempt leaves there that ends before that commit
//! never counts, and the next commit takes it away again: so all of them change together, whenever the process dies.

use deltalake_core::kernel::StructType;
use hw_base::{CommitNote, Result, StagedBatch, StagedFile, TableName};
use serde_json::Value as Json;

use crate::local::LocalEngine;
use crate::publish::{Commit, window_of, with_columns_of};
use crate::schema::from_log;
use crate::warehouse::{Snapshot, Warehouse};

/// A table beside a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Rows that may not enter.
    Quarantine,
    /// Rows that a load has taken out, or does not show.
    Deleted,
    /// What people decided about rows in quarantine.
    Reviewed,
}

impl Beside {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Quarantine, Self::Deleted, Self::Reviewed];

    /// Its name.
    pub(crate) fn of(self, table: &TableName) -> TableName {
        match self {
            Self::Quarantine => table.quarantine(),
            Self::Deleted => table.deleted(),
            Self::Reviewed => table.reviewed(),
        }
    }

    /// The name under which the log of the table keeps its version.
    fn transaction(self) -> &'static str {
        match self {
            Self::Quarantine => "headworks.quarantine",
            Self::Deleted => "headworks.deleted",
            Self::Reviewed => "headworks.reviewed",
        }
    }

    /// The files that a batch adds, and their columns.
    fn added(self, batch: &StagedBatch) -> (&[StagedFile], &Json) {
        match self {
            Self::Quarantine => (&batch.quarantined, &batch.quarantine_schema),
            Self::Deleted => (&batch.deleted, &batch.schema),
            Self::Reviewed => (&batch.reviewed, &batch.reviewed_schema),
        }
    }

    /// Whether a file stays that belongs to the table before the batch. A batch that replaces the table judges all rows anew; what
    /// people decided stays.
    fn keeps(self, file: &str, batch: &StagedBatch) -> bool {
        match self {
            Self::Quarantine => !batch.replaces && !batch.corrected.iter().any(|name| name == file),
            Self::Deleted => !batch.replaces,
            Self::Reviewed => true,
        }
    }
}

impl Warehouse {
    /// The version of a table beside `table` that belongs to its version `present`.
    pub(crate) async fn beside(&self, beside: Beside, table: &TableName, present: &Snapshot) -> Result<Option<Snapshot>> {
        let name = beside.of(table);
        match present.window(beside.transaction()).await? {
            Some(version) => self.open(&name, Some(version)).await,
            // The first Headworks did not name the version of the quarantine.
            None if beside == Beside::Quarantine => self.open(&name, None).await,
            None => Ok(None),
        }
    }
}

impl LocalEngine {
    /// The version of a table beside `table` that belongs to its version `present`.
    pub(crate) async fn beside(&self, beside: Beside, table: &TableName, present: &Snapshot) -> Result<Option<Snapshot>> {
        self.warehouse.beside(beside, table, present).await
    }

    /// What people decided about rows in quarantine, as a load of `table` goes by it. People decide about production's rows, so that holds in an
    /// environment too.
    pub(crate) async fn decisions(&self, table: &TableName, present: Option<&Snapshot>) -> Result<Option<Snapshot>> {
        let Some(production) = self.warehouse.production() else {
            let Some(present) = present else { return Ok(None) };
            return self.beside(Beside::Reviewed, table, present).await;
        };
        match production.open(table, None).await? {
            Some(present) => production.beside(Beside::Reviewed, table, &present).await,
            None => Ok(None),
        }
    }

    /// Makes a table beside that of `batch` hold what belongs to the table once the batch is published. Returns the version, with
    /// the name under which the commit of the table keeps it; `None` where there is no such table.
    pub(crate) async fn set_beside(
        &self,
        beside: Beside,
        batch: &StagedBatch,
        table: Option<&Snapshot>,
        note: &CommitNote,
    ) -> Result<Option<(&'static str, i64)>> {
        let own = TableName::model(&batch.table);
        let counting = match table {
            Some(table) => self.beside(beside, &own, table).await?,
            None => None,
        };
        let (added, schema) = beside.added(batch);
        let is_of_this_window = |name: &str| beside == Beside::Quarantine && window_of(name) == Some(note.window);
        let kept = counting.iter().flat_map(|counting| &counting.files);
        let kept = kept.filter(|file| beside.keeps(&file.name, batch) && !is_of_this_window(&file.name));
        let wanted: Vec<StagedFile> = kept.map(super::files::TableFile::staged).chain(added.iter().cloned()).collect();
        let newest = self.warehouse.open(&beside.of(&own), None).await?;
        if newest.is_none() && added.is_empty() {
            return Ok(None);
        }
        let schema = match (&newest, added.is_empty()) {
            (Some(newest), true) => newest.columns.as_ref().clone(),
            (newest, _) => with_columns_of(newest.as_ref(), from_log(schema)?)?,
        };
        self.hold(beside, &own, (&wanted, schema), newest, note).await
    }

    /// Makes a table beside `own`, which is at `newest`, hold these files and no others.
    pub(crate) async fn hold(
        &self,
        beside: Beside,
        own: &TableName,
        (wanted, schema): (&[StagedFile], StructType),
        newest: Option<Snapshot>,
        note: &CommitNote,
    ) -> Result<Option<(&'static str, i64)>> {
        let present: Vec<&str> = newest.iter().flat_map(|newest| &newest.files).map(|file| file.name.as_str()).collect();
        let missing: Vec<StagedFile> = wanted.iter().filter(|file| !present.contains(&file.path.as_str())).cloned().collect();
        let left: Vec<String> =
            present.iter().filter(|name| wanted.iter().all(|file| file.path != **name)).map(ToString::to_string).collect();
        if missing.is_empty() && left.is_empty() {
            return Ok(newest.map(|newest| (beside.transaction(), newest.version)));
        }
        let commit = Commit { table: beside.of(own), beside: vec![], files: &missing, removed: &left, schema, partition_columns: &[] };
        let published = commit.make(self, newest, note).await?;
        Ok(Some((beside.transaction(), published.version)))
    }
}

impl LocalEngine {
    /// A table as people read it: of one beside another table the version that belongs to that table.
    pub(crate) async fn readable(&self, table: &TableName) -> Result<Option<Snapshot>> {
        if let Some((beside, own)) = owner(table)
            && let Some(present) = self.warehouse.open(&own, None).await?
        {
            return self.beside(beside, &own, &present).await;
        }
        self.warehouse.open(table, None).await
    }
}

/// The table that a table is a part of: what it lies beside, or itself.
pub(crate) fn stands_for(table: &TableName) -> TableName {
    owner(table).map_or_else(|| table.clone(), |(_, own)| own)
}

/// What a table lies beside; `None` for one that stands for itself.
fn owner(table: &TableName) -> Option<(Beside, TableName)> {
    let beside = Beside::ALL.into_iter().find(|beside| beside.of(table) == *table)?;
    let leaf = table.leaf();
    let own = if leaf.contains('.') { TableName::model(format!("raw/{leaf}")) } else { TableName::model(leaf) };
    Some((beside, own))
}
