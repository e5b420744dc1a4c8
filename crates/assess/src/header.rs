//! Header lines between the rows, as files that were joined have them: each is one row too many, and no strange cell in every column.

use std::collections::{BTreeSet, HashSet};

use hw_base::{CodedColumn, CodedTable, ColumnFacts, ColumnType, TableFacts, TextShape, identifier, literal};

use crate::column::{is_header, letters, shape_count, telling_texts, text_of};
use crate::examination::Counted;
use crate::listed::data_row;
use crate::{Cell, Evidence, Examination, TakenOver};

/// Columns of a header line.
const LEAST_COLUMNS: usize = 2;
/// Columns that tell header lines in a query.
const TOLD_BY: usize = 5;
/// The greatest share of the rows that are header lines; of more, the columns hold the words that they are called by.
const GREATEST_SHARE: f64 = 0.2;

/// The header lines of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HeaderLines {
    /// The data rows, ascending.
    rows: Vec<u64>,
    /// How many of them repeat an earlier one letter for letter.
    repeats: u64,
    /// The columns that hold their own name in all of them.
    columns: Vec<NamedColumn>,
}

/// A column, and how header lines write its name.
#[derive(Clone, Debug, PartialEq)]
struct NamedColumn {
    name: String,
    texts: BTreeSet<String>,
}

impl NamedColumn {
    fn of(column: &CodedColumn, rows: &[usize]) -> Self {
        let texts = rows.iter().filter_map(|row| column.value(*row)).map(|text| text.trim().to_owned());
        Self { name: column.name.clone(), texts: texts.collect() }
    }

    fn condition(&self) -> String {
        let (name, texts) = (identifier(&self.name), self.texts.iter().map(|text| literal(text)).collect::<Vec<String>>());
        match texts.as_slice() {
            [only] => format!("trim({name}) = {only}"),
            several => format!("trim({name}) in ({})", several.join(", ")),
        }
    }
}

impl HeaderLines {
    /// The rows in which most columns hold their own name, and the others nothing.
    pub(crate) fn of(table: &CodedTable) -> Self {
        let names: Vec<Vec<bool>> = table.columns.iter().map(names_by_code).collect();
        if names.iter().filter(|codes| codes.contains(&true)).count() < LEAST_COLUMNS {
            return Self::default();
        }
        let is_line = |row: &usize| {
            let codes = || table.columns.iter().zip(&names).map(|(column, is_name)| (column.codes[*row], is_name));
            let is_named = |(code, is_name): &(u32, &Vec<bool>)| is_name[*code as usize];
            let count = || codes().filter(is_named).count();
            codes().all(|cell| cell.0 == 0 || is_named(&cell)) && count() >= LEAST_COLUMNS && 2 * count() > table.columns.len()
        };
        let rows: Vec<usize> = (0..table.coded_rows()).filter(is_line).collect();
        if rows.is_empty() || !are_few(rows.len() as u64, table.coded_rows() as u64) {
            return Self::default();
        }
        let different: HashSet<Vec<u32>> = rows.iter().map(|row| table.columns.iter().map(|column| column.codes[*row]).collect()).collect();
        let is_always_named = |(column, is_name): &(&CodedColumn, &Vec<bool>)| rows.iter().all(|row| is_name[column.codes[*row] as usize]);
        let columns = table.columns.iter().zip(&names).filter(is_always_named).map(|(column, _)| NamedColumn::of(column, &rows));
        Self {
            repeats: (rows.len() - different.len()) as u64,
            columns: columns.collect(),
            rows: rows.iter().map(|row| data_row(table, *row)).collect(),
        }
    }

    /// The condition of these rows, by the columns that tell them; `None` where there are none.
    fn condition(&self) -> Option<String> {
        let parts: Vec<String> = self.columns.iter().take(TOLD_BY).map(NamedColumn::condition).collect();
        (parts.len() >= LEAST_COLUMNS).then(|| parts.join(" and "))
    }

    /// The cells that do not stand in one of these rows.
    pub(crate) fn without(&self, mut cells: Vec<Cell>) -> Vec<Cell> {
        if self.condition().is_some() {
            cells.retain(|cell| self.rows.binary_search(&cell.row).is_err());
        }
        cells
    }
}

