//! Regular expressions of other tools as ours, and ours as theirs.
//!
//! Ours are those of Rust. The same text may be something else elsewhere, or nothing: `[a&&b]` is what two classes share here, and
//! the characters `a`, `&` and `b` in Python. What has the same meaning stays as it was written. The rest is written anew, or has no
//! counterpart.

use std::ops::Range;

use regex_syntax::ast::RepetitionRange::{AtLeast, Bounded, Exactly};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSet, ClassSetItem, ClassUnicode, ClassUnicodeKind, Flag, Flags, FlagsItem, FlagsItemKind, Group,
    GroupKind, HexLiteralKind, LiteralKind, Repetition, RepetitionKind, Span, SpecialLiteralKind, Visitor,
};
use regex_syntax::hir::{Class, HirKind};
use serde_json::Value as Json;

use super::Rules;

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

/// The pattern of a rule of `kind` as one of ours: `matches` has expressions, and patterns of `like` are the same everywhere.
///
/// # Errors
/// As [`ours`].
pub(super) fn of_kind(kind: &str, pattern: String, theirs: Syntax) -> Result<String, String> {
    if kind == "matches" { ours(&pattern, theirs) } else { Ok(pattern) }
}

/// Rules of `kind` on patterns, with what to know where tools take one of them otherwise.
pub(super) fn noted(kind: &str, patterns: &[String], rules: Rules) -> Rules {
    if kind == "like" && patterns.iter().any(|pattern| pattern.contains('\\')) {
        return rules.and_note(
            "a backslash takes the sign behind it for itself here, as in PostgreSQL; in DuckDB and SQLite it is a sign like others",
        );
    }
    rules
}

/// A JSON Schema whose patterns are as `written` writes them.
///
/// # Errors
/// As `written`.
pub(super) fn in_schema(schema: &Json, written: &dyn Fn(&str) -> Result<String, String>) -> Result<Json, String> {
    let part = |(key, value): (&String, &Json)| -> Result<(String, Json), String> {
        let value = match (key.as_str(), value) {
            ("pattern", Json::String(pattern)) => Json::String(written(pattern)?),
            ("patternProperties", Json::Object(properties)) => {
                let properties = properties.iter().map(|(pattern, schema)| Ok((written(pattern)?, in_schema(schema, written)?)));
                properties.collect::<Result<Json, String>>()?
            }
            ("const" | "default" | "enum" | "examples", value) => value.clone(),
            (_, value) => in_schema(value, written)?,
        };
        Ok((key.clone(), value))
    };
    match schema {
        Json::Object(map) => map.iter().map(part).collect(),
        Json::Array(items) => items.iter().map(|item| in_schema(item, written)).collect(),
        other => Ok(other.clone()),
    }
}

/// An expression of `theirs` as one of ours. Python stands for `re` and for RE2, with which pandas matches texts where it has Arrow, and
/// RE2 for what databases understand.
///
/// # Errors
/// Names the part that has no counterpart, or that does not mean the same everywhere.
pub(super) fn ours(pattern: &str, theirs: Syntax) -> Result<String, String> {
    let (mut written, mut rest, mut repetitions) = (String::with_capacity(pattern.len()), pattern, 0);
    let is_verbose = flags(pattern).is_some_and(|set| is_verbose(set) && pattern[2 + set.len()..].starts_with(')'));
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_length(rest, is_verbose));
        if token.starts_with("(?#") || (is_verbose && token.starts_with([' ', '\t', '\n', '\r', '\x0b', '\x0c', '#'])) {
            rest = after;
            continue;
        }
        repetitions = if is_repetition(token) { repetitions + 1 } else { 0 };
        if repetitions > 2 || (repetitions == 2 && token != "?") {
            return Err(twice_repeated(token));
        }
        match token {
            r"\Z" => written += r"\z",
            "{" => written += r"\{",
            "(" => {
                keep_group(rest)?;
                written += token;
            }
            _ if token.starts_with('\\') => written += plain_angle(token),
            _ if token.starts_with('[') && token.ends_with(']') => written += &class_of_ours(&token[1..token.len() - 1], theirs)?,
            _ if token.starts_with("{,") => return Err(fewest_missing(token)),
            _ if token.starts_with("(?") => written += &flags_of_ours(token, rest.len() == pattern.len(), theirs)?,
            _ => written += token,
        }
        rest = after;
    }
    Ok(written)
}

