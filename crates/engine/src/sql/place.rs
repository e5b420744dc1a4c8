//! Places in a SELECT: where the thing stands that a failure speaks of.

use std::path::PathBuf;

use hw_base::Span;

/// What to look for in the SQL.
#[derive(Debug)]
pub(crate) enum Mark {
    /// Nothing in particular.
    None,
    /// The first time that a name stands there.
    Word(String),
    /// The last time that a name stands there.
    LastWord(String),
    /// A call of a function.
    Call(String),
    /// A text in quotes.
    Text(String),
    /// A text in quotes, or the only cast.
    Conversion(String),
    /// The only division.
    Division,
    /// The only subquery.
    Subquery,
}

/// Where the mark stands in the SQL, as byte offset and length; `None` where it is not there, or not told from others.
pub(crate) fn find(sql: &str, mark: &Mark) -> Option<(usize, usize)> {
    let code = without_texts(sql);
    match mark {
        Mark::None => None,
        Mark::Word(name) => words(&code, name).next().map(|at| (at, name.len())),
        Mark::LastWord(name) => words(&code, name).last().map(|at| (at, name.len())),
        Mark::Call(name) => {
            let is_call = |at: &usize| code[at + name.len()..].trim_start().starts_with('(');
            words(&code, name).find(is_call).map(|at| (at, name.len()))
        }
        Mark::Text(text) => in_quotes(sql, text),
        Mark::Conversion(text) => in_quotes(sql, text).or_else(|| {
            let casts = words(&code, "cast").map(|at| (at, 4));
            only(casts.chain(code.match_indices("::").map(|(at, _)| (at, 2))))
        }),
        Mark::Division => only(code.match_indices(['/', '%']).map(|(at, _)| (at, 1))),
        Mark::Subquery => only(words(&code, "select").skip(1).map(|at| (at, 6))),
    }
}

/// The first thing in the SQL that is no comment.
pub(crate) fn first(sql: &str) -> usize {
    let code = without_texts(sql);
    code.len() - code.trim_start().len()
}

/// The span of a place in the SQL of `file`; lines and columns are counted from one, columns in characters.
pub(crate) fn span(file: PathBuf, sql: &str, (at, length): (usize, usize)) -> Span {
    let before = sql.get(..at).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let length = sql.get(at..at + length).map_or(1, |text| text.chars().count()).max(1);
    Span { file, line, column, length }
}

/// The place right behind the last thing in the SQL that is no comment.
pub(crate) fn end(sql: &str) -> (usize, usize) {
    (without_texts(sql).trim_end().len(), 1)
}

fn in_quotes(sql: &str, text: &str) -> Option<(usize, usize)> {
    let quoted = format!("'{text}'");
    (!text.is_empty()).then(|| sql.find(&quoted)).flatten().map(|at| (at, quoted.len()))
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Where a name stands by itself, in any case of letters.
fn words<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let lower = name.to_ascii_lowercase();
    let text = code.to_ascii_lowercase();
    let found: Vec<usize> = text.match_indices(&lower).map(|(at, _)| at).collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    found.into_iter().filter(move |at| {
        let before = code[..*at].chars().next_back().is_some_and(is_part);
        let behind = code[at + lower.len()..].chars().next().is_some_and(is_part);
        !lower.is_empty() && !before && !behind
    })
}

/// The SQL with blanks in place of comments and of texts in single quotes, byte for byte.
fn without_texts(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            _ => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.extend(rest[..length].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, mark: &Mark, expected: Option<&str>) {
        let found = find(sql, mark).map(|(at, length)| &sql[at..at + length]);
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_are_found_outside_of_texts_and_comments() {
        check("select 'a/b', x / y -- a/b\n from t", &Mark::Division, Some("/"));
        check("select a / b, c / d", &Mark::Division, None);
        check("select sum_x, sum (a) from t", &Mark::Call("sum".into()), Some("sum"));
        check("select cast(a as int) from t where b = 'open'", &Mark::Conversion("open".into()), Some("'open'"));
        check("select Cast(a as int) from t", &Mark::Conversion("open".into()), Some("Cast"));
        check("select id, amount as id from t", &Mark::LastWord("id".into()), Some("id"));
        assert_eq!(first("/* é */\n-- b\nselect 1"), 14);
        let span = span("q".into(), "select 1\n  /ä 2", (11, 1));
        assert_eq!((span.line, span.column, span.length), (2, 3, 1));
    }
}
