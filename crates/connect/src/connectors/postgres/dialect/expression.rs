//! Expressions.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Ident, Query, UnaryOperator, Value, ValueWithSpan,
};
use hw_base::literal;

use super::compare::in_one_type;
use super::query::{Scope, ident};
use super::relation::Relations;
use super::{Guard, Nature, Result, Written, joined, refused};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// Expressions over the rows of one scope, and on what their answers depend.
pub(in super::super) struct Expressions<'a> {
    pub(super) relations: &'a Relations<'a>,
    pub(super) scope: &'a Scope<'a>,
    /// Under which conditions both sides may differ.
    pub(in super::super) guards: Vec<Guard>,
    /// The columns that were named, in the order in which they were.
    pub(in super::super) named: Vec<String>,
    /// Whether there may be rows for which the server refuses to work something out.
    pub(in super::super) may_fail: bool,
}

impl<'a> Expressions<'a> {
    /// Expressions over the rows of `scope`.
    pub(in super::super) fn new(relations: &'a Relations<'a>, scope: &'a Scope<'a>) -> Self {
        Self { relations, scope, guards: Vec::new(), named: Vec::new(), may_fail: false }
    }

    /// Something true or false.
    pub(in super::super) fn truth(&mut self, expression: &Expr) -> Result<Written> {
        let written = self.write(expression)?;
        if written.wire == Wire::Bool { Ok(written) } else { refused(format_args!("`{expression}` is neither true nor false")) }
    }

    /// What is true for the rows that stay; whether it is false or unknown for others does not matter.
    pub(super) fn filter(&mut self, condition: &Expr) -> Result<Written> {
        match condition {
            Expr::Nested(inner) => self.filter(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                let (left, right) = (self.filter(left)?, self.filter(right)?);
                Ok(Written::new(format!("({} and {})", left.sql, right.sql), Wire::Bool, joined([&left, &right])))
            }
            Expr::InSubquery { expr, subquery, negated: false } => self.among(expr, subquery).map_err(|refused| refused.within(condition)),
            _ => self.truth(condition),
        }
    }

    fn among(&mut self, value: &Expr, query: &Query) -> Result<Written> {
        let (value, rows) = (self.write(value)?, self.of_query(query)?);
        let (value, rows) = self.side_by_side(value, rows)?;
        Ok(Written::new(format!("({} in {})", value.sql, rows.sql), Wire::Bool, Nature::Row))
    }

    /// Any expression.
    pub(in super::super) fn write(&mut self, expression: &Expr) -> Result<Written> {
        self.written(expression).map_err(|refused| refused.within(expression))
    }

