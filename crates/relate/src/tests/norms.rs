//! What is wrong by the norm of its column, of its group, or of the column beside it.

use super::*;
use crate::are_alike_by_chance;

fn found(table: &CodedTable) -> Vec<(usize, usize, &'static str)> {
    let keys = keys(table);
    cells(table, &keys, &dependencies(table, &keys)).into_iter().map(|cell| (cell.row, cell.column, cell.issue)).collect()
}

fn id(row: usize) -> String {
    (row + 5000).to_string()
}

#[test]
fn letters_at_a_number_make_a_code_and_no_unit() {
    let item = |row: usize| format!("S{}{}", mixed(row) % 3 + 1, ["Curse", "Scold", "Shout"][row % 3]);
    let county = |row: usize| format!("{}{:05}", ["CN", "PA"][mixed(row) % 2], mixed(row + 1) % 90_000);
    let house = |row: usize| format!("{}{}", mixed(row) % 90 + 10, if row.is_multiple_of(3) { "A" } else { "" });
    assert_eq!(found(&generated("answers", 300, &[("row", &id), ("item", &item), ("county", &county), ("house", &house)])), []);
}

#[test]
fn another_letter_before_a_number_is_no_slip() {
    let gear = |row: usize| if row % 100 == 7 { "auto(s4)" } else { ["auto(l4)", "auto(l5)", "manual(m5)"][mixed(row) % 3] }.to_owned();
    assert_eq!(found(&generated("cars", 400, &[("row", &id), ("gear", &gear)])), []);
}

#[test]
fn letters_behind_digits_make_another_code() {
    let part = |row: usize| match row {
        7 => "EMB-145",
        107 => "LM317",
        207 => "BC547A",
        307 => "HLA-DR",
        _ => ["EMB-145LR", "LM317T", "BC547B", "HLA-DRB1"][mixed(row) % 4],
    };
    let told = found(&generated("parts", 400, &[("row", &id), ("part", &|row| part(row).to_owned())]));
    assert_eq!(told.iter().filter(|(_, _, issue)| *issue == "misspelling").count(), 0, "{told:?}");
}

/// Weights of mice in grams and of elephants.
fn weight(row: usize) -> f64 {
    let spread = (mixed(row) % 100) as f64;
    if row.is_multiple_of(2) { 20.0 + spread / 10.0 } else { 4_000_000.0 + 10_000.0 * spread }
}

#[test]
fn a_number_is_held_against_its_group() {
    let animal = |row: usize| if row.is_multiple_of(2) { "mouse" } else { "elephant" }.to_owned();
    let dirty = |row: usize| if row == 100 { "2500".to_owned() } else { format!("{}", weight(row)) };
    let table = |weight: &dyn Fn(usize) -> String| generated("animals", 400, &[("row", &id), ("animal", &animal), ("weight", weight)]);
    assert_eq!(found(&table(&|row| format!("{}", weight(row)))), []);
    assert_eq!(found(&table(&dirty)), [(100, 2, "numeric_outlier")]);
}

#[test]
fn a_group_of_great_numbers_is_no_outlier() {
    // Nine elephants among many mice stand apart, but the column of animals explains them; without it they do not.
    let animal = |row: usize| if row < 36 { "elephant" } else { "mouse" }.to_owned();
    let weight = |row: usize| format!("{}", weight(if row < 36 { 2 * row + 1 } else { 2 * row }));
    let alone = generated("animals", 1_500, &[("row", &id), ("weight", &weight)]);
    assert_eq!(found(&alone).len(), 36);
    assert_eq!(found(&generated("animals", 1_500, &[("row", &id), ("animal", &animal), ("weight", &weight)])), []);
}

#[test]
fn a_long_tail_is_no_outlier() {
    let drawn = |row: usize| (0..4).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 1_000.0).sum::<f64>();
    let income = |row: usize| format!("{:.2}", (3.0 * drawn(row)).exp());
    assert_eq!(found(&generated("incomes", 2_000, &[("row", &id), ("income", &income)])), []);
}

#[test]
fn numbers_far_away_are_told_all_or_none() {
    let table = |number: &dyn Fn(usize) -> String| found(&generated("people", 660, &[("row", &id), ("height", number)]));
    let told = |every: usize| (0..660).filter(|row| row % every == 3).map(|row| (row, 1, "numeric_outlier")).collect::<Vec<_>>();
    for every in [40, 33, 15, 11] {
        let height = |row: usize| ((58 + mixed(row) % 15) * if row % every == 3 { 1_000 } else { 1 }).to_string();
        assert_eq!(table(&height), told(every), "one in {every}");
    }
    let price = |row: usize| format!("{:.2}", (1_000 + mixed(row) % 9_000) as f64 / 100.0 * if row % 20 == 3 { 150.0 } else { 1.0 });
    assert_eq!(table(&price), [], "prices in two currencies");
    let power = |row: usize, every: usize| if row % every == 3 { 140_000 } else { 60 + 5 * (mixed(row) % 28) }.to_string();
    assert_eq!(table(&|row| power(row, 40)), told(40), "one number again and again");
    assert_eq!(table(&|row| power(row, 12)), [], "a level of its own");
}

