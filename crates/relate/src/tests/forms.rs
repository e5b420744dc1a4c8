//! One thing written in several ways, and dependencies whose wrong side must be told.

use super::*;

/// Each of some rows, with one issue in the second column.
fn each(rows: impl Iterator<Item = usize>, issue: &'static str) -> Cells {
    rows.map(|row| (row, 1, issue)).collect()
}

#[test]
fn another_form_is_told_however_often_it_recurs() {
    for every in [100, 20, 10] {
        let is_odd = |row: usize| row % every == 3;
        let day = |row: usize| match (mixed(row) % 12 + 1, mixed(row + 7) % 28 + 1) {
            (month, day) if is_odd(row) && row.is_multiple_of(2) => format!("{day:02}.{month:02}.2022"),
            (month, day) if is_odd(row) => format!("{day:02}/{month:02}/2022"),
            (month, day) => format!("2022-{month:02}-{day:02}"),
        };
        let phone = |row: usize| match (mixed(row) % 900 + 100, mixed(row + 5) % 9_000 + 1_000) {
            (area, number) if is_odd(row) && row.is_multiple_of(2) => format!("{area}-555-{number}"),
            (area, number) if is_odd(row) => format!("+1{area}555{number}"),
            (area, number) => format!("({area}) 555-{number}"),
        };
        let odd = || each((0..1_000).filter(|row| is_odd(*row)), "format_outlier");
        assert_eq!(found(1_000, &[("row", &id), ("day", &day)]), odd(), "one in {every}");
        assert_eq!(found(1_000, &[("row", &id), ("phone", &phone)]), odd(), "one in {every}");
    }
}

#[test]
fn how_a_typed_column_is_printed_is_no_form() {
    let time = |row: usize| match row % 1_000 {
        7 => "00:00:00".to_owned(),
        _ => format!("{:02}:{:02}:{:02}.{:06}", mixed(row) % 24, mixed(row + 1) % 60, mixed(row + 2) % 60, mixed(row + 3) % 900_000 + 1),
    };
    let mut table = generated("things", 2_000, &[("row", &id), ("time", &time)]);
    let told = |table: &CodedTable| {
        let keys = keys(table);
        cells(table, &keys, &dependencies(table, &keys)).into_iter().map(|cell| (cell.row, cell.issue)).collect::<Vec<_>>()
    };
    assert_eq!(told(&table), [(7, "format_outlier"), (1_007, "format_outlier")]);
    table.columns[1].kind = ColumnType::Time;
    assert_eq!(told(&table), []);
}

#[test]
fn postcodes_of_several_shapes_are_one_form() {
    let letter = |seed: usize| char::from(b'A' + u8::try_from(mixed(seed) % 26).unwrap());
    let digit = |seed: usize| mixed(seed) % 10;
    let code = |row: usize| {
        let end = format!("{}{}{}", digit(row), letter(row + 1), letter(row + 2));
        match row % 10 {
            0 => format!("{}{}{}{} {end}", letter(row + 3), letter(row + 4), digit(row + 5), letter(row + 6)),
            1..4 => format!("{}{} {end}", letter(row + 3), digit(row + 5)),
            _ => format!("{}{}{} {end}", letter(row + 3), letter(row + 4), digit(row + 5)),
        }
    };
    assert_eq!(found(1_000, &[("row", &id), ("postcode", &code)]), []);
}

#[test]
fn numbered_codes_begin_with_one_digit() {
    let order = |row: usize| format!("order-{row}");
    let room = |row: usize| format!("Room {} / {}", row, ["Basel", "B"][usize::from(row == 7)]);
    assert_eq!(found(2_000, &[("row", &id), ("order", &order)]), []);
    assert_eq!(found(2_000, &[("row", &id), ("room", &room)]), [(7, 1, "format_outlier")]);
}

#[test]
fn the_order_of_day_and_month_is_that_of_the_column() {
    let date = |row: usize| (mixed(row) % 12 + 1, mixed(row + 7) % 28 + 1);
    let short = |row: usize| format!("{:02}/{:02}/21", date(row).0, date(row).1);
    assert_eq!(found(300, &[("row", &id), ("day", &short)]), [], "many days above 12 show where the day stands");
    let us = |row: usize| if row == 50 { "25/03/2021".to_owned() } else { format!("{:02}/{:02}/2021", date(row).0, date(row).1) };
    assert_eq!(found(300, &[("row", &id), ("day", &us)]), [(50, 1, "format_outlier")]);
    let iso = |row: usize| if row == 50 { "2021-13-05".to_owned() } else { format!("2021-{:02}-{:02}", date(row).0, date(row).1) };
    assert_eq!(found(300, &[("row", &id), ("day", &iso)]), [(50, 1, "implausible_date")]);
}

