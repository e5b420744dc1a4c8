//! Functions of texts, which both sides take by their characters. Numbers and what is looked for are given as they stand, because what
//! comes of zero, less, or nothing to look for differs.

use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::expression::Expressions;
use super::{Refused, Result, Written, joined, refused};
use crate::connectors::postgres::types::Wire;

/// The most characters that a text is filled up to, or copies that are made of it.
const MOST: i32 = 10_000;

impl Expressions<'_> {
    /// A function of a text, if its meaning is known.
    pub(super) fn of_text(&mut self, name: &str, arguments: &[&Expr]) -> Result<Written> {
        match (name, arguments) {
            ("reverse" | "md5", [text]) => self.text_function(name, text),
            ("initcap", [text]) => {
                let text = self.text(text)?;
                self.in_ascii(&text)?;
                Ok(of(&text, format!("initcap({})", text.sql)))
            }
            ("left" | "right" | "repeat", [text, number]) => {
                let (text, number) = (self.text(text)?, number_from(0, number)?);
                Ok(of(&text, format!("{name}({}, {number})", text.sql)))
            }
            ("substr" | "substring", [text, from]) => self.part(text, from, None),
            ("substr" | "substring", [text, from, length]) => self.part(text, from, Some(length)),
            ("lpad" | "rpad", [text, length]) => self.filled(name, text, length, "' '::text"),
            ("lpad" | "rpad", [text, length, fill]) => {
                let fill = self.something(fill)?;
                self.filled(name, text, length, &fill.sql)
            }
            ("replace", [text, old, new]) => {
                let (text, old, new) = (self.text(text)?, self.something(old)?, self.text(new)?);
                Ok(Written::new(format!("replace({}, {}, {})", text.sql, old.sql, new.sql), Wire::Text, joined([&text, &new])))
            }
            ("split_part", [text, between, number]) => {
                let (text, between, number) = (self.text(text)?, self.something(between)?, number_from(1, number)?);
                Ok(of(&text, format!("split_part({}, {}, {number})", text.sql, between.sql)))
            }
            ("strpos" | "instr" | "position", [text, part]) => self.found_at(text, part),
            ("starts_with", [text, start]) => {
                let (text, start) = (self.text(text)?, self.something(start)?);
                Ok(Written::new(format!("starts_with({}, {})", text.sql, start.sql), Wire::Bool, joined([&text])))
            }
            ("concat", [_, ..]) => {
                let texts = arguments.iter().map(|text| self.text(text)).collect::<Result<Vec<_>>>()?;
                let list: Vec<&str> = texts.iter().map(|text| text.sql.as_str()).collect();
                Ok(Written::new(format!("concat({})", list.join(", ")), Wire::Text, joined(&texts)))
            }
            _ => refused(format_args!("`{name}` is not known to mean the same")),
        }
    }

    /// Some characters of a text.
    pub(super) fn part(&mut self, text: &Expr, from: &Expr, length: Option<&Expr>) -> Result<Written> {
        let (text, from) = (self.text(text)?, number_from(1, from)?);
        let length = length.map(|length| number_from(0, length)).transpose()?;
        let length = length.map(|length| format!(", {length}")).unwrap_or_default();
        Ok(of(&text, format!("substr({}, {from}{length})", text.sql)))
    }

    /// The number of the first character of a part.
    pub(super) fn found_at(&mut self, text: &Expr, part: &Expr) -> Result<Written> {
        let (text, part) = (self.text(text)?, self.something(part)?);
        Ok(Written::new(format!("strpos({}, {})", text.sql, part.sql), Wire::Int4, joined([&text])))
    }

    fn filled(&mut self, name: &str, text: &Expr, length: &Expr, fill: &str) -> Result<Written> {
        let (text, length) = (self.text(text)?, number_from(0, length)?);
        Ok(of(&text, format!("{name}({}, {length}, {fill})", text.sql)))
    }

    /// A text with a character that is given as it stands.
    fn something(&mut self, expression: &Expr) -> Result<Written> {
        let written = self.text(expression)?;
        let is_something = written.text().is_some_and(|text| !text.is_empty());
        if is_something { Ok(written) } else { refused(format_args!("`{expression}` in place of a text that is given as it stands")) }
    }
}

/// A text made of one.
fn of(text: &Written, sql: String) -> Written {
    Written::new(sql, Wire::Text, joined([text]))
}

/// A whole number that is given as it stands, and is not below `least`.
fn number_from(least: i32, expression: &Expr) -> Result<i32> {
    let number = match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, false) => number.parse().ok(),
            _ => None,
        },
        _ => None,
    };
    let known = number.filter(|number| (least..=MOST).contains(number));
    known.ok_or_else(|| Refused::new(format!("`{expression}` in place of a number from {least} to {MOST}")))
}
