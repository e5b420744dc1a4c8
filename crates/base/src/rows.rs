//! Small query results and column descriptions, as plain values that cross the engine port.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What kind of value a column holds, as far as the light rooms need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Exact decimals.
    Decimal,
    /// Floating-point numbers.
    Float,
    /// Text.
    Text,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A moment.
    Timestamp,
    /// Bytes.
    Binary,
    /// Lists, structs and whatever else.
    Other,
}

impl ColumnType {
    /// Whether values can be added up.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Float)
    }

    /// Whether values are days or moments.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }
}

/// A column of a dataset, a table or a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ColumnType,
    /// The type in SQL's words: `bigint`, `decimal(12,2)`, `timestamp`.
    pub sql_type: String,
}

/// One value of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Missing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text; also decimals, dates and moments, in their SQL form.
    Text(String),
    /// A list, a struct or a map.
    Nested(Json),
}

impl Value {
    /// The value as a number, where it is one or reads as one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) | Self::Null | Self::Nested(_) => None,
        }
    }

    /// The value as JSON that every program reads: decimals, dates and moments are text, so that no digit is lost; so are the
    /// three numbers that JSON does not have, `NaN`, `Infinity` and `-Infinity`, because null means that there is no value.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => (*value).into(),
            Self::Float(value) if value.is_nan() => "NaN".into(),
            Self::Float(value) if value.is_infinite() => if *value > 0.0 { "Infinity" } else { "-Infinity" }.into(),
            Self::Float(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::Nested(value) => value.clone(),
        }
    }

    /// The value as a count, where it is one.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    /// `null` for missing values, the bare value otherwise; floats in as few digits as they can have, from 1e16 on and below 1e-5 with a power of ten.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            // Hundreds of zeros are nothing that anybody reads.
            Self::Float(value) if value.is_finite() && *value != 0.0 && !(1e-5..1e16).contains(&value.abs()) => write!(f, "{value:e}"),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
            Self::Nested(value) => value.fmt(f),
        }
    }
}

/// The rows of a result, or the first of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than were asked for.
    pub is_cut: bool,
}

impl Rows {
    /// The only value of a one-row, one-column result.
    pub fn single(&self) -> Option<&Value> {
        self.rows.first().and_then(|row| row.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_no_more_digits_than_they_need() {
        let shown = |value: f64| Value::Float(value).to_string();
        assert_eq!([1e300, -1e16, 1e-320, 2.5e-6].map(shown), ["1e300", "-1e16", "1e-320", "2.5e-6"]);
        assert_eq!([9_999_999_999_999_998.0, 0.00001, 0.1, 0.0].map(shown), ["9999999999999998", "0.00001", "0.1", "0"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(shown), ["NaN", "inf"]);
    }

    #[test]
    fn no_value_is_lost_as_json() {
        let shown = |value: Value| value.to_json().to_string();
        assert_eq!(shown(Value::Float(f64::NAN)), "\"NaN\"");
        assert_eq!(shown(Value::Float(f64::INFINITY)), "\"Infinity\"");
        assert_eq!(shown(Value::Float(f64::NEG_INFINITY)), "\"-Infinity\"");
        assert_eq!(shown(Value::Int(9_007_199_254_740_993)), "9007199254740993");
        assert_eq!(shown(Value::Text("0.10".into())), "\"0.10\"");
        assert_eq!(shown(Value::Null), "null");
    }
}
