//! Whether the first record of a CSV file names its columns: a name stands above values, and is none itself.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use hw_base::TextShape;

use crate::values;

/// Digits that are more than a shape knows as an integer are a number all the same.
const LONGEST_INTEGER: usize = 18;
/// Years that a header may name.
const YEARS: RangeInclusive<u32> = 1900..=2100;
/// Months of a year.
const MONTHS: RangeInclusive<u32> = 1..=12;
/// How many numbers must stand below one year for it to be told from them.
const FEWEST_BELOW_YEAR: usize = 3;
/// How many times as large or small numbers must be for a year to be none of them.
const MAGNITUDE: f64 = 10.0;
/// How often texts must recur, on average, to be categories.
const RECURRENCES: usize = 4;

/// Whether the first record is a header.
pub(super) fn is_likely(rows: &[Vec<String>]) -> bool {
    is_likely_without_years(rows) || rows.split_first().is_some_and(|(first, rest)| has_years_as_titles(first, rest))
}

/// The year or month that alone tells that the first record is a header: the only one, or the first one above a single record.
pub(super) fn telling_year(rows: &[Vec<String>]) -> Option<&String> {
    let (first, rest) = rows.split_first()?;
    let mut years = first.iter().filter(|field| period(field).is_some());
    let year = years.next()?;
    let are_few = years.next().is_none() || rest.len() == 1;
    (are_few && has_years_as_titles(first, rest) && !is_likely_without_years(rows)).then_some(year)
}

/// A first record is a header unless a number, a date, a time or an address in it stands above others of its kind, and no name above values.
fn is_likely_without_years(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return true };
    let kinds: [fn(&str) -> bool; 3] = [is_value, begins_with_moment, is_address];
    let is_of_its_kind = |(at, field): (usize, &String)| {
        let is_among = |is: fn(&str) -> bool| is(field) && are_all(rest, at, is);
        (rest.is_empty() && is_value(field)) || (!names_values(rows, at) && kinds.into_iter().any(is_among))
    };
    // A date above numbers is a name only where no number stands above others.
    let has_name = || (0..first.len()).any(|at| !is_value(&first[at]) && names_values(rows, at));
    !first.iter().enumerate().any(is_of_its_kind) || has_name() || counts_columns(first, rest)
}

/// Whether the first record holds names, half of them or more above values.
pub(super) fn is_certain(rows: &[Vec<String>]) -> bool {
    let fields = rows.first().map_or(0, Vec::len);
    let above_values = (0..fields).filter(|at| names_values(rows, *at)).count();
    above_values > 0 && above_values * 2 >= fields && names_columns(rows)
}

/// Whether a name of the first record stands above values, or numbers there name columns.
pub(super) fn stands_above_values(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    (0..first.len()).any(|at| names_values(rows, at)) || has_years_as_titles(first, rest) || counts_columns(first, rest)
}

/// Whether the first record leaves fields without names, and the second one names all but the first, in some of these above values.
pub(super) fn stands_above_names(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let Some((second, below)) = rest.split_first() else { return false };
    let is_name = |(at, field): (usize, &String)| if is_blank(field) { at == 0 } else { !is_value(field) || period(field).is_some() };
    let are_names = second.iter().enumerate().all(is_name);
    let is_named_below = |at: usize| is_blank(&first[at]) && are_all(below, at, |field| is_value(field) && period(field).is_none());
    filled(first) > 0 && first.len() == second.len() && are_names && (1..first.len()).any(is_named_below)
}

/// Whether the first record names all fields of the others but the first, where each of them has a name of its own.
pub(super) fn stands_beside_row_names(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let are_names = first.iter().all(|field| !is_blank(field) && !is_value(field));
    let is_of_sentence = |field: &String| field.starts_with(' ');
    // What names columns itself stands below a title.
    let is_title = || names_columns(rest) && stands_above_values(rest);
    let names = || rest.iter().filter_map(|row| row.first());
    let are_rows = names().all(|name| !is_blank(name)) && are_different(names()) && are_different(first.iter());
    are_names && are_rows && !rows.iter().flatten().any(is_of_sentence) && !is_title()
}

