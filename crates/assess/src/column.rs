//! Readings of one column's facts that several checks share.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use hw_base::{ColumnFacts, ColumnType, NumberFacts, TextFacts, TextShape, Timestamp, Value, ValueCount, identifier};

use crate::words;

/// Values that are not null.
pub(crate) fn present(column: &ColumnFacts) -> u64 {
    column.rows.saturating_sub(column.nulls)
}

/// A count as a share of a whole, 0 where there is no whole.
pub(crate) fn share_of(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Values of no character, or of white space only.
pub(crate) fn blanks(text: &TextFacts) -> u64 {
    shape_count(text, &[TextShape::Blank]).max(text.empty + text.blank)
}

/// Values that have one of `shapes`.
pub(crate) fn shape_count(text: &TextFacts, shapes: &[TextShape]) -> u64 {
    text.shapes.iter().filter(|shape| shapes.contains(&shape.shape)).map(|shape| shape.count).sum()
}

/// The frequent words of a text column that stand for a missing value, with how surely they do: by what they say, and by what the
/// other values are.
pub(crate) fn stand_ins(column: &ColumnFacts) -> Vec<(&str, u64, f64)> {
    let texts = column.top_values.iter().filter_map(|top| text_of(top).map(|text| (text, top.count)));
    let said: Vec<(&str, u64)> = texts.filter(|(text, _)| !text.trim().is_empty()).collect();
    let has_form = column.distinct >= 10 && column.text.as_ref().is_some_and(|text| has_formed_values(text, present(column)));
    let strangers = if has_form { strangers(&said) } else { Vec::new() };
    let sure = |text: &str, rows: u64| match words::stands_for_missing(text) {
        Some(_) if !has_form && is_a_choice(column, text, &said) => None,
        Some(sure) if has_form => Some(sure.max(0.9)),
        None if rows >= 5 && strangers.contains(&text) && !is_header(&column.name, text) => Some(0.75),
        sure => sure,
    };
    said.iter().filter_map(|(text, rows)| Some((*text, *rows, sure(text, *rows)?))).collect()
}

/// Whether a text is the name of its column, as in a header line that was read as a row; names may have been cleaned since: `Order ID`, `order_id`.
pub(crate) fn is_header(name: &str, text: &str) -> bool {
    let (mut own, mut written) = (letters_of(name), letters_of(text));
    text.trim() == name || own.next().is_some_and(|first| written.next() == Some(first) && own.eq(written))
}

/// What a name is told by in whatever way it is written: its letters and digits, in lower case.
pub(crate) fn letters(name: &str) -> String {
    letters_of(name).collect()
}

fn letters_of(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// The frequent texts that say something, with their rows.
pub(crate) fn telling_texts(column: &ColumnFacts) -> Vec<(&str, u64)> {
    let silent = stand_ins(column);
    let texts = column.top_values.iter().filter_map(|top| text_of(top).map(|text| (text, top.count)));
    texts.filter(|(text, _)| !text.trim().is_empty() && !silent.iter().any(|(word, _, _)| word == text)).collect()
}

/// Whether most values are numbers, dates or moments.
pub(crate) fn has_formed_values(text: &TextFacts, present: u64) -> bool {
    use TextShape::{Date, Decimal, Integer, NumberLike, OtherDate, Timestamp};
    let formed = shape_count(text, &[Integer, Decimal, Date, Timestamp, OtherDate, NumberLike]);
    formed > 0 && formed.saturating_mul(2) >= present
}

/// Texts without a digit among numbers or dates that are no results themselves; where they are many, they are no stand-ins.
fn strangers<'a>(said: &[(&'a str, u64)]) -> Vec<&'a str> {
    let strange = said.iter().map(|(text, _)| *text).filter(|text| !text.contains(|c: char| c.is_ascii_digit()));
    let strange: Vec<&str> = strange.filter(|text| !words::is_result(text)).collect();
    if strange.len() <= 3 { strange } else { Vec::new() }
}

/// The share of the frequent texts that must be codes for all to be; the others may be slips.
const NEARLY_ALL: f64 = 0.9;

