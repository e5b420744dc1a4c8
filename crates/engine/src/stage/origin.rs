//! Carrying along where a row came from: the batch, file and line of the raw copy that it was read from, through the SELECT of a
//! model.
//!
//! It is possible where each row of the result comes from one row of the raw copy: through projections, filters, joins, windows
//! and named parts. Where rows are grouped or made distinct, there is no such row. United rows are followed where all parts read the same
//! tables, such as one batch after the other: batches of several raw copies have no order.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, TableScan, Union};
use hw_base::Result;

use crate::failure::{Context, explain};
use crate::shown::Shown;
use crate::sql::own_tables::given_name;

/// The columns that are carried along, in the order in which they tell which of two rows arrived first.
pub(crate) const CARRIED: [&str; 3] = ["_batch", "_file", "_line"];

/// The columns that every raw copy has; a table with all of them is one.
const OF_RAW_COPIES: [&str; 3] = ["_batch", "_run", "_loaded_at"];

/// The query with the columns that tell where each row came from, and their names; as it was where its rows cannot be followed.
pub(super) fn with_origin(frame: DataFrame) -> Result<(DataFrame, Vec<String>)> {
    let (state, plan) = frame.clone().into_parts();
    Ok(match followed(&plan)? {
        Some((plan, names)) => (DataFrame::new(state, plan), names),
        None => (frame, vec![]),
    })
}

/// The plan with the columns of the raw copy behind its own, and their names; `None` where its rows cannot be followed.
fn followed(plan: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<String>)>> {
    let own = plan.schema().columns();
    if own.iter().any(|column| CARRIED.contains(&column.name.as_str())) {
        return Ok(None);
    }
    let Some((carrying, columns)) = carried(plan)? else { return Ok(None) };
    let origin = columns.iter().map(|column| Expr::Column(column.clone()).alias(column.name.clone()));
    let all = Projection::try_new(own.into_iter().map(Expr::Column).chain(origin).collect(), Arc::new(carrying)).map_err(failed)?;
    let names = columns.into_iter().map(|column| column.name).collect();
    Ok(Some((LogicalPlan::Projection(all), names)))
}

fn failed(error: datafusion::common::DataFusionError) -> hw_base::Error {
    explain(error, &Context::default())
}

/// The plan with the columns of the raw copy added, and what they are called there; `None` where its rows cannot be followed.
fn carried(plan: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<Column>)>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let plan = whole(scan)?;
            Ok(of_raw_copy(&plan).map(|columns| (plan, columns)))
        }
        LogicalPlan::Projection(projection) => {
            let Some((input, columns)) = carried(&projection.input)? else { return Ok(None) };
            let known = |expr: &Expr| matches!(expr, Expr::Column(column) if columns.contains(column));
            let own = projection.expr.iter().filter(|expr| !known(expr)).cloned();
            let all = own.chain(columns.iter().cloned().map(Expr::Column)).collect();
            let plan = Projection::try_new(all, Arc::new(input)).map(LogicalPlan::Projection).map_err(failed)?;
            Ok(Some((plan, columns)))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some((input, columns)) = carried(&alias.input)? else { return Ok(None) };
            let plan = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone()).map(LogicalPlan::SubqueryAlias).map_err(failed)?;
            let columns = columns.into_iter().map(|column| Column::new(Some(alias.alias.clone()), column.name)).collect();
            Ok(Some((plan, columns)))
        }
        LogicalPlan::Join(join) => {
            let (left, right) = sides(join.join_type);
            let inputs = [(left, &join.left), (right, &join.right)];
            for (place, (may_carry, input)) in inputs.into_iter().enumerate() {
                let Some((input, columns)) = (if may_carry { carried(input)? } else { None }) else { continue };
                let mut both = [join.left.as_ref().clone(), join.right.as_ref().clone()];
                both[place] = input;
                return rebuilt(plan, both.into(), columns).map(Some);
            }
            Ok(None)
        }
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Window(_) => {
            let Some((input, columns)) = carried(plan.inputs()[0])? else { return Ok(None) };
            rebuilt(plan, vec![input], columns).map(Some)
        }
        LogicalPlan::Union(_) => united(&parts(plan)),
        _ => Ok(None),
    }
}

/// The parts of a union, whose first part may be one as well; of another plan the plan.
fn parts(plan: &LogicalPlan) -> Vec<&LogicalPlan> {
    match plan {
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| parts(input)).collect(),
        _ => vec![plan],
    }
}

/// Parts that read the same tables, united again with the columns of the raw copy.
fn united(parts: &[&LogicalPlan]) -> Result<Option<(LogicalPlan, Vec<Column>)>> {
    let mut inputs = Vec::with_capacity(parts.len());
    let mut carried = 0;
    for part in parts {
        let Some((input, names)) = followed(part)?.filter(|_| tables(part) == tables(parts[0])) else { return Ok(None) };
        carried = names.len();
        inputs.push(Arc::new(input));
    }
    let plan = Union::try_new_with_loose_types(inputs).map(LogicalPlan::Union).map_err(failed)?;
    let mut columns = plan.schema().columns();
    let columns = columns.split_off(columns.len() - carried);
    Ok(Some((plan, columns)))
}

/// The names of the tables that a plan reads.
fn tables(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // Nothing in it fails.
    let _ = plan.apply(|part| {
        if let LogicalPlan::TableScan(scan) = part {
            names.insert(given_name(&scan.table_name));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    names
}

/// The scan with the columns that are not shown.
fn whole(scan: &TableScan) -> Result<LogicalPlan> {
    let provider = source_as_provider(&scan.source).map_err(failed)?;
    match provider.downcast_ref::<Shown>() {
        Some(shown) => LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(Arc::clone(shown.table())), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed),
        None => Ok(LogicalPlan::TableScan(scan.clone())),
    }
}

/// The columns of a scan that tell where a row came from, if it reads a raw copy.
fn of_raw_copy(plan: &LogicalPlan) -> Option<Vec<Column>> {
    let schema = plan.schema();
    let column = |name: &str| schema.columns().into_iter().find(|column| column.name == name);
    OF_RAW_COPIES.iter().all(|name| column(name).is_some()).then(|| CARRIED.iter().filter_map(|name| column(name)).collect())
}

/// The sides of a join whose rows can be followed.
fn sides(join: JoinType) -> (bool, bool) {
    match join {
        JoinType::Inner | JoinType::Left | JoinType::Right => (true, true),
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
        JoinType::Full => (false, false),
    }
}

fn rebuilt(plan: &LogicalPlan, inputs: Vec<LogicalPlan>, columns: Vec<Column>) -> Result<(LogicalPlan, Vec<Column>)> {
    plan.with_new_exprs(plan.expressions(), inputs).map(|plan| (plan, columns)).map_err(failed)
}
