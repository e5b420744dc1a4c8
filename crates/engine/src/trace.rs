//! Which rows of an input bear on which partition of a SELECT's result.
//!
//! A filter on the partition may be carried down to an input only where the rows that it leaves out cannot bear on the rows that
//! stay. So the optimizer knows the answer: a condition that it cannot look into is put on the partition columns, and an input where it
//! arrives is one whose rows tell their partition, by the expression that the condition has become on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as EngineResult, ScalarValue, TableReference};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TableScan, Volatility,
};
use datafusion::sql::unparser::expr_to_sql;
use hw_base::{Reader, Result, Traced};

use crate::failure::explain;
use crate::files::FileTable;
use crate::local::LocalEngine;
use crate::session::{Effort, Session};
use crate::sql::references;
use crate::types;

/// The name of the condition.
const IS_WANTED: &str = "headworks_is_wanted";

/// The inputs of a SELECT whose rows tell their partition.
pub(crate) async fn traced(engine: &LocalEngine, reader: &Reader, partition_by: &[(String, String)]) -> Result<Vec<Traced>> {
    let session = without_rows(engine, reader).await?;
    let wanted = partition_by.iter().enumerate().map(|(at, (_, expression))| format!("{IS_WANTED}({at}, {expression})"));
    let sql = format!(
        "select * from ({}\n) as model where {}",
        reader.sql.trim_end().trim_end_matches(';'),
        wanted.collect::<Vec<_>>().join(" and ")
    );
    let (state, plan) = session.query(&sql, None).await?.into_parts();
    let plan = state.optimize(&plan).map_err(|error| explain(error, &session.about(None)))?;
    Ok(found(&plan, partition_by.len()))
}

/// A session that knows the columns of every table that the SELECT names, and no row.
async fn without_rows(engine: &LocalEngine, reader: &Reader) -> Result<Session> {
    let known = Session::for_reader(engine, reader, Effort::Fast).await?;
    let mut session = Session::new(engine, Effort::Fast);
    session.knows(ScalarUDF::from(IsWanted::new()))?;
    for reference in references(&reader.sql, reader.file.as_deref())? {
        let parts: Vec<&str> = reference.parts.iter().map(String::as_str).collect();
        let name = match parts[..] {
            [catalog, schema, table] => TableReference::full(catalog, schema, table),
            [schema, table] => TableReference::partial(schema, table),
            _ => TableReference::bare(parts.concat()),
        };
        let failed = |error| explain(error, &known.about(reader.file.as_deref()));
        let table = known.context().table_provider(name).await.map_err(failed)?;
        session.register(&parts, Arc::new(FileTable::new(types::stored_schema(&table.schema()), 0, vec![])))?;
    }
    Ok(session)
}

