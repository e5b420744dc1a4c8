//! Expressions of Jinja: those whose value follows from the project alone.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::jinja::type_name;
use crate::suites::words::nests_too_deep;

/// What is known of the project that a file belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The variables that the project sets.
    pub vars: Map<String, Json>,
    /// What is the same for every database that the project is built in, by its name in `target`.
    pub target: Map<String, Json>,
}

/// Said of an expression that needs more than the project.
pub(super) const UNKNOWN: &str = "whose value only dbt knows";

impl Known {
    /// The value of an expression.
    ///
    /// # Errors
    /// Says what is not known about it, behind "is Jinja, ".
    pub(super) fn value(&self, expression: &str) -> Result<Json, String> {
        let signs = signs(expression).filter(|_| !nests_too_deep(expression)).ok_or(UNKNOWN)?;
        let mut reading = Reading { known: self, signs: &signs };
        let value = reading.choice()?;
        if reading.signs.is_empty() { Ok(value) } else { Err(UNKNOWN.into()) }
    }
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Sign {
    Word(String),
    Value(Json),
    Mark(&'static str),
}

/// What stands between words and values; longer ones come first.
const MARKS: [&str; 20] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", "|", "~", "+", "-", "*", "=", "{", "}"];

/// The parts of an expression; `None` where there is something else in it.
fn signs(expression: &str) -> Option<Vec<Sign>> {
    let (mut found, mut rest) = (Vec::new(), expression.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let inner = &rest[1..][..rest[1..].find(first)?];
                found.push(Sign::Value(Some(inner).filter(|inner| !inner.contains('\\'))?.into()));
                inner.len() + 2
            }
            '0'..='9' => {
                let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                found.push(Sign::Value(serde_json::from_str(&rest[..length]).ok()?));
                length
            }
            first if first.is_alphabetic() || first == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push(Sign::Word(rest[..length].to_owned()));
                length
            }
            _ => {
                let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark))?;
                found.push(Sign::Mark(mark));
                mark.len()
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(found)
}

/// What is left of an expression.
struct Reading<'a> {
    known: &'a Known,
    signs: &'a [Sign],
}

type Found = Result<Json, String>;

