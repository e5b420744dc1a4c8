//! Values of two columns that are crossed: each stands where otherwise only the other does.
//!
//! A value belongs to the column in which it is far more common. It is foreign in the other one where all rows that hold it there hold a foreign
//! value in the first one too. The teams at home and away have no foreign values. Two flags that say the opposite have, so nothing is told of
//! columns with so few words of their own.

use std::collections::HashMap;

use super::disguised::says_nothing;
use super::profile::Profile;
use super::{Accusation, kinds};

/// Tables with more columns, and columns with more values, are left alone.
const MOST_COLUMNS: usize = 40;
const MOST_VALUES: usize = 2_000;
/// Fewer rows give no norm.
const LEAST_ROWS: f64 = 50.0;
/// Rows that must hold a value in the column that it belongs to, and how many times more they must be.
const AT_HOME: u32 = 5;
const TIMES: u32 = 5;
/// The words of its own that each column must have, and one of the two.
const LEAST_WORDS: (usize, usize) = (2, 3);
/// Crossed rows are at most this share of all.
const GREATEST_SHARE: f64 = 0.05;
/// Columns of numbers share numbers by their ranges; a column with fewer of them is one of words.
const GREATEST_NUMERIC: f64 = 0.1;
const CONFIDENCE: f64 = 0.85;

/// The cells of rows in which two columns hold each other's values.
pub(super) fn crossed(profiles: &[Profile<'_>]) -> Vec<Accusation> {
    let is_closed = |profile: &Profile<'_>| profile.rows >= LEAST_ROWS && (2..=MOST_VALUES).contains(&profile.column.values());
    let closed: Vec<usize> = (0..profiles.len()).filter(|at| is_closed(&profiles[*at])).collect();
    if profiles.len() > MOST_COLUMNS {
        return Vec::new();
    }
    let known: Vec<HashMap<&str, u32>> = closed.iter().map(|at| known(&profiles[*at])).collect();
    let mut found = Vec::new();
    let is_of_words = |at: usize| profiles[closed[at]].numeric < GREATEST_NUMERIC;
    for one in 0..closed.len() {
        for other in (one + 1..closed.len()).filter(|other| is_of_words(one) || is_of_words(*other)) {
            let at = [closed[one], closed[other]];
            let pair = Pair { all: profiles, profiles: at.map(|at| &profiles[at]), at };
            found.extend(pair.accusations([&known[one], &known[other]]));
        }
    }
    found
}

fn known<'a>(profile: &Profile<'a>) -> HashMap<&'a str, u32> {
    profile.column.counted().filter(|(_, value, count)| *count > 0 && !says_nothing(value)).map(|(code, value, _)| (value, code)).collect()
}

/// Two columns.
struct Pair<'a> {
    all: &'a [Profile<'a>],
    profiles: [&'a Profile<'a>; 2],
    at: [usize; 2],
}

impl Pair<'_> {
    fn accusations(&self, known: [&HashMap<&str, u32>; 2]) -> Vec<Accusation> {
        let abroad = [0, 1].map(|side| self.abroad(side, known[1 - side]));
        let words = [0, 1].map(|side| self.words(side, &abroad[side]));
        let have_words = words.iter().all(|words| *words >= LEAST_WORDS.0) && words.iter().any(|words| *words >= LEAST_WORDS.1);
        if !have_words || abroad.iter().any(|codes| codes.iter().all(|code| *code == 0)) {
            return Vec::new();
        }
        let rows: Vec<u32> = self.rows(&abroad);
        let counts = [0, 1].map(|side| self.counts(side, &rows));
        let is_foreign = |side: usize, row: u32| {
            let own = self.profiles[side].column;
            counts[side][own.code(row) as usize] == own.counts[own.code(row) as usize]
        };
        let crossed: Vec<u32> = rows.iter().copied().filter(|row| is_foreign(0, *row) && is_foreign(1, *row)).collect();
        let most = GREATEST_SHARE * self.profiles[0].rows.min(self.profiles[1].rows);
        if crossed.len() as f64 > most {
            return Vec::new();
        }
        let of_kinds = kinds::told(self.all, &self.at, &crossed);
        crossed.into_iter().filter(|row| !of_kinds.contains(row)).flat_map(|row| self.accuse(row)).collect()
    }

    /// By the codes of one column, the codes of the same values in the other where they belong to that; else 0.
    fn abroad(&self, side: usize, there: &HashMap<&str, u32>) -> Vec<u32> {
        let other = self.profiles[1 - side].column;
        let belongs = |home: u32, count: u32| other.counts[home as usize] >= AT_HOME.max(TIMES * count);
        let counted = self.profiles[side].column.counted();
        let codes = counted.map(|(_, value, count)| there.get(value).copied().filter(|home| belongs(*home, count)).unwrap_or(0));
        std::iter::once(0).chain(codes).collect()
    }

    /// How many values of a column recur and do not belong to the other.
    fn words(&self, side: usize, abroad: &[u32]) -> usize {
        self.profiles[side].column.counted().filter(|(code, _, count)| *count >= AT_HOME && abroad[*code as usize] == 0).count()
    }

    /// The rows in which both columns hold a value that belongs to the other.
    fn rows(&self, abroad: &[Vec<u32>; 2]) -> Vec<u32> {
        let [one, other] = self.profiles.map(|profile| &profile.column.coded.codes);
        let rows = (0_u32..).zip(one.iter().zip(other));
        rows.filter(|(_, (a, b))| abroad[0][**a as usize] != 0 && abroad[1][**b as usize] != 0).map(|(row, _)| row).collect()
    }

    /// How many of some rows hold each code of a column.
    fn counts(&self, side: usize, rows: &[u32]) -> Vec<u32> {
        let column = self.profiles[side].column;
        let mut counts = vec![0; column.counts.len()];
        for row in rows {
            counts[column.code(*row) as usize] += 1;
        }
        counts
    }

    fn accuse(&self, row: u32) -> [Accusation; 2] {
        let text = |side: usize| self.profiles[side].column.text(self.profiles[side].column.code(row)).map(str::to_owned);
        [0, 1].map(|side| Accusation {
            row,
            column: self.at[side],
            issue: "swapped_value",
            confidence: CONFIDENCE,
            suggestion: text(1 - side),
        })
    }
}
