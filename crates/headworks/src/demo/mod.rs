//! The demo's data and project: a shop with two years of dirty orders.

mod data;
mod project;

pub(crate) use data::{Size, deliver_day_two, write_landing};
pub(crate) use project::{FIRST_LINE, apply_remedy, write_project};
