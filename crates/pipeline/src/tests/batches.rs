//! Which rows of its inputs a model reads, and how they change its table.

use expect_test::{Expect, expect};
use serde_json::json;

use super::{Models, following, following_database};
use crate::fixture::World;

/// Checks how models are staged by a first run, and by a second one with a new file and new rows.
#[track_caller]
fn check(models: Models<'_>, expected: Expect) {
    let world = World::new(models);
    world.arrives("raw/crm.orders", "rows 3; hash a; watermark 2026-01-05");
    let first = staged(&world);
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("raw/crm.orders", "rows 2; hash b; watermark 2026-01-06");
    let second = staged(&world);
    expected.assert_eq(&format!("{first}\n{second}"));
}

/// How models are staged by the next run.
fn staged(world: &World) -> String {
    let run = world.run();
    run.lines().filter(|line| line.starts_with("stage") && !line.contains("raw/")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_model_that_follows_reads_the_batches_it_has_not_read() {
    check(
        &[following()],
        expect![[r#"
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2"#]],
    );
}

#[test]
fn a_model_that_does_not_follow_reads_all_files() {
    check(
        &[("a", "select * from shop.orders", json!({ "load": { "upsert": { "key": ["id"] } } }))],
        expect![[r#"
        stage a: upsert id anew from shop.orders up to batch 1
        stage a: upsert id from shop.orders up to batch 2"#]],
    );
}

#[test]
fn a_database_that_nobody_follows_is_read_as_its_last_batch() {
    check(
        &[("a", "select * from crm.orders", json!({}))],
        expect![[r#"
        stage a: replace anew from crm.orders after batch 0 up to 1
        stage a: replace from crm.orders after batch 1 up to 2"#]],
    );
}

#[test]
fn of_a_followed_database_other_models_read_all_batches() {
    check(
        &[("a", "select * from crm.orders", json!({})), following_database()],
        expect![[r#"
        stage a: replace anew from crm.orders up to batch 1
        stage orders: upsert id, later by updated_at anew from crm.orders up to batch 1
        stage a: replace from crm.orders up to batch 2
        stage orders: upsert id, later by updated_at from crm.orders after batch 1 up to 2"#]],
    );
}

#[test]
fn a_model_that_is_replaced_reads_all_although_it_follows() {
    check(
        &[("a", "select * from shop.orders", json!({ "follow": { "shop.orders": "updated_at" } }))],
        expect![[r#"
        stage a: replace anew from shop.orders up to batch 1
        stage a: replace from shop.orders up to batch 2"#]],
    );
}

#[test]
fn models_are_read_at_the_version_of_this_run() {
    check(
        &[following(), ("daily", "select * from orders join raw.shop.orders", json!({}))],
        expect![[r#"
            stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
            stage daily: replace anew from orders at version 0, raw.shop.orders with origin up to batch 1
            stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
            stage daily: replace from orders at version 1, raw.shop.orders with origin up to batch 2"#]],
    );
}

#[test]
fn every_load_says_how_it_changes_the_table() {
    let append = json!({ "load": { "append": { "key": ["id"] } }, "follow": { "shop.orders": "updated_at" } });
    let upsert = json!({ "load": { "upsert": { "key": ["id", "status"], "delete_when": "gone" } }, "follow": { "shop.orders": "_batch" } });
    check(
        &[("a", "select * from shop.orders", append), ("b", "select * from shop.orders", upsert)],
        expect![[r#"
        stage a: append id anew from shop.orders up to batch 1
        stage b: upsert id status, deleted when gone anew from shop.orders up to batch 1
        stage a: append id from shop.orders after batch 1 up to 2
        stage b: upsert id status, deleted when gone from shop.orders after batch 1 up to 2"#]],
    );
}

#[test]
fn a_column_that_the_result_lacks_cannot_say_what_is_later() {
    let follow = json!({ "load": { "upsert": { "key": ["id"] } }, "follow": { "shop.orders": "updated_on" } });
    let world = World::new(&[("a", "select id from shop.orders", follow)]);
    let (_, errors) = world.try_run().unwrap();
    expect![[r#"
        error[HW304]: `a` follows `updated_on`, which its SELECT does not return
          because: without it nobody can tell which of two rows with one key is the later one
          help: add `updated_on` to the SELECT, or follow `_batch`: then the row stays that arrived last"#]]
    .assert_eq(&errors[0].to_string());
}

#[test]
fn what_was_read_is_noted_with_window_and_version() {
    let world = World::new(&[following(), ("daily", "select * from orders", json!({}))]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    expect!["window 2, version 1: raw/shop.orders batch 2, raw/shop.orders#version version 1"].assert_eq(&world.standing("orders"));
    expect!["window 2, version 1: orders version 1, orders#window batch 2"].assert_eq(&world.standing("daily"));
}

#[test]
fn a_commit_says_what_it_is_made_of() {
    let rules = json!([{ "not_null": { "column": "id", "on_failure": "log" } }]);
    let settings = json!({ "follow": { "shop.orders": "updated_at" }, "rules": rules, "partition_by": "month(updated_at)" });
    let world = World::new(&[("a", "select * from shop.orders", settings)]);
    world.arrives("a", "rows 3; not_null_id 1");
    world.run();
    let state = world.state();
    let (note, staging) = (state.note.as_ref().unwrap(), state.staging.as_ref().unwrap());
    let fingerprint = world.project.models[0].fingerprint.as_str();
    expect![[r#"
        headworks/test/a: window 1
        {
          "run": "r1",
          "project": "test",
          "step": "a",
          "fingerprint": "FINGERPRINT",
          "window": "all rows",
          "inputs": {
            "raw/shop.orders": {
              "batch": 1
            },
            "raw/shop.orders#version": {
              "version": 0
            }
          },
          "rules": {
            "judged": 1,
            "broken": [
              "not_null_id"
            ]
          }
        }"#]]
    .assert_eq(&format!("{}: window {}\n{:#}", note.application, note.window, note.details).replace(fingerprint, "FINGERPRINT"));
    expect![[
        r#"[("updated_at_month", "make_date(date_part('year', updated_at), date_part('month', updated_at), 1)")] as r1-1-64beb26c36000089b"#
    ]]
    .assert_eq(&format!("{:?} as {}", staging.partition_by, staging.label));
}
