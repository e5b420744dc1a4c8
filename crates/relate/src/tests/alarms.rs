//! What looks odd and is none, beside what is odd.

use super::*;

/// A number between 0 and 1.
fn drawn(seed: usize) -> f64 {
    (mixed(seed) % 10_000) as f64 / 10_000.0
}

#[test]
fn equal_cells_are_not_exchanged() {
    let cost = |row: usize| if row % 100 == 7 { 1_000 + 37 * row } else { 0 }.to_string();
    let total = |row: usize| if row % 250 == 23 { (2_000 + 41 * row).to_string() } else { cost(row) };
    assert_eq!(found(1_000, &[("row", &id), ("repair", &cost), ("total", &total)]), []);
}

#[test]
fn a_number_that_a_column_of_few_never_holds_is_not_exchanged_for_one_of_it() {
    let speed = |level: usize| (level as f64 * 1.150_78).to_string();
    let rain = |row: usize| match row {
        700 => "1.21".to_owned(),
        900 => speed(10),
        _ if mixed(row + 9).is_multiple_of(16) => format!("0.0{}", mixed(row) % 5 + 1),
        _ => "0".to_owned(),
    };
    let wind = |row: usize| speed(if row == 700 || row == 900 { 0 } else { mixed(row) % 33 });
    let told = found(2_000, &[("row", &id), ("rain", &rain), ("wind", &wind)]);
    let swapped = told.iter().filter(|(_, column, issue)| *column == 2 && *issue == "swapped_value");
    assert_eq!(swapped.map(|(row, ..)| *row).collect::<Vec<_>>(), [900], "no wind blows at 1.21");
}

/// A word of four letters, another one for each number.
fn word(number: usize) -> String {
    (0..4).map(|place| char::from(b'a' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap())).collect()
}

#[test]
fn texts_that_are_all_built_differently_are_not_exchanged() {
    let name = |row: usize| match row {
        100 => "Harstad/Narvik Airport, Evenes".to_owned(),
        300 => "Lima/Callao (Jorge)".to_owned(),
        _ => word(row) + " Airport",
    };
    let keywords = |row: usize| match row {
        100 => "Evenes/Narvik (Harstad)".to_owned(),
        200 => "Oslo/Moss Field, Rygge".to_owned(),
        _ => word(7 * row + 1) + ", " + &word(13 * row + 5),
    };
    assert_eq!(found(600, &[("row", &id), ("name", &name), ("keywords", &keywords)]), []);
}

#[test]
fn a_code_may_read_like_a_word_for_nothing() {
    let letter = |digit: usize| char::from(b'A' + u8::try_from(digit % 26).unwrap());
    let code = |row: usize| if row == 70 { "NAN".to_owned() } else { [row / 26 + 3, row, row * 7].map(letter).iter().collect() };
    let word = |row: usize| if row == 70 { "NAN" } else { ["North", "South-East"][row % 2] }.to_owned();
    assert_eq!(found(200, &[("row", &id), ("iata", &code)]), []);
    assert_eq!(found(200, &[("row", &id), ("word", &word)]), [(70, 1, "disguised_missing")]);
}

#[test]
fn a_code_among_codes_with_digits_is_a_code() {
    let region = |row: usize| match row % 10 {
        0 => "05",
        2 | 4 | 7 | 8 => "MH",
        3 => "NAN",
        5 => "BS1",
        at => ["SUK", "BKR", "CHA", "LKO", "TAK"][at % 5],
    };
    let size = |row: usize| if row == 70 { "NAN" } else { ["S", "M", "XL"][mixed(row) % 3] };
    assert_eq!(found(200, &[("row", &id), ("region", &|row| region(row).to_owned())]), []);
    assert_eq!(found(200, &[("row", &id), ("size", &|row| size(row).to_owned())]), [(70, 1, "disguised_missing")]);
}

#[test]
fn where_most_of_a_column_stands_for_nothing_the_rest_is_not_odd() {
    let rating = |row: usize| match row % 20 {
        0 => format!("{}.{}", mixed(row) % 9 + 1, mixed(row + 3) % 900 + 100),
        _ => "NULL".to_owned(),
    };
    let told = found(1_000, &[("row", &id), ("rating", &rating)]);
    assert_eq!(told.len(), 950);
    assert!(told.iter().all(|(row, column, issue)| !row.is_multiple_of(20) && (*column, *issue) == (1, "disguised_missing")));
}

