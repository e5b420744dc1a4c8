//! The groups of each batch, which a model adds that follows a dataset and has no key (`load: append`).
//!
//! A SELECT that looks at several rows at once, as a sum does, is carried out on one batch of the raw copy after the other. So one load of
//! many batches adds what as many loads would have added, and one of no row adds nothing.

use hw_base::{Column, Engine, Growth, Input, Reader, Result, Value, identifier};

use crate::plan::{Extent, ReadFrom};

/// The most batches to look at apart: more would make a query that takes longer to plan than to run. What is older than they counts as one.
const MOST: usize = 1_000;

/// The rows of a batch: after which one it begins, where it is not the first, and its number.
type Span = (Option<i64>, i64);

/// The SELECT over one batch after the other, by the columns that it returns; `None` where it may see all of them at once.
pub(super) async fn apart(engine: &dyn Engine, select: &Reader, reads: &[ReadFrom], columns: &[Column]) -> Result<Option<Reader>> {
    let followed: Vec<&ReadFrom> = reads.iter().filter(|read| read.extent == Extent::New).collect();
    let names: Vec<&str> = followed.iter().map(|read| read.name.as_str()).collect();
    let [first, others @ ..] = &followed[..] else { return Ok(None) };
    // Batches of several datasets do not belong together.
    if others.iter().any(|other| other.table != first.table) || engine.growth(&select.sql, &names) != Growth::ByPart {
        return Ok(None);
    }
    let Some(input) = select.inputs.iter().find(|input| input.name() == first.name) else { return Ok(None) };
    let Some(spans) = spans(engine, input).await? else { return Ok(None) };
    let sql = match &spans[..] {
        [_] => return Ok(None),
        [] => format!("select * from ({}\n) as model where false", select.sql.trim_end().trim_end_matches(';')),
        _ => {
            let columns = columns.iter().map(|column| identifier(&column.name)).collect::<Vec<_>>().join(", ");
            let parts = spans.iter().map(|span| format!("select {columns} from {}", name(*span)));
            parts.collect::<Vec<_>>().join(" union all ")
        }
    };
    let parts = spans.iter().map(|span| Input::Reader {
        name: name(*span),
        reader: Reader { inputs: select.inputs.iter().map(|input| only(input, &names, *span)).collect(), ..select.clone() },
    });
    let inputs = select.inputs.iter().cloned().chain(parts).collect();
    Ok(Some(Reader { sql, inputs, file: select.file.clone() }))
}

/// The batches with rows among those that an input is to read, in their order; `None` where it is no table.
async fn spans(engine: &dyn Engine, input: &Input) -> Result<Option<Vec<Span>>> {
    let Input::Table { table, after_batch, up_to_batch, .. } = input else { return Ok(None) };
    let (after_batch, up_to_batch) = (*after_batch, *up_to_batch);
    let raw = Input::Table { name: "batches".into(), table: table.clone(), version: None, after_batch, up_to_batch, hides_origin: false };
    let sql = "select _batch from batches group by _batch order by _batch desc";
    let rows = engine.query(&Reader { sql: sql.into(), inputs: vec![raw], file: None }, MOST).await?;
    let number = |row: &Vec<Value>| match &row[..] {
        [Value::Int(batch)] => Some(*batch),
        _ => None,
    };
    let batches: Vec<i64> = rows.rows.iter().rev().filter_map(number).collect();
    let before = std::iter::once(after_batch).chain(batches.iter().copied().map(Some));
    Ok(Some(before.zip(batches.iter().copied()).collect()))
}

fn name((_, batch): Span) -> String {
    format!("_batch_{batch}")
}

/// An input, with the rows of one batch where it is one of those that are followed.
fn only(input: &Input, followed: &[&str], (after_batch, up_to_batch): Span) -> Input {
    match input.clone() {
        Input::Table { name, table, version, hides_origin, .. } if followed.contains(&name.as_str()) => {
            Input::Table { name, table, version, after_batch, up_to_batch: Some(up_to_batch), hides_origin }
        }
        other => other,
    }
}
