//! Regular expressions of other tools as ours, and ours as theirs.
//!
//! Ours are those of Rust. The same text may be something else elsewhere, or nothing: `[a&&b]` is what two classes share here, and
//! the characters `a`, `&` and `b` in Python. What has the same meaning stays as it was written. The rest is written anew, or has no
//! counterpart.

mod read;

use std::ops::Range;

use regex_syntax::ast::RepetitionRange::{AtLeast, Bounded, Exactly};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSet, ClassSetItem, ClassUnicode, ClassUnicodeKind, Flag, Flags, FlagsItem, FlagsItemKind, Group,
    GroupKind, HexLiteralKind, LiteralKind, Repetition, RepetitionKind, Span, SpecialLiteralKind, Visitor,
};
use regex_syntax::hir::{Class, HirKind};

pub(super) use self::read::{in_schema, noted, of_kind, ours};

/// Classes of more ranges, such as all letters, are not written as a list of characters.
const MOST_RANGES: usize = 64;

/// Whose regular expressions they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `DuckDB`'s, which are those of RE2.
    Re2,
    /// Python's. What is written anew is understood by RE2 too, with which pandas matches texts.
    Python,
    /// PostgreSQL's.
    Postgres,
    /// Spark's, which are those of Java.
    Java,
}

impl Syntax {
    /// An expression of ours in this syntax. One that cannot be read stays as it is.
    ///
    /// # Errors
    /// Names the part that has no counterpart.
    pub(super) fn written(self, pattern: &str) -> Result<String, String> {
        let Ok(parsed) = Parser::new().parse(pattern) else { return Ok(pattern.to_owned()) };
        let mut changes = ast::visit(&parsed, Changes { syntax: self, pattern, dot_is_any: false, found: Vec::new() })?;
        changes.sort_by_key(|(place, _)| place.start);
        let (mut written, mut end) = (String::with_capacity(pattern.len()), 0);
        for (place, text) in changes {
            written += &pattern[end..place.start];
            written += &text;
            end = place.end;
        }
        Ok(written + &pattern[end..])
    }

    /// Whether it takes a character that is written so for something else.
    fn misreads(self, kind: &LiteralKind) -> bool {
        match kind {
            LiteralKind::HexBrace(HexLiteralKind::X) => matches!(self, Self::Python | Self::Postgres),
            LiteralKind::HexFixed(HexLiteralKind::X) => self == Self::Postgres,
            LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => self != Self::Postgres,
            LiteralKind::HexBrace(_) | LiteralKind::Octal => true,
            LiteralKind::Special(SpecialLiteralKind::VerticalTab) => self == Self::Java,
            LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous | LiteralKind::Special(_) => false,
        }
    }

    /// Whether it takes what stands in a class for something else.
    fn misreads_set(self, set: &ClassSet) -> bool {
        match set {
            ClassSet::BinaryOp(_) => true,
            ClassSet::Item(item) => self.misreads_item(item),
        }
    }

    fn misreads_item(self, item: &ClassSetItem) -> bool {
        match item {
            ClassSetItem::Empty(_) | ClassSetItem::Perl(_) => false,
            ClassSetItem::Bracketed(_) => true,
            // Those of PostgreSQL are of its locale.
            ClassSetItem::Ascii(_) => self != Self::Re2,
            ClassSetItem::Unicode(class) => !self.knows(class),
            ClassSetItem::Literal(literal) => self.misreads(&literal.kind),
            ClassSetItem::Range(range) => self.misreads(&range.start.kind) || self.misreads(&range.end.kind),
            ClassSetItem::Union(union) => union.items.iter().any(|item| self.misreads_item(item)),
        }
    }

    /// Whether it knows a class of Unicode; the names of general categories are the same everywhere.
    fn knows(self, class: &ClassUnicode) -> bool {
        let is_category = match &class.kind {
            ClassUnicodeKind::OneLetter(_) => true,
            ClassUnicodeKind::Named(name) => name.len() <= 2,
            ClassUnicodeKind::NamedValue { .. } => false,
        };
        is_category && matches!(self, Self::Re2 | Self::Java)
    }

    /// A character that means itself.
    fn character(self, character: char) -> String {
        match self {
            _ if character.is_ascii_alphanumeric() => character.to_string(),
            Self::Postgres => format!(r"\U{:08X}", u32::from(character)),
            _ if character.is_ascii() => format!(r"\x{:02X}", u32::from(character)),
            _ => character.to_string(),
        }
    }

