//! Columns that a join with `using` merges: they have the value of the side that has a row. The engine takes them from the first table, which a right or a
//! full join leaves empty, and for `*` from the table whose name comes first in the alphabet: `select * from orders left join customers using (customer)`
//! would lose the customers that are in no list. So their names give way to what they stand for.
//!
//! The engine joins by the column of the first table as well, also where a join before has merged it. So a join over a column that is merged already states
//! its condition, and `*` gives way to the columns that it consists of.

mod all;

use std::iter::once;
use std::mem::take;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Join, JoinConstraint,
    JoinOperator, ObjectName, ObjectNamePart, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};

use self::all::all;
use crate::sql::known_as;

/// Has every merged column stand for the value that it has, or says why the text does not tell it.
pub(crate) fn stand_for_values<V: VisitMut>(sql: &mut V) -> ControlFlow<Unclear> {
    VisitMut::visit(sql, &mut Merging)
}

/// Why the text does not tell what merged columns stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// A side of a join has no name, or the columns have none.
    Names,
    /// A join in parentheses merges them.
    Parentheses,
    /// A join over a column that is merged already, and over another of which only the tables themselves tell whose it is.
    Again,
    /// `*` with options, or over tables without names.
    All,
}

impl Unclear {
    /// What is said of it.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Names => "the columns that this join merges are not known by name",
            Self::Parentheses => "the columns that a join in parentheses merges have no one value behind it",
            Self::Again => "this join merges a column that a join before has merged already",
            Self::All => "`*` does not tell its columns behind these joins, which merge some",
        }
    }

    /// How to write it.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Names => "write `using (…)` with their names, and give both sides of the join a name with `as`",
            Self::Parentheses => "write the joins without parentheses, or as a query with a name, `(select … from …) as name`",
            Self::Again => "give each table a name with `as` and write `on`, such as `on coalesce(a.id, b.id) = c.id`",
            Self::All => "write the names of the columns, and give each table a name with `as`",
        }
    }
}

/// Whether a SELECT asks for merged columns of which its text does not tell what they stand for.
fn unclear(select: &Select) -> Option<Unclear> {
    let has_all = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    let is_nameless = |join: &Join| match taken_from(&join.join_operator) {
        Some((Side::Either, _)) | None => false,
        Some((Side::Left, constraint)) => has_all && matches!(constraint, JoinConstraint::Natural),
        Some((Side::Right | Side::Both, constraint)) => match constraint {
            JoinConstraint::Natural => true,
            JoinConstraint::Using(_) => name_of(&join.relation).is_none(),
            JoinConstraint::On(_) | JoinConstraint::None => false,
        },
    };
    let least = if has_all { Side::Left } else { Side::Right };
    if select.from.iter().flat_map(tables).filter_map(side_within).any(|side| side >= least) {
        return Some(Unclear::Parentheses);
    }
    select.from.iter().flat_map(|from| &from.joins).any(is_nameless).then_some(Unclear::Names)
}

fn tables(from: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
}

/// The side that the joins of a table in parentheses take merged columns from; of several the one that leaves most to the other.
fn side_within(table: &TableFactor) -> Option<Side> {
    let TableFactor::NestedJoin { table_with_joins: inside, .. } = table else { return None };
    let own = inside.joins.iter().filter_map(|join| match taken_from(&join.join_operator)? {
        (side, JoinConstraint::Using(_) | JoinConstraint::Natural) => Some(side),
        _ => None,
    });
    own.max().max(tables(inside).filter_map(side_within).max())
}

/// Takes the parentheses off joins that are the first of their chain anyway.
fn unfold(select: &mut Select) {
    for from in &mut select.from {
        while let TableFactor::NestedJoin { table_with_joins, alias: None } = &from.relation {
            let inside = TableWithJoins::clone(table_with_joins);
            from.relation = inside.relation;
            from.joins = inside.joins.into_iter().chain(take(&mut from.joins)).collect();
        }
    }
}

/// The side of a join that has a value where the other one may have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Either,
    Left,
    Right,
    Both,
}

/// A column that joins merge, and what it stands for.
#[derive(Clone)]
struct Merged {
    name: Ident,
    value: Expr,
    /// Whether the value names the tables of all of its columns.
    names_tables: bool,
    side: Side,
    /// Which table has the column for `*`; `None` where only the tables tell.
    place: Option<usize>,
    /// Whether several joins merge it.
    is_repeated: bool,
}

