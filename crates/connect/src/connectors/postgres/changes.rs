//! What is new in a table since an earlier reading: where a reading ended, and which rows came after that.
//!
//! Every row of a table carries the number of the transaction that wrote it, `xmin`, and keeps it when it is frozen. A reading
//! remembers two things about the moment that it saw: `settled`, below which every transaction had ended, and the
//! transactions from there on of which it saw rows. What a transaction wrote is seen all at once or not at all, so the
//! rows of all other transactions from `settled` on are new, whenever these began, however long they took, and whatever
//! the rows say about time. The number is that of a savepoint where there was one, of which no snapshot tells; so the transactions that
//! were seen are noted down from the rows themselves.
//!
//! Numbers have 32 bits and come around. `age()` tells how long ago one was given, and the position has all 64 bits,
//! so a reading that lies too far back is noticed and all rows are read.

use std::collections::BTreeSet;

use hw_base::literal;
use serde::{Deserialize, Serialize};

/// The oldest transactions that `age()` tells apart from the newest: 2³¹ of them, and some room for those to come.
const MOST_AGE: u64 = (1 << 31) - (1 << 24);

/// What a table is, as far as its transactions are concerned. Another one starts from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The cluster, its timeline and the database. A server that was restored to an earlier moment has another timeline.
    pub(super) database: String,
    /// The table's number.
    pub(super) table: u32,
}

/// Where a reading ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    #[serde(flatten)]
    pub(super) of: Identity,
    /// The tables that hold the rows: itself, its partitions, the tables that inherit from it.
    pub(super) members: BTreeSet<u32>,
    /// The first transaction that may not have ended.
    pub(super) settled: u64,
    /// The transactions from there on of which rows were seen, as ranges of the lower 32 bits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) seen: Vec<(u32, u32)>,
}

/// The transactions of the moment that a reading sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The first transaction that may not have ended.
    pub(super) settled: u64,
    /// The first transaction that had not begun.
    pub(super) next: u64,
}

impl Moment {
    /// Whether there may be rows of transactions that are not settled, so that they must be noted down.
    pub(super) fn is_unsettled(self) -> bool {
        self.settled < self.next
    }
}

impl Position {
    /// Reads what [`Position::text`] wrote; `None` for anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The position as the ledger keeps it.
    pub(super) fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// Whether a reading of this table can go on from here.
    pub(super) fn leads_to(&self, table: &Identity, now: Moment) -> bool {
        self.of == *table && now.next.checked_sub(self.settled).is_some_and(|passed| passed < MOST_AGE)
    }

    /// The rows that came after it, as SQL. All rows of `members` that it does not know count as new.
    pub(super) fn newer(&self, members: &BTreeSet<u32>) -> String {
        let mut rows = is_from(self.settled);
        if !self.seen.is_empty() {
            let seen: Vec<String> = self.seen.iter().flat_map(|(first, last)| *first..=*last).map(|xid| xid.to_string()).collect();
            // A list that is searched by hash, however long it is.
            rows = format!("{rows} and xmin not in (select unnest('{{{}}}'::xid[]))", seen.join(","));
        }
        let joined: Vec<String> = members.difference(&self.members).map(u32::to_string).collect();
        if joined.is_empty() { rows } else { format!("(tableoid in ({}) or {rows})", joined.join(", ")) }
    }

    /// Where a reading ends that saw the database at `moment`, rows of the transactions `seen`, and went on from `before`.
    pub(super) fn reached(of: Identity, members: BTreeSet<u32>, moment: Moment, seen: BTreeSet<u32>, before: Option<&Self>) -> Self {
        // A standby may lag behind the server that was read before.
        let settled = before.map_or(moment.settled, |before| before.settled.max(moment.settled));
        let known = before.into_iter().flat_map(|before| &before.seen).flat_map(|(first, last)| *first..=*last);
        let unsettled: BTreeSet<u32> = seen.into_iter().chain(known).filter(|xid| xid.wrapping_sub(lower(settled)) < 1 << 31).collect();
        Self { of, members, settled, seen: ranges(&unsettled) }
    }
}

/// The transaction of a row where it is not settled, else null.
pub(super) fn unsettled_transaction(moment: Moment) -> String {
    format!("case when {} then xmin::text::int8 end", is_from(moment.settled))
}

fn is_from(settled: u64) -> String {
    format!("age(xmin) between 0 and age({}::xid)", literal(&lower(settled).to_string()))
}

/// The part of the number of a transaction that a row keeps.
fn lower(transaction: u64) -> u32 {
    (transaction & 0xFFFF_FFFF) as u32
}

fn ranges(numbers: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(table: u32) -> Identity {
        Identity { database: "7/1/5".into(), table }
    }

    fn position(settled: u64, seen: &[u32], before: Option<&Position>) -> Position {
        let moment = Moment { settled, next: settled + 100 };
        Position::reached(table(1), [1].into(), moment, seen.iter().copied().collect(), before)
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let before = position(100, &[101, 102, 103, 107], None);
        assert_eq!(before.seen, [(101, 103), (107, 107)]);
        let text = before.text().unwrap();
        assert_eq!(text, r#"{"database":"7/1/5","table":1,"members":[1],"settled":100,"seen":[[101,103],[107,107]]}"#);
        assert_eq!(Position::read(&text), Some(before));
        assert_eq!(Position::read("2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn rows_are_new_whose_transaction_was_not_seen() {
        assert_eq!(position(100, &[], None).newer(&[1].into()), "age(xmin) between 0 and age('100'::xid)");
        assert_eq!(
            position(100, &[101, 102], None).newer(&[1, 8].into()),
            "(tableoid in (8) or age(xmin) between 0 and age('100'::xid) and xmin not in (select unnest('{101,102}'::xid[])))"
        );
    }

    #[test]
    fn what_was_seen_is_remembered_until_it_is_settled() {
        let first = position(100, &[101, 105], None);
        let second = position(103, &[110], Some(&first));
        assert_eq!((second.settled, second.seen), (103, vec![(105, 105), (110, 110)]));
        let lagging = position(90, &[], Some(&first));
        assert_eq!((lagging.settled, lagging.seen), (100, vec![(101, 101), (105, 105)]));
    }

    #[test]
    fn numbers_come_around() {
        let around = (3 << 32) - 2;
        let first = position(around, &[u32::MAX, 5], None);
        assert_eq!(first.seen, [(5, 5), (u32::MAX, u32::MAX)]);
        let second = position((3 << 32) + 4, &[], Some(&first));
        assert_eq!((second.seen, second.settled), (vec![(5, 5)], (3 << 32) + 4));
    }

    #[test]
    fn another_table_an_earlier_moment_and_one_long_ago_start_anew() {
        let before = position(5_000_000_000, &[], None);
        let now = |next| Moment { settled: next, next };
        assert!(before.leads_to(&table(1), now(5_000_000_000)));
        assert!(!before.leads_to(&table(2), now(5_000_000_000)));
        assert!(!before.leads_to(&table(1), now(4_999_999_999)));
        assert!(!before.leads_to(&table(1), now(5_000_000_000 + (1 << 31))));
        let restored = Identity { database: "7/2/5".into(), table: 1 };
        assert!(!before.leads_to(&restored, now(5_000_000_000)));
    }
}