/// The length of what comes first in `text`: one character, or what has a meaning as a whole.
fn token_length(text: &str, is_verbose: bool) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    match text.as_bytes().first() {
        Some(b'\\') => escape_length(text),
        Some(b'[') => class_length(text),
        Some(b'{') => count_length(text).unwrap_or(first),
        Some(b'(') if text.starts_with("(?#") => text.find(')').map_or(first, |end| end + 1),
        Some(b'(') => flags(text).map_or(first, |set| set.len() + 3),
        Some(b'#') if is_verbose => text.find('\n').unwrap_or(text.len()),
        _ => first,
    }
}

/// The letters of `(?i)` or `(?i:` at the beginning of `text`, of which `(?:` has none.
fn flags(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("(?")?;
    let set = &inside[..inside.find([')', ':'])?];
    set.chars().all(|c| c.is_ascii_alphabetic() || c == '-').then_some(set)
}

/// Whether flags leave blanks and remarks out of account.
fn is_verbose(set: &str) -> bool {
    set.contains('x') && !set.contains('-')
}

/// Flags as ours. What is verbose is written without its blanks and remarks, so that the flag for it is left out.
fn flags_of_ours(token: &str, is_first: bool, theirs: Syntax) -> Result<String, String> {
    let set = flags(token).unwrap_or_default();
    let is_of_all = token.ends_with(')');
    if set.contains('x') && !(is_first && is_of_all && is_verbose(set)) {
        return Err(format!("`{token}` makes a part of its regular expression verbose; write that part without blanks and remarks"));
    }
    if is_of_all && !is_first && theirs == Syntax::Python {
        return Err(format!("`{token}` stands in the middle of its regular expression, which Python refuses; put it at the start"));
    }
    let kept: String = set.chars().filter(|flag| *flag != 'x').collect();
    let says_nothing = is_of_all && kept.is_empty() && !set.is_empty();
    Ok(if says_nothing { String::new() } else { token.replacen(set, &kept, 1) })
}

/// Makes sure that a group at the beginning of `text` is one that is known here.
fn keep_group(text: &str) -> Result<(), String> {
    if text.starts_with("(?>") {
        return Err(never_giving_back("(?>"));
    }
    match ["(?P=", "(?("].into_iter().find(|start| text.starts_with(start)) {
        Some(start) => Err(format!("`{start}` looks back at a group, which is not known here, so that no expression takes for ever")),
        None => Ok(()),
    }
}

/// Whether a token says how often what stands before it comes.
fn is_repetition(token: &str) -> bool {
    matches!(token, "*" | "+" | "?") || (token.starts_with('{') && token.len() > 1)
}

fn twice_repeated(token: &str) -> String {
    if token == "+" {
        return never_giving_back("++");
    }
    format!("`{token}` repeats a repetition of its regular expression, which is refused elsewhere too; put what it repeats in brackets")
}

fn never_giving_back(sign: &str) -> String {
    format!("`{sign}` in its regular expression matches without ever giving back, which has no counterpart; write it without")
}

fn fewest_missing(token: &str) -> String {
    let written = token.replacen("{,", "{0,", 1);
    format!("`{token}` repeats in Python's regular expressions and is text in those of RE2; write `{written}`")
}

/// The length of the escape at the beginning of `text`, with what stands in braces behind it.
fn escape_length(text: &str) -> usize {
    let Some(escaped) = text[1..].chars().next() else { return 1 };
    let length = 1 + escaped.len_utf8();
    let braces = matches!(escaped, 'x' | 'u' | 'U' | 'p' | 'P' | 'N') && text[length..].starts_with('{');
    text[length..].find('}').filter(|_| braces).map_or(length, |end| length + end + 1)
}

