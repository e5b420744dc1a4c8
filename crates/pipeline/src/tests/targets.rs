//! Deliveries to tables in databases.

use expect_test::{Expect, expect};
use hw_base::Error;
use serde_json::{Value as Json, json};

use super::project::read;
use super::{check_plan, check_run, following, following_database, replaced};
use crate::fixture::{World, block_on};
use crate::{Asking, Decision, Selection, try_models};

fn delivered() -> (&'static str, &'static str, Json) {
    let (name, sql, mut settings) = following();
    settings["deliver"] = json!({ "to": "reporting", "table": "analytics.orders" });
    (name, sql, settings)
}

#[test]
fn what_the_gate_has_let_through_is_delivered_once() {
    let world = World::new(&[delivered()]);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        publish orders as window 1
        deliver orders version 0 to reporting/analytics.orders
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 0
        reporting/analytics.orders: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        reporting/analytics.orders: ask, if reporting shows another version than 0 | what differs in orders"#]],
    );
    check_run(
        &world,
        expect![[r#"
        deliver orders version 0 to reporting/analytics.orders
        raw/shop.orders: unchanged
        orders: unchanged
        reporting/analytics.orders: unchanged
        Unchanged, exit code 0"#]],
    );
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | b.csv
        orders: run, raw/shop.orders changes | new rows of shop.orders
        reporting/analytics.orders: run, orders changes | what differs in orders"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        publish orders as window 2
        deliver orders version 1 to reporting/analytics.orders
        raw/shop.orders: published 3 rows as version 1
        orders: published 3 rows as version 1
        reporting/analytics.orders: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn what_a_rule_blocks_is_not_delivered() {
    let (name, sql, mut settings) = delivered();
    settings["rules"] = json!([{ "not_null": { "column": "id" } }]);
    let world = World::new(&[(name, sql, settings)]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("orders", "rows 3; not_null_id 1");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        discard orders
        raw/shop.orders: published 3 rows as version 1
        orders: blocked
        reporting/analytics.orders: skipped, `orders` did not go through
        Blocked, exit code 1"#]],
    );
}

#[test]
fn a_table_that_was_rolled_back_is_delivered_as_it_is() {
    let world = World::new(&[delivered()]).ran();
    world.roll_back("orders");
    check_run(
        &world,
        expect![[r#"
            deliver orders version 1 to reporting/analytics.orders
            raw/shop.orders: unchanged
            orders: unchanged
            reporting/analytics.orders: published 3 rows as version 1
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_database_that_does_not_answer_is_tried_again_and_then_left_in_peace() {
    let (_, sql, mut report) = replaced();
    report["deliver"] = json!("reporting");
    let world = World::new(&[delivered(), ("report", sql, report)]);
    for _ in 0..3 {
        world.fails("deliver orders", || Error::passing("no answer"));
    }
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        publish orders as window 1
        deliver orders version 0 to reporting/analytics.orders
        note reporting/analytics.orders: no answer (attempt 1 of 3)
        pause 1.032s
        deliver orders version 0 to reporting/analytics.orders
        note reporting/analytics.orders: no answer (attempt 2 of 3)
        pause 3.156s
        deliver orders version 0 to reporting/analytics.orders
        stage report: replace anew from shop.orders up to batch 1
        publish report as window 1
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 0
        reporting/analytics.orders: failed, no answer
        report: published 3 rows as version 0
        reporting/report: skipped, target `reporting` has just failed, three times
        Failed, exit code 3"#]],
    );
    check_run(
        &world,
        expect![[r#"
        deliver orders version 0 to reporting/analytics.orders
        deliver report version 0 to reporting/report
        raw/shop.orders: unchanged
        orders: unchanged
        reporting/analytics.orders: published 3 rows as version 0
        report: unchanged
        reporting/report: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn adding_a_delivery_does_not_build_the_table_anew() {
    let mut world = World::new(&[following()]).ran();
    world.change_models(&[delivered()]);
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        reporting/analytics.orders: ask, if reporting shows another version than 0 | what differs in orders"#]],
    );
}

/// Checks why the delivery of a model is refused.
#[track_caller]
fn refused(model: Json, expected: Expect) {
    let settings = json!({ "project": "p", "sources": { "shop": {} }, "targets": { "reporting": {}, "archive": {} } });
    let error = read(&settings, &[("select 1", model)], &[]).map(|project| project.models.len()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_delivery_that_cannot_be_is_refused_before_anything_runs() {
    refused(
        json!({ "deliver": "reportin" }),
        expect![[r#"
        error[HW104]: unknown target `reportin`
          help: did you mean `reporting`?"#]],
    );
    refused(
        json!({ "deliver": { "too": "reporting" } }),
        expect![[r#"
        error[HW102]: unknown key `too`
          help: did you mean `to`?"#]],
    );
    refused(
        json!({ "deliver": { "table": "orders" } }),
        expect![[r#"
        error[HW103]: `to` is missing
          help: add `to:`"#]],
    );
    refused(
        json!({ "deliver": { "to": "reporting", "table": "a.b.c" } }),
        expect![[r#"
        error[HW104]: `a.b.c` is no name of a table to deliver to
          because: expected a table, or a schema and a table with a dot between them
          help: name it: `deliver: { to: reporting, table: analytics.fact_orders }`"#]],
    );
    refused(
        json!({ "deliver": { "to": "reporting", "partition": { "by": "day", "every": "week" } } }),
        expect![[r#"
        error[HW102]: unknown choice `week`
          help: known here: day, month, year"#]],
    );
    refused(
        json!({ "deliver": { "to": "reporting", "key": ["id"] } }),
        expect![[r#"
        error[HW104]: nothing guards the key by which `orders` is delivered
          because: two rows with one key could not be told apart there
          help: add the rule `unique: { columns: [id] }`, which blocks"#]],
    );
    let loose = json!([{ "unique": { "column": "id", "at_most": "1%" } }]);
    refused(
        json!({ "deliver": { "to": "reporting", "key": ["id"] }, "rules": loose }),
        expect![[r#"
        error[HW104]: nothing guards the key by which `orders` is delivered
          because: two rows with one key could not be told apart there
          help: add the rule `unique: { columns: [id] }`, which blocks"#]],
    );
    refused(
        json!({ "load": { "upsert": { "key": ["id"] } }, "deliver": { "to": "reporting", "key": ["id"] } }),
        expect![[r#"
        error[HW104]: `orders` has a key by its load: id
          help: remove `key` from `deliver`"#]],
    );
    let nowhere = read(&json!({ "project": "p" }), &[("select 1", json!({ "deliver": "reporting" }))], &[]).map(drop).unwrap_err();
    expect![[r#"
        error[HW104]: there is no target `reporting`
          help: name it in headworks.yaml: `targets: { reporting: { postgres: { url: "${env:TARGET_URL}" } } }`"#]]
    .assert_eq(&nowhere.to_string());
}

#[test]
fn a_key_that_a_rule_guards_is_taken() {
    let settings = json!({ "project": "p", "targets": { "reporting": {} } });
    let rules = json!([{ "unique": { "columns": ["b", "a"] } }]);
    let model = json!({ "deliver": { "to": "reporting", "key": ["a", "b"], "indexes": ["c", ["a", "c"]] }, "rules": rules });
    let project = read(&settings, &[("select 1", model)], &[]).unwrap();
    let model = project.model("orders").unwrap();
    let placement = model.settings.deliver.as_ref().unwrap().placement(model);
    assert_eq!((placement.table.as_str(), placement.key), ("orders", vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(placement.indexes, [vec!["c".to_owned()], vec!["a".to_owned(), "c".to_owned()]]);
}

#[test]
fn columns_that_the_table_does_not_have_are_told_with_the_nearest() {
    let (name, sql, mut settings) = following();
    settings["deliver"] = json!({ "to": "reporting", "partition": { "by": "status" }, "indexes": [["update_at"]] });
    let world = World::new(&[(name, sql, settings.clone())]);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        raw/shop.orders: published 3 rows as version 0
        orders: failed, unknown column `update_at`
        reporting/orders: skipped, `orders` did not go through
        Failed, exit code 2"#]],
    );
    let mut world = World::new(&[following()]).ran();
    world.state().tables.get_mut("orders").unwrap().columns = vec!["id".into(), "status".into(), "updated_at".into()];
    world.change_models(&[(name, sql, settings)]);
    expect![[r#"
        error[HW304]: unknown column `update_at`
          because: `deliver` names it, and the table of `orders` does not have it
          help: did you mean `updated_at`?

        error[HW304]: `status` is varchar, which tells no month
          help: split by a date or a timestamp"#]]
    .assert_eq(&world.try_plan(&crate::Selection::default()).map(|_| ()).unwrap_err().to_string());
}

#[test]
fn a_plan_tells_that_a_table_does_not_take_what_its_model_will_have() {
    let world = World::new(&[delivered()]).ran();
    let tried = |rebuild: bool| {
        let mut plan = world.try_plan(&Selection { rebuild, ..Selection::default() }).unwrap();
        let asking = Asking { engine: &world, sources: &world, ledger: &world };
        let errors = block_on(try_models(&world.project, asking, &world, &mut plan));
        (errors.iter().map(ToString::to_string).collect::<Vec<_>>().concat(), plan.steps.pop().unwrap().decision)
    };
    world.asked();
    tried(false);
    assert!(!world.asked().contains("look whether"), "nothing moves");
    world.fails("look whether reporting/analytics.orders takes id", || Error::user("a column is gone").code("HW207"));
    let (errors, decision) = tried(true);
    assert!(errors.contains("HW207"), "{errors}");
    assert_eq!(decision, Decision::Fail("a column is gone".into()));
}

#[test]
fn a_delivery_that_may_not_come_is_no_mistake_of_the_plan() {
    let (name, sql, mut settings) = following_database();
    settings["deliver"] = json!({ "to": "reporting", "table": "analytics.orders" });
    let world = World::new(&[(name, sql, settings)]).ran();
    world.state().tables.get_mut("orders").unwrap().columns = vec!["id".into(), "status".into(), "updated_at".into()];
    let mut plan = world.try_plan(&Selection::default()).unwrap();
    world.fails("look whether reporting/analytics.orders takes id", || Error::user("a column is gone").code("HW207"));
    let asking = Asking { engine: &world, sources: &world, ledger: &world };
    let errors = block_on(try_models(&world.project, asking, &world, &mut plan));
    assert!(errors.is_empty(), "{errors:?}");
    let Some(Decision::Ask(reason)) = plan.steps.pop().map(|step| step.decision) else { panic!("it is asked") };
    assert!(reason.ends_with("; that would fail: a column is gone"), "{reason}");
}
