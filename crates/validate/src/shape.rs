//! What a rule asks of a table once its columns are known.

use std::cmp::Ordering;

use hw_base::{TimeSpan, Timestamp, Value, duration, qualified};

use crate::exact::Exact;
use crate::learned::Learned;
use crate::moment::Moment;
use crate::scalar::Scalar;

/// What a rule asks of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Something about every single row.
    Row {
        /// SQL over one row: true breaks the rule, false and null do not.
        violates: String,
    },
    /// Something about one value over all rows.
    Aggregate {
        /// An SQL aggregate.
        expression: String,
        /// How messages name it: `mean(total_amount)`.
        label: String,
        /// Where its value must lie.
        bounds: Bounds,
    },
    /// Something about rows together.
    Set {
        /// Selects the number of violating rows.
        count: Template,
        /// Selects what to show of some of them.
        examples: Template,
        /// Selects all of them.
        violations: Template,
    },
    /// Something about the columns, judged without reading a row.
    Columns {
        /// How many columns the rule looks at.
        judged: u64,
        /// What is wrong with them, one sentence per column.
        differences: Vec<String>,
    },
}

impl Shape {
    /// Something about rows together, where `violations` selects the violating rows one by one.
    pub(crate) fn violating_rows(violations: impl Into<String>) -> Self {
        Self::violations_of(violations, None)
    }

    /// The same, where `violations` reads the table `other` too.
    pub(crate) fn violations_of(violations: impl Into<String>, other: Option<Vec<String>>) -> Self {
        let violations = Template { text: violations.into(), other };
        let counted = format!("select count(*) as violations from ({}) as broken", violations.text);
        Self::Set { count: Template { text: counted, ..violations.clone() }, examples: violations.clone(), violations }
    }
}

/// A SELECT over a relation that is named later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The SELECT, with [`Template::TABLE`] where the relation stands and [`Template::OTHER`] where `other` stands.
    pub text: String,
    /// Another table that it reads, by the parts of its name.
    pub other: Option<Vec<String>>,
}

impl Template {
    /// Stands for the relation.
    pub const TABLE: &'static str = "{table}";

    /// Stands for the other table.
    pub const OTHER: &'static str = "{other}";

    /// Stands for the present moment.
    pub const NOW: &'static str = "{now}";

    /// A template that reads one relation.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), other: None }
    }

    /// The SELECT over `relation`, which must be fit to stand in a FROM.
    ///
    /// `own` is the name of the table being judged: where the other table is the table itself, `whole` (all its rows)
    /// stands for it, so that rows may refer to rows of the same load. The present moment is left to the engine.
    pub fn over(&self, relation: &str, whole: &str, own: Option<&str>) -> String {
        self.at("now()", relation, whole, own)
    }

    /// The SELECT over `relation` at the moment that the SQL `now` gives.
    pub(crate) fn at(&self, now: &str, relation: &str, whole: &str, own: Option<&str>) -> String {
        let other = match &self.other {
            Some(parts) if own.is_some_and(|own| parts.join(".") == own) => whole.to_owned(),
            Some(parts) => qualified(parts.iter().map(String::as_str)),
            None => return filled(&self.text, &[(Self::TABLE, relation), (Self::NOW, now)]),
        };
        filled(&self.text, &[(Self::TABLE, relation), (Self::OTHER, &other), (Self::NOW, now)])
    }
}

/// Puts `replacements` in their places in `sql`. Between quotes, where names and values stand, nothing is a place.
pub(crate) fn filled(sql: &str, replacements: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '"', '{']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let place = replacements.iter().find(|(place, _)| rest.starts_with(place));
        let length = place.map_or_else(|| quoted_length(rest), |(place, _)| place.len());
        out.push_str(place.map_or(&rest[..length], |(_, replacement)| replacement));
        rest = &rest[length..];
    }
    out + rest
}

/// The length of what stands in quotes at the beginning of `sql`; 1 where nothing does. A doubled quote ends a part and
/// begins the next.
fn quoted_length(sql: &str) -> usize {
    let end = sql.chars().next().filter(|quote| *quote != '{').and_then(|quote| sql[1..].find(quote));
    end.map_or(1, |end| end + 2)
}

