//! The columns that tables will have once the steps before have run, where they are not those that they have: on these a SELECT is tried that
//! reads a table which moves in the same plan.

use std::collections::BTreeMap;

use hw_base::{Column, DatasetName, Delivered, Delivery, Input, ORIGIN_COLUMNS, Result, TableState, identifier};

use super::{Asking, Step};
use crate::run::types::{is_same_type, widens};
use crate::run::{delivery_going_on, names_of_delivery, raw_column_names};

/// A SELECT that stands for a table: it has the columns that the table will have.
#[derive(Clone, Debug)]
pub(super) struct StandIn {
    /// What it reads.
    inputs: Vec<Input>,
    /// The columns, each with the expression for it.
    columns: Vec<(String, String)>,
    /// What stands behind the expressions.
    from: String,
}

impl StandIn {
    /// One for the table of a model; `None` where SQL has no word for a type.
    pub(super) fn of_model(columns: &[Column]) -> Option<Self> {
        let is_named = |column: &Column| !column.sql_type.contains('(') || column.sql_type.starts_with("decimal(");
        let null = |column: &Column| (column.name.clone(), format!("cast(null as {})", column.sql_type));
        columns.iter().all(is_named).then(|| Self { inputs: vec![], columns: columns.iter().map(null).collect(), from: String::new() })
    }

    /// Lets it stand for the table under a name.
    pub(super) fn bind(&self, name: &str, hides_origin: bool, inputs: &mut Vec<Input>) {
        for input in &self.inputs {
            if inputs.iter().all(|known| known.name() != input.name()) {
                inputs.push(input.clone());
            }
        }
        let is_shown = |column: &str| !hides_origin || !ORIGIN_COLUMNS.contains(&column);
        let shown = self.columns.iter().filter(|(column, _)| is_shown(column));
        let columns: Vec<String> = shown.map(|(column, value)| format!("{value} as {}", identifier(column))).collect();
        inputs.push(Input::Query { name: name.to_owned(), sql: format!("select {}{}", columns.join(", "), self.from) });
    }
}

/// Whether two tables have the same columns, in whatever order.
pub(super) fn are_same(some: &[Column], others: &[Column]) -> bool {
    let has = |column: &Column| others.iter().any(|other| other.name == column.name && is_same_type(&other.sql_type, &column.sql_type));
    some.len() == others.len() && some.iter().all(has)
}

/// What will stand for the raw copy of a dataset once `step` has run, where it does not keep its columns, and the rows to read, where they are
/// known.
///
/// # Errors
/// What keeps the source from being opened; HW204 where what arrives lacks a column of the raw copy.
pub(super) async fn raw_copy(dataset: &DatasetName, step: &Step, asking: Asking<'_>) -> Result<(Option<StandIn>, Option<u64>)> {
    let going_on = delivery_going_on(step, asking).await?;
    let asked = going_on.as_ref().map(|(_, delivery)| delivery.clone()).unwrap_or_default();
    let delivered = asking.sources.open(dataset, &asked).await?;
    let rows = delivered.rows;
    let stand_in = match going_on {
        Some((table, delivery)) => continued(step, (&table, &delivery), &delivered, asking)?,
        None => Some(first(&delivered)),
    };
    Ok((stand_in, rows))
}

/// What stands for a raw copy that has nothing but what its source has now.
fn first(delivered: &Delivered) -> StandIn {
    let own = delivered.columns.iter().zip(raw_column_names(&delivered.columns));
    let mut columns: Vec<(String, String)> = own.map(|(column, raw)| (raw, identifier(&column.name))).collect();
    if delivered.has_origin {
        columns.extend(["_file", "_line"].map(|name| (name.to_owned(), name.to_owned())));
    }
    let made = [("_loaded_at", "timestamptz"), ("_run", "text"), ("_batch", "bigint")];
    columns.extend(made.map(|(name, sql_type)| (name.to_owned(), format!("cast(null as {sql_type})"))));
    let from = format!(" from {}", delivered.relation);
    StandIn { inputs: vec![live(delivered)], columns, from }
}

/// What stands for a raw copy that goes on; `None` where what arrives adds no column and widens none.
fn continued(
    step: &Step,
    (table, delivery): (&TableState, &Delivery),
    delivered: &Delivered,
    asking: Asking<'_>,
) -> Result<Option<StandIn>> {
    let names = names_of_delivery(&delivered.columns, asking.ledger, &step.name)?;
    let arriving: BTreeMap<&str, &Column> = names.iter().map(|(raw, _)| raw.as_str()).zip(&delivered.columns).collect();
    // Where no row has shown what a column holds, the first ones do.
    let is_untold = delivery.files.is_some() && table.rows == Some(0);
    let becomes_other = |known: &Column, arriving: &Column| {
        let is_other = !is_same_type(&known.sql_type, &arriving.sql_type);
        is_other && (is_untold || widens(&known.sql_type, &arriving.sql_type))
    };
    let (relation, present) = (&delivered.relation, format!("{}_known", delivered.relation));
    let mut is_changed = false;
    let mut columns = Vec::new();
    for known in &table.columns {
        let other = arriving.get(known.name.as_str()).copied().filter(|column| becomes_other(known, column));
        is_changed |= other.is_some();
        let value = match other {
            Some(column) => format!("{relation}.{}", identifier(&column.name)),
            None => format!("{present}.{}", identifier(&known.name)),
        };
        columns.push((known.name.clone(), value));
    }
    let is_known = |raw: &str| table.columns.iter().any(|known| known.name == raw);
    for (raw, source) in names.iter().filter(|(raw, _)| !is_known(raw)) {
        is_changed = true;
        columns.push((raw.clone(), format!("{relation}.{}", identifier(source))));
    }
    let known = Input::Table {
        name: present.clone(),
        table: step.table.clone(),
        version: None,
        after_batch: None,
        up_to_batch: None,
        hides_origin: false,
    };
    let from = format!(" from {present}, {relation}");
    Ok(is_changed.then(|| StandIn { inputs: vec![live(delivered), known], columns, from }))
}

/// What arrives, under its own name.
fn live(delivered: &Delivered) -> Input {
    Input::Live { name: delivered.relation.clone(), relation: delivered.relation.clone() }
}

#[cfg(test)]
mod tests {
    use hw_base::ColumnType;

    use super::*;

    fn column(name: &str, sql_type: &str) -> Column {
        Column { name: name.into(), kind: ColumnType::Other, sql_type: sql_type.into() }
    }

    #[test]
    fn a_table_is_stood_for_by_its_columns() {
        let stands = StandIn::of_model(&[column("id", "bigint"), column("_file", "text")]).unwrap();
        let mut inputs = vec![];
        stands.bind("orders", true, &mut inputs);
        let expected = Input::Query { name: "orders".into(), sql: "select cast(null as bigint) as id".into() };
        assert_eq!(inputs, [expected]);
        assert!(StandIn::of_model(&[column("tags", "list(text)")]).is_none());
    }

    #[test]
    fn columns_are_the_same_in_whatever_order() {
        let table = [column("id", "bigint"), column("note", "varchar")];
        assert!(are_same(&table, &[column("note", "text"), column("id", "bigint")]));
        assert!(!are_same(&table, &[column("note", "text"), column("id", "int")]));
        assert!(!are_same(&table, &table[..1]));
    }
}
