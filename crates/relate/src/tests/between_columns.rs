//! Orders, sums, products and conditions between the columns of small tables.

use super::*;
use crate::{Operation, Partner, patterns};

fn with_kind(mut table: CodedTable, kinds: &[(&str, ColumnType)]) -> CodedTable {
    for column in &mut table.columns {
        if let Some((_, kind)) = kinds.iter().find(|(name, _)| *name == column.name) {
            column.kind = *kind;
        }
    }
    table
}

fn day(number: usize) -> String {
    format!("2026-{:02}-{:02}", number / 28 % 12 + 1, number % 28 + 1)
}

/// Orders with a true order of days, a sum and a product, each broken in one row, and an id that is less than the amount.
fn orders() -> CodedTable {
    let start = |row: usize| mixed(row) % 200;
    let quantity = |row: usize| mixed(row + 5) % 9 + 1;
    let price = |row: usize| mixed(row + 77) % 5_000 + 100;
    let net = move |row: usize| quantity(row) * price(row);
    let tax = move |row: usize| net(row) / 5 + mixed(row) % 7;
    let cents = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
    let table = generated(
        "orders",
        500,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("start_day", &|row| day(start(row))),
            ("end_day", &|row| if row == 40 { day(0) } else { day(start(row) + mixed(row + 3) % 30) }),
            ("quantity", &|row| quantity(row).to_string()),
            ("unit_price", &|row| cents(price(row))),
            ("net", &|row| cents(if row == 9 { net(row) + 50 } else { net(row) })),
            ("tax", &|row| cents(tax(row))),
            ("gross", &|row| {
                cents(if row == 9 { net(row) + 50 } else { net(row) } + usize::from(row == 77) + tax(row) + if row == 78 { 900 } else { 0 })
            }),
        ],
    );
    let decimal = ColumnType::Decimal;
    with_kind(
        table,
        &[
            ("start_day", ColumnType::Date),
            ("end_day", ColumnType::Date),
            ("unit_price", decimal),
            ("net", decimal),
            ("tax", decimal),
            ("gross", decimal),
        ],
    )
}

#[test]
fn orders_sums_and_products_are_found_with_the_rows_that_break_them() {
    let found = patterns(&orders());
    let told: Vec<(usize, usize, &[usize], bool)> =
        found.orders.iter().map(|order| (order.lesser, order.greater, &order.violations[..], order.is_named)).collect();
    assert_eq!(told, [(1, 2, &[40][..], true)], "{:?}", found.orders);
    let told: Vec<(Operation, &[usize], usize, &[usize])> =
        found.formulas.iter().map(|one| (one.operation, &one.parts[..], one.result, &one.violations[..])).collect();
    assert_eq!(told, [(Operation::Product, &[3, 4][..], 5, &[9][..]), (Operation::Sum, &[5, 6][..], 7, &[78][..])]);
}

#[test]
fn columns_that_have_nothing_to_do_with_each_other_say_nothing() {
    let number = |seed: usize, most: usize| move |row: usize| (mixed(row * 31 + seed) % most).to_string();
    let (age, score, year, rooms) = (number(1, 90), number(2, 100), number(3, 40), number(4, 6));
    let flat = generated(
        "flats",
        800,
        &[
            ("id", &|row| row.to_string()),
            ("age", &age),
            ("score", &score),
            ("year", &year),
            ("rooms", &rooms),
            ("price", &|row| (mixed(row) % 9_000 + 1_000).to_string()),
        ],
    );
    let found = patterns(&flat);
    assert!(found.orders.is_empty() && found.formulas.is_empty() && found.conditions.is_empty(), "{found:?}");
}

/// Tickets that end when they are closed; two closed ones lack the end, one open one has it.
#[test]
fn a_column_is_filled_depending_on_another() {
    let status = |row: usize| ["open", "closed", "new"][mixed(row) % 3];
    let closed: Vec<usize> = (0..600).filter(|row| status(*row) == "closed").take(2).collect();
    let open = (0..600).find(|row| status(*row) == "open").unwrap();
    let tickets = generated(
        "tickets",
        600,
        &[
            ("id", &|row| row.to_string()),
            ("status", &|row| status(row).to_owned()),
            ("ended_at", &|row| {
                if (status(row) == "closed" && !closed.contains(&row)) || row == open { day(row) } else { String::new() }
            }),
            ("note", &|row| if mixed(row + 1).is_multiple_of(3) { String::new() } else { format!("note {row}") }),
        ],
    );
    let found = patterns(&tickets).conditions;
    let [only] = &found[..] else { panic!("{found:?}") };
    let Partner::Values { missing, filled } = &only.partner else { panic!("{only:?}") };
    let mut missing = missing.clone();
    missing.sort();
    assert_eq!((only.column, only.by, only.is_exact), (2, 1, true));
    assert_eq!((missing, filled.clone()), (vec![Some("new".to_owned()), Some("open".to_owned())], vec![Some("closed".to_owned())]));
    assert_eq!((&only.unexplained, &only.unexpected), (&closed, &vec![open]));
}

