//! Where the table of a sheet is: its header, its columns and their types.

use std::collections::BTreeMap;

use calamine::Data;
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::cells::cell;
use crate::parts::Look;
use crate::rows::Cell;
use hw_text::infer::{ANYTHING, Guess, TEXT_ONLY};

/// Among how many rows the header is sought.
const HEADER_ROWS: usize = 30;
/// Years that stand as the names of columns.
const YEARS: std::ops::RangeInclusive<f64> = 1900.0..=2100.0;

/// A row of a sheet: its cells that are not empty, each with its place, from left to right.
pub(super) type Row = [(u32, Data)];

/// How a sheet is to be read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) header: Option<bool>,
    pub(super) skip_rows: usize,
    pub(super) nulls: Vec<String>,
}

impl Reading {
    /// The value at a place of a row.
    pub(super) fn value<'a>(&self, row: &'a Row, at: u32) -> Cell<'a> {
        row.binary_search_by_key(&at, |(place, _)| *place).map_or(Cell::Null, |found| self.of(&row[found].1))
    }

    /// Whether a row has no values.
    pub(super) fn is_empty(&self, row: &Row) -> bool {
        row.iter().all(|(_, data)| self.of(data) == Cell::Null)
    }

    fn of<'a>(&self, data: &'a Data) -> Cell<'a> {
        match cell(data) {
            Cell::Text(text) | Cell::Broken(text) if self.nulls.iter().any(|null| null == text) => Cell::Null,
            cell => cell,
        }
    }
}

/// Where the table of a sheet is.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The first row below the header.
    pub(super) first_row: u32,
    pub(super) columns: Vec<Column>,
}

/// A column of a sheet.
#[derive(Debug)]
pub(super) struct Column {
    /// Its place.
    pub(super) at: u32,
    pub(super) name: String,
}

/// Learns where the table of a sheet is, row by row.
pub(super) struct Survey<'a> {
    reading: &'a Reading,
    /// The first rows, until the header is found among them.
    first: Vec<(u32, Vec<(u32, Data)>)>,
    header: Option<Header>,
    tallies: BTreeMap<u32, Tally>,
    has_rows: bool,
}

struct Header {
    first_row: u32,
    names: BTreeMap<u32, String>,
}

impl<'a> Survey<'a> {
    /// Nothing is known yet.
    pub(super) fn new(reading: &'a Reading) -> Self {
        Self { reading, first: Vec::new(), header: None, tallies: BTreeMap::new(), has_rows: false }
    }

    /// Takes a row into account.
    pub(super) fn see(&mut self, row: u32, cells: &Row) {
        if (row as usize) < self.reading.skip_rows || self.reading.is_empty(cells) {
            return;
        }
        if self.header.is_some() {
            return self.see_values(cells);
        }
        self.first.push((row, cells.to_vec()));
        if self.first.len() >= HEADER_ROWS {
            self.find_header();
        }
    }

    /// The columns, and where the table is.
    pub(super) fn finish(mut self) -> (Look, Sheet) {
        if self.header.is_none() {
            self.find_header();
        }
        let header = self.header.unwrap_or(Header { first_row: 0, names: BTreeMap::new() });
        let mut places: Vec<u32> = header.names.keys().chain(self.tallies.keys()).copied().collect();
        places.sort_unstable();
        places.dedup();
        let first = places.first().copied().unwrap_or_default();
        let name = |at: u32| header.names.get(&at).cloned().unwrap_or_else(|| format!("column_{}", at - first + 1));
        let columns: Vec<Column> = places.iter().map(|at| Column { at: *at, name: name(*at) }).collect();
        let look = Look {
            names: columns.iter().map(|column| column.name.clone()).collect(),
            types: places.iter().map(|at| self.tallies.get(at).map_or(DataType::Null, Tally::data_type)).collect(),
            is_empty: !self.has_rows,
        };
        (look, Sheet { first_row: header.first_row, columns })
    }

    fn find_header(&mut self) {
        let first = std::mem::take(&mut self.first);
        let at = self.header_among(&first);
        let names = at.map(|at| &first[at].1).into_iter().flatten();
        let names = names.filter_map(|(place, data)| Some((*place, one_line(&self.reading.of(data).shown()?)))).collect();
        let below = at.map_or(0, |at| at + 1);
        let first_row = match at {
            Some(at) => first[at].0 + 1,
            None => first.first().map_or(0, |(row, _)| *row),
        };
        self.header = Some(Header { first_row, names });
        for (_, cells) in &first[below..] {
            self.see_values(cells);
        }
    }

