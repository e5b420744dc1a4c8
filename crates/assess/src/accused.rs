//! Exactly which rows suspicious cells stand in, as SQL, and by which columns a value is contradicted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use hw_base::{CodedColumn, CodedTable, ColumnType, identifier, literal};
use hw_relate::{Dependencies, Keys, violations};

use crate::Cell;

/// Rows that a query names one by one.
const NAMED_ROWS: usize = 200;
/// Dependencies of a column that are asked whether they contradict its cells.
const ASKED: usize = 6;
/// Columns that are tried where there is no key.
const TRIED: usize = 8;
/// Columns of a key by which rows are named.
const WIDEST: usize = 3;

/// What is known about the rows of suspicious cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Accused {
    /// A condition that these rows and no others meet, by column and kind of suspicion, where their values alone do not tell.
    rows: BTreeMap<(String, String), String>,
    /// The columns that contradict the cells of a column.
    by: BTreeMap<String, Vec<String>>,
}

impl Accused {
    /// Looks the rows of `cells` up in a table of which all rows are known.
    pub(crate) fn of(table: &CodedTable, keys: &Keys, dependencies: &Dependencies, cells: &[Cell]) -> Self {
        let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for cell in cells.iter().filter(|_| table.is_whole()) {
            groups.entry((&cell.column, &cell.issue)).or_default().extend(usize::try_from(cell.row));
        }
        let mut accused = Self::default();
        for ((name, issue), rows) in groups {
            let Some(at) = table.columns.iter().position(|column| column.name == name) else { continue };
            let determinant = (issue == "contradicts_dependency").then(|| determinant(table, dependencies, at, &rows)).flatten();
            if let Some(condition) = condition(table, keys, determinant, at, &rows) {
                accused.rows.insert((name.to_owned(), issue.to_owned()), condition);
            }
            if let Some(determinant) = determinant {
                accused.by.insert(name.to_owned(), determinant.iter().map(|at| table.columns[*at].name.clone()).collect());
            }
        }
        accused
    }

    /// The condition that the rows of suspicious cells and no others meet; `None` where their values tell.
    pub(crate) fn rows(&self, column: &str, issue: &str) -> Option<&str> {
        self.rows.get(&(column.to_owned(), issue.to_owned())).map(String::as_str)
    }

    /// The columns that contradict the values of a column.
    pub(crate) fn by(&self, column: &str) -> Option<&[String]> {
        self.by.get(column).map(Vec::as_slice)
    }
}

/// The rows by their key, where other rows hold the same values; without a key by other columns that tell them from all others.
fn condition(table: &CodedTable, keys: &Keys, determinant: Option<&[usize]>, at: usize, rows: &[usize]) -> Option<String> {
    if rows.len() > NAMED_ROWS || rows_alike(table, &[at], rows) == rows.len() {
        return None;
    }
    let is_plain = |at: &usize| matches!(table.columns[*at].kind, ColumnType::Integer | ColumnType::Text | ColumnType::Date);
    let are_plain = |columns: &[usize]| columns.len() <= WIDEST && columns.iter().all(is_plain);
    if let Some(key) = keys.keys.iter().find(|key| are_plain(&key.columns)) {
        return named(table, &key.columns, rows);
    }
    let mut others: Vec<usize> = (0..table.columns.len()).filter(|other| *other != at && is_plain(other)).collect();
    others.sort_by_key(|other| std::cmp::Reverse(table.columns[*other].values.len()));
    let with_own = |columns: &[usize]| [columns, &[at]].concat();
    let candidates = determinant.into_iter().map(with_own).chain(others.iter().take(TRIED).map(|other| with_own(&[*other])));
    let columns = candidates.filter(|columns| are_plain(columns)).find(|columns| rows_alike(table, columns, rows) == rows.len())?;
    named(table, &columns, rows)
}

/// How many rows agree with one of `rows` on all of these columns.
fn rows_alike(table: &CodedTable, columns: &[usize], rows: &[usize]) -> usize {
    let codes = |row: usize| columns.iter().map(|at| table.columns[*at].codes[row]).collect::<Vec<u32>>();
    let accused: HashSet<Vec<u32>> = rows.iter().map(|row| codes(*row)).collect();
    (0..table.coded_rows()).filter(|row| accused.contains(&codes(*row))).count()
}

