//! What a SELECT reads: tables, queries, and joins of them.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Select, SetExpr, TableAlias, TableFactor, TableWithJoins,
    Values,
};

use super::expression::Expressions;
use super::query::{Scope, Selected, ident, name_parts};
use super::relation::{Named, Relations};
use super::{Guard, Refused, Result, Written, refused};
use crate::connectors::postgres::quoted;

impl Relations<'_> {
    /// What a SELECT reads, and the rows that names of columns belong to.
    pub(super) fn from<'o>(
        &self,
        select: &Select,
        outer: Option<&'o Scope<'o>>,
        guards: &mut Vec<Guard>,
    ) -> Result<(Option<String>, Scope<'o>)> {
        let mut scope = Scope { tables: vec![], merged: vec![], outer };
        let mut parts = Vec::new();
        for part in &select.from {
            parts.push(self.joined(part, &mut scope, guards)?);
        }
        Ok(((!parts.is_empty()).then(|| parts.join(" cross join ")), scope))
    }

    /// A table with what is joined to it.
    fn joined(&self, part: &TableWithJoins, scope: &mut Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        let before = scope.tables.len();
        let mut sql = self.factor(&part.relation, scope, guards)?;
        for join in &part.joins {
            let (word, constraint) = kind(join).map_err(|refused| refused.within(join))?;
            let table = self.factor(&join.relation, scope, guards)?;
            let sides = Scope { tables: scope.tables[before..].to_vec(), merged: scope.merged.clone(), outer: None };
            let on = match constraint {
                Some(JoinConstraint::On(on)) if word == "full join" => Some(self.equalities(on, &sides, guards)?),
                Some(JoinConstraint::On(on)) => Some(self.condition(on, &sides, guards)?),
                Some(JoinConstraint::Using(names)) => {
                    Some(self.using(names, &sides, scope, guards).map_err(|refused| refused.within(join))?)
                }
                _ => None,
            };
            let on = on.map(|on| format!(" on {on}")).unwrap_or_default();
            sql = format!("{sql} {word} {table}{on}");
        }
        // Several of them stand beside each other.
        Ok(if part.joins.is_empty() { sql } else { format!("({sql})") })
    }

    /// The condition of a join. Which rows it lets through must not depend on their values: nobody could look at those that it keeps out.
    fn condition(&self, on: &Expr, scope: &Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        let mut own = Expressions::new(self, scope);
        let written = own.truth(on)?;
        let is_alone = own.guards.iter().all(|guard| matches!(guard, Guard::Alone(_)));
        if !is_alone {
            return refused("a join by values for which both sides may differ").map_err(|refused| refused.within(on));
        }
        guards.extend(own.guards);
        Ok(written.sql)
    }

    /// The condition of a full join: columns of both sides that are equal, which is all that PostgreSQL takes.
    fn equalities(&self, on: &Expr, sides: &Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        if are_equalities(on, sides) {
            self.condition(on, sides, guards)
        } else {
            refused("a full join by more than columns of both sides that are equal").map_err(|refused| refused.within(on))
        }
    }

    /// The condition of a join by columns of one name. From then on the name means the column of the left side.
    fn using(&self, names: &[ObjectName], sides: &Scope<'_>, scope: &mut Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        let Some((joined, left)) = sides.tables.split_last() else { return refused("a join of nothing") };
        let left = Scope { tables: left.to_vec(), merged: sides.merged.clone(), outer: None };
        let mut equal = Vec::new();
        for name in names {
            let name = name_parts(name)?.join(".");
            let (table, _) = left.column(None, &name)?;
            let column = |table: &str| Expr::CompoundIdentifier([table, &name].map(|part| Ident::with_quote('"', part)).to_vec());
            let on = Expr::BinaryOp { left: Box::new(column(&table)), op: BinaryOperator::Eq, right: Box::new(column(&joined.0)) };
            equal.push(self.condition(&on, sides, guards)?);
            scope.merged.push((joined.0.clone(), name));
        }
        Ok(equal.join(" and "))
    }

    fn factor(&self, factor: &TableFactor, scope: &mut Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        let unnamed = format!("rows {}", scope.tables.len());
        let (sql, name, columns) = self.named_rows(factor, unnamed, guards).map_err(|refused| refused.within(factor))?;
        scope.tables.push((name, columns));
        Ok(sql)
    }

    fn named_rows(&self, factor: &TableFactor, unnamed: String, guards: &mut Vec<Guard>) -> Result<(String, String, Vec<Named>)> {
        let (selected, alias, own) = match factor {
            TableFactor::Table { name, alias, args: None, version: None, sample: None, with_ordinality: false, .. } => {
                let parts = name_parts(name)?;
                (self.rows(&parts.join("."), guards)?, alias.as_ref(), parts.last().cloned().unwrap_or_default())
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let selected = match (subquery.body.as_ref(), alias) {
                    (SetExpr::Values(values), Some(alias)) => self.values(values, alias)?,
                    _ => self.selected(subquery, None, guards)?,
                };
                (selected, alias.as_ref(), unnamed)
            }
            _ => return refused("what is no table"),
        };
        let is_given = matches!(factor, TableFactor::Derived { subquery, .. } if matches!(subquery.body.as_ref(), SetExpr::Values(_)));
        if !is_given && alias.is_some_and(|alias| !alias.columns.is_empty()) {
            return refused("other names for the columns of a table");
        }
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
        let wire = written.first().map(|value| value.wire.clone()).ok_or_else(|| Refused::new("no values"))?;
        if written.iter().any(|value| value.wire != wire) {
            return refused("values of several types");
        }
        let name = ident(&column.name);
        let rows: Vec<String> = written.iter().map(|value| format!("({})", value.sql)).collect();
        let sql = format!("select \"column1\" as {} from (values {}) as \"given\"", quoted(&name), rows.join(", "));
        Ok(Selected { sql, columns: vec![Named { name, wire }] })
    }
}