#[test]
fn days_that_recur_in_many_rows_show_an_order_as_days() {
    // Four days of elections in nearly all rows, and primaries on other days, half of which show that the month stands first.
    let day = |row: usize| match row % 20 {
        0 => format!("{}/{}/08", row / 20 % 6 + 1, row / 20 + 2),
        at => ["11/4/08", "11/2/10", "11/6/12", "11/7/16"][at % 4].to_owned(),
    };
    let slipped = |row: usize| if row == 1 { "25/3/08".to_owned() } else { day(row) };
    let told = |day: &dyn Fn(usize) -> String| found(480, &[("row", &id), ("day", day)]).len();
    assert_eq!(told(&day), 0);
    assert!(told(&slipped) > 400, "one against thirteen proves nothing of the others");
}

#[test]
fn a_year_of_another_century_lies_apart() {
    let born = |row: usize| match row {
        50 => "2052-02-10".to_owned(),
        60 => "1762-11-08".to_owned(),
        _ => format!("{}-{:02}-{:02}", 1940 + mixed(row) % 65, mixed(row + 3) % 12 + 1, mixed(row + 7) % 28 + 1),
    };
    assert_eq!(found(1_000, &[("row", &id), ("born", &born)]), each([50, 60].into_iter(), "implausible_date"));
}

#[test]
fn numbered_answers_have_no_unit() {
    let answer = |row: usize| if mixed(row) % 10 < 3 { "2. No" } else { "1. Yes" }.to_owned();
    let plain = |row: usize| if mixed(row) % 10 < 3 { "2 No" } else { "1 Yes" }.to_owned();
    assert_eq!(found(1_000, &[("row", &id), ("answer", &answer), ("plain", &plain)]), []);
}

#[test]
fn a_number_in_another_unit_is_not_taken_over_as_it_is() {
    let weight = |row: usize| format!("{}.5 {}", mixed(row) % 90 + 40, if row == 30 { "lb" } else { "kg" });
    let table = generated("people", 200, &[("row", &id), ("weight", &weight)]);
    let found = cells(&table, &keys(&table), &crate::Dependencies::default());
    assert_eq!(found.iter().map(|cell| (cell.row, cell.issue, cell.suggestion.clone())).collect::<Vec<_>>(), [(30, "unit_mixture", None)]);
}

#[test]
fn a_number_with_a_unit_is_taken_over_where_it_lies_among_the_others() {
    let suggested = |value: &dyn Fn(usize) -> String| {
        let table = generated("things", 300, &[("row", &id), ("value", value)]);
        let found = cells(&table, &keys(&table), &crate::Dependencies::default());
        found.into_iter().map(|cell| (cell.row, cell.issue, cell.suggestion)).collect::<Vec<_>>()
    };
    let height = |row: usize| match row {
        30 => "165cm".to_owned(),
        60 => "6'".to_owned(),
        90 => "70 in.".to_owned(),
        _ => (60 + mixed(row) % 16).to_string(),
    };
    let area = |row: usize| format!("{}{}", 1_000 + mixed(row) % 8_000, if row == 30 { " sq. miles" } else { "" });
    let in_inches = [(30, None), (60, None), (90, Some("70".to_owned()))];
    assert_eq!(suggested(&height), in_inches.map(|(row, told)| (row, "unit_mixture", told)));
    assert_eq!(suggested(&area), [(30, "unit_mixture", Some((1_000 + mixed(30) % 8_000).to_string()))]);
}

#[test]
fn a_point_in_a_number_is_no_mark() {
    let budget = |row: usize| match row {
        30 => "$1.1M".to_owned(),
        _ if row % 10 == 3 => "$11M".to_owned(),
        _ => format!("${}.{:02}M", mixed(row) % 9 + 1, mixed(row + 3) % 90 + 10),
    };
    assert_eq!(found(300, &[("row", &id), ("budget", &budget)]), []);
}

