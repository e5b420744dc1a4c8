//! Columns of one name. The engine moves filters towards the files by the names of their columns, and of several that are called alike it takes the first:
//! `a.m is distinct from b.m` behind a join would compare `b.m` with itself. So no filter is moved into a plan that has such columns.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

type Plan = Arc<dyn ExecutionPlan>;
type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules that move filters begin so.
const MOVES_FILTERS: &str = "FilterPushdown";
/// The rules, with those that move filters stopping before columns of one name.
pub(crate) fn with_namesakes_apart(rules: &[Rule]) -> Vec<Rule> {
    let stopping = |rule: &Rule| -> Rule {
        if rule.name().starts_with(MOVES_FILTERS) { Arc::new(Stopping(Arc::clone(rule))) } else { Arc::clone(rule) }
    };
    rules.iter().map(stopping).collect()
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