impl Merged {
    /// The column behind one more join.
    fn joined(self, side: Side, table: Option<&[Ident]>) -> Result<Self, Unclear> {
        let right = table.map(|table| column_of(table, &self.name));
        let (value, names_tables) = match (side, right) {
            (Side::Either | Side::Left, _) => (self.value, self.names_tables),
            (Side::Right, Some(right)) => (right, true),
            (Side::Both, Some(right)) => (first_of(self.value, right), self.names_tables),
            (Side::Right | Side::Both, None) => return Err(Unclear::Names),
        };
        Ok(Self { value, names_tables, side: self.side.max(side), ..self })
    }

    /// Whether it may have a value where the first table has none.
    fn differs_from_first(&self) -> bool {
        self.side >= Side::Right
    }
}

/// A table of a chain, and its columns that another one has for `*`.
struct Joined {
    name: Option<Vec<Ident>>,
    hidden: Vec<String>,
}

/// One table of FROM with those that are joined to it.
struct Chain {
    tables: Vec<Joined>,
    columns: Vec<Merged>,
    /// The joins that state their condition, by their places.
    conditions: Vec<(usize, Expr)>,
    /// Whether the text tells what `*` consists of.
    is_told: bool,
}

impl Chain {
    fn of(from: &TableWithJoins) -> Result<Self, Unclear> {
        let first = Joined { name: name_of(&from.relation), hidden: vec![] };
        let mut chain = Self { tables: vec![first], columns: vec![], conditions: vec![], is_told: true };
        for (at, join) in from.joins.iter().enumerate() {
            chain.add(at, join)?;
        }
        Ok(chain)
    }

    fn add(&mut self, at: usize, join: &Join) -> Result<(), Unclear> {
        let differ = self.columns.iter().any(Merged::differs_from_first);
        if let Some((keeps, constraint)) = filter(&join.join_operator) {
            self.is_told &= keeps == Side::Left;
            let is_merging = matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural);
            return if differ && is_merging { Err(Unclear::Again) } else { Ok(()) };
        }
        let mut table = Joined { name: name_of(&join.relation), hidden: vec![] };
        match taken_from(&join.join_operator) {
            Some((_, JoinConstraint::Natural)) if differ => return Err(Unclear::Names),
            Some((_, JoinConstraint::Natural)) => self.is_told = false,
            Some((side, JoinConstraint::Using(keys))) => {
                let keys: Vec<&Ident> = keys.iter().filter_map(|key| key.0.last().and_then(ObjectNamePart::as_ident)).collect();
                table.hidden = keys.iter().map(|key| known_as(key)).collect();
                self.merge(at, &keys, table.name.as_deref(), side)?;
            }
            _ => {}
        }
        self.tables.push(table);
        Ok(())
    }

    fn merge(&mut self, at: usize, keys: &[&Ident], table: Option<&[Ident]>, side: Side) -> Result<(), Unclear> {
        let before: Vec<Merged> = keys.iter().map(|key| self.before(key)).collect();
        if before.iter().any(|column| column.is_repeated) {
            match table.filter(|_| before.iter().all(|column| column.names_tables)) {
                Some(table) => {
                    let sides = before.iter().zip(keys).map(|(column, key)| (column.value.clone(), column_of(table, key)));
                    let equal = sides.map(|(left, right)| binary(left, BinaryOperator::Eq, right));
                    let condition = equal.reduce(|all, next| binary(all, BinaryOperator::And, next));
                    self.conditions.extend(condition.map(|condition| (at, condition)));
                }
                None if before.iter().any(Merged::differs_from_first) => return Err(Unclear::Again),
                None => {}
            }
        }
        for column in before {
            let name = known_as(&column.name);
            self.columns.retain(|known| known_as(&known.name) != name);
            let column = column.joined(side, table)?;
            self.is_told &= column.place.is_some() || !column.differs_from_first();
            self.columns.push(column);
        }
        Ok(())
    }

    /// A column of the tables so far that is about to be merged.
    fn before(&self, name: &Ident) -> Merged {
        if let Some(column) = find(name, &self.columns) {
            return Merged { is_repeated: true, ..column.clone() };
        }
        // Of several tables on the left the engine finds the one that has the column.
        let only = if let [only] = &self.tables[..] { Some(only) } else { None };
        let column = only.and_then(|only| only.name.as_deref()).map(|table| column_of(table, name));
        let (names_tables, place) = (column.is_some(), only.map(|_| 0));
        let value = column.unwrap_or_else(|| Expr::Identifier(name.clone()));
        Merged { name: name.clone(), value, names_tables, side: Side::Either, place, is_repeated: false }
    }
}

