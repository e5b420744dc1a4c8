//! The rows that two views of a table do not share.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use hw_base::{Input, MORE, ORIGIN_COLUMNS, Result, identifier};

use crate::files::TableFile;
use crate::local::LocalEngine;
use crate::session::{Effort, Session, batch_is_between};
use crate::warehouse::Snapshot;

/// Some batches of one version of a table.
struct View {
    version: Snapshot,
    files: Vec<TableFile>,
    hides_origin: bool,
}

/// Two views, without the files that both have: these are not read.
struct Sides {
    gone: View,
    come: View,
    session: Session,
}

/// The rows that one view has more often than the other, once each, in the columns of `after`.
pub(crate) async fn between(engine: &LocalEngine, before: &Input, after: &Input) -> Result<Option<Arc<dyn TableProvider>>> {
    let Some(sides) = Sides::of(engine, before, after).await? else { return Ok(None) };
    let columns = sides.come.columns();
    let had = |name: &&str| match sides.gone.version.schema.index_of(name) {
        Ok(_) => identifier(name),
        Err(_) => format!("null as {}", identifier(name)),
    };
    let before = columns.iter().map(had).collect::<Vec<_>>().join(", ");
    let own = columns.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select {own} from (select {own}, 1 as _side from come union all select {before}, -1 as _side from gone) as both_sides \
         group by {own} having sum(_side) <> 0"
    );
    Ok(Some(sides.session.query(&sql, None).await?.into_view()))
}

/// The rows that one view has more often than the other, in the columns that both have, with how much more often `after` has them.
pub(crate) async fn difference(engine: &LocalEngine, before: &Input, after: &Input) -> Result<Option<Arc<dyn TableProvider>>> {
    let Some(sides) = Sides::of(engine, before, after).await? else { return Ok(None) };
    let had = sides.gone.columns();
    let columns: Vec<&str> = sides.come.columns().into_iter().filter(|name| had.contains(name)).collect();
    let own = columns.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
    let read = columns.iter().map(|name| sides.comparable(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select {own}, sum(_side) as {MORE} from (select {read}, 1 as _side from come union all select {read}, -1 as _side from gone) \
         as both_sides group by {own} having sum(_side) <> 0"
    );
    Ok(Some(sides.session.query(&sql, None).await?.into_view()))
}

impl Sides {
    async fn of(engine: &LocalEngine, before: &Input, after: &Input) -> Result<Option<Self>> {
        let (Some(gone), Some(come)) = (View::of(engine, before).await?, View::of(engine, after).await?) else { return Ok(None) };
        let session = Session::new(engine, Effort::Spilling);
        session.register(&["gone"], Arc::new(gone.without(&come)))?;
        session.register(&["come"], Arc::new(come.without(&gone)))?;
        Ok(Some(Self { gone, come, session }))
    }

    /// A column as both sides can be compared: as text where it has types that no common one holds.
    fn comparable(&self, name: &str) -> String {
        let kind = |view: &View| view.version.schema.field_with_name(name).map(|field| field.data_type().clone()).ok();
        let (gone, come) = (kind(&self.gone), kind(&self.come));
        let are_numbers = [&gone, &come].into_iter().flatten().all(DataType::is_numeric);
        let name = identifier(name);
        if gone == come || are_numbers { name } else { format!("cast({name} as varchar) as {name}") }
    }
}

impl View {
    async fn of(engine: &LocalEngine, input: &Input) -> Result<Option<Self>> {
        let Input::Table { table, version, after_batch, up_to_batch, hides_origin, .. } = input else { return Ok(None) };
        let Some(version) = engine.warehouse.open(table, *version).await? else { return Ok(None) };
        let files = version.files.iter().filter(|file| batch_is_between(file, *after_batch, *up_to_batch)).cloned().collect();
        Ok(Some(Self { version, files, hides_origin: *hides_origin }))
    }

    /// Its columns, without those that it hides.
    fn columns(&self) -> Vec<&str> {
        let is_own = |name: &&str| !(self.hides_origin && ORIGIN_COLUMNS.contains(name));
        self.version.schema.fields().iter().map(|field| field.name().as_str()).filter(is_own).collect()
    }

    /// Its rows in files that the other view does not have.
    fn without(&self, other: &Self) -> crate::files::FileTable {
        let is_new = |file: &&TableFile| !other.files.iter().any(|known| known.name == file.name);
        self.version.table_of(self.files.iter().filter(is_new).cloned().collect())
    }
}