/// Whether the first record may name columns, and leaves none without a name.
pub(super) fn names_all_columns(rows: &[Vec<String>]) -> bool {
    rows.first().is_some_and(|first| filled(first) == first.len()) && names_columns(rows)
}

/// Whether the first record may name columns: two of three of its fields hold something or more, all that do are names, and none stands twice
/// but above values.
pub(super) fn names_columns(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let are_many = filled(first) * 3 >= first.len() * 2 && (filled(first) > 1 || first.len() == 1);
    let are_names = (0..first.len()).all(|at| is_blank(&first[at]) || is_name(rows, at)) || counts_columns(first, rest);
    are_many && are_names && (are_different(first.iter().filter(|field| !is_blank(field))) || stands_above_values(rows))
}

/// Whether a field of the first record may name a column: a text, a year, or a date above numbers. None begins with a blank, as the words
/// of a sentence do.
fn is_name(rows: &[Vec<String>], at: usize) -> bool {
    let field = &rows[0][at];
    let is_of_values = is_value(field) && period(field).is_none() && !names_values(rows, at);
    !is_address(field) && !is_of_values && !is_time(field) && !field.starts_with(' ')
}

/// Whether a field of the first record names the values below it: a text above numbers or dates, or a date above numbers.
fn names_values(rows: &[Vec<String>], at: usize) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let are_dates_below = || below(rest, at).any(is_date);
    let is_name = |field: &String| field.contains(char::is_alphanumeric) && (!is_value(field) || (is_date(field) && !are_dates_below()));
    first.get(at).is_some_and(is_name) && are_all(rest, at, is_value)
}

/// Whether no text stands twice among others.
fn are_different<'a>(mut texts: impl Iterator<Item = &'a String>) -> bool {
    let mut seen = HashSet::new();
    texts.all(|text| seen.insert(text))
}

/// What a column holds below the first record.
fn below(rest: &[Vec<String>], at: usize) -> impl Iterator<Item = &str> {
    rest.iter().filter_map(move |row| row.get(at)).map(String::as_str).filter(|field| !field.is_empty())
}

/// Whether a column holds something below the first record, and nothing else than such texts.
fn are_all(rest: &[Vec<String>], at: usize, is: fn(&str) -> bool) -> bool {
    below(rest, at).next().is_some() && below(rest, at).all(is)
}

/// How many fields hold something.
pub(super) fn filled(row: &[String]) -> usize {
    row.iter().filter(|field| !is_blank(field)).count()
}

/// Whether all fields but the first one are empty.
pub(super) fn is_padded(row: &[String]) -> bool {
    row.iter().skip(1).all(|field| is_blank(field))
}

fn is_blank(field: &str) -> bool {
    field.trim().is_empty()
}

/// The year that a text names, or the month of a year, as `202401` does.
fn period(field: &str) -> Option<u32> {
    let field = field.trim();
    let year: u32 = field.get(..4)?.parse().ok().filter(|year| YEARS.contains(year))?;
    match field.get(4..)? {
        "" => Some(year),
        month if month.len() == 2 => month.parse::<u32>().ok().filter(|month| MONTHS.contains(month)).map(|month| year * 100 + month),
        _ => None,
    }
}

/// Whether the only values of a first record are several different years or months beside a text, above columns that hold other things; a
/// year may stand above nothing at all, as long as not all do. One year alone is a name if the numbers below are others.
fn has_years_as_titles(first: &[String], rest: &[Vec<String>]) -> bool {
    let places: Vec<usize> = (0..first.len()).filter(|at| is_value(&first[*at])).collect();
    let years: Vec<u32> = places.iter().filter_map(|at| period(&first[*at])).collect();
    let mut different = years.clone();
    different.sort_unstable();
    different.dedup();
    let has_text = first.iter().any(|field| !field.is_empty() && !is_value(field));
    let has_values = |at: &usize| below(rest, *at).next().is_some();
    let is_of_years = |at: &usize| are_all(rest, *at, |field| period(field).is_some());
    let are_titles = places.iter().any(has_values) && !places.iter().any(is_of_years);
    let are_years = years.len() == places.len() && different.len() == years.len();
    has_text && are_years && are_titles && (years.len() > 1 || has_year_unlike_others(first, rest))
}

