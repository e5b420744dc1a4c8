//! Rows of unit tests in SQL: SELECTs of values that are written out, joined by `union all`.

use serde_json::{Map, Value as Json, json};

use crate::suites::words::nests_too_deep;

/// The rows that a SELECT returns; `None` where it holds more than values that are written out.
pub(super) fn rows(sql: &str) -> Option<Json> {
    if nests_too_deep(sql) {
        return None;
    }
    let mut reader = Reader { rest: past_blanks(sql) };
    let (mut names, mut rows): (Vec<String>, Vec<Json>) = (Vec::new(), Vec::new());
    loop {
        let values = reader.select()?;
        // The first SELECT names the columns of all.
        if rows.is_empty() {
            names = values.iter().map(|(_, name)| name.clone()).collect();
        }
        if values.len() != names.len() || names.contains(&String::new()) {
            return None;
        }
        rows.push(names.iter().cloned().zip(values.into_iter().map(|(value, _)| value)).collect::<Map<_, _>>().into());
        if reader.sign(";") || reader.rest.is_empty() {
            return reader.rest.is_empty().then(|| rows.into());
        }
        if !(reader.word("union") && reader.word("all")) {
            return None;
        }
    }
}

/// Reads SQL from left to right.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The values of one row, with their names.
    fn select(&mut self) -> Option<Vec<(Json, String)>> {
        if self.sign("(") {
            let values = self.select()?;
            return self.sign(")").then_some(values);
        }
        if !self.word("select") {
            return None;
        }
        let mut values = Vec::new();
        loop {
            let value = self.value()?;
            values.push((value, self.name()?));
            if !self.sign(",") {
                return Some(values);
            }
        }
    }

    /// A value, also behind or within a cast, whose type is that of the column that it stands for.
    fn value(&mut self) -> Option<Json> {
        let mut value = if self.sign("(") {
            let inner = self.value()?;
            self.sign(")").then_some(inner)?
        } else if self.word("cast") {
            self.called()?
        } else if self.word("null") {
            Json::Null
        } else if self.word("true") {
            json!(true)
        } else if self.word("false") {
            json!(false)
        } else if self.word("date") || self.word("timestamp") || self.rest.starts_with('\'') {
            self.text()?
        } else {
            self.number()?
        };
        while self.sign("::") {
            value = self.of_type(value)?;
        }
        Some(value)
    }

    /// `(value as type)`, behind `cast`.
    fn called(&mut self) -> Option<Json> {
        if !self.sign("(") {
            return None;
        }
        let value = self.value()?;
        if !self.word("as") {
            return None;
        }
        let value = self.of_type(value)?;
        self.sign(")").then_some(value)
    }

    /// The value as one of the type that comes next: a number in quotes is none until it is cast to one.
    fn of_type(&mut self, value: Json) -> Option<Json> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let name = self.rest[..end].to_lowercase();
        self.goes_on(end);
        if let Some(inside) = self.rest.strip_prefix('(') {
            self.goes_on(inside.find(')')? + 2);
        }
        Some(match (name.as_str(), value) {
            ("", _) => return None,
            (_, Json::Null) => Json::Null,
            ("date" | "timestamp" | "time" | "timestamptz" | "datetime" | "varchar" | "text" | "string" | "char", Json::String(text)) => {
                text.into()
            }
            ("varchar" | "text" | "string" | "char", Json::Number(number)) => number.to_string().into(),
            ("boolean" | "bool", Json::Bool(is_true)) => is_true.into(),
            ("int" | "integer" | "bigint" | "smallint" | "int64", Json::Number(number)) if !number.is_f64() => Json::Number(number),
            ("int" | "integer" | "bigint" | "smallint" | "int64", Json::String(text)) => text.trim().parse::<i64>().ok()?.into(),
            ("double" | "float" | "float64" | "real" | "numeric" | "decimal", Json::Number(number)) => Json::Number(number),
            _ => return None,
        })
    }

    /// A text in quotes, of which doubled ones are one.
    fn text(&mut self) -> Option<Json> {
        let mut text = String::new();
        let mut inside = self.rest.strip_prefix('\'')?;
        loop {
            let end = inside.find('\'')?;
            text.push_str(&inside[..end]);
            inside = &inside[end + 1..];
            let Some(after) = inside.strip_prefix('\'') else { break };
            text.push('\'');
            inside = after;
        }
        self.rest = past_blanks(inside);
        // Databases differ in what a backslash means.
        (!text.contains('\\')).then(|| text.into())
    }

    fn number(&mut self) -> Option<Json> {
        let end = self.rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.'))).unwrap_or(self.rest.len());
        let number = serde_json::from_str::<Json>(&self.rest[..end]).ok()?;
        self.goes_on(end);
        Some(number)
    }

    /// The name behind a value, empty where it has none; `None` where what follows is no name.
    fn name(&mut self) -> Option<String> {
        let is_union = Reader { rest: self.rest }.word("union");
        if is_union || self.rest.is_empty() || self.rest.starts_with([',', ')', ';']) {
            return Some(String::new());
        }
        self.word("as");
        if let Some(inside) = self.rest.strip_prefix('"') {
            let end = inside.find('"')?;
            self.goes_on(end + 2);
            return Some(inside[..end].to_owned());
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let name = &self.rest[..end];
        self.goes_on(end);
        name.starts_with(|c: char| c.is_alphabetic() || c == '_').then(|| name.to_owned())
    }

    fn word(&mut self, word: &str) -> bool {
        let is_next = self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let is_longer = self.rest.get(word.len()..).is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if is_next && !is_longer {
            self.goes_on(word.len());
        }
        is_next && !is_longer
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is_next = self.rest.starts_with(sign);
        if is_next {
            self.goes_on(sign.len());
        }
        is_next
    }

    fn goes_on(&mut self, length: usize) {
        self.rest = past_blanks(&self.rest[length..]);
    }
}

