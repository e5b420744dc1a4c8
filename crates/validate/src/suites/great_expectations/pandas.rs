//! Row conditions in words, as pandas' `query` and Great Expectations have them, as SQL.
//!
//! In pandas a comparison is true or false and never open: a null differs from every value, and `not` chooses all rows that
//! its condition does not. SQL leaves a comparison with a null open, and its `not` too.

use hw_base::{identifier, literal};

use crate::suites::pattern::{Syntax, ours};
use crate::suites::words::nests_too_deep;

/// What is true of a null that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// It differs from every value, as in pandas.
    Differ,
    /// Nothing is, as in SQL.
    Unknown,
}

impl Nulls {
    /// SQL that is true where `left` is another value than `right`, which is no null.
    pub(super) fn differs(self, left: &str, right: &str) -> String {
        match self {
            // All that follows `is distinct from` is taken as its right side.
            Self::Differ => format!("({left} is distinct from {right})"),
            Self::Unknown => format!("{left} <> {right}"),
        }
    }

    /// SQL that is true where `value` is none of `list`.
    pub(super) fn is_none_of(self, value: &str, list: &str) -> String {
        match self {
            Self::Differ => format!("({value} not in {list} or {value} is null)"),
            Self::Unknown => format!("{value} not in {list}"),
        }
    }

    /// SQL that is true where `condition` does not choose a row.
    fn opposite(self, condition: &str) -> String {
        match self {
            Self::Differ => format!("{condition} is not true"),
            Self::Unknown => format!("not {condition}"),
        }
    }
}

/// A condition such as `col("a").notNull()`, `y == 1 and z != "x"`, `a.isnull()` or `0 < b < 3`.
///
/// # Errors
/// Says what has no counterpart.
pub(super) fn sql(text: &str, nulls: Nulls) -> Result<String, String> {
    let mut reader = Reader { rest: text.trim(), text, nulls };
    if reader.rest.is_empty() {
        return Err("the row condition is empty".into());
    }
    if nests_too_deep(text) {
        return Err("the row condition has more brackets within each other than are read; write it with fewer".into());
    }
    let condition = reader.any()?.condition()?;
    if reader.rest.is_empty() { Ok(condition) } else { Err(reader.refusal()) }
}

/// A part of a condition, as SQL.
#[derive(Debug)]
enum Part {
    /// A column, or what is computed of some.
    Column(String),
    /// A value that is written out.
    Value(String),
    /// Python's `None`.
    Missing,
    /// Values in brackets.
    List(Values),
    /// What is true or false.
    Condition(String),
    /// The same in parentheses.
    Closed(String),
}

impl Part {
    /// The part where a condition is wanted.
    fn condition(self) -> Result<String, String> {
        match self {
            Self::Column(sql) | Self::Value(sql) | Self::Condition(sql) | Self::Closed(sql) => Ok(sql),
            Self::Missing => Err("`None` is no row condition".into()),
            Self::List(_) => Err("a list is no row condition".into()),
        }
    }

    /// The part where a value is wanted. A condition is one that is true or false.
    fn value(&self) -> Result<String, String> {
        match self {
            Self::Column(sql) | Self::Value(sql) => Ok(sql.clone()),
            Self::Condition(sql) => Ok(format!("(({sql}) is true)")),
            Self::Closed(sql) => Ok(format!("({sql} is true)")),
            Self::Missing => Err("`None` is no value in a row condition".into()),
            Self::List(_) => Err("a list is no value in a row condition".into()),
        }
    }
}

/// The values of a list.
#[derive(Debug, Default)]
struct Values {
    written: Vec<String>,
    has_none: bool,
}

impl Values {
    fn add(&mut self, part: &Part) -> Result<(), String> {
        match part {
            Part::Missing => self.has_none = true,
            other => self.written.push(other.value()?),
        }
        Ok(())
    }

    fn sql(&self) -> String {
        format!("({})", self.written.join(", "))
    }

    /// Whether a null is one of them. pandas finds `None` in a column of texts, and never in one of numbers.
    fn hold_null(&self) -> bool {
        self.has_none && self.written.iter().all(|value| value.starts_with('\''))
    }

