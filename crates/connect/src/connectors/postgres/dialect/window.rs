//! Functions over windows: which rows they look at, and in which order.

use datafusion::sql::sqlparser::ast::{Expr, OrderByExpr, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType};

use super::expression::Expressions;
use super::{Guard, Nature, Refused, Result, Written, refused};
use crate::connectors::postgres::types::Wire;

/// Functions that only windows have.
pub(super) const OF_WINDOWS: [&str; 7] = ["row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value"];

/// The type of the numbers of rows in calculations; the engine's own has no sign, and PostgreSQL does not know it.
pub(in super::super) const ROW_NUMBER: Wire = Wire::Decimal { precision: 20, scale: 0 };

impl Expressions<'_> {
    /// A function that only windows have
    pub(super) fn of_window(&mut self, name: &str, arguments: &[&Expr], window: &WindowType) -> Result<Written> {
        let over = self.window(window, !name.ends_with("rank"))?;
        let numbers = || Written::new(format!("({name}(){over})::numeric(20,0)"), ROW_NUMBER, Nature::Rows);
        match (name, arguments) {
            ("row_number" | "rank" | "dense_rank", []) => Ok(numbers()),
            ("lag" | "lead" | "first_value" | "last_value", [value]) => self.value_of_window(name, value, "", &over),
            ("lag" | "lead", [value, distance]) => {
                let distance = number(distance).ok_or_else(|| Refused::new(format!("`{distance}` as a number of rows")))?;
                self.value_of_window(name, value, &format!(", {distance}"), &over)
            }
            _ => refused(format_args!("`{name}` with these arguments")),
        }
    }

    fn value_of_window(&mut self, name: &str, value: &Expr, more: &str, over: &str) -> Result<Written> {
        let value = self.write(value)?;
        Ok(Written::new(format!("({name}({}{more}){over})", value.sql), value.wire, Nature::Rows))
    }

    /// ` over (…)`. Where `needs_order`, the answer depends on which of two rows comes first; so it does in a window that counts rows.
    pub(super) fn window(&mut self, window: &WindowType, needs_order: bool) -> Result<String> {
        let WindowType::WindowSpec(WindowSpec { window_name: None, partition_by, order_by, window_frame }) = window else {
            return refused("a window that has a name");
        };
        let mut keys = Vec::new();
        for expression in partition_by {
            let written = self.write(expression)?;
            self.groupable(&written)?;
            keys.push(written);
        }
        let mut clauses = Vec::new();
        if !keys.is_empty() {
            clauses.push(format!("partition by {}", sql_of(&keys)));
        }
        let mut terms = Vec::new();
        for term in order_by {
            let (written, sql) = self.term(term)?;
            keys.push(written);
            terms.push(sql);
        }
        if !terms.is_empty() {
            clauses.push(format!("order by {}", terms.join(", ")));
        }
        clauses.extend(window_frame.as_ref().map(frame).transpose()?);
        if needs_order || window_frame.is_some() {
            self.in_one_order(&keys, terms.is_empty())?;
        }
        Ok(format!(" over ({})", clauses.join(" ")))
    }

    /// A term of an order. Without a word about nulls both sides put them last, or first where the order descends.
    fn term(&mut self, term: &OrderByExpr) -> Result<(Written, String)> {
        let written = self.write(&term.expr)?;
        if written.is_constant() || term.with_fill.is_some() {
            return refused("an order by what is the same for all rows");
        }
        self.groupable(&written)?;
        let direction = if term.options.asc == Some(false) { " desc" } else { "" };
        let nulls = match term.options.nulls_first {
            None => "",
            Some(true) => " nulls first",
            Some(false) => " nulls last",
        };
        let sql = format!("{}{direction}{nulls}", written.sql);
        Ok((written, sql))
    }

    /// Makes sure that no two rows have one place, so that there is one order of them.
    fn in_one_order(&mut self, keys: &[Written], is_unordered: bool) -> Result<()> {
        if is_unordered || keys.iter().any(|key| key.nature != Nature::Row) {
            return refused("a window whose rows are in no known order");
        }
        self.guards.push(Guard::Tied(sql_of(keys)));
        Ok(())
    }
}

fn sql_of(keys: &[Written]) -> String {
    keys.iter().map(|key| key.sql.as_str()).collect::<Vec<_>>().join(", ")
}

/// A frame that counts rows.
fn frame(frame: &WindowFrame) -> Result<String> {
    let WindowFrame { units: WindowFrameUnits::Rows, start_bound, end_bound } = frame else { return refused("a window of this form") };
    let end = end_bound.as_ref().unwrap_or(&WindowFrameBound::CurrentRow);
    Ok(format!("rows between {} and {}", bound(start_bound)?, bound(end)?))
}

fn bound(bound: &WindowFrameBound) -> Result<String> {
    let distance = |distance: &Option<Box<Expr>>| match distance {
        None => Ok("unbounded".to_owned()),
        Some(rows) => number(rows).map(|rows| rows.to_string()).ok_or_else(|| Refused::new(format!("`{rows}` as a number of rows"))),
    };
    Ok(match bound {
        WindowFrameBound::CurrentRow => "current row".into(),
        WindowFrameBound::Preceding(rows) => format!("{} preceding", distance(rows)?),
        WindowFrameBound::Following(rows) => format!("{} following", distance(rows)?),
    })
}

/// A number of rows that is given as it stands.
fn number(expression: &Expr) -> Option<u32> {
    let Expr::Value(value) = expression else { return None };
    let Value::Number(number, false) = &value.value else { return None };
    number.parse().ok().filter(|number| *number <= 1_000_000)
}