fn chains(select: &Select) -> Result<Vec<Chain>, Unclear> {
    select.from.iter().map(Chain::of).collect()
}

/// The columns that joins merge. What two chains have by one name is neither's.
fn merged(chains: &[Chain]) -> Vec<Merged> {
    let all = || chains.iter().flat_map(|chain| &chain.columns);
    let is_only = |column: &&Merged| all().filter(|other| known_as(&other.name) == known_as(&column.name)).count() == 1;
    all().filter(is_only).cloned().collect()
}

struct Merging;

impl VisitorMut for Merging {
    type Break = Unclear;

    /// A key of ORDER BY that is the name of a column of the result stays that.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Unclear> {
        let SetExpr::Select(select) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        unfold(select);
        let select: &Select = select;
        let Some(order) = &mut query.order_by else { return ControlFlow::Continue(()) };
        let OrderByKind::Expressions(keys) = &mut order.kind else { return ControlFlow::Continue(()) };
        let merged = match chains(select) {
            Ok(chains) => merged(&chains),
            Err(unclear) => return ControlFlow::Break(unclear),
        };
        for key in keys {
            if !is_of_result(&key.expr, select) {
                spell_out(&mut key.expr, &merged);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Unclear> {
        unfold(select);
        match with_values(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(unclear) => ControlFlow::Break(unclear),
        }
    }
}

/// Has the merged columns of a SELECT stand for their values.
fn with_values(select: &mut Select) -> Result<(), Unclear> {
    if let Some(unclear) = unclear(select) {
        return Err(unclear);
    }
    let chains = chains(select)?;
    let merged = merged(&chains);
    if chains.iter().all(|chain| chain.columns.is_empty()) {
        return Ok(());
    }
    for item in take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(options) => select.projection.extend(all(options, &chains)?),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => select.projection.push(match unlike_the_first(&name, &merged) {
                Some(expr) => SelectItem::ExprWithAlias { expr, alias: name },
                None => SelectItem::UnnamedExpr(Expr::Identifier(name)),
            }),
            mut other => {
                spell_out(&mut other, &merged);
                select.projection.push(other);
            }
        }
    }
    spell_out(&mut select.distinct, &merged);
    spell_out(&mut select.selection, &merged);
    spell_out(&mut select.group_by, &merged);
    spell_out(&mut select.having, &merged);
    spell_out(&mut select.named_window, &merged);
    spell_out(&mut select.qualify, &merged);
    for (from, chain) in select.from.iter_mut().zip(chains) {
        for (at, condition) in chain.conditions {
            if let Some(join) = from.joins.get_mut(at) {
                join_on(&mut join.join_operator, condition);
            }
        }
    }
    Ok(())
}

/// Where a join takes merged columns from, and what it joins by; `None` for those that merge none.
fn taken_from(operator: &JoinOperator) -> Option<(Side, &JoinConstraint)> {
    match operator {
        JoinOperator::Join(by) | JoinOperator::Inner(by) => Some((Side::Either, by)),
        JoinOperator::Left(by) | JoinOperator::LeftOuter(by) => Some((Side::Left, by)),
        JoinOperator::Right(by) | JoinOperator::RightOuter(by) => Some((Side::Right, by)),
        JoinOperator::FullOuter(by) => Some((Side::Both, by)),
        _ => None,
    }
}

fn join_on(operator: &mut JoinOperator, condition: Expr) {
    match operator {
        JoinOperator::Join(by)
        | JoinOperator::Inner(by)
        | JoinOperator::Left(by)
        | JoinOperator::LeftOuter(by)
        | JoinOperator::Right(by)
        | JoinOperator::RightOuter(by)
        | JoinOperator::FullOuter(by) => *by = JoinConstraint::On(condition),
        _ => {}
    }
}

/// The side whose rows a join keeps or leaves out as they are, and what it joins by; `None` for those that have the columns of both.
fn filter(operator: &JoinOperator) -> Option<(Side, &JoinConstraint)> {
    use JoinOperator::{Anti, LeftAnti, LeftSemi, RightAnti, RightSemi, Semi};
    match operator {
        Semi(by) | LeftSemi(by) | Anti(by) | LeftAnti(by) => Some((Side::Left, by)),
        RightSemi(by) | RightAnti(by) => Some((Side::Right, by)),
        _ => None,
    }
}

