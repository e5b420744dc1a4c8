//! Values of two columns that stand in each other's place.
//!
//! How well a text fits a column is the chance to find it there: how often it occurs, and for a text that occurs nowhere else how
//! often new texts occur and how many of the column's are built like it (Good, The population frequencies of species, Biometrika 40,
//! 1953); of numbers, whether they lie where the others do. Two cells of a row are exchanged where each fits the other column far better than
//! its own, together ten thousand times. One cell alone proves nothing: a town may be called Georgia.
//!
//! Where many rows are exchanged, their values recur in the wrong column. So a value belongs to the column in which most of its rows lie, and is none
//! of the other one where nearly all rows that hold it there look exchanged, too. Where another column says which rows these are, they are turned by
//! rule, as the two sides of a return are.

use std::collections::{HashMap, HashSet};

use hw_base::trimmed;

use super::disguised::names_nothing;
use super::pattern::coarse;
use super::profile::Profile;
use super::{Accusation, cell, kinds};
use crate::Cell;
use crate::columns::Column;

/// How much better both cells together, and each alone, must fit in the other's place.
const BETTER: (f64, f64) = (10_000.0, 4.0);
/// A new text is one of a column where so many of its rows are built like it: of texts that are all built differently, it says nothing.
const LEAST_BUILT_ALIKE: f64 = 0.05;
/// What fits less is no value of a column.
const LEAST_FIT: f64 = 1e-4;
/// Where the chance of a number that is new to a column is less, as it is where few recur, a number that no row holds is none of it.
const LEAST_NEW: f64 = 0.001;
/// What can hardly be in a column.
const UNFIT: f64 = 1e-7;
/// Columns with more distinct values, tables with more columns and more work than this are left alone.
const MOST_VALUES: usize = 100_000;
const MOST_COLUMNS: usize = 40;
const MOST_LOOKS: usize = 200_000_000;
const LEAST_ROWS: f64 = 50.0;
/// Pairs of cells that are exchanged in more rows than this are two columns of one kind.
const GREATEST_SHARE: f64 = 0.1;

/// Two flags, or two columns of so few numbers, of which one holds nothing that the other does not, are of one kind: their cells are not exchanged,
/// they say the opposite.
const MOST_FLAGS: usize = 2;
const MOST_LEVELS: usize = 10;
/// A value is at home in a column in which so many rows hold it, and so many times more than in another.
const AT_HOME: u32 = 5;
const TIMES: u32 = 5;
/// A value is foreign to a column where so many of five rows that hold it there look exchanged; of two columns, each must have so many such values:
/// fewer are a few things that are said the other way round, as a second language is.
const NEARLY_ALL: (u32, u32) = (4, 5);
const LEAST_FOREIGN: usize = 3;
/// A number that lies among those of a column fits it so well.
const AMONG_NUMBERS: f64 = 0.05;
/// A column with fewer numbers holds words.
const FEW_NUMBERS: f64 = 0.1;
/// A text is built as those of another column where its pattern has so many times the share there.
const BUILT_OTHERWISE: f64 = 10.0;
/// What shows that a cell is none of its column.
const FOREIGN: [&str; 3] = ["format_outlier", "swapped_value", "type_outlier"];
/// How sure it is that a cell is exchanged for one that is accused.
const AS_PARTNER: f64 = 0.7;

/// The cells that stand in the place of another of their row.
pub(super) fn exchanged(profiles: &[Profile<'_>], norms: &[Option<Norm<'_>>]) -> Vec<Accusation> {
    let mut found = Vec::new();
    for (at, one) in norms.iter().enumerate() {
        for (other_at, other) in norms.iter().enumerate().skip(at + 1) {
            if let (Some(one), Some(other)) = (one, other) {
                found.extend(between(profiles, (at, one), (other_at, other)));
            }
        }
    }
    found
}

