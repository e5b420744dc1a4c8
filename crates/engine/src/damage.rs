//! Naming the Parquet file that turned out to be damaged in the middle of a query: the engine only tells that one was.

use std::fs::File;
use std::path::Path;

use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_plan::ExecutionPlan;
use hw_base::{Error, Reader};

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
    let Some((path, reason)) = files.into_iter().find_map(|path| Some((path.clone(), flaw(Path::new(&path))?))) else { return error };
    let is_ours = Path::new(&path).starts_with(engine.warehouse_folder());
    let named = Error::user(format!("the Parquet file `{path}` is damaged")).code("HW203").because(reason);
    if is_ours {
        return named.help("it belongs to the warehouse: `headworks run --rebuild` makes its table anew from the raw copies");
    }
    named.help("write or copy the file again; nothing of it was loaded")
}

async fn files_of(engine: &LocalEngine, reader: &Reader) -> Option<Vec<String>> {
    let session = Session::for_reader(engine, reader, Effort::Fast).await.ok()?;
    let frame = session.query(&reader.sql, reader.file.as_deref()).await.ok()?;
    let plan = frame.create_physical_plan().await.ok()?;
    let mut files = Vec::new();
    collect(plan.as_ref(), &mut files);
    files.sort();
    files.dedup();
    Some(files)
}

/// The Parquet files that a plan reads, as paths from the root.
fn collect(plan: &dyn ExecutionPlan, files: &mut Vec<String>) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some((config, _)) = scan.downcast_to_file_source::<ParquetSource>()
    {
        let read = config.file_groups.iter().flat_map(datafusion::datasource::physical_plan::FileGroup::iter);
        files.extend(read.map(|file| format!("/{}", file.object_meta.location)));
    }
    plan.children().iter().for_each(|child| collect(child.as_ref(), files));
}

/// Why a file cannot be read to its end; `None` where it can.
fn flaw(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let rows = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    match rows {
        Err(error) => Some(error.to_string()),
        Ok(rows) => rows.into_iter().find_map(Result::err).map(|error| error.to_string()),
    }
}
