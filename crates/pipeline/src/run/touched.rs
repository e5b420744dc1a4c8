//! Which partitions of a table have to be built anew (`load: recompute`): those that a row belongs to, or belonged to, which an
//! input has gained, lost or changed since the model read it.
//!
//! Of every input the rows are taken that are in one of two versions and not in the other: that which was read, and that which is read
//! now. So it does not matter why they differ: new rows, late ones, corrected files, deletions, a rollback.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{Column, Engine, Error, Input, Ledger, Position, Progress, Reader, Result, Value, identifier, literal, plural};

use super::extract::stored;
use crate::gaps::after;
use crate::plan::{Extent, ReadFrom};
use crate::position::{TAKEN_OUT, batch_read, copy_read, noted, version_read};
use crate::settings::{PartitionBy, Recompute};
use crate::versions;

/// The most partitions to name in one query; beyond that all rows are read anyway.
const MOST: usize = 5_000;
/// What the rows are called that two versions of an input do not share.
const CHANGED: &str = "changed_rows";

/// The values of the partition columns, as text.
type Partition = Vec<Option<String>>;

/// A model that is about to be built in part.
pub(super) struct Touching<'a> {
    /// Reads the inputs.
    pub(super) engine: &'a dyn Engine,
    /// Knows the keys of raw copies.
    pub(super) ledger: &'a dyn Ledger,
    /// What the user says of the inputs.
    pub(super) recompute: &'a Recompute,
    /// The inputs.
    pub(super) reads: &'a [ReadFrom],
    /// How the table is partitioned.
    pub(super) partition_by: &'a PartitionBy,
    /// Where the model stands.
    pub(super) before: &'a Progress,
    /// Where the steps stand whose tables it reads.
    pub(super) standing: &'a BTreeMap<String, Progress>,
}

/// The partitions that have to be built anew.
#[derive(Debug)]
pub(super) enum Touched {
    /// All of them, because an input changed whose rows do not tell their partition.
    All(String),
    /// These, because rows of these inputs changed.
    Some(BTreeSet<Partition>, Vec<String>),
}

