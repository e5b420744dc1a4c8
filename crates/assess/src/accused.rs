//! Exactly which rows suspicious cells stand in, as SQL, and by which columns a value is contradicted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hw_base::{CodedColumn, CodedTable, ColumnType, identifier, literal};
use hw_relate::{Dependencies, Keys, violations};

use crate::Cell;
use crate::fences::beyond;

/// Rows that a query names one by one.
const NAMED_ROWS: usize = 200;
/// Values that a query names one by one.
pub(crate) const NAMED_VALUES: usize = 50;
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
    /// The columns and kinds of suspicion of which neither values nor a condition tell the rows.
    untold: BTreeSet<(String, String)>,
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
            let group = (name.to_owned(), issue.to_owned());
            match rows_of(table, keys, determinant, at, &rows) {
                RowsOf::Values => {}
                RowsOf::Condition(condition) => {
                    accused.rows.insert(group, condition);
                }
                RowsOf::Others => {
                    accused.untold.insert(group);
                }
            }
            if let Some(determinant) = determinant {
                accused.by.insert(name.to_owned(), determinant.iter().map(|at| table.columns[*at].name.clone()).collect());
            }
        }
        accused
    }

    /// With the columns that decide otherwise, by column, where no dependency that is told contradicts most of the cells: those that errors have
    /// weakened beyond what is told contradict cells too.
    pub(crate) fn or_by(mut self, deciding: BTreeMap<String, Vec<String>>) -> Self {
        for (column, by) in deciding {
            self.by.entry(column).or_insert(by);
        }
        self
    }

    /// Whether it was looked up in all rows what the cells are.
    pub(crate) fn is_of_all_rows(&self) -> bool {
        self.is_whole && !(self.rows.is_empty() && self.by.is_empty())
    }

    /// The condition that the rows of suspicious cells and no others meet; `None` where their values tell.
    pub(crate) fn rows(&self, column: &str, issue: &str) -> Option<&str> {
        self.rows.get(&(column.to_owned(), issue.to_owned())).map(String::as_str)
    }

    /// Whether the values of suspicious cells do not tell their rows: a condition does, or others are like them in all that a query could name.
    pub(crate) fn are_untold(&self, column: &str, issue: &str) -> bool {
        let group = (column.to_owned(), issue.to_owned());
        self.rows.contains_key(&group) || self.untold.contains(&group)
    }

    /// The columns that contradict the values of a column.
    pub(crate) fn by(&self, column: &str) -> Option<&[String]> {
        self.by.get(column).map(Vec::as_slice)
    }
}

/// What tells the rows of suspicious cells from all others.
enum RowsOf {
    /// Few values, which no other row holds.
    Values,
    /// A condition.
    Condition(String),
    /// Nothing: others are like them.
    Others,
}

/// The rows by their values, where these are few and no other row holds them; else by a condition.
fn rows_of(table: &CodedTable, keys: &Keys, determinant: Option<&[usize]>, at: usize, rows: &[usize]) -> RowsOf {
    let values_tell = rows_alike(table, &[at], rows) == rows.len() && (table.is_whole() || !lie_among_others(&table.columns[at], rows));
    if values_tell && one_each(table, &[at], rows).len() <= NAMED_VALUES {
        return RowsOf::Values;
    }
    let named = (!values_tell && rows.len() <= NAMED_ROWS).then(|| condition(table, keys, determinant, at, rows)).flatten();
    let condition = named.or_else(|| beyond(table, at, rows)).or_else(|| by_determinant(table, determinant?, at, rows));
    match condition {
        Some(condition) => RowsOf::Condition(condition),
        // As many as a query names of the values that tell all.
        None if values_tell => RowsOf::Values,
        None => RowsOf::Others,
    }
}

