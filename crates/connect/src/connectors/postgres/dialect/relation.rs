//! Where names stand for rows: tables of the database, and queries over them.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use hw_base::{Input, literal};

use super::query::Selected;
use super::{Guard, Result, Written, refused, select};
use crate::connectors::postgres::types::{SourceColumn, Wire};
use crate::connectors::postgres::{FILE, LINE, MALFORMED, quoted};
use crate::layout::free_of_hidden;

/// PostgreSQL cuts off longer names.
const LONGEST_NAME: usize = 63;

/// A table of the database, as the engine reads it.
#[derive(Clone, Debug)]
pub(in super::super) struct BaseTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<SourceColumn>,
    /// Whether the server has checked every value against the type of its column.
    pub keeps_types: bool,
}

/// What the names of a query stand for.
#[derive(Clone)]
pub(in super::super) struct Relations<'a> {
    tables: &'a HashMap<String, BaseTable>,
    inputs: &'a [Input],
    /// Those that the query itself gives to others.
    pub(super) given: Vec<(String, Selected)>,
}

/// A column that a query can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Named {
    /// Its name, the same on both sides.
    pub name: String,
    /// What it holds.
    pub wire: Wire,
}

impl<'a> Relations<'a> {
    /// Names that stand for `inputs`, of which the live ones are in `tables`.
    pub(in super::super) fn new(tables: &'a HashMap<String, BaseTable>, inputs: &'a [Input]) -> Self {
        Self { tables, inputs, given: Vec::new() }
    }

    /// The rows that a name stands for.
    pub(super) fn rows(&self, name: &str, guards: &mut Vec<Guard>) -> Result<Selected> {
        if let Some((_, selected)) = self.given.iter().rev().find(|(given, _)| given == name) {
            return Ok(selected.clone());
        }
        let mut behind = |sql: &str, inputs: &[Input]| {
            let query = select(sql)?;
            Relations::new(self.tables, inputs).selected(&query, None, guards).map_err(|refused| refused.behind(name))
        };
        match self.inputs.iter().find(|input| input.name() == name) {
            Some(Input::Query { sql, .. }) => behind(sql, self.inputs),
            Some(Input::Reader { reader, .. }) => behind(&reader.sql, &reader.inputs),
            Some(Input::Live { relation, .. }) => match self.tables.get(relation) {
                Some(table) => table.rows(),
                None => refused(format_args!("`{name}` does not lie there")),
            },
            _ => refused(format_args!("`{name}` does not lie there")),
        }
    }
}

impl BaseTable {
    /// Its rows as the engine reads them, the hidden columns included.
    fn rows(&self) -> Result<Selected> {
        let own = self.columns.iter().map(|column| (free_of_hidden(&column.name), read(column)));
        let hidden = [
            (FILE, Written::constant("null::text", Wire::Text)),
            (LINE, Written::constant("null::int8", Wire::Int8)),
            (MALFORMED, Written::constant(self.malformed()?, Wire::Text)),
        ];
        let columns: Vec<(String, Written)> = own.chain(hidden.map(|(name, written)| (name.to_owned(), written))).collect();
        let items: Vec<String> = columns.iter().map(|(name, written)| format!("{} as {}", written.sql, quoted(name))).collect();
        let named = columns.into_iter().map(|(name, written)| Named { name, wire: written.wire });
        Ok(Selected {
            sql: format!("select {} from {}", items.join(", "), self.sql()),
            columns: named.map(checked).collect::<Result<_>>()?,
        })
    }

    /// The name as SQL takes it.
    pub(in super::super) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// The conditions for rows that the engine cannot read.
    pub(in super::super) fn misfits(&self) -> Result<Vec<String>> {
        Ok(self.misfitting()?.into_iter().map(|(_, condition)| condition).collect())
    }