#[test]
fn letters_of_other_languages_are_not_broken() {
    let name = |row: usize| match row {
        10 => "Qəbələ".to_owned(),
        20 => "Manuʻa District".to_owned(),
        30 => "ǁKaras Region".to_owned(),
        40 => "\u{410}ikhal Airport".to_owned(),
        _ => format!("{} {}", ["Old", "New", "Lower"][mixed(row) % 3], ["Town", "Harbour", "Mill"][mixed(row + 9) % 3]),
    };
    assert_eq!(found(300, &[("row", &id), ("name", &name)]), [(40, 1, "encoding_error")], "a Cyrillic letter in a Latin word");
}

#[test]
fn a_class_among_numbers_is_no_slip() {
    let income = |row: usize| if row.is_multiple_of(10) { "<10000".to_owned() } else { ((row % 10) * 10_000).to_string() };
    let mistyped = |row: usize| if row == 33 { "many".to_owned() } else { income(row) };
    assert_eq!(found(300, &[("row", &id), ("income", &income)]), []);
    let told: Vec<(usize, usize)> = found(300, &[("row", &id), ("income", &mistyped)]).iter().map(|cell| (cell.0, cell.1)).collect();
    assert_eq!(told, [(33, 1)]);
}

#[test]
fn a_letter_makes_no_code_of_what_is_measured() {
    let latitude = |row: usize| if row == 50 { "36.96q".to_owned() } else { format!("{:.2}", 30.0 + 10.0 * drawn(row)) };
    let house = |row: usize| format!("{}{}", mixed(row) % 90 + 10, if row.is_multiple_of(40) { "A" } else { "" });
    assert_eq!(found(300, &[("row", &id), ("latitude", &latitude), ("house", &house)]), [(50, 1, "type_outlier")]);
}

#[test]
fn a_point_after_a_zero_makes_no_code() {
    // One mistyped share used to make codes of all, in which a number of another length is of another form.
    let share = |row: usize| match row {
        50 => "0.5x".to_owned(),
        60 => "0.4".to_owned(),
        _ => format!("0.{}", mixed(row) % 9_000 + 1_000),
    };
    assert_eq!(found(300, &[("row", &id), ("share", &share)]), [(50, 1, "type_outlier")]);
}

#[test]
fn a_few_whole_numbers_of_one_length_make_no_codes() {
    let wage = |row: usize| match row {
        50 => "2750".to_owned(),
        150 => "-625".to_owned(),
        _ => format!("{:.2}", 2.0 + 10.0 * drawn(row)),
    };
    assert_eq!(found(400, &[("row", &id), ("wage", &wage)]), [(50, 1, "numeric_outlier"), (150, 1, "numeric_outlier")]);
}

#[test]
fn a_small_group_lies_apart_as_a_whole() {
    let is_island = |row: usize| row % 50 == 9;
    let state = |row: usize| if is_island(row) { "PR" } else { ["MA", "NY", "NJ"][row % 3] }.to_owned();
    let latitude = |row: usize| {
        let middle = if is_island(row) { 18.0 } else { [42.0, 43.0, 40.0][row % 3] };
        format!("{:.4}", middle + 0.4 * drawn(row))
    };
    assert_eq!(found(600, &[("row", &id), ("state", &state), ("latitude", &latitude)]), []);
    let alone = |row: usize| if row == 300 { "18.2".to_owned() } else { format!("{:.4}", 40.0 + 3.0 * drawn(row)) };
    assert_eq!(found(600, &[("row", &id), ("state", &state), ("latitude", &alone)]), [(300, 2, "numeric_outlier")]);
}

#[test]
fn a_number_that_recurs_in_its_group_is_a_level() {
    let plan = |row: usize| ["free", "basic", "full"][row % 3].to_owned();
    let deductible = |row: usize| {
        let level = [1.0, 500.0, 9_000.0][row % 3];
        if row % 180 == 1 { "0".to_owned() } else { format!("{:.1}", level * (1.0 + drawn(row) / 10.0)) }
    };
    assert_eq!(found(1_200, &[("row", &id), ("plan", &plan), ("deductible", &deductible)]), []);
}