    /// SQL that is true where `value` is one of them.
    fn hold(&self, value: &str) -> String {
        match (self.written.is_empty(), self.hold_null()) {
            (true, false) => "false".into(),
            (true, true) => format!("{value} is null"),
            (false, false) => format!("{value} in {}", self.sql()),
            (false, true) => format!("({value} in {} or {value} is null)", self.sql()),
        }
    }

    /// SQL that is true where `value` is none of them.
    fn lack(&self, value: &str, nulls: Nulls) -> String {
        match (self.written.is_empty(), self.hold_null()) {
            (true, false) => "true".into(),
            (true, true) => format!("{value} is not null"),
            (false, false) => nulls.is_none_of(value, &self.sql()),
            (false, true) => Nulls::Unknown.is_none_of(value, &self.sql()),
        }
    }
}

/// Why `index` has no counterpart.
const NO_INDEX: &str =
    "`index` in a row condition is the number of a row, and rows have none here; a column of that name is written in back quotes";

/// The operators between two values, the longer ones first.
const OPERATORS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "in"];

/// Reads a condition from left to right; what binds less comes first here.
struct Reader<'a> {
    rest: &'a str,
    text: &'a str,
    nulls: Nulls,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Part, String> {
        self.joined(&["or", "||", "|"], " or ", Self::all)
    }

    fn all(&mut self) -> Result<Part, String> {
        self.joined(&["and", "&&", "&"], " and ", Self::negated)
    }

    fn joined(&mut self, signs: &[&str], between: &str, next: fn(&mut Self) -> Result<Part, String>) -> Result<Part, String> {
        let first = next(self)?;
        let mut others = Vec::new();
        while signs.iter().any(|sign| self.takes(sign)) {
            others.push(next(self)?.condition()?);
        }
        if others.is_empty() {
            return Ok(first);
        }
        Ok(Part::Condition(format!("{}{between}{}", first.condition()?, others.join(between))))
    }

    fn negated(&mut self) -> Result<Part, String> {
        if !self.takes("not") {
            return self.comparison();
        }
        let inner = self.negated()?;
        self.opposite(inner)
    }

    fn opposite(&self, part: Part) -> Result<Part, String> {
        let sql = match part {
            Part::Condition(sql) => format!("({sql})"),
            other => other.condition()?,
        };
        Ok(Part::Condition(self.nulls.opposite(&sql)))
    }

    /// `a < b`; or `a < b < c`, which is both.
    fn comparison(&mut self) -> Result<Part, String> {
        let mut left = self.sum()?;
        let mut found = Vec::new();
        while let Some(operator) = self.operator() {
            let right = self.sum()?;
            found.push(self.compared(&left, operator, &right)?);
            left = right;
        }
        Ok(match found.len() {
            0 => left,
            1 => Part::Condition(found.concat()),
            _ => Part::Closed(format!("({})", found.join(" and "))),
        })
    }

    fn operator(&mut self) -> Option<&'static str> {
        let before = self.rest;
        if self.takes("not") {
            if self.takes("in") {
                return Some("not in");
            }
            self.rest = before;
        }
        OPERATORS.iter().copied().find(|operator| self.takes(operator))
    }

    fn compared(&self, left: &Part, operator: &str, right: &Part) -> Result<String, String> {
        match (left, operator, right) {
            (value, "in" | "==", Part::List(values)) | (Part::List(values), "==", value) => Ok(values.hold(&value.value()?)),
            (value, "not in" | "!=", Part::List(values)) | (Part::List(values), "!=", value) => {
                Ok(values.lack(&value.value()?, self.nulls))
            }
            (_, "in" | "not in", _) => Err(format!("what follows `{operator}` in the row condition `{}` is no list", self.text)),
            (value, _, Part::Missing) | (Part::Missing, _, value) => self.beside_none(value, operator),
            (Part::Value(_), "!=", _) | (_, "!=", Part::Value(_)) => Ok(self.nulls.differs(&left.value()?, &right.value()?)),
            (_, "!=", _) => Ok(self.nulls.opposite(&format!("({} = {})", left.value()?, right.value()?))),
            (_, "==", _) => Ok(format!("{} = {}", left.value()?, right.value()?)),
            _ => Ok(format!("{} {operator} {}", left.value()?, right.value()?)),
        }
    }

    /// A comparison with `None`. In pandas nothing equals it, not even a null.
    fn beside_none(&self, value: &Part, operator: &str) -> Result<String, String> {
        Ok(match (self.nulls, operator) {
            (Nulls::Differ, "!=") => "true".into(),
            (Nulls::Unknown, "==") => format!("{} is null", value.value()?),
            (Nulls::Unknown, "!=") => format!("{} is not null", value.value()?),
            _ => "false".into(),
        })
    }

    fn sum(&mut self) -> Result<Part, String> {
        let mut left = self.product()?;
        while let Some(sign) = ["+", "-"].into_iter().find(|sign| self.takes(sign)) {
            left = Part::Column(format!("{} {sign} {}", left.value()?, self.product()?.value()?));
        }
        Ok(left)
    }

    /// Products, and whole quotients and what is left of them: in Python the latter has the sign of the divisor, in SQL that of the
    /// dividend. A quotient by nothing is infinite there and an error in SQL, so the divisor is a number that is written out.
    fn product(&mut self) -> Result<Part, String> {
        let mut left = self.signed()?;
        loop {
            left = if self.takes("//") {
                let (dividend, divisor) = (left.value()?, self.written_number()?);
                Part::Column(quotient(&dividend, &divisor))
            } else if self.takes("%") {
                let dividend = left.value()?;
                Part::Column(remainder(&dividend, &self.written_number()?))
            } else if self.takes("*") {
                Part::Column(format!("{} * {}", left.value()?, self.signed()?.value()?))
            } else {
                return Ok(left);
            };
        }
    }

    /// A number other than zero.
    fn written_number(&mut self) -> Result<String, String> {
        if !starts_number(self.rest) {
            return Err(self.refusal());
        }
        match self.signed()? {
            Part::Value(number) if number.parse::<f64>().is_ok_and(|number| number != 0.0) => Ok(number),
            _ => Err(format!("what the row condition `{}` divides by is no number other than zero", self.text)),
        }
    }

    /// A value, with the methods and the power behind it. A power binds more than a sign.
    fn power(&mut self) -> Result<Part, String> {
        let mut part = self.single()?;
        while self.rest.starts_with('.') {
            part = self.method(&part)?;
        }
        if !self.rest.starts_with("**") {
            return Ok(part);
        }
        let refusal = self.refusal();
        self.goes_on(2);
        let exponent = self.single()?;
        match (&part, &exponent) {
            (Part::Column(base), Part::Value(exponent)) if matches!(exponent.as_str(), "2" | "3" | "4") && !self.rest.starts_with("**") => {
                let times = exponent.parse().unwrap_or_default();
                Ok(Part::Column(format!("({})", vec![base.as_str(); times].join(" * "))))
            }
            _ => Err(refusal),
        }
    }

    fn signed(&mut self) -> Result<Part, String> {
        if self.takes("~") {
            let inner = self.signed()?;
            return self.opposite(inner);
        }
        if self.rest.starts_with('-') && !starts_number(self.rest) {
            self.goes_on(1);
            return Ok(Part::Column(format!("- {}", self.signed()?.value()?)));
        }
        self.power()
    }

    /// `.notnull()` and its like, after a column.
    fn method(&mut self, of: &Part) -> Result<Part, String> {
        let methods = [(".notnull()", "is not null"), (".notna()", "is not null"), (".isnull()", "is null"), (".isna()", "is null")];
        for (theirs, ours) in methods {
            if self.rest.get(..theirs.len()).is_some_and(|start| start.eq_ignore_ascii_case(theirs)) {
                self.goes_on(theirs.len());
                return Ok(Part::Condition(format!("{} {ours}", of.value()?)));
            }
        }
        if self.rest.starts_with(".isin(") {
            self.goes_on(".isin(".len());
            let list = self.single()?;
            self.expects(")")?;
            return Ok(Part::Condition(self.compared(of, "in", &list)?));
        }
        let searches = [(".str.contains(", "", ""), (".str.startswith(", "^", ""), (".str.endswith(", "", "$")];
        for (theirs, before, after) in searches {
            if self.rest.starts_with(theirs) {
                return self.search(of, theirs, before, after);
            }
        }
        Err(self.refusal())
    }

    /// `.str.contains('x')`, whose text is a pattern, and its like, whose texts are none.
    fn search(&mut self, of: &Part, theirs: &str, before: &str, after: &str) -> Result<Part, String> {
        let refusal = self.refusal();
        let quote = self.rest[theirs.len()..].chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or_else(|| refusal.clone())?;
        let inside = &self.rest[theirs.len() + 1..];
        let end = inside.find(quote).ok_or("a quote in the row condition is not closed")?;
        let is_pattern = before.is_empty() && after.is_empty();
        let pattern = if is_pattern { ours(&inside[..end], Syntax::Python)? } else { regex::escape(&inside[..end]) };
        self.goes_on(theirs.len() + end + 2);
        if !self.takes(")") {
            return Err(refusal);
        }
        Ok(Part::Condition(format!("regexp_like({}, {})", of.value()?, literal(&format!("{before}{pattern}{after}")))))
    }

    fn single(&mut self) -> Result<Part, String> {
        let rest = self.rest;
        let (part, length) = match rest.chars().next() {
            Some('(') => return self.in_parentheses(),
            Some('[') => {
                self.goes_on(1);
                return self.list(Values::default(), "]");
            }
            Some(quote @ ('"' | '\'')) => quoted(rest, quote)?,
            Some('`') => {
                let end = rest[1..].find('`').ok_or("a back quote is not closed")?;
                (Part::Column(identifier(&rest[1..=end])), end + 2)
            }
            Some(_) if starts_number(rest) => number(rest),
            Some(first) if first.is_alphabetic() || first == '_' => self.word()?,
            _ => return Err(self.refusal()),
        };
        self.goes_on(length);
        Ok(part)
    }

    /// A part in parentheses, or a list in them.
    fn in_parentheses(&mut self) -> Result<Part, String> {
        self.goes_on(1);
        let inner = self.any()?;
        if self.takes(",") {
            let mut values = Values::default();
            values.add(&inner)?;
            return self.list(values, ")");
        }
        self.expects(")")?;
        Ok(match inner {
            Part::Column(sql) => Part::Column(format!("({sql})")),
            Part::Condition(sql) => Part::Closed(format!("({sql})")),
            other => other,
        })
    }

    /// What is left of a list.
    fn list(&mut self, mut values: Values, end: &str) -> Result<Part, String> {
        while !self.takes(end) {
            values.add(&self.sum()?)?;
            if !self.takes(",") {
                self.expects(end)?;
                break;
            }
        }
        Ok(Part::List(values))
    }

    fn word(&self) -> Result<(Part, usize), String> {
        let rest = self.rest;
        if let Some(inside) = rest.strip_prefix("col(") {
            let quote =
                inside.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or("`col(` of a row condition names no column")?;
            let end = inside[1..].find(quote).ok_or("a quote in the row condition is not closed")?;
            return Ok((Part::Column(identifier(&inside[1..=end])), "col(".len() + end + 3));
        }
        if let Some(inside) = rest.strip_prefix("date(") {
            let end = inside.find(')').ok_or("`date(` of a row condition is not closed")?;
            let text = inside[..end].trim_matches(['"', '\'']);
            return Ok((Part::Value(format!("cast({} as date)", literal(text))), "date(".len() + end + 1));
        }
        if rest.starts_with("datetime.date(") || rest.starts_with("datetime.datetime(") {
            return moment(rest);
        }
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let part = match &rest[..end] {
            "and" | "or" | "not" | "in" => return Err(self.refusal()),
            _ if rest[end..].trim_start().starts_with('(') => return Err(self.refusal()),
            "index" => return Err(NO_INDEX.into()),
            "True" => Part::Value("true".into()),
            "False" => Part::Value("false".into()),
            "None" => Part::Missing,
            name => Part::Column(identifier(name)),
        };
        Ok((part, end))
    }

    /// Takes `sign` where it comes next.
    fn takes(&mut self, sign: &str) -> bool {
        let Some(after) = self.rest.strip_prefix(sign) else { return false };
        let is_longer_word = sign.starts_with(is_word) && after.starts_with(is_word);
        if !is_longer_word {
            self.rest = after.trim_start();
        }
        !is_longer_word
    }

    fn expects(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.refusal()) }
    }

    fn goes_on(&mut self, length: usize) {
        self.rest = self.rest[length..].trim_start();
    }

    /// What comes next has no counterpart.
    fn refusal(&self) -> String {
        let text = self.text;
        match self.rest.chars().next() {
            None => format!("the row condition `{text}` ends too early"),
            Some('.') => format!("`{}` of a row condition has no counterpart", self.rest),
            Some(first) if is_word(first) => {
                let word: String = self.rest.chars().take_while(|c| is_word(*c)).collect();
                format!("`{word}` in the row condition `{text}` has no counterpart")
            }
            Some(first) => format!("`{first}` in the row condition `{text}` has no counterpart"),
        }
    }
}

