//! The facts of some rows, from those of all rows and those of the others: measuring a quarter of the rows is enough to know both
//! parts.

use hw_base::{ColumnFacts, NumberFacts, ShapeCount, TableFacts, TextFacts, ValueCount};

/// The facts of the rows that are not in `part`, as far as rules are made from them: counts are exact, what cannot be told from
/// counts is that of all rows. A distinct count is exact where all values are listed or none occurs twice.
pub(crate) fn remainder(all: &TableFacts, part: &TableFacts) -> TableFacts {
    let columns = all.columns.iter().zip(&part.columns).map(|(all, part)| column(all, part)).collect();
    TableFacts { rows: all.rows.saturating_sub(part.rows), columns, ..all.clone() }
}

fn column(all: &ColumnFacts, part: &ColumnFacts) -> ColumnFacts {
    let (rows, nulls) = (all.rows.saturating_sub(part.rows), all.nulls.saturating_sub(part.nulls));
    let values = rows.saturating_sub(nulls);
    let lists_all = all.distinct_is_exact && all.top_values.len() as u64 == all.distinct;
    let is_unique = all.distinct_is_exact && all.distinct == all.rows.saturating_sub(all.nulls);
    let top_values = left_values(&all.top_values, &part.top_values);
    let distinct = if lists_all { top_values.len() as u64 } else { all.distinct.min(values) };
    ColumnFacts {
        rows,
        nulls,
        distinct,
        distinct_is_exact: lists_all || is_unique,
        top_values,
        numbers: all.numbers.as_ref().map(|numbers| left_numbers(numbers, part.numbers.as_ref())),
        text: all.text.as_ref().map(|text| left_text(text, part.text.as_ref())),
        ..all.clone()
    }
}

fn left_values(all: &[ValueCount], part: &[ValueCount]) -> Vec<ValueCount> {
    let taken = |value: &ValueCount| part.iter().find(|other| other.value == value.value).map_or(0, |other| other.count);
    let left = all.iter().map(|value| ValueCount { count: value.count.saturating_sub(taken(value)), ..value.clone() });
    let mut left: Vec<ValueCount> = left.filter(|value| value.count > 0).collect();
    left.sort_by_key(|value| std::cmp::Reverse(value.count));
    left
}

fn left_numbers(all: &NumberFacts, part: Option<&NumberFacts>) -> NumberFacts {
    let (negatives, zeros) = part.map_or((0, 0), |part| (part.negatives, part.zeros));
    NumberFacts { negatives: all.negatives.saturating_sub(negatives), zeros: all.zeros.saturating_sub(zeros), ..all.clone() }
}

fn left_text(all: &TextFacts, part: Option<&TextFacts>) -> TextFacts {
    let Some(part) = part else { return all.clone() };
    let taken = |shape: &ShapeCount| part.shapes.iter().find(|other| other.shape == shape.shape).map_or(0, |other| other.count);
    let shapes = all.shapes.iter().map(|shape| ShapeCount { count: shape.count.saturating_sub(taken(shape)), ..*shape });
    TextFacts {
        empty: all.empty.saturating_sub(part.empty),
        blank: all.blank.saturating_sub(part.blank),
        shapes: shapes.filter(|shape| shape.count > 0).collect(),
        ..all.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::facts;

    use super::*;

    #[test]
    fn counts_of_the_rows_that_are_left_are_exact() {
        let all = facts(
            "rows 1000
             id integer; distinct 1000
             price float; nulls 10; distinct 400; negatives 7
             status text; distinct 3; top new*600, done*395, lost*5
             email text; nulls 100; distinct 700; shapes email*890, other*10",
        );
        let part = facts(
            "rows 250
             id integer; distinct 250
             price float; nulls 4; distinct 90; negatives 7
             status text; distinct 3; top done*200, new*45, lost*5
             email text; nulls 0; distinct 200; shapes email*250",
        );
        let left = remainder(&all, &part);
        let told: Vec<(u64, u64, u64, bool)> =
            left.columns.iter().map(|column| (column.rows, column.nulls, column.distinct, column.distinct_is_exact)).collect();
        assert_eq!(told, [(750, 0, 750, true), (750, 6, 400, false), (750, 0, 2, true), (750, 100, 650, false)]);
        let status: Vec<String> = left.columns[2].top_values.iter().map(|top| format!("{}*{}", top.value, top.count)).collect();
        assert_eq!(status, ["new*555", "done*195"]);
        assert_eq!(left.columns[1].numbers.as_ref().map(|numbers| numbers.negatives), Some(0));
        let shapes = left.columns[3].text.as_ref().map(|text| text.shapes.iter().map(|shape| shape.count).collect::<Vec<_>>());
        assert_eq!(shapes, Some(vec![640, 10]));
    }
}