/// The header lines that are told.
pub(crate) struct Told {
    pub(crate) condition: String,
    pub(crate) counted: Counted,
    /// How many of them repeat an earlier one.
    pub(crate) repeats: u64,
    /// Columns that hold their name there.
    pub(crate) columns: Vec<String>,
}

impl Told {
    /// The header lines as the cells tell them, else as they were counted; `None` where there are none.
    pub(crate) fn of(examination: &Examination) -> Option<Self> {
        let Some(relations) = &examination.evidence.relations else {
            let (condition, rows) = counted(examination)?;
            let columns = examination.facts.columns.iter().take(TOLD_BY).map(|column| column.name.clone()).collect();
            return Some(Self { condition, counted: Counted { rows, is_estimate: false }, repeats: rows - 1, columns });
        };
        let lines = &relations.header_lines;
        let (condition, found) = (lines.condition()?, lines.rows.len() as u64);
        let columns = lines.columns.iter().take(TOLD_BY).map(|column| column.name.clone()).collect();
        if relations.rows >= examination.facts.rows {
            return Some(Self { condition, counted: Counted { rows: found, is_estimate: false }, repeats: lines.repeats, columns });
        }
        let counted = examination.rows_where(&condition, examination.scaled(found, relations.rows));
        Some(Self { condition, counted, repeats: counted.rows.saturating_sub(1), columns })
    }
}

/// The rows in which a column holds its name and which are told as header lines: that column tells them not once more.
pub(crate) struct ToldInColumn {
    pub(crate) rows: u64,
    /// Rows that hold what an earlier one of them holds.
    pub(crate) repeats: u64,
    /// The condition that the column holds its name.
    pub(crate) condition: String,
    /// How its name is written there; nothing where no cell was looked at.
    pub(crate) texts: BTreeSet<String>,
}

impl ToldInColumn {
    /// `None` where the column tells of no such row.
    pub(crate) fn of(examination: &Examination, column: &ColumnFacts) -> Option<Self> {
        let Some(relations) = &examination.evidence.relations else {
            let (_, rows) = counted(examination)?;
            let condition = by_letters(&column.name);
            return Some(Self { rows, repeats: rows - 1, condition, texts: BTreeSet::new() });
        };
        let lines = &relations.header_lines;
        let own = lines.columns.iter().find(|own| own.name == column.name).filter(|_| lines.columns.len() >= LEAST_COLUMNS)?;
        let rows = if relations.rows >= examination.facts.rows {
            lines.rows.len() as u64
        } else {
            telling_texts(column).into_iter().filter(|(text, _)| own.texts.contains(text.trim())).map(|(_, rows)| rows).sum()
        };
        let repeats = rows.saturating_sub(own.texts.len() as u64);
        (rows > 0).then(|| Self { rows, repeats, condition: own.condition(), texts: own.texts.clone() })
    }
}

/// The condition by which header lines are to be counted where no cell is looked at: as an earlier assessment told them, else by the names of the
/// columns. `None` where there can be none.
pub(crate) fn to_count(facts: &TableFacts, evidence: &Evidence) -> Option<String> {
    let is_asked = facts.scanned_all_rows && evidence.relations.is_none();
    condition(facts, evidence).filter(|_| is_asked && facts.columns.iter().all(may_hold_its_name))
}

/// The header lines of columns that all hold text, by the first of their names, whatever case and signs these are written in.
pub(crate) fn by_names(facts: &TableFacts) -> Option<String> {
    let are_texts = facts.columns.iter().all(|column| column.kind == ColumnType::Text);
    let named = facts.columns.iter().map(|column| column.name.as_str()).filter(|name| !letters(name).is_empty());
    let parts: Vec<String> = named.take(TOLD_BY).map(by_letters).collect();
    (are_texts && parts.len() >= LEAST_COLUMNS).then(|| parts.join(" and "))
}

fn condition(facts: &TableFacts, evidence: &Evidence) -> Option<String> {
    let known = evidence.taken_over.as_ref().and_then(TakenOver::header_lines);
    known.map(str::to_owned).or_else(|| by_names(facts))
}

