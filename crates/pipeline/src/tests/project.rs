//! Reading a project: what is refused, and what a fingerprint tells.

use expect_test::{Expect, expect};
use hw_base::Settings;
use serde_json::{Value as Json, json};

use crate::{ModelText, PartitionBy, Project, ProjectText};

pub(super) fn read(settings: &Json, models: &[(&str, Json)], rules: &[(&str, Json)]) -> hw_base::Result<Project> {
    let model = |(sql, settings): &(&str, Json)| ModelText {
        name: "orders".into(),
        sql: (*sql).into(),
        file: "models/orders.sql".into(),
        settings: Some(Settings::from_json(settings)),
    };
    Project::read(&ProjectText {
        root: "project".into(),
        settings: Settings::from_json(settings),
        models: models.iter().map(model).collect(),
        rules: rules.iter().map(|(stem, rules)| ((*stem).to_owned(), Settings::from_json(rules))).collect(),
        contracts: vec![],
    })
}

/// Checks why a project is refused.
#[track_caller]
fn check(settings: &Json, model: &Json, rules: (&str, Json), expected: Expect) {
    let error = read(settings, &[("select 1", model.clone())], &[rules]).map(|project| project.models.len()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn the_mistakes_of_all_files_come_at_once() {
    let model = json!({ "lod": "append" });
    check(
        &json!({ "projct": "p" }),
        &model,
        ("orders", json!({})),
        expect![[r#"
        error[HW102]: unknown key `projct`
          help: did you mean `project`?

        error[HW102]: unknown key `lod`
          help: did you mean `load`?

        error[HW104]: `rules/orders.yaml` names no dataset
          help: name the file after source and dataset: `rules/shop.orders.yaml`"#]],
    );
}

#[test]
fn an_upsert_needs_a_key() {
    let fine = || ("shop.orders", json!({ "description": "orders", "rules": [] }));
    check(
        &json!({ "project": "p", "sources": { "shop": {} } }),
        &json!({ "load": { "upsert": { "key": [] } } }),
        fine(),
        expect![[r#"
        error[HW103]: `orders` is loaded by `upsert` without a key
          help: name the columns that identify a row: `upsert: { key: [order_id] }`"#]],
    );
}

#[test]
fn a_table_is_partitioned_by_columns_and_parts_of_dates() {
    let columns = PartitionBy(vec!["month(order date)".into(), "Region".into(), "year( at )".into()]).columns().unwrap();
    expect![[r#"
        order date_month: make_date(date_part('year', "order date"), date_part('month', "order date"), 1)
        Region: "Region"
        at_year: make_date(date_part('year', at), 1, 1)"#]]
    .assert_eq(&columns.iter().map(|(name, sql)| format!("{name}: {sql}")).collect::<Vec<_>>().join("\n"));
    for wrong in ["week(at)", "month(at"] {
        assert!(PartitionBy(vec![wrong.into()]).columns().is_err(), "{wrong}");
    }
}

#[test]
fn a_file_of_rules_knows_no_other_keys() {
    check(
        &json!({ "project": "p", "sources": { "shop": {} } }),
        &json!({}),
        ("shop.orders", json!({ "rule": [] })),
        expect![[r#"
        error[HW102]: unknown key `rule`
          help: did you mean `rules`?"#]],
    );
}

#[test]
fn a_fingerprint_changes_with_sql_settings_and_rules() {
    let of = |sql: &str, settings: Json| read(&json!({ "project": "p" }), &[(sql, settings)], &[]).unwrap().models[0].fingerprint.clone();
    let rule = |column: &str| json!({ "rules": [{ "not_null": { "column": column } }] });
    let all = [of("select 1", json!({})), of("select 2", json!({})), of("select 1", rule("a")), of("select 1", rule("b"))];
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(of("select 1", rule("a")), all[2]);
}