/// Drawn from a bell curve of width 1 around 0.
fn bell(row: usize) -> f64 {
    (0..12).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 1_000.0).sum::<f64>() - 6.0
}

#[test]
fn numbers_in_another_unit_are_told_where_both_units_lie_apart() {
    let table = |every: usize, usual: &dyn Fn(usize) -> f64, converted: &dyn Fn(f64) -> f64| {
        let number = |row: usize| format!("{:.1}", if row % every == 3 { converted(usual(row)) } else { usual(row) });
        found(&generated("things", 660, &[("row", &id), ("size", &number)]))
    };
    let told = |every: usize| (0..660).filter(|row| row % every == 3).map(|row| (row, 1, "numeric_outlier")).collect::<Vec<_>>();
    let (height, price) = (|row: usize| 172.0 + 8.0 * bell(row), |row: usize| 400.0 + 40.0 * bell(row));
    let celsius = |row: usize| 21.0 + 3.0 * bell(row);
    for every in [12, 25] {
        assert_eq!(table(every, &height, &|number| number / 2.54), told(every), "inches, one in {every}");
        assert_eq!(table(every, &price, &|number| number * 10.0), told(every), "a slip of the point, one in {every}");
        assert_eq!(table(every, &celsius, &|number| number * 1.8 + 32.0), told(every), "degrees Fahrenheit, one in {every}");
        assert_eq!(table(every, &height, &|number| number), []);
    }
    let weight = |row: usize| 70.0 + 8.0 * bell(row);
    assert_eq!(table(12, &weight, &|number| 15.0 + (number - 70.0) / 4.0), [], "children are of no other unit");
    assert_eq!(table(12, &|row| 70.0 + 20.0 * bell(row), &|number| number * 2.2), [], "pounds reach into kilograms");
    assert_eq!(table(12, &price, &|number| number + 3_600.0), [], "what is ten times as dear, and varies no more, is another thing");
    assert_eq!(table(12, &height, &|number| (number * 0.3937 / 12.0).round() * 12.0), [], "a few levels");
}

#[test]
fn the_more_numbers_stand_apart_the_less_far_they_need_to() {
    let drawn = |row: usize| (0..12).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 1_000.0).sum::<f64>() - 6.0;
    let table = |odd: &dyn Fn(usize) -> bool| {
        let size = |row: usize| format!("{:.3}", 50.0 + if odd(row) { 65.0 + row as f64 / 100.0 } else { 10.0 * drawn(row) });
        found(&generated("sizes", 1_000, &[("row", &id), ("size", &size)]))
    };
    assert_eq!(table(&|_| false), []);
    assert_eq!(table(&|row| row == 300), [], "one number may be the end of a tail");
    let told = table(&|row| row % 100 == 50);
    assert_eq!(told, (0..10).map(|at| (at * 100 + 50, 1, "numeric_outlier")).collect::<Vec<_>>());
}

#[test]
fn classes_and_codes_are_no_units() {
    let children = |row: usize| ["0", "1", "2", "3+"][mixed(row) % 4].to_owned();
    let answer = |row: usize| ["0_no", "1_yes"][mixed(row + 1) % 2].to_owned();
    let sleep = |row: usize| ["4 or less hours", "5 hours", "6 hours", "7 hours"][(mixed(row + 2) % 40).min(3)].to_owned();
    assert_eq!(found(&generated("answers", 300, &[("row", &id), ("children", &children), ("answer", &answer), ("sleep", &sleep)])), []);
}

#[test]
fn a_word_in_the_wrong_column_is_told_where_it_is_not_alone() {
    let sex = |row: usize| ["Female", "Male"][mixed(row) % 2].to_owned();
    let group = |row: usize| ["Asian", "Black", "White"][mixed(row + 7) % 3].to_owned();
    let table = |wrong: &dyn Fn(usize) -> String| found(&generated("people", 400, &[("row", &id), ("sex", &sex), ("group", wrong)]));
    let slipped = |row: usize| if row % 100 == 30 { ["Male", "Female"][row / 100 % 2].to_owned() } else { group(row) };
    assert_eq!(table(&slipped), [30, 130, 230, 330].map(|row| (row, 2, "swapped_value")));
    assert_eq!(table(&|row| if row == 30 { "Male".to_owned() } else { group(row) }), []);
}