    /// Which of the first rows names the columns: the first one of names alone that is about as wide as the table.
    fn header_among(&self, rows: &[(u32, Vec<(u32, Data)>)]) -> Option<usize> {
        let width = |row: &Row| row.iter().filter(|(_, data)| self.reading.of(data) != Cell::Null).count();
        let widest = rows.iter().map(|(_, cells)| width(cells)).max()?;
        let found = rows.iter().position(|(_, cells)| width(cells) * 5 >= widest * 3 && names_columns(cells));
        match self.reading.header {
            None => found,
            Some(true) => found.or(Some(0)),
            Some(false) => None,
        }
    }

    fn see_values(&mut self, cells: &Row) {
        self.has_rows = true;
        for (at, data) in cells {
            let value = self.reading.of(data);
            if value != Cell::Null {
                self.tallies.entry(*at).or_default().see(&value);
            }
        }
    }
}

/// Whether a row holds texts, or years beside a text, and nothing else.
fn names_columns(row: &Row) -> bool {
    let is_name = |data: &Data| match cell(data) {
        Cell::Text(text) => !text.trim().is_empty(),
        Cell::Real(number) => number.fract() == 0.0 && YEARS.contains(&number),
        _ => false,
    };
    let mut cells = row.iter().map(|(_, data)| data).filter(|data| cell(data) != Cell::Null);
    cells.clone().any(|data| matches!(cell(data), Cell::Text(_))) && cells.all(is_name)
}

/// A name without line breaks and blanks at its ends.
fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What values a column has.
#[derive(Default)]
struct Tally {
    values: u64,
    clocks: u64,
    guess: Guess,
}

impl Tally {
    fn see(&mut self, value: &Cell<'_>) {
        let (Some(shown), false) = (value.shown(), matches!(value, Cell::Broken(_))) else { return };
        let is_text = matches!(value, Cell::Text(_));
        self.values += 1;
        self.clocks += u64::from(matches!(value, Cell::Clock(_)) && shown.as_str() < "24");
        self.guess.see(shown.as_bytes(), if is_text { TEXT_ONLY } else { ANYTHING });
    }

    /// The narrowest type that holds every value.
    fn data_type(&self) -> DataType {
        match self.values {
            0 => DataType::Null,
            values if values == self.clocks => DataType::Time64(TimeUnit::Microsecond),
            _ => self.guess.data_type(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::arrow_to_sql_type;

    fn text(text: &str) -> Data {
        if text.is_empty() { Data::Empty } else { Data::String(text.into()) }
    }

    /// Reads rows of words, in which numbers are numbers, and shows what was found.
    fn check(rows: &[&str], reading: &Reading, expected: &str) {
        let mut survey = Survey::new(reading);
        for (number, row) in rows.iter().enumerate() {
            let data = |word: &str| word.parse().map_or_else(|_| text(word), Data::Float);
            let cells = row.split('|').enumerate().map(|(at, word)| (u32::try_from(at).unwrap(), data(word.trim())));
            survey.see(u32::try_from(number).unwrap(), &cells.filter(|(_, data)| *data != Data::Empty).collect::<Vec<_>>());
        }
        let (look, sheet) = survey.finish();
        let columns = look.names.iter().zip(&look.types).map(|(name, data_type)| format!("{name} {}", arrow_to_sql_type(data_type)));
        assert_eq!(format!("{} from row {}", columns.collect::<Vec<_>>().join(", "), sheet.first_row + 1), expected);
    }

    #[test]
    fn the_header_is_below_titles_and_empty_rows() {
        let rows = ["", "Sales of 2026||", "", "id|name|amount", "1|Ada|2.5", "2|Bob|3"];
        check(&rows, &Reading::default(), "id bigint, name text, amount decimal(18,2) from row 5");
        check(&["Region|2025|2026", "North|1|2"], &Reading::default(), "Region text, 2025 bigint, 2026 bigint from row 2");
    }

    #[test]
    fn without_a_header_columns_are_numbered_from_the_first() {
        check(&["|1|2", "|3|4"], &Reading::default(), "column_1 bigint, column_2 bigint from row 1");
        let reading = Reading { header: Some(false), ..Reading::default() };
        check(&["a|b", "c|d"], &reading, "column_1 text, column_2 text from row 1");
    }

    #[test]
    fn every_cell_decides_the_type_and_named_texts_are_missing_values() {
        let mut rows = vec!["id|n"];
        rows.extend(std::iter::repeat_n("1|2", 40));
        rows.push("3|n/a");
        check(&rows, &Reading::default(), "id bigint, n text from row 2");
        check(&rows, &Reading { nulls: vec!["n/a".into()], ..Reading::default() }, "id bigint, n bigint from row 2");
    }

    #[test]
    fn columns_without_a_name_and_values_are_left_out() {
        check(&["id||name|", "1||x|", "2||y|"], &Reading::default(), "id bigint, name text from row 2");
        check(&["id||name", "1|9|x"], &Reading::default(), "id bigint, column_2 bigint, name text from row 2");
    }
}
