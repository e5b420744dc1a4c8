//! A whole query, and on what its answer depends.

use std::collections::HashMap;

use hw_base::Input;

use super::query::Selected;
use super::relation::{BaseTable, Relations, output};
use super::{Guard, Result, refused, select};
use crate::connectors::postgres::quoted;

/// What the answer to a query is called.
const ANSWER: &str = "answer";

/// A query of the engine in words of PostgreSQL, and on what its answer depends.
pub(in super::super) struct Question {
    /// The query.
    pub selected: Selected,
    /// Conditions under which the answer does not count.
    pub guards: Vec<String>,
}

impl Question {
    /// The question that `sql` asks, whose names stand for `inputs`, of which the live ones are in `tables`.
    pub(in super::super) fn of(sql: &str, inputs: &[Input], tables: &HashMap<String, BaseTable>) -> Result<Self> {
        let mut guards = Vec::new();
        let query = select(sql)?;
        let selected = Relations::new(tables, inputs).selected(&query, None, &mut guards)?;
        let alone = |guard: Guard| match guard {
            Guard::Alone(condition) => Ok(condition),
            Guard::Row(_) | Guard::Rows(_) | Guard::Tied(_) => refused("a condition on rows that are not there"),
        };
        Ok(Self { selected, guards: guards.into_iter().map(alone).collect::<Result<_>>()? })
    }

    /// The query with its columns in the types that the engine has for them, and `more` beside them.
    pub(in super::super) fn sql(&self, more: &[String]) -> String {
        let shown = self.selected.columns.iter().map(|column| output(&format!("{ANSWER}.{}", quoted(&column.name)), &column.wire));
        let items: Vec<String> = shown.chain(more.iter().cloned()).collect();
        format!("select {} from ({}) as {ANSWER}", items.join(", "), self.selected.sql)
    }
}