#[test]
fn a_last_letter_too_many_is_a_slip_where_it_is_far_too_rare() {
    let answer = |row: usize| ["agreed", "refused"][mixed(row) % 2].to_owned();
    let table = |wrong: &'static str| {
        let dirty = |row: usize| if row == 30 { wrong.to_owned() } else { answer(row) };
        found(&generated("answers", 400, &[("row", &id), ("answer", &dirty)]))
    };
    assert_eq!(table("agreedx"), [(30, 1, "misspelling")]);
    assert_eq!(table("agreeds"), []);
}

#[test]
fn two_cells_that_fit_each_other_better_are_exchanged() {
    let town = |row: usize| ["Hamburg", "Stuttgart", "Heidelberg", "Rostock"][mixed(row) % 4].to_owned();
    let state = |row: usize| ["Hesse", "Saxony", "Bavaria"][mixed(row + 7) % 3].to_owned();
    let age = |row: usize| (mixed(row) % 60 + 20).to_string();
    let swapped =
        |row: usize, own: &dyn Fn(usize) -> String, other: &dyn Fn(usize) -> String| if row == 50 { other(row) } else { own(row) };
    let dirty = generated(
        "people",
        300,
        &[("row", &id), ("town", &|row| swapped(row, &town, &state)), ("state", &|row| swapped(row, &state, &town)), ("age", &age)],
    );
    assert_eq!(found(&dirty), [(50, 1, "swapped_value"), (50, 2, "swapped_value")]);
    // A town called as a state, beside another state, is no exchange.
    let namesake = |row: usize| if row == 50 { "Saxony".to_owned() } else { town(row) };
    assert!(found(&generated("people", 300, &[("row", &id), ("town", &namesake), ("state", &state)])).is_empty());
}

#[test]
fn rows_without_a_name_may_be_alike() {
    let (sex, age) = (|row: usize| ["m", "f"][mixed(row) % 2].to_owned(), |row: usize| (mixed(row + 1) % 50).to_string());
    let income = |row: usize| (mixed(row + 2) % 1_000_000).to_string();
    assert!(are_alike_by_chance(&generated("people", 300, &[("sex", &sex), ("age", &age)])));
    let copied = |row: usize| if row < 290 { row } else { row - 290 };
    let columns: [(&str, &dyn Fn(usize) -> String); 3] =
        [("sex", &|row| sex(copied(row))), ("age", &|row| age(copied(row))), ("income", &|row| income(copied(row)))];
    assert!(!are_alike_by_chance(&generated("people", 300, &columns)));
    // Some are copied twice.
    let often = |row: usize| if row < 240 { row } else { (row - 240) % 20 };
    let columns_copied_often: [(&str, &dyn Fn(usize) -> String); 3] =
        [("sex", &|row| sex(often(row))), ("age", &|row| age(often(row))), ("income", &|row| income(often(row)))];
    assert!(!are_alike_by_chance(&generated("people", 270, &columns_copied_often)));
    // Days that were loaded once, twice and three times.
    let sent = |row: usize| match row {
        0..300 => row,
        300..400 => row - 100,
        _ => row - 200,
    };
    let columns_sent_again: [(&str, &dyn Fn(usize) -> String); 3] =
        [("id", &|row| id(sent(row))), ("sex", &|row| sex(sent(row))), ("age", &|row| age(sent(row)))];
    assert!(!are_alike_by_chance(&generated("people", 450, &columns_sent_again)));
    assert!(are_alike_by_chance(&generated("people", 450, &columns_sent_again[1..])));
    let piles = |row: usize| (mixed(row + 2) % 7).to_string();
    assert!(are_alike_by_chance(&generated("people", 300, &[("group", &piles), ("same", &piles), ("too", &piles)])));
    assert!(!are_alike_by_chance(&generated("people", 290, &columns)), "no two rows are equal");
}

#[test]
fn states_are_far_enough_from_each_other_for_a_slip() {
    const STATES: [&str; 8] =
        ["North Carolina", "South Carolina", "North Dakota", "South Dakota", "Virginia", "West Virginia", "Nebraska", "Arkansas"];
    let state = |row: usize| if row == 40 { "Nebrasca" } else { STATES[mixed(row) % 8] }.to_owned();
    assert_eq!(found(&generated("votes", 400, &[("row", &id), ("state", &state)])), [(40, 1, "misspelling")]);
}

