//! What the columns of a dataset say about each other, as far as the report shows and judges it.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{CodedColumn, CodedTable, ColumnType, Dimension, Share, count, plural};
use serde::{Deserialize, Serialize};

use crate::accused::Accused;
use crate::copies::Copies;
use crate::growing::growing;
use crate::header::HeaderLines;
use crate::listed::data_row;
use crate::meaning::wrong_codes;
use crate::near::correlations;
use crate::pattern::named;
use crate::{Correlation, MissingWhere, NearRows, Pattern, PatternRule, words};

/// What was found between columns and between datasets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Rows that were looked at; 0 where nobody looked.
    pub rows: u64,
    /// Columns that identify a row, the best first.
    pub keys: Vec<Key>,
    /// Columns that decide another one beyond what keys and chance do, the most plausible first.
    pub dependencies: Vec<Dependency>,
    /// References from or to this dataset, the best first.
    pub references: Vec<Relationship>,
    /// What holds between the columns of a row.
    pub patterns: Vec<Pattern>,
    /// Where columns have no value, as another column tells.
    pub missing_where: Vec<MissingWhere>,
    /// Columns of numbers that rise and fall together, the strongest first.
    pub correlations: Vec<Correlation>,
    /// Rows that likely record what an earlier row records.
    pub near_duplicates: NearRows,
    /// Whether rows that are equal in every column are alike by chance, as things without a name are, and no copies.
    pub are_alike_by_chance: bool,
    /// The rows that are told as copies of others, and what they repeat.
    pub(crate) copies: Copies,
    /// Columns that are below zero in rows in which another one is, as quantity and amount of a return are.
    pub turned: BTreeSet<String>,
    /// Cells that contradict the rest.
    pub cells: Vec<Cell>,
    /// Exactly which rows these cells stand in, and what contradicts them.
    pub(crate) accused: Accused,
    /// The rows that are the header line once more, of which no cell is among those that contradict the rest.
    pub(crate) header_lines: HeaderLines,
    /// The words that stand for a missing value, as they are written, with their rows, by column.
    pub(crate) missing_words: BTreeMap<String, BTreeMap<String, u64>>,
    /// By column and semantic type, the values that are wrong if the column has that type, with their rows.
    pub(crate) wrong_codes: BTreeMap<String, BTreeMap<&'static str, BTreeMap<String, u64>>>,
    /// The columns whose values keep being new.
    pub(crate) growing: Vec<String>,
    /// What was not searched and why, in sentences: a bound on work that was hit.
    pub bounds: Vec<String>,
}

/// Columns that identify a row: no value is missing and none occurs twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The columns.
    pub columns: Vec<String>,
    /// Whether no column can be left out.
    pub minimal: bool,
    /// How likely they are meant to identify a row, 0 to 1.
    pub score: f64,
}

/// Columns whose values decide the value of another column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// The columns that decide.
    pub determinant: Vec<String>,
    /// The column that is decided.
    pub dependent: String,
    /// The share of rows to remove so that it holds (g3), 0 to 1; 0 where it holds.
    pub error: f64,
    /// Rows that share their determinant with another row: those that had the chance to contradict.
    pub support: u64,
    /// How much it looks like a rule of the data rather than chance, 0 to 1.
    pub score: f64,
}

/// A reference from columns of one dataset to columns of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relationship {
    /// The dataset that refers.
    pub dataset: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The dataset referred to.
    pub references: String,
    /// The columns referred to, in the order of `columns`.
    pub reference_columns: Vec<String>,
    /// Whether the columns referred to tell the rows of their dataset apart; otherwise each of their values may stand in several.
    pub to_key: bool,
    /// Rows whose values are not among those referred to.
    pub orphans: u64,
    /// How likely the reference is meant, 0 to 1.
    pub score: f64,
}

/// A cell that contradicts the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The data row, from 0 in file order.
    pub row: u64,
    /// The column.
    pub column: String,
    /// The one dimension it counts against.
    pub dimension: Dimension,
    /// The kind of suspicion: `typo`.
    pub issue: String,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// What the cell should probably hold; empty where nothing tells.
    pub suggestion: String,
    /// What it holds; `None` where it is missing.
    #[serde(skip)]
    pub value: Option<String>,
}

