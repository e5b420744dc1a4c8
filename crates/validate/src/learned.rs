//! Bounds that are learned from what earlier runs measured: offline, the same every time, and robust against single runs that went wrong.
//!
//! A value is expected within four times the spread of the median of the earlier ones, where the spread is the median absolute deviation
//! times 1.4826 (which makes it the standard deviation of normal values; Hampel 1974), and at least one percent of the median. Where at least
//! five runs of the same weekday (UTC) have measured it, only these count: what is low every Sunday is no alarm.

use chrono::{Datelike, Weekday};
use hw_base::{Timestamp, plural};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::change::Change;
use crate::exact::Exact;
use crate::shape::{Bounds, Limit, LimitValue};

/// Fewer runs than this say nothing.
const FEWEST: usize = 7;

/// From so many runs on a weekday is a season of its own.
const FEWEST_OF_A_WEEKDAY: usize = 5;

/// How many times the spread a value may lie from the median.
const WIDTH: f64 = 4.0;

/// What the median absolute deviation of normal values has to be multiplied with to be their standard deviation.
const OF_NORMAL_VALUES: f64 = 1.4826;

/// How many digits of a limit are shown after the first one.
const DIGITS: i32 = 3;

/// Finer parts than this are zero.
const MOST_PLACES: i32 = 300;

/// The least spread, as a share of the median.
const LEAST_SPREAD: f64 = 0.01;

/// How limits follow from what earlier runs measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learned {
    /// From the values themselves.
    Level,
    /// From how much they grow from one run to the next.
    Growth,
    /// They lie as far from the last values as is given.
    Change(Change),
}

/// The forms of the setting.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes the two forms")]
pub(crate) enum LearnedForm {
    /// `true`: the level.
    Switch(bool),
    /// `level` or `growth`.
    Word(String),
}

