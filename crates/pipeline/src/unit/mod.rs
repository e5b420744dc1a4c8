//! Unit tests of models: given rows, perhaps a table before, and what the load has to make of them.
//!
//! A test is carried out as a run is: its project is the user's, reduced to what the tested model needs, with given rows as sources
//! and a warehouse that nobody keeps. So this room says what such a project is ([`Rehearsal`]) and what differs from the expectation
//! ([`Difference`]); planning and running are those of every run.

mod csv;
mod difference;
mod judging;
mod reading;
mod rehearsal;
mod rows;
mod schema;

use std::collections::BTreeMap;

use hw_base::{LooseRows, Span, Timestamp};

pub use difference::{Change, Difference};
pub use judging::{Finding, Happened, findings};
pub use reading::read_tests;
pub use rehearsal::{GIVEN, GivenTable, Rehearsal};
pub use rows::Texts;
pub use schema::tests_schema;

/// A name in a test, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its place.
    pub span: Option<Span>,
}

/// A test of a model.
#[derive(Clone, Debug)]
pub struct UnitTest {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub span: Option<Span>,
    /// The model.
    pub model: Named,
    /// What the clock shows at the first delivery; the time of the test where it is not given.
    pub now: Option<Timestamp>,
    /// Types of given columns, by table, where they follow from nothing else.
    pub types: BTreeMap<String, Vec<(Named, Named)>>,
    /// Rules that are not judged; `all` stands for every rule.
    pub without_rules: Vec<Named>,
    /// The rows of the table before the first delivery.
    pub before: Option<LooseRows>,
    /// The deliveries, each loaded by a run of its own.
    pub steps: Vec<Step>,
}

/// One delivery, and what is expected after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Rows by the name of their dataset or model.
    pub given: BTreeMap<String, (Named, LooseRows)>,
    /// What the clock shows; a minute more than before where it is not given.
    pub now: Option<Timestamp>,
    /// What is expected.
    pub expect: Expectation,
}

/// What is expected after a delivery.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The rows of the table; only the columns that they name are compared.
    pub rows: Option<LooseRows>,
    /// Whether the table has no other columns.
    pub is_exact: bool,
    /// Whether the rows stand in this order.
    pub is_ordered: bool,
    /// The rows of the table's quarantine.
    pub quarantine: Option<LooseRows>,
    /// The rules that keep the delivery from being published: exactly these.
    pub blocked_by: Option<Vec<Named>>,
    /// The rules that break, whatever they do then: exactly these.
    pub broken: Option<Vec<Named>>,
    /// A part of the message with which the load fails.
    pub fails: Option<String>,
    /// Where it stands.
    pub span: Option<Span>,
}