/// Whether numbers below the year of a first record are hardly ever years, none of its texts stands among those below it, and either the year
/// is far from the numbers or a text is written otherwise than those below it.
fn has_year_unlike_others(first: &[String], rest: &[Vec<String>]) -> bool {
    let is_other = |at: usize| match period(&first[at]) {
        Some(_) => {
            let (numbers, years) = (below(rest, at).count(), below(rest, at).filter(|field| period(field).is_some()).count());
            numbers >= FEWEST_BELOW_YEAR && years * 10 <= numbers && below(rest, at).all(is_value)
        }
        None => below(rest, at).all(|field| field != first[at]),
    };
    let is_unlike = |at: usize| match period(&first[at]) {
        Some(year) => is_far_from_numbers(year, rest, at),
        None => is_unlike_texts(&first[at], rest, at),
    };
    (0..first.len()).all(is_other) && (0..first.len()).any(is_unlike)
}

/// Whether numbers are of another magnitude than a year above them, or hardly any is whole.
fn is_far_from_numbers(year: u32, rest: &[Vec<String>], at: usize) -> bool {
    let year = f64::from(year);
    let all_are =
        |is_far: &dyn Fn(f64) -> bool| below(rest, at).all(|field| field.trim().parse::<f64>().is_ok_and(|number| is_far(number.abs())));
    let whole = below(rest, at).filter(|field| are_digits(field.trim())).count();
    let are_whole = whole * 10 > below(rest, at).count();
    !are_whole || all_are(&|number: f64| number * MAGNITUDE <= year) || all_are(&|number: f64| number >= year * MAGNITUDE)
}

/// Whether a text begins with a small letter above texts with capitals or the other way round, or those below it recur, as categories do.
fn is_unlike_texts(text: &str, rest: &[Vec<String>], at: usize) -> bool {
    let is_small = |text: &str| text.chars().next().filter(|first| first.is_alphabetic()).map(char::is_lowercase);
    let texts = below(rest, at).count();
    let different: HashSet<&str> = below(rest, at).collect();
    let is_of_categories = different.len() > 1 && different.len() * RECURRENCES <= texts;
    let is_of_other_case = |small: bool| below(rest, at).all(|other| is_small(other) == Some(!small));
    texts > 0 && (is_of_categories || is_small(text).is_some_and(is_of_other_case))
}

/// Whether a first record counts the columns from 0 behind an empty corner, as pandas writes them, or names years there one after the other.
fn counts_columns(first: &[String], rest: &[Vec<String>]) -> bool {
    let Some((corner, fields)) = first.split_first() else { return false };
    let numbers: Vec<u32> = fields.iter().map_while(|field| field.parse().ok()).collect();
    let ascend = numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let begin_well = numbers.first() == Some(&0) || (numbers.len() > 1 && numbers.iter().all(|number| YEARS.contains(number)));
    is_blank(corner) && numbers.len() == fields.len() && ascend && begin_well && below(rest, 0).next().is_some()
}

/// Whether a text is a time of day, which can be a title as well.
fn is_time(field: &str) -> bool {
    let time = field.trim();
    values::time(time.as_bytes()).is_some() || values::time(format!("0{time}").as_bytes()).is_some()
}

fn is_date(field: &str) -> bool {
    matches!(TextShape::of(field), TextShape::Date | TextShape::Timestamp | TextShape::OtherDate)
}

/// Whether the first word of a text is a date, a time of day or both, as in the lines of a log.
pub(super) fn begins_with_moment(field: &str) -> bool {
    let word = field.split_whitespace().next().unwrap_or_default().trim_matches(['[', ']']);
    is_time(word) || is_date(word)
}

