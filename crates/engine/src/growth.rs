//! What a SELECT makes of rows that are new in some of its tables: whether it returns others with them, which it would return again with the
//! next new ones, and whether it has to see those together that arrived together.
//!
//! The syntax tells, and in doubt a row is one that comes again.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, JoinOperator, ObjectName, Query, Select, SetExpr, SetOperator, TableFactor, TableWithJoins, Visit, Visitor,
    visit_relations,
};
use hw_base::Growth;

use crate::sql::{OtherRows, known_as, normalized, parsed};

/// What a SELECT makes of rows that are new in these tables.
pub(crate) fn growth(sql: &str, tables: &[&str]) -> Growth {
    let Some(query) = parsed(sql) else { return Growth::Repeated };
    let names: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
    let mut together = Together { others: OtherRows::new(), names: names.clone(), read: 0 };
    // Its one value would be that of the first part for all of them.
    if query.visit(&mut Values { names: names.clone() }).is_break() {
        return Growth::Repeated;
    }
    match (New { names }.gives(&query), query.visit(&mut together)) {
        (false, _) => Growth::Repeated,
        (true, ControlFlow::Continue(())) => Growth::ByRow,
        (true, ControlFlow::Break(())) => Growth::ByPart,
    }
}

/// The tables and named parts of a query each of whose rows comes of new ones.
#[derive(Clone)]
struct New {
    names: Vec<String>,
}

impl New {
    /// Whether each row of a query comes of new ones.
    fn gives(&self, query: &Query) -> bool {
        let mut inside = self.clone();
        for part in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = known_as(&part.alias.name);
            inside.names.retain(|known| *known != name);
            if inside.gives(&part.query) {
                inside.names.push(name);
            }
        }
        inside.gives_body(&query.body)
    }

    fn gives_body(&self, body: &SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => select.from.iter().any(|from| self.gives_joined(from)),
            SetExpr::Query(query) => self.gives(query),
            SetExpr::SetOperation { left, op, right, .. } => match op {
                SetOperator::Union => self.gives_body(left) && self.gives_body(right),
                SetOperator::Intersect => self.gives_body(left) || self.gives_body(right),
                SetOperator::Except | SetOperator::Minus => self.gives_body(left),
            },
            _ => false,
        }
    }

    fn gives_joined(&self, from: &TableWithJoins) -> bool {
        from.joins.iter().fold(self.gives_factor(&from.relation), |left, join| {
            let right = self.gives_factor(&join.relation);
            match &join.join_operator {
                JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::CrossJoin(_)
                | JoinOperator::StraightJoin(_)
                | JoinOperator::CrossApply => left || right,
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => right,
                JoinOperator::FullOuter(_) => left && right,
                _ => left,
            }
        })
    }

    fn gives_factor(&self, factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.names.contains(&in_full(name)),
            TableFactor::Derived { subquery, .. } => self.gives(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => self.gives_joined(table_with_joins),
            _ => false,
        }
    }
}

fn in_full(name: &ObjectName) -> String {
    name.0.iter().map(normalized).collect::<Vec<_>>().join(".")
}

/// Finds what looks at several new rows at once: a group, a window, a limit, a query in a query, a second reading of them.
struct Together {
    others: OtherRows,
    /// The tables that have new rows.
    names: Vec<String>,
    /// How often they were read so far.
    read: usize,
}

impl Visitor for Together {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let is_of_sets = matches!(query.body.as_ref(), SetExpr::SetOperation { .. });
        // A named part may be read twice.
        broken_if(query.with.is_some() || query.limit_clause.is_some() || query.fetch.is_some() || is_of_sets)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
        broken_if(is_grouped || select.distinct.is_some() || select.top.is_some())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor
            && self.names.contains(&in_full(name))
        {
            self.read += 1;
        }
        broken_if(self.read > 1)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.others.pre_visit_expr(expr)
    }
}

/// Finds a query that is a value and reads a table with new rows, or a named part that reads one.
struct Values {
    names: Vec<String>,
}

impl Visitor for Values {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for part in query.with.iter().flat_map(|with| &with.cte_tables) {
            if reads(&part.query, &self.names) {
                self.names.push(known_as(&part.alias.name));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Subquery(query) => broken_if(reads(query, &self.names)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a query reads one of these tables and named parts.
fn reads(query: &Query, names: &[String]) -> bool {
    visit_relations(query, |name| broken_if(names.contains(&in_full(name)))).is_break()
}

fn broken_if(is_so: bool) -> ControlFlow<()> {
    if is_so { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Growth, selects: &[&str]) {
        for sql in selects {
            assert_eq!(growth(sql, &["s.t"]), expected, "{sql}");
        }
    }

    #[test]
    fn rows_that_come_of_other_tables_alone_come_again() {
        check(
            Growth::Repeated,
            &[
                "select id from s.u",
                "select id from s.t union all select id from s.u",
                "select id from s.t union select id from s.u",
                "select t.id from s.t t right join s.u u on u.id = t.id",
                "select t.id from s.t t full join s.u u on u.id = t.id",
                "select u.id from s.u u left join s.t t on u.id = t.id",
                "select u.id, count(t.id) as n from s.u u left join s.t t on u.id = t.id group by 1",
                "select u.id, (select count(*) from s.t) as n from s.u u",
                "select id from s.u where id not in (select id from s.t)",
                "select id from s.u except select id from s.t",
                "with x as (select id from s.u) select x.id from x left join s.t on true",
                "with recursive x as (select id from s.t union all select u.id from x join s.u u on u.parent = x.id) select id from x",
                "select id, v / (select sum(v) from s.t) as share from s.t",
                "select id from s.t where v = (select max(v) from s.t)",
                "with x as (select v from s.t) select id, (select max(v) from x) as most from s.t",
                "with x as (select v from s.t), y as (select v from x) select id, (select max(v) from y) as most from s.t",
                "no SQL",
            ],
        );
    }

    #[test]
    fn rows_that_come_of_one_new_row_each_may_come_in_any_parts() {
        check(
            Growth::ByRow,
            &[
                "select id, upper(a) as a from s.t where id > 1",
                "select t.id, u.v from s.t t left join s.u u on u.id = t.id",
                "select u.id from s.u u right join (select * from s.t) t on u.id = t.id",
                "select t.id, u.id as other from s.u u, s.t t",
                "select t.id from (s.t t join s.u u on u.id = t.id) cross join s.w",
            ],
        );
    }

    #[test]
    fn groups_are_of_rows_that_are_seen_together() {
        check(
            Growth::ByPart,
            &[
                "select count(*) as n from s.t",
                "select day, sum(v) as v from s.t group by 1",
                "select distinct day from S.T",
                "select id, row_number() over (order by id) as place from s.t",
                "select id from s.t order by v limit 3",
                "select a.id from s.t a join s.t b on a.id = b.parent",
                "with x as (select id from s.t) select x.id from x join x as y on x.id = y.id",
                "select id, (select count(*) from s.u) as n from s.t",
                "select id, (select max(v) from s.u u where u.id = t.id) as most from s.t t",
                "with x as (select id, v from s.u) select id, (select max(v) from x where x.id = t.id) as most from s.t t",
                "select id from s.t except select id from s.u",
                "select id from s.t union all select parent from s.t",
            ],
        );
    }
}
