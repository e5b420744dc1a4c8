//! Parts that several expressions have in common, such as `lower(email)` or `amount < 0`: evaluated once per batch, and read as columns.
//!
//! A part may read other parts. So they are evaluated level by level, each over the rows with the parts of the levels before beside them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

type Expression = Arc<dyn PhysicalExpr>;

/// The parts that expressions over one schema have in common.
#[derive(Debug)]
pub(crate) struct Parts {
    levels: Vec<Level>,
}

/// Parts that read the same rows.
#[derive(Debug)]
struct Level {
    parts: Vec<Expression>,
    /// The columns of these rows, then one for each part.
    schema: SchemaRef,
}

impl Parts {
    /// Finds the parts, and writes the expressions anew so that they read them from the rows that [`Self::beside`] makes.
    pub(crate) fn of(expressions: &[Expression], schema: &SchemaRef) -> Result<(Self, Vec<Expression>)> {
        let mut counts = HashMap::new();
        for expression in expressions {
            count(expression, &mut counts);
        }
        let mut finding = Finding { counts, columns: schema.fields().len(), found: vec![], known: HashMap::new() };
        let rewritten = expressions.iter().map(|expression| Ok(finding.rewritten(expression)?.0)).collect::<Result<Vec<_>>>()?;
        let places = finding.places();
        let moved = |expression: &Expression| moved(expression, finding.columns, &places);
        let (mut levels, mut schema) = (Vec::new(), Arc::clone(schema));
        for level in 0..finding.levels() {
            let parts =
                finding.found.iter().filter(|part| part.level == level).map(|part| moved(&part.expression)).collect::<Result<Vec<_>>>()?;
            schema = beside(&schema, &parts)?;
            levels.push(Level { parts, schema: Arc::clone(&schema) });
        }
        Ok((Self { levels }, rewritten.iter().map(moved).collect::<Result<_>>()?))
    }

    /// The rows with the parts beside their columns. `None` where there is no part, or one fails: perhaps on a row that no expression asks
    /// it about, since `and` and `case` leave out what need not be known.
    pub(crate) fn beside(&self, batch: &RecordBatch) -> Option<RecordBatch> {
        self.levels.iter().try_fold(None, |rows, level| level.beside(rows.as_ref().unwrap_or(batch)).map(Some))?
    }
}

impl Level {
    fn beside(&self, rows: &RecordBatch) -> Option<RecordBatch> {
        let value = |part: &Expression| part.evaluate(rows).and_then(|value| value.into_array(rows.num_rows())).ok();
        let values: Vec<_> = self.parts.iter().map(value).collect::<Option<_>>()?;
        let columns = rows.columns().iter().cloned().chain(values).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).ok()
    }
}

/// Columns with one more for each part.
fn beside(schema: &SchemaRef, parts: &[Expression]) -> Result<SchemaRef> {
    let column = |(at, part): (usize, &Expression)| Ok(Field::new(name(schema.fields().len() + at), part.data_type(schema)?, true));
    let added: Vec<Field> = parts.iter().enumerate().map(column).collect::<Result<_>>()?;
    let fields = schema.fields().iter().map(|field| field.as_ref().clone()).chain(added);
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// What the column of a part is called.
fn name(place: usize) -> String {
    format!("part {place}")
}

/// A part, in terms of those found before it.
struct Part {
    expression: Expression,
    /// How many levels of parts come before it.
    level: usize,
}

/// The search for parts.
struct Finding {
    counts: HashMap<Expression, usize>,
    /// The columns of the rows; parts have the numbers after them, in the order in which they are found.
    columns: usize,
    found: Vec<Part>,
    known: HashMap<Expression, usize>,
}

impl Finding {
    /// The expression with parts as columns, and how many levels have to be evaluated before it.
    fn rewritten(&mut self, expression: &Expression) -> Result<(Expression, usize)> {
        if let Some(at) = self.known.get(expression) {
            return Ok(self.read(*at));
        }
        let children = expression.children().into_iter().map(|child| self.rewritten(child)).collect::<Result<Vec<_>>>()?;
        let level = children.iter().map(|(_, level)| *level).max().unwrap_or(0);
        let children: Vec<Expression> = children.into_iter().map(|(child, _)| child).collect();
        let own = if children.is_empty() { Arc::clone(expression) } else { Arc::clone(expression).with_new_children(children)? };
        if self.counts.get(expression).is_none_or(|count| *count < 2) {
            return Ok((own, level));
        }
        let at = self.found.len();
        self.known.insert(Arc::clone(expression), at);
        self.found.push(Part { expression: own, level });
        Ok(self.read(at))
    }

    fn read(&self, at: usize) -> (Expression, usize) {
        let place = self.columns + at;
        (Arc::new(Column::new(&name(place), place)), self.found[at].level + 1)
    }

    fn levels(&self) -> usize {
        self.found.iter().map(|part| part.level + 1).max().unwrap_or(0)
    }

    /// Where each part stands beside the rows: level by level.
    fn places(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.found.len()).collect();
        order.sort_by_key(|at| self.found[*at].level);
        let mut places = vec![0; order.len()];
        for (place, at) in order.into_iter().enumerate() {
            places[at] = self.columns + place;
        }
        places
    }
}

/// The expression with the columns of parts where they stand.
fn moved(expression: &Expression, columns: usize, places: &[usize]) -> Result<Expression> {
    let to_its_place = |expression: Expression| {
        let column = expression.downcast_ref::<Column>().and_then(|column| places.get(column.index().checked_sub(columns)?));
        Ok(match column {
            Some(place) => Transformed::yes(Arc::new(Column::new(&name(*place), *place)) as Expression),
            None => Transformed::no(expression),
        })
    };
    Arc::clone(expression).transform_up(to_its_place).map(|done| done.data)
}

/// Counts from how many places each expression is asked for that is worth remembering. What stands in a repeated one is asked for by that
/// one alone.
fn count(expression: &Expression, counts: &mut HashMap<Expression, usize>) {
    if is_worth_remembering(expression) {
        let count = counts.entry(Arc::clone(expression)).or_insert(0);
        *count += 1;
        if *count > 1 {
            return;
        }
    }
    for child in expression.children() {
        count(child, counts);
    }
}

/// Whether it is a call of a function, a change of type or something true or false, with the same answer every time. Arithmetic costs no
/// more than to read its result.
fn is_worth_remembering(part: &Expression) -> bool {
    let is_call = part.downcast_ref::<ScalarFunctionExpr>().is_some();
    let is_cast = part.downcast_ref::<CastExpr>().is_some() || part.downcast_ref::<TryCastExpr>().is_some();
    (is_call || is_cast || is_condition(part)) && !is_volatile(part)
}

fn is_condition(part: &Expression) -> bool {
    let is_comparison = part.downcast_ref::<BinaryExpr>().is_some_and(|binary| !binary.op().is_numerical_operators());
    is_comparison
        || part.downcast_ref::<LikeExpr>().is_some()
        || part.downcast_ref::<InListExpr>().is_some()
        || part.downcast_ref::<IsNullExpr>().is_some()
        || part.downcast_ref::<IsNotNullExpr>().is_some()
        || part.downcast_ref::<NotExpr>().is_some()
}

fn is_volatile(part: &Expression) -> bool {
    let changes = |part: &Expression| {
        let call = part.downcast_ref::<ScalarFunctionExpr>();
        Ok(call.is_some_and(|call| call.fun().signature().volatility == Volatility::Volatile))
    };
    part.exists(changes).unwrap_or(true)
}
