//! Taking over what an environment has built: production's table becomes its version of it, in one commit.
//!
//! The files are linked into production's folders, so that both have them, none is written again and the environment can be dropped. Where
//! there are no links, they are copied; the copies of a bucket are made by its store.

use std::collections::BTreeSet;

use hw_base::{CommitNote, Error, PromotedFrom, Published, Result, StagedFile, TableName};

use crate::beside::Beside;
use crate::failure::explain_delta;
use crate::files::TableFile;
use crate::local::LocalEngine;
use crate::publish::{Commit, is_done};
use crate::warehouse::{Snapshot, Warehouse};

/// Makes a version that an environment has built of `table` the newest of this warehouse, once.
pub(crate) async fn adopt(engine: &LocalEngine, table: &TableName, from: &PromotedFrom, note: &CommitNote) -> Result<Published> {
    let theirs = engine.warehouse.environment(&from.environment);
    let Some(built) = theirs.open(table, Some(from.version)).await? else { return Err(gone(table, from)) };
    let present = engine.warehouse.open(table, None).await?;
    if let Some(present) = &present
        && is_done(present, note).await?
    {
        return Ok(Published { version: present.version, was_there: true });
    }
    let mut versions = Vec::new();
    // What people decided about rows in quarantine is production's already.
    for beside in [Beside::Quarantine, Beside::Deleted] {
        let built = theirs.beside(beside, table, &built).await?;
        let newest = engine.warehouse.open(&beside.of(table), None).await?;
        let schema = match (&built, &newest) {
            (Some(holding), _) | (None, Some(holding)) => holding.columns.as_ref().clone(),
            (None, None) => continue,
        };
        let files = built.map_or(Ok(vec![]), |built| linked(&engine.warehouse, &beside.of(table), &built))?;
        versions.extend(engine.hold(beside, table, (&files, schema), newest, note).await?);
    }
    let files = linked(&engine.warehouse, table, &built)?;
    let (had, has) = (names(present.as_ref()), names(Some(&built)));
    let commit = Commit {
        table: table.clone(),
        beside: versions,
        files: &files.into_iter().filter(|file| !had.contains(&file.path)).collect::<Vec<_>>(),
        removed: &had.difference(&has).cloned().collect::<Vec<_>>(),
        schema: built.columns.as_ref().clone(),
        partition_columns: &built.partition_columns,
    };
    commit.make(engine, present, note).await
}

fn gone(table: &TableName, from: &PromotedFrom) -> Error {
    Error::user(format!("the environment `{}` has no table `{table}` any more", from.environment))
        .code("HW504")
        .help("`headworks run` builds it in production")
}

fn names(snapshot: Option<&Snapshot>) -> BTreeSet<String> {
    snapshot.iter().flat_map(|snapshot| &snapshot.files).map(|file| file.name.clone()).collect()
}

/// Lets the folder of `table` have the files of a version too.
fn linked(warehouse: &Warehouse, table: &TableName, version: &Snapshot) -> Result<Vec<StagedFile>> {
    let folder = warehouse.make_folder(table)?;
    for file in &version.files {
        let from = file.folder.object(&file.name).map_err(|error| explain_delta(error.into()))?;
        folder.share(&file.name, &from)?;
    }
    Ok(version.files.iter().map(TableFile::staged).collect())
}
