//! `in` with a subquery. The engine joins its rows, and where the question is not a condition by itself, as in `a not in (select …) or …`, it takes what nobody
//! knows for what is not so: a null, and any value that is compared with one. So where null and false differ, what is not known is asked for as well. Of
//! a subquery that is tied to the row around it the engine cannot be asked that. Nor does its join find the row that an aggregate of no rows is, such as a
//! count of 0: a value is compared with that row itself.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, exists, lit, not,
};
use datafusion::optimizer::AnalyzerRule;

use crate::session::gives_one_row;
use crate::sql::moments::input_schema;

/// What is said of a subquery that is tied to the row around it where it may leave open whether a value is among its rows.
pub(crate) const TIED: &str = "null and false differ for a tied membership";

/// What is said of a tied subquery with an aggregate of all its rows that may leave out what comes of it.
pub(crate) const TIED_AGGREGATE: &str = "a tied aggregate may be left out";

/// Has `in` with a subquery be null where it is not known. It must see the plan before anything is made simpler.
#[derive(Debug)]
pub(crate) struct Memberships;

impl AnalyzerRule for Memberships {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> EngineResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                Ok(expression.transform_up(of_one_row)?.update_data(|expression| name.restore(expression)))
            })?;
            plan.transform_data(with_known_answers)
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "memberships"
    }
}

/// `part`, if it compares with the rows of a tied subquery that is one row at any time, as a comparison with that row.
fn of_one_row(part: Expr) -> EngineResult<Transformed<Expr>> {
    if let Expr::Exists(asked) = &part
        && is_tied(&asked.subquery)
        && let Some(is_kept) = aggregate_is_kept(asked)?
    {
        return Ok(Transformed::yes(is_kept));
    }
    if rows_of(&part).is_some_and(|subquery| is_tied(subquery) && may_leave_out_an_aggregate(&subquery.subquery)) {
        return plan_err!("{TIED_AGGREGATE}");
    }
    let is_one_row = |subquery: &Subquery| is_tied(subquery) && gives_one_row(&subquery.subquery);
    Ok(match part {
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if is_one_row(&subquery) => {
            compared_with_row(expr, if negated { Operator::NotEq } else { Operator::Eq }, subquery)
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, .. }) if is_one_row(&subquery) => compared_with_row(expr, op, subquery),
        Expr::Exists(Exists { subquery, negated }) if is_one_row(&subquery) => Transformed::yes(lit(!negated)),
        other => Transformed::no(other),
    })
}

/// The subquery of which something is asked.
fn rows_of(part: &Expr) -> Option<&Subquery> {
    match part {
        Expr::InSubquery(asked) => Some(&asked.subquery),
        Expr::Exists(asked) => Some(&asked.subquery),
        Expr::SetComparison(asked) => Some(&asked.subquery),
        _ => None,
    }
}

fn compared_with_row(value: Box<Expr>, operator: Operator, row: Subquery) -> Transformed<Expr> {
    Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(value, operator, Box::new(Expr::ScalarSubquery(row)))))
}

/// Whether a plan has a row that is an aggregate of all others, or has none, as `having` decides.
fn may_leave_out_an_aggregate(plan: &LogicalPlan) -> bool {
    let below = match plan {
        LogicalPlan::Projection(projection) => return may_leave_out_an_aggregate(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => return may_leave_out_an_aggregate(&alias.input),
        LogicalPlan::Filter(filter) => &filter.input,
        LogicalPlan::Limit(limit) => &limit.input,
        _ => return false,
    };
    gives_one_row(below) || may_leave_out_an_aggregate(below)
}

/// Whether `having` keeps the one row of an aggregate, as a value of that row; `None` where `exists` asks something else. The engine ties a condition of an
/// aggregate to the row around it by its `where` alone.
fn aggregate_is_kept(asked: &Exists) -> EngineResult<Option<Expr>> {
    let mut rows = asked.subquery.subquery.as_ref();
    while let LogicalPlan::Projection(projection) = rows {
        rows = projection.input.as_ref();
    }
    let LogicalPlan::Filter(having) = rows else { return Ok(None) };
    if !matches!(having.input.as_ref(), LogicalPlan::Aggregate(_)) || !gives_one_row(&having.input) || having.predicate.contains_outer() {
        return Ok(None);
    }
    let row = LogicalPlanBuilder::from(LogicalPlan::clone(&having.input));
    let row = row.project([having.predicate.clone().alias("__kept")])?.build()?;
    let row = Subquery { outer_ref_columns: row.all_out_ref_exprs(), subquery: Arc::new(row), ..asked.subquery.clone() };
    let is_kept = Expr::ScalarSubquery(row).is_true();
    Ok(Some(if asked.negated { not(is_kept) } else { is_kept }))
}

/// The plan with the answers to its questions null where they are not known.
fn with_known_answers(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    if !matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = input_schema(&plan)?;
    plan.map_expressions(|condition| known(condition, &schema))
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
        Some((asked, is_negated)) if is_negated && is_tied(&asked.subquery) && is_open(asked, schema) => plan_err!("{TIED}"),
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
        Expr::InSubquery(asked) if is_tied(&asked.subquery) => return plan_err!("{TIED}"),
        Expr::InSubquery(asked) => return answered(asked.clone()).map(Transformed::yes),
        Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => nulls,
        Expr::IsTrue(_) | Expr::IsNotTrue(_) => Nulls::AreFalse,
        _ => Nulls::Differ,
    };
    part.map_children(|child| known_inside(child, inside, schema))
}

fn is_tied(subquery: &Subquery) -> bool {
    !subquery.outer_ref_columns.is_empty()
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
    fn an_aggregate_of_no_rows_is_found() {
        counted("v in (select count(*) * 10 from r where r.id = o.id)", "1");
        counted("v not in (select count(*) from r where r.id = o.id)", "3");
        counted("id - 4 in (select count(*) from r where r.id = o.id)", "1");
        counted("id - 4 in (select count(*) from r where r.id = o.id) or id = 1", "2");
        counted("id - 4 = any (select count(*) from r where r.id = o.id)", "1");
        counted("v >= all (select coalesce(sum(ref), 40) from r where r.id = o.id)", "2");
        counted("exists (select count(*) from r where r.id = o.id)", "4");
        counted("not exists (select count(*) from r where r.id = o.id)", "0");
        counted("id in (select count(*) from r where r.id = o.id group by r.id)", "1");
        let refused = "what an aggregate comes to is left out of a subquery that is tied to the row around it";
        counted("exists (select count(*) from r where r.id = o.id having count(*) < o.v)", refused);
        counted("v in (select max(ref) from r where r.id = o.id having count(*) > 0)", refused);
    }

    #[test]
    fn what_is_said_of_an_aggregate_decides_whether_it_is_there() {
        counted("exists (select count(*) from r where r.id = o.id having count(*) = 0)", "1");
        counted("not exists (select count(*) from r where r.id = o.id having count(*) = 0)", "3");
        counted("exists (select 1 from r where r.id = o.id having max(ref) > 10)", "1");
        counted("not exists (select 1 from r where r.id = o.id having max(ref) > 10)", "3");
        counted("exists (select 1 from r where r.id = o.id having max(ref) > 10) or id = 1", "2");
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
