//! The contract that every kind keeps.

use std::collections::BTreeSet;
use std::path::Path;

use hw_base::Settings;
use serde_json::{Value as Json, json};

use crate::kinds::RULE_KINDS;
use crate::rule::{Rule, read_rules};
use crate::testing::{columns, refused};

/// A kind's example, as plain values.
fn example(yaml: &str) -> Json {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

/// The rules of a kind's example.
fn example_rules(yaml: &str) -> Vec<Rule> {
    read_rules(&Settings::from_json(&example(yaml))).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

#[test]
fn every_file_of_the_shelf_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter_map(|file| file.strip_suffix(".rs").map(str::to_owned)).collect();
    let mut table: BTreeSet<String> = RULE_KINDS.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(table.len(), RULE_KINDS.len(), "two kinds have one name");
    table.extend(["mod".into(), "tests".into()]);
    assert_eq!(files, table);
}

#[test]
fn every_kind_has_a_manual_page_whose_example_is_read() {
    for kind in RULE_KINDS {
        let about = kind.about();
        for text in [about.finds, about.matters, about.remedy] {
            assert!(text.len() > 30 && text.ends_with('.'), "{}: {text}", kind.name());
        }
        let rules = example_rules(about.example);
        assert!(!rules.is_empty() && rules.iter().all(|rule| rule.kind.name() == kind.name()), "{}", kind.name());
    }
}

#[test]
fn every_kind_refuses_unknown_settings_and_knows_the_near_ones() {
    for kind in RULE_KINDS {
        let error = refused(&json!([{ kind.name(): { "on_failur": "block" } }]));
        assert!(error.contains("unknown key `on_failur`") && error.contains("did you mean `on_failure`?"), "{}: {error}", kind.name());
    }
}

#[test]
fn every_kind_says_what_is_missing() {
    for kind in RULE_KINDS {
        let error = refused(&json!([{ kind.name(): {} }]));
        assert!(error.contains("help:"), "{}: {error}", kind.name());
    }
}

#[test]
fn every_kind_quotes_odd_names() {
    let odd = "Odd \"name\"";
    let rule = |kind: &str| match kind {
        "compare" => json!({"left": odd, "operator": "<", "right": odd}),
        "accepted_values" => json!({"column": odd, "values": ["x"]}),
        "range" => json!({"column": odd, "min": "m"}),
        "length" | "distinct_count" => json!({"column": odd, "min": 1}),
        "matches" => json!({"column": odd, "pattern": "x"}),
        "referential" => json!({"column": odd, "to": {"table": "t", "columns": [odd]}}),
        "freshness" => json!({"column": odd, "within": "1h"}),
        "aggregate" => json!({"function": "min", "column": odd, "min": 1}),
        _ => json!({"column": odd}),
    };
    for kind in RULE_KINDS.iter().filter(|kind| !["expression", "row_count", "schema"].contains(&kind.name())) {
        let rules = crate::testing::rules(&json!([{ kind.name(): rule(kind.name()) }]));
        let shape = rules[0].body.shape(&columns("Odd \"name\" varchar")).unwrap();
        let sql = format!("{shape:?}").replace("\\\"", "\"");
        assert!(sql.contains("\"Odd \"\"name\"\"\""), "{}: {sql}", kind.name());
    }
}

#[test]
fn every_kind_that_names_a_column_suggests_the_near_one() {
    for kind in RULE_KINDS {
        for rule in example_rules(kind.about().example).iter().filter(|rule| rule.kind.name() != "schema") {
            let Some(first) = rule.columns.first() else { continue };
            let error = rule.body.shape(&columns(&format!("{first}_ bigint"))).unwrap_err();
            assert!(error.contains(&format!("did you mean `{first}_`?")), "{}: {error}", kind.name());
        }
    }
}

#[test]
fn every_kind_has_a_schema_of_its_settings() {
    let mut generator = schemars::SchemaGenerator::default();
    for kind in RULE_KINDS {
        let schema = kind.schema(&mut generator).to_value();
        assert!(schema["$ref"].as_str().is_some_and(|name| name.ends_with("Settings")), "{}: {schema}", kind.name());
    }
}
