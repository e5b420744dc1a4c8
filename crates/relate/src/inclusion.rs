//! What an inclusion says by its values alone: how unlikely it would be if the two columns had nothing to do with each other.
//!
//! `EWR`, `JFK` and `LGA` are not among the codes of airports by chance, and neither are three numbers of seven digits among the numbers
//! of invoices. Whole numbers from 1 on say nothing: any such column includes any other.

use hw_base::ColumnType;

use crate::columns::Column;
use crate::reference::{is_number, plain};

/// Bits of surprise from which values alone say that a reference is meant, and from which there is nothing to add.
const BITS: (f64, f64) = (10.0, 40.0);
/// The most bits of one value, so that a few values never say it alone.
const MOST_OF_ONE: f64 = 4.0;
/// The fewest values.
const LEAST_VALUES: usize = 3;
/// Values that are looked at.
const LOOKED_AT: usize = 64;

/// How telling it is that all of the values `met` are among the keys, 0 to 1; 0 where it may well be chance.
pub(crate) fn telling(keys: &Column<'_>, met: &[&str]) -> f64 {
    if met.len() < LEAST_VALUES {
        return 0.0;
    }
    let kind = keys.coded.kind;
    let bits = if is_number(kind) { bits_of_numbers(keys, met) } else { bits_of_texts(keys, kind, met) };
    let (least, enough) = BITS;
    if bits < least { 0.0 } else { 0.6 + 0.4 * ((bits - least) / (enough - least)).min(1.0) }
}

/// How many texts of this make there could be, against how many are keys.
fn bits_of_texts(keys: &Column<'_>, kind: ColumnType, met: &[&str]) -> f64 {
    let known = (keys.values().max(1) as f64).log2();
    let bits_of = |c: char| match c {
        '0'..='9' => 10_f64.log2(),
        c if c.is_alphabetic() => 26_f64.log2(),
        _ => 0.0,
    };
    let of_one = |value: &&str| (value.chars().map(bits_of).sum::<f64>() - known).clamp(0.0, MOST_OF_ONE);
    if kind == ColumnType::Text { met.iter().take(LOOKED_AT).map(of_one).sum() } else { 0.0 }
}

/// How thinly the keys lie where the values are, and how far away from zero the range of the keys is. Steps of ten or of a hundred are no
/// gaps: such are prices as well.
fn bits_of_numbers(keys: &Column<'_>, met: &[&str]) -> f64 {
    let occurring = keys.counted().filter(|(_, _, count)| *count > 0);
    let numbers: Option<Vec<i64>> = occurring.map(|(_, value, _)| plain(value).parse().ok()).collect();
    let met: Option<Vec<i64>> = met.iter().map(|value| plain(value).parse().ok()).collect();
    let (Some(numbers), Some(met)) = (numbers, met) else { return 0.0 };
    let range = |numbers: &[i64]| Some((*numbers.iter().min()?, *numbers.iter().max()?));
    let (Some((least, most)), Some((begin, end))) = (range(&numbers), range(&met)) else { return 0.0 };
    if least < 0 {
        return 0.0;
    }
    let step = numbers.iter().fold(0, |step, number| common_divisor(step, number - least)).max(1);
    let places = ((end - begin) / step) as f64 + 1.0;
    let there = numbers.iter().filter(|number| (begin..=end).contains(number)).count();
    let of_one = (places / there.max(1) as f64).log2().clamp(0.0, MOST_OF_ONE);
    let away = 2.0 * (most as f64 / ((most - least) as f64 + 1.0)).log2();
    of_one * met.len().min(LOOKED_AT) as f64 + away.clamp(0.0, 4.0 * MOST_OF_ONE)
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use hw_base::CodedColumn;

    use super::*;

    fn told(kind: ColumnType, keys: &[String], met: &[&str]) -> bool {
        let codes = (1..=u32::try_from(keys.len()).unwrap()).collect();
        let column = CodedColumn { name: "key".into(), kind, values: keys.to_vec(), codes };
        telling(&Column::of(&column), met) > 0.0
    }

    #[test]
    fn codes_and_distant_numbers_tell_and_small_ones_do_not() {
        let letters = |at: u32| char::from(b'A' + u8::try_from(at % 26).unwrap());
        let airports: Vec<String> = (0..1_400).map(|at| format!("{}{}{}", letters(at / 676), letters(at / 26), letters(at))).collect();
        let of_airports = |met: &[&str]| told(ColumnType::Text, &airports, met);
        assert!(of_airports(&["AAA", "ABC", "AZZ"]) && !of_airports(&["AAA", "ABC"]));
        let numbers = |from: i64, step: i64| (0..500).map(|at| (from + at * step).to_string()).collect::<Vec<_>>();
        let of_numbers = |from: i64, step: i64| told(ColumnType::Integer, &numbers(from, step), &["1", "2", "3", "4", "5"]);
        assert!(!of_numbers(1, 1) && !of_numbers(10, 10) && of_numbers(700_000, 1));
        let scattered: Vec<String> = (1..500_i64).map(|at| (at * at * 7 + at).to_string()).collect();
        assert!(told(ColumnType::Integer, &scattered, &["8", "30", "66", "116"]));
        let flags = ["Y", "N", "U"].map(str::to_owned);
        assert!(!told(ColumnType::Text, &flags, &["Y", "N", "U"]));
    }
}
