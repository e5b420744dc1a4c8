//! `json_schema`: text is JSON that keeps to a schema.

use hw_base::{Column, ColumnType, JsonSchema as Compiled, literal};
use serde_json::Value as Json;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// Text is JSON that keeps to a schema.
#[derive(Debug)]
pub(super) struct JsonSchema;

counting_settings! {
    /// Settings of `json_schema`.
    JsonSchemaSettings {
        /// The column.
        column: String,
        /// The schema itself, as YAML or JSON. Of draft 2020-12, or of the older one that its `$schema` names.
        schema: Json,
    }
}

impl RuleKind for JsonSchema {
    kind_is!("json_schema", Validity, Row, JsonSchemaSettings);

    fn about(&self) -> About {
        About {
            finds: "Texts that are no JSON, or JSON that does not keep to the schema of [JSON Schema](https://json-schema.org). Drafts 4, 6, 7, 2019-09 and 2020-12 are known. A `$ref` reaches what stands in the schema itself, nothing is read from elsewhere. `format` is a remark and is not judged; `pattern` is a regular expression as in `matches`. A key that stands twice counts as it stands last. Nulls are the business of `not_null`; the text `null` is JSON.",
            matters: "What is taken out of a document by its path is null without a word once a producer renames a field or nests it deeper.",
            example: "- json_schema:\n    column: payload\n    schema:\n      type: object\n      required: [order_id]\n      properties: { order_id: { type: integer }, status: { enum: [open, paid] } }",
            remedy: "Look at the examples for the field that is missing or has another type, and ask the producer whether its format has changed; then widen the schema and read both forms in the model.",
        }
    }
}

impl RuleBody for JsonSchemaSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.schema.is_string() {
            problems.add("schema", "the schema is a text", "write the schema itself, as YAML or JSON: `schema: { type: object }`");
        } else if let Err(reason) = Compiled::new(&self.schema) {
            problems.add("schema", format!("this is no JSON schema: {reason}"), "see https://json-schema.org/learn, and mend the place");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        if matches!(column.kind, ColumnType::Date | ColumnType::Timestamp | ColumnType::Time) {
            return Err(format!("no value of column `{}`, which is {}, reads as JSON", column.name, column.sql_type));
        }
        let (text, schema) = (as_text(column), literal(&self.schema.to_string()));
        Ok(Shape::Row { violates: format!("not json_keeps_to({text}, {schema})") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_row, refused};

    #[test]
    fn texts_are_held_against_the_schema() {
        let rule = json!({"json_schema": {"column": "a", "schema": {"type": "object", "title": "it's"}}});
        check_row(&rule, "a varchar", r#"not json_keeps_to(a, '{"type":"object","title":"it''s"}')"#);
        check_misfit(&rule, "a date", "no value of column `a`, which is date, reads as JSON");
        let refuse = |schema| refused(&json!([{"json_schema": {"column": "a", "schema": schema}}]));
        assert!(refuse(json!("schema.json")).contains("the schema is a text"));
        assert!(refuse(json!({"type": "strin"})).contains("this is no JSON schema: at '/type'"));
        assert!(refuse(json!({"$ref": "https://shop.example/a.json"})).contains("only what stands in the schema itself is read"));
    }
}