impl Touching<'_> {
    /// The partitions that have to be built anew; `reader` is the SELECT with its names bound.
    ///
    /// # Errors
    /// If an input cannot be read.
    pub(super) async fn partitions(&self, reader: &Reader) -> Result<Touched> {
        let traced = self.engine.traced(reader, &self.partition_by.columns()?).await?;
        let (mut partitions, mut by) = (BTreeSet::new(), Vec::new());
        for read in self.reads.iter().filter(|read| self.has_moved(read)) {
            let own = traced.iter().filter(|traced| traced.input == read.name).flat_map(|traced| traced.expressions.clone());
            let expressions: Vec<Vec<String>> = match self.recompute.from.get(&read.name) {
                Some(told) => vec![told.columns()?.into_iter().map(|(_, expression)| expression).collect()],
                None => own.collect(),
            };
            let changed = self.changed(read, reader)?.filter(|_| !expressions.is_empty());
            let Some(inputs) = changed else {
                return Ok(Touched::All(format!("`{}` changed, of which no row tells its partition", read.name)));
            };
            by.push(read.name.clone());
            for expressions in expressions {
                partitions.extend(self.of_rows(inputs.clone(), &expressions).await?);
            }
        }
        Ok(if partitions.len() > MOST {
            Touched::All(format!("more than {} changed", plural(MOST as u64, "partition")))
        } else {
            Touched::Some(partitions, by)
        })
    }

    fn has_moved(&self, read: &ReadFrom) -> bool {
        let now = noted(&read.step, &read.table, self.standing.get(&read.step));
        now.iter().any(|(name, now)| self.before.inputs.get(name) != Some(now))
    }

    /// The rows under the name [`CHANGED`] that an input has gained or lost; `None` where nobody knows.
    fn changed(&self, read: &ReadFrom, reader: &Reader) -> Result<Option<Vec<Input>>> {
        let (version, batch) = (version_read(&read.step, &read.table, self.before), batch_read(&read.step, self.before));
        if read.extent == Extent::Newest {
            return self.changed_versions(read, batch);
        }
        let now = reader.inputs.iter().find(|input| input.name() == read.name);
        // A table that was made anew begins with version 0.
        let is_later = self.standing.get(&read.step).is_some_and(|at| at.version >= version);
        let (Some(version), Some(now @ Input::Table { .. }), true) = (version, now, is_later) else { return Ok(None) };
        let before = Input::Table {
            name: read.name.clone(),
            table: read.table.clone(),
            version: Some(version),
            after_batch: copy_read(&read.step, self.before).filter(|_| read.extent == Extent::LastBatch).map(|batch| batch - 1),
            up_to_batch: batch,
            hides_origin: read.hides_origin,
        };
        Ok(Some(vec![Input::Changes { name: CHANGED.into(), before: Box::new(before), after: Box::new(now.clone()) }]))
    }

    /// Of a raw copy that holds every version of a row: those that arrived, and those that came before them.
    fn changed_versions(&self, read: &ReadFrom, batch: Option<i64>) -> Result<Option<Vec<Input>>> {
        let at = self.standing.get(&read.step);
        let taken_out = match at.and_then(|at| at.inputs.get(TAKEN_OUT)) {
            Some(Position::Batch(taken_out)) => Some(*taken_out),
            _ => None,
        };
        // All rows came once more, and those that did not are gone.
        let taken_out = taken_out.max(at.and_then(versions::first_batch));
        let key = versions::key(self.ledger, &read.table)?;
        let (Some(batch), false) = (batch.filter(|batch| taken_out <= Some(*batch)), key.is_empty()) else { return Ok(None) };
        let batches = |name: &str, after_batch, up_to_batch| Input::Table {
            name: name.into(),
            table: read.table.clone(),
            version: None,
            after_batch,
            up_to_batch,
            hides_origin: true,
        };
        let same = key.iter().map(|column| format!("arrived.{0} = earlier.{0}", identifier(column))).collect::<Vec<_>>().join(" and ");
        let sql = format!("select * from arrived union all select * from earlier where exists (select 1 from arrived where {same})");
        Ok(Some(vec![
            batches("arrived", Some(batch), at.map(|at| at.window)),
            batches("earlier", None, Some(batch)),
            Input::Query { name: CHANGED.into(), sql },
        ]))
    }

    /// The partitions that the changed rows of an input belong to.
    async fn of_rows(&self, inputs: Vec<Input>, expressions: &[String]) -> Result<Vec<Partition>> {
        let columns = expressions.iter().enumerate().map(|(at, expression)| format!("cast({expression} as varchar) as p{at}"));
        let sql = format!("select distinct {} from {CHANGED}", columns.collect::<Vec<_>>().join(", "));
        let found = self.engine.query(&Reader { sql, inputs, file: None }, MOST + 1).await?;
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::Text(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Ok(found.rows.iter().map(|row| row.iter().map(text).collect()).collect())
    }
}

/// What is true of the rows that are built anew.
#[derive(Debug)]
pub(super) struct Only {
    /// Over the columns of the SELECT.
    of_rows: String,
    /// Over the partition columns.
    pub(super) of_partitions: String,
}

impl Only {
    /// The SELECT of these rows. The engine carries the condition as far towards the inputs as it can.
    pub(super) fn restrict(&self, sql: &str) -> String {
        format!("select * from ({}\n) as model where {}", sql.trim_end().trim_end_matches(';'), self.of_rows)
    }
}

impl Touched {
    /// The partitions that begin at these days, and that of the rows without a day, which belong to no other window.
    pub(super) fn windows(days: &[String]) -> Self {
        Self::Some(days.iter().map(|day| vec![Some(day.clone())]).chain([vec![None]]).collect(), vec![])
    }

