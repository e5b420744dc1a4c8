//! Parameters: values of arguments that stand elsewhere, `{"$PARAMETER": "low"}`.

use serde_json::{Map, Value as Json, json};

use crate::suites::words::{nests_too_deep, plain_number};

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

    /// The number that an expression of parameters comes to, such as `low + 1`. A number alone is none there.
    fn computed(&self, text: &str) -> Option<Json> {
        if nests_too_deep(text) {
            return None;
        }
        let mut expression = Expression { rest: text.trim(), given: &self.0 };
        let value = expression.sum().filter(|value| value.abs() < 1e15 && expression.rest.is_empty())?;
        text.contains(['+', '-', '*', '/', '^', '(']).then(|| plain_number(value))
    }

    /// The value of an argument: itself, or for a parameter the one beside it, else the one of the suite.
    fn value(&self, key: &str, value: &Json) -> Result<Json, String> {
        let Some(name) = value.get("$PARAMETER").and_then(Json::as_str) else { return Ok(value.clone()) };
        let given = value.get(format!("$PARAMETER.{name}")).or_else(|| self.0.get(name)).cloned();
        given
            .or_else(|| day(name))
            .or_else(|| self.computed(name))
            .ok_or_else(|| format!("`{key}` is the parameter `{name}`, which the suite gives no value and is only known when it runs"))
    }
}

/// What an expression is computed of, from left to right; what binds less comes first here.
struct Expression<'a> {
    rest: &'a str,
    given: &'a Map<String, Json>,
}

impl Expression<'_> {
    fn sum(&mut self) -> Option<f64> {
        let mut sum = self.product()?;
        while let Some(sign) = self.takes(&['+', '-']) {
            let next = self.product()?;
            sum += if sign == '+' { next } else { -next };
        }
        Some(sum)
    }

    fn product(&mut self) -> Option<f64> {
        let mut product = self.power()?;
        while let Some(sign) = self.takes(&['*', '/']) {
            let next = self.power()?;
            product = if sign == '*' { product * next } else { product / next };
        }
        Some(product)
    }

    /// A sign binds more than a power there, and powers are taken from right to left.
    fn power(&mut self) -> Option<f64> {
        let base = self.single()?;
        if self.takes(&['^']).is_some() { Some(base.powf(self.power()?)) } else { Some(base) }
    }

    fn single(&mut self) -> Option<f64> {
        match self.takes(&['-', '+', '(']) {
            Some('-') => return self.single().map(|value| -value),
            Some('+') => return self.single(),
            Some(_) => return self.closed(),
            None => {}
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
        let end = self.rest.find(|c: char| !is_part(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().ok();
        }
        if self.takes(&['(']).is_none() {
            return self.given.get(word).filter(|_| !word.contains('.'))?.as_f64();
        }
        let value = self.closed()?;
        match word {
            "abs" => Some(value.abs()),
            "trunc" => Some(value.trunc()),
            "round" => Some(value.round_ties_even()),
            _ => None,
        }
    }

    /// What stands before the end of parentheses.
    fn closed(&mut self) -> Option<f64> {
        let value = self.sum()?;
        self.takes(&[')']).map(|_| value)
    }

    fn takes(&mut self, signs: &[char]) -> Option<char> {
        let sign = self.rest.chars().next().filter(|sign| signs.contains(sign))?;
        self.rest = self.rest[sign.len_utf8()..].trim_start();
        Some(sign)
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
        check(json!({"$PARAMETER": "low + 1 - 2"}), "2");
        check(json!({"$PARAMETER": "-low + 2 * (low - 1) / 8"}), "-2.5");
        check(json!({"$PARAMETER": "2 ^ 3 ^ 2 - round(2.5)"}), "510");
        check(json!({"$PARAMETER": "trunc(low / 2) -1"}), "0");
        let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
        for unknown in [deep.as_str(), "3", "low + high", "low 2", "low +", "low + names", "sin(low)", "low / 0"] {
            check(
                json!({"$PARAMETER": unknown}),
                &format!("`min_value` is the parameter `{unknown}`, which the suite gives no value and is only known when it runs"),
            );
        }
        check(json!({"$PARAMETER": "datetime(2026, 1, 5)"}), "\"2026-01-05\"");
        check(json!({"$PARAMETER": "datetime(2026, 1, 5, 6, 7)"}), "\"2026-01-05 06:07:00\"");
        check(
            json!({"$PARAMETER": "high"}),
            "`min_value` is the parameter `high`, which the suite gives no value and is only known when it runs",
        );
        check(json!(5), "5");
    }
}
