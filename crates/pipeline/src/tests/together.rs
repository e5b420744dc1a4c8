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
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "rules": refers("customers.id") });
    let facts = ("facts", "select * from shop.orders", settings);
    let world = World::new(&[facts, customers()]);
    let steps = world.try_plan(&Selection::of_models(["facts".to_owned()])).unwrap().steps;
    let shown: Vec<String> = steps.iter().map(|step| format!("{}: {}", step.name, step.after.join(", "))).collect();
    expect![[r#"
            raw/lake.orders: 
            raw/shop.orders: 
            customers: raw/lake.orders
            facts: raw/shop.orders, customers"#]]
    .assert_eq(&shown.join("\n"));
    let world = world.ran();
    world.holds("lake.orders", "a.parquet b.parquet");
    check_plan(
        &world,
        expect![[r#"
            raw/lake.orders: run, 1 new or changed file | b.parquet
            raw/shop.orders: skip, no new files | nothing
            customers: run, raw/lake.orders changes | all rows
            facts: run, customers changes | all rows"#]],
    );
}

#[test]
fn tables_that_wait_for_each_other_form_a_circle() {
    let world = World::new(&[("a", "select * from shop.orders", json!({ "rules": refers("b.id") })), ("b", "select * from a", json!({}))]);
    expect![[r#"
            error[HW303]: the models form a circle: `a` reads `b` reads `a`
              at: models/a.sql:1:1
              help: move the shared part into a model of its own
              help: or let rows that break `referential_id` not wait for `b`: `on_failure: block` or `alert`"#]]
    .assert_eq(&world.try_plan(&Selection::default()).unwrap_err().to_string());
}

#[test]
fn rows_wait_for_a_known_table_only() {
    refused(
        json!({ "rules": refers("customer.id") }),
        expect![[r#"
            error[HW302]: rule `referential_id`: unknown table `customer`
              help: did you mean `customers`?
              help: a dataset stands behind its source, such as `shop.customer`"#]],
    );
    refused(
        json!({ "rules": refers("facts.id") }),
        expect![[r#"
            error[HW303]: the models form a circle: `facts` reads `facts`
              at: models/facts.sql:1:1
              help: move the shared part into a model of its own
              help: or let rows that break `referential_id` not wait for `facts`: `on_failure: block` or `alert`"#]],
    );
    refused(
        json!({ "load": { "snapshot": { "key": ["id"] } }, "rules": refers("customers.id") }),
        expect![[r#"
            error[HW605]: `referential_id` cannot put rows into quarantine
              because: `load: snapshot` compares whole deliveries, and a row that waits would count as deleted
              help: give the rule to a model that reads this one, or use `on_failure: alert`"#]],
    );
}

#[test]
fn the_first_row_stays_where_no_later_one_can_change_that() {
    refused(
        json!({ "load": { "upsert": { "key": ["id"] } }, "rules": first(&["email"]) }),
        expect![[r#"
            error[HW605]: `unique_email` cannot put rows into quarantine with `load: upsert`
              because: a later row with the same key may take the values of another one, or give them free
              help: load the table with `replace`, and keep one row in the SELECT: `… qualify row_number() over (partition by email order by …) = 1`
              help: or use `on_failure: block` or `alert`; where these columns are the key, name them as the key of the load"#]],
    );
    refused(
        json!({ "load": { "append": { "key": ["id"] } }, "rules": first(&["email"]) }),
        expect![[r#"
            error[HW605]: `unique_email` cannot put rows into quarantine with `load: append`
              because: a later row with the same key may take the values of another one, or give them free
              help: load the table with `replace`, and keep one row in the SELECT: `… qualify row_number() over (partition by email order by …) = 1`
              help: or use `on_failure: block` or `alert`; where these columns are the key, name them as the key of the load"#]],
    );
    refused(
        json!({ "load": { "recompute": {} }, "partition_by": "month(day)", "rules": first(&["email"]) }),
        expect![[r#"
            error[HW605]: `unique_email` cannot put rows into quarantine with `load: recompute`
              because: two rows with the same values may lie in two partitions, since `day` is none of its columns
              help: add `day` to its columns, load the table with `replace`, or use `on_failure: block` or `alert`"#]],
    );
    let settings = [
        json!({ "rules": first(&["email"]) }),
        json!({ "load": { "append": {} }, "follow": { "shop.orders": "_batch" }, "rules": first(&["email"]) }),
        json!({ "load": { "recompute": {} }, "partition_by": "month(day)", "rules": first(&["day", "email"]) }),
        json!({ "load": { "upsert": { "key": ["id"] } }, "rules": first(&["id", "email"]) }),
    ];
    for settings in settings {
        World::new(&[("facts", "select * from shop.orders", settings)]).try_plan(&Selection::default()).unwrap();
    }
}
