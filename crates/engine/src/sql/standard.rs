//! Words of the SQL standard that the engine reads and does not take: `fetch first 3 rows only` is a limit, and another escape than the backslash, as in
//! `like '5!%' escape '!'`, is that.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Fetch, LimitClause, Query, Value, ValueWithSpan, VisitMut, VisitorMut};

/// What the engine escapes with.
const BACKSLASH: char = '\\';

/// Has what is read say so in words that the engine takes.
pub(crate) fn in_known_words<V: VisitMut>(sql: &mut V) {
    let _ = VisitMut::visit(sql, &mut Standard);
}

struct Standard;

impl VisitorMut for Standard {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(Fetch { with_ties: false, percent: false, quantity }) = &query.fetch else { return ControlFlow::Continue(()) };
        let rows = quantity.clone().unwrap_or_else(|| Expr::value(Value::Number("1".into(), false)));
        match &mut query.limit_clause {
            None => query.limit_clause = Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: vec![] }),
            Some(LimitClause::LimitOffset { limit, .. }) if limit.is_none() => *limit = Some(rows),
            Some(_) => return ControlFlow::Continue(()),
        }
        query.fetch = None;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expr
            && let Some(escape) = escape_char.as_ref().and_then(one_character)
            && let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern.as_mut()
            && let Some(meant) = with_backslashes(text, escape)
        {
            *text = meant;
            *escape_char = None;
        }
        ControlFlow::Continue(())
    }
}

fn one_character(value: &ValueWithSpan) -> Option<char> {
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// The pattern with backslashes in the place of this escape; `None` where nothing follows one.
fn with_backslashes(pattern: &str, escape: char) -> Option<String> {
    let (mut meant, mut characters) = (String::new(), pattern.chars());
    while let Some(character) = characters.next() {
        let is_escaped = character == escape;
        let stands_there = if is_escaped { characters.next()? } else { character };
        if stands_there == BACKSLASH || (is_escaped && matches!(stands_there, '%' | '_')) {
            meant.push(BACKSLASH);
        }
        meant.push(stands_there);
    }
    Some(meant)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_condition};

    #[test]
    fn rows_are_fetched_as_they_are_limited() {
        let rows = "(values (1), (2), (3)) as t(x)";
        check(&format!("select x from {rows} order by x desc fetch first 2 rows only"), "3, 2");
        check(&format!("select x from {rows} order by x fetch first row only"), "1");
        check(&format!("select x from {rows} order by x offset 1 row fetch next 1 row only"), "2");
        check(&format!("select count(*) from (select x from {rows} fetch first 2 rows only)"), "2");
        check(&format!("select x from {rows} order by x fetch first 2 rows with ties"), "this SQL is not supported");
    }

    #[test]
    fn patterns_may_have_an_escape_of_their_own() {
        let rows = r"select * from (values ('5%'), ('5x'), ('5!'), ('5\x'), ('a_b')) as v(s)";
        check_condition(rows, "s like '5!%' escape '!'", 1);
        check_condition(rows, "s not like '5!%' escape '!'", 4);
        check_condition(rows, "s like '5!!' escape '!'", 1);
        check_condition(rows, r"s like '5\%' escape '!'", 1);
        check_condition(rows, "s ilike 'A#_B' escape '#'", 1);
        check_condition(rows, r"s like '5\%' escape '\'", 1);
    }
}
