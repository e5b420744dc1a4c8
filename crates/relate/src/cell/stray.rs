//! Strays: values that are common in another column of the table, and rare in one that holds nothing else that is rare.
//!
//! One such value proves nothing: a town may be called Georgia. Two and more do, where hardly any other value is as rare there, and
//! where none that both columns hold is usual in both.

use std::collections::HashMap;

use super::disguised::names_nothing;
use super::profile::Profile;
use super::{Suspicion, kinds};

/// Tables with more columns, and columns with more values, are left alone.
const MOST_COLUMNS: usize = 60;
const MOST_VALUES: usize = 1_000;
/// Fewer rows give no norm.
const LEAST_ROWS: f64 = 50.0;
/// How many times more common a stray is in its own column.
const TIMES: f64 = 10.0;
/// The share of the rows that strays may take up.
const GREATEST_SHARE: f64 = 0.05;
/// Of five values that both columns hold, four at least must be strays, and of five rare values of a column four must be known in the other.
const MOST: usize = 5;

/// The values of words that stand in the wrong column.
pub(super) fn strays(profiles: &[Profile<'_>]) -> Vec<(usize, Suspicion)> {
    if profiles.len() > MOST_COLUMNS {
        return Vec::new();
    }
    let closed: Vec<Closed<'_>> = profiles.iter().enumerate().filter(|(_, profile)| is_closed(profile)).map(Closed::of).collect();
    let mut found: Vec<(usize, u32)> = Vec::new();
    for here in &closed {
        for there in closed.iter().filter(|there| there.at != here.at) {
            let codes = here.strays_from(there);
            let codes = kinds::of_no_kind(profiles, here.at, &[here.at, there.at], &codes);
            found.extend(codes.into_iter().map(|code| (here.at, code)));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(at, code)| (at, Suspicion::new(code, "swapped_value", 0.8))).collect()
}

/// Whether a column holds few words again and again.
fn is_closed(profile: &Profile<'_>) -> bool {
    let values = profile.column.values();
    profile.rows >= LEAST_ROWS
        && profile.numeric < 0.1
        && profile.dated < 0.1
        && (2..=MOST_VALUES).contains(&values)
        && profile.variety() < 0.2
}

/// A column of few words.
struct Closed<'a> {
    at: usize,
    profile: &'a Profile<'a>,
    /// The code and the rows of each value.
    known: HashMap<&'a str, (u32, u32)>,
}

impl<'a> Closed<'a> {
    fn of((at, profile): (usize, &'a Profile<'a>)) -> Self {
        let is_word = |value: &str| value.chars().any(char::is_alphabetic) && !names_nothing(value);
        let present = profile.column.counted().filter(|(_, value, count)| *count > 0 && is_word(value));
        Self { at, profile, known: present.map(|(code, value, count)| (value, (code, count))).collect() }
    }

    fn share(&self, count: u32) -> f64 {
        f64::from(count) / self.profile.rows
    }

    /// The values that belong into another column.
    fn strays_from(&self, there: &Self) -> Vec<u32> {
        let shared: Vec<(u32, u32, u32)> = self
            .known
            .iter()
            .filter_map(|(value, (code, count))| there.known.get(value).map(|(_, other)| (*code, *count, *other)))
            .collect();
        let is_stray = |(_, here, other): &&(u32, u32, u32)| self.share(*here) * TIMES <= there.share(*other);
        let strays: Vec<(u32, u32)> = shared.iter().filter(is_stray).map(|(code, count, _)| (*code, *count)).collect();
        let rows: u32 = strays.iter().map(|(_, count)| count).sum();
        let most = strays.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let as_rare = self.known.values().filter(|(_, count)| *count <= most).count();
        let is_told = strays.len() > 1 && self.share(rows) <= GREATEST_SHARE && strays.len() * MOST >= shared.len() * (MOST - 1);
        let codes: Vec<u32> = strays.iter().map(|(code, _)| *code).collect();
        if is_told && codes.len() * MOST >= as_rare * (MOST - 1) && !self.is_repeated(&codes, there) { codes } else { Vec::new() }
    }

    /// Whether most rows with one of some values hold the same in the other column: it says the same twice.
    fn is_repeated(&self, codes: &[u32], there: &Self) -> bool {
        let rows = || codes.iter().flat_map(|code| self.profile.column.clusters().rows(*code));
        let text = |of: &Self, row: u32| of.profile.column.text(of.profile.column.code(row));
        rows().filter(|row| text(self, **row) == text(there, **row)).count() * MOST >= rows().count() * (MOST - 1)
    }
}