#[test]
fn a_letter_is_a_slip_where_few_numbers_have_one() {
    let pressure = |row: usize| match row {
        100 => "10O".to_owned(),
        200 => "6I".to_owned(),
        300 => "4b".to_owned(),
        _ => (60 + mixed(row) % 100).to_string(),
    };
    assert_eq!(found(1_000, &[("row", &id), ("pressure", &pressure)]), each([100, 200, 300].into_iter(), "type_outlier"));
}

#[test]
fn a_sign_is_wrong_where_all_others_are_above_zero() {
    let wage = |row: usize| {
        let size = 20.0 + 4.0 * (0..6).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 100.0).sum::<f64>();
        format!("{}{size:.2}", if row % 100 == 50 { "-" } else { "" })
    };
    assert_eq!(found(1_000, &[("row", &id), ("wage", &wage)]), each((0..1_000).filter(|row| row % 100 == 50), "wrong_sign"));
    // A few days below zero, the more of them the nearer to it.
    let warmth = |row: usize| {
        let drawn = (0..12).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 1_000.0).sum::<f64>() - 6.0;
        format!("{:.2}", 2.2 + drawn)
    };
    assert_eq!(found(1_000, &[("row", &id), ("warmth", &warmth)]), []);
    // An index of which each number recurs, and those below zero among themselves alone.
    let index = |row: usize| match row % 50 {
        7 => ["-1.089", "-0.889", "-2.304"][row / 50 % 3].to_owned(),
        _ => format!("{:.2}", 0.31 + 0.05 * (mixed(row) % 60) as f64),
    };
    assert_eq!(found(1_000, &[("row", &id), ("index", &index)]), []);
    // Ages that recur, and a few below zero that are none of them.
    let age = |row: usize| match row % 100 {
        50 => format!("-{}.{}", 30 + mixed(row) % 25, 1 + row / 100),
        _ => (1 + mixed(row) % 80).to_string(),
    };
    assert_eq!(found(1_000, &[("row", &id), ("age", &age)]), each((0..1_000).filter(|row| row % 100 == 50), "wrong_sign"));
}

#[test]
fn among_signed_numbers_of_the_same_size_a_rare_sign_is_no_slip() {
    let coordinate = |row: usize, salt: usize, below: usize| {
        let (turn, size) = (mixed(row + 10_000 * salt) % 100, mixed(row + 10_000 * salt + 5_000) % 800 + 200);
        format!("{}0.{size}", if turn < below { "-" } else { "" })
    };
    let told = |below: usize| {
        let names: Vec<String> = (2..8).map(|salt| format!("x{salt}")).collect();
        let others: Vec<_> = (2..8).map(|salt| move |row| coordinate(row, salt, below)).collect();
        let x = |row: usize| coordinate(row, 1, 5);
        let mut columns: Vec<(&str, &dyn Fn(usize) -> String)> = vec![("row", &id), ("x", &x)];
        columns.extend(names.iter().zip(&others).map(|(name, values)| (name.as_str(), values as &dyn Fn(usize) -> String)));
        found(1_000, &columns).into_iter().filter(|(_, column, issue)| *column == 1 && *issue == "wrong_sign").count()
    };
    assert_eq!(told(45), 0);
    assert!(told(0) > 20, "columns that are never below zero are no nature of the table");
}

#[test]
fn a_return_is_below_zero_in_quantity_and_amount() {
    let sign = |row: usize, slips: usize| if row % 50 == 7 || row == slips { "-" } else { "" };
    let quantity = |row: usize| format!("{}{}", sign(row, usize::MAX), 1 + mixed(row) % 9);
    let amount = |row: usize| format!("{}{}.{:02}", sign(row, 400), 20 + mixed(row + 1) % 60, mixed(row + 2) % 100);
    let told = found(1_000, &[("row", &id), ("quantity", &quantity), ("amount", &amount)]);
    assert_eq!(told, [(400, 2, "wrong_sign")]);
}

#[test]
fn on_a_clock_nothing_stands_apart() {
    let hour = |row: usize| mixed(row) % 24;
    let late = |row: usize| if row % 40 == 7 { 3 } else { 1 };
    let arrives = |row: usize| ((hour(row) + late(row)) % 24 * 100 + mixed(row + 3) % 60).to_string();
    assert_eq!(found(2_000, &[("row", &id), ("hour", &|row| hour(row).to_string()), ("arrives", &arrives)]), []);
}

