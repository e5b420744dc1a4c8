//! Regular expressions of other tools, and JSON Schemas with some, as ours.

use serde_json::Value as Json;

use super::Syntax;
use crate::suites::Rules;

/// The pattern of a rule of `kind` as one of ours: `matches` has expressions, and patterns of `like` are the same everywhere.
///
/// # Errors
/// As [`ours`].
pub(in super::super) fn of_kind(kind: &str, pattern: String, theirs: Syntax) -> Result<String, String> {
    if kind == "matches" { ours(&pattern, theirs) } else { Ok(pattern) }
}

/// Rules of `kind` on patterns, with what to know where tools take one of them otherwise.
pub(in super::super) fn noted(kind: &str, patterns: &[String], rules: Rules) -> Rules {
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
pub(in super::super) fn in_schema(schema: &Json, written: &dyn Fn(&str) -> Result<String, String>) -> Result<Json, String> {
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
pub(in super::super) fn ours(pattern: &str, theirs: Syntax) -> Result<String, String> {
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