/// Whether a text is an address: of a network, of a device in it, of a page or of a mailbox.
pub(super) fn is_address(field: &str) -> bool {
    let host = field.trim().split(['/', '%']).next().unwrap_or_default();
    let is_pair = |group: &str| group.len() == 2 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_of_device = matches!(host.split(':').count(), 6 | 8) && host.split(':').all(is_pair);
    is_of_device || TextShape::of(host) == TextShape::IpAddress || matches!(TextShape::of(field), TextShape::Url | TextShape::Email)
}

/// Whether a text is a number that has no shape of its own: of many digits, or with a decimal comma.
fn is_other_number(field: &str) -> bool {
    let number = field.trim().trim_start_matches(['-', '+']);
    match number.rsplit_once(',') {
        Some((whole, places)) => (are_digits(whole) || is_grouped(whole)) && are_digits(places),
        None => number.len() > LONGEST_INTEGER && are_digits(number),
    }
}

/// Whether a text consists of digits.
pub(super) fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether digits stand in groups of three, as in `1.234.567`.
fn is_grouped(whole: &str) -> bool {
    let mut groups = whole.split(['.', ' ', '\'', '\u{a0}', '\u{202f}']);
    groups.next().is_some_and(|first| first.len() <= 3 && are_digits(first)) && groups.all(|group| group.len() == 3 && are_digits(group))
}

/// Whether a text is a number or a date.
pub(super) fn is_value(field: &str) -> bool {
    matches!(TextShape::of(field), TextShape::Integer | TextShape::Decimal) || is_date(field) || is_other_number(field)
}

#[cfg(test)]
mod tests {
    use crate::dialect::Dialect;
    use crate::dialect::tests::{UNKNOWN, check, check_titles};

    #[test]
    fn a_line_of_groups_stands_above_the_names() {
        let is_of_groups = |text: &str| Dialect::detect(text.as_bytes(), true, UNKNOWN).is_of_groups(text.as_bytes(), true);
        assert!(is_of_groups(",Sales,,Costs,\nregion,2023,2024,2023,2024\nnorth,1,2,3,4\nsouth,5,6,7,8\n"));
        assert!(is_of_groups("Sales,,Costs,\nq1,q2,q3,q4\n1,2,3,4\n5,6,7,8\n"));
        assert!(is_of_groups(";Umsatz;;Kosten;\nRegion;Plan;Ist;Plan;Ist\nNord;1,5;2;3;4\nWest;5;6;7;8\n"));
        for text in [",a,b\nx,1,2\ny,3,4\n", "id,,\nx,a,b\ny,c,d\n", "id,name,\n1,a,\n2,b,\n", "a,b\nx,y\n1,2\n", ",a\nb,c\nd,5\n"] {
            assert!(!is_of_groups(text), "{text}");
        }
    }

    #[test]
    fn dates_and_numbers_may_name_columns() {
        check("2026-01-01,5\n12,6\n13,7\n", ',', false, &["2026-01-01", "5"]);
        check("Ann,2026-01-01,5\nBob,12,6\n", ',', false, &["Ann", "2026-01-01", "5"]);
        check("Region,2023-01-31,2023-02-28\nNorth,10,20\nSouth,11,21\n", ',', true, &["Region", "2023-01-31", "2023-02-28"]);
        check("x,2023-01-31\ny,2023-02-28\n", ',', false, &["x", "2023-01-31"]);
        check("31.01.2023;x\n28.02.2023;y\n", ';', false, &["31.01.2023", "x"]);
        check(",0,1,2\n0,1.5,2.5,3.5\n1,4.5,5.5,6.5\n", ',', true, &["", "0", "1", "2"]);
        check(";2022;2023;2024\nNorth;10;20;30\n", ';', true, &["", "2022", "2023", "2024"]);
        check(",5,7\nx,1,2\n", ',', false, &["", "5", "7"]);
        check_titles("Report;;;\n;2022;2023;2024\nNorth;10;20;30\nSouth;11;21;31\n", ';', 1, &["", "2022", "2023", "2024"]);
    }