    /// The characters of a class, one by one.
    fn class(self, class: &str) -> Result<String, String> {
        let refused = || format!("the class `{class}` of a regular expression is no short list of characters");
        let parsed = regex_syntax::Parser::new().parse(class).map_err(|_| refused())?;
        let mut found = match parsed.kind() {
            HirKind::Class(Class::Unicode(found)) => found.clone(),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).map_err(|_| refused())?;
                return Ok(text.chars().map(|character| self.character(character)).collect());
            }
            _ => return Err(refused()),
        };
        let is_of_most = found.ranges().last().is_some_and(|range| range.end() == char::MAX);
        if is_of_most {
            found.negate();
        }
        if found.ranges().is_empty() || found.ranges().len() > MOST_RANGES {
            return Err(refused());
        }
        let range = |start: char, end: char| match self.character(start) {
            only if start == end => only,
            first => format!("{first}-{}", self.character(end)),
        };
        let ranges: String = found.ranges().iter().map(|found| range(found.start(), found.end())).collect();
        Ok(format!("[{}{ranges}]", if is_of_most { "^" } else { "" }))
    }

    /// What stands for a place in a text, where it is written in another way.
    fn place(self, kind: &AssertionKind) -> Result<Option<&'static str>, String> {
        Ok(match (self, kind) {
            (Self::Python | Self::Postgres, AssertionKind::EndText) => Some(r"\Z"),
            (Self::Postgres, AssertionKind::WordBoundary) => Some(r"\y"),
            (Self::Postgres, AssertionKind::NotWordBoundary) => Some(r"\Y"),
            (Self::Postgres, AssertionKind::WordBoundaryStart | AssertionKind::WordBoundaryStartAngle) => Some(r"\m"),
            (Self::Postgres, AssertionKind::WordBoundaryEnd | AssertionKind::WordBoundaryEndAngle) => Some(r"\M"),
            (
                _,
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary,
            ) => None,
            _ => return Err("the start or the end of a word in a regular expression has no counterpart; write `\\b`".into()),
        })
    }

    /// The most repetitions that it counts.
    fn most_repetitions(self) -> u32 {
        match self {
            Self::Postgres => 255,
            Self::Re2 => 1_000,
            Self::Python | Self::Java => u32::MAX,
        }
    }
}

/// What is written otherwise in a syntax: parts of an expression, each with the text in its place.
struct Changes<'a> {
    syntax: Syntax,
    pattern: &'a str,
    /// Whether a dot stands for the end of a line too.
    dot_is_any: bool,
    found: Vec<(Range<usize>, String)>,
}

impl Visitor for Changes<'_> {
    type Output = Vec<(Range<usize>, String)>;
    type Err = String;

    fn finish(self) -> Result<Self::Output, String> {
        Ok(self.found)
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), String> {
        let place = within(part.span());
        let instead = match part {
            Ast::Literal(literal) if self.syntax.misreads(&literal.kind) => Some(self.syntax.character(literal.c)),
            Ast::Assertion(assertion) => self.syntax.place(&assertion.kind)?.map(str::to_owned),
            Ast::ClassBracketed(class) if self.syntax.misreads_set(&class.kind) => Some(self.syntax.class(&self.pattern[place.clone()])?),
            Ast::ClassUnicode(class) if !self.syntax.knows(class) => Some(self.syntax.class(&self.pattern[place.clone()])?),
            Ast::Dot(_) if self.syntax == Syntax::Postgres && !self.dot_is_any => Some(r"[^\n]".into()),
            Ast::Flags(set) => {
                self.keep_flags_of_all(&set.flags, place.start)?;
                None
            }
            Ast::Group(group) => {
                self.group(group)?;
                None
            }
            Ast::Repetition(repetition) => {
                self.repetition(repetition)?;
                None
            }
            _ => None,
        };
        self.found.extend(instead.map(|text| (place, text)));
        Ok(())
    }
}

impl Changes<'_> {
    /// Makes sure that flags mean the same.
    fn keep_flags(&self, flags: &Flags) -> Result<(), String> {
        let is_known = |item: &FlagsItem| match &item.kind {
            FlagsItemKind::Negation | FlagsItemKind::Flag(Flag::CaseInsensitive | Flag::DotMatchesNewLine) => true,
            FlagsItemKind::Flag(Flag::MultiLine) => self.syntax != Syntax::Postgres,
            FlagsItemKind::Flag(_) => false,
        };
        if flags.items.iter().all(is_known) { Ok(()) } else { Err(self.without_counterpart(flags)) }
    }

    /// The same for flags of all that follows, which stand at the start in Python and PostgreSQL and switch nothing off there.
    fn keep_flags_of_all(&mut self, flags: &Flags, start: usize) -> Result<(), String> {
        let is_first = start == 0 && flags.items.iter().all(|item| item.kind != FlagsItemKind::Negation);
        if !is_first && matches!(self.syntax, Syntax::Python | Syntax::Postgres) {
            return Err(self.without_counterpart(flags));
        }
        self.dot_is_any |= flags.items.iter().any(|item| item.kind == FlagsItemKind::Flag(Flag::DotMatchesNewLine));
        self.keep_flags(flags)
    }

    fn without_counterpart(&self, flags: &Flags) -> String {
        format!("the flags `(?{})` of a regular expression have no counterpart", &self.pattern[within(&flags.span)])
    }

    /// The name of a group says nothing about what matches.
    fn group(&mut self, group: &Group) -> Result<(), String> {
        match &group.kind {
            GroupKind::CaptureIndex(_) => {}
            GroupKind::CaptureName { starts_with_p, name } => {
                let is_known = match self.syntax {
                    Syntax::Re2 | Syntax::Python => *starts_with_p,
                    Syntax::Java => !starts_with_p,
                    Syntax::Postgres => false,
                };
                if !is_known {
                    self.found.push((group.span.start.offset..name.span.end.offset + 1, "(".into()));
                }
            }
            GroupKind::NonCapturing(flags) if self.syntax == Syntax::Postgres && !flags.items.is_empty() => {
                return Err(self.without_counterpart(flags));
            }
            GroupKind::NonCapturing(flags) => self.keep_flags(flags)?,
        }
        Ok(())
    }

    /// `a++` repeats `a+` here, and elsewhere matches without ever giving back.
    fn repetition(&mut self, repetition: &Repetition) -> Result<(), String> {
        let most = match &repetition.op.kind {
            RepetitionKind::Range(Exactly(most) | AtLeast(most) | Bounded(_, most)) => *most,
            _ => 0,
        };
        if most > self.syntax.most_repetitions() {
            return Err(format!("a regular expression that repeats a part {most} times is more than is counted there"));
        }
        if matches!(*repetition.ast, Ast::Repetition(_)) {
            let Range { start, end } = within(repetition.ast.span());
            self.found.extend([(start..start, "(?:".to_owned()), (end..end, ")".to_owned())]);
        }
        Ok(())
    }
}