#[test]
fn a_category_of_which_many_rows_have_a_value_explains_no_missing_one() {
    let planets = |filled: usize| {
        let method = |row: usize| if row.is_multiple_of(20) { "imaging" } else { "transit" };
        let is_empty = |row: usize| row.is_multiple_of(20) && !(row / 20).is_multiple_of(filled);
        let period = |row: usize| if is_empty(row) { String::new() } else { row.to_string() };
        patterns(&generated("planets", 1_000, &[("method", &|row| method(row).to_owned()), ("period", &period)])).conditions
    };
    assert!(planets(3).iter().all(|one| !one.is_exact), "a third has one");
    let few = planets(25);
    assert!(matches!(&few[..], [only] if only.is_exact && only.unexpected == [0, 500]), "{few:?}");
}

#[test]
fn all_missing_values_may_be_those_of_one_category() {
    let shop = |row: usize| mixed(row) % 8;
    let table = generated(
        "visits",
        2_500,
        &[
            ("shop", &|row| format!("shop {}", shop(row))),
            ("visitors", &|row| {
                if shop(row) == 3 && mixed(row + 1).is_multiple_of(2) { String::new() } else { (mixed(row) % 500).to_string() }
            }),
        ],
    );
    let found = patterns(&table).conditions;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].is_exact && found[0].unexplained.is_empty());
}

#[test]
fn cells_that_do_not_read_are_left_out_and_the_rest_is_judged() {
    let mut table = orders();
    for (name, row, text) in [("net", 120, "12O.5"), ("start_day", 121, "unknown"), ("end_day", 122, "31/12/2026")] {
        let column = table.columns.iter_mut().find(|column| column.name == name).unwrap();
        column.kind = ColumnType::Text;
        column.values.push(text.to_owned());
        column.codes[row] = u32::try_from(column.values.len()).unwrap();
    }
    let found = patterns(&table);
    let told: Vec<(usize, usize, &[usize])> =
        found.orders.iter().map(|order| (order.lesser, order.greater, &order.violations[..])).collect();
    assert_eq!(told, [(1, 2, &[40][..])]);
    let told: Vec<(usize, &[usize])> = found.formulas.iter().map(|one| (one.result, &one.violations[..])).collect();
    assert_eq!(told, [(5, &[9][..]), (7, &[78][..])]);
}

/// A speed in 23 of 3,000 rows, of 13 years: the years were picked row by row.
#[test]
fn values_that_were_picked_row_by_row_are_no_condition() {
    let year = |row: usize| 1956 + row % 40;
    let planes = generated(
        "planes",
        3_000,
        &[
            ("year", &|row| year(row).to_string()),
            ("speed", &|row| if row < 46 && row.is_multiple_of(2) { (90 + row).to_string() } else { String::new() }),
        ],
    );
    assert_eq!(patterns(&planes).conditions, []);
}

#[test]
fn an_order_that_rows_cross_as_readily_as_they_come_near_to_it_is_none() {
    // The usual low of a day of the year, and the mean of one day.
    let usual = |row: usize| 40 + row / 10 % 40;
    let varied = |row: usize| (0..12).map(|salt| mixed(row + 10_000 * salt) % 100).sum::<usize>() / 20;
    let broken = |mean: &dyn Fn(usize) -> usize| {
        let columns: [(&str, &dyn Fn(usize) -> String); 2] =
            [("usual_min_temp", &|row| usual(row).to_string()), ("mean_temp", &|row| mean(row).to_string())];
        let found = patterns(&generated("days", 1_000, &columns));
        found.orders.iter().map(|order| order.violations.len()).collect::<Vec<_>>()
    };
    assert_eq!(broken(&|row| usual(row) + varied(row) - 20), Vec::<usize>::new());
    assert_eq!(broken(&|row| usual(row) + varied(row) / 2 + 1 - if row % 100 == 7 { 40 } else { 0 }), [10]);
}
