//! The SELECT of a model in words of PostgreSQL, and all that keeps it from being run there.

use hw_base::{Column, Error, Input, Living, PushDown, Result, Span};

use super::errors::refused;
use super::tables::{self, Tables};
use crate::connectors::postgres::dialect::{Named, Question, ROW_NUMBER, Refused};
use crate::connectors::postgres::judge::Asked;
use crate::connectors::postgres::types::Wire;
use crate::types::arrow_to_sql_type;

/// Writes the SELECT of an order, whose names stand for `inputs`.
///
/// # Errors
/// HW311 for what is not known to mean the same, with its place.
pub(super) fn written(order: &PushDown, inputs: &[Input], tables: &Tables) -> Result<Question> {
    let mut question = Question::of(&order.reader.sql, inputs, &tables.0).map_err(|refusal| different(order, &refusal))?;
    for column in question.selected.columns.iter_mut().zip(&order.columns) {
        stored(column);
    }
    if !question.selected.is_named() {
        return Err(refused(order, "a column of the SELECT has no name of its own", "name it: `count(*) as orders`"));
    }
    let columns = question.selected.columns.iter().zip(&order.columns);
    let errors: Vec<Error> = columns.filter_map(|(here, there)| retyped(order, here, there)).collect();
    Error::all(errors).map_or(Ok(question), Err)
}

/// Writes the query for the rows that are no deletions.
///
/// # Errors
/// HW311 for what is not known to mean the same.
pub(super) fn living(order: &PushDown, living: &Living, tables: &Tables) -> Result<Question> {
    let Living { reader, place } = living;
    Question::of(&reader.sql, &tables::inputs(order, &reader.inputs), &tables.0).map_err(|refusal| {
        let problem = format!("`delete_when` is not known to come to the same there: {}", refusal.what);
        refused(order, problem, "write it in another way").moved_to(place.clone())
    })
}

/// Refuses rows for which both sides may differ.
///
/// # Errors
/// HW208 with the condition on these rows.
pub(super) async fn refuse_differing(order: &PushDown, question: &Question, asked: &Asked<'_>) -> Result<()> {
    for guard in &question.guards {
        let columns = [Named { name: "differs".into(), wire: Wire::Bool }];
        let rows = asked.rows(&format!("select ({guard}) as differs"), &columns).await?;
        let differs = rows.as_ref().and_then(|rows| rows.first()).and_then(|row| row.first());
        if differs != Some(&hw_base::Value::Bool(false)) {
            let error = Error::user(format!("`{}` has rows that PostgreSQL may see in another way than the engine", order.model));
            return Err(error
                .code("HW208")
                .because(differing(guard))
                .help("keep such rows out of the SELECT or write it in another way")
                .help("or remove `push_down`: the engine builds the same table from copies of the rows"));
        }
    }
    Ok(())
}

/// For which rows both sides may differ, by the query that finds one.
fn differing(guard: &str) -> String {
    if let Some((_, place)) = guard.strip_suffix(" having count(*) > 1)").and_then(|guard| guard.rsplit_once(" group by ")) {
        return format!("several have the same {place}, so nothing tells which comes first in a window");
    }
    let condition = [" having ", " and ", " where "].iter().find_map(|word| guard.rsplit_once(word)).map_or("", |(_, condition)| condition);
    format!("those where {}", condition.strip_suffix(')').unwrap_or(guard))
}

/// Numbers of rows, which the engine stores in the type in which PostgreSQL counts them.
fn stored((here, there): (&mut Named, &Column)) {
    if here.wire == ROW_NUMBER && there.sql_type == "bigint" {
        here.wire = Wire::Int8;
    }
}

/// A column that would have another type here than in the engine.
fn retyped(order: &PushDown, here: &Named, there: &Column) -> Option<Error> {
    let own = arrow_to_sql_type(&here.wire.data_type());
    let problem = || format!("column `{}` would be {own} there, and the engine makes `{}` {} of it", here.name, there.name, there.sql_type);
    let help = || format!("cast it in the SELECT: `cast(… as {}) as {}`", there.sql_type, there.name);
    (here.name != there.name || own != there.sql_type).then(|| refused(order, problem(), &help()))
}

fn different(order: &PushDown, refusal: &Refused) -> Error {
    let error = refused(order, format!("not known to come to the same there: {}", refusal.what), "write it in another way");
    let place = refusal.at.zip(order.reader.file.as_ref());
    let span = |(at, file): (crate::connectors::postgres::dialect::Place, &String)| Span {
        file: file.into(),
        line: at.line,
        column: at.column,
        length: at.length,
    };
    match place.map(span) {
        Some(span) => error.at(span),
        None => error,
    }
}