/// The other cells of rows in which one of `cells` is foreign to its column and would be at home in another one, whose cell in turn is what that
/// column otherwise holds: both were exchanged, though the second one alone looks like others of its column. Where two could be, none is told.
pub(super) fn partners(norms: &[Option<Norm<'_>>], cells: &[Cell]) -> Vec<Cell> {
    let accused: HashSet<(usize, usize)> = cells.iter().map(|cell| (cell.row, cell.column)).collect();
    let foreign: Vec<&Cell> = cells.iter().filter(|cell| FOREIGN.contains(&cell.issue)).collect();
    let mut found = Vec::new();
    for (at, one) in norms.iter().enumerate().filter_map(|(at, norm)| Some((at, norm.as_ref()?))) {
        let of_column: Vec<&&Cell> = foreign.iter().filter(|cell| cell.column == at).collect();
        if of_column.is_empty() {
            continue;
        }
        let others = norms.iter().enumerate().filter_map(|(other, norm)| Some((other, norm.as_ref()?))).filter(|(other, _)| *other != at);
        let others: Vec<(usize, &Norm<'_>, Gain)> = others.map(|(other, norm)| (other, norm, Gain::of(one, norm))).collect();
        for row in of_column.iter().filter_map(|cell| u32::try_from(cell.row).ok()) {
            let code = one.profile.column.code(row);
            let fitting = others.iter().filter(|(_, norm, gain)| gain.of[code as usize] >= BETTER.1 && one.is_home_of(row, norm));
            let fitting: Vec<usize> = fitting.map(|(other, ..)| *other).collect();
            if let [other] = fitting[..]
                && !accused.contains(&(row as usize, other))
            {
                let text = one.profile.column.text(code).map(str::to_owned);
                found.extend(cell(row, other, "swapped_value", AS_PARTNER, text));
            }
        }
    }
    found
}

/// Whether the table is small enough for a look at all pairs of columns.
fn are_few(profiles: &[Profile<'_>]) -> bool {
    let rows = profiles.first().map_or(0, |profile| profile.column.coded.codes.len());
    profiles.len() <= MOST_COLUMNS && rows * profiles.len() * profiles.len() <= MOST_LOOKS
}

/// What fits each column; `None` for those that give no norm. Empty where the table is too large.
pub(super) fn norms<'a>(profiles: &'a [Profile<'a>]) -> Vec<Option<Norm<'a>>> {
    if !are_few(profiles) {
        return Vec::new();
    }
    let usable = |profile: &&Profile<'_>| profile.rows >= LEAST_ROWS && (2..=MOST_VALUES).contains(&profile.column.values());
    profiles.iter().map(|profile| Some(profile).filter(usable).map(Norm::of)).collect()
}

/// What fits a column.
pub(super) struct Norm<'a> {
    profile: &'a Profile<'a>,
    known: HashMap<&'a str, u32>,
    /// Rows per pattern.
    patterns: HashMap<String, f64>,
    /// Texts that occur once.
    once: f64,
    /// Where nearly all numbers lie, and whether they are whole, in a column of numbers.
    range: Option<(f64, f64, bool)>,
}

impl<'a> Norm<'a> {
    fn of(profile: &'a Profile<'a>) -> Self {
        let present = || profile.column.counted().filter(|(_, _, count)| *count > 0);
        let mut patterns: HashMap<String, f64> = HashMap::new();
        for (_, value, count) in present() {
            *patterns.entry(built(value)).or_default() += f64::from(count);
        }
        let once = present().filter(|(_, _, count)| *count == 1).count() as f64;
        Self {
            profile,
            known: present().map(|(_, value, count)| (value, count)).collect(),
            patterns,
            once,
            range: (profile.numeric > 0.9).then(|| range(profile)),
        }
    }

    /// The chance to find a text in the column; `own` is 1 where the text is counted among it.
    pub(super) fn fit(&self, value: &str, own: u32) -> f64 {
        let rows = self.profile.rows;
        let others = self.known.get(value).copied().unwrap_or(0).saturating_sub(own);
        let novelty = (self.once - if own == 1 && others == 0 { 0.5 } else { -0.5 }) / rows;
        let new = match self.range {
            Some(range) => lies_within(value, range),
            None => novelty * (self.patterns.get(&built(value)).copied().unwrap_or(0.0) - f64::from(own)).max(0.0) / rows,
        };
        (f64::from(others) / rows).max(new).max(UNFIT)
    }

    /// Whether a value of the column, in so many rows, shows by what it is, and not by its size alone, that it belongs to another one: it is a word
    /// among numbers, a number among words, a fraction among whole numbers, a word of far more rows there, or built as hardly any here.
    pub(super) fn is_alien(&self, value: &str, rows: u32, home: &Self) -> bool {
        let number = trimmed(value).parse::<f64>().ok().filter(|number| number.is_finite());
        match (self.range, home.range) {
            (Some((.., are_whole)), Some((.., are_whole_at_home))) => {
                are_whole && !are_whole_at_home && number.is_some_and(|number| number.fract() != 0.0)
            }
            (Some(_), None) => number.is_none() && !names_nothing(value),
            (None, Some(_)) => number.is_some(),
            (None, None) => {
                let least = LEAST_BUILT_ALIKE.max(BUILT_OTHERWISE * self.share_built_as(value));
                home.is_home_of_word(value, rows) || home.share_built_as(value) >= least
            }
        }
    }

    /// The share of the rows that hold a text of the same pattern.
    fn share_built_as(&self, value: &str) -> f64 {
        self.patterns.get(&built(value)).copied().unwrap_or(0.0) / self.profile.rows
    }

    /// Whether a text can be one of the column: it is, lies where its numbers do, or is built as many are.
    fn can_hold(&self, value: &str) -> bool {
        let are_built_alike = || self.share_built_as(value) >= LEAST_BUILT_ALIKE;
        let may_be_new = || match self.range {
            Some(_) => (self.once + 0.5) / self.profile.rows >= LEAST_NEW || self.has_number(value),
            None => are_built_alike(),
        };
        !names_nothing(value) && (self.known.contains_key(value) || may_be_new())
    }

    /// Whether the cell of a row in another column would be at home in this one: far more rows hold it here, or it is one of few numbers among words
    /// there and lies among the numbers here.
    fn is_home_of(&self, row: u32, other: &Self) -> bool {
        let column = other.profile.column;
        let code = column.code(row);
        let Some(value) = column.text(code) else { return false };
        let is_number =
            || other.profile.numeric < FEW_NUMBERS && self.range.is_some_and(|range| lies_within(value, range) >= AMONG_NUMBERS);
        self.is_home_of_word(value, column.counts[code as usize]) || is_number()
    }

    /// Whether far more rows hold a word here than the `abroad` ones elsewhere.
    fn is_home_of_word(&self, word: &str, abroad: u32) -> bool {
        let here = self.known.get(word).copied().unwrap_or(0);
        !names_nothing(word) && here >= AT_HOME.max(TIMES * abroad)
    }

    /// The chance to find a text that is foreign to the column: that of a number by where it lies, of others next to none.
    fn fit_of_foreign(&self, value: &str) -> f64 {
        self.range.map_or(LEAST_FIT, |range| lies_within(value, range).max(LEAST_FIT))
    }

    /// Whether the column and another one are flags, or levels, of which one holds nothing that the other does not.
    fn is_of_one_kind(&self, other: &Self) -> bool {
        let (fewer, more) = if self.known.len() <= other.known.len() { (self, other) } else { (other, self) };
        let most = if fewer.range.is_some() && more.range.is_some() { MOST_LEVELS } else { MOST_FLAGS };
        fewer.known.len() <= most && fewer.known.keys().all(|value| more.known.contains_key(value))
    }

    /// Whether a row holds the number, however it is written there.
    fn has_number(&self, value: &str) -> bool {
        let numbers = self.profile.numbers();
        trimmed(value).parse::<f64>().is_ok_and(|wanted| numbers.binary_search_by(|(number, ..)| number.total_cmp(&wanted)).is_ok())
    }
}

fn built(value: &str) -> String {
    let mut pattern = String::new();
    coarse(value, &mut pattern);
    pattern
}

/// The stretch in which 96 of 100 rows lie and a quarter of its width on both sides, and whether all numbers there are whole.
fn range(profile: &Profile<'_>) -> (f64, f64, bool) {
    let numbers = profile.numbers();
    let at = |share: f64| {
        let mut seen = 0.0;
        let reached = numbers.iter().find(|(_, _, count)| {
            seen += f64::from(*count);
            seen >= share * profile.rows * profile.numeric
        });
        reached.or(numbers.last()).map_or(0.0, |(number, ..)| *number)
    };
    let (low, high) = (at(0.02), at(0.98));
    let whole: u32 = numbers.iter().filter(|(number, ..)| number.fract() == 0.0).map(|(_, _, count)| count).sum();
    let reach = (high - low) / 4.0;
    (low - reach, high + reach, f64::from(whole) > 0.95 * profile.rows * profile.numeric)
}

/// How well a text fits a column of numbers by where it lies.
fn lies_within(value: &str, (low, high, are_whole): (f64, f64, bool)) -> f64 {
    let Some(number) = trimmed(value).parse::<f64>().ok().filter(|number| number.is_finite()) else { return UNFIT };
    let distance = ((low - number).max(number - high) / (high - low).max(f64::MIN_POSITIVE)).max(0.0);
    let fraction = if are_whole && number.fract() != 0.0 { 0.001 } else { 1.0 };
    0.1 * fraction * (-4.0 * distance).exp()
}

/// The rows in which the cells of two columns are exchanged, where these are rows of all kinds.
fn between(profiles: &[Profile<'_>], (at, one): (usize, &Norm<'_>), (other_at, other): (usize, &Norm<'_>)) -> Vec<Accusation> {
    if one.is_of_one_kind(other) {
        return Vec::new();
    }
    let (ours, theirs) = (Gain::of(one, other), Gain::of(other, one));
    if !ours.is_any() || !theirs.is_any() {
        return Vec::new();
    }
    let (a, b) = (one.profile.column, other.profile.column);
    let (ours, theirs) = in_light_of_rows([a, b], [ours, theirs]);
    let gains: Vec<(u32, f64)> = better([a, b], [&ours, &theirs]).collect();
    let rows: Vec<u32> = gains.iter().map(|(row, _)| *row).collect();
    if rows.len() as f64 > GREATEST_SHARE * one.profile.rows.min(other.profile.rows) {
        return Vec::new();
    }
    let of_kinds = kinds::told(profiles, &[at, other_at], &rows);
    let accuse = |row: u32, column: usize, gain: f64, suggestion: Option<&str>| {
        let confidence = if gain >= BETTER.0 * 100.0 { 0.85 } else { 0.7 };
        Accusation { row, column, issue: "swapped_value", confidence, suggestion: suggestion.map(str::to_owned) }
    };
    let cells = gains
        .into_iter()
        .filter(|(row, _)| !of_kinds.contains(row))
        .flat_map(|(row, gain)| [accuse(row, at, gain, b.text(b.code(row))), accuse(row, other_at, gain, a.text(a.code(row)))]);
    cells.collect()
}

/// The rows in which both cells fit the other column better, by codes, with how much better they fit together.
fn better<'a>([a, b]: [&'a Column<'a>; 2], [ours, theirs]: [&'a [f64]; 2]) -> impl Iterator<Item = (u32, f64)> + 'a {
    let rows = a.coded.codes.iter().zip(&b.coded.codes).zip(0_u32..);
    rows.filter_map(move |((own, their), row)| {
        let gains = (ours[*own as usize], theirs[*their as usize]);
        let is_better = gains.0 >= BETTER.1 && gains.1 >= BETTER.1 && gains.0 * gains.1 >= BETTER.0;
        (is_better && a.text(*own) != b.text(*their)).then_some((row, gains.0 * gains.1))
    })
}

/// The gains of two columns, by codes: as foreign those of the values of which nearly all rows look exchanged, where these are several on both sides.
fn in_light_of_rows(columns: [&Column<'_>; 2], gains: [Gain; 2]) -> (Vec<f64>, Vec<f64>) {
    let mut exchanged = columns.map(|column| vec![0_u32; column.counts.len()]);
    for (row, _) in better(columns, [&gains[0].as_foreign, &gains[1].as_foreign]) {
        exchanged[0][columns[0].code(row) as usize] += 1;
        exchanged[1][columns[1].code(row) as usize] += 1;
    }
    let is_foreign = |side: usize, code: usize| {
        let (exchanged, all) = (exchanged[side][code], columns[side].counts[code]);
        exchanged > 0 && exchanged * NEARLY_ALL.1 >= all * NEARLY_ALL.0
    };
    let are_several = |side: usize| (0..columns[side].counts.len()).filter(|code| is_foreign(side, *code)).count() >= LEAST_FOREIGN;
    let have_several = are_several(0) && are_several(1);
    let [ours, theirs] = gains;
    let chosen = |side: usize, gain: Gain| -> Vec<f64> {
        let both = gain.of.into_iter().zip(gain.as_foreign).enumerate();
        both.map(|(code, (of, as_foreign))| if have_several && is_foreign(side, code) { as_foreign } else { of }).collect()
    };
    (chosen(0, ours), chosen(1, theirs))
}

/// How much better each value of a column fits another column; 0 where it does not fit that, or is missing.
struct Gain {
    of: Vec<f64>,
    /// The same where the values that are at home in the other column are foreign to their own.
    as_foreign: Vec<f64>,
}

impl Gain {
    fn of(own: &Norm<'_>, other: &Norm<'_>) -> Self {
        let gains = own.profile.column.counted().map(|(_, value, count)| {
            let there = other.fit(value, 0);
            if there < LEAST_FIT || !other.can_hold(value) {
                return (0.0, 0.0);
            }
            let gain = there / own.fit(value, 1);
            (gain, if other.is_home_of_word(value, count) { gain.max(there / own.fit_of_foreign(value)) } else { gain })
        });
        let (of, as_foreign) = std::iter::once((0.0, 0.0)).chain(gains).unzip();
        Self { of, as_foreign }
    }

    fn is_any(&self) -> bool {
        self.as_foreign.iter().any(|gain| *gain >= BETTER.1)
    }
}
