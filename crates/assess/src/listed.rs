//! The cells that are listed one by one: those that contradict the rest, and those of the findings that rest on measurements, on what holds
//! between columns, or on a key.
//!
//! Values that are missing where many are, what a fifth of the rows and more have in common, and rows that are copies as a whole, are no
//! single cells that could be mended; they are told by their issue alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use hw_base::{CodedColumn, CodedTable, TextShape, Timestamp, Value, is_non_printing};

use crate::column::{moment, stands_for_none};
use crate::pattern::{Pattern, PatternKind};
use crate::{Assessment, Cell, Finding};

/// The least confidence of a finding whose cells are listed.
const LEAST_CONFIDENCE: f64 = 0.5;

/// The greatest share of the rows that the cells of an issue may take; of more the column is like that, and no cell is singled out.
const GREATEST_SHARE: f64 = 0.2;
/// The same of stand-ins for missing values, as of missing values: more of them are how a column is filled.
const GREATEST_SHARE_OF_STAND_INS: f64 = 0.06;
/// The same of those that were found cell by cell.
const GREATEST_SHARE_OF_NOTHING: f64 = 0.5;

/// The coded cells that a finding is about: by the values of its column, or by rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held {
    /// Numbers below zero, but for these, which stand for a missing value.
    Negative {
        /// Such numbers, as they are written.
        but_for: Vec<String>,
    },
    /// Moments after this one, but for those of the year 9999, which stand for none.
    After(Timestamp),
    /// These texts.
    Texts(BTreeSet<String>),
    /// Values that are one of these (empty: blanks), are the same number, or begin with that day.
    StandIns(Vec<String>),
    /// Texts of one of these shapes.
    Shapes(Vec<TextShape>),
    /// Texts of a shape that is not usual, but for blanks and these words.
    OtherShapes {
        /// The usual shapes.
        usual: Vec<TextShape>,
        /// Words for a missing value, as they are written.
        but_for: Vec<String>,
    },
    /// Texts with white space before or after.
    Padded,
    /// Texts with characters that nobody sees.
    NonPrinting,
    /// Values that an earlier row holds, but for these, which stand for a missing value.
    Repeats(Vec<String>),
    /// These coded rows.
    Rows(Vec<usize>),
}

impl Held {
    /// Whether a value is meant, whatever the row.
    pub(crate) fn is_value(&self, value: &str) -> bool {
        let bare = value.trim();
        match self {
            Self::Negative { but_for } => {
                bare.parse::<f64>().is_ok_and(|number| number < 0.0) && !but_for.iter().any(|stand_in| is_stand_in(bare, stand_in))
            }
            Self::After(limit) => moment(&Value::Text(value.to_owned())).is_some_and(|moment| moment > *limit && !stands_for_none(moment)),
            Self::Texts(texts) => texts.contains(value),
            Self::StandIns(values) => values.iter().any(|stand_in| is_stand_in(value, stand_in)),
            Self::Shapes(shapes) => shapes.contains(&TextShape::of(value)),
            Self::OtherShapes { usual, but_for } => {
                !bare.is_empty() && !usual.contains(&TextShape::of(value)) && !but_for.iter().any(|word| word == value)
            }
            Self::Padded => !bare.is_empty() && bare != value,
            Self::NonPrinting => value.chars().any(is_non_printing),
            Self::Repeats(_) | Self::Rows(_) => false,
        }
    }

    /// The share of the rows from which on they are no single cells any more.
    fn most(&self) -> f64 {
        if matches!(self, Self::StandIns(_)) { GREATEST_SHARE_OF_STAND_INS } else { GREATEST_SHARE }
    }

