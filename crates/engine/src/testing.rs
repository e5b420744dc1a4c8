//! What tests share: an engine in a folder that is thrown away, and what it answers.

use std::path::Path;

use datafusion::physical_plan::displayable;
use hw_base::{ByteSize, Engine, Reader, RowWatch, Watch};

use crate::session::{Effort, Session};
use crate::{Limits, LiveTables, LocalEngine};

/// An engine over tables in this folder.
pub(crate) fn engine(folder: &Path, threads: usize) -> LocalEngine {
    let limits = Limits { memory: ByteSize(1 << 30), disk: ByteSize(1 << 30), threads: Some(threads) };
    LocalEngine::new(folder.join("w"), folder.join("s"), LiveTables::default(), limits).unwrap()
}

/// The reading of a query without inputs.
pub(crate) fn reader(sql: &str) -> Reader {
    Reader { sql: sql.into(), inputs: vec![], file: None }
}

/// What work comes to.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// A query gives these first values of its rows, or fails with this message.
#[track_caller]
pub(crate) fn check(sql: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), 2);
    let found = match wait(engine.query(&reader(sql), 10)) {
        Ok(rows) => rows.rows.iter().map(|row| row[0].to_string()).collect::<Vec<_>>().join(", "),
        Err(error) => error.to_string(),
    };
    assert!(found == expected || found.starts_with(&format!("error[HW301]: {expected}")), "{sql}: {found}");
}

/// A condition holds for so many rows of a query, as a part of it and as what breaks a rule.
#[track_caller]
pub(crate) fn check_condition(rows: &str, condition: &str, expected: u64) {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), 2);
    let (counted, judged) = (reader(&format!("select count(*) from ({rows}) as judged where {condition}")), reader(rows));
    let rule = RowWatch { id: "r".into(), violates: condition.into(), diverts: false, excludes: false };
    let watch = Watch { rows: vec![rule], ..Watch::default() };
    let (found, watched) = wait(async { (engine.query(&counted, 1).await.unwrap(), engine.watch(&judged, &watch).await.unwrap()) });
    assert_eq!(found.rows[0][0].as_u64(), Some(expected), "{condition}");
    assert_eq!((watched.rules[0].error.clone(), watched.rules[0].violations), (None, expected), "{condition}");
}

/// The operators of a query run with this effort, and its rows in the order of their texts.
pub(crate) async fn planned(engine: &LocalEngine, sql: &str, effort: Effort) -> (String, Vec<String>) {
    let session = Session::for_reader(engine, &reader(sql), effort).await.unwrap();
    let frame = session.query(sql, None).await.unwrap();
    let plan = frame.clone().create_physical_plan().await.unwrap();
    let plan = displayable(plan.as_ref()).indent(false).to_string();
    let batches = frame.collect().await.unwrap_or_else(|error| panic!("{error}: {sql}, {effort:?}\n{plan}"));
    let text = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.sort();
    (plan, rows)
}
