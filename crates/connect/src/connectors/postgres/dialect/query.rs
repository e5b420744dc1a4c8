//! SELECTs.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, SetOperator, SetQuantifier, TableAlias, TableFactor, Values, WildcardAdditionalOptions,
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
    tables: Vec<(String, Vec<Named>)>,
    outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    /// The rows of one relation, called `name`.
    pub(in super::super) fn of(name: &str, columns: &[Named]) -> Self {
        Self { tables: vec![(name.to_owned(), columns.to_vec())], outer: None }
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
        let is_plain = query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none() && query.locks.is_empty();
        if !is_plain || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return refused("a query with more than a SELECT");
        }
        let mut selected = self.body(&query.body, outer, guards)?;
        if let Some(order) = &query.order_by {
            selected.sql = format!("{} order by {}", selected.sql, Self::order(order, &selected)?);
        }
        Ok(selected)
    }

    fn body(&self, body: &SetExpr, outer: Option<&Scope<'_>>, guards: &mut Vec<Guard>) -> Result<Selected> {
        match body {
            SetExpr::Select(select) => self.select(select, outer, guards),
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier: SetQuantifier::All, right } => {
                let (left, right) = (self.body(left, outer, guards)?, self.body(right, outer, guards)?);
                let kinds = |side: &Selected| side.columns.iter().map(|column| column.wire.clone()).collect::<Vec<_>>();
                if kinds(&left) != kinds(&right) {
                    return refused("a union of several types");
                }
                Ok(Selected { sql: format!("{} union all {}", left.sql, right.sql), columns: left.columns })
            }
            _ => refused("a query that is no SELECT"),
        }
    }

    fn select(&self, select: &Select, outer: Option<&Scope<'_>>, guards: &mut Vec<Guard>) -> Result<Selected> {
        only_known_clauses(select)?;
        let (from, scope) = self.from(select, outer, guards)?;
        let mut own = Expressions::new(self, &scope);
        let rows = select.selection.as_ref().map(|condition| own.truth(condition)).transpose()?;
        let groups = groups(select, &mut own)?;
        let having = select.having.as_ref().map(|condition| own.truth(condition)).transpose()?;
        let columns = items(select, &scope, &mut own)?;
        let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
        for (_, written) in columns.iter().filter(|_| is_distinct) {
            own.groupable(written)?;
        }
        guards.extend(alone(own.guards, from.as_deref(), &scope)?);
        let clause = |word: &str, sql: Option<String>| sql.map(|sql| format!(" {word} {sql}")).unwrap_or_default();
        let list: Vec<String> = columns.iter().map(|(name, written)| format!("{} as {}", written.sql, quoted(name))).collect();
        let sql = format!(
            "select {}{}{}{}{}{}",
            if is_distinct { "distinct " } else { "" },
            list.join(", "),
            clause("from", from),
            clause("where", rows.map(|rows| rows.sql)),
            clause("group by", (!groups.is_empty()).then(|| groups.join(", "))),
            clause("having", having.map(|having| having.sql)),
        );
        Ok(Selected { sql, columns: columns.into_iter().map(|(name, written)| Named { name, wire: written.wire }).collect() })
    }

    fn from<'o>(&self, select: &Select, outer: Option<&'o Scope<'o>>, guards: &mut Vec<Guard>) -> Result<(Option<String>, Scope<'o>)> {
        match &select.from[..] {
            [] => Ok((None, Scope { tables: vec![], outer })),
            [one] if one.joins.is_empty() => {
                let (sql, name, columns) = self.factor(&one.relation, guards)?;
                Ok((Some(sql), Scope { tables: vec![(name, columns)], outer }))
            }
            _ => refused("a join"),
        }
    }

    fn factor(&self, factor: &TableFactor, guards: &mut Vec<Guard>) -> Result<(String, String, Vec<Named>)> {
        let (selected, alias, own) = match factor {
            TableFactor::Table { name, alias, args: None, version: None, sample: None, with_ordinality: false, .. } => {
                let parts = name_parts(name)?;
                (self.rows(&parts.join("."), guards)?, alias.as_ref(), parts.last().cloned().unwrap_or_default())
            }
            TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None } => {
                let selected = match subquery.body.as_ref() {
                    SetExpr::Values(values) => self.values(values, alias)?,
                    _ => self.selected(subquery, None, guards)?,
                };
                (selected, Some(alias), String::new())
            }
            _ => return refused("what is no table"),
        };
        let name = match alias {
            Some(alias) => ident(&alias.name),
            None => own,
        };
        Ok((format!("({}) as {}", selected.sql, quoted(&name)), name, selected.columns))
    }

    /// Rows that the SQL gives itself.
    fn values(&self, values: &Values, alias: &TableAlias) -> Result<Selected> {
        let [column] = &alias.columns[..] else { return refused("values of several columns") };
        let scope = Scope::default();
        let mut own = Expressions::new(self, &scope);
        let written = values.rows.iter().map(|row| match &row[..] {
            [value] => own.write(value),
            _ => refused("values of several columns"),
        });
        let written = written.collect::<Result<Vec<Written>>>()?;
        let wire = written.first().map(|value| value.wire.clone()).ok_or_else(|| Refused("no values".into()))?;
        if written.iter().any(|value| value.wire != wire) {
            return refused("values of several types");
        }
        let name = ident(&column.name);
        let rows: Vec<String> = written.iter().map(|value| format!("({})", value.sql)).collect();
        let sql = format!("select \"column1\" as {} from (values {}) as \"given\"", quoted(&name), rows.join(", "));
        Ok(Selected { sql, columns: vec![Named { name, wire }] })
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

/// The conditions of a SELECT, each as one that is complete by itself.
fn alone(guards: Vec<Guard>, from: Option<&str>, scope: &Scope<'_>) -> Result<Vec<Guard>> {
    let alone = |guard: Guard| match (guard, from) {
        (Guard::Row(condition), Some(from)) if !scope.is_inside() => {
            Ok(Guard::Alone(format!("exists (select from {from} where {condition})")))
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
    let grouped = by.iter().map(|expression| {
        if !matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            return refused("groups by an expression");
        }
        let written = own.write(expression)?;
        own.groupable(&written)?;
        Ok(written.sql)
    });
    grouped.collect()
}

fn items(select: &Select, scope: &Scope<'_>, own: &mut Expressions<'_>) -> Result<Vec<(String, Written)>> {
    let mut columns = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expression) => columns.push((name_of(expression), own.write(expression)?)),
            SelectItem::ExprWithAlias { expr, alias } => columns.push((ident(alias), own.write(expr)?)),
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
    let parts = name.0.iter().map(|part| part.as_ident().map(ident).ok_or_else(|| Refused("a name of this form".into())));
    parts.collect()
}
