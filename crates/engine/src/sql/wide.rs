//! A SELECT of very many columns from one table, planned column by column.
//!
//! DataFusion's SQL planner compares every column of a SELECT with all columns before it, which takes seconds for
//! thousands, and `select *` is planned like them all. Here the columns are put on top of the table one by one.

use std::collections::HashMap;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScanBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Select, SelectItem, SetExpr, Statement as SqlStatement, TableFactor, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::sql::known_as;

/// From how many columns on it is worth it.
pub(crate) const MANY: usize = 200;

/// A SELECT of many columns from one table.
pub(crate) struct Wide {
    table: Vec<String>,
    alias: Option<String>,
    condition: Option<String>,
    items: Vec<SelectItem>,
}

/// The table of which a query selects all columns and nothing else.
pub(crate) fn whole_table(sql: &str) -> Option<&str> {
    let name = sql.strip_prefix("select * from ")?.trim_end();
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
    (name.starts_with(is_plain) && name.chars().all(|c| is_plain(c) || c.is_ascii_digit())).then_some(name)
}

/// Takes a SELECT of many columns from one table apart; `None` for every other query.
pub(crate) fn split(sql: &str) -> Option<Wide> {
    // A short text has few columns.
    if sql.len() < MANY {
        return None;
    }
    let mut statements = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).build().ok()?.parse_statements().ok()?;
    let (Some(Statement::Statement(statement)), true) = (statements.pop_front(), statements.is_empty()) else { return None };
    let SqlStatement::Query(mut query) = *statement else { return None };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    let items = std::mem::replace(&mut select.projection, vec![all]);
    let (wide, plain) = parts(select, items)?;
    // Whatever else the query has, such as an order or a group, is in its text as well.
    (wide.items.len() >= MANY && query.to_string() == plain).then_some(wide)
}

/// The parts, and the text that the query has when it has no other parts.
fn parts(select: &Select, items: Vec<SelectItem>) -> Option<(Wide, String)> {
    let [from] = &select.from[..] else { return None };
    let TableFactor::Table { name, alias, args: None, .. } = &from.relation else { return None };
    let table = name.0.iter().map(|part| part.as_ident().map(known_as)).collect::<Option<Vec<String>>>()?;
    let named = alias.as_ref().map(|alias| format!(" {alias}")).unwrap_or_default();
    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        return None;
    }
    let condition = select.selection.as_ref().map(ToString::to_string);
    let tested = condition.as_ref().map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    let alias = alias.as_ref().map(|alias| known_as(&alias.name));
    Some((Wide { table, alias, condition, items }, format!("SELECT * FROM {name}{named}{tested}")))
}

impl Wide {
    /// Plans it; `None` where a column is no plain expression, or not known.
    pub(crate) async fn plan(&self, context: &SessionContext) -> Option<DataFrame> {
        let table = match &self.table[..] {
            [table] => TableReference::bare(table.clone()),
            [schema, table] => TableReference::partial(schema.clone(), table.clone()),
            [catalog, schema, table] => TableReference::full(catalog.clone(), schema.clone(), table.clone()),
            _ => return None,
        };
        let mut rows = context.table(table).await.ok()?;
        if let Some(alias) = &self.alias {
            rows = rows.alias(alias).ok()?;
        }
        if let Some(condition) = &self.condition {
            let condition = rows.parse_sql_expr(condition).ok().filter(is_of_one_row)?;
            rows = rows.filter(condition).ok()?;
        }
        let known: HashMap<String, Column> =
            rows.schema().iter().map(|(table, field)| (field.name().clone(), Column::new(table.cloned(), field.name()))).collect();
        if known.len() != rows.schema().fields().len() {
            return None;
        }
        if self.is_all_of(&rows) {
            return Some(rows);
        }
        if let Some(scanned) = self.scanned(&rows) {
            return Some(scanned);
        }
        let expressions = self.items.iter().map(|item| expression(item, &known, &rows)).collect::<Option<Vec<_>>>()?;
        rows.select(expressions).ok()
    }
}

impl Wide {
    /// Whether the columns are those of the rows, in their order.
    fn is_all_of(&self, rows: &DataFrame) -> bool {
        let fields = rows.schema().fields();
        fields.len() == self.items.len()
            && fields.iter().zip(&self.items).all(|(field, item)| match item {
                SelectItem::UnnamedExpr(SqlExpr::Identifier(name)) => known_as(name) == *field.name(),
                _ => false,
            })
    }

