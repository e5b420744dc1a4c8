//! `unique`: no two rows share the same value of the named columns.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, OnFailure, Result, SetWatch, Settings, TableFacts, TextShape, Together, plural};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::{find_all, list};
use crate::explain::About;
use crate::kinds::{RuleKind, SkipIf};
use crate::propose::Proposal;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::{Shape, Template};
use crate::shared_settings::{Common, counting_settings};

/// Fewer rows than this prove no key.
const FEWEST_ROWS: u64 = 20;

/// No two rows share the same value of the named columns.
#[derive(Debug)]
pub(super) struct Unique;

counting_settings! {
    /// Settings of `unique`.
    UniqueSettings {
        /// The column, where it is one.
        column: Option<String>,
        /// The columns that together identify a row.
        columns: Option<Vec<String>>,
        /// Which rows are left out: those with `any_null` of the columns (where it is not given), those with `all_null`, or `never` one; two nulls then count as the same value.
        #[serde(default)]
        skip_if: SkipIf,
    }
}

impl RuleKind for Unique {
    fn name(&self) -> &'static str {
        "unique"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Uniqueness
    }

    fn scope(&self) -> Scope {
        Scope::Set
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<UniqueSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<UniqueSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Rows that share the values of the named columns with another row, in the table as it would be after the load. Every copy counts: two rows with one key are two violations. Rows with a null in one of the columns are left out; with `skip_if: all_null` or `never` two nulls are the same value. With `on_failure: quarantine` the first of the rows with one key stays and the others wait; only those are violations then.",
            matters: "A key that occurs twice doubles every sum that is joined to it.",
            example: "- unique: { columns: [order_id, line_number], on_failure: block }",
            remedy: "Load the table with `upsert` and this key, so that one row per key stays, or remove the copies in the model. If the copies are real, the key lacks a column.",
        }
    }

    /// Only where every row was read, every value is different, and the column looks like a key: values that are
    /// different by chance are no promise.
    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        let keys = facts.columns.iter().filter(|column| facts.scanned_all_rows && is_unique(column) && looks_like_a_key(column));
        keys.filter_map(propose_for).collect()
    }
}

fn is_unique(column: &ColumnFacts) -> bool {
    column.rows >= FEWEST_ROWS && column.distinct_is_exact && column.nulls == 0 && column.distinct == column.rows
}

fn looks_like_a_key(column: &ColumnFacts) -> bool {
    let name = column.name.to_lowercase();
    let is_named_so = ["id", "key", "code", "number", "uuid", "sku", "email", "no"]
        .iter()
        .any(|word| name == *word || name.ends_with(&format!("_{word}")));
    let is_uuid = column
        .text
        .as_ref()
        .is_some_and(|text| text.shapes.iter().any(|found| found.shape == TextShape::Uuid && found.count == column.rows));
    matches!(column.kind, ColumnType::Integer | ColumnType::Text) && (is_named_so || is_uuid)
}

fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let settings = json!({ "columns": [column.name], "on_failure": "block" });
    let reason = format!("`{}` has a different value in each of {}", column.name, plural(column.rows, "row"));
    Proposal::new("unique", &settings, std::slice::from_ref(column), reason, column.rows)
}

impl UniqueSettings {
    fn names(&self) -> Vec<String> {
        self.column.iter().chain(self.columns.iter().flatten()).cloned().collect()
    }
}

impl RuleBody for UniqueSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.names()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        super::check_column_or_columns(self.column.as_deref(), self.columns.as_deref(), problems);
    }

    fn set_watch(&self) -> Option<SetWatch> {
        let columns = self.names();
        let judged = self.skip_if.condition(&columns);
        let nulls_match = !matches!(self.skip_if, SkipIf::AnyNull);
        Some(SetWatch { id: String::new(), columns, judged, asks: Together::First { nulls_match } })
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let names = self.names();
        find_all(columns, &names)?;
        let (key, present) = (list(&names), self.skip_if.condition(&names));
        let copies =
            format!("select {key}, count(*) as copies_of_key from {{table}} as judged where {present} group by {key} having count(*) > 1");
        // Where rows wait, the first of each key stays.
        let broken = if self.on_failure == OnFailure::Quarantine { "copies_of_key - 1" } else { "copies_of_key" };
        Ok(Shape::Set {
            count: Template::new(format!("select cast(coalesce(sum({broken}), 0) as bigint) as violations from ({copies}) as repeated")),
            examples: Template::new(format!("{copies} order by copies_of_key desc, {key}")),
            violations: Template::new(format!(
                "select * from (select *, count(*) over (partition by {key}) as copies_of_key from {{table}} as judged where {present}) as counted \
                 where copies_of_key > 1 order by {key}"
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_proposals, check_set, facts, refused};

    #[test]
    fn it_counts_every_copy() {
        check_set(
            &json!({"unique": {"columns": ["a", "Line No"]}}),
            "a bigint, Line No bigint",
            "select cast(coalesce(sum(copies_of_key), 0) as bigint) as violations from (select a, \"Line No\", count(*) as copies_of_key from after as judged \
             where a is not null and \"Line No\" is not null group by a, \"Line No\" having count(*) > 1) as repeated",
        );
    }

    #[test]
    fn the_first_of_a_key_is_no_copy_where_the_others_wait() {
        check_set(
            &json!({"unique": {"column": "a", "on_failure": "quarantine"}}),
            "a bigint",
            "select cast(coalesce(sum(copies_of_key - 1), 0) as bigint) as violations from (select a, count(*) as copies_of_key from after as judged \
             where a is not null group by a having count(*) > 1) as repeated",
        );
    }

    #[test]
    fn it_wants_columns() {
        assert!(refused(&json!([{"unique": {}}])).contains("no column is named"));
        assert!(refused(&json!([{"unique": {"columns": []}}])).contains("no column is named"));
        assert!(refused(&json!([{"unique": {"column": "a", "columns": ["b"]}}])).contains("keep one of them"));
        assert!(refused(&json!([{"unique": {"columns": ["a", "b", "a"]}}])).contains("`a` is named twice"));
    }

    #[test]
    fn only_a_proven_key_is_proposed() {
        let mut table = facts(1000, &[("order_id", "bigint", 0, 1000), ("amount", "bigint", 0, 1000), ("shop_id", "bigint", 0, 999)]);
        check_proposals(
            "unique",
            &table,
            &[r#"{"columns":["order_id"],"on_failure":"block"}: `order_id` has a different value in each of 1,000 rows"#],
        );
        table.scanned_all_rows = false;
        check_proposals("unique", &table, &[]);
    }
}
