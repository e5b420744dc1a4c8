//! Bounds on how far a value may move from what the last loads measured: known after one load, where limits that are learned need several.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::exact::Exact;
use crate::learned::Observation;
use crate::rule::Problems;
use crate::scalar::Scalar;
use crate::shape::{Limit, LimitValue, between};

/// How far a value may lie from what the last loads measured.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The least change: a percentage such as `-10%`, or a number such as `-100`.
    #[schemars(with = "Option<Scalar>")]
    min: Option<Amount>,
    /// The greatest change: a percentage or a number.
    #[schemars(with = "Option<Scalar>")]
    max: Option<Amount>,
    /// The change must be above this: like `min`, but the limit itself is outside.
    #[schemars(with = "Option<Scalar>")]
    above: Option<Amount>,
    /// The change must be below this: like `max`, but the limit itself is outside.
    #[schemars(with = "Option<Scalar>")]
    below: Option<Amount>,
    /// How many of the last loads the value is compared with; 1 where it is not given.
    last: Option<usize>,
    /// Which value of several loads counts: their `mean` (where it is not given), `min` or `max`.
    of: Option<Of>,
}

/// Which value of several loads counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Of {
    /// Their mean.
    #[default]
    #[serde(alias = "avg")]
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// By how much a value changes: a number, or a per cent of what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amount {
    number: f64,
    is_percent: bool,
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Scalar::deserialize(deserializer)?.to_string();
        let (text, is_percent) = written.trim().strip_suffix('%').map_or((written.as_str(), false), |text| (text, true));
        let number = Exact::parse(text).and_then(|number| number.to_string().parse().ok());
        let refusal =
            || D::Error::custom(format!("`{written}` is no change; write a percentage such as `-10%`, or a number such as `-100`"));
        number.map(|number| Self { number, is_percent }).ok_or_else(refusal)
    }
}

impl Amount {
    /// The value that lies so far from `before`; `None` where that is 0, of which nothing is a share.
    fn beside(self, before: f64) -> Option<LimitValue> {
        if self.is_percent && before == 0.0 {
            return None;
        }
        let step = if self.is_percent { before.abs() * self.number / 100.0 } else { self.number };
        // The last bits of a float are no digits of a limit: 110 % of 1000 is 1100.
        Exact::parse(&format!("{:.14e}", before + step)).map(LimitValue::Number)
    }
}

impl Change {
    /// The limits that follow from earlier values, the last one at the end, and what they are in words.
    pub(crate) fn limits(self, earlier: &[Observation]) -> (Option<Limit>, Option<Limit>, String) {
        let last = &earlier[earlier.len().saturating_sub(self.last.unwrap_or(1))..];
        let Some(before) = self.of.unwrap_or_default().value(last) else {
            return (None, None, "anything: there is no earlier load to compare with".into());
        };
        let basis = match last.len() {
            1 => format!("{} in the load before", shown(before)),
            loads => format!("{}, the {} of the {loads} loads before", shown(before), self.of.unwrap_or_default().word()),
        };
        let (min, max) = (side(self.min, self.above, before), side(self.max, self.below, before));
        let words = match (&min, &max) {
            (None, None) => format!("anything: nothing is a share of {basis}"),
            _ => format!("{}, compared with {basis}", between(min.as_ref(), max.as_ref())),
        };
        (min, max, words)
    }

    /// Finds what is wrong with it, beyond its types.
    pub(crate) fn check(self, problems: &mut Problems<'_>) {
        let mut add = |message: &str, help: &str| problems.add("change", message, help);
        match (self.min.or(self.above), self.max.or(self.below)) {
            (None, None) => add("`change` has neither `min` nor `max`", "write `change: { min: -10%, max: 50% }`, or one of both"),
            (Some(low), Some(high)) if low.is_percent == high.is_percent && low.number > high.number => {
                add("the least change is greater than the greatest", "swap them");
            }
            _ => {}
        }
        if self.min.is_some() && self.above.is_some() {
            add("`min` and `above` are both given", "keep one of them");
        }
        if self.max.is_some() && self.below.is_some() {
            add("`max` and `below` are both given", "keep one of them");
        }
        if self.last == Some(0) {
            add("`last: 0` compares with no load", "give 1 or more");
        }
        if self.of.is_some() && self.last.is_none_or(|last| last < 2) {
            add("`of` says which value of several loads counts, and there is one", "add `last: 7`, or remove `of`");
        }
    }
}

impl Of {
    fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "least",
            Self::Max => "greatest",
        }
    }

    /// The value of these loads; `None` where there are none.
    fn value(self, loads: &[Observation]) -> Option<f64> {
        let values = loads.iter().map(|load| load.value);
        match self {
            Self::Mean => (!loads.is_empty()).then(|| values.sum::<f64>() / loads.len() as f64),
            Self::Min => values.reduce(f64::min),
            Self::Max => values.reduce(f64::max),
        }
    }
}

