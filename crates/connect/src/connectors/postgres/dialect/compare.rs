//! Comparisons and arithmetic: which types meet, and which values of them.

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::cast::FLOAT_DIGITS;
use super::expression::Expressions;
use super::relation::output;
use super::{Guard, Nature, Refused, Result, Written, joined, refused};
use crate::connectors::postgres::types::Wire;
use crate::types::MOST_DIGITS;

impl Expressions<'_> {
    /// Compares two values.
    pub(super) fn compared(&mut self, left: &Expr, operator: &str, right: &Expr) -> Result<Written> {
        let (left, right) = (self.write(left)?, self.write(right)?);
        let (left, right) = self.side_by_side(left, right)?;
        Ok(Written::new(format!("({} {operator} {})", left.sql, right.sql), Wire::Bool, joined([&left, &right])))
    }

    /// Two values in types that compare alike on both sides.
    pub(super) fn side_by_side(&mut self, left: Written, right: Written) -> Result<(Written, Written)> {
        let left = exact(dated(left, &right.wire)?, &right.wire);
        let right = exact(dated(right, &left.wire)?, &left.wire);
        let is_alike = match (&left.wire, &right.wire) {
            (Wire::Float8, Wire::Int2 | Wire::Int4 | Wire::Int8)
            | (Wire::Int2 | Wire::Int4 | Wire::Int8, Wire::Float8)
            | (Wire::Float4 | Wire::Float8, Wire::Float4 | Wire::Float8)
            | (Wire::Timestamp | Wire::TimestampUtc, Wire::Timestamp | Wire::TimestampUtc)
            | (Wire::Text, Wire::Text)
            | (Wire::Bool, Wire::Bool)
            | (Wire::Date, Wire::Date)
            | (Wire::Bytes, Wire::Bytes) => true,
            _ => holding_both(&left.wire, &right.wire).is_some(),
        };
        if !is_alike || (left.is_constant() && right.is_constant()) {
            return refused(format_args!("`{}` beside `{}`", left.sql, right.sql));
        }
        self.plain_float(&left)?;
        self.plain_float(&right)?;
        Ok((left, right))
    }

    /// The engine tells zeros and values that are no number apart by their bits, PostgreSQL does not.
    pub(super) fn plain_float(&mut self, value: &Written) -> Result<()> {
        let (bytes, nan, cast) = match value.wire {
            Wire::Float4 => ("float4send", r"\x7fc00000", "float4"),
            Wire::Float8 => ("float8send", r"\x7ff8000000000000", "float8"),
            _ => return Ok(()),
        };
        match value.nature {
            Nature::Constant(_) => return Ok(()),
            Nature::Rows => return refused("a comparison of floats over several rows"),
            Nature::Row => {}
        }
        let (sql, zero) = (&value.sql, "0".repeat(nan.len() - 2));
        self.guards.push(Guard::Row(format!(
            r"(case when {sql} = 0 then {bytes}({sql}) <> '\x{zero}' when {sql} = 'NaN'::{cast} then {bytes}({sql}) <> '{nan}' else false end)"
        )));
        Ok(())
    }

    /// Makes sure that both sides find the same groups of equal values.
    pub(super) fn groupable(&mut self, value: &Written) -> Result<()> {
        if matches!(value.wire, Wire::List(_)) { refused("groups of lists") } else { self.plain_float(value) }
    }

    /// Finds texts that are not in ASCII, of which both sides have other ideas of letters.
    pub(super) fn in_ascii(&mut self, text: &Written) -> Result<()> {
        match &text.nature {
            Nature::Constant(Some(text)) if text.is_ascii() => {}
            Nature::Row => self.guards.push(Guard::Row(format!("octet_length({0}) <> char_length({0})", text.sql))),
            _ => return refused("letters of a text that is not known"),
        }
        Ok(())
    }

    pub(super) fn listed(&mut self, value: &Expr, list: &[Expr], negated: bool) -> Result<Written> {
        let value = self.write(value)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item = self.write(item)?;
            items.push(self.side_by_side(value.clone(), item)?.1);
        }
        let not = if negated { "not " } else { "" };
        let list: Vec<&str> = items.iter().map(|item| item.sql.as_str()).collect();
        Ok(Written::new(format!("({} {not}in ({}))", value.sql, list.join(", ")), Wire::Bool, joined(items.iter().chain([&value]))))
    }

    pub(super) fn between(&mut self, value: &Expr, (low, high): (&Expr, &Expr), negated: bool) -> Result<Written> {
        let (value, low, high) = (self.write(value)?, self.write(low)?, self.write(high)?);
        let (_, low) = self.side_by_side(value.clone(), low)?;
        let (value, high) = self.side_by_side(value, high)?;
        let not = if negated { "not " } else { "" };
        let sql = format!("({} {not}between {} and {})", value.sql, low.sql, high.sql);
        Ok(Written::new(sql, Wire::Bool, joined([&value, &low, &high])))
    }

    /// A calculation with two numbers. Where the result of one side is out of reach, the other refuses it as well.
    pub(super) fn calculated(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Result<Written> {
        let (left, right) = (self.write(left)?, self.write(right)?);
        let left = floating(left, &right.wire);
        let right = floating(right, &left.wire);
        let wire = match (&left.wire, &right.wire) {
            (Wire::Int2 | Wire::Int4 | Wire::Int8, Wire::Int2 | Wire::Int4 | Wire::Int8) => wider(&left.wire, &right.wire),
            (Wire::Float8, Wire::Float8 | Wire::Int2 | Wire::Int4 | Wire::Int8) | (Wire::Int2 | Wire::Int4 | Wire::Int8, Wire::Float8) => {
                Wire::Float8
            }
            _ => calculated(&left.wire, operator, &right.wire)?,
        };
        let is_known = match operator {
            BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply => true,
            BinaryOperator::Divide => !matches!(wire, Wire::Decimal { .. }),
            BinaryOperator::Modulo => matches!(wire, Wire::Int2 | Wire::Int4 | Wire::Int8),
            _ => false,
        };
        if !is_known {
            return refused(format_args!("`{operator}`"));
        }
        self.may_fail = true;
        Ok(Written::new(format!("({} {operator} {})", left.sql, right.sql), wire, joined([&left, &right])))
    }
}