    /// The partitions in words, and why.
    pub(super) fn in_words(&self) -> String {
        let partition = |values: &Partition| {
            let values = values.iter().map(|value| value.as_deref().unwrap_or("null"));
            values.collect::<Vec<_>>().join("/")
        };
        match self {
            Self::All(reason) => format!("all rows: {reason}"),
            Self::Some(partitions, _) if partitions.is_empty() => "no partition: the rows are as they were".into(),
            Self::Some(partitions, by) => {
                let is_asked_for = |partition: &&Partition| !by.is_empty() || partition.iter().all(Option::is_some);
                let named: Vec<String> = partitions.iter().filter(is_asked_for).map(partition).collect();
                let count = named.len() as u64;
                let named = match &named[..] {
                    [first, .., last] if named.len() > 6 => format!("{first} to {last}"),
                    _ => named.join(", "),
                };
                if by.is_empty() {
                    return format!("{}: {named}", plural(count, "window"));
                }
                format!("{}, touched by rows of {}: {named}", plural(count, "partition"), by.join(", "))
            }
        }
    }

    /// What is true of the rows in the partitions; `None` where all are built anew. `columns` are those of the SELECT.
    ///
    /// # Errors
    /// If the partitions are not written as they should be.
    pub(super) fn only(&self, partition_by: &PartitionBy, columns: &[Column]) -> Result<Option<Only>> {
        let Self::Some(partitions, _) = self else { return Ok(None) };
        let made = partition_by.columns()?;
        let types: Vec<String> = partition_by.sources()?.into_iter().map(|source| partition_type(source, columns)).collect();
        let range = range(partition_by, partitions, columns)?;
        let names: Vec<String> = made.iter().map(|(name, _)| identifier(name)).collect();
        let expressions: Vec<String> = made.into_iter().map(|(_, expression)| expression).collect();
        let of_rows = format!("{range}({})", any(&expressions, &types, partitions));
        Ok(Some(Only { of_rows, of_partitions: any(&names, &types, partitions) }))
    }
}

/// The SQL type of a partition column.
fn partition_type((unit, name): (Option<&str>, &str), columns: &[Column]) -> String {
    let own = columns.iter().find(|column| unit.is_none() && column.name == name);
    own.map_or("date".into(), |column| column.sql_type.clone())
}

/// What is true where expressions have the values of one of the partitions.
fn any(expressions: &[String], types: &[String], partitions: &BTreeSet<Partition>) -> String {
    let is = |((expression, sql_type), value): ((&String, &String), &Option<String>)| match value {
        None => format!("{expression} is null"),
        Some(value) => format!("{expression} = cast({} as {sql_type})", literal(value)),
    };
    let one = |partition: &Partition| {
        let all: Vec<String> = expressions.iter().zip(types).zip(partition).map(is).collect();
        format!("({})", all.join(" and "))
    };
    if partitions.is_empty() { "false".into() } else { partitions.iter().map(one).collect::<Vec<_>>().join(" or ") }
}

/// The first and the last moment of partitions by time, as a condition on the column itself: files of an input tell the least and the
/// greatest value of a column, and not those of an expression.
fn range(partition_by: &PartitionBy, partitions: &BTreeSet<Partition>, columns: &[Column]) -> Result<String> {
    let sources = partition_by.sources()?;
    let [(Some(unit), name)] = sources[..] else { return Ok(String::new()) };
    let Some(sql_type) = columns.iter().find(|column| column.name == name).map(|column| column.sql_type.as_str()) else {
        return Ok(String::new());
    };
    let days: Vec<&String> = partitions.iter().filter_map(|partition| partition.first()?.as_ref()).collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(String::new()) };
    if !matches!(sql_type, "date" | "timestamp" | "timestamp with time zone") || days.iter().any(|day| day.len() != "2026-01-01".len()) {
        return Ok(String::new());
    }
    let column = identifier(name);
    let moment = |day: &str| stored(&literal(day), sql_type);
    let until = after(unit, last).map(|next| format!(" and {column} < {}", moment(&next))).unwrap_or_default();
    let range = format!("{column} >= {}{until}", moment(first));
    let has_none = partitions.iter().any(|partition| partition.contains(&None));
    Ok(if has_none { format!("({column} is null or {range}) and ") } else { format!("{range} and ") })
}

