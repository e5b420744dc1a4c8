//! What the columns of a result are called where nobody has named them: by their expressions, with constants as SQL writes them. A column whose name only
//! looks like one, such as `Int64(3)`, keeps it, and so does what is computed of it.

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use hw_base::{Input, Reader};

use crate::sql::words::{as_written, constant, with_plain_names};

/// The names of what a query returns.
pub(crate) struct Headers<'a> {
    plan: &'a LogicalPlan,
    /// The SQL of the query and of its inputs.
    given: Vec<String>,
}

impl<'a> Headers<'a> {
    /// Those of what `plan` returns, which is that of the query of `reader`.
    pub(crate) fn new(reader: &Reader, plan: &'a LogicalPlan) -> Self {
        let mut given = Vec::new();
        take_sql(reader, &mut given);
        Self { plan, given }
    }

    /// The name of the column at this place.
    pub(crate) fn at(&self, place: usize) -> String {
        self.of(self.plan, place)
    }

    fn of(&self, plan: &LogicalPlan, place: usize) -> String {
        let name = plan.schema().field(place).name();
        // Every constant of the engine has one.
        if !name.contains('(') {
            return name.clone();
        }
        let expression = match plan {
            LogicalPlan::Projection(projection) => projection.expr.get(place),
            LogicalPlan::Aggregate(aggregate) => {
                let groups = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
                match place.checked_sub(groups) {
                    Some(place) => aggregate.aggr_expr.get(place),
                    None => grouping_set_to_exprlist(&aggregate.group_expr).ok().and_then(|all| all.get(place).copied()),
                }
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => distinct.select_expr.get(place),
            LogicalPlan::Window(window) => {
                place.checked_sub(window.input.schema().fields().len()).and_then(|place| window.window_expr.get(place))
            }
            _ => None,
        };
        match (expression, &plan.inputs()[..]) {
            (Some(expression), [input, ..]) => self.written(expression, input),
            (None, [first, others @ ..]) => {
                let columns = first.schema().fields().len();
                let (input, at) = match others {
                    [second] if place >= columns => (second, place - columns),
                    _ => (first, place),
                };
                let is_same = input.schema().fields().get(at).is_some_and(|field| field.name() == name);
                if is_same { self.of(input, at) } else { name.clone() }
            }
            _ => name.clone(),
        }
    }

    /// The name that an expression over the columns of `input` gives.
    fn written(&self, expression: &Expr, input: &LogicalPlan) -> String {
        let of_column = |column: &Column| {
            let place = input.schema().index_of_column(column);
            place.map_or_else(|_| column.name.clone(), |place| self.of(input, place))
        };
        match expression {
            Expr::Column(column) => return of_column(column),
            // The engine gives back a name that it has made itself, where it casts what the name stands for.
            Expr::Alias(alias) if self.given.iter().any(|given| given.contains(&alias.name)) => return alias.name.clone(),
            Expr::Alias(alias) => return as_written::<&str>(&alias.name, &[]),
            _ => {}
        }
        let named = expression.clone().transform_down(|part| {
            let name = match &part {
                Expr::Column(column) => Some(Column { name: of_column(column), ..column.clone() }),
                Expr::Literal(value, _) => written_constant(value).map(Column::new_unqualified),
                _ => None,
            };
            Ok(name.map_or(Transformed::no(part), |name| Transformed::yes(Expr::Column(name))))
        });
        named.map_or_else(|_| expression.schema_name().to_string(), |named| named.data.schema_name().to_string())
    }
}

/// A constant as SQL writes it.
fn written_constant(value: &ScalarValue) -> Option<String> {
    if let ScalarValue::IntervalMonthDayNano(Some(_)) = value {
        let shown = array_value_to_string(&value.to_array().ok()?, 0).ok()?;
        return Some(format!("interval '{shown}'"));
    }
    let words = Expr::Literal(value.clone(), None).schema_name().to_string();
    let text = words.strip_prefix("Utf8(\"").and_then(|text| text.strip_suffix("\")"));
    text.map(|text| format!("'{text}'")).or_else(|| constant(&words).map(|(value, _)| value))
}

fn take_sql(reader: &Reader, texts: &mut Vec<String>) {
    texts.push(with_plain_names(&reader.sql));
    for input in &reader.inputs {
        match input {
            Input::Query { sql, .. } => texts.push(with_plain_names(sql)),
            Input::Reader { reader, .. } => take_sql(reader, texts),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::datasource::MemTable;
    use hw_base::Engine;

    use super::*;
    use crate::testing;

    #[track_caller]
    fn check(sql: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), 1);
        let columns = ["Int64(3)", "n"].map(|name| (name, Arc::new(Int64Array::from(vec![1])) as ArrayRef));
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        engine.live().open("t", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap()));
        let inputs = vec![Input::Live { name: "t".into(), relation: "t".into() }];
        let found = testing::wait(engine.query(&Reader { inputs, ..testing::reader(sql) }, 1)).unwrap();
        assert_eq!(found.columns.into_iter().map(|column| column.name).collect::<Vec<_>>(), expected, "{sql}");
    }

    #[test]
    fn headers_keep_the_names_of_columns() {
        check("select *, n + 4 as \"Int64(5)\", 6 + 7 from (select * from t)", &["Int64(3)", "n", "Int64(5)", "6 + 7"]);
        check("select \"Int64(3)\", \"Int64(3)\" + 3, n + 3 from t", &["Int64(3)", "t.Int64(3) + 3", "t.n + 3"]);
        check("select n as \"Int64(3)\", n + 3 from t", &["Int64(3)", "t.n + 3"]);
        check("select sum(\"Int64(3)\" + 3) * 3 from t group by n", &["sum(t.Int64(3) + 3) * 3"]);
    }

    #[test]
    fn constants_are_written_as_in_sql_wherever_they_come_from() {
        check("select n + 1, upper('a\")'), 1.0 * n from t", &["t.n + 1", "upper('a\")')", "1.0 * t.n"]);
        check("select * from (select n + 1, \"Int64(3)\" from t) as u", &["t.n + 1", "Int64(3)"]);
        check("select sum(n + 1) filter (where n > 2), n > 0 from t group by n > 0", &["sum(t.n + 1) FILTER (WHERE t.n > 2)", "t.n > 0"]);
        let frame = "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
        check("select lag(n, 2) over (order by n + 1) from t", &[&format!("lag(t.n,2) ORDER BY [t.n + 1 ASC NULLS LAST] {frame}")]);
        check("select n + 1 from t union all select 2", &["t.n + 1"]);
        check("select date '2024-01-01' + interval '10 days'", &["'2024-01-01' + interval '10 days'"]);
        check("select case when n > 1 then 2 else 0.5 end from t", &["CASE WHEN t.n > 1 THEN 2 ELSE 0.5 END"]);
        check("select distinct u.n + 1, v.n + 2 from t as u join t as v on u.n = v.n order by 1", &["u.n + 1", "v.n + 2"]);
    }
}