    /// The first coded rows of a column that are meant; as few are looked at as that takes. Rows that are `copies` as a whole repeat their key for
    /// that reason alone.
    pub(crate) fn first_rows(&self, column: &CodedColumn, copies: &[usize], most: usize) -> Vec<usize> {
        let filled = column.codes.iter().enumerate().filter(|(_, code)| **code != 0).map(|(row, code)| (row, *code as usize));
        match self {
            Self::Rows(rows) => rows.iter().copied().take(most).collect(),
            Self::Repeats(but_for) => {
                let mut seen = vec![false; column.values.len() + 1];
                let stands_for_none = |code: usize| but_for.iter().any(|stand_in| is_stand_in(&column.values[code - 1], stand_in));
                let repeated = filled.filter(|(_, code)| std::mem::replace(&mut seen[*code], true));
                let is_meant = |(row, code): &(usize, usize)| !stands_for_none(*code) && copies.binary_search(row).is_err();
                repeated.filter(is_meant).map(|(row, _)| row).take(most).collect()
            }
            _ => {
                let mut known: Vec<Option<bool>> = vec![None; column.values.len() + 1];
                let mut is_meant = |code: usize| *known[code].get_or_insert_with(|| self.is_value(&column.values[code - 1]));
                filled.filter(|(_, code)| is_meant(*code)).map(|(row, _)| row).take(most).collect()
            }
        }
    }
}

fn is_stand_in(value: &str, stand_in: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let is_same_number = || number(value).zip(number(stand_in)).is_some_and(|(number, other)| number.total_cmp(&other).is_eq());
    let is_that_day = || moment(&Value::Text(stand_in.to_owned())).is_some() && value.starts_with(stand_in);
    match stand_in {
        "" => value.trim().is_empty(),
        _ => value == stand_in || is_same_number() || is_that_day(),
    }
}

/// All cells of an assessment that are suspicious, each once. `table` is what was looked at cell by cell.
pub fn listed_cells(assessment: &Assessment, table: &CodedTable) -> Vec<Cell> {
    let mut listed = found_one_by_one(assessment, table);
    for cell in &mut listed {
        call_as_told(assessment, cell);
    }
    let sure = assessment.findings.iter().filter(|finding| finding.issue.confidence >= LEAST_CONFIDENCE);
    let (in_one, between): (Vec<&Finding>, Vec<&Finding>) = sure.partition(|finding| finding.issue.column.is_some());
    // That a value repeats says less of a cell than what it says itself.
    let (repeats, values): (Vec<&Finding>, Vec<&Finding>) = in_one.into_iter().partition(|finding| is_of_repeats(finding));
    for findings in [values, repeats] {
        let known: HashSet<(u64, String)> = listed.iter().map(|cell| (cell.row, cell.column.clone())).collect();
        let further = findings.into_iter().flat_map(|finding| of_one_column(table, finding, &assessment.relations.copies.equal));
        listed.extend(surest(further.filter(|cell| !known.contains(&(cell.row, cell.column.clone()))).collect()));
    }
    let suspects = Suspects::of(table, &assessment.relations.patterns, &listed);
    listed.extend(suspects.cells(&between));
    listed
}

/// The cells that contradict the rest, but for the stand-ins of columns that hold hardly anything else.
fn found_one_by_one(assessment: &Assessment, table: &CodedTable) -> Vec<Cell> {
    let cells = &assessment.relations.cells;
    let is_stand_in = |cell: &&Cell| cell.issue == "disguised_missing";
    let mut stand_ins: BTreeMap<&str, usize> = BTreeMap::new();
    cells.iter().filter(is_stand_in).for_each(|cell| *stand_ins.entry(&cell.column).or_default() += 1);
    let most = GREATEST_SHARE_OF_NOTHING * table.coded_rows() as f64;
    let is_common = |column: &str| stand_ins.get(column).is_some_and(|rows| *rows as f64 > most);
    cells.iter().filter(|cell| !is_stand_in(cell) || !is_common(&cell.column)).cloned().collect()
}

