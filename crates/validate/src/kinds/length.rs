//! `length`: texts have a number of characters between two limits.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, Result, Settings, TableFacts, plural};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::propose::Proposal;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// Fewer values than this do not show that a length is constant.
const FEWEST_VALUES: u64 = 20;

/// Texts have a number of characters between two limits.
#[derive(Debug)]
pub(super) struct Length;

counting_settings! {
    /// Settings of `length`.
    LengthSettings {
        /// The column.
        column: String,
        /// The fewest characters.
        min: Option<u64>,
        /// The most characters.
        max: Option<u64>,
    }
}

impl RuleKind for Length {
    fn name(&self) -> &'static str {
        "length"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Validity
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<LengthSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<LengthSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Texts with fewer characters than `min` or more than `max`. White space counts, and a letter with an accent is one character. Values of other types are measured as they are written. Nulls are the business of `not_null`.",
            matters: "A code that lost a leading zero, or was cut off by an export, joins to nothing or to the wrong row.",
            example: "- length: { column: country_code, min: 2, max: 2 }",
            remedy: "Read the column as text at the source, so that leading zeros stay, and pad or trim it in the model where the right form is known.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter_map(propose_for).collect()
    }
}

/// Proposes the length of a column whose texts are all equally long.
fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let text = column.text.as_ref().filter(|_| column.kind == ColumnType::Text)?;
    let values = column.rows.saturating_sub(column.nulls);
    if values < FEWEST_VALUES || column.distinct < 2 || text.min_length != text.max_length || text.max_length == 0 {
        return None;
    }
    let length = text.max_length;
    let settings = json!({ "column": column.name, "min": length, "max": length, "on_failure": "alert" });
    let reason = format!("all {} of `{}` have {}", plural(values, "value"), column.name, plural(length, "character"));
    Proposal::new("length", &settings, std::slice::from_ref(column), reason, values)
}

impl RuleBody for LengthSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        super::check_limits(self.min, self.max, problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let length = format!("character_length({})", as_text(find(columns, &self.column)?));
        let violates = match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => format!("{length} <> {min}"),
            (Some(min), Some(max)) => format!("{length} not between {min} and {max}"),
            (Some(min), None) => format!("{length} < {min}"),
            (None, Some(max)) => format!("{length} > {max}"),
            (None, None) => "false".into(),
        };
        Ok(Shape::Row { violates })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_proposals, check_row, refused, text_facts};

    #[test]
    fn characters_are_counted() {
        check_row(&json!({"length": {"column": "a", "min": 2, "max": 3}}), "a varchar", "character_length(a) not between 2 and 3");
        check_row(&json!({"length": {"column": "a", "min": 2, "max": 2}}), "a varchar", "character_length(a) <> 2");
        check_row(&json!({"length": {"column": "a", "max": 3}}), "a bigint", "character_length(cast(a as varchar)) > 3");
        assert!(refused(&json!([{"length": {"column": "a", "min": 2, "max": 1}}])).contains("`min` is greater"));
        assert!(refused(&json!([{"length": {"column": "a"}}])).contains("neither `min` nor `max`"));
    }

    #[test]
    fn a_constant_length_is_proposed() {
        check_proposals(
            "length",
            &text_facts("code", &[("DE", 15), ("FR", 15)]),
            &[r#"{"column":"code","min":2,"max":2,"on_failure":"alert"}: all 30 values of `code` have 2 characters"#],
        );
        check_proposals("length", &text_facts("code", &[("DE", 15), ("FRA", 15)]), &[]);
    }
}
