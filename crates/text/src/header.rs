//! Whether the first record of a CSV file names its columns: a name stands above values, and is none itself.

use std::ops::RangeInclusive;

use hw_base::TextShape;

use crate::values;

/// Digits that are more than a shape knows as an integer are a number all the same.
const LONGEST_INTEGER: usize = 18;
/// Years that a header may name.
const YEARS: RangeInclusive<u32> = 1900..=2100;

/// A first record is a header unless a number, a date, a time or an address in it stands above others of its kind, and no name above values.
pub(crate) fn is_likely(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return true };
    let kinds: [fn(&str) -> bool; 3] = [is_value, begins_with_moment, is_address];
    let is_of_its_kind = |(at, field): (usize, &String)| {
        let is_among = |is: fn(&str) -> bool| is(field) && are_all(rest, at, is);
        (rest.is_empty() && is_value(field)) || (!names_values(rows, at) && kinds.into_iter().any(is_among))
    };
    // A date above numbers is a name only where no number stands above others.
    let has_name = || (0..first.len()).any(|at| !is_value(&first[at]) && names_values(rows, at));
    !first.iter().enumerate().any(is_of_its_kind) || has_name() || has_years_as_titles(first, rest) || counts_columns(first, rest)
}

/// Whether the first record holds names, half of them or more above values.
pub(crate) fn is_certain(rows: &[Vec<String>]) -> bool {
    let fields = rows.first().map_or(0, Vec::len);
    let above_values = (0..fields).filter(|at| names_values(rows, *at)).count();
    above_values > 0 && above_values * 2 >= fields && names_columns(rows)
}

/// Whether a name of the first record stands above values, or numbers there name columns.
pub(crate) fn stands_above_values(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    (0..first.len()).any(|at| names_values(rows, at)) || has_years_as_titles(first, rest) || counts_columns(first, rest)
}

/// Whether the first record may name columns, and leaves none without a name.
pub(crate) fn names_all_columns(rows: &[Vec<String>]) -> bool {
    rows.first().is_some_and(|first| filled(first) == first.len()) && names_columns(rows)
}

/// Whether the first record may name columns: two of three of its fields hold something or more, all that do are names, and none stands twice
/// but above values.
pub(crate) fn names_columns(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let are_many = filled(first) * 3 >= first.len() * 2 && (filled(first) > 1 || first.len() == 1);
    let are_names = (0..first.len()).all(|at| is_blank(&first[at]) || is_name(rows, at)) || counts_columns(first, rest);
    let mut names: Vec<&String> = first.iter().filter(|field| !is_blank(field)).collect();
    names.sort_unstable();
    names.dedup();
    are_many && are_names && (names.len() == filled(first) || stands_above_values(rows))
}

/// Whether a field of the first record may name a column: a text, a year, or a date above numbers. None begins with a blank, as the words
/// of a sentence do.
fn is_name(rows: &[Vec<String>], at: usize) -> bool {
    let field = &rows[0][at];
    let is_of_values = is_value(field) && year(field).is_none() && !names_values(rows, at);
    !is_address(field) && !is_of_values && !is_time(field) && !field.starts_with(' ')
}

/// Whether a field of the first record names the values below it: a text above numbers or dates, or a date above numbers.
fn names_values(rows: &[Vec<String>], at: usize) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let are_dates_below = || below(rest, at).any(is_date);
    let is_name = |field: &String| field.contains(char::is_alphanumeric) && (!is_value(field) || (is_date(field) && !are_dates_below()));
    first.get(at).is_some_and(is_name) && are_all(rest, at, is_value)
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
pub(crate) fn filled(row: &[String]) -> usize {
    row.iter().filter(|field| !is_blank(field)).count()
}

/// Whether all fields but the first one are empty.
pub(crate) fn is_padded(row: &[String]) -> bool {
    row.iter().skip(1).all(|field| is_blank(field))
}

pub(crate) fn is_blank(field: &str) -> bool {
    field.trim().is_empty()
}

fn year(field: &str) -> Option<u32> {
    field.parse().ok().filter(|year| field.len() == 4 && YEARS.contains(year))
}

/// Whether the only values of a first record are several different years beside a text, above columns that hold other things than years;
/// a year may stand above nothing at all, as long as not all do.
fn has_years_as_titles(first: &[String], rest: &[Vec<String>]) -> bool {
    let places: Vec<usize> = (0..first.len()).filter(|at| is_value(&first[*at])).collect();
    let years: Vec<u32> = places.iter().filter_map(|at| year(&first[*at])).collect();
    let mut different = years.clone();
    different.sort_unstable();
    different.dedup();
    let has_text = first.iter().any(|field| !field.is_empty() && !is_value(field));
    let has_values = |at: &usize| below(rest, *at).next().is_some();
    let is_of_years = |at: &usize| are_all(rest, *at, |field| year(field).is_some());
    let are_titles = places.iter().any(has_values) && !places.iter().any(is_of_years);
    has_text && years.len() > 1 && years.len() == places.len() && different.len() == years.len() && are_titles
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
pub(crate) fn begins_with_moment(field: &str) -> bool {
    let word = field.split_whitespace().next().unwrap_or_default().trim_matches(['[', ']']);
    is_time(word) || is_date(word)
}

/// Whether a text is an address: of a network, of a device in it, of a page or of a mailbox.
pub(crate) fn is_address(field: &str) -> bool {
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

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether digits stand in groups of three, as in `1.234.567`.
fn is_grouped(whole: &str) -> bool {
    let mut groups = whole.split(['.', ' ', '\'', '\u{a0}', '\u{202f}']);
    groups.next().is_some_and(|first| first.len() <= 3 && are_digits(first)) && groups.all(|group| group.len() == 3 && are_digits(group))
}

/// Whether a text is a number or a date.
pub(crate) fn is_value(field: &str) -> bool {
    matches!(TextShape::of(field), TextShape::Integer | TextShape::Decimal) || is_date(field) || is_other_number(field)
}
