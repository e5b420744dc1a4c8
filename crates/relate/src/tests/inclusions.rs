//! References that the values tell where the names do not.

use super::*;

/// The references found, as `table.column > table.column orphans`, the best first.
fn told(tables: &[&CodedTable]) -> Vec<String> {
    let names = |columns: &crate::TableColumns| {
        let table = tables[columns.table];
        format!("{}.{}", table.name, columns.columns.iter().map(|at| table.columns[*at].name.as_str()).collect::<Vec<_>>().join("+"))
    };
    references(tables).iter().map(|one| format!("{} > {} {}", names(&one.from), names(&one.to), one.orphans)).collect()
}

fn code(at: usize) -> String {
    [at / 676, at / 26, at].map(|part| char::from(b'A' + u8::try_from(part % 26).unwrap())).iter().collect()
}

fn airports() -> CodedTable {
    generated("airports", 1_400, &[("faa", &|row| code(row * 11)), ("city", &|row| format!("City {}", mixed(row) % 900))])
}

#[test]
fn codes_refer_whatever_their_names() {
    let flights = generated(
        "flights",
        3_000,
        &[
            ("origin", &|row| code([5, 99, 700][row % 3] * 11)),
            ("dest", &|row| if mixed(row).is_multiple_of(14) { format!("Q{}", row % 7) } else { code(mixed(row) % 90 * 11) }),
            ("stops", &|row| (mixed(row) % 40 + 1).to_string()),
        ],
    );
    let orphans = (0..3_000).filter(|row| mixed(*row).is_multiple_of(14)).count();
    let mut found = told(&[&airports(), &flights]);
    found.sort();
    assert_eq!(found, [format!("flights.dest > airports.faa {orphans}"), "flights.origin > airports.faa 0".to_owned()]);
}

#[test]
fn small_numbers_refer_to_nothing_by_chance() {
    let rooms = generated("rooms", 80, &[("room_id", &|row| (row + 1).to_string()), ("label", &|row| format!("Room {row}"))]);
    let orders = generated("orders", 2_000, &[("order_key", &|row| (row / 8 * 32 + row % 8 + 1).to_string())]);
    let reviews = generated(
        "reviews",
        1_500,
        &[
            ("review_no", &|row| (row + 9_000).to_string()),
            ("likes", &|row| (mixed(row) % 60 + 1).to_string()),
            ("line", &|row| (row % 7 + 1).to_string()),
        ],
    );
    assert_eq!(told(&[&rooms, &orders, &reviews]), [""; 0]);
}

#[test]
fn of_two_tables_of_people_the_tighter_one_is_meant() {
    let people = generated("person", 1_200, &[("id", &|row| (row + 1).to_string()), ("name", &|row| format!("Name {row}"))]);
    let teachers = generated("instructor", 80, &[("id", &|row| (row + 1).to_string()), ("rank", &|row| ["a", "b"][row % 2].to_owned())]);
    let sections = generated(
        "section",
        900,
        &[("section_no", &|row| (row + 5_000).to_string()), ("taught_by", &|row| (mixed(row) % 80 + 1).to_string())],
    );
    assert_eq!(told(&[&people, &teachers, &sections]), ["section.taught_by > instructor.id 0"]);
}