fn within(span: &Span) -> Range<usize> {
    span.start.offset..span.end.offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: [&str; 4]) {
        let written = [Syntax::Re2, Syntax::Python, Syntax::Postgres, Syntax::Java]
            .map(|syntax| syntax.written(pattern).unwrap_or_else(|why| format!("refused: {why}")));
        assert_eq!(written, expected, "{pattern}");
    }

    #[test]
    fn what_means_the_same_stays_as_it_is() {
        for pattern in [r"^[A-Za-z0-9._%+-]+@[^@ ]+\.[a-z]{2,4}$", r"(?i)^\d+\s", "(?:a|b)?c*", r"[\w\-]", "(x"] {
            check(pattern, [pattern; 4]);
        }
    }

    #[test]
    fn sets_of_characters_are_listed() {
        check("^[a-e&&[^b]]+$", [r"^[ac-e]+$"; 4]);
        check(r"[a-z--[c-z]]", ["[a-b]"; 4]);
        check("[a&&b]", ["refused: the class `[a&&b]` of a regular expression is no short list of characters"; 4]);
        check("[[.][ü]]", [r"[\x2Eü]", r"[\x2Eü]", r"[\U0000002E\U000000FC]", r"[\x2Eü]"]);
        check("[^[a]]", ["[^a]"; 4]);
        check("[[:digit:]x]", ["[[:digit:]x]", "[0-9x]", "[0-9x]", "[0-9x]"]);
        let refused = r"refused: the class `\pL` of a regular expression is no short list of characters";
        check(r"\pL", [r"\pL", refused, refused, r"\pL"]);
    }

    #[test]
    fn places_groups_and_characters_are_written_as_they_are_there() {
        check(r"\Aa\z", [r"\Aa\z", r"\Aa\Z", r"\Aa\Z", r"\Aa\z"]);
        check(r"\ba\B", [r"\ba\B", r"\ba\B", r"\ya\Y", r"\ba\B"]);
        let word = "refused: the start or the end of a word in a regular expression has no counterpart; write `\\b`";
        check(r"\b{start}a\>", [word, word, r"\ma\M", word]);
        check("(?<x>a)+", ["(a)+", "(a)+", "(a)+", "(?<x>a)+"]);
        check("(?P<x>a)", ["(?P<x>a)", "(?P<x>a)", "(a)", "(a)"]);
        check(r"\x{61}\x2E", [r"\x{61}\x2E", r"a\x2E", r"a\U0000002E", r"\x{61}\x2E"]);
        check(r"\u00e9", ["é", "é", r"\u00e9", "é"]);
        check("a++b", ["(?:a+)+b"; 4]);
        check("a.b", ["a.b", "a.b", r"a[^\n]b", "a.b"]);
        check("(?s)a.b", ["(?s)a.b"; 4]);
    }

    #[test]
    fn flags_without_a_counterpart_are_told() {
        let refused = |flags: &str| format!("refused: the flags `(?{flags})` of a regular expression have no counterpart");
        check("(?R)a", [refused("R").as_str(); 4]);
        check("(?x)a b", [refused("x").as_str(); 4]);
        let inside = refused("i");
        check("a(?i)b", ["a(?i)b", &inside, &inside, "a(?i)b"]);
        check("a(?i:b)", ["a(?i:b)", "a(?i:b)", &inside, "a(?i:b)"]);
        let often = "refused: a regular expression that repeats a part 300 times is more than is counted there";
        check("a{300}", ["a{300}", "a{300}", often, "a{300}"]);
    }
}
