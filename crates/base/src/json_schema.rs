//! A JSON schema, and whether a text keeps to it.

use std::error::Error;
use std::fmt;

use boon::{CompileError, Compiler, Draft, Format, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;

/// Where the schema stands to the library, which knows schemas by their addresses.
const PLACE: &str = "schema:/rule";

/// Formats that the library judges in older drafts. They are annotations here in all drafts, which is the default of
/// JSON Schema since 2019-09.
const FORMATS: [&str; 19] = [
    "date",
    "time",
    "date-time",
    "duration",
    "period",
    "hostname",
    "idn-hostname",
    "email",
    "idn-email",
    "ipv4",
    "ipv6",
    "json-pointer",
    "relative-json-pointer",
    "uuid",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
];

/// A JSON schema of draft 4, 6, 7, 2019-09 or 2020-12, of which its `$schema` tells; without one, of 2020-12.
/// `format` is not judged.
pub struct JsonSchema {
    schemas: Schemas,
    root: SchemaIndex,
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JsonSchema")
    }
}

impl JsonSchema {
    /// The schema, ready to judge.
    ///
    /// # Errors
    ///
    /// In words, where it is no schema, or refers to one that stands elsewhere.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(Nowhere));
        for name in FORMATS {
            compiler.register_format(Format { name, func: |_| Ok(()) });
        }
        let mut schemas = Schemas::new();
        compiler.add_resource(PLACE, schema.clone()).map_err(|error| error.to_string())?;
        let root = compiler.compile(PLACE, &mut schemas).map_err(|error| why(&error))?;
        Ok(Self { schemas, root })
    }

    /// Whether `text` is JSON that keeps to the schema.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        serde_json::from_str(text).is_ok_and(|value: Value| self.schemas.validate(&value, self.root).is_ok())
    }
}

/// Schemas that are read from elsewhere would make a verdict depend on a network.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("only what stands in the schema itself is read".into())
    }
}

/// What is wrong with the schema, and where in it.
fn why(error: &CompileError) -> String {
    match error {
        CompileError::ValidationError { src, .. } => {
            let lines: Vec<String> = src.to_string().lines().skip(1).map(|line| line.trim_start_matches([' ', '-']).to_owned()).collect();
            without_drawing(&if lines.is_empty() { src.to_string() } else { lines.join("; ") })
        }
        CompileError::LoadUrlError { url, .. } => format!("it refers to `{url}`, and only what stands in the schema itself is read"),
        CompileError::JsonPointerNotFound { .. } | CompileError::AnchorNotFound { .. } => {
            format!("a `$ref` in it points to nothing: {}", error.to_string().replace(PLACE, ""))
        }
        _ => error.to_string().replace(PLACE, ""),
    }
}

/// What is wrong with a regular expression without the drawing that points at the place.
fn without_drawing(text: &str) -> String {
    const DRAWING: &str = " is not valid regex: ";
    match (text.split_once(DRAWING), text.rsplit_once("error: ")) {
        (Some((expression, _)), Some((_, reason))) => format!("{expression} is no regular expression that can be judged: {reason}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::JsonSchema;

    #[track_caller]
    fn check(schema: &Value, holds: &[&str], breaks: &[&str]) {
        let schema = JsonSchema::new(schema).unwrap();
        for text in holds {
            assert!(schema.holds(text), "{text}");
        }
        for text in breaks {
            assert!(!schema.holds(text), "{text}");
        }
    }

    #[test]
    fn texts_keep_to_it_or_not() {
        check(&json!({}), &["1", "{}", " null "], &["", "{", "NaN"]);
        check(&json!(true), &["1"], &["x"]);
        check(&json!(false), &[], &["1"]);
        let order = json!({
            "type": "object", "required": ["id"], "additionalProperties": false,
            "properties": { "id": { "type": "integer", "minimum": 1 }, "status": { "enum": ["open", null] }, "lines": { "$ref": "#/$defs/lines" } },
            "$defs": { "lines": { "type": "array", "minItems": 1, "items": { "type": "string", "pattern": "^[A-Z]" } } },
        });
        check(
            &order,
            &[r#"{"id": 1}"#, r#"{"id": 2.0, "status": null}"#, r#"{"id": 1, "lines": ["A"]}"#],
            &[
                "[]",
                "{}",
                r#"{"id": 0}"#,
                r#"{"id": "1"}"#,
                r#"{"id": 1, "x": 1}"#,
                r#"{"id": 1, "lines": []}"#,
                r#"{"id": 1, "lines": ["a"]}"#,
            ],
        );
    }

    #[test]
    fn the_draft_is_the_one_that_it_names() {
        let of = |draft: &str| json!({"$schema": draft, "exclusiveMinimum": true, "minimum": 1});
        check(&of("http://json-schema.org/draft-04/schema#"), &["2"], &["1"]);
        assert!(JsonSchema::new(&of("http://json-schema.org/draft-07/schema#")).is_err());
        check(&json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}), &["\"x\""], &[]);
        for format in ["date-time", "uri", "uri-template", "semver", "uuid"] {
            check(&json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": format}), &["\"x\""], &[]);
        }
    }

    #[test]
    fn what_is_no_schema_is_refused_with_the_reason() {
        let refused = |schema| JsonSchema::new(&schema).unwrap_err();
        expect_test::expect![[r"
            at '/type': anyOf failed; at '/type': value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'; at '/type': want array, but got string
            at '/properties/a/minimum': want number, but got string
            it refers to `https://shop.example/order.json`, and only what stands in the schema itself is read
            a `$ref` in it points to nothing: json-pointer in #/$defs/order not found
            at '/properties/a/pattern': '(a' is no regular expression that can be judged: unclosed group
            at '/properties/a/pattern': '(?=a)b' is no regular expression that can be judged: look-around, including look-ahead and look-behind, is not supported
            it refers to `https://shop.example/draft`, and only what stands in the schema itself is read
            at '': want boolean or object, but got array"]].assert_eq(
            &[
                refused(json!({"type": "strin"})),
                refused(json!({"properties": {"a": {"minimum": "1"}}})),
                refused(json!({"$ref": "https://shop.example/order.json"})),
                refused(json!({"$ref": "#/$defs/order"})),
                refused(json!({"properties": {"a": {"pattern": "(a"}}})),
                refused(json!({"properties": {"a": {"pattern": "(?=a)b"}}})),
                refused(json!({"$schema": "https://shop.example/draft"})),
                refused(json!([1])),
            ]
            .join("\n"),
        );
    }
}