#[test]
fn crossed_cells_are_told_however_many_they_are() {
    let knows = |row: usize| ["Very Low", "Fairly Low", "Average", "Fairly High", "Very High"][mixed(row) % 5].to_owned();
    let female = |row: usize| ["No", "Yes"][mixed(row + 5) % 2].to_owned();
    let is_crossed = |row: usize| row % 50 == 20;
    let pick = |row: usize, own: &dyn Fn(usize) -> String, other: &dyn Fn(usize) -> String| {
        if is_crossed(row) { other(row) } else { own(row) }
    };
    let told = found(500, &[("row", &id), ("knows", &|row| pick(row, &knows, &female)), ("female", &|row| pick(row, &female, &knows))]);
    let crossed = (0..500).filter(|row| is_crossed(*row)).flat_map(|row| [(row, 1, "swapped_value"), (row, 2, "swapped_value")]);
    assert_eq!(told, crossed.collect::<Vec<_>>());
    // Two flags that say the opposite share their words.
    let (died, survived) = (
        |row: usize| if is_crossed(row) { "yes" } else { "no" }.to_owned(),
        |row: usize| if is_crossed(row) { "no" } else { "yes" }.to_owned(),
    );
    assert_eq!(found(500, &[("row", &id), ("died", &died), ("survived", &survived)]), []);
}

#[test]
fn one_cell_that_is_impossible_tells_of_the_other() {
    let zone = |row: usize| format!("-{}", mixed(row) % 6 + 5);
    let latitude = |row: usize| format!("{:.3}", 22.0 + 44.0 * drawn(row));
    let is_swapped = |row: usize| row % 100 == 20;
    let told = found(
        800,
        &[
            ("row", &id),
            ("latitude", &|row| if is_swapped(row) { zone(row) } else { latitude(row) }),
            ("zone", &|row| if is_swapped(row) { latitude(row) } else { zone(row) }),
        ],
    );
    let places: Vec<(usize, usize)> = told.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(places, (0..800).filter(|row| is_swapped(*row)).flat_map(|row| [(row, 1), (row, 2)]).collect::<Vec<_>>());
}

#[test]
fn a_code_in_capitals_that_recurs_is_no_slip_of_a_frequent_one() {
    let told = |rare: &'static [&'static str]| {
        let usual = |row: usize| ["Golf GTI", "Passat TDI", "Polo TSI", "Tiguan R"][mixed(row) % 4];
        let model = move |row: usize| if row % 400 == 3 { rare[row / 400 % rare.len()] } else { usual(row) }.to_owned();
        found(1600, &[("row", &id), ("model", &model)]).len()
    };
    assert_eq!(told(&["Golf GTE"]), 0);
    assert_eq!((told(&["Golf GIT"]), told(&["Gofl GTI"])), (4, 4));
}

#[test]
fn words_of_a_list_that_break_off_again_and_again_are_told() {
    let gender = |row: usize| ["male", "female"][mixed(row) % 2];
    let broken = |row: usize| if row % 50 == 3 { gender(row)[..gender(row).len() - 2].to_owned() } else { gender(row).to_owned() };
    let told = found(800, &[("row", &id), ("gender", &broken)]);
    assert_eq!(told, (0..16).map(|at| (50 * at + 3, 1, "misspelling")).collect::<Vec<_>>());
}

#[test]
fn what_changes_with_time_contradicts_nothing() {
    // Each of forty professors has ten years; most are promoted in their last ones.
    let name = |row: usize| format!("Professor {}", row / 10);
    let year = |row: usize| (1990 + row % 10).to_string();
    let office = |row: usize| format!("{} {}", ["East", "West"][row / 10 % 2], row / 10);
    let moved = |row: usize| if row % 10 >= 7 + row / 10 % 3 { office(row + 10) } else { office(row) };
    assert_eq!(found(400, &[("name", &name), ("year", &year), ("office", &moved)]), []);
    let mistaken = |row: usize| if row % 50 == 24 { office(row + 10) } else { office(row) };
    let told = found(400, &[("name", &name), ("year", &year), ("office", &mistaken)]);
    assert_eq!(told, (0..8).map(|at| (50 * at + 24, 2, "contradicts_dependency")).collect::<Vec<_>>());
}

