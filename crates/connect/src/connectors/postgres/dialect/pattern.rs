//! Regular expressions of the engine in PostgreSQL's form.
//!
//! Nothing is taken over as it was written: the expression is read by the parser that the engine reads it with, and what it then says,
//! classes of characters as ranges of code points, is written anew. So no word of one side is left for the other to understand.

use std::fmt::Write;

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

use super::{Refused, Result, refused};

/// Classes of more ranges, such as all letters, are written for texts in ASCII alone.
const MOST_RANGES: usize = 64;
/// PostgreSQL counts repetitions no further.
const MOST_REPETITIONS: u32 = 255;

/// A regular expression in PostgreSQL's form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The expression.
    pub(super) pattern: String,
    /// Whether it is the same for texts in ASCII alone.
    pub(super) only_ascii: bool,
}

/// Writes an expression that finds the same texts.
pub(super) fn regular_expression(pattern: &str, ignore_case: bool) -> Result<Pattern> {
    let parsed = regex_syntax::ParserBuilder::new().case_insensitive(ignore_case).build().parse(pattern);
    let parsed = parsed.map_err(|error| Refused::new(format!("the expression `{pattern}`: {error}")))?;
    let mut written = Pattern { pattern: String::new(), only_ascii: false };
    written.add(&parsed)?;
    Ok(written)
}

impl Pattern {
    fn add(&mut self, part: &Hir) -> Result<()> {
        match part.kind() {
            HirKind::Empty => self.pattern += "(?:)",
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).map_err(|_| Refused::new("an expression on bytes"))?;
                for character in text.chars() {
                    self.character(character)?;
                }
            }
            HirKind::Class(Class::Unicode(class)) => self.class(class.ranges())?,
            HirKind::Class(Class::Bytes(_)) => return refused("an expression on bytes"),
            HirKind::Look(look) => self.look(*look)?,
            HirKind::Repetition(repetition) => self.repeated(repetition)?,
            HirKind::Capture(capture) => self.grouped(std::slice::from_ref(&*capture.sub), "")?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.add(part))?,
            HirKind::Alternation(parts) => self.grouped(parts, "|")?,
        }
        Ok(())
    }

    fn grouped(&mut self, parts: &[Hir], between: &str) -> Result<()> {
        self.pattern += "(?:";
        for (at, part) in parts.iter().enumerate() {
            self.pattern += if at > 0 { between } else { "" };
            self.add(part)?;
        }
        self.pattern += ")";
        Ok(())
    }

    fn repeated(&mut self, repetition: &Repetition) -> Result<()> {
        let Repetition { min, max, sub, .. } = repetition;
        if *min > MOST_REPETITIONS || max.is_some_and(|max| max > MOST_REPETITIONS) {
            return refused("an expression of so many repetitions");
        }
        self.grouped(std::slice::from_ref(&**sub), "")?;
        self.pattern += &match (min, max) {
            (0, None) => "*".to_owned(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        };
        Ok(())
    }

    fn look(&mut self, look: Look) -> Result<()> {
        self.pattern += match look {
            Look::Start => r"\A",
            Look::End => r"\Z",
            Look::WordAscii | Look::WordUnicode => r"\y",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\Y",
            _ => return refused("an expression that looks at lines"),
        };
        self.only_ascii |= !matches!(look, Look::Start | Look::End);
        Ok(())
    }

    fn class(&mut self, ranges: &[ClassUnicodeRange]) -> Result<()> {
        let last = if ranges.len() > MOST_RANGES { '\u{7f}' } else { char::MAX };
        self.only_ascii |= ranges.len() > MOST_RANGES;
        // The character NUL is in no text of PostgreSQL.
        let reach = ranges.iter().map(|range| (range.start().max('\u{1}'), range.end().min(last))).filter(|(start, end)| start <= end);
        let reach: Vec<(char, char)> = reach.collect();
        if reach.is_empty() {
            return refused("a class without characters");
        }
        self.pattern.push('[');
        for (start, end) in reach {
            self.character(start)?;
            if start < end {
                self.pattern.push('-');
                self.character(end)?;
            }
        }
        self.pattern.push(']');
        Ok(())
    }

    /// A character that means itself.
    fn character(&mut self, character: char) -> Result<()> {
        match character {
            '\0' => return refused("the character NUL"),
            'a'..='z' | 'A'..='Z' | '0'..='9' => self.pattern.push(character),
            // Writing to a text does not fail.
            _ => drop(write!(self.pattern, r"\U{:08X}", u32::from(character))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pattern: &str) -> String {
        match regular_expression(pattern, false) {
            Ok(Pattern { pattern, only_ascii }) => format!("{pattern}{}", if only_ascii { " (in ASCII)" } else { "" }),
            Err(refused) => format!("refused: {}", refused.what),
        }
    }

    #[test]
    fn expressions_are_written_in_code_points() {
        assert_eq!(written("^[A-Z]{2}$"), r"\A(?:[A-Z]){2,2}\Z");
        assert_eq!(written("a|bc+"), r"(?:a|b(?:c){1,})");
        assert_eq!(written("x.y"), r"x[\U00000001-\U00000009\U0000000B-\U0010FFFF]y");
        assert_eq!(written("[^@ ]"), r"[\U00000001-\U0000001F\U00000021-\U0000003FA-\U0010FFFF]");
        assert_eq!(written(r"\d"), "[0-9] (in ASCII)");
        assert_eq!(written(r"\bä"), r"\y\U000000E4 (in ASCII)");
        assert_eq!(regular_expression("k", true).unwrap().pattern, r"[Kk\U0000212A]");
    }

    #[test]
    fn what_postgres_would_read_in_another_way_is_refused() {
        for pattern in ["(?m)^a", "(?-u:\\xff)", "a{300}", "[^\\s\\S]", "\\x00"] {
            assert!(written(pattern).starts_with("refused: "), "{pattern}: {}", written(pattern));
        }
    }
}