impl Reading<'_> {
    fn take(&mut self, sign: &Sign) -> bool {
        let is_next = self.signs.first() == Some(sign);
        if is_next {
            self.signs = &self.signs[1..];
        }
        is_next
    }

    fn mark(&mut self, mark: &'static str) -> bool {
        self.take(&Sign::Mark(mark))
    }

    fn word(&mut self, word: &str) -> bool {
        self.take(&Sign::Word(word.to_owned()))
    }

    fn needs(&mut self, mark: &'static str) -> Result<(), String> {
        if self.mark(mark) { Ok(()) } else { Err(UNKNOWN.into()) }
    }

    /// `a if b else c`
    fn choice(&mut self) -> Found {
        let value = self.either();
        if !self.word("if") {
            return value;
        }
        let condition = is_true(&self.either()?);
        let other = if self.word("else") { self.choice() } else { Ok("".into()) };
        if condition { value } else { other }
    }

    fn either(&mut self) -> Found {
        let mut value = self.both()?;
        while self.word("or") {
            let other = self.both()?;
            value = if is_true(&value) { value } else { other };
        }
        Ok(value)
    }

    fn both(&mut self) -> Found {
        let mut value = self.negated()?;
        while self.word("and") {
            let other = self.negated()?;
            value = if is_true(&value) { other } else { value };
        }
        Ok(value)
    }

    fn negated(&mut self) -> Found {
        if self.word("not") { Ok(json!(!is_true(&self.negated()?))) } else { self.compared() }
    }

    fn compared(&mut self) -> Found {
        let left = self.joined()?;
        let is_not = self.word("not");
        if self.word("in") {
            return Ok(json!(contains(&self.joined()?, &left).ok_or(UNKNOWN)? != is_not));
        }
        let operator = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| self.mark(operator));
        let Some(operator) = operator.filter(|_| !is_not) else { return if is_not { Err(UNKNOWN.into()) } else { Ok(left) } };
        let right = self.joined()?;
        let is_so = match operator {
            "==" => is_same(&left, &right),
            "!=" => !is_same(&left, &right),
            _ => {
                let order = order(&left, &right).ok_or(UNKNOWN)?;
                match operator {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
        };
        Ok(json!(is_so))
    }

    /// Values put together with `~`, and texts and lists with `+`.
    fn joined(&mut self) -> Found {
        let mut value = self.filtered()?;
        loop {
            let is_text = self.mark("~");
            if !is_text && !self.mark("+") {
                return Ok(value);
            }
            let other = self.filtered()?;
            value = match (value, other) {
                (Json::String(left), Json::String(right)) => json!(left + &right),
                (Json::Array(left), Json::Array(right)) if !is_text => Json::Array([left, right].concat()),
                (Json::Number(left), Json::Number(right)) if !is_text => {
                    json!(left.as_i64().zip(right.as_i64()).and_then(|(left, right)| left.checked_add(right)).ok_or(UNKNOWN)?)
                }
                (left, right) if is_text => json!(text(&left).ok_or(UNKNOWN)? + &text(&right).ok_or(UNKNOWN)?),
                _ => return Err(UNKNOWN.into()),
            };
        }
    }

    /// A value with what is done to it: `| int`, `[0]`, `.name`.
    fn filtered(&mut self) -> Found {
        let mut value = self.single();
        loop {
            if self.mark("|") {
                let (name, arguments) = self.called()?;
                value = filter(&name, value, &arguments);
            } else if self.mark("[") {
                let key = self.choice()?;
                self.needs("]")?;
                value = Ok(member(&value?, &key).ok_or(UNKNOWN)?);
            } else if self.mark(".") {
                let (name, arguments) = self.called()?;
                value = match (value, arguments.first()) {
                    (Ok(map), Some(key)) if name == "get" => {
                        Ok(member(&map, key).or_else(|| arguments.get(1).cloned()).unwrap_or_default())
                    }
                    (Ok(map), None) => Ok(member(&map, &json!(name)).ok_or(UNKNOWN)?),
                    (value, _) => value.and(Err(UNKNOWN.into())),
                };
            } else {
                return value;
            }
        }
    }

    /// A name and what stands behind it in parentheses.
    fn called(&mut self) -> Result<(String, Vec<Json>), String> {
        let Some(Sign::Word(name)) = self.signs.first().cloned() else { return Err(UNKNOWN.into()) };
        self.signs = &self.signs[1..];
        let arguments = if self.mark("(") { self.list(")")? } else { vec![] };
        Ok((name, arguments))
    }

    fn list(&mut self, end: &'static str) -> Result<Vec<Json>, String> {
        let mut found = Vec::new();
        while !self.mark(end) {
            // An argument may be called by its name.
            if let [Sign::Word(_), Sign::Mark("="), ..] = self.signs {
                self.signs = &self.signs[2..];
            }
            found.push(self.choice()?);
            if !self.mark(",") {
                self.needs(end)?;
                break;
            }
        }
        Ok(found)
    }

    fn single(&mut self) -> Found {
        if self.mark("(") {
            let value = self.choice()?;
            self.needs(")")?;
            return Ok(value);
        }
        if self.mark("[") {
            return self.list("]").map(Json::Array);
        }
        if self.mark("-") {
            let value = self.single()?;
            let whole = value.as_i64().map(|number| json!(-number));
            return whole.or_else(|| value.as_f64().map(|number| json!(-number))).ok_or_else(|| UNKNOWN.into());
        }
        match self.signs {
            [Sign::Value(value), rest @ ..] => {
                self.signs = rest;
                Ok(value.clone())
            }
            [Sign::Word(word), Sign::Mark("("), rest @ ..] if word == "var" => {
                self.signs = rest;
                let arguments = self.list(")")?;
                self.variable(&arguments)
            }
            [Sign::Word(word), Sign::Mark("("), Sign::Mark(")"), rest @ ..] if type_name(word).is_some() => {
                self.signs = rest;
                Ok(json!(type_name(word)))
            }
            [Sign::Word(package), Sign::Mark("."), Sign::Word(word), Sign::Mark("("), Sign::Mark(")"), rest @ ..]
                if matches!(package.as_str(), "dbt" | "dbt_utils" | "dbt_expectations") && type_name(word).is_some() =>
            {
                self.signs = rest;
                Ok(json!(type_name(word)))
            }
            [Sign::Word(word), rest @ ..] => {
                let value = match word.as_str() {
                    "true" | "True" => json!(true),
                    "false" | "False" => json!(false),
                    "none" | "None" => Json::Null,
                    "target" => Json::Object(self.known.target.clone()),
                    _ => return Err(UNKNOWN.into()),
                };
                self.signs = rest;
                Ok(value)
            }
            _ => Err(UNKNOWN.into()),
        }
    }

    fn variable(&self, arguments: &[Json]) -> Found {
        let [Json::String(name), default @ ..] = arguments else { return Err(UNKNOWN.into()) };
        let value = self.known.vars.get(name).or(default.first());
        let value = value.ok_or_else(|| format!("and `vars` of dbt_project.yml has no `{name}`, nor is there a default"))?;
        // What dbt itself would have to run.
        if text(value).is_some_and(|text| text.contains("{{")) { Err(UNKNOWN.into()) } else { Ok(value.clone()) }
    }
}