/// The name by which a SELECT knows a table, in its parts.
fn name_of(table: &TableFactor) -> Option<Vec<Ident>> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => Some(vec![alias.name.clone()]),
        TableFactor::Table { name, args: None, .. } => name.0.iter().map(|part| part.as_ident().map(as_name)).collect(),
        _ => None,
    }
}

/// A part of a name as the name of a column may hold it: files stand in single quotes where they are read.
fn as_name(part: &Ident) -> Ident {
    if part.quote_style == Some('\'') { Ident::with_quote('"', part.value.clone()) } else { part.clone() }
}

fn column_of(table: &[Ident], name: &Ident) -> Expr {
    Expr::CompoundIdentifier(table.iter().chain([name]).cloned().collect())
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// The one that is not null.
fn first_of(left: Expr, right: Expr) -> Expr {
    let args = [left, right].map(|side| FunctionArg::Unnamed(FunctionArgExpr::Expr(side))).into();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

fn find<'a>(name: &Ident, merged: &'a [Merged]) -> Option<&'a Merged> {
    let name = known_as(name);
    merged.iter().find(|column| known_as(&column.name) == name)
}

/// What a column of the result stands for, where the engine would not find it or take the one of the first table for it.
fn unlike_the_first(name: &Ident, merged: &[Merged]) -> Option<Expr> {
    let column = find(name, merged)?;
    (column.differs_from_first() || column.is_repeated && column.names_tables).then(|| column.value.clone())
}

/// Whether a key is the name of a column that the SELECT returns.
fn is_of_result(key: &Expr, select: &Select) -> bool {
    let Expr::Identifier(key) = key else { return false };
    let key = known_as(key);
    select.projection.iter().any(|item| match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::ExprWithAlias { alias: name, .. } | SelectItem::UnnamedExpr(Expr::Identifier(name)) => known_as(name) == key,
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().is_some_and(|name| known_as(name) == key),
        _ => false,
    })
}

/// Puts what merged columns stand for in the place of their names.
fn spell_out<V: VisitMut>(part: &mut V, merged: &[Merged]) {
    let _ = VisitMut::visit(part, &mut Names { merged, queries_around: 0 });
}