/// Does two things at the same time.
fn both<A: Send, B>(aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let here = here();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

impl Relations {
    /// Searches a table for keys, dependencies and cells that contradict the rest. Nothing but the table is looked at, so the
    /// same table gives the same answer.
    pub fn of(table: &CodedTable) -> Self {
        let keys = hw_relate::keys(table);
        let near_duplicates = hw_relate::near_duplicates(table, &keys);
        let are_alike_by_chance = hw_relate::are_alike_by_chance(table);
        let copies = Copies::of(table, are_alike_by_chance, &near_duplicates);
        let of_cells = || {
            // A row and its copy agree on everything, and that is no rule of the data.
            let singles = (!copies.rows.is_empty()).then(|| table.without(&copies.rows));
            let dependencies = hw_relate::dependencies(singles.as_ref().unwrap_or(table), &keys);
            let mut cells = match &singles {
                Some(singles) => hw_relate::cells_told_by(singles, table, &keys, &dependencies),
                None => hw_relate::cells(table, &keys, &dependencies),
            };
            cells.retain(|cell| cell.issue != "wrong_sign" || !is_signed(table, cell.column));
            let deciding = deciding(table, &cells);
            (dependencies, cells.into_iter().map(|cell| named_cell(table, cell)).collect::<Vec<Cell>>(), deciding)
        };
        let (found, (dependencies, cells, deciding)) = both(|| hw_relate::patterns(table), of_cells);
        let (patterns, missing_where) = named(table, &found);
        let header_lines = HeaderLines::of(table);
        let cells = header_lines.without(explained(table, cells, &missing_where));
        Self {
            rows: table.coded_rows() as u64,
            keys: keys.keys.iter().map(|key| named_key(table, key)).collect(),
            dependencies: telling(&dependencies.dependencies).into_iter().map(|one| named_dependency(table, one)).collect(),
            references: Vec::new(),
            are_alike_by_chance,
            copies: copies.with_repeats(table, &near_duplicates, &cells),
            turned: turned(table),
            accused: Accused::of(table, &keys, &dependencies, &cells).or_by(deciding),
            cells,
            header_lines,
            missing_words: table.columns.iter().filter_map(|column| Some((column.name.clone(), missing_words(column)?))).collect(),
            wrong_codes: table.columns.iter().map(|column| (column.name.clone(), wrong_codes(column))).collect(),
            growing: growing(table),
            bounds: bounds(table, [keys.is_complete, dependencies.is_complete, found.is_complete]),
            patterns,
            missing_where,
            correlations: correlations(table, &found.correlations),
            near_duplicates: NearRows::of(table, &keys, &near_duplicates),
        }
    }

    /// The rules that keep the patterns, but for their tolerance.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &PatternRule> {
        let missing = self.missing_where.iter().flat_map(|one| &one.rules);
        self.patterns.iter().map(|pattern| &pattern.rule).chain(missing)
    }

    /// With those of `references` that begin or end at the dataset `name`.
    #[must_use]
    pub fn with_references(mut self, name: &str, references: &[Relationship]) -> Self {
        let is_own = |reference: &&Relationship| reference.dataset == name || reference.references == name;
        self.references = references.iter().filter(is_own).cloned().collect();
        self
    }
}

/// Two columns are turned together in so many rows and more, and in half of those in which either is.
const LEAST_TURNED: usize = 3;
/// Columns that are below zero in a greater share of the rows are so by nature.
const MOST_TURNED: f64 = 0.1;

/// The columns whose name says a quantity that are turned together with another one.
fn turned(table: &CodedTable) -> BTreeSet<String> {
    let most = MOST_TURNED * table.coded_rows() as f64;
    let is_some = |rows: &BTreeSet<usize>| rows.len() >= LEAST_TURNED && rows.len() as f64 <= most;
    let numbers = table.columns.iter().filter(|column| column.kind.is_numeric()).map(|column| (column.name.as_str(), below_zero(column)));
    let numbers: Vec<(&str, BTreeSet<usize>)> = numbers.filter(|(_, rows)| is_some(rows)).collect();
    let are_turned = |one: &BTreeSet<usize>, other: &BTreeSet<usize>| {
        let both = one.intersection(other).count();
        both >= LEAST_TURNED && both * 2 >= one.len().max(other.len())
    };
    let quantities = numbers.iter().filter(|(name, _)| words::has_word(name, words::NEVER_NEGATIVE));
    let turned = quantities.filter(|(name, rows)| numbers.iter().any(|(other, others)| other != name && are_turned(rows, others)));
    turned.map(|(name, _)| (*name).to_owned()).collect()
}

/// The rows in which a column is below zero.
fn below_zero(column: &CodedColumn) -> BTreeSet<usize> {
    let is_below = |text: &str| text.trim().parse::<f64>().is_ok_and(|number| number < 0.0);
    let codes: BTreeSet<u32> = column.values.iter().zip(1_u32..).filter(|(text, _)| is_below(text)).map(|(_, code)| code).collect();
    let rows = column.codes.iter().enumerate().filter(|(_, code)| codes.contains(code));
    rows.map(|(row, _)| row).collect()
}

/// Whether the name of a column says a quantity that is below zero by nature.
fn is_signed(table: &CodedTable, column: usize) -> bool {
    table.columns.get(column).is_some_and(|column| words::has_word(&column.name, words::SIGNED))
}

