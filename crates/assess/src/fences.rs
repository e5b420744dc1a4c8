//! The fences beyond which numbers stand apart: those of their column, or of each group of its rows.

use hw_base::{CodedColumn, CodedTable, ColumnType, identifier};

use crate::accused::{in_sql, is_plain};

/// A column of groups has at most so many values.
const MOST_GROUPS: usize = 50;
/// Greater numbers are not all told apart as floats.
const GREATEST: f64 = 9e15;

/// A condition that tells some rows of a column of numbers from all others by fences: those of the whole column, else those of the groups that another
/// column makes. `None` where no fences do.
pub(crate) fn beyond(table: &CodedTable, at: usize, rows: &[usize]) -> Option<String> {
    let numbers = Numbers::of(&table.columns[at], rows)?;
    let of_all = || Some(format!("({})", numbers.fences(1, |_| 0)?.first()?.sides(&numbers.written())?));
    let is_grouping = |by: &usize| *by != at && is_plain(table.columns[*by].kind) && table.columns[*by].values.len() <= MOST_GROUPS;
    let mut grouping: Vec<usize> = (0..table.columns.len()).filter(is_grouping).collect();
    grouping.sort_by_key(|by| table.columns[*by].values.len());
    of_all().or_else(|| grouping.into_iter().find_map(|by| in_groups(&numbers, &table.columns[by])))
}

/// The condition by the fences of each group that holds one of the rows.
fn in_groups(numbers: &Numbers<'_>, by: &CodedColumn) -> Option<String> {
    let fences = numbers.fences(by.values.len() + 1, |row| by.codes[row] as usize)?;
    let passed = fences.iter().enumerate().filter(|(_, fences)| fences.are_passed());
    let part = |(group, fences): (usize, &Fences)| Some(format!("({} and ({}))", is_of(by, group), fences.sides(&numbers.written())?));
    let parts: Vec<String> = passed.map(part).collect::<Option<_>>()?;
    Some(format!("({})", parts.join(" or ")))
}

/// The condition of a group; the first are the rows without a value.
fn is_of(by: &CodedColumn, group: usize) -> String {
    let name = identifier(&by.name);
    match group.checked_sub(1).and_then(|at| by.values.get(at)) {
        Some(value) => format!("{name} = {}", in_sql(by.kind, value)),
        None => format!("{name} is null"),
    }
}

/// The numbers of a column, and the rows that are to be told from the others.
struct Numbers<'a> {
    column: &'a CodedColumn,
    /// By code; the first stands for none.
    values: Vec<f64>,
    rows: &'a [usize],
}

impl<'a> Numbers<'a> {
    /// `None` for a column that holds anything else.
    fn of(column: &'a CodedColumn, rows: &'a [usize]) -> Option<Self> {
        let are_numbers = column.kind.is_numeric() && rows.iter().all(|row| column.codes[*row] != 0);
        if !are_numbers || rows.is_empty() {
            return None;
        }
        let number = |value: &String| value.parse::<f64>().ok().filter(|number| number.abs() < GREATEST);
        let values = std::iter::once(Some(0.0)).chain(column.values.iter().map(number)).collect::<Option<_>>()?;
        Some(Self { column, values, rows })
    }

    fn number(&self, row: usize) -> f64 {
        self.values[self.column.codes[row] as usize]
    }

    /// The column as SQL compares it: a bare number is read as a decimal of too few digits for some.
    fn written(&self) -> String {
        let name = identifier(&self.column.name);
        if self.column.kind == ColumnType::Decimal { format!("cast({name} as double)") } else { name }
    }

    /// The fences of each group; `None` where one of the rows lies among the others of its group.
    fn fences(&self, groups: usize, group: impl Fn(usize) -> usize) -> Option<Vec<Fences>> {
        let mut is_told = vec![false; self.column.codes.len()];
        self.rows.iter().for_each(|row| is_told[*row] = true);
        let mut fences = vec![Fences::default(); groups];
        for (row, code) in self.column.codes.iter().enumerate() {
            if *code != 0 && !is_told[row] {
                fences[group(row)].include(self.number(row));
            }
        }
        for row in self.rows {
            fences[group(*row)].pass(self.number(*row))?;
        }
        Some(fences)
    }
}

