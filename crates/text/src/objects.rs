//! JSON objects, split into the places of their values without building a tree.
//!
//! Values keep the text they have in the file, so that numbers stay exact and nested values stay JSON.

use memchr::memchr2;

use crate::cells::{Cell, Form};

/// How deep values may nest.
const DEEPEST: usize = 256;

/// Visits the keys and values of the object in `text` from `at` on, and returns where it ends. Keys are as written,
/// without their quotes.
pub(crate) fn members(text: &str, at: usize, mut visit: impl FnMut(&str, Cell) -> Result<(), String>) -> Result<usize, String> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at };
    scanner.expect(b'{')?;
    if scanner.take(b'}') {
        return Ok(scanner.at);
    }
    loop {
        let key = scanner.key()?;
        let value = scanner.cell()?;
        visit(key.of(text), value)?;
        if !scanner.take(b',') {
            scanner.expect(b'}')?;
            return Ok(scanner.at);
        }
    }
}

/// The first place at or after `at` that is no white space.
pub(crate) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        self.at = skip_blanks(self.bytes, self.at);
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(&format!("`{}`", char::from(byte)))) }
    }

    fn expected(&mut self, what: &str) -> String {
        match self.peek() {
            Some(found) if found.is_ascii_graphic() => format!("expected {what}, found `{}`", char::from(found)),
            Some(_) => format!("expected {what}, found another character"),
            None => format!("expected {what}, found the end of the record"),
        }
    }

    fn key(&mut self) -> Result<Cell, String> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Reads a value as a cell.
    fn cell(&mut self) -> Result<Cell, String> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(_) => {
                let start = self.at;
                self.value(0)?;
                let is_null = self.bytes.get(start..self.at) == Some(b"null");
                Ok(Cell::new(start, self.at, if is_null { Form::Missing } else { Form::Bare }))
            }
            None => Err(self.expected("a value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), String> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') if depth >= DEEPEST => Err(format!("values nest deeper than {DEEPEST} levels")),
            Some(b'{') => self.list(b'}', |scanner| {
                scanner.key()?;
                scanner.value(depth + 1)
            }),
            Some(b'[') => self.list(b']', |scanner| scanner.value(depth + 1)),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    /// Reads members up to `end`, after the bracket that opens.
    fn list(&mut self, end: u8, mut member: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.at += 1;
        if self.take(end) {
            return Ok(());
        }
        loop {
            member(self)?;
            if !self.take(b',') {
                return self.expect(end);
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), String> {
        let is_word = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if !is_word {
            return Err("expected `true`, `false` or `null`, found another word".into());
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let whole = self.digits();
        let has_places = self.bytes.get(self.at) == Some(&b'.');
        self.at += usize::from(has_places);
        let places = if has_places { self.digits() } else { 1 };
        let has_exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        self.at += usize::from(has_exponent);
        let is_signed = has_exponent && matches!(self.bytes.get(self.at), Some(b'+' | b'-'));
        self.at += usize::from(is_signed);
        let exponent = if has_exponent { self.digits() } else { 1 };
        let text = String::from_utf8_lossy(self.bytes.get(start..self.at).unwrap_or_default());
        if whole > 0 && places > 0 && exponent > 0 { Ok(()) } else { Err(format!("`{text}` is no number")) }
    }

    fn digits(&mut self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// Reads a text in quotes; the cell leaves them out.
    fn string(&mut self) -> Result<Cell, String> {
        let start = self.at + 1;
        let (mut at, mut form) = (start, Form::Quoted);
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let found = at + memchr2(b'"', b'\\', rest).ok_or("a text in quotes is not closed")?;
            if self.bytes.get(found) == Some(&b'"') {
                self.at = found + 1;
                return Ok(Cell::new(start, found, form));
            }
            (at, form) = (found + 2, Form::Escaped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let mut found = Vec::new();
        let end = members(text, 0, |key, cell| {
            found.push((key.to_owned(), cell.of(text).to_owned()));
            Ok(())
        });
        assert_eq!(end, Ok(text.len()));
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_keep_their_text() {
        check("{}", &[]);
        check(
            r#"{"a": 1.10, "b":"x\"y", "c": [1, {"d": "}"}], "e": null}"#,
            &[("a", "1.10"), ("b", r#"x\"y"#), ("c", r#"[1, {"d": "}"}]"#), ("e", "null")],
        );
    }

    #[test]
    fn what_is_no_object_says_why() {
        let error = |text: &str| members(text, 0, |_, _| Ok(())).unwrap_err();
        assert_eq!(error("[1]"), "expected `{`, found `[`");
        assert_eq!(error(r#"{"a":1"#), "expected `}`, found the end of the record");
        assert_eq!(error(r#"{"a":1.}"#), "`1.` is no number");
        assert_eq!(error(r#"{"a":"x"#), "a text in quotes is not closed");
        assert_eq!(error(r#"{"a":"x\"#), "a text in quotes is not closed");
        assert_eq!(error(r"{a:1}"), "expected a key in quotes, found `a`");
        assert!(error(&format!("{{\"a\":{}", "[".repeat(100_000))).contains("deeper"));
    }
}
