//! What a rule asks of a table once its columns are known.

use hw_base::{TimeSpan, Timestamp, Value, duration, qualified};

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

    /// A template that reads one relation.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), other: None }
    }

    /// The SELECT over `relation`, which must be fit to stand in a FROM.
    ///
    /// `own` is the name of the table being judged: where the other table is the table itself, `whole` (all its rows)
    /// stands for it, so that rows may refer to rows of the same load.
    pub fn over(&self, relation: &str, whole: &str, own: Option<&str>) -> String {
        let sql = match &self.other {
            Some(parts) if own.is_some_and(|own| parts.join(".") == own) => self.text.replace(Self::OTHER, whole),
            Some(parts) => self.text.replace(Self::OTHER, &qualified(parts.iter().map(String::as_str))),
            None => self.text.clone(),
        };
        sql.replace(Self::TABLE, relation)
    }
}

/// Where a measured value must lie.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Between two limits, both included.
    Between {
        /// The least value.
        min: Option<Limit>,
        /// The greatest value.
        max: Option<Limit>,
    },
    /// Not older than this.
    Within(TimeSpan),
}

/// A limit of a measured value.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// A number.
    Number(f64),
    /// A date or a moment, as it was written.
    Moment(String, Timestamp),
}

impl Limit {
    /// The limit that a setting means; `None` where it is neither a number nor a moment.
    pub(crate) fn of(value: &Scalar) -> Option<Self> {
        let moment = || value.as_moment().map(|moment| Self::Moment(value.to_string(), moment.at()));
        value.as_f64().map(Self::Number).or_else(moment)
    }

    /// How far `value` is from the limit: `None` where the two cannot be compared.
    fn compare(&self, value: &Value) -> Option<std::cmp::Ordering> {
        match self {
            Self::Number(limit) => value.as_f64()?.partial_cmp(limit),
            Self::Moment(_, limit) => Some(Moment::parse(&value.to_string())?.at().cmp(limit)),
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(limit) => limit.fmt(f),
            Self::Moment(written, _) => f.write_str(written),
        }
    }
}

impl Bounds {
    /// Judges a measured value. A null value means that there were no rows, and breaks the rule.
    pub(crate) fn judge(&self, label: &str, value: &Value, now: Timestamp) -> Measured {
        if *value == Value::Null {
            return Measured { held: false, words: format!("{label}: no rows"), error: None };
        }
        let (inside, words) = match self {
            Self::Between { min, max } => (lies_between(value, min.as_ref(), max.as_ref()), format!("{label} = {value}")),
            Self::Within(span) => lies_within(label, value, *span, now),
        };
        let error = inside.is_none().then(|| format!("`{value}` cannot be compared with the limits: {}", self.words()));
        Measured { held: inside == Some(true), words, error }
    }

    /// The bounds in words: `between 1 and 10`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Between { min: Some(min), max: Some(max) } if min == max => format!("exactly {min}"),
            Self::Between { min: Some(min), max: Some(max) } => format!("between {min} and {max}"),
            Self::Between { min: Some(min), max: None } => format!("at least {min}"),
            Self::Between { min: None, max: Some(max) } => format!("at most {max}"),
            Self::Between { min: None, max: None } => "any value".into(),
            Self::Within(span) => format!("at most {span} old"),
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

fn lies_between(value: &Value, min: Option<&Limit>, max: Option<&Limit>) -> Option<bool> {
    let above = min.map_or(Some(true), |limit| limit.compare(value).map(std::cmp::Ordering::is_ge))?;
    let below = max.map_or(Some(true), |limit| limit.compare(value).map(std::cmp::Ordering::is_le))?;
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