/// Names outside of subqueries, which may have columns of the same names.
struct Names<'a> {
    merged: &'a [Merged],
    queries_around: usize,
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries_around += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries_around = self.queries_around.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.queries_around == 0
            && let Expr::Identifier(name) = expr
            && let Some(column) = find(name, self.merged)
        {
            *expr = column.value.clone();
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    /// Tables that each have a row the other one has not; the right one is the first in the alphabet.
    #[track_caller]
    fn of_both(sql: &str, expected: &str) {
        let (z, a) = ("select * from (values (1, 'x'), (2, 'y')) as v(k, l)", "select * from (values (1, 'p'), (3, 'q')) as v(k, r)");
        check(&format!("with z as ({z}), a as ({a}) {sql}"), expected);
    }

    #[test]
    fn a_merged_column_has_the_value_of_the_side_that_has_a_row() {
        of_both("select k from z full join a using (k) order by k", "1, 2, 3");
        of_both("select k from z right join a using (k) order by k", "1, 3");
        of_both("select k from z left join a using (k) order by k", "1, 2");
        of_both("select max(k) from z full join a using (k) group by k order by k", "1, 2, 3");
        of_both("select count(*) from z full join a using (k) group by k having k > 1", "1, 1");
        of_both("select k + 10 from z right join a using (k) where k = 3", "13");
        of_both("select r from z full join a using (k) order by -k", "q, null, p");
        of_both("select z.k from z full join a using (k) where k = 3", "null");
        of_both("select k from z join a using (k) where k < 9", "1");
    }

    #[test]
    fn all_columns_hold_merged_ones_with_their_values() {
        of_both("select k from (select * from z left join a using (k)) as j order by k", "1, 2");
        of_both("select k from (select * from z right join a using (k)) as j order by k", "1, 3");
        of_both("select k from (select * from z full join a using (k)) as j order by k", "1, 2, 3");
        of_both("select k from (select * from a full join z using (k)) as j order by k", "1, 2, 3");
        let several = "(select * from z left join a using (k) left join (values ('p', 5)) as b(r, s) using (r)) as j";
        of_both(&format!("select r from {several} order by k"), "p, null");
    }

    #[test]
    fn what_is_merged_without_names_is_refused() {
        let refused = "the columns that this join merges are not known by name";
        of_both("select k from z natural full join a", refused);
        of_both("select * from z natural left join a", refused);
        of_both("select k from z right join (select * from a) using (k)", refused);
        of_both("select k from z natural left join a order by k", "1, 2");
        let refused = "the columns that a join in parentheses merges have no one value behind it";
        of_both("select l from z join (a full join a as b using (k)) on z.k = a.k", refused);
        let refused = "this join merges a column that a join before has merged already";
        of_both("select k from z full join a using (k) join (select * from a) using (k)", refused);
        of_both("select k from z full join a using (k) join (values (1, 'p')) as b(k, r) using (k, r)", refused);
        of_both("select l from z full join a using (k) left semi join a as b using (k)", refused);
        let refused = "`*` does not tell its columns behind these joins";
        of_both("select * exclude (k, l) from z full join a using (k)", refused);
        of_both("select * replace (9 as l) from z full join a using (k) join a as b using (k)", refused);
    }

    /// Tables that have one row in common with the next one each.
    #[track_caller]
    fn of_three(sql: &str, expected: &str) {
        let l = "l as (select * from (values (1, 'l1'), (2, 'l2')) as v(k, x))";
        let r = "r as (select * from (values (2, 'r2'), (3, 'r3')) as v(k, y))";
        let s = "s as (select * from (values (3, 's3'), (4, 's4')) as v(k, z))";
        check(&format!("with {l}, {r}, {s} {sql}"), expected);
    }

    #[test]
    fn a_column_that_is_merged_again_is_joined_by_its_value() {
        let row = "select concat_ws(' ', k, x, y, z)";
        of_three(&format!("{row} from l full join r using (k) join s using (k)"), "3 r3 s3");
        of_three(&format!("{row} from l full join r using (k) left join s using (k) order by k"), "1 l1, 2 l2 r2, 3 r3 s3");
        of_three(&format!("{row} from l full join r using (k) right join s using (k) order by k"), "3 r3 s3, 4 s4");
        of_three(&format!("{row} from l full join r using (k) full join s using (k) order by k"), "1 l1, 2 l2 r2, 3 r3 s3, 4 s4");
        of_three(&format!("{row} from l right join r using (k) join s using (k)"), "3 r3 s3");
        of_three(&format!("{row} from l right join r using (k) left join s using (k) order by k"), "2 l2 r2, 3 r3 s3");
        of_three(&format!("{row} from l left join r using (k) right join s using (k) order by k"), "3 s3, 4 s4");
        of_three("select k from l join r using (k) join r as s using (k)", "2");
        of_three("select count(*) from l join r using (k) join r as s using (k) where k = 2 group by k", "1");
        of_three(&format!("{row} from (l full join r using (k)) join s using (k)"), "3 r3 s3");
    }

    #[test]
    fn all_columns_hold_what_is_merged_again_once() {
        let all = "select * from l full join r using (k) left join s using (k) where k > 1";
        of_three(&format!("{all} order by k"), "2, 3");
        of_three(&format!("select concat_ws(' ', k, x, y, z) from ({all}) as j order by k"), "2 l2 r2, 3 r3 s3");
        of_three("select * exclude (k) from l full join r using (k) order by y", "l2, null, l1");
        of_three("select * exclude (k) from s left join r using (k) order by y", "s3, s4");
    }

    #[test]
    fn a_merged_column_stands_where_the_left_table_has_it() {
        let (z, a) = ("select * from (values (1, 20, 'm')) as v(id, k, m)", "select * from (values (20, 'n')) as v(k, n)");
        let tables = format!("with z as ({z}), a as ({a}), b as ({z}), c as (select 1 as id, 2 as p)");
        check(&format!("{tables} select * from z join a using (k)"), "1");
        check(&format!("{tables} select * from a join z using (k)"), "20");
        check(&format!("{tables} select * from z join a using (k) join c using (id)"), "1");
        check(&format!("{tables} select * exclude (k) from z full join a using (k)"), "1");
        check(&format!("{tables} select * from b join z using (k, id, m) left join a using (k)"), "1");
    }
}
