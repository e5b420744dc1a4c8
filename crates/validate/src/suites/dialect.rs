//! The dialects of SQL in which checks are written for other tools.
//!
//! Checks are made in the SQL of our own engine. Other engines differ in names of functions and types; those are replaced
//! word by word, and what stands between quotes is only written again as the engine wants its quotes. Regular expressions are
//! written in the syntax of the engine.

use hw_base::literal;

use super::pattern::Syntax;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The standard, with `regexp_like`, `median` and `try_cast` where it has nothing.
    #[default]
    Ansi,
    /// `DuckDB`.
    DuckDb,
    /// PostgreSQL, from version 16.
    Postgres,
    /// Spark, from version 3.4.
    Spark,
}

impl Dialect {
    /// The words for them on a command line, the default first.
    pub const WORDS: [&'static str; 4] = ["ansi", "duckdb", "postgres", "spark"];

    /// The dialect of a word.
    pub fn parse(word: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|known| *known == word)?;
        [Self::Ansi, Self::DuckDb, Self::Postgres, Self::Spark].get(at).copied()
    }

    /// `sql`, which is in the dialect of our own engine, in this one.
    ///
    /// # Errors
    /// Names the function that the dialect has nothing for.
    pub(super) fn written(self, sql: &str) -> Result<String, String> {
        let mut out = String::with_capacity(sql.len());
        let (mut rest, mut is_pattern) = (sql, false);
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\'' | '"' => quoted_length(rest, first),
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            let (token, after) = rest.split_at(length);
            if let Some(inside) = arguments(after).filter(|_| is_word(first)) {
                out.push_str(&self.call(token, inside)?);
                rest = &after[inside.len() + 2..];
            } else {
                out.push_str(&self.token(first, token));
                if is_pattern && self.names_escapes() && token.contains('\\') && !starts_with_word(after, "escape") {
                    out.push_str(r" escape '\'");
                }
                rest = after;
            }
            is_pattern = matches!(token.to_lowercase().as_str(), "like" | "ilike") || (is_pattern && token.trim().is_empty());
        }
        Ok(out)
    }

    /// Whether a backslash in a pattern of `like` stands for itself unless it is said to be the sign that escapes.
    fn names_escapes(self) -> bool {
        matches!(self, Self::Ansi | Self::DuckDb)
    }

    /// A text, a name or a word.
    fn token(self, first: char, token: &str) -> String {
        let inside = || token[1..token.len().max(2) - 1].to_owned();
        match (self, first) {
            (Self::Spark, '\'') => format!("'{}'", inside().replace('\\', r"\\").replace("''", r"\'")),
            (Self::Spark, '"') => format!("`{}`", inside().replace("\"\"", "\"").replace('`', "``")),
            _ => self.type_name(token).unwrap_or(token).to_owned(),
        }
    }

    fn type_name(self, word: &str) -> Option<&'static str> {
        match (self, word) {
            (Self::Postgres, "double") => Some("double precision"),
            (Self::Spark, "varchar") => Some("string"),
            _ => None,
        }
    }

    /// The syntax of its regular expressions, where it is not ours.
    fn syntax(self) -> Option<Syntax> {
        match self {
            Self::Ansi => None,
            Self::DuckDb => Some(Syntax::Re2),
            Self::Postgres => Some(Syntax::Postgres),
            Self::Spark => Some(Syntax::Java),
        }
    }

    /// The arguments of `regexp_like` with its expression in the syntax of the engine, where it is written out.
    fn with_own_pattern(self, inside: &str) -> Result<String, String> {
        let mut parts: Vec<String> = split(inside).into_iter().map(str::to_owned).collect();
        let Some((syntax, pattern)) = self.syntax().zip(parts.get_mut(1)) else { return Ok(inside.to_owned()) };
        if let Some(text) = pattern.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            *pattern = format!(" {}", literal(&syntax.written(&text.replace("''", "'"))?));
        }
        Ok(parts.join(","))
    }

    /// A call of a function, or a type with its measure.
    fn call(self, name: &str, inside: &str) -> Result<String, String> {
        let own = if name == "regexp_like" { self.with_own_pattern(inside)? } else { inside.to_owned() };
        let inside = own.as_str();
        let parts = split(inside);
        let part = |at: usize| self.written(parts.get(at).copied().unwrap_or_default().trim());
        Ok(match (self, name) {
            (Self::DuckDb, "regexp_like") => format!("regexp_matches({})", self.written(inside)?),
            (Self::Spark, "regexp_like") if parts.len() > 2 => {
                format!("regexp_like({}, '(?i){})", part(0)?, part(1)?.trim_start_matches('\''))
            }
            (Self::Spark, "regexp_replace") => return Err("Spark has no `regexp_replace` that ignores case".into()),
            (Self::Spark, "quantile_cont") => format!("percentile({}, {})", part(0)?, part(1)?),
            (Self::Spark, "strpos") => format!("instr({}, {})", part(0)?, part(1)?),
            (Self::DuckDb | Self::Spark, "timestamp") => "timestamp".into(),
            (Self::DuckDb | Self::Postgres, "now") => "(now() at time zone 'UTC')".into(),
            (Self::Postgres, "median") => format!("percentile_cont(0.5) within group (order by {})", part(0)?),
            (Self::Postgres, "quantile_cont") => format!("percentile_cont({}) within group (order by {})", part(1)?, part(0)?),
            (Self::Postgres, "isnan") => format!("({} = 'NaN')", part(0)?),
            (Self::Postgres, "try_cast") => self.tried_cast(inside)?,
            (_, "any_date") => return Err("no database has a function that reads dates in all their forms".into()),
            (Self::DuckDb, "json_value") => format!("json_extract_string({})", self.written(inside)?),
            (Self::Spark, "json_value" | "json_extract_string") => format!("get_json_object({})", self.written(inside)?),
            (Self::Postgres, "json_value" | "json_extract_string") => {
                return Err("PostgreSQL has no function that reads JSON of a text by a path and gives null where there is nothing".into());
            }
            (_, "json_keeps_to") => return Err("no database has a function that holds a text against a JSON schema".into()),
            (Self::Postgres, "json_valid") => format!("({} is json)", part(0)?),
            (Self::Spark, "json_valid") => return Err("Spark has no function that tells whether a text is JSON".into()),
            _ => format!("{name}({})", self.written(inside)?),
        })
    }

    /// A cast in PostgreSQL that gives null where it cannot be.
    fn tried_cast(self, inside: &str) -> Result<String, String> {
        let (value, kind) = inside.rsplit_once(" as ").ok_or_else(|| format!("`try_cast({inside})` has no type"))?;
        let (value, kind) = (self.written(value)?, self.written(kind)?);
        Ok(format!("case when pg_input_is_valid(cast({value} as text), '{kind}') then cast({value} as {kind}) end"))
    }
}