/// What is left of a quotient, with the sign of the divisor. What has it already stays as it is: a further step would cost a float digits.
fn remainder(dividend: &str, divisor: &str) -> String {
    let left = format!("{dividend} % {divisor}");
    format!("(case when {} then {left} + {divisor} else {left} end)", has_other_sign(&left, divisor))
}

/// The whole quotient below the exact one. A float that is divided without what is left comes out close to a whole number.
fn quotient(dividend: &str, divisor: &str) -> String {
    let left = format!("{dividend} % {divisor}");
    format!("(round(({dividend} - {left}) / {divisor}) - case when {} then 1 else 0 end)", has_other_sign(&left, divisor))
}

/// SQL that is true where what is `left` of a quotient has not the sign of the divisor.
fn has_other_sign(left: &str, divisor: &str) -> String {
    let wrong = if divisor.starts_with('-') { '>' } else { '<' };
    format!("{left} {wrong} 0")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn quoted(rest: &str, quote: char) -> Result<(Part, usize), String> {
    let end = rest[1..].find(quote).ok_or("a quote in the row condition is not closed")?;
    Ok((Part::Value(literal(&rest[1..=end])), end + 2))
}

fn starts_number(rest: &str) -> bool {
    rest.strip_prefix(['+', '-']).unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
}

fn number(rest: &str) -> (Part, usize) {
    let end = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).map_or(rest.len(), |end| end + 1);
    (Part::Value(rest[..end].to_owned()), end)
}

