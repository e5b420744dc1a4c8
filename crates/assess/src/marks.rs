//! Words in the place of values, which alone keep a column text.

use std::collections::BTreeSet;

use hw_base::{ColumnFacts, TableFacts, TextShape};

use crate::column::{has_formed_values, present, shape_count, stand_ins, telling};

/// How surely a word stands for a missing value before a reader is told to take it for one.
const SURE: f64 = 0.9;

/// The words without which a column of numbers, days or moments would be one, such as `NA`: what a reader of the files should take
/// for a missing value.
pub fn missing_marks(facts: &TableFacts) -> BTreeSet<String> {
    let typed = facts.columns.iter().filter(|column| would_have_a_type(column)).flat_map(marks_of);
    typed.filter(|(_, sure)| *sure >= SURE).map(|(word, _)| word.to_owned()).collect()
}

/// The text columns in which `mark` would be a value like the others, if it occurred.
pub fn columns_of_values<'a>(facts: &'a TableFacts, mark: &str) -> Vec<&'a str> {
    let is_of_words = |column: &ColumnFacts| column.text.as_ref().is_some_and(|text| !has_formed_values(text, present(column)));
    let own = facts.columns.iter().filter(|column| is_of_words(column) && !marks_of(column).any(|(own, _)| own == mark));
    own.map(|column| column.name.as_str()).collect()
}

/// Whether one of `marks` stands for a missing value in one of the columns.
pub fn has_marks(facts: &TableFacts, marks: &[String]) -> bool {
    facts.columns.iter().flat_map(marks_of).any(|(own, _)| marks.iter().any(|mark| mark == own))
}

/// The words of a column that stand for a missing value, with how surely they do.
fn marks_of(column: &ColumnFacts) -> impl Iterator<Item = (&str, f64)> {
    stand_ins(column).into_iter().map(|(word, _, sure)| (word, sure))
}

/// Whether all of its values but these words are of one type that is not text.
fn would_have_a_type(column: &ColumnFacts) -> bool {
    use TextShape::{Date, Decimal, Integer, Timestamp};
    let Some(text) = &column.text else { return false };
    let values = telling(column, text);
    let kinds: [&[TextShape]; 3] = [&[Integer, Decimal], &[Date], &[Timestamp]];
    values > 0 && kinds.iter().any(|shapes| shape_count(text, shapes) >= values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::facts;

    #[test]
    fn words_that_alone_keep_numbers_text_are_marks() {
        let table = facts(
            "rows 100
             wind text; distinct 50; shapes integer*90, other*10; top NA*10, 12*3, 7*2
             day text; distinct 60; shapes date*98, other*2; top 2026-01-01*3, NULL*2
             note text; distinct 70; shapes other*100; top NA*5, calm*4, storm*3
             mixed text; distinct 50; shapes integer*60, date*40; top NA*1, 12*3",
        );
        assert_eq!(missing_marks(&table).into_iter().collect::<Vec<_>>(), ["NA", "NULL"]);
    }

    #[test]
    fn a_code_among_codes_is_a_value() {
        let table = facts(
            "rows 100
             country text; distinct 4; shapes other*100; top NA*25, DE*25, FR*25, PL*25
             wind text; distinct 50; shapes integer*90, other*10; top NA*10, 12*3",
        );
        assert_eq!(columns_of_values(&table, "NA"), ["country"]);
    }
}