#[test]
fn what_says_nothing_contradicts_nothing() {
    let model = |row: usize| mixed(row) % 40;
    let speed = |row: usize| if model(row) < 30 || row % 100 == 9 { (90 + 3 * model(row)).to_string() } else { "NA".to_owned() };
    let told = found(1_000, &[("row", &id), ("model", &|row| format!("model {}", model(row))), ("speed", &speed)]);
    assert!(told.iter().all(|(_, _, issue)| *issue == "disguised_missing"), "{told:?}");
    assert_eq!(told.len(), (0..1_000).filter(|row| speed(*row) == "NA").count());
}

#[test]
fn numbers_are_held_against_the_others_that_are_not_zero() {
    let rain = |row: usize| match row {
        100 => "1147.3".to_owned(),
        200 => "-380.0".to_owned(),
        _ if mixed(row) % 10 < 6 => "0.0".to_owned(),
        _ => format!("{:.1}", (mixed(row + 3) % 500) as f64 / 10.0),
    };
    assert_eq!(found(1_000, &[("row", &id), ("rain", &rain)]), each([100, 200].into_iter(), "numeric_outlier"));
}

/// Forty products in fifty rows each: code, name, category, price.
fn product(row: usize) -> usize {
    mixed(row) % 40
}

const CATEGORIES: [&str; 6] = ["tools", "garden", "kitchen", "office", "toys", "sport"];

#[test]
fn few_values_are_told_by_many_as_well() {
    for every in [25, 12, 10] {
        let is_odd = |row: usize| row % every == 3;
        let category = |row: usize| CATEGORIES[(product(row) + usize::from(is_odd(row)) * (1 + row % 5)) % 6].to_owned();
        let name = |row: usize| {
            format!("product {}", char::from(b'A' + u8::try_from(product(row) % 26).unwrap())) + &"x".repeat(product(row) / 26)
        };
        let told = found(2_000, &[("row", &id), ("product", &name), ("category", &category)]);
        let odd: Cells = (0..2_000).filter(|row| is_odd(*row)).map(|row| (row, 2, "contradicts_dependency")).collect();
        assert_eq!(told, odd, "one in {every}");
    }
}

#[test]
fn a_column_that_others_agree_with_is_not_accused() {
    let wrong = |row: usize, salt: usize| mixed(row + 31 * salt) % 100 < 8;
    let other = |row: usize, salt: usize| if wrong(row, salt) { (product(row) + 1 + mixed(row + salt) % 38) % 40 } else { product(row) };
    let code = |row: usize| format!("P-{}", 100 + product(row));
    let name = |row: usize| format!("thing of {}", ["oak", "ash", "fir", "elm", "yew"][other(row, 1) % 5]) + &"!".repeat(other(row, 1) / 5);
    let category = |row: usize| CATEGORIES[other(row, 2) % 6].to_owned();
    let price = |row: usize| format!("{}.5", 3 + 7 * other(row, 3));
    let told = found(2_000, &[("row", &id), ("code", &code), ("name", &name), ("category", &category), ("price", &price)]);
    assert_eq!(told.iter().filter(|(_, column, _)| *column == 1).count(), 0, "no code is wrong");
    let names = told.iter().filter(|(row, column, _)| *column == 2 && wrong(*row, 1)).count();
    assert!(names * 20 >= 19 * (0..2_000).filter(|row| wrong(*row, 1)).count(), "{names} names");
}

#[test]
fn three_against_two_is_no_vote() {
    // Each car has its number of cylinders, but one that was built in two ways.
    let car = |row: usize| format!("car {}", word(row / 5));
    let cylinders = |row: usize| if row / 5 == 20 { ["6", "8"][usize::from(row % 5 > 2)] } else { ["4", "6", "8"][row / 5 % 3] }.to_owned();
    assert_eq!(found(400, &[("row", &id), ("car", &car), ("cylinders", &cylinders)]), []);
}

/// A word of four letters, another one for each number.
fn word(number: usize) -> String {
    (0..4).map(|place| char::from(b'a' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap())).collect()
}

#[test]
fn languages_and_towns_are_not_missing() {
    let code = |row: usize| if row == 70 { "nan".to_owned() } else { word(row * 7 + 1)[..3].to_owned() };
    let town = |row: usize| if row == 70 { "Nan".to_owned() } else { format!("{}{}", ["Bad ", "Alt"][row % 2], word(row)) };
    assert_eq!(found(300, &[("row", &id), ("alpha_3", &code), ("town", &town)]), []);
}