/// Refuses a model of which no input tells the partition of its rows: every change would build all of it.
///
/// # Errors
/// HW307 where that is so.
pub(crate) async fn traceable(
    engine: &dyn Engine,
    reader: &Reader,
    partition_by: &PartitionBy,
    recompute: &Recompute,
) -> Result<Option<Error>> {
    if !recompute.from.is_empty() || !engine.traced(reader, &partition_by.columns()?).await?.is_empty() {
        return Ok(None);
    }
    let by = partition_by.0.join(", ");
    let error = Error::user(format!("no row that the SELECT reads tells its partition (`partition_by: {by}`)"));
    let error = error.because("`load: recompute` builds anew the partitions that changed rows belong to, and all would have to be");
    Ok(Some(
        error
            .code("HW307")
            .help("let the partition column come from a column of an input alone, and stand in every GROUP BY and PARTITION BY")
            .help("or say what tells it: `recompute: { from: { shop.orders: month(ordered_at) } }`; or write `load: replace`"),
    ))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use hw_base::ColumnType;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(partition_by: &[&str], partitions: &[&[&str]], expected: Expect) {
        let partition_by = PartitionBy(partition_by.iter().map(|text| (*text).to_owned()).collect());
        let value = |text: &&str| (*text != "null").then(|| (*text).to_owned());
        let partitions = partitions.iter().map(|values| values.iter().map(value).collect()).collect();
        let touched = Touched::Some(partitions, vec!["shop.orders".into()]);
        let column = |name: &str, kind, sql_type: &str| Column { name: name.into(), kind, sql_type: sql_type.into() };
        let columns = [column("region", ColumnType::Integer, "bigint"), column("day", ColumnType::Date, "date")];
        let only = touched.only(&partition_by, &columns).unwrap().unwrap();
        expected.assert_eq(&format!("{}\n{}\n{}", touched.in_words(), only.of_rows, only.of_partitions));
    }

    #[test]
    fn months_are_a_range_of_days_too() {
        check(
            &["month(day)"],
            &[&["2026-03-01"], &["2026-01-01"]],
            expect![[r"
                2 partitions, touched by rows of shop.orders: 2026-01-01, 2026-03-01
                day >= cast('2026-01-01' as date) and day < cast('2026-04-01' as date) and ((make_date(date_part('year', day), date_part('month', day), 1) = cast('2026-01-01' as date)) or (make_date(date_part('year', day), date_part('month', day), 1) = cast('2026-03-01' as date)))
                (day_month = cast('2026-01-01' as date)) or (day_month = cast('2026-03-01' as date))"]],
        );
    }

    #[test]
    fn rows_without_a_partition_are_one() {
        check(
            &["month(day)"],
            &[&["2026-03-01"], &["null"]],
            expect![[r"
                2 partitions, touched by rows of shop.orders: null, 2026-03-01
                (day is null or day >= cast('2026-03-01' as date) and day < cast('2026-04-01' as date)) and ((make_date(date_part('year', day), date_part('month', day), 1) is null) or (make_date(date_part('year', day), date_part('month', day), 1) = cast('2026-03-01' as date)))
                (day_month is null) or (day_month = cast('2026-03-01' as date))"]],
        );
    }

    #[test]
    fn several_columns_make_one_partition() {
        check(
            &["month(day)", "region"],
            &[&["2026-03-01", "7"]],
            expect![[r"
            1 partition, touched by rows of shop.orders: 2026-03-01/7
            ((make_date(date_part('year', day), date_part('month', day), 1) = cast('2026-03-01' as date) and region = cast('7' as bigint)))
            (day_month = cast('2026-03-01' as date) and region = cast('7' as bigint))"]],
        );
    }

    #[test]
    fn nothing_touched_is_no_row() {
        check(
            &["month(day)"],
            &[],
            expect![[r"
            no partition: the rows are as they were
            (false)
            false"]],
        );
    }
}