/// A text from its first sign that is neither a blank nor in a comment.
fn past_blanks(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let after = match rest.get(..2) {
            Some("--") => Some(rest.split_once('\n').map_or("", |(_, after)| after)),
            Some("/*") => rest.split_once("*/").map(|(_, after)| after),
            Some("{#") => rest.split_once("#}").map(|(_, after)| after),
            _ => None,
        };
        let Some(after) = after else { return rest };
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_written_out_are_rows() {
        let check = |sql: &str, expected: Json| assert_eq!(rows(sql).unwrap_or_default(), expected, "{sql}");
        check(
            "select 1 as id, 'o''clock' as name, null::int as n\nunion all\nSELECT -2.5, cast('2' as varchar(3)), 3",
            json!([{"id": 1, "name": "o'clock", "n": null}, {"id": -2.5, "name": "2", "n": 3}]),
        );
        check(
            "select cast('7' as int) id, date '2026-01-31' as \"the day\", true as ok, cast(1 as numeric(10,2)) as q;",
            json!([{"id": 7, "the day": "2026-01-31", "ok": true, "q": 1}]),
        );
        check(
            "-- two rows\n(select /* id */ (1) as id, '--' as name) union all {# more #}\nselect 2::int, ('b') -- the last\n; -- all",
            json!([{"id": 1, "name": "--"}, {"id": 2, "name": "b"}]),
        );
        for sql in [
            "(select 1 as a",
            "select 1 as a)",
            "select 1 as a; select 2 as a",
            "select 1 as a /* union all",
            "select 1",
            "select * from t",
            "select 1 as a from t",
            "select 1 as a union select 1",
            "select 1 as a union all select 1, 2",
            "select 1 + 1 as a",
            "select now() as a",
            "select {{ x }} as a",
            "select cast('x' as int) as a",
            "with t as (select 1 as a) select a from t",
            "",
        ] {
            check(sql, Json::Null);
        }
        check(&format!("{}select 1 as a{}", "(".repeat(300), ")".repeat(300)), Json::Null);
    }
}