/// The values that some rows have in these columns, as a condition; `None` where one is missing.
fn named(table: &CodedTable, columns: &[usize], rows: &[usize]) -> Option<String> {
    let columns: Vec<&CodedColumn> = columns.iter().map(|at| &table.columns[*at]).collect();
    if let [only] = columns[..] {
        let values: Option<Vec<String>> = rows.iter().map(|row| written(only, *row)).collect();
        return Some(format!("{} in ({})", identifier(&only.name), values?.join(", ")));
    }
    let part = |column: &&CodedColumn, row: usize| Some(format!("{} = {}", identifier(&column.name), written(column, row)?));
    let of_row =
        |row: &usize| Some(format!("({})", columns.iter().map(|column| part(column, *row)).collect::<Option<Vec<_>>>()?.join(" and ")));
    let mut named: Vec<String> = rows.iter().map(of_row).collect::<Option<_>>()?;
    named.dedup();
    Some(format!("({})", named.join(" or ")))
}

fn written(column: &CodedColumn, row: usize) -> Option<String> {
    let value = column.value(row)?;
    Some(match column.kind {
        ColumnType::Integer => value.to_owned(),
        ColumnType::Date => format!("date {}", literal(value)),
        _ => literal(value),
    })
}

/// The determinant that contradicts most of the accused rows, and at least half of them.
fn determinant<'a>(table: &CodedTable, dependencies: &'a Dependencies, at: usize, rows: &[usize]) -> Option<&'a [usize]> {
    let accused: BTreeSet<usize> = rows.iter().copied().collect();
    let broken = dependencies.dependencies.iter().filter(|one| one.dependent == at && one.error > 0.0 && !one.determinant.is_empty());
    let mut best: Option<(usize, &[usize])> = None;
    for dependency in broken.take(ASKED) {
        let contradicted = violations(table, dependency).iter().filter(|one| accused.contains(&one.row)).count();
        if best.is_none_or(|(most, _)| contradicted > most) {
            best = Some((contradicted, &dependency.determinant));
        }
    }
    best.filter(|(contradicted, _)| contradicted * 2 >= rows.len()).map(|(_, determinant)| determinant)
}

#[cfg(test)]
mod tests {
    use hw_base::Dimension;

    use super::*;

    fn column(name: &str, kind: ColumnType, cells: &[&str]) -> CodedColumn {
        let mut values: Vec<String> = Vec::new();
        let mut code = |cell: &&str| {
            let at = values.iter().position(|value| value == cell).unwrap_or(values.len());
            if at == values.len() {
                values.push((*cell).to_owned());
            }
            u32::try_from(at).unwrap() + 1
        };
        let codes = cells.iter().map(&mut code).collect();
        CodedColumn { name: name.into(), kind, values, codes }
    }

    fn accused(columns: Vec<CodedColumn>, row: u64, name: &str) -> Accused {
        let table = CodedTable { name: "t".into(), rows: columns[0].codes.len() as u64, sampled: None, columns };
        let keys = hw_relate::keys(&table);
        let dependencies = hw_relate::dependencies(&table, &keys);
        let cell = Cell {
            row,
            column: name.into(),
            dimension: Dimension::Consistency,
            issue: "contradicts_dependency".into(),
            confidence: 0.9,
            suggestion: String::new(),
            value: None,
        };
        Accused::of(&table, &keys, &dependencies, &[cell])
    }

    /// Towns of three zips, in fifty rows each; that of row 7 is another.
    fn towns() -> [CodedColumn; 2] {
        let zip = |row: usize| ["69001", "75001", "06000"][row % 3];
        let town = |row: usize| if row == 7 { "Nice" } else { ["Lyon", "Paris", "Nice"][row % 3] };
        let all = |cell: &dyn Fn(usize) -> &'static str| (0..150).map(cell).collect::<Vec<_>>();
        [column("zip", ColumnType::Text, &all(&zip)), column("town", ColumnType::Text, &all(&town))]
    }

    #[test]
    fn rows_are_named_by_their_key_or_else_by_what_tells_them_apart() {
        let ids: Vec<String> = (0..150).map(|row| (1000 + row).to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let with_key = accused([vec![column("id", ColumnType::Integer, &ids)], towns().to_vec()].concat(), 7, "town");
        assert_eq!(with_key.rows("town", "contradicts_dependency"), Some("id in (1007)"));
        assert_eq!(with_key.by("town"), Some(&["zip".to_owned()][..]));
        let without_key = accused(towns().to_vec(), 7, "town");
        assert_eq!(without_key.rows("town", "contradicts_dependency"), Some("((zip = '75001' and town = 'Nice'))"));
    }
}