fn names(table: &CodedTable, columns: &[usize]) -> Vec<String> {
    columns.iter().filter_map(|column| Some(table.columns.get(*column)?.name.clone())).collect()
}

/// The texts of a column that stand for a missing value by what they say, each with its rows; `None` where there are none.
fn missing_words(column: &CodedColumn) -> Option<BTreeMap<String, u64>> {
    let is_word = |text: &str| !text.trim().is_empty() && words::stands_for_missing(text).is_some();
    let coded = column.values.iter().zip(1_u32..).filter(|(text, _)| column.kind == ColumnType::Text && is_word(text));
    let mut rows: BTreeMap<u32, (&String, u64)> = coded.map(|(text, code)| (code, (text, 0))).collect();
    if rows.is_empty() {
        return None;
    }
    for code in &column.codes {
        if let Some((_, rows)) = rows.get_mut(code) {
            *rows += 1;
        }
    }
    Some(rows.into_values().map(|(text, rows)| (text.clone(), rows)).collect())
}

/// By column, the columns that decide otherwise in most of its cells.
fn deciding(table: &CodedTable, cells: &[hw_relate::Cell]) -> BTreeMap<String, Vec<String>> {
    let mut counted: BTreeMap<(usize, &[usize]), usize> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.issue == "contradicts_dependency" && !cell.by.is_empty()) {
        *counted.entry((cell.column, cell.by.as_slice())).or_default() += 1;
    }
    let mut most: BTreeMap<usize, (usize, &[usize])> = BTreeMap::new();
    for ((column, by), cells) in counted {
        let best = most.entry(column).or_insert((cells, by));
        if cells > best.0 {
            *best = (cells, by);
        }
    }
    most.into_iter().map(|(column, (_, by))| (names(table, &[column]).concat(), names(table, by))).collect()
}

fn named_key(table: &CodedTable, key: &hw_relate::Key) -> Key {
    Key { columns: names(table, &key.columns), minimal: true, score: rounded(key.score) }
}

/// The least score of a dependency that is listed: below it, keys decide everything, and few rows had the chance to contradict.
const LEAST_SCORE: f64 = 0.1;

/// Of dependencies, the most plausible first, those that tell more than that rows are told apart, and more than a more plausible one by some of
/// their columns. A constant column is told whatever its score.
fn telling(found: &[hw_relate::Dependency]) -> Vec<&hw_relate::Dependency> {
    let mut telling: Vec<&hw_relate::Dependency> = Vec::new();
    for one in found.iter().filter(|one| one.determinant.is_empty() || one.score >= LEAST_SCORE) {
        let says_more = |other: &&hw_relate::Dependency| {
            other.dependent == one.dependent && other.determinant.iter().all(|at| one.determinant.contains(at))
        };
        if !telling.iter().any(says_more) {
            telling.push(one);
        }
    }
    telling
}

fn named_dependency(table: &CodedTable, found: &hw_relate::Dependency) -> Dependency {
    Dependency {
        determinant: names(table, &found.determinant),
        dependent: names(table, &[found.dependent]).concat(),
        error: found.error,
        support: found.support,
        score: rounded(found.score),
    }
}

fn named_cell(table: &CodedTable, cell: hw_relate::Cell) -> Cell {
    Cell {
        row: data_row(table, cell.row),
        column: names(table, &[cell.column]).concat(),
        dimension: cell.dimension,
        issue: cell.issue.into(),
        confidence: cell.confidence,
        suggestion: cell.suggestion.unwrap_or_default(),
        value: table.columns.get(cell.column).and_then(|column| column.value(cell.row)).map(str::to_owned),
    }
}

/// A reference by the names of its datasets and columns.
pub(crate) fn named_reference(tables: &[&CodedTable], found: &hw_relate::Reference) -> Option<Relationship> {
    let (from, to) = (tables.get(found.from.table)?, tables.get(found.to.table)?);
    Some(Relationship {
        dataset: from.name.clone(),
        columns: names(from, &found.from.columns),
        references: to.name.clone(),
        reference_columns: names(to, &found.to.columns),
        to_key: found.is_key,
        orphans: found.orphans,
        score: rounded(found.score),
    })
}

/// How sure it is that a value is missing by mistake where another column says that there is one.
const MISSING_UNEXPECTEDLY: f64 = 0.7;

/// The cells without those that are empty by design, and with those that are empty against it.
fn explained(table: &CodedTable, mut cells: Vec<Cell>, missing_where: &[MissingWhere]) -> Vec<Cell> {
    for missing in missing_where.iter().filter(|missing| missing.is_exact) {
        let rows: BTreeSet<u64> = missing.unexplained_rows.iter().map(|at| data_row(table, *at)).collect();
        let is_hole = |cell: &Cell| cell.column == missing.column && cell.issue == "missing_value";
        cells.retain(|cell| !is_hole(cell) || rows.contains(&cell.row) || !missing.is_by_design);
        let known: BTreeSet<u64> = cells.iter().filter(|cell| is_hole(cell)).map(|cell| cell.row).collect();
        cells.extend(rows.difference(&known).map(|row| Cell {
            row: *row,
            column: missing.column.clone(),
            dimension: Dimension::Completeness,
            issue: "missing_value".into(),
            confidence: MISSING_UNEXPECTEDLY,
            suggestion: String::new(),
            value: None,
        }));
    }
    cells
}