/// The rows by their key; without a key by other columns that tell them from all others.
fn condition(table: &CodedTable, keys: &Keys, determinant: Option<&[usize]>, at: usize, rows: &[usize]) -> Option<String> {
    // In a sample a value that is there once tells its row apart, and may be there again in the others.
    let names_rows = |columns: &[usize]| are_plain(table, columns) && (table.is_whole() || columns != [at]);
    if let Some(key) = keys.keys.iter().find(|key| names_rows(&key.columns)) {
        return named(table, &key.columns, rows);
    }
    let with_own = |columns: &[usize]| [columns, &[at]].concat();
    let others = richest_plain(table).filter(|other| *other != at).take(TRIED);
    let candidates = determinant.into_iter().map(with_own).chain(others.map(|other| with_own(&[other])));
    let found = candidates.filter(|columns| are_plain(table, columns)).find(|columns| rows_alike(table, columns, rows) == rows.len());
    let columns = found.or_else(|| narrowed(table, determinant, at, rows).filter(|_| table.is_whole()))?;
    named(table, &columns, rows)
}

/// The columns that tell the rows where no two do: what they hold, what contradicts it, and as many of the richest columns as it takes.
fn narrowed(table: &CodedTable, determinant: Option<&[usize]>, at: usize, rows: &[usize]) -> Option<Vec<usize>> {
    let names_rows =
        |column: &usize| is_plain(table.columns[*column].kind) && rows.iter().all(|row| table.columns[*column].codes[*row] != 0);
    let mut columns: Vec<usize> = [determinant.unwrap_or_default(), &[at]].concat();
    columns.retain(names_rows);
    let further: Vec<usize> = richest_plain(table).filter(|other| !columns.contains(other) && names_rows(other)).take(WIDEST).collect();
    for other in further {
        columns.push(other);
        if rows_alike(table, &columns, rows) == rows.len() {
            return Some(columns);
        }
    }
    None
}

/// Many rows by what they hold together with the columns that contradict it, where few combinations of these tell them from all others; else by
/// what the other rows of their groups hold.
fn by_determinant(table: &CodedTable, determinant: &[usize], at: usize, rows: &[usize]) -> Option<String> {
    let columns = [determinant, &[at]].concat();
    if !are_plain(table, &columns) {
        return None;
    }
    let different = one_each(table, &columns, rows);
    let tell = different.len() <= NAMED_ROWS && rows_alike(table, &columns, rows) == rows.len();
    if tell { named(table, &columns, &different) } else { unlike_others(table, determinant, at, rows) }
}

/// The rows that hold none of the values that the others of their group hold: `zip = '69001' and town not in ('Lyon')`. `None` where one does, or
/// where groups or values are many.
fn unlike_others(table: &CodedTable, determinant: &[usize], at: usize, rows: &[usize]) -> Option<String> {
    let (column, accused) = (&table.columns[at], rows.iter().copied().collect::<HashSet<usize>>());
    let codes = |row: usize| codes_of(table, determinant, row);
    let groups = one_each(table, determinant, rows);
    let mut others: HashMap<Vec<u32>, BTreeSet<u32>> = groups.iter().map(|row| (codes(*row), BTreeSet::new())).collect();
    for row in (0..table.coded_rows()).filter(|row| column.codes[*row] != 0 && !accused.contains(row)) {
        if let Some(others) = others.get_mut(&codes(row)) {
            others.insert(column.codes[row]);
        }
    }
    let is_of = |group: &BTreeSet<u32>, code: u32| code == 0 || group.contains(&code);
    let is_like_others = |row: &usize| others.get(&codes(*row)).is_none_or(|group| is_of(group, column.codes[*row]));
    let values: usize = others.values().map(BTreeSet::len).sum();
    if groups.len() > NAMED_ROWS || values > NAMED_ROWS || rows.iter().any(is_like_others) {
        return None;
    }
    let part = |row: &usize| {
        let own = others.get(&codes(*row)).filter(|own| !own.is_empty())?;
        let values: Vec<String> = own.iter().filter_map(|code| Some(in_sql(column.kind, column.values.get(*code as usize - 1)?))).collect();
        Some(format!("({} and {} not in ({}))", equal(table, determinant, *row)?, identifier(&column.name), values.join(", ")))
    };
    let parts: Vec<String> = groups.iter().map(part).collect::<Option<_>>()?;
    Some(format!("({})", parts.join(" or ")))
}