/// Calls a cell by what it is told as: what stands for a missing value is odd in other ways for that reason alone, and what only seems to may be told
/// as another form.
fn call_as_told(assessment: &Assessment, cell: &mut Cell) {
    let is_about = |finding: &&Finding| {
        let held = finding.held.as_ref().filter(|_| finding.issue.column.as_ref() == Some(&cell.column));
        held.zip(cell.value.as_ref()).is_some_and(|(held, value)| held.is_value(value))
    };
    let told_as = |code: &str| assessment.findings.iter().filter(|finding| finding.issue.code == code).find(is_about);
    let other = || told_as("mixed_formats").filter(|_| cell.issue == "disguised_missing");
    if let Some(finding) = told_as("disguised_missing").or_else(other) {
        cell.issue.clone_from(&finding.issue.code);
        cell.dimension = finding.issue.dimension;
    }
}

/// The data row of a coded one.
pub(crate) fn data_row(table: &CodedTable, coded: usize) -> u64 {
    table.sampled.as_ref().and_then(|rows| rows.get(coded).copied()).unwrap_or(coded as u64)
}

/// Whether it is about values that an earlier row holds.
pub(crate) fn is_of_repeats(finding: &Finding) -> bool {
    matches!(finding.held, Some(Held::Repeats(_)))
}

/// The cells of a finding.
fn of_one_column(table: &CodedTable, finding: &Finding, copies: &[usize]) -> Vec<Cell> {
    let column = table.columns.iter().find(|column| finding.issue.column.as_ref() == Some(&column.name));
    let Some((column, held)) = column.zip(finding.held.as_ref()) else { return Vec::new() };
    let rows = held.first_rows(column, copies, usize::MAX);
    if rows.len() as f64 >= held.most() * table.coded_rows() as f64 {
        return Vec::new();
    }
    rows.into_iter().map(|row| cell(table, finding, column, row, finding.issue.confidence)).collect()
}

fn cell(table: &CodedTable, finding: &Finding, column: &CodedColumn, row: usize, confidence: f64) -> Cell {
    Cell {
        row: data_row(table, row),
        column: column.name.clone(),
        dimension: finding.issue.dimension,
        issue: finding.issue.code.clone(),
        confidence,
        suggestion: String::new(),
        value: column.value(row).map(str::to_owned),
    }
}

/// Each cell once, with the issue that is surest.
fn surest(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by(|a, b| {
        (a.row, &a.column).cmp(&(b.row, &b.column)).then(b.confidence.total_cmp(&a.confidence)).then_with(|| a.issue.cmp(&b.issue))
    });
    cells.dedup_by(|a, b| a.row == b.row && a.column == b.column);
    cells
}

/// What tells which cell of a row is to blame for a broken pattern.
struct Suspects<'a> {
    table: &'a CodedTable,
    patterns: &'a [Pattern],
    /// Cells that something is held against already, by coded row and column.
    accused: HashSet<(u64, usize)>,
}

/// A broken pattern: the positions of its columns, and the rows that break it.
struct BrokenPattern<'a> {
    finding: &'a Finding,
    columns: Vec<usize>,
    rows: &'a [usize],
}

impl<'a> Suspects<'a> {
    fn of(table: &'a CodedTable, patterns: &'a [Pattern], listed: &[Cell]) -> Self {
        let place = |name: &str| table.columns.iter().position(|column| column.name == name);
        let accused = listed.iter().filter_map(|cell| Some((cell.row, place(&cell.column)?))).collect();
        Self { table, patterns, accused }
    }