/// Where a measured value must lie.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Between two limits.
    Between {
        /// The least value.
        min: Option<Limit>,
        /// The greatest value.
        max: Option<Limit>,
    },
    /// Not older than this.
    Within(TimeSpan),
    /// Between two limits that follow from what earlier runs measured; neither where too little is known.
    Learned {
        /// How they follow.
        how: Learned,
        /// The least value.
        min: Option<Limit>,
        /// The greatest value.
        max: Option<Limit>,
        /// The limits, and what they were learned from.
        words: String,
    },
}

/// A limit of a measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The number or the moment.
    pub value: LimitValue,
    /// Whether the limit itself is outside.
    pub is_outside: bool,
}

/// What a measured value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum LimitValue {
    /// A number.
    Number(Exact),
    /// A date or a moment, as it was written.
    Moment(String, Timestamp),
}

impl Limit {
    /// A limit that is inside itself.
    pub(crate) fn inside(value: LimitValue) -> Self {
        Self { value, is_outside: false }
    }

    /// The limit that a setting means; `None` where it is neither a number nor a moment.
    pub(crate) fn of(value: &Scalar) -> Option<Self> {
        let moment = || value.as_moment().map(|moment| LimitValue::Moment(value.to_string(), moment.at()));
        value.as_number().map(LimitValue::Number).or_else(moment).map(Self::inside)
    }

    /// The limit `inside`, where it is given, else `beyond`, which is itself outside.
    pub(crate) fn either(inside: Option<&Scalar>, beyond: Option<&Scalar>) -> Option<Self> {
        let outside = || beyond.and_then(Self::of).map(|limit| Self { is_outside: true, ..limit });
        inside.and_then(Self::of).or_else(outside)
    }

    /// Whether the limit is a date or a moment.
    pub(crate) fn is_moment(&self) -> bool {
        matches!(self.value, LimitValue::Moment(..))
    }

    /// How `value` compares with the limit: `None` where the two cannot be compared.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (&self.value, value) {
            (LimitValue::Number(_), Value::Float(number)) if number.is_infinite() => number.partial_cmp(&0.0),
            (LimitValue::Number(limit), _) => Some(Exact::measured(value)?.cmp(limit)),
            (LimitValue::Moment(_, limit), _) => Some(Moment::parse(&value.to_string())?.at().cmp(limit)),
        }
    }

    /// Whether `value` lies on the side of the limit that `side` says.
    fn admits(&self, value: &Value, side: Ordering) -> Option<bool> {
        let found = self.compare(value)?;
        Some(found == side || (found == Ordering::Equal && !self.is_outside))
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            LimitValue::Number(limit) => limit.fmt(f),
            LimitValue::Moment(written, _) => f.write_str(written),
        }
    }
}

impl Bounds {
    /// Judges a measured value. No value, because there are no rows or only nulls, breaks the rule, and so does `NaN`: it
    /// lies between no limits.
    pub(crate) fn judge(&self, label: &str, value: &Value, now: Timestamp) -> Measured {
        if matches!(self, Self::Learned { min: None, max: None, .. }) {
            return Measured { held: true, words: format!("{label} = {value}"), error: None };
        }
        if *value == Value::Null {
            let found = if matches!(self, Self::Within(_)) { "no value reads as a moment" } else { "no value" };
            return Measured { held: false, words: format!("{label}: {found}"), error: None };
        }
        let (inside, words) = match self {
            Self::Between { min, max } | Self::Learned { min, max, .. } => {
                (lies_between(value, min.as_ref(), max.as_ref()), format!("{label} = {value}"))
            }
            Self::Within(span) => lies_within(label, value, *span, now),
        };
        let error = inside.is_none().then(|| format!("`{value}` cannot be compared with the limits: {}", self.words()));
        Measured { held: inside == Some(true), words, error }
    }

    /// The bounds in words: `between 1 and 10`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Between { min, max } => between(min.as_ref(), max.as_ref()),
            Self::Within(span) => format!("at most {span} old"),
            Self::Learned { words, .. } => words.clone(),
        }
    }
}

/// How one measured value came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Whether it lies within its bounds.
    pub(crate) held: bool,
    /// What was measured: `mean(total_amount) = 12.5`.
    pub(crate) words: String,
    /// Why it could not be judged.
    pub(crate) error: Option<String>,
}