    #[test]
    fn a_first_record_of_values_is_no_header() {
        check("1,x,2026-01-01\n2,y,2026-01-02\n", ',', false, &["1", "x", "2026-01-01"]);
        check("id,2024,2025\n1,5,6\n", ',', true, &["id", "2024", "2025"]);
        check("name,city\nann,rome\n", ',', true, &["name", "city"]);
        check("Country,2019,2020\nAustria,8.9,8.9\nChile,18.9,19.1\n", ',', true, &["Country", "2019", "2020"]);
        let partly_empty = "country,code,1960,1961,1962\nAruba,ABW,4.82,4.655,\nBelize,BLZ,6.5,6.48,\nChile,CHL,5.1,5.0,\n";
        check(partly_empty, ',', true, &["country", "code", "1960", "1961", "1962"]);
        check("country,1960,1961\nAruba,,\nChile,,\n", ',', true, &["country", "1960", "1961"]);
        check("geo\\TIME\t2019 \t2020 \nAT\t5 \t: \nDE\t7 \t8 p\n", '\t', true, &["geo\\TIME", "2019 ", "2020 "]);
        check("sku;202412;202501\nA;5;6\nB;8;9\n", ';', true, &["sku", "202412", "202501"]);
        check("sku;202413;202501\nA;5;6\nB;8;9\n", ';', false, &["sku", "202413", "202501"]);
        check("12345678901234567890,x\n-12345678901234567891,y\n", ',', false, &["12345678901234567890", "x"]);
        check("Austria,2019,2020\nChile,2018,2021\n", ',', false, &["Austria", "2019", "2020"]);
        check("Austria,2019,8.9\nChile,1950,9.1\n", ',', false, &["Austria", "2019", "8.9"]);
    }

    #[test]
    fn one_year_above_other_numbers_names_a_column() {
        check("country;2019\nAustria;5\nChile;7\nPeru;9\n", ';', true, &["country", "2019"]);
        check("country,city,2019\nAustria,Wien,5.5\nChile,Talca,7.1\nPeru,Lima,9.3\n", ',', true, &["country", "city", "2019"]);
        check_titles("Report\ncountry;2019\nAustria;5\nChile;7\nPeru;9\n", ';', 1, &["country", "2019"]);
        check("Austria;2019\nChile;2018\nPeru;2021\nCuba;7\n", ';', false, &["Austria", "2019"]);
        check("ann;2000\nbob;350\nann;1200\neve;7\n", ';', false, &["ann", "2000"]);
        check("ann;2000\nbob;350\n", ';', false, &["ann", "2000"]);
    }

    #[test]
    fn one_year_among_numbers_of_its_size_names_nothing() {
        check("Bolt;2000\nNut;1500\nScrew;300\nPin;25\n", ';', false, &["Bolt", "2000"]);
        check("2000,Bolt\n150,Nut\n300,Screw\n25,Pin\n", ',', false, &["2000", "Bolt"]);
        check("DE;1999\nFR;2500\nIT;3500\nAT;1\n", ';', false, &["DE", "1999"]);
        check("country;2019\nDE;1500\nFR;2500\nIT;3500\n", ';', true, &["country", "2019"]);
        check("state,2021\nAlabama,-29.59438\nAlaska,-14.62028\nArizona,-7.565\n", ',', true, &["state", "2021"]);
    }

    #[test]
    fn a_header_that_a_year_alone_tells_is_doubtful() {
        let is_by_year = |text: &str| Dialect::detect(text.as_bytes(), true, UNKNOWN).telling_year.is_some();
        assert!(is_by_year("country;2019\nAustria;5\nChile;7\nPeru;9\n"));
        assert!(is_by_year("AAPL,202401,202402\nMSFT,5,6\n"));
        assert!(!is_by_year("id,2019\n1,5\n2,6\n3,7\n"));
        assert!(!is_by_year("country,2019,2020\nAustria,5,6\nChile,7,8\n"));
        assert!(!is_by_year("Austria;2019\nChile;2018\n"));
    }
}