/// A text that the SQL gives beside a day or a moment is one.
fn dated(value: Written, beside: &Wire) -> Result<Written> {
    let Some(text) = value.text() else { return Ok(value) };
    match beside {
        Wire::Date => day(text),
        Wire::Timestamp | Wire::TimestampUtc => moment(text),
        _ => Ok(value),
    }
}

/// A day in the one form that both sides read in the same way.
pub(super) fn day(text: &str) -> Result<Written> {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) if day.format("%Y-%m-%d").to_string() == text => Ok(Written::constant(format!("'{text}'::date"), Wire::Date)),
        _ => refused(format_args!("the day `{text}`")),
    }
}

/// A moment of UTC in the one form that both sides read in the same way, or a day for its first moment.
pub(super) fn moment(text: &str) -> Result<Written> {
    if let Ok(day) = day(text) {
        return Ok(Written::constant(format!("{}::timestamp", day.sql), Wire::Timestamp));
    }
    match NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f") {
        Ok(moment)
            if moment.format("%Y-%m-%d %H:%M:%S%.f").to_string() == text && moment.and_utc().timestamp_subsec_nanos() % 1000 == 0 =>
        {
            Ok(Written::constant(format!("'{text}'::timestamp"), Wire::Timestamp))
        }
        _ => refused(format_args!("the moment `{text}`")),
    }
}

/// The digits before and after the point of numbers that are exact.
pub(super) fn digits(wire: &Wire) -> Option<(u8, u8)> {
    match wire {
        Wire::Int2 => Some((5, 0)),
        Wire::Int4 => Some((10, 0)),
        Wire::Int8 => Some((20, 0)),
        Wire::Decimal { precision, scale } => {
            let scale = u8::try_from(*scale).ok()?;
            Some((precision - scale, scale))
        }
        _ => None,
    }
}

fn wider(left: &Wire, right: &Wire) -> Wire {
    if digits(left) >= digits(right) { left.clone() } else { right.clone() }
}

