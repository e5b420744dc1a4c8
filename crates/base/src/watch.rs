//! What rules want to know of the rows of a load, and what an engine says of it: plain values, judged elsewhere.

use serde::{Deserialize, Serialize};

use crate::{Rows, Value};

/// What to count about every row on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowWatch {
    /// The rule's name.
    pub id: String,
    /// A Boolean expression over the row; true breaks the rule, null does not.
    pub violates: String,
    /// Whether violating rows go to the quarantine table instead of the table.
    pub diverts: bool,
    /// Whether violating rows are no rows at all, so that the rules after this one do not see them.
    #[serde(default)]
    pub excludes: bool,
}

/// A rule on rows together that diverts each row which breaks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetWatch {
    /// The rule's name.
    pub id: String,
    /// The columns whose values it compares.
    pub columns: Vec<String>,
    /// A Boolean expression over the row, true for the rows that it looks at.
    pub judged: String,
    /// What it asks of them.
    pub asks: Together,
}

/// What is asked of rows together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Together {
    /// Of rows with the same values the first stays: the one that arrived first, and of rows of which nobody knows that the one with the
    /// least content.
    First {
        /// Whether two nulls are the same value.
        nulls_match: bool,
    },
    /// Another table has a row with the same values.
    Known {
        /// Its name among the inputs of the query.
        table: String,
        /// Its columns, in the order of those that refer to them.
        columns: Vec<String>,
    },
}

/// An aggregate to compute on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateWatch {
    /// The rule's name.
    pub id: String,
    /// An SQL aggregate: `sum(total_amount)`.
    pub expression: String,
}

/// Everything to be counted in one scan, however many rules there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Rules on single rows.
    pub rows: Vec<RowWatch>,
    /// Rules on rows together that divert rows.
    #[serde(default)]
    pub sets: Vec<SetWatch>,
    /// Aggregates over the rows that the table will have.
    pub aggregates: Vec<AggregateWatch>,
    /// Aggregates over the rows that arrive and are not diverted.
    #[serde(default)]
    pub of_arriving: Vec<AggregateWatch>,
    /// Columns shown with a violating row, besides those of the rule: the key.
    pub key: Vec<String>,
    /// How many violating rows to keep per rule as examples.
    pub examples: usize,
    /// Whether to keep the number of every violating row (0-based, in the order of the input).
    pub all_rows: bool,
    /// Whether the examples are all that is wanted: then reading may end once every rule has its own, and counts say nothing.
    #[serde(default)]
    pub only_examples: bool,
}

/// What a scan counted for one rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchedRule {
    /// The rule's name.
    pub id: String,
    /// Rows that break it.
    pub violations: u64,
    /// Some of them.
    pub examples: Rows,
    /// The numbers of all of them, where they were asked for.
    pub violating_rows: Option<Vec<u64>>,
    /// Why the rule could not be judged on some rows; then the counts say nothing.
    #[serde(default)]
    pub error: Option<String>,
}

/// What was counted for a rule on rows together by a place that answers for its rows itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchedSet {
    /// The rule's name.
    pub id: String,
    /// Rows that break it.
    pub violations: u64,
    /// The rows that it was judged on; all where `None`.
    pub judged: Option<u64>,
    /// Some of the rows that break it.
    pub examples: Rows,
}

/// The value of a watched aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedAggregate {
    /// The rule's name.
    pub id: String,
    /// Its value; null over no rows.
    pub value: Value,
}

/// What a scan counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Rows seen, diverted ones included.
    pub rows: u64,
    /// Per row rule, in the order of the watch.
    pub rules: Vec<WatchedRule>,
    /// Per aggregate, in the order of the watch; none where rows stay that a table has, whose aggregates are asked for once it is known
    /// which, and none where one of them fails on the rows.
    pub aggregates: Vec<WatchedAggregate>,
    /// Per aggregate over the rows that arrive, in the order of the watch.
    #[serde(default)]
    pub of_arriving: Vec<WatchedAggregate>,
    /// Per rule on rows together that was judged where the rows lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<WatchedSet>,
    /// Per rule on records of which some are no rows, where they were asked about where they lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_records: Vec<WatchedRule>,
}

impl Watched {
    /// What was counted here, and beside it what another scan of the same rows has counted.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows = other.rows;
        self.rules.extend(other.rules);
        self.aggregates.extend(other.aggregates);
        self.of_arriving.extend(other.of_arriving);
        self.sets.extend(other.sets);
        self.of_records.extend(other.of_records);
        self
    }
}
