//! SELECTs.

use datafusion::sql::sqlparser::ast::{
    Cte, Distinct, Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, SetOperator, SetQuantifier, WildcardAdditionalOptions, With,
};

use super::expression::Expressions;
use super::relation::{Named, Relations};
use super::{Guard, Refused, Result, Written, refused};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// What a column is called that has no name; nothing can ask for it.
const UNNAMED: &str = "?";

/// A SELECT in words of PostgreSQL.
#[derive(Clone, Debug)]
pub(in super::super) struct Selected {
    /// The SELECT.
    pub sql: String,
    /// Its columns.
    pub columns: Vec<Named>,
}

/// The rows that names of columns belong to.
#[derive(Debug, Default)]
pub(in super::super) struct Scope<'a> {
    pub(super) tables: Vec<(String, Vec<Named>)>,
    /// Columns that a join by their name has made one with another: with the name of their table alone they are meant.
    pub(super) merged: Vec<(String, String)>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    /// The rows of one relation, called `name`.
    pub(in super::super) fn of(name: &str, columns: &[Named]) -> Self {
        Self { tables: vec![(name.to_owned(), columns.to_vec())], merged: vec![], outer: None }
    }

    /// Whether names may belong to the rows of a query around it.
    pub(super) fn is_inside(&self) -> bool {
        self.outer.is_some_and(|outer| !outer.tables.is_empty() || outer.is_inside())
    }

    /// The column that a name means.
    pub(super) fn column(&self, table: Option<&str>, name: &str) -> Result<(String, Named)> {
        let of_table = self.tables.iter().filter(|(own, _)| table.is_none_or(|table| table == own));
        let mut found =
            of_table.flat_map(|(own, columns)| columns.iter().filter(|column| column.name == name).map(move |column| (own, column)));
        let is_meant = |own: &str| table.is_some() || !self.merged.iter().any(|(of, merged)| of == own && merged == name);
        let mut found = found.by_ref().filter(|(own, _)| is_meant(own));
        match (found.next(), found.next(), self.outer) {
            (Some((own, column)), None, _) => Ok((own.clone(), column.clone())),
            (None, _, Some(outer)) => outer.column(table, name),
            _ => refused(format_args!("`{name}` is no column, or several")),
        }
    }

    fn all(&self, table: Option<&str>) -> Vec<(String, Named)> {
        let of_table = self.tables.iter().filter(|(own, _)| table.is_none_or(|table| table == own));
        of_table.flat_map(|(own, columns)| columns.iter().map(move |column| (own.clone(), column.clone()))).collect()
    }
}

impl Selected {
    /// Whether every column has a name of its own.
    pub(in super::super) fn is_named(&self) -> bool {
        let names: std::collections::BTreeSet<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.len() == self.columns.len() && !names.contains(UNNAMED)
    }
}

