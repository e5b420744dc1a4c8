//! The JSON Schema of the files of tests, for editors.

use serde_json::{Value as Json, json};

/// The JSON Schema of `tests/*.yaml`.
pub fn tests_schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "description": "Tests of models, each under its name.",
        "additionalProperties": { "$ref": "#/$defs/test" },
        "$defs": {
            "test": test(),
            "delivery": object("A delivery and what is expected after it.", &json!({ "given": given(), "now": now(), "expect": expect() }), &[]),
            "rows": rows(),
        },
    })
}

fn test() -> Json {
    let properties = json!({
        "model": { "type": "string", "description": "The model that is tested." },
        "description": { "type": "string", "description": "What the test is about." },
        "now": now(),
        "types": {
            "type": "object",
            "description": "Types of given columns, by table, where they follow from nothing else: `{ shop.orders: { zip: text } }`.",
            "additionalProperties": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "without_rules": names("Rules that are not judged; `all` stands for every rule."),
        "before": described_rows("The rows of the table before the first delivery."),
        "given": given(),
        "expect": expect(),
        "deliver": {
            "type": "array", "description": "Deliveries after the first, each loaded by a run of its own.", "items": { "$ref": "#/$defs/delivery" },
        },
    });
    object("A test of a model.", &properties, &["model"])
}

fn given() -> Json {
    json!({
        "type": "object",
        "description": "What arrives: rows by the name of their dataset (`shop.orders`), or of a model that is read.",
        "additionalProperties": { "$ref": "#/$defs/rows" },
    })
}

fn expect() -> Json {
    let properties = json!({
        "rows": described_rows("The rows of the table. Only the columns that they name are compared, and their order does not count."),
        "exact": { "type": "boolean", "description": "Whether the table has no other columns." },
        "ordered": { "type": "boolean", "description": "Whether the order of the rows counts." },
        "quarantine": described_rows("The rows in the quarantine of the table; `_rules` names the rules that a row broke."),
        "blocked_by": names("The rules that keep the delivery from being published: exactly these."),
        "broken": names("The rules that break, whatever they do then: exactly these."),
        "fails": { "type": "string", "description": "A part of the message with which the load fails." },
    });
    json!({ "description": "What is expected after the load.", "anyOf": [{ "$ref": "#/$defs/rows" }, object("", &properties, &[])] })
}

fn rows() -> Json {
    json!({
        "description": "Rows: a list of maps, CSV text, or the path of a CSV file beside the test.",
        "anyOf": [{ "type": "array", "items": { "type": "object" } }, { "type": "string" }, { "type": "null" }],
    })
}

fn described_rows(description: &str) -> Json {
    json!({ "description": description, "$ref": "#/$defs/rows" })
}

fn names(description: &str) -> Json {
    json!({ "description": description, "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
}

fn now() -> Json {
    json!({ "type": "string", "description": "What the clock shows: `2026-01-31` or `2026-01-31T12:00:00Z`." })
}

fn object(description: &str, properties: &Json, required: &[&str]) -> Json {
    json!({ "type": "object", "description": description, "properties": properties, "required": required, "additionalProperties": false })
}
