//! Tables under names that no other reader gives. The engine takes subqueries for the same where they read tables of one name, and readers may each mean
//! another batch by the name of a dataset.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, TableReference};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

/// What stands between the name of a table and what tells it from others of that name.
const AT: &str = " at 0x";

/// The plan with its tables under names of their own, each under its alias.
pub(crate) fn with_own_tables(plan: LogicalPlan) -> Result<LogicalPlan> {
    let renamed = |node: LogicalPlan| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let table = source_as_provider(&scan.source)?;
        let own = TableReference::bare(format!("{}{AT}{:x}", scan.table_name, Arc::as_ptr(&table).addr()));
        let scan_of_own = LogicalPlanBuilder::scan_with_filters(own, scan.source, scan.projection, scan.filters)?;
        Ok(Transformed::yes(scan_of_own.alias(scan.table_name)?.build()?))
    };
    plan.transform_up_with_subqueries(renamed).map(|done| done.data)
}

/// The name that a table had before.
pub(crate) fn given_name(name: &TableReference) -> String {
    let name = name.to_string();
    name.rsplit_once(AT).map_or(name.as_str(), |(given, _)| given).to_owned()
}
