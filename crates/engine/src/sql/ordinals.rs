//! `order by 2` where the second column is computed of aggregates, as in `select city, round(avg(price), 2) from shops group by city order by 2`. The engine
//! looks for such a column among those of the table, where there is none, and refuses the query. So the number gives way to what it stands for. It also
//! takes `(2)` for a constant, and in `select sum(price) as price … order by sum(price)` the sum for one of sums.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::sql::aggregates;

/// Has every query order its rows by what the keys of its ORDER BY stand for.
pub(crate) fn spell_out<V: VisitMut>(sql: &mut V) {
    let _ = VisitMut::visit(sql, &mut Ordinals);
}

struct Ordinals;

impl VisitorMut for Ordinals {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(order) = &mut query.order_by else { return ControlFlow::Continue(()) };
        let OrderByKind::Expressions(keys) = &mut order.kind else { return ControlFlow::Continue(()) };
        for key in keys {
            if let Some(number) = number_inside(&key.expr) {
                key.expr = number;
            }
            if let SetExpr::Select(select) = &mut *query.body
                && let Some(meant) = meant(select, &key.expr)
            {
                key.expr = meant;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The number that stands alone in parentheses.
fn number_inside(key: &Expr) -> Option<Expr> {
    let Expr::Nested(inner) = key else { return None };
    if ordinal(inner).is_some() { Some(inner.as_ref().clone()) } else { number_inside(inner) }
}

/// What a key stands for, where the engine would not find it.
fn meant(select: &mut Select, key: &Expr) -> Option<Expr> {
    let Some(place) = ordinal(key) else { return named(select, key) };
    let item = computed(select, place)?;
    match &select.distinct {
        None => Some(item),
        // What is ordered by has to be a column of the result there, and one with a name is found.
        Some(Distinct::Distinct) => {
            let alias = Ident::with_quote('"', item.to_string());
            *select.projection.get_mut(place)? = SelectItem::ExprWithAlias { expr: item, alias };
            None
        }
        Some(Distinct::All | Distinct::On(_)) => None,
    }
}

/// The place that a number among the keys stands for, counted from nought.
fn ordinal(key: &Expr) -> Option<usize> {
    let Expr::Value(value) = key else { return None };
    let Value::Number(number, _) = &value.value else { return None };
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// What is selected at this place, where it has no name and is computed of aggregates, or of groups by a function.
fn computed(select: &Select, place: usize) -> Option<Expr> {
    let before = select.projection.get(..=place)?;
    let (SelectItem::UnnamedExpr(expr), others) = before.split_last()? else { return None };
    let has_keys = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let calls = Calls::of(expr);
    let is_found = (calls.aggregate || (has_keys && calls.any)) && !calls.volatile;
    (is_found && others.iter().all(is_one)).then(|| expr.clone())
}

/// The name of the column that is computed of aggregates just as the key is.
fn named(select: &Select, key: &Expr) -> Option<Expr> {
    if !Calls::of(key).aggregate {
        return None;
    }
    let written = key.to_string();
    select.projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if expr.to_string() == written => Some(Expr::Identifier(alias.clone())),
        _ => None,
    })
}

/// Whether an item is one column: `*` may be any number of them.
fn is_one(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
}

/// Functions that give another value each time: written twice, they are two.
const VOLATILE: [&str; 2] = ["random", "uuid"];

/// The functions that an expression calls.
#[derive(Default)]
struct Calls {
    any: bool,
    volatile: bool,
    /// An aggregate of its own, in no subquery.
    aggregate: bool,
    known_aggregates: Vec<String>,
    queries_around: usize,
}

impl Calls {
    fn of(expr: &Expr) -> Self {
        let mut calls = Self { known_aggregates: aggregates(), ..Self::default() };
        let _ = Visit::visit(expr, &mut calls);
        calls
    }
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries_around += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries_around = self.queries_around.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.to_string().to_lowercase();
            self.any = true;
            self.volatile |= VOLATILE.contains(&name.as_str());
            self.aggregate |= self.queries_around == 0 && function.over.is_none() && self.known_aggregates.contains(&name);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn groups_are_put_in_the_order_of_what_a_number_stands_for() {
        let rows = "(values ('b', 1, 3), ('a', 2, 2), ('c', 3, 1), ('d', null, 4)) as t(s, a, b)";
        check(&format!("select upper(max(s)) from {rows} group by a is null order by 1"), "C, D");
        check(&format!("select round(avg(b), 2) from {rows} group by a is null order by 1 desc"), "4, 2");
        check(&format!("select max(s) || '!' from {rows} group by a order by 1 desc limit 2"), "d!, c!");
        check(&format!("select max(s) from {rows} group by a order by 1 desc"), "d, c, b, a");
        check(&format!("select s || '!' from {rows} group by s || '!' order by 1"), "a!, b!, c!, d!");
        check(&format!("select s, max(b) + 0 from {rows} group by s order by 2"), "c, a, b, d");
        check(&format!("select sum(b) * 2 from {rows} order by 1"), "20");
        check(&format!("select distinct max(b) + 0 from {rows} group by s order by 1 desc"), "4, 3, 2, 1");
        check(&format!("select s, b from {rows} order by (2)"), "c, a, b, d");
        check(&format!("select s, b from {rows} union all select 'e', 0 order by (2) limit 2"), "e, c");
        check(&format!("select count(*) from (select upper(s), random() from {rows} order by 2)"), "4");
    }

    #[test]
    fn an_aggregate_is_found_under_the_name_of_its_column() {
        let rows = "(values ('b', 1), ('b', 4), ('a', 2), ('c', 9)) as t(s, a)";
        check(&format!("select s, sum(a) as a from {rows} group by s order by sum(a)"), "a, b, c");
        check(&format!("select s, round(avg(a), 1) as a from {rows} group by s order by round(avg(a), 1) desc"), "c, b, a");
    }
}
