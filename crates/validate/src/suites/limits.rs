//! Limits that nothing lies between: other tools take them, and their checks always fail.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::Rules;
use crate::scalar::Scalar;

/// The settings that are lower limits.
const LOWER: [&str; 3] = ["min", "above", "min_columns"];

/// The settings that are upper limits.
const UPPER: [&str; 3] = ["max", "below", "max_columns"];

/// The kinds that look at values one by one.
const OF_VALUES: [&str; 2] = ["range", "length"];

/// The same rules, of which none has limits that nothing lies between. Where these are limits of values, every value breaks the rule; where
/// they are limits of a measure, each of the two is a rule of its own, and no measure keeps to both.
pub(super) fn possible(mut rules: Rules) -> Rules {
    for rule in std::mem::take(&mut rules.rules) {
        let Some((kind, settings)) = impossible(&rule) else {
            rules.rules.push(rule);
            continue;
        };
        let note = if OF_VALUES.contains(&kind) {
            rules.rules.push(json!({ "is_null": without(&[LOWER, UPPER].concat(), settings) }));
            "no value lies between its limits, so every value breaks it"
        } else {
            let [lower, mut upper] = [&UPPER, &LOWER].map(|others| without(others, settings));
            if let Some(name) = settings.get("name").and_then(Json::as_str) {
                upper["name"] = format!("{name}_max").into();
            }
            rules.rules.extend([lower, upper].map(|part| json!({ kind: part })));
            "nothing lies between its limits, so one of the two rules that they become always breaks"
        };
        rules.note.get_or_insert_with(|| note.into());
    }
    rules
}

/// The kind and the settings of a rule with limits that nothing lies between.
fn impossible(rule: &Json) -> Option<(&str, &Map<String, Json>)> {
    let (kind, settings) = rule.as_object()?.iter().next()?;
    Some((kind.as_str(), settings.as_object().filter(|settings| has_nothing_between(settings))?))
}

fn without(keys: &[&str], settings: &Map<String, Json>) -> Json {
    settings.iter().filter(|(key, _)| !keys.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether the lower limit of values is the greater one.
pub(super) fn are_crossed(settings: &Map<String, Json>) -> bool {
    ends(settings).is_some_and(|(low, high)| low.compare(&high) == Some(Ordering::Greater))
}

fn has_nothing_between(settings: &Map<String, Json>) -> bool {
    let is_strict = ["above", "below"].iter().any(|key| settings.contains_key(*key));
    let are_equal = || ends(settings).is_some_and(|(low, high)| low.compare(&high) == Some(Ordering::Equal));
    are_crossed(settings) || (is_strict && are_equal())
}

/// The lower and the upper limit, where there are both.
fn ends(settings: &Map<String, Json>) -> Option<(Scalar, Scalar)> {
    let limit = |key: &&str| settings.get(*key).and_then(|value| serde_json::from_value::<Scalar>(value.clone()).ok());
    LOWER.iter().find_map(limit).zip(UPPER.iter().find_map(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, settings: Json, expected: &str) {
        let found = possible(Rules::one(kind, settings));
        assert_eq!(Json::Array(found.rules).to_string(), expected);
    }

    #[test]
    fn no_value_keeps_to_limits_with_nothing_between() {
        check("length", json!({"column": "a", "min": 5, "max": 4, "at_most": 3}), r#"[{"is_null":{"column":"a","at_most":3}}]"#);
        check("range", json!({"column": "a", "above": 4, "below": 4}), r#"[{"is_null":{"column":"a"}}]"#);
        check("range", json!({"column": "a", "min": "2026-01-02", "max": "2026-01-01"}), r#"[{"is_null":{"column":"a"}}]"#);
        check("range", json!({"column": "a", "min": 4, "max": 4}), r#"[{"range":{"column":"a","min":4,"max":4}}]"#);
    }

    #[test]
    fn no_measure_keeps_to_both_limits_with_nothing_between() {
        check(
            "aggregate",
            json!({"function": "max", "column": "a", "min": 5, "max": 4}),
            r#"[{"aggregate":{"function":"max","column":"a","min":5}},{"aggregate":{"function":"max","column":"a","max":4}}]"#,
        );
        check(
            "distinct_count",
            json!({"column": "a", "min": 2, "max": 1, "name": "few"}),
            r#"[{"distinct_count":{"column":"a","min":2,"name":"few"}},{"distinct_count":{"column":"a","max":1,"name":"few_max"}}]"#,
        );
        check("schema", json!({"min_columns": 9, "max_columns": 1}), r#"[{"schema":{"min_columns":9}},{"schema":{"max_columns":1}}]"#);
        check(
            "aggregate",
            json!({"function": "max", "column": "a", "above": 4, "below": 5}),
            r#"[{"aggregate":{"function":"max","column":"a","above":4,"below":5}}]"#,
        );
    }
}