#[test]
fn what_is_told_of_every_year_is_told_by_no_source() {
    let club = |row: usize| format!("{} club", word(row / 30));
    let park = |row: usize| format!("{} park {}", word(row / 30 + 100), [0, 16, 24].iter().filter(|from| row % 30 >= **from).count());
    let told = found(
        900,
        &[
            ("club", &club),
            ("year_id", &|row| (1950 + row % 30).to_string()),
            ("league", &|row| format!("league {}", row / 30)),
            ("park", &park),
        ],
    );
    assert_eq!(told.into_iter().filter(|(_, column, _)| *column == 3).collect::<Vec<_>>(), []);
}

#[test]
fn the_largest_of_many_named_things_is_no_outlier() {
    let country = |row: usize| word(row / 12 * 7);
    let amount = |row: usize| {
        let size = if row / 12 == 60 { 10_000.0 } else { 10.0 + 90.0 * drawn(row / 12) };
        format!("{:.2}", size * (1.0 + drawn(row) / 10.0))
    };
    let told = |named: &dyn Fn(usize) -> String| {
        let told = found(1_440, &[("named", named), ("year", &|row| (1990 + row % 12).to_string()), ("amount", &amount)]);
        told.into_iter().filter(|(_, _, issue)| *issue == "numeric_outlier").count()
    };
    assert_eq!(told(&country), 0);
    assert_eq!(told(&|row| format!("delivery {}", row / 12)), 12, "a delivery may be wrong as a whole");
}

#[test]
fn a_stand_in_of_nines_is_told_beside_numbers_below_zero() {
    let balance = |row: usize| match row % 60 {
        5 => "-999".to_owned(),
        7 => format!("-{}", 1_000 + row * 7),
        _ => (1_000 + row * 7).to_string(),
    };
    let told = found(600, &[("row", &id), ("balance", &balance)]);
    let stand_ins = told.iter().filter(|(_, _, issue)| *issue == "disguised_missing").map(|(row, ..)| *row);
    assert_eq!(stand_ins.collect::<Vec<_>>(), (0..10).map(|at| 60 * at + 5).collect::<Vec<_>>());
}

#[test]
fn one_who_tells_of_little_is_no_source() {
    // Two codes of one gene are told by the same laboratory; another gene of the same people has nothing to do with it.
    let gene = |row: usize| mixed(row) % 12;
    let length = |row: usize| format!("{}/{}", 300 + gene(row), 310 + gene(row));
    let letter = |row: usize| format!("{}/{}", char::from(b'A' + u8::try_from(gene(row)).unwrap()), gene(row));
    let noise = |row: usize| mixed(row + 3) % 5 / 4 + mixed(row + 7) % 7 / 4;
    let other = |row: usize| format!("{}/338", 330 + 2 * ((gene(row) + noise(row)) % 7));
    let person = |row: usize| format!("{}", mixed(row / 3) % 40_000 / 180 + 1);
    let told = found(340, &[("person_id", &person), ("length", &length), ("letter", &letter), ("other", &other)]);
    assert_eq!(told.into_iter().filter(|(_, column, _)| *column == 3).collect::<Vec<_>>(), []);
}

#[test]
fn a_rare_value_among_those_that_are_summed_up_contradicts_nothing() {
    let race = |row: usize| match row {
        300.. => ["ASIAN", "INDIAN"][row % 2],
        _ if row.is_multiple_of(10) => "BLACK",
        _ => "WHITE",
    };
    let group = |row: usize| if race(row) == "WHITE" { "White" } else { "Non-white" }.to_owned();
    assert_eq!(found(304, &[("row", &id), ("race", &|row| race(row).to_owned()), ("group", &group)]), []);
    let mistyped = |row: usize| if row == 150 { "BLAKC" } else { race(row) }.to_owned();
    let told = found(304, &[("row", &id), ("race", &mistyped), ("group", &group)]);
    assert_eq!(told.iter().map(|(row, column, _)| (*row, *column)).collect::<Vec<_>>(), [(150, 1)], "{told:?}");
}

