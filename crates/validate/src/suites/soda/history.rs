//! Checks against earlier results: `change for row_count > -50`, `anomaly detection for row_count`.

use serde_json::{Map, Value as Json, json};

use crate::suites::metrics::Threshold;
use crate::suites::{Rules, Translation, settings_of};

/// What a check of changes compares with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Before<'a> {
    /// The number of results.
    last: usize,
    /// Which value of theirs counts: `avg`, `min` or `max`.
    of: &'a str,
    /// Whether the change is a per cent of it.
    is_percent: bool,
}

impl<'a> Before<'a> {
    /// What stands between `change` and `for`.
    pub(super) fn of(words: &'a str) -> Result<Self, String> {
        let words: Vec<&str> = words.split_whitespace().collect();
        let (is_percent, words) = match words.split_last() {
            Some((&"percent", rest)) => (true, rest),
            _ => (false, words.as_slice()),
        };
        let last = |count: &str| count.parse::<usize>().map_err(|_| format!("`last {count}` is no number of results"));
        match *words {
            [] => Ok(Self { last: 1, of: "avg", is_percent }),
            [of @ ("avg" | "min" | "max"), "last", count] => Ok(Self { last: last(count)?, of, is_percent }),
            ["same", "day", ..] => Err("it compares with the same day of an earlier week; `change` here looks at the last loads".into()),
            _ => Err(format!("`change {}` is not understood", words.join(" "))),
        }
    }

    /// The limits of a change, as the setting `change` has them.
    fn limits(self, threshold: &Threshold) -> Result<Json, String> {
        let limits = threshold.limits().ok_or("its condition is no limit of a change, such as `> -50` or `between -10 and 50`")?;
        let written = |(key, limit): (String, Json)| (key, if self.is_percent { json!(format!("{limit}%")) } else { limit });
        let mut change: Map<String, Json> = limits.into_iter().map(written).collect();
        if self.last != 1 {
            change.insert("last".into(), json!(self.last));
        }
        if self.last > 1 && self.of != "avg" {
            change.insert("of".into(), self.of.into());
        }
        Ok(Json::Object(change))
    }

    /// The rules on a measure, with limits that follow from the last loads.
    pub(super) fn judged(self, measure: &Rules, threshold: &Threshold) -> Translation {
        let rules = with_limits(measure, "change", &self.limits(threshold)?)?;
        Ok(rules.note("it compares with what the last loads of Headworks measured, not with results that Soda keeps"))
    }
}

/// The rules on a measure, with limits that are learned.
pub(super) fn learned(measure: &Rules) -> Translation {
    let rules = with_limits(measure, "learned", &json!(true))?.with("on_failure", json!("alert"));
    Ok(rules.note("its limits are learned by Headworks, in its own way and from its own runs; so it alerts"))
}

/// A threshold that makes every metric a measure with a limit, which gives way to others.
pub(super) fn any_value() -> Threshold {
    Threshold { min: Some(0.0), ..Threshold::default() }
}

/// The measure of [`any_value`] with other limits.
fn with_limits(measure: &Rules, key: &str, limits: &Json) -> Translation {
    let is_measure = |rule: &Json| rule.get("row_count").is_some() || rule.get("aggregate").is_some();
    if !measure.rules.iter().all(is_measure) {
        return Err("its metric becomes a query here, and earlier values are known of `row_count` and `aggregate` alone".into());
    }
    let mut rules = measure.clone();
    for settings in rules.rules.iter_mut().filter_map(settings_of) {
        settings.remove("min");
        settings.insert(key.into(), limits.clone());
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_with_is_read() {
        let read = |words: &str| Before::of(words).map(|before| (before.last, before.of.to_owned(), before.is_percent));
        assert_eq!(read("").unwrap(), (1, "avg".into(), false));
        assert_eq!(read("percent ").unwrap(), (1, "avg".into(), true));
        assert_eq!(read("max last 7 percent").unwrap(), (7, "max".into(), true));
        for words in ["last 7", "same day last week", "same day last week percent", "avg last few", "percent avg last 7"] {
            assert!(read(words).is_err(), "{words}");
        }
    }
}