/// The limit on one side: `inside` itself, or `outside`, which is not.
fn side(inside: Option<Amount>, outside: Option<Amount>, before: f64) -> Option<Limit> {
    let at = |amount: Amount| amount.beside(before);
    let beyond = || outside.and_then(at).map(|value| Limit { value, is_outside: true });
    inside.and_then(at).map(Limit::inside).or_else(beyond)
}

/// The value with no more digits than tell something.
fn shown(value: f64) -> String {
    let rounded = Exact::parse(&format!("{value:.5e}")).filter(|_| value.fract() != 0.0);
    match rounded {
        Some(number) => number.to_string(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{Timestamp, Value};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::learned::Learned;
    use crate::testing::{check_aggregate, check_misfit, refused};

    fn change(settings: Json) -> Learned {
        Learned::Change(serde_json::from_value(settings).unwrap())
    }

    fn loads(values: &[f64]) -> Vec<Observation> {
        let at = |day: usize| format!("2026-02-{:02}T02:00:00Z", day + 1).parse().unwrap();
        values.iter().enumerate().map(|(day, value)| Observation { at: at(day), value: *value }).collect()
    }

    #[track_caller]
    fn check(settings: Json, values: &[f64], words: &str) {
        assert_eq!(change(settings).bounds(&loads(values), Timestamp::UNIX_EPOCH).words(), words);
    }

    #[test]
    fn a_value_is_compared_with_the_last_loads() {
        check(json!({"min": "-10%", "max": "50%"}), &[7.0, 1000.0], "between 900 and 1500, compared with 1000 in the load before");
        check(json!({"min": -100}), &[1000.0], "at least 900, compared with 1000 in the load before");
        check(
            json!({"above": "-10%", "below": 5, "last": 3}),
            &[1.0, 10.0, 20.0, 30.0],
            "above 18 and below 25, compared with 20, the mean of the 3 loads before",
        );
        check(
            json!({"max": "10%", "last": 7, "of": "max"}),
            &[10.0, 30.0, 20.0],
            "at most 33, compared with 30, the greatest of the 3 loads before",
        );
        check(json!({"max": 1, "last": 2}), &[1.0, 2.0], "at most 2.5, compared with 1.5, the mean of the 2 loads before");
        check(json!({"min": "-10%"}), &[-100.0], "at least -110, compared with -100 in the load before");
        check(json!({"min": "-10%"}), &[], "anything: there is no earlier load to compare with");
        check(json!({"min": "-10%", "max": "10%"}), &[0.0], "anything: nothing is a share of 0 in the load before");
    }

    #[test]
    fn limits_are_met_to_the_last_digit() {
        let held = |settings: Json, before: f64, now: i64| {
            let bounds = change(settings).bounds(&loads(&[before]), Timestamp::UNIX_EPOCH);
            bounds.judge("count(*)", &Value::Int(now), Timestamp::UNIX_EPOCH).held
        };
        for (percent, before, limit) in [("10%", 1000.0, 1100), ("0.1%", 3000.0, 3003), ("33.3%", 1000.0, 1333), ("-7%", 100.0, 93)] {
            let limits = |key: &str| json!({ key: percent });
            assert!(held(limits("min"), before, limit) && !held(limits("min"), before, limit - 1), "{percent}");
            assert!(held(limits("max"), before, limit) && !held(limits("max"), before, limit + 1), "{percent}");
            assert!(!held(limits("above"), before, limit) && !held(limits("below"), before, limit), "{percent}");
        }
    }

    #[test]
    fn a_change_stands_in_place_of_limits() {
        let rule = |settings: Json| json!({"row_count": settings});
        check_aggregate(&rule(json!({"change": {"min": "-10%"}})), "a bigint", "count(*): anything: earlier loads are only known in runs");
        check_misfit(
            &json!({"aggregate": {"function": "max", "column": "a", "change": {"min": 1}}}),
            "a date",
            "`max(a)` is a date or a moment, and limits are learned of numbers",
        );
        for (settings, why) in [
            (json!({"change": {"min": "-10%"}, "min": 1}), "`min` is given, and the limits are to follow from `change`"),
            (json!({"change": {"min": "-10%"}, "learned": true}), "`learned` is given, and the limits are to follow from `change`"),
            (json!({"change": {}}), "neither `min` nor `max`"),
            (json!({"change": {"min": "few"}}), "`few` is no change"),
            (json!({"change": {"min": "5%", "max": "-5%"}}), "the least change is greater"),
            (json!({"change": {"min": 1, "above": 1}}), "`min` and `above` are both given"),
            (json!({"change": {"min": 1, "last": 0}}), "compares with no load"),
            (json!({"change": {"min": 1, "of": "max"}}), "`of` says which value"),
        ] {
            let found = refused(&json!([rule(settings.clone())]));
            assert!(found.contains(why), "{settings}: {found}");
        }
    }
}