/// The condition of the header lines that were counted, and how many there are.
fn counted(examination: &Examination) -> Option<(String, u64)> {
    let condition = condition(examination.facts, examination.evidence)?;
    let rows = *examination.evidence.counted.get(&condition)?;
    (rows > 0 && are_few(rows, examination.facts.rows)).then_some((condition, rows))
}

fn are_few(lines: u64, rows: u64) -> bool {
    lines as f64 <= GREATEST_SHARE * rows as f64
}

/// The condition that a column holds its name.
fn by_letters(name: &str) -> String {
    format!(r"regexp_replace(lower({}), '[\W_]+', '', 'g') = {}", identifier(name), literal(&letters(name)))
}

/// Whether what was measured does not rule out that the column holds its name.
fn may_hold_its_name(column: &ColumnFacts) -> bool {
    let has_shape = |text| shape_count(text, &[TextShape::of(&column.name)]) > 0;
    let are_all_known = column.distinct_is_exact && column.distinct <= column.top_values.len() as u64;
    let mut known = column.top_values.iter().filter_map(text_of);
    column.text.as_ref().is_some_and(has_shape) && (!are_all_known || known.any(|text| is_header(&column.name, text)))
}

/// By code, whether a value is the name of its column.
fn names_by_code(column: &CodedColumn) -> Vec<bool> {
    std::iter::once(false).chain(column.values.iter().map(|value| is_header(&column.name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{coded as column, facts};

    fn lines(first: &[&str], second: &[&str]) -> HeaderLines {
        let columns = vec![column("town", ColumnType::Text, first), column("flag", ColumnType::Text, second)];
        HeaderLines::of(&CodedTable { name: "t".into(), rows: first.len() as u64, sampled: None, columns })
    }

    #[test]
    fn a_row_of_the_names_of_its_columns_is_a_header_line() {
        let found = lines(&["Oslo", "Bergen", "town", "Oslo", "Oslo", "Oslo"], &["1", "0", "flag", "1", "1", "0"]);
        assert_eq!(found.rows, [2]);
        assert_eq!(found.condition().as_deref(), Some("trim(town) = 'town' and trim(flag) = 'flag'"));
    }

    #[test]
    fn names_are_the_same_in_another_case_and_with_other_signs() {
        let cells = |own: [&'static str; 2]| ["1", "2", own[0], "3", own[1], "4", "5", "6", "7", "8"];
        let columns =
            vec![column("order_id", ColumnType::Text, &cells(["Order ID", "Order ID"])), column("n", ColumnType::Text, &cells(["N", "n"]))];
        let found = HeaderLines::of(&CodedTable { name: "t".into(), rows: 10, sampled: None, columns });
        assert_eq!((found.rows.as_slice(), found.repeats), ([2, 4].as_slice(), 0));
        assert_eq!(found.condition().as_deref(), Some("trim(order_id) = 'Order ID' and trim(n) in ('N', 'n')"));
    }

    #[test]
    fn without_cells_lines_are_counted_where_nothing_rules_them_out() {
        let to_count = |zip: &str| to_count(&facts(&format!("rows 9\n town text; distinct 8; top Oslo*2\n {zip}")), &Evidence::default());
        let zip = r"regexp_replace(lower(zip_no), '[\W_]+', '', 'g') = 'zipno'";
        let both = format!(r"regexp_replace(lower(town), '[\W_]+', '', 'g') = 'town' and {zip}");
        assert_eq!(to_count("zip_no text; distinct 2; top 0150*7, Zip No*2"), Some(both));
        assert_eq!(to_count("zip_no text; distinct 2; top 0150*7, 0151*2"), None);
        assert_eq!(to_count("zip_no text; distinct 9; shapes integer*9"), None);
        assert_eq!(to_count("zip_no integer; distinct 9"), None, "no number is a name");
    }

    #[test]
    fn a_word_that_a_column_is_called_by_is_none() {
        assert_eq!(lines(&["Oslo", "Bergen", "town", "Oslo", "Oslo", "Oslo"], &["1", "0", "1", "1", "flag", "0"]), HeaderLines::default());
        assert_eq!(lines(&["town", "town", "village", "town"], &["flag", "flag", "none", "flag"]), HeaderLines::default());
    }
}
