//! `referential`: every value occurs in a column of another table.

use std::sync::Arc;

use hw_base::{Column, Dimension, Result, SetWatch, Settings, TableFacts, Together, identifier, plural};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::json;

use crate::columns::{all_present, find_all, list};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::propose::{Proposal, percent_above, share_in_words};
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::{Shape, Template};
use crate::shared_settings::{Common, counting_settings};

/// Every value occurs in a column of another table.
#[derive(Debug)]
pub(super) struct Referential;

counting_settings! {
    /// Settings of `referential`.
    ReferentialSettings {
        /// The column, where it is one.
        column: Option<String>,
        /// The columns that together refer to a row.
        columns: Option<Vec<String>>,
        /// What they refer to: `table.column`, or `{ table, columns }`.
        #[schemars(with = "TargetForm")]
        to: Target,
    }
}

/// What a column refers to, in its two forms.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes the two forms")]
enum TargetForm {
    /// `table.column`
    Short(String),
    /// The table and its columns, in the order of those that refer to them.
    Long(LongTarget),
}

/// The table and its columns, in the order of those that refer to them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongTarget {
    /// The table: a model, or `source.dataset`.
    table: String,
    /// Its columns.
    columns: Vec<String>,
}

/// What a column refers to.
#[derive(Debug)]
struct Target {
    table: Vec<String>,
    columns: Vec<String>,
}

impl Target {
    fn new(table: &str, columns: Vec<String>) -> Self {
        Self { table: table.split('.').map(str::to_owned).collect(), columns }
    }

    fn parse(text: &str) -> Option<Self> {
        let (table, column) = text.rsplit_once('.')?;
        Some(Self::new(table, vec![column.into()])).filter(|_| !table.is_empty() && !column.is_empty())
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Target;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`table.column` or `{ table: …, columns: […] }`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
                Target::parse(text).ok_or_else(|| E::custom(format!("`{text}` names no column of a table; write `table.column`")))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let long = LongTarget::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Target::new(&long.table, long.columns))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl RuleKind for Referential {
    fn name(&self) -> &'static str {
        "referential"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Consistency
    }

    fn scope(&self) -> Scope {
        Scope::Set
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<ReferentialSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<ReferentialSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Rows that refer to a row which the other table does not have, in the table as it would be after the load. Rows with a null in one of the columns are left out, and nulls in the other table match nothing. A table may refer to itself; rows of the same load count as there. With `on_failure: quarantine` they wait until the other table has the row that they refer to, and are let in by the run after that.",
            matters: "An order of an unknown customer disappears from every report that joins the two, and the totals no longer agree.",
            example: "- referential: { column: customer_id, to: dim_customers.customer_id, at_least: 99% }\n- referential: { columns: [order_id, line], to: { table: order_lines, columns: [order_id, line] } }",
            remedy: "Load the other table first, or let its model keep the rows that were removed there. For facts that come before their dimension row, an inferred member keeps the total whole.",
        }
    }
}

impl ReferentialSettings {
    fn names(&self) -> Vec<String> {
        self.column.iter().chain(self.columns.iter().flatten()).cloned().collect()
    }
}

impl RuleBody for ReferentialSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.names()
    }

    fn other_table(&self) -> Option<String> {
        Some(self.to.table.join("."))
    }

    fn set_watch(&self) -> Option<SetWatch> {
        let columns = self.names();
        let asks = Together::Known { table: self.to.table.join("."), columns: self.to.columns.clone() };
        Some(SetWatch { id: String::new(), judged: all_present(&columns), columns, asks })
    }

    fn partners(&self) -> Option<[Template; 2]> {
        let values = |columns: &[String], from: &str| format!("select {} from {from} where {}", list(columns), all_present(columns));
        let rows = Template::new(values(&self.names(), "{table} as judged"));
        let among = Template { text: values(&self.to.columns, "{other} as referred"), other: Some(self.to.table.clone()) };
        Some([rows, among])
    }

    fn check(&self, problems: &mut Problems<'_>) {
        super::check_column_or_columns(self.column.as_deref(), self.columns.as_deref(), problems);
        let (from, to) = (self.names().len(), self.to.columns.len());
        if from > 0 && from != to {
            problems.add("to", format!("{from} columns cannot refer to {to}"), "name as many columns on both sides, in the same order");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let names = self.names();
        find_all(columns, &names)?;
        let on = |side: &str, names: &[String]| names.iter().map(|name| format!("{side}.{}", identifier(name))).collect::<Vec<_>>();
        let (children, parents) = (on("judged", &names), on("referred", &self.to.columns));
        let equal: Vec<String> = parents.iter().zip(&children).map(|(parent, child)| format!("{parent} = {child}")).collect();
        let present: Vec<String> = children.iter().map(|child| format!("{child} is not null")).collect();
        let orphans = format!(
            "from {{table}} as judged where {} and not exists (select 1 from {{other}} as referred where {})",
            present.join(" and "),
            equal.join(" and ")
        );
        let (key, chosen) = (list(&names), children.join(", "));
        let template = |text: String| Template { text, other: Some(self.to.table.clone()) };
        Ok(Shape::Set {
            count: template(format!("select count(*) as violations {orphans}")),
            examples: template(format!(
                "select {chosen}, count(*) as rows_without {orphans} group by {chosen} order by rows_without desc, {key}"
            )),
            violations: template(format!("select * {orphans}")),
        })
    }
}

