//! Models that are built inside a database: what keeps them from it.

use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use super::replaced;
use crate::Selection;
use crate::fixture::World;

/// Checks why no plan is made of a model that is built inside a database, beside a model `report` that the engine builds.
#[track_caller]
fn check(sql: &str, settings: &Json, expected: Expect) {
    let mut settings = settings.clone();
    settings["engine"] = json!({ "push_down": "postgres" });
    let (_, of_engine, replace) = replaced();
    let world = World::new(&[("report", of_engine, replace), ("inside", sql, settings)]);
    let error = world.try_plan(&Selection::default()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn settings_that_do_not_go_with_it_are_refused_at_once() {
    check(
        "select id from crm.orders",
        &json!({ "load": "append", "follow": { "crm.orders": "_batch" } }),
        expect![[r#"
            error[HW311]: `inside` cannot be built inside PostgreSQL
              because: every run reads all rows there, and without a key nothing tells which of them the table has: `append: { key: [event_id] }`
              help: remove it; or remove `push_down`: then the engine builds the table

            error[HW311]: `inside` cannot be built inside PostgreSQL
              because: every run reads all rows there, so there is nothing to follow
              help: remove it; or remove `push_down`: then the engine builds the table

            error[HW103]: `inside` cannot be built inside PostgreSQL
              because: it does not say where its table lies
              help: name a target: `deliver: reporting`"#]],
    );
}

#[test]
fn rules_that_would_have_to_look_at_earlier_rows_are_refused() {
    let unique = json!({ "unique": { "column": "id", "on_failure": "quarantine" } });
    let referential = json!({ "referential": { "column": "id", "to": "crm.orders.id", "on_failure": "quarantine" } });
    check(
        "select id from crm.orders",
        &json!({ "deliver": "reporting", "load": { "upsert": { "key": ["id"] } }, "rules": [unique, referential] }),
        expect![[r#"
            error[HW311]: `inside` cannot be built inside PostgreSQL
              because: `unique_id` would put all rows but the first into quarantine, and nothing tells there which came first
              help: use `on_failure: block` or `alert`
              help: or let the SELECT return one row per key

            error[HW311]: `inside` cannot be built inside PostgreSQL
              because: `referential_id` would put rows into quarantine because of another table, and the load keeps rows that are not judged anew
              help: use `on_failure: block` or `alert`
              help: or use `load: replace`, which judges all rows in every run"#]],
    );
    check(
        "select id from crm.orders",
        &json!({ "deliver": "reporting", "load": { "scd2": { "key": ["id"] } } }),
        expect![[r#"
        error[HW311]: `inside` cannot be built inside PostgreSQL
          because: only `replace`, `append` with a key, `upsert` and `scd1` run there
          help: remove it; or remove `push_down`: then the engine builds the table"#]],
    );
}

#[test]
fn it_reads_what_lies_in_the_database() {
    check(
        "select id from report",
        &json!({ "deliver": "reporting" }),
        expect![[r#"
        error[HW311]: `inside` cannot be built inside PostgreSQL
          because: the table of `report` lies in the warehouse
          at: models/inside.sql:1:16
          help: build `report` there too (`engine: { push_down: postgres }`), or remove `push_down` here"#]],
    );
    check(
        "select id from raw.crm.orders",
        &json!({ "deliver": "reporting" }),
        expect![[r#"
        error[HW311]: `inside` cannot be built inside PostgreSQL
          because: `raw.crm.orders` is a raw copy, which lies in the warehouse
          at: models/inside.sql:1:16
          help: read the source itself: `crm.orders`"#]],
    );
    check(
        "select id from shop.guarded",
        &json!({ "deliver": "reporting" }),
        expect![[r#"
        error[HW311]: `inside` cannot be built inside PostgreSQL
          because: `shop.guarded` comes from a source of kind `csv`
          at: models/inside.sql:1:16
          help: remove `push_down`"#]],
    );
}

#[test]
fn the_engine_does_not_read_what_lies_there_alone() {
    let inside = json!({ "deliver": "reporting", "engine": { "push_down": "postgres" } });
    let (_, _, replace) = replaced();
    let world = World::new(&[("inside", "select id from crm.orders", inside), ("report", "select id from inside", replace)]);
    let error = world.try_plan(&Selection::default()).unwrap_err();
    expect![[r#"
        error[HW311]: `report` cannot read `inside`, whose table lies in a database alone
          at: models/report.sql:1:16
          help: build `report` there too: `engine: { push_down: postgres }` and `deliver: …`
          help: or let the engine build `inside`, and deliver its table: remove `engine` there"#]]
    .assert_eq(&error.to_string());
}