    /// The columns that may hold what the engine cannot read, each with the condition for it.
    fn misfitting(&self) -> Result<Vec<(&SourceColumn, String)>> {
        let one = |column: &SourceColumn| misfit(&column.wire, &quoted(&column.name), self.keeps_types && !column.is_free);
        let all = self.columns.iter().map(|column| one(column).map(|found| found.map(|condition| (column, condition))));
        Ok(all.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// SQL that says of the rows that the engine cannot read what they hold, and is null for all others.
    fn malformed(&self) -> Result<String> {
        let told: Vec<String> = self.misfitting()?.iter().map(|(column, condition)| told(column, condition)).collect();
        Ok(if told.is_empty() { "null::text".into() } else { format!("case {} end", told.join(" ")) })
    }
}

fn checked(column: Named) -> Result<Named> {
    if column.name.len() > LONGEST_NAME { refused(format_args!("`{}` is too long a name", column.name)) } else { Ok(column) }
}

/// The value of a column as the engine has it. Texts compare by their bytes.
fn read(column: &SourceColumn) -> Written {
    let name = quoted(&column.name);
    let (sql, wire) = match &column.wire {
        Wire::Text | Wire::Jsonb | Wire::Uuid => (format!("{name}::{} collate \"C\"", column.cast.unwrap_or("text")), Wire::Text),
        Wire::TimestampUtc => (format!("{name} at time zone 'UTC'"), Wire::TimestampUtc),
        Wire::List(_) => (column.expression(), column.wire.clone()),
        // With all its places, which show where it becomes a text.
        Wire::Decimal { scale, .. } if column.is_free => (format!("round({name}, {scale})"), column.wire.clone()),
        wire => (name, wire.clone()),
    };
    Written::new(sql, wire, super::Nature::Row)
}

/// SQL that is true for values that the engine's type cannot hold; `None` where it holds all.
fn misfit(wire: &Wire, name: &str, keeps_types: bool) -> Result<Option<String>> {
    // PostgreSQL's calendar begins after the engine's, and ends later.
    let last = format!("{}-12-31", NaiveDate::MAX.year());
    Ok(match wire {
        Wire::Decimal { .. } if keeps_types => Some(format!("{name} = 'NaN'")),
        Wire::Decimal { precision, scale } => {
            let whole = precision.cast_signed() - scale;
            Some(format!(
                "{name} = 'NaN' or abs({name}) >= 1{} or {name} <> round({name}, {scale})",
                "0".repeat(usize::from(whole.unsigned_abs()))
            ))
        }
        Wire::Date => Some(format!("{name} = '-infinity' or {name} > '{last}'")),
        Wire::Timestamp => Some(format!("{name} = '-infinity' or {name} > '{last} 23:59:59.999999'")),
        Wire::TimestampUtc => Some(format!("{name} = '-infinity' or {name} > '{last} 23:59:59.999999+00'")),
        Wire::List(element) if misfit(element, name, keeps_types)?.is_some() => {
            return refused(format_args!("{name} may hold what a list cannot"));
        }
        Wire::List(_) => Some(format!("array_ndims({name}) > 1")),
        _ => None,
    })
}

/// The branch of a CASE that says what a column holds where `condition` is true, as a reading does.
fn told(column: &SourceColumn, condition: &str) -> String {
    let SourceColumn { name, declared, wire, .. } = column;
    let reason = format!("`{name}` ({declared}) holds a value that {} cannot hold: ", wire.sql_type());
    format!("when {condition} then {} || {}::text", literal(&reason), quoted(name))
}

/// The columns of a query as it shows them, each in the type that the engine has for it.
pub(in super::super) fn output(sql: &str, wire: &Wire) -> String {
    match wire {
        Wire::Bool => format!("({sql})::bool"),
        Wire::Int2 => format!("({sql})::int2"),
        Wire::Int4 => format!("({sql})::int4"),
        Wire::Int8 => format!("({sql})::int8"),
        Wire::Float4 => format!("({sql})::float4"),
        Wire::Float8 => format!("({sql})::float8"),
        Wire::Decimal { precision, scale } => format!("({sql})::numeric({precision},{scale})"),
        Wire::Text | Wire::Jsonb | Wire::Uuid => format!("({sql})::text"),
        Wire::Date => format!("({sql})::date"),
        Wire::Timestamp => format!("({sql})::timestamp"),
        Wire::TimestampUtc => format!("(({sql}) at time zone 'UTC')"),
        Wire::Bytes | Wire::List(_) => sql.to_owned(),
    }
}