    fn written(&mut self, expression: &Expr) -> Result<Written> {
        match expression {
            Expr::Identifier(name) => self.column(None, name),
            Expr::CompoundIdentifier(parts) => match &parts[..] {
                [table, name] => self.column(Some(table), name),
                _ => refused(format_args!("`{expression}` has too many parts")),
            },
            Expr::Nested(inner) => self.write(inner),
            Expr::Value(value) => constant(value),
            Expr::IsNull(inner) => self.about(inner, "is null"),
            Expr::IsNotNull(inner) => self.about(inner, "is not null"),
            Expr::IsTrue(inner) => self.about_truth(inner, "is true"),
            Expr::IsNotTrue(inner) => self.about_truth(inner, "is not true"),
            Expr::IsFalse(inner) => self.about_truth(inner, "is false"),
            Expr::IsNotFalse(inner) => self.about_truth(inner, "is not false"),
            Expr::IsUnknown(inner) => self.about_truth(inner, "is unknown"),
            Expr::IsNotUnknown(inner) => self.about_truth(inner, "is not unknown"),
            Expr::IsDistinctFrom(left, right) => self.compared(left, "is distinct from", right),
            Expr::IsNotDistinctFrom(left, right) => self.compared(left, "is not distinct from", right),
            Expr::BinaryOp { left, op, right } => self.operation(left, op, right),
            Expr::UnaryOp { op, expr } => self.signed(*op, expr),
            Expr::InList { expr, list, negated } => self.listed(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, (low, high), *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => self.like(expr, pattern, *negated),
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => self.like_in_any_case(expr, pattern, *negated),
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, array: false, format: None } => {
                self.cast(expr, data_type)
            }
            Expr::TypedString(typed) => self.cast(&Expr::Value(typed.value.clone()), &typed.data_type),
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => self.text_function("btrim", expr),
            Expr::Case { operand, conditions, else_result, .. } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Extract { field, expr, .. } => self.field_of(field, expr),
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => self.part(expr, from, substring_for.as_deref()),
            Expr::Position { expr, r#in } => self.found_at(r#in, expr),
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => self.rounded("floor", expr),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => self.rounded("ceil", expr),
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            Expr::Subquery(query) => self.of_query(query),
            Expr::Function(function) => self.function(function),
            _ => refused(format_args!("`{expression}` is of no form that is known to mean the same")),
        }
    }

    /// Any expression; `None` for null without a type.
    pub(super) fn write_or_null(&mut self, expression: &Expr) -> Result<Option<Written>> {
        if is_null(expression) { Ok(None) } else { self.write(expression).map(Some) }
    }

    fn column(&mut self, table: Option<&Ident>, name: &Ident) -> Result<Written> {
        let (own, column) = self.scope.column(table.map(ident).as_deref(), &ident(name))?;
        if !self.named.contains(&column.name) {
            self.named.push(column.name.clone());
        }
        Ok(Written::new(format!("{}.{}", quoted(&own), quoted(&column.name)), column.wire, Nature::Row))
    }

    fn about(&mut self, inner: &Expr, what: &str) -> Result<Written> {
        let written = self.write(inner)?;
        Ok(Written::new(format!("({} {what})", written.sql), Wire::Bool, joined([&written])))
    }

    fn about_truth(&mut self, inner: &Expr, what: &str) -> Result<Written> {
        let written = self.truth(inner)?;
        Ok(Written::new(format!("({} {what})", written.sql), Wire::Bool, joined([&written])))
    }

    fn operation(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Result<Written> {
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (self.truth(left)?, self.truth(right)?);
                let word = if *operator == BinaryOperator::And { "and" } else { "or" };
                Ok(Written::new(format!("({} {word} {})", left.sql, right.sql), Wire::Bool, joined([&left, &right])))
            }
            BinaryOperator::Eq => self.compared(left, "=", right),
            BinaryOperator::NotEq => self.compared(left, "<>", right),
            BinaryOperator::Lt => self.compared(left, "<", right),
            BinaryOperator::LtEq => self.compared(left, "<=", right),
            BinaryOperator::Gt => self.compared(left, ">", right),
            BinaryOperator::GtEq => self.compared(left, ">=", right),
            BinaryOperator::StringConcat => {
                let (left, right) = (self.text(left)?, self.text(right)?);
                Ok(Written::new(format!("({} || {})", left.sql, right.sql), Wire::Text, joined([&left, &right])))
            }
            _ => self.calculated(left, operator, right),
        }
    }

    fn signed(&mut self, operator: UnaryOperator, inner: &Expr) -> Result<Written> {
        if operator == UnaryOperator::Not {
            let written = self.truth(inner)?;
            return Ok(Written::new(format!("(not {})", written.sql), Wire::Bool, joined([&written])));
        }
        let written = self.write(inner)?;
        let is_number = matches!(written.wire, Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Decimal { .. } | Wire::Float8);
        self.may_fail |= !written.is_constant();
        match operator {
            UnaryOperator::Minus if is_number => {
                Ok(Written { sql: format!("(- {})", written.sql), nature: joined([&written]), wire: written.wire })
            }
            UnaryOperator::Plus if is_number => Ok(written),
            _ => refused(format_args!("`{operator}`")),
        }
    }