/// What was not searched to its end, in sentences: keys, dependencies, formulas.
fn bounds(table: &CodedTable, [has_all_keys, has_all_dependencies, has_all_formulas]: [bool; 3]) -> Vec<String> {
    let sample = (!table.is_whole()).then(|| {
        let (coded, all) = (count(table.coded_rows() as u64), plural(table.rows, "row"));
        let unseen = Share(unseen_pairs(table.coded_rows()));
        format!(
            "keys, dependencies and cells are those of a sample of {coded} of {all}: what holds there without exception is broken by at \
             most {unseen} of all pairs of rows, 19 times out of 20"
        )
    });
    let keys = (!has_all_keys).then(|| "the search for keys met its bound on work: wider keys may be missing".to_owned());
    let dependencies =
        (!has_all_dependencies).then(|| "the search for dependencies met its bound on work: wider ones may be missing".to_owned());
    let formulas = (!has_all_formulas).then(|| "sums and products were searched among the first 100 columns of numbers".to_owned());
    [sample, keys, dependencies, formulas].into_iter().flatten().collect()
}

/// The share of pairs of rows that may contradict a key or a dependency of which a sample of `rows` rows shows no exception, 19 times
/// out of 20: its `rows / 2` disjoint pairs would miss more than that in 1 of 20 draws (after Kivinen and Mannila, Approximate inference
/// of functional dependencies from relations, 1995).
fn unseen_pairs(rows: usize) -> f64 {
    (2.0 * 20_f64.ln() / rows.max(1) as f64).min(1.0)
}

/// The cells as they are listed: in the order of rows, then of columns, with confidences of three digits.
pub fn cells_in_order(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by(|a, b| (a.row, &a.column, &a.issue).cmp(&(b.row, &b.column, &b.issue)));
    for cell in &mut cells {
        cell.confidence = rounded(cell.confidence);
    }
    cells
}

/// The cells as CSV with a header: `row,column,dimension,issue,confidence,suggestion`.
pub fn cells_csv(cells: &[Cell]) -> String {
    let mut csv = String::from("row,column,dimension,issue,confidence,suggestion\n");
    for cell in cells {
        let fields = [field(&cell.column), cell.dimension.name().into(), field(&cell.issue)];
        csv.push_str(&format!("{},{},{},{}\n", cell.row, fields.join(","), cell.confidence, field(&cell.suggestion)));
    }
    csv
}

fn rounded(confidence: f64) -> f64 {
    (confidence.clamp(0.0, 1.0) * 1000.0).round() / 1000.0
}

/// A field as CSV needs it: in quotes where it holds a comma, a quote, a line end or blanks at its edges.
fn field(text: &str) -> String {
    let needs_quotes = text.contains([',', '"', '\n', '\r']) || text.trim() != text;
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keys_decide_and_what_fewer_columns_decide_is_not_listed() {
        let found = |determinant: &[usize], dependent, score| hw_relate::Dependency {
            determinant: determinant.to_vec(),
            dependent,
            error: 0.0,
            support: 40,
            score,
        };
        let all = [found(&[1], 2, 0.9), found(&[1, 3], 2, 0.4), found(&[3, 4], 2, 0.3), found(&[0], 2, 0.03), found(&[], 5, 0.0)];
        let listed: Vec<&[usize]> = telling(&all).into_iter().map(|one| one.determinant.as_slice()).collect();
        assert_eq!(listed, [&[1][..], &[3, 4], &[]]);
    }

    fn cell(row: u64, column: &str, suggestion: &str) -> Cell {
        Cell {
            row,
            column: column.into(),
            dimension: Dimension::Accuracy,
            issue: "typo".into(),
            confidence: 0.912_345,
            suggestion: suggestion.into(),
            value: None,
        }
    }

    #[test]
    fn cells_are_listed_by_row_with_their_quotes() {
        let csv = cells_csv(&cells_in_order(vec![cell(7, "b", "say \"hi\", now"), cell(2, "a, b", ""), cell(7, "a", " x")]));
        assert_eq!(
            csv,
            "row,column,dimension,issue,confidence,suggestion\n\
             2,\"a, b\",accuracy,typo,0.912,\n\
             7,a,accuracy,typo,0.912,\" x\"\n\
             7,b,accuracy,typo,0.912,\"say \"\"hi\"\", now\"\n"
        );
    }
}
