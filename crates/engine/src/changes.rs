//! The rows that two views of a table do not share.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use hw_base::{Input, ORIGIN_COLUMNS, Result, identifier};

use crate::files::TableFile;
use crate::local::LocalEngine;
use crate::session::{Effort, Session, batch_is_between};
use crate::warehouse::Snapshot;

/// Some batches of one version of a table.
struct View {
    version: Snapshot,
    files: Vec<TableFile>,
}

/// The rows that one view has more often than the other, once each, in the columns of `after`. A file that both have is not read.
pub(crate) async fn between(engine: &LocalEngine, before: &Input, after: &Input) -> Result<Option<Arc<dyn TableProvider>>> {
    let (Some(gone), Some(come)) = (view(engine, before).await?, view(engine, after).await?) else { return Ok(None) };
    let hides_origin = matches!(after, Input::Table { hides_origin: true, .. });
    let is_own = |name: &str| !(hides_origin && ORIGIN_COLUMNS.contains(&name));
    let columns: Vec<&str> = come.version.schema.fields().iter().map(|field| field.name().as_str()).filter(|name| is_own(name)).collect();
    let had = |name: &&str| match gone.version.schema.index_of(name) {
        Ok(_) => identifier(name),
        Err(_) => format!("null as {}", identifier(name)),
    };
    let before = columns.iter().map(had).collect::<Vec<_>>().join(", ");
    let own = columns.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
    let without = |view: &View, other: &View| {
        let is_new = |file: &&TableFile| !other.files.iter().any(|known| known.name == file.name);
        view.version.table_of(view.files.iter().filter(is_new).cloned().collect())
    };
    let session = Session::new(engine, Effort::Spilling);
    session.register(&["gone"], Arc::new(without(&gone, &come)))?;
    session.register(&["come"], Arc::new(without(&come, &gone)))?;
    let sql = format!(
        "select {own} from (select {own}, 1 as _side from come union all select {before}, -1 as _side from gone) as both_sides \
         group by {own} having sum(_side) <> 0"
    );
    Ok(Some(session.query(&sql, None).await?.into_view()))
}

async fn view(engine: &LocalEngine, input: &Input) -> Result<Option<View>> {
    let Input::Table { table, version, after_batch, up_to_batch, .. } = input else { return Ok(None) };
    let Some(version) = engine.warehouse.open(table, *version).await? else { return Ok(None) };
    let files = version.files.iter().filter(|file| batch_is_between(file, *after_batch, *up_to_batch)).cloned().collect();
    Ok(Some(View { version, files }))
}
