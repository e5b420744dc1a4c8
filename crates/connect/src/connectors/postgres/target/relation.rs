//! A table that is delivered to: its names, its partitions and its indexes.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};
use hw_base::{Error, Partitioning, Period, Placement, Result};

use super::columns::TargetColumn;
use crate::connectors::postgres::quoted;

/// The longest name that PostgreSQL keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Relation {
    /// Its schema.
    pub(in super::super) schema: String,
    /// Its name.
    pub(in super::super) name: String,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl Relation {
    /// The table that `name` means, in `schema` where it names none.
    pub(in super::super) fn of(name: &str, schema: &str) -> Self {
        let (schema, name) = name.split_once('.').unwrap_or((schema, name));
        Self { schema: schema.to_owned(), name: name.to_owned() }
    }

    /// Another table of the same schema.
    pub(in super::super) fn beside(&self, name: impl Into<String>) -> Self {
        Self { schema: self.schema.clone(), name: name.into() }
    }

    /// The name as SQL takes it.
    pub(in super::super) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// The statement that makes it, without its indexes: they are quicker made when the rows are there.
    pub(super) fn creation(&self, columns: &[TargetColumn], placement: &Placement) -> String {
        let column = |column: &TargetColumn| {
            let is_key = placement.key.contains(&column.name);
            format!("{}{}", column.definition(), if is_key { " not null" } else { "" })
        };
        let columns: Vec<String> = columns.iter().map(column).collect();
        let partitioned = placement.partition.as_ref().map(|partition| format!(" partition by range ({})", quoted(&partition.by)));
        format!("create table {} ({}){}", self.sql(), columns.join(", "), partitioned.unwrap_or_default())
    }

    /// The statement that guards its key, or lets it be found. A key without the column that splits the table cannot be a primary key.
    pub(super) fn key(&self, placement: &Placement) -> Option<String> {
        let key = &placement.key;
        let is_whole = placement.partition.as_ref().is_none_or(|partition| key.contains(&partition.by));
        match (key.is_empty(), is_whole) {
            (true, _) => None,
            (false, true) => Some(format!("alter table {} add primary key ({})", self.sql(), listed(key))),
            (false, false) => Some(self.index(key)),
        }
    }

    /// The statement that makes an index, should there be none of its name.
    pub(super) fn index(&self, columns: &[String]) -> String {
        let name = short(&format!("{}_{}", self.name, columns.join("_")), "_idx");
        format!("create index if not exists {} on {} ({})", quoted(&name), self.sql(), listed(columns))
    }
}

/// How a table lies there, in words that are compared the next time.
pub(in super::super) fn layout(placement: &Placement) -> String {
    let key = if placement.key.is_empty() { "no key".to_owned() } else { format!("key {}", placement.key.join(", ")) };
    let split = placement.partition.as_ref().map(|Partitioning { by, every }| format!(", split by {} of {by}", every.name()));
    key + &split.unwrap_or_default()
}

/// The indexes of a table, in words that are compared the next time.
pub(in super::super) fn indexes(placement: &Placement) -> String {
    placement.indexes.iter().map(|columns| columns.join(", ")).collect::<Vec<_>>().join("; ")
}

/// Names of columns, as SQL takes a list of them.
pub(super) fn listed(columns: &[String]) -> String {
    columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
}

/// A name that is not longer than PostgreSQL keeps it.
fn short(name: &str, ending: &str) -> String {
    let room = LONGEST_NAME - ending.len();
    if name.len() <= room {
        return format!("{name}{ending}");
    }
    let sum = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut kept = room - 9;
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    format!("{}_{sum:08x}{ending}", &name[..kept])
}

/// A partition: the name of its table, and the statements that make it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// The table.
    pub(super) table: Relation,
    /// The rows that it takes, as SQL writes it.
    bounds: String,
}

