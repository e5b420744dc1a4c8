//! Rules on rows together that put rows into quarantine: what is refused, and what waits for what.

use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use super::check_plan;
use crate::Selection;
use crate::fixture::World;

fn refers(to: &str) -> Json {
    json!([{ "referential": { "column": "id", "to": to, "on_failure": "quarantine" } }])
}

fn first(columns: &[&str]) -> Json {
    json!([{ "unique": { "columns": columns, "on_failure": "quarantine" } }])
}

fn customers() -> (&'static str, &'static str, Json) {
    ("customers", "select * from lake.orders", json!({}))
}

/// Checks why a model with these settings is refused.
#[track_caller]
fn refused(settings: Json, expected: Expect) {
    let world = World::new(&[("facts", "select * from shop.orders", settings), customers()]);
    let error = world.try_plan(&Selection::default()).map(|plan| plan.steps.len()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_table_that_rows_wait_for_is_needed_like_one_that_is_read() {
    let facts = ("facts", "select * from shop.orders", json!({ "load": { "append": {} }, "rules": refers("customers.id") }));
    let world = World::new(&[facts, customers()]);
    let steps = world.try_plan(&Selection { models: vec!["facts".into()], rebuild: false }).unwrap().steps;
    let shown: Vec<String> = steps.iter().map(|step| format!("{}: {}", step.name, step.after.join(", "))).collect();
    expect![[r#""#]].assert_eq(&shown.join("\n"));
    let world = world.ran();
    world.holds("lake.orders", "a.parquet b.parquet");
    check_plan(&world, expect![[r#""#]]);
}

#[test]
fn tables_that_wait_for_each_other_form_a_circle() {
    let world = World::new(&[("a", "select * from shop.orders", json!({ "rules": refers("b.id") })), ("b", "select * from a", json!({}))]);
    expect![[r#""#]].assert_eq(&world.try_plan(&Selection::default()).unwrap_err().to_string());
}

#[test]
fn rows_wait_for_a_known_table_only() {
    refused(json!({ "rules": refers("customer.id") }), expect![[r#""#]]);
    refused(json!({ "rules": refers("facts.id") }), expect![[r#""#]]);
    refused(json!({ "load": { "snapshot": { "key": ["id"] } }, "rules": refers("customers.id") }), expect![[r#""#]]);
}

#[test]
fn the_first_row_stays_where_no_later_one_can_change_that() {
    refused(json!({ "load": { "upsert": { "key": ["id"] } }, "rules": first(&["email"]) }), expect![[r#""#]]);
    refused(json!({ "load": { "append": { "key": ["id"] } }, "rules": first(&["email"]) }), expect![[r#""#]]);
    refused(json!({ "load": { "recompute": {} }, "partition_by": "month(day)", "rules": first(&["email"]) }), expect![[r#""#]]);
    let settings = [
        json!({ "rules": first(&["email"]) }),
        json!({ "load": { "append": {} }, "rules": first(&["email"]) }),
        json!({ "load": { "recompute": {} }, "partition_by": "month(day)", "rules": first(&["day", "email"]) }),
        json!({ "load": { "upsert": { "key": ["id"] } }, "rules": first(&["id", "email"]) }),
    ];
    for settings in settings {
        World::new(&[("facts", "select * from shop.orders", settings)]).try_plan(&Selection::default()).unwrap();
    }
}