/// Whether a word that may stand for a missing value is one of a few choices, as `none` is beside `driver only`, or a code among
/// codes, as `NA` is among countries and `Na` among elements.
fn is_a_choice(column: &ColumnFacts, text: &str, said: &[(&str, u64)]) -> bool {
    let is_code = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let rows = |is_such: &dyn Fn(&str) -> bool| said.iter().filter(|(text, _)| is_such(text)).map(|(_, rows)| *rows).sum::<u64>();
    let are_codes = said.len() >= 3 && rows(&is_code) as f64 >= NEARLY_ALL * rows(&|_| true) as f64;
    let is_alike = |other: &&(&str, u64)| other.0 != text && hw_base::character_pattern(other.0) == hw_base::character_pattern(text);
    let is_one_of_codes = text.len() <= 3 && said.iter().filter(is_alike).filter(|(other, _)| other.len() == text.len()).count() >= 3;
    let is_category = column.distinct <= 20 && column.distinct.saturating_mul(2) <= present(column);
    (are_codes && is_code(text)) || (text != "NA" && is_one_of_codes) || (is_category && text.trim().eq_ignore_ascii_case("none"))
}

/// The text of a frequent value, where it is text.
pub(crate) fn text_of(top: &ValueCount) -> Option<&str> {
    match &top.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The values of a text column that say something: neither blank nor a word for a missing value.
pub(crate) fn telling(column: &ColumnFacts, text: &TextFacts) -> u64 {
    let silent = blanks(text) + stand_ins(column).iter().map(|(_, count, _)| count).sum::<u64>();
    let counted: u64 = text.shapes.iter().map(|shape| shape.count).sum();
    counted.saturating_sub(silent)
}

/// A quantile, where it was measured and is a number.
pub(crate) fn quantile(numbers: &NumberFacts, at: f64) -> Option<f64> {
    let found = numbers.quantiles.iter().find(|quantile| (quantile.at - at).abs() < 1e-9)?;
    found.value.is_finite().then_some(found.value)
}

/// A value as a moment, where it is or reads as a day or a moment; without a zone it is taken as UTC.
pub(crate) fn moment(value: &Value) -> Option<Timestamp> {
    let Value::Text(text) = value else { return None };
    let text = text.trim();
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(Utc.from_utc_datetime(&day.and_time(chrono::NaiveTime::MIN)));
    }
    if let Ok(zoned) = text.replacen(' ', "T", 1).parse::<Timestamp>() {
        return Some(zoned);
    }
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(Utc.from_utc_datetime(&local))
}

/// Until when moments count as those of the present. A day of grace allows for time zones.
pub(crate) fn present_until(now: Timestamp) -> Timestamp {
    now + TimeDelta::days(1)
}

/// Whether a moment is of the year 9999, which people write where there is none.
pub(crate) fn stands_for_none(moment: Timestamp) -> bool {
    moment.year() >= 9999
}

/// The first moment that stands for none, in SQL.
pub(crate) const NO_MOMENT: &str = "cast('9999-01-01 00:00:00' as timestamp(6))";

/// The moments of a column in SQL. In microseconds: nanoseconds end in the year 2262, and a moment after that would end the query.
pub(crate) fn moments_in_sql(column: &ColumnFacts) -> String {
    let cast = if column.kind == ColumnType::Text { "try_cast" } else { "cast" };
    format!("{cast}({} as timestamp(6))", identifier(&column.name))
}

/// A moment in SQL, in whole seconds.
pub(crate) fn moment_in_sql(moment: Timestamp) -> String {
    format!("cast('{}' as timestamp(6))", moment.format("%Y-%m-%d %H:%M:%S"))
}

/// Whether the column holds days or moments: by its type, or as text whose every telling value is an ISO day or moment.
pub(crate) fn is_temporal(column: &ColumnFacts) -> bool {
    let iso = |text: &TextFacts| shape_count(text, &[TextShape::Date, TextShape::Timestamp]);
    let is_iso_text = |text: &TextFacts| iso(text) > 0 && iso(text) == present(column);
    column.kind.is_temporal() || column.text.as_ref().is_some_and(is_iso_text)
}

/// The first five of `values`, as text.
pub(crate) fn examples<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    values.into_iter().take(5).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_the_forms_sql_writes() {
        let day = |text: &str| moment(&Value::Text(text.into())).map(|at| at.to_rfc3339());
        assert_eq!(day("2026-01-31").as_deref(), Some("2026-01-31T00:00:00+00:00"));
        assert_eq!(day("2026-01-31 10:20:30.5").as_deref(), Some("2026-01-31T10:20:30.500+00:00"));
        assert_eq!(day("2026-01-31T10:20:30Z").as_deref(), Some("2026-01-31T10:20:30+00:00"));
        assert_eq!(day("2026-01-31 10:20:30+02:00").as_deref(), Some("2026-01-31T08:20:30+00:00"));
        assert_eq!(day("soon"), None);
    }
}