#[test]
fn two_things_of_one_name_contradict_nothing() {
    let places = [("Washington", "DC"), ("Boston", "MA"), ("Manchester", "NH"), ("Des Moines", "IA")];
    let place = |row: usize| if row < 160 { places[row % 4] } else { ("Washington", "IA") };
    let told = found(162, &[("row", &id), ("city", &|row| place(row).0.to_owned()), ("state", &|row| place(row).1.to_owned())]);
    assert_eq!(told, [], "two rows agree on Iowa");
    let mistaken = |row: usize| if row < 160 { places[row % 4] } else { ("Boston", ["DC", "IA"][row % 2]) };
    let told = found(162, &[("row", &id), ("city", &|row| mistaken(row).0.to_owned()), ("state", &|row| mistaken(row).1.to_owned())]);
    let states = told.into_iter().filter(|(_, column, _)| *column == 2).collect::<Vec<_>>();
    assert_eq!(states, [(160, 2, "contradicts_dependency"), (161, 2, "contradicts_dependency")], "two rows that differ");
}

#[test]
fn a_stand_in_decides_nothing() {
    let airport = |row: usize| row % 20;
    let is_unknown = |row: usize| row % 41 == 7;
    let name = |row: usize| if is_unknown(row) { "unknown".to_owned() } else { format!("{} Intl", word(500 * airport(row) + 3)) };
    let is_wrong = |row: &usize| row % 47 == 13;
    let state = |row: usize| match row {
        _ if is_wrong(&row) => "Utah".to_owned(),
        _ if airport(row).is_multiple_of(2) => "Texas".to_owned(),
        _ => word(700 * airport(row) + 11),
    };
    let told = found(400, &[("row", &id), ("airport", &name), ("state", &state)]);
    let states: Vec<usize> = told.iter().filter(|(_, column, _)| *column == 2).map(|(row, ..)| *row).collect();
    assert_eq!(states, (0..400).filter(is_wrong).collect::<Vec<_>>(), "what most rows of no known airport hold says nothing of the others");
}

#[test]
fn a_day_that_recurs_decides_as_a_name_does() {
    let day = |row: usize| format!("{}-01-03", 1940 + 2 * (row % 20));
    let state = |row: usize| ["Ohio", "Nevada", "Utah", "Texas", "Maine"][3 * (row % 20) % 5].to_owned();
    let is_wrong = |row: &usize| row % 97 == 3;
    let told = found(1_000, &[("row", &id), ("day", &day), ("state", &|row| state(if is_wrong(&row) { row + 1 } else { row }))]);
    assert_eq!(told, (0..1_000).filter(is_wrong).map(|row| (row, 2, "contradicts_dependency")).collect::<Vec<_>>());
    // What happens on most days is alike, and no day decides it.
    let weather = |row: usize| if mixed(row).is_multiple_of(12) { "rain" } else { "dry" }.to_owned();
    assert_eq!(found(1_000, &[("row", &id), ("day", &day), ("weather", &weather)]), []);
}

#[test]
fn a_cell_that_is_exchanged_for_one_that_is_foreign_is_told_too() {
    let name = |row: usize| format!("A{}{}", word(7 * row + 1), if row.is_multiple_of(3) { "" } else { " Municipal" });
    let state = |row: usize| ["TX", "IN", "CA", "NY", "WA"][mixed(row) % 5].to_owned();
    let is_swapped = |row: usize| row % 100 == 20;
    let told = found(
        900,
        &[
            ("row", &id),
            ("name", &|row| if is_swapped(row) { state(row) } else { name(row) }),
            ("state", &|row| if is_swapped(row) { name(row) } else { state(row) }),
        ],
    );
    let places: Vec<(usize, usize)> = told.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(places, (0..900).filter(|row| is_swapped(*row)).flat_map(|row| [(row, 1), (row, 2)]).collect::<Vec<_>>(), "{told:?}");
}

#[test]
fn flags_that_say_the_opposite_are_not_exchanged() {
    let treated = |row: usize| usize::from(row.is_multiple_of(300) || row == 350).to_string();
    let alive = |row: usize| usize::from(row % 290 != 5 && row != 350).to_string();
    assert_eq!(found(900, &[("row", &id), ("treated", &treated), ("alive", &alive)]), []);
}