impl<'de> Deserialize<'de> for Learned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Learned;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`true`, `level` or `growth`")
            }
            fn visit_bool<E: de::Error>(self, is_learned: bool) -> Result<Learned, E> {
                if is_learned { Ok(Learned::Level) } else { Err(E::custom("`learned: false` says nothing; remove it")) }
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Learned, E> {
                match word {
                    "level" => Ok(Learned::Level),
                    "growth" => Ok(Learned::Growth),
                    _ => Err(E::custom(format!("`{word}` cannot be learned; write `true`, `level` or `growth`"))),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What an earlier run measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

impl Learned {
    /// The bounds before anything is known of earlier runs: every value passes.
    pub(crate) fn unknown(self) -> Bounds {
        let words = match self {
            Self::Level | Self::Growth => "anything: nothing is learned outside of runs",
            Self::Change(_) => "anything: earlier loads are only known in runs",
        };
        Bounds::Learned { how: self, min: None, max: None, words: words.to_owned() }
    }

    /// The bounds that follow from earlier runs for one at `now`.
    pub(crate) fn bounds(self, earlier: &[Observation], now: Timestamp) -> Bounds {
        let mut earlier: Vec<Observation> = earlier.iter().copied().filter(|seen| seen.value.is_finite()).collect();
        earlier.sort_by_key(|seen| seen.at);
        let (start, steps) = match self {
            Self::Level => (0.0, earlier),
            Self::Growth => (earlier.last().map_or(0.0, |last| last.value), growth(&earlier)),
            Self::Change(change) => {
                let (min, max, words) = change.limits(&earlier);
                return Bounds::Learned { how: self, min, max, words };
            }
        };
        if steps.len() < FEWEST {
            let words = format!("anything: {FEWEST} earlier runs are needed to learn from, there {}", are(steps.len()));
            return Bounds::Learned { how: self, min: None, max: None, words };
        }
        let (values, season) = of_weekday(&steps, now.weekday());
        let (middle, spread) = (median(&values), spread(&values));
        let limit = |value: f64| Exact::of(value).map(|value| Limit::inside(LimitValue::Number(value)));
        let (low, high) = (start + middle - WIDTH * spread, start + middle + WIDTH * spread);
        let (low, high) = (rounded(low, f64::floor), rounded(high, f64::ceil));
        let what = if self == Self::Growth { "median growth" } else { "median" };
        let words = format!("between {low} and {high}, learned from {season}: {what} {} ± {WIDTH} × {}", shown(middle), shown(spread));
        Bounds::Learned { how: self, min: limit(low), max: limit(high), words }
    }
}

fn are(runs: usize) -> String {
    if runs == 1 { "is 1".into() } else { format!("are {runs}") }
}

/// By how much each value is greater than the one before it.
fn growth(earlier: &[Observation]) -> Vec<Observation> {
    earlier.windows(2).map(|pair| Observation { at: pair[1].at, value: pair[1].value - pair[0].value }).collect()
}

/// The values of the same weekday where they suffice, else all of them, and which they are in words.
fn of_weekday(earlier: &[Observation], day: Weekday) -> (Vec<f64>, String) {
    let same: Vec<f64> = earlier.iter().filter(|seen| seen.at.weekday() == day).map(|seen| seen.value).collect();
    if same.len() >= FEWEST_OF_A_WEEKDAY && same.len() < earlier.len() {
        let words = format!("{} on a {}", plural(same.len() as u64, "run"), name(day));
        return (same, words);
    }
    (earlier.iter().map(|seen| seen.value).collect(), plural(earlier.len() as u64, "run"))
}

fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    (OF_NORMAL_VALUES * median(&distances)).max(LEAST_SPREAD * middle.abs())
}

/// A limit with no more digits than a person wants to read, moved outwards by `towards`.
fn rounded(value: f64, towards: fn(f64) -> f64) -> f64 {
    let unit = unit(value);
    towards(value * unit) / unit
}

fn shown(value: f64) -> String {
    let unit = unit(value);
    ((value * unit).round() / unit).to_string()
}

/// How many parts of 1 a value is shown in: whole numbers where it is large, four decimal places else, and more where these are not four
/// digits of it.
#[expect(clippy::cast_possible_truncation, reason = "a float has some hundred digits at most")]
fn unit(value: f64) -> f64 {
    let size = value.abs();
    if size >= 100.0 {
        return 1.0;
    }
    let first_digit = size.log10().floor();
    let places = if first_digit.is_finite() { DIGITS - first_digit as i32 } else { 0 };
    10_f64.powi(places.clamp(4, MOST_PLACES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u32, value: f64) -> Observation {
        Observation { at: format!("2026-{:02}-{:02}T02:00:00Z", 2 + day / 28, 1 + day % 28).parse().unwrap(), value }
    }

    #[track_caller]
    fn check(how: Learned, values: &[f64], words: &str) {
        let earlier: Vec<Observation> = (0_u32..).zip(values).map(|(day, value)| run(day, *value)).collect();
        let next = run(u32::try_from(values.len()).unwrap(), 0.0).at;
        assert_eq!(how.bounds(&earlier, next).words(), words);
    }

    #[test]
    fn one_run_that_went_wrong_moves_nothing() {
        check(
            Learned::Level,
            &[1000.0, 1010.0, 990.0, 1005.0, 2.0, 995.0, 1000.0],
            "between 960 and 1040, learned from 7 runs: median 1000 ± 4 × 10",
        );
    }

    #[test]
    fn values_that_never_differ_have_a_little_room() {
        check(Learned::Level, &[0.5; 8], "between 0.48 and 0.52, learned from 8 runs: median 0.5 ± 4 × 0.005");
        check(Learned::Level, &[0.0; 8], "between 0 and 0, learned from 8 runs: median 0 ± 4 × 0");
    }

    #[test]
    fn small_values_have_narrow_limits() {
        check(Learned::Level, &[5.5e-6; 8], "between 0.00000528 and 0.00000572, learned from 8 runs: median 0.0000055 ± 4 × 0.000000055");
        check(Learned::Level, &[-5e-7; 8], "between -0.00000052 and -0.00000048, learned from 8 runs: median -0.0000005 ± 4 × 0.000000005");
    }

    #[test]
    fn a_table_that_grows_is_judged_by_its_growth() {
        let sizes: Vec<f64> = (0_u32..9).map(|day| f64::from(day * 100)).collect();
        check(Learned::Growth, &sizes, "between 896 and 904, learned from 8 runs: median growth 100 ± 4 × 1");
    }

    #[test]
    fn a_weekday_with_enough_runs_is_a_season_of_its_own() {
        let sales: Vec<f64> = (0_u32..35).map(|day| if day % 7 == 0 { 100.0 } else { 1000.0 }).collect();
        check(Learned::Level, &sales, "between 96 and 104, learned from 5 runs on a Sunday: median 100 ± 4 × 1");
    }

    #[test]
    fn too_little_history_lets_everything_pass() {
        check(Learned::Level, &[5.0], "anything: 7 earlier runs are needed to learn from, there is 1");
        check(Learned::Growth, &[5.0; 7], "anything: 7 earlier runs are needed to learn from, there are 6");
    }
}
