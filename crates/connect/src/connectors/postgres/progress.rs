//! How far a table has been read: which rows a scan asks for because an earlier one has had the others, and what it notes
//! down on its way, so that the next one can go on.
//!
//! A table whose rows tell their transactions needs no help (see [`super::changes`]). For views, foreign tables and what
//! holds such a part, a column has to grow with every change. Rows with its greatest value so far are read again, because
//! more of them may come, and so are rows without a value. Values in the future do not count, or one of them would hide all
//! that comes after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Scalar, TimestampMicrosecondArray, new_null_array};
use datafusion::arrow::compute::kernels::cmp::lt_eq;
use datafusion::arrow::compute::{SortOptions, cast, concat, filter, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use hw_base::{Error, Part, Result, literal};

use super::changes::{Identity, Moment, Position, unsettled_transaction};
use super::decode::Decoded;
use super::errors::Explained;
use super::server::Server;
use super::session::Session;
use super::types::SourceColumn;
use super::{Selection, catalog, quoted};
use crate::layout::{free_of_hidden, own_name};
use crate::lookback::looked_back;

/// How what is new is told.
pub(super) enum Progress {
    /// Nobody asks.
    Unasked,
    /// By the transactions of the rows.
    ByTransaction { table: Identity, members: BTreeSet<u32>, before: Option<Position> },
    /// By a column, this one of the table's, from a value on, which may lie before the one that was reached.
    ByColumn { column: SourceColumn, from: Option<String>, reached: Option<String> },
}

/// What a scan has to know about the moment that it sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    moment: Moment,
    /// Microseconds since 1970.
    at: i64,
}

/// What one connection has noted down about the rows that it read.
#[derive(Default)]
pub(super) struct Noted {
    transactions: BTreeSet<u32>,
    /// One value, the greatest.
    greatest: Option<ArrayRef>,
}

impl Progress {
    /// How a table is read on.
    pub(super) async fn of(
        server: &Server,
        session: &Session,
        oid: u32,
        columns: &[SourceColumn],
        selection: &Selection<'_>,
    ) -> Result<Self> {
        let Some(continuing) = selection.continuing else { return Ok(Self::Unasked) };
        if let Some(members) = catalog::members(server, session, oid).await? {
            let table = catalog::identity(server, session, oid).await?;
            let now = catalog::moment(server, session).await?;
            let filled = catalog::filled_columns(server, session, oid).await?;
            let has_all = selection.known.is_empty() || filled.iter().all(|name| selection.knows(&free_of_hidden(name)));
            let before = continuing.since.as_deref().and_then(Position::read);
            let before = before.filter(|before| has_all && before.leads_to(&table, now));
            return Ok(Self::ByTransaction { table, members, before });
        }
        let Some(column) = continuing.column.as_ref().and_then(|name| columns.iter().find(|column| column.name == own_name(name))) else {
            return Ok(Self::Unasked);
        };
        let now = Now::of(server, session).await?;
        let reached = continuing.since.clone().map(|since| earlier(column, since, now.at));
        let from = reached.as_deref().map(|since| looked_back(since, continuing, &column.name)).transpose()?;
        Ok(Self::ByColumn { column: column.clone(), from, reached })
    }

    /// What a scan has to know about the moment `at` which its first session sees the table. The clock may have gone on since: a value between
    /// the two lies in the future of the rows.
    pub(super) async fn now(&self, server: &Server, session: &Session, at: i64) -> Result<Now> {
        let moment = match self {
            Self::Unasked => Moment { settled: 0, next: 0 },
            Self::ByTransaction { .. } | Self::ByColumn { .. } => catalog::moment(server, session).await?,
        };
        Ok(Now { moment, at })
    }

    /// Which rows are read.
    pub(super) fn part(&self) -> Part {
        match self {
            Self::ByTransaction { before: Some(_), .. } => Part::New,
            Self::ByColumn { column, from: Some(from), .. } => Part::NewAndSome { column: column.column().name, from: from.clone() },
            Self::Unasked | Self::ByTransaction { .. } | Self::ByColumn { .. } => Part::Whole,
        }
    }

    /// The rows to read, as SQL; all of them where `None`.
    pub(super) fn rows(&self) -> Option<String> {
        match self {
            Self::ByTransaction { members, before: Some(before), .. } => Some(before.newer(members)),
            Self::ByColumn { column, from: Some(from), .. } => {
                let name = quoted(&column.name);
                Some(format!("({name} >= {}::{} or {name} is null)", literal(from), column.declared))
            }
            Self::Unasked | Self::ByTransaction { .. } | Self::ByColumn { .. } => None,
        }
    }

    /// What a scan at this moment asks for besides the columns of the table.
    pub(super) fn noted(&self, now: &Now) -> Option<String> {
        let is_by_transaction = matches!(self, Self::ByTransaction { .. });
        (is_by_transaction && now.moment.is_unsettled()).then(|| unsettled_transaction(now.moment))
    }