#[test]
fn a_category_of_several_columns_is_in_none_of_them_by_mistake() {
    let is_of_field = |row: usize| row % 90 == 7;
    let is_of_department = |row: usize| is_of_field(row) || row % 45 == 3;
    let or_personnel = |is_such: bool, other: &str| if is_such { "Personnel" } else { other }.to_owned();
    let field = |row: usize| or_personnel(is_of_field(row), ["Life", "Medical", "Marketing", "Technical"][mixed(row) % 4]);
    let department = |row: usize| or_personnel(is_of_department(row), ["Research", "Sales"][mixed(row + 3) % 2]);
    let job = |row: usize| or_personnel(is_of_department(row), ["Manager", "Director", "Analyst"][mixed(row + 7) % 3]);
    assert_eq!(found(900, &[("row", &id), ("field", &field), ("department", &department), ("job", &job)]), []);
}

/// The cells that are told to stand in the wrong column.
fn swapped(rows: usize, columns: &[(&str, &dyn Fn(usize) -> String)]) -> Vec<(usize, usize)> {
    let told = found(rows, columns).into_iter().filter(|(.., issue)| *issue == "swapped_value");
    told.map(|(row, column, _)| (row, column)).collect()
}

#[test]
fn a_category_of_two_columns_is_in_no_third_one_by_mistake() {
    let is_slipped = |row: usize| row == 200 || row == 700;
    let or_personnel = |is_such: bool, other: &str| if is_such { "Personnel" } else { other }.to_owned();
    let field = |row: usize| or_personnel(row % 90 == 7, ["Life", "Medical", "Marketing", "Technical"][mixed(row) % 4]);
    let department = |row: usize| or_personnel(row % 30 == 3, ["Research", "Sales"][mixed(row + 3) % 2]);
    let job = |row: usize| or_personnel(row % 30 == 11, ["Manager", "Director", "Analyst"][mixed(row + 7) % 3]);
    let town = |row: usize| or_personnel(is_slipped(row), ["Boston", "Denver", "Houston", "Seattle"][mixed(row + 9) % 4]);
    let columns: [(&str, &dyn Fn(usize) -> String); 4] = [("field", &field), ("department", &department), ("job", &job), ("town", &town)];
    assert_eq!(swapped(900, &columns), [], "two cells that slipped make no slips of what is native to two columns");
    let job = |row: usize| or_personnel(row == 300 || row == 600, ["Manager", "Director", "Analyst"][mixed(row + 7) % 3]);
    let told = swapped(900, &[("row", &id), ("department", &department), ("job", &job), ("town", &town)]);
    assert_eq!(told, [(200, 3), (300, 2), (600, 2), (700, 3)], "where one column alone is its own, it slipped into the others");
}

#[test]
fn a_word_that_is_as_frequent_as_the_others_of_its_columns_is_in_none_by_mistake() {
    let column = |salt: usize| {
        move |row: usize| match mixed(row + 5_000 * salt) % 90 {
            0 => word(7),
            at => word(1_000 * salt + at),
        }
    };
    let columns = [column(1), column(2), column(3)];
    assert_eq!(swapped(900, &[("row", &id), ("town", &columns[0]), ("county", &columns[1]), ("street", &columns[2])]), []);
}

#[test]
fn cells_are_exchanged_in_however_many_rows() {
    // Thirty towns, two exchanged rows of each; no town has a state of its own.
    let town = |row: usize| word(1_000 + (row / 15 + row % 15 * 7) % 30);
    let state = |row: usize| ["Ohio", "Utah", "Texas", "Maine", "Nevada"][(row / 15 + row % 15 * 3) % 5].to_owned();
    let table = |is_swapped: &dyn Fn(usize) -> bool| {
        let here = |row: usize| if is_swapped(row) { state(row) } else { town(row) };
        let there = |row: usize| if is_swapped(row) { town(row) } else { state(row) };
        let told = found(900, &[("row", &id), ("town", &here), ("state", &there)]);
        told.into_iter().map(|(row, column, _)| (row, column)).collect::<Vec<_>>()
    };
    let told = (0..900).filter(|row| row % 15 == 2).flat_map(|row| [(row, 1), (row, 2)]);
    assert_eq!(table(&|row| row % 15 == 2), told.collect::<Vec<_>>());
    assert_eq!(table(&|_| false), []);
    assert_eq!(table(&|row| row % 4 == 2), [], "who goes there comes back");
}

