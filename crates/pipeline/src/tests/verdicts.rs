//! Rules and tolerances: what is published, and what is not.

use expect_test::expect;
use serde_json::{Value as Json, json};

use super::{check_plan, check_run, following};
use crate::alerts;
use crate::fixture::World;

fn guarded(on_failure: &str) -> (&'static str, &'static str, Json) {
    ("guarded", "select * from shop.orders", json!({ "rules": [{ "not_null": { "column": "id", "on_failure": on_failure } }] }))
}

#[test]
fn a_broken_rule_that_blocks_leaves_nothing_and_stops_the_descendants() {
    let world = World::new(&[guarded("block"), ("child", "select * from guarded", json!({})), following()]);
    world.arrives("guarded", "rows 3");
    world.run();
    let before = world.standing("guarded");
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("guarded", "rows 3; not_null_id 1");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage guarded: replace from shop.orders up to batch 2
        discard guarded
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        publish orders as window 2
        raw/shop.orders: published 3 rows as version 1
        guarded: blocked
        child: skipped, `guarded` did not go through
        orders: published 3 rows as version 1
        Blocked, exit code 1"#]],
    );
    assert_eq!(world.standing("guarded"), before);
    let state = world.state();
    let record = state.runs[1].steps.iter().find(|step| step.model == "guarded").unwrap();
    assert_eq!(record.progress, state.progress["guarded"]);
    assert_eq!((record.rows_read, record.rows_written, record.rows_quarantined), (3, 0, 0));
}

#[test]
fn what_was_blocked_is_tried_again_with_all_that_arrived_since() {
    let rules = json!([{ "not_null": { "column": "id" } }]);
    let follow = json!({ "load": { "append": {} }, "follow": { "shop.orders": "updated_at" }, "rules": rules });
    let world = World::new(&[("a", "select * from shop.orders", follow)]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("a", "rows 3; not_null_id 1");
    world.run();
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        a: run, new rows in raw/shop.orders | new rows of shop.orders"#]],
    );
    world.holds("shop.orders", "a.csv b.csv c.csv");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: c.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 3
        stage a: append from shop.orders after batch 1 up to 3
        publish a as window 2
        raw/shop.orders: published 3 rows as version 2
        a: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn rows_of_a_quarantine_rule_stay_out_and_the_others_go_in() {
    let world = World::new(&[guarded("quarantine")]);
    world.arrives("guarded", "rows 3; not_null_id 1");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage guarded: replace anew from shop.orders up to batch 1
        publish guarded as window 1
        raw/shop.orders: published 3 rows as version 0
        guarded: published 2 rows as version 0
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_broken_rule_that_warns_is_an_alert_and_one_that_logs_is_not() {
    let alerted = |on_failure: &str| {
        let world = World::new(&[guarded(on_failure)]);
        world.arrives("guarded", "rows 3; not_null_id 1");
        let (record, _) = world.try_run().unwrap();
        alerts(&record).map(|(step, result)| format!("{} {}", step.model, result.id)).collect::<Vec<_>>()
    };
    assert_eq!((alerted("alert"), alerted("log")), (vec!["guarded not_null_id".to_owned()], vec![]));
}

/// How a delivery with malformed records ends.
fn delivered(settings: &Json, batch: &str) -> String {
    let world = World::with_sources(&[following()], settings);
    world.arrives("raw/shop.orders", batch);
    let (record, errors) = world.try_run().unwrap();
    let error = errors.first().map(|error| format!("\n{error}")).unwrap_or_default();
    let left = if world.asked().contains("sweep") { ", swept" } else { "" };
    format!("{:?}{left}{error}", record.steps[0].outcome)
}

#[test]
fn malformed_records_are_tolerated_up_to_the_limit() {
    expect!["Published"].assert_eq(&delivered(&json!({}), "rows 100; malformed_record 1"));
    expect![[r#"
        Failed, swept
        error[HW205]: 2 of 100 records of `shop.orders` cannot be read as rows; the source tolerates 1 %
          because: 
          help: look at one of them; if a column holds another type, declare it: `columns: { NAME: text }` under source `shop`
          help: if the records are to be left out, write `malformed: 3%` there; they are kept in the quarantine"#]]
    .assert_eq(&delivered(&json!({}), "rows 100; malformed_record 2"));
    expect!["Published"].assert_eq(&delivered(&json!({ "malformed": "50%" }), "rows 100; malformed_record 50"));
    expect![[r#"
        Failed, swept
        error[HW205]: 4 of 100 records of `shop.orders` cannot be read as rows; the source tolerates 3 rows
          because: 
          help: look at one of them; if a column holds another type, declare it: `columns: { NAME: text }` under source `shop`
          help: if the records are to be left out, write `malformed: 5%` there; they are kept in the quarantine"#]]
    .assert_eq(&delivered(&json!({ "malformed": 3 }), "rows 100; malformed_record 4"));
}

#[test]
fn a_batch_that_changes_nothing_is_dropped_and_its_inputs_count_as_read() {
    let world = World::new(&[following()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("orders", "rows 0");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        discard orders
        raw/shop.orders: published 3 rows as version 1
        orders: unchanged
        Succeeded, exit code 0"#]],
    );
    expect!["window 1, version 0: raw/shop.orders batch 2, raw/shop.orders#version version 1"].assert_eq(&world.standing("orders"));
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_run_is_unchanged_only_if_every_step_is() {
    let world = World::new(&[following(), ("daily", "select * from orders", json!({}))]).ran();
    check_run(
        &world,
        expect![[r#"
        raw/shop.orders: unchanged
        orders: unchanged
        daily: unchanged
        Unchanged, exit code 0"#]],
    );
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("raw/shop.orders", "rows 0");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        discard raw/shop.orders
        raw/shop.orders: unchanged
        orders: unchanged
        daily: unchanged
        Unchanged, exit code 0"#]],
    );
}