impl Relations<'_> {
    /// A query in words of PostgreSQL. What its answer depends on is added to `guards`, each as a query that finds a row where it does not
    /// hold.
    pub(in super::super) fn selected(&self, query: &Query, outer: Option<&Scope<'_>>, guards: &mut Vec<Guard>) -> Result<Selected> {
        let is_plain = query.limit_clause.is_none() && query.fetch.is_none() && query.locks.is_empty();
        if !is_plain || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return refused("a query with `limit`, or with more than a SELECT");
        }
        let mut selected = match &query.with {
            Some(with) => self.with(with, guards)?.body(&query.body, outer, guards)?,
            None => self.body(&query.body, outer, guards)?,
        };
        if let Some(order) = &query.order_by {
            selected.sql = format!("{} order by {}", selected.sql, Self::order(order, &selected)?);
        }
        Ok(selected)
    }

    /// The same names, and those that a WITH gives to queries.
    fn with(&self, with: &With, guards: &mut Vec<Guard>) -> Result<Self> {
        let mut relations = self.clone();
        for Cte { alias, query, .. } in &with.cte_tables {
            if with.recursive || !alias.columns.is_empty() {
                return refused("a WITH of this form").map_err(|refused| refused.within(alias));
            }
            let selected = relations.selected(query, None, guards)?;
            relations.given.push((ident(&alias.name), selected));
        }
        Ok(relations)
    }

    fn body(&self, body: &SetExpr, outer: Option<&Scope<'_>>, guards: &mut Vec<Guard>) -> Result<Selected> {
        match body {
            SetExpr::Select(select) => self.select(select, outer, guards),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let word = both(*op, *set_quantifier)?;
                let (left, right) = (self.body(left, outer, guards)?, self.body(right, outer, guards)?);
                let kinds = |side: &Selected| side.columns.iter().map(|column| column.wire.clone()).collect::<Vec<_>>();
                if kinds(&left) != kinds(&right) {
                    return refused(format_args!("`{word}` of several types"));
                }
                let compares = word != "union all";
                if compares && kinds(&left).iter().any(|wire| matches!(wire, Wire::Float4 | Wire::Float8 | Wire::List(_))) {
                    return refused(format_args!("`{word}` of floats or lists"));
                }
                Ok(Selected { sql: format!("({}) {word} ({})", left.sql, right.sql), columns: left.columns })
            }
            SetExpr::Query(query) => self.selected(query, outer, guards),
            _ => refused("a query that is no SELECT"),
        }
    }

    fn select(&self, select: &Select, outer: Option<&Scope<'_>>, guards: &mut Vec<Guard>) -> Result<Selected> {
        only_known_clauses(select)?;
        let (from, scope) = self.from(select, outer, guards)?;
        let mut own = Expressions::new(self, &scope);
        let rows = select.selection.as_ref().map(|condition| own.filter(condition)).transpose()?;
        let of_all_rows = std::mem::take(&mut own.guards);
        let groups = groups(select, &mut own)?;
        let having = select.having.as_ref().map(|condition| own.truth(condition)).transpose()?;
        let columns = items(select, &scope, &mut own)?;
        let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
        for (_, written) in columns.iter().filter(|_| is_distinct) {
            own.groupable(written)?;
        }
        let clause = |word: &str, sql: Option<String>| sql.map(|sql| format!(" {word} {sql}")).unwrap_or_default();
        let rows = clause("where", rows.map(|rows| rows.sql));
        let groups = clause("group by", (!groups.is_empty()).then(|| groups.join(", ")));
        let read = |rows, groups| from.as_deref().map(|from| Read { from, rows, groups });
        guards.extend(alone(of_all_rows, read("", "").as_ref(), &scope)?);
        guards.extend(alone(own.guards, read(&rows, &groups).as_ref(), &scope)?);
        let list: Vec<String> = columns.iter().map(|(name, written)| format!("{} as {}", written.sql, quoted(name))).collect();
        let sql = format!(
            "select {}{}{}{}{}{}",
            if is_distinct { "distinct " } else { "" },
            list.join(", "),
            clause("from", from),
            rows,
            groups,
            clause("having", having.map(|having| having.sql)),
        );
        Ok(Selected { sql, columns: columns.into_iter().map(|(name, written)| Named { name, wire: written.wire }).collect() })
    }

    /// The order of the rows: by columns of the result, which both sides order in the same way, nulls last.
    fn order(order: &OrderBy, selected: &Selected) -> Result<String> {
        let (OrderByKind::Expressions(by), None) = (&order.kind, &order.interpolate) else { return refused("this order") };
        let terms = by.iter().map(|term| {
            let name = match &term.expr {
                Expr::Identifier(name) => ident(name),
                Expr::CompoundIdentifier(parts) => parts.last().map(ident).unwrap_or_default(),
                _ => return refused("an order by an expression"),
            };
            let column = selected.columns.iter().find(|column| column.name == name);
            match column.map(|column| &column.wire) {
                None | Some(Wire::Float4 | Wire::Float8 | Wire::List(_)) => return refused("an order by what is not shown, or by floats"),
                Some(_) if term.options.nulls_first.is_some() || term.with_fill.is_some() => return refused("an order of nulls"),
                Some(_) => {}
            }
            Ok(format!("{}{}", quoted(&name), if term.options.asc == Some(false) { " desc" } else { "" }))
        });
        Ok(terms.collect::<Result<Vec<_>>>()?.join(", "))
    }
}

/// The words for the rows of two queries together.
fn both(operator: SetOperator, quantifier: SetQuantifier) -> Result<&'static str> {
    match (operator, quantifier) {
        (SetOperator::Union, SetQuantifier::All) => Ok("union all"),
        (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => Ok("union"),
        (SetOperator::Except, SetQuantifier::None | SetQuantifier::Distinct) => Ok("except"),
        (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => Ok("intersect"),
        _ => refused(format_args!("`{operator} {quantifier}`")),
    }
}

fn only_known_clauses(select: &Select) -> Result<()> {
    let is_known = select.top.is_none()
        && select.into.is_none()
        && select.exclude.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
        && !matches!(select.distinct, Some(Distinct::On(_)));
    if is_known { Ok(()) } else { refused("a clause of a SELECT") }
}

/// What expressions of a SELECT are about: what it reads, which rows of that, and in which groups; these as clauses, or nothing.
struct Read<'a> {
    from: &'a str,
    rows: &'a str,
    groups: &'a str,
}