/// `datetime.date(2026, 1, 31)`, or `datetime.datetime(…)` with hours, minutes and seconds; a zone can only be UTC.
fn moment(rest: &str) -> Result<(Part, usize), String> {
    let (word, inside) = rest.split_once('(').unwrap_or_default();
    let (inside, _) = inside.split_once(')').ok_or("a moment of a row condition is not closed")?;
    let is_zone = |part: &&str| part.replace(' ', "") == "tzinfo=datetime.timezone.utc";
    let parts: Vec<&str> = inside.split(',').map(str::trim).filter(|part| !is_zone(part)).collect();
    let numbers = parts.iter().map(|part| part.parse::<u32>()).collect::<Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|_| format!("`{word}({inside})` of a row condition has no counterpart"))?;
    let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
    let day = format!("{:04}-{:02}-{:02}", at(0), at(1), at(2));
    let sql = if word.rsplit('.').next() == Some("date") {
        format!("cast('{day}' as date)")
    } else {
        format!("cast('{day} {:02}:{:02}:{:02}' as timestamp(6))", at(3), at(4), at(5))
    };
    Ok((Part::Value(sql), word.len() + inside.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(sql(text, Nulls::Differ).unwrap_or_else(|why| why), expected);
    }

    #[test]
    fn a_null_differs_from_every_value() {
        check(r#"s != "lost""#, "(s is distinct from 'lost')");
        check(r#"not s == "lost""#, "(s = 'lost') is not true");
        check(r#"s not in ["lost", 'gone']"#, "(s not in ('lost', 'gone') or s is null)");
        check("not (s > 'a')", "(s > 'a') is not true");
        check("~(s > 'a') & ~b", "(s > 'a') is not true and b is not true");
        check(r#"(s != "a") | (x > 0)"#, "((s is distinct from 'a')) or (x > 0)");
        check("s != t", "(s = t) is not true");
        check("(x > 1) == False", "((x > 1) is true) = false");
        check("x - 1 != -2", "(x - 1 is distinct from -2)");
    }

    #[test]
    fn none_equals_nothing_and_is_among_texts() {
        check("s == None or x > 0", "false or x > 0");
        check("s != None", "true");
        check("s in [None, 'a']", "(s in ('a') or s is null)");
        check("s not in ('a', None)", "s not in ('a')");
        check("x in [1, None]", "x in (1)");
        check("x not in []", "true");
        check("s == ['a']", "s in ('a')");
        check("['a'] != s", "(s not in ('a') or s is null)");
    }

    #[test]
    fn sql_keeps_its_own_meaning() {
        let check = |text: &str, expected: &str| assert_eq!(sql(text, Nulls::Unknown).unwrap_or_else(|why| why), expected);
        check(r#"col("s") != "lost""#, "s <> 'lost'");
        check("col('s') not in ['a'] and not (x > 1)", "s not in ('a') and not (x > 1)");
        check("col('s') == None", "s is null");
    }

    #[test]
    fn numbers_are_computed() {
        check("x + y * 2 > 3", "x + y * 2 > 3");
        check("(x + y) * -2 > 3", "(x + y) * -2 > 3");
        check("x ** 2 > 3", "(x * x) > 3");
        check("-x ** 2 < (x + y) ** 3", "- (x * x) < ((x + y) * (x + y) * (x + y))");
        check("x ** y > 3", "`*` in the row condition `x ** y > 3` has no counterpart");
        check("-2 ** 2 > x", "`*` in the row condition `-2 ** 2 > x` has no counterpart");
    }

    #[test]
    fn what_is_left_of_a_quotient_has_the_sign_of_the_divisor() {
        check("x % 2 == 0", "(case when x % 2 < 0 then x % 2 + 2 else x % 2 end) = 0");
        check("x % -3 == -2", "(case when x % -3 > 0 then x % -3 + -3 else x % -3 end) = -2");
        check("x // 2 == -4", "(round((x - x % 2) / 2) - case when x % 2 < 0 then 1 else 0 end) = -4");
        check("x % 0 == 0", "what the row condition `x % 0 == 0` divides by is no number other than zero");
        check("x % y == 0", "`y` in the row condition `x % y == 0` has no counterpart");
    }

    #[test]
    fn texts_are_searched() {
        check("s.isin(['a', None]) and not x.isin([1])", "(s in ('a') or s is null) and (x in (1)) is not true");
        check("s.str.contains('a.b')", "regexp_like(s, 'a.b')");
        check("~s.str.startswith(\"a.b\")", "(regexp_like(s, '^a\\.b')) is not true");
        check("s.str.endswith('x') or s.isin([])", "regexp_like(s, 'x$') or false");
        check("s.str.contains('a', case=False)", "`.str.contains('a', case=False)` of a row condition has no counterpart");
        check("s.isin(t)", "what follows `in` in the row condition `s.isin(t)` is no list");
    }

    #[test]
    fn comparisons_stand_in_chains() {
        check("0 < x < 3", "(0 < x and x < 3)");
        check("not 0 < x <= y", "(0 < x and x <= y) is not true");
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        check("index > 2", NO_INDEX);
        check("`index` > 2", &format!("{} > 2", identifier("index")));
        check("a.str.len() > 2", "`.str.len() > 2` of a row condition has no counterpart");
        check("a / 2 == 0", "`/` in the row condition `a / 2 == 0` has no counterpart");
        check("len(a) > 2", "`len` in the row condition `len(a) > 2` has no counterpart");
        check("a in 'b'", "what follows `in` in the row condition `a in 'b'` is no list");
        check("a > 1 and", "the row condition `a > 1 and` ends too early");
        check("a b", "`b` in the row condition `a b` has no counterpart");
        check(" ", "the row condition is empty");
        let deep = format!("{}a > 1{}", "(".repeat(300), ")".repeat(300));
        check(&deep, "the row condition has more brackets within each other than are read; write it with fewer");
    }
}