    /// Notes down what the next scan has to know about these rows.
    pub(super) fn note(&self, noted: &mut Noted, rows: &Decoded, fetched: &[SourceColumn], now: &Now) -> Result<()> {
        if let Some(transactions) = &rows.noted {
            let numbers = transactions.as_primitive::<Int64Type>().iter().flatten();
            noted.transactions.extend(numbers.filter_map(|number| u32::try_from(number).ok()));
        }
        if let Self::ByColumn { column, .. } = self
            && let Some(place) = fetched.iter().position(|fetched| fetched.name == column.name)
        {
            let values = greatest(&rows.columns[place], now.at).map_err(|error| not_ordered(column, &error))?;
            noted.greatest = match noted.greatest.take() {
                None => Some(values),
                Some(known) => Some(greatest_of(&known, &values).map_err(|error| not_ordered(column, &error))?),
            };
        }
        Ok(())
    }

    /// Where a scan has ended that noted down all this.
    pub(super) fn reached(&self, noted: Vec<Noted>, now: &Now) -> Result<Option<String>> {
        match self {
            Self::Unasked => Ok(None),
            Self::ByTransaction { table, members, before } => {
                let seen = noted.into_iter().flat_map(|noted| noted.transactions).collect();
                Ok(Position::reached(table.clone(), members.clone(), now.moment, seen, before.as_ref()).text())
            }
            Self::ByColumn { column, reached, .. } => {
                let found: Vec<ArrayRef> = noted.into_iter().filter_map(|noted| noted.greatest).collect();
                let text = shown(&found).map_err(|error| not_ordered(column, &error))?;
                Ok(text.or_else(|| reached.clone()))
            }
        }
    }
}

impl Now {
    async fn of(server: &Server, session: &Session) -> Result<Self> {
        let purpose = || "ask the server for its time".to_owned();
        let row = session.client.query_one("select (extract(epoch from now()) * 1000000)::int8", &[]).await.explained(server, purpose)?;
        let at = row.try_get(0).explained(server, purpose)?;
        Ok(Self { moment: catalog::moment(server, session).await?, at })
    }
}

/// A value to read from that does not lie in the future.
fn earlier(column: &SourceColumn, since: String, now: i64) -> String {
    let is_of_time = matches!(column.wire.data_type(), DataType::Timestamp(..) | DataType::Date32);
    match chrono::DateTime::from_timestamp_micros(now) {
        // Both are written in one form, the longer one for timestamps.
        Some(now) if is_of_time => since.min(now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        _ => since,
    }
}

/// The greatest value that does not lie in the future, as an array of one value, which is null where there is none.
fn greatest(values: &ArrayRef, now: i64) -> Result<ArrayRef, ArrowError> {
    let limit = match values.data_type() {
        DataType::Timestamp(..) | DataType::Date32 => {
            let now: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![now]));
            Some(cast(&now, values.data_type())?)
        }
        _ => None,
    };
    match limit {
        Some(limit) => {
            let is_past = lt_eq(values, &Scalar::new(limit))?;
            last(&filter(values, &is_past)?)
        }
        None => last(values),
    }
}

fn greatest_of(one: &ArrayRef, other: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    last(&concat(&[one.as_ref(), other.as_ref()])?)
}

fn last(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if values.is_empty() {
        return Ok(new_null_array(values.data_type(), 1));
    }
    let order = SortOptions { descending: true, nulls_first: false };
    take(values, &sort_to_indices(values, Some(order), Some(1))?, None)
}

/// The greatest of some values as text.
fn shown(values: &[ArrayRef]) -> Result<Option<String>, ArrowError> {
    let Some((first, rest)) = values.split_first() else { return Ok(None) };
    let greatest = rest.iter().try_fold(ArrayRef::clone(first), |greatest, other| greatest_of(&greatest, other))?;
    if greatest.is_null(0) {
        return Ok(None);
    }
    Ok(Some(ArrayFormatter::try_new(&greatest, &FormatOptions::new())?.value(0).to_string()))
}

fn not_ordered(column: &SourceColumn, error: &ArrowError) -> Error {
    Error::user(format!("column `{}` of type {} does not tell what is new", column.name, column.declared))
        .code("HW304")
        .because(error.to_string())
        .help("follow a column whose values grow with every change, such as a timestamp or a number")
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Date32Array, Int32Array, StringArray};

    use super::*;

    fn reached(values: &[ArrayRef], now: i64) -> Option<String> {
        let parts: Vec<ArrayRef> = values.iter().map(|values| greatest(values, now).unwrap()).collect();
        shown(&parts).unwrap()
    }

    #[test]
    fn the_greatest_value_so_far_counts_and_none_in_the_future() {
        let stamps = |values: Vec<Option<i64>>| Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as ArrayRef;
        let parts = [stamps(vec![Some(5), None, Some(2_000_001), Some(1_000_000)]), stamps(vec![Some(1_500_000)]), stamps(vec![])];
        assert_eq!(reached(&parts, 2_000_000).as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert_eq!(reached(&parts, 2_000_001).as_deref(), Some("1970-01-01T00:00:02.000001Z"));
        assert_eq!(reached(&[stamps(vec![None]), stamps(vec![Some(9)])], 1), None);
        let days: ArrayRef = Arc::new(Date32Array::from(vec![1, 3]));
        assert_eq!(reached(&[days], 86_400_000_000 * 2).as_deref(), Some("1970-01-02"));
        assert_eq!(reached(&[Arc::new(Int32Array::from(vec![3, 7, 5]))], 1).as_deref(), Some("7"));
        assert_eq!(reached(&[Arc::new(StringArray::from(vec!["a", "b"]))], 1).as_deref(), Some("b"));
    }
}