/// A condition that names some rows by a key, or by a column that holds the same in no other row; `None` where none does, or where they are many.
pub(crate) fn naming(table: &CodedTable, keys: &Keys, rows: &[usize]) -> Option<String> {
    if rows.len() > NAMED_ROWS {
        return None;
    }
    if let Some(key) = keys.keys.iter().find(|key| are_plain(table, &key.columns)) {
        return named(table, &key.columns, rows);
    }
    let mut others = richest_plain(table).filter(|_| table.is_whole()).take(TRIED);
    let column = others.find(|other| rows_alike(table, &[*other], rows) == rows.len())?;
    named(table, &[column], &one_each(table, &[column], rows))
}

/// Whether SQL names the values of these columns alike everywhere, and whether they are few.
fn are_plain(table: &CodedTable, columns: &[usize]) -> bool {
    columns.len() <= WIDEST && columns.iter().all(|at| is_plain(table.columns[*at].kind))
}

/// Whether SQL names values of a kind alike everywhere.
pub(crate) fn is_plain(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Integer | ColumnType::Boolean | ColumnType::Text | ColumnType::Date)
}

/// The columns that a query can name rows by, those with the most values first.
fn richest_plain(table: &CodedTable) -> impl Iterator<Item = usize> {
    let mut columns: Vec<usize> = (0..table.columns.len()).filter(|at| is_plain(table.columns[*at].kind)).collect();
    columns.sort_by_key(|at| std::cmp::Reverse(table.columns[*at].values.len()));
    columns.into_iter()
}

/// The coded row of a data row.
pub(crate) fn coded_row(table: &CodedTable, row: u64) -> Option<usize> {
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
    if let [only] = *columns {
        let column = &table.columns[only];
        let mut is_accused = vec![false; column.values.len() + 1];
        for row in rows {
            is_accused[column.codes[*row] as usize] = true;
        }
        return column.codes.iter().filter(|code| is_accused[**code as usize]).count();
    }
    let accused: HashSet<Vec<u32>> = rows.iter().map(|row| codes_of(table, columns, *row)).collect();
    (0..table.coded_rows()).filter(|row| accused.contains(&codes_of(table, columns, *row))).count()
}

fn codes_of(table: &CodedTable, columns: &[usize], row: usize) -> Vec<u32> {
    columns.iter().map(|at| table.columns[*at].codes[row]).collect()
}

/// The first row of each combination of values that some rows hold in these columns.
fn one_each(table: &CodedTable, columns: &[usize], rows: &[usize]) -> Vec<usize> {
    let mut seen = HashSet::new();
    rows.iter().copied().filter(|row| seen.insert(codes_of(table, columns, *row))).collect()
}

/// The values that some rows have in these columns, as a condition; `None` where one is missing.
fn named(table: &CodedTable, columns: &[usize], rows: &[usize]) -> Option<String> {
    if let [only] = *columns {
        let column = &table.columns[only];
        let values: Option<Vec<String>> = rows.iter().map(|row| written(column, *row)).collect();
        return Some(format!("{} in ({})", identifier(&column.name), values?.join(", ")));
    }
    let of_row = |row: usize| Some(format!("({})", equal(table, columns, row)?));
    let named: Vec<String> = one_each(table, columns, rows).into_iter().map(of_row).collect::<Option<_>>()?;
    Some(format!("({})", named.join(" or ")))
}

/// The condition of the rows that hold the same as one in these columns; `None` where it holds nothing in one of them.
fn equal(table: &CodedTable, columns: &[usize], row: usize) -> Option<String> {
    let part = |at: &usize| Some(format!("{} = {}", identifier(&table.columns[*at].name), written(&table.columns[*at], row)?));
    Some(columns.iter().map(part).collect::<Option<Vec<_>>>()?.join(" and "))
}

fn written(column: &CodedColumn, row: usize) -> Option<String> {
    column.value(row).map(|value| in_sql(column.kind, value))
}