/// Whether a condition says of columns of the last table that they equal columns of the others, and nothing else.
fn are_equalities(on: &Expr, sides: &Scope<'_>) -> bool {
    let side = |expression: &Expr| {
        let found = match expression {
            Expr::Identifier(name) => sides.column(None, &ident(name)),
            Expr::CompoundIdentifier(parts) => match &parts[..] {
                [table, name] => sides.column(Some(&ident(table)), &ident(name)),
                _ => return None,
            },
            _ => return None,
        };
        let (table, _) = found.ok()?;
        Some(sides.tables.last().is_some_and(|(last, _)| *last == table))
    };
    match on {
        Expr::Nested(inner) => are_equalities(inner, sides),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => are_equalities(left, sides) && are_equalities(right, sides),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            matches!((side(left), side(right)), (Some(one), Some(other)) if one != other)
        }
        _ => false,
    }
}

/// The words for a join, and its condition. Where both sides may lack a row, the engine shows the column of the left one for a name that
/// both have, and not the one that is there.
fn kind(join: &Join) -> Result<(&'static str, Option<&JoinConstraint>)> {
    let (word, constraint) = match &join.join_operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) => ("join", on),
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("left join", on),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => ("right join", on),
        JoinOperator::FullOuter(on) => ("full join", on),
        JoinOperator::CrossJoin(JoinConstraint::None) => return Ok(("cross join", None)),
        _ => return refused("a join of this kind"),
    };
    match constraint {
        JoinConstraint::On(_) if !join.global => Ok((word, Some(constraint))),
        JoinConstraint::Using(_) if !join.global && ["join", "left join"].contains(&word) => Ok((word, Some(constraint))),
        JoinConstraint::Using(_) => refused(format_args!("a {word} with `using`; write it with `on`")),
        _ => refused("a join without `on`"),
    }
}
