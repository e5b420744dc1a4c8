//! Things that are recorded twice.

use super::*;
use crate::near_duplicates;

const FIRST: [&str; 12] = ["Anna", "Bruno", "Carla", "Dieter", "Elisa", "Franz", "Greta", "Hans", "Ines", "Jakob", "Klara", "Lukas"];
const LAST: [&str; 10] =
    ["Schneider", "Hoffmann", "Wagner", "Fischer", "Kowalski", "Neumann", "Zimmermann", "Braun", "Krueger", "Hartmann"];

fn person(row: usize) -> (String, String, String) {
    let name = format!("{} {} {}", FIRST[row % 12], LAST[row / 12 % 10], ["Maria", "Josef", "Paul"][row / 120 % 3]);
    (name, format!("{} Street", LAST[mixed(row) % 10]), (mixed(row + 9) % 90_000_000).to_string())
}

/// 300 people; the last three rows are the first three again: in capitals, with a slip, and with another number in the name.
fn people() -> CodedTable {
    let cell = |row: usize| match row {
        300 => (person(0).0.to_uppercase().replace(' ', "  "), person(0).1, person(0).2),
        301 => (person(1).0.replace("Bruno", "Brino"), person(1).1, person(1).2),
        302 => (format!("{} 2", person(2).0), person(2).1, person(2).2),
        row => person(row),
    };
    generated(
        "people",
        303,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("name", &|row| cell(row).0),
            ("street", &|row| cell(row).1),
            ("phone", &|row| cell(row).2),
        ],
    )
}

#[test]
fn one_thing_recorded_twice_is_found() {
    let people = people();
    let found = near_duplicates(&people, &keys(&people));
    let pairs: Vec<(usize, usize, Option<usize>)> = found.pairs.iter().map(|pair| (pair.repeats, pair.row, pair.slip_in)).collect();
    assert_eq!((pairs, &found.compared[..]), (vec![(0, 300, None), (1, 301, Some(1))], &[1, 2, 3][..]));
}

#[test]
fn rows_without_a_name_are_no_things() {
    let log = generated(
        "log",
        400,
        &[
            ("id", &|row| row.to_string()),
            ("level", &|row| ["info", "warn"][row % 2].to_owned()),
            ("size", &|row| (mixed(row) % 5).to_string()),
        ],
    );
    assert_eq!(near_duplicates(&log, &keys(&log)).pairs, []);
}

#[test]
fn rows_that_are_equal_do_not_hide_those_that_nearly_are() {
    let mut people = people();
    for column in &mut people.columns {
        column.codes.push(column.codes[77]);
    }
    people.rows += 1;
    let found = near_duplicates(&people, &keys(&people));
    let pairs: Vec<(usize, usize)> = found.pairs.iter().map(|pair| (pair.repeats, pair.row)).collect();
    assert_eq!((pairs, &found.compared[..]), (vec![(0, 300), (1, 301)], &[1, 2, 3][..]));
}
