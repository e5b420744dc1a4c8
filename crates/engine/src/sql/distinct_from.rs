//! `a is distinct from b and c`. The parser takes all that follows for what `a` is compared with, as if `b and c` stood in parentheses: rows were compared with
//! another value than was meant. So what was read is put together anew, as `is` binds elsewhere: closer than `not`, `and` and `or`.

use std::iter::Peekable;
use std::ops::ControlFlow;
use std::vec::IntoIter;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Visit, VisitMut, Visitor, VisitorMut};

/// Has every `is [not] distinct from` compare with the value behind it alone.
pub(crate) fn bind_closely<V: Visit + VisitMut>(sql: &mut V) {
    if <V as Visit>::visit(sql, &mut Found).is_break() {
        let _ = <V as VisitMut>::visit(sql, &mut Bound);
    }
}

/// Looks for a comparison that took more than the value.
struct Found;

impl Visitor for Found {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_joined(right) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_joined(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. })
}

/// Puts conditions together anew.
struct Bound;

impl VisitorMut for Bound {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if took_more(expr) {
            let mut pieces = Vec::new();
            take_apart(expr.clone(), &mut pieces);
            if let Some(bound) = put_together(&mut pieces.into_iter().peekable(), 0) {
                *expr = bound;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether a comparison took more than the value, in a condition as far as it is not in parentheses.
fn took_more(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => took_more(left) || took_more(right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => took_more(expr),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => is_joined(right) || took_more(left) || took_more(right),
        _ => false,
    }
}

/// A piece of a condition, in the order of its text.
enum Piece {
    Value(Box<Expr>),
    Not,
    Between(Link),
}

#[derive(Clone, Copy)]
enum Link {
    Or,
    And,
    Distinct,
    NotDistinct,
}

impl Link {
    /// How closely it binds.
    fn closeness(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Distinct | Self::NotDistinct => CLOSER_THAN_NOT,
        }
    }

    fn of(self, left: Expr, right: Expr) -> Expr {
        let (left, right) = (Box::new(left), Box::new(right));
        match self {
            Self::Or => Expr::BinaryOp { left, op: BinaryOperator::Or, right },
            Self::And => Expr::BinaryOp { left, op: BinaryOperator::And, right },
            Self::Distinct => Expr::IsDistinctFrom(left, right),
            Self::NotDistinct => Expr::IsNotDistinctFrom(left, right),
        }
    }
}

const NOT: u8 = 3;
const CLOSER_THAN_NOT: u8 = 4;

fn take_apart(condition: Expr, pieces: &mut Vec<Piece>) {
    let (left, link, right) = match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => (left, Link::And, right),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => (left, Link::Or, right),
        Expr::IsDistinctFrom(left, right) => (left, Link::Distinct, right),
        Expr::IsNotDistinctFrom(left, right) => (left, Link::NotDistinct, right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
            pieces.push(Piece::Not);
            return take_apart(*expr, pieces);
        }
        value => return pieces.push(Piece::Value(Box::new(value))),
    };
    take_apart(*left, pieces);
    pieces.push(Piece::Between(link));
    take_apart(*right, pieces);
}

/// The condition of the next pieces, as far as they bind at least so closely.
fn put_together(pieces: &mut Peekable<IntoIter<Piece>>, least: u8) -> Option<Expr> {
    let mut condition = match pieces.next()? {
        Piece::Value(value) => *value,
        Piece::Not => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(put_together(pieces, NOT)?) },
        Piece::Between(_) => return None,
    };
    while let Some(Piece::Between(link)) = pieces.peek() {
        let link = *link;
        if link.closeness() < least {
            break;
        }
        pieces.next();
        condition = link.of(condition, put_together(pieces, link.closeness() + 1)?);
    }
    Some(condition)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_condition};

    #[test]
    fn what_follows_is_no_part_of_the_comparison() {
        let rows = "select 1 as a, 1 as b, true as t, false as f";
        check_condition(rows, "a is not distinct from b and t", 1);
        check_condition(rows, "t is distinct from f and f", 0);
        check_condition(rows, "f and t is distinct from f or t", 1);
        check_condition(rows, "not t is distinct from f and f", 0);
        check_condition(rows, "not f is distinct from t or t", 1);
        check_condition(rows, "a is not distinct from b and t is not distinct from t and a is distinct from b", 0);
        check_condition(rows, "t is not distinct from (t and f)", 0);
        let joined = "(values (1, 2)) as l(a, b) join (values (1, 2)) as r(a, b)";
        check(&format!("select count(*) from {joined} on l.a is not distinct from r.a and l.b is not distinct from r.b"), "1");
        check("select case when 1 is distinct from 2 and 2 is distinct from 2 then 'x' else 'y' end", "y");
    }
}