/// The inputs that the condition reaches wherever they are read.
fn found(plan: &LogicalPlan, columns: usize) -> Vec<Traced> {
    let mut inputs: BTreeMap<String, Option<Vec<Vec<String>>>> = BTreeMap::new();
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let known = inputs.entry(name_of(scan)).or_insert_with(|| Some(vec![]));
            match (known.as_mut(), expressions(scan, columns)) {
                (Some(known), Some(expressions)) => known.push(expressions),
                _ => *known = None,
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    inputs.into_iter().filter_map(|(input, expressions)| Some(Traced { input, expressions: expressions? })).collect()
}

fn name_of(scan: &TableScan) -> String {
    let name = &scan.table_name;
    let parts = [name.catalog(), name.schema(), Some(name.table())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(".")
}

/// What a scan's rows tell their partition by, if they do: one expression per partition column.
fn expressions(scan: &TableScan, columns: usize) -> Option<Vec<String>> {
    let filters: Vec<&Expr> = scan.filters.iter().flat_map(split_conjunction).collect();
    (0..columns).map(|column| filters.iter().find_map(|filter| argument(filter, column))).collect()
}

/// The expression that the condition on a partition column has become.
fn argument(filter: &Expr, column: usize) -> Option<String> {
    let Expr::ScalarFunction(function) = filter else { return None };
    let [Expr::Literal(number, _), expression] = &function.args[..] else { return None };
    let is_own = function.func.name() == IS_WANTED && *number == ScalarValue::Int64(i64::try_from(column).ok());
    let plain = |expr: Expr| match expr {
        Expr::Column(column) => Transformed::yes(Expr::Column(Column::new_unqualified(column.name))),
        other => Transformed::no(other),
    };
    let expression = is_own.then(|| expression.clone().transform(|expr| Ok(plain(expr))).ok())??;
    expr_to_sql(&expression.data).ok().map(|sql| sql.to_string())
}

/// A condition that the optimizer cannot look into. It is never evaluated on rows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IsWanted {
    signature: Signature,
}

impl IsWanted {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IsWanted {
    fn name(&self) -> &str {
        IS_WANTED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }

    /// Where the partition is a constant, all rows belong to it.
    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}

#[cfg(test)]
mod tests {
    use hw_base::Input;

    use super::*;
    use crate::testing;

    /// The inputs of a SELECT over `a` and `b`, of which each row tells its partition, and by what.
    async fn traced_in(sql: &str, partition_by: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), 1);
        let table = |name: &str| Input::Query {
            name: name.into(),
            sql: "select 1 as id, timestamp '2026-01-01 00:00:00' as at, 'x' as region, 1.5 as amount".into(),
        };
        let reader = Reader { inputs: vec![table("a"), table("b")], ..testing::reader(sql) };
        let partition_by: Vec<(String, String)> = partition_by.iter().map(|by| ((*by).to_owned(), (*by).to_owned())).collect();
        let found = traced(&engine, &reader, &partition_by).await.unwrap();
        let told = |traced: &Traced| traced.expressions.iter().map(|by| by.join(" and ")).collect::<Vec<_>>().join(" or ");
        found.iter().map(|traced| format!("{}: {}", traced.input, told(traced))).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn a_group_tells_its_partition() {
        let sql = "select cast(date_trunc('month', at) as date) as month, count(*) as n from a group by 1 having count(*) > 1";
        let found = traced_in(sql, &["month"]).await;
        assert!(found.starts_with("a: ") && found.contains("date_trunc('month', "), "{found}");
    }

    #[tokio::test]
    async fn of_a_join_the_side_that_has_the_column_tells_it() {
        let sql = "select a.region, sum(b.amount) as total from a join b using (id) group by a.region";
        assert_eq!(traced_in(sql, &["region"]).await, r#"a: "region""#);
        let sql = "select a.region, sum(b.amount) as total from a join b on a.region = b.region group by a.region";
        assert_eq!(traced_in(sql, &["region"]).await, r#"a: "region"; b: "region""#);
    }

    #[tokio::test]
    async fn a_union_tells_it_on_every_side() {
        let sql = "select region, amount from a union all select upper(region), amount from b";
        assert_eq!(traced_in(sql, &["region"]).await, r#"a: "region"; b: upper("region")"#);
    }

    #[tokio::test]
    async fn where_other_partitions_matter_nothing_is_told() {
        for sql in [
            "select region, sum(amount) over (order by at) as total from a",
            "select max(region) as region, count(*) as n from a",
            "select region, amount from a order by amount limit 10",
            "select region, amount from a where amount > (select avg(amount) from a)",
            "select a.region, a.amount from a where a.id in (select id from a)",
            "select 'all' as region, amount from a",
            "select region, amount from a union all select b.region, a.amount from a join b using (id)",
        ] {
            assert!(!traced_in(sql, &["region"]).await.contains("a:"), "{sql}: {}", traced_in(sql, &["region"]).await);
        }
    }

    #[tokio::test]
    async fn a_window_within_the_partition_tells_it() {
        let sql = "select region, row_number() over (partition by region order by at) as n from a";
        assert_eq!(traced_in(sql, &["region"]).await, r#"a: "region""#);
    }

    #[tokio::test]
    async fn several_columns_are_told_together() {
        assert_eq!(traced_in("select region, id, count(*) as n from a group by 1, 2", &["region", "id"]).await, r#"a: "region" and id"#);
        assert_eq!(traced_in("select region, count(*) as n from a group by 1", &["region", "n"]).await, "");
    }
}