impl Partition {
    /// The partition of `parent` for the time that begins with the day `first`; that of rows without a time for `None`.
    ///
    /// # Errors
    /// HW207 for a day that no calendar has.
    pub(super) fn of(parent: &Relation, every: Period, first: Option<&str>) -> Result<Self> {
        let Some(first) = first else {
            return Ok(Self { table: parent.beside(format!("{}_none", parent.name)), bounds: "default".into() });
        };
        let wrong = || Error::user(format!("no {} of `{parent}` begins with {first}", every.name())).code("HW207");
        let day: NaiveDate = first.parse().map_err(|_| wrong())?;
        let (next, ending) = match every {
            Period::Day => (day.checked_add_days(Days::new(1)), format!("{:04}_{:02}_{:02}", day.year(), day.month(), day.day())),
            Period::Month => (day.checked_add_months(Months::new(1)), format!("{:04}_{:02}", day.year(), day.month())),
            Period::Year => (day.checked_add_months(Months::new(12)), format!("{:04}", day.year())),
        };
        let next = next.ok_or_else(wrong)?;
        let bounds = format!("for values from ('{day}') to ('{:04}-{:02}-{:02}')", next.year(), next.month(), next.day());
        Ok(Self { table: parent.beside(format!("{}_{ending}", parent.name)), bounds })
    }

    /// The statements that make it. It is attached once it is there, because that locks no reader out.
    pub(super) fn creation(&self, parent: &Relation) -> String {
        let (table, parent) = (self.table.sql(), parent.sql());
        format!("create table {table} (like {parent} including all); alter table {parent} attach partition {table} {}", self.bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(key: &[&str], by: Option<&str>) -> Placement {
        Placement {
            target: "reporting".into(),
            table: "orders".into(),
            key: key.iter().map(|column| (*column).to_owned()).collect(),
            partition: by.map(|by| Partitioning { by: by.into(), every: Period::Month }),
            indexes: vec![vec!["customer_id".into()], vec!["a".into(), "b".into()]],
        }
    }

    #[test]
    fn a_key_without_the_column_that_splits_is_an_index() {
        let table = Relation::of("orders", "public");
        let key = |key: &[&str], by| table.key(&placement(key, by)).unwrap_or_default();
        assert_eq!(key(&["id"], None), r#"alter table "public"."orders" add primary key ("id")"#);
        assert_eq!(key(&["id", "day"], Some("day")), r#"alter table "public"."orders" add primary key ("id", "day")"#);
        assert_eq!(key(&["id"], Some("day")), r#"create index if not exists "orders_id_idx" on "public"."orders" ("id")"#);
        assert_eq!(key(&[], Some("day")), "");
        assert_eq!(layout(&placement(&["id"], Some("day"))), "key id, split by month of day");
        assert_eq!(indexes(&placement(&[], None)), "customer_id; a, b");
    }

    #[test]
    fn partitions_are_named_after_the_time_that_they_hold() {
        let parent = Relation::of("analytics.orders", "public");
        let made = |every, first: Option<&str>| {
            let partition = Partition::of(&parent, every, first).unwrap();
            format!("{} {}", partition.table, partition.bounds)
        };
        assert_eq!(made(Period::Month, Some("2026-12-01")), "analytics.orders_2026_12 for values from ('2026-12-01') to ('2027-01-01')");
        assert_eq!(made(Period::Year, Some("2026-01-01")), "analytics.orders_2026 for values from ('2026-01-01') to ('2027-01-01')");
        assert_eq!(made(Period::Year, Some("9999-01-01")), "analytics.orders_9999 for values from ('9999-01-01') to ('10000-01-01')");
        assert_eq!(made(Period::Day, Some("2026-02-28")), "analytics.orders_2026_02_28 for values from ('2026-02-28') to ('2026-03-01')");
        assert_eq!(made(Period::Day, None), "analytics.orders_none default");
        assert!(Partition::of(&parent, Period::Day, Some("today")).is_err());
    }

    #[test]
    fn long_names_stay_apart() {
        let table = Relation::of(&"t".repeat(60), "public");
        let (one, other) = (table.index(&["a".into()]), table.index(&["b".into()]));
        let name = one.split('"').nth(1).unwrap().to_owned();
        assert!(one != other && name.len() <= LONGEST_NAME && name.ends_with("_idx"), "{name}");
    }
}
