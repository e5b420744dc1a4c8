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
    check_plan(&world, expect![[""]]);
    check_run(&world, expect![[""]]);
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(&world, expect![[""]]);
    check_run(&world, expect![[""]]);
    world.holds("shop.orders", "a.csv*2 b.csv");
    check_plan(&world, expect![[""]]);
}

#[test]
fn what_cannot_be_completed_is_refused() {
    check_refused(inferring(&json!("replace")), expect![[""]]);
    check_refused(inferring(&json!({ "append": { "key": ["id"] } })), expect![[""]]);
    check_refused(json!({ "load": { "snapshot": { "key": ["id"] } }, "infer": { "shop.orders": "id" } }), expect![[""]]);
    check_refused(
        json!({ "load": { "upsert": { "key": ["id"], "delete_when": "gone" } }, "infer": { "shop.orders": "id" } }),
        expect![[""]],
    );
}

#[test]
fn members_have_the_whole_key_of_the_dimension() {
    check_refused(inferring(&json!({ "scd2": { "key": ["id", "status"] } })), expect![[""]]);
    check_refused(json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "orders": "id" } }), expect![[""]]);
    check_refused(json!({ "load": { "upsert": { "key": ["id"] } }, "inferred": { "status": "?" } }), expect![[""]]);
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "shop.orders": "id" }, "inferred": { "id": 1 } });
    check_refused(settings, expect![[""]]);
}

#[test]
fn a_source_that_is_not_there_is_told() {
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "infer": { "shp.orders": "id" } });
    let world = World::new(&[("dim", SELECT, settings)]);
    let refusal = world.try_plan(&Selection::default()).map(|plan| plan.steps.len()).unwrap_err();
    expect![[""]].assert_eq(&refusal.to_string());
}
