//! What differs between the rows that were expected and those that were found.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use hw_base::{Rows, Value};
use serde_json::Value as Json;

/// Numbers that are this near to each other, as a share of the greater one, count as equal where they are floating-point ones.
const NEAR: f64 = 1e-9;

/// How found rows differ from expected ones, over the columns that the expectation names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// The columns, in the order of the expectation.
    pub columns: Vec<String>,
    /// Expected rows that were not found.
    pub missing: Vec<Vec<Value>>,
    /// Found rows that were not expected.
    pub unexpected: Vec<Vec<Value>>,
    /// Rows whose key was found with other values.
    pub changed: Vec<Change>,
    /// The first row, from 1, that stands at another place than expected, where the order counts and nothing else differs.
    pub misplaced: Option<usize>,
}

/// A row that was found with other values than expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The expected values.
    pub expected: Vec<Value>,
    /// The found values.
    pub found: Vec<Value>,
}

impl Difference {
    /// Compares rows of the same columns. Where the `key` is among these, a row with other values is one change; else it is a row that
    /// is missing and one that is not expected.
    pub fn between(expected: &Rows, found: &Rows, key: &[String], is_ordered: bool) -> Self {
        let columns: Vec<String> = expected.columns.iter().map(|column| column.name.clone()).collect();
        let positions: Option<Vec<usize>> = key.iter().map(|name| columns.iter().position(|column| column == name)).collect();
        let (missing, unexpected) = unmatched(&expected.rows, &found.rows);
        let mut difference = Self { columns, missing, unexpected, ..Self::default() };
        if let Some(positions) = positions.filter(|positions| !positions.is_empty()) {
            difference.pair_up(&positions);
        }
        if is_ordered && difference.is_none() {
            difference.misplaced = expected.rows.iter().zip(&found.rows).position(|(a, b)| !is_same_row(a, b)).map(|at| at + 1);
        }
        difference
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.changed.is_empty() && self.misplaced.is_none()
    }

    /// Takes a missing row and an unexpected one with the same key for one that has changed. Of several with one key, as a table with
    /// history has them, those that differ least are taken first.
    fn pair_up(&mut self, key: &[usize]) {
        let partners = partners(&self.missing, &self.unexpected, key);
        let mut unexpected: Vec<Option<Vec<Value>>> = std::mem::take(&mut self.unexpected).into_iter().map(Some).collect();
        for (at, expected) in std::mem::take(&mut self.missing).into_iter().enumerate() {
            match partners.get(&at).and_then(|partner| unexpected[*partner].take()) {
                Some(found) => self.changed.push(Change { expected, found }),
                None => self.missing.push(expected),
            }
        }
        self.unexpected = unexpected.into_iter().flatten().collect();
    }
}

/// For missing rows the place of the unexpected one with the same key that stands for it.
fn partners(missing: &[Vec<Value>], unexpected: &[Vec<Value>], key: &[usize]) -> HashMap<usize, usize> {
    let mut pairs = Vec::new();
    for (at, expected) in missing.iter().enumerate() {
        let has_key = |found: &[Value]| key.iter().all(|column| is_same(&expected[*column], &found[*column]));
        let same = unexpected.iter().enumerate().filter(|(_, found)| has_key(found));
        pairs.extend(same.map(|(partner, found)| (differing(expected, found), at, partner)));
    }
    pairs.sort_unstable();
    let (mut partners, mut taken) = (HashMap::new(), HashSet::new());
    for (_, at, partner) in pairs {
        if let Entry::Vacant(alone) = partners.entry(at)
            && taken.insert(partner)
        {
            alone.insert(partner);
        }
    }
    partners
}

/// In how many columns two rows differ.
fn differing(one: &[Value], other: &[Value]) -> usize {
    one.iter().zip(other).filter(|(one, other)| !is_same(one, other)).count()
}

/// The rows of each side that have no partner on the other.
fn unmatched(expected: &[Vec<Value>], found: &[Vec<Value>]) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let mut waiting: HashMap<String, usize> = HashMap::new();
    for row in found {
        *waiting.entry(content(row)).or_default() += 1;
    }
    let mut is_taken = |row: &Vec<Value>| waiting.get_mut(&content(row)).filter(|left| **left > 0).map(|left| *left -= 1).is_some();
    let rest: Vec<&Vec<Value>> = expected.iter().filter(|row| !is_taken(row)).collect();
    let mut unexpected: Vec<Vec<Value>> = Vec::new();
    for row in found.iter().rev() {
        // Of equal rows the last ones are those that are left.
        if let Some(left) = waiting.get_mut(&content(row)).filter(|left| **left > 0) {
            *left -= 1;
            unexpected.push(row.clone());
        }
    }
    unexpected.reverse();
    let mut missing = Vec::new();
    for row in rest {
        match unexpected.iter().position(|other| is_same_row(row, other)) {
            Some(at) => drop(unexpected.remove(at)),
            None => missing.push(row.clone()),
        }
    }
    (missing, unexpected)
}