/// What Jinja takes for true.
fn is_true(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(value) => *value,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

fn is_same(left: &Json, right: &Json) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.total_cmp(&right).is_eq(),
        _ => left == right,
    }
}

fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (left, right) {
        (Json::String(left), Json::String(right)) => Some(left.cmp(right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Whether a list or a text holds a value.
fn contains(among: &Json, value: &Json) -> Option<bool> {
    match among {
        Json::Array(items) => Some(items.iter().any(|item| is_same(item, value))),
        Json::String(text) => Some(text.contains(value.as_str()?)),
        Json::Object(map) => Some(map.contains_key(value.as_str()?)),
        _ => None,
    }
}

fn member(of: &Json, key: &Json) -> Option<Json> {
    match of {
        Json::Object(map) => map.get(key.as_str()?).cloned(),
        Json::Array(items) => items.get(usize::try_from(key.as_u64()?).ok()?).cloned(),
        _ => None,
    }
}

/// What a filter makes of a value. One that is not known may have a default.
fn filter(name: &str, value: Found, arguments: &[Json]) -> Found {
    if let ("default" | "d", Err(_), Some(default)) = (name, &value, arguments.first()) {
        return Ok(default.clone());
    }
    let value = value?;
    let known = match (name, &value, arguments.is_empty()) {
        ("default" | "d", ..) | ("as_native" | "as_bool" | "as_number" | "as_text" | "list" | "safe", _, true) => Some(value.clone()),
        ("int", Json::String(text), true) => text.trim().parse::<i64>().ok().map(Json::from),
        ("int", Json::Number(number), true) => number.as_i64().map(Json::from),
        ("float", _, true) => crate::suites::words::number(&value).map(Json::from),
        ("string", _, true) => text(&value).map(Json::from),
        ("lower", Json::String(text), true) => Some(text.to_lowercase().into()),
        ("upper", Json::String(text), true) => Some(text.to_uppercase().into()),
        ("trim", Json::String(text), true) => Some(text.trim().into()),
        ("length", Json::Array(items), true) => Some(items.len().into()),
        ("join", Json::Array(items), _) => {
            let between = arguments.first().and_then(Json::as_str).unwrap_or_default();
            items.iter().map(text).collect::<Option<Vec<_>>>().map(|texts| texts.join(between).into())
        }
        _ => None,
    };
    known.ok_or_else(|| UNKNOWN.into())
}

/// A value as Jinja writes it into a text; `None` for what is no single value.
pub(super) fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(true) => Some("True".into()),
        Json::Bool(false) => Some("False".into()),
        Json::Null => Some("None".into()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &Json) {
        let object = |value: Json| value.as_object().cloned().unwrap_or_default();
        let vars = object(json!({"least": 3, "words": ["a", "b"], "day": "2026-01-31", "by": {"x": {"y": 1}}, "jinja": "{{ 1 }}"}));
        let known = Known { vars, target: object(json!({"type": "duckdb"})) };
        assert_eq!(&known.value(expression).unwrap_or_else(Json::String), expected, "{expression}");
    }

    #[test]
    fn what_follows_from_the_project_has_a_value() {
        check("var('least')", &json!(3));
        check("var(\"most\", 5) ", &json!(5));
        check("var('most', default=var('least'))", &json!(3));
        check("var('words') + ['c']", &json!(["a", "b", "c"]));
        check("var('words')[1] ~ '-' ~ var('least')", &json!("b-3"));
        check("var('by').x['y']", &json!(1));
        check("var('by').get('z', -1)", &json!(-1));
        check("var('words') | join(', ') | upper", &json!("A, B"));
        check("'7' | int > 5.5 and not false", &json!(true));
        check("target.type not in ['bigquery', 'spark' ]", &json!(true));
        check("'warn' if target.type in ['spark'] else 'error'", &json!("error"));
        check("target.name if target.type == 'spark' else (1)", &json!(1));
        check("'' or none", &Json::Null);
        check("dbt.type_string ()", &json!("varchar"));
        check("type_int()", &json!("integer"));
        check("'a' in 'abc'", &json!(true));
    }

    #[test]
    fn what_does_not_is_told() {
        let unset = "and `vars` of dbt_project.yml has no `most`, nor is there a default";
        check("var('most')", &json!(unset));
        check("var('most') | default(1)", &json!(1));
        for expression in [
            "target.name == 'prod'",
            "env_var('X')",
            "modules.datetime.date.today()",
            "var('jinja')",
            "var('least') var('least')",
            "var('least",
            "1 +",
            "x",
            "'a' not 'b'",
            "dbt_date.yesterday()",
        ] {
            check(expression, &json!(UNKNOWN));
        }
        check(&format!("{}1{}", "(".repeat(300), ")".repeat(300)), &json!(UNKNOWN));
    }
}