/// `sql` with the words between quotes that are names.
pub(super) fn with_names_quoted(sql: &str, is_name: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => quoted_length(rest, first),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_operator = after.trim_start().starts_with("time zone");
        if is_word(first) && is_name(token) && !is_operator && !after.starts_with('(') {
            out.push_str(&format!("\"{token}\""));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out
}

fn starts_with_word(sql: &str, word: &str) -> bool {
    sql.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the text or name at the beginning of `sql`, doubled quotes included.
pub(super) fn quoted_length(sql: &str, quote: char) -> usize {
    let mut end = 1;
    while let Some(at) = sql[end..].find(quote) {
        end += at + 1;
        if !sql[end..].starts_with(quote) {
            return end;
        }
        end += 1;
    }
    sql.len()
}

/// What stands in the parentheses at the beginning of `sql`.
fn arguments(sql: &str) -> Option<&str> {
    let inside = sql.strip_prefix('(')?;
    outside_of_quotes(inside).find(|(_, c, depth)| *c == ')' && *depth == 0).map(|(at, _, _)| &inside[..at])
}

/// The arguments of a call.
fn split(inside: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _, _) in outside_of_quotes(inside).filter(|(_, c, depth)| *c == ',' && *depth == 0) {
        parts.push(&inside[start..at]);
        start = at + 1;
    }
    parts.push(&inside[start..]);
    parts
}

/// The characters outside of quotes, each with its place and the number of parentheses that are open before it.
fn outside_of_quotes(sql: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let (mut depth, mut quote) = (0_usize, None);
    sql.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (Some(open), _) => {
                quote = (c != open).then_some(open);
                return None;
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                return None;
            }
            _ => {}
        }
        let found = (at, c, depth);
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, duckdb: &str, postgres: &str, spark: &str) {
        let found = |word: &str| Dialect::parse(word).unwrap().written(sql).unwrap_or_else(|why| why);
        assert_eq!([found("duckdb"), found("postgres"), found("spark")], [duckdb, postgres, spark]);
        if !sql.contains(" like ") {
            assert_eq!(found("ansi"), sql);
        }
    }

    #[test]
    fn functions_and_types_are_said_as_the_engine_says_them() {
        check(
            r#"not regexp_like("A b", '^o''\d(', 'i')"#,
            r#"not regexp_matches("A b", '^o''\d(', 'i')"#,
            r#"not regexp_like("A b", '^o''\d(', 'i')"#,
            r"not regexp_like(`A b`, '(?i)^o\'\\d(')",
        );
        check(
            "try_cast(trim(a) as timestamp(6)) < now() - interval '5 seconds'",
            "try_cast(trim(a) as timestamp) < (now() at time zone 'UTC') - interval '5 seconds'",
            "case when pg_input_is_valid(cast(trim(a) as text), 'timestamp(6)') then cast(trim(a) as timestamp(6)) end < (now() at time zone 'UTC') - interval '5 seconds'",
            "try_cast(trim(a) as timestamp) < now() - interval '5 seconds'",
        );
        check(
            "quantile_cont(cast(a as double), 0.5) filter (where (b)) > median(a)",
            "quantile_cont(cast(a as double), 0.5) filter (where (b)) > median(a)",
            "percentile_cont(0.5) within group (order by cast(a as double precision)) filter (where (b)) > percentile_cont(0.5) within group (order by a)",
            "percentile(cast(a as double), 0.5) filter (where (b)) > median(a)",
        );
        check(
            "isnan(a) or strpos(cast(b as varchar), ')') > 0",
            "isnan(a) or strpos(cast(b as varchar), ')') > 0",
            "(a = 'NaN') or strpos(cast(b as varchar), ')') > 0",
            "isnan(a) or instr(cast(b as string), ')') > 0",
        );
    }

    #[test]
    fn regular_expressions_are_those_of_the_engine() {
        check(
            r"regexp_like(a, '[a-c&&[^b]]''\z') and b",
            r"regexp_matches(a, '[ac]''\z') and b",
            r"regexp_like(a, '[ac]''\Z') and b",
            r"regexp_like(a, '[ac]\'\\z') and b",
        );
        assert!(Dialect::Postgres.written(r"regexp_like(a, '\p{L}')").unwrap_err().contains(r"the class `\p{L}`"));
    }

    #[test]
    fn the_sign_that_escapes_is_named() {
        check(
            r"a like '10\%' and not (b ilike 'x')",
            r"a like '10\%' escape '\' and not (b ilike 'x')",
            r"a like '10\%' and not (b ilike 'x')",
            r"a like '10\\%' and not (b ilike 'x')",
        );
        let named = r"a like '10\%' escape '\'";
        check(named, named, named, r"a like '10\\%' escape '\\'");
    }

    #[test]
    fn what_is_quoted_is_left_alone() {
        check(
            "a = 'median(b)' and \"now()\" = 1",
            "a = 'median(b)' and \"now()\" = 1",
            "a = 'median(b)' and \"now()\" = 1",
            "a = 'median(b)' and `now()` = 1",
        );
        assert_eq!(
            Dialect::Spark.written("regexp_replace(a, 'b', 'c', 'i')").unwrap_err(),
            "Spark has no `regexp_replace` that ignores case"
        );
        assert_eq!(Dialect::Postgres.written("not json_valid(a)").unwrap(), "not (a is json)");
        assert_eq!(Dialect::DuckDb.written("json_value(a, '$.b') = 'x'").unwrap(), "json_extract_string(a, '$.b') = 'x'");
        assert_eq!(Dialect::Spark.written("json_value(a, '$.b') = 'x'").unwrap(), "get_json_object(a, '$.b') = 'x'");
        assert!(Dialect::Postgres.written("json_value(a, '$.b')").is_err());
        assert_eq!(Dialect::Spark.written("json_valid(a)").unwrap_err(), "Spark has no function that tells whether a text is JSON");
        assert_eq!(Dialect::parse("oracle"), None);
    }
}