    /// The cells that likely broke the patterns of `findings`.
    fn cells(&self, findings: &[&Finding]) -> Vec<Cell> {
        let broken: Vec<BrokenPattern<'_>> = findings.iter().filter_map(|finding| self.broken(finding)).collect();
        let mut by_row: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, pattern) in broken.iter().enumerate() {
            pattern.rows.iter().for_each(|row| by_row.entry(*row).or_default().push(at));
        }
        let ranges: Vec<Vec<Option<(f64, f64)>>> = broken.iter().map(|pattern| self.ranges(pattern)).collect();
        let (kept, gaps) = (self.kept_formulas(), self.usual_gaps(&broken));
        let mut cells = Vec::new();
        for (row, mut patterns) in by_row {
            // Where a cell of the pattern is known to be wrong, it is why the pattern is broken.
            patterns.retain(|at| !broken[*at].columns.iter().any(|column| self.accused.contains(&(data_row(self.table, row), *column))));
            while let Some((first, common)) = common(&broken, &patterns) {
                let open = self.open(row, common, &kept);
                let open = self.strange(row, self.unusual(row, open, &broken[first], &gaps), &broken[first], &ranges[first]);
                let confidence = broken[first].finding.issue.confidence / open.len() as f64;
                cells.extend(open.iter().map(|at| cell(self.table, broken[first].finding, &self.table.columns[*at], row, confidence)));
                patterns.retain(|at| !broken[*at].columns.iter().any(|column| open.contains(column)));
            }
        }
        surest(cells)
    }

    fn broken<'b>(&self, finding: &'b &Finding) -> Option<BrokenPattern<'b>> {
        let Some(Held::Rows(rows)) = &finding.held else { return None };
        let columns = self.places(&finding.issue.columns);
        (columns.len() == finding.issue.columns.len()).then_some(BrokenPattern { finding, columns, rows })
    }

    fn places(&self, names: &[String]) -> Vec<usize> {
        names.iter().filter_map(|name| self.table.columns.iter().position(|column| column.name == *name)).collect()
    }

    /// The sums and products, by the positions of their columns, with the rows that break them.
    fn kept_formulas(&self) -> Vec<(Vec<usize>, HashSet<usize>)> {
        let formulas = self.patterns.iter().filter(|pattern| pattern.kind != PatternKind::Order);
        formulas.map(|pattern| (self.places(&pattern.columns), pattern.broken_rows.iter().copied().collect())).collect()
    }

    /// The orders that have one column in common with a broken one, by the positions of their columns, each with the least and the greatest gap between
    /// both values in 98 of 100 rows that keep it.
    fn usual_gaps(&self, broken: &[BrokenPattern<'_>]) -> Vec<(Vec<usize>, (f64, f64))> {
        let orders = self.patterns.iter().filter(|pattern| pattern.kind == PatternKind::Order).map(|pattern| self.places(&pattern.columns));
        let is_beside = |places: &[usize], broken: &BrokenPattern<'_>| {
            broken.columns.len() == 2 && places.iter().filter(|at| broken.columns.contains(at)).count() == 1
        };
        let asked = orders.filter(|places| places.len() == 2 && broken.iter().any(|broken| is_beside(places, broken)));
        asked.filter_map(|places| Some((places.clone(), self.usual_gap(&places)?))).collect()
    }

    fn usual_gap(&self, places: &[usize]) -> Option<(f64, f64)> {
        let sizes = |at: usize| -> Vec<Option<f64>> { self.table.columns[at].values.iter().map(|value| size(value)).collect() };
        let (lesser, greater) = (sizes(places[0]), sizes(places[1]));
        let codes = self.table.columns[places[0]].codes.iter().zip(&self.table.columns[places[1]].codes);
        let gap = |(a, b): (&u32, &u32)| {
            let (a, b) = ((*a as usize).checked_sub(1)?, (*b as usize).checked_sub(1)?);
            Some(greater[b]? - lesser[a]?)
        };
        let mut gaps: Vec<f64> = codes.filter_map(gap).filter(|gap| *gap >= 0.0).collect();
        gaps.sort_by(f64::total_cmp);
        Some((*gaps.get(gaps.len() / 100)?, *gaps.get(gaps.len() * 99 / 100)?))
    }

    /// The columns of a broken order without those that lie as far as usual from a third one, if that leaves any.
    fn unusual(&self, row: usize, columns: Vec<usize>, pattern: &BrokenPattern<'_>, gaps: &[(Vec<usize>, (f64, f64))]) -> Vec<usize> {
        let size_of = |at: usize| self.table.columns[at].value(row).and_then(size);
        let is_usual = |places: &[usize], (least, greatest): (f64, f64)| {
            let gap = size_of(places[1]).zip(size_of(places[0])).map(|(greater, lesser)| greater - lesser);
            gap.is_some_and(|gap| (least..=greatest).contains(&gap))
        };
        let is_borne_out = |at: &usize| {
            let mut beside = gaps.iter().filter(|(places, _)| places.contains(at) && !places.iter().all(|at| pattern.columns.contains(at)));
            beside.any(|(places, usual)| is_usual(places, *usual))
        };
        let unusual: Vec<usize> = columns.iter().copied().filter(|at| pattern.columns.len() > 2 || !is_borne_out(at)).collect();
        if unusual.is_empty() { columns } else { unusual }
    }

    /// The columns without those that another sum or product of the row bears out, if that leaves any.
    fn open(&self, row: usize, columns: Vec<usize>, formulas: &[(Vec<usize>, HashSet<usize>)]) -> Vec<usize> {
        let is_kept = |(places, broken): &&(Vec<usize>, HashSet<usize>)| {
            !broken.contains(&row) && places.iter().all(|at| self.table.columns[*at].codes[row] != 0)
        };
        let borne_out: HashSet<usize> = formulas.iter().filter(is_kept).flat_map(|(places, _)| places.iter().copied()).collect();
        let open: Vec<usize> = columns.iter().copied().filter(|at| !borne_out.contains(at)).collect();
        if open.is_empty() { columns } else { open }
    }

    /// The columns whose value lies beyond all that the rows hold which keep the pattern; all where none does.
    fn strange(&self, row: usize, columns: Vec<usize>, pattern: &BrokenPattern<'_>, ranges: &[Option<(f64, f64)>]) -> Vec<usize> {
        let is_beyond = |at: &usize| {
            let place = pattern.columns.iter().position(|column| column == at);
            let range = place.and_then(|place| ranges[place]);
            let size = self.table.columns[*at].value(row).and_then(size);
            range.zip(size).is_some_and(|((least, greatest), size)| size < least || size > greatest)
        };
        let strange: Vec<usize> = columns.iter().copied().filter(is_beyond).collect();
        if strange.is_empty() { columns } else { strange }
    }

    /// The least and the greatest value of each column of a pattern, among the rows that do not break it.
    fn ranges(&self, pattern: &BrokenPattern<'_>) -> Vec<Option<(f64, f64)>> {
        let of = |at: &usize| {
            let column = &self.table.columns[*at];
            let mut kept: Vec<u32> = vec![0; column.values.len() + 1];
            column.codes.iter().for_each(|code| kept[*code as usize] += 1);
            pattern.rows.iter().for_each(|row| kept[column.codes[*row] as usize] -= 1);
            let sizes = column.values.iter().zip(&kept[1..]).filter(|(_, rows)| **rows > 0).filter_map(|(value, _)| size(value));
            sizes.fold(None, |range: Option<(f64, f64)>, size| match range {
                Some((least, greatest)) => Some((least.min(size), greatest.max(size))),
                None => Some((size, size)),
            })
        };
        pattern.columns.iter().map(of).collect()
    }
}

/// The first of some broken patterns that has the columns which most of them have in common, and these columns; `None` where none is left.
fn common(broken: &[BrokenPattern<'_>], patterns: &[usize]) -> Option<(usize, Vec<usize>)> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for column in patterns.iter().flat_map(|at| &broken[*at].columns) {
        *counts.entry(*column).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    let is_common = |column: &&usize| counts[*column] == most;
    let first = patterns.iter().copied().find(|at| broken[*at].columns.iter().any(|column| is_common(&column)))?;
    Some((first, broken[first].columns.iter().filter(is_common).copied().collect()))
}

/// A number, or a moment as seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds are compared, not counted")]
fn size(value: &str) -> Option<f64> {
    let moment = || moment(&Value::Text(value.to_owned())).map(|moment| moment.timestamp() as f64);
    value.trim().parse::<f64>().ok().filter(|number| number.is_finite()).or_else(moment)
}
