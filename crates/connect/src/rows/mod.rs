//! Records whose values come one by one, each with a kind of its own: the rows of a database, the cells of a sheet.
//!
//! Owns how such values become typed columns. A value that its column cannot hold makes its record malformed, as in files of
//! text; a connector only says what the values are.

mod batches;
mod cell;
mod column;
mod table;

pub(crate) use batches::Wanted;
pub(crate) use cell::Cell;
pub(crate) use table::{Outlet, RowReader, RowTable};

#[cfg(test)]
mod tests;