/// A value of a plain kind as SQL writes it.
pub(crate) fn in_sql(kind: ColumnType, value: &str) -> String {
    match kind {
        ColumnType::Integer | ColumnType::Boolean => value.to_owned(),
        ColumnType::Date => format!("date {}", literal(value)),
        _ => literal(value),
    }
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
    use crate::fixture::coded as column;

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
        assert!(with_key.are_untold("town", "contradicts_dependency"), "other rows are of Nice as well");
        let without_key = accused(towns().to_vec(), 7, "town");
        assert_eq!(without_key.rows("town", "contradicts_dependency"), Some("((zip = '75001' and town = 'Nice'))"));
    }

    #[test]
    fn rows_that_no_two_columns_tell_are_named_by_more_of_them() {
        let rows = |first: [&'static str; 4]| first.into_iter().chain(["a", "b", "b", "b"]).collect::<Vec<_>>();
        let columns = vec![
            column("x", ColumnType::Text, &rows(["a", "a", "b", "b"])),
            column("y", ColumnType::Text, &rows(["a", "b", "a", "b"])),
            column("is_open", ColumnType::Boolean, &["true", "true", "true", "false", "false", "false", "false", "false"]),
        ];
        let table = CodedTable { name: "t".into(), rows: 8, sampled: None, columns };
        let told = |row: usize| condition(&table, &Keys::default(), None, 2, &[row]);
        assert_eq!(told(0).as_deref(), Some("((is_open = true and x = 'a' and y = 'a'))"));
        assert_eq!(told(5), None, "others are like it");
    }

    #[test]
    fn what_no_told_dependency_contradicts_is_contradicted_by_what_voted() {
        let deciding = |by: &str| BTreeMap::from([("town".to_owned(), vec![by.to_owned()])]);
        assert_eq!(Accused::default().or_by(deciding("street")).by("town"), Some(&["street".to_owned()][..]));
        let told = accused(towns().to_vec(), 7, "town").or_by(deciding("street"));
        assert_eq!(told.by("town"), Some(&["zip".to_owned()][..]), "a dependency that is told goes first");
    }

    #[test]
    fn many_rows_are_named_by_what_they_have_in_common() {
        let ids: Vec<String> = (0..1500).map(|row| row.to_string()).collect();
        let zip = |row: usize| ["69001", "75001", "06000"][row % 3];
        let is_odd = |row: &usize| row % 3 == 1 && row.is_multiple_of(5) || row % 3 == 2 && row.is_multiple_of(4);
        let town = |row: usize| if is_odd(&row) { "Lyon" } else { ["Lyon", "Paris", "Nice"][row % 3] };
        let all = |cell: &dyn Fn(usize) -> &'static str| (0..1500).map(cell).collect::<Vec<_>>();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let columns = vec![
            column("id", ColumnType::Integer, &ids),
            column("zip", ColumnType::Text, &all(&zip)),
            column("town", ColumnType::Text, &all(&town)),
        ];
        let table = CodedTable { name: "t".into(), rows: 1500, sampled: None, columns };
        let odd: Vec<usize> = (0..1500).filter(is_odd).collect();
        assert!(odd.len() > NAMED_ROWS, "{}", odd.len());
        let told = by_determinant(&table, &[1], 2, &odd);
        assert_eq!(told.as_deref(), Some("((zip = '06000' and town = 'Lyon') or (zip = '75001' and town = 'Lyon'))"));
        let by_others = "((zip = '06000' and town not in ('Nice')) or (zip = '75001' and town not in ('Paris')))";
        assert_eq!(unlike_others(&table, &[1], 2, &odd).as_deref(), Some(by_others));
        let few = rows_of(&table, &Keys::default(), None, 2, &odd);
        assert!(matches!(few, RowsOf::Others), "other rows are of Lyon as well");
    }

    #[test]
    fn rows_are_named_where_a_key_or_a_column_tells_them() {
        let ids: Vec<String> = (0..150).map(|row| (1000 + row % 148).to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let columns = [vec![column("id", ColumnType::Integer, &ids)], towns().to_vec()].concat();
        let table = CodedTable { name: "t".into(), rows: 150, sampled: None, columns };
        assert_eq!(naming(&table, &Keys::default(), &[7, 9]).as_deref(), Some("id in (1007, 1009)"));
        assert_eq!(naming(&table, &Keys::default(), &[1]), None, "1001 stands in two rows");
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