/// The conditions of a SELECT, each as one that is complete by itself.
fn alone(guards: Vec<Guard>, read: Option<&Read<'_>>, scope: &Scope<'_>) -> Result<Vec<Guard>> {
    let alone = |guard: Guard| match (guard, read) {
        (Guard::Row(condition), Some(Read { from, rows, .. })) if !scope.is_inside() => {
            let word = if rows.is_empty() { "where" } else { "and" };
            Ok(Guard::Alone(format!("exists (select from {from}{rows} {word} {condition})")))
        }
        (Guard::Rows(condition), Some(Read { from, rows, groups })) if !scope.is_inside() && !condition.contains(" over (") => {
            Ok(Guard::Alone(format!("exists (select from {from}{rows}{groups} having {condition})")))
        }
        (Guard::Tied(by), Some(Read { from, rows, groups: "" })) if !scope.is_inside() => {
            Ok(Guard::Alone(format!("exists (select from {from}{rows} group by {by} having count(*) > 1)")))
        }
        (guard @ Guard::Alone(_), _) => Ok(guard),
        _ => refused("a condition on rows of a query around it"),
    };
    guards.into_iter().map(alone).collect()
}

fn groups(select: &Select, own: &mut Expressions<'_>) -> Result<Vec<String>> {
    let GroupByExpr::Expressions(by, modifiers) = &select.group_by else { return refused("`group by all`") };
    if !modifiers.is_empty() {
        return refused("`group by` with more than columns");
    }
    let scope = own.scope;
    let grouped = by.iter().map(|expression| {
        let written = own.write(grouped(select, expression, scope))?;
        own.groupable(&written)?;
        if written.is_of_row() { Ok(written.sql) } else { refused("groups by several rows").map_err(|refused| refused.within(expression)) }
    });
    grouped.collect()
}

/// What a term of a GROUP BY means: a column of the rows before a column of the result, which may also be told by its number.
fn grouped<'s>(select: &'s Select, term: &'s Expr, scope: &Scope<'_>) -> &'s Expr {
    let shown = match term {
        Expr::Identifier(name) if scope.column(None, &ident(name)).is_err() => select.projection.iter().find(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => ident(alias) == ident(name),
            _ => false,
        }),
        Expr::Value(value) => value.to_string().parse::<usize>().ok().and_then(|at| select.projection.get(at.checked_sub(1)?)),
        _ => None,
    };
    match shown {
        Some(SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. }) => expression,
        _ => term,
    }
}

fn items(select: &Select, scope: &Scope<'_>, own: &mut Expressions<'_>) -> Result<Vec<(String, Written)>> {
    let mut columns = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expression) => columns.push((name_of(expression), own.write(expression)?)),
            SelectItem::ExprWithAlias { expr, alias } => columns.push((ident(alias), own.write(expr)?)),
            SelectItem::Wildcard(_) if !scope.merged.is_empty() => return refused("`*` over a join with `using`; name the columns"),
            SelectItem::Wildcard(options) => columns.extend(all(scope, None, options)?),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options) => {
                columns.extend(all(scope, name_parts(table)?.last().map(String::as_str), options)?);
            }
            _ => return refused("a column of this form"),
        }
    }
    Ok(columns)
}

fn all(scope: &Scope<'_>, table: Option<&str>, options: &WildcardAdditionalOptions) -> Result<Vec<(String, Written)>> {
    let is_plain = options.opt_ilike.is_none() && options.opt_exclude.is_none() && options.opt_except.is_none();
    if !is_plain || options.opt_replace.is_some() || options.opt_rename.is_some() || options.opt_alias.is_some() {
        return refused("`*` with more than that");
    }
    let written = |(table, column): (String, Named)| {
        let sql = format!("{}.{}", quoted(&table), quoted(&column.name));
        (column.name, Written::new(sql, column.wire, super::Nature::Row))
    };
    Ok(scope.all(table).into_iter().map(written).collect())
}

fn name_of(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(name) => ident(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(ident).unwrap_or_default(),
        _ => UNNAMED.to_owned(),
    }
}

/// A name as the engine understands it: in lower case where it has no quotes.
pub(super) fn ident(name: &Ident) -> String {
    if name.quote_style.is_none() { name.value.to_lowercase() } else { name.value.clone() }
}

pub(super) fn name_parts(name: &ObjectName) -> Result<Vec<String>> {
    let parts = name.0.iter().map(|part| part.as_ident().map(ident).ok_or_else(|| Refused::new("a name of this form")));
    parts.collect()
}