/// `\<` is no more than `<` elsewhere, and the start of a word here.
fn plain_angle(escape: &str) -> &str {
    if matches!(escape, r"\<" | r"\>") { &escape[1..] } else { escape }
}

/// The length of `{2}`, `{2,}`, `{2,3}`, `{,3}` or `{,}` at the beginning of `text`; any other brace means itself.
fn count_length(text: &str) -> Option<usize> {
    let (inside, _) = text.strip_prefix('{')?.split_once('}')?;
    let (fewest, most) = inside.split_once(',').unwrap_or((inside, "0"));
    let are_digits = [fewest, most].iter().all(|number| number.chars().all(|c| c.is_ascii_digit()));
    (are_digits && !inside.is_empty()).then_some(inside.len() + 2)
}

/// The length of the class at the beginning of `text`; of all of it where the class has no end.
fn class_length(text: &str) -> usize {
    let mut at = if text.starts_with("[^") { 2 } else { 1 };
    at += usize::from(text[at..].starts_with(']'));
    while let Some(first) = text[at..].chars().next() {
        if first == ']' {
            return at + 1;
        }
        at += item_length(&text[at..], first);
    }
    text.len()
}

/// The length of what stands for one character or one class inside of a class.
fn item_length(text: &str, first: char) -> usize {
    match first {
        '\\' => escape_length(text),
        '[' => named_class_length(text).unwrap_or(1),
        _ => first.len_utf8(),
    }
}

/// The length of `[:alpha:]`.
fn named_class_length(text: &str) -> Option<usize> {
    let (name, _) = text.strip_prefix("[:")?.split_once(":]")?;
    name.chars().all(|c| c.is_ascii_alphabetic() || c == '^').then_some(name.len() + 4)
}

/// A class of theirs, in which nothing but `]`, `\`, `-` and a `^` at its start is special.
fn class_of_ours(inside: &str, theirs: Syntax) -> Result<String, String> {
    let (negation, mut rest) = inside.strip_prefix('^').map_or(("", inside), |rest| ("^", rest));
    let mut written = format!("[{negation}");
    let is_doubled = |sign: char| inside.contains(&format!("{sign}{sign}"));
    let plain = |item: &str| match item {
        "[" | "]" => format!(r"\{item}"),
        "&" if is_doubled('&') => r"\&".to_owned(),
        "~" if is_doubled('~') => r"\~".to_owned(),
        r"\b" => r"\x08".to_owned(),
        _ => plain_angle(item).to_owned(),
    };
    let end_of_range = |item: &str| if item == "-" { r"\-".to_owned() } else { plain(item) };
    let mut is_first = true;
    while let Some(item) = first_item(rest) {
        if item.starts_with("[:") && theirs == Syntax::Python {
            return Err(format!("`{item}` is a class in RE2 and no more than characters in Python; write the characters, such as `a-z`"));
        }
        let after = &rest[item.len()..];
        let end = after.strip_prefix('-').and_then(first_item).filter(|_| is_one_character(item));
        rest = after;
        if let Some(end) = end {
            written += &format!("{}-{}", end_of_range(item), end_of_range(end));
            rest = &rest[1 + end.len()..];
        } else if is_first || rest.is_empty() {
            written += &plain(item);
        } else {
            written += &end_of_range(item);
        }
        is_first = false;
    }
    Ok(written + "]")
}

/// What comes first inside of a class.
fn first_item(rest: &str) -> Option<&str> {
    rest.chars().next().map(|first| &rest[..item_length(rest, first)])
}