/// The decimal that two numbers come to in the engine, where it holds all results exactly.
fn calculated(left: &Wire, operator: &BinaryOperator, right: &Wire) -> Result<Wire> {
    let (Some((left_whole, left_scale)), Some((right_whole, right_scale))) = (digits(left), digits(right)) else {
        return refused("a calculation with these types");
    };
    let (whole, scale) = match operator {
        BinaryOperator::Multiply => (left_whole + right_whole + 1, left_scale + right_scale),
        _ => (left_whole.max(right_whole) + 1, left_scale.max(right_scale)),
    };
    if whole + scale > MOST_DIGITS {
        return refused("a decimal of too many digits");
    }
    Ok(Wire::Decimal { precision: whole + scale, scale: scale.cast_signed() })
}

/// Values in the type that the engine gives to one of them, `None` for null.
pub(super) fn in_one_type(values: &[Option<&Written>]) -> Result<(Vec<String>, Wire)> {
    let mut known = values.iter().flatten();
    let first = known.next().map(|value| value.wire.clone()).ok_or_else(|| Refused::new("nothing but null"))?;
    let wire = known.try_fold(first, |common, value| union(&common, &value.wire));
    let wire = wire.ok_or_else(|| Refused::new("values of several types"))?;
    let sql = |value: Option<&Written>| match value {
        None => "null".to_owned(),
        Some(value) if value.wire == wire => value.sql.clone(),
        Some(value) => output(&value.sql, &wire),
    };
    Ok((values.iter().copied().map(sql).collect(), wire))
}

fn union(one: &Wire, other: &Wire) -> Option<Wire> {
    match (one, other) {
        _ if one == other => Some(one.clone()),
        (Wire::Float8, Wire::Int2 | Wire::Int4 | Wire::Int8) | (Wire::Int2 | Wire::Int4 | Wire::Int8, Wire::Float8) => Some(Wire::Float8),
        _ => holding_both(one, other),
    }
}

/// A float that the SQL gives, beside a decimal, is the decimal of 15 digits behind the point that the engine makes of it.
fn exact(value: Written, beside: &Wire) -> Written {
    let fits = matches!(beside, Wire::Decimal { .. }) && digits(beside).is_some_and(|(whole, scale)| whole.max(scale) <= FLOAT_DIGITS);
    let given = value.sql.strip_prefix('\'').and_then(|sql| sql.strip_suffix("'::float8")?.parse::<f64>().ok());
    match given.filter(|given| fits && given.abs() < 1e15) {
        // As many digits as Rust shows are those of the whole number.
        Some(given) => {
            let units = format!("{:016}", (given * 1e15).round());
            let (whole, fraction) = units.split_at(units.len() - usize::from(FLOAT_DIGITS));
            Written::constant(
                format!("{whole}.{fraction}"),
                Wire::Decimal { precision: 2 * FLOAT_DIGITS, scale: FLOAT_DIGITS.cast_signed() },
            )
        }
        None => value,
    }
}

/// A decimal beside a float is one, where it has no more digits than a float holds.
fn floating(value: Written, beside: &Wire) -> Written {
    match (&value.wire, beside) {
        (Wire::Decimal { precision, .. }, Wire::Float8) if *precision <= FLOAT_DIGITS => {
            Written::new(format!("({})::float8", value.sql), Wire::Float8, joined([&value]))
        }
        _ => value,
    }
}

/// The number that holds both exactly.
pub(super) fn holding_both(left: &Wire, right: &Wire) -> Option<Wire> {
    if matches!((left, right), (Wire::Decimal { .. }, _) | (_, Wire::Decimal { .. })) {
        let ((left_whole, left_scale), (right_whole, right_scale)) = (digits(left)?, digits(right)?);
        let (whole, scale) = (left_whole.max(right_whole), left_scale.max(right_scale));
        return (whole + scale <= MOST_DIGITS).then(|| Wire::Decimal { precision: whole + scale, scale: scale.cast_signed() });
    }
    digits(left).and(digits(right)).map(|_| wider(left, right))
}