    /// Something that is text.
    pub(super) fn text(&mut self, expression: &Expr) -> Result<Written> {
        let written = self.write(expression)?;
        if written.wire == Wire::Text { Ok(written) } else { refused(format_args!("`{expression}` is no text")) }
    }

    /// A function of one text that changes no letter.
    pub(super) fn text_function(&mut self, name: &str, argument: &Expr) -> Result<Written> {
        let text = self.text(argument)?;
        Ok(Written::new(format!("{name}({})", text.sql), Wire::Text, joined([&text])))
    }

    /// A `case`; with an operand each condition is a value that it is compared with.
    fn case(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Result<Written> {
        let (mut when, mut results) = (Vec::new(), Vec::new());
        for CaseWhen { condition, result } in conditions {
            when.push(match operand {
                Some(operand) => self.compared(operand, "=", condition)?,
                None => self.truth(condition)?,
            });
            results.push(self.write_or_null(result)?);
        }
        results.extend(otherwise.map(|otherwise| self.write_or_null(otherwise)).transpose()?);
        let (shown, wire) = in_one_type(&results.iter().map(Option::as_ref).collect::<Vec<_>>())?;
        let mut sql = String::from("(case");
        for (condition, result) in when.iter().zip(&shown) {
            sql += &format!(" when {} then {result}", condition.sql);
        }
        if let Some(result) = shown.get(when.len()) {
            sql += &format!(" else {result}");
        }
        Ok(Written::new(sql + " end)", wire, joined(when.iter().chain(results.iter().flatten()))))
    }

    fn exists(&mut self, query: &Query, negated: bool) -> Result<Written> {
        self.may_fail = true;
        let selected = self.relations.selected(query, Some(self.scope), &mut self.guards)?;
        let not = if negated { "not " } else { "" };
        Ok(Written::new(format!("({not}exists ({}))", selected.sql), Wire::Bool, Nature::Row))
    }

    fn of_query(&mut self, query: &Query) -> Result<Written> {
        self.may_fail = true;
        let selected = self.relations.selected(query, Some(self.scope), &mut self.guards)?;
        match &selected.columns[..] {
            [one] => Ok(Written::new(format!("({})", selected.sql), one.wire.clone(), Nature::Rows)),
            _ => refused("a query of several columns as a value"),
        }
    }

    fn cast(&mut self, inner: &Expr, data_type: &DataType) -> Result<Written> {
        if is_null(inner) {
            return super::cast::null(data_type);
        }
        let written = self.write(inner)?;
        let cast = super::cast::cast(&written, data_type)?;
        self.may_fail |= !written.is_constant() && !matches!(cast.wire, Wire::Text | Wire::Float8);
        Ok(cast)
    }
}

fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if value.value == Value::Null)
}

fn constant(value: &ValueWithSpan) -> Result<Written> {
    match &value.value {
        Value::Number(number, false) => number_of(number),
        Value::SingleQuotedString(text) if text.contains('\0') => refused("a text with the character NUL"),
        Value::SingleQuotedString(text) => {
            Ok(Written::new(format!("{}::text", literal(text)), Wire::Text, Nature::Constant(Some(text.clone()))))
        }
        Value::Boolean(value) => Ok(Written::constant(value.to_string(), Wire::Bool)),
        other => refused(format_args!("the value `{other}`")),
    }
}

/// The engine takes a number without a point for an integer of 64 bits, any other for a float.
fn number_of(number: &str) -> Result<Written> {
    if number.bytes().all(|digit| digit.is_ascii_digit()) {
        return match number.parse::<i64>() {
            Ok(number) => Ok(Written::constant(number.to_string(), Wire::Int8)),
            Err(_) => refused(format_args!("the number {number} is too large")),
        };
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Written::constant(format!("'{value:?}'::float8"), Wire::Float8)),
        _ => refused(format_args!("the number {number}")),
    }
}
