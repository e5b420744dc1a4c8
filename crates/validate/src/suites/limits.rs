//! Limits that nothing lies between: other tools take them, and their checks always fail.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::{Rules, Translation};
use crate::scalar::Scalar;

/// The settings that are limits.
const LIMITS: [&str; 4] = ["min", "above", "max", "below"];

/// The kinds that look at values one by one.
const OF_VALUES: [&str; 2] = ["range", "length"];

/// The same rules, of which none has limits that nothing lies between: where these are limits of values, every value breaks the rule.
///
/// # Errors
/// Where they are limits of a measure, which no rule of ours has.
pub(super) fn possible(mut rules: Rules) -> Translation {
    for rule in &mut rules.rules {
        let Some((kind, settings)) = rule.as_object().and_then(|rule| rule.iter().next()) else { continue };
        let Some(settings) = settings.as_object().filter(|settings| has_nothing_between(settings)) else { continue };
        if !OF_VALUES.contains(&kind.as_str()) {
            return Err("no value lies between its limits, so it always fails; mend the limits, or leave the check out".into());
        }
        let others = settings.iter().filter(|(key, _)| !LIMITS.contains(&key.as_str()));
        let others: Map<String, Json> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        *rule = json!({ "is_null": others });
        rules.note.get_or_insert_with(|| "no value lies between its limits, so every value breaks it".into());
    }
    Ok(rules)
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
    let limit = |key: &str| settings.get(key).and_then(|value| serde_json::from_value::<Scalar>(value.clone()).ok());
    limit("min").or_else(|| limit("above")).zip(limit("max").or_else(|| limit("below")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, settings: Json, expected: &str) {
        let found = possible(Rules::one(kind, settings));
        assert_eq!(found.map_or_else(|why| why, |rules| Json::Array(rules.rules).to_string()), expected);
    }

    #[test]
    fn no_value_keeps_to_limits_with_nothing_between() {
        check("length", json!({"column": "a", "min": 5, "max": 4, "at_most": 3}), r#"[{"is_null":{"column":"a","at_most":3}}]"#);
        check("range", json!({"column": "a", "above": 4, "below": 4}), r#"[{"is_null":{"column":"a"}}]"#);
        check("range", json!({"column": "a", "min": "2026-01-02", "max": "2026-01-01"}), r#"[{"is_null":{"column":"a"}}]"#);
        check("range", json!({"column": "a", "min": 4, "max": 4}), r#"[{"range":{"column":"a","min":4,"max":4}}]"#);
        let why = "no value lies between its limits, so it always fails; mend the limits, or leave the check out";
        check("aggregate", json!({"function": "max", "column": "a", "min": 5, "max": 4}), why);
    }
}