fn content(row: &[Value]) -> String {
    Json::Array(row.iter().map(Value::to_json).collect()).to_string()
}

fn is_same_row(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
}

/// Whether two values of one column are the same.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => {
            one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan()) || (one - other).abs() <= NEAR * one.abs().max(other.abs())
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use hw_base::{Column, ColumnType};

    use super::*;

    fn rows(text: &str) -> Rows {
        let value = |text: &str| match text {
            "∅" => Value::Null,
            _ if text.contains('.') => Value::Float(text.parse().unwrap()),
            _ => text.parse().map_or_else(|_| Value::Text(text.into()), Value::Int),
        };
        let column = |name: &str| Column { name: name.into(), kind: ColumnType::Text, sql_type: "text".into() };
        let mut lines = text.split(';').map(str::trim);
        let columns = lines.next().unwrap().split(' ').map(column).collect();
        let rows = lines.filter(|line| !line.is_empty()).map(|line| line.split(' ').map(value).collect()).collect();
        Rows { columns, rows, is_cut: false }
    }

    fn shown(rows: &[Vec<Value>]) -> Vec<String> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(expected: &str, found: &str, key: &[&str], is_ordered: bool, outcome: Expect) {
        let key: Vec<String> = key.iter().map(ToString::to_string).collect();
        let difference = Difference::between(&rows(expected), &rows(found), &key, is_ordered);
        let mut lines: Vec<String> = shown(&difference.missing).into_iter().map(|row| format!("- {row}")).collect();
        lines.extend(shown(&difference.unexpected).into_iter().map(|row| format!("+ {row}")));
        lines.extend(
            difference.changed.iter().map(|change| format!("~ {}", shown(&[change.expected.clone(), change.found.clone()]).join(" → "))),
        );
        lines.extend(difference.misplaced.map(|row| format!("row {row} is misplaced")));
        assert_eq!(difference.is_none(), lines.is_empty());
        outcome.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn the_order_of_rows_counts_only_where_it_is_asked_for() {
        check("id; 1; 2", "id; 2; 1", &[], false, expect![""]);
        check("id; 1; 2; 3", "id; 1; 3; 2", &[], true, expect!["row 2 is misplaced"]);
    }

    #[test]
    fn equal_rows_are_counted() {
        check("id; 1; 1", "id; 1", &[], false, expect!["- 1"]);
        check(
            "id; 1",
            "id; 1; 1; 2",
            &[],
            false,
            expect![[r"
            + 1
            + 2"]],
        );
    }

    #[test]
    fn a_key_that_is_compared_pairs_rows() {
        check(
            "id s; 1 a; 2 b; 3 c",
            "id s; 1 a; 2 x; 4 c",
            &["id"],
            false,
            expect![[r"
            - 3 c
            + 4 c
            ~ 2 b → 2 x"]],
        );
        check(
            "s; b",
            "s; x",
            &["id"],
            false,
            expect![[r"
            - b
            + x"]],
        );
        check("id s; ∅ a", "id s; ∅ b", &["id"], false, expect!["~ null a → null b"]);
    }

    #[test]
    fn of_rows_with_one_key_those_are_paired_that_differ_least() {
        check(
            "id s mail since; 1 a x 5; 1 b x 6",
            "id s mail since; 1 b y 6; 1 a y 5",
            &["id"],
            false,
            expect![[r"
            ~ 1 a x 5 → 1 a y 5
            ~ 1 b x 6 → 1 b y 6"]],
        );
        check(
            "id s; 1 a; 1 b; 1 c",
            "id s; 1 b; 1 d",
            &["id"],
            false,
            expect![[r"
            - 1 c
            ~ 1 a → 1 d"]],
        );
    }

    #[test]
    fn floating_point_numbers_need_not_be_equal_to_the_last_digit() {
        check("x; 0.3", "x; 0.30000000000000004", &[], false, expect![""]);
        check(
            "x; 0.3",
            "x; 0.3001",
            &[],
            false,
            expect![[r"
            - 0.3
            + 0.3001"]],
        );
    }
}
