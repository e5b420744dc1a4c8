//! `query`: a query of your own finds no rows.

use hw_base::{Column, Dimension};

use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::{Shape, Template};
use crate::shared_settings::{Common, counting_settings, kind_is};

/// A query of your own finds no rows.
#[derive(Debug)]
pub(super) struct Query;

counting_settings! {
    /// Settings of `query`.
    QuerySettings {
        /// A SELECT of the rows that break the rule; `{table}` stands for the table.
        sql: String,
        /// Another table that the query reads, so that it is loaded before the rule is judged: a model, or `source.dataset`.
        reads: Option<String>,
        /// The dimension of quality that the rule watches.
        dimension: Option<Dimension>,
    }
}

impl RuleKind for Query {
    kind_is!("query", Accuracy, Set, QuerySettings);

    fn about(&self) -> About {
        About {
            finds: "The rows that the query returns: every one breaks the rule. `{table}` stands for the table as it would be after the load, limited by `where`; other tables are called by their names, and the one in `reads` is loaded first. A share in `at_least` or `at_most` is one of the rows of the table.",
            matters: "What must hold between groups of rows, or between several tables, is known to you alone.",
            example: "- query: { sql: 'select order_id, sum(total_amount) as total from {table} group by order_id having sum(total_amount) < 0', name: no_negative_orders, on_failure: alert }",
            remedy: "Run the query on the table by itself, and look at the rows behind the ones it returns.",
        }
    }
}

impl RuleBody for QuerySettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn dimension(&self) -> Option<Dimension> {
        self.dimension
    }

    fn sql(&self) -> Option<&str> {
        Some(&self.sql)
    }

    fn other_table(&self) -> Option<String> {
        self.reads.clone()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        let sql = self.sql.trim().to_lowercase();
        if sql.is_empty() {
            problems.add("sql", "`sql` is empty", "write a SELECT of the rows that break the rule");
        } else if !(sql.starts_with("select") || sql.starts_with("with") || sql.starts_with('(')) {
            let help = "write `select … from {table} where …`; what must be true in every row belongs in `expression`";
            problems.add("sql", "`sql` is no SELECT", help);
        } else if !self.sql.contains(Template::TABLE) {
            problems.add("sql", "the query does not read the table that the rule is about", "write `from {table}` in it");
        }
    }

    fn shape(&self, _columns: &[Column]) -> Result<Shape, String> {
        let sql = self.sql.trim().trim_end_matches(';').trim_end();
        let end = if sql.contains("--") { "\n" } else { "" };
        Ok(Shape::violating_rows(format!("{sql}{end}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_set, refused};

    #[test]
    fn rows_of_the_query_are_violations() {
        check_set(
            &json!({"query": {"sql": "select a from {table} where b = '{table}'; ", "where": "c"}}),
            "a bigint",
            "select count(*) as violations from (select a from (select * from after where (c)) where b = '{table}') as broken",
        );
        let refuse = |sql: &str| refused(&json!([{"query": {"sql": sql}}]));
        assert!(refuse(" ").contains("`sql` is empty"));
        assert!(refuse("a > 1").contains("belongs in `expression`"));
        assert!(refuse("select 1 from t").contains("does not read the table"));
    }
}