/// How far numbers reach, and the nearest ones beyond.
#[derive(Clone, Copy, Debug, Default)]
struct Fences {
    reach: Option<(f64, f64)>,
    below: Option<f64>,
    above: Option<f64>,
}

impl Fences {
    fn include(&mut self, number: f64) {
        let (least, greatest) = self.reach.unwrap_or((number, number));
        self.reach = Some((least.min(number), greatest.max(number)));
    }

    /// Takes a number for one that lies beyond; `None` where it does not.
    fn pass(&mut self, number: f64) -> Option<()> {
        let (least, greatest) = self.reach?;
        if number < least {
            self.below = Some(self.below.map_or(number, |below| below.max(number)));
        } else if number > greatest {
            self.above = Some(self.above.map_or(number, |above| above.min(number)));
        } else {
            return None;
        }
        Some(())
    }

    fn are_passed(&self) -> bool {
        self.below.is_some() || self.above.is_some()
    }

    /// The condition of the numbers beyond; `None` where no number fits between them and the others.
    fn sides(&self, number: &str) -> Option<String> {
        let (least, greatest) = self.reach?;
        let below = self.below.map(|below| Some(format!("{number} < {}", between(below, least)?)));
        let above = self.above.map(|above| Some(format!("{number} > {}", between(greatest, above)?)));
        let sides: Vec<String> = below.into_iter().chain(above).collect::<Option<_>>()?;
        Some(sides.join(" or "))
    }
}

/// The number with the fewest digits that lies between two others, near their middle.
fn between(low: f64, high: f64) -> Option<f64> {
    let middle = f64::midpoint(low, high);
    let mut rounded = (0..17_usize).filter_map(|digits| format!("{middle:.digits$e}").parse::<f64>().ok());
    rounded.find(|number| low < *number && *number < high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::coded as column;

    fn told(animals: &[&str], weights: &[&str], rows: &[usize]) -> Option<String> {
        let columns = vec![column("animal", ColumnType::Text, animals), column("weight", ColumnType::Float, weights)];
        let table = CodedTable { name: "t".into(), rows: animals.len() as u64, sampled: None, columns };
        beyond(&table, 1, rows)
    }

    const ANIMALS: [&str; 8] = ["mouse", "mouse", "dog", "dog", "mouse", "dog", "mouse", "dog"];

    #[test]
    fn fences_of_the_column_are_enough_where_no_other_row_lies_beyond() {
        let weights = ["21.5", "24", "9000", "11000", "23", "-40", "22", "70000"];
        assert_eq!(told(&ANIMALS, &weights, &[5, 7]).as_deref(), Some("(weight < -9 or weight > 40000)"));
    }

    #[test]
    fn numbers_that_are_usual_elsewhere_are_told_by_the_fences_of_their_group() {
        let weights = ["21.5", "24", "9000", "11000", "9000", "10000", "10500", "12"];
        let condition = "((animal = 'mouse' and (weight > 5000)) or (animal = 'dog' and (weight < 5000)))";
        assert_eq!(told(&ANIMALS, &weights, &[4, 6, 7]).as_deref(), Some(condition));
        assert_eq!(told(&ANIMALS, &weights, &[3, 4]), None, "a mouse of 9000 lies among the others");
        assert_eq!(told(&["a"; 8], &weights, &[2, 4]), None);
    }

    #[test]
    fn a_fence_is_as_short_as_it_can_be() {
        assert_eq!(between(31.8, 4210.0), Some(2000.0));
        assert_eq!(between(1.0, 1.1), Some(1.05));
        assert_eq!(between(3.0, 3.0), None);
    }
}
