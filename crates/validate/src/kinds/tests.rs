//! The contract that every kind keeps.

use std::collections::BTreeSet;
use std::path::Path;

use hw_base::{Column, ColumnType, Settings};
use serde_json::{Value as Json, json};

use crate::explain::explain;
use crate::gate::Gate;
use crate::kinds::RULE_KINDS;
use crate::rule::{Rule, Scope, read_rules};
use crate::shape::Shape;
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
fn every_kind_has_data_that_breaks_it_and_repaired_data() {
    let cases = example(include_str!("../../../../tests/suites/every_rule.yaml"));
    let mut seen = BTreeSet::new();
    for case in cases.as_array().unwrap() {
        let rules = read_rules(&Settings::from_json(&json!([case["rule"]]))).unwrap_or_else(|error| panic!("{case}: {error}"));
        seen.insert(rules[0].kind.name());
        let text = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("{case} has no `{key}` data")).to_owned();
        assert_ne!(text("broken"), text("repaired"), "{case}");
    }
    assert_eq!(seen, RULE_KINDS.iter().map(|kind| kind.name()).collect());
}

/// A table that the examples of all kinds are about.
const EXAMPLE_TABLE: &str = "order_id bigint, line bigint, line_number bigint, customer_id bigint, customer_name varchar, email varchar, \
    country_code varchar, shop_id bigint, status varchar, total_amount decimal(12,2), discount decimal(12,2), order_date date, \
    shipped_at timestamp, delivered_at timestamp, updated_at timestamp, note varchar, payload varchar";

#[test]
fn every_example_fits_a_table_and_asks_something_of_it() {
    let table = columns(EXAMPLE_TABLE);
    for kind in RULE_KINDS {
        let rules = example_rules(kind.about().example);
        let gate = Gate::new(&rules, &table);
        assert_eq!(gate.misfits().map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0], "{}", kind.name());
        let watch = gate.watch(&[], 5, false);
        let counted = match kind.scope() {
            Scope::Row => watch.rows.iter().filter(|row| !row.id.contains('#')).count(),
            Scope::Aggregate => watch.aggregates.len(),
            Scope::Set | Scope::Columns => rules.len(),
        };
        assert_eq!(counted, rules.len(), "{}", kind.name());
    }
}

#[test]
fn every_manual_page_tells_all_settings() {
    for kind in RULE_KINDS {
        let page = explain(kind.name()).unwrap();
        for part in
            ["## What it finds", "## Why it matters", "## Example", "## Settings", "## What to do", "- `name`: ", "- `on_failure`: "]
        {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        for rule in example_rules(kind.about().example) {
            let settings = rule.settings[kind.name()].as_object().unwrap().clone();
            settings.keys().for_each(|key| assert!(page.contains(&format!("- `{key}`: ")), "{key} is not in\n{page}"));
        }
    }
}

/// Kinds that measure how far values are apart.
const NEEDS_NUMBERS: [&str; 3] = ["z_score", "outliers", "sequence"];

#[test]
fn no_name_and_no_value_gets_out_of_its_quotes() {
    let (name, value) = (r#"x"; drop table {table} --"#, "'; drop table [{table}] --");
    let rule = |kind: &str| match kind {
        "compare" => json!({"left": name, "operator": "<", "right": "other"}),
        "accepted_values" | "rejected_values" | "most_common_value" => json!({"column": name, "values": [value]}),
        "range" => json!({"column": name, "min": value}),
        "matches" | "like" => json!({"column": name, "pattern": value}),
        "referential" => json!({"column": name, "to": {"table": name, "columns": [name]}}),
        "length" | "distinct_count" => json!({"column": name, "min": 1}),
        "distinct_values" => json!({"column": name, "equal": [value]}),
        "parses" => json!({"column": name, "as": "email"}),
        "json_schema" => json!({"column": name, "schema": {"type": "object"}}),
        "columns_equal" | "columns_differ" => json!({"columns": [name, "other"]}),
        "accepted_combinations" => json!({"columns": [name, name], "values": [[value, null]]}),
        "reconcile" => json!({"with": "t", "key": [name]}),
        "distribution" => json!({"column": name, "values": [value], "weights": [1.0], "distance": "psi", "max": 0.1}),
        "z_score" => json!({"column": name, "below": 3}),
        "no_gaps" => json!({"column": name, "longest": "1d"}),
        "no_overlaps" => json!({"from": name, "to": name}),
        "freshness" => json!({"column": name, "within": "1h"}),
        "aggregate" => json!({"function": "count", "column": name, "min": 1}),
        _ => json!({"column": name}),
    };
    let table = |kind: &str| {
        let (kind, sql_type) = if NEEDS_NUMBERS.contains(&kind) { (ColumnType::Float, "double") } else { (ColumnType::Text, "text") };
        [name, "other"].map(|name| Column { name: name.into(), kind, sql_type: sql_type.into() })
    };
    for kind in RULE_KINDS.iter().filter(|kind| !["expression", "row_count", "schema", "query", "row_sum"].contains(&kind.name())) {
        let rules = crate::testing::rules(&json!([{ kind.name(): rule(kind.name()) }]));
        let sql = match rules[0].body.shape(&table(kind.name())).unwrap() {
            Shape::Row { violates } => violates,
            Shape::Aggregate { expression, .. } => expression,
            Shape::Set { count, examples, violations } => {
                [count, examples, violations].map(|template| template.over("t", "t", None)).join(";")
            }
            Shape::Columns { .. } => String::new(),
        };
        let outside = sql.replace(&hw_base::identifier(name), "NAME").replace(&hw_base::literal(value), "VALUE");
        assert!(outside.contains("NAME") && !outside.contains("drop"), "{}: {sql}", kind.name());
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
        "compare" => json!({"left": odd, "operator": "<", "right": "other"}),
        "accepted_values" | "rejected_values" | "most_common_value" => json!({"column": odd, "values": ["x"]}),
        "range" => json!({"column": odd, "min": "m"}),
        "length" | "distinct_count" => json!({"column": odd, "min": 1}),
        "matches" | "like" => json!({"column": odd, "pattern": "x"}),
        "referential" => json!({"column": odd, "to": {"table": "t", "columns": [odd]}}),
        "distinct_values" => json!({"column": odd, "equal": ["x"]}),
        "parses" => json!({"column": odd, "as": "email"}),
        "json_schema" => json!({"column": odd, "schema": {"type": "object"}}),
        "columns_equal" | "columns_differ" => json!({"columns": [odd, "other"]}),
        "accepted_combinations" => json!({"columns": [odd, odd], "values": [["x", null]]}),
        "reconcile" => json!({"with": "t", "key": [odd]}),
        "distribution" => json!({"column": odd, "values": ["x"], "weights": [1.0], "distance": "psi", "max": 0.1}),
        "z_score" => json!({"column": odd, "below": 3}),
        "no_gaps" => json!({"column": odd, "longest": "1d"}),
        "no_overlaps" => json!({"from": odd, "to": odd}),
        "freshness" => json!({"column": odd, "within": "1h"}),
        "aggregate" => json!({"function": "count", "column": odd, "min": 1}),
        _ => json!({"column": odd}),
    };
    for kind in RULE_KINDS.iter().filter(|kind| !["expression", "row_count", "schema", "query", "row_sum"].contains(&kind.name())) {
        let rules = crate::testing::rules(&json!([{ kind.name(): rule(kind.name()) }]));
        let sql_type = if NEEDS_NUMBERS.contains(&kind.name()) { "double" } else { "varchar" };
        let shape = rules[0].body.shape(&columns(&format!("{odd} {sql_type},other {sql_type}"))).unwrap();
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
