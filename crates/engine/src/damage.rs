//! Naming the Parquet file that turned out to be damaged in the middle of a query: the engine only tells that one was.

use std::fs::File;

use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::file::reader::ChunkReader;
use datafusion::physical_plan::ExecutionPlan;
use hw_base::{Error, Reader};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::folder::shown;
use crate::local::LocalEngine;
use crate::session::{Effort, Session};

/// What [`crate::failure`] says of a file that it cannot name.
pub(crate) const DAMAGED: &str = "a Parquet file is damaged";

/// The same error with the name of the file, where it is about a damaged one. All files of the query are read once more for it.
pub(crate) async fn named(engine: &LocalEngine, reader: &Reader, error: Error) -> Error {
    if error.message() != DAMAGED {
        return error;
    }
    let Some(files) = files_of(engine, reader).await else { return error };
    for file in files {
        if is_gone(engine, &file).await {
            return gone(&file);
        }
        if let Some(reason) = flaw(engine, &file).await {
            return damaged(engine, &file, reason);
        }
    }
    error
}

/// A Parquet file, by its store and its path there.
type Place = (ObjectStoreUrl, Path);

fn damaged(engine: &LocalEngine, (store, path): &Place, reason: String) -> Error {
    let named = Error::user(format!("the Parquet file `{}` is damaged", shown(store, path))).code("HW203").because(reason);
    let root = engine.warehouse.root();
    if *store == root.store_url() && root.object("").is_ok_and(|root| path.prefix_matches(&root)) {
        return named.help("it belongs to the warehouse: `headworks run --rebuild` makes its table anew from the raw copies");
    }
    named.help("write or copy the file again; nothing of it was loaded")
}

fn gone((store, path): &Place) -> Error {
    Error::user(format!("the Parquet file `{}` is not there, though its table names it", shown(store, path)))
        .code("HW203")
        .because("a table's log names the files that hold its rows, and this one was deleted or moved beside it")
        .help(
            "restore the file, or have the table repaired: `headworks run --rebuild` makes one of a warehouse anew, and others the program that \
             writes them; nothing of it was loaded",
        )
}

/// Whether a file that a table names does not lie where it should.
async fn is_gone(engine: &LocalEngine, (store, path): &Place) -> bool {
    if *store == ObjectStoreUrl::local_filesystem() {
        return !std::path::Path::new(&shown(store, path)).exists();
    }
    let Ok(objects) = engine.runtime.object_store(store) else { return false };
    matches!(objects.head(path).await, Err(object_store::Error::NotFound { .. }))
}

async fn files_of(engine: &LocalEngine, reader: &Reader) -> Option<Vec<Place>> {
    let session = Session::for_reader(engine, reader, Effort::Fast).await.ok()?;
    let frame = session.query(&reader.sql, reader.file.as_deref()).await.ok()?;
    let plan = frame.create_physical_plan().await.ok()?;
    let mut files = Vec::new();
    collect(plan.as_ref(), &mut files);
    files.sort_by(|a: &Place, b| a.1.cmp(&b.1));
    files.dedup();
    Some(files)
}

/// The Parquet files that a plan reads.
fn collect(plan: &dyn ExecutionPlan, files: &mut Vec<Place>) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some((config, _)) = scan.downcast_to_file_source::<ParquetSource>()
    {
        let read = config.file_groups.iter().flat_map(datafusion::datasource::physical_plan::FileGroup::iter);
        files.extend(read.map(|file| (config.object_store_url.clone(), file.object_meta.location.clone())));
    }
    plan.children().iter().for_each(|child| collect(child.as_ref(), files));
}

/// Why a file cannot be read to its end; `None` where it can.
async fn flaw(engine: &LocalEngine, (store, path): &Place) -> Option<String> {
    if *store == ObjectStoreUrl::local_filesystem() {
        return flaw_of(File::open(shown(store, path)).ok()?);
    }
    let object = engine.runtime.object_store(store).ok()?.get(path).await.ok()?;
    flaw_of(object.bytes().await.ok()?)
}

fn flaw_of(file: impl ChunkReader + 'static) -> Option<String> {
    let rows = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    match rows {
        Err(error) => Some(error.to_string()),
        Ok(rows) => rows.into_iter().find_map(Result::err).map(|error| error.to_string()),
    }
}
