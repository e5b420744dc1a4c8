//! The statements that bring a table to what was sent.

use hw_base::MORE;

use super::columns::TargetColumn;
use super::relation::{Relation, listed};
use crate::connectors::postgres::quoted;

/// Which rows were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Sent {
    /// All that the table is to have.
    Whole,
    /// Rows that the table is to have besides those that it has; a key tells which take the place of others.
    Arriving,
    /// Rows of which the table is to have those whose key it lacks.
    New,
    /// Those that the table lacks, and those that it has and is not to have; [`MORE`] tells them apart.
    Differing,
}

/// A table, and what was sent for it into another one.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    /// The table.
    pub(super) table: &'a Relation,
    /// Where the rows lie that were sent, as SQL names it.
    pub(super) sent_to: &'a str,
    /// The columns.
    pub(super) columns: &'a [TargetColumn],
    /// The columns that tell rows apart; none where nothing does.
    pub(super) key: &'a [String],
    /// Which rows were sent.
    pub(super) sent: Sent,
}

impl Merge<'_> {
    /// Takes away what the table is not to have.
    pub(super) fn removes(&self) -> Option<String> {
        let (table, sent_to) = (self.table.sql(), self.sent_to);
        match (self.sent, self.key.is_empty()) {
            (Sent::Whole, true) => Some(format!("delete from {table}")),
            (Sent::Whole, false) => {
                Some(format!("delete from {table} as t where not exists (select from {sent_to} as s where {})", self.same("t", "s")))
            }
            // Nothing tells which of its rows they are, or they stay.
            (Sent::Differing, true) | (Sent::Arriving | Sent::New, _) => None,
            // A key goes where none of its rows is to stay. All keys are asked at once: a second look at what was sent, for each row that meets
            // one, is planned for a single row where the columns of a key go together, and takes the square of the time.
            (Sent::Differing, false) => Some(format!(
                "delete from {table} as t using (select {key} from {sent_to} group by {key} having max({MORE}) < 0) as s where {}",
                self.same("t", "s"),
                key = listed(self.key),
            )),
        }
    }

    /// Changes rows in place, so that whatever refers to them by their key goes on doing so; `None` where no column can change.
    pub(super) fn changes(&self) -> Option<String> {
        let values: Vec<String> =
            self.columns.iter().map(|column| &column.name).filter(|name| !self.key.contains(name)).map(|name| quoted(name)).collect();
        if self.key.is_empty() || values.is_empty() || self.sent == Sent::New {
            return None;
        }
        let set: Vec<String> = values.iter().map(|name| format!("{name} = s.{name}")).collect();
        let of = |side: &str| values.iter().map(|name| format!("{side}.{name}")).collect::<Vec<_>>().join(", ");
        Some(format!(
            "update {} as t set {} from {} as s where {}{} and ({}) is distinct from ({})",
            self.table.sql(),
            set.join(", "),
            self.sent_to,
            self.same("t", "s"),
            self.wanted(),
            of("t"),
            of("s"),
        ))
    }

    /// Adds what the table lacks.
    pub(super) fn adds(&self) -> String {
        let (table, sent_to, names) = (self.table.sql(), self.sent_to, self.names());
        let rows = match (self.sent, self.key.is_empty()) {
            (Sent::Whole | Sent::Arriving | Sent::New, true) => String::new(),
            (Sent::Differing, true) => format!(" cross join generate_series(1, s.{MORE})"),
            (_, false) => format!(" where not exists (select from {table} as t where {}){}", self.same("t", "s"), self.wanted()),
        };
        format!("insert into {table} ({names}) select {names} from {sent_to} as s{rows}")
    }

    /// The rows that were sent and that the table is to have, as a FROM names them.
    pub(super) fn arriving(&self) -> String {
        let wanted = if self.sent == Sent::Differing { format!(" where s.{MORE} > 0") } else { String::new() };
        format!("{} as s{wanted}", self.sent_to)
    }

    /// The names of the columns.
    fn names(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    /// The condition for rows with one key. A key is never null.
    fn same(&self, one: &str, other: &str) -> String {
        self.key.iter().map(|column| format!("{one}.{0} = {other}.{0}", quoted(column))).collect::<Vec<_>>().join(" and ")
    }

    /// The condition for rows that the table is to have.
    fn wanted(&self) -> String {
        if self.sent == Sent::Differing { format!(" and s.{MORE} > 0") } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_read_once_to_find_the_rows_that_are_gone() {
        let table = Relation::of("customers", "public");
        let key = ["id".to_owned(), "valid_from".to_owned()];
        let merge = Merge { table: &table, sent_to: "pg_temp.sent", columns: &[], key: &key, sent: Sent::Differing };
        let expected = concat!(
            r#"delete from "public"."customers" as t using (select "id", "valid_from" from pg_temp.sent "#,
            r#"group by "id", "valid_from" having max(_more) < 0) as s where t."id" = s."id" and t."valid_from" = s."valid_from""#,
        );
        assert_eq!(merge.removes().as_deref(), Some(expected));
        assert_eq!(Merge { key: &[], ..merge }.removes(), None);
    }
}