/// A reference to another table, as it was found in the rows of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundReference {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub table: String,
    /// Its columns, in the order of those that refer to them.
    pub key: Vec<String>,
    /// Rows with a value in all of the columns.
    pub rows: u64,
    /// Those of them that refer to no row.
    pub orphans: u64,
}

impl FoundReference {
    /// The rule that keeps it, for the table of these facts: it blocks where every row refers to one, and else alerts about a little more
    /// orphans than there are. `None` where the facts have no such column.
    pub fn proposal(&self, facts: &TableFacts) -> Option<Proposal> {
        let mut settings = match (&self.columns[..], &self.key[..]) {
            ([column], [key]) => json!({ "column": column, "to": format!("{}.{key}", self.table) }),
            (columns, key) => json!({ "columns": columns, "to": { "table": self.table, "columns": key } }),
        };
        let reason = match self.orphans {
            0 => format!("each of {} with a value refers to a row of {}", plural(self.rows, "row"), self.table),
            orphans => format!("{} refer to no row of {}", share_in_words(orphans, facts.rows), self.table),
        };
        let action = if self.orphans == 0 {
            json!({ "on_failure": "block" })
        } else {
            json!({ "at_most": percent_above(self.orphans, facts.rows), "on_failure": "alert" })
        };
        settings.as_object_mut()?.extend(action.as_object()?.clone());
        Proposal::new("referential", &settings, &facts.columns, reason, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::FoundReference;
    use crate::testing::{check_set, facts, refused};

    #[test]
    fn a_reference_that_was_found_becomes_a_rule_that_it_keeps() {
        let facts = facts(1000, &[("customer_id", "bigint", 10, 100), ("day", "date", 0, 10)]);
        let check = |columns: &[&str], orphans: u64, expected: serde_json::Value| {
            let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
            let found = FoundReference { key: columns.clone(), columns, table: "customers".into(), rows: 990, orphans };
            let proposal = found.proposal(&facts).unwrap();
            assert_eq!(json!([proposal.settings, proposal.reason]), expected);
        };
        check(
            &["customer_id"],
            0,
            json!([{ "column": "customer_id", "to": "customers.customer_id", "on_failure": "block" }, "each of 990 rows with a value refers to a row of customers"]),
        );
        check(
            &["customer_id", "day"],
            25,
            json!([
                { "columns": ["customer_id", "day"], "to": { "table": "customers", "columns": ["customer_id", "day"] }, "at_most": "4%", "on_failure": "alert" },
                "25 of 1,000 rows (2.50 %) refer to no row of customers"
            ]),
        );
    }

    #[test]
    fn it_counts_rows_without_a_partner() {
        check_set(
            &json!({"referential": {"column": "a", "to": "shop.customers.id"}}),
            "a bigint",
            "select count(*) as violations from after as judged where judged.a is not null \
             and not exists (select 1 from shop.customers as referred where referred.id = judged.a)",
        );
    }

    #[test]
    fn a_table_may_refer_to_itself() {
        check_set(
            &json!({"referential": {"columns": ["a", "b"], "to": {"table": "own", "columns": ["x", "Y"]}, "where": "c"}}),
            "a bigint, b bigint",
            "select count(*) as violations from (select * from after where (c)) as judged where judged.a is not null and judged.b is not null \
             and not exists (select 1 from after as referred where referred.x = judged.a and referred.\"Y\" = judged.b)",
        );
    }

    #[test]
    fn both_sides_must_fit() {
        let refuse = |settings| refused(&json!([{ "referential": settings }]));
        assert!(refuse(json!({"columns": ["a", "b"], "to": "t.x"})).contains("2 columns cannot refer to 1"));
        assert!(refuse(json!({"column": "a", "to": "customers"})).contains("`customers` names no column of a table"));
        assert!(refuse(json!({"column": "a", "to": {"tabel": "t", "columns": ["x"]}})).contains("did you mean `table`?"));
    }
}
