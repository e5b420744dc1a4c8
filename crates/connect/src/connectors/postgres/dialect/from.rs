//! What a SELECT reads: tables, queries, and joins of them.

use datafusion::sql::sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Select, SetExpr, TableAlias, TableFactor, TableWithJoins, Values,
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
        let mut scope = Scope { tables: vec![], outer };
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
            let (word, on) = kind(join).map_err(|refused| refused.within(join))?;
            let table = self.factor(&join.relation, scope, guards)?;
            let on = match on {
                Some(on) => format!(" on {}", self.condition(on, &Scope { tables: scope.tables[before..].to_vec(), outer: None }, guards)?),
                None => String::new(),
            };
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

    fn factor(&self, factor: &TableFactor, scope: &mut Scope<'_>, guards: &mut Vec<Guard>) -> Result<String> {
        let (sql, name, columns) = self.named_rows(factor, guards).map_err(|refused| refused.within(factor))?;
        scope.tables.push((name, columns));
        Ok(sql)
    }

    fn named_rows(&self, factor: &TableFactor, guards: &mut Vec<Guard>) -> Result<(String, String, Vec<Named>)> {
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

/// The words for a join, and its condition.
fn kind(join: &Join) -> Result<(&'static str, Option<&Expr>)> {
    let (word, constraint) = match &join.join_operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) => ("join", on),
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("left join", on),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => ("right join", on),
        JoinOperator::CrossJoin(JoinConstraint::None) => return Ok(("cross join", None)),
        _ => return refused("a join of this kind"),
    };
    match constraint {
        JoinConstraint::On(on) if !join.global => Ok((word, Some(on))),
        _ => refused("a join without `on`"),
    }
}
