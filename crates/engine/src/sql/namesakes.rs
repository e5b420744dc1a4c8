//! Columns of one name. The engine moves filters towards the files by the names of their columns, and of several that are called alike it takes the first:
//! `a.m is distinct from b.m` behind a join would compare `b.m` with itself. So no filter is moved into a plan that has such columns. And where a value is
//! compared with the rows of a subquery, it becomes part of the subquery, whose column may be called as it is.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as EngineResult};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

type Plan = Arc<dyn ExecutionPlan>;
pub(crate) type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules that move filters begin so.
const MOVES_FILTERS: &str = "FilterPushdown";

/// The rules, with those that move filters stopping before columns of one name.
pub(crate) fn with_namesakes_apart(rules: &[Rule]) -> Vec<Rule> {
    let stopping = |rule: &Rule| -> Rule {
        if rule.name().starts_with(MOVES_FILTERS) { Arc::new(Stopping(Arc::clone(rule))) } else { Arc::clone(rule) }
    };
    rules.iter().map(stopping).collect()
}

/// What the column of a subquery is called that a value is compared with.
const APART: &str = "__compared";

/// The comparison with a subquery (`> all (…)`, `= any (…)`, `in (…)`) whose column has a name that no table gives.
pub(crate) fn subquery_apart(part: Expr) -> EngineResult<Transformed<Expr>> {
    match part {
        Expr::SetComparison(mut comparison) => {
            let is_changed = set_apart(&mut comparison.subquery)?;
            Ok(Transformed::new_transformed(Expr::SetComparison(comparison), is_changed))
        }
        Expr::InSubquery(mut asked) => {
            let is_changed = set_apart(&mut asked.subquery)?;
            Ok(Transformed::new_transformed(Expr::InSubquery(asked), is_changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Gives the only column of a subquery its name; whether it had another one.
fn set_apart(subquery: &mut Subquery) -> EngineResult<bool> {
    let Ok([column]) = <[Column; 1]>::try_from(subquery.subquery.schema().columns()) else { return Ok(false) };
    if column.name == APART {
        return Ok(false);
    }
    let rows = LogicalPlanBuilder::from(LogicalPlan::clone(&subquery.subquery));
    subquery.subquery = Arc::new(rows.project([Expr::Column(column).alias(APART)])?.build()?);
    Ok(true)
}

/// A rule that moves filters, but not into a plan with columns of one name.
#[derive(Debug)]
struct Stopping(Rule);

impl PhysicalOptimizerRule for Stopping {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> EngineResult<Plan> {
        let barred = plan.transform_up(with_bars)?;
        let moved = self.0.optimize(barred.data, config)?;
        if barred.transformed { moved.transform_up(|plan| Ok(without_bar(plan))).map(|done| done.data) } else { Ok(moved) }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// The plan with a bar before each input that has columns of one name: a limit, which no filter may pass, of all rows.
fn with_bars(plan: Plan) -> EngineResult<Transformed<Plan>> {
    if !plan.children().iter().any(|input| has_namesakes(&input.schema())) {
        return Ok(Transformed::no(plan));
    }
    let barred = |input: &Plan| -> Plan {
        if has_namesakes(&input.schema()) { Arc::new(LocalLimitExec::new(Arc::clone(input), usize::MAX)) } else { Arc::clone(input) }
    };
    let inputs = plan.children().into_iter().map(barred).collect();
    replace_children_if_necessary(plan, inputs).map(Transformed::yes)
}

fn without_bar(plan: Plan) -> Transformed<Plan> {
    let bar = plan.downcast_ref::<LocalLimitExec>().filter(|limit| limit.fetch() == usize::MAX);
    let input = bar.map(|bar| Arc::clone(bar.input()));
    input.map_or(Transformed::no(plan), Transformed::yes)
}

fn has_namesakes(schema: &Schema) -> bool {
    let mut names = HashSet::new();
    schema.fields().iter().any(|field| !names.insert(field.name()))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn a_value_is_compared_with_the_rows_of_a_subquery_not_with_itself() {
        let rows = "(values (1, 2.5), (2, 0.5), (3, 1.5)) as t(a, b)";
        let counted = |condition: &str, expected: &str| {
            check(&format!("with t as (select * from {rows}) select count(*) from t where {condition}"), expected);
        };
        counted("a >= all (select a from t)", "1");
        counted("a > any (select a from t)", "2");
        counted("a <> all (select a from t where a > 1)", "1");
        counted("b > any (select a from t)", "2");
        counted("a > all (select b from t where b < 2)", "2");
        counted("a = any (select t.a from t where t.a in (select a from t where a > all (select a from t where a < 2)))", "2");
    }

    #[test]
    fn groups_are_compared_with_the_groups_of_a_subquery() {
        let rows = "(values (1, 2), (1, 3), (2, 4), (3, 1)) as t(g, m)";
        let groups = |condition: &str, expected: &str| {
            check(&format!("with t as (select * from {rows}) select g from t group by g having {condition} order by g"), expected);
        };
        groups("sum(m) >= all (select sum(m) from t group by g)", "1");
        groups("sum(m) < any (select sum(m) from t group by g)", "2, 3");
        groups("max(m) = any (select max(m) from t)", "2");
        groups("max(m) in (select max(m) from t)", "2");
    }

    #[test]
    fn a_value_is_compared_with_the_rows_that_are_tied_to_its_own() {
        let rows = "(values (1, 1, 2), (2, 1, 3), (3, 2, 4), (4, 3, null)) as t(id, g, m)";
        let found = |condition: &str, expected: &str| {
            check(&format!("with t as (select * from {rows}) select id from t as p where {condition} order by id"), expected);
        };
        found("p.m > any (select q.m from t as q where q.g = p.g)", "2");
        found("p.m >= all (select q.m from t as q where q.g = p.g)", "2, 3");
        found("p.m >= all (select max(q.m) from t as q where q.g = p.g)", "2, 3");
    }
}