#[test]
fn a_few_things_that_are_said_the_other_way_round_are_not_exchanged() {
    let is_turned = |row: usize| row % 30 == 2;
    let first = |row: usize| if is_turned(row) { "Spanish" } else { ["English", "English", "English", "Creole"][mixed(row) % 4] };
    let second = |row: usize| if is_turned(row) { "English" } else { ["Spanish", "Spanish", "Spanish", "Latin"][mixed(row + 3) % 4] };
    assert_eq!(swapped(900, &[("first", &|row| first(row).to_owned()), ("second", &|row| second(row).to_owned())]), []);
}

#[test]
fn what_another_column_says_is_turned_round_is_not_exchanged() {
    let shop = |row: usize| ["Edeka", "Lidl", "Penny", "Rewe", "Spar"][mixed(row) % 5];
    let maker = |row: usize| ["Bayer", "Henkel", "Mars", "Nestle", "Unilever"][mixed(row + 3) % 5];
    let told = |every: usize, kind: &dyn Fn(usize) -> String| {
        let buyer = |row: usize| if row % every == 2 { maker(row) } else { shop(row) }.to_owned();
        let seller = |row: usize| if row % every == 2 { shop(row) } else { maker(row) }.to_owned();
        swapped(2_000, &[("row", &id), ("kind", kind), ("buyer", &buyer), ("seller", &seller)]).len()
    };
    for every in [16, 40, 100] {
        assert_eq!(told(every, &|row| if row % every == 2 { "return" } else { "sale" }.to_owned()), 0, "one return in {every}");
        let mistaken = told(every, &|row| if row % every == 2 && row != every + 2 { "return" } else { "sale" }.to_owned());
        assert_eq!(mistaken, 2, "one mistake beside one return in {every}");
        assert_eq!(told(every, &|row| ["order", "sale"][mixed(row + 9) % 2].to_owned()), 2 * 2_000 / every, "one mistake in {every}");
    }
}

#[test]
fn a_few_products_that_are_ten_times_as_heavy_are_in_no_other_unit() {
    let product = |row: usize| mixed(row) % 60;
    let name = |row: usize| format!("SKU-{:03}", product(row));
    let told = |is_heavy: &dyn Fn(usize) -> bool| {
        let weight = |row: usize| ((300 + mixed(row + 5) % 300) * if is_heavy(row) { 10 } else { 1 }).to_string();
        found(2_000, &[("row", &id), ("sku", &name), ("weight", &weight)]).len()
    };
    assert_eq!(told(&|row| product(row) < 3), 0);
    let wrong = [797, 894, 991, 1379, 1476, 1573, 1670, 1864];
    assert_eq!(told(&|row| product(row) < 3 || wrong.contains(&row)), wrong.len(), "what is wrong of other products");
    assert_eq!(told(&|row| row % 20 == 3), 100);
}

#[test]
fn a_text_that_stands_beside_values_has_swallowed_none() {
    let phase = |row: usize| ["PHASE 1", "PHASE 2"][row % 2].to_owned();
    let result = |row: usize, is_empty: bool, two: usize| match row {
        _ if row == two => "2".to_owned(),
        _ if is_empty => String::new(),
        _ => ["N", "Y"][mixed(row) % 2].to_owned(),
    };
    let told = |result: &dyn Fn(usize) -> String| swapped(300, &[("row", &id), ("phase", &phase), ("result", result)]);
    assert_eq!(told(&|row| result(row, row % 4 == 1, 7)), [], "others of the second phase have a result");
    assert_eq!(told(&|row| result(row, row % 2 == 1, 8)), [], "one result that is called 2");
}

#[test]
fn a_month_is_no_slip_of_another() {
    let month = |row: usize| if row == 40 { "Jul" } else { ["May", "Jun", "Aug"][mixed(row) % 3] }.to_owned();
    assert_eq!(found(400, &[("row", &id), ("month", &month)]), []);
}
