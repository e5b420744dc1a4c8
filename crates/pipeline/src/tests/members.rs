//! Dimensions that have a row for keys which facts name, before their own rows arrive.

use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use super::project::read;
use super::{check_plan, check_run};
use crate::Selection;
use crate::fixture::World;

const SELECT: &str = "select * from crm.customers";

fn inferring(load: &Json) -> Json {
    json!({ "load": load, "follow": { "crm.customers": "updated_at" }, "infer": { "shop.orders": "status" } })
}

#[track_caller]
fn check_refused(model: Json, expected: Expect) {
    let refused = read(&json!({ "project": "p" }), &[(SELECT, model)], &[]).map(|project| project.models.len()).unwrap_err();
    expected.assert_eq(&refused.to_string());
}

#[test]
fn new_facts_are_read_for_the_keys_that_they_name() {
    let world = World::new(&[("dim", SELECT, inferring(&json!({ "scd2": { "key": ["id"] } })))]);
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: run, first extraction | all rows
        raw/shop.orders: run, 1 file | a.csv
        dim: rebuild, first load | all rows; members that shop.orders names"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open crm.customers: all
        stage raw/crm.customers: append from the source
        publish raw/crm.customers as window 1
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage dim: versions of id by updated_at anew from crm.customers up to batch 1, inferred.shop.orders up to batch 1, query inferred_members, members of inferred_members
        judge dim
        publish dim as window 1
        raw/crm.customers: published 3 rows as version 0
        raw/shop.orders: published 3 rows as version 0
        dim: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: ask, the source is asked for changes | all rows
        raw/shop.orders: run, 1 new or changed file | b.csv
        dim: run, raw/shop.orders changes | new rows of crm.customers; members that shop.orders names"#]],
    );
    check_run(
        &world,
        expect![[r#"
            open crm.customers: expecting id status updated_at
            stage raw/crm.customers: append from the source
            publish raw/crm.customers as window 2
            open shop.orders: b.csv; expecting id status updated_at
            stage raw/shop.orders: append from the source
            publish raw/shop.orders as window 2
            stage dim: versions of id by updated_at from crm.customers after batch 1 up to 2, inferred.shop.orders after batch 1 up to 2, query inferred_members, members of inferred_members
            judge dim
            publish dim as window 2
            raw/crm.customers: published 3 rows as version 1
            raw/shop.orders: published 3 rows as version 1
            dim: published 3 rows as version 1
            Succeeded, exit code 0"#]],
    );
    world.holds("shop.orders", "a.csv*2 b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: ask, the source is asked for changes | all rows
        raw/shop.orders: run, 1 new or changed file | a.csv
        dim: rebuild, files of `shop.orders` changed | all rows; members that shop.orders names"#]],
    );
}

#[test]
fn what_cannot_be_completed_is_refused() {
    check_refused(
        inferring(&json!("replace")),
        expect![[r#"
        error[HW309]: `orders` infers members, and is loaded by `replace`
          because: its rows have no key by which a member could be completed
          help: load it by `upsert`, `scd1`, `scd2` or `scd3`, with the key of the dimension"#]],
    );
    check_refused(
        inferring(&json!({ "append": { "key": ["id"] } })),
        expect![[r#"
        error[HW309]: `orders` infers members, and is loaded by `append`
          because: its rows are only added, so no member could be completed
          help: load it by `upsert`, `scd1`, `scd2` or `scd3`, with the key of the dimension"#]],
    );
    check_refused(
        json!({ "load": { "snapshot": { "key": ["id"] } }, "infer": { "shop.orders": "id" } }),
        expect![[r#"
        error[HW309]: `orders` infers members, and is loaded by `snapshot`
          because: it compares whole deliveries, and no delivery holds the member
          help: load it by `upsert`, `scd1`, `scd2` or `scd3`, with the key of the dimension"#]],
    );
    check_refused(
        json!({ "load": { "upsert": { "key": ["id"], "delete_when": "gone" } }, "infer": { "shop.orders": "id" } }),
        expect![[r#"
            error[HW309]: `orders` infers members and deletes rows, and follows no column that tells which row is later
              help: name it: `follow: { source.dataset: updated_at }`"#]],
    );
}

#[test]
fn members_have_the_whole_key_of_the_dimension() {
    check_refused(
        inferring(&json!({ "scd2": { "key": ["id", "status"] } })),
        expect![[r#"
        error[HW309]: `shop.orders` names members by other columns than the key of `orders` has
          help: name what holds the key (id, status), column by column"#]],
    );
    check_refused(
        json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "orders": "id" } }),
        expect![[r#"
        error[HW309]: `orders` is no dataset
          help: members are named by a dataset of a source, such as `shop.orders`"#]],
    );
    check_refused(
        json!({ "load": { "upsert": { "key": ["id"] } }, "inferred": { "status": "?" } }),
        expect![[r#"
        error[HW309]: `orders` has values for inferred members, and infers none
          help: say where they are named: `infer: { shop.orders: customer_id }`"#]],
    );
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "shop.orders": "id" }, "inferred": { "id": 1 } });
    check_refused(
        settings,
        expect![[r#"
        error[HW104]: `id` is part of the key, which the facts name
          help: leave it out of `inferred`"#]],
    );
}

#[test]
fn a_source_that_is_not_there_is_told() {
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "shp.orders": "id" } });
    let world = World::new(&[("dim", SELECT, settings)]);
    let refusal = world.try_plan(&Selection::default()).map(|plan| plan.steps.len()).unwrap_err();
    expect![[r#"
        error[HW201]: unknown source `shp`
          help: did you mean `shop`?"#]]
    .assert_eq(&refusal.to_string());
}
