//! Rows that slipped by one column, and rows that only look so.

use super::*;

#[test]
fn a_row_that_slipped_by_one_column_is_told_from_there_to_its_end() {
    let name = |row: usize| ["Anna", "Bela", "Cleo", "Dora", "Emil"][mixed(row) % 5].to_owned();
    let gender = |row: usize| ["male", "female"][mixed(row + 1) % 2].to_owned();
    let age = |row: usize| (18 + mixed(row + 2) % 60).to_string();
    let day = |row: usize| format!("2024-{:02}-{:02}", mixed(row + 3) % 12 + 1, mixed(row + 4) % 28 + 1);
    let slip = |row: usize| match row % 100 {
        20 => "right",
        70 => "left",
        _ => "none",
    };
    let cell = |row: usize, [before, own, after]: [&dyn Fn(usize) -> String; 3]| match slip(row) {
        "right" => before(row),
        "left" => after(row),
        _ => own(row),
    };
    let none = |_: usize| String::new();
    let told = found(
        800,
        &[
            ("row", &id),
            ("name", &|row| cell(row, [&none, &name, &gender])),
            ("gender", &|row| cell(row, [&name, &gender, &age])),
            ("age", &|row| cell(row, [&gender, &age, &day])),
            ("day", &|row| cell(row, [&age, &day, &none])),
        ],
    );
    let places: Vec<(usize, usize)> = told.iter().map(|(row, column, _)| (*row, *column)).collect();
    let slipped = (0..800).filter(|row| slip(*row) != "none");
    assert_eq!(places, slipped.flat_map(|row| (1..5).map(move |column| (row, column))).collect::<Vec<_>>());
}

/// The columns in which a row of a table is told, each with what is suggested.
fn told(row: usize, rows: usize, columns: &[(&str, &dyn Fn(usize) -> String)]) -> Vec<(usize, &'static str, Option<String>)> {
    let table = generated("things", rows, columns);
    let cells = cells(&table, &keys(&table), &crate::Dependencies::default());
    cells.into_iter().filter(|cell| cell.row == row).map(|cell| (cell.column, cell.issue, cell.suggestion)).collect()
}

#[test]
fn a_row_of_great_numbers_has_not_slipped() {
    let town = |row: usize| format!("Town {row}");
    let votes = |share: usize| move |row: usize| (share * (200 + mixed(row + share) % 100) * if row == 100 { 10 } else { 1 }).to_string();
    let (a, b, c, d) = (votes(1_000), votes(100), votes(10), votes(1));
    let cells = told(100, 400, &[("town", &town), ("a", &a), ("b", &b), ("c", &c), ("d", &d)]);
    assert!(cells.iter().all(|(_, issue, _)| *issue != "swapped_value"), "{cells:?}");
}

/// Penguins, of which a row may hold other cells.
fn penguin(at: usize, row: usize) -> String {
    match at {
        0 => ["Adelie", "Gentoo", "Chinstrap"][mixed(row) % 3].to_owned(),
        1 => (170 + mixed(row + 1) % 60).to_string(),
        2 => (2_700 + 25 * (mixed(row + 2) % 140)).to_string(),
        3 => ["m", "f"][mixed(row + 3) % 2].to_owned(),
        4 => (2007 + mixed(row + 4) % 3).to_string(),
        _ => ["Dream", "Biscoe", "Torgersen"][mixed(row + 5) % 3].to_owned(),
    }
}

/// What is told of row 100 of 400 penguins, of which it holds the cells of other columns.
fn told_of(holds: [usize; 6]) -> Vec<(usize, Option<String>)> {
    let cell = |at: usize| move |row: usize| penguin(if row == 100 { holds[at] } else { at }, row);
    let columns: Vec<_> = (0..6).map(cell).collect();
    let names = ["species", "flipper", "mass", "sex", "year", "island"];
    let columns: Vec<(&str, &dyn Fn(usize) -> String)> =
        names.into_iter().zip(columns.iter().map(|column| column as &dyn Fn(usize) -> String)).collect();
    told(100, 400, &columns).into_iter().map(|(column, _, suggestion)| (column, suggestion)).collect()
}

#[test]
fn two_neighbours_that_are_exchanged_have_not_slipped() {
    let [sex, year] = [3, 4].map(|at| penguin(at, 100));
    assert_eq!(told_of([0, 1, 2, 4, 3, 5]), [(3, Some(sex)), (4, Some(year))]);
}

#[test]
fn a_value_that_is_written_twice_moves_those_behind_it() {
    let told = told_of([0, 1, 2, 2, 3, 4]);
    assert_eq!(told[..2], [3, 4].map(|at| (at, Some(penguin(at, 100)))));
    assert_eq!((told.len(), told[2].0), (3, 5), "what belongs into the last cell is lost");
}
