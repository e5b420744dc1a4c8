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
    /// Whether all rows were looked at.
    is_whole: bool,
    /// A condition that these rows and no others meet, by column and kind of suspicion, where their values alone do not tell.
    rows: BTreeMap<(String, String), String>,
    /// The columns that contradict the cells of a column.
    by: BTreeMap<String, Vec<String>>,
}

impl Accused {
    /// Looks the rows of `cells` up in a table. Of a sample the conditions are those that its rows and no others of it meet.
    pub(crate) fn of(table: &CodedTable, keys: &Keys, dependencies: &Dependencies, cells: &[Cell]) -> Self {
        let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        // What contradicts a dependency is found in all rows by the columns that decide; of a sample the rows would be some of them.
        for cell in cells.iter().filter(|cell| table.is_whole() || cell.issue != "contradicts_dependency") {
            groups.entry((&cell.column, &cell.issue)).or_default().extend(coded_row(table, cell.row));
        }
        let mut accused = Self { is_whole: table.is_whole(), ..Self::default() };
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

    /// Whether it was looked up in all rows what the cells are.
    pub(crate) fn is_of_all_rows(&self) -> bool {
        self.is_whole && !(self.rows.is_empty() && self.by.is_empty())
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
    let values_tell = || rows_alike(table, &[at], rows) == rows.len() && (table.is_whole() || !lie_among_others(&table.columns[at], rows));
    if rows.len() > NAMED_ROWS || values_tell() {
        return None;
    }
    let is_plain = |at: &usize| matches!(table.columns[*at].kind, ColumnType::Integer | ColumnType::Text | ColumnType::Date);
    let are_plain = |columns: &[usize]| columns.len() <= WIDEST && columns.iter().all(is_plain);
    // In a sample a value that is there once tells its row apart, and may be there again in the others.
    let names_rows = |columns: &[usize]| are_plain(columns) && (table.is_whole() || columns != [at]);
    if let Some(key) = keys.keys.iter().find(|key| names_rows(&key.columns)) {
        return named(table, &key.columns, rows);
    }
    let mut others: Vec<usize> = (0..table.columns.len()).filter(|other| *other != at && is_plain(other)).collect();
    others.sort_by_key(|other| std::cmp::Reverse(table.columns[*other].values.len()));
    let with_own = |columns: &[usize]| [columns, &[at]].concat();
    let candidates = determinant.into_iter().map(with_own).chain(others.iter().take(TRIED).map(|other| with_own(&[*other])));
    let columns = candidates.filter(|columns| are_plain(columns)).find(|columns| rows_alike(table, columns, rows) == rows.len())?;
    named(table, &columns, rows)
}

/// The coded row of a data row.
fn coded_row(table: &CodedTable, row: u64) -> Option<usize> {
    match &table.sampled {
        Some(rows) => rows.binary_search(&row).ok(),
        None => usize::try_from(row).ok(),
    }
}

/// Whether a number that these rows hold lies among those of the others: in rows that a sample leaves out, it may be a usual one.
fn lie_among_others(column: &CodedColumn, rows: &[usize]) -> bool {
    let accused: HashSet<u32> = rows.iter().map(|row| column.codes[*row]).collect();
    let numbers = column.values.iter().zip(1_u32..).filter_map(|(value, code)| Some((code, value.parse::<f64>().ok()?)));
    let (own, others): (Vec<_>, Vec<_>) = numbers.partition(|(code, _)| accused.contains(code));
    let least = others.iter().map(|(_, number)| *number).fold(f64::INFINITY, f64::min);
    let greatest = others.iter().map(|(_, number)| *number).fold(f64::NEG_INFINITY, f64::max);
    own.iter().any(|(_, number)| (least..=greatest).contains(number))
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
        accused_in(&table, &[cell(row, name, "contradicts_dependency")])
    }

    fn accused_in(table: &CodedTable, cells: &[Cell]) -> Accused {
        let keys = hw_relate::keys(table);
        let dependencies = hw_relate::dependencies(table, &keys);
        Accused::of(table, &keys, &dependencies, cells)
    }

    fn cell(row: u64, name: &str, issue: &str) -> Cell {
        Cell {
            row,
            column: name.into(),
            dimension: Dimension::Consistency,
            issue: issue.into(),
            confidence: 0.9,
            suggestion: String::new(),
            value: None,
        }
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

    #[test]
    fn in_a_sample_numbers_among_the_others_are_named_by_the_key() {
        let ids: Vec<String> = (0..150).map(|row| (1000 + row).to_string()).collect();
        let weights: Vec<String> = (0..150).map(|row| if row == 9 { 9000 } else { 10 + row * row }.to_string()).collect();
        let [ids, weights] = [&ids, &weights].map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
        let columns = vec![column("id", ColumnType::Integer, &ids), column("w", ColumnType::Integer, &weights)];
        let sampled = CodedTable { name: "t".into(), rows: 1500, sampled: Some((0..150).map(|row| row * 10).collect()), columns };
        let found = accused_in(&sampled, &[cell(90, "w", "numeric_outlier")]);
        assert_eq!(found.rows("w", "numeric_outlier"), Some("id in (1009)"), "other rows may hold 9000 as well");
        assert!(!found.is_of_all_rows());
        let contradicted = accused_in(&sampled, &[cell(90, "w", "contradicts_dependency")]);
        assert_eq!(contradicted.rows("w", "contradicts_dependency"), None, "what decides `w` tells all such rows");
        let whole = CodedTable { sampled: None, rows: 150, ..sampled };
        assert_eq!(accused_in(&whole, &[cell(9, "w", "numeric_outlier")]).rows("w", "numeric_outlier"), None, "the value tells");
    }
}
