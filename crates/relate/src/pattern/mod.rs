//! What holds between the columns of a row: orders, sums and products, and where a column is filled.
//!
//! Everything is looked for on a few rows first; only what these bear out is counted on all rows.

mod condition;
mod correlation;
mod formula;
mod order;
mod quantity;

use hw_base::CodedTable;

pub use condition::{Condition, Partner};
pub use correlation::Correlation;
pub use formula::{Formula, Operation};
pub use order::Order;

use crate::columns::Column;
use quantity::{Quantity, sampled_rows};

/// What holds between the columns of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patterns {
    /// Columns that stand in an order, those of text by what they read as; those whose names tell it first.
    pub orders: Vec<Order>,
    /// Columns that are sums or products of others.
    pub formulas: Vec<Formula>,
    /// Columns that are filled depending on another one.
    pub conditions: Vec<Condition>,
    /// Columns of numbers that rise and fall together, measured on some rows.
    pub correlations: Vec<Correlation>,
    /// Whether all columns were searched for formulas; otherwise a bound on the work was met.
    pub is_complete: bool,
}

/// What holds between the columns of a row of this table.
pub fn patterns(table: &CodedTable) -> Patterns {
    let columns = Column::all(table);
    let (rows, sampled) = (table.coded_rows(), sampled_rows(table.coded_rows()));
    let quantities = Quantity::all_of(table, &columns, &sampled);
    let (formulas, is_complete) = formula::formulas(&quantities, rows);
    let mut orders = order::orders(&quantities, rows);
    // How the columns of a formula relate is told by the formula.
    let is_told = |order: &Order| formulas.iter().any(|one| one.names(order.lesser) && one.names(order.greater));
    orders.retain(|order| !is_told(order));
    let typed: Vec<Quantity<'_>> = quantities.into_iter().filter(|quantity| !quantity.is_text).collect();
    let correlations = correlation::correlations(&typed);
    Patterns { orders, formulas, conditions: condition::conditions(&columns, &sampled), correlations, is_complete }
}