/// Two limits in words: `between 1 and 10`, `at least 1 and below 10`.
pub(crate) fn between(min: Option<&Limit>, max: Option<&Limit>) -> String {
    let are_inside = min.into_iter().chain(max).all(|limit| !limit.is_outside);
    match (min, max) {
        (Some(min), Some(max)) if min == max && are_inside => return format!("exactly {min}"),
        (Some(min), Some(max)) if are_inside => return format!("between {min} and {max}"),
        _ => {}
    }
    let min = min.map(|limit| format!("{} {limit}", if limit.is_outside { "above" } else { "at least" }));
    let max = max.map(|limit| format!("{} {limit}", if limit.is_outside { "below" } else { "at most" }));
    let sides: Vec<String> = min.into_iter().chain(max).collect();
    if sides.is_empty() { "any value".into() } else { sides.join(" and ") }
}

fn lies_between(value: &Value, min: Option<&Limit>, max: Option<&Limit>) -> Option<bool> {
    if matches!(value, Value::Float(number) if number.is_nan()) {
        return Some(false);
    }
    let above = min.map_or(Some(true), |limit| limit.admits(value, Ordering::Greater))?;
    let below = max.map_or(Some(true), |limit| limit.admits(value, Ordering::Less))?;
    Some(above && below)
}

/// A moment in the future is fresh.
fn lies_within(label: &str, value: &Value, span: TimeSpan, now: Timestamp) -> (Option<bool>, String) {
    let Some(moment) = Moment::parse(&value.to_string()) else {
        return (None, format!("{label} = {value}"));
    };
    let age = (now - moment.at()).to_std().unwrap_or_default();
    (Some(age <= span.0), format!("{label} = {value}, {} old", duration(age.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(min: Option<&str>, max: Option<&str>, value: &Value) -> (bool, Option<String>) {
        let limit = |text: &str| Limit::of(&Scalar::Text(text.into())).unwrap();
        let measured = Bounds::Between { min: min.map(limit), max: max.map(limit) }.judge("sum(a)", value, Timestamp::UNIX_EPOCH);
        (measured.held, measured.error)
    }

    #[track_caller]
    fn check(min: Option<&str>, max: Option<&str>, value: &Value, held: bool) {
        assert_eq!(judged(min, max, value), (held, None), "{min:?} {value:?} {max:?}");
    }

    #[test]
    fn limits_are_inside_to_the_last_digit() {
        let text = |text: &str| Value::Text(text.into());
        check(Some("12345678901234567.89"), None, &text("12345678901234567.88"), false);
        check(Some("12345678901234567.89"), None, &text("12345678901234567.89"), true);
        check(None, Some("9007199254740992"), &Value::Int(9_007_199_254_740_993), false);
        check(Some("0.1"), Some("0.10"), &Value::Float(0.1), true);
        check(Some("0.1"), None, &text("0.100"), true);
        check(Some("2026-01-31"), None, &text("2026-01-31T00:00:00Z"), true);
        check(None, Some("2026-01-31"), &text("2026-01-31T00:00:01"), false);
    }

    #[test]
    fn a_limit_can_be_outside_itself() {
        let limit = |number: u64, is_outside| Limit { is_outside, ..Limit::inside(LimitValue::Number(number.into())) };
        let bounds = Bounds::Between { min: Some(limit(1, false)), max: Some(limit(3, true)) };
        let held = |number| bounds.judge("a", &Value::Int(number), Timestamp::UNIX_EPOCH).held;
        assert_eq!([0, 1, 2, 3].map(held), [false, true, true, false]);
        assert_eq!(bounds.words(), "at least 1 and below 3");
    }

    #[test]
    fn what_is_no_number_lies_between_no_limits() {
        for (min, max) in [(Some("0"), None), (None, Some("10")), (Some("0"), Some("10"))] {
            check(min, max, &Value::Float(f64::NAN), false);
            check(min, max, &Value::Null, false);
        }
        check(Some("0"), None, &Value::Float(f64::INFINITY), true);
        check(None, Some("0"), &Value::Float(f64::INFINITY), false);
        check(None, Some("0"), &Value::Float(f64::NEG_INFINITY), true);
        assert!(judged(Some("0"), None, &Value::Text("abc".into())).1.is_some());
    }

    #[test]
    fn names_and_values_are_no_places() {
        let sql = r#"select "{table}", "a""{other}" from {table} where x = '{table}''{other}' and {other} {no "{"#;
        let expected = r#"select "{table}", "a""{other}" from t where x = '{table}''{other}' and {table} {no "{"#;
        assert_eq!(filled(sql, &[("{table}", "t"), ("{other}", "{table}")]), expected);
    }
}
