//! Rules on rows together.

use std::collections::HashMap;

use hw_base::{Result, Rows, SetQuestion, WatchedSet};

use super::{Asked, source_column};
use crate::connectors::postgres::dialect::{BaseTable, Named, Question};
use crate::connectors::postgres::types::Wire;

/// The queries for the number and for some of the rows that break a rule; `None` where they cannot be asked.
pub(super) fn questions(set: &SetQuestion, tables: &HashMap<String, BaseTable>) -> Option<(Question, Question)> {
    let count = Question::of(&set.count.sql, &set.count.inputs, tables).ok()?;
    let examples = Question::of(&set.examples.sql, &set.examples.inputs, tables).ok()?;
    examples.selected.is_named().then_some((count, examples))
}

/// How a rule comes out; `None` where that cannot be said here.
pub(super) async fn judged(
    session: &Asked<'_>,
    set: &SetQuestion,
    most: usize,
    tables: &HashMap<String, BaseTable>,
) -> Result<Option<WatchedSet>> {
    let Some((count, examples)) = questions(set, tables) else { return Ok(None) };
    let guards: Vec<String> = count.guards.iter().chain(&examples.guards).cloned().collect();
    let differs = if guards.is_empty() { "false".to_owned() } else { guards.join(" or ") };
    let columns: Vec<Named> = count.selected.columns.iter().cloned().chain([Named { name: "differs".into(), wire: Wire::Bool }]).collect();
    let Some(rows) = session.rows(&count.sql(&[differs]), &columns).await? else { return Ok(None) };
    let Some([violations, judged @ .., hw_base::Value::Bool(false)]) = rows.first().map(Vec::as_slice) else { return Ok(None) };
    let Some(violations) = violations.as_u64() else { return Ok(None) };
    let judged = judged.first().and_then(hw_base::Value::as_u64);
    let Some(examples) = shown(session, &examples, if violations > 0 { most } else { 0 }).await? else { return Ok(None) };
    Ok(Some(WatchedSet { id: set.id.clone(), violations, judged, examples }))
}

async fn shown(session: &Asked<'_>, examples: &Question, most: usize) -> Result<Option<Rows>> {
    if most == 0 {
        return Ok(Some(Rows::default()));
    }
    let columns = &examples.selected.columns;
    let rows = session.rows(&format!("{} limit {most}", examples.sql(&[])), columns).await?;
    let is_cut = rows.as_ref().is_some_and(|rows| rows.len() >= most);
    Ok(rows.map(|rows| Rows { columns: columns.iter().map(|column| source_column(column).column()).collect(), rows, is_cut }))
}