    /// The columns as the table itself gives them, where all are its own: a projection on top of it would look for each of them among all.
    fn scanned(&self, rows: &DataFrame) -> Option<DataFrame> {
        let (state, LogicalPlan::TableScan(scan)) = rows.clone().into_parts() else { return None };
        let fields = rows.schema().fields().iter().enumerate();
        let places: HashMap<&str, usize> = fields.map(|(at, field)| (field.name().as_str(), at)).collect();
        let place = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(SqlExpr::Identifier(name)) => places.get(known_as(name).as_str()).copied(),
            _ => None,
        };
        let projection = self.items.iter().map(place).collect::<Option<Vec<usize>>>()?;
        // Whatever a table is, it is asked for columns in its own order, as the optimizer does.
        if !projection.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let scan = TableScanBuilder::from(scan).with_projection(Some(projection)).build().ok()?;
        Some(DataFrame::new(state, LogicalPlan::TableScan(scan)))
    }
}

fn expression(item: &SelectItem, known: &HashMap<String, Column>, rows: &DataFrame) -> Option<Expr> {
    match item {
        SelectItem::UnnamedExpr(SqlExpr::Identifier(name)) => known.get(&known_as(name)).cloned().map(Expr::Column),
        SelectItem::ExprWithAlias { expr: SqlExpr::Identifier(name), alias } => {
            known.get(&known_as(name)).map(|column| Expr::Column(column.clone()).alias(known_as(alias)))
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            let parsed = rows.parse_sql_expr(&expr.to_string()).ok().filter(is_of_one_row)?;
            Some(parsed.alias(known_as(alias)))
        }
        _ => None,
    }
}

fn is_of_one_row(expression: &Expr) -> bool {
    let needs_more = |part: &Expr| {
        matches!(
            part,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
        )
    };
    !expression.exists(|part| Ok(needs_more(part))).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(first: &str) -> String {
        (0..MANY).fold(first.to_owned(), |items, at| format!("{items}, \"C{at}\" as c{at}"))
    }

    #[tokio::test]
    async fn a_wide_select_returns_what_the_planner_would() {
        let context = SessionContext::new();
        let columns: Vec<String> = (0..MANY).map(|at| format!("{at} as \"C{at}\"")).collect();
        let table = context.sql(&format!("select 7 as a, {}", columns.join(", "))).await.unwrap().into_view();
        context.register_table("t", table).unwrap();
        let sql = format!("select {} from t as s where a = 7", many("A, cast(a + 1 as text) as \"B\""));
        let selected = split(&sql).unwrap().plan(&context).await.unwrap();
        let planned = context.sql(&sql).await.unwrap();
        assert_eq!(selected.schema(), planned.schema());
        assert_eq!(selected.collect().await.unwrap(), planned.collect().await.unwrap());
    }

    #[tokio::test]
    async fn columns_of_a_table_come_from_it_without_a_projection() {
        let context = SessionContext::new();
        let columns: Vec<String> = (0..=MANY).map(|at| format!("{at} as c{at}")).collect();
        let rows = context.sql(&format!("select {}", columns.join(", "))).await.unwrap();
        context.register_batch("t", rows.collect().await.unwrap().remove(0)).unwrap();
        let items: Vec<String> = (1..=MANY).map(|at| format!("c{at}")).collect();
        let sql = format!("select {} from t", items.join(", "));
        let selected = split(&sql).unwrap().plan(&context).await.unwrap();
        assert!(matches!(selected.logical_plan(), LogicalPlan::TableScan(_)));
        assert_eq!(selected.collect().await.unwrap(), context.sql(&sql).await.unwrap().collect().await.unwrap());
    }

    #[test]
    fn only_plain_selects_are_split() {
        let select = |first: &str, rest: &str| split(&format!("select {} from t{rest}", many(first))).is_some();
        assert!(select("a", "") && select("a", " as u where b > 1"));
        for (first, rest) in [
            ("a", " order by 1"),
            ("a", " group by a"),
            ("a", " limit 1"),
            ("a", " as u (x)"),
            ("a", ", u"),
            ("a", " join u on true"),
            ("distinct a", ""),
        ] {
            assert!(!select(first, rest), "{first} {rest}");
        }
        assert!(split("select a from t").is_none());
    }
}