/// Whether an item of a class is no class itself.
fn is_one_character(item: &str) -> bool {
    match item.strip_prefix('\\') {
        Some(escaped) => !escaped.starts_with(['d', 'D', 'w', 'W', 's', 'S', 'p', 'P']),
        None => !item.starts_with("[:"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn expressions_of_others_are_read_as_they_mean_them() {
        let check = |theirs: &str, expected: &str| {
            assert_eq!(ours(theirs, Syntax::Re2).as_deref(), Ok(expected));
            assert!(regex::Regex::new(expected).is_ok(), "{expected}");
        };
        for same in [
            r"^[A-Za-z0-9._%+-]+@[^@ ]+\.[a-z]{2,4}$",
            r"[[:alpha:]]\p{L}\x{61}",
            r"[\w.-]",
            "[a&b~]",
            "[-a]",
            r"[\]]",
            "ü{2,}",
            "a(?i)b",
            "(?:a+?b{2}?)*",
            "(?P<x>a)(?i:b)",
        ] {
            check(same, same);
        }
        check("[a&&b]", r"[a\&\&b]");
        check("[a~~b]", r"[a\~\~b]");
        check("[--a]", r"[\--a]");
        check("[+--]", r"[+-\-]");
        check("[a[b]", r"[a\[b]");
        check("[[]", r"[\[]");
        check("[]a]", r"[\]a]");
        check("[ä-ö-]&&", "[ä-ö-]&&");
        check("[^]a]", r"[^\]a]");
        check(r"[\w-.]", r"[\w\-.]");
        check(r"[\<a]\>", "[<a]>");
        check(r"[\b]", r"[\x08]");
        check(r"abc\Z", r"abc\z");
        check("a{|{b}|c{1", r"a\{|\{b}|c\{1");
        check("a(?#b)c", "ac");
        check("(?x) a [ #] # b\n \\ c {2} #", r"a[ #]\ c{2}");
        check("(?ix)a b", "(?i)ab");
        assert_eq!([ours("[a-z", Syntax::Re2), ours("a\\", Syntax::Re2)], [Ok("[a-z".to_owned()), Ok("a\\".to_owned())]);
    }

    #[test]
    fn patterns_of_schemas_are_written_where_they_are_patterns() {
        let schema = json!({"properties": {"pattern": {"pattern": "(?x)a b", "const": {"pattern": "c d"}}},
            "anyOf": [{"patternProperties": {"e{": {"pattern": "f"}}}]});
        let expected = json!({"properties": {"pattern": {"pattern": "ab", "const": {"pattern": "c d"}}},
            "anyOf": [{"patternProperties": {r"e\{": {"pattern": "f"}}}]});
        let read = |schema: &Json| in_schema(schema, &|pattern| ours(pattern, Syntax::Python));
        assert_eq!(read(&schema), Ok(expected));
        assert!(read(&json!({"items": {"pattern": "a++"}})).is_err());
    }

    #[test]
    fn what_does_not_mean_the_same_everywhere_is_told() {
        let check = |theirs: &str, expected: &str| {
            let told = ours(theirs, Syntax::Python).unwrap_err();
            assert!(told.starts_with(expected), "{theirs}: {told}");
        };
        for possessive in ["a++", "a*+", "a?+", "a{2}+", "(?x)a+ +"] {
            check(possessive, "`++` in its regular expression matches without ever giving back");
        }
        check("(?>a)", "`(?>` in its regular expression matches without ever giving back");
        check("(?P<x>a)(?P=x)", "`(?P=` looks back at a group");
        check("(a)?(?(1)b|c)", "`(?(` looks back at a group");
        check("a**", "`*` repeats a repetition");
        check("a+?{2}", "`{2}` repeats a repetition");
        check("x{,3}", "`{,3}` repeats in Python's regular expressions and is text in those of RE2; write `{0,3}`");
        check("a(?x:b c)", "`(?x:` makes a part of its regular expression verbose");
        check("a(?i)b", "`(?i)` stands in the middle");
        check("[[:alpha:]]", "`[:alpha:]` is a class in RE2 and no more than characters in Python");
    }
}
