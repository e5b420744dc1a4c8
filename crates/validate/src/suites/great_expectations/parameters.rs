//! Parameters: values of arguments that stand elsewhere, `{"$PARAMETER": "low"}`.

use serde_json::{Map, Value as Json, json};

/// The values that a suite gives for its parameters.
#[derive(Debug, Default)]
pub(super) struct Parameters(Map<String, Json>);

impl Parameters {
    /// Those of a suite: `suite_parameters`, which version 0.x calls `evaluation_parameters`.
    pub(super) fn of(suite: &Json) -> Self {
        let lists = ["evaluation_parameters", "suite_parameters"].iter().filter_map(|key| suite.get(*key)?.as_object());
        Self(lists.flatten().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The arguments with a value in place of each parameter.
    ///
    /// # Errors
    /// Names a parameter that is only known when the suite runs.
    pub(super) fn filled(&self, kwargs: &Map<String, Json>) -> Result<Map<String, Json>, String> {
        kwargs.iter().map(|(key, value)| Ok((key.clone(), self.value(key, value)?))).collect()
    }

    /// The value of an argument: itself, or for a parameter the one beside it, else the one of the suite.
    fn value(&self, key: &str, value: &Json) -> Result<Json, String> {
        let Some(name) = value.get("$PARAMETER").and_then(Json::as_str) else { return Ok(value.clone()) };
        let given = value.get(format!("$PARAMETER.{name}")).or_else(|| self.0.get(name)).cloned();
        given
            .or_else(|| day(name))
            .ok_or_else(|| format!("`{key}` is the parameter `{name}`, which the suite gives no value and is only known when it runs"))
    }
}

/// `datetime(2026, 1, 31)`, with hours and minutes or without.
fn day(name: &str) -> Option<Json> {
    let parts = name.strip_prefix("datetime(")?.strip_suffix(')')?.split(',').map(|part| part.trim().parse::<u32>().ok());
    match parts.collect::<Option<Vec<_>>>()?.as_slice() {
        [year, month, day] => Some(json!(format!("{year:04}-{month:02}-{day:02}"))),
        [year, month, day, hour, minute] => Some(json!(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:00"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_beside_the_parameter_or_in_the_suite() {
        let given = Parameters::of(&json!({"suite_parameters": {"low": 3, "names": ["a"]}}));
        let check = |value: Json, expected: &str| {
            let kwargs = given.filled(json!({"min_value": value}).as_object().unwrap());
            assert_eq!(kwargs.map_or_else(|why| why, |kwargs| kwargs["min_value"].to_string()), expected);
        };
        check(json!({"$PARAMETER": "low"}), "3");
        check(json!({"$PARAMETER": "low", "$PARAMETER.low": 4}), "4");
        check(json!({"$PARAMETER": "names"}), r#"["a"]"#);
        check(json!({"$PARAMETER": "datetime(2026, 1, 5)"}), "\"2026-01-05\"");
        check(json!({"$PARAMETER": "datetime(2026, 1, 5, 6, 7)"}), "\"2026-01-05 06:07:00\"");
        check(
            json!({"$PARAMETER": "high"}),
            "`min_value` is the parameter `high`, which the suite gives no value and is only known when it runs",
        );
        check(json!(5), "5");
    }
}
