//! Parts that several expressions have in common, such as `lower(email)`: evaluated once per batch, and read as columns.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::{CastExpr, Column, TryCastExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

/// The parts that expressions over one schema have in common.
#[derive(Debug)]
pub(crate) struct Parts {
    parts: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns of the rows, then one for each part.
    schema: SchemaRef,
}

impl Parts {
    /// Finds the parts, and writes the expressions anew so that they read them from the rows that [`Self::beside`] makes.
    pub(crate) fn of(expressions: &[Arc<dyn PhysicalExpr>], schema: &SchemaRef) -> Result<(Self, Vec<Arc<dyn PhysicalExpr>>)> {
        let counts = occurrences(expressions)?;
        let mut parts: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        let mut replace = |expression: Arc<dyn PhysicalExpr>| {
            if counts.get(&expression).is_none_or(|count| *count < 2) {
                return Ok(Transformed::no(expression));
            }
            let known = parts.iter().position(|part| part.as_ref() == expression.as_ref());
            let place = known.unwrap_or(parts.len());
            if known.is_none() {
                parts.push(expression);
            }
            let column = Column::new(&format!("part {place}"), schema.fields().len() + place);
            Ok(Transformed::new(Arc::new(column) as _, true, TreeNodeRecursion::Jump))
        };
        let rewritten: Vec<_> = expressions
            .iter()
            .map(|expression| Arc::clone(expression).transform_down(&mut replace).map(|done| done.data))
            .collect::<Result<_>>()?;
        let column =
            |(place, part): (usize, &Arc<dyn PhysicalExpr>)| Ok(Field::new(format!("part {place}"), part.data_type(schema)?, true));
        let added: Vec<Field> = parts.iter().enumerate().map(column).collect::<Result<_>>()?;
        let fields = schema.fields().iter().map(|field| field.as_ref().clone()).chain(added);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok((Self { parts, schema }, rewritten))
    }

    /// The rows with the parts beside their columns. `None` where there is no part, or one fails: perhaps on a row that no expression asks
    /// it about, since `and` and `case` leave out what need not be known.
    pub(crate) fn beside(&self, batch: &RecordBatch) -> Option<RecordBatch> {
        if self.parts.is_empty() {
            return None;
        }
        let value = |part: &Arc<dyn PhysicalExpr>| part.evaluate(batch).and_then(|value| value.into_array(batch.num_rows())).ok();
        let values: Vec<_> = self.parts.iter().map(value).collect::<Option<_>>()?;
        let columns = batch.columns().iter().cloned().chain(values).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).ok()
    }
}

/// How often each expression occurs that is worth remembering: a call of a function or a change of type, with the same answer every time.
fn occurrences(expressions: &[Arc<dyn PhysicalExpr>]) -> Result<HashMap<Arc<dyn PhysicalExpr>, usize>> {
    let mut counts = HashMap::new();
    for expression in expressions {
        expression.apply(|part| {
            if is_worth_remembering(part) {
                *counts.entry(Arc::clone(part)).or_insert(0) += 1;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(counts)
}

fn is_worth_remembering(part: &Arc<dyn PhysicalExpr>) -> bool {
    let is_call = part.downcast_ref::<ScalarFunctionExpr>().is_some();
    let is_cast = part.downcast_ref::<CastExpr>().is_some() || part.downcast_ref::<TryCastExpr>().is_some();
    (is_call || is_cast) && !is_volatile(part)
}

fn is_volatile(part: &Arc<dyn PhysicalExpr>) -> bool {
    let changes = |part: &Arc<dyn PhysicalExpr>| {
        let call = part.downcast_ref::<ScalarFunctionExpr>();
        Ok(call.is_some_and(|call| call.fun().signature().volatility == Volatility::Volatile))
    };
    part.exists(changes).unwrap_or(true)
}
