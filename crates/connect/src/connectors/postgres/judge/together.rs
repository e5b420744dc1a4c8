//! Rules on rows together.

use std::collections::HashMap;

use hw_base::{Input, Result, Rows, SetQuestion, WatchedSet};

use super::{Asked, source_column};
use crate::connectors::postgres::dialect::{self, BaseTable, Guard, Named, Relations, Selected, output};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// What the answer to a query is called.
const ANSWER: &str = "answer";

/// A query of the engine in words of PostgreSQL, and on what its answer depends.
struct Question {
    selected: Selected,
    guards: Vec<String>,
}

impl Question {
    fn of(sql: &str, inputs: &[Input], tables: &HashMap<String, BaseTable>) -> Option<Self> {
        let mut guards = Vec::new();
        let query = dialect::select(sql).ok()?;
        let selected = Relations::new(tables, inputs).selected(&query, None, &mut guards).ok()?;
        let alone = |guard: Guard| match guard {
            Guard::Alone(condition) => Some(condition),
            Guard::Row(_) | Guard::Rows(_) => None,
        };
        Some(Self { selected, guards: guards.into_iter().map(alone).collect::<Option<_>>()? })
    }

    /// The query with its columns in the types that the engine has for them, and `more` beside them.
    fn sql(&self, more: &[String]) -> String {
        let shown = self.selected.columns.iter().map(|column| output(&format!("{ANSWER}.{}", quoted(&column.name)), &column.wire));
        let items: Vec<String> = shown.chain(more.iter().cloned()).collect();
        format!("select {} from ({}) as {ANSWER}", items.join(", "), self.selected.sql)
    }
}

/// How a rule comes out; `None` where that cannot be said here.
pub(super) async fn judged(
    session: &Asked<'_>,
    set: &SetQuestion,
    most: usize,
    tables: &HashMap<String, BaseTable>,
) -> Result<Option<WatchedSet>> {
    let count = Question::of(&set.count.sql, &set.count.inputs, tables);
    let examples = Question::of(&set.examples.sql, &set.examples.inputs, tables).filter(|examples| examples.selected.is_named());
    let Some((count, examples)) = count.zip(examples) else { return Ok(None) };
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