#[test]
fn a_stand_in_among_few_numbers_is_told() {
    let grade = |row: usize| if row.is_multiple_of(40) { 99 } else { mixed(row) % 5 + 1 }.to_string();
    let scale = |row: usize| (i64::try_from(mixed(row) % 3).unwrap() - 1).to_string();
    let told = found(&generated("answers", 400, &[("row", &id), ("grade", &grade), ("scale", &scale)]));
    assert_eq!(told.len(), 10);
    assert!(told.iter().all(|(_, column, issue)| (*column, *issue) == (1, "disguised_missing")));
}

#[test]
fn a_marker_is_told_however_widely_the_numbers_are_spread() {
    let is_marked = |row: usize| row % 30 == 7;
    let told = || (0..600).filter(|row| is_marked(*row)).map(|row| (row, 1, "disguised_missing")).collect::<Vec<_>>();
    let drawn = |row: usize| (0..4).map(|salt| (mixed(row + 10_000 * salt) % 1_000) as f64 / 1_000.0).sum::<f64>();
    let table = |number: &dyn Fn(usize) -> String| found(&generated("things", 600, &[("row", &id), ("number", number)]));
    let income = |row: usize| if is_marked(row) { "-999".to_owned() } else { format!("{:.2}", (2.0 * drawn(row) + 5.0).exp()) };
    assert_eq!(table(&income), told());
    let score = |row: usize| if is_marked(row) { -999 } else { i64::try_from(mixed(row) % 20).unwrap() }.to_string();
    assert_eq!(table(&score), told(), "a marker far away is no outlier");
    let price = |row: usize| if is_marked(row) { "0".to_owned() } else { (26_000 + mixed(row) % 34_000).to_string() };
    assert_eq!(table(&price), told());
    // Amounts that come down to nothing, and a fee among few.
    let amount = |row: usize| if is_marked(row) { "0".to_owned() } else { (mixed(row) % 34_000 + 1).to_string() };
    let fee = |row: usize| if is_marked(row) { 0 } else { 399 + 70 * (mixed(row) % 12) };
    assert_eq!(table(&amount), []);
    assert_eq!(table(&|row| fee(row).to_string()), []);
}

#[test]
fn codes_of_letters_with_a_separator_have_a_norm() {
    let letter = |digit: usize| char::from(b'A' + u8::try_from(digit % 26).unwrap());
    let code = |row: usize| format!("{}{}-{}{}", letter(row / 26), letter(row), letter(row * 7), letter(row / 13 + 3));
    let table = |every: usize, odd: &dyn Fn(usize) -> String| {
        let value = |row: usize| if row % every == 3 { odd(row) } else { code(row) };
        let told = found(&generated("things", 500, &[("row", &id), ("code", &value)]));
        told.into_iter().map(|(row, _, issue)| (row, issue)).collect::<Vec<_>>()
    };
    for every in [500, 100, 34] {
        let told: Vec<(usize, &str)> = (0..500).filter(|row| row % every == 3).map(|row| (row, "format_outlier")).collect();
        assert_eq!(table(every, &|row| format!("https://a.example/page/{}", 100 + row)), told, "one in {every}");
        assert_eq!(table(every, &|row| (306_276 + 7 * row).to_string()), told, "one in {every}");
    }
    // Names are written with a hyphen, too.
    let name = |row: usize| {
        let part = |seed: usize| format!("{}{}", letter(seed), letter(seed / 3 + 5).to_ascii_lowercase());
        if row == 3 { "Constantin".to_owned() } else { format!("{}-{}", part(row), part(mixed(row))) }
    };
    assert_eq!(found(&generated("people", 500, &[("row", &id), ("name", &name)])), []);
}

#[test]
fn each_of_several_stand_ins_is_told() {
    let table = |number: &dyn Fn(usize) -> String| found(&generated("things", 1_000, &[("row", &id), ("number", number)]));
    let told =
        |is_one: &dyn Fn(usize) -> bool| (0..1_000).filter(|row| is_one(*row)).map(|row| (row, 1, "disguised_missing")).collect::<Vec<_>>();
    let number = |row: usize, stand_ins: [&str; 2]| match row % 25 {
        3 => stand_ins[0].to_owned(),
        7 => stand_ins[1].to_owned(),
        _ => (mixed(row) % 20 + 1).to_string(),
    };
    for stand_ins in [["-999", "-9999"], ["99", "999"], ["-999", "999"]] {
        assert_eq!(table(&|row| number(row, stand_ins)), told(&|row| matches!(row % 25, 3 | 7)), "{stand_ins:?}");
    }
    let often = |row: usize, times: usize| if row % 5 < times { "-999".to_owned() } else { (mixed(row) % 50 + 1).to_string() };
    assert_eq!(table(&|row| often(row, 2)), told(&|row| row % 5 < 2));
    assert_eq!(table(&|row| often(row, 3)), [], "what most rows hold");
}
