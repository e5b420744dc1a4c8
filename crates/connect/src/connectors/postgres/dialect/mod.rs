//! SQL of the engine in words of PostgreSQL, where both come to the same to the last digit. Everything else is refused.
//!
//! What is not named here is refused: a function, an operator or a pair of types is written only where its nulls, its order, its rounding
//! and its reach are the same on both sides. Where they are the same for most rows alone, such as `lower` for texts in ASCII, a [`Guard`]
//! says for which rows they may not be: the answer counts only if there is no such row. What one side refuses with an error, such as a sum
//! that is too large, PostgreSQL refuses too, and then it has no answer.

mod cast;
mod compare;
mod expression;
mod from;
mod function;
mod pattern;
mod query;
mod question;
mod relation;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod window;

use std::fmt;

use datafusion::sql::sqlparser::ast::{Expr, Query, Spanned, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};

use super::types::Wire;

pub(super) use expression::Expressions;
pub(super) use query::{Scope, Selected};
pub(super) use question::Question;
pub(super) use relation::{BaseTable, Named, Relations, output};
pub(super) use window::ROW_NUMBER;

/// Why something is not asked of PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is not known to mean the same.
    pub(super) what: String,
    /// Where it stands in the SQL.
    pub(super) at: Option<Place>,
}

/// A place in SQL, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The line.
    pub(super) line: usize,
    /// The character in it.
    pub(super) column: usize,
    /// How many characters there are; 1 for what goes over several lines.
    pub(super) length: usize,
}

impl Refused {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: None }
    }

    /// The same about a part of the SQL, where nothing smaller is known.
    fn within(self, part: &impl Spanned) -> Self {
        Self { at: self.at.or_else(|| place(part.span())), ..self }
    }

    /// The same about SQL that a name in the query stands for.
    fn behind(self, name: &str) -> Self {
        Self { what: format!("{}, in the rows of `{name}`", self.what), at: None }
    }
}

fn place(span: Span) -> Option<Place> {
    let number = |number: u64| usize::try_from(number).ok().filter(|number| *number > 0);
    let (line, column) = (number(span.start.line)?, number(span.start.column)?);
    let end = if span.end.line == span.start.line { number(span.end.column) } else { None };
    Some(Place { line, column, length: end.map_or(1, |end| end.saturating_sub(column).max(1)) })
}

pub(super) type Result<T> = std::result::Result<T, Refused>;

fn refused<T>(what: impl fmt::Display) -> Result<T> {
    Err(Refused::new(what.to_string()))
}

/// What an expression is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Nature {
    /// One value, whatever the row; its text where it is one.
    Constant(Option<String>),
    /// The values of a row.
    Row,
    /// Those of several rows: an aggregate, a window, a query.
    Rows,
}

/// An expression in words of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The expression, fit to be a part of another one.
    pub(super) sql: String,
    /// What it gives to the engine. Moments of a time zone are written as those of UTC, without a zone, until they are shown.
    pub(super) wire: Wire,
    nature: Nature,
}

impl Written {
    fn new(sql: impl Into<String>, wire: Wire, nature: Nature) -> Self {
        Self { sql: sql.into(), wire, nature }
    }

    /// A value of no row.
    fn constant(sql: impl Into<String>, wire: Wire) -> Self {
        Self::new(sql, wire, Nature::Constant(None))
    }

    fn is_constant(&self) -> bool {
        matches!(self.nature, Nature::Constant(_))
    }

    /// Whether it is about one row.
    pub(super) fn is_of_row(&self) -> bool {
        self.nature != Nature::Rows
    }

    /// The text, where it is one that the SQL gives.
    fn text(&self) -> Option<&str> {
        match &self.nature {
            Nature::Constant(Some(text)) => Some(text),
            _ => None,
        }
    }
}

/// What something made of all these parts is made of.
fn joined<'a>(parts: impl IntoIterator<Item = &'a Written>) -> Nature {
    parts.into_iter().fold(Nature::Constant(None), |nature, part| match (nature, &part.nature) {
        (Nature::Rows, _) | (_, Nature::Rows) => Nature::Rows,
        (Nature::Row, _) | (_, Nature::Row) => Nature::Row,
        _ => Nature::Constant(None),
    })
}

/// A condition under which both sides may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// On one row of those that the expression is about.
    Row(String),
    /// On all of them together: an aggregate.
    Rows(String),
    /// That several of them have the same values of these expressions, so that nothing tells which comes first.
    Tied(String),
    /// On rows of another query, with which it is complete.
    Alone(String),
}

/// Reads an expression as the engine does.
pub(super) fn expression(sql: &str) -> Result<Expr> {
    let unreadable = |error: datafusion::sql::sqlparser::parser::ParserError| Refused::new(error.to_string());
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql).map_err(unreadable)?;
    let expression = parser.parse_expr().map_err(unreadable)?;
    if parser.peek_token().token == Token::EOF { Ok(expression) } else { refused("more than an expression") }
}

/// Reads a SELECT as the engine does.
pub(super) fn select(sql: &str) -> Result<Box<Query>> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| Refused::new(error.to_string()))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Ok(query),
        _ => refused("no SELECT"),
    }
}
