//! Things that are recorded twice.

use super::*;
use crate::{cells_told_by, copies, near_duplicates};

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

/// 300 people of whom so many are loaded once more, under new keys.
fn loaded_again(again: usize) -> CodedTable {
    let of = |row: usize| if row < 300 { row } else { row - 300 };
    generated(
        "people",
        300 + again,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("name", &|row| person(of(row)).0),
            ("street", &|row| person(of(row)).1),
            ("phone", &|row| person(of(row)).2),
        ],
    )
}

#[test]
fn a_batch_that_was_loaded_again_is_found_however_large_it_is() {
    for again in [15, 60, 150, 300] {
        let people = loaded_again(again);
        let found = near_duplicates(&people, &keys(&people)).pairs;
        let expected: Vec<(usize, usize)> = (0..again).map(|row| (row, 300 + row)).collect();
        assert_eq!(found.iter().map(|pair| (pair.repeats, pair.row)).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn batches_that_were_loaded_twice_and_three_times_are_found() {
    let of = |row: usize| match row {
        0..300 => row,
        300..400 => row - 100,
        _ => row - 200,
    };
    let people = generated(
        "people",
        450,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("name", &|row| person(of(row)).0),
            ("street", &|row| person(of(row)).1),
            ("phone", &|row| person(of(row)).2),
        ],
    );
    let found = near_duplicates(&people, &keys(&people)).pairs;
    let expected: Vec<(usize, usize)> = (300..450).map(|row| (of(row), row)).collect();
    assert_eq!(found.iter().map(|pair| (pair.repeats, pair.row)).collect::<Vec<_>>(), expected);
}

#[test]
fn many_rows_that_are_alike_by_chance_are_no_batch() {
    let views = generated(
        "views",
        600,
        &[
            ("id", &|row| row.to_string()),
            ("page", &|row| format!("page about {}", LAST[row % 10].repeat(1 + row % 7)) + &"x".repeat(mixed(row) % 6)),
            ("device", &|row| ["phone", "desktop"][mixed(row + 1) % 2].to_owned()),
        ],
    );
    assert_eq!(near_duplicates(&views, &keys(&views)).pairs, []);
}

#[test]
fn copies_tell_of_no_rule_and_accuse_nobody() {
    // A phone that two people share, of whom one is loaded again.
    let of = |row: usize| if row < 300 { row } else { row - 300 };
    let phone = |row: usize| if row == 200 { person(3).2 } else { person(of(row)).2 };
    let people = generated(
        "people",
        400,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("name", &|row| person(of(row)).0),
            ("street", &|row| person(of(row)).1),
            ("phone", &phone),
        ],
    );
    let keys = keys(&people);
    let again: Vec<usize> = near_duplicates(&people, &keys).pairs.iter().map(|pair| pair.row).collect();
    let singles = people.without(&again);
    assert_eq!((again.len(), singles.coded_rows(), singles.sampled.as_ref().and_then(|rows| rows.last().copied())), (100, 300, Some(299)));
    let found = dependencies(&singles, &keys);
    let told = cells_told_by(&singles, &people, &keys, &found);
    assert!(told.iter().all(|cell| cell.issue != "contradicts_dependency"), "{told:?}");
}

#[test]
fn copies_equal_an_earlier_row_in_every_column() {
    let twice = table("t", "a|b\n1|x\n2|y\n1|x\n1|y\n1|x");
    assert_eq!(copies(&twice), [2, 4]);
}
