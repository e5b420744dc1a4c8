//! `in` with a subquery. The engine joins its rows, and where the question is not a condition by itself, as in `a not in (select …) or …`, it takes what nobody
//! knows for what is not so: a null, and any value that is compared with one. So where null and false differ, what is not known is asked for as well. Of
//! a subquery that is tied to the row around it the engine cannot be asked that.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, exists, lit, not};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::moments::input_schema;

/// What is said of a subquery that is tied to the row around it where it may leave open whether a value is among its rows.
pub(crate) const TIED: &str = "null and false differ for a tied membership";

/// Has `in` with a subquery be null where it is not known. It must see the plan before anything is made simpler.
#[derive(Debug)]
pub(crate) struct Memberships;

impl AnalyzerRule for Memberships {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> EngineResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            if !matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_)) {
                return Ok(Transformed::no(plan));
            }
            let schema = input_schema(&plan)?;
            plan.map_expressions(|condition| known(condition, &schema))
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "memberships"
    }
}

/// Whether it matters that something is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nulls {
    /// A null and false come to the same.
    AreFalse,
    Differ,
}

/// A condition that rows have to meet. Questions that stand beside others with `and` alone the engine answers as they are.
fn known(condition: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    if matches!(&condition, Expr::BinaryExpr(both) if both.op == Operator::And) {
        return condition.map_children(|side| known(side, schema));
    }
    match question(&condition) {
        Some((asked, is_negated)) if is_negated && is_tied(asked) && is_open(asked, schema) => plan_err!("{TIED}"),
        Some(_) => Ok(Transformed::no(condition)),
        None => known_inside(condition, Nulls::AreFalse, schema),
    }
}

/// The question that a condition is, and whether it is negated.
fn question(condition: &Expr) -> Option<(&InSubquery, bool)> {
    match condition {
        Expr::InSubquery(asked) => Some((asked, asked.negated)),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(asked) => Some((asked, !asked.negated)),
            _ => None,
        },
        _ => None,
    }
}

/// A part of a condition.
fn known_inside(part: Expr, nulls: Nulls, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let inside = match &part {
        Expr::InSubquery(asked) if (nulls == Nulls::AreFalse && !asked.negated) || !is_open(asked, schema) => {
            return Ok(Transformed::no(part));
        }
        Expr::InSubquery(asked) if is_tied(asked) => return plan_err!("{TIED}"),
        Expr::InSubquery(asked) => return answered(asked.clone()).map(Transformed::yes),
        Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => nulls,
        Expr::IsTrue(_) | Expr::IsNotTrue(_) => Nulls::AreFalse,
        _ => Nulls::Differ,
    };
    part.map_children(|child| known_inside(child, inside, schema))
}

fn is_tied(asked: &InSubquery) -> bool {
    !asked.subquery.outer_ref_columns.is_empty()
}

/// Whether it may be left open if the value is among the rows.
fn is_open(asked: &InSubquery, schema: &DFSchema) -> bool {
    let has_nulls = asked.subquery.subquery.schema().fields().iter().any(|field| field.is_nullable());
    has_nulls || asked.expr.nullable(schema).unwrap_or(true)
}

/// The question, null where it is asked about a null or where there is a null among the rows.
fn answered(asked: InSubquery) -> EngineResult<Expr> {
    let rows = Arc::clone(&asked.subquery.subquery);
    let Ok([among]) = <[Column; 1]>::try_from(rows.schema().columns()) else { return Ok(Expr::InSubquery(asked)) };
    let all = || LogicalPlanBuilder::from(LogicalPlan::clone(&rows));
    let is_there = |rows: LogicalPlanBuilder| -> EngineResult<Expr> { Ok(exists(Arc::new(rows.limit(0, Some(1))?.build()?))) };
    let is_about_null = asked.expr.as_ref().clone().is_null().and(is_there(all())?);
    let is_beside_null = is_there(all().filter(Expr::Column(among).is_null())?)?;
    let is_negated = asked.negated;
    let is_among = Expr::InSubquery(InSubquery { negated: false, ..asked }).is_true();
    let unknown = Expr::Literal(ScalarValue::Boolean(None), None);
    let cases = [(is_among, lit(true)), (is_about_null.or(is_beside_null), unknown)];
    let cases = cases.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    let answer = Expr::Case(Case::new(None, cases, Some(Box::new(lit(false)))));
    Ok(if is_negated { not(answer) } else { answer })
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[track_caller]
    fn counted(condition: &str, expected: &str) {
        let (o, r) = ("(values (1, 10), (2, 20), (3, null), (4, 40)) as o(id, v)", "(values (1, 10), (2, null), (3, 30)) as r(id, ref)");
        check(&format!("with o as (select * from {o}), r as (select * from {r}) select count(*) from o where {condition}"), expected);
    }

    #[test]
    fn what_is_not_known_is_neither_true_nor_false() {
        counted("v not in (select ref from r) or id = 2", "1");
        counted("not (v in (select ref from r)) or id = 2", "1");
        counted("not (v in (select ref from r) or id = 2)", "0");
        counted("v not in (select ref from r)", "0");
        counted("v not in (select ref from r where ref is not null) or id = 1", "3");
        counted("v not in (select ref from r where ref > 99) or id = 9", "4");
        counted("(v in (select ref from r)) is null", "3");
        counted("(v in (select ref from r where ref is not null)) is null", "1");
        counted("(v in (select ref from r)) is not true", "3");
        counted("case when v in (select ref from r) then 1 when v not in (select ref from r) then 2 else 3 end = 3", "3");
        counted("(v in (select ref from r)) = (id = 1)", "1");
    }

    #[test]
    fn values_are_found_beside_other_conditions() {
        counted("v in (select ref from r) or id = 2", "2");
        counted("v in (select ref from r where r.id = o.id) or id = 2", "2");
        counted("v in (select max(ref) + 10 from r) or id < 3", "3");
        counted("v in (select max(ref) + 10 from r)", "1");
        let groups = "select a from (values (1), (2)) as t(a) group by a";
        check(&format!("{groups} having max(a) in (select max(a) from (values (2)) as t(a))"), "2");
    }

    #[test]
    fn what_is_tied_and_may_be_null_is_refused() {
        let refused = "a subquery that is tied to the row around it does not tell whether `not in` holds where there are nulls";
        counted("v not in (select ref from r where r.id = o.id)", refused);
        counted("v not in (select ref from r where r.id > o.id)", refused);
        counted("v not in (select ref from r where r.id <> o.id) or id = 1", refused);
        counted("(v in (select ref from r where r.id = o.id)) is null", refused);
        counted("not exists (select 1 from r where r.id > o.id and r.ref = o.v)", "4");
    }
}
