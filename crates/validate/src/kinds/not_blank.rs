//! `not_blank`: text has something in it besides white space.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, Result, Settings, TableFacts};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::propose::{Proposal, percent_above, share_in_words};
use crate::rule::{RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// Above this share of blank values no rule is proposed.
const MOST_BLANK: f64 = 0.05;

/// Text has something in it besides white space.
#[derive(Debug)]
pub(super) struct NotBlank;

counting_settings! {
    /// Settings of `not_blank`.
    NotBlankSettings {
        /// The column.
        column: String,
    }
}

impl RuleKind for NotBlank {
    fn name(&self) -> &'static str {
        "not_blank"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Completeness
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<NotBlankSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<NotBlankSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Texts of no characters, or of nothing but white space such as blanks, tabs and line ends. Nulls are the business of `not_null`.",
            matters: "An empty text passes every test for null, and yet says nothing: it is a missing value in disguise.",
            example: "- not_blank: { column: customer_name, on_failure: quarantine }",
            remedy: "Turn blank texts into nulls in the model, with `nullif(trim(customer_name), '')`, and decide by `not_null` how many may be missing.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter_map(propose_for).collect()
    }
}

fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let text = column.text.as_ref().filter(|_| column.kind == ColumnType::Text)?;
    let values = column.rows.saturating_sub(column.nulls);
    let blank = text.blank + text.empty;
    let share = blank as f64 / column.rows.max(1) as f64;
    if values == 0 || share >= MOST_BLANK {
        return None;
    }
    let settings = match blank {
        0 => json!({ "column": column.name, "on_failure": "alert" }),
        _ => json!({ "column": column.name, "at_most": percent_above(blank, column.rows), "on_failure": "alert" }),
    };
    let reason = format!("`{}` is blank in {}", column.name, share_in_words(blank, column.rows));
    Proposal::new("not_blank", &settings, std::slice::from_ref(column), reason, values)
}

impl RuleBody for NotBlankSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        Ok(Shape::Row { violates: format!("not regexp_like({}, '\\S')", as_text(column)) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_proposals, check_row, text_facts};

    #[test]
    fn it_finds_texts_without_a_character_that_shows() {
        check_row(&json!({"not_blank": {"column": "a"}}), "a varchar", r"not regexp_like(a, '\S')");
        check_row(&json!({"not_blank": {"column": "a"}}), "a bigint", r"not regexp_like(cast(a as varchar), '\S')");
    }

    #[test]
    fn it_is_proposed_where_few_texts_are_blank() {
        let mut table = text_facts("a", &[("one", 500), ("two", 500)]);
        check_proposals("not_blank", &table, &[r#"{"column":"a","on_failure":"alert"}: `a` is blank in 0 of 1,000 rows"#]);
        (table.columns[0].text.as_mut().unwrap().blank, table.columns[0].text.as_mut().unwrap().empty) = (18, 17);
        check_proposals(
            "not_blank",
            &table,
            &[r#"{"column":"a","at_most":"5%","on_failure":"alert"}: `a` is blank in 35 of 1,000 rows (3.50 %)"#],
        );
        table.columns[0].text.as_mut().unwrap().blank = 51;
        check_proposals("not_blank", &table, &[]);
    }
}
